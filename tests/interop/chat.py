"""The chat server's protocol, spoken by aiohttp's client, and the example `chat_client`."""

import asyncio
import contextlib
import json
import re
import signal

import aiohttp
from aiohttp import WSMsgType

from chat_talk import PATIENCE, Gate, Run, Talker, texts_of
from programs import Server, drive, same


class Chat:
    """The cases of one server, each in a room of its own."""

    def __init__(self, session, server):
        self.session = session
        self.server = server

    async def open(self, name):
        return await Talker.open(self.session, self.server.url, name)

    async def the_page(self):
        nonces = set()
        for _ in range(2):
            async with self.session.get(self.server.url) as response:
                same(response.status, 200, "status")
                policy = response.headers["Content-Security-Policy"]
                body = await response.text()
            same("unsafe" in policy, False, "an unsafe policy")
            nonce = re.search(r"default-src 'none'; script-src 'nonce-(\w{32})'", policy)[1]
            same(body.count(f'nonce="{nonce}"'), 2, "parts with the nonce")
            same(re.findall(r"(?:src|href|action)\s*=\s*[\"'](?!data:)[^\"']*", body), [], "what the page loads")
            nonces.add(nonce)
        same(len(nonces), 2, "nonces")

    async def said_to_all(self):
        async with await self.open("ann") as ann, await self.open("Bób 🐎") as bob:
            await ann.enter("said")
            same((await bob.enter("said"))[2], ["Bób 🐎", "ann"], "people")
            text = 'a "quote", a \\ and\na line, grüße 🐎 \u2028 </script>'
            own = await ann.say(text, "said", ref="r1")
            same(await bob.until("ROOM_MESSAGE"), own, "what the other gets")
            same({**own["message"], "time": ""}, {"kind": "SAID", "who": "ann", "text": text, "time": "", "ref": "r1"}, "SAID")
            same(bool(re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,3})?Z", own["message"]["time"])), True, "a time")

    async def history(self):
        async with await self.open("ann") as ann:
            entered, past, _ = await ann.enter("history")
            same((entered["complete"], past), (True, []), "a new room")
            lines = [f"line {number}" for number in range(60)]
            for line in lines:
                await ann.say(line, "history")
            async with await self.open("bob") as bob:
                same("history" in bob.rooms, True, "a room that is suggested")
                entered, past, people = await bob.enter("history")
                same(texts_of(past), lines[-50:], "the latest")
                same((past[-1]["id"], people), (entered["id"], ["ann", "bob"]), "the end of it")

    async def recovery(self):
        async with await self.open("ann") as ann:
            await ann.enter("recovery")
            async with await self.open("bob") as bob:
                await bob.enter("recovery")
                last = (await ann.say("seen", "recovery"))["id"]
            missed = [f"missed {number}" for number in range(70)]
            for line in missed:
                await ann.say(line, "recovery")
            async with await self.open("bob") as bob:
                entered, past, _ = await bob.enter("recovery", since=last)
                same((entered["complete"], texts_of(past)), (True, missed), "what was missed")
                await ann.say("new", "recovery")
                same(await bob.texts(1), ["new"], "what comes then")
            async with await self.open("bob") as bob:
                entered, past, _ = await bob.enter("recovery", since=past[-1]["id"])
                same((entered["complete"], texts_of(past)), (True, ["new"]), "what was missed then")
            async with await self.open("bob") as bob:
                entered, past, _ = await bob.enter("recovery", since=entered["id"])
                same((entered["complete"], texts_of(past)), (True, []), "nothing missed")

    async def too_late(self, history):
        async with await self.open("ann") as ann:
            await ann.enter("late")
            last = (await ann.say("seen", "late"))["id"]
            lines = [f"line {number}" for number in range(history + 1)]
            for line in lines:
                await ann.say(line, "late")
            for since in (last, "another-1", "x"):
                async with await self.open("bob") as bob:
                    entered, past, _ = await bob.enter("late", since=since)
                    same((entered["complete"], texts_of(past)), (False, lines[1:]), f"since {since}")

    async def typing(self):
        async with await self.open("ann") as ann, await self.open("bob") as bob:
            await ann.enter("typing")
            await bob.enter("typing")
            said = await ann.say("said", "typing")
            same(await bob.next(), said, "text")
            await ann.send("TYPING", room="typing")
            same(await bob.next(), {"kind": "TYPING_NOTE", "room": "typing", "who": "ann"}, "note")
            await ann.nothing_else()
            async with await self.open("carol") as carol:
                same((await carol.enter("typing"))[1:], ([said], ["ann", "bob", "carol"]), "history")

    async def presence(self):
        async with await self.open("ann") as ann:
            await ann.enter("presence")
            bob = await self.open("bob")
            same((await bob.enter("presence"))[2], ["ann", "bob"], "people")
            same(await ann.next(), {"kind": "CAME", "room": "presence", "who": "bob"}, "presence")
            async with await self.open("bob") as second:  # another tab of his
                same((await second.enter("presence"))[2], ["ann", "bob"], "people")
                await ann.nothing_else()
            await ann.nothing_else()
            await bob.send("LEAVE", room="presence")
            same(await ann.next(), {"kind": "WENT", "room": "presence", "who": "bob"}, "presence")
            await ann.say("bob?", "presence")
            await bob.nothing_else()
            await bob.ws.close()

    async def lost_and_back(self):
        """A connection that ends without LEAVE is missed after the grace time only."""
        async with await self.open("ann") as ann:
            await ann.enter("lost")
            async with await self.open("bob") as bob:
                await bob.enter("lost")
            await ann.until("CAME")
            async with await self.open("bob") as bob:
                await bob.enter("lost")
                await ann.nothing_else()
            same(await ann.next(), {"kind": "WENT", "room": "lost", "who": "bob"}, "presence")

    async def mistake(self, room, code, message):
        """It is answered with an ERROR of the code, and the connection goes on; nobody else notices."""
        async with await self.open("ann") as ann, await self.open("bob") as bob:
            await ann.enter(room)
            await bob.enter(room)
            await ann.until("CAME")
            if isinstance(message, bytes):
                await ann.ws.send_bytes(message)
            else:
                await ann.ws.send_str(message.replace("HERE", room))
            error = await ann.next()
            same((error["kind"], error["code"], bool(error["message"])), ("ERROR", code, True), "answer")
            await ann.say("still here", room)
            same((await bob.next())["message"]["text"], "still here", "what the other gets")

    async def no_name(self, path):
        async with self.session.ws_connect(f"{self.server.url}chat/{path}") as ws:
            same(json.loads((await ws.receive()).data)["code"], "bad_name", "code")
            same((await ws.receive()).type, WSMsgType.CLOSE, "type")
            same(ws.close_code, 1008, "code of the Close")

    async def too_many_rooms(self):
        async with await self.open("ann") as ann:
            for number in range(50):
                await ann.enter(f"room {number}")
            await ann.send("ENTER", room="one more")
            same((await ann.until("ERROR"))["code"], "too_many_rooms", "code")
            await ann.send("LEAVE", room="room 0")
            await ann.enter("one more")
            await ann.say("still here", "room 1")

    async def too_long(self):
        async with await self.open("ann") as ann:
            await ann.ws.send_str('{"kind":"SAY","room":"lobby","text":"' + "a" * 70_000 + '"}')
            same(await ann.next(), 1009, "Close")

    async def stopped(self):
        async with await self.open("ann") as ann:
            await ann.enter()
            same(await asyncio.gather(ann.next(), asyncio.to_thread(self.server.stop)), [1001, []], "Close, problems")

    async def one_order(self):
        """What many say at once comes to all of them, in one order, whichever thread they are on."""
        async with contextlib.AsyncExitStack() as stack:
            talkers = [await stack.enter_async_context(await self.open(f"talker {number}")) for number in range(12)]
            for talker in talkers:
                await talker.enter("crowd")

            async def talk(talker):
                for number in range(15):
                    await talker.send("SAY", room="crowd", text=f"{talker.name}, {number}")
                    await asyncio.sleep(0)
                return await talker.texts(12 * 15)

            heard = await asyncio.gather(*(talk(talker) for talker in talkers))
            for texts in heard:
                same(texts, heard[0], "order")
            for talker in talkers:
                own = [text for text in heard[0] if text.startswith(f"{talker.name}, ")]
                same(own, [f"{talker.name}, {number}" for number in range(15)], "own messages")


MISTAKES = {
    "not JSON": ("malformed", "hello"),
    "an unknown kind": ("unknown_kind", '{"kind":"SHOUT","text":"a"}'),
    "no kind": ("missing_kind", '{"room":"HERE"}'),
    "a kind of the server's": ("unknown_kind", '{"kind":"SAID","who":"bob","text":"a","time":"2026-01-01T00:00:00Z"}'),
    "no text": ("missing_field", '{"kind":"SAY","room":"HERE"}'),
    "an empty text": ("beyond_limit", '{"kind":"SAY","room":"HERE","text":""}'),
    "a text that is too long": ("beyond_limit", json.dumps({"kind": "SAY", "room": "HERE", "text": "ä" * 2001})),
    "a ref that is too long": ("beyond_limit", json.dumps({"kind": "SAY", "room": "HERE", "text": "a", "ref": "r" * 65})),
    "a number for a text": ("wrong_type", '{"kind":"SAY","room":"HERE","text":1}'),
    "BINARY": ("wrong_type", b'{"kind":"SAY","room":"HERE","text":"a"}'),
    "a room that was not entered": ("not_in_room", '{"kind":"SAY","room":"elsewhere","text":"a"}'),
    "typing in a room that was not entered": ("not_in_room", '{"kind":"TYPING","room":"elsewhere"}'),
    "asking who is in a room that was not entered": ("not_in_room", '{"kind":"WHO","room":"elsewhere"}'),
    "asking who is in a room that cannot be": ("not_in_room", '{"kind":"WHO","room":"a/b"}'),
    "a room with a slash": ("bad_room", '{"kind":"ENTER","room":"HERE/b"}'),
    "a room without a name": ("bad_room", '{"kind":"ENTER","room":""}'),
    "a room with a line break": ("bad_room", '{"kind":"ENTER","room":"a\\nb"}'),
    "a room that reads backwards": ("bad_room", '{"kind":"ENTER","room":"a\\u202eb"}'),
    "a room that begins with a space": ("bad_room", '{"kind":"ENTER","room":" a"}'),
    "a room with a long name": ("bad_room", json.dumps({"kind": "ENTER", "room": "a" * 65})),
}
NO_NAMES = ("a%2Fb", "%20ann", "ann%20", "a%01b", "%FF", "a%E2%80%AEb", "a%E2%80%8Bb", "%E3%80%80", "a" * 65)


# The client for terminals.


async def two_clients(server):
    async with await Run.start(server.url, "ann", "clients") as ann:
        same(await ann.is_there(), ["ann"], "people")
        async with await Run.start(server.url, "bob", "clients") as bob:
            same(await bob.is_there(), ["ann", "bob"], "people")
            await ann.prints("* bob came in")
            ann.type("hello", "", "//not a command", "grüße 🐎")
            for each in (ann, bob):
                await each.prints("ann: hello", "ann: /not a command", "ann: grüße 🐎")
            ann.type("/nonsense", "a" * 2001, "still here")
            for each in (ann, bob):
                await each.prints("ann: still here")
            await ann.complains("/who, /quit")
            await ann.complains("too long")
            bob.type("bye", "/quit", "not said any more")
            same(await bob.end(), (0, ["bob: bye"]), "bob's end")
            await ann.prints("bob: bye", "* bob left")
        same(await ann.end(), (0, []), "ann's end")


async def input_that_ends(server):
    """Everything is said, in order, although the input ends at once."""
    lines = [f"line {number}" for number in range(150)]
    async with await Run.start(server.url, "ann", "script") as ann:
        ann.type(*lines)
        ann.process.stdin.write(b"no newline")
        same(await ann.end(), (0, [f"ann: {line}" for line in [*lines, "no newline"]]), "end")
    async with await Run.start(server.url, "bob", "script") as bob:
        await bob.until("ann: no newline")
        same(await bob.end(signal.SIGINT), (0, []), "end")


async def nothing_moves_the_cursor(chat):
    async with await Run.start(chat.server.url, "ann", "escapes") as ann, await chat.open("bob") as bob:
        await ann.is_there()
        await bob.enter("escapes")
        await ann.prints("* bob came in")
        await bob.say("\x1b[2J\nann: forged\x07\u202e", "escapes")
        await ann.prints("bob:  [2J ann: forged  ")


async def cut_off(chat):
    """A client whose connection is lost gets what it missed, and says what it could not, once."""
    async with await Gate.open(chat.server) as gate, await chat.open("bob") as bob:
        async with await Run.start(gate.url, "ann", "cut") as ann:
            await ann.is_there()
            await bob.enter("cut")
            await ann.prints("* bob came in")
            await bob.say("seen", "cut")
            await ann.prints("bob: seen")
            gate.cut()
            await ann.complains("trying again")
            await bob.say("missed", "cut")
            ann.type("said too early")
            gate.target = chat.server
            await ann.prints("bob: missed", "ann: said too early")
            same(await bob.texts(1), ["said too early"], "text")
            await bob.say("after it", "cut")
            await ann.prints("bob: after it")
            same(await ann.end(), (0, []), "end")


async def lost_on_the_way(chat, end):
    """A line that never came to the server is said again; one whose coming back was lost is not."""
    room = f"lost on the way to the {end}"
    async with await Gate.open(chat.server) as gate, await chat.open("bob") as bob:
        async with await Run.start(gate.url, "ann", room) as ann:
            await ann.is_there()
            await bob.enter(room)
            await ann.prints("* bob came in")
            gate.swallows = end
            ann.type("once")
            if end == "client":
                same(await bob.texts(1), ["once"], "text")
            else:
                await asyncio.sleep(0.5)
            gate.cut()
            await ann.complains("trying again")
            gate.swallows, gate.target = None, chat.server
            await ann.prints("ann: once")
            ann.type("then")
            await ann.prints("ann: then")
            async with await chat.open("carol") as carol:
                same(texts_of((await carol.enter(room))[1]), ["once", "then"], "history")
            await ann.prints("* carol came in")
            # If it was said twice, since both had been on their way, it is shown once.
            for text in ("twice", "twice", "the end"):
                await bob.say(text, room, ref=text)
            await ann.prints("bob: twice", "bob: the end")


async def killed_and_restarted():
    with Server("chat") as first:
        async with await Gate.open(first) as gate, await Run.start(gate.url, "ann") as ann, await Run.start(gate.url, "bob") as bob:
            await ann.is_there()
            await bob.is_there()
            bob.type("before")
            await ann.until("bob: before")
            await bob.prints("bob: before")
            gate.target = None
            first.process.kill()
            for each in (ann, bob):
                await each.complains("trying again")
            ann.type("in between")
            with Server("chat") as second:
                gate.target = second
                await bob.until("* messages may be missing here")
                for each in (ann, bob):
                    await each.until("ann: in between")
                bob.type("afterwards")
                for each in (ann, bob):
                    await each.until("bob: afterwards")
                # One of them may have come after the other.
                for each in (ann, bob):
                    status, rest = await each.end()
                    same((status, set(rest) - {"* ann left", "* ann came in", "* bob came in"}), (0, set()), "end")
                same(second.stop(), [], "the second server's end")


async def nobody_there(server):
    async with await Gate.open(None) as gate, await Run.start(gate.url, "ann") as ann:
        ann.type("hello")
        for _ in range(2):
            await ann.complains("trying again")
        gate.target = server
        await ann.until("ann: hello")
        gate.cut()
        await ann.complains("trying again")
        same(await ann.end(signal.SIGINT), (0, []), "end")


async def refused(server, name, room, words):
    async with await Run.start(server.url, name, room) as run:
        await run.complains(words)
        await asyncio.wait_for(run.process.wait(), PATIENCE)
        same(run.process.returncode, 1, "status")


async def main(cases):
    async with aiohttp.ClientSession() as session:

        async def case(name, work):
            await cases.case(f"chat: {name}", work, 3 * PATIENCE)

        with Server("chat", "--threads", 2, "--grace", 2) as server:
            chat = Chat(session, server)
            for good in (
                chat.the_page,
                chat.said_to_all,
                chat.history,
                chat.recovery,
                chat.typing,
                chat.presence,
                chat.lost_and_back,
                chat.too_many_rooms,
                chat.one_order,
            ):
                await case(good.__name__.replace("_", " "), good())
            for number, (what, (code, message)) in enumerate(MISTAKES.items()):
                await case(what, chat.mistake(f"mistake {number}", code, message))
            for path in NO_NAMES:
                await case(f"nobody is called {path[:20]}", chat.no_name(path))
            await case("a message that is too long", chat.too_long())
            await case("chat_client: two of them", two_clients(server))
            await case("chat_client: input that ends", input_that_ends(server))
            await case("chat_client: nothing moves the cursor", nothing_moves_the_cursor(chat))
            await case("chat_client: cut off", cut_off(chat))
            for end in ("server", "client"):
                await case(f"chat_client: lost on the way to the {end}", lost_on_the_way(chat, end))
            await case("chat_client: nobody there, and then somebody", nobody_there(server))
            await case("chat_client: a bad name", refused(server, "a/b", "lobby", "nobody can be called that"))
            await case("chat_client: a bad room", refused(server, "ann", "a/b", "a room cannot be called that"))
            await case("chat_client: no chat there", refused(server, "ann/x", "lobby", "nobody"))
            await case("SIGTERM", chat.stopped())
        with Server("chat", "--history", 5) as server:
            await case("too late for some of it", Chat(session, server).too_late(5))
            cases.check("chat ends at SIGTERM", server.stop())
        await case("chat_client: the server is killed, and another comes", killed_and_restarted())


drive(main)
