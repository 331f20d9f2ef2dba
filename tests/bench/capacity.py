"""What one machine carries, from what a quiet connection costs it: memory of ours and of the kernel, and the
processor's time for keeping it alive.

usage: capacity.py PROGRAMS [--connections N] [--seconds N]

Both ends are on this machine, so the kernel's memory is halved. The clients answer pings.
"""

import argparse
import os
import pathlib
import resource
import select
import socket
import subprocess
import time

REQUEST = (
    "GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
)
MESSAGE = bytes([0x81, 0x80 | 2, 0, 0, 0, 0]) + b"hi"
PING = bytes([0x89, 0])
PONG = bytes([0x8A, 0x80, 0, 0, 0, 0])


def all_the_descriptors_there_are():
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit))


def connect(port, number):
    client = socket.socket()
    client.bind((f"127.0.1.{1 + number % 200}", 0))
    client.connect(("127.0.0.1", port))
    client.sendall(REQUEST.encode())
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        head += client.recv(1)
    assert head.startswith(b"HTTP/1.1 101"), head
    client.sendall(MESSAGE)
    assert client.recv(100) == b"\x81\x02hi"
    return client


def resident(pid):
    return int(pathlib.Path(f"/proc/{pid}/statm").read_text().split()[1]) * resource.getpagesize()


def of_the_kernel():
    """Bytes in slabs, and in the buffers of TCP."""
    slabs = next(line for line in open("/proc/meminfo") if line.startswith("Slab:"))
    tcp = next(line.split() for line in open("/proc/net/sockstat") if line.startswith("TCP:"))
    return int(slabs.split()[1]) * 1024 + int(tcp[tcp.index("mem") + 1]) * resource.getpagesize()


def processor_time(pid):
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


class Clients:
    """All that are connected. They answer pings, which is all that comes."""

    def __init__(self):
        self.all = {}
        self.poll = select.epoll()

    def add(self, client):
        self.all[client.fileno()] = client
        self.poll.register(client, select.EPOLLIN)

    def answer(self, seconds):
        """What has come, or comes in that time. Returns how many pings that was."""
        pings = 0
        for descriptor, _ in self.poll.poll(seconds):
            came = self.all[descriptor].recv(64)
            count = len(came) // len(PING)
            assert came == PING * count and count != 0, came
            self.all[descriptor].sendall(PONG * count)
            pings += count
        return pings

    def keep_alive(self, seconds):
        pings, until = 0, time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0:
            pings += self.answer(min(left, 0.1))
        return pings


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("programs", type=pathlib.Path)
    parser.add_argument("--connections", type=int, default=16000)
    parser.add_argument("--seconds", type=int, default=60)
    given = parser.parse_args()
    all_the_descriptors_there_are()
    server = subprocess.Popen([given.programs / "echo_ours", "coroutine"], stdout=subprocess.PIPE, text=True)
    try:
        port = int(server.stdout.readline())
        clients = Clients()
        few = given.connections // 4
        for number in range(given.connections):
            if number == few:
                clients.keep_alive(1)
                own, kernel = resident(server.pid), of_the_kernel()
            clients.add(connect(port, number))
            if number % 100 == 0:
                clients.answer(0)  # the first are due before the last have come
        clients.keep_alive(1)
        many = given.connections - few
        own = (resident(server.pid) - own) / many
        kernel = (of_the_kernel() - kernel) / many / 2
        before = processor_time(server.pid)
        pings = clients.keep_alive(given.seconds)
        microseconds = (processor_time(server.pid) - before) * 1e6 / max(pings, 1)
    finally:
        server.kill()
    print(f"a quiet connection: {own:,.0f} bytes of ours, {kernel:,.0f} of the kernel")
    print(f"keeping it alive: {microseconds:.1f} microseconds of the processor a ping ({pings} pings)")
    whole = own + kernel
    print(f"1,000,000 of them: {whole / 1e3:,.1f} GB, and {1e6 / 20 * microseconds / 1e6:.2f} of a core at a ping every 20 s")


if __name__ == "__main__":
    main()
