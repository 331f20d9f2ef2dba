"""Runs of the example `client`, and aiohttp's server for them: what the drivers of the client share."""

import asyncio
import contextlib
import socket

from aiohttp import WSMsgType, web

from programs import FOLDER, same, short


class Run:
    """A run of `client ARGUMENT...`, its standard input open until ended()."""

    @classmethod
    async def start(cls, *arguments, environment=None, standard_input=asyncio.subprocess.PIPE):
        run = cls()
        pipe = asyncio.subprocess.PIPE
        run.process = await asyncio.create_subprocess_exec(
            str(FOLDER / "client"), *arguments, stdin=standard_input, stdout=pipe, stderr=pipe, limit=1 << 24, env=environment
        )
        return run

    def say(self, *lines):
        self.process.stdin.write("".join(line + "\n" for line in lines).encode())

    async def prints(self, line):
        same((await asyncio.wait_for(self.process.stdout.readline(), 50)).decode(), line + "\n", "line")

    async def tells(self, word):
        """Awaits the line of standard error that holds the word."""
        seen = []
        while word not in (line := (await asyncio.wait_for(self.process.stderr.readline(), 50)).decode()):
            seen.append(line)
            if not line:
                raise AssertionError(f"standard error ended without {word!r}: {short(seen)}")

    async def ended(self, end_of_input=True):
        """(status, lines printed, what was said on standard error)"""
        if end_of_input:
            self.process.stdin.close()
        try:
            output, errors = await asyncio.wait_for(
                asyncio.gather(self.process.stdout.read(), self.process.stderr.read()), 40
            )
            await self.process.wait()
        finally:
            if self.process.returncode is None:
                self.process.kill()
                await self.process.wait()
        return self.process.returncode, output.decode().splitlines(), errors.decode()


async def run_client(url, *lines, end_of_input=True):
    run = await Run.start(url)
    run.say(*lines)
    return await run.ended(end_of_input)


def clean(outcome, lines):
    same(outcome, (0, lines, ""), "status, output, errors")


FAILED, BAD_ARGUMENTS, REFUSED, CLOSED = 1, 2, 3, 4  # as `client --help` has it


def failed(outcome, wanted, *words):
    """The wanted status, nothing printed, and one line on standard error that holds the words."""
    status, lines, errors = outcome
    same(lines, [], "output")
    if status != wanted or len(errors.splitlines()) != 1 or not all(word in errors for word in words):
        raise AssertionError(f"expected {wanted} and one line with {words}, got {status} and {short(errors)}")


@contextlib.asynccontextmanager
async def aiohttp_server(handler, tls=None):
    """aiohttp's server with one handler for every path; gives its ws:// or wss:// address."""
    application = web.Application()
    application.router.add_route("*", "/{path:.*}", handler)
    runner = web.AppRunner(application)
    await runner.setup()
    listener = socket.create_server(("127.0.0.1", 0))
    await web.SockSite(runner, listener, shutdown_timeout=1, ssl_context=tls).start()
    try:
        yield f"{'wss' if tls else 'ws'}://127.0.0.1:{listener.getsockname()[1]}/some/path?a=b"
    finally:
        await runner.cleanup()


async def echo(request):
    ws = web.WebSocketResponse(max_msg_size=0)
    await ws.prepare(request)
    async for message in ws:
        if message.type == WSMsgType.TEXT:
            await ws.send_str(message.data)
    return ws
