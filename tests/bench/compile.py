"""What a dispatcher of many kinds costs to compile, as lines `CASE UNIT PARTY VALUE`.

usage: compile.py INCLUDE [--rounds N] [--kinds N] [--only CASE]

Each kind is a struct of six fields of various types, with a handler that looks at it. Measured are the compiler's CPU
time and its memory at most, for one file with -O2.
"""

import argparse
import os
import pathlib
import tempfile

FIELDS = [
    ("std::string", "name"),
    ("double", "value"),
    ("std::int64_t", "size"),
    ("bool", "done"),
    ("std::optional<std::string>", "comment"),
    ("std::vector<std::int32_t>", "parts"),
]


def program(kinds):
    lines = ["#include <kindwire/json/dispatcher.hpp>"]
    lines += [f"#include <{header}>" for header in ("cstddef", "cstdint", "optional", "string", "vector")]
    for kind in range(kinds):
        name = f"message_{kind}"
        lines.append(f"struct {name} {{")
        lines += [f"  {type} {field}{{}};" for type, field in FIELDS]
        fields = ", ".join(f'kindwire::field("{field}", &{name}::{field})' for _, field in FIELDS)
        lines.append(f'  static constexpr auto schema = kindwire::kind("MESSAGE_{kind}", {fields});')
        lines.append("};")
    lines.append("bool dispatch(std::string_view text, std::size_t& sum) {")
    lines.append("  static constexpr kindwire::dispatcher on{")
    for kind in range(kinds):
        lines.append(f"      [](message_{kind} const& it, std::size_t& to) {{ to += it.name.size() + {kind}; }},")
    lines.append("  };")
    lines.append("  return static_cast<bool>(on(text, sum));")
    lines.append("}")
    return "\n".join(lines) + "\n"


def compile_once(include, source, output):
    """(seconds of CPU, MB)"""
    command = [os.environ.get("CXX", "g++"), "-std=c++20", "-O2", "-DNDEBUG", f"-I{include}", "-c", source, "-o", output]
    process = os.posix_spawnp(command[0], command, {**os.environ, "CCACHE_DISABLE": "1"})
    _, status, used = os.wait4(process, 0)
    if status != 0:
        raise SystemExit(f"cannot compile {source}")
    return used.ru_utime + used.ru_stime, used.ru_maxrss * 1024 / 1e6


def main():
    arguments = argparse.ArgumentParser()
    arguments.add_argument("include")
    arguments.add_argument("--rounds", type=int, default=3)
    arguments.add_argument("--kinds", type=int, default=50)
    arguments.add_argument("--only", default="")
    how = arguments.parse_args()
    seconds_case = f"compile/dispatcher/{how.kinds}"
    memory_case = f"compile/memory/{how.kinds}"
    if not any(case.startswith(how.only) for case in (seconds_case, memory_case)):
        return
    with tempfile.TemporaryDirectory() as folder:
        source = pathlib.Path(folder) / "dispatcher.cpp"
        source.write_text(program(how.kinds))
        for _ in range(how.rounds):
            seconds, megabytes = compile_once(how.include, str(source), str(source.with_suffix(".o")))
            print(f"{seconds_case} s/file ours {seconds:.4g}")
            print(f"{memory_case} MB ours {megabytes:.4g}", flush=True)


if __name__ == "__main__":
    main()
