"""What the drivers of chat share: its protocol by aiohttp's client, runs of chat_client, and an address that may be cut."""

import asyncio
import contextlib
import json
import urllib.parse

from aiohttp import WSMsgType

from programs import FOLDER, same

PATIENCE = 60  # seconds, for what takes a moment


class Talker:
    """One connection of a person, past its WELCOME."""

    @classmethod
    async def open(cls, session, url, name):
        talker = cls()
        talker.name = name
        talker.ws = await session.ws_connect(f"{url}chat/{urllib.parse.quote(name, safe='')}")
        hello = await talker.next()
        same((hello["kind"], hello["name"]), ("WELCOME", name), "first message")
        talker.rooms = hello["rooms"]
        return talker

    async def __aenter__(self):
        return self

    async def __aexit__(self, *_):
        await self.ws.close()

    async def next(self):
        """The next message, or the code of the Close."""
        message = await asyncio.wait_for(self.ws.receive(), PATIENCE)
        if message.type in (WSMsgType.CLOSE, WSMsgType.CLOSING, WSMsgType.CLOSED):
            return self.ws.close_code
        same(message.type, WSMsgType.TEXT, "type")
        found = json.loads(message.data)
        # Its own coming is told while others may be telling too, perhaps after PEOPLE.
        return await self.next() if (found["kind"], found.get("who")) == ("CAME", self.name) else found

    async def send(self, kind, **fields):
        await self.ws.send_str(json.dumps({"kind": kind, **fields}))

    async def enter(self, room="lobby", **since):
        """ROOM_ENTERED, what was said before PEOPLE, and the people. CAME and WENT do not count before that."""
        await self.send("ENTER", room=room, **since)
        entered = await self.until("ROOM_ENTERED")
        await self.send("WHO", room=room)
        past = []
        while (message := await self.next())["kind"] != "PEOPLE":
            if message["kind"] not in ("CAME", "WENT"):
                past.append(message)
        same(message["room"], room, "room")
        return entered, past, message["people"]

    async def until(self, kind):
        """The next message of a kind; what comes before it is skipped."""
        while not isinstance(message := await self.next(), dict) or message["kind"] != kind:
            if not isinstance(message, dict):
                raise AssertionError(f"expected {kind}, closed with {message}")
        return message

    async def until_other_than(self, kind):
        while (message := await self.next())["kind"] == kind:
            pass
        return message

    async def say(self, text, room="lobby", **ref):
        """What everybody gets of it, once it has come back."""
        await self.send("SAY", room=room, text=text, **ref)
        while (message := await self.until("ROOM_MESSAGE"))["message"]["text"] != text:
            pass
        return message

    async def texts(self, count):
        return [(await self.until("ROOM_MESSAGE"))["message"]["text"] for _ in range(count)]

    async def nothing_else(self):
        """Nothing was on its way to this connection: the next message is the answer to a question."""
        await self.send("NOTHING")
        same((await self.next())["kind"], "ERROR", "message")


def texts_of(messages):
    return [message["message"]["text"] for message in messages if message["kind"] == "ROOM_MESSAGE"]


class Gate:
    """An address that stays while the server behind it changes; it can be cut."""

    @classmethod
    async def open(cls, target):
        gate = cls()
        gate.target = target  # a Server; None: refused
        gate.swallows = None  # what goes to the "server" or to the "client" is lost
        gate.writers = set()
        gate.server = await asyncio.start_server(gate.serve, "127.0.0.1", 0)
        gate.url = f"http://127.0.0.1:{gate.server.sockets[0].getsockname()[1]}/"
        return gate

    async def __aenter__(self):
        return self

    async def __aexit__(self, *_):
        self.cut()
        self.server.close()

    async def serve(self, reader, writer):
        with contextlib.suppress(OSError):
            if self.target is None:
                raise OSError
            there = await asyncio.open_connection("127.0.0.1", self.target.port)
            self.writers |= {writer, there[1]}
            await asyncio.gather(self.pass_on(reader, there[1], "server"), self.pass_on(there[0], writer, "client"))
        writer.close()

    async def pass_on(self, reader, writer, end):
        with contextlib.suppress(OSError):
            while data := await reader.read(65536):
                if self.swallows != end:
                    writer.write(data)
                    await writer.drain()
        writer.close()
        self.writers.discard(writer)

    def cut(self):
        self.target = None
        for writer in list(self.writers):
            writer.transport.abort()


class Run:
    """A run of chat_client, its standard input open until end()."""

    @classmethod
    async def start(cls, url, name, room="lobby"):
        run = cls()
        pipe = asyncio.subprocess.PIPE
        run.process = await asyncio.create_subprocess_exec(
            str(FOLDER / "chat_client"), url, name, room, stdin=pipe, stdout=pipe, stderr=pipe
        )
        return run

    async def __aenter__(self):
        return self

    async def __aexit__(self, *_):
        if self.process.returncode is None:
            self.process.kill()
        await self.process.communicate()

    def type(self, *lines):
        self.process.stdin.write("".join(line + "\n" for line in lines).encode())

    async def prints(self, *lines):
        for wanted in lines:
            found = await asyncio.wait_for(self.process.stdout.readline(), PATIENCE)
            same(found.decode().rstrip("\n"), wanted, "line")

    async def until(self, wanted):
        while (line := await asyncio.wait_for(self.process.stdout.readline(), PATIENCE)) != wanted.encode() + b"\n":
            if not line:
                raise AssertionError(f"the output ends without {wanted!r}")

    async def is_there(self):
        """Once it is in its room; the people."""
        while True:
            self.type("/who")
            line = ""
            while not line.startswith(("* here: ", "* not connected")):  # others may come in meanwhile
                line = (await asyncio.wait_for(self.process.stdout.readline(), PATIENCE)).decode()
            if line.startswith("* here: "):
                return line[8:].rstrip("\n").split(", ")
            await asyncio.sleep(0.1)

    async def complains(self, words):
        while words not in (line := (await asyncio.wait_for(self.process.stderr.readline(), PATIENCE)).decode()):
            if not line:
                raise AssertionError(f"its errors end without {words!r}")

    async def end(self, how=None):
        """(status, the rest of its output), after the end of its input or a signal."""
        if how is None:
            self.process.stdin.close()
        else:
            self.process.send_signal(how)
        rest = await asyncio.wait_for(self.process.stdout.read(), PATIENCE)
        errors = (await asyncio.wait_for(self.process.stderr.read(), PATIENCE)).decode()
        same("Sanitizer" in errors or "runtime error" in errors, False, f"a fault in {errors[:2000]}")
        await asyncio.wait_for(self.process.wait(), PATIENCE)
        return self.process.returncode, rest.decode().splitlines()
