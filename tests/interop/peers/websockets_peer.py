"""Python websockets' end of matrix.py."""

import asyncio

import websockets
from websockets.extensions.permessage_deflate import ClientPerMessageDeflateFactory, ServerPerMessageDeflateFactory

from peer import COMPRESSION, Conversation, announce, run, server_tls

OPTIONS = {"max_size": 4 << 20, "compression": None}
TERMS = {
    "shared": {"server_no_context_takeover": True, "client_no_context_takeover": True},
    "small": {"server_max_window_bits": 12, "client_max_window_bits": 12},
    "full": {},
}.get(COMPRESSION)


class Connection:
    def __init__(self, ws, talk):
        self.ws = ws
        self.talk = talk
        self.tasks = set()

    async def send(self, payload):
        await self.ws.send(payload)

    async def fragments(self, pieces):
        await self.ws.send(pieces)

    async def close(self, code, reason):
        # Its close() waits for the other end, and so does the loop that is inside this call.
        self.later(self.ws.close(code, reason))

    async def ping(self, data):
        pong = await self.ws.ping(data)

        async def answered():
            await pong
            await self.talk.ponged(self, data.encode())

        self.later(answered())

    def later(self, work):
        task = asyncio.ensure_future(work)
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)


async def converse(ws, talk):
    on = Connection(ws, talk)
    try:
        await talk.opened(on, ws.subprotocol)
        async for payload in ws:
            await talk.received(on, payload)
    except websockets.ConnectionClosedError:
        pass
    await ws.wait_closed()
    talk.closed(ws.close_code, ws.close_reason)


async def be_server(port):
    async def serve(ws):
        await converse(ws, Conversation())

    extensions = None if TERMS is None else [ServerPerMessageDeflateFactory(**TERMS)]
    async with websockets.serve(serve, "127.0.0.1", port, subprotocols=["chat"], ssl=server_tls(), extensions=extensions, **OPTIONS) as server:
        await announce(server.sockets[0].getsockname()[1])


async def be_client(url, subprotocols, commands):
    extensions = None if TERMS is None else [ClientPerMessageDeflateFactory(**TERMS)]
    async with websockets.connect(url, subprotocols=subprotocols or None, extensions=extensions, **OPTIONS) as ws:
        await converse(ws, Conversation(commands))


run(be_server, be_client)
