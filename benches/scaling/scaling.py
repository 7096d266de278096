"""How work grows with threads: small patterns, each run by 1, 2, 4 … threads at once and by as many processes.

For each pattern and number of threads N the table says how much work all threads did per second, relative to one
thread (N is perfect), and the same for N separate processes in the same run, which is what the machine can give. The
last column is threads over processes: the median over the runs and, in brackets, the upper quartile.

Patterns marked `*` write one shared object: they cannot scale, and are to be no slower than one thread.

    python benches/scaling/scaling.py [--threads 1,2,4] [--runs 5] [--seconds 0.1] [--only NAME,…] [--json FILE]

Runs on any Python from 3.9 on; the interpreter that runs it is the one that is measured.
"""

import argparse
import collections
import contextvars
import copy
import dataclasses
import enum
import functools
import json
import logging
import math
import operator
import os
import random
import re
import statistics
import subprocess
import sys
import threading
import time
import typing
import warnings

PATTERNS = {}
WRITES = set()


def pattern(function, writes=False):
    """Registers a pattern: a function that is called with a number of steps by each thread at once."""
    PATTERNS[function.__name__] = function
    if writes:
        WRITES.add(function.__name__)
    return function


def writing(function):
    return pattern(function, writes=True)


# Calls and lookups


class Rounded:
    def __round__(self):
        return 1


class Managed:
    def __enter__(self):
        return self

    def __exit__(self, *exception):
        return None


class Point:
    def __init__(self, x=0):
        self.x = x

    def step(self):
        self.x += 1

    def get(self):
        return self.x

    @classmethod
    def of_class(cls):
        return 1

    @staticmethod
    def of_none():
        return 1


def add(a, b):
    return a + b


@pattern
def object_cfunction(n):
    values = []
    for _ in range(n):
        values.append(1)
        values.index(1)
        values.pop(0)


@pattern
def cmodule_function(n):
    for i in range(n):
        math.cos(i / 1000)


@pattern
def object_lookup_special(n):
    value = Rounded()
    for _ in range(n):
        round(value)


@pattern
def context_manager(n):
    manager = Managed()
    for _ in range(n):
        with manager:
            pass


@pattern
def mult_constant(n):
    x = 1.0
    for _ in range(n):
        x *= 1.01
        if x > 1e9:
            x = 1.0


@pattern
def generator(n):
    def numbers():
        for i in range(8):
            yield i

    for _ in range(n // 4):
        for _ in numbers():
            pass


@pattern
def pymethod(n):
    point = Point()
    for _ in range(n):
        point.step()


@pattern
def pyfunction(n):
    for i in range(n):
        add(i, 1)


@pattern
def module_function(n):
    module = operator
    for i in range(n):
        module.add(i, 1)
        os.fspath("a")


@pattern
def classmethod_call(n):
    for _ in range(n):
        Point.of_class()


@pattern
def staticmethod_call(n):
    for _ in range(n):
        Point.of_none()


@pattern
def method_caller(n):
    call = operator.methodcaller("get")
    point = Point()
    for _ in range(n):
        call(point)


# Constants, creation


@pattern
def load_string_const(n):
    for _ in range(n):
        value = "a string that is a constant"
        if value == "another":
            pass


@pattern
def load_tuple_const(n):
    for i in range(n):
        if (i, 1) == ("a", "tuple"):
            pass


@pattern
def create_pyobject(n):
    for i in range(n):
        Point(i)


@pattern
def create_closure(n):
    for i in range(n):

        def inner():
            return i

        inner()


@pattern
def create_dict(n):
    for i in range(n):
        {"key": i, "other": 1}


@dataclasses.dataclass
class Data:
    x: int
    y: int = 2


Named = collections.namedtuple("Named", "x y")


class TypedNamed(typing.NamedTuple):
    x: int
    y: int


@pattern
def instantiate_dataclass(n):
    for i in range(n):
        Data(i)


@pattern
def instantiate_namedtuple(n):
    for i in range(n):
        Named(i, 2)


@pattern
def instantiate_typing_namedtuple(n):
    for i in range(n):
        TypedNamed(i, 2)


@pattern
def deepcopy(n):
    value = {"a": [1, 2, (3, 4)], "b": {"c": [5]}}
    for _ in range(n // 16):
        copy.deepcopy(value)


@pattern
def shallow_copy(n):
    value = [1, 2, 3]
    for _ in range(n // 4):
        copy.copy(value)


@pattern
def cyclic_garbage(n):
    for _ in range(n):
        a, b = Point(), Point()
        a.x, b.x = b, a


@pattern
def exceptions(n):
    for i in range(n // 2):
        try:
            raise ValueError(i)
        except ValueError:
            pass


# Objects that all threads read


class Color(enum.Enum):
    RED = 1
    GREEN = 2


class Config:
    def __init__(self):
        self.limit = 10_000_000
        self.name = "x" * 50
        self.point = Point(3)


class Provider:
    def __init__(self, instance):
        self.instance = instance

    def get(self):
        return self.instance


CONFIG = Config()
SHARED_LIST = [Point(i) for i in range(64)]
SHARED_DICT = {f"key{i}": Point(i) for i in range(64)}
PROVIDERS = {"point": Provider(Point(1))}
SHARED_TUPLE = tuple(SHARED_LIST)


@pattern
def enum_attribute(n):
    for _ in range(n):
        Color.RED
        Color.GREEN


@pattern
def shared_instance_attribute(n):
    config = CONFIG
    for _ in range(n):
        config.limit
        config.name
        config.point


@pattern
def shared_instance_method(n):
    point = CONFIG.point
    for _ in range(n):
        point.get()


@pattern
def shared_global(n):
    for _ in range(n):
        CONFIG


@pattern
def shared_list_item(n):
    values = SHARED_LIST
    for i in range(n):
        values[i & 63]


@pattern
def shared_list_iteration(n):
    for _ in range(n // 32):
        for value in SHARED_LIST:
            value


@pattern
def shared_tuple_iteration(n):
    for _ in range(n // 32):
        for value in SHARED_TUPLE:
            value


@pattern
def shared_dict_item(n):
    values = SHARED_DICT
    for _ in range(n):
        values["key1"]
        values.get("key2")


@pattern
def shared_dict_iteration(n):
    for _ in range(n // 64):
        for key, value in SHARED_DICT.items():
            value


@pattern
def shared_singleton(n):
    for _ in range(n):
        PROVIDERS["point"].get().get()


@pattern
def shared_closure_variable(n):
    _closure_step(n)


def _make_closure():
    held = Point(5)

    def step(n):
        for _ in range(n):
            held

    return step


_closure_step = _make_closure()


@pattern
def abc_isinstance(n):
    value = {}
    for _ in range(n):
        isinstance(value, collections.abc.Mapping)


_local = threading.local()
_variable = contextvars.ContextVar("variable", default=1)


@pattern
def thread_local_read(n):
    _local.value = 1
    for _ in range(n):
        _local.value


@pattern
def context_variable(n):
    for _ in range(n):
        _variable.get()


@functools.lru_cache(maxsize=None)
def _cached(x):
    return x


@functools.lru_cache(maxsize=128)
def _bounded(x):
    return x


@pattern
def lru_cache_unbounded(n):
    for i in range(n):
        _cached(i & 15)


@pattern
def lru_cache_bounded(n):
    for i in range(n):
        _bounded(i & 15)


@pattern
def re_cache(n):
    for _ in range(n // 4):
        re.match("[a-z]+", "word 1")


@pattern
def compiled_pattern(n):
    for _ in range(n // 4):
        WORD.match("word 1")


WORD = re.compile("[a-z]+")


@pattern
def random_own(n):
    numbers = random.Random(1)
    for _ in range(n):
        numbers.random()


_logger = logging.getLogger("scaling")


@pattern
def logging_disabled(n):
    for _ in range(n // 2):
        _logger.debug("not shown")


@pattern
def warnings_ignored(n):
    for _ in range(n // 8):
        warnings.warn("ignored", DeprecationWarning)


@pattern
def import_imported(n):
    for _ in range(n // 2):
        import collections.abc
        import math


@pattern
def attribute_by_text(n):
    point = Point()
    names = ["x", "get"]
    for i in range(n):
        getattr(point, names[i & 1])


@pattern
def interned_names(n):
    for i in range(n // 2):
        sys.intern("name" + str(i & 31))


@pattern
def fan_out_of_fresh_objects(n):
    made = [Point(i) for i in range(n // 2)]
    total = 0
    for point in made:
        total += point.x


@pattern
def lock_of_own(n):
    lock = threading.Lock()
    for _ in range(n):
        with lock:
            pass


_shared_lock = threading.Lock()


@pattern
def lock_looked_at(n):
    for _ in range(n):
        _shared_lock.locked()


@pattern
def sorting(n):
    for _ in range(n // 64):
        sorted([5, 3, 8, 1, 9, 2, 7, 4, 6, 0] * 3)


@pattern
def text_building(n):
    for i in range(n // 4):
        ",".join([str(i), "a", "b"]).split(",")


@pattern
def json_round_trip(n):
    for _ in range(n // 16):
        json.loads(json.dumps({"a": [1, 2.5, "x"], "b": None}))


# Objects that all threads write


_written_dict = {}
_written_list = [0] * 64
_written_point = Point()


@writing
def write_shared_dict(n):
    values = _written_dict
    for i in range(n):
        values[i & 63] = i


@writing
def write_shared_list(n):
    values = _written_list
    for i in range(n):
        values[i & 63] = i


@writing
def write_shared_attribute(n):
    point = _written_point
    for i in range(n):
        point.x = i


@writing
def lock_shared(n):
    for _ in range(n // 4):
        with _shared_lock:
            pass


# Measuring


def run_threads(function, n, count):
    """Seconds until `count` threads, started at once, have each done `n` steps."""
    barrier = threading.Barrier(count + 1)
    times = []

    def work():
        barrier.wait()
        begin = time.perf_counter()
        function(n)
        times.append((begin, time.perf_counter()))

    threads = [threading.Thread(target=work) for _ in range(count)]
    for thread in threads:
        thread.start()
    barrier.wait()
    for thread in threads:
        thread.join()
    return max(end for _, end in times) - min(begin for begin, _ in times)


class Workers:
    """Processes that wait to run a pattern at once."""

    def __init__(self, count):
        command = [sys.executable, os.path.abspath(__file__), "--serve"]
        self.processes = [subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) for _ in range(count)]

    def run(self, name, n, count):
        chosen = self.processes[:count]
        for process in chosen:
            process.stdin.write(f"{name} {n}\n")
            process.stdin.flush()
        return max(float(process.stdout.readline()) for process in chosen)

    def close(self):
        for process in self.processes:
            process.stdin.close()
            process.wait()


def serve():
    warnings.simplefilter("ignore")
    for line in sys.stdin:
        name, n = line.split()
        print(run_threads(PATTERNS[name], int(n), 1), flush=True)


def steps_for(function, seconds):
    """How many steps take about `seconds`."""
    n = 1024
    while True:
        taken = run_threads(function, n, 1)
        if taken >= seconds / 2:
            return max(64, int(n * seconds / taken))
        n *= 2 if taken * 8 > seconds else 8


def measure(name, counts, runs, seconds, workers):
    """For each number of threads: speed-ups by threads, by processes, and their ratios, one per run."""
    function = PATTERNS[name]
    n = steps_for(function, seconds)
    found = {count: {"threads": [], "processes": [], "ratio": []} for count in counts}
    for _ in range(runs):
        one = run_threads(function, n, 1)
        for count in counts:
            threads = count * one / run_threads(function, n, count)
            alone = workers.run(name, n, 1)
            processes = count * alone / workers.run(name, n, count)
            found[count]["threads"].append(threads)
            found[count]["processes"].append(processes)
            found[count]["ratio"].append(threads / processes)
    return found


def quartile(values):
    """The upper quartile."""
    values = sorted(values)
    return values[min(len(values) - 1, (3 * len(values)) // 4)]


def main():
    parser = argparse.ArgumentParser(description="How work grows with threads.")
    parser.add_argument("--threads", default=None, help="numbers of threads, as 1,2,4 (default: 2, 4 … to the cores)")
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=0.1, help="time of one pattern in one thread")
    parser.add_argument("--only", default=None)
    parser.add_argument("--json", default=None, help="write the figures there, too")
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.serve:
        return serve()
    warnings.simplefilter("ignore")
    if options.threads:
        counts = [int(count) for count in options.threads.split(",")]
    else:
        counts = [2]
        while counts[-1] * 2 <= (os.cpu_count() or 2):
            counts.append(counts[-1] * 2)
    names = options.only.split(",") if options.only else list(PATTERNS)
    unknown = [name for name in names if name not in PATTERNS]
    if unknown:
        parser.error(f"no such pattern: {', '.join(unknown)}")
    gil = getattr(sys, "_is_gil_enabled", lambda: True)()
    print(f"{sys.implementation.name} {sys.version.split()[0]}, GIL {'on' if gil else 'off'}, {os.cpu_count()} cores, {options.runs} runs")
    print(f"{'pattern':32}" + "".join(f"{f'{c} threads':>12}{'processes':>11}{'ratio':>14}" for c in counts))
    workers = Workers(max(counts))
    figures = {}
    try:
        for name in names:
            found = measure(name, counts, options.runs, options.seconds, workers)
            figures[name] = {str(count): values for count, values in found.items()}
            line = f"{name + ('*' if name in WRITES else ''):32}"
            for values in found.values():
                ratio = f"{statistics.median(values['ratio']):.2f} ({quartile(values['ratio']):.2f})"
                line += f"{statistics.median(values['threads']):12.2f}{statistics.median(values['processes']):11.2f}{ratio:>14}"
            print(line, flush=True)
    finally:
        workers.close()
    if options.json:
        with open(options.json, "w") as file:
            json.dump({"gil": gil, "cores": os.cpu_count(), "figures": figures}, file)
    return 0


if __name__ == "__main__":
    sys.exit(main())
