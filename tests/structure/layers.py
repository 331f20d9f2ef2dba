"""Reads every #include under include/kindwire and fails on one that goes against the layers.

usage: layers.py REPOSITORY

Arrows point upward only: a header includes its own layer and those that its layer may see. A new folder must be
given its place in LAYERS before anything can live there.
"""

import pathlib
import posixpath
import re
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from report import Report

# A layer and the layers it sees, itself apart.
STD_ONLY = ["requirements", "version", "error", "kernel", "frame", "message", "handshake", "session", "stream"]
LAYERS = {layer: set(STD_ONLY[:place]) for place, layer in enumerate(STD_ONLY)}
LAYERS["kindwire"] = set(STD_ONLY)
# Beside them, without exceptions and run-time types as well.
LAYERS["json"] = {"requirements", "error", "kernel"}
LAYERS["documents"] = {"requirements", "json"}
LAYERS["rapidjson"] = {"requirements", "error", "kernel", "json", "documents"}
LAYERS["deflate"] = {"requirements", "error", "kernel", "frame", "message", "handshake"}
LAYERS["net"] = set(STD_ONLY)
LAYERS["tls"] = {*STD_ONLY, "net"}
LAYERS["exchange"] = {*STD_ONLY, "json", "net"}
LAYERS["hub"] = {*STD_ONLY, "json", "net"}
# Of the hub, each by itself: who joins hubs in another way links no library of theirs.
LAYERS["redis"] = {*STD_ONLY, "hub"}
LAYERS["redis_tls"] = {*STD_ONLY, "hub", "redis"}

# The libraries that a layer may include, by how their headers' names begin.
LIBRARIES = {"json": ["fast_float/"], "rapidjson": ["rapidjson/"], "deflate": ["zlib.h", "isa-l/"], "net": ["asio/"], "tls": ["asio/", "openssl/"], "exchange": ["asio/"], "hub": ["asio/"],
             "redis": ["asio/", "hiredis/"], "redis_tls": ["asio/", "openssl/"]}

# What compilers and operating systems offer beside the standard library; every layer may use it, but for registers.
REGISTERS = re.compile(r"(?:imm|xmm|emm|tmm|smm|nmm|ia32|x86)?intrin\.h|arm_neon\.h|arm_acle\.h")
PLATFORM = re.compile(
    r"(?:sys|arpa|netinet|linux|bits|mach)/\w+\.h|(?:cpuid|cpuintrin)\.h|"
    r"(?:unistd|fcntl|errno|poll|signal|pthread|stdlib|termios|windows|bcrypt|ntsecapi)\.h"
)
STANDARD = re.compile(r"[a-z_0-9]+")

# Costly to include, or missing in one of the compilers that are supported.
UNWANTED = {"iostream", "regex", "ranges", "format", "fstream", "sstream", "iomanip"}

INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*(?:<([^>]+)>|"([^"]+)")', re.MULTILINE)
COMMENT = re.compile(r'"(?:\\.|[^"\\\n])*"|//[^\n]*|/\*.*?\*/', re.DOTALL)


def layer_of(header):
    """`kindwire/frame/mask.hpp` -> frame, `kindwire/session.hpp` -> session, and what joins json/ with RapidJSON, or hub/ with
    Redis."""
    parts = pathlib.PurePosixPath(header).parts
    if parts[1:] and parts[1] == "json" and parts[2].removesuffix(".hpp") == "rapidjson":
        return "rapidjson"
    if len(parts) > 2 and parts[1] == "hub" and parts[2].removesuffix(".hpp") in ("redis", "redis_tls"):
        return parts[2].removesuffix(".hpp")
    return parts[1] if len(parts) > 2 else parts[1].removesuffix(".hpp")


def needs_only_std(header):
    return layer_of(header) in {*STD_ONLY, "kindwire", "json", "documents"}


def includes_of(header, text):
    """What a header includes, a "quoted" name seen from its folder; #include lines in comments are left out."""
    code = COMMENT.sub(lambda match: match[0] if match[0].startswith('"') else " ", text)
    folder = posixpath.dirname(header)
    return [angled or posixpath.normpath(posixpath.join(folder, quoted)) for angled, quoted in INCLUDE.findall(code)]


def problem_with(header, included):
    """What is wrong with one #include of a header, or None."""
    layer = layer_of(header)
    if layer not in LAYERS:
        return f"{header} is in no known layer"
    if included.startswith("kindwire/"):
        other = layer_of(included)
        if other != layer and other not in LAYERS[layer]:
            return f"{header} includes {included}: {layer} may not see {other}"
        return None
    if any(included.startswith(library) for library in LIBRARIES.get(layer, [])):
        return None
    if included in UNWANTED:
        return f"{header} includes <{included}>, which is kept out of headers"
    if STANDARD.fullmatch(included) or PLATFORM.fullmatch(included) or (layer == "kernel" and REGISTERS.fullmatch(included)):
        return None
    return f"{header} includes <{included}>, which {layer} may not use"


def problems_of(texts):
    """All that is wrong with {header: text}, cycles included."""
    problems = []
    graph = {}
    for header, text in sorted(texts.items()):
        found = includes_of(header, text)
        problems += [problem for included in found if (problem := problem_with(header, included))]
        graph[header] = [included for included in found if included.startswith("kindwire/")]
        problems += [f"{header} includes {other}, which does not exist" for other in graph[header] if other not in texts]

    done = set()

    def visit(header, path):
        if header in path:
            problems.append("a cycle: " + " -> ".join([*path[path.index(header):], header]))
        elif header not in done:
            for other in graph.get(header, []):
                visit(other, [*path, header])
            done.add(header)

    for header in graph:
        visit(header, [])
    return problems


def test_itself(report):
    """The rules notice what they are there for, and let pass what is right."""
    wrong = {
        "an arrow down": ("kindwire/frame/a.hpp", "#include <kindwire/message/b.hpp>"),
        "an arrow from std to net": ("kindwire/session.hpp", "#include <kindwire/net/b.hpp>"),
        "json that knows of frames": ("kindwire/json/a.hpp", "  #  include <kindwire/frame/b.hpp>"),
        "net that knows of json": ("kindwire/net/a.hpp", "#include <kindwire/json/b.hpp>"),
        "asio in a std-only layer": ("kindwire/stream/a.hpp", "#include <asio/buffer.hpp>"),
        "json that knows of its documents": ("kindwire/json/a.hpp", "#include <kindwire/documents/b.hpp>"),
        "hiredis in the hub": ("kindwire/hub/a.hpp", "#include <hiredis/read.h>"),
        "openssl in what joins it with Redis": ("kindwire/hub/redis/a.hpp", "#include <openssl/ssl.h>"),
        "net that knows of TLS": ("kindwire/net/a.hpp", "#include <kindwire/tls/b.hpp>"),
        "openssl in net": ("kindwire/net/a.hpp", "#include <openssl/ssl.h>"),
        "a hub that knows of Redis": ("kindwire/hub/hub.hpp", '#include "redis.hpp"'),
        "rapidjson in net": ("kindwire/net/a.hpp", "#include <rapidjson/reader.h>"),
        "rapidjson in json": ("kindwire/json/a.hpp", "#include <rapidjson/document.h>"),
        "json that knows of its join with rapidjson": ("kindwire/json/a.hpp", "#include <kindwire/json/rapidjson.hpp>"),
        "intrinsics in json": ("kindwire/json/a.hpp", "#include <emmintrin.h>"),
        "all of asio": ("kindwire/net/a.hpp", "#include <asio.hpp>"),
        "a quoted arrow down": ("kindwire/frame/a.hpp", '#include "../message/b.hpp"'),
        "a quoted way out": ("kindwire/frame/a.hpp", '#include "../../other/b.hpp"'),
        "iostream": ("kindwire/net/a.hpp", "#include <iostream>"),
        "a folder without a place": ("kindwire/misc/a.hpp", "#include <vector>"),
        "the umbrella with json in it": ("kindwire/kindwire.hpp", "#include <kindwire/json/b.hpp>"),
        "an include after code": ("kindwire/frame/a.hpp", 'char const* a = "//";\n#include <asio/buffer.hpp>'),
    }
    right = {
        "an arrow up": ("kindwire/session.hpp", "#include <kindwire/frame/b.hpp>"),
        "its own layer": ("kindwire/frame/a.hpp", "#include <kindwire/frame/b.hpp>"),
        "a quoted neighbour": ("kindwire/frame/a.hpp", '#include "b.hpp"\n#include "../error.hpp"'),
        "rapidjson in the join": ("kindwire/json/rapidjson.hpp", "#include <rapidjson/document.h>"),
        "hiredis in the join of the hub with Redis": ("kindwire/hub/redis.hpp", "#include <hiredis/read.h>"),
        "openssl in TLS": ("kindwire/tls/a.hpp", "#include <openssl/ssl.h>"),
        "json in the join": ("kindwire/json/rapidjson/a.hpp", "#include <kindwire/json/b.hpp>"),
        "asio in net": ("kindwire/net/a.hpp", "#include <asio/ip/tcp.hpp>"),
        "the platform": ("kindwire/frame/a.hpp", "#include <poll.h>\n#include <sys/random.h>\n#include <span>"),
        "registers in the kernels": ("kindwire/kernel/a.hpp", "#include <immintrin.h>\n#include <arm_neon.h>"),
        "a comment": ("kindwire/frame/a.hpp", "// #include <asio.hpp>\n/*\n#include <asio.hpp>\n*/"),
    }
    for name, (header, text) in wrong.items():
        missed = [] if any(problem_with(header, included) for included in includes_of(header, text)) else ["let pass"]
        report.check(f"noticed: {name}", missed)
    for name, (header, text) in right.items():
        found = [problem for included in includes_of(header, text) if (problem := problem_with(header, included))]
        report.check(f"let pass: {name}", found)
    circle = {
        "kindwire/frame/a.hpp": "#include <kindwire/frame/b.hpp>",
        "kindwire/frame/b.hpp": "#include <kindwire/frame/a.hpp>",
    }
    report.check("noticed: a cycle", [] if any("cycle" in found for found in problems_of(circle)) else ["let pass"])


def main():
    include = pathlib.Path(sys.argv[1], "include")
    texts = {str(path.relative_to(include)): path.read_text() for path in include.rglob("*.hpp")}
    report = Report()
    test_itself(report)
    report.check("there are headers", [] if texts else ["none found"])
    report.check(f"the layers of {len(texts)} headers", problems_of(texts))
    report.end()


if __name__ == "__main__":
    main()
