"""Compiles programs that are wrong: each must be refused, and the first error must say why in the words expected;
`refused at once`, within the first five lines of what the compiler says, as nobody reads more. And each header with
compilers that are too old: one sentence, and the end.

usage: refusals.py REPOSITORY COMPILER [FLAG...]

The programs are in tests/*/refused/*.cpp. What stands before the first line `// refused: SENTENCE` is common to all
of the file and compiles (once, into a precompiled header if one of them needs it); each such line begins a program that
does not. One that is to be refused at once is compiled as its user would: what is common is part of it, and includes what
it includes.
"""

import concurrent.futures
import pathlib
import re
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from report import Report

CASE = re.compile(r"^// refused( at once)?: (.+)$", re.MULTILINE)
ERROR = re.compile(r"^.*\berror: .*$", re.MULTILINE)


# What is compiled with, as if it were older: headers, flags, and how the sentence begins.
TOO_OLD = {
    "C++17": ("all", ["-std=c++17"], "kindwire: this is not compiled as C++20; add -std=c++20"),
    "g++ 11": ("all", ["-U__clang__", "-U__GNUC__", "-D__GNUC__=11"], "kindwire: g++ 12 is the oldest that will do"),
    "clang 13": ("all", ["-D__clang__=1", "-U__clang_major__", "-D__clang_major__=13"], "kindwire: clang 14 is the oldest"),
    "no Asio": ("net", ["-nostdinc"], "kindwire: net/ needs Asio without Boost"),
    "Asio 1.18": ("net", ["-DASIO_VERSION=101800", "-DASIO_VERSION_HPP"], "kindwire: Asio 1.22.1 is the oldest"),
    "no coroutines": ("net", ["-fno-coroutines"], "kindwire: net/ needs coroutines, which this compiler does not have"),
    "no RapidJSON": ("rapidjson", ["-nostdinc"], "kindwire: json/rapidjson.hpp needs RapidJSON"),
    "RapidJSON 1.1.0 with g++ 14": ("rapidjson", ["-U__clang__", "-U__GNUC__", "-D__GNUC__=14", "-DRAPIDJSON_RAPIDJSON_H_"],
                                    "kindwire: RapidJSON 1.1.0 does not compile with this compiler"),
    "an Asio that does not know them": ("net", ["-DASIO_DISABLE_CO_AWAIT"], "kindwire: this Asio does not know the coroutines"),
}
HEADERS = {
    "all": ["kindwire.hpp", "session.hpp", "frame/decoder.hpp", "json/dispatcher.hpp", "json/reader.hpp", "net/server.hpp",
            "exchange/serve.hpp"],
    "rapidjson": ["json/rapidjson.hpp"],
    "net": ["net/async_stream.hpp", "net/client.hpp", "net/options.hpp", "net/server.hpp", "net/websocket.hpp"],
}


def problem_if_too_old(command, header, flags, sentence):
    """Nothing but the sentence, and that the compilation stopped there."""
    # The preprocessor is enough for that.
    wanted = ["-E" if flag == "-fsyntax-only" else flag for flag in command if flag not in ("-x", "c++", "-")] + flags
    found = errors_of([*wanted, "-x", "c++", "-"], f"#include <kindwire/{header}>\n")
    if len(found) == 2 and sentence in found[0] and "see_the_error_above" in found[1]:
        return ""
    return f"{header}: " + ("; ".join(found[:3]) or "it compiled")


def check_too_old(report, pool, command):
    for what, (headers, flags, sentence) in TOO_OLD.items():
        found = pool.map(lambda header: problem_if_too_old(command, header, flags, sentence), HEADERS[headers])
        report.check(f"{what} is refused in one sentence", [problem for problem in found if problem])


def output_of(command, program):
    return subprocess.run(command, input=program, capture_output=True, text=True, timeout=900)


def errors_of(command, program):
    result = output_of(command, program)
    return ERROR.findall(result.stderr) or ([f"status {result.returncode}"] if result.returncode else [])


def first_lines(command, program):
    """One text, as an error is; none if there is no error."""
    result = output_of(command, program)
    return ["\n".join(result.stderr.splitlines()[:5])] if result.returncode else []


def precompile(command, header):
    """Found by the compiler where `header` is included first."""
    wanted = [flag for flag in command if flag not in ("-fsyntax-only", "-x", "c++", "-")]
    return errors_of([*wanted, "-x", "c++-header", str(header), "-o", f"{header}.gch"], "")


def refused(precompiled, command, header, program):
    precompiled.result()
    return errors_of([*command[:-3], "-include", str(header), *command[-3:]], program)


def main():
    root, compiler, *flags = sys.argv[1:]
    command = [compiler, "-std=c++20", "-fsyntax-only", f"-I{pathlib.Path(root, 'include')}", *flags, "-x", "c++", "-"]
    report = Report()
    with tempfile.TemporaryDirectory() as folder, concurrent.futures.ThreadPoolExecutor(2) as pool:
        checks = []
        for path in sorted(pathlib.Path(root, "tests").glob("*/refused/*.cpp")):
            common, *cases = CASE.split(path.read_text())
            if "json/rapidjson.hpp" in common and errors_of(command, "#include <rapidjson/document.h>\n"):
                print(f"left out: {path.stem}, since RapidJSON's documents do not compile")
                continue
            name = f"{path.parent.parent.name}/{path.stem}"
            header = pathlib.Path(folder, f"{path.parent.parent.name}_{path.stem}.hpp")
            header.write_text(common)
            needed = not all(cases[::3])
            compiled = pool.submit(precompile, command, header) if needed else pool.submit(errors_of, command, common)
            checks.append((f"{name}: what is common compiles", None, compiled))
            for at_once, sentence, text in zip(cases[::3], cases[1::3], cases[2::3]):
                # Submitted later, so that the header is at least begun: there is nothing to wait for that waits for this.
                found = (pool.submit(first_lines, command, common + text) if at_once else
                         pool.submit(refused, compiled, command, header, text))
                checks.append((f"{name}: {sentence}", sentence, found))
        report.check("there are programs to refuse", [] if len(checks) > 1 else ["none"])
        for name, sentence, found in checks:
            errors = found.result()
            if sentence is None:
                report.check(name, errors)
            elif not errors:
                report.check(name, ["it compiled"])
            else:
                report.check(name, [] if sentence in errors[0] else errors)
        check_too_old(report, pool, command)
    report.end()


if __name__ == "__main__":
    main()
