"""unittest's own program, which writes also the results of the tests, as JUnit's XML."""

import os
import sys
import unittest
from xml.etree import ElementTree


class Result(unittest.TextTestResult):
    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.root = ElementTree.Element("testsuite", name="unittest")
        self.cases = {}

    def note(self, test, kind=None, message=""):
        name = test.id()
        case = self.cases.get(name)
        if case is None:
            owner, _, method = name.rpartition(".")
            case = ElementTree.SubElement(self.root, "testcase", classname=owner, name=method)
            self.cases[name] = case
        if kind is not None:
            clean = "".join(c if c >= " " or c in "\n\t" else "?" for c in message)
            ElementTree.SubElement(case, kind, message=clean)

    def addSuccess(self, test):
        super().addSuccess(test)
        self.note(test)

    def addFailure(self, test, err):
        super().addFailure(test, err)
        self.note(test, "failure", f"{err[0].__name__}: {err[1]}")

    def addError(self, test, err):
        super().addError(test, err)
        self.note(test, "error", f"{err[0].__name__}: {err[1]}")

    def addSkip(self, test, reason):
        super().addSkip(test, reason)
        self.note(test, "skipped", str(reason))

    def addExpectedFailure(self, test, err):
        super().addExpectedFailure(test, err)
        self.note(test, "skipped", "an expected failure")

    def addUnexpectedSuccess(self, test):
        super().addUnexpectedSuccess(test)
        self.note(test, "failure", "it passes, and was expected to fail")

    def addSubTest(self, test, subtest, err):
        super().addSubTest(test, subtest, err)
        if err is not None:
            self.note(test, "failure", f"{err[0].__name__}: {err[1]}")

    def stopTestRun(self):
        super().stopTestRun()
        tree = ElementTree.ElementTree(self.root)
        tree.write(os.environ["LOOPSHIFT_VERIFY_JUNIT"], encoding="utf-8", xml_declaration=True)


class Runner(unittest.TextTestRunner):
    resultclass = Result


if __name__ == "__main__":
    sys.argv[0] = "python -m unittest"
    unittest.main(module=None, testRunner=Runner)
