"""The example `client` against aiohttp's server, and against servers that do what none should."""

import asyncio
import base64
import signal

from aiohttp import web

from client_runs import BAD_ARGUMENTS, CLOSED, FAILED, REFUSED, Run, aiohttp_server, clean, echo, failed, run_client
from frames import FIN, TEXT, accept, accept_for, bare_server, frame
from programs import drive, free_port, same


async def lines_come_back(lines):
    seen = []

    async def handler(request):
        response = await echo(request)
        seen.append((request.path_qs, response.close_code))
        return response

    async with aiohttp_server(handler) as url:
        clean(await run_client(url, *lines), lines)
        for _ in range(100):
            if seen:
                break
            await asyncio.sleep(0.05)
        same(seen, [("/some/path?a=b", 1000)], "what the server saw")


async def last_line_without_newline():
    async with aiohttp_server(echo) as url:
        run = await Run.start(url)
        run.process.stdin.write(b"one\ntwo")
        clean(await run.ended(), ["one", "two"])


async def answers_while_input_is_open():
    async with aiohttp_server(echo) as url:
        run = await Run.start(url)
        for line in ("one", "two"):
            run.say(line)
            same(await asyncio.wait_for(run.process.stdout.readline(), 10), f"{line}\n".encode(), "line")
        clean(await run.ended(), [])


async def a_server_that_talks_first():
    async def handler(request):
        ws = web.WebSocketResponse()
        await ws.prepare(request)
        for word in ("INITIAL", "grüße"):
            await ws.send_str(word)
        await ws.receive()
        return ws

    async with aiohttp_server(handler) as url:
        run = await Run.start(url)
        same(await asyncio.wait_for(run.process.stdout.readline(), 10), b"INITIAL\n", "line")
        same(await asyncio.wait_for(run.process.stdout.readline(), 10), "grüße\n".encode(), "line")
        clean(await run.ended(), [])


async def closed_by_the_server(code, reason, is_clean):
    async def handler(request):
        ws = web.WebSocketResponse()
        await ws.prepare(request)
        await ws.close(code=code, message=reason.encode())
        return ws

    async with aiohttp_server(handler) as url:
        outcome = await run_client(url, end_of_input=False)
        clean(outcome, []) if is_clean else failed(outcome, CLOSED, str(code), reason)


async def refused(status, body, **fields):
    async def handler(request):
        return web.Response(status=status, text=body, headers=fields)

    async with aiohttp_server(handler) as url:
        failed(await run_client(url, "hello", end_of_input=False), REFUSED, str(status), body)


async def nobody_there():
    failed(await run_client(f"ws://127.0.0.1:{free_port()}/"), FAILED, "connection")


async def no_address(url):
    failed(await run_client(url), BAD_ARGUMENTS)


async def the_request():
    """What the RFC asks of a client's request (§4.1), and that no two have the same key."""
    keys = []

    async def handler(head, reader, writer):
        first, *lines = head.rstrip("\r\n").split("\r\n")
        same(first, "GET / HTTP/1.1", "request line")
        fields = [(name.lower(), value.strip()) for name, _, value in (line.partition(":") for line in lines)]
        values = dict(fields)
        same(len(fields), len(values), "number of distinct fields")
        same(values["host"], "127.0.0.1:%d" % writer.get_extra_info("sockname")[1], "Host")
        same(values["upgrade"].lower(), "websocket", "Upgrade")
        same(values["connection"].lower(), "upgrade", "Connection")
        same(values["sec-websocket-version"], "13", "Sec-WebSocket-Version")
        same(len(base64.b64decode(values["sec-websocket-key"], validate=True)), 16, "bytes of the key")
        keys.append(values["sec-websocket-key"])
        writer.write(accept(head) + frame(FIN | TEXT, b"hello", masked=False) + frame(0x88, b"\x03\xe8", masked=False))
        same((await reader.readexactly(2))[1] & 0x80, 0x80, "mask bit of the answer")

    async with bare_server(handler) as url:
        for _ in range(2):
            clean(await run_client(url, end_of_input=False), ["hello"])
    same(len(set(keys)), 2, "number of keys")


async def masking_keys():
    """Each frame has a key of its own (§5.3)."""
    keys = []

    async def handler(head, reader, writer):
        writer.write(accept(head))
        for _ in range(64):
            keys.append((await reader.readexactly(2 + 4 + 5))[2:6])
        writer.write(frame(0x88, b"\x03\xe8", masked=False))
        await reader.read()

    async with bare_server(handler) as url:
        clean(await run_client(url, *["hello"] * 64, end_of_input=False), [])
    if len(set(keys)) < 60:
        raise AssertionError(f"{len(set(keys))} keys for 64 frames")


async def bad_response(change):
    async def handler(head, reader, writer):
        writer.write(change(head))
        await asyncio.wait_for(reader.read(), 10)

    async with bare_server(handler) as url:
        failed(await run_client(url, end_of_input=False), FAILED)


async def violation(data, code, why):
    """The client answers with a Close of the code, and says what was wrong."""
    seen = []

    async def handler(head, reader, writer):
        writer.write(accept(head) + data)
        first, length = await reader.readexactly(2)
        key = await reader.readexactly(4)
        payload = bytes(byte ^ key[place % 4] for place, byte in enumerate(await reader.readexactly(length & 0x7F)))
        seen.append((first, int.from_bytes(payload[:2], "big")))
        writer.close()

    async with bare_server(handler) as url:
        failed(await run_client(url, end_of_input=False), FAILED, why)
    same(seen, [(0x88, code)], "the client's Close")


async def lost(data):
    async def handler(head, reader, writer):
        writer.write(accept(head) + data)

    async with bare_server(handler) as url:
        failed(await run_client(url, end_of_input=False), FAILED)


async def never_answers():
    """A server that ignores our Close does not keep the client for ever."""

    async def handler(head, reader, writer):
        writer.write(accept(head))
        while await reader.read(65536):
            pass

    async with bare_server(handler) as url:
        failed(await run_client(url, "hello"), FAILED)


async def interrupted(how):
    closes = []

    async def handler(request):
        ws = web.WebSocketResponse()
        await ws.prepare(request)
        await ws.send_str("ready")
        await ws.receive()
        closes.append(ws.close_code)
        return ws

    async with aiohttp_server(handler) as url:
        run = await Run.start(url)
        same(await asyncio.wait_for(run.process.stdout.readline(), 10), b"ready\n", "line")
        run.process.send_signal(how)
        clean(await run.ended(end_of_input=False), [])
    same(len(closes), 1, "closes")
    if closes[0] not in (1000, 1001):
        raise AssertionError(f"the server saw {closes[0]}")


def server_frame(first, payload=b""):
    return frame(first, payload, masked=False)


async def main(cases):
    async def case(name, work):
        await cases.case(f"client: {name}", work)

    await case("no line", lines_come_back([]))
    await case("lines come back", lines_come_back(["hello", "", "grüße 🐎", "a" * 100_000]))
    await case("all of 2,000 lines, in order", lines_come_back([f"line {number}" for number in range(2000)]))
    await case("a last line without a newline", last_line_without_newline())
    await case("answers while the input is open", answers_while_input_is_open())
    await case("a server that talks first", a_server_that_talks_first())
    await case("closed with 1000", closed_by_the_server(1000, "bye", True))
    await case("closed with 1001", closed_by_the_server(1001, "going away", True))
    await case("closed with 1011", closed_by_the_server(1011, "out of luck", False))
    await case("closed with 4001", closed_by_the_server(4001, "no more of you", False))
    await case("refused with 403", refused(403, "you may not"))
    await case("refused with 404", refused(404, "nothing here"))
    await case("refused with 500", refused(500, "broken"))
    await case("a redirect is not followed", refused(302, "elsewhere", Location="ws://127.0.0.1:1/"))
    await case("a page instead of a websocket", refused(200, "hello"))
    await case("nobody there", nobody_there())
    for url in ("http://127.0.0.1/", "ws://", "ws://127.0.0.1:99999/", "ws://a b/", "ws://127.0.0.1/#fragment"):
        await case(f"the address {url!r}", no_address(url))
    await case("the request", the_request())
    await case("a fresh masking key for each frame", masking_keys())
    wrong = accept_for("AAAAAAAAAAAAAAAAAAAAAA==")
    responses = {
        "a wrong accept": lambda head: accept(head, Sec_WebSocket_Accept=wrong),
        "no accept": lambda head: accept(head, Sec_WebSocket_Accept=None),
        "no Upgrade": lambda head: accept(head, Upgrade=None),
        "no Connection": lambda head: accept(head, Connection=None),
        "an extension that was not offered": lambda head: accept(head, Sec_WebSocket_Extensions="permessage-deflate"),
        "a subprotocol that was not offered": lambda head: accept(head, Sec_WebSocket_Protocol="chat"),
        "junk for a response": lambda head: b"hello\r\n\r\n",
        "a head without end": lambda head: accept(head)[:-2] + b"X-A: a\r\n" * 10000,
    }
    for name, change in responses.items():
        await case(name, bad_response(change))
    await case("a masked frame", violation(frame(FIN | TEXT, b"a"), 1002, "masked"))
    await case("RSV1", violation(server_frame(0xC1, b"a"), 1002, "reserved bit"))
    await case("a reserved opcode", violation(server_frame(0x83), 1002, "opcode"))
    await case("text that is not UTF-8", violation(server_frame(0x81, b"\xff"), 1007, "UTF-8"))
    await case("a length of 2^63 - 1", violation(b"\x82\x7f\x7f" + b"\xff" * 7, 1009, "larger"))
    await case("the stream ends", lost(b""))
    await case("the stream ends in a frame", lost(b"\x81\x05hel"))
    await case("a server that never answers a close", never_answers())
    await case("SIGINT", interrupted(signal.SIGINT))
    await case("SIGTERM", interrupted(signal.SIGTERM))


drive(main)
