"""What options, variables and standard input make of a program: exit code and output of processes of this interpreter."""
import os
import re
import subprocess
import sys
import tempfile

# The prompt's children find the library as this process did.
BASE = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON") or name == "PYTHONHOME"}
BASE |= {"PYTHONDONTWRITEBYTECODE": "1", "LC_ALL": "C.UTF-8"}
FLAGS = "import sys; print(sys.flags[:17])"
STREAMS = "import sys; print(*((s.encoding, s.errors, s.line_buffering, s.write_through) for s in (sys.stdin, sys.stdout, sys.stderr)))"
FOLDER = tempfile.mkdtemp()


def show(*arguments, stdin="", **variables):
    variables = {name: str(value) for name, value in variables.items()}
    done = subprocess.run([sys.executable, *arguments], env=BASE | variables, input=stdin, capture_output=True, text=True, cwd=FOLDER)
    print("====", *arguments, variables or "", repr(stdin) if stdin else "")
    text = f"{done.returncode}\n{done.stdout}{'--' if done.stderr else ''}{done.stderr}"
    text = text.replace(sys.executable, "PYTHON").replace(FOLDER, "FOLDER")
    text = re.sub(r"Python 3\.14\..* on linux$", "Python on linux", text, flags=re.M)
    text = re.sub(r"^import time: +\d+ \| +\d+ \|", "import time: N | N |", text, flags=re.M)
    print(re.sub(r"0x[0-9a-f]+", "0x", text).strip())


def write(name, text):
    with open(os.path.join(FOLDER, name), "w", encoding="utf-8") as file:
        file.write(text)


write("program.py", "import os, sys\nprint(__name__, __file__, sys.argv, sys.path[0] == os.path.dirname(__file__))\n")
write("first.py", "#!@$%\nprint(1)\n1/0\n")
write("startup.py", "print('startup')\nx = 5\n")
write("null.py", "x = '\0' y\n")

for option in "-b -bb -B -E -I -O -OO -P -q -R -s -S -u".split():
    show(option, "-c", FLAGS)
for option in "dev utf8 no_debug_ranges warn_default_encoding int_max_str_digits=640 importtime=7 frozen_modules=x cpu_count=0 tracemalloc=x".split():
    show("-X", option, "-c", FLAGS)
show("-c", FLAGS, PYTHONOPTIMIZE="x", PYTHONDEBUG=1, PYTHONSAFEPATH=1, PYTHONDEVMODE=1, PYTHONHASHSEED=0, PYTHONINTMAXSTRDIGITS=0)
show("-E", "-c", FLAGS, PYTHONOPTIMIZE=1, PYTHONHASHSEED="wrong")
show("-c", "1", PYTHONHASHSEED="wrong")
show("-c", "1", PYTHON_THREAD_INHERIT_CONTEXT=3)
show("-c", "print(hash('abc'))", PYTHONHASHSEED=42)
show("-c", STREAMS)
show("-u", "-c", STREAMS)
show("-c", STREAMS, PYTHONIOENCODING="latin-1:replace")
show("-c", STREAMS + "; print(sys.flags.utf8_mode)", LC_ALL="C", PYTHONCOERCECLOCALE="warn")
show("-c", "import os; print(os.cpu_count(), os.process_cpu_count())", PYTHON_CPU_COUNT=7)
show("-X", "frozen_modules", "-c", "import os; print(os.__spec__.origin, os.makedirs.__code__.co_filename)")
show("-X", "frozen_modules=off", "-c", "import os; print(type(os.__spec__.loader).__name__)")
show("-X", "no_debug_ranges", "-c", "def f(): return 1 + 1/0\nf()")
show("-Wfoo", "-c", "import sys; print(sys.warnoptions)", PYTHONWARNINGS="ignore,,default")
show("-bb", "-c", "b'a' == 'a'")
show("-Werror", "-c", "x = '''a\n b\\d'''")
show("-x", "first.py")
show("null.py")
show("nosuch.py")
show("-P", "program.py", "a")
show("-m", "program", "-b")
show("-m", "nosuch")
show("-", "a", stdin="import sys; print(sys.argv)")
show("-c", "import sys; sys.exit('bye')")
show("-c", "import sys, os; sys.stdout.write('x'); os.close(1)")
show("-c", "breakpoint(5)", PYTHONBREAKPOINT="builtins.print")
show("--nosuch")
show("-c")
show("-i", "-c", "raise SystemExit(3)", stdin="import sys; sys.last_exc\n")
show("-i", stdin="x\n1/0\nfoo bar\nexit(4)\n", PYTHONSTARTUP="startup.py")
show("-iq", stdin="def f(x, x): ...\n\nclass A:\n  x = 1\n\n  y = 2\n\nif 1:\n  'a'\nb\n(1,\n\n2)\nfrom __future__ import annotations\ndef g(a: b): pass\n\ng.__annotations__\n1/0")
# What a closed descriptor is.
done = subprocess.run([sys.executable, "-c", "import sys, os; os._exit(42 if sys.stdin is None else 1)"], env=BASE, preexec_fn=lambda: os.close(0))
print(done.returncode)
