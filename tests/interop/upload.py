"""Uploads in many messages, by aiohttp's client: the page, quotas, and what upload_pages.py has for every way."""

import asyncio
import contextlib
import pathlib
import re
import tempfile

import aiohttp

from programs import Server, drive, same
from upload_pages import Uploads, run


async def second_start(uploads):
    """A second start during an upload is an error; whichever of the two files appears is whole."""
    async with await uploads.open("ann") as page:
        await page.start("first.bin", 100_000)
        await page.content(b"f" * 50_000)
        await page.start("second.bin", 10)
        await page.error()
        if not page.ws.closed:
            await page.content(b"f" * 50_000)
            await asyncio.sleep(0.3)
    await asyncio.sleep(0.3)
    first = uploads.folder / "first.bin"
    if first.exists():
        uploads.holds("first.bin", b"f" * 100_000)
    await uploads.gone("second.bin")


async def quotas(cases, around):
    """Told before the first byte is sent, by the user's quota and by that of all; what fails gives its room back."""
    folder = pathlib.Path(around, "quotas")
    async with aiohttp.ClientSession() as session:
        with Server("upload", "--directory", folder, "--quota", 100_000, "--user-quota", 60_000) as server:
            uploads = Uploads(session, server, folder)

            async def refused(user, size):
                async with await uploads.open(user) as page:
                    await page.start("refused.bin", size)
                    reason = await page.error()
                    if "no space" not in reason:
                        raise AssertionError(reason)
                await uploads.gone("refused.bin")

            async def all_of_it():
                for size in (60_001, 100_001, 2**64 - 1):
                    await refused("ann", size)
                async with await uploads.open("ann") as page:  # which gives up
                    await page.start("half.bin", 50_000)
                    await page.content(b"h" * 10_000)
                await uploads.gone("half.bin")
                await uploads.one("ann", "ann.bin", b"a" * 50_000)
                await refused("ann", 50_000)
                await uploads.one("bob", "bob.bin", b"b" * 45_000)
                await refused("carol", 5_001)
                await uploads.one("carol", "bob.bin", b"c" * 5_000)  # in place of bob's, who has his room again
                await uploads.one("bob", "more.bin", b"b" * 40_000)

            async def not_through_a_link():
                outside = pathlib.Path(around, "outside")
                for number in range(1, 100):
                    with contextlib.suppress(FileExistsError):
                        (folder / f".part-{server.process.pid}-{number}").symlink_to(outside)
                async with await uploads.open("dora") as page:
                    await page.start("linked.bin", 1)
                    await page.error()
                if outside.exists():
                    raise AssertionError("written through a link")

            await cases.case("upload: quotas of one user and of all", all_of_it())
            await cases.case("upload: a part file is nobody else's", not_through_a_link())


async def the_page(session, server):
    async with session.get(server.url) as response:
        same(response.status, 200, "status")
        if not response.headers["Content-Type"].startswith("text/html"):
            raise AssertionError(response.headers["Content-Type"])
        body = await response.text()
        for part in ("<!doctype html>", 'id="file"', 'id="send"', 'id="progress"', 'id="status"'):
            if part not in body.lower().replace("'", '"'):
                raise AssertionError(f"the page has no {part}")
        if re.search(r"(?:src|href)\s*=\s*[\"']?(?:https?:)?//", body):
            raise AssertionError("the page loads something from elsewhere")
    async with session.get(server.url + "nowhere") as response:
        same(response.status, 404, "status")
    async with session.head(server.url) as response:
        if response.status not in (200, 405):
            raise AssertionError(f"HEAD is answered with {response.status}")


def own(uploads):
    yield "the page", the_page(uploads.session, uploads.server)
    yield "a second start during an upload", second_start(uploads)


async def main(cases):
    await run(cases, Uploads, own)
    with tempfile.TemporaryDirectory() as around:
        await quotas(cases, around)


drive(main)
