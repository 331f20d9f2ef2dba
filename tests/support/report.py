"""How every script under tests/ says what it found: a line a case, and `N passed, N failed` at the end."""

import sys


class Report:
    def __init__(self):
        self.passed = 0
        self.failed = 0

    def ok(self, name):
        self.passed += 1
        print(f"ok {name}", flush=True)

    def fail(self, name, why):
        self.failed += 1
        print(f"FAIL {name}: {why}", flush=True)

    def check(self, name, problems):
        """Passes when the list of problems is empty."""
        if problems:
            self.fail(name, "\n  ".join(["", *problems]))
        else:
            self.ok(name)

    def end(self):
        """Prints the sum and ends the program: status 1 if a case failed, or if there was none."""
        print(f"{self.passed} passed, {self.failed} failed", flush=True)
        sys.exit(0 if self.passed and not self.failed else 1)
