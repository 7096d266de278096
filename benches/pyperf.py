"""Stands in for pyperf, so that pyperformance's programs run on any runtime with nothing installed.

BENCH_SECONDS says for how long a program is timed; with BENCH_LOOPS it does that many loops, untimed, for those who count
instructions from outside. A result is one line of JSON: the name, seconds per loop, peak memory in KiB.
"""
import argparse
import json
import os
import resource
from time import perf_counter

SECONDS = float(os.environ.get("BENCH_SECONDS", "1"))
LOOPS = os.environ.get("BENCH_LOOPS")
SHORTEST = 0.05  # seconds that one timing takes at least


def python_implementation():
    import sys
    return sys.implementation.name


class Runner:
    def __init__(self, **options):
        self.metadata = {}
        self.argparser = argparse.ArgumentParser()
        self.args = None

    def parse_args(self, args=None):
        if self.args is None:
            self.args = self.argparser.parse_args(args)
        return self.args

    def _report(self, name, time_of, inner_loops):
        self.parse_args()
        if LOOPS is not None:
            if int(LOOPS):
                time_of(int(LOOPS))
            return
        end = perf_counter() + SECONDS
        loops, timed = 1, time_of(1)
        while timed < SHORTEST and loops < 1 << 24:
            loops *= 2
            timed = time_of(loops)
        timings = [timed / loops]
        while len(timings) < 3 or perf_counter() < end:
            timings.append(time_of(loops) / loops)
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        print(json.dumps({"name": name, "seconds": min(timings) / (inner_loops or 1), "peak_kib": peak}), flush=True)

    def bench_time_func(self, name, function, *args, inner_loops=None, **options):
        self._report(name, lambda loops: function(loops, *args), inner_loops)

    def bench_func(self, name, function, *args, inner_loops=None, **options):
        def time_of(loops):
            begin = perf_counter()
            for _ in range(loops):
                function(*args)
            return perf_counter() - begin
        self._report(name, time_of, inner_loops)

    def bench_async_func(self, name, function, *args, inner_loops=None, loop_factory=None, **options):
        import asyncio

        async def time_inside(loops):
            begin = perf_counter()
            for _ in range(loops):
                await function(*args)
            return perf_counter() - begin

        def time_of(loops):
            with asyncio.Runner(loop_factory=loop_factory) as runner:
                return runner.run(time_inside(loops))
        self._report(name, time_of, inner_loops)
