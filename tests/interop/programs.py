"""What the Python drivers share: starting and stopping the programs under test, and running cases.

Every driver is run as `/usr/bin/python3 tests/interop/DRIVER.py FOLDER`, with the folder that holds the built
examples. It uses free ports of 127.0.0.1 only, ends what it started, and cuts each case at its time limit.
"""

import asyncio
import os
import pathlib
import random
import re
import signal
import socket
import subprocess
import sys
import tempfile
import threading

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from report import Report

FOLDER = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else ".")
URL = re.compile(r"\b(?:wss?|https?)://127\.0\.0\.1:(\d+)/\S*")
CASE_SECONDS = 60


class Server:
    """A server of examples/, ready to be connected to once `with` has been entered; stopped at the end."""

    def __init__(self, name, *arguments):
        program = [str(FOLDER / name)]
        if name == "echo" and "KINDWIRE_WAY" in os.environ:
            program = [os.environ["KINDWIRE_ECHO"], "--way", os.environ["KINDWIRE_WAY"]]
        self.command = [*program, "--port", "0", *map(str, arguments)]

    def __enter__(self):
        self.errors = tempfile.TemporaryFile("w+")
        self.process = subprocess.Popen(
            self.command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=self.errors, text=True
        )
        # A program that hangs before it prints its line is killed; the end of its output ends readline().
        watch = threading.Timer(30, self.process.kill)
        watch.start()
        line = self.process.stdout.readline()
        while line and not URL.search(line):
            line = self.process.stdout.readline()
        watch.cancel()
        if not line:
            raise RuntimeError(f"{' '.join(self.command)} never printed its URL: {self.stop()}")
        self.line = line
        self.url = URL.search(line)[0]
        self.port = int(URL.search(line)[1])
        return self

    def stop(self, how=signal.SIGTERM):
        """What is wrong with how the program ends: a list, empty if it does so cleanly, within 10 s, with status 0."""
        if self.process.poll() is None:
            self.process.send_signal(how)
        try:
            status = self.process.wait(10)
            problems = [] if status == 0 else [f"status {status}"]
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            problems = ["still running after 10 s"]
        self.errors.seek(0)
        text = self.errors.read()[-4000:]
        return [*problems, text] if problems or "Sanitizer" in text or "runtime error" in text else []

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        self.process.stdout.close()
        self.errors.close()

    def sanitized(self):
        return "libasan" in pathlib.Path(f"/proc/{self.process.pid}/maps").read_text()

    def resident(self):
        """The program's resident memory in bytes; 0 under a sanitizer, which keeps freed memory."""
        if self.sanitized():
            return 0
        status = pathlib.Path(f"/proc/{self.process.pid}/status").read_text()
        return int(re.search(r"VmRSS:\s+(\d+)", status)[1]) * 1024


class Cases(Report):
    async def case(self, name, work, seconds=CASE_SECONDS):
        """Awaits one case; whatever it raises is its failure."""
        try:
            await asyncio.wait_for(work, seconds)
        except asyncio.TimeoutError:
            self.fail(name, "timed out")
        except Exception as problem:  # a case must not end the driver
            where = problem.__traceback__
            while where.tb_next:
                where = where.tb_next
            at = f"{pathlib.Path(where.tb_frame.f_code.co_filename).name}:{where.tb_lineno}"
            self.fail(name, f"{type(problem).__name__}: {problem} ({at})")
        else:
            self.ok(name)


def free_port():
    """Of those that no system gives away by itself, as Linux does from 32768 on: nobody takes it before its program does."""
    for _ in range(1000):
        port = random.randrange(10000, 32000)
        try:
            with socket.create_server(("127.0.0.1", port)):
                return port
        except OSError:
            continue
    raise RuntimeError("no port is free")


def same(found, wanted, what="value"):
    """An assertion that says what it found."""
    if found != wanted:
        raise AssertionError(f"{what}: expected {short(wanted)}, got {short(found)}")


def short(value):
    text = repr(value)
    return text if len(text) < 200 else f"{text[:120]}… ({len(text)} characters)"


def drive(main):
    """Runs a driver's `async def main(cases)` and ends the program with the sum."""
    cases = Cases()
    try:
        asyncio.run(main(cases))
    except Exception as problem:
        cases.fail("the driver", f"{type(problem).__name__}: {problem}")
    cases.end()
