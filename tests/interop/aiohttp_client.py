"""aiohttp's client against echo, and against blocking, which does the same without Asio."""

import asyncio
import os
import signal
import time

import aiohttp
from aiohttp import WSMsgType

from programs import Server, drive, same

MAX_SIZE = 4 << 20


async def comes_back(ws, data):
    await (ws.send_str(data) if isinstance(data, str) else ws.send_bytes(data))
    reply = await ws.receive()
    same(reply.type, WSMsgType.TEXT if isinstance(data, str) else WSMsgType.BINARY, "type")
    same(reply.data, data, "echo")


async def messages(session, url):
    async with session.ws_connect(url, max_msg_size=0) as ws:
        for data in ("hello", "", "žluťoučký kůň 🐎", "a" * 1000000, b"", b"\0\xff", os.urandom(1 << 20)):
            await comes_back(ws, data)


async def many_at_once(session, url):
    async with session.ws_connect(url) as ws:
        for number in range(2000):
            await ws.send_str(f"message {number}")
        for number in range(2000):
            same((await ws.receive()).data, f"message {number}", "echo")


async def ping(session, url):
    async with session.ws_connect(url, autoping=False) as ws:
        await ws.ping(b"are you there")
        reply = await ws.receive()
        same((reply.type, reply.data), (WSMsgType.PONG, b"are you there"), "answer")
        await ws.pong(b"nobody asked")
        await comes_back(ws, "after")


async def close_by_the_client(session, url):
    ws = await session.ws_connect(url)
    await ws.close(code=4001, message="done".encode())
    same(ws.close_code, 4001, "close code")
    same(ws.exception(), None, "exception")


async def close_by_the_server(session, url):
    ws = await session.ws_connect(url, max_msg_size=0)
    await ws.send_bytes(bytes(MAX_SIZE + 1))
    message = await ws.receive()
    same((message.type, message.data), (WSMsgType.CLOSE, 1009), "close")
    if not message.extra:
        raise AssertionError("the Close gives no reason")


async def compression_is_declined(session, url):
    async with session.ws_connect(url, compress=15) as ws:
        same(ws._response.headers.get("Sec-WebSocket-Extensions"), None, "Sec-WebSocket-Extensions")
        await comes_back(ws, "plain " * 100)


async def many_connections(session, url):
    connections = [await session.ws_connect(url) for _ in range(200)]
    for number, ws in enumerate(connections):
        await ws.send_str(str(number))
    for number, ws in enumerate(connections):
        same((await ws.receive()).data, str(number), "echo")
    for ws in connections:
        await ws.close()
        same(ws.close_code, 1000, "close code")


async def refused(session, url):
    try:
        await session.ws_connect(url.replace("/echo", "/nowhere"))
    except aiohttp.WSServerHandshakeError as problem:
        same(problem.status, 404, "status")
    else:
        raise AssertionError("it was accepted")


async def told_at_the_end(how):
    """A server that is asked to end says 1001 to its clients, and waits for those that answer no longer than that takes."""
    with Server("echo") as echo:
        async with aiohttp.ClientSession() as session:
            clients = [await session.ws_connect(echo.url) for _ in range(3)]
            ending = asyncio.create_task(asyncio.to_thread(echo.stop, how))
            begin = time.monotonic()
            for ws in clients:
                message = await ws.receive()
                same((message.type, message.data), (WSMsgType.CLOSE, 1001), "close")
            same(await ending, [], "what went wrong")
            if time.monotonic() - begin > 4:
                raise AssertionError("the server waited for its own deadline")


async def main(cases):
    either = [messages, many_at_once, ping, close_by_the_client, compression_is_declined, many_connections]
    with Server("echo", "--max-message-size", MAX_SIZE) as echo:
        connector = aiohttp.TCPConnector(limit=0)
        async with aiohttp.ClientSession(connector=connector) as session:
            for case in (*either, close_by_the_server, refused):
                await cases.case(f"echo: {case.__name__.replace('_', ' ')}", case(session, echo.url))
        cases.check("echo ends after aiohttp", echo.stop())
    for how in (signal.SIGTERM, signal.SIGINT):
        await cases.case(f"echo: {how.name} is told to clients as 1001", told_at_the_end(how))
    with Server("blocking") as blocking:
        async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:
            for case in either:
                await cases.case(f"blocking: {case.__name__.replace('_', ' ')}", case(session, blocking.url))
        cases.check("blocking ends after aiohttp", blocking.stop())


drive(main)
