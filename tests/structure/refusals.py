"""Compiles programs that are wrong: each must be refused, and the first error must say why in the words expected.

usage: refusals.py REPOSITORY COMPILER [FLAG...]

The programs are in tests/*/refused/*.cpp. What stands before the first line `// refused: SENTENCE` is common to all
of the file and compiles; each such line begins a program that does not.
"""

import concurrent.futures
import pathlib
import re
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from report import Report

CASE = re.compile(r"^// refused: (.+)$", re.MULTILINE)
ERROR = re.compile(r"^.*\berror: .*$", re.MULTILINE)


def errors_of(command, program):
    result = subprocess.run(command, input=program, capture_output=True, text=True, timeout=300)
    return ERROR.findall(result.stderr) or ([f"status {result.returncode}"] if result.returncode else [])


def main():
    root, compiler, *flags = sys.argv[1:]
    command = [compiler, "-std=c++20", "-fsyntax-only", f"-I{pathlib.Path(root, 'include')}", *flags, "-x", "c++", "-"]
    report = Report()
    programs = []  # what it is, the text, the sentence or None
    for path in sorted(pathlib.Path(root, "tests").glob("*/refused/*.cpp")):
        common, *cases = CASE.split(path.read_text())
        name = f"{path.parent.parent.name}/{path.stem}"
        programs.append((f"{name}: what is common compiles", common, None))
        for sentence, text in zip(cases[::2], cases[1::2]):
            programs.append((f"{name}: {sentence}", common + text, sentence))
    report.check("there are programs to refuse", [] if len(programs) > 1 else ["none"])
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        found = pool.map(lambda program: errors_of(command, program[1]), programs)
        for (name, _, sentence), errors in zip(programs, found):
            if sentence is None:
                report.check(name, errors)
            elif not errors:
                report.check(name, ["it compiled"])
            else:
                report.check(name, [] if sentence in errors[0] else errors)
    report.end()


if __name__ == "__main__":
    main()
