"""The example `client` in a terminal, by tmux: what a person types, and what is then on the screen."""

import asyncio
import contextlib
import os
import pathlib
import shlex
import subprocess
import tempfile

from aiohttp import WSMsgType, web

from client_runs import aiohttp_server
from programs import FOLDER, drive, same


class Terminal:
    """A terminal of its own, with `tmux` in front of it."""

    def __init__(self, folder):
        self.command = ["tmux", "-u", "-S", str(pathlib.Path(folder) / "socket")]

    def tmux(self, *arguments):
        around = {name: value for name, value in os.environ.items() if name != "TMUX"} | {"LC_ALL": "C.UTF-8"}
        done = subprocess.run([*self.command, *arguments], env=around, capture_output=True, text=True, timeout=30)
        if done.returncode:
            raise AssertionError(f"tmux {arguments[0]}: {done.stderr}")
        return done.stdout

    def type(self, text):
        self.tmux("send-keys", "-l", text)

    def press(self, *keys):
        self.tmux("send-keys", *keys)

    def screen(self):
        return [line.rstrip() for line in self.tmux("capture-pane", "-p").splitlines() if line.strip()]

    async def shows(self, *lines):
        """Awaits a screen with these lines and no others; the limit of the case ends the wait."""
        found = []
        try:
            while (found := self.screen()) != list(lines):
                await asyncio.sleep(0.1)
        except asyncio.CancelledError:
            raise AssertionError(f"expected {lines}, the screen shows {found}") from None


@contextlib.asynccontextmanager
async def client_in_a_terminal(url):
    with tempfile.TemporaryDirectory() as folder:
        terminal = Terminal(folder)
        program = f"trap : INT; {shlex.quote(str(FOLDER.resolve() / 'client'))} {shlex.quote(url)}; echo status $?; exec cat"
        terminal.tmux("-f", "/dev/null", "new-session", "-d", "-x", "100", "-y", "30", "sh", "-c", program)
        try:
            yield terminal
        finally:
            terminal.tmux("kill-server")


@contextlib.asynccontextmanager
async def conversation(greeting="hello, who are you?"):
    """(a server that greets and answers each line, the terminal of its client, the code of each Close that it saw)"""
    closes = asyncio.Queue()

    async def handler(request):
        ws = web.WebSocketResponse()
        await ws.prepare(request)
        await (ws.send_str(greeting) if isinstance(greeting, str) else ws.send_bytes(greeting))
        async for message in ws:
            if message.type == WSMsgType.TEXT:
                await ws.send_str(f"you are {message.data}")
        closes.put_nowait(ws.close_code)
        return ws

    async with aiohttp_server(handler) as url, client_in_a_terminal(url) as terminal:
        yield terminal, closes


async def a_person_types():
    async with conversation() as (terminal, closes):
        await terminal.shows("hello, who are you?")
        terminal.type("anm")
        terminal.press("BSpace")
        terminal.type("n grüße 🐎")
        terminal.press("Enter")
        talk = ["hello, who are you?", "ann grüße 🐎", "you are ann grüße 🐎"]
        await terminal.shows(*talk)
        terminal.press("C-d")
        await terminal.shows(*talk, "status 0")
        same(await closes.get(), 1000, "the client's Close")


async def interrupted():
    async with conversation() as (terminal, closes):
        await terminal.shows("hello, who are you?")
        terminal.press("C-c")
        await terminal.shows("hello, who are you?", "^Cstatus 0")
        same(await closes.get(), 1000, "the client's Close")


async def escape_sequences():
    """Neither clears the screen, nor sets its title, nor turns the direction of writing; lines and tabs stay."""
    greeting = "one\ntwo\x1b[2J\x1b]0;evil\x07\x9b31m\u202eetirw \\ 🐎"
    shown = ["one", r"two\x1b[2J\x1b]0;evil\x07\x9b31m\u{202e}etirw \ 🐎"]
    async with conversation(greeting) as (terminal, _):
        await terminal.shows(*shown)
        terminal.press("C-d")
        await terminal.shows(*shown, "status 0")


async def binary_messages():
    async with conversation(b"\x1b[2J\xff") as (terminal, _):
        await terminal.shows(r'BINARY 5 bytes: "\x1b[2J\xff"')


async def main(cases):
    await cases.case("terminal: a person types, and ends with Ctrl-D", a_person_types())
    await cases.case("terminal: Ctrl-C", interrupted())
    await cases.case("terminal: a server that sends escape sequences", escape_sequences())
    await cases.case("terminal: binary messages", binary_messages())


drive(main)
