"""What the Python peers of matrix.py have in common: the same command line, commands and lines as peer.hpp says."""

import asyncio
import os
import ssl
import sys
import zlib

COMPRESSION = os.environ.get("KINDWIRE_COMPRESSION", "off")


def server_tls():
    """What a server needs for wss; None without."""
    folder = os.environ.get("KINDWIRE_TLS")
    if not folder:
        return None
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(f"{folder}/certificate.pem", f"{folder}/key.pem")
    return context


def pattern(kind, size):
    if kind == "text":
        return ("abcdefghijklmnopqrstuvwxyz" * (size // 26 + 1))[:size]
    return (bytes(range(251)) * (size // 251 + 1))[:size]


async def perform(command, on):
    """`on` is an open connection: send(payload), ping(data), close(code, reason) and, where it can, fragments(pieces)."""
    verb, _, rest = command.partition(" ")
    if verb == "say":
        await on.send(rest)
    elif verb in ("text", "binary"):
        await on.send(pattern(verb, int(rest)))
    elif verb == "ping":
        await on.ping(rest)
    elif verb == "close":
        code, _, reason = rest.partition(" ")
        await on.close(int(code), reason)
    elif verb == "fragments":
        size, count = map(int, rest.split())
        whole = pattern("binary", size)
        await on.fragments([whole[size * at // count : size * (at + 1) // count] for at in range(count)])
    else:
        sys.exit(f"what is {command!r}?")


class Conversation:
    """What happens on a connection goes here; `commands` are a client's, and None for a server."""

    def __init__(self, commands=None):
        self.commands = commands

    async def opened(self, on, subprotocol):
        if self.commands is not None:
            print("open", subprotocol or "", flush=True)
            await self.go_on(on)

    async def received(self, on, payload):
        if self.commands is None:
            await (perform(payload[1:], on) if str(payload).startswith("!") else on.send(payload))
            return
        data = payload.encode() if isinstance(payload, str) else payload
        print("text" if isinstance(payload, str) else "binary", len(data), zlib.adler32(data), flush=True)
        await self.go_on(on)

    async def ponged(self, on, data):
        if self.commands is None:
            await on.send(f"pong {data.decode()}")
            return
        print("pong", data.decode(), flush=True)
        await self.go_on(on)

    def closed(self, code, reason):
        print("closed", code, reason, flush=True)

    async def go_on(self, on):
        if self.commands:
            following = self.commands.pop(0)
            await (on.send(following) if following[0] == "!" else perform(following, on))


def run(be_server, be_client):
    """The main of every peer: be_server(port), or be_client(url, subprotocols, commands)."""
    if sys.argv[1] == "server":
        asyncio.run(be_server(int(sys.argv[3]) if len(sys.argv) > 3 else 0))
    else:
        _, _, url, subprotocols, *commands = sys.argv
        asyncio.run(be_client(url, subprotocols.split(", ") if subprotocols else [], commands))


async def announce(port):
    """Says where the server is, and stays."""
    print(f"{'wss' if os.environ.get('KINDWIRE_TLS') else 'ws'}://127.0.0.1:{port}/", flush=True)
    await asyncio.Event().wait()
