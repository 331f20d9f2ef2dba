"""What a server tells of its connections: /metrics as promtool reads it, and the lines of its log and trace."""

import asyncio
import re
import subprocess

import aiohttp

from programs import Server, drive, same

SAMPLE = re.compile(r"([a-zA-Z_:][a-zA-Z0-9_:]*)(\{.*\})? (\S+)")


def promtool(page):
    """What promtool has against a page, as a list of lines."""
    ended = subprocess.run(["promtool", "check", "metrics"], input=page, capture_output=True, text=True, timeout=15)
    said = (ended.stdout + ended.stderr).splitlines()
    return said or ([f"status {ended.returncode}"] if ended.returncode else [])


async def page_of(server, session):
    async with session.get(f"http://127.0.0.1:{server.port}/metrics") as answer:
        same(answer.status, 200, "status")
        same(answer.headers["Content-Type"], "text/plain; version=0.0.4; charset=utf-8", "Content-Type")
        return await answer.text()


def samples(page):
    found = {}
    for line in page.splitlines():
        if line.startswith("#"):
            continue
        name, labels, value = SAMPLE.fullmatch(line).groups()
        found[name + (labels or "")] = float(value)
    return found


async def until(server, session, name, value):
    """The samples of the first page on which one has this value."""
    while True:
        found = samples(await page_of(server, session))
        if found.get(name) == value:
            return found
        await asyncio.sleep(0.02)


async def promtool_notices_what_is_wrong():
    for page in ("a 1\n", "# HELP a A.\n# TYPE a counter\na 1\n", "a{b=\"\n\"} 1\n", "a one\n"):
        if not promtool(page):
            raise AssertionError(f"promtool lets pass {page!r}")


async def a_page_of_a_fresh_server(server, session):
    page = await page_of(server, session)
    same(promtool(page), [], "promtool")
    found = samples(page)
    same(found["watched_half"], 0.5, "the application's own gauge")
    same(found["kindwire_ping_round_trip_seconds_count"], 0, "round trips")


async def a_page_after_all_sorts_of_connections(server, session):
    base = f"http://127.0.0.1:{server.port}"
    for code in (1000, 1001, 3000, 4321):
        async with session.ws_connect(f"{base}/echo/ann?token=secret") as ws:
            await ws.send_str("hello")
            same((await ws.receive()).data, "hello", "echo")
            await ws.close(code=code, message=b"bye\n")
    # Long enough to be pinged.
    async with session.ws_connect(base + '/"quoted"') as ws:
        waiting = asyncio.ensure_future(ws.receive())
        while samples(await page_of(server, session))["kindwire_ping_round_trip_seconds_count"] == 0:
            await asyncio.sleep(0.02)
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)
    for path in ("/nowhere?token=secret", "/%0A%22", "/echo/ann"):
        async with session.get(base + path) as answer:
            same(answer.status in (404, 426), True, "refused")
    route = '{role="server",route="/echo/{name}"}'
    await until(server, session, 'kindwire_connections_open{role="server",route="/\\"quoted\\""}', 0)
    found = await until(server, session, "kindwire_connections_open" + route, 0)
    same(promtool(await page_of(server, session)), [], "promtool")
    same(found["kindwire_connections_opened_total" + route], 4, "opened")
    same(found["kindwire_received_messages_total" + route], 4, "messages received")
    same(found["kindwire_sent_messages_total" + route], 4, "messages sent")
    same(found['kindwire_connections_closed_total{by="peer",code="3000-3999"}'], 1, "closed with 3000")
    same(found['kindwire_connections_closed_total{by="peer",code="4000-4999"}'], 1, "closed with 4321")
    same(found['kindwire_handshakes_failed_total{role="server",reason="no_route",status="404"}'], 2, "404")
    same(found['kindwire_handshakes_failed_total{role="server",reason="error",status="426"}'], 1, "426")
    same(found['kindwire_handshake_errors_total{error="handshake_upgrade"}'], 1, "the error of it")


async def what_clients_choose_makes_no_page_longer(server, session):
    base = f"http://127.0.0.1:{server.port}"
    before = (await page_of(server, session)).count("\n")
    for number in range(100):
        async with session.get(f"{base}/{number}?{number}"):
            pass
        async with session.ws_connect(f"{base}/echo/{number}") as ws:
            await ws.close(code=4000 + number)
    page = await page_of(server, session)
    same(promtool(page), [], "promtool")
    same(page.count("\n"), before, "lines")


async def a_line_for_each_connection(server):
    server.errors.seek(0)
    lines = server.errors.read().splitlines()
    closed = [line for line in lines if " event=closed " in line]
    refused = [line for line in lines if " event=refused " in line]
    same(len(closed), 105, "connections")
    same(len({re.search(r"connection=(\d+)", line)[1] for line in closed}), 105, "their numbers")
    same(len(refused), 103, "refusals")
    same([line for line in closed + refused if "secret" in line or not line.isprintable()], [], "lines with secrets")
    first = closed[0]
    wanted = r' peer=127\.0\.0\.1:\d+ target="/echo/ann" by=peer code=1000 sent=1000 reason="bye\\n" messages_in=1 ' \
             r"bytes_in=\d+ messages_out=1 bytes_out=11 seconds=\d+\.\d{3}"
    if not re.search(wanted + "$", first):
        raise AssertionError(first)


async def frames_of_each_connection(server):
    server.errors.seek(0)
    lines = server.errors.read().splitlines()
    opened = next(line for line in lines if " opened on a server" in line)
    number = opened.split()[0]
    mine = [line.split(" ", 1)[1] for line in lines if line.startswith(number + " ")]
    if not re.fullmatch(r'opened on a server, peer 127\.0\.0\.1:\d+, target "/echo/ann\?token=secret"', mine[0]):
        raise AssertionError(mine[0])
    same(
        [line for line in mine[1:] if "PING" not in line and "PONG" not in line],
        ['< TEXT fin masked 5 bytes: "hello"', '> TEXT fin 5 bytes: "hello"',
         '< CLOSE fin masked 6 bytes: 1000 normal closure "bye\\n"', "> CLOSE fin 2 bytes: 1000 normal closure",
         "closed by peer, 1000 normal closure"],
        "frames",
    )  # fmt: skip


async def main(cases):
    await cases.case("promtool notices what is wrong", promtool_notices_what_is_wrong())
    with Server("watched") as server:
        async with aiohttp.ClientSession() as session:
            await cases.case("a page of a fresh server", a_page_of_a_fresh_server(server, session))
            await cases.case("a page after all sorts of connections", a_page_after_all_sorts_of_connections(server, session))
            await cases.case("what clients choose makes no page longer", what_clients_choose_makes_no_page_longer(server, session))
        await cases.case("a line for each connection", a_line_for_each_connection(server))
        await cases.case("frames of each connection", frames_of_each_connection(server))
        problems = server.stop()
        cases.check("the server ends", problems)


drive(main)
