"""Writes the inputs that every fuzz target starts from besides its corpus: the byte vectors of RFC 6455 and of what has
broken other libraries, one named file each.

usage: seeds.py TARGET DIRECTORY
"""

import pathlib
import sys

M0 = "00000000"  # the masking key 00 00 00 00
SERVER, CLIENT = 1, 0

# What a client sends to a server, in hexadecimal: RFC 6455 §5 to §7 first, then advisories.
TO_SERVER = {
    "hello_masked": "8185 37fa213d 7f9f4d5158",  # §5.7
    "unmasked": "8105 48656c6c6f",
    "rsv1": "c185" + M0 + "48656c6c6f",
    "rsv2": "a180" + M0,
    "rsv3": "9180" + M0,
    **{f"reserved_opcode_{code:x}": f"{0x80 | code:02x}80" + M0 for code in [*range(3, 8), *range(11, 16)]},
    "length_126_for_5": "81fe0005" + M0 + "48656c6c6f",
    "length_126_for_125": "82fe007d" + M0 + "61" * 125,
    "length_127_for_5": "81ff0000000000000005" + M0 + "48656c6c6f",
    "length_125": "82fd" + M0 + "61" * 125,
    "length_126": "82fe007e" + M0 + "61" * 126,
    "length_127_for_65535": "82ff000000000000ffff" + M0,
    "length_65535": "82feffff" + M0,
    "length_65536": "82ff0000000000010000" + M0,
    "top_bit_length": "82ff8000000000000000" + M0,  # gorilla CVE-2020-27813
    "all_bits_length": "82ffffffffffffffffff" + M0,  # Tomcat CVE-2020-13935
    "length_of_minus_ten": "82fffffffffffffffff6" + M0,  # .NET CVE-2021-26423
    "length_2_to_31": "82ff0000000080000000" + M0,  # NATS CVE-2026-27889
    "length_2_to_32_and_1": "82ff0000000100000001" + M0,  # undici CVE-2026-1528
    "length_2_to_63_less_1": "82ff7fffffffffffffff" + M0,  # libsoup CVE-2026-0716
    "sum_overflows": "0281" + M0 + "41 80ff7fffffffffffffff" + M0,  # reSIProcate
    "16_mib_declared": "82ff0000000001000000" + M0,  # rust-websocket CVE-2022-35922
    "continuation_first": "8080" + M0,  # Mongoose CVE-2025-51495
    "continuation_first_byte": "8081" + M0 + "ff",  # curl
    "text_inside_message": "0181" + M0 + "41 8181" + M0 + "42",  # tinymux
    "three_fragments": "0181" + M0 + "41 0080" + M0 + "8081" + M0 + "42",
    "empty_fragments": "0280" + M0 + ("0080" + M0) * 12 + "8080" + M0,  # ws CVE-2026-48779
    "endless_fragments": "0281" + M0 + "41" + ("0081" + M0 + "42") * 12,  # Netty CVE-2014-0193
    "split_code_point": "0181" + M0 + "e2 0081" + M0 + "82 8081" + M0 + "ac",  # cowlib, Beast, corefx
    "split_too_large": "0181" + M0 + "f4 8083" + M0 + "908080",
    "ping_between_fragments": "0181" + M0 + "41 8982" + M0 + "6869 8081" + M0 + "42",
    "ping": "8985 37fa213d 7f9f4d5158",
    "ping_126": "89fe007e" + M0,
    "ping_fragmented": "0980" + M0,
    "close_fragmented": "0880" + M0,
    "ping_empty": "8980" + M0,  # Asterisk CVE-2018-7287
    "text_empty": "8180" + M0,
    "pings": ("8981" + M0 + "31") * 12,  # OkHttp, Tyrus
    "pongs_then_text": ("8a80" + M0) * 12 + "8181" + M0 + "78",  # capnproto
    "close_empty": "8880" + M0,
    "close_one_byte": "8881" + M0 + "03",  # NATS
    **{
        f"close_{code}": f"8882{M0}{code:04x}"
        for code in [0, 999, 1000, 1003, 1004, 1005, 1006, 1007, 1014, 1015, 1016, 2999, 3000, 4999, 5000, 65535]
    },
    "close_reason": "8887" + M0 + "03e8 68656c6c6f",
    "close_reason_not_utf8": "8883" + M0 + "03e8 ff",
    "close_reason_123": "88fd" + M0 + "03e8" + "61" * 123,
    "close_reason_124": "88fe007e" + M0 + "03e8" + "61" * 124,
    "close_then_text": "8882" + M0 + "03e8 8181" + M0 + "78",  # libsoup, Undertow
    "close_twice": ("8882" + M0 + "03e8") * 2,
    "empty_compressed": "c180" + M0,  # capnproto CVE-2023-48230
}
# What a server sends to a client.
TO_CLIENT = {
    "hello": "8105 48656c6c6f",  # §5.7
    "hello_fragmented": "0103 48656c 8002 6c6f",
    "masked": "8185 37fa213d 7f9f4d5158",
    "ping_hello": "8905 48656c6c6f",
    "close": "8802 03e8",
    "close_and_reason": "8807 03e8 68656c6c6f",
    "top_bit_length_unmasked": "827f8000000000000000",
    "length_2_to_63_less_1_unmasked": "827f7fffffffffffffff",
    "length_2_to_32_and_1_unmasked": "827f0000000100000001",
    "length_256": "827e0100" + "61" * 256,
}
UTF8 = {
    "greek": "cebae1bdb9cf83cebcceb5",
    "one_to_four_bytes": "24 c2a2 e282ac f09f9880",
    "largest": "f48fbfbf",
    "nonchar": "efbfbf",
    "nul": "00",
    "before_surrogates": "ed9fbf",
    "after_surrogates": "ee8080",
    "overlong_2": "c080",
    "overlong_3": "e08080",
    "overlong_4": "f0808080",
    "surrogate": "eda080",
    "too_large": "f4908080",
    "five_bytes": "f888808080",
    **{f"lead_{lead}": lead + "808080" for lead in ["c1", "f5", "fe", "ff"]},
    "lead_only": "e282",
    "tail_only": "80",
    "greek_then_surrogate": "cebae1bdb9cf83cebcceb5eda080656469746564",
    "ascii_64_then_half": "61" * 64 + "e282",
    "ascii_31_then_emoji": "61" * 31 + "f09f9880" + "61" * 40,
}

KEY = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
REST = "Sec-WebSocket-Version: 13\r\n"
UPGRADE = "Host: server.example.com\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"


def request(fields="", line="GET /chat HTTP/1.1", base=UPGRADE + KEY + REST, after=""):
    return f"{line}\r\n{base}{fields}\r\n{after}".encode("latin-1")


REQUESTS = {
    "rfc_example": request("Origin: http://server.example.com\r\nSec-WebSocket-Protocol: chat, superchat\r\n"),
    "post": request(line="POST /chat HTTP/1.1"),
    "http_1_0": request(line="GET /chat HTTP/1.0"),
    "http_2": request(line="GET /chat HTTP/2.0"),
    "no_host": request(base=UPGRADE.split("\r\n", 1)[1] + KEY + REST),
    "two_hosts": request("Host: b\r\n"),
    **{
        f"host_{number}": request(base=f"Host: {host}\r\n" + KEY + REST)
        for number, host in enumerate(["a b", "[::", "a:99999", "", "[::1]:80", "a%2", "1.2.3.4:80x", "[::ffff:1.2.3.4]", ":99999"])
    },
    "no_upgrade": request(base="Host: a\r\nConnection: Upgrade\r\n" + KEY + REST),
    "no_connection": request(base="Host: a\r\nUpgrade: websocket\r\n" + KEY + REST),
    "no_key": request(base=UPGRADE + REST),
    "no_version": request(base=UPGRADE + KEY),
    "browser": request(base="Host: a\r\n"),
    "h2c": request(base="Host: a\r\nUpgrade: h2c\r\nConnection: Upgrade\r\n" + KEY + REST),  # lighttpd CVE-2022-37797
    "websocketx": request(base="Host: a\r\nUpgrade: websocketx\r\nConnection: Upgrade\r\n" + KEY + REST),
    "websocket_h2c": request(base="Host: a\r\nUpgrade: h2c\r\nUpgrade: WebSocket\r\nConnection: Upgrade\r\n" + KEY + REST),
    "websocket_and_h2c": request(base="Host: a\r\nUpgrade: websocket, h2c\r\nConnection: Upgrade\r\n" + KEY + REST),
    "notupgrade": request(base="Host: a\r\nUpgrade: websocket\r\nConnection: notupgrade\r\n" + KEY + REST),  # userver
    "keep_alive_upgrade": request(base="Host: a\r\nUpgrade: websocket\r\nConnection: keep-alive,\tUPGRADE\r\n" + KEY + REST),
    "key_of_15": request(base=UPGRADE + "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAA\r\n" + REST),
    "key_of_17": request(base=UPGRADE + "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAAA=\r\n" + REST),
    "key_not_base64": request(base=UPGRADE + "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25j!Q==\r\n" + REST),
    "two_keys": request(KEY),
    "version_12_and_more": request(base=UPGRADE + KEY + "Sec-WebSocket-Version: 12\r\n", after="\x81\x80\0\0\0\0"),
    "version_8_13": request(base=UPGRADE + KEY + "Sec-WebSocket-Version: 8, 13\r\n"),
    "version_013": request(base=UPGRADE + KEY + "Sec-WebSocket-Version: 013\r\n"),
    "two_versions": request("Sec-WebSocket-Version: 8\r\n"),
    "protocol_not_token": request("Sec-WebSocket-Protocol: a b\r\n"),
    "protocol_spaces": request("Sec-WebSocket-Protocol: b" + " " * 900 + "x\r\n"),  # ws CVE-2021-32640
    "extension_backslashes": request('Sec-WebSocket-Extensions: a; b="' + "\\c" * 400 + "\r\n"),  # CVE-2020-7662
    "extension_twice": request("Sec-WebSocket-Extensions: permessage-deflate, permessage-deflate\r\n"),  # lws
    "extension_quoted": request('Sec-WebSocket-Extensions: foo; a="1\\2" ; b, , bar;c=d\r\n'),
    "extension_malformed": request("Sec-WebSocket-Extensions: foo;;a\r\n"),
    "extension_empty": request("Sec-WebSocket-Extensions: ,\r\n"),
    "length_and_body": request("Content-Length: 5\r\n", after="hello"),  # nghttpx CVE-2026-58055
    "length_0": request("Content-Length: 0\r\n"),
    "chunked_body": request("Transfer-Encoding: chunked\r\n", after="0\r\n\r\n"),
    "length_and_chunked": request("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n"),
    "space_before_colon": request("X : y\r\n"),  # llhttp, HAproxy, Jetty, Netty
    "empty_name": request(": y\r\n"),
    "leading_space": request(" X: y\r\n"),
    "folded": request("X: y\r\n z\r\n"),
    "bare_cr": request("X: y\rZ: w\r\n"),
    "bare_lf": request("X: y\nZ: w\r\n"),
    "nul": request("X: \0\r\n"),
    "control": request("X: \x01\x7f\r\n"),
    "cr_at_end": request(base=UPGRADE + KEY + REST[:-2] + "\r\n\rX"),
    "latin_1": request("X: \xe9\r\n"),
    "line_before": b"\r\n" + request(),
    "two_lines_before": b"\r\n\r\n" + request(),
    "half_line_before": b"\rG" + request(),
    "absolute_form": request(line="GET http://server.example.com:80/chat?a=b HTTP/1.1"),
    "absolute_form_without_path": request(line="GET http://h?a HTTP/1.1"),
    "absolute_form_user": request(line="GET http://u@h/ HTTP/1.1"),
    "authority_form": request(line="CONNECT h:80 HTTP/1.1"),
    "asterisk": request(line="OPTIONS * HTTP/1.1"),
    "empty_target": request(line="GET  HTTP/1.1"),  # websocket-driver CVE-2026-61666
    "fragment": request(line="GET /a#b HTTP/1.1"),
    "target_not_ascii": request(line="GET /\xe9 HTTP/1.1"),
    "query": request(line="GET /chat/r%31/end?b=1&a=x%20+%2&a HTTP/1.1"),
    "dots": request(line="GET /chat/.. HTTP/1.1"),
    "encoded_nul": request(line="GET /chat/%00 HTTP/1.1"),
    "broken_percent": request(line="GET /chat/%zz HTTP/1.1"),
    "foreign_origin": request("Origin: https://good.example.evil\r\n"),  # NATS, coder
    "listed_origin": request("Origin: https://app.example.com\r\n"),
    "null_origin": request("Origin: null\r\n"),
    "two_origins": request("Origin: http://a\r\nOrigin: http://a\r\n"),
    "origin_of_other_scheme": request("Origin: https://server.example.com\r\n"),  # Parsec CVE-2018-6651
    "origin_of_other_port": request("Origin: http://server.example.com:8080\r\n"),
    "frame_behind": request(after="\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58"),
    "many_headers": request("a:b\r\n" * 120),  # ws CVE-2024-37890
}

ACCEPT = "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"
SWITCH = "Upgrade: websocket\r\nConnection: Upgrade\r\n"


def answer(fields="", line="HTTP/1.1 101 Switching Protocols", base=SWITCH + ACCEPT, after=""):
    return f"{line}\r\n{base}{fields}\r\n{after}".encode("latin-1")


# With the choices of the target: 1 the right key, 4 extensions are offered, 8 small limits, 16 a short body.
ANSWERS = {
    "accepted": (1, answer()),
    "frame_behind": (1, answer(after="\x81\x05Hello")),
    "wrong_accept": (0, answer()),
    "no_accept": (1, answer(base=SWITCH)),
    "two_accepts": (1, answer(ACCEPT)),
    "no_upgrade": (1, answer(base="Connection: Upgrade\r\n" + ACCEPT)),
    "no_connection": (1, answer(base="Upgrade: websocket\r\n" + ACCEPT)),
    "cases": (1, answer(base="UPGRADE: WebSocket\r\nconnection: keep-alive, UPGRADE\r\n" + ACCEPT)),
    "subprotocol": (1, answer("Sec-WebSocket-Protocol: chat\r\n")),
    "foreign_subprotocol": (1, answer("Sec-WebSocket-Protocol: other\r\n")),
    "two_subprotocols": (1, answer("Sec-WebSocket-Protocol: chat\r\nSec-WebSocket-Protocol: v2\r\n")),
    "subprotocol_list": (1, answer("Sec-WebSocket-Protocol: chat, v2\r\n")),
    "subprotocol_not_asked": (3, answer("Sec-WebSocket-Protocol: chat\r\n")),
    "extension_not_asked": (1, answer("Sec-WebSocket-Extensions: permessage-deflate\r\n")),
    "extension": (5, answer("Sec-WebSocket-Extensions: permessage-deflate; server_max_window_bits=15, x-own\r\n")),
    "extension_twice": (5, answer("Sec-WebSocket-Extensions: x-own, x-own\r\n")),
    "deflate_twice": (5, answer("Sec-WebSocket-Extensions: permessage-deflate, permessage-deflate\r\n")),  # lws
    "two_extension_fields": (5, answer("Sec-WebSocket-Extensions: x-own\r\nSec-WebSocket-Extensions: x-own\r\n")),
    "extension_malformed": (5, answer('Sec-WebSocket-Extensions: x-own; a="\r\n')),
    "http_1_0": (1, answer(line="HTTP/1.0 101 Switching Protocols")),
    "no_reason": (1, answer(line="HTTP/1.1 101")),
    "interim": (1, answer(line="HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 101 Ok")),
    "too_many_interim": (1, b"HTTP/1.1 100 Continue\r\n\r\n" * 17),
    "redirect": (1, answer("Location: ws://elsewhere/\r\nContent-Length: 0\r\n", line="HTTP/1.1 302 Found", base="")),
    "body_of_length": (1, answer("Content-Length: 9\r\n", line="HTTP/1.1 403 Forbidden", base="", after="forbidden")),
    "body_to_the_end": (1, answer(line="HTTP/1.1 404 Not Found", base="", after="not found")),
    "body_too_long": (17, answer(line="HTTP/1.1 404 Not Found", base="", after="not found at all")),
    "body_chunked": (
        1,
        answer("Transfer-Encoding: chunked\r\n", line="HTTP/1.1 500 Oh", base="", after="3;x=y\r\nabc\r\nA\r\n0123456789\r\n0\r\n\r\n"),
    ),
    "chunk_without_end": (1, answer("Transfer-Encoding: chunked\r\n", line="HTTP/1.1 500 Oh", base="", after="1\r\naX")),
    "chunk_size_wrong": (1, answer("Transfer-Encoding: chunked\r\n", line="HTTP/1.1 500 Oh", base="", after="-1\r\n")),
    "chunk_size_endless": (1, answer("Transfer-Encoding: chunked\r\n", line="HTTP/1.1 500 Oh", base="", after="0" * 300)),
    "not_chunked": (1, answer("Transfer-Encoding: gzip\r\n", line="HTTP/1.1 500 Oh", base="", after="abc")),
    "no_content": (1, answer(line="HTTP/1.1 204 No Content", base="")),
    "length_wrong": (1, answer("Content-Length: +9\r\n", line="HTTP/1.1 403 No", base="", after="abc")),
    "two_lengths": (1, answer("Content-Length: 1\r\nContent-Length: 2\r\n", line="HTTP/1.1 403 No", base="", after="abc")),
    "length_too_large": (1, answer("Content-Length: 99999999999999999999\r\n", line="HTTP/1.1 403 No", base="")),
    "status_099": (1, answer(line="HTTP/1.1 099 No")),
    "status_1x1": (1, answer(line="HTTP/1.1 1x1 No")),
    "not_http": (1, b"SSH-2.0-OpenSSH_9.2\r\n"),
    "folded": (1, answer("X: y\r\n z\r\n")),
    "reason_control": (1, answer(line="HTTP/1.1 101 a\x01b")),
}


def ask(host, target, port=80, origin="", extensions="", subprotocols=(), headers=()):
    """What our own client is told to ask for: each text with its length before it."""
    texts = [t.encode("latin-1") for t in (host, target)]
    result = bytes([32, 0]) + b"".join(bytes([len(t)]) + t for t in texts) + port.to_bytes(2, "big")
    for text in (origin, extensions):
        result += bytes([len(text)]) + text.encode("latin-1")
    result += bytes([len(subprotocols)])
    for text in [*subprotocols, *(part for field in headers for part in field)]:
        result += bytes([len(text)]) + text.encode("latin-1")
    return result


ASKED = {
    "ask": ask("localhost", "/chat?a=b", subprotocols=["chat", "v2"], headers=[("Cookie", "a=b")]),
    "ask_ipv6": ask("::1", "/", 8080, origin="http://localhost", extensions="permessage-deflate"),
    "ask_own_host": ask("127.0.0.1", "/", headers=[("Host", "example.com"), ("Origin", "http://example.com")]),
    # CR, LF or NUL in what we write: Crow CVE-2026-38967, drogon CVE-2023-26137, undici CVE-2026-1527
    "ask_target_crlf": ask("a", "/\r\nX: y"),
    "ask_host_crlf": ask("a\r\nX: y", "/"),
    "ask_origin_crlf": ask("a", "/", origin="http://a\r\nX: y"),
    "ask_value_lf": ask("a", "/", headers=[("X", "y\nZ: w")]),
    "ask_value_nul": ask("a", "/", headers=[("X", "\0")]),
    "ask_name_colon": ask("a", "/", headers=[("X: y\r\nZ", "w")]),
    "ask_own_key": ask("a", "/", headers=[("Sec-WebSocket-Key", "x")]),
    "ask_body": ask("a", "/", headers=[("Content-Length", "5")]),
    "ask_two_hosts": ask("a", "/", headers=[("Host", "b"), ("host", "c")]),
    "ask_subprotocol_twice": ask("a", "/", subprotocols=["v2", "v2"]),
    "ask_subprotocol_list": ask("a", "/", subprotocols=["v1, v2"]),
    "ask_port_0": ask("a", "/", 0),
}


def told(status, subprotocol="", extensions="", header=("", ""), body=""):
    """A request that is answered as the application of a server says."""
    texts = [subprotocol, extensions, header[0], *([header[1]] if header[0] else []), body]
    told = bytes([0, 16, status // 4]) + b"".join(bytes([len(t)]) + t.encode("latin-1") for t in texts)
    return told + request("Sec-WebSocket-Protocol: chat\r\nSec-WebSocket-Extensions: a;b=1, c\r\n")


TOLD = {
    **{f"told_{status}": told(status) for status in (100, 200, 204, 304, 308, 400, 404, 500, 504, 600)},
    "told_all": told(404, "chat", "a; b=1", ("Set-Cookie", "a=b"), "not here"),
    "told_head": told(404, body="head"),
    "told_upgrade": told(404, header=("Upgrade", "other")),
    "told_other_subprotocol": told(404, "v2"),
    "told_other_extension": told(404, "", "d"),
    "told_extension_twice": told(404, "", "a, a"),
    "told_value_crlf": told(404, header=("X", "y\r\nZ: w")),
    "told_name_lf": told(404, header=("X\n", "y")),
    "told_value_nul": told(404, header=("X", "\0")),
    "told_length": told(404, header=("Content-Length", "3")),
    "told_accept": told(404, header=("Sec-WebSocket-Accept", "x")),
}

LISTS = [
    "ws://server.example.com/chat?a=b", "wss://[2001:db8::1]:8443", "ws://[::ffff:127.0.0.1]/", "ws://a?", "ws://a/?#",
    "ws://user@a/", "ws://a/#b", "ws://a:0/", "ws://a:65536/", "ws://a:/", "ws:///b", "http://a/", "ws://a/%4", "ws://a/\xe9",
    "ws://a b/", "ws://a/\r\nX: y", "ws://[1::2::3]/", "ws://[1:2:3:4:5:6:7:8]/", "ws://[::1.2.3.256]/", "https://App.example:443",
    "null", "custom+x-1.0://h", "https://a/", "http://a, http://b", "chat, superchat", "a,,b ,\t", ",", "keep-alive, Upgrade",
    "permessage-deflate; client_max_window_bits; server_max_window_bits=10", 'a; b="c\\d" , e;f', 'a; b=""', 'a; b="c d"', "a;", ";a",
    'a; b="' + "\\c" * 60, "b" + " " * 120 + "x", "a=%41+b&c", "a=%zz&%", "%00", "dGhlIHNhbXBsZSBub25jZQ==", "AAB=", "A===",
]  # fmt: skip

JSON = {
    "shape": b'{"kind":"SHAPE","name":"x","points":[{"x":1,"y":2.5}],"id":-7,"small":255,"closed":true}',
    "table": b'{"row":[1,2,3],"cells":{"a":"LEFT","b":"RIGHT"},"kind":"TABLE"}',
    "note": b'{"kind":"NOTE","text":"\xe2\x82\xac"}',
    "event": b'{"kind":"EVENT","after":1500,"wait":0.25,"pause":-3,"what":{"radius":2,"kind":"CIRCLE"},"raw":{"a":[1, null]},'
    b'"view":"\\u00e9","name":"\xc3\xa9"}',
    "event_of_groups": b'{"kind":"EVENT","after":0,"what":{"figures":[{"kind":"GROUP"},{"kind":"CIRCLE","radius":0}],'
    b'"kind":"GROUP"},"raw":-1.5e3}',
    "event_beyond_limits": b'{"kind":"EVENT","after":-1,"wait":0.0001,"pause":9999,"what":{"kind":"CIRCLE","radius":-1},'
    b'"raw":1,"name":"abcde"}',
    "event_twice": b'{"kind":"EVENT","after":1,"after":2,"what":{"kind":"GROUP","kind":"CIRCLE"},"raw":1,"kind":"EMPTY"}',
    "half_a_sequence": b'"\xf0',  # RapidJSON 1.1.0, validating a C string
    "half_a_sequence_in_text": b'{"kind":"NOTE","text":"\xf0"}',
    "nul_behind": b'{"kind":"EMPTY"}\0junk',
    "nul_and_junk": b'{"a":1}\0junk',
    "nul_inside": b'{"kind":"NOTE","text":"\0"}',
    "escaped_nul": b'{"kind":"SHAPE","name":"\\u0000","points":[],"small":0,"closed":false}',
    "deep": b"[" * 1000,
    "deep_inside": b'{"kind":"EMPTY","a":' + b"[" * 63 + b"]" * 63 + b"}",
    "too_deep_inside": b'{"kind":"EMPTY","a":' + b"[" * 64 + b"]" * 64 + b"}",
    "1e400": b'{"kind":"SHAPE","name":"x","points":[{"x":1e400,"y":1e39}],"small":256,"closed":true}',
    "duplicate_kind": b'{"kind":"EMPTY","kind":"NOTE"}',
    "missing_kind": b'{"text":"x"}',
    "kind_not_text": b'{"kind":7}',
    "kind_escaped": b'{"k\\u0069nd":"EM\\u0050TY"}',
    "lone_high_surrogate": b'{"kind":"SHAPE","name":"\\ud800","points":[],"small":0,"closed":false}',
    "lone_low_surrogate": b'{"kind":"SHAPE","name":"\\udc00","points":[],"small":0,"closed":false}',
    "surrogates": b'{"kind":"SHAPE","name":"\\ud83d\\ude00","points":[],"small":0,"closed":false}',
    "numbers": b'{"kind":"EMPTY","a":[0,-0,1.5e-3,-12E+2,9007199254740993,18446744073709551616]}',
    "leading_zero": b'{"kind":"EMPTY","a":01}',
    "plus": b'{"kind":"EMPTY","a":+1}',
    "comma_behind": b'{"kind":"EMPTY",}',
    "space": b' \t\r\n{ "kind" : "EMPTY" } ',
}


# RFC 7692 §7.2.3, and what has broken other libraries.
DEFLATED = {
    "window": ["f248cdc9c90700", "f200110000"],
    "stored": ["000500faff48656c6c6f00"],
    "final": ["f348cdc9c9070000", "f248cdc9c90700"],  # ws #1669
    "final_in_the_middle": ["f348cdc9c90700f248cdc9c90700"],
    "final_without_a_tail": ["f348cdc9c90700", "f200110000"],  # ws #2294
    "two_blocks": ["f248050000 00ffffcac9c90700"],
    "with_its_tail": ["f248cdc9c90700 0000ffff 00"],  # autobahn-testsuite #59
    "empty": ["00", "", "00"],
    "too_far_back": ["f200110000"],
    "no_such_block": ["06"],
}
TERMS = [
    "permessage-deflate",
    "permessage-deflate; client_max_window_bits",
    "permessage-deflate; server_no_context_takeover; client_no_context_takeover",
    "permessage-deflate; server_max_window_bits=10; client_max_window_bits=\"12\"",
    "permessage-deflate; server_max_window_bits=8, permessage-deflate; client_max_window_bits=8",
    "x; a=b, permessage-deflate; server_max_window_bits=08, permessage-deflate; server_no_context_takeover=1",
]


def session(role, payload, in_chunks=False):
    """The bytes in pieces, polled after each, and in the end all of the output written. Between chunks poll() is tried as well."""
    result = bytes([role, 255, 7, 3 if in_chunks else 1])
    polls = bytes([4, 5, 4] if in_chunks else [4, 4])
    pieces = [payload[at : at + 60] for at in range(0, len(payload), 60)]
    return result + b"".join(bytes([0, len(piece)]) + piece + polls for piece in pieces) + bytes([9, 255])


# What a client meets on its way: the choice of the target first.
WAY = {
    "tunnel": b"\0\0\0HTTP/1.1 200 Connection established\r\nX-A: b\r\n\r\nmore",
    "tunnel_interim": b"\0\0\0HTTP/1.1 100 x\r\n\r\nHTTP/1.0 200\r\n\r\n",
    "tunnel_407": b"\0\0\1HTTP/1.1 407 x\r\nProxy-Authenticate: Basic realm=\"x\"\r\nContent-Length: 3\r\n\r\nwho",
    "tunnel_chunked": b"\0\0\0HTTP/1.1 502 x\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
    "tunnel_limits": b"\0\1\0HTTP/1.1 200 x\r\n" + b"a: b\r\n" * 30,
    "tunnel_lone_lf": b"\0\0\0HTTP/1.1 200 x\n\n\r\n\r\n",
    "socks": b"\1\0\0\5\0\5\0\0\1\x7f\0\0\1\0\1more",
    "socks_user": b"\1\1\3ann\1\6secret\5\2\1\0\5\0\0\4" + bytes(18),
    "socks_name": b"\1\0\0\5\0\5\0\0\3\4name\0\1",
    "socks_refused": b"\1\0\0\5\0\5\5",
    "socks_no_method": b"\1\0\0\5\xff",
    "socks_http": b"\1\0\0HTTP/1.1 400 x\r\n",
    "location": b"\2\x10ws://u:p@a/b/c?dhttp://b:8080/../x?y#z",
    "location_relative": b"\2\x0ews://a/b/c/d;p../../../g?y",
    "location_network": b"\2\7wss://a//eve:x@b",
    "cookies": b"\3\x1cid=1; Path=/b; Domain=exampl\x0fb=2; Max-Age=0 \4c=3;",
}


def seeds(target):
    """Name → bytes, in the form that the target reads."""
    frames = {name: (SERVER, bytes.fromhex(text)) for name, text in TO_SERVER.items()}
    frames |= {name: (CLIENT, bytes.fromhex(text)) for name, text in TO_CLIENT.items()}
    texts = {name: bytes.fromhex(text) for name, text in UTF8.items()}
    for name, text in texts.items():
        frames[f"text_{name}"] = (CLIENT, bytes([0x81, len(text)]) + text)
        frames[f"half_of_text_{name}"] = (SERVER, bytes([0x81, 0x80 | 127]) + bytes(6) + b"\1\0" + bytes(4) + text)
    match target:
        case "frame_decode":
            return {name: bytes([role, 0]) + payload for name, (role, payload) in frames.items()}
        case "session":
            floods = {
                f"flood_{name}": bytes([role, 4, 7, 1, 12, len(payload)]) + payload + bytes([63, 9, 255])
                for name, (role, payload) in frames.items()
                if name in ("ping", "pings", "ping_hello", "text_empty", "empty_fragments", "three_fragments", "hello_fragmented")
            }
            chunks = {f"chunks_{name}": session(role, payload, True) for name, (role, payload) in frames.items()}
            return floods | chunks | {name: session(role, payload) for name, (role, payload) in frames.items()}
        case "utf8":
            return {name: b"\0" + text for name, text in texts.items()}
        case "mask":
            return {f"mask_{size}": b"\x37\xfa\x21\x3d\1\3" + b"Hello" * size for size in (0, 1, 3, 7, 13, 30)}
        case "frame_round_trip":
            # The choices are a type, and 8 for one byte less.
            lengths = [(2, 0, 0), (2, 125, 0), (2, 126, 0), (2, 127, 0), (2, 255, 8), (8, 128, 9), (2, 128, 9), (2, 129, 9)]
            return {
                f"length_{(a << b) - choices // 8}_{role}": bytes([role, choices, 1, a, b])
                for choices, a, b in lengths
                for role in (CLIENT, SERVER)
            }
        case "pipe":
            return {
                "both_close": bytes([0, 0, 5, 0, 1, 5, 0, 0, 3, 255, 1, 3, 255]),
                "echo": bytes([9, 65, 1, 0, 0, 5]) + b"Hello" + bytes([1, 3, 200, 0, 3, 200, 0, 2, 2]) + b"hi" + bytes([0, 3, 200, 1, 5, 0]),
                "large": bytes([0, 1, 0, 1, 100]) + b"a" * 100 + bytes([255, 0, 0, 1, 100]) + b"b" * 100 + bytes([255, 1, 3, 250]),
                "fragments": bytes([3, 1, 2, 3, 1, 1, 2, 2, 65, 66, 1, 20, 1, 1, 67, 0, 0, 0]),
            }
        case "server_handshake":
            large = {name: b"\0\0" + text for name, text in REQUESTS.items()}
            return large | {f"small_{name}": b"\1\1" + text for name, text in REQUESTS.items() if len(text) > 230} | TOLD
        case "client_handshake":
            return {name: bytes([choices, 0]) + text for name, (choices, text) in ANSWERS.items()} | ASKED
        case "way":
            return WAY
        case "lists":
            return {f"list_{number}": text.encode("latin-1") for number, text in enumerate(LISTS)}
        case "json_dispatch":
            return JSON
        case "inflate":
            return {name: bytes([3, 200, 0, 1]) + b"".join(bytes([len(each)]) + each for each in map(bytes.fromhex, messages)) for name, messages in DEFLATED.items()}
        case "deflate_terms":
            texts = [text.encode() for text in TERMS]
            return {f"terms_{number}": bytes([1, 1, 6, number % 7, len(text)]) + text + bytes([len(texts[number - 1])]) + texts[number - 1] for number, text in enumerate(texts)}
        case "deflate_pipe":
            return {
                "whole": bytes([3, 6, 6, 7, 5, 0, 7, 5, 0]) + (bytes([0, 1, 2, 5]) + b"Hello" + bytes([9])) * 3,
                "fragments": bytes([0, 3, 0, 1, 2, 9, 3, 1, 9]) + (bytes([1, 1, 0, 0, 3]) + b"abc" + bytes([30, 1, 1, 5, 40])) * 4,
            }
    raise SystemExit(f"seeds.py: there is no target '{target}'")


def main():
    target, directory = sys.argv[1], pathlib.Path(sys.argv[2])
    directory.mkdir(parents=True, exist_ok=True)
    for name, content in seeds(target).items():
        (directory / name).write_bytes(content)


if __name__ == "__main__":
    main()
