"""Checks what the benchmark makes of its measurements: medians, ratios, table, results.json, targets, plots, README.

usage: check.py REPOSITORY
"""

import contextlib
import io
import json
import pathlib
import subprocess
import sys
import tempfile
import xml.etree.ElementTree

ROOT = pathlib.Path(sys.argv[1]).resolve()
sys.path[:0] = [str(ROOT / "tests" / "support"), str(ROOT / "tests" / "bench")]
import echo
import plots
import results
import targets
from report import Report

SVG = "{http://www.w3.org/2000/svg}"


def cases_of(text):
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder, "samples.txt")
        path.write_text(text)
        return results.read(path)


def one(name, **samples):
    """A case of its own; each party has a list of values."""
    case = results.Case(name, "ns/message")
    case.samples = {party: list(values) for party, values in samples.items()}
    return case


def differ(what, got, wanted):
    return [] if got == wanted else [f"{what}: {got!r}, not {wanted!r}"]


def check_figures(report):
    [case] = cases_of("".join(f"receive/binary/16 ns/message {line}\n" for line in (
        "ours 3", "beast 30", "limit 1", "ours 4", "beast 60", "limit 2", "ours 100", "beast 300", "limit 25")))  # fmt: skip
    report.check("figures are medians over the rounds", differ("ours", case.median("ours"), 4) + differ("beast", case.median("beast"), 60))
    # 10, 15 and 3: not what the medians' ratio would be.
    report.check("a ratio is the median of each round's own", differ("ratio", case.ratio("beast", "ours"), 10))
    report.check("no ratio to who was not measured, nor to nothing", differ("wslay", case.ratio("wslay", "ours"), None)
                 + differ("0", one("x", ours=[1.0], limit=[0.0]).ratio("ours", "limit"), None))  # fmt: skip
    spread = one("x", ours=[1, 2, 3, 4, 5]).spread("ours")
    report.check("the spread is the distance of the quartiles", differ("spread", round(spread, 3), round(2 / 3, 3))
                 + differ("of two", one("x", ours=[1, 2]).spread("ours"), None))  # fmt: skip
    wanted = {"case": "receive/binary/16", "unit": "ns/message", "ours": 4.0, "peers": {"beast": 60.0}, "limit": 2.0}
    report.check("a case as results.json has it", differ("case", json.loads(json.dumps(case.as_json())), wanted))
    numbers = {0.2: "0.2", 3.456: "3.46", 999.4: "999", 4567: "4567", 45678: "45.7 k", 3456789: "3.46 M"}
    report.check("numbers are short", [line for value, text in numbers.items() for line in differ(value, results.short(value), text)])


def check_table(report):
    cases = [one("receive/binary/16", ours=[2, 2, 2], wslay=[9, 9, 9], beast=[8, 8, 8], limit=[1, 1, 1]), one("growth/x", ours=[5])]
    with contextlib.redirect_stdout(io.StringIO()) as printed:
        results.table(cases)
    head, first, second = (line.split() for line in printed.getvalue().splitlines())
    report.check("the table has a column for each peer, and a line for each case", differ("head", head[:6], ["case", "unit", "ours", "beast", "wslay", "limit"])
                 + differ("first", first, ["receive/binary/16", "ns/message", "2", "8", "9", "1", "4.00", "2.00", "0", "%", "0", "%"])
                 + differ("second", second, ["growth/x", "ns/message", "5"]))  # fmt: skip
    cases += [one("json/decode/39", ours=[2], rapidjson_sax=[5]), one("json/encode/39", ours=[2], rapidjson=[3])]
    with contextlib.redirect_stdout(io.StringIO()) as printed:
        results.table(cases)
    head, decode, encode = (line.split() for line in printed.getvalue().splitlines()[3:])
    report.check("JSON has a table of its own", differ("head", head[:6], ["case", "unit", "ours", "rapidjson", "rapidjson_sax", "limit"])
                 + differ("decode", decode, ["json/decode/39", "ns/message", "2", "5", "2.50"])
                 + differ("encode", encode, ["json/encode/39", "ns/message", "2", "3", "1.50"]))  # fmt: skip
    with contextlib.redirect_stdout(io.StringIO()) as printed:
        results.table([cases[1], one("broadcast/1x1000x128", ours=[5, 5], remote=[6, 6], limit=[4, 4])])
    *_, head, line = (line.split() for line in printed.getvalue().splitlines())
    report.check("and so has broadcasting", differ("head", head[:5], ["case", "unit", "ours", "remote", "limit"])
                 + differ("line", line[:6], ["broadcast/1x1000x128", "ns/message", "5", "6", "4", "1.25"]))  # fmt: skip


def met(target, better):
    """Cases that are a hair better, or worse, than what `target` wants."""
    factor = 1.001 if (target.bound == targets.AT_LEAST) == better else 0.999
    figure = target.wanted * factor
    base = {"growth/message/1024": ([1], [1]), "growth/fragments/1000": ([1], [1]), "growth/connections/100": ([1], [1]), "growth/flood/none/p99": ([1], [1]),
            "broadcast/stalled/none/p99": ([1], [1]),
            "json/decode/39": ([1], [1]), "json/decode/290": ([1], [1])}
    cases = [one(name, ours=mine, limit=limit) for name, (mine, limit) in base.items()]
    if target.what.startswith(("times faster than ", "times smaller than ")):
        return [*cases, one(target.case, ours=[1], limit=[1], **{target.what.split()[-1].lower(): [figure]})]
    return [*cases, one(target.case, ours=[figure], ours_thread=[figure], remote=[figure], beast=[figure], limit=[1])]


def check_targets(report):
    wrong = []
    for target in targets.targets():
        for better in (True, False):
            by_name = {case.name: case for case in met(target, better)}
            got = target.got(by_name)
            if got is None or target.reached(got) != better:
                wrong.append(f"{target.case} {target.what}: {got} {target.bound} {target.wanted}")
    report.check("each target is reached a hair above what is wanted, and missed a hair below", wrong)
    report.check("what was not measured is no target", differ("lines", targets.table([]), ["0 reached, 0 missed"]))
    [line, last] = targets.table([one("idle/callback", ours=[399.0])])
    report.check("the targets' table", differ("line", line.split(), "reached idle/callback 399 bytes wanted: at most 400".split())
                 + differ("last", last, "1 reached, 0 missed"))  # fmt: skip


SAMPLES = "".join(
    f"{case} {unit} {party} {factor * base}\n"
    for case, unit, base in [
        *((f"receive/{kind}/{size}", "ns/message", size / 10 + 3) for kind in ("binary", "mixed") for size in targets.SIZES),
        *((f"send/client/{size}", "ns/message", size / 10 + 3) for size in targets.SIZES),
        *((f"echo/{style}/{load}", "ns/message", 1000.0) for style in ("callback", "coroutine") for load in targets.ECHO_OF_BEAST),
        *((f"idle/{style}", "bytes/connection", 600) for style in ("callback", "coroutine")),
        *((f"growth/message/{1024 * 4**i}", "ns/KiB", 20) for i in range(9)),
        *((f"growth/fragments/{10**i}", "ns/fragment", 10) for i in range(3, 7)),
        *((f"growth/connections/{10**i}", "ns/message", 5000) for i in range(5)),
        *((f"growth/connections/{10**i}/user", "ns/message", 500) for i in range(5)),
        *((f"growth/flood/{flood}/p99", "us", 50) for flood in ("none", 512)),
    ]
    for party, factor in (("ours", 1), ("beast", 8), ("limit", 0.7))
)
CAPTION = ["a date; a <machine>", "versions"]


def check_plots(report):
    drawn = plots.draw([case.as_json() for case in cases_of(SAMPLES)], CAPTION)
    report.check("there is a plot of each kind", differ("names", sorted(drawn), ["echo.svg", "flood.svg", "growth.svg", "idle.svg", "receive.svg", "send.svg"]))
    for name, text in drawn.items():
        image = xml.etree.ElementTree.fromstring(text)
        _, _, width, height = map(float, image.get("viewBox").split())
        texts = [each.text for each in image.iter(f"{SVG}text")]
        problems = [f"the caption lacks {line}" for line in CAPTION if line not in texts]
        for each in image.iter(f"{SVG}circle"):
            x, y, r = (float(each.get(key)) for key in ("cx", "cy", "r"))
            if not (r <= x <= width - r and 30 <= y <= height - 40):
                problems.append(f"outside: {x}, {y}")
        for each in image.iter(f"{SVG}text"):
            length = 0 if each.get("text-anchor") != "start" else 0.56 * float(each.get("font-size")) * len(each.text)
            if not (0 <= float(each.get("x")) and float(each.get("x")) + length <= width):
                problems.append(f"does not fit: {each.text}")
        group = name.removesuffix(".svg")
        prefix = {"flood": "growth/flood/"}.get(group, f"{group}/")
        shown = {case.name for case in cases_of(SAMPLES) if case.name.startswith(prefix) and not (group == "growth" and "flood" in case.name)}
        legend = 3
        problems += differ("dots", len(list(image.iter(f"{SVG}circle"))), 3 * len(shown) + legend)
        report.check(f"{name} is well-formed, with a dot for each figure", problems)

    image = xml.etree.ElementTree.fromstring(drawn["receive.svg"])
    height_of = {}
    for each in list(image.iter(f"{SVG}circle"))[3:]:
        party, _, figure = each.find(f"{SVG}title").text.partition(": ")
        height_of.setdefault(party, []).append(float(each.get("cy")))
    faster = all(ours < beast for ours, beast in zip(height_of["ours"], height_of["beast"]))
    report.check("who is faster stands higher", [] if faster else [str(height_of)])


def check_readme(report):
    text = results.markdown(cases_of(SAMPLES), CAPTION)
    rows = [line for line in text.splitlines() if line.startswith("|")]
    report.check("the headline table is rectangular", differ("columns", {row.count("|") for row in rows}, {rows[0].count("|")})
                 + [f"no row for {name}" for name in ("16 B", "64 KiB", "idle") if not any(name in row for row in rows)])  # fmt: skip
    report.check("the caption stands below it", [line for line in CAPTION if line not in text])
    report.check("figures have a unit", differ("ns", results.with_unit(4.6, "ns/message"), "4.6 ns")
                 + differ("us", results.with_unit(15000, "ns/message"), "15 \N{MICRO SIGN}s")
                 + differ("kB", results.with_unit(20400, "bytes/connection"), "20.4 kB")
                 + differ("none", results.with_unit(None, "ns/message"), ""))  # fmt: skip
    with tempfile.TemporaryDirectory() as folder:
        readme = pathlib.Path(folder, "README.md")
        readme.write_text(f"before\n{results.BEGIN}\nold\n{results.END}\nafter\n")
        results.publish(readme, "first")
        results.publish(readme, "new")
        report.check("what stands between the marks is replaced", differ("text", readme.read_text(), f"before\n{results.BEGIN}\n\nnew\n\n{results.END}\nafter\n"))
        readme.write_text("no marks")
        with contextlib.suppress(ValueError):
            results.publish(readme, "new")
            report.fail("a file without marks is refused", readme.read_text())
        report.check("a file without marks is left alone", differ("text", readme.read_text(), "no marks"))
    readme = (ROOT / "README.md").read_text()
    report.check("the README has the marks", [mark for mark in (results.BEGIN, results.END) if readme.count(mark) != 1])


def check_running(report):
    names = ["a", "b", "c"]
    firsts = [echo.turned(names, number)[0] for number in range(4)]
    report.check("each round begins with another server", differ("firsts", firsts, ["a", "b", "c", "a"])
                 + differ("all", sorted(echo.turned(names, 2)), names))  # fmt: skip
    command = ["sh", str(ROOT / "tests" / "bench" / "run")]
    refused = subprocess.run([*command, "nonsense"], capture_output=True, text=True, timeout=60)
    partly = subprocess.run([*command, "publish", "idle"], capture_output=True, text=True, timeout=60)
    helped = subprocess.run([*command, "--help"], capture_output=True, text=True, timeout=60)
    report.check("run refuses what it does not know", differ("status", refused.returncode, 2) + ([] if "'nonsense'" in refused.stderr else [refused.stderr]))
    report.check("run publishes all or nothing", differ("status", partly.returncode, 2))
    report.check("run --help runs nothing", differ("status", helped.returncode, 0) + ([] if "usage:" in helped.stdout else [helped.stdout]))


def main():
    report = Report()
    check_figures(report)
    check_table(report)
    check_targets(report)
    check_plots(report)
    check_readme(report)
    check_running(report)
    report.end()


if __name__ == "__main__":
    main()
