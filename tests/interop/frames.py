"""A WebSocket peer that does whatever it is told, also what is forbidden: a socket and the frames of RFC 6455 §5.2.

Written straight from the RFC and slow: it shares nothing with the code under test.
"""

import asyncio
import base64
import contextlib
import hashlib
import os
import re
import struct

TEXT, BINARY, CLOSE, PING, PONG, CONTINUATION = 0x1, 0x2, 0x8, 0x9, 0xA, 0x0
FIN = 0x80
SAMPLE_KEY = "dGhlIHNhbXBsZSBub25jZQ=="


def frame(first, payload=b"", masked=True, key=None):
    """A frame whose first byte is given whole (FIN | RSV | opcode), its length in the shortest form."""
    size = len(payload)
    mask_bit = 0x80 if masked else 0
    if size < 126:
        head = bytes([first, mask_bit | size])
    elif size < 65536:
        head = bytes([first, mask_bit | 126]) + struct.pack(">H", size)
    else:
        head = bytes([first, mask_bit | 127]) + struct.pack(">Q", size)
    if not masked:
        return head + payload
    key = os.urandom(4) if key is None else key
    return head + key + masked_with(key, payload)


def masked_with(key, payload):
    size = len(payload)
    stream = (key * (size // 4 + 1))[:size]
    both = int.from_bytes(payload, "big") ^ int.from_bytes(stream, "big")
    return both.to_bytes(size, "big")


def text(message):
    return frame(FIN | TEXT, message.encode())


def close(code, reason=b"", masked=True):
    return frame(FIN | CLOSE, struct.pack(">H", code) + reason, masked)


def accept_for(key):
    return base64.b64encode(hashlib.sha1(f"{key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11".encode()).digest()).decode()


def upgrade(port, path="/echo", method="GET", version="HTTP/1.1", drop=(), **fields):
    """A right request, with the fields named in `drop` left out and others set: Sec_WebSocket_Version="12".

    A field set to a list stands there once for each element.
    """
    wanted = {
        "Host": f"127.0.0.1:{port}",
        "Upgrade": "websocket",
        "Connection": "Upgrade",
        "Sec-WebSocket-Key": SAMPLE_KEY,
        "Sec-WebSocket-Version": "13",
    }
    wanted.update({name.replace("_", "-"): value for name, value in fields.items()})
    lines = [f"{method} {path} {version}"]
    for name, value in wanted.items():
        if name not in drop:
            lines += [f"{name}: {each}" for each in (value if isinstance(value, list) else [value])]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")


def accept(head, **changes):
    """The head of a right 101 for a request."""
    key = re.search(r"(?im)^sec-websocket-key:[ \t]*(\S+)", head)[1]
    fields = {"Upgrade": "websocket", "Connection": "Upgrade", "Sec-WebSocket-Accept": accept_for(key)}
    fields.update({name.replace("_", "-"): value for name, value in changes.items()})
    lines = [f"{name}: {value}\r\n" for name, value in fields.items() if value is not None]
    return ("HTTP/1.1 101 Switching Protocols\r\n" + "".join(lines) + "\r\n").encode()


@contextlib.asynccontextmanager
async def bare_server(handler):
    """A server whose handler gets the request's head, a reader and a writer; what the handler raises is raised here."""
    raised = []

    async def serve(reader, writer):
        try:
            await handler((await reader.readuntil(b"\r\n\r\n")).decode("latin-1"), reader, writer)
        except ConnectionError:
            pass  # a client that has seen enough may leave without reading the rest
        except Exception as problem:
            raised.append(problem)
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
    for problem in raised:
        raise problem


class Peer:
    """One connection. Reading past the end gives b"" or None; a reset raises ConnectionResetError, as it should.

    What it reads are a server's frames, or with `of_client` a client's.
    """

    def __init__(self, reader, writer, of_client=False):
        self.reader = reader
        self.writer = writer
        self.of_client = of_client

    @classmethod
    async def connect(cls, port):
        return cls(*await asyncio.open_connection("127.0.0.1", port))

    @classmethod
    async def open(cls, port, path="/echo", **fields):
        """A connection past its opening handshake."""
        peer = await cls.connect(port)
        peer.send(upgrade(port, path, **fields))
        status, _, body = await peer.head()
        if status != 101:
            raise AssertionError(f"the upgrade was answered with {status} {body!r}")
        return peer

    async def __aenter__(self):
        return self

    async def __aexit__(self, *_):
        self.writer.close()

    def send(self, data):
        self.writer.write(data)

    async def send_slowly(self, data):
        """A byte at a time, each in a segment of its own."""
        for place in range(len(data)):
            self.writer.write(data[place : place + 1])
            await self.writer.drain()
            await asyncio.sleep(0)

    async def head(self):
        """(status, {field in lower case: value}, body) of a response; the body is what Content-Length says."""
        head = (await self.reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        first, *lines = head.rstrip("\r\n").split("\r\n")
        fields = {name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        body = await self.reader.readexactly(int(fields.get("content-length", 0)))
        return int(first.split(" ")[1]), fields, body

    async def frame(self):
        """(first byte, payload) of the next frame, or None at the end of the stream. A wrong mask bit is an error."""
        start = await self.reader.read(1)
        if not start:
            return None
        length = (await self.reader.readexactly(1))[0]
        if bool(length & 0x80) != self.of_client:
            raise AssertionError("a client's frame is masked, a server's is not (§5.1)")
        length &= 0x7F
        if length == 126:
            length = struct.unpack(">H", await self.reader.readexactly(2))[0]
        elif length == 127:
            length = struct.unpack(">Q", await self.reader.readexactly(8))[0]
        key = await self.reader.readexactly(4) if self.of_client else b""
        payload = await self.reader.readexactly(length)
        return start[0], masked_with(key, payload) if key else payload

    async def until_close(self):
        """(frames before the Close, its code or 1005, its reason); insists on the end of the stream right after it."""
        before = []
        while (found := await self.frame()) is not None:
            first, payload = found
            if first == FIN | CLOSE:
                code = struct.unpack(">H", payload[:2])[0] if payload else 1005
                if self.of_client:
                    self.writer.write_eof()  # the server ends the stream first (§7.1.1)
                after = await self.reader.read()
                if after:
                    raise AssertionError(f"{after[:40]!r} came after the Close")
                return before, code, payload[2:].decode()
            before.append((first, payload))
        raise AssertionError(f"the stream ended without a Close, after {before[:4]}")
