"""Writes the part of kindwire that needs only the standard library as one header, to standard output.

usage: single_header.py REPOSITORY [HEADER…] >kindwire.hpp

HEADER is a header below include/, kindwire/kindwire.hpp if none is named. What it includes of kindwire's stands where it is
included first; what it includes of others' is left as it is.
"""

import pathlib
import re
import sys

INCLUDE = re.compile(r'[ \t]*#[ \t]*include[ \t]*(?:"([^"]+)"|<(kindwire/[^>]+)>)')
CONDITION = re.compile(r"[ \t]*#[ \t]*(if|endif)")
VERSION = re.compile(r"""^  version: '([^']+)'""", re.MULTILINE)


def inlined(include, path, done):
    """The lines of a header, with those that it includes in their places, or before the condition that they are under."""
    if path in done:
        return []
    done.add(path)
    lines = []
    depth = 0
    condition_at = 0  # where the outermost of the open conditions begins
    for line in path.read_text().splitlines():
        if line.strip() == "#pragma once":
            continue
        if condition := CONDITION.match(line):
            if depth == 0:
                condition_at = len(lines)
            depth += 1 if condition[1] == "if" else -1
        if wanted := INCLUDE.match(line):
            other = path.parent / wanted[1] if wanted[1] else include / wanted[2]
            fresh = inlined(include, other.resolve(), done)
            place = condition_at if depth else len(lines)
            lines[place:place] = fresh
            condition_at += len(fresh)
        else:
            lines.append(line)
    return lines


def main():
    if len(sys.argv) < 2 or not (pathlib.Path(sys.argv[1]) / "include" / "kindwire").is_dir():
        sys.exit(__doc__.strip())
    root = pathlib.Path(sys.argv[1]).resolve()
    include = root / "include"
    headers = sys.argv[2:] or ["kindwire/kindwire.hpp"]
    version = VERSION.search((root / "meson.build").read_text())[1]
    done = set()
    lines = [f"// kindwire {version} in one header; made by .packaging/single_header.py, not to be edited.", "//"]
    lines += [f"// {line}".rstrip() for line in (root / "LICENSE").read_text().splitlines()]
    lines += ["", "#pragma once", ""]
    for header in headers:
        lines += inlined(include, (include / header).resolve(), done)
    sys.stdout.write("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
