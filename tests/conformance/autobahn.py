"""The cases of autobahn_cases.py by raw frames, strictly judged: against echo, blocking, and autobahn_client.

usage: autobahn.py EXAMPLES AUTOBAHN_CLIENT

The client is served by a fuzzing server of this file's own, which speaks the suite's protocol: /getCaseCount,
/runCase?case=N&agent=A, /updateReports?agent=A.
"""

import asyncio
import os
import pathlib
import sys
from urllib.parse import parse_qs, urlsplit

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "interop"))
from autobahn_cases import MIB, cases
from frames import FIN, TEXT, Peer, accept, bare_server, close, frame
from programs import CASE_SECONDS, Server, drive, same, short

AGENT = "kindwire & friends/1"


async def judge(peer, case):
    """Plays one case: every answer in its place, exactly one Close with the right code, and the end of the stream."""
    for writes, answers in case.rounds:
        for data in writes:
            peer.send(data)
            if len(writes) > 1:
                await peer.writer.drain()
                await asyncio.sleep(0)
        for wanted in answers:
            found = await peer.frame()
            if found != wanted:
                raise AssertionError(f"expected {short(wanted)}, got {short(found)}")
    if case.code is None:
        peer.send(close(1000, masked=not peer.of_client))
    before, code, _ = await peer.until_close()
    same((before, code), ([], case.code or 1000), "frames and close code")


async def against(report, server, all_cases):
    async def work(case):
        async with await Peer.open(server.port) as peer:
            await judge(peer, case)

    name = pathlib.Path(server.command[0]).name
    for case in all_cases:
        await report.case(f"{name} {case.name}", work(case))
    report.check(f"{name} ends after all cases", server.stop())


class Fuzzer:
    """The fuzzing server: hands out the cases, one connection each, and keeps what it was asked for."""

    def __init__(self, report, all_cases):
        self.report = report
        self.cases = all_cases
        self.asked = []

    async def serve(self, head, reader, writer):
        method, target, _ = head.split("\r\n")[0].split(" ")
        place, query = urlsplit(target).path, parse_qs(urlsplit(target).query)
        peer = Peer(reader, writer, of_client=True)
        peer.send(accept(head))
        self.asked.append((method, place, query))
        if place == "/runCase":
            case = self.cases[int(query["case"][0]) - 1]
            await self.report.case(f"client {case.name}", judge(peer, case))
            return
        if place == "/getCaseCount":
            peer.send(frame(FIN | TEXT, b"%d" % len(self.cases), masked=False))
        peer.send(close(1000, masked=False))
        same((await peer.until_close())[:2], ([], 1000), "frames and close code")

    def wanted(self):
        count = ("GET", "/getCaseCount", {})
        runs = [("GET", "/runCase", {"case": [str(at)], "agent": [AGENT]}) for at in range(1, len(self.cases) + 1)]
        return [count, *runs, ("GET", "/updateReports", {"agent": [AGENT]})]


async def run_client(*arguments):
    process = await asyncio.create_subprocess_exec(
        sys.argv[2], *arguments, stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.PIPE
    )
    try:
        _, errors = await asyncio.wait_for(process.communicate(), CASE_SECONDS * 12)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    return process.returncode, errors.decode()


async def the_whole_suite(fuzzer):
    async with bare_server(fuzzer.serve) as url:
        same(await run_client(url, AGENT), (0, ""), "status and errors")
    same(fuzzer.asked, fuzzer.wanted(), "what the client asked for")


async def no_suite():
    """A server that tells no number is no fuzzing server."""

    async def serve(head, reader, writer):
        peer = Peer(reader, writer, of_client=True)
        peer.send(accept(head) + frame(FIN | TEXT, b"12 apples", masked=False) + close(1000, masked=False))
        await peer.until_close()

    async with bare_server(serve) as url:
        status, errors = await run_client(url)
    same((status, errors), (1, "autobahn_client: the number of cases is no number: 12 apples\n"), "status and errors")


async def main(report):
    with Server("echo", "--max-message-size", 16 * MIB, "--max-fragments", 65537) as echo:
        # A sanitizer's slowness is no reason to wait for the largest messages: it has seen the code by then.
        most = MIB if echo.sanitized() else 16 * MIB
        await against(report, echo, cases(masked=True, most=most))
    if "KINDWIRE_WAY" in os.environ:
        return  # of echo: see echo_ways.cpp
    with Server("blocking") as blocking:  # with the limits that everybody has by default
        await against(report, blocking, cases(masked=True, most=MIB, most_fragments=4096))
    fuzzer = Fuzzer(report, list(cases(masked=False, most=most)))
    try:
        await the_whole_suite(fuzzer)
        report.ok("autobahn_client ran every case once and had the reports written")
    except Exception as problem:
        report.fail("autobahn_client ran every case once and had the reports written", problem)
    await report.case("a server that is no fuzzing server", no_suite())


drive(main)
