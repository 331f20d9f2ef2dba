"""Other people's WebSocket against ours: every conversation with PEER as the client, and with PEER as the server.

usage: matrix.py PEERS PEER [tls] [COMPRESSION]..., with the folder that holds the built peers; nginx and haproxy stand in
front of our server

With COMPRESSION, which is shared, small or full, both ends compress, and ours checks that they do. With tls both ends speak
wss: all trust a certificate that is made for the occasion, and no other. All peers speak the command line of peers/peer.hpp.
"""

import asyncio
import contextlib
import os
import pathlib
import subprocess
import sys
import tempfile
import zlib
from typing import NamedTuple

import proxies
from programs import FOLDER, Server, drive, same

HERE = pathlib.Path(__file__).resolve().parent / "peers"
COMMANDS = {
    **{name: [str(FOLDER / f"{name}_peer")] for name in ("kindwire", "beast", "libwebsockets", "websocketpp")},
    **{name: [sys.executable, str(HERE / f"{name}_peer.py")] for name in ("aiohttp", "websockets")},
    **{name: ["node", str(HERE / f"{name}_peer.js")] for name in ("ws", "faye", "chromium")},
}
CLIENTS_ONLY = {"chromium"}
CANNOT_PING = {"chromium"}
CANNOT_FRAGMENT = {"aiohttp", "chromium", "faye"}
# websocketpp's client does not offer it. libwebsockets' (4.1.6) does, and then delivers an uncompressed message for ever.
COMPRESS_AS_SERVERS_ONLY = {"libwebsockets", "websocketpp"}
# websocketpp sends fragments as they are. libwebsockets marks none of the frames when the first one is empty.
CANNOT_FRAGMENT_COMPRESSED = {"libwebsockets", "websocketpp"}
# A browser alone takes 5 s to start where others are at work.
CLIENT_SECONDS = 60
SERVER_SECONDS = 10


class Conversation(NamedTuple):
    name: str
    commands: list
    lines: list  # that the client prints between `open` and `closed`
    offered: str = ""
    subprotocol: str = ""
    code: int = 1000
    reason: str = ""
    closed_by_client: bool = True
    pongs: bool = False  # the server asks for pongs


def line(payload):
    kind, data = ("text", payload.encode()) if isinstance(payload, str) else ("binary", payload)
    return f"{kind} {len(data)} {zlib.adler32(data)}"


def letters(size):
    return ("abcdefghijklmnopqrstuvwxyz" * (size // 26 + 1))[:size]


def octets(size):
    return (bytes(range(251)) * (size // 251 + 1))[:size]


def conversations(client, server):
    """Those that this client and this server are able to have."""
    words = ["hello", "", "grüße 🐎"]
    sizes = [125, 126, 65535, 65536]
    commands = [f"say {word}" for word in words] + [f"text {size}" for size in sizes] + ["!text 126"]
    yield Conversation("text", commands, [line(word) for word in words] + [line(letters(size)) for size in [*sizes, 126]])
    sizes = [0, 1, *sizes]
    commands = [f"binary {size}" for size in sizes] + ["!binary 126"]
    yield Conversation("binary", commands, [line(octets(size)) for size in [*sizes, 126]])
    mebi = 1 << 20
    commands = [f"text {mebi}", f"binary {mebi}", f"!text {mebi}", f"!binary {mebi}"]
    yield Conversation("1 MiB", commands, [line(letters(mebi)), line(octets(mebi))] * 2)

    fragments = ["fragments 300000 7", "fragments 3 5"]
    answers = [line(octets(300000)), line(octets(3))]
    if client not in CANNOT_FRAGMENT:
        yield Conversation("fragments from the client", fragments, answers)
    compressed = os.environ["KINDWIRE_COMPRESSION"] != "off"
    if server not in CANNOT_FRAGMENT and not (compressed and server in CANNOT_FRAGMENT_COMPRESSED):
        yield Conversation("fragments from the server", [f"!{each}" for each in fragments], answers)
    pings = ["are you there", "p" * 125]
    if client not in CANNOT_PING:
        yield Conversation("pings from the client", [f"ping {each}" for each in pings], [f"pong {each}" for each in pings])
    lines = [line(f"pong {each}") for each in pings]
    yield Conversation("pings from the server", [f"!ping {each}" for each in pings], lines, pongs=True)

    for code, reason in ((1000, ""), (3000, "x" * 123), (4001, "grüße")):
        how = {"code": code, "reason": reason}
        yield Conversation(f"closed by the client with {code}", [], [], **how)
        yield Conversation(f"closed by the server with {code}", [f"!close {code} {reason}"], [], **how, closed_by_client=False)
    yield Conversation("a subprotocol", ["say hello"], [line("hello")], offered="mqtt, chat", subprotocol="chat")


def answer(code, by, to):
    """What the end that closed learns from the other end's Close: as a rule, its own code."""
    if to == "libwebsockets":
        return 0  # it does not look
    return 1000 if by == "aiohttp" else code


class PeerServer(Server):
    def __init__(self, name, *arguments):
        self.command = [*COMMANDS[name], "server", "--port", "0", *arguments]


async def run_client(name, *arguments):
    """The lines it prints."""
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(*COMMANDS[name], "client", *arguments, stdout=pipe, stderr=pipe)
    try:
        output, errors = await asyncio.wait_for(process.communicate(), CLIENT_SECONDS)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    if process.returncode:
        raise AssertionError(f"status {process.returncode}: {errors.decode()[-1000:]}")
    return output.decode().splitlines()


async def converse(client, server, url, of, told):
    """One conversation, and what both ends say of it; `told` is the server's side of the story, line by line."""
    commands = [*of.commands, f"close {of.code} {of.reason}"] if of.closed_by_client else of.commands
    try:
        opened, *lines, closed = await run_client(client, url, of.offered, *commands)
    finally:
        # Read in any case: the next conversation must not find it.
        server_closed = (await asyncio.wait_for(asyncio.to_thread(told.readline), SERVER_SECONDS)).rstrip("\n")
    same(opened, f"open {of.subprotocol}", "what the client says first")
    same(lines, of.lines, "what the client received")
    heard, answered = (server_closed, closed) if of.closed_by_client else (closed, server_closed)
    same(heard, f"closed {of.code} {of.reason}", "what the Close said")
    ends = (server, client) if of.closed_by_client else (client, server)
    same(answered.split(" ")[:2], ["closed", str(answer(of.code, *ends))], "what the answer to the Close said")


async def between(cases, client, server, front=None):
    """All conversations of two peers, one of them ours; `front` is a proxy that stands before the server."""
    with contextlib.ExitStack() as running:
        # Ours answers pings by itself, or hands pongs over: one of each.
        ours = server == "kindwire"
        servers = {pongs: running.enter_context(PeerServer(server, *(["--pongs"] if pongs else []))) for pongs in {ours, False}}
        urls = {pongs: running.enter_context(front(to.port)) if front else to.url for pongs, to in servers.items()}
        for each in conversations(client, server):
            pongs = each.pongs and ours
            way = f"{client} → {front.__name__} → {server}" if front else f"{client} → {server}"
            compression = os.environ["KINDWIRE_COMPRESSION"]
            way += f", {compression}" if compression != "off" else ""
            work = converse(client, server, urls[pongs], each, servers[pongs].process.stdout)
            await cases.case(f"{way}: {each.name}", work, CLIENT_SECONDS + SERVER_SECONDS + 5)
        if ours:
            for pongs, each in servers.items():
                cases.check(f"{way}: our server ends{' (pongs)' * pongs}", each.stop())


async def main(cases):
    peer, *how = sys.argv[2:]
    with tempfile.TemporaryDirectory() as folder:
        if "tls" in how:
            how.remove("tls")
            trust_a_certificate(folder, is_proxy=hasattr(proxies, peer))
        for compression in how or ["off"]:
            os.environ["KINDWIRE_COMPRESSION"] = compression  # of every peer
            await talk_to(peer, cases, compression)


def trust_a_certificate(folder, is_proxy):
    """Every peer's server uses it, or the proxy before ours; every client trusts it alone: OpenSSL's, and node's."""
    subprocess.run([FOLDER / "certificate", folder], check=True)
    os.environ["KINDWIRE_PROXY_TLS" if is_proxy else "KINDWIRE_TLS"] = folder
    os.environ["SSL_CERT_FILE"] = os.environ["NODE_EXTRA_CA_CERTS"] = f"{folder}/certificate.pem"


async def talk_to(peer, cases, compression):
    front = getattr(proxies, peer, None)
    if front:
        for client in ("websockets", "kindwire"):
            await between(cases, client, "kindwire", front)
        return
    if compression == "off" or peer not in COMPRESS_AS_SERVERS_ONLY:
        await between(cases, peer, "kindwire")
    if peer not in {"kindwire", *CLIENTS_ONLY}:
        await between(cases, "kindwire", peer)


drive(main)
