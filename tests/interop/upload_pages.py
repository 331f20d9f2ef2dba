"""What the drivers of upload share: its protocol by aiohttp's client, what goes right whichever way a file comes, and
everything that a page could send wrong."""

import asyncio
import json
import os
import pathlib
import re
import tempfile

import aiohttp
from aiohttp import WSMsgType

from programs import Server, same, short

CHUNK = 65536


class Page:
    """One connection of a user, past its INITIAL. Here a file comes in many messages."""

    route = "upload"

    @classmethod
    async def open(cls, session, server, user):
        page = cls()
        page.ws = await session.ws_connect(f"ws://127.0.0.1:{server.port}/{cls.route}/{user}")
        same(await page.next(), {"kind": "INITIAL"}, "first message")
        return page

    async def __aenter__(self):
        return self

    async def __aexit__(self, *_):
        await self.ws.close()

    async def next(self):
        """The next message, or None once the connection is closed."""
        message = await asyncio.wait_for(self.ws.receive(), 20)
        if message.type in (WSMsgType.CLOSE, WSMsgType.CLOSING, WSMsgType.CLOSED):
            return None
        same(message.type, WSMsgType.TEXT, "type")
        return json.loads(message.data)

    async def say(self, **message):
        await self.ws.send_str(json.dumps(message))

    async def start(self, name, size):
        await self.say(kind="UPLOAD_START", name=name, size=size)

    async def content(self, data, chunk=CHUNK, last=True):
        """The next bytes of the file. `last`: no more will come, which matters where they are one message."""
        for place in range(0, len(data), chunk):
            await self.ws.send_bytes(data[place : place + chunk])

    async def until_finish(self):
        """The values of the UPLOAD_PROGRESS messages before UPLOAD_FINISH, each checked."""
        values = []
        while (message := await self.next()) != {"kind": "UPLOAD_FINISH"}:
            if message is None or set(message) != {"kind", "value"} or message["kind"] != "UPLOAD_PROGRESS":
                raise AssertionError(f"expected UPLOAD_PROGRESS or UPLOAD_FINISH, got {message}")
            values.append(message["value"])
        if values != sorted(values) or not all(0 <= value <= 100 for value in values) or len(values) > 102:
            raise AssertionError(f"{len(values)} values: {short(values)}")
        return values

    async def error(self):
        """The reason of the ERROR that comes, after progress at most."""
        while (message := await self.next()) and message["kind"] == "UPLOAD_PROGRESS":
            pass
        if message is None or set(message) != {"kind", "reason"} or message["kind"] != "ERROR" or not message["reason"]:
            raise AssertionError(f"expected an ERROR with a reason, got {message}")
        return message["reason"]


class Uploads:
    """The server, its folder, and the cases. Around them: a user who is undisturbed by whatever happens."""

    page = Page

    def __init__(self, session, server, folder):
        self.session = session
        self.server = server
        self.folder = folder
        self.complete = set()  # the names of all files that were uploaded to the end

    async def open(self, user):
        return await self.page.open(self.session, self.server, user)

    async def gone(self, *names):
        """Nothing is left of an upload that failed: no such file, and no half one under another name either."""
        for _ in range(40):
            left = [path.name for path in self.folder.iterdir() if path.name in names or path.name not in self.complete]
            if not left:
                return
            await asyncio.sleep(0.05)
        raise AssertionError(f"left behind: {left}")

    def holds(self, name, data):
        self.complete.add(name)
        found = (self.folder / name).read_bytes()
        if found != data:
            raise AssertionError(f"{name}: {len(found)} bytes on disk differ from the {len(data)} sent")

    async def one(self, user, name, data, chunk=CHUNK):
        async with await self.open(user) as page:
            await page.start(name, len(data))
            await page.content(data, chunk)
            values = await page.until_finish()
            self.holds(name, data)
            if len(data) > 20 * chunk and (len(values) < 5 or values[-1] != 100):
                raise AssertionError(f"progress: {short(values)}")

    # What goes right.

    async def a_file_of_5_MB(self):
        await self.one("ann", "five.bin", os.urandom(5_000_000))

    async def an_empty_file(self):
        await self.one("ann", "empty.bin", b"")

    async def a_file_of_one_byte(self):
        await self.one("ann", "one.bin", b"x")

    async def in_chunks_of_100_bytes(self):
        await self.one("ann", "small.bin", os.urandom(50_000), chunk=100)

    async def in_messages_of_a_megabyte(self):
        await self.one("ann", "large.bin", os.urandom(3 << 20), chunk=1 << 20)

    async def names_that_are_unusual_but_right(self):
        for name in ("über 文.bin", "two words.txt", 'quo"te', "a..b"):
            await self.one("ann", name, name.encode())

    async def a_user_whose_name_is_encoded(self):
        await self.one("ann%20of%20gr%C3%BCn", "encoded.bin", b"abc")

    async def one_after_another(self):
        async with await self.open("ann") as page:
            for number in range(3):
                data = os.urandom(200_000)
                await page.start(f"series{number}", len(data))
                await page.content(data)
                await page.until_finish()
                self.holds(f"series{number}", data)

    async def a_file_is_replaced_whole(self):
        await self.one("ann", "again.bin", b"first" * 10_000)
        await self.one("ann", "again.bin", b"second" * 1000)
        async with await self.open("ann") as page:
            await page.start("again.bin", 1000)
            await page.content(b"third")
        await asyncio.sleep(0.3)
        self.holds("again.bin", b"second" * 1000)

    async def two_users_at_once(self):
        first, second = os.urandom(3_000_000), os.urandom(3_000_000)
        await asyncio.gather(self.one("ann", "ann.bin", first), self.one("bob", "bob.bin", second))

    async def two_users_with_one_name(self):
        files = [b"a" * 2_000_000, b"b" * 1_500_000]

        async def send(user, data):
            async with await self.open(user) as page:
                await page.start("both.bin", len(data))
                await page.content(data, 10_000)
                while message := await page.next():
                    if message["kind"] in ("UPLOAD_FINISH", "ERROR"):
                        return message["kind"]

        ends = await asyncio.gather(send("ann", files[0]), send("bob", files[1]))
        self.complete.add("both.bin")
        found = (self.folder / "both.bin").read_bytes()
        if "UPLOAD_FINISH" not in ends or found not in files:
            raise AssertionError(f"{ends}, {len(found)} bytes on disk")

    async def the_second_page_of_a_user_sees_it_all(self):
        async with await self.open("ann") as second, await self.open("bob") as stranger:
            watching = asyncio.ensure_future(second.until_finish())
            await self.one("ann", "seen.bin", os.urandom(3_000_000))
            if len(await watching) < 5:
                raise AssertionError("hardly any progress seen")
            # A stranger sees none of it: what he gets is his own upload's.
            await stranger.start("strangers.bin", 1)
            await stranger.content(b"x")
            if len(await stranger.until_finish()) > 2:
                raise AssertionError("a stranger saw the progress")
            self.holds("strangers.bin", b"x")

    async def a_page_that_comes_later_sees_the_rest(self):
        async with await self.open("ann") as first:
            await first.start("late.bin", 10 * CHUNK)
            await first.content(b"l" * 5 * CHUNK, last=False)
            async with await self.open("ann") as second:
                await first.content(b"l" * 5 * CHUNK)
                if not await second.until_finish():
                    raise AssertionError("no progress seen")
            await first.until_finish()
            self.holds("late.bin", b"l" * 10 * CHUNK)

    # What a page may not do. Each has its own error, nothing is left behind, and bob's upload goes on meanwhile.

    async def wrong(self, name, *steps):
        """A page does the steps, gets an ERROR, and no file of this name; bob, in the midst of an upload, finishes it."""
        async with await Page.open(self.session, self.server, "bob") as bob:
            await bob.start("bobs.bin", 200_000)
            await bob.content(b"b" * 100_000)
            async with await self.open("ann") as page:
                for step in steps:
                    await step(page)
                reason = await page.error()
                if re.search(r"/tmp|/home|[Ee]xception|std::", reason):
                    raise AssertionError(f"the reason tells too much: {reason}")
            await bob.content(b"b" * 100_000)
            await bob.until_finish()
            self.holds("bobs.bin", b"b" * 200_000)
        await self.gone(name)

    async def interrupted(self, how):
        async with await self.open("ann") as page:
            await page.start("half.bin", 1_000_000)
            await page.content(b"h" * 500_000, last=False)
            if how == "reset":
                page.ws._response.connection.transport.abort()
        await self.gone("half.bin")

    async def the_other_page_leaves(self):
        """A page that only watches goes away in the middle, without a word: the upload goes on."""
        async with await self.open("ann") as first:
            second = await self.open("ann")
            await first.start("left.bin", 2_000_000)
            await first.content(b"l" * 1_000_000, last=False)
            second.ws._response.connection.transport.abort()
            await first.content(b"l" * 1_000_000)
            await first.until_finish()
            self.holds("left.bin", b"l" * 2_000_000)


def start(name, size):
    return lambda page: page.start(name, size)


def content(data):
    return lambda page: page.content(data)


def text(message):
    return lambda page: page.ws.send_str(message)


def say(**message):
    return lambda page: page.say(**message)


def mistakes():
    """(what, the name that must not come to be, the steps that lead to an ERROR)"""
    for name in ("../evil", "..", ".", "", "/", "/evil", "a/b", "a/../evil", "evil\0.bin", "evil/", "x" * 300,
                 "nib.\u202elive", "evil\u200b", "\u2066evil", "evil\x85", "evil\x7f", "\ufeffevil", "evil\U000e0041"):
        label = ascii(name)[1:-1] if len(name) < 20 else f"{name[:5]}… of {len(name)} bytes"
        yield f"the name {label!r}", "evil", [start(name, 3), content(b"abc")]
    yield "more than announced", "lie.bin", [start("lie.bin", 1000), content(b"x" * 1001)]
    yield "more than announced, later", "lie.bin", [start("lie.bin", 1000), content(b"x" * 900), content(b"x" * 900)]
    for size in (-1, 1.5, 1e300, "3", None, True, [3], 2**64):
        yield f"the size {size!r}", "size.bin", [start("size.bin", size)]
    yield "a start without a size", "size.bin", [say(kind="UPLOAD_START", name="size.bin")]
    yield "a start without a name", "name.bin", [say(kind="UPLOAD_START", size=3)]
    yield "a name that is a number", "name.bin", [say(kind="UPLOAD_START", name=7, size=3)]
    yield "content before a start", "early.bin", [content(b"abc")]
    yield "an unknown kind", "kind.bin", [say(kind="UPLOD_START", name="kind.bin", size=3)]
    yield "a kind of the server's", "kind.bin", [say(kind="UPLOAD_FINISH")]
    yield "no kind", "kind.bin", [text("{}")]
    yield "a kind that is a number", "kind.bin", [text('{"kind":1}')]
    yield "an array", "kind.bin", [text("[]")]
    yield "no JSON", "kind.bin", [text("hello")]
    yield "an empty text", "kind.bin", [text("")]
    yield "JSON with junk behind it", "kind.bin", [text('{"kind":"UPLOAD_START","name":"kind.bin","size":1}\0x')]
    yield "JSON nested deeply", "kind.bin", [text("[" * 100_000)]
    yield "an unknown kind in an upload", "during.bin", [start("during.bin", 10), content(b"abc"), text('{"kind":"X"}')]


def common(uploads):
    """The cases that are the same for every kind of page, each with its name."""
    for work in (
        uploads.a_file_of_5_MB,
        uploads.an_empty_file,
        uploads.a_file_of_one_byte,
        uploads.in_chunks_of_100_bytes,
        uploads.in_messages_of_a_megabyte,
        uploads.names_that_are_unusual_but_right,
        uploads.a_user_whose_name_is_encoded,
        uploads.one_after_another,
        uploads.a_file_is_replaced_whole,
        uploads.two_users_at_once,
        uploads.two_users_with_one_name,
        uploads.the_second_page_of_a_user_sees_it_all,
        uploads.a_page_that_comes_later_sees_the_rest,
        uploads.the_other_page_leaves,
    ):
        yield work.__name__.replace("_", " "), work()
    for what, name, steps in mistakes():
        yield what, uploads.wrong(name, *steps)
    yield "interrupted by a close", uploads.interrupted("close")
    yield "interrupted by a reset", uploads.interrupted("reset")


async def stopped_in_the_middle(cases, page, folder):
    async with aiohttp.ClientSession() as session:
        with Server("upload", "--directory", folder) as server:
            ann = await page.open(session, server, "ann")
            await ann.start("stopped.bin", 1000)
            await ann.content(b"s" * 500, last=False)
            problems = await asyncio.to_thread(server.stop)
            problems += [f"{path.name} is left" for path in folder.iterdir() if path.name == "stopped.bin"]
            cases.check("SIGTERM in the middle of an upload", problems)
            await ann.ws.close()


async def run(cases, kind, own):
    """The common cases and those of `own`, with uploads of this kind to a server of theirs."""
    with tempfile.TemporaryDirectory() as around:
        folder = pathlib.Path(around, "uploads")
        folder.mkdir()
        async with aiohttp.ClientSession() as session:
            with Server("upload", "--directory", folder) as server:
                uploads = kind(session, server, folder)
                said = server.line.endswith(f" stores files in {folder}\n")
                cases.check("upload says where files go", [] if said else [server.line])
                for each in (common, own):
                    for name, work in each(uploads):
                        await cases.case(f"upload: {name}", work)
                await cases.case("upload: after all that, a file", uploads.one("ann", "last.bin", os.urandom(300_000)))
                outside = [path.name for path in pathlib.Path(around).iterdir() if path != folder]
                cases.check("upload: nothing outside the folder", outside)
                cases.check("upload ends at SIGTERM with status 0", server.stop())
        await stopped_in_the_middle(cases, kind.page, folder)
