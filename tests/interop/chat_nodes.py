"""Chats that are one by Redis: two nodes over a Redis of the test's own, one of which is killed."""

import asyncio
import contextlib
import shutil
import signal
import socket
import subprocess
import tempfile
import time

import aiohttp

from chat_talk import PATIENCE, Gate, Run, Talker, texts_of
from programs import Server, drive, free_port, same


class Redis:
    """A redis-server on a free port, which keeps nothing; ended by its process."""

    def __enter__(self):
        self.port = free_port()
        self.folder = tempfile.mkdtemp()
        self.url = f"redis://127.0.0.1:{self.port}"
        words = ["--port", self.port, "--bind", "127.0.0.1", "--dir", self.folder, "--save", "", "--appendonly", "no"]
        self.process = subprocess.Popen(["redis-server", *map(str, words)], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
        late = time.monotonic() + PATIENCE
        while not self.answers():
            if time.monotonic() > late or self.process.poll() is not None:
                self.__exit__()
                raise RuntimeError("redis-server does not answer")
            time.sleep(0.1)
        return self

    def answers(self):
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 5) as there:
            there.sendall(b"PING\r\n")
            return there.recv(7) == b"+PONG\r\n"
        return False

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)


class Nodes:
    """The cases of two nodes, each in a room of its own."""

    def __init__(self, session, redis, nodes):
        self.session = session
        self.redis = redis
        self.nodes = nodes

    async def open(self, name, at):
        return await Talker.open(self.session, self.nodes[at].url, name)

    async def said_to_all(self):
        async with await self.open("ann", 0) as ann, await self.open("bob", 1) as bob:
            await ann.enter("said")
            await bob.enter("said")
            for number in range(20):
                own = await ann.say(f"ann, {number}", "said")
                same(await bob.until("ROOM_MESSAGE"), own, "what the other node gets")
                own = await bob.say(f"bob, {number}", "said")
                same(await ann.until("ROOM_MESSAGE"), own, "what the first node gets")

    async def one_order(self):
        async with contextlib.AsyncExitStack() as stack:
            talkers = [await stack.enter_async_context(await self.open(f"talker {number}", number % 2)) for number in range(6)]
            for talker in talkers:
                await talker.enter("crowd")

            async def talk(talker):
                for number in range(15):
                    await talker.send("SAY", room="crowd", text=f"{talker.name}, {number}")
                return await talker.texts(6 * 15)

            heard = await asyncio.gather(*(talk(talker) for talker in talkers))
            for texts in heard:
                same(texts, heard[0], "order")

    async def presence(self):
        came, went = ({"kind": kind, "room": "presence", "who": "bob"} for kind in ("CAME", "WENT"))
        async with await self.open("ann", 0) as ann:
            same((await ann.enter("presence"))[2], ["ann"], "people")
            async with await self.open("bob", 1) as bob, await self.open("carol", 1) as carol:
                same((await bob.enter("presence"))[2], ["ann", "bob"], "people at the other node")
                same(await ann.next(), came, "presence")
                async with await self.open("bob", 0) as tab:  # of his, at the first node
                    same((await tab.enter("presence"))[2], ["ann", "bob"], "people at the first node")
                    # Comes back after its presence is known to Redis.
                    await tab.say("another tab", "presence")
                    same((await ann.next())["kind"], "ROOM_MESSAGE", "what comes next")
                    await bob.send("LEAVE", room="presence")
                    same((await carol.enter("presence"))[2], ["ann", "bob", "carol"], "people without the tab")
                    same(await ann.next(), {**came, "who": "carol"}, "presence")
                    await tab.send("LEAVE", room="presence")
                    same((await ann.next(), await carol.until("WENT")), (went, went), "presence")
                same((await carol.say("the end", "presence"))["message"]["text"], "the end", "what the other node gets")
                same((await ann.next())["message"]["text"], "the end", "what comes next")

    async def typing(self):
        async with await self.open("ann", 0) as ann, await self.open("bob", 1) as bob:
            await ann.enter("typing")
            await bob.enter("typing")
            same((await ann.next())["kind"], "CAME", "presence")
            await bob.send("TYPING", room="typing")
            same(await ann.next(), {"kind": "TYPING_NOTE", "room": "typing", "who": "bob"}, "note")
            said = await ann.say("said", "typing")
            same(await bob.until_other_than("CAME"), said, "what the one who types gets")
            async with await self.open("carol", 1) as carol:
                same((await carol.enter("typing"))[1:], ([said], ["ann", "bob", "carol"]), "history")

    async def killed(self):
        """Who was at a node that is killed gets at the other what was missed, and the rest of them are gone."""
        async with contextlib.AsyncExitStack() as stack:
            ann, bob, dan = [await stack.enter_async_context(await self.open(*who)) for who in (("ann", 0), ("bob", 1), ("dan", 1))]
            gate = await stack.enter_async_context(await Gate.open(self.nodes[1]))
            for each in (ann, bob, dan):
                people = (await each.enter("killed"))[2]
            same(people, ["ann", "bob", "dan"], "people")
            async with await Run.start(gate.url, "eve", "killed") as eve:
                same(await eve.is_there(), ["ann", "bob", "dan", "eve"], "people")
                last = (await ann.say("seen", "killed"))["id"]
                same((await bob.until("ROOM_MESSAGE"))["id"], last, "what it has seen")
                await eve.until("ann: seen")
                gate.target = self.nodes[0]
                self.nodes[1].process.kill()
                lines = [f"line {number}" for number in range(30)]
                for line in lines:
                    await ann.say(line, "killed")
                back = await stack.enter_async_context(await self.open("bob", 0))
                entered, past, _ = await back.enter("killed", since=last)
                same((entered["complete"], texts_of(past)), (True, lines), "what was missed")
                for line in lines:
                    await eve.until(f"ann: {line}")
                eve.type("back again")
                for each in (ann, back):
                    same((await each.until("ROOM_MESSAGE"))["message"]["text"], "back again", "what is said then")
                while (await back.until("WENT"))["who"] != "dan":
                    pass
                await back.send("WHO", room="killed")
                same((await back.until("PEOPLE"))["people"], ["ann", "bob", "eve"], "people")
                same((await eve.end())[0], 0, "status")

    async def another_node(self):
        """One that comes later knows all."""
        with Server("chat", "--redis", self.redis.url) as third:
            self.nodes[1] = third
            async with await self.open("ann", 0) as ann, await self.open("fay", 1) as fay:
                await ann.enter("later")
                said = await ann.say("before", "later")
                same((await fay.enter("later"))[1:], ([said], ["ann", "fay"]), "history and people")
                async with await self.open("bob", 1) as bob:
                    entered, past, _ = await bob.enter("killed")
                    same((texts_of(past)[0], texts_of(past)[-1], len(past)), ("seen", "back again", 32), "an older history")
            same(await asyncio.to_thread(third.stop), [], "its end")


async def refused(url, words):
    run = await asyncio.create_subprocess_exec(*Server("chat", "--redis", url).command, stderr=subprocess.PIPE)
    errors = (await run.communicate())[1].decode()
    same((run.returncode, words in errors, "secret" in errors), (1, True, False), errors)


async def main(cases):
    async with aiohttp.ClientSession() as session:

        async def case(name, work):
            await cases.case(f"chat on two nodes: {name}", work, 3 * PATIENCE)

        await case("a bad URL", refused("http://secret@127.0.0.1", "not a URL of Redis"))
        await case("TLS, which it has not", refused("rediss://:secret@127.0.0.1", "redis_options::tls"))
        with Redis() as redis:
            options = ["--threads", 2, "--grace", 1, "--redis", redis.url]
            with Server("chat", *options) as one, Server("chat", *options) as two:
                nodes = Nodes(session, redis, [one, two])
                for work in (nodes.said_to_all, nodes.one_order, nodes.presence, nodes.typing, nodes.killed, nodes.another_node):
                    await case(work.__name__.replace("_", " "), work())
                cases.check("the node that is left ends at SIGTERM", one.stop(signal.SIGTERM))


drive(main)
