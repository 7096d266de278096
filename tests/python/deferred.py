"""Functions, classes and shared objects that are replaced while stacks still use them."""
import gc
import threading
import weakref

SOURCE = "def target(x): return x + 1"
exec(SOURCE)


def replace_target():
    """Rebinds the global that the caller has on its stack already."""
    global target
    del target
    exec(SOURCE, globals())
    for i in range(50):
        exec(f"def filler{i}(x): return 'wrong'", {})
    return 1


def rebinding():
    return {target(replace_target() if i % 50 == 49 else 1) for i in range(5000)}


class Holder:
    pass


class Counted:
    alive = 0
    lock = threading.Lock()

    def __init__(self, number):
        self.number = number
        with Counted.lock:
            Counted.alive += 1

    def __del__(self):
        with Counted.lock:
            Counted.alive -= 1


def contended():
    """Threads read what others replace: every value that they see is whole, and all die in the end."""
    holder = Holder()
    holder.value = Counted(0)
    shared_list = [Counted(0), Counted(0)]
    cell = Counted(0)
    stop = threading.Event()
    wrong = []

    def read():
        while not stop.is_set():
            for _ in range(200):
                a = holder.value.number
                b = shared_list[0].number + shared_list[-1].number
                c = cell.number
                d = target(1)
                if not (a >= 0 and b >= 0 and c >= 0 and d == 2):
                    wrong.append((a, b, c, d))

    def write():
        nonlocal cell
        global target
        for i in range(1500):
            holder.value = Counted(i)
            shared_list[i & 1] = Counted(i)
            cell = Counted(i)
            exec(SOURCE, globals())
        stop.set()

    threads = [threading.Thread(target=read) for _ in range(3)] + [threading.Thread(target=write)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    del holder.value, cell
    shared_list.clear()
    gc.collect()
    return wrong, Counted.alive


def generator_with_global_on_its_stack():
    """A suspended frame holds what it has loaded."""

    def values():
        yield target((yield 1))

    made = values()
    next(made)
    replace_target()
    return made.send(41)


def weak_references():
    namespace = {}
    exec("def f(): pass\nclass C:\n    def m(self): pass", namespace)
    references = [weakref.ref(namespace["f"]), weakref.ref(namespace["C"].m), weakref.ref(namespace["C"])]
    namespace.clear()
    gc.collect()
    return [reference() for reference in references]


def finalizer_of_default():
    """A default value dies with its function."""
    seen = []

    class Noisy:
        def __del__(self):
            seen.append("gone")

    exec("def f(x=default): pass", {"default": Noisy()})
    gc.collect()
    return seen


print(rebinding())
print(contended())
print(generator_with_global_on_its_stack())
print(weak_references())
print(finalizer_of_default())
