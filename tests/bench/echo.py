"""Runs the echo servers against the load, in turn, and prints a line a measurement: `CASE UNIT PARTY VALUE`.

usage: echo.py PROGRAMS echo|tls|threads|idle|growth|latency [--rounds N] [--milliseconds N] [--connections N] [--only CASE]

The servers run on one core and the load on another, where there are two; ahead of everything else, where that is allowed.
For echo/, all of them stand side by side and work in turn, for 200 ms each, in an order that rotates.
"""

import argparse
import os
import pathlib
import resource
import signal
import subprocess
import sys

# The party's name, its program and arguments; those of peers may be missing.
SERVERS = {
    "bare": ["echo_bare"],
    "bare_again": ["echo_bare"],  # as far as it is from the first, nothing can be told
    "ours_callback": ["echo_ours", "callback"],
    "ours_coroutine": ["echo_ours", "coroutine"],
    "ours_readme": ["echo_readme"],
    "ours_general": ["echo_ours", "general"],
    "beast": ["echo_beast", "callback"],
    "beast_coroutine": ["echo_beast", "coroutine"],
    "websocketpp": ["echo_websocketpp"],
    "libwebsockets": ["echo_libwebsockets"],
    "asio": ["echo_asio", "callback"],
    "asio_coroutine": ["echo_asio", "coroutine"],
}
PEERS = ["beast", "beast_coroutine", "websocketpp", "libwebsockets"]
TLS_SERVERS = {
    "bare": ["tls_bare"],
    "bare_again": ["tls_bare"],
    "ours_callback": ["tls_ours", "callback"],
    "ours_coroutine": ["tls_ours", "coroutine"],
    "beast": ["tls_beast", "callback"],
    "beast_coroutine": ["tls_beast", "coroutine"],
}
ECHO = [(100, 1, 20), (100, 16, 20), (100, 64, 512), (10, 16, 16384), (10, 1, 65536), (1000, 1, 20), (8000, 1, 20)]
TLS_ECHO = ECHO[:5]
HANDSHAKES = 400  # one after the other, for a figure
STYLES = ["callback", "coroutine", "readme", "general"]
ASIO = {"callback": "asio", "coroutine": "asio_coroutine", "readme": "asio_coroutine", "general": "asio_coroutine"}
FEW_PEERS = 1000  # connections from which on only what may be waited for is measured: bare and ours
CONNECTIONS = [1, 10, 100, 1000, 10000]
ACTIVE = 100  # of them have a message under way at a time: what more of them cost, not what more messages do
FLOODS = [512, 1 << 20, 16 << 20]
QUIET = 10  # connections beside the one that floods
SERVER_CORE, LOAD_CORE = (sorted(os.sched_getaffinity(0)) * 2)[:2]
MANY_FILES = max(CONNECTIONS) + 100


def raise_open_files():
    """As many as are allowed, and as many as are needed where we may allow them; returns how many that is."""
    allowed = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    for most in (max(allowed, MANY_FILES), allowed):
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
            return most
        except (ValueError, OSError):
            continue
    return resource.getrlimit(resource.RLIMIT_NOFILE)[0]


def on_core(core):
    def prepare():
        os.sched_setaffinity(0, {core})
        try:
            os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(10))
        except PermissionError:
            pass  # then others may come between

    return prepare


def turned(names, number):
    """Each round begins with another one, so that none is always the first."""
    start = number % len(names)
    return names[start:] + names[:start]


class Server:
    def __init__(self, programs, command, where=on_core(SERVER_CORE)):
        self.process = subprocess.Popen([programs / command[0], *command[1:]], stdout=subprocess.PIPE, text=True, preexec_fn=where)
        self.port = self.process.stdout.readline().strip()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()


class Windows:
    """A server and a load that wait side by side with others, and work for a while when they are told to."""

    def __init__(self, programs, server, load, *arguments, pinned=True):
        self.server = Server(programs, server, on_core(SERVER_CORE) if pinned else None)
        command = [programs / load, self.server.port, str(self.server.process.pid), *map(str, arguments)]
        where = on_core(LOAD_CORE) if pinned else None
        self.load = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, preexec_fn=where)

    def work(self, milliseconds):
        """What the load prints of that time."""
        self.load.stdin.write(f"{milliseconds}\n")
        self.load.stdin.flush()
        return [float(field) for field in self.load.stdout.readline().split()]

    def measure(self, milliseconds):
        """Server CPU in ns a message."""
        messages, cpu, *_ = self.work(milliseconds)
        return cpu / messages

    def end(self):
        self.load.kill()
        self.load.wait()
        self.server.__exit__()


class Echo:
    def __init__(self, programs, wanted, servers=SERVERS):
        self.programs = programs
        self.wanted = wanted
        self.servers = servers
        self.names = [name for name, command in servers.items() if (programs / command[0]).exists()]

    def program(self, server, name, *arguments):
        command = [self.programs / name, server.port, str(server.process.pid), *map(str, arguments)]
        result = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True, timeout=300, preexec_fn=on_core(LOAD_CORE))
        return [float(field) for field in result.stdout.split()]

    def load(self, server, connections, outstanding, size, milliseconds, *more):
        """Server CPU in ns a message, of it in user and in system mode; median and 99th percentile of the round trips."""
        times = int(milliseconds / 2), int(milliseconds)
        messages, cpu, user, system, p50, p99 = self.program(server, "load", connections, outstanding, size, *times, *more)
        user_share = user / (user + system) if user + system else 0
        return cpu / messages, cpu / messages * user_share, cpu / messages * (1 - user_share), p50, p99

    def print(self, case, unit, party, value):
        print(case, unit, party, f"{value:.6g}", flush=True)

    def parties(self, style):
        """Who is compared with our handler of that style: (party, server)."""
        yield "ours", f"ours_{style}"
        for name in PEERS:
            if name in self.names and not (style == "callback" and name == "beast_coroutine"):
                yield name, name
        yield "asio", ASIO[style]
        yield "control", "bare_again"
        yield "limit", "bare"

    def echo(self, given):
        self.messages(given, "echo", ECHO, STYLES, "load")

    def messages(self, given, group, cases, all_styles, load):
        for case in cases:
            label = "x".join(map(str, case))
            styles = [style for style in all_styles if self.wanted(f"{group}/{style}/{label}")]
            names = [name for name in self.names if case[0] < FEW_PEERS or name not in PEERS] if styles else []
            if case[0] + 100 > given.open_files:
                print(f"left out: {group}/{label}, for want of open files (ulimit -n)", file=sys.stderr)
                continue
            waiting = {name: Windows(self.programs, self.servers[name], load, *case, 20, 0, "busy=1") for name in names}
            try:
                for number in range(given.rounds if styles else 0):
                    taken = {name: waiting[name].measure(given.milliseconds) for name in turned(names, number)}
                    for style in styles:
                        for party, name in self.parties(style):
                            if name in taken:
                                self.print(f"{group}/{style}/{label}", "ns/message", party, taken[name])
            finally:
                for each in waiting.values():
                    each.end()

    def tls(self, given):
        over_tls = Echo(self.programs, self.wanted, TLS_SERVERS)
        if not over_tls.names:
            return print("left out: tls, which needs OpenSSL 3", file=sys.stderr)
        over_tls.messages(given, "tls", TLS_ECHO, STYLES[:2], "tls_load")
        few = given.idle // 8
        for case, unit, program, *arguments in (
            ("tls/handshake/full", "ns/handshake", "tls_handshakes", "full", HANDSHAKES),
            ("tls/handshake/resumed", "ns/handshake", "tls_handshakes", "resumed", HANDSHAKES),
            ("tls/idle", "bytes/connection", "tls_idle", 16384, few, given.idle),
        ):
            rounds = min(given.rounds, 9) if self.wanted(case) else 0
            for number in range(rounds):
                parties = [each for each in over_tls.parties("coroutine") if each[1] in over_tls.names and each[0] != "control"]
                for party, name in turned(parties, number):
                    with Server(self.programs, TLS_SERVERS[name]) as server:
                        self.print(case, unit, party, self.program(server, program, *arguments)[0])

    def threads(self, given):
        """What a message costs two contexts, against one. The load needs a core as well, so with two of them, twice as many
        messages cannot be seen; but contexts that need no more time for each, and wait for nothing in common, serve as many
        more as there are cores for them. All run wherever there is room, so that the two do work at the same time."""
        case = "threads/100x16x20"
        waiting = {}
        try:
            for party, number in (("ours", 2), ("limit", 1)) if self.wanted(case) else ():
                command = ["echo_ours", "contexts", str(number)]
                waiting[party] = Windows(self.programs, command, "load", 100, 16, 20, 20, 0, pinned=False)
            for number in range(given.rounds if waiting else 0):
                for party in turned(list(waiting), number):
                    self.print(case, "ns/message", party, waiting[party].measure(given.milliseconds))
        finally:
            for each in waiting.values():
                each.end()

    def latency(self, given):
        """Round trips of messages that come at their own pace, however long the server takes."""
        for _ in range(given.rounds if self.wanted("latency/1000") else 0):
            for party, name in (("ours", "ours_readme"), ("limit", "bare")):
                with Server(self.programs, SERVERS[name]) as server:
                    *_, p50, _ = self.load(server, 1000, 1, 20, given.milliseconds, "rate=20000")
                self.print("latency/1000", "us", party, p50 / 1000)

    def idle(self, given):
        styles = [style for style in STYLES if self.wanted(f"idle/{style}")]
        few = given.connections // 8
        for _ in range(given.rounds if styles else 0):
            taken = {}
            for name in self.names:
                if name == "bare_again" or name in ASIO.values():
                    continue
                with Server(self.programs, self.servers[name]) as server:
                    taken[name] = self.program(server, "idle", 16384, few, given.connections)[0]
            for style in styles:
                for party, name in self.parties(style):
                    if name in taken:
                        self.print(f"idle/{style}", "bytes/connection", party, taken[name])

    def growth(self, given):
        for connections in CONNECTIONS:
            case = f"growth/connections/{connections}"
            if self.wanted(case) and connections + 100 > given.open_files:
                print(f"left out: {case}, for want of open files (ulimit -n)", file=sys.stderr)
                continue
            for _ in range(given.rounds if self.wanted(case) else 0):
                for party, command in (("ours", ["echo_ours", "coroutine"]), ("limit", ["echo_bare"])):
                    with Server(self.programs, command) as server:
                        taken, user, system, *_ = self.load(server, connections, 1, 20, given.milliseconds, f"active={ACTIVE}")
                    self.print(case, "ns/message", party, taken)
                    # Ticks of 4 to 10 ms divide it: too coarse for less than half a second.
                    if given.milliseconds >= 500:
                        self.print(f"{case}/user", "ns/message", party, user)
                        self.print(f"{case}/system", "ns/message", party, system)
        for _ in range(given.rounds if self.wanted("growth/flood") else 0):
            for flood in (None, *FLOODS):
                for party, command in (("ours", ["echo_ours", "coroutine", str(max(FLOODS))]), ("limit", ["echo_bare"])):
                    with Server(self.programs, command) as server:
                        more = [f"flood={flood}"] if flood else []
                        *_, p50, p99 = self.load(server, QUIET, 1, 20, given.milliseconds, *more)
                    self.print(f"growth/flood/{flood or 'none'}/p50", "us", party, p50 / 1000)
                    self.print(f"growth/flood/{flood or 'none'}/p99", "us", party, p99 / 1000)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("programs", type=pathlib.Path)
    parser.add_argument("what", choices=["echo", "tls", "threads", "idle", "growth", "latency"])
    parser.add_argument("--rounds", type=int, default=23)
    parser.add_argument("--milliseconds", type=float, default=200)
    parser.add_argument("--connections", type=int, default=8000, help="idle ones, at most")
    parser.add_argument("--idle", type=int, default=2000, help="those over TLS, at most")
    parser.add_argument("--only", default="")
    given = parser.parse_args()
    given.open_files = raise_open_files()

    def wanted(case):
        return case.startswith(given.only)

    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # the servers end with us
    getattr(Echo(given.programs.resolve(), wanted), given.what)(given)


if __name__ == "__main__":
    sys.exit(main())
