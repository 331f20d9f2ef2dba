"""Checks the table of requirements: each of them is there, and each is proved by tests that exist and are built.

usage: requirements.py REPOSITORY

requirements.json lists, section by section, what the standards demand and what has broken other libraries: the clause or
the published failure, the requirement, the choice made where the RFC leaves one, and the tests that prove it, each as
`file: case`. A case is a doctest TEST_CASE, or what a script of tests/interop names. A row that waits for something we do
not have yet says for what instead.
"""

import ast
import copy
import json
import pathlib
import re
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from report import Report

# How many rows a section has: the lists that they were made from have as many. A new section is entered here first.
SECTIONS = {"rule": 63, "length": 7, "load": 12, "state": 7, "handshake": 17, "request": 6, "lifetime": 4, "limits": 2, "deflate": 8, "client": 7}
# What may be waited for.
AWAITED = {"permessage-deflate"}

LITERAL = r'"(?:[^"\\\n]|\\.)*"'
CASE = re.compile(rf"^[ \t]*TEST_CASE\(\s*({LITERAL}(?:\s*{LITERAL})*)\s*\)", re.MULTILINE)
JAVASCRIPT = re.compile(r"""'((?:[^'\\\n]|\\.)*)'|"((?:[^"\\\n]|\\.)*)"|`((?:[^`\\]|\\.)*)`""")


def unquoted(literals):
    """What adjacent C++ string literals say together."""
    text = "".join(literal[1:-1] for literal in re.findall(LITERAL, literals))
    return re.sub(r"\\(.)", r"\1", text)


def cases_in(path, text):
    """The names of the cases in one file, as often as they stand there."""
    if path.endswith(".cpp"):
        return [unquoted(found) for found in CASE.findall(text)]
    if path.endswith(".py"):
        return [node.value for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Constant) and isinstance(node.value, str)]
    if path.endswith(".js"):
        return ["".join(found) for found in JAVASCRIPT.findall(text)]
    return []


class Tests:
    """The files under tests/ and what is in them."""

    def __init__(self, root):
        self.root = root
        self.builds = {path.parent.relative_to(root).as_posix(): path.read_text() for path in root.glob("tests/**/meson.build")}
        self.known = {}

    def cases(self, path):
        """The names in a file; None where there is no such file."""
        if path not in self.known:
            file = self.root / path
            self.known[path] = cases_in(path, file.read_text()) if file.is_file() else None
        return self.known[path]

    def built(self, path):
        """True when the meson.build beside the file, or one above it, lists it."""
        for folder, build in self.builds.items():
            if not path.startswith(folder + "/"):
                continue
            name = path[len(folder) + 1 :]
            if f"'{name}'" in build or (path.endswith(".py") and f"'{pathlib.PurePath(name).stem}'" in build):
                return True
        return False

    def problem_with(self, test):
        """What is wrong with one `file: case`, or None."""
        path, colon, name = test.partition(": ")
        found = self.cases(path) if colon else None
        if found is None:
            return f"{test}: there is no such file"
        if name not in found:
            return f"{test}: there is no such case in it"
        if path.endswith(".cpp") and found.count(name) > 1:
            return f"{test}: there are several cases of that name"
        if not self.built(path):
            return f"{test}: no meson.build lists the file, so that it never runs"
        return None


def problems_with_row(row, tests):
    problems = []
    if unknown := set(row) - {"id", "source", "requirement", "choice", "waits", "tests"}:
        problems.append(f"unknown: {', '.join(sorted(unknown))}")
    problems += [f"no {name}" for name in ("id", "source", "requirement") if not row.get(name)]
    cited = row.get("tests", [])
    if "waits" in row:
        if row["waits"] not in AWAITED:
            problems.append(f"it waits for {row['waits']!r}, which nobody promised")
        if cited:
            problems.append("it waits, and is tested all the same")
    elif not cited:
        problems.append("no test proves it")
    if len(set(cited)) != len(cited):
        problems.append("a test is named twice")
    return problems + [problem for problem in map(tests.problem_with, cited) if problem]


def problems_with_list(table):
    """Whether every requirement is in the table, once and in order."""
    wanted = [f"{section}-{number}" for section, rows in SECTIONS.items() for number in range(1, rows + 1)]
    found = [row.get("id") for row in table["rows"]]
    problems = [f"{name} is missing" for name in wanted if name not in found]
    problems += [f"{name} is there, and nobody asked for it" for name in found if name not in wanted]
    problems += [f"{name} is there twice" for name in dict.fromkeys(found) if found.count(name) > 1]
    if sorted(found) == sorted(wanted) and [name for name in wanted] != found:
        problems.append("the rows are not in order")
    if [section["id"] for section in table["sections"]] != list(SECTIONS):
        problems.append("the sections are others than those that are counted")
    problems += [f"{section['id']}: it says {section['rows']} rows" for section in table["sections"] if section["rows"] != SECTIONS.get(section["id"])]
    return problems


def problems_with(table, tests):
    return problems_with_list(table) + [problem for row in table["rows"] for problem in problems_with_row(row, tests)]


def test_itself(report, table, tests):
    """Each way in which the table could come apart is noticed."""

    def without_row(broken):
        del broken["rows"][17]

    def without_last_row(broken):
        section = broken["sections"][-1]
        broken["rows"].pop()
        section["rows"] -= 1

    def row_twice(broken):
        broken["rows"].insert(3, broken["rows"][3])

    def without_tests(broken):
        broken["rows"][0]["tests"] = []

    def misspelt_case(broken):
        broken["rows"][0]["tests"][0] += "!"

    def misspelt_interop_case(broken):
        for row in broken["rows"]:
            for place, test in enumerate(row.get("tests", [])):
                if test.startswith("tests/interop/"):
                    row["tests"][place] = test[:-1]
                    return

    def missing_file(broken):
        broken["rows"][0]["tests"][0] = "tests/session/missing.cpp: a case"

    def no_file(broken):
        broken["rows"][0]["tests"][0] = "a case"

    def patience(broken):
        del broken["rows"][0]["tests"]
        broken["rows"][0]["waits"] = "better times"

    for change in (without_row, without_last_row, row_twice, without_tests, misspelt_case, misspelt_interop_case, missing_file, no_file, patience):
        broken = copy.deepcopy(table)
        change(broken)
        noticed = len(problems_with(broken, tests)) > len(problems_with(table, tests))
        report.check(f"noticed: {change.__name__.replace('_', ' ')}", [] if noticed else ["let pass"])

    unlisted = Tests(tests.root)
    unlisted.builds = {folder: build.replace("'session.cpp'", "") for folder, build in tests.builds.items()}
    cited = "tests/session.cpp: " + (tests.cases("tests/session.cpp") or [""])[0]
    report.check("noticed: a file that is not built", [] if unlisted.problem_with(cited) else ["let pass"])
    source = 'TEST_CASE(\n    "one, "\n    "and \\"two\\"") {\nTEST_CASE("three") {\n// TEST_CASE("none")'
    report.check("names over several lines", [] if cases_in("a.cpp", source) == ['one, and "two"', "three"] else ["misread"])


def main():
    root = pathlib.Path(sys.argv[1]).resolve()
    table = json.loads(root.joinpath("tests/conformance/requirements.json").read_text())
    tests = Tests(root)
    report = Report()
    test_itself(report, table, tests)
    report.check(f"the list of {sum(SECTIONS.values())} requirements", problems_with_list(table))
    for row in table["rows"]:
        report.check(f"{row.get('id')}: {row.get('requirement')}", problems_with_row(row, tests))
    waiting = sum("waits" in row for row in table["rows"])
    proofs = {test for row in table["rows"] for test in row.get("tests", [])}
    print(f"{len(table['rows'])} requirements, of which {waiting} wait; proved by {len(proofs)} cases")
    report.end()


if __name__ == "__main__":
    main()
