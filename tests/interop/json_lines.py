"""The example `json_lines`, which has no WebSocket: lines of JSON by kind in, a summary as JSON out."""

import json
import subprocess

from programs import FOLDER, drive, same


def run(*lines, arguments=()):
    """(status, what was printed, what was said on standard error)"""
    ended = subprocess.run(
        [str(FOLDER / "json_lines"), *arguments], input="".join(line + "\n" for line in lines), capture_output=True,
        text=True, timeout=15,
    )  # fmt: skip
    return ended.returncode, ended.stdout, ended.stderr


def message(kind, **fields):
    return json.dumps({"kind": kind, **fields}, ensure_ascii=False)


async def uploads_are_summed_up():
    status, output, errors = run(
        message("UPLOAD_STARTED", name="a.txt", size=1000),
        message("UPLOAD_STARTED", name="é.txt", size=2**40),
        '{"value": 42.5, "name": "a.txt", "kind": "UPLOAD_PROGRESS"}',
        message("UPLOAD_FINISH", name="é.txt"),
        message("UPLOAD_FINISH", name="never begun"),
    )
    same((status, errors), (0, ""), "status and errors")
    same(output, '{"kind":"SUMMARY","finished":1,"bytes":1099511627776,"unfinished":{"a.txt":42.5}}\n', "output")


async def no_input_is_an_empty_summary():
    same(run(), (0, '{"kind":"SUMMARY","finished":0,"bytes":0,"unfinished":{}}\n', ""), "status, output, errors")


async def bad_lines_are_named_and_passed_over():
    status, output, errors = run(
        message("UPLOAD_STARTED", name="a", size=1),
        message("UPLOD_FINISH", name="a"),
        message("UPLOAD_PROGRESS", name="a", value="much"),
        "",
        message("UPLOAD_FINISH", name="a"),
    )
    same(status, 1, "status")
    same(json.loads(output)["finished"], 1, "finished")
    said = errors.splitlines()
    same(len(said), 3, "number of complaints")
    for line, words in zip(said, (("line 2: ", '"UPLOAD_FINISH"?'), ("line 3: ", '"value"', "a number"), ("line 4: ",))):
        if not all(word in line for word in words):
            raise AssertionError(f"expected {words} in {line!r}")


async def a_last_line_without_newline_is_read():
    ended = subprocess.run(
        [str(FOLDER / "json_lines")], input=message("UPLOAD_STARTED", name="a", size=1).encode(), capture_output=True,
        timeout=15,
    )  # fmt: skip
    same(json.loads(ended.stdout)["unfinished"], {"a": 0}, "unfinished")


async def an_argument_is_refused():
    status, output, errors = run(arguments=["file"])
    same((status, output), (2, ""), "status and output")
    same(errors.startswith("usage: json_lines"), True, "usage")


async def main(cases):
    await cases.case("uploads are summed up", uploads_are_summed_up())
    await cases.case("no input is an empty summary", no_input_is_an_empty_summary())
    await cases.case("bad lines are named and passed over", bad_lines_are_named_and_passed_over())
    await cases.case("a last line without newline is read", a_last_line_without_newline_is_read())
    await cases.case("an argument is refused", an_argument_is_refused())


drive(main)
