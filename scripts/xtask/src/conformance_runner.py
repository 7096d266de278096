"""Runs one test module of CPython, and writes what became of each method: `outcome<TAB>id` lines on a descriptor.

Arguments: module, descriptor of the results, file with the ids to leave out.
A line `start<TAB>id` goes before each method, so that a crash is put down to the method that caused it.
"""
import os
import sys

module_name, results, leave_out = sys.argv[1], int(sys.argv[2]), sys.argv[3]
sys.argv[1:] = []
# The tests ask for this name to decide whether methods marked `cpython_only` run.
sys.implementation.name = "cpython"

import unittest
from test import support

with open(leave_out, encoding="utf-8") as file:
    skipped = set(file.read().split("\n"))


def write(outcome, test):
    os.write(results, f"{outcome}\t{test}\n".encode("utf-8", "backslashreplace"))


class Result(unittest.TestResult):
    def startTest(self, test):
        super().startTest(test)
        self.outcome = "passed"
        self.id = test.id()
        write("start", self.id)

    def stopTest(self, test):
        write(self.outcome, self.id)
        super().stopTest(test)

    def show(self, test, error):
        print(f"===== {test.id()}", self._exc_info_to_string(error, test), sep="\n", file=sys.stderr, flush=True)

    def addError(self, test, error):
        self.outcome = "error"
        self.show(test, error)
        if not isinstance(test, unittest.TestCase):
            # setUpClass or setUpModule: no method starts.
            write("error", test.id())

    def addFailure(self, test, error):
        self.outcome = "failed"
        self.show(test, error)

    def addSubTest(self, test, subtest, error):
        if error is not None:
            self.outcome = "failed"
            self.show(subtest, error)

    def addSkip(self, test, reason):
        self.outcome = "skipped"
        if not isinstance(test, unittest.TestCase):
            write("skipped", test.id())

    def addExpectedFailure(self, test, error):
        self.outcome = "expected-failure"

    def addUnexpectedSuccess(self, test):
        self.outcome = "unexpected-success"


def flatten(suite):
    for test in suite:
        if isinstance(test, unittest.TestSuite):
            yield from flatten(test)
        else:
            yield test


def without(suite):
    """The same tree of suites without what is left out, so that fixtures of classes and modules still work."""
    kept = type(suite)()
    for test in suite:
        if isinstance(test, unittest.TestSuite):
            kept.addTest(without(test))
        elif test.id() not in skipped:
            kept.addTest(test)
    return kept


support.use_resources = []
support.verbose = False
loader = unittest.TestLoader()
from test.support import os_helper, threading_helper

with os_helper.temp_cwd(quiet=True):
    module = __import__(f"test.{module_name}", fromlist=["*"])
    suite = loader.loadTestsFromModule(module)
    for failure in loader.errors:
        print(failure, file=sys.stderr)
    for test in flatten(suite):
        write("found", test.id())
    without(suite).run(Result())
    write("end", module_name)
    sys.stdout.flush()
    sys.stderr.flush()
    # Threads that a failed test left behind must not keep the process.
    os._exit(0)
