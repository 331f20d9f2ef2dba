"""Builds what needs no threads and no network with Emscripten, and runs it by node.

usage: emscripten.py REPOSITORY BUILD_FOLDER
"""

import pathlib
import shutil
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from report import Report

# A program and its sources below tests/, compiled without coroutines, as this version of Emscripten is.
PROGRAMS = {
    "std_only": ["consumers/std_only.cpp"],
    "json_only": ["consumers/json_only.cpp"],
    "numbers": ["main.cpp", "json/text/floating.cpp", "json/text/floating_text.cpp", "json/text/number.cpp", "json/text/number_text.cpp"],
}
# Loaded in one go, since this version takes node's fetch() for a browser's.
FLAGS = ["-std=c++20", "-O1", "-sALLOW_MEMORY_GROWTH=1", "-sDISABLE_EXCEPTION_CATCHING=0", "-sWASM_ASYNC_COMPILATION=0"]


def run(*command):
    command = [str(part) for part in command]
    result = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=600)
    return [f"{' '.join(command)}: status {result.returncode}\n{result.stdout}"] if result.returncode else []


def main():
    root, work = pathlib.Path(sys.argv[1]).resolve(), pathlib.Path(sys.argv[2]).resolve()
    headers = work / "headers"
    headers.mkdir(parents=True, exist_ok=True)
    # Emscripten must not see the other headers of the system.
    for library in ("doctest", "fast_float"):
        (headers / library).unlink(missing_ok=True)
        (headers / library).symlink_to(pathlib.Path("/usr/include") / library)
    node = shutil.which("node") or shutil.which("nodejs") or "node"
    report = Report()
    for name, sources in PROGRAMS.items():
        program = work / f"{name}.js"
        problems = run("em++", *FLAGS, f"-I{root / 'include'}", f"-I{root / 'tests'}", "-isystem", headers,
                       *[root / "tests" / source for source in sources], "-o", program)
        report.check(f"{name} is built by Emscripten", problems)
        report.check(f"{name} runs under node", problems and ["was not built"] or run(node, program))
    report.end()


if __name__ == "__main__":
    main()
