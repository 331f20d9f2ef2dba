"""Checks the repository as a whole: what lies at its top, what headers must not hold, and the README's programs.

usage: repository.py REPOSITORY COMPILER
"""

import pathlib
import re
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from report import Report

TOP = {"include", "tests", "examples", "meson.build", "meson_options.txt", "LICENSE", "README.md"}
UNFINISHED = re.compile(r"\b(?:TODO|FIXME|XXX|HACK)\b|^[ \t]*#[ \t]*if[ \t]+0\b", re.MULTILINE)
PROGRAM = re.compile(r"^```cpp\n(.*?)^```$", re.MULTILINE | re.DOTALL)
LONGEST = 500  # lines: "not much over 400"


def top_level(root):
    """The names at the top: what git has or would take, or all but build/ where there is no git."""
    command = ["git", "-C", str(root), "-c", f"safe.directory={root}"]
    command += ["ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    try:
        listed = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout
        names = [name for name in listed.split("\0") if name and (root / name).exists()]
    except (OSError, subprocess.CalledProcessError):
        names = [path.name for path in root.iterdir() if path.name not in ("build", "subprojects")]
    return {name.split("/")[0] for name in names}


def check_top(report, root):
    names = {name for name in top_level(root) if not name.startswith(".")}
    problems = [f"{name} is missing" for name in sorted(TOP - names)]
    problems += [f"{name} does not belong there" for name in sorted(names - TOP)]
    report.check("the top of the repository", problems)


def check_texts(report, root):
    texts = [*sorted(root.joinpath("include").rglob("*.hpp")), root / "README.md"]
    unfinished = []
    long = []
    for path in texts:
        text = path.read_text() if path.exists() else ""
        name = path.relative_to(root)
        unfinished += [f"{name}:{text.count(chr(10), 0, hit.start()) + 1}: {hit[0].strip()}" for hit in UNFINISHED.finditer(text)]
        if path.suffix == ".hpp" and text.count("\n") > LONGEST:
            long.append(f"{name} has {text.count(chr(10))} lines")
        if path.suffix == ".hpp" and "#pragma once\n" not in text:
            unfinished.append(f"{name}: no #pragma once")
    report.check("nothing unfinished in headers and README", unfinished)
    report.check(f"no header over {LONGEST} lines", long)
    noticed = UNFINISHED.search("x\n  # if 0\n") and UNFINISHED.search("// TODO: x") and not UNFINISHED.search("#if 01")
    report.check("noticed: something unfinished", [] if noticed else ["let pass"])


def check_readme(report, root, compiler):
    readme = root / "README.md"
    blocks = PROGRAM.findall(readme.read_text()) if readme.exists() else []
    programs = [block for block in blocks if re.search(r"\bint main\(", block)]
    report.check("the README has programs", [] if programs else ["no ```cpp block with a main"])
    for number, program in enumerate(programs, 1):
        command = [compiler, "-std=c++20", "-fsyntax-only", "-Wall", "-Wextra", "-Werror", "-DASIO_STANDALONE"]
        command += [f"-I{root / 'include'}", "-x", "c++", "-"]
        result = subprocess.run(command, input=program, capture_output=True, text=True, timeout=300)
        report.check(f"program {number} of the README compiles", [result.stderr] if result.returncode else [])


def main():
    root = pathlib.Path(sys.argv[1]).resolve()
    report = Report()
    check_top(report, root)
    check_texts(report, root)
    check_readme(report, root, sys.argv[2])
    report.end()


if __name__ == "__main__":
    main()
