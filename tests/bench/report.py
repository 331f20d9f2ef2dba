"""Makes of the measurements one table, results.json and the plots.

usage: report.py SAMPLES DIRECTORY

Each line of SAMPLES is `CASE UNIT PARTY VALUE`. What is told of a party is the median over its rounds; the spread is the
distance between the quartiles, as a share of the median.
"""

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

LIBRARIES = {"Beast": "libboost1.81-dev", "websocketpp": "libwebsocketpp-dev", "wslay": "libwslay-dev", "libwebsockets": "libwebsockets-dev", "Asio": "libasio-dev"}


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

    def peers(self):
        return [party for party in self.samples if party not in ("ours", "limit")]

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
    peers = sorted({party for case in cases for party in case.peers()})
    rows = [["case", "unit", "ours", *peers, "limit", "beast/ours", "ours/limit", "spread: ours", "others"]]
    for case in cases:
        ours, beast, limit = case.median("ours"), case.median("beast"), case.median("limit")
        others = [case.spread(party) for party in [*case.peers(), "limit"] if party in case.samples]
        rows.append([
            case.name, case.unit, short(ours), *(short(case.median(party)) for party in peers), short(limit),
            f"{beast / ours:.2f}" if beast and ours else "", f"{ours / limit:.2f}" if ours and limit else "",
            share(case.spread("ours")), share(max((each for each in others if each is not None), default=None)),
        ])  # fmt: skip
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    for row in rows:
        left = [row[0].ljust(widths[0]), row[1].ljust(widths[1])]
        print("  ".join(left + [text.rjust(width) for text, width in zip(row[2:], widths[2:])]).rstrip())


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


def main():
    cases = read(pathlib.Path(sys.argv[1]))
    directory = pathlib.Path(sys.argv[2])
    if not cases:
        sys.exit("nothing was measured")
    lines = ",\n".join("  " + json.dumps(case.as_json()) for case in cases)
    (directory / "results.json").write_text(f"[\n{lines}\n]\n")
    told = caption()
    for name, image in plots.draw([case.as_json() for case in cases], told).items():
        (directory / name).write_text(image)
    table(cases)
    if any(case.name.startswith("send/server") for case in cases):
        print("send: the stream takes bytes without touching them, and Beast's server hands it the payload uncopied")
    print(*told, sep="\n")


if __name__ == "__main__":
    main()
