"""The table of scripts/compare-gil."""
import argparse
import os
import re
import subprocess
import sys

EXAMPLES = ["primes", "mandelbrot", "wordcount", "matrix", "mergesort", "pipeline"]


def thread_counts(limit):
    counts = [1]
    while counts[-1] * 2 <= limit:
        counts.append(counts[-1] * 2)
    if counts[-1] != limit:
        counts.append(limit)
    return counts


def run(python, example, n_threads, weak):
    """Seconds and result."""
    command = [python, f"examples/{example}.py", "--threads", str(n_threads)] + ["--weak"] * weak
    if example == "wordcount":
        command += ["--tree", "target/dist/lib/python3.14"]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"{' '.join(command)} failed:\n{done.stderr}")
    result, last = done.stdout.rsplit("\n", 2)[:2]
    return float(re.match(r"time: ([0-9.]+) s", last)[1]), result


def main():
    parser = argparse.ArgumentParser(description="Compares a GIL with none.")
    parser.add_argument("binaries", nargs=2)
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--weak", action="store_true")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--python", action="append", default=[])
    parser.add_argument("--only", action="append", default=[])
    arguments = parser.parse_args()
    pythons = arguments.binaries + arguments.python
    counts = thread_counts(arguments.threads)
    print(f"{'':12} {'':14}" + "".join(f"{n:>8} thr" for n in counts) + "".join(f"   x at {n}" for n in counts[1:]))
    for example in arguments.only or EXAMPLES:
        best, results = {}, set()
        # Alternating, so that a slow moment of the machine meets all.
        for _ in range(arguments.runs):
            for n in counts:
                for python in pythons:
                    seconds, result = run(python, example, n, arguments.weak)
                    best[python, n] = min(seconds, best.get((python, n), seconds))
                    results.add(result)
        for python in pythons:
            row = f"{example:12} {os.path.basename(python):14}"
            row += "".join(f"{best[python, n]:>10.3f} s" for n in counts)
            for n in counts[1:]:
                # Speed-up: of one job shared, or of n jobs against one.
                speed_up = best[python, 1] / best[python, n] * (n if arguments.weak else 1)
                row += f"{speed_up:>9.2f}"
            print(row, flush=True)
        if len(results) != 1:
            raise SystemExit(f"{example}: the results differ: {results}")


if __name__ == "__main__":
    main()
