"""Draws the results as SVG, with nothing but the standard library."""

import math
import re
from xml.sax.saxutils import escape

COLOURS = {"ours": "#c2410c", "beast": "#2563eb", "beast_coroutine": "#60a5fa", "websocketpp": "#15803d", "wslay": "#7e22ce", "libwebsockets": "#be185d", "limit": "#737373"}
NAMES = {"ours": "kindwire", "beast": "Beast", "beast_coroutine": "Beast, coroutines"}
MARKS = {"ours": 5}  # radius; the others have 3.5


class Image:
    def __init__(self, width, height, title, caption):
        width = max([width, 32 + 9 * len(title), *(32 + 6 * len(line) for line in caption)])
        self.height = height
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
    # What Asio costs by itself is for the table: it is nobody's choice of a library.
    peers = sorted({party for case in cases for party in case["peers"] if party != "asio"})
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
        range_ = self.high - self.low
        steps = range(1, 10) if range_ < 0.7 else (1, 2, 5) if range_ < 2.5 else (1,)
        powers = range(math.floor(self.low), math.ceil(self.high) + 1)
        return [step * 10.0**power for power in powers for step in steps if self.low <= math.log10(step * 10.0**power) <= self.high]


def size_name(size):
    return f"{size >> 20} MiB" if size >= 1 << 20 else f"{size >> 10} KiB" if size >= 1024 else f"{size} B"


def number_name(number):
    return f"{number // 1000000} M" if number >= 1000000 else f"{number:,}"


class Panel:
    """Lines that go through a dot for each case, from left to right; each party has one."""

    top, bottom, step = 80, 320, 42

    def __init__(self, left, title, rows, scaled):
        self.left, self.title, self.rows, self.scaled = left, title, rows, scaled
        self.right = left + 2 * self.step + self.step * (len(rows) - 1)

    def values(self, parties):
        return [self.scaled(case, party) for _, case in self.rows for party in parties if value(case, party)]

    def draw(self, image, parties, axis, unit):
        image.text(self.left + 4, self.top - 8, self.title, weight="bold")
        for at in axis.ticks():
            image.line([(self.left, axis(at)), (self.right, axis(at))], "#e5e5e5")
            if unit is not None:
                image.text(self.left - 6, axis(at) + 4, f"{at:g}{unit}", anchor="end", size=10)
        across = [self.left + self.step * (i + 1) for i in range(len(self.rows))]
        for x, (name, _) in zip(across, self.rows):
            image.text(x, self.bottom + 17, name, anchor="middle", size=10)
        for party in reversed(parties):
            known = [(x, case) for x, (_, case) in zip(across, self.rows) if value(case, party)]
            points = [(x, axis(self.scaled(case, party))) for x, case in known]
            if len(points) > 1:
                image.line(points, COLOURS.get(party, "#0f766e"), 2 if party == "ours" else 1.2, party == "limit")
            for (x, y), (_, case) in zip(points, known):
                image.dot(x, y, party, f"{party}: {value(case, party):g} {case['unit']}")


def last_number(case):
    return int(case["case"].split("/")[2])


def throughput(cases, title, limit, caption):
    """A panel for each kind: payload in GB/s by the size of the messages."""
    kinds = {}
    for case in cases:
        kinds.setdefault(case["case"].split("/")[1], []).append((size_name(last_number(case)), case))
    parties = parties_of(cases)
    panels = []
    for kind, rows in kinds.items():
        left = panels[-1].right + 16 if panels else 72
        panels.append(Panel(left, kind, rows, lambda case, party: last_number(case) / value(case, party)))
    image = Image(panels[-1].right + 16, 390, title, caption)
    image.legend(parties, limit)
    axis = Log([each for panel in panels for each in panel.values(parties)], Panel.bottom, Panel.top)
    for i, panel in enumerate(panels):
        panel.draw(image, parties, axis, " GB/s" if i == 0 else None)
    return str(image)


# The cases, what a panel of them shows, and how their numbers are written.
GROWTH = [
    (r"growth/message/\d+", "ns a KiB, by message size", size_name),
    (r"growth/fragments/\d+", "ns a fragment, by number", number_name),
    (r"growth/connections/\d+", "server ns a message, by connections", number_name),
    (r"growth/connections/\d+/user", "of it in user space", number_name),
]


def growth(cases, caption):
    """A panel for each thing of which there may be many, with an axis of its own: what one of them costs."""
    parties = parties_of(cases)
    panels = []
    for pattern, title, name in GROWTH:
        rows = [(name(last_number(case)), case) for case in cases if re.fullmatch(pattern, case["case"])]
        if rows:
            panels.append(Panel(panels[-1].right + 56 if panels else 56, title, rows, value))
            panels[-1].right = max(panels[-1].right, panels[-1].left + 7 * len(title))
    if not panels:
        return None
    image = Image(panels[-1].right + 16, 390, "Growth: what one costs, however many there are", caption)
    image.legend(parties, "memcpy; bare epoll")
    for panel in panels:
        panel.draw(image, parties, Log(panel.values(parties), Panel.bottom, Panel.top), "")
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
        images["send.svg"] = throughput(cases, "Sending into memory: payload by message size (Beast's server hands the payload on uncopied)", "memcpy", caption)
    if cases := of("echo/"):
        title = "Echo over loopback: server CPU a message (connections x outstanding x bytes)"
        images["echo.svg"] = dots(cases, title, "bare epoll", "x", caption, relative=True)
    if cases := of("idle/"):
        title = "An idle connection: resident bytes, after an echo of 16 KiB"
        images["idle.svg"] = dots(cases, title, "bare epoll", " B", caption, relative=False)
    if image := growth(of("growth/"), caption):
        images["growth.svg"] = image
    if cases := of("growth/flood/"):
        title = "Beside a connection that floods with messages of so many bytes: round trips of ten others"
        images["flood.svg"] = dots(cases, title, "bare epoll", " us", caption, relative=False)
    return images
