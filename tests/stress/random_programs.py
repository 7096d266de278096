"""Random programs whose threads share lists, dicts, sets, deques, instances, classes, generators and weak references.

    random_programs.py [--seed N] [--seconds S] [--threads N] [--show]

Each round generates the source of some functions from the seed and the round's number, and lets threads call them on the
same objects. Whatever the threads do to each other, the interpreter must neither crash nor hang; exceptions that races bring
about are passed over. After each round, when the threads have ended, invariants are checked: containers agree with
themselves, what was counted under a lock is exact, and every object that the program made dies. At the end the memory is
compared with that after the first rounds. `--show` prints the program of the first round (`--round N`: of that one) and ends.
"""
import argparse
import collections
import faulthandler
import gc
import itertools
import operator
import os
import random
import sys
import threading
import time
import weakref

# What a race may raise in the program. Anything else is a failure.
EXPECTED = (RuntimeError, KeyError, IndexError, ValueError, AttributeError, StopIteration, ReferenceError, TypeError,
            ZeroDivisionError, OverflowError, BufferError)


class Tracked:
    """Objects of the program; how many live is known at any time."""
    live = itertools.count()
    dead = itertools.count()

    def __new__(cls, *args):
        next(Tracked.live)
        return super().__new__(cls)

    def __del__(self):
        next(Tracked.dead)


def alive():
    """How many tracked objects live (each look counts itself)."""
    made, ended = next(Tracked.live), next(Tracked.dead)
    alive.looks += 1
    return made - ended


alive.looks = 0


class Program:
    """Writes the source of a program. All randomness comes from `random`."""

    def __init__(self, rng):
        self.rng = rng
        self.lines = []
        self.names = 0

    def any(self, *choices):
        return self.rng.choice(choices)

    def number(self):
        return self.any("0", "1", "-1", "2", "7", "i % 5", "i", "len(L)", "i & 15", "2 ** 70", "1.5", "i * 1.25")

    def key(self):
        return self.any("i % 7", "i % 30", "f'k{i % 9}'", "'a'", "'b'", "(i % 4, 'x')", "i * 0.5", "None", "K(i % 5)")

    def value(self):
        return self.any("i", "str(i)", "[i]", "(i, L)", "Node(i)", "Node(D)", "i * 1.5", "None", "{i: L}", "{i, 'x'}", "lambda: i",
                        "N.next", "L[:3]", "dict(D)", "frozenset((i, 1))", "bytearray(9)", "weakref.ref(N)", "(x for x in L)",
                        "Child(i)", "Slots(i)", "object()", "'s' * (i % 300)", "[None] * (i % 90)", "copy_of(N)")

    def list_operation(self):
        n, v = self.number(), self.value()
        return self.any(
            f"L.append({v})", f"L.insert({self.any('0', 'i % 9', '-1')}, {v})", "L.pop()", "L.pop(0)", f"L[i % 5] = {v}", "del L[i % 3]",
            f"L.extend([{v}, {v}])", "L.clear()", "L.reverse()", "L.sort(key=id)", "L.sort(key=str)", "L[:] = L[:20]", "L[1:4] = [1, 2]",
            "del L[5:]", "L[::2]", "x = L.copy()", "x = list(L)", "x = tuple(L)", f"x = {v} in L", f"x = L.count({n})", f"x = L.index({n})",
            f"L.remove({n})", "L += [i]", "L *= 1", "x = sum(1 for _ in L)", "x = [y for y in L if y]", "x = L == list(L)",
            "x = L[-1]", "x = L[i % 4]", "a, *b = L", "x = list(reversed(L))", "x = list(zip(L, D, S))", "x = list(enumerate(L))",
            "x = list(map(type, L))", "x = sorted(map(id, L))", "x = max(map(id, L))", "x = ' '.join(map(str, D))",
            "for y in L:\n    if i % 3: L.append(y) if len(L) < 100 else L.pop()\n    else: break",
            "L.extend(L[:2]); del L[40:]", "x = L[-3:] + L[:3]", "x = next(IT_L)")

    def dict_operation(self):
        k, v = self.key(), self.value()
        return self.any(
            f"D[{k}] = {v}", f"x = D[{k}]", f"x = D.get({k})", f"del D[{k}]", f"D.pop({k}, None)", f"D.setdefault({k}, {v})", "D.popitem()",
            f"D.update({{{k}: {v}, {k}: {v}}})", "D.clear()", "x = dict(D)", "x = D.copy()", "x = list(D.items())", "x = list(D.values())",
            f"x = {k} in D", "x = D | {1: 2}", "D |= {i: i} if len(D) < 60 else {}", "x = len(D)", "x = D == dict(D)",
            "for y in D:\n    D[y] = i\n    if i % 4 == 0: D.pop(y, None)", "for y, z in D.items():\n    x = (y, z)", "x = {**D}", "x = sorted(map(str, D))",
            "x = repr(len(str(list(D)[:3])))", "x = next(iter(D))", "x = list(reversed(D))", "x = next(IT_D)", "C[i % 5] += 1", "x = C.most_common(2)",
            f"OD[{k}] = i", "OD.move_to_end(next(iter(OD)))", "OD.popitem(last=False)", "DD[i % 9].append(i); DD.pop((i + 1) % 9, None)")

    def set_operation(self):
        k = self.key()
        return self.any(
            f"S.add({k})", f"S.discard({k})", f"S.remove({k})", "S.pop()", f"S.update([{k}, {k}])", "S.clear()", "x = set(S)", "x = frozenset(S)",
            f"x = {k} in S", "x = S | {1}", "x = S & set(D)", "x = S - {1, 2}", "S ^= {i % 11}", "x = len(S)", "x = S <= set(range(9))",
            "for y in S:\n    S.add(i % 50)", "x = sorted(map(str, S))", "S -= {i % 13}", "x = next(IT_S)",
            "Q.append(i)", "Q.appendleft(i)", "x = Q.pop()", "x = Q.popleft()", "Q.rotate(i % 5)", "x = list(Q)", "x = Q.count(1)", "Q.extend(L[:3])",
            "x = i in Q", "x = Q[0]", "Q[-1] = i", "x = Q.copy()", "Q.clear()")

    def object_operation(self):
        v, name = self.value(), self.any("next", "data", "a", "b", f"n{self.rng.randrange(40)}")
        return self.any(
            f"N.{name} = {v}", f"x = N.{name}", f"del N.{name}", f"x = getattr(N, 'n' + str(i % 40), None)", f"setattr(N, 'n' + str(i % 40), {v})",
            "x = N.__dict__", f"N.__dict__['{name}'] = i", f"x = N.__dict__.get('{name}')", "x = vars(N).copy()", "N.__dict__ = {'next': i}", "N.__class__ = Child",
            "N.__class__ = Node", "x = N.method(i)", "x = N.prop", "x = isinstance(N, Child)", "N = Node(i)", "x = type(N)(i)",
            f"P.slot = {v}", "x = P.slot", "del P.slot", "x = P.other", "P.other = N", "P = Slots(i)",
            f"Node.shared = {v}", "x = Node.shared", "x = N.shared", "del Node.shared", "Node.method = lambda self, n: n", "Node.method = METHOD", "Child.extra = i",
            "x = Child.extra", "x = N.count", "Node.count += 1", "x = N < N", "x = hash(N)", "x = str(N)", "x = N()", "N.chain = N", "x = super(Child, Child(i)).method(i)",
            "type('Made', (Node,), {'z': i})(i)", "Child.__bases__ = (Node,)", "x = Child.__subclasses__()", "x = Child.__mro__", "copy_of(N)")

    def function_operation(self):
        return self.any(
            "G[0] = generator(i)", "x = next(G[0])", "x = G[0].send(i)", "G[0].throw(ValueError(i))", "G[0].close()", "x = list(generator(3))",
            "F[0] = lambda n: n + i", "x = F[0](i)", "F[0] = make(i)", "x = F[0].__closure__", "x = recursive(i % 20)", "x = CELL(i)", "F[0].attribute = i",
            "try:\n    raise KeyError(N)\nexcept KeyError as error:\n    L.append(error) if len(L) < 50 else None", "raise ValueError(L)", "x = 1 // (i % 3)",
            "with LOCK:\n    EXACT[0] += 1; EXACT_BY[me] += 1", "with RLOCK:\n    with RLOCK:\n        x = len(L)", "LOCAL.value = N", "x = LOCAL.value",
            "gc.collect() if i % 90 == 0 else None", "x = gc.get_referents(N)", "x = sys.getrefcount(N)", "time.sleep(0)", "x = sys._getframe().f_locals",
            "global GLOBAL; GLOBAL = i", "x = GLOBAL", "x = BUILT(L)", "x = list(itertools.islice(SHARED, 3))", "x = next(COUNTER)", "x = list(itertools.chain(L, D))",
            "x = memo(i % 40)", "memo.cache_clear() if i % 50 == 0 else None", "x = next(TEE[i % 2], None)", "x = f'{N}{i}{len(D)}'", "x = intern('n' + str(i % 60))",
            "BA.append(i % 256) if len(BA) < 500 else BA.clear()", "x = bytes(BA)", "del BA[:3]", "x = memoryview(bytes(BA))[:4].tolist()",
            "x = operator.attrgetter('next')(N)", "match N:\n    case Node(next=y): x = y\n    case _: pass", "x = [*L, *S, *D]", "x = (yielder := generator(2), *yielder)")

    def weak_operation(self):
        return self.any(
            "W[0] = weakref.ref(N)", "x = W[0]()", "W[0] = weakref.ref(N, DIED)", "WD[i % 9] = N", "x = WD.get(i % 9)", "WS.add(N)", "x = list(WS)", "x = len(WD)",
            "WK[N] = i", "x = list(WK)", "x = weakref.proxy(N).next", "weakref.finalize(N, DIED, None).detach()", "x = weakref.getweakrefcount(N)",
            "x = list(WD.items())", "Finalized(L)", "Finalized(N)", "REVIVED.clear() if i % 30 == 0 else Revived()")

    def statement(self):
        kind = self.rng.choices([self.list_operation, self.dict_operation, self.set_operation, self.object_operation,
                                 self.function_operation, self.weak_operation], [6, 6, 4, 6, 4, 3])[0]
        return kind()

    def function(self, name):
        self.lines.append(f"def {name}(me, i):")
        self.lines.append("    global N, P, L, D, S; x = y = None")
        for _ in range(self.rng.randrange(4, 14)):
            statements = [self.statement() for _ in range(self.rng.randrange(1, 4))]
            if self.rng.random() < 0.3:
                self.lines.append(f"    for _ in range({self.rng.randrange(2, 8)}):")
                indent = "        "
            else:
                indent = "    "
            self.lines.append(f"{indent}try:")
            for statement in statements:
                for line in statement.split("\n"):
                    self.lines.append(f"{indent}    {line.replace('global GLOBAL; GLOBAL', 'GLOBALS_[0]')}")
            self.lines.append(f"{indent}except EXPECTED: pass")
            if self.rng.random() < 0.2:
                self.lines.append(f"{indent}finally: x = None")
        self.lines.append("    if len(L) > 300: L.clear()")
        self.lines.append("    if len(D) > 300: D.clear()")
        self.lines.append("    return x is y")

    def source(self, n_functions):
        for number in range(n_functions):
            self.function(f"work{number}")
        return PRELUDE + "\n".join(self.lines) + "\n"


PRELUDE = '''
class Node(Tracked):
    count = 0
    shared = None
    def __init__(self, next): self.next = next
    def method(self, n): return n
    @property
    def prop(self): return self.next
    def __call__(self): return self
    def __lt__(self, other): return id(self) < id(other)

METHOD = Node.method

class Child(Node):
    extra = 0
    def method(self, n): return super().method(n) if n is not self else n

class Slots(Tracked):
    __slots__ = ("slot", "other")
    def __init__(self, slot): self.slot = slot

class K:
    def __init__(self, n): self.n = n
    def __hash__(self): return self.n % 3
    def __eq__(self, other): return isinstance(other, K) and self.n == other.n

class Finalized(Tracked):
    def __init__(self, held): self.held = held; self.me = self
    def __del__(self):
        super().__del__()
        # The program's names are gone when the round is over.
        x = len(globals().get("L", ())) + len(globals().get("D", ()))

REVIVED = []
class Revived:
    def __del__(self, revived=REVIVED): revived.append(self)

SEEN = [0]
def DIED(reference, seen=SEEN): seen[0] += 1
def generator(n):
    for j in range(n % 9):
        try: got = yield (j, L)
        except ValueError: yield j
def make(n):
    held = N
    def inner(m):
        nonlocal held
        held, before = m, held
        return before
    return inner
def recursive(n): return n if n <= 0 else recursive(n - 1) + len(D)
def copy_of(node):
    new = Node(None)
    new.__dict__.update(node.__dict__)
    new.next = None
    return new
@functools.lru_cache(maxsize=16)
def memo(n): return (n, [n])
intern = sys.intern
BUILT = len
L, D, S = [1, 2, 3], {1: 2, "a": 3}, {1, 2, "a"}
C, OD, DD, Q = collections.Counter(), collections.OrderedDict(), collections.defaultdict(list), collections.deque(maxlen=200)
N, P = Node(None), Slots(1)
G, F, W, GLOBALS_ = [generator(5)], [make(1)], [weakref.ref(N)], [0]
CELL, GLOBAL, BA = make(2), 0, bytearray(b"abc")
WD, WS, WK = weakref.WeakValueDictionary(), weakref.WeakSet(), weakref.WeakKeyDictionary()
LOCK, RLOCK, LOCAL = threading.Lock(), threading.RLock(), threading.local()
EXACT = [0]
SHARED, COUNTER, TEE = iter(range(100_000)), itertools.count(), itertools.tee(range(50_000))
IT_L, IT_D, IT_S = iter(L), iter(D), iter(S)
'''


class Failure(Exception):
    pass


def check(condition, text):
    if not condition:
        raise Failure(text)


def make_namespace(source, n_threads):
    import functools
    namespace = {name: module for name, module in (
        ("collections", collections), ("functools", functools), ("gc", gc), ("itertools", itertools), ("operator", operator), ("sys", sys),
        ("threading", threading), ("time", time), ("weakref", weakref), ("Tracked", Tracked), ("EXPECTED", EXPECTED))}
    namespace["EXACT_BY"] = [0] * n_threads
    exec(compile(source, "<program>", "exec"), namespace)
    return namespace


def check_containers(namespace):
    """With no other thread running: containers agree with themselves."""
    items, entries, keys, queue = (namespace[name] for name in "LDSQ")
    check(len(list(items)) == len(items) == sum(1 for _ in items), "list length")
    check(len(list(entries)) == len(entries) == len(entries.items()) == sum(1 for _ in entries.values()), "dict length")
    for key in list(entries):
        check(key in entries, "a key of the dict is not found")
        entries[key]
    check(len(entries) == len({**entries}), "dict copy")
    for key in list(entries):
        del entries[key]
    check(not entries and list(entries) == [], "dict is not empty after all keys were deleted")
    check(len(list(keys)) == len(keys) == len(set(keys)), "set length")
    for key in list(keys):
        check(key in keys, "a key of the set is not found")
        keys.remove(key)
    check(not keys and list(keys) == [], "set is not empty after all keys were removed")
    check(len(list(queue)) == len(queue) <= 200, "deque length")
    for name in ("WD", "WS", "WK"):
        list(namespace[name])
    ordered = namespace["OD"]
    check(len(list(ordered)) == len(ordered) == len(list(reversed(ordered))), "ordered dict length")
    for item in items:
        repr(type(item)), sys.getrefcount(item)
    check(namespace["EXACT"][0] == sum(namespace["EXACT_BY"]), "a locked counter lost updates")


def run_round(seed, number, n_threads, seconds):
    rng = random.Random(seed * 1_000_003 + number)
    source = Program(rng).source(rng.randrange(2, 7))
    before = alive()
    namespace = make_namespace(source, n_threads)
    functions = [namespace[name] for name in namespace if name.startswith("work")]
    start, failures, calls = threading.Barrier(n_threads), [], [0] * n_threads
    deadline = time.monotonic() + seconds

    def work(me):
        order = random.Random(rng_seeds[me])
        start.wait()
        i = 0
        while time.monotonic() < deadline and not failures:
            for function in order.sample(functions, len(functions)):
                for _ in range(20):
                    i += 1
                    try:
                        function(me, i)
                    except EXPECTED:
                        pass
                    except BaseException as error:
                        failures.append(error)
                        return
        calls[me] = i

    rng_seeds = [rng.random() for _ in range(n_threads)]
    threads = [threading.Thread(target=work, args=(me,)) for me in range(n_threads)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(seconds + 60)
        if thread.is_alive():
            faulthandler.dump_traceback(all_threads=True)
            raise Failure("a thread does not end")
    if failures:
        raise failures[0]
    check_containers(namespace)
    # Everything that the program made must die with its namespace. Objects may hang on in the stacks of the last thread.
    del functions, threads
    namespace["memo"].cache_clear()
    namespace.clear()
    del namespace
    for _ in range(20):
        gc.collect()
        if alive() <= before + 0:
            break
        time.sleep(0.01)
    left = alive() - before
    check(left <= 0, f"{left} objects of the program are still alive" + who_holds())
    return sum(calls)


def who_holds():
    """Which objects the collector knows of, and what refers to them."""
    text = ""
    for tracked in [found for found in gc.get_objects() if isinstance(found, Tracked)][:5]:
        holders = [type(holder).__name__ for holder in gc.get_referrers(tracked) if type(holder).__name__ != "list"]
        text += f"; a {type(tracked).__name__}, {sys.getrefcount(tracked)} references, held by {holders}"
    return text


def resident_kib():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") // 1024


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--threads", type=int, default=4)
    parser.add_argument("--round", type=int, default=0, help="where to begin")
    parser.add_argument("--round-seconds", type=float, default=0.25)
    parser.add_argument("--growth", type=float, default=2.0, help="what the memory may have grown by")
    parser.add_argument("--show", action="store_true")
    arguments = parser.parse_args()
    if arguments.show:
        rng = random.Random(arguments.seed * 1_000_003 + arguments.round)
        print(Program(rng).source(rng.randrange(2, 7)))
        return
    faulthandler.enable()
    # A hang inside of the interpreter shows where.
    faulthandler.dump_traceback_later(arguments.seconds + 120, exit=True)
    end = time.monotonic() + arguments.seconds
    number, calls, first = arguments.round, 0, None
    sizes = []
    while time.monotonic() < end:
        try:
            calls += run_round(arguments.seed, number, arguments.threads, arguments.round_seconds)
        except BaseException:
            print(f"failed: --seed {arguments.seed} --round {number} --threads {arguments.threads}", file=sys.stderr, flush=True)
            raise
        number += 1
        sizes.append(resident_kib())
    if len(sizes) >= 40:
        first, last = max(sizes[:20]), min(sizes[-5:])
        check(last <= first * arguments.growth, f"memory grew from {first} KiB to {last} KiB")
    print(f"{number - arguments.round} programs, {calls} calls, {arguments.threads} threads, seed {arguments.seed}, {sizes[-1]} KiB: nothing wrong")


if __name__ == "__main__":
    main()
