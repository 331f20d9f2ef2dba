"""Draws the results as SVG, with nothing but the standard library."""

import math
from xml.sax.saxutils import escape

COLOURS = {"ours": "#c2410c", "beast": "#2563eb", "beast_coroutine": "#60a5fa", "websocketpp": "#15803d", "wslay": "#7e22ce", "libwebsockets": "#be185d", "limit": "#737373"}
NAMES = {"ours": "kindwire", "beast": "Beast", "beast_coroutine": "Beast, coroutines"}
MARKS = {"ours": 5}  # radius; the others have 3.5


class Image:
    def __init__(self, width, height, title, caption):
        self.width, self.height = width, height
        self.parts = [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" font-family="sans-serif" font-size="12">',
            f"<title>{escape(title)}</title>",
            f'<rect width="{width}" height="{height}" fill="white"/>',
        ]
        self.text(16, 24, title, size=15, weight="bold")
        for i, line in enumerate(caption):
            self.text(16, height - 24 + 15 * i, line, size=10, colour="#525252")

    def text(self, x, y, text, anchor="start", size=12, colour="#171717", weight="normal"):
        self.parts.append(
            f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" font-size="{size}" font-weight="{weight}" fill="{colour}">{escape(text)}</text>'
        )

    def line(self, points, colour, width=1.0, dashed=False):
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
        dash = ' stroke-dasharray="5 4"' if dashed else ""
        self.parts.append(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="{width}"{dash}/>')

    def dot(self, x, y, party, label):
        self.parts.append(
            f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{MARKS.get(party, 3.5)}" fill="{COLOURS.get(party, "#0f766e")}"><title>{escape(label)}</title></circle>'
        )

    def legend(self, parties, limit, y=44):
        x = 16
        for party in parties:
            name = limit if party == "limit" else NAMES.get(party, party)
            self.dot(x + 4, y - 4, party, name)
            self.text(x + 14, y, name)
            x += 30 + 7 * len(name)

    def __str__(self):
        return "\n".join([*self.parts, "</svg>", ""])


def parties_of(cases):
    peers = sorted({party for case in cases for party in case["peers"]})
    return ["ours", *peers, "limit"]


def value(case, party):
    return case["peers"].get(party) if party not in ("ours", "limit") else case[party]


class Log:
    """A logarithmic axis."""

    def __init__(self, values, start, end):
        self.low = math.log10(min(values)) - 0.08
        self.high = math.log10(max(values)) + 0.08
        self.start, self.end = start, end

    def __call__(self, at):
        return self.start + (math.log10(at) - self.low) / (self.high - self.low) * (self.end - self.start)

    def ticks(self):
        steps = (1, 2, 5) if self.high - self.low < 2.5 else (1,)
        powers = range(math.floor(self.low), math.ceil(self.high) + 1)
        return [step * 10.0**power for power in powers for step in steps if self.low <= math.log10(step * 10.0**power) <= self.high]


def size_name(size):
    return f"{size >> 20} MiB" if size >= 1 << 20 else f"{size >> 10} KiB" if size >= 1024 else f"{size} B"


def throughput(cases, title, limit, caption):
    """A panel for each kind: payload in GB/s by the size of the messages."""
    kinds = {}
    for case in cases:
        _, kind, size = case["case"].split("/")
        kinds.setdefault(kind, []).append((int(size), case))
    parties = parties_of(cases)
    speeds = [size / value(case, party) for rows in kinds.values() for size, case in rows for party in parties if value(case, party)]
    image = Image(96 + 250 * len(kinds), 390, title, caption)
    image.legend(parties, limit)
    axis = Log(speeds, 320, 80)
    for column, (kind, rows) in enumerate(kinds.items()):
        left = 66 + 250 * column
        x = {size: left + 20 + 42 * i for i, (size, _) in enumerate(rows)}
        image.text(left + 4, 72, kind, weight="bold")
        for at in axis.ticks():
            image.line([(left, axis(at)), (left + 212, axis(at))], "#e5e5e5")
            if column == 0:
                image.text(left - 6, axis(at) + 4, f"{at:g} GB/s", anchor="end", size=10)
        for size in x:
            image.text(x[size], 337, size_name(size), anchor="middle", size=10)
        for party in reversed(parties):
            points = [(x[size], axis(size / value(case, party))) for size, case in rows if value(case, party)]
            image.line(points, COLOURS.get(party, "#0f766e"), 2 if party == "ours" else 1.2, party == "limit")
            for (px, py), (size, case) in zip(points, [row for row in rows if value(row[1], party)]):
                image.dot(px, py, party, f"{party}: {value(case, party):g} {case['unit']}")
    return str(image)


def dots(cases, title, limit, unit, caption, relative):
    """A row for each case, a dot for each party; relative to the limit or as it is."""
    parties = parties_of(cases)
    scaled = {
        (case["case"], party): value(case, party) / (case["limit"] if relative else 1)
        for case in cases
        for party in parties
        if value(case, party) and (case["limit"] or not relative)
    }
    image = Image(846, 130 + 30 * len(cases), title, caption)
    image.legend(parties, limit)
    axis = Log([each for each in scaled.values() if each > 0], 220, 810)
    bottom = 66 + 30 * len(cases)
    for at in axis.ticks():
        image.line([(axis(at), 58), (axis(at), bottom)], "#e5e5e5")
        image.text(axis(at), bottom + 14, f"{at:g}{unit}", anchor="middle", size=10)
    for row, case in enumerate(cases):
        y = 76 + 30 * row
        image.text(16, y + 4, case["case"])
        image.line([(220, y), (810, y)], "#f5f5f5")
        for party in reversed(parties):
            if (case["case"], party) in scaled:
                image.dot(axis(scaled[case["case"], party]), y, party, f"{party}: {value(case, party):g} {case['unit']}")
    return str(image)


def draw(results, caption):
    """The images by their file names."""

    def of(prefix):
        return [case for case in results if case["case"].startswith(prefix) and case["ours"]]

    images = {}
    if cases := of("receive/"):
        images["receive.svg"] = throughput(cases, "Receiving in memory, server side: payload by message size", "memcpy", caption)
    if cases := of("send/"):
        images["send.svg"] = throughput(cases, "Sending into memory: payload by message size", "memcpy", caption)
    if cases := of("echo/"):
        title = "Echo over loopback: server CPU a message (connections x outstanding x bytes)"
        images["echo.svg"] = dots(cases, title, "bare epoll", "x", caption, relative=True)
    if cases := of("idle/"):
        title = "An idle connection: resident bytes, after an echo of 16 KiB"
        images["idle.svg"] = dots(cases, title, "bare epoll", " B", caption, relative=False)
    return images
