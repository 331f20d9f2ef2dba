"""Our client through tinyproxy and microsocks to examples/echo: with and without credentials, and refused.

usage: forward_proxies.py EXAMPLES PROXIED, the folder of the built examples and the program of interop/proxied.cpp
"""

import contextlib
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

import proxies
from programs import Server, drive, free_port, same

PROXIED = sys.argv[2] if len(sys.argv) > 2 else "proxied"

TINYPROXY = """
Port {front}
Listen 127.0.0.1
Allow 127.0.0.1
ConnectPort {back}
BasicAuth ann secret
LogFile "{folder}/log"
PidFile "{folder}/pid"
"""


def tinyproxy(back):
    return proxies.running("tinyproxy", TINYPROXY, back, lambda folder, config: ["-d", "-c", str(config)])


@contextlib.contextmanager
def microsocks(*arguments):
    found = shutil.which("microsocks")
    if not found:
        raise RuntimeError("there is no microsocks")
    with tempfile.TemporaryDirectory() as folder, open(pathlib.Path(folder, "output"), "w") as output:
        front = free_port()
        command = [found, "-i", "127.0.0.1", "-p", str(front), *arguments]
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=output, stderr=output)
        try:
            proxies.wait_for(front, process, folder)
            yield f"127.0.0.1:{front}"
        finally:
            process.kill()
            process.wait()


def said(url, proxy, **environment):
    kept = {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")}
    ended = subprocess.run([PROXIED, url, proxy], capture_output=True, text=True, timeout=20, env=kept | environment)
    return ended.stdout.strip()


def contains(text, *parts):
    for part in parts:
        if part not in text:
            raise AssertionError(f"{part!r} is not in {text!r}")
    if "secret" in text:
        raise AssertionError(f"a password is in {text!r}")


async def through_tinyproxy(server):
    with tinyproxy(server.port) as front:
        at = front.removeprefix("ws://").strip("/")
        url = f"ws://127.0.0.1:{server.port}/echo"
        same(said(url, f"http://ann:secret@{at}"), "hello")
        same(said(url, "environment", http_proxy=f"http://ann:secret@{at}"), "hello")
        same(said(url, "environment", all_proxy=f"http://{at}", no_proxy="127.0.0.0/8"), "hello")
        contains(said(url, f"http://{at}"), f"proxy {at}: proxy wants credentials: 407")
        # tinyproxy's word for wrong ones is 401.
        contains(said(url, f"http://ann:wrong@{at}"), f"proxy {at}: proxy refused to connect: 401")
        # A port that it does not connect to.
        contains(said("ws://127.0.0.1:1/", f"http://ann:secret@{at}"), f"proxy {at}: proxy refused to connect: 403")


async def through_microsocks(server):
    url = f"ws://localhost:{server.port}/echo"
    with microsocks() as at:
        same(said(url, f"socks5h://{at}"), "hello")
        same(said(f"ws://127.0.0.1:{server.port}/echo", f"socks5://{at}"), "hello")
        same(said(url, "environment", ALL_PROXY=f"socks5h://{at}"), "hello")
        contains(said(f"ws://127.0.0.1:{free_port()}/", f"socks5://{at}"), f'proxy {at}: proxy refused to connect: "connection refused"')
    with microsocks("-u", "ann", "-P", "secret") as at:
        same(said(url, f"socks5h://ann:secret@{at}"), "hello")
        contains(said(url, f"socks5h://{at}"), f"proxy {at}: proxy wants credentials")
        contains(said(url, f"socks5h://ann:wrong@{at}"), f"proxy {at}: proxy wants credentials")


async def main(cases):
    with Server("echo") as server:
        await cases.case("HTTP, by tinyproxy", through_tinyproxy(server))
        await cases.case("SOCKS 5, by microsocks", through_microsocks(server))
        cases.check("the server ends", server.stop())


drive(main)
