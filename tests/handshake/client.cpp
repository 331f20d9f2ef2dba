#include <kindwire/handshake/client.hpp>

#include <doctest/doctest.h>

#include <ostream>
#include <random>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "sample.hpp"

namespace client_tests {

namespace kw = kindwire;
using sample::feed;
using status = kw::handshake_status;

namespace {

kw::client_handshake client(kw::client_options options = {},
                            std::string_view uri = "ws://server.example.com/chat") {
  return kw::client_handshake{kw::uri::parse(uri).value(), std::move(options)};
}

std::string output(kw::client_handshake const& handshake) {
  return {reinterpret_cast<char const*>(handshake.output().data()), handshake.output().size()};
}

// The request as a server sees it.
kw::request asked(kw::client_handshake const& handshake) {
  kw::request result;
  CHECK_FALSE(kw::request::parse(output(handshake), result));
  return result;
}

// The answer of RFC 6455 §1.3 to `to`, to make wrong ones from.
struct answer {
  std::string line = "HTTP/1.1 101 Switching Protocols";
  std::string upgrade = "Upgrade: websocket\r\n";
  std::string connection = "Connection: Upgrade\r\n";
  std::string accept;
  std::string more = {};

  explicit answer(kw::client_handshake const& to)
      : accept("Sec-WebSocket-Accept: " + kw::accept_key(*asked(to).header("Sec-WebSocket-Key")) + "\r\n") {}
  std::string text() const { return line + "\r\n" + upgrade + connection + accept + more + "\r\n"; }
};

// What a client says to an answer that `change` was done to.
template <class Change>
std::error_code verdict(kw::client_options const& options, Change change) {
  kw::client_handshake handshake = client(options);
  answer reply{handshake};
  change(reply);
  feed(handshake, reply.text());
  CHECK((handshake.status() == status::ready) == !handshake.error());
  return handshake.error();
}
template <class Change>
std::error_code verdict(Change change) {
  return verdict({}, change);
}

std::error_code error_with(kw::client_options options) {
  kw::client_handshake const handshake = client(std::move(options));
  CHECK((handshake.status() == status::failed) == bool(handshake.error()));
  CHECK(handshake.output().empty() == bool(handshake.error()));
  return handshake.error();
}

}  // namespace

TEST_CASE("RFC 6455 §4.1: the request") {
  kw::client_handshake handshake = client({.subprotocols = {"a", "b"},
                                           .origin = "http://example.com",
                                           .headers = {{"Cookie", "c=d"}, {"Authorization", "Basic eDp5"}},
                                           .extensions = "e; f=1"},
                                          "ws://server.example.com:81/chat?x=y");
  CHECK_FALSE(handshake.error());
  CHECK(handshake.status() == status::reading);
  kw::request const request = asked(handshake);
  CHECK(output(handshake).starts_with("GET /chat?x=y HTTP/1.1\r\nHost: server.example.com:81\r\n"));
  CHECK(request.method() == "GET");
  CHECK(request.headers().only("Upgrade") == "websocket");
  CHECK(request.headers().only("Connection") == "Upgrade");
  CHECK(request.headers().only("Sec-WebSocket-Version") == "13");
  CHECK(kw::is_handshake_key(request.headers().only("Sec-WebSocket-Key").value()));
  CHECK(request.headers().only("Sec-WebSocket-Protocol") == "a, b");
  CHECK(request.headers().only("Sec-WebSocket-Extensions") == "e; f=1");
  CHECK(request.headers().only("Origin") == "http://example.com");
  CHECK(request.headers().only("Cookie") == "c=d");
  CHECK(request.headers().only("Authorization") == "Basic eDp5");
  CHECK(request.headers().size() == 10);

  std::string const whole = output(handshake);
  handshake.consume(10);
  CHECK(output(handshake) == whole.substr(10));
  handshake.consume(whole.size() - 10);
  CHECK(handshake.output().empty());
}

TEST_CASE("RFC 6455 §4.1: a fresh key for every connection") {
  std::set<std::string> keys;
  for (int i = 0; i < 200; ++i) keys.emplace(*asked(client()).header("Sec-WebSocket-Key"));
  CHECK(keys.size() == 200);
}

TEST_CASE("RFC 6455 §4.1: Host leaves out the default port and brackets IPv6") {
  auto const host = [](std::string_view uri) { return std::string{asked(client({}, uri)).host()}; };
  CHECK(host("ws://a:80/") == "a");
  CHECK(host("wss://a:443/") == "a");
  CHECK(host("wss://a:80/") == "a:80");
  CHECK(host("ws://[::1]:8080/") == "[::1]:8080");
  CHECK(host("ws://[::1]/") == "[::1]");
}

TEST_CASE("the client and the server understand each other") {
  kw::client_handshake ours = client({.subprotocols = {"b", "a"}, .extensions = "e; x, f"});
  kw::server_handshake theirs;
  feed(theirs, output(ours), 3);
  REQUIRE(theirs.status() == status::ready);
  REQUIRE_FALSE(kw::check_upgrade(theirs.request()));
  std::string out;
  std::vector<std::string> const supported{"a", "b"};
  std::string_view const chosen = kw::select_subprotocol(theirs.request(), supported);
  CHECK_FALSE(kw::write_accept(theirs.request(), {.subprotocol = chosen, .extensions = "f; y=1"}, out));
  feed(ours, out + "frames", 5);
  REQUIRE(ours.status() == status::ready);
  CHECK(ours.answer().status == 101);
  CHECK(ours.subprotocol() == "a");
  CHECK(ours.extensions() == std::vector<kw::extension>{{"f", {{"y", "1"}}}});
  CHECK(ours.leftover().size() == 6);
}

TEST_CASE("RFC 6455 §4.1: a status other than 101 is handed on, with its headers and its body") {
  kw::client_handshake handshake = client();
  feed(handshake, "HTTP/1.1 401 No\r\nWWW-Authenticate: Basic\r\nContent-Length: 5\r\n\r\nhell", 9);
  CHECK(handshake.status() == status::reading);
  feed(handshake, "o, world");
  CHECK(handshake.status() == status::failed);
  CHECK(handshake.error() == kw::error::handshake_refused);
  CHECK(handshake.answer().status == 401);
  CHECK(handshake.answer().headers.front() ==
        std::pair<std::string, std::string>{"WWW-Authenticate", "Basic"});
  CHECK(handshake.answer().body == "hello");
  CHECK(handshake.leftover().empty());
}

TEST_CASE("RFC 9112 §6.3: the body of a refusal may be chunked, end with the stream, or be too long") {
  kw::client_handshake chunked = client();
  feed(chunked, "HTTP/1.1 503 x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n", 1);
  CHECK(chunked.error() == kw::error::handshake_refused);
  CHECK(chunked.answer().body == "hello");

  kw::client_handshake open = client();
  feed(open, "HTTP/1.0 404 x\r\n\r\nhello");
  CHECK(open.status() == status::reading);
  open.end_of_input();
  CHECK(open.error() == kw::error::handshake_refused);
  CHECK(open.answer().status == 404);
  CHECK(open.answer().body == "hello");

  kw::client_handshake cut = client();
  feed(cut, "HTTP/1.1 404 x\r\nContent-Length: 5\r\n\r\nhel");
  cut.end_of_input();
  CHECK(cut.error() == kw::error::handshake_refused);
  CHECK(cut.answer().body == "hel");

  kw::client_handshake flood = client({.max_body = 100});
  feed(flood, "HTTP/1.1 404 x\r\n\r\n" + std::string(1000, 'a'));
  CHECK(flood.status() == status::failed);
  CHECK(flood.answer().body == std::string(100, 'a'));
}

TEST_CASE("a refusal is one as soon as its head is there, however its body ends or does not") {
  std::string const chunked = "Transfer-Encoding: chunked\r\n\r\n";
  struct {
    std::string text;
    std::string body;
  } const answers[] = {
      {"\r\n", ""},
      {"\r\nhal", "hal"},
      {"Content-Length: 100\r\n\r\n", ""},
      {"Content-Length: 100\r\n\r\nhal", "hal"},
      {"Content-Length: 99999999999999999999\r\n\r\nhal", ""},
      {"Content-Length: -1\r\n\r\nhal", ""},
      {chunked, ""},
      {chunked + "5\r\nhal", "hal"},
      {chunked + "3\r\nhal", "hal"},
      {chunked + "3\r\nhal\r\n", "hal"},
      {chunked + "3\r\nhal\r\nzz\r\n", "hal"},
  };
  std::error_code const reasons[] = {kw::error::connection_lost, kw::error::handshake_timeout,
                                     std::make_error_code(std::errc::connection_reset),
                                     std::make_error_code(std::errc::not_enough_memory)};
  for (auto const& answer : answers) {
    CAPTURE(answer.text);
    for (std::error_code const why : reasons) {
      kw::client_handshake handshake = client();
      feed(handshake, "HTTP/1.1 503 Busy\r\nRetry-After: 7\r\n" + answer.text, 5);
      CHECK(handshake.is_refused());
      handshake.end_of_input(why);
      CHECK(handshake.error() == kw::error::handshake_refused);
      CHECK(handshake.answer().status == 503);
      CHECK(handshake.answer().headers.front().second == "7");
      CHECK(handshake.answer().body == answer.body);
      CHECK(handshake.server_said().empty());
    }
  }
  for (std::error_code const why : reasons) {
    kw::client_handshake half = client();
    feed(half, "HTTP/1.1 503 Busy\r\nRetry-After: 7\r\n");
    CHECK_FALSE(half.is_refused());
    half.end_of_input(why);
    CHECK_MESSAGE(half.error() == why, "before the head is whole there is no answer");
    CHECK(half.answer().status == 0);
  }
}

TEST_CASE("RFC 6455 §4.1: a redirect is not followed") {
  kw::client_handshake handshake = client();
  feed(handshake, "HTTP/1.1 302 Found\r\nLocation: ws://other/\r\nContent-Length: 0\r\n\r\n");
  CHECK(handshake.error() == kw::error::handshake_refused);
  CHECK(handshake.answer().headers.front().second == "ws://other/");
}

TEST_CASE("RFC 9110 §15.2: interim answers are passed over, up to a bound") {
  kw::client_handshake handshake = client();
  std::string const interim = "HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n";
  feed(handshake, "HTTP/1.1 100 Continue\r\n\r\n" + interim + answer{handshake}.text(), 7);
  CHECK(handshake.status() == status::ready);
  CHECK(handshake.answer().headers.size() == 3);

  kw::client_handshake endless = client();
  for (int i = 0; i < 100; ++i) feed(endless, interim);
  CHECK(endless.error() == kw::error::http_malformed);
}

TEST_CASE("RFC 6455 §4.1: Upgrade is websocket and Connection has upgrade, whatever the case") {
  CHECK_FALSE(verdict([](answer&) {}));
  CHECK_FALSE(verdict([](answer& reply) { reply.upgrade = "upgrade: WebSocket\r\n"; }));
  CHECK_FALSE(verdict([](answer& reply) { reply.connection = "CONNECTION: keep-alive, UPGRADE\r\n"; }));
  for (std::string const line :
       {"", "Upgrade: websocketx\r\n", "Upgrade: h2c\r\n", "Upgrade:\r\n", "Upgrade: websocket, h2c\r\n",
        "Upgrade: websocket\r\nUpgrade: websocket\r\n"}) {
    CAPTURE(line);
    CHECK(verdict([&](answer& reply) { reply.upgrade = line; }) == kw::error::handshake_upgrade);
  }
  for (std::string const line :
       {"", "Connection: close\r\n", "Connection: notupgrade\r\n", "Connection:\r\n"}) {
    CAPTURE(line);
    CHECK(verdict([&](answer& reply) { reply.connection = line; }) == kw::error::handshake_upgrade);
  }
}

TEST_CASE("RFC 6455 §4.1: Sec-WebSocket-Accept is there once and exact") {
  CHECK_FALSE(verdict([](answer& reply) { reply.accept.insert(reply.accept.size() - 2, " \t"); }));
  for (std::string const line :
       {"", "Sec-WebSocket-Accept:\r\n", "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"}) {
    CHECK(verdict([&](answer& reply) { reply.accept = line; }) == kw::error::handshake_accept);
  }
  CHECK(verdict([](answer& reply) { reply.accept += reply.accept; }) == kw::error::handshake_accept);
  CHECK(verdict([](answer& reply) { reply.accept.insert(reply.accept.size() - 2, "="); }) ==
        kw::error::handshake_accept);
  // 22 is where the value begins; one letter in its other case.
  CHECK(verdict([](answer& reply) {
          for (std::size_t i = 22; i < reply.accept.size(); ++i) {
            if (kw::detail::is_letter(reply.accept[i])) {
              reply.accept[i] = static_cast<char>(reply.accept[i] ^ 32);
              return;
            }
          }
        }) == kw::error::handshake_accept);
}

TEST_CASE("RFC 6455 §4.1: the subprotocol is one that was offered, and only one") {
  kw::client_options const options{.subprotocols = {"a", "b"}};
  auto const more = [&](std::string const& fields) {
    return verdict(options, [&](answer& reply) { reply.more = fields; });
  };
  CHECK_FALSE(more(""));
  CHECK_FALSE(more("Sec-WebSocket-Protocol: b\r\n"));
  for (std::string const fields :
       {"Sec-WebSocket-Protocol: c\r\n", "Sec-WebSocket-Protocol: A\r\n", "Sec-WebSocket-Protocol:\r\n",
        "Sec-WebSocket-Protocol: a, b\r\n", "Sec-WebSocket-Protocol: a\r\nSec-WebSocket-Protocol: b\r\n",
        "Sec-WebSocket-Protocol: a\r\nSec-WebSocket-Protocol: a\r\n"}) {
    CAPTURE(fields);
    CHECK(more(fields) == kw::error::handshake_subprotocol);
  }
  CHECK(verdict([](answer& reply) { reply.more = "Sec-WebSocket-Protocol: a\r\n"; }) ==
        kw::error::handshake_subprotocol);
}

TEST_CASE("RFC 6455 §4.1: extensions are among those offered, each once, in one field") {
  kw::client_options const options{.extensions = "a; x, b"};
  auto const more = [&](std::string const& fields) {
    return verdict(options, [&](answer& reply) { reply.more = fields; });
  };
  CHECK_FALSE(more(""));
  CHECK_FALSE(more("Sec-WebSocket-Extensions: b, a; y=1\r\n"));
  for (std::string const fields : {"Sec-WebSocket-Extensions: c\r\n", "Sec-WebSocket-Extensions: a, a\r\n",
                                   "Sec-WebSocket-Extensions:\r\n", "Sec-WebSocket-Extensions: a;\r\n",
                                   "Sec-WebSocket-Extensions: a\r\nSec-WebSocket-Extensions: b\r\n"}) {
    CAPTURE(fields);
    CHECK(more(fields) == kw::error::handshake_extension);
  }
  CHECK(verdict([](answer& reply) { reply.more = "Sec-WebSocket-Extensions: permessage-deflate\r\n"; }) ==
        kw::error::handshake_extension);
}

TEST_CASE("RFC 6455 §4.1: bytes that follow the head belong to the frames, in whatever pieces they come") {
  for (std::size_t size = 1; size < 40; ++size) {
    kw::client_handshake handshake = client();
    std::string const frames{"\x81\x05hello\r\n\r\n\x88\x00", 13};
    feed(handshake, answer{handshake}.text() + frames, size);
    REQUIRE(handshake.status() == status::ready);
    auto const rest = handshake.leftover();
    REQUIRE(std::string(reinterpret_cast<char const*>(rest.data()), rest.size()) == frames);
  }
}

TEST_CASE("RFC 9112: an answer that is none") {
  auto const error_of = [](std::string_view text) {
    kw::client_handshake handshake = client();
    feed(handshake, text);
    return handshake.error();
  };
  CHECK(error_of("SSH-2.0-x\r\n") == kw::error::http_malformed);
  CHECK(error_of("\x15\x03\x03") == kw::error::http_malformed);
  CHECK(error_of("HTTP/2.0 200 x\r\n\r\n") == kw::error::http_version);
  CHECK(error_of("HTTP/1.1 101 x\r\nA : b\r\n\r\n") == kw::error::http_malformed);
  CHECK(error_of("HTTP/1.1 101 x\r\nA: b\r\n c\r\n\r\n") == kw::error::http_malformed);
  CHECK(error_of("HTTP/1.1 101 " + std::string(9000, 'x')) == kw::error::http_line_too_long);
  CHECK(error_of("HTTP/1.1 101 x\r\nA: " + std::string(9000, 'x')) == kw::error::http_head_too_large);
  CHECK(verdict([](answer& reply) { reply.line = "HTTP/1.0 101 x"; }) == kw::error::http_version);
}

TEST_CASE("a server that does not speak HTTP is quoted: 40 bytes, printable") {
  using namespace std::string_literals;
  auto const said = [](std::string const& text, std::size_t size = SIZE_MAX) {
    kw::client_handshake handshake = client();
    feed(handshake, text, size);
    CHECK(handshake.status() == status::failed);
    CHECK(handshake.answer().status == 0);
    CHECK(handshake.answer().headers.empty());
    CHECK(handshake.answer().body == handshake.server_said());
    return std::string(handshake.server_said());
  };
  CHECK(said("SSH-2.0-OpenSSH_9.2\r\n") == R"(SSH-2.0-OpenSSH_9.2\r\n)");
  CHECK(said("\x15\x03\x03\x00\x02\x02\x46"s) == R"(\x15\x03\x03\x00\x02\x02F)");
  CHECK(said("\x00\x00\x12\x04\x00\x00\x00\x00\x00"s) == R"(\x00\x00\x12\x04\x00\x00\x00\x00\x00)");
  CHECK(said("220 \"mail\" \\ \xE2\x80\xAE\x1b[2J") == R"(220 \"mail\" \\ \xe2\x80\xae\x1b[2J)");
  CHECK(said(std::string(1000, 'x')) == std::string(40, 'x'));
  CHECK(said("HTTP/1.1 200 OK\r\nA : b\r\n\r\n", 3).starts_with(R"(HTTP/1.1 200 OK\r\nA)"));
  CHECK(said("HTTP/1.1 100 Continue\r\n\r\nSSH-2.0-x\r\n", 7).starts_with("SSH"));
  CHECK(said("HTTP/2.0 200 x\r\n\r\n").starts_with("HTTP/2.0"));

  kw::client_handshake fine = client();
  feed(fine, answer{fine}.text(), 10);
  CHECK(fine.server_said().empty());
  kw::client_handshake silent = client();
  silent.end_of_input();
  CHECK(silent.server_said().empty());
}

TEST_CASE("RFC 6455 §7.1.5: a stream that ends before the answer is lost") {
  kw::client_handshake handshake = client();
  feed(handshake, "HTTP/1.1 101 Switching");
  handshake.end_of_input();
  CHECK(handshake.status() == status::failed);
  CHECK(handshake.error() == kw::error::connection_lost);
  kw::client_handshake done = client();
  feed(done, answer{done}.text());
  done.end_of_input();
  CHECK_MESSAGE(done.status() == status::ready, "once the answer is there, the end is for the frames to see");
}

TEST_CASE("what we would ask is checked, and nothing is written where it is wrong") {
  using namespace std::string_literals;
  CHECK_FALSE(error_with({}));
  for (std::string const& bad : {"a\r\nX: y"s, "a\nb"s, "a\rb"s, "a\0b"s, "\x1b"s, "\x7f"s}) {
    CHECK(error_with({.headers = {{"X", bad}}}) == kw::error::invalid_header);
    CHECK(error_with({.headers = {{bad, "X"}}}) == kw::error::invalid_header);
    CHECK(error_with({.headers = {{"Host", bad}}}) == kw::error::invalid_header);
    CHECK(error_with({.headers = {{"Origin", bad}}}) == kw::error::invalid_header);
    CHECK(error_with({.origin = bad}) == kw::error::invalid_header);
    CHECK(error_with({.subprotocols = {bad}}) == kw::error::handshake_subprotocol);
    CHECK(error_with({.extensions = bad}) == kw::error::handshake_extension);
    for (kw::uri const& wrong : {kw::uri{false, bad, 80, "/"}, kw::uri{false, "a", 80, "/" + bad}}) {
      kw::client_handshake const handshake{wrong};
      CHECK(handshake.error() == kw::error::invalid_uri);
      CHECK(handshake.output().empty());
    }
  }
  for (std::string const name : {"", "a b", "Upgrade", "CONNECTION", "Sec-WebSocket-Key",
                                 "sec-websocket-protocol", "Content-Length", "Transfer-Encoding"}) {
    CAPTURE(name);
    CHECK(error_with({.headers = {{name, "0"}}}) == kw::error::invalid_header);
  }
  CHECK(error_with({.subprotocols = {"a", "b", "a"}}) == kw::error::handshake_subprotocol);
  CHECK(error_with({.subprotocols = {""}}) == kw::error::handshake_subprotocol);
  CHECK(error_with({.subprotocols = {"a, b"}}) == kw::error::handshake_subprotocol);
  CHECK(error_with({.extensions = "a;"}) == kw::error::handshake_extension);
  CHECK(error_with({.origin = "http://a", .headers = {{"Origin", "http://b"}}}) == kw::error::invalid_header);
  CHECK(error_with({.headers = {{"Origin", "http://a"}, {"origin", "http://a"}}}) ==
        kw::error::invalid_header);
  CHECK(error_with({.headers = {{"Host", "a"}, {"host", "b"}}}) == kw::error::invalid_header);
  CHECK(error_with({.headers = {{"Host", "a b"}}}) == kw::error::invalid_header);
  CHECK(kw::client_handshake{kw::uri{false, "", 80, "/"}}.error() == kw::error::invalid_uri);
  CHECK(kw::client_handshake{kw::uri{false, "a", 0, "/"}}.error() == kw::error::invalid_uri);
  CHECK(kw::client_handshake{kw::uri{false, "a", 80, "*"}}.error() == kw::error::invalid_uri);
}

TEST_CASE("a Host of one's own replaces that of the URI") {
  kw::request const request = asked(client({.headers = {{"host", "virtual.example"}}}, "ws://127.0.0.1:81/"));
  CHECK(request.headers().only("Host") == "virtual.example");
}

TEST_CASE("RFC 6455 §4.1: an Origin goes into the request, from either option") {
  CHECK(asked(client({.origin = "http://a"})).origin() == "http://a");
  CHECK(asked(client({.headers = {{"Origin", "http://a"}}})).origin() == "http://a");
  CHECK(asked(client()).origin() == std::nullopt);
}

TEST_CASE("mutated answers: no crash, and the same verdict in one piece and in many") {
  std::mt19937 random{6455};
  unsigned ready = 0;
  kw::client_options const options{.subprotocols = {"a", "b"}, .extensions = "x, y"};
  for (int i = 0; i < 20000; ++i) {
    kw::client_handshake whole = client(options);
    answer reply{whole};
    reply.more = "Sec-WebSocket-Protocol: a\r\nSec-WebSocket-Extensions: x; z=\"1\"\r\n";
    if (i % 4 == 0) {
      reply.line = "HTTP/1.1 400 Bad Request";
      reply.more += "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n";
    }
    std::string const text = sample::mutated(reply.text(), random);
    CAPTURE(text);
    feed(whole, text);
    ready += whole.status() == status::ready ? 1 : 0;
    whole.end_of_input();
    REQUIRE(whole.status() != status::reading);

    // Another key, another accept: all that does not turn on it must be the same.
    kw::client_handshake pieces = client(options);
    feed(pieces, text, 1 + random() % 9);
    pieces.end_of_input();
    REQUIRE(pieces.status() == status::failed);
    if (whole.status() == status::ready) REQUIRE(pieces.error() == kw::error::handshake_accept);
    if (whole.error() == kw::error::handshake_refused || pieces.error() == kw::error::handshake_refused) {
      REQUIRE(whole.error() == pieces.error());
      REQUIRE(whole.answer().headers == pieces.answer().headers);
      REQUIRE(whole.answer().body == pieces.answer().body);
    }
  }
  CHECK(ready > 500);
}

TEST_CASE("RFC 7617: credentials of the URI, unless there are others, and in no other place") {
  auto const asked = [](char const* to, kw::header_list headers = {}) {
    kw::client_handshake const handshake{kw::uri::parse(to).value(), {.headers = std::move(headers)}};
    return std::string(reinterpret_cast<char const*>(handshake.output().data()), handshake.output().size());
  };
  std::string const request = asked("ws://Aladdin:open%20sesame@a/b");
  CHECK(request.starts_with("GET /b HTTP/1.1\r\nHost: a\r\n"));
  CHECK(request.find("\r\nAuthorization: Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==\r\n") != std::string::npos);
  CHECK(request.find("Aladdin") == std::string::npos);
  CHECK(asked("ws://a/").find("Authorization") == std::string::npos);
  std::string const own = asked("ws://Aladdin:open%20sesame@a/b", {{"authorization", "Bearer x"}});
  CHECK(own.find("Basic") == std::string::npos);
  CHECK(own.find("\r\nauthorization: Bearer x\r\n") != std::string::npos);
}

}  // namespace client_tests
