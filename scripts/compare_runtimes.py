"""The programs and the table of scripts/compare-runtimes."""
import argparse
import json
import math
import os
import re
import shlex
import shutil
import subprocess

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
# Program, its arguments, and how many loops are counted under valgrind; None: so long that it is timed only, unless it is
# named.
PROGRAMS = {
    name: (name, [], loops)
    for name, loops in [
        ("chaos", 1), ("comprehensions", 200), ("coroutines", 1), ("deltablue", 4), ("fannkuch", 1), ("float", 1),
        ("generators", 1), ("go", 1), ("hexiom", 2), ("nbody", 1), ("nqueens", 1), ("raytrace", None), ("richards", 1),
        ("spectral_norm", 1), ("unpack_sequence", 200), ("json_dumps", 2), ("json_loads", 200), ("pidigits", 1),
        ("regex_compile", 1), ("regex_v8", 1), ("pprint", None), ("pyflate", None), ("meteor_contest", 1), ("scimark", None),
        ("mdp", None), ("deepcopy", 4), ("telco", 1), ("typing_runtime_protocols", 20), ("richards_super", 1),
    ]
} | {
    "pickle": ("pickle", ["pickle"], 20),
    "unpickle": ("pickle", ["unpickle"], 20),
    "logging": ("logging", ["simple"], 20),
}


def default_runtimes():
    runtimes = []
    if oracle := shutil.which("cpython3.14"):
        runtimes.append(("cpython", [oracle]))
    return runtimes + [(name, [os.path.join(ROOT, "target/dist/bin", name)]) for name in ("pyrt", "pyrt-t")]


def environment(**more):
    wanted = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    return wanted | {"PYTHONPATH": os.path.join(ROOT, "benches"), "PYTHONHASHSEED": "0"} | more


def command_of(runtime, programs, program):
    folder, arguments, _ = PROGRAMS[program]
    return [*runtime, os.path.join(programs, f"bm_{folder}", "run_benchmark.py"), *arguments]


def seconds(runtime, programs, program, options):
    """Rows of name, seconds and peak memory; the last line of the error text where it fails."""
    done = subprocess.run(
        command_of(runtime, programs, program), env=environment(BENCH_SECONDS=str(options.seconds)),
        capture_output=True, text=True, timeout=600,
    )
    rows = [json.loads(line) for line in done.stdout.splitlines() if line.startswith('{"name"')]
    if done.returncode or not rows:
        return [], (done.stderr.strip().splitlines() or [f"exit code {done.returncode}"])[-1]
    return rows, None


def instructions(runtime, programs, program, options):
    """Instructions of the counted loops: those of a run with them less those of a run without."""
    counts = []
    for loops in (0, PROGRAMS[program][2] or 1):
        done = subprocess.run(
            ["valgrind", "--tool=callgrind", "--trace-children=yes", "--callgrind-out-file=/dev/null", *command_of(runtime, programs, program)],
            env=environment(BENCH_LOOPS=str(loops)), capture_output=True, text=True,
        )
        # A runtime may be a script that starts the real one: the greatest count is the program's.
        found = [int(count) for count in re.findall(r"Collected : (\d+)", done.stderr)]
        if done.returncode or not found:
            return [], (done.stderr.strip().splitlines() or [f"exit code {done.returncode}"])[-1]
        counts.append(max(found))
    return [{"name": program, "seconds": counts[1] - counts[0]}], None


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("programs")
    parser.add_argument("runtimes", nargs="*", metavar="NAME=COMMAND")
    parser.add_argument("--only", type=lambda text: text.split(","), default=[])
    parser.add_argument("--seconds", type=float, default=1.0)
    parser.add_argument("--rounds", type=int, default=1, help="the best of so many rounds counts")
    parser.add_argument("--instructions", action="store_true")
    parser.add_argument("--save", action="store_true")
    options = parser.parse_args()
    runtimes = [(name, shlex.split(command)) for name, _, command in (text.partition("=") for text in options.runtimes)]
    runtimes = runtimes or default_runtimes()
    if unknown := [name for name in options.only if name not in PROGRAMS]:
        parser.error(f"no such program: {', '.join(unknown)}")
    options.only = options.only or [name for name, row in PROGRAMS.items() if row[2] or not options.instructions]
    measure = instructions if options.instructions else seconds
    figures, peaks, failures = {}, {}, []
    for program in options.only:
        for _ in range(options.rounds):
            for name, command in runtimes:
                rows, why = measure(command, options.programs, program, options)
                if why:
                    failures.append(f"{program} on {name}: {why[:100]}")
                for row in rows:
                    own = figures.setdefault(row["name"], {})
                    own[name] = min(own.get(name, math.inf), row["seconds"])
                    if "peak_kib" in row:
                        peaks.setdefault(row["name"], {})[name] = row["peak_kib"]
    base, others = runtimes[0][0], [name for name, _ in runtimes[1:]]
    unit = "instructions" if options.instructions else "ms"
    print(f"{'program':28}{f'{base} ({unit})':>24}" + "".join(f"{name:>12}" for name in others))
    ratios = {name: [] for name in others}
    for program, own in figures.items():
        if base not in own:
            continue
        shown = f"{own[base]:,}" if options.instructions else f"{own[base] * 1000:.3f}"
        cells = []
        for name in others:
            if name in own and own[name] > 0:
                ratios[name].append(own[base] / own[name])
                cells.append(f"{ratios[name][-1]:.2f}x")
            else:
                cells.append("-")
        print(f"{program:28}{shown:>24}" + "".join(f"{cell:>12}" for cell in cells))
    means = [math.exp(sum(map(math.log, own)) / len(own)) if own else math.nan for own in ratios.values()]
    print(f"{'geometric mean':52}" + "".join(f"{mean:>11.2f}x" for mean in means))
    if peaks:
        of = {name: [own[name] / own[base] for own in peaks.values() if name in own and base in own] for name in others}
        means = [math.exp(sum(map(math.log, own)) / len(own)) if own else math.nan for own in of.values()]
        print(f"{'peak memory, geometric mean':52}" + "".join(f"{mean:>11.2f}x" for mean in means))
    for line in failures:
        print(line)
    if options.save:
        with open(os.path.join(ROOT, "benches/results/instructions.json" if options.instructions else "benches/results/seconds.json"), "w") as file:
            json.dump(figures, file, indent=1, sort_keys=True)
            file.write("\n")


if __name__ == "__main__":
    main()
