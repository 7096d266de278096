"""Runs the examples again and again in one process: results must stay the same, and memory must not grow.

`pyrt -X zeal tests/soak/soak.py [--seconds N] [--threads N] [--growth RATIO]`; zeal mode collects, merges and reclaims at every safepoint.
"""
import argparse
import contextlib
import gc
import importlib
import io
import os
import sys
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
JOBS = [
    ("primes", ["--below", "3000"]),
    ("mandelbrot", ["--width", "40", "--limit", "20"]),
    ("wordcount", ["--tree", os.path.join(ROOT, "examples")]),
    ("matrix", ["--size", "20"]),
    ("mergesort", ["--count", "2000"]),
    ("pipeline", ["--below", "1000"]),
    ("counter", ["--steps", "2000"]),
]


def resident_bytes():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def run(name, arguments, weak, n_threads):
    """The lines that do not depend on time or on races."""
    out = io.StringIO()
    sys.argv = [name, *arguments, "--threads", str(n_threads)] + ["--weak"] * weak
    with contextlib.redirect_stdout(out):
        importlib.import_module(name).main()
    return [line for line in out.getvalue().splitlines() if not line.startswith(("time:", "without:"))]


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=300)
    parser.add_argument("--threads", type=int, default=4)
    parser.add_argument("--growth", type=float, default=1.05, help="how much memory may grow after the first fifth")
    arguments = parser.parse_args()
    sys.path.insert(0, os.path.join(ROOT, "examples"))
    expected, rounds = {}, 0
    start = time.monotonic()
    part = arguments.seconds / 5
    measured = []
    while (now := time.monotonic() - start) < arguments.seconds or rounds < 2:
        for name, options in JOBS:
            for weak in (False, True):
                result = run(name, options, weak, arguments.threads)
                if expected.setdefault((name, weak), result) != result:
                    raise SystemExit(f"{name}: {result} instead of {expected[name, weak]}")
        rounds += 1
        if now >= part * (len(measured) + 1):
            gc.collect()
            measured.append(resident_bytes())
    gc.collect()
    measured.append(resident_bytes())
    early, late = measured[0], measured[-1]
    collections = sum(generation["collections"] for generation in gc.get_stats())
    print(f"rounds: {rounds}, collections: {collections}")
    print(f"memory after each fifth, in KiB: {[size >> 10 for size in measured]}, ratio {late / early:.3f}")
    sys._debugmallocstats()
    if collections == 0:
        raise SystemExit("no collection ran")
    if late > early * arguments.growth:
        raise SystemExit("memory has grown")


if __name__ == "__main__":
    main()
