"""Compiles every header alone, twice in the same file, and all of them together, with warnings as errors.

usage: headers.py REPOSITORY COMPILER [--std-only] [FLAG...]

--std-only leaves out json/, net/ and whatever else needs more than the standard library, and builds the rest
without exceptions and without run-time types.
"""

import concurrent.futures
import pathlib
import subprocess
import sys

from layers import needs_only_std
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from report import Report

WARNINGS = ["-Wall", "-Wextra", "-Wpedantic", "-Wconversion", "-Wshadow", "-Werror"]


def compile_alone(compiler, include, header, flags):
    return compile_together(compiler, include, [header, header], flags)


def compile_together(compiler, include, headers, flags):
    text = "".join(f"#include <{header}>\n" for header in headers)
    command = [compiler, "-std=c++20", "-fsyntax-only", f"-I{include}", *WARNINGS, *flags, "-x", "c++", "-"]
    result = subprocess.run(command, input=text, capture_output=True, text=True, timeout=300)
    return result.stderr.strip() or f"status {result.returncode}" if result.returncode else ""


def main():
    root, compiler, *flags = sys.argv[1:]
    include = pathlib.Path(root, "include")
    headers = sorted(str(path.relative_to(include)) for path in include.rglob("*.hpp"))
    if "--std-only" in flags:
        flags = [flag for flag in flags if flag != "--std-only"] + ["-fno-exceptions", "-fno-rtti"]
        headers = [header for header in headers if needs_only_std(header)]
    else:
        flags += ["-DASIO_STANDALONE", "-DASIO_NO_DEPRECATED"]

    report = Report()
    broken = compile_alone(compiler, include, "kindwire/no_such_header.hpp", flags)
    report.check("a header that does not compile is noticed", [] if "no_such_header" in broken else [broken or "it compiled"])
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        together = pool.submit(compile_together, compiler, include, headers, flags)
        errors = pool.map(lambda header: compile_alone(compiler, include, header, flags), headers)
        for header, error in zip(headers, errors):
            report.check(f"{header} alone", [error] if error else [])
        # No two layers may have one name of detail, or shadow each other's.
        report.check("all of them together", [together.result()] if together.result() else [])
    report.end()


if __name__ == "__main__":
    main()
