"""aiohttp's end of matrix.py. It cannot send fragments."""

import socket

import aiohttp
from aiohttp import WSMsgType, web

from peer import COMPRESSION, Conversation, announce, run, server_tls

OPTIONS = {"autoping": False, "max_msg_size": 4 << 20}
# It cannot ask for no context takeover.
OFFER = {"off": 0, "shared": 15, "small": 12, "full": 15}[COMPRESSION]


class Connection:
    def __init__(self, ws):
        self.ws = ws

    async def send(self, payload):
        await (self.ws.send_str if isinstance(payload, str) else self.ws.send_bytes)(payload)

    async def ping(self, data):
        await self.ws.ping(data.encode())

    async def close(self, code, reason):
        await self.ws.close(code=code, message=reason.encode())


async def converse(ws, subprotocol, talk):
    on = Connection(ws)
    await talk.opened(on, subprotocol)
    while True:
        message = await ws.receive()
        if message.type in (WSMsgType.TEXT, WSMsgType.BINARY):
            await talk.received(on, message.data)
        elif message.type == WSMsgType.PING:
            await ws.pong(message.data)
        elif message.type == WSMsgType.PONG:
            await talk.ponged(on, message.data)
        else:
            talk.closed(ws.close_code, message.extra or "")
            return


async def be_server(port):
    async def serve(request):
        ws = web.WebSocketResponse(protocols=["chat"], compress=OFFER != 0, **OPTIONS)
        await ws.prepare(request)
        await converse(ws, ws.ws_protocol, Conversation())
        return ws

    application = web.Application()
    application.router.add_get("/", serve)
    runner = web.AppRunner(application)
    await runner.setup()
    listener = socket.create_server(("127.0.0.1", port))
    await web.SockSite(runner, listener, ssl_context=server_tls()).start()
    await announce(listener.getsockname()[1])


async def be_client(url, subprotocols, commands):
    async with aiohttp.ClientSession() as session:
        async with session.ws_connect(url, protocols=subprotocols, compress=OFFER, **OPTIONS) as ws:
            await converse(ws, ws.protocol, Conversation(commands))


run(be_server, be_client)
