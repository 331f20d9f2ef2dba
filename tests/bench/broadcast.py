"""Has servers send messages to many connections each, and prints a line a measurement: `CASE UNIT PARTY VALUE`.

usage: broadcast.py PROGRAMS [--rounds N] [--milliseconds N] [--only CASE]

As echo.py: all of a case stand side by side and work in turn, on one core, with the load on another.
"""

import argparse
import os
import pathlib
import shutil
import signal
import sys

import echo

HERE = pathlib.Path(__file__).resolve().parent
SERVERS = {
    "limit": ["broadcast_bare"],
    "control": ["broadcast_bare"],  # as far as it is from the first, nothing can be told
    "ours": ["broadcast_ours", "hub"],
    "ours_thread": ["broadcast_ours", "hub_thread"],
    "try_send": ["broadcast_ours", "try_send"],
    "remote": ["broadcast_ours", "remote"],
    "remote_thread": ["broadcast_ours", "remote_thread"],
    "beast": ["broadcast_beast"],
    "ws": [shutil.which("node") or "node", str(HERE / "broadcast" / "ws.js")],
}
MANY = ["limit", "control", "ours", "ours_thread"]  # what is measured with so many receivers that the others take too long
# Published in a turn x receivers x size.
CASES = {(1, 1000, 128): list(SERVERS), (16, 1000, 128): list(SERVERS), (1, 10000, 128): MANY, (16, 10000, 128): MANY}
ROOM, STALLED, SIZE = 1000, 500, 128
FRAME = SIZE + 4
# Turns before, and while, the size of what they publish is looked at: more than the system takes for a connection, and all
# less than the soft mark of its queue.
A_TURN, TAKEN, UNREAD = 16, 125, 312


def can_run(programs, command):
    if command[0].endswith("node"):
        return pathlib.Path(command[0]).exists() and pathlib.Path(os.environ.setdefault("NODE_PATH", "/usr/share/nodejs"), "ws").exists()
    return (programs / command[0]).exists()


class Broadcast:
    def __init__(self, programs, given):
        self.programs = programs
        self.given = given

    def wanted(self, case):
        return case.startswith(self.given.only)

    def windows(self, server, messages, receivers, size, *more):
        return echo.Windows(self.programs, SERVERS[server], "broadcast_load", receivers, messages, size, *more)

    def print(self, case, unit, party, value):
        print(case, unit, party, f"{value:.6g}", flush=True)

    def cost(self, case, parties):
        label = "broadcast/" + "x".join(map(str, case))
        if not self.wanted(label):
            return
        if case[1] + 100 > self.given.open_files:
            print(f"left out: {label}, for want of open files (ulimit -n)", file=sys.stderr)
            return
        names = [name for name in parties if can_run(self.programs, SERVERS[name])]
        waiting = {}
        try:
            for name in names:
                waiting[name] = self.windows(name, *case)
            for number in range(self.given.rounds):
                taken = {name: waiting[name].measure(self.given.milliseconds) for name in echo.turned(names, number)}
                for name in names:
                    self.print(label, "ns/message", name, taken[name])
        finally:
            for each in waiting.values():
                each.end()

    def stalled(self):
        """What readers cost that do not read: memory, and how long it takes until the others have a message."""
        if not self.wanted("broadcast/stalled"):
            return
        waiting = {}
        try:
            waiting["none"] = self.windows("ours", A_TURN, ROOM, SIZE)
            waiting[STALLED] = self.windows("ours", A_TURN, ROOM, SIZE, f"stalled={STALLED}")
            *_, before = waiting[STALLED].work(-TAKEN)
            *_, after = waiting[STALLED].work(-UNREAD)
            self.print(f"broadcast/stalled/{STALLED}/memory", "bytes/message", "ours", (after - before) / (A_TURN * UNREAD))
            self.print(f"broadcast/stalled/{STALLED}/memory", "bytes/message", "limit", FRAME)
            waiting[STALLED].work(-UNREAD)  # now more has been published than may wait
            for number in range(self.given.rounds):
                taken = {name: waiting[name].work(self.given.milliseconds) for name in echo.turned(list(waiting), number)}
                for name, (*_, p50, p99, _) in taken.items():
                    self.print(f"broadcast/stalled/{name}/p50", "us", "ours", p50 / 1000)
                    self.print(f"broadcast/stalled/{name}/p99", "us", "ours", p99 / 1000)
        finally:
            for each in waiting.values():
                each.end()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("programs", type=pathlib.Path)
    parser.add_argument("--rounds", type=int, default=23)
    parser.add_argument("--milliseconds", type=float, default=200)
    parser.add_argument("--only", default="")
    given = parser.parse_args()
    given.open_files = echo.raise_open_files()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # the servers end with us
    all_of_them = Broadcast(given.programs.resolve(), given)
    for case, parties in CASES.items():
        all_of_them.cost(case, parties)
    all_of_them.stalled()


if __name__ == "__main__":
    sys.exit(main())
