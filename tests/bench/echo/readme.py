"""Writes README.md's first server to standard output, as a server that the benchmark can use: on "/" and any free port,
which it prints.

usage: readme.py README
"""

import pathlib
import re
import sys

CHANGES = [
    ("{{.port = 8080}}", "{}"),
    ('"/echo", echo', '"/", echo'),
    ("server.run();", 'server.start();\n  std::printf("%u\\n", static_cast<unsigned>(server.port()));\n  std::fflush(stdout);\n  server.run();'),
]


def main():
    text = re.search(r"## A first server\n\n```cpp\n(.*?)```", pathlib.Path(sys.argv[1]).read_text(), re.DOTALL)[1]
    for before, after in CHANGES:
        if text.count(before) != 1:
            sys.exit(f"README.md's first server has no {before}")
        text = text.replace(before, after)
    print(f"#include <cstdio>\n{text}", end="")


if __name__ == "__main__":
    main()
