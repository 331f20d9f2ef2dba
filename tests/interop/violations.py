"""Frames that a server must refuse, and unusual ones that it must not: RFC 6455 §5 and §7 over a bare socket.

Each violation ends in exactly one Close with the right code and then the end of the stream; never in a reset, which
could take the Close with it.
"""

import asyncio
import os
import signal
import time

from frames import BINARY, CLOSE, CONTINUATION, FIN, PING, PONG, TEXT, Peer, close, frame, text
from programs import Server, drive, same

MAX_SIZE = 100_000
MAX_FRAGMENTS = 8
ZERO = b"\0\0\0\0"

# What each is answered with. The frames after a violation must have no answer.
VIOLATIONS = [
    ("an unmasked text", frame(FIN | TEXT, b"hello", masked=False), 1002),
    ("an unmasked ping", frame(FIN | PING, masked=False), 1002),
    ("RSV1", frame(FIN | 0x40 | TEXT, b"a"), 1002),
    ("RSV2", frame(FIN | 0x20 | TEXT, b"a"), 1002),
    ("RSV3", frame(FIN | 0x10 | TEXT, b"a"), 1002),
    ("RSV1 on a ping", frame(FIN | 0x40 | PING), 1002),
    *[(f"opcode {opcode:X}", frame(FIN | opcode), 1002) for opcode in (3, 4, 5, 6, 7, 0xB, 0xC, 0xD, 0xE, 0xF)],
    ("a short length in two bytes", b"\x81\xfe\x00\x05" + ZERO + b"hello", 1002),
    ("a short length in eight bytes", b"\x81\xff" + b"\0" * 7 + b"\x05" + ZERO + b"hello", 1002),
    ("a length of 2^63", b"\x82\xff\x80" + b"\0" * 7 + ZERO, 1002),
    ("a length of 2^64 - 1", b"\x82\xff" + b"\xff" * 8 + ZERO, 1002),
    ("a ping of 126 bytes", frame(FIN | PING, b"a" * 126), 1002),
    ("a close of 126 bytes", frame(FIN | CLOSE, b"\x03\xe8" + b"a" * 124), 1002),
    ("a fragmented ping", frame(PING), 1002),
    ("a continuation of nothing", frame(FIN | CONTINUATION, b"a"), 1002),
    ("a text inside a message", frame(TEXT, b"a") + text("b"), 1002),
    ("a binary inside a message", frame(TEXT, b"a") + frame(FIN | BINARY, b"b"), 1002),
    ("text that is not UTF-8", frame(FIN | TEXT, b"\xc0\x80"), 1007),
    ("a surrogate", frame(FIN | TEXT, b"\xed\xa0\x80"), 1007),
    ("a code point past the last", frame(FIN | TEXT, b"\xf4\x90\x80\x80"), 1007),
    ("text that ends inside a code point", frame(FIN | TEXT, b"\xe2\x82"), 1007),
    ("a broken code point across fragments", frame(TEXT, b"\xe2") + frame(FIN | CONTINUATION, b"\x41"), 1007),
    ("text that fails before its message ends", frame(TEXT, b"\xf8"), 1007),
    ("text that fails before its frame ends", b"\x81\xfe\x03\xe8" + ZERO + b"\xff", 1007),
    ("a close of one byte", frame(FIN | CLOSE, b"\x03"), 1002),
    *[(f"close code {code}", close(code), 1002) for code in (0, 999, 1004, 1005, 1006, 1015, 1016, 2999, 5000, 65535)],
    ("a close reason that is not UTF-8", close(1000, b"\xff"), 1007),
    ("a byte more than the limit", frame(FIN | BINARY, b"a" * (MAX_SIZE + 1)), 1009),
    ("a header that declares 2 GiB", b"\x82\xff\0\0\0\0\x80\0\0\0" + ZERO, 1009),
    ("a header that declares 4 GiB and a byte", b"\x82\xff\0\0\0\x01\0\0\0\x01" + ZERO, 1009),
    ("a header that declares 2^63 - 1", b"\x82\xff\x7f" + b"\xff" * 7 + ZERO, 1009),
    ("fragments beyond the limit", frame(BINARY, b"a" * MAX_SIZE) + frame(FIN | CONTINUATION, b"a"), 1009),
    ("a fragment whose length would wrap", frame(BINARY, b"a") + b"\x80\xff\x7f" + b"\xff" * 7 + ZERO, 1009),
    ("too many fragments", frame(BINARY, b"a") + frame(CONTINUATION, b"a") * MAX_FRAGMENTS, 1008),
    ("too many empty fragments", frame(BINARY) + frame(CONTINUATION) * MAX_FRAGMENTS, 1008),
]


async def violation(port, data, wanted, slowly):
    async with await Peer.open(port) as peer:
        peer.send(text("before"))
        same(await peer.frame(), (FIN | TEXT, b"before"), "echo")
        if slowly:
            await peer.send_slowly(data)
        else:
            peer.send(data + text("after") + frame(FIN | PING, b"after"))
        before, code, _ = await peer.until_close()
        same((before, code), ([], wanted), "frames and close code")


async def still_serves(port):
    async with await Peer.open(port) as peer:
        peer.send(text("fine"))
        same(await peer.frame(), (FIN | TEXT, b"fine"), "echo")


async def whole(port, data, wanted, slowly=False):
    """Frames that are right, and what comes back before a clean close."""
    async with await Peer.open(port) as peer:
        await peer.send_slowly(data) if slowly else peer.send(data)
        peer.send(close(1000))
        found, code, _ = await peer.until_close()
        same((found, code), (wanted, 1000), "answer")


def conversations():
    ping = frame(FIN | PING, b"?")
    pong = (FIN | PONG, b"?")
    yield "text", text("grüße"), [(0x81, "grüße".encode())]
    yield "an empty text", text(""), [(0x81, b"")]
    yield "an empty binary", frame(FIN | BINARY), [(0x82, b"")]
    yield "a masking key of zeros", frame(FIN | TEXT, b"hello", key=ZERO), [(0x81, b"hello")]
    yield "a NUL and the last code point", frame(FIN | TEXT, b"\0\xf4\x8f\xbf\xbf"), [(0x81, b"\0\xf4\x8f\xbf\xbf")]
    fragments = frame(TEXT, b"\xe2") + frame(CONTINUATION, b"\x82") + frame(FIN | CONTINUATION, b"\xac")
    yield "a code point across fragments", fragments, [(0x81, b"\xe2\x82\xac")]
    empty = frame(BINARY) + frame(CONTINUATION) + frame(CONTINUATION, b"a") + frame(FIN | CONTINUATION)
    yield "empty fragments", empty, [(0x82, b"a")]
    most = frame(BINARY, b"a") + frame(CONTINUATION, b"a") * (MAX_FRAGMENTS - 2) + frame(FIN | CONTINUATION, b"a")
    yield "as many fragments as are allowed", most, [(0x82, b"a" * MAX_FRAGMENTS)]
    yield "a ping", ping, [pong]
    yield "a ping of 125 bytes", frame(FIN | PING, b"p" * 125), [(FIN | PONG, b"p" * 125)]
    yield "a ping between fragments", frame(TEXT, b"a") + ping + frame(FIN | CONTINUATION, b"b"), [pong, (0x81, b"ab")]
    yield "pongs that nobody asked for", frame(FIN | PONG, b"x") * 3 + text("a"), [(0x81, b"a")]
    for size in (125, 126, 127, 65535, 65536, MAX_SIZE):
        data = os.urandom(size)
        yield f"{size} bytes", frame(FIN | BINARY, data), [(0x82, data)]
    yield "a thousand messages at once", text("m") * 1000, [(0x81, b"m")] * 1000


async def close_is_echoed(port, data, wanted):
    async with await Peer.open(port) as peer:
        peer.send(text("before") + data + text("after"))
        before, code, reason = await peer.until_close()
        same((before, code), ([(FIN | TEXT, b"before")], wanted), "frames and close code")


async def end_without_close(port):
    """A peer that is gone in the middle of a frame, by end of stream and by reset."""
    for reset in (False, True):
        async with await Peer.open(port) as peer:
            peer.send(frame(FIN | BINARY, b"a" * 1000)[:500])
            await peer.writer.drain()
            if reset:
                peer.writer.transport.abort()
            else:
                peer.writer.write_eof()
                await peer.reader.read()
    await still_serves(port)


async def never_answers(port):
    """After a violation the server must not wait for this peer's Close, or its end of stream, for ever."""
    async with await Peer.open(port) as peer:
        peer.send(frame(FIN | TEXT, b"a", masked=False))
        _, code, _ = await peer.until_close()
        same(code, 1002, "close code")
        began = time.monotonic()
        # What is sent to a socket that is closed for good comes back as a reset.
        try:
            while time.monotonic() < began + 12:
                peer.writer.write(b"\0")
                await peer.writer.drain()
                await asyncio.sleep(0.2)
        except (ConnectionResetError, BrokenPipeError):
            return
        raise AssertionError("the server still holds the connection after 12 s")


async def ping_flood(echo):
    """Pings of a peer that does not read: their answers must not pile up, and the connection lives on."""
    async with await Peer.open(echo.port) as peer:
        before = echo.resident()
        flood = b"".join(frame(FIN | PING, b"%06d" % number + b"p" * 100, key=ZERO) for number in range(1000))
        peer.writer.transport.set_write_buffer_limits(high=0)
        deadline = time.monotonic() + 3
        sent = 0
        try:
            while sent < 200 and time.monotonic() < deadline:
                peer.send(flood)
                await asyncio.wait_for(peer.writer.drain(), 1)
                sent += 1
        except asyncio.TimeoutError:
            pass  # the server has stopped reading: that is a bound, too
        grown = echo.resident() - before
        peer.send(text("still there"))
        pongs = 0
        while (found := await peer.frame()) != (FIN | TEXT, b"still there"):
            same(found[0], FIN | PONG, "frame")
            pongs += 1
        if pongs == 0 or found is None:
            raise AssertionError("no pong at all")
        if grown > 8 << 20:
            raise AssertionError(f"{grown >> 20} MiB for the answers to pings")


async def declared_is_not_allocated(echo):
    """Headers that declare the most that is allowed, and no payload, on many connections."""
    peers = [await Peer.open(echo.port) for _ in range(200)]
    before = echo.resident()
    for peer in peers:
        peer.send(frame(FIN | BINARY, b"a" * MAX_SIZE)[:20])
    await asyncio.sleep(0.5)
    grown = echo.resident() - before
    for peer in peers:
        peer.writer.close()
    if grown > len(peers) * 65536:
        raise AssertionError(f"{grown // len(peers)} bytes for each header")


async def stop_with_connections(cases, how):
    with Server("echo") as echo:
        silent = await Peer.open(echo.port)
        waiting = await Peer.connect(echo.port)
        talking = await Peer.open(echo.port)
        # What the server does at its end must not wait for these peers; it may tell them with a Close.
        problems = await asyncio.to_thread(echo.stop, how)
        cases.check(f"{how.name} ends echo while connections are open", problems)
        for peer in (silent, waiting, talking):
            peer.writer.close()


async def main(cases):
    with Server("echo", "--max-message-size", MAX_SIZE, "--max-fragments", MAX_FRAGMENTS) as echo:
        for name, data, wanted in VIOLATIONS:
            await cases.case(f"{wanted}: {name}", violation(echo.port, data, wanted, slowly=False))
            if len(data) < 1000:
                await cases.case(f"{wanted}: {name}, byte by byte", violation(echo.port, data, wanted, slowly=True))
        for name, data, wanted in conversations():
            await cases.case(f"comes back: {name}", whole(echo.port, data, wanted))
            if len(data) < 1000:
                await cases.case(f"comes back: {name}, byte by byte", whole(echo.port, data, wanted, slowly=True))
        for code in (1000, 1001, 1003, 1007, 1011, 1014, 3000, 4999):
            await cases.case(f"a close with {code} is echoed", close_is_echoed(echo.port, close(code, b"bye"), code))
        await cases.case("an empty close is echoed", close_is_echoed(echo.port, frame(FIN | CLOSE), 1005))
        await cases.case("a stream that ends in a frame", end_without_close(echo.port))
        await cases.case("a peer that never answers a close is cut", never_answers(echo.port))
        await cases.case("a flood of pings", ping_flood(echo))
        await cases.case("what is declared is not allocated", declared_is_not_allocated(echo))
        await cases.case("echo still serves", still_serves(echo.port))
        cases.check("echo ends at SIGINT with status 0", echo.stop(signal.SIGINT))
    await stop_with_connections(cases, signal.SIGTERM)
    await stop_with_connections(cases, signal.SIGINT)


drive(main)
