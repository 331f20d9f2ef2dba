"""Reads the log of a `meson test` run: shows what failed, and counts the cases inside each test.

usage: count.py TESTLOG.json [FAILURES]

What failed is added to the file FAILURES in short, for the end of a long run. The last line is `PASSED FAILED`. A program
that says how many cases it ran (doctest's summary, or `N passed, N failed`) counts as that many, any other as one; one that
crashed or ran out of time has at least one failure.
"""

import json
import pathlib
import re
import sys

TELLING = re.compile(r"FAIL|ERROR|error:|Sanitizer|Traceback|^\w*Error\b|timed out")
DOCTEST = re.compile(r"\[doctest\] test cases:\s*\d+\s*\|\s*(\d+) passed\s*\|\s*(\d+) failed")
PLAIN = re.compile(r"^(\d+) passed, (\d+) failed$", re.MULTILINE)


def cases(test):
    """(passed, failed) of one test's log entry."""
    found = (DOCTEST.findall(test.get("stdout", "")) or PLAIN.findall(test.get("stdout", "")))[-1:]
    passed, failed = map(int, found[0]) if found else (0, 0)
    if test["result"] != "OK":
        return passed, max(failed, 1)
    # A program that says it ran nothing has tested nothing, whatever its status.
    return (passed, failed) if passed else (0, 1) if found else (1, 0)


def in_short(test):
    """The lines of a failed test that say most, or its last ones."""
    lines = (test.get("stdout", "") + "\n" + test.get("stderr", "")).splitlines()
    telling = [index for index, line in enumerate(lines) if TELLING.search(line) and not line.startswith("ok ")]
    # What was compared stands in the lines below.
    shown = sorted({at for index in telling[:6] for at in range(index, min(index + 5, len(lines)))})
    told = [lines[at] for at in shown] or lines[-8:]
    return "\n".join([f"--- {test['name']}: {test['result']}"] + ["    " + line[:200] for line in told if line.strip()])


def main():
    log = pathlib.Path(sys.argv[1])
    tests = [json.loads(line) for line in log.read_text().splitlines()] if log.exists() else []
    passed = failed = 0
    for test in tests:
        now = cases(test)
        passed += now[0]
        failed += now[1]
        print(f"   {test['name']:<40} {now[0]:5} passed, {now[1]} failed {test['duration']:7.1f} s")
        if now[1]:
            print(f"--- {test['name']}: {test['result']}")
            lines = test.get("stdout", "").splitlines()
            print("\n".join(line for line in lines if not line.startswith("ok "))[-20000:])
            print(test.get("stderr", "")[-20000:])
            print("---")
            if len(sys.argv) > 2:
                with open(sys.argv[2], "a") as failures:
                    print(in_short(test), file=failures)
    if not tests:
        print("   no test ran")
        failed = 1
    print(passed, failed)


if __name__ == "__main__":
    main()
