"""Builds this folder's programs against kindwire in every way that the README names, and runs them.

usage: check.py REPOSITORY BUILD_FOLDER COMPILER [--all]

Without --all it is a Meson subproject only: the others take long. Warnings are errors in each. What needs a tool that is not there, CMake or pkg-config, fails: tests/run installs them.
"""

import os
import pathlib
import re
import shutil
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from report import Report

HERE = pathlib.Path(__file__).resolve().parent
FLAGS = ["-std=c++20", "-O0", "-Wall", "-Wextra", "-Wpedantic", "-Werror"]
STD_ONLY = ["-fno-exceptions", "-fno-rtti"]
FETCH_CONTENT = re.compile(r"^```cmake\n(include\(FetchContent\)\n.*?)^```$", re.MULTILINE | re.DOTALL)


def run(*command, cwd=None, **environment):
    """What is wrong with a command's run: a list that is empty if all went well."""
    environment = {name: str(value) for name, value in environment.items()}
    result = subprocess.run(
        [str(part) for part in command], cwd=cwd, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        timeout=1200, env={**os.environ, **environment},
    )
    return [f"{' '.join(map(str, command))}: status {result.returncode}\n{result.stdout}"] if result.returncode else []


def fresh(folder):
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return folder


def check_programs(report, how, problems, folder, names):
    report.check(f"builds {how}, warnings as errors", problems)
    for name in names:
        report.check(f"{name} runs, built {how}", problems and ["was not built"] or run(folder / name))


def copy_of(root, to):
    """What a subproject gets: neither tests/ nor examples/, which it must not need."""
    shutil.copytree(root / "include", to / "include")
    shutil.copytree(root / ".packaging", to / ".packaging")
    for name in ("meson.build", "meson_options.txt", "LICENSE"):
        shutil.copy(root / name, to)
    return to


def as_subproject(report, root, work, compiler):
    project = work / "subproject"
    shutil.rmtree(project, ignore_errors=True)
    shutil.copytree(HERE, project, ignore=shutil.ignore_patterns("*.py", "__pycache__", "cmake", "Makefile"))
    copy_of(root, project / "subprojects" / "kindwire")
    problems = run("meson", "setup", "build", cwd=project) or run("meson", "compile", "-C", "build", cwd=project)
    check_programs(report, "as a Meson subproject", problems, project / "build", ["whole", "compressed", "std_only"])


def by_hand(report, root, work, compiler):
    """The compiler alone; and what else becomes of the same objects: a static library, a shared one."""
    folder = fresh(work / "by_hand")
    include = [f"-I{root / 'include'}", "-DASIO_STANDALONE", "-pthread"]
    problems = []
    for source in ("whole", "second"):
        problems += run(compiler, *FLAGS, *include, "-fPIC", "-c", HERE / f"{source}.cpp", "-o", folder / f"{source}.o")
    objects = [folder / "whole.o", folder / "second.o"]
    built = problems or run(compiler, *objects, "-pthread", "-o", folder / "whole")
    check_programs(report, "with the compiler alone, in two translation units", built, folder, ["whole"])

    built = problems or run("ar", "rcs", folder / "libsecond.a", folder / "second.o") or run(
        compiler, folder / "whole.o", folder / "libsecond.a", "-pthread", "-o", folder / "with_static")
    check_programs(report, "with a static library", built, folder, ["with_static"])
    built = problems or run(compiler, "-shared", folder / "second.o", "-o", folder / "libsecond.so") or run(
        compiler, folder / "whole.o", folder / "libsecond.so", f"-Wl,-rpath,{folder}", "-pthread", "-o", folder / "with_shared")
    check_programs(report, "with a shared library", built, folder, ["with_shared"])

    built = run(compiler, *FLAGS, *include, HERE / "compressed.cpp", "-lz", "-o", folder / "compressed")
    check_programs(report, "with zlib by hand", built, folder, ["compressed"])

    unity = folder / "unity.cpp"
    unity.write_text("".join(f'#include "{HERE / source}"\n' for source in ("second.cpp", "whole.cpp")))
    built = run(compiler, *FLAGS, *include, unity, "-o", folder / "unity")
    check_programs(report, "as one translation unit", built, folder, ["unity"])
    newer = ["-std=c++23" if not run(compiler, "-std=c++23", "-fsyntax-only", "-x", "c++", "/dev/null") else "-std=c++2b"]
    report.check("compiles as C++23", run(compiler, *FLAGS, *include, *newer, "-fsyntax-only", HERE / "whole.cpp"))
    built = run(compiler, *FLAGS, *STD_ONLY, include[0], HERE / "std_only.cpp", "-o", folder / "std_only")
    built = built or run(compiler, *FLAGS, *STD_ONLY, include[0], HERE / "json_only.cpp", "-o", folder / "json_only")
    check_programs(report, "without exceptions and run-time types", built, folder, ["std_only", "json_only"])


def in_one_header(report, root, work, compiler):
    folder = fresh(work / "one_header")
    made = subprocess.run([sys.executable, root / ".packaging" / "single_header.py", root], capture_output=True, text=True, timeout=60)
    report.check("the single header is made", [made.stderr] if made.returncode else [])
    (folder / "kindwire.hpp").write_text(made.stdout)
    text = (HERE / "std_only.cpp").read_text()
    (folder / "main.cpp").write_text(text.replace("<kindwire/session.hpp>", '"kindwire.hpp"'))
    (folder / "other.cpp").write_text('#include "kindwire.hpp"\n#include "kindwire.hpp"\n')
    built = run(compiler, *FLAGS, *STD_ONLY, folder / "main.cpp", folder / "other.cpp", "-o", folder / "std_only")
    check_programs(report, "from the single header", built, folder, ["std_only"])

    # Any headers can be put into one, with what they include under conditions.
    of_all = ["kindwire/deflate.hpp", "kindwire/exchange/serve.hpp", "kindwire/hub.hpp", "kindwire/json/dispatcher.hpp", "kindwire/net/server.hpp"]
    made = subprocess.run([sys.executable, root / ".packaging" / "single_header.py", root, *of_all], capture_output=True, text=True, timeout=60)
    (folder / "all.cpp").write_text(made.stdout.replace("#pragma once\n", ""))
    report.check("one header of all layers compiles", run(compiler, *FLAGS, "-DASIO_STANDALONE", "-fsyntax-only", folder / "all.cpp"))


def installed(report, root, work, compiler):
    """`meson install`, then moved away: what is found by pkg-config and by CMake."""
    folder = fresh(work / "installed")
    prefix = folder / "prefix"
    problems = run("meson", "setup", folder / "build", root, f"--prefix={prefix}", "-Dpkgconfig.relocatable=true")
    problems = problems or run("meson", "install", "--quiet", "-C", folder / "build")
    report.check("meson install", problems)
    if problems:
        return
    headers = lambda of: sorted(str(path.relative_to(of)) for path in of.rglob("*.hpp"))
    report.check("every header is installed", [] if headers(prefix / "include") == headers(root / "include") else ["not"])
    licence = prefix / "share" / "licenses" / "kindwire" / "LICENSE"
    report.check("the licence is installed", [] if licence.exists() else [f"no {licence}"])
    moved = prefix.rename(folder / "moved")
    packages = moved / "share" / "pkgconfig"

    version = re.search(r"^  version: '(.*)'", (root / "meson.build").read_text(), re.MULTILINE)[1]
    for package in ("kindwire", "kindwire-std", "kindwire-deflate", "kindwire-hub-redis", "kindwire-tls"):
        wrong = run("pkg-config", f"--exact-version={version}", package, PKG_CONFIG_PATH=packages)
        report.check(f"pkg-config knows {package} {version}", wrong)
    by_make = fresh(folder / "make")
    built = run("make", "-f", HERE / "Makefile", f"FROM={HERE}", f"CXX={compiler}", cwd=by_make, PKG_CONFIG_PATH=packages)
    check_programs(report, "by make and pkg-config", built, by_make, ["whole", "compressed", "std_only"])

    by_cmake = folder / "cmake"
    built = run("cmake", "-S", HERE / "cmake", "-B", by_cmake, f"-DFROM={HERE}", f"-DCMAKE_PREFIX_PATH={moved}",
                f"-DKINDWIRE_WANTED={version}", "-DCMAKE_BUILD_TYPE=Debug") or run("cmake", "--build", by_cmake)
    check_programs(report, "by CMake's find_package", built, by_cmake, ["whole", "compressed", "std_only", "json_only"])
    # Folders may also be named from the root.
    apart, include = folder / "apart", folder / "elsewhere" / "include"
    problems = run("meson", "setup", apart, root, f"--prefix={folder / 'apart-prefix'}", f"--includedir={include}")
    problems = problems or run("meson", "install", "--quiet", "-C", apart)
    project = fresh(folder / "of_apart")
    (project / "CMakeLists.txt").write_text(
        "cmake_minimum_required(VERSION 3.18)\nproject(apart LANGUAGES CXX)\nfind_package(kindwire REQUIRED)\n"
        f"add_executable(std_only {HERE / 'std_only.cpp'})\ntarget_link_libraries(std_only PRIVATE kindwire::std)\n")
    problems = problems or run("cmake", "-S", project, "-B", project / "build", f"-DCMAKE_PREFIX_PATH={folder / 'apart-prefix'}")
    check_programs(report, "with headers in a folder of their own", problems or run("cmake", "--build", project / "build"),
                   project / "build", ["std_only"])
    # Without its library a layer is not there, and who requires it is told. json/ needs none.
    project = fresh(folder / "poor")
    (project / "CMakeLists.txt").write_text(
        "cmake_minimum_required(VERSION 3.18)\nproject(poor LANGUAGES CXX)\n"
        "foreach(library asio RapidJSON ZLIB)\n  set(kindwire_${library}_INCLUDE_DIR NOTFOUND)\n"
        "  set(CMAKE_DISABLE_FIND_PACKAGE_${library} ON)\nendforeach()\n"
        "set(CMAKE_FIND_USE_CMAKE_SYSTEM_PATH OFF)\nset(CMAKE_FIND_USE_SYSTEM_ENVIRONMENT_PATH OFF)\n"
        "find_package(kindwire REQUIRED COMPONENTS json rapidjson net exchange hub hub-redis deflate tls)\n")
    told = run("cmake", "-S", project, "-B", project / "build", f"-Dkindwire_DIR={moved / 'share' / 'cmake' / 'kindwire'}")
    told = "".join(told)
    lacks = all(f"kindwire::{layer} cannot be made" in told for layer in ("rapidjson", "net", "exchange", "hub", "hub-redis", "deflate", "tls"))
    lacks = lacks and "kindwire::json" not in told
    report.check("a layer without its library is told by name", [] if lacks else [told or "it was found"])


def fetched(report, root, work, compiler):
    """The README's own lines, with this repository where they say it lies."""
    folder = fresh(work / "fetched")
    found = FETCH_CONTENT.search((root / "README.md").read_text())
    report.check("the README has FetchContent in five lines", [] if found and found[1].count("\n") == 5 else ["not"])
    if not found:
        return
    (folder / "third_party").mkdir()
    copy_of(root, folder / "third_party" / "kindwire")
    (folder / "CMakeLists.txt").write_text(
        "cmake_minimum_required(VERSION 3.18)\nproject(app LANGUAGES CXX)\n" + found[1] +
        "target_compile_options(app PRIVATE -Wall -Wextra -Werror)\n")
    shutil.copy(HERE / "whole.cpp", folder / "main.cpp")
    (folder / "everything.hpp").write_text((HERE / "everything.hpp").read_text())
    (folder / "main.cpp").write_text(
        (HERE / "whole.cpp").read_text() + (HERE / "second.cpp").read_text().replace('#include "everything.hpp"\n', ""))
    built = run("cmake", "-S", folder, "-B", folder / "build") or run("cmake", "--build", folder / "build")
    check_programs(report, "by CMake's FetchContent", built, folder / "build", ["app"])

    # Beside libraries that the project builds itself, whatever it calls them.
    project = fresh(work / "beside")
    for library, alias in (("asio", "add_library(asio::asio ALIAS asio)\n"), ("RapidJSON", ""), ("zlib", "")):
        (project / library).mkdir()
        (project / library / "CMakeLists.txt").write_text(
            f"add_library({library} INTERFACE)\ntarget_include_directories({library} INTERFACE /usr/include)\n{alias}")
    (project / "CMakeLists.txt").write_text(
        "cmake_minimum_required(VERSION 3.24)\nproject(beside LANGUAGES CXX)\ninclude(FetchContent)\n"
        "FetchContent_Declare(asio SOURCE_DIR ${CMAKE_SOURCE_DIR}/asio OVERRIDE_FIND_PACKAGE)\n"
        "FetchContent_Declare(RapidJSON SOURCE_DIR ${CMAKE_SOURCE_DIR}/RapidJSON OVERRIDE_FIND_PACKAGE)\n"
        "add_subdirectory(zlib)\n"
        f"add_subdirectory({root / '.packaging' / 'cmake'} kindwire)\n"
        "foreach(layer rapidjson exchange hub deflate)\n  if(NOT TARGET kindwire::${layer})\n    message(FATAL_ERROR \"no ${layer}\")\n  endif()\nendforeach()\n"
        "get_target_property(links kindwire::deflate INTERFACE_LINK_LIBRARIES)\n"
        "if(NOT \"zlib\" IN_LIST links)\n  message(FATAL_ERROR \"not our zlib: ${links}\")\nendif()\n")
    report.check("takes the project's own Asio, RapidJSON and zlib", run("cmake", "-S", project, "-B", project / "build"))


def main():
    root, work, compiler = pathlib.Path(sys.argv[1]).resolve(), pathlib.Path(sys.argv[2]).resolve(), sys.argv[3]
    work.mkdir(parents=True, exist_ok=True)
    os.environ["CXX"] = compiler
    report = Report()
    ways = [as_subproject]
    if "--all" in sys.argv[4:]:
        ways += [fetched, by_hand, in_one_header, installed]
    for way in ways:
        way(report, root, work, compiler)
    report.end()


if __name__ == "__main__":
    main()
