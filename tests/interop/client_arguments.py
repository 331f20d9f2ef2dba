"""What the arguments of the example `client` do, against aiohttp's server, and those that the servers of examples/ share.

usage: client_arguments.py EXAMPLES PEERS, with the folder of peers/ that holds the program `certificate`
"""

import asyncio
import os
import pathlib
import signal
import ssl
import subprocess
import sys
import tempfile

from aiohttp import WSMsgType, web

from client_runs import BAD_ARGUMENTS, CLOSED, FAILED, REFUSED, Run, aiohttp_server, clean, echo, failed, run_client
from programs import FOLDER, Server, drive, free_port, same

PEERS = pathlib.Path(sys.argv[2])


async def run(*arguments, environment=None):
    """(status, lines printed, what was said on standard error) of a client without input."""
    return await (await Run.start(*arguments, environment=environment)).ended()


async def fields_of_the_request():
    async def handler(request):
        if request.headers.get("Authorization") != "Bearer a:b":
            return web.Response(status=401, text="who are you?")
        ws = web.WebSocketResponse(protocols=["v1"])
        await ws.prepare(request)
        names = ("X-Empty", "Origin", "Sec-WebSocket-Protocol")
        await ws.send_str(" ".join(f"{request.headers.get(name)!r}" for name in names))
        await ws.close()
        return ws

    async with aiohttp_server(handler) as url:
        failed(await run(url), REFUSED, "401", "who are you?")
        given = ["-H", "Authorization: Bearer a:b", "-H", "X-Empty:", "--origin", "https://example.com"]
        given += ["--subprotocol", "v2", "--subprotocol", "v1"]
        clean(await run(*given, url), ["'' 'https://example.com' 'v2, v1'"])
        clean(await run(url, *given), ["'' 'https://example.com' 'v2, v1'"])


async def redirects():
    async def handler(request):
        if request.path != "/there":
            raise web.HTTPFound("/there")
        return await echo(request)

    async with aiohttp_server(handler) as url:
        failed(await run_client(url), REFUSED, "refused: 302")
        there = await Run.start("--redirects", "1", url)
        there.say("hello")
        clean(await there.ended(), ["hello"])

    async def astray(request):
        raise web.HTTPFound("ftp://there/" if request.path == "/away" else "/on")

    async with aiohttp_server(astray) as url:
        failed(await run("--redirects", "2", url), REFUSED, "302", "more redirects than the limit")
        failed(await run("--redirects", "2", url.split("/some")[0] + "/away"), REFUSED, "302", "must not be followed")


async def through_a_proxy():
    """A proxy that refuses tells that it was asked; the environment's is not unless it is to be."""
    asked = []

    async def proxy(reader, writer):
        asked.append((await reader.readline()).decode().split(" ")[:2])
        writer.write(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n")
        writer.close()

    server = await asyncio.start_server(proxy, "127.0.0.1", 0)
    address = "http://127.0.0.1:%d" % server.sockets[0].getsockname()[1]
    async with server, aiohttp_server(echo) as url:
        names = ("http_proxy", "no_proxy", "NO_PROXY", "all_proxy", "ALL_PROXY")
        around = {name: value for name, value in os.environ.items() if name not in names} | {"http_proxy": address}
        clean(await run(url, environment=around), [])
        same(asked, [], "what the proxy was asked")
        failed(await run("--proxy", "environment", url, environment=around), REFUSED, "403")
        failed(await run("--proxy", address, url), REFUSED, "refused by the proxy: 403")
        same(asked, [["CONNECT", url.split("/")[2]]] * 2, "what the proxy was asked")


async def certificates():
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([PEERS / "certificate", folder], check=True)
        certificate, key = f"{folder}/certificate.pem", f"{folder}/key.pem"
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, key)
        async with aiohttp_server(echo, context) as url:
            failed(await run(url), FAILED, "certificate")
            clean(await run("--ca", certificate, url), [])
            clean(await run("--ca", certificate, "--certificate", certificate, "--key", key, url), [])
            status, _, errors = await run("--insecure", url)
            same((status, "not verified" in errors), (0, True), "status, whether a warning was given")
            failed(await run("--ca", f"{folder}/nothing.pem", url), BAD_ARGUMENTS)


async def reconnects():
    with Server("echo") as first:
        url = first.url
        client = await Run.start("--reconnect", url)
        client.say("one")
        await client.prints("one")
        first.process.kill()
        await client.tells("away")
        client.say("two", "three")  # kept until there is a connection
    second = Server("echo")
    second.command[second.command.index("0")] = str(first.port)
    with second:
        await client.prints("two")
        await client.prints("three")
        status, lines, errors = await client.ended()
        same((status, lines, "back" in errors), (0, [], True), "status, output, whether it told")


async def reconnecting_ends():
    """What was typed before the end of the input is sent before the connection is closed; final failures end all."""
    with Server("echo") as server:
        client = await Run.start("--reconnect", server.url)
        lines = [f"line {number}" for number in range(200)]
        client.say(*lines)
        clean(await client.ended(), lines)

    async def refusing(_):
        return web.Response(status=403, text="never")

    async with aiohttp_server(refusing) as url:
        failed(await (await Run.start("--reconnect", url)).ended(end_of_input=False), REFUSED, "403", "never")

    async def closing(request):
        ws = web.WebSocketResponse()
        await ws.prepare(request)
        await ws.close(code=1003, message=b"not here")
        return ws

    async with aiohttp_server(closing) as url:
        failed(await (await Run.start("--reconnect", url)).ended(end_of_input=False), CLOSED, "1003", "not here")


async def binary():
    """All bytes of the input arrive in binary messages, and those that come are written as they are."""
    kinds = set()

    async def handler(request):
        ws = web.WebSocketResponse()
        await ws.prepare(request)
        async for message in ws:
            kinds.add(message.type)
            await ws.send_bytes(message.data)
        return ws

    content = bytes(range(256)) * 1000
    async with aiohttp_server(handler) as url:
        client = await Run.start("--binary", url)
        client.process.stdin.write(content)
        client.process.stdin.close()
        back, errors = await asyncio.gather(client.process.stdout.read(), client.process.stderr.read())
        same((await client.process.wait(), back == content, errors), (0, True, b""), "status, content, errors")
    same(kinds, {WSMsgType.BINARY}, "kinds of messages")


async def files_that_are_not_there():
    """Without standard input, or what is written, no other file takes its place; output that is lost is a failure."""

    async def greeting(request):
        ws = web.WebSocketResponse()
        await ws.prepare(request)
        await ws.send_str("hello")
        async for _ in ws:
            pass
        return ws

    client = str(FOLDER / "client")
    async with aiohttp_server(greeting) as url:
        for redirection, status, output, words in (
            ("<&-", 0, "hello\n", ""),
            (">&-", FAILED, "", "failed: standard output: "),
            ("<&- >&-", FAILED, "", "failed: standard output: "),
            ("> /dev/full", FAILED, "", "failed: standard output: No space left"),
            ("<&- 2>&-", 0, "hello\n", ""),
            (">&- 2>&-", FAILED, "", ""),
        ):
            for mode in ([], ["--reconnect"], ["--binary"]):
                pipe = asyncio.subprocess.PIPE
                command = ["sh", "-c", f'exec "$@" {redirection}', "sh", client, *mode, url]
                process = await asyncio.create_subprocess_exec(*command, stdin=pipe, stdout=pipe, stderr=pipe)
                got, errors = await asyncio.wait_for(process.communicate(), 50)
                wanted = output.strip() if mode == ["--binary"] else output
                same((process.returncode, got.decode()), (status, wanted), f"status, output with {redirection} {mode}")
                same((words, words in errors.decode()), (words, True), f"in {errors!r}")


async def input_that_cannot_be_read():
    """A read that fails is told, and is not the end of the input."""

    async with aiohttp_server(echo) as url:
        for mode in ([], ["--reconnect"], ["--binary"]):
            with tempfile.TemporaryDirectory() as folder:
                directory = os.open(folder, os.O_RDONLY)
                run = await Run.start(*mode, url, standard_input=directory)
                os.close(directory)
            failed(await run.ended(end_of_input=False), FAILED, "failed: standard input: Is a directory")


async def lines_of_any_length():
    """Also those that no read gives at once, an empty one, and a last one without a line feed."""
    lines = ["a" * 200000, "", "b" * 65535, "c", "last"]
    async with aiohttp_server(echo) as url:
        client = await Run.start(url)
        client.process.stdin.write("\n".join(lines).encode())
        clean(await client.ended(), lines)


async def input_that_is_no_text():
    async with aiohttp_server(echo) as url:
        client = await Run.start(url)
        client.process.stdin.write(b"\xff\n")
        failed(await client.ended(end_of_input=False), FAILED, "UTF-8")


async def pings():
    """After a tenth of a second of silence there is a ping; without any the server sees the Close alone."""
    for seconds, wanted in (("0.1", WSMsgType.PING), ("0", WSMsgType.CLOSE)):
        seen = []

        async def handler(request):
            ws = web.WebSocketResponse(autoping=False)
            await ws.prepare(request)
            message = await ws.receive()
            seen.append(message.type)
            await ws.close()
            return ws

        async with aiohttp_server(handler) as url:
            client = await Run.start("--ping", seconds, url)
            await client.ended(end_of_input=seconds == "0")
        same(seen, [wanted], "what the server saw")


async def verbose():
    async with aiohttp_server(echo) as url:
        client = await Run.start("-v", url)
        client.say("hello")
        status, lines, errors = await client.ended()
        same((status, lines), (0, ["hello"]), "status, output")
        for part in ("> 127.0.0.1:", " GET /some/path?a=b HTTP/1.1", "Sec-WebSocket-Key: ", " HTTP/1.1 101 Switching Protocols",
                     "Sec-WebSocket-Accept: ", "\nconnected\n", '> TEXT fin masked 5 bytes: "hello"', '< TEXT fin 5 bytes: "hello"', "> CLOSE", "1000"):
            same((part, part in errors), (part, True), f"in {errors!r}")

    async def refusing(_):
        return web.Response(status=403, text="no\x1b[2J", headers={"X-Why": "because"})

    async with aiohttp_server(refusing) as url:
        status, _, errors = await run("-v", url)
        for part in ("refused: 403 no\\x1b[2J\n", " HTTP/1.1 403 Forbidden", "X-Why: because"):
            same((part, part in errors), (part, True), f"in {errors!r}")
        same(status, REFUSED, "status")

    with Server("echo") as server:
        failed(await run(server.url + "/nothing"), REFUSED, "refused: 404 Not Found\n")


async def help_is_given():
    status, lines, errors = await run("--help")
    same((status, errors), (0, ""), "status, errors")
    for part in ("-H", "--subprotocol", "--reconnect", "Exit status:"):
        same((part, any(part in line for line in lines)), (part, True), "help")


async def refuses(arguments, word):
    status, lines, errors = await run(*arguments)
    same((status, lines, word in errors), (BAD_ARGUMENTS, [], True), f"status, output, {word!r} in {errors!r}")


async def interrupted_twice():
    """The first Ctrl-C waits for the server's Close; the second ends the program as one that does not handle it."""
    closes = asyncio.Queue()

    async def silent(request):
        ws = web.WebSocketResponse(autoclose=False)
        await ws.prepare(request)
        closes.put_nowait((await ws.receive()).data)
        await over.wait()
        return ws

    for mode in ([], ["--reconnect"]):
        over = asyncio.Event()
        async with aiohttp_server(silent) as url:
            client = await Run.start("-v", *mode, url)
            await client.tells("connected")
            client.process.send_signal(signal.SIGINT)
            same(await closes.get(), 1000, "the client's Close")
            client.process.send_signal(signal.SIGINT)
            status, _, _ = await client.ended(end_of_input=False)
            same(status, -signal.SIGINT, "status")
            over.set()
    same("130" in " ".join((await run("--help"))[1]), True, "whether --help tells the status")


async def half_a_certificate():
    for name in ("echo", "upload", "chat"):
        for given, missing in (("--certificate", "--key"), ("--key", "--certificate")):
            pipe = asyncio.subprocess.PIPE
            command = [str(FOLDER / name), "--port", "0", given, "a.pem"]
            process = await asyncio.create_subprocess_exec(*command, stdout=pipe, stderr=pipe)
            output, errors = await asyncio.wait_for(process.communicate(), 50)
            same((process.returncode, output), (BAD_ARGUMENTS, b""), f"status, output of {name}")
            words = f"{given} without {missing}"
            same((words, words in errors.decode()), (words, True), f"in {errors!r}")


async def nobody_to_come_back_to():
    """Ctrl-C ends the tries."""
    client = await Run.start("--reconnect", f"ws://127.0.0.1:{free_port()}/")
    await client.tells("away: connection")
    client.process.terminate()
    same((await client.ended(end_of_input=False))[0], 0, "status")


async def main(cases):
    async def case(name, work):
        await cases.case(f"client: {name}", work)

    await case("-H, --origin, --subprotocol", fields_of_the_request())
    await case("--redirects", redirects())
    await case("--proxy", through_a_proxy())
    await case("--ca, --certificate, --insecure", certificates())
    await case("--reconnect to a server that was killed", reconnects())
    await case("--reconnect to the end", reconnecting_ends())
    await case("--reconnect where nobody is", nobody_to_come_back_to())
    await case("Ctrl-C, twice", interrupted_twice())
    await case("servers: --certificate or --key alone", half_a_certificate())
    await case("--binary", binary())
    await case("files that are not there", files_that_are_not_there())
    await case("input that is no text", input_that_is_no_text())
    await case("input that cannot be read", input_that_cannot_be_read())
    await case("lines of any length", lines_of_any_length())
    await case("--ping", pings())
    await case("-v", verbose())
    await case("--help", help_is_given())
    nowhere = "ws://127.0.0.1:1/"
    for arguments, word in (
        ([], "missing"),
        ([nowhere, nowhere], nowhere),
        (["--unknown", nowhere], "--unknown"),
        (["--origin"], "--origin"),
        (["http://127.0.0.1/"], "URL"),
        (["-H", "no colon", nowhere], "-H"),
        (["-H", "A: b\r\nC: d", nowhere], "header"),
        (["--subprotocol", "a b", nowhere], "Protocol"),
        (["--proxy", "ftp://127.0.0.1", nowhere], "proxy"),
        (["--redirects", "many", nowhere], "--redirects"),
        (["--ping", "-1", nowhere], "--ping"),
        (["--ping", "nan", nowhere], "--ping"),
        (["--compression", "lots", nowhere], "--compression"),
        (["--certificate", "a.pem", nowhere], "--key"),
        (["--ca", "a.pem", "--insecure", nowhere], "--ca"),
    ):
        await case(f"bad arguments: {' '.join(arguments)!r}", refuses(arguments, word))


drive(main)
