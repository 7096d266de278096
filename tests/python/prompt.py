"""The prompt under a pseudo terminal: lines typed, what comes back without the codes for the terminal, history, exit code."""
import os
import pty
import re
import select
import sys
import tempfile

HOME = tempfile.mkdtemp()
VARIABLES = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON") or name == "PYTHONHOME"}
VARIABLES |= {"HOME": HOME, "TERM": "xterm", "NO_COLOR": "1", "PYTHONDONTWRITEBYTECODE": "1", "LC_ALL": "C.UTF-8"}


def talk(*steps, **variables):
    pid, terminal = pty.fork()
    if pid == 0:
        os.execve(sys.executable, [sys.executable, "-q"], VARIABLES | variables)
    heard = b""

    def listen(end):
        """Reads until a prompt stands there and nothing follows, or the end."""
        nonlocal heard
        while True:
            plain = re.sub(rb"\x1b(\[[0-9;?]*[A-Za-z@]|[=>])", b"", heard)
            patient = not re.search(end, plain)
            if not select.select([terminal], [], [], 20 if patient else 0.1)[0]:
                return
            try:
                got = os.read(terminal, 4096)
            except OSError:
                return
            if not got:
                return
            heard += got

    listen(rb">>> $")
    for text in steps:
        os.write(terminal, text.encode())
        listen(rb"(>>> |\.\.\. +)$")
    _, status = os.waitpid(pid, 0)
    os.close(terminal)
    plain = re.sub(rb"\x1b(\[[0-9;?]*[A-Za-z@]|[=>])", b"", heard).decode()
    print("====", variables, os.waitstatus_to_exitcode(status))
    print(re.sub(r" +\n", "\n", plain.replace("\r", "")))


talk("1 + 1\n", "x = 'é'; x\n", "1/0\n", "foo bar\n", "\x1b[A\x1b[A\n", "exit\n")
with open(os.path.join(HOME, ".python_history"), encoding="utf-8") as history:
    print(history.read())
talk("def f(a):\n", "return a\n", "\n", "f(3)\n", "abc\x03", "\x1b[200~if 1:\n    f(4)\n\x1b[201~\n", "\n", "\x04")
talk("1 + 1\n", "def f():\n", "  return 'f'\n", "\n", "f()\n", "1/0\n", "foo bar\n", "exit(3)\n", PYTHON_BASIC_REPL="1")
