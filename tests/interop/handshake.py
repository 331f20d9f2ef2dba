"""The opening handshake of echo, over a bare socket: RFC 6455 §4.2, RFC 9112, RFC 9110 for the refusals."""

import asyncio
import time

from frames import SAMPLE_KEY, Peer, accept_for, text, upgrade
from programs import Server, drive, same


async def refused(port, request, wanted, **fields):
    """The request is answered with one of the statuses and `Connection: close`, and then the stream ends, without a reset."""
    async with await Peer.connect(port) as peer:
        peer.send(request)
        status, found, _ = await peer.head()
        if status not in wanted:
            raise AssertionError(f"expected {wanted}, got {status}")
        # A 426 names Upgrade in Connection as well (RFC 9110 §7.8).
        options = [option.strip().lower() for option in found.get("connection", "").split(",")]
        same([option for option in options if option != "upgrade"], ["close"], "Connection")
        for name, value in fields.items():
            name = name.replace("_", "-")
            if value.lower() not in found.get(name, "").lower():
                raise AssertionError(f"{name}: expected {value!r}, got {found.get(name)!r}")
        same(await peer.reader.read(), b"", "bytes after the response")


async def accepted(port, request, slowly=False):
    """The request is answered with a right 101, and a message comes back."""
    async with await Peer.connect(port) as peer:
        await peer.send_slowly(request) if slowly else peer.send(request)
        status, found, _ = await peer.head()
        same(status, 101, "status")
        same(found.get("upgrade", "").lower(), "websocket", "Upgrade")
        same(found.get("connection", "").lower(), "upgrade", "Connection")
        same(found.get("sec-websocket-accept"), accept_for(SAMPLE_KEY), "Sec-WebSocket-Accept")
        for name in ("content-length", "transfer-encoding", "sec-websocket-extensions", "sec-websocket-protocol"):
            same(found.get(name), None, name)
        peer.send(text("hello"))
        same(await peer.frame(), (0x81, b"hello"), "echo")


def refusals(port):
    """(name, request, statuses, fields that the answer must have)"""

    def ask(**changes):
        return upgrade(port, **changes)

    # More than the head: it must be read, or the peer gets a reset instead of the answer, and never parsed.
    rest = text("smuggled") + b"GET /echo HTTP/1.1\r\n\r\n"
    bare = ("Upgrade", "Connection", "Sec-WebSocket-Key", "Sec-WebSocket-Version")
    again = {"upgrade": "websocket"}
    version = {"upgrade": "websocket", "sec_websocket_version": "13"}
    line = b"GET /echo HTTP/1.1\r\n"
    field = ask().split(b"\r\n", 1)[1]
    return [
        ("a page that is not there", ask(path="/nowhere", drop=bare), [404], {}),
        ("an upgrade where nothing is", ask(path="/nowhere"), [404], {}),
        ("a path that only begins like a route", ask(path="/echo/more"), [404], {}),
        ("POST", ask(method="POST"), [405], {"allow": "GET"}),
        ("POST without an upgrade", ask(method="POST", drop=bare), [405], {"allow": "GET"}),
        ("an unknown method", ask(method="BREW"), [405, 501], {}),
        ("no upgrade", ask(drop=bare), [426], again),
        ("Upgrade: h2c", ask(Upgrade="h2c"), [426, 400], {}),
        ("Upgrade: websocketx", ask(Upgrade="websocketx"), [426, 400], {}),
        ("no Upgrade field", ask(drop=["Upgrade"]), [426, 400], {}),
        ("Connection: notupgrade", ask(Connection="notupgrade"), [426, 400], {}),
        ("no Connection field", ask(drop=["Connection"]), [426, 400], {}),
        ("version 12", ask(Sec_WebSocket_Version="12"), [426], version),
        ("version 12 and bytes after it", ask(Sec_WebSocket_Version="12") + rest, [426], version),
        ("no version", ask(drop=["Sec-WebSocket-Version"]), [426, 400], {}),
        ("two versions", ask(Sec_WebSocket_Version=["13", "13"]), [400], {}),
        ("version 013", ask(Sec_WebSocket_Version="013"), [426, 400], {}),
        ("no key", ask(drop=["Sec-WebSocket-Key"]), [400], {}),
        ("two keys", ask(Sec_WebSocket_Key=[SAMPLE_KEY, SAMPLE_KEY]), [400], {}),
        ("a key of 15 bytes", ask(Sec_WebSocket_Key="AAAAAAAAAAAAAAAAAAAA"), [400], {}),
        ("a key of 17 bytes", ask(Sec_WebSocket_Key="AAAAAAAAAAAAAAAAAAAAAAA="), [400], {}),
        ("a key that is no base64", ask(Sec_WebSocket_Key="dGhlIHNhbXBsZSBub25jZ!=="), [400], {}),
        ("HTTP/1.0", ask(version="HTTP/1.0"), [400, 505], {}),
        ("HTTP/1.0 without a Host", ask(version="HTTP/1.0", drop=["Host"]), [400, 505], {}),
        ("HTTP/2.0", ask(version="HTTP/2.0"), [400, 505], {}),
        ("no Host", ask(drop=["Host"]), [400], {}),
        ("two Hosts", ask(Host=["a", "a"]), [400], {}),
        ("Host with a space", ask(Host="a b"), [400], {}),
        ("Host: [::", ask(Host="[::"), [400], {}),
        ("DNS rebinding", ask(Host=f"evil.example:{port}", Origin=f"http://evil.example:{port}"), [421, 403], {}),
        ("an absolute target of another host", ask(path="http://evil.example/echo"), [421, 403], {}),
        ("Host with port 99999", ask(Host="a:99999"), [400], {}),
        ("an empty target", b"GET  HTTP/1.1\r\n" + field, [400], {}),
        ("the target *", ask(path="*"), [400], {}),
        ("a target that is an authority", ask(path="example.org:80"), [400], {}),
        ("junk", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", [400], {}),
        ("a line of junk", b"hello\r\n\r\n", [400], {}),
        ("a space before the colon", line + b"Host : a\r\n" + field, [400], {}),
        ("a folded line", line + b"X-A: a\r\n b\r\n" + field, [400], {}),
        ("a bare LF", line + b"X-A: a\n" + field, [400], {}),
        ("a bare CR", line + b"X-A: a\rb\r\n" + field, [400], {}),
        ("NUL in a value", line + b"X-A: a\0b\r\n" + field, [400], {}),
        ("a field without a name", line + b": a\r\n" + field, [400], {}),
        ("Content-Length and a body", ask(Content_Length="5") + b"hello", [400], {}),
        ("Transfer-Encoding", ask(Transfer_Encoding="chunked") + b"0\r\n\r\n", [400], {}),
        ("Content-Length and Transfer-Encoding", ask(Content_Length="5", Transfer_Encoding="chunked") + b"hello", [400], {}),
        ("two empty lines first", b"\r\n\r\n" + ask(), [400], {}),
        ("a target of 20,000 bytes", ask(path="/" + "a" * 20000), [414, 431], {}),
        ("a field of 20,000 bytes", ask(X_A="a" * 20000), [431], {}),
        ("1,000 fields", ask(X_A=["a"] * 1000), [431], {}),
        ("a foreign Origin", ask(Origin="http://elsewhere.example"), [403], {}),
        ("an Origin that begins like ours", ask(Origin=f"http://127.0.0.1:{port}.elsewhere.example"), [403], {}),
        ("our host at another port", ask(Origin=f"http://127.0.0.1:{port + 1}"), [403], {}),
        ("Origin: null", ask(Origin="null"), [403], {}),
        ("two Origins", ask(Origin=[f"http://127.0.0.1:{port}"] * 2), [403, 400], {}),
        ("a foreign Origin and bytes after it", ask(Origin="http://elsewhere.example") + rest, [403], {}),
    ]


def acceptances(port):
    def ask(**changes):
        return upgrade(port, **changes)

    return [
        ("the sample of RFC 6455", ask()),
        ("an empty line first", b"\r\n" + ask()),
        ("our own Origin", ask(Origin=f"http://127.0.0.1:{port}")),
        ("Upgrade: WebSocket", ask(Upgrade="WebSocket")),
        ("Upgrade: h2c, websocket", ask(Upgrade="h2c, websocket")),
        ("Connection: keep-alive, UPGRADE", ask(Connection="keep-alive, UPGRADE")),
        ("Connection in two lines, with tabs", ask(Connection=["keep-alive", "\tupgrade\t"])),
        ("a subprotocol that nobody speaks", ask(Sec_WebSocket_Protocol="chat, superchat")),
        ("an extension that nobody knows", ask(Sec_WebSocket_Extensions='x-a; b="c", permessage-deflate')),
        ("an empty subprotocol list", ask(Sec_WebSocket_Protocol="")),
        ("an empty extension list", ask(Sec_WebSocket_Extensions="")),
        ("Host: localhost", ask(Host=f"localhost:{port}")),
        ("a query", ask(path="/echo?a=b&c")),
        ("an absolute target", ask(path=f"http://127.0.0.1:{port}/echo")),
        ("lower-case field names", ask().replace(b"Sec-WebSocket-Key", b"sec-websocket-key").replace(b"Host:", b"hOST:")),
    ]


async def frames_behind_the_request(port):
    """A client may not send frames before the 101, but bytes that arrive with the head are the first frame's."""
    async with await Peer.connect(port) as peer:
        peer.send(upgrade(port) + text("early"))
        same((await peer.head())[0], 101, "status")
        same(await peer.frame(), (0x81, b"early"), "echo")


async def slow_handshake(port, seconds):
    """A byte now and then does not keep a handshake alive: its deadline is absolute."""
    async with await Peer.connect(port) as peer:
        began = time.monotonic()
        request = upgrade(port, X_A="a" * 4000)
        ended = asyncio.ensure_future(peer.reader.read())
        place = 0
        while not ended.done() and time.monotonic() < began + 10 * seconds:
            if not peer.writer.is_closing():
                peer.send(request[place : place + 1])
            place += 1
            await asyncio.wait([ended], timeout=seconds / 10)
        took = time.monotonic() - began
        ended.cancel()
        if not 0.5 * seconds < took < 5 * seconds:
            raise AssertionError(f"cut after {took:.1f} s instead of {seconds} s")


async def silent_handshake(port, seconds):
    async with await Peer.connect(port) as peer:
        began = time.monotonic()
        await asyncio.wait_for(peer.reader.read(), 5 * seconds)
        if time.monotonic() - began < 0.5 * seconds:
            raise AssertionError("cut too early")


async def main(cases):
    with Server("echo") as echo:
        for name, request, wanted, fields in refusals(echo.port):
            await cases.case(f"refused: {name}", refused(echo.port, request, wanted, **fields))
        for name, request in acceptances(echo.port):
            await cases.case(f"accepted: {name}", accepted(echo.port, request))
        await cases.case("accepted: byte by byte", accepted(echo.port, upgrade(echo.port), slowly=True))
        await cases.case("frames right behind the request", frames_behind_the_request(echo.port))
        cases.check("echo ends at SIGTERM with status 0", echo.stop())
    with Server("echo", "--handshake-timeout", 1) as echo:
        await cases.case("a slow handshake is cut", slow_handshake(echo.port, 1))
        await cases.case("a connection that says nothing is cut", silent_handshake(echo.port, 1))
        await cases.case("and the next one is served", accepted(echo.port, upgrade(echo.port)))
        cases.check("echo ends after that", echo.stop())


drive(main)
