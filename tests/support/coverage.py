"""Line and branch coverage of each layer, from what programs built with -fprofile-instr-generate -fcoverage-mapping
have written.

usage: coverage.py [--lines PERCENT] [--branches PERCENT] [--layers NAME,NAME…] REPOSITORY LLVM_COV PROFILE PROGRAM…

Lists what was not reached in the layers asked for, and ends with status 1 if one of them is below a percentage. A line
or branch counts as reached if it was in any instantiation of a template, in any program. A condition has two branches;
one that the compiler decides has none. A constexpr function of which the programs have no code, since it runs in the
compiler only, has neither; nor has a function that ends the program, and with it the counting.
"""

import argparse
import bisect
import collections
import json
import pathlib
import re
import subprocess


def layer_of(name):
    """frame/mask.hpp is frame, session.hpp session."""
    return name.split("/")[0].removesuffix(".hpp")


def below_include(path, include):
    """The name of a header as an #include has it; nothing for other files."""
    path = pathlib.Path(path).resolve()
    return str(path.relative_to(include)) if path.is_relative_to(include) else None


def exports(arguments, form):
    """Of each program. Of all together, llvm-cov takes the first record of a function, which may be of a program that has
    no code of it."""
    for program in arguments.programs:
        command = [arguments.llvm_cov, "export", f"-format={form}", f"-instr-profile={arguments.profile}", program]
        command += ["-ignore-filename-regex=^/usr/"]
        yield subprocess.run(command, capture_output=True, text=True, check=True).stdout


def symbols_of(programs):
    """The functions that the programs have code of."""
    symbols = set()
    for program in programs:
        listed = subprocess.run(["nm", "--defined-only", "--format=posix", program], capture_output=True, text=True, check=True).stdout
        symbols.update(line.split(" ", 1)[0] for line in listed.splitlines())
    return symbols


def only_compiled(exported, include, symbols):
    """{file: lines of constexpr functions, and of lambdas that constexpr variables are made with, which have no code; and of
    functions that do not return}"""
    found, with_code = collections.defaultdict(set), collections.defaultdict(set)
    texts = {}
    for function in (function for one in exported for function in one["functions"]):
        name = below_include(function["filenames"][0], include)
        if not name:
            continue
        line, column, end_line, *_ = function["regions"][0]
        place = set(range(line, end_line + 1))
        has_code = function["name"].split(":")[-1] in symbols
        text = texts.setdefault(name, (include / name).read_text().splitlines(keepends=True))
        before = "".join(text[:line - 1]) + text[line - 1][:column - 1]
        head = re.split(r"[;{}]\s", before)[-1]
        if "[[noreturn]]" in head or (not has_code and re.search(r"\bconst(?:expr|eval)\b", head)):
            found[name] |= place
        elif has_code:
            with_code[name] |= place
    return {name: lines - with_code[name] for name, lines in found.items()}


def lines_of(exported, include):
    """{file: {line: count}}"""
    files = collections.defaultdict(collections.Counter)
    for entry in (entry for lcov in exported for entry in lcov.splitlines()):
        key, _, value = entry.partition(":")
        if key == "SF":
            name = below_include(value, include)
        elif key == "DA" and name:
            line, count = value.split(",")[:2]
            files[name][int(line)] += int(count)
    return files


def beside_gaps(exported, include):
    """{file: lines with code that ran, lines without code}, where a gap between two regions begins in a line before: llvm-cov
    gives the gap's count to the whole line. So are lines of comments, which have a count where a program has no code of the
    function."""
    found = collections.defaultdict(lambda: (set(), set()))
    for entry in (entry for one in exported for entry in one["files"]):
        name = below_include(entry["filename"], include)
        if not name:
            continue
        ran, empty = found[name]
        for (line, column, _, has_count, begins, is_gap), (next_line, *_) in zip(entry["segments"], entry["segments"][1:]):
            if is_gap:
                empty.update(range(line + 1, next_line))
            elif begins and not has_count and column == 1:
                empty.update(range(line, next_line + 1))
        for line, _, count, has_count, _, is_gap in entry["segments"]:
            if has_count and count and not is_gap:
                ran.add(line)
    return {name: (ran, empty - ran) for name, (ran, empty) in found.items()}


def branches_of(exported, include):
    """{file: {(line, column, end line, end column): [times true, times false]}}, without those that are constant."""
    files = collections.defaultdict(lambda: collections.defaultdict(lambda: [0, 0]))
    decided = set()
    for entry in (entry for one in exported for entry in one["files"]):
        name = below_include(entry["filename"], include)
        if not name:
            continue
        found = collections.defaultdict(lambda: [0, 0])
        for line, column, end_line, end_column, true, false, *_ in entry.get("branches", []):
            counts = found[line, column, end_line, end_column]
            counts[0] += true
            counts[1] += false
        # Where code runs that has a condition which is never true and never false, the compiler has decided it.
        places = [segment[:2] for segment in entry["segments"]]
        for place, counts in found.items():
            segment = bisect.bisect_right(places, list(place[:2])) - 1
            if counts == [0, 0] and segment >= 0 and entry["segments"][segment][2] > 0:
                decided.add((name, place))
            for index, count in enumerate(counts):
                files[name][place][index] += count
    for name, place in decided:
        if files[name][place] == [0, 0]:
            del files[name][place]
    return files


def percentage(hit, all_of_them):
    return 100.0 * hit / all_of_them if all_of_them else 100.0


def main():
    parser = argparse.ArgumentParser(usage=__doc__)
    parser.add_argument("--lines", type=float, default=100)
    parser.add_argument("--branches", type=float, default=0)
    parser.add_argument("--layers", type=lambda text: text.split(","), default=["frame", "message", "handshake", "session", "json", "documents"])
    parser.add_argument("repository", type=pathlib.Path)
    parser.add_argument("llvm_cov")
    parser.add_argument("profile")
    parser.add_argument("programs", nargs="+")
    arguments = parser.parse_args()
    arguments.include = arguments.repository.resolve() / "include" / "kindwire"

    exported = [json.loads(text)["data"][0] for text in exports(arguments, "text")]
    lines = lines_of(exports(arguments, "lcov"), arguments.include)
    branches = branches_of(exported, arguments.include)
    for name, (ran, empty) in beside_gaps(exported, arguments.include).items():
        for line in [line for line, count in lines[name].items() if count == 0]:
            if line in ran:
                lines[name][line] = 1
            elif line in empty:
                del lines[name][line]
    for name, without_code in only_compiled(exported, arguments.include, symbols_of(arguments.programs)).items():
        for line in without_code:
            lines[name].pop(line, None)
        branches[name] = {place: counts for place, counts in branches[name].items() if place[0] not in without_code}

    sums = collections.defaultdict(lambda: [0, 0, 0, 0])
    for name, counts in sorted(lines.items()):
        of_layer = sums[layer_of(name)]
        of_layer[0] += sum(count > 0 for count in counts.values())
        of_layer[1] += len(counts)
        of_layer[2] += sum((count > 0) for pair in branches[name].values() for count in pair)
        of_layer[3] += 2 * len(branches[name])
        if layer_of(name) not in arguments.layers:
            continue
        for line, count in sorted(counts.items()):
            if count == 0:
                print(f"{name}:{line}: not reached")
        for (line, column, *_), (true, false) in sorted(branches[name].items()):
            if counts[line] and not (true and false):
                print(f"{name}:{line}:{column}: never {'true' if not true else 'false'}{' nor false' if not true and not false else ''}")

    below = [layer for layer in arguments.layers if layer not in sums]
    print(f"{'layer':<12} {'lines':>22} {'branches':>22}")
    for layer in [*arguments.layers, *sorted(set(sums) - set(arguments.layers))]:
        hit, total, taken, possible = sums[layer]
        line, branch = percentage(hit, total), percentage(taken, possible)
        asked = layer in arguments.layers
        low = asked and (line < arguments.lines or branch < arguments.branches)
        if low:
            below.append(layer)
        note = "  below the target" if low else "" if asked else "  for information"
        print(f"{layer:<12} {hit:6} of {total:5} {line:6.2f} % {taken:6} of {possible:5} {branch:6.2f} %{note}")
    print(f"target: {arguments.lines:g} % of lines, {arguments.branches:g} % of branches")
    return 1 if below else 0


if __name__ == "__main__":
    raise SystemExit(main())
