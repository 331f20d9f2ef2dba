"""What Python's websockets takes for compressed messages: its codec alone, in process.

usage: websockets_codec.py COMPRESSED ROUNDS MILLISECONDS [CASE], with the program that has the messages

Prints the lines that results.py reads, `CASE ns/message websockets VALUE`, in CPU time.
"""

import subprocess
import sys
import time

from websockets.extensions.permessage_deflate import PerMessageDeflate
from websockets.frames import OP_BINARY, OP_TEXT, Frame

CASES = ("json/300", "json/4096", "json/1048576", "binary/65536")


def codec(takeover):
    """As the others have it: level 3, windows of 32 KiB."""
    return PerMessageDeflate(not takeover, not takeover, 15, 15, {"level": 3, "memLevel": 8})


def nanoseconds(work, frames, milliseconds):
    begin = time.process_time_ns()
    messages = 0
    while time.process_time_ns() - begin < milliseconds * 1_000_000 or messages == 0:
        for frame in frames:
            work(frame)
        messages += len(frames)
    return (time.process_time_ns() - begin) / messages


def main():
    program, rounds, milliseconds, *only = sys.argv[1:]
    for takeover in (False, True):
        for case in CASES:
            end = case + ("/takeover" if takeover else "")
            wanted = [each for each in ("in", "out") if f"deflate/{each}/{end}".startswith(only[0] if only else "")]
            if not wanted:
                continue
            everything = subprocess.run([program, "--messages", case], check=True, capture_output=True).stdout
            size = int(case.split("/")[1])
            kind = OP_TEXT if case.startswith("json") else OP_BINARY
            frames = [Frame(kind, everything[at : at + size]) for at in range(0, len(everything), size)]
            # A receiver that keeps a window must get a stream that goes on, so it hears each frame once per encoder's pass.
            for _ in range(int(rounds)):
                encoder, decoder = codec(takeover), codec(takeover)
                encoded = [encoder.encode(frame) for frame in frames]
                if "in" in wanted:
                    took = nanoseconds(lambda frame: decoder.decode(frame, max_size=1 << 22), encoded, int(milliseconds))
                    print(f"deflate/in/{end} ns/message websockets {took:.6g}")
                if "out" in wanted:
                    took = nanoseconds(encoder.encode, frames, int(milliseconds))
                    print(f"deflate/out/{end} ns/message websockets {took:.6g}")


main()
