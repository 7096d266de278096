"""Threads: locks, handles, races that must not corrupt anything."""
import _thread

lock = _thread.allocate_lock()
counter = 0
unlocked = 0


def count():
    global counter, unlocked
    for _ in range(20_000):
        with lock:
            counter += 1
        unlocked += 1


def run(n, body):
    handles = [_thread.start_joinable_thread(lambda k=k: body(k)) for k in range(n)]
    for handle in handles:
        handle.join()
    return all(handle.is_done() for handle in handles)


print(run(4, lambda k: count()), counter, 0 < unlocked <= 80_000)


class Node:
    dead = 0

    def __init__(self, value):
        self.value = value
        self.next = None


boxes = [None] * 16
table = {}
numbers = set()
failures = []


class Shared:
    pass


def collide(k):
    try:
        for i in range(4_000):
            node = Node(i)
            node.next = boxes[i % 16] if i % 8 else None
            boxes[(i + k) % 16] = node
            table[i % 50, k] = node
            table[i % 20] = i
            table.pop((i + 1) % 20, None)
            numbers.add(i % 30)
            numbers.discard((i + 7) % 30)
            setattr(Shared, f"a{i % 5}", i)
            getattr(Shared, f"a{(i + 1) % 5}", None)
            shared = Shared()
            shared.x = i
            shared.__dict__["y"] = node
            assert shared.x == i and shared.y is node
            assert len([item for item in list(table.values())]) >= 1

            def both():
                yield node
                yield shared

            assert [item for item in both()] == [node, shared]
            try:
                if i % 100 == 0:
                    raise ValueError(node)
            except ValueError as error:
                boxes[3] = error
    except BaseException as error:
        failures.append((type(error).__name__, str(error)))


print(run(4, collide), failures, len(numbers) <= 30, all(len(key) == 2 for key in table if isinstance(key, tuple)))

# Each item is taken by one thread.
todo = list(range(20_000))
taken = [[] for _ in range(4)]


def take(k):
    mine = taken[k]
    while True:
        try:
            mine.append(todo.pop())
        except IndexError:
            return


print(run(4, take), sorted(sum(taken, [])) == list(range(20_000)))

# Appending from all threads loses nothing.
out = []
print(run(4, lambda k: [out.append(k) for _ in range(10_000)]), len(out), [out.count(k) for k in range(4)])

reentrant = _thread.RLock()
with reentrant:
    with reentrant:
        print(reentrant._recursion_count(), reentrant._is_owned(), reentrant.locked())
        refused = []
        run(1, lambda k: refused.append((reentrant.acquire(False), reentrant.acquire(timeout=0.01), reentrant._is_owned())))
        print(refused)
    state = reentrant._release_save()
    print(state[0], reentrant.locked())
    reentrant._acquire_restore(state)
print(reentrant.locked())


def show(function, *args):
    try:
        print(function(*args))
    except Exception as error:
        print(type(error).__name__, error)


show(reentrant.release)
show(lock.release)
print(lock.acquire(timeout=0.05), lock.acquire(False), lock.acquire(timeout=0.01), lock.locked())
for args in (False, 1), (True, -2), (True, 1e20), (True, float("nan")), (True, "x"):
    show(lock.acquire, *args)
lock.release()
show(_thread._ThreadHandle().join)
handle = _thread.start_joinable_thread(lambda: 1)
handle.join()
show(_thread.start_joinable_thread, print, handle)
show(_thread.start_new_thread, 1, ())
show(_thread.start_new_thread, print, [])
show(_thread.start_joinable_thread, 1)
own = []
ready = _thread.allocate_lock()
ready.acquire()
mine = _thread._ThreadHandle()


def join_self():
    try:
        mine.join()
    except RuntimeError as error:
        own.append(str(error))
    ready.release()


_thread.start_joinable_thread(join_self, mine)
with ready:
    print(own)

# SystemExit ends a thread silently.
quiet = _thread.start_joinable_thread(_thread.exit)
quiet.join()
print(quiet.is_done())
idents = []
run(3, lambda k: idents.append(_thread.get_ident()))
print(_thread.get_ident() == _thread._get_main_thread_ident(), _thread.get_ident() in idents, _thread._count() <= 3)
