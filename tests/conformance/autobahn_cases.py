"""Conversations in the spirit of the Autobahn test suite's cases, whose chapters their names carry.

Each is right or wrong for both ends of a connection alike: `cases(masked)` makes their frames for either.
"""

import itertools
from typing import NamedTuple, Optional

from frames import BINARY, CLOSE, CONTINUATION, FIN, PING, PONG, TEXT, close, frame

KIB, MIB = 1 << 10, 1 << 20
FIRST, LAST = TEXT, FIN | CONTINUATION
RSV1, RSV2, RSV3 = 0x40, 0x20, 0x10
HELLO = (FIN | TEXT, b"hello")


class Case(NamedTuple):
    """Rounds of (writes, the frames that answer them); then either a clean end by us, or a Close with `code`.

    Where a code is given, nothing is sent behind the last round: the other end has to close by itself.
    """

    name: str
    rounds: list
    code: Optional[int] = None


def chopped(data, size):
    return [data[at : at + size] for at in range(0, len(data), size)]


def octets(data):
    return chopped(data, 1)


# What a whole text message may and may not hold (RFC 3629 §3 and §4).
VALID_UTF8 = {
    "a word in five scripts": "grüße κόσμος мир 世界 🌍".encode(),
    **{f"U+{point:04X}": chr(point).encode() for point in (
        0x00, 0x7F, 0x80, 0x7FF, 0x800, 0xD7FF, 0xE000, 0xFFFD, 0xFFFE, 0xFFFF, 0x10000, 0x1FFFE, 0x1FFFF, 0x2FFFE,
        0x3FFFF, 0xFFFFF, 0x10FFFE, 0x10FFFF)},
}
INVALID_UTF8 = {
    "a lone continuation byte": b"a\x80z",
    "every continuation byte": bytes(range(0x80, 0xC0)),
    "leads of two before spaces": b"".join(bytes([lead, 0x20]) for lead in range(0xC0, 0xE0)),
    "leads of three before spaces": b"".join(bytes([lead, 0x20]) for lead in range(0xE0, 0xF0)),
    "leads of four before spaces": b"".join(bytes([lead, 0x20]) for lead in range(0xF0, 0xF8)),
    **{f"{data.hex(' ')}": data for data in map(bytes.fromhex, (
        "fe", "ff", "fefeffff", "c0", "df", "e080", "efbf", "f08080", "f7bfbf", "c0e080f08080",  # bytes that never are; cut
        "c0af", "e080af", "f08080af", "f8808080af", "fc80808080af",  # overlong solidus
        "c1bf", "e09fbf", "f08fbfbf", "f887bfbfbf", "fc83bfbfbfbf", "c080", "e08080", "f0808080",  # the most and the least
        "f4908080", "f7bfbfbf", "f888808080", "fbbfbfbfbf", "fc8480808080", "fdbfbfbfbfbf",  # past the last
        "eda080", "edadbf", "edae80", "edafbf", "edb080", "edbe80", "edbfbf",  # surrogates, alone and in pairs
        "eda080edb080", "edadbfedbfbf", "edafbfedb080", "edafbfedbfbf"))},
}
GREEK = "κόσμε".encode()


def cases(masked, most=16 * MIB, most_fragments=65537):
    """All cases whose messages have at most `most` bytes in `most_fragments`, for who takes no more; and one more."""

    def make(first, payload=b""):
        return frame(first, payload, masked)

    def text(payload=b"hello"):
        return make(FIN | TEXT, payload)

    def closing(code, reason=b""):
        return close(code, reason, masked)

    def fragments(opcode, pieces):
        last = len(pieces) - 1
        return [make((CONTINUATION if at else opcode) | (FIN if at == last else 0), piece) for at, piece in enumerate(pieces)]

    def ways(name, frames, answers, code=None):
        """The same frames in one write, a write each, and octet by octet."""
        whole = b"".join(frames)
        for how, writes in (("", [whole]), (", frame by frame", frames), (", octet by octet", octets(whole))):
            yield Case(name + how, [(writes, answers)], code)

    kinds = ((1, TEXT, "text", b"*"), (2, BINARY, "binary", b"\xfe"))

    for part, opcode, name, fill in kinds:
        for size in (0, 125, 126, 127, 128, 65535, 65536):
            yield Case(f"1.{part}: {name} of {size}", [([make(FIN | opcode, fill * size)], [(FIN | opcode, fill * size)])])
        whole = make(FIN | opcode, fill * 65536)
        yield Case(f"1.{part}: {name} of 65536 in 997s", [(chopped(whole, 997), [(FIN | opcode, fill * 65536)])])

    for payload in (b"", b"hello", b"\x00\xff\xfe\xfd\xfc\xfb\x00\xff", b"\xfe" * 125):
        yield from ways(f"2: ping of {len(payload)}", [make(FIN | PING, payload)], [(FIN | PONG, payload)])
    yield from ways("2: ping of 126", [make(FIN | PING, b"\xfe" * 126)], [], 1002)
    unsolicited = [make(FIN | PONG), make(FIN | PONG, b"nobody asked")]
    yield from ways("2: unsolicited pongs and a ping", [*unsolicited, make(FIN | PING, b"?")], [(FIN | PONG, b"?")])
    many = [b"%d" % number for number in range(10)]
    yield Case("2: ten pings, one after another", [([make(FIN | PING, each)], [(FIN | PONG, each)]) for each in many])

    for rsv in range(1, 8):
        bad = make(FIN | rsv << 4 | TEXT, b"bad")
        yield from ways(f"3: text, then text with RSV {rsv:03b}, then a ping", [text(), bad, make(FIN | PING)], [HELLO], 1002)
    for opcode, rsv in ((BINARY, RSV1 | RSV3), (PING, RSV1 | RSV2), (CLOSE, RSV1 | RSV2 | RSV3), (CONTINUATION, RSV1)):
        yield Case(f"3: opcode {opcode:X} with reserved bits", [([make(FIN | rsv | opcode)], [])], 1002)

    for opcode in (*range(0x3, 0x8), *range(0xB, 0x10)):
        yield Case(f"4: opcode {opcode:X}", [([make(FIN | opcode)], [])], 1002)
        frames = [text(), make(FIN | opcode, b"reserved"), make(FIN | PING)]
        yield from ways(f"4: text, then opcode {opcode:X}, then a ping", frames, [HELLO], 1002)

    ping, pong = make(FIN | PING, b"between"), (FIN | PONG, b"between")
    both = (FIN | TEXT, b"onetwo")
    yield from ways("5: a ping in fragments", [make(PING, b"one"), make(LAST, b"two")], [], 1002)
    yield from ways("5: a pong in fragments", [make(PONG, b"one"), make(LAST, b"two")], [], 1002)
    yield from ways("5: text in fragments", [make(FIRST, b"one"), make(LAST, b"two")], [both])
    yield from ways("5: a ping between fragments", [make(FIRST, b"one"), ping, make(LAST, b"two")], [pong, both])
    for first, name in ((LAST, "last"), (CONTINUATION, "continuation")):
        yield from ways(f"5: a {name} fragment of nothing, then text", [make(first, b"lost"), text()], [], 1002)
    after = [make(FIRST, b"one"), make(LAST, b"two"), make(CONTINUATION, b"lost"), text()]
    yield from ways("5: a continuation after a message's end", after, [both], 1002)
    twice = [make(CONTINUATION, b"one"), make(FIRST, b"two"), make(LAST, b"three")] * 2
    yield from ways("5: continuations before messages, twice", twice, [], 1002)
    yield from ways("5: two first fragments", [make(FIRST, b"one"), make(FIN | TEXT, b"two")], [], 1002)
    rounds = [
        ([make(FIRST, b"1"), make(CONTINUATION, b"2"), ping], [pong]),
        ([make(CONTINUATION, b"3"), make(CONTINUATION, b"4"), ping, make(LAST, b"5")], [pong, (FIN | TEXT, b"12345")]),
    ]
    yield Case("5: five fragments with pings, after a pause in the middle", rounds)

    for pieces in ([b""], [b""] * 3, [b"", b"middle", b""]):
        yield from ways(f"6.1: text from {pieces}", fragments(TEXT, pieces), [(FIN | TEXT, b"".join(pieces))])
    for name, data in VALID_UTF8.items():
        yield Case(f"6.2: {name}", [([text(data)], [(FIN | TEXT, data)])])
        yield Case(f"6.2: {name}, a fragment an octet", [(fragments(TEXT, octets(data)), [(FIN | TEXT, data)])])
    for name, data in INVALID_UTF8.items():
        yield Case(f"6.3: {name}", [([text(data)], [])], 1007)
        yield Case(f"6.3: {name}, a fragment an octet", [(fragments(TEXT, octets(data)), [])], 1007)
    for size in range(1, len(GREEK) + 1):
        starts = GREEK[:size].decode(errors="ignore").encode() == GREEK[:size]
        answers, code = ([(FIN | TEXT, GREEK[:size])], None) if starts else ([], 1007)
        yield Case(f"6.6: the first {size} octets of a word", [([text(GREEK[:size])], answers)], code)
    # Failing fast: what would complete the frame or the message is never sent.
    for bad in (b"\xf4\x90", b"\xed\xa0", b"\xff"):
        start = [make(FIRST, GREEK), make(CONTINUATION, bad)]
        yield Case(f"6.4: {bad.hex()} in a fragment of a message that goes on", [(start, [])], 1007)
        whole = text(GREEK + bad + b"\x80\x80" + GREEK)
        start = whole[: len(whole) - len(GREEK) - 2]
        yield Case(f"6.4: {bad.hex()} in a frame that goes on", [([start], [])], 1007)
        yield Case(f"6.4: {bad.hex()} in a frame that goes on, octet by octet", [(octets(start), [])], 1007)

    hello = [HELLO]
    yield from ways("7.1: text and close", [text(), closing(1000)], hello, 1000)
    for name, behind in {"close": closing(1001), "ping": ping, "text": text(b"late"), "rubbish": b"\xff" * 9}.items():
        yield from ways(f"7.1: close, then {name}", [text(), closing(1000), behind], hello, 1000)
    yield from ways("7.1: close inside a message", [make(FIRST, b"one"), closing(1000), make(LAST, b"two")], [], 1000)
    large = b"*" * (256 * KIB)
    yield Case("7.1: 256 KiB, close, ping", [([text(large), closing(1000), ping], [(FIN | TEXT, large)])], 1000)
    yield from ways("7.3: an empty close", [make(FIN | CLOSE)], [], 1005)
    yield from ways("7.3: a close of one octet", [make(FIN | CLOSE, b"\x03")], [], 1002)
    for reason in (b"", b"so long", b"*" * 123, GREEK):
        yield Case(f"7.3: a reason of {len(reason)}", [([closing(1000, reason)], [])], 1000)
    yield Case("7.3: a reason of 124", [([closing(1000, b"*" * 124)], [])], 1002)
    yield Case("7.5: a reason that is not UTF-8", [([closing(1000, GREEK + b"\xed\xa0\x80")], [])], 1007)
    yield Case("7.5: a reason that ends in a code point", [([closing(1000, GREEK[:-1])], [])], 1007)
    for code in (1000, 1001, 1002, 1003, *range(1007, 1015), 3000, 3999, 4000, 4999):
        yield Case(f"7.7: code {code}", [([closing(code)], [])], code)
        yield Case(f"7.7: code {code} with a reason", [([closing(code, b"why")], [])], code)
    for code in (0, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65535):
        yield Case(f"7.9: code {code}", [([closing(code)], [])], 1002)

    for (part, opcode, name, fill), size in itertools.product(kinds, (64 * KIB, 256 * KIB, MIB, 4 * MIB, 8 * MIB, 16 * MIB)):
        if size <= most:
            yield Case(f"9.{part}: {name} of {size >> 10} KiB", [([make(FIN | opcode, fill * size)], [(FIN | opcode, fill * size)])])
    for part, opcode, name, fill in kinds:
        whole = fill * min(4 * MIB, most)
        for size in (64, 256, KIB, 4 * KIB, 16 * KIB, 64 * KIB, 256 * KIB, MIB, 4 * MIB):
            pieces = chopped(whole, size)
            if len(pieces) <= most_fragments:
                writes = [b"".join(fragments(opcode, pieces))]
                yield Case(f"9.{part + 2}: {name} of {len(whole) >> 10} KiB in fragments of {size}", [(writes, [(FIN | opcode, whole)])])
        whole = fill * min(MIB, most)
        for size in (64, 128, 256, 512, KIB, 2 * KIB):
            writes = chopped(make(FIN | opcode, whole), size)
            yield Case(f"9.{part + 4}: {name} of {len(whole) >> 10} KiB in writes of {size}", [(writes, [(FIN | opcode, whole)])])
        for size in (0, 16, 64, 256, KIB, 4 * KIB):
            once = ([make(FIN | opcode, fill * size)], [(FIN | opcode, fill * size)])
            yield Case(f"9.{part + 6}: {name} of {size}, a thousand times there and back", [once] * 1000)
    pieces = chopped(b"*" * 65536, 1300)
    yield Case("10: text of 64 KiB in fragments of 1300", [(fragments(TEXT, pieces), [(FIN | TEXT, b"*" * 65536)])])
    count = most_fragments
    for part, opcode, name, fill in kinds:
        writes = [b"".join(fragments(opcode, [fill] * count))]
        yield Case(f"10: {name} in {count} fragments", [(writes, [(FIN | opcode, fill * count)])])
    yield Case(f"10: text in {count + 1} fragments", [([b"".join(fragments(TEXT, [b"*"] * (count + 1)))], [])], 1008)
