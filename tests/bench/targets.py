"""What is demanded of the figures: each a ratio within one run, or a size."""

AT_LEAST, AT_MOST = "at least", "at most"
SIZES = [16, 125, 1024, 16384, 1048576]

# Times faster than Beast, by SIZES.
RECEIVE = {"binary": [8, 8, 3.2, 1.2, 1.3], "ascii": [8, 10, 4, 1.9, 1.5], "mixed": [4, 16, 35, 35, 28]}
SEND_CLIENT = [6, 6, 4, 2.5, 2.5]
# Connections x outstanding x size: of a bare epoll loop's CPU time, by style; and times faster than Beast's callbacks with
# the coroutine.
ECHO = {
    "callback": {"100x1x20": 1.02, "100x16x20": 1.02, "100x64x512": 1.05},
    "readme": {"100x1x20": 1.04, "100x16x20": 1.10, "100x64x512": 1.35, "10x16x16384": 0.55, "10x1x65536": 0.72, "1000x1x20": 1.06, "8000x1x20": 1.0},
    "general": {"100x1x20": 1.10, "100x16x20": 1.20},
}
ECHO_OF_BEAST = {"100x1x20": 1.1, "100x16x20": 12, "100x64x512": 30, "10x16x16384": 2.5, "10x1x65536": 1.2}
# The same over TLS: times faster than Beast's callbacks with the coroutine.
TLS_OF_BEAST = {"100x1x20": 1, "100x16x20": 2, "100x64x512": 2, "10x16x16384": 1, "10x1x65536": 1}
# Messages in a turn x receivers x size: of a bare epoll loop with one send() a connection, by way.
BROADCAST = {
    "ours": {"1x1000x128": 1.04, "16x1000x128": 1.05, "1x10000x128": 1.04, "16x10000x128": 1.05},
    "ours_thread": {"1x1000x128": 1.04, "16x1000x128": 1.05, "1x10000x128": 1.04, "16x10000x128": 1.05},
    "remote": {"1x1000x128": 1.15, "16x1000x128": 1.5},
}
COPIES = 1.5  # of a message, for 500 readers that do not read
CONTEXTS = 2 / 1.8  # times what a message costs one context, for two: 1.8 times as many messages
IDLE = {"callback": 400, "readme": 700}  # bytes
# Compressed messages: of zlib alone, and ahead of Beast, in each direction, with context takeover and without.
DEFLATE = ["json/300", "json/4096", "json/1048576", "binary/65536"]
DEFLATE_OF_ZLIB = 1.1
# Times faster than peers: decoding 39 and 290 bytes, and encoding them. One ratio below 1: at most that much slower.
DECODE = {"rapidjson_sax": 1 / 1.1, "rapidjson_dom": 1.8, "nlohmann": 8}
ENCODE = {"nlohmann": 5}
DOCUMENT = 1 / 1.15  # times faster than RapidJSON's own parser
KIND_LAST = 1.15  # times what it costs with the kind first
COMPILE = {"compile/dispatcher/50": 6, "compile/memory/50": 500}  # s, MB
FLAT = 1.5  # times what it is at the other end of the scale


class Target:
    """`value` gives the figure for the cases by their names; None or KeyError where it was not measured."""

    def __init__(self, case, what, bound, wanted, value):
        self.case, self.what, self.bound, self.wanted, self.value = case, what, bound, wanted, value

    def got(self, cases):
        try:
            return self.value(cases)
        except (KeyError, TypeError):
            return None

    def reached(self, got):
        return got >= self.wanted if self.bound == AT_LEAST else got <= self.wanted


def ours(case):
    return lambda cases: cases[case].median("ours")


def faster_than(peer, case):
    return lambda cases: cases[case].ratio(peer, "ours")


def faster_than_beast(case):
    return faster_than("beast", case)


def of_limit(case, party="ours"):
    return lambda cases: cases[case].ratio(party, "limit")


def times(value, base):
    return lambda cases: value(cases) / base(cases)


def targets():
    for kind, row in RECEIVE.items():
        for size, wanted in zip(SIZES, row):
            case = f"receive/{kind}/{size}"
            yield Target(case, "times faster than Beast", AT_LEAST, wanted, faster_than_beast(case))
    for size in SIZES[1:]:
        yield Target(f"send/server/{size}", "of memcpy", AT_MOST, 1.1, of_limit(f"send/server/{size}"))
    for size, wanted in zip(SIZES, SEND_CLIENT):
        yield Target(f"send/client/{size}", "times faster than Beast", AT_LEAST, wanted, faster_than_beast(f"send/client/{size}"))
    for style, loads in ECHO.items():
        for load, wanted in loads.items():
            yield Target(f"echo/{style}/{load}", "of bare epoll", AT_MOST, wanted, of_limit(f"echo/{style}/{load}"))
    for direction in ("in", "out"):
        for load in (*DEFLATE, *(f"{each}/takeover" for each in DEFLATE)):
            case = f"deflate/{direction}/{load}"
            yield Target(case, "of zlib alone", AT_MOST, DEFLATE_OF_ZLIB, of_limit(case))
            yield Target(case, "times faster than Beast", AT_LEAST, 1, faster_than_beast(case))
    for load, wanted in ECHO_OF_BEAST.items():
        yield Target(f"echo/coroutine/{load}", "times faster than Beast", AT_LEAST, wanted, faster_than_beast(f"echo/coroutine/{load}"))
    for load, wanted in TLS_OF_BEAST.items():
        yield Target(f"tls/coroutine/{load}", "times faster than Beast", AT_LEAST, wanted, faster_than_beast(f"tls/coroutine/{load}"))
    yield Target("tls/idle", "times smaller than Beast", AT_LEAST, 2, faster_than_beast("tls/idle"))
    for way, loads in BROADCAST.items():
        for load, wanted in loads.items():
            case = f"broadcast/{load}"
            yield Target(case, "of bare epoll" if way == "ours" else f"of bare epoll, {way}", AT_MOST, wanted, of_limit(case, way))
    yield Target("broadcast/stalled/500/memory", "copies of a message", AT_MOST, COPIES, of_limit("broadcast/stalled/500/memory"))
    p99 = "broadcast/stalled/500/p99"
    yield Target(p99, "of it when all read", AT_MOST, 1.5, times(ours(p99), ours("broadcast/stalled/none/p99")))
    yield Target("threads/100x16x20", "of one context's time", AT_MOST, CONTEXTS, of_limit("threads/100x16x20"))
    yield Target("latency/1000", "of bare epoll", AT_MOST, 1.02, of_limit("latency/1000"))
    for style, wanted in IDLE.items():
        yield Target(f"idle/{style}", "bytes", AT_MOST, wanted, ours(f"idle/{style}"))
    message, fragments = "growth/message/67108864", "growth/fragments/1000000"
    yield Target(message, "of memcpy, against 1 KiB", AT_MOST, FLAT, times(of_limit(message), of_limit("growth/message/1024")))
    yield Target(fragments, "against 1,000 of them", AT_MOST, FLAT, times(ours(fragments), ours("growth/fragments/1000")))
    connections = "growth/connections/10000"
    yield Target(connections, "of bare epoll, against 100", AT_MOST, FLAT, times(of_limit(connections), of_limit("growth/connections/100")))
    for flood in (512, 1 << 20, 16 << 20):
        case = f"growth/flood/{flood}/p99"
        yield Target(case, "of it without", AT_MOST, 2, times(ours(case), ours("growth/flood/none/p99")))
    for size in (39, 290):
        for direction, peers in (("decode", DECODE), ("encode", ENCODE)):
            case = f"json/{direction}/{size}"
            for peer, wanted in peers.items():
                yield Target(case, f"times faster than {peer}", AT_LEAST, wanted, faster_than(peer, case))
        last = f"json/decode_kind_last/{size}"
        yield Target(last, "of it first", AT_MOST, KIND_LAST, times(ours(last), ours(f"json/decode/{size}")))
        case = f"json/document/{size}"
        yield Target(case, "times faster than rapidjson_document", AT_LEAST, DOCUMENT, faster_than("rapidjson_document", case))
    for case, wanted in COMPILE.items():
        yield Target(case, "s" if wanted == 6 else "MB", AT_MOST, wanted, ours(case))


def table(cases):
    """A line for each target that was measured, and how many are reached."""
    by_name = {case.name: case for case in cases}
    lines, missed = [], 0
    for each in targets():
        got = each.got(by_name)
        if got is None:
            continue
        reached = each.reached(got)
        missed += not reached
        figure = f"{got:8.0f}" if each.what == "bytes" else f"{got:8.2f}"
        lines.append(f"{'reached' if reached else 'MISSED ':7}  {each.case:28} {figure} {each.what:32} wanted: {each.bound} {round(each.wanted, 3):g}")
    return [*lines, f"{len(lines) - missed} reached, {missed} missed"]
