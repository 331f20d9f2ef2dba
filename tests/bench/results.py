"""Makes of the measurements one table, results.json and the plots.

usage: results.py SAMPLES DIRECTORY [--targets] [--readme README]

--targets also says which of the demanded figures are reached. --readme writes the headline figures between the two
marks in that file.

Each line of SAMPLES is `CASE UNIT PARTY VALUE`. What is told of a party is the median over its rounds, of two parties the
median of each round's ratio; the spread is the distance between the quartiles, as a share of the median.
"""

import argparse
import datetime
import json
import os
import pathlib
import platform
import re
import statistics
import subprocess
import sys

import plots
import targets

LIBRARIES = {"Beast": "libboost1.81-dev", "websocketpp": "libwebsocketpp-dev", "wslay": "libwslay-dev", "libwebsockets": "libwebsockets-dev", "Asio": "libasio-dev", "RapidJSON": "rapidjson-dev", "nlohmann": "nlohmann-json3-dev", "simdjson": "libsimdjson-dev", "zlib": "zlib1g-dev", "websockets": "python3-websockets", "ws": "node-ws"}


class Case:
    def __init__(self, name, unit):
        self.name = name
        self.unit = unit
        self.samples = {}

    def median(self, party):
        return statistics.median(self.samples[party]) if party in self.samples else None

    def spread(self, party):
        values = self.samples[party]
        if len(values) < 3 or self.median(party) == 0:
            return None
        low, _, high = statistics.quantiles(values, n=4, method="inclusive")
        return (high - low) / self.median(party)

    def ratio(self, over, under):
        """Median of the rounds' own ratios, since each round has the machine as it was then; None without both."""
        pairs = list(zip(self.samples.get(over, []), self.samples.get(under, [])))
        return statistics.median(a / b for a, b in pairs) if pairs and all(b for _, b in pairs) else None

    def peers(self):
        return [party for party in self.samples if party not in ("ours", "limit", "control")]

    def as_json(self):
        peers = {party: round_to(self.median(party)) for party in self.peers()}
        return {"case": self.name, "unit": self.unit, "ours": round_to(self.median("ours")), "peers": peers, "limit": round_to(self.median("limit"))}


def round_to(value, digits=4):
    return None if value is None else float(f"{value:.{digits}g}")


def read(path):
    cases = {}
    for line in path.read_text().splitlines():
        name, unit, party, value = line.split()
        cases.setdefault(name, Case(name, unit)).samples.setdefault(party, []).append(float(value))
    return list(cases.values())


def short(value):
    if value is None:
        return ""
    for limit, divisor, letter in ((1e6, 1e6, "M"), (1e4, 1e3, "k")):
        if abs(value) >= limit:
            return f"{value / divisor:.3g} {letter}"
    return f"{value:.3g}" if abs(value) < 1000 else f"{value:.0f}"


def share(value):
    return "" if value is None else f"{100 * value:.0f} %"


def table(cases):
    """JSON has other peers than the wire, and so a table of its own; broadcasting has other ways as well."""
    apart = {"json/": ["rapidjson_sax", "rapidjson"], "broadcast/": ["beast"]}
    common = [case for case in cases if not case.name.startswith(tuple(apart))]
    groups = [(common, ["beast"]), *(([case for case in cases if case.name.startswith(prefix)], yardsticks) for prefix, yardsticks in apart.items())]
    for some, yardsticks in groups:
        if some:
            one_table(some, yardsticks)


def one_table(cases, yardsticks):
    """The yardstick of a case is the first of these peers that was measured: how often ours fits into its time is told."""
    peers = sorted({party for case in cases for party in case.peers()})
    rows = [["case", "unit", "ours", *peers, "limit", f"{yardsticks[0]}/ours", "ours/limit", "spread: ours", "others"]]
    for case in cases:
        yardstick = next((peer for peer in yardsticks if peer in case.samples), yardsticks[0])
        faster, slower = case.ratio(yardstick, "ours"), case.ratio("ours", "limit")
        others = [case.spread(party) for party in [*case.peers(), "limit"] if party in case.samples]
        rows.append([
            case.name, case.unit, short(case.median("ours")), *(short(case.median(party)) for party in peers), short(case.median("limit")),
            f"{faster:.2f}" if faster else "", f"{slower:.2f}" if slower else "",
            share(case.spread("ours")), share(max((each for each in others if each is not None), default=None)),
        ])  # fmt: skip
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    for row in rows:
        left = [row[0].ljust(widths[0]), row[1].ljust(widths[1])]
        print("  ".join(left + [text.rjust(width) for text, width in zip(row[2:], widths[2:])]).rstrip())


def controls(cases):
    """A line for each load whose limit was measured twice: as far as the two are apart, no ratio means anything."""
    for load in sorted({case.name.split("/", 2)[-1] for case in cases if "control" in case.samples}):
        case = next(case for case in cases if "control" in case.samples and case.name.endswith(load))
        ratios = [a / b for a, b in zip(case.samples["control"], case.samples["limit"])]
        low, middle, high = statistics.quantiles(ratios, n=4, method="inclusive") if len(ratios) > 1 else ratios * 3
        yield f"a second bare server against the first, {load}: {middle:.3f}, half of the windows from {low:.3f} to {high:.3f}"


def first_line(command):
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()[0]
    except (OSError, subprocess.CalledProcessError, IndexError):
        return ""


def caption():
    """Date, machine, compiler and versions: what a figure means nothing without."""
    found = re.search(r"^model name\s*: (.*)$", pathlib.Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    machine = f"{found[1] if found else platform.machine()}, {os.cpu_count()} cores, Linux {platform.release()}"
    compiler = first_line([os.environ.get("CXX", "g++"), "--version"]) + " -O3"
    versions = []
    for name, package in LIBRARIES.items():
        if version := first_line(["dpkg-query", "-W", "-f", "${Version}\n", package]):
            versions.append(f"{name} {version.split(':')[-1].split('-')[0]}")
    return [f"{datetime.date.today()}; {machine}", "; ".join([compiler, *versions])]


# What README.md shows: what is measured, the case, and what bounds it.
HEADLINES = [
    ("receive 16 B, binary", "receive/binary/16"),
    ("receive 125 B of ASCII text", "receive/ascii/125"),
    ("receive 1 KiB of mixed UTF-8 text", "receive/mixed/1024"),
    ("receive 1 MiB, binary", "receive/binary/1048576"),
    ("send 125 B as a client, masked", "send/client/125"),
    ("send 16 KiB as a client, masked", "send/client/16384"),
    ("echo 20 B, one at a time on each of 100 connections", "echo/coroutine/100x1x20"),
    ("echo 512 B, 64 at a time on each of 100 connections", "echo/coroutine/100x64x512"),
    ("echo 64 KiB, one at a time on each of 10 connections", "echo/coroutine/10x1x65536"),
    ("an idle connection", "idle/coroutine"),
]
UNITS = {"ns/message": [(1e6, "ms"), (1e3, "\N{MICRO SIGN}s"), (1, "ns")], "bytes/connection": [(1e3, "kB"), (1, "B")]}
BEGIN, END = "<!-- figures of sh tests/bench/run publish -->", "<!-- end of figures -->"


def with_unit(value, unit):
    if value is None:
        return ""
    for factor, name in UNITS[unit]:
        if value >= factor or factor == 1:
            value /= factor
            return f"{value:.0f} {name}" if value >= 100 else f"{value:.3g} {name}"


def markdown(cases, told):
    """The headline figures as README.md shows them."""
    by_name = {case.name: case for case in cases}
    chosen = [(label, by_name[name]) for label, name in HEADLINES if name in by_name]
    peers = [peer for peer in ("beast", "websocketpp", "wslay", "libwebsockets") if any(peer in case.samples for _, case in chosen)]
    rows = [["", "kindwire", *(plots.NAMES.get(peer, peer) for peer in peers), "memcpy, bare epoll"], ["---"] + ["---:"] * (len(peers) + 2)]
    for label, case in chosen:
        rows.append([label, *(with_unit(case.median(party), case.unit) for party in ("ours", *peers, "limit"))])
    lines = ["| " + " | ".join(row).replace("|  |", "| |") + " |" for row in rows]
    return "\n".join([*lines, "", *(f"{line}  " for line in told[:-1]), told[-1]])


def publish(readme, text):
    """Writes `text` between the two marks."""
    before, begin, rest = readme.read_text().partition(BEGIN + "\n")
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"{readme} has no line {BEGIN} and {END}")
    readme.write_text(f"{before}{begin}\n{text}\n\n{end}{after}")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("samples", type=pathlib.Path)
    parser.add_argument("directory", type=pathlib.Path)
    parser.add_argument("--targets", action="store_true")
    parser.add_argument("--readme", type=pathlib.Path)
    given = parser.parse_args()
    cases = read(given.samples)
    if not cases:
        sys.exit("nothing was measured")
    results = [case.as_json() for case in cases]
    lines = ",\n".join("  " + json.dumps(case) for case in results)
    (given.directory / "results.json").write_text(f"[\n{lines}\n]\n")
    told = caption()
    for name, image in plots.draw(results, told).items():
        (given.directory / name).write_text(image)
    table(cases)
    if any(case.name.startswith("send/server") for case in cases):
        print("send: the stream takes bytes without touching them, and Beast's server hands it the payload uncopied")
    for line in controls(cases):
        print(line)
    print(*told, sep="\n")
    if given.targets:
        print(*targets.table(cases), sep="\n")
    if given.readme:
        publish(given.readme, markdown(cases, told))


if __name__ == "__main__":
    main()
