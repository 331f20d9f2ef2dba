#include <kindwire/handshake/upgrade.hpp>

#include <doctest/doctest.h>

#include <kindwire/handshake/head.hpp>
#include <ostream>
#include <string>
#include <string_view>
#include <vector>

#include "../support/toy_extension.hpp"
#include "sample.hpp"

namespace upgrade_tests {

namespace kw = kindwire;
using namespace std::string_literals;
using sample::outcome;
using sample::serve;
using sample::upgrade;

namespace {

void check(upgrade const& head, unsigned status, kw::error why) {
  CAPTURE(head.text());
  outcome const got = serve(head);
  CHECK(got.status == status);
  CHECK(got.error == why);
}

// The 101, its fields parsed; it must end with its head.
kw::headers accepted(upgrade const& head, kw::accept_options const& options = {}) {
  std::string out;
  REQUIRE_FALSE(kw::write_accept(sample::parsed(head), options, out));
  kw::head_parser parser{kw::head_parser::kind::response};
  CHECK(parser.put(out) == out.size());
  REQUIRE(parser.status() == kw::handshake_status::ready);
  CHECK(parser.status_code() == 101);
  return parser.take_headers();
}

std::error_code accept_error(upgrade const& head, kw::accept_options const& options) {
  std::string out = "before";
  std::error_code const why = kw::write_accept(sample::parsed(head), options, out);
  CHECK((out == "before") == bool(why));
  return why;
}

}  // namespace

TEST_CASE("RFC 6455 §1.3: the example, byte for byte") {
  CHECK(serve(upgrade{}).wire ==
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n");
}

TEST_CASE("RFC 6455 §4.2.1: GET only, 405 says what is allowed") {
  for (std::string const method : {"POST", "HEAD", "PUT", "OPTIONS", "get", "GETX"}) {
    check(upgrade{}.asking(method + " /chat HTTP/1.1"), 405, kw::error::http_method);
    CHECK(serve(upgrade{}.asking(method + " /chat HTTP/1.1")).writes("\r\nAllow: GET\r\n"));
  }
}

TEST_CASE("RFC 6455 §4.2.1: HTTP/1.1 or later") {
  check(upgrade{}.asking("GET /chat HTTP/1.0"), 400, kw::error::http_version);
  check(upgrade{}.asking("GET /chat HTTP/1.0").without("Host"), 400, kw::error::http_version);
  CHECK(serve(upgrade{}.asking("GET /chat HTTP/1.0")).writes("proxy_http_version 1.1"));
  CHECK_FALSE(sample::parsed(upgrade{}.asking("GET /chat HTTP/1.0")).is_upgrade());
  check(upgrade{}.asking("GET /chat HTTP/2.0"), 400, kw::error::http_version);
  CHECK(serve(upgrade{}.asking("GET /chat HTTP/1.2")).status == 101);
}

TEST_CASE("RFC 6455 §4.2.1: exactly one Host") {
  check(upgrade{}.without("Host"), 400, kw::error::http_host);
  check(upgrade{}.with("Host: server.example.com"), 400, kw::error::http_host);
}

TEST_CASE("RFC 6455 §4.2.1: Upgrade and Connection hold their tokens, whatever the case, place and line") {
  for (std::string const value :
       {"websocket", "WebSocket", "h2c, websocket", "websocket,h2c", ",\twebsocket ,", "h2c/1, WEBSOCKET"}) {
    CAPTURE(value);
    CHECK(serve(upgrade{}.with("Upgrade", value)).status == 101);
  }
  for (std::string const value :
       {"keep-alive, UPGRADE", "Upgrade,keep-alive", "keep-alive,\tupgrade\t", "x,,upgrade"}) {
    CAPTURE(value);
    CHECK(serve(upgrade{}.with("Connection", value)).status == 101);
  }
  CHECK(serve(upgrade{}.with("Connection", "keep-alive").with("Connection: Upgrade")).status == 101);
  CHECK(serve(upgrade{}.with("Upgrade", "h2c").with("Upgrade: websocket")).status == 101);

  for (std::string const value :
       {"h2c", "websocketx", "xwebsocket", "web socket", "websocket/13", "", "\"websocket\""}) {
    check(upgrade{}.with("Upgrade", value), 400, kw::error::handshake_upgrade);
  }
  for (std::string const value :
       {"notupgrade", "keep-alive", "upgrade keep-alive", "up-grade", "", "upgrade;x"}) {
    check(upgrade{}.with("Connection", value), 400, kw::error::handshake_upgrade);
  }
  check(upgrade{}.without("Upgrade"), 400, kw::error::handshake_upgrade);
  check(upgrade{}.without("Connection"), 400, kw::error::handshake_upgrade);
}

TEST_CASE("RFC 6455 §4.2.1: exactly one Sec-WebSocket-Key of 16 bytes") {
  check(upgrade{}.without("Sec-WebSocket-Key"), 400, kw::error::handshake_key);
  check(upgrade{}.with("Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="), 400, kw::error::handshake_key);
  for (std::string const key :
       {"", "dGhlIHNhbXBsZSBub25j", "dGhlIHNhbXBsZSBub25jZWU=", "dGhlIHNhbXBsZSBub25jZQ",
        "dGhlIHNhbXBsZSBub25jZQ==, x", "!!!!!!!!!!!!!!!!!!!!!!==", "the sample nonce"}) {
    check(upgrade{}.with("Sec-WebSocket-Key", key), 400, kw::error::handshake_key);
  }
  CHECK(serve(upgrade{}.with("Sec-WebSocket-Key", " \tAQIDBAUGBwgJCgsMDQ4PEC==\t")).status == 101);
}

TEST_CASE("RFC 6455 §4.2.2, §4.4: version 13, else 426 with what we speak") {
  for (std::string const version : {"0", "7", "8", "12", "14", "25", "99", "255"}) {
    check(upgrade{}.with("Sec-WebSocket-Version", version), 426, kw::error::handshake_version);
    outcome const got = serve(upgrade{}.with("Sec-WebSocket-Version", version));
    CHECK(got.writes("\r\nSec-WebSocket-Version: 13\r\n"));
    CHECK(got.writes("\r\nUpgrade: websocket\r\n"));
    CHECK(got.writes("\r\nConnection: upgrade, close\r\n"));
  }
  for (std::string const version :
       {"", "013", "+13", "13x", "256", "1 3", "13, 8", "thirteen", "-1", "18446744073709551629"}) {
    check(upgrade{}.with("Sec-WebSocket-Version", version), 400, kw::error::handshake_version);
    CHECK(
        serve(upgrade{}.with("Sec-WebSocket-Version", version)).writes("\r\nSec-WebSocket-Version: 13\r\n"));
  }
  check(upgrade{}.without("Sec-WebSocket-Version"), 400, kw::error::handshake_version);
  check(upgrade{}.with("Sec-WebSocket-Version: 13"), 400, kw::error::handshake_version);
  check(upgrade{}.with("Sec-WebSocket-Version: 8"), 400, kw::error::handshake_version);
  check(upgrade{}.with("Sec-WebSocket-Version", "8").without("Sec-WebSocket-Key"), 426,
        kw::error::handshake_version);
}

TEST_CASE("RFC 9110 §15.5.22: a plain GET of a WebSocket endpoint is told to upgrade") {
  outcome const got = serve("GET /chat HTTP/1.1\r\nHost: a\r\nConnection: keep-alive\r\n\r\n");
  CHECK(got.status == 426);
  CHECK(got.error == kw::error::handshake_upgrade);
  CHECK(got.writes("\r\nUpgrade: websocket\r\n"));
  CHECK(got.writes("\r\nConnection: upgrade, close\r\n"));
  CHECK(got.writes("\r\nSec-WebSocket-Version: 13\r\n"));
}

TEST_CASE("RFC 6455 §4.2.2: the 101 holds Upgrade, Connection and Accept, and neither length nor encoding") {
  kw::headers const fields = accepted(upgrade{});
  CHECK(fields.size() == 3);
  CHECK(fields.only("Upgrade") == "websocket");
  CHECK(fields.only("Connection") == "Upgrade");
  CHECK(fields.only("Sec-WebSocket-Accept") == "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
  CHECK(fields.count("Content-Length") == 0);
  CHECK(fields.count("Transfer-Encoding") == 0);
}

TEST_CASE("RFC 6455 §4.2.2: the subprotocol is one that was offered, by its exact name, or none") {
  upgrade const head =
      upgrade{}.with("Sec-WebSocket-Protocol: chat.v1 , chat.v2").with("Sec-WebSocket-Protocol: json");
  kw::request const request = sample::parsed(head);
  auto const select = [&](std::vector<std::string> const& supported) {
    return std::string{kw::select_subprotocol(request, supported)};
  };
  CHECK(select({"json", "chat.v1"}) == "json");
  CHECK(select({"chat.v2", "json"}) == "chat.v2");
  CHECK(select({"other", "chat.v1"}) == "chat.v1");
  CHECK(select({"Chat.v1", "chat", "chat.v1 ", ""}).empty());
  CHECK(select({}).empty());
  CHECK(kw::select_subprotocol(sample::parsed(upgrade{}), std::vector<std::string>{"json"}).empty());

  CHECK(accepted(head, {.subprotocol = "json"}).only("Sec-WebSocket-Protocol") == "json");
  CHECK(accepted(head).count("Sec-WebSocket-Protocol") == 0);
  CHECK(accept_error(head, {.subprotocol = "JSON"}) == kw::error::handshake_subprotocol);
  CHECK(accept_error(head, {.subprotocol = "chat.v1, json"}) == kw::error::handshake_subprotocol);
  CHECK(accept_error(upgrade{}, {.subprotocol = "json"}) == kw::error::handshake_subprotocol);
}

TEST_CASE("RFC 6455 §4.2.1: a malformed subprotocol list is refused") {
  for (std::string const value : {"a b", "a;b", "a/b", "\"a\"", "a,b\xc3\xa4", "{a}"}) {
    check(upgrade{}.with("Sec-WebSocket-Protocol", value), 400, kw::error::handshake_subprotocol);
  }
  CHECK(serve(upgrade{}.with("Sec-WebSocket-Protocol", ",a,,b,")).status == 101);
  CHECK(serve(upgrade{}.with("Sec-WebSocket-Protocol", "b" + std::string(7000, ' ') + "x")).status == 400);
}

TEST_CASE("RFC 6455 §4.2.1: a list without an element, which real clients send, counts as absent") {
  for (std::string const value : {"", ",", " , ,"}) {
    for (std::string const name : {"Sec-WebSocket-Protocol", "Sec-WebSocket-Extensions"}) {
      CAPTURE(name);
      auto const head = upgrade{}.with(name, value);
      CHECK(serve(head).status == 101);
      CHECK_FALSE(serve(head).writes(name));
      CHECK(sample::parsed(head).subprotocols().empty());
      CHECK(kw::select_subprotocol(sample::parsed(head), std::vector<std::string>{"a"}).empty());
      CHECK(accept_error(head, {.extensions = "a"}) == kw::error::handshake_extension);
    }
  }
}

TEST_CASE("RFC 6455 §10.2: a foreign origin is answered with 403") {
  check(upgrade{}.with("Origin: https://evil.example"), 403, kw::error::handshake_origin);
  check(upgrade{}.with("Origin: null"), 403, kw::error::handshake_origin);
  check(upgrade{}.with("Origin: http://server.example.com.evil"), 403, kw::error::handshake_origin);
  CHECK(serve(upgrade{}.with("Origin: http://server.example.com")).status == 101);
  CHECK(serve(upgrade{}.with("Origin: https://evil.example"), {.any = true}).status == 101);
  CHECK(serve(upgrade{}.with("Origin: https://app.example"), {.allowed = {"https://app.example"}}).status ==
        101);
}

TEST_CASE("RFC 6455 §9.1: extensions that nobody knows are passed over, malformed ones refused") {
  for (std::string const value :
       {"unknown", "permessage-deflate, permessage-deflate", "a; b=\"c\"", ",a", "x;y;z=1,,w"}) {
    CAPTURE(value);
    outcome const got = serve(upgrade{}.with("Sec-WebSocket-Extensions", value));
    CHECK(got.status == 101);
    CHECK_FALSE(got.writes("Sec-WebSocket-Extensions"));
  }
  for (std::string const& value :
       {"a;"s, "a b"s, "a; b=\"c d\""s, "a; b=\"\\c"s, ";"s, "a; b=\"" + std::string(3000, '\\')}) {
    check(upgrade{}.with("Sec-WebSocket-Extensions", value), 400, kw::error::handshake_extension);
  }
}

TEST_CASE("RFC 6455 §9.1: extensions in the answer are among those offered") {
  upgrade const head =
      upgrade{}.with("Sec-WebSocket-Extensions: a; x, b").with("Sec-WebSocket-Extensions: c");
  CHECK(accepted(head, {.extensions = "a; y=1, c"}).only("Sec-WebSocket-Extensions") == "a; y=1, c");
  CHECK(accept_error(head, {.extensions = "d"}) == kw::error::handshake_extension);
  CHECK(accept_error(head, {.extensions = "a, a"}) == kw::error::handshake_extension);
  CHECK(accept_error(head, {.extensions = "a;"}) == kw::error::handshake_extension);
  CHECK(accept_error(head, {.extensions = "a\r\nX: y"}) == kw::error::handshake_extension);
  CHECK(accept_error(upgrade{}, {.extensions = "a"}) == kw::error::handshake_extension);
  CHECK(accept_error(upgrade{}.with("Sec-WebSocket-Extensions: a;"), {.extensions = "a"}) ==
        kw::error::handshake_extension);
}

TEST_CASE("our own fields in the 101 are checked, and nothing is written where one is wrong") {
  CHECK(accepted(upgrade{}, {.headers = {{"Set-Cookie", "a=b"}, {"Server", ""}}}).only("set-cookie") ==
        "a=b");
  for (std::string const& value : {"a\r\nX: y"s, "a\nb"s, "a\rb"s, "a\0b"s, "\x1b"s, "\x7f"s}) {
    CHECK(accept_error(upgrade{}, {.headers = {{"X", value}}}) == kw::error::invalid_header);
    CHECK(accept_error(upgrade{}, {.headers = {{value, "X"}}}) == kw::error::invalid_header);
    CHECK(accept_error(upgrade{}.with("Sec-WebSocket-Protocol: a"), {.subprotocol = value}) ==
          kw::error::handshake_subprotocol);
  }
  for (std::string const name :
       {"", "a b", "a:", "Upgrade", "connection", "SEC-WEBSOCKET-ACCEPT", "Sec-WebSocket-Protocol",
        "Sec-WebSocket-Extensions", "sec-websocket-x", "Content-Length", "transfer-encoding"}) {
    CAPTURE(name);
    CHECK(accept_error(upgrade{}, {.headers = {{"A", "b"}, {name, "0"}}}) == kw::error::invalid_header);
  }
  CHECK(accept_error(upgrade{}.without("Sec-WebSocket-Key"), {}) == kw::error::handshake_key);
  CHECK(accept_error(upgrade{}.with("Sec-WebSocket-Key", "AAAA"), {}) == kw::error::handshake_key);
}

TEST_CASE("an upgrade is decided in order: the rules, the application, the answer") {
  kw::origin_options const origins;
  std::vector<std::string> const subprotocols{"v2"};
  kw::header_list const headers{{"Set-Cookie", "a=b"}};
  kw::header_list const unwritable{{"a b", "c"}};
  int asked = 0;
  kw::request_check const lets_pass = [&](kw::request const&) { return ++asked, std::nullopt; };
  kw::request_check const refuses = [&](kw::request const&) { return kw::response::text(401, "no"); };
  kw::request_check const none;
  support::toy_negotiator const toy;
  kw::agreed_extension agreed;
  upgrade const head =
      upgrade{}.with("Sec-WebSocket-Protocol: v1, v2").with("Sec-WebSocket-Extensions: x, toy; loud");
  auto const answer = [&](upgrade const& to, kw::request_check const& before, kw::header_list const& more,
                          std::string& out, std::string_view& subprotocol) {
    return kw::answer_upgrade(sample::parsed(to), {origins, before, subprotocols, more, &toy}, out,
                              subprotocol, agreed);
  };
  std::string out = "before";
  std::string_view subprotocol = "unset";

  auto refused = answer(head.with("Origin: null"), lets_pass, headers, out, subprotocol);
  REQUIRE(refused);
  CHECK(refused->error == kw::error::handshake_origin);
  CHECK(asked == 0);
  refused = answer(head, refuses, headers, out, subprotocol);
  REQUIRE(refused);
  CHECK(refused->error == kw::error::handshake_refused);
  CHECK(refused->answer.status == 401);
  refused = answer(head, none, unwritable, out, subprotocol);
  REQUIRE(refused);
  CHECK(refused->error == kw::error::invalid_header);
  CHECK(refused->answer.status == 500);
  CHECK(out == "before");
  CHECK(subprotocol == "unset");
  CHECK_FALSE(agreed.extension);

  CHECK_FALSE(answer(head, lets_pass, headers, out, subprotocol));
  CHECK(asked == 1);
  CHECK(subprotocol == "v2");
  CHECK(out.starts_with("beforeHTTP/1.1 101 "));
  CHECK(out.find("\r\nSec-WebSocket-Protocol: v2\r\nSec-WebSocket-Extensions: toy; loud\r\nSet-Cookie: "
                 "a=b\r\n\r\n") != std::string::npos);
  CHECK(agreed.terms == "toy; loud");
  CHECK(agreed.extension);
  CHECK_FALSE(answer(upgrade{}, none, headers, out, subprotocol));
  CHECK(subprotocol.empty());
  CHECK_FALSE(agreed.extension);
  out.clear();
  CHECK_FALSE(
      answer(upgrade{}.with("Sec-WebSocket-Extensions: toy; bad, other"), none, headers, out, subprotocol));
  CHECK(out.find("Sec-WebSocket-Extensions") == std::string::npos);
  CHECK(agreed.terms.empty());
}

TEST_CASE("RFC 6455 §4.2.2: every refusal closes the connection") {
  for (upgrade const& head :
       {upgrade{}.asking("POST / HTTP/1.1"), upgrade{}.asking("GET / HTTP/1.0"), upgrade{}.without("Host"),
        upgrade{}.without("Upgrade"), upgrade{}.without("Connection"), upgrade{}.without("Sec-WebSocket-Key"),
        upgrade{}.without("Sec-WebSocket-Version"), upgrade{}.with("Sec-WebSocket-Version", "12"),
        upgrade{}.with("Content-Length: 5"), upgrade{}.with("Origin: null"), upgrade{}.with("a b: c"),
        upgrade{}.with("A: " + std::string(9000, 'b')),
        upgrade{}.asking("GET /" + std::string(9000, 'b') + " HTTP/1.1")}) {
    std::string const wire = serve(head).wire;
    kw::head_parser parser{kw::head_parser::kind::response};
    std::string_view const rest = std::string_view{wire}.substr(parser.put(wire));
    REQUIRE(parser.status() == kw::handshake_status::ready);
    CHECK(parser.status_code() >= 400);
    CHECK(parser.headers().has_token("Connection", "close"));
    CHECK(parser.headers().only("Content-Length") == std::to_string(rest.size()));
  }
}

}  // namespace upgrade_tests
