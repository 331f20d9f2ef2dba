"""Builds this folder's project against kindwire in the two ways that the README names, and runs its programs.

usage: check.py REPOSITORY BUILD_FOLDER COMPILER
"""

import os
import pathlib
import shutil
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from report import Report

HERE = pathlib.Path(__file__).resolve().parent


def run(*command, cwd=None):
    """What is wrong with a command's run: a list that is empty if all went well."""
    result = subprocess.run(command, cwd=cwd, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=600)
    return [f"{' '.join(map(str, command))}: status {result.returncode}\n{result.stdout}"] if result.returncode else []


def as_subproject(report, root, work, compiler):
    project = work / "subproject"
    shutil.rmtree(project, ignore_errors=True)
    shutil.copytree(HERE, project, ignore=shutil.ignore_patterns("*.py", "__pycache__"))
    # The copy has neither tests/ nor examples/: a subproject must not need them.
    kindwire = project / "subprojects" / "kindwire"
    shutil.copytree(root / "include", kindwire / "include")
    for name in ("meson.build", "meson_options.txt"):
        shutil.copy(root / name, kindwire)
    os.environ["CXX"] = compiler
    problems = run("meson", "setup", "build", cwd=project) or run("meson", "compile", "-C", "build", cwd=project)
    report.check("builds as a Meson subproject, warnings as errors", problems)
    for name in ("whole", "std_only"):
        report.check(f"{name} runs, built by Meson", problems and ["was not built"] or run(project / "build" / name))


def by_hand(report, root, work, compiler):
    flags = ["-std=c++20", "-O1", "-Wall", "-Wextra", "-Wpedantic", "-Werror", f"-I{root / 'include'}"]
    programs = {
        "whole": (["-DASIO_STANDALONE", "-pthread"], ["whole.cpp", "second.cpp"]),
        "std_only": (["-fno-exceptions", "-fno-rtti"], ["std_only.cpp"]),
    }
    for name, (extra, sources) in programs.items():
        program = work / name
        problems = run(compiler, *flags, *extra, *[HERE / source for source in sources], "-o", program)
        report.check(f"{name} builds with the compiler alone", problems)
        report.check(f"{name} runs, built with the compiler alone", problems and ["was not built"] or run(program))


def main():
    root, work, compiler = pathlib.Path(sys.argv[1]).resolve(), pathlib.Path(sys.argv[2]).resolve(), sys.argv[3]
    work.mkdir(parents=True, exist_ok=True)
    report = Report()
    as_subproject(report, root, work, compiler)
    by_hand(report, root, work, compiler)
    report.end()


if __name__ == "__main__":
    main()
