"""Uploads in one message each, of fragments: what upload_pages.py has for every way, and what only a stream can do wrong."""

import asyncio
import json
import pathlib
import tempfile

import aiohttp
from aiohttp import WSMsgType

from frames import BINARY, CONTINUATION, FIN, TEXT, frame
from programs import Server, drive, same
from upload_pages import CHUNK, Page, Uploads, content, run, start


class Streaming(Page):
    """A page that sends a file as one message. aiohttp sends no fragments: they are written past it."""

    route = "streamed"
    inside = False  # of a message

    async def content(self, data, chunk=CHUNK, last=True):
        for place in range(0, max(len(data), 1), chunk):
            ends = last and place + chunk >= len(data)
            await self.fragment(BINARY, data[place : place + chunk], ends)

    async def fragment(self, opcode, data, ends):
        await self.write(frame((FIN if ends else 0) | (CONTINUATION if self.inside else opcode), data))
        self.inside = not ends

    async def write(self, raw):
        connection = self.ws._response.connection
        connection.transport.write(raw)
        await connection.protocol._drain_helper()

    async def closed(self):
        """The code in the server's Close: aiohttp's own close_code is 1006 if the stream ends before it has answered."""
        while (message := await asyncio.wait_for(self.ws.receive(), 20)).type == WSMsgType.TEXT:
            pass
        same(message.type, WSMsgType.CLOSE, "type")
        return message.data


class StreamedUploads(Uploads):
    page = Streaming

    async def a_start_in_fragments(self):
        async with await self.open("ann") as page:
            message = json.dumps({"kind": "UPLOAD_START", "name": "grüße.bin", "size": 3}, ensure_ascii=False).encode()
            for place in range(len(message)):
                await page.fragment(TEXT, message[place : place + 1], place + 1 == len(message))
            await page.content(b"abc")
            await page.until_finish()
            self.holds("grüße.bin", b"abc")

    async def the_last_fragment_is_empty(self):
        async with await self.open("ann") as page:
            await page.start("empty end.bin", 100_000)
            await page.content(b"e" * 100_000, last=False)
            await page.content(b"")
            await page.until_finish()
            self.holds("empty end.bin", b"e" * 100_000)
            # Nor was the end taken for the beginning of another.
            await page.start("after it.bin", 3)
            await page.content(b"abc")
            await page.until_finish()
            self.holds("after it.bin", b"abc")

    async def larger_than_the_servers_memory_grows(self):
        size = 64 << 20
        async with await self.open("ann") as page:
            await page.start("large.bin", size)
            before = most = self.server.resident()
            for _ in range(size >> 20):
                await page.content(b"m" * (1 << 20), 1 << 20, last=False)
                most = max(most, self.server.resident())
            await page.content(b"")
            await page.until_finish()
            self.holds("large.bin", b"m" * size)
            if most - before > 16 << 20:
                raise AssertionError(f"{most - before} bytes more in memory")

    async def text_where_the_file_is_due(self):
        """An ERROR, and the file may still come. In the midst of its message there can be no text (RFC 6455 §5.4)."""
        async with await self.open("ann") as page:
            await page.start("first.bin", 100_000)
            for wrong in ("hello", '{"kind":"UPLOAD_START","name":"second.bin","size":3}'):
                await page.ws.send_str(wrong)
                await page.error()
            await page.content(b"f" * 100_000)
            await page.until_finish()
            self.holds("first.bin", b"f" * 100_000)
            await page.start("third.bin", 100_000)
            await page.content(b"t" * 50_000, last=False)
            await page.write(frame(FIN | TEXT, b"hello"))
            same(await page.closed(), 1002, "close code")
        await self.gone("second.bin", "third.bin")

    async def after_a_refusal_its_message_is_skipped(self):
        """To its end and without a second word, whether it was refused before it came or in its midst."""
        async with await self.open("ann") as page:
            for name, size in (("../refused.bin", 200_000), ("refused.bin", 100_000)):
                await page.start(name, size)
                await page.content(b"r" * 200_000)
                await page.error()
            await page.content(b"abc")
            same(await page.error(), "no upload was started", "reason")
            await page.start("accepted.bin", 3)
            await page.content(b"abc")
            await page.until_finish()
            self.holds("accepted.bin", b"abc")

    async def a_text_that_is_too_long(self):
        async with await self.open("ann") as page:
            for _ in range(17):
                await page.fragment(TEXT, b" " * (1 << 16), False)
            same(await page.closed(), 1009, "close code")


async def beyond_the_quota(cases):
    """A message that is larger than any file may be is not even skipped."""
    with tempfile.TemporaryDirectory() as around:
        folder = pathlib.Path(around, "uploads")
        async with aiohttp.ClientSession() as session:
            with Server("upload", "--directory", folder, "--user-quota", 60_000) as server:
                uploads = StreamedUploads(session, server, folder)

                async def refused():
                    await uploads.one("ann", "all.bin", b"a" * 60_000)
                    async with await uploads.open("bob") as page:
                        await page.start("more.bin", 10)
                        await page.content(b"m" * 60_001)
                        same(await page.closed(), 1009, "close code")
                    await uploads.gone("more.bin")

                await cases.case("upload: a message beyond the quota", refused())


def own(uploads):
    for work in (
        uploads.a_start_in_fragments,
        uploads.the_last_fragment_is_empty,
        uploads.larger_than_the_servers_memory_grows,
        uploads.text_where_the_file_is_due,
        uploads.after_a_refusal_its_message_is_skipped,
        uploads.a_text_that_is_too_long,
    ):
        yield work.__name__.replace("_", " "), work()
    yield "less than announced", uploads.wrong("lie.bin", start("lie.bin", 1000), content(b"x" * 999))
    yield "nothing of it", uploads.wrong("lie.bin", start("lie.bin", 1000), content(b""))


async def main(cases):
    await run(cases, StreamedUploads, own)
    await beyond_the_quota(cases)


drive(main)
