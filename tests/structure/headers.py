"""Compiles every header alone, twice in the same file, and all of them together, with warnings as errors; and looks for
names that <windows.h> makes macros of.

usage: headers.py REPOSITORY COMPILER [--std-only | --rest] [FLAG...]

--std-only leaves out net/ and whatever else needs more than the standard library, and builds the rest without
exceptions and without run-time types. --rest compiles alone what that leaves out, and nothing else.
"""

import concurrent.futures
import pathlib
import subprocess
import sys

from layers import includes_of, needs_only_std
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from report import Report

WARNINGS = ["-Wall", "-Wextra", "-Wpedantic", "-Wconversion", "-Wsign-conversion", "-Wshadow", "-Wold-style-cast",
            "-Wnull-dereference", "-Werror"]

# What <windows.h> makes macros of, without NOMINMAX and WIN32_LEAN_AND_MEAN, as far as it looks like a name of C++.
WINDOWS = ["min(...)", "max(...)", "Yield(...)", "near", "far", "small", "hyper", "interface", "pascal", "cdecl", "IN", "OUT",
           "OPTIONAL", "ERROR", "NO_ERROR", "DELETE", "IGNORE", "INFINITE", "TRUE", "FALSE", "CONST", "STRICT", "THIS", "VOID",
           "GetMessage", "SendMessage", "GetObject", "CreateEvent", "Rectangle", "DIFFERENCE", "RELATIVE", "ABSOLUTE", "TRANSPARENT"]

# What a program asks for header by header: one that includes such a library is left out where there is none, or where the
# compiler refuses it, as clang 19 and g++ 14 do RapidJSON 1.1.0.
OPTIONAL = ("hiredis/", "isa-l/", "openssl/", "rapidjson/")

# Of other processors and systems, or nowhere on purpose.
NOT_HERE = {"arm_neon.h", "arm_acle.h", "see_the_error_above"}


def compile_alone(compiler, include, header, flags):
    return compile_together(compiler, include, [header, header], flags)


def compile_together(compiler, include, headers, flags):
    return compile_text(compiler, include, "".join(f"#include <{header}>\n" for header in headers), flags)


def all_includes_of(include, header, seen=None):
    """What a header includes, and what that does of ours."""
    seen = set() if seen is None else seen
    for other in includes_of(header, (include / header).read_text()):
        if other not in seen:
            seen.add(other)
            if other.startswith("kindwire/") and (include / other).exists():
                all_includes_of(include, other, seen)
    return seen


def lacks_library(compiler, include, header, flags):
    wanted = sorted(other for other in all_includes_of(include, header) if other.startswith(OPTIONAL))
    missing = [other for other in wanted if compile_text(compiler, include, f"#include <{other}>\n", flags)]
    for other in missing:
        print(f"left out: {header}, since there is no <{other}> that compiles")
    return bool(missing)


def uses_of_windows_macros(compiler, include, headers, flags):
    """Where a header means a name that is a macro there. What they include of others' comes before the macros: whoever wrote
    it has taken care."""
    others = {other for header in headers for other in includes_of(header, (include / header).read_text())
              if not other.startswith("kindwire/")}
    text = "".join(f"#if __has_include(<{other}>)\n#include <{other}>\n#endif\n" for other in sorted(others - NOT_HERE))
    text += "".join(f"#define {macro} is_a_macro_of_windows: {macro}\n" for macro in WINDOWS)
    text += "".join(f"#include <{header}>\n" for header in headers)
    command = [compiler, "-std=c++20", "-E", f"-I{include}", *flags, "-x", "c++", "-"]
    result = subprocess.run(command, input=text, capture_output=True, text=True, timeout=300)
    place, found = "", [result.stderr] if result.returncode else []
    for line in result.stdout.splitlines():
        if line.startswith("# "):
            place = line.split('"')[1]
        elif "is_a_macro_of_windows" in line:
            found.append(f"{place}: {line.strip()}")
    return found


def compile_text(compiler, include, text, flags):
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
    headers = [header for header in headers if not lacks_library(compiler, include, header, flags)]
    alone = headers
    if "--rest" in flags:
        flags.remove("--rest")
        alone = [header for header in headers if not needs_only_std(header)]

    report = Report()
    broken = compile_alone(compiler, include, "kindwire/no_such_header.hpp", flags)
    report.check("a header that does not compile is noticed", [] if "no_such_header" in broken else [broken or "it compiled"])
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        together = pool.submit(compile_together, compiler, include, headers, flags)
        errors = pool.map(lambda header: compile_alone(compiler, include, header, flags), alone)
        for header, error in zip(alone, errors):
            report.check(f"{header} alone", [error] if error else [])
        # No two layers may have one name of detail, or shadow each other's.
        report.check("all of them together", [together.result()] if together.result() else [])
        report.check("no name that <windows.h> makes a macro", uses_of_windows_macros(compiler, include, headers, flags))
    report.end()


if __name__ == "__main__":
    main()
