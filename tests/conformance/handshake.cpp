// What has broken opening handshakes elsewhere, one published case each, and which of the limits hold unless
// an application sets others.
#include <kindwire/handshake/server.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <ctime>
#include <kindwire/handshake/client.hpp>
#include <kindwire/handshake/extension.hpp>
#include <kindwire/session.hpp>
#include <kindwire/stream/memory.hpp>
#include <kindwire/stream/websocket.hpp>
#include <ostream>
#include <string>
#include <string_view>
#include <vector>

#include "handshake/sample.hpp"
#include "support/allocations.hpp"

namespace handshake_tests {

namespace {

namespace kw = kindwire;
using namespace std::string_literals;
using sample::serve;
using sample::upgrade;
using support::allocation_counter;

// The least processor time of three runs.
template <class Work>
double seconds(Work work) {
  double best = 1e9;
  for (int turn = 0; turn != 3; ++turn) {
    std::clock_t const start = std::clock();
    work();
    best = std::min(best, static_cast<double>(std::clock() - start) / CLOCKS_PER_SEC);
  }
  return best;
}

// 16 times the input may take 64 times as long: linear work takes 16 times, quadratic work 256 times, far
// enough apart for any machine, however busy.
template <class Work>
void check_linear(std::size_t size, Work work) {
  double const small = seconds([&] { work(size); });
  double const large = seconds([&] { work(16 * size); });
  CHECK(large < 64 * small + 0.05);
}

struct answered {
  std::error_code failure;
  std::string wire;  ///< all that the server wrote
  bool open = false;
};

// A server over a stream on which a client has written everything at once, and nothing will come any more.
answered ask(std::string_view text, kw::accept_settings const& settings = {}) {
  auto [near, far] = kw::make_memory_streams();
  std::error_code failure;
  far.write_some(kw::detail::as_bytes(text), failure);
  far.shutdown_send();
  answered result;
  {
    auto ws = kw::accept(std::move(near), result.failure, settings);
    result.open = static_cast<bool>(ws);
  }
  std::byte room[4096];
  while (std::size_t const size = far.read_some(room, failure))
    result.wire.append(reinterpret_cast<char const*>(room), size);
  return result;
}

std::size_t count(std::string_view text, std::string_view part) {
  std::size_t found = 0;
  for (std::size_t at = text.find(part); at != text.npos; at = text.find(part, at + part.size())) ++found;
  return found;
}

TEST_CASE("handshake: tungstenite CVE-2023-43669: a long head in reads of one byte takes linear time") {
  kw::head_limits const limits{.max_line = 1 << 21, .max_head = 1 << 22, .max_headers = 1 << 20};
  auto const read = [&](std::size_t size) {
    std::string text = "GET / HTTP/1.1\r\nHost: a\r\n";
    while (text.size() < size) text += "X-Padding: of some length\r\n";
    text += "\r\n";
    kw::server_handshake handshake{limits};
    sample::feed(handshake, text, 1);
    REQUIRE(handshake.status() == kw::handshake_status::ready);
  };
  check_linear(64 << 10, read);
  // And what is held grows with what came, a few blocks at a time.
  allocation_counter const counter;
  read(64 << 10);
  CHECK(counter.calls() < 200);
}

TEST_CASE("handshake: ws CVE-2021-32640: a value of blanks between two words takes linear time") {
  check_linear(32'000, [](std::size_t blanks) {
    std::string const value = "b" + std::string(blanks, ' ') + "x";
    kw::head_limits const limits{.max_line = 1 << 20, .max_head = 1 << 21};
    for (char const* const name :
         {"Sec-WebSocket-Protocol", "Sec-WebSocket-Extensions", "Connection", "Upgrade"}) {
      kw::server_handshake handshake{limits};
      sample::feed(handshake, upgrade{}.with(name, value).text());
      REQUIRE(handshake.status() == kw::handshake_status::ready);
      REQUIRE(kw::check_upgrade(handshake.request()).has_value());
    }
  });
  // Within the limits it is refused like any other list that is none.
  CHECK(serve(upgrade{}.with("Sec-WebSocket-Protocol", "b" + std::string(8000, ' ') + "x")).status == 400);
  CHECK(serve(upgrade{}.with("Sec-WebSocket-Protocol", "b" + std::string(32'000, ' ') + "x")).status == 431);
}

TEST_CASE("handshake: websocket-extensions CVE-2020-7662: escapes without an end take linear time") {
  check_linear(8192, [](std::size_t escapes) {
    std::string value = "a; b=\"";
    for (std::size_t i = 0; i != escapes; ++i) value += "\\c";
    CHECK_FALSE(kw::parse_extensions(value));
  });
}

TEST_CASE("handshake: ws CVE-2024-37890: 2,000 fields, and each required field missing in turn") {
  upgrade many;
  for (int i = 0; i != 2000; ++i) many = many.with("A: b");
  CHECK(serve(many).status == 431);
  for (char const* const name :
       {"Host", "Upgrade", "Connection", "Sec-WebSocket-Key", "Sec-WebSocket-Version"}) {
    CAPTURE(name);
    CHECK(serve(upgrade{}.without(name)).status == 400);
    auto const got = ask(upgrade{}.without(name).text());
    CHECK_FALSE(got.open);
    CHECK(got.failure);
    CHECK(got.wire.starts_with("HTTP/1.1 400 "));
  }
}

TEST_CASE("handshake: websocket-driver CVE-2026-54465, cpp-httplib CVE-2025-53628: a head without an end") {
  // However long it goes on, no more is held than the limits allow.
  for (std::string const& piece : {"A: b\r\n"s, "A: "s + std::string(1000, 'b') + "\r\n", "a"s}) {
    kw::server_handshake handshake;
    sample::feed(handshake, "GET / HTTP/1.1\r\n");
    allocation_counter const counter;
    for (int i = 0; i != 100'000; ++i) sample::feed(handshake, piece);
    CHECK(handshake.status() == kw::handshake_status::failed);
    CHECK(handshake.error_response().status == 431);
    CHECK(counter.bytes() < 200'000);
  }
  kw::server_handshake line;
  for (int i = 0; i != 100'000; ++i) sample::feed(line, "GET");
  CHECK(line.error_response().status == 414);
}

TEST_CASE(
    "handshake: websocket-driver CVE-2026-61666, engine.io CVE-2022-41940: a Host or a target that is none") {
  for (char const* const host : {"a b", "[::", ":99999", "", "a:b", "a:", "[]", "]", "a\tb"}) {
    CAPTURE(host);
    auto const status = serve(upgrade{}.with("Host", host)).status;
    CHECK(status == (host == "a:"s ? 101 : 400));  // RFC 3986 §3.2.3: a port may be empty
  }
  for (char const* const line :
       {"GET  HTTP/1.1", "GET HTTP/1.1", "GET", "GET % HTTP/1.1", "GET [ HTTP/1.1"}) {
    CAPTURE(line);
    CHECK(serve(upgrade{}.asking(line)).status == 400);
  }
}

TEST_CASE(
    "handshake: lws: an extension that is offered twice is passed over, one that is answered twice is "
    "refused") {
  auto const got =
      serve(upgrade{}.with("Sec-WebSocket-Extensions", "permessage-deflate, permessage-deflate"));
  CHECK(got.status == 101);
  CHECK_FALSE(got.writes("Sec-WebSocket-Extensions"));
  kw::client_handshake client{*kw::uri::parse("ws://a/"), {.extensions = "permessage-deflate"}};
  kw::request asked;
  auto const request = client.output();
  REQUIRE_FALSE(kw::request::parse({reinterpret_cast<char const*>(request.data()), request.size()}, asked));
  sample::feed(client,
               "HTTP/1.1 101 x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: " +
                   kw::accept_key(*asked.header("Sec-WebSocket-Key")) +
                   "\r\nSec-WebSocket-Extensions: permessage-deflate, permessage-deflate\r\n\r\n");
  CHECK(client.error() == kw::error::handshake_extension);
}

TEST_CASE(
    "handshake: nghttpx CVE-2026-58055, Vert.x CVE-2018-12541: an upgrade with a body, the rest never "
    "parsed") {
  std::string const second = upgrade{}.asking("GET /admin HTTP/1.1").text();
  for (char const* const field :
       {"Content-Length: 5", "Transfer-Encoding: chunked", "Content-Length: 5\r\nTransfer-Encoding: chunked",
        "Content-Length: +0", "Transfer-Encoding: identity", "Content-Length: 0\r\nContent-Length: 0"}) {
    CAPTURE(field);
    std::string seen;
    auto const got = ask(upgrade{}.with(field).text() + "hello" + second,
                         {.before = [&](kw::request const& head) -> std::optional<kw::response> {
                           seen += head.path();
                           return std::nullopt;
                         }});
    CHECK_FALSE(got.open);
    CHECK(got.failure == kw::error::http_body);
    CHECK(got.wire.starts_with("HTTP/1.1 400 "));
    CHECK(count(got.wire, "HTTP/1.1 ") == 1);
    CHECK(seen.empty());
  }
}

TEST_CASE(
    "handshake: httpd CVE-2019-17567, k8s CVE-2018-1002105: a refused upgrade is no tunnel for what "
    "follows") {
  std::string const rest = "\x81\x80\0\0\0\0"s + upgrade{}.asking("GET /admin HTTP/1.1").text();
  auto const got = ask(upgrade{}.with("Sec-WebSocket-Version", "12").text() + rest);
  CHECK_FALSE(got.open);
  CHECK(got.failure == kw::error::handshake_version);
  CHECK(got.wire.starts_with("HTTP/1.1 426 "));
  CHECK(got.wire.find("Sec-WebSocket-Version: 13\r\n") != std::string::npos);
  CHECK(count(got.wire, "HTTP/1.1 ") == 1);
}

TEST_CASE("handshake: llhttp, HAproxy, Jetty, Netty: a head that two parsers read differently is refused") {
  std::string const line = "GET / HTTP/1.1\r\n";
  for (std::string const& field :
       {"Upgrade : websocket\r\n"s, "A: b\rc\r\n"s, "A: b\nc\r\n"s, "A: b\n\r\n"s, ": b\r\n"s, " A: b\r\n"s,
        "A: b\r\n c\r\n"s, "A: b\r\n\tc\r\n"s, "A: b\r\n\rX"s, "A: b\0c\r\n"s, "A\0: b\r\n"s}) {
    CAPTURE(field);
    CHECK(serve(line + field + "Host: a\r\n\r\n").status == 400);
    CHECK(serve(line + "Host: a\r\n" + field + "\r\n").status == 400);
  }
}

TEST_CASE("handshake: cpp-httplib CVE-2026-45352: a number is the whole token, or none") {
  for (char const* const value : {"0x0", "+0", "-0", " 0 0", "0;", "0,", "00", "0.0", "1e0", "\xd9\xa0"}) {
    CAPTURE(value);
    CHECK(serve(upgrade{}.with("Content-Length"s, value)).status == 400);
  }
  for (char const* const value : {"+13", "0xd", "13.0", "13 ;", "1 3", "013", "13\xc2\xa0"}) {
    CAPTURE(value);
    CHECK(serve(upgrade{}.with("Sec-WebSocket-Version", value)).status == 400);
  }
  for (char const* const host :
       {"a:+1", "a:0x50", "a: 80", "a:8O", "a:80 ", "a:-1", "a:65536", "a:4294967376"}) {
    CAPTURE(host);
    CHECK(serve(upgrade{}.with("Host", host)).status ==
          (host == "a:80 "s ? 101 : 400));  // OWS is no part of it
    CHECK_FALSE(kw::uri::parse("ws://"s + host + "/"));
  }
}

TEST_CASE(
    "handshake: ecnepsnai CVE-2021-4236: what decides about a request runs before the 101, and only then") {
  int asked = 0;
  kw::accept_settings const settings{.before = [&](kw::request const& head) -> std::optional<kw::response> {
    ++asked;
    if (head.header("Authorization") == "secret") return std::nullopt;
    return kw::response::plain(401);
  }};
  auto const refused = ask(upgrade{}.text(), settings);
  CHECK(refused.wire.starts_with("HTTP/1.1 401 "));
  CHECK(count(refused.wire, "HTTP/1.1 ") == 1);
  CHECK_FALSE(refused.open);
  CHECK(asked == 1);
  auto const accepted = ask(upgrade{}.with("Authorization: secret").text(), settings);
  CHECK(accepted.wire.starts_with("HTTP/1.1 101 "));
  CHECK(accepted.open);
  CHECK(asked == 2);
  CHECK(ask(upgrade{}.without("Host").text(), settings).wire.starts_with("HTTP/1.1 400 "));
  CHECK(asked == 2);
}

TEST_CASE("handshake: ws 2021: a redirect takes no credentials anywhere, since none is followed") {
  for (unsigned const status : {300u, 301u, 302u, 303u, 307u, 308u}) {
    kw::client_handshake client{*kw::uri::parse("wss://a/"), {.headers = {{"Authorization", "Basic eDp5"}}}};
    client.consume(client.output().size());
    sample::feed(client, "HTTP/1.1 " + std::to_string(status) +
                             " x\r\nLocation: ws://b/\r\nContent-Length: 0\r\n\r\n");
    CHECK(client.status() == kw::handshake_status::failed);
    CHECK(client.error() == kw::error::handshake_refused);
    CHECK(client.output().empty());  // nothing more is asked, of anybody
  }
}

TEST_CASE("limits: what holds unless an application sets others") {
  kw::head_limits const head;
  CHECK(head.max_line == 8 << 10);
  CHECK(head.max_head == 16 << 10);
  CHECK(head.max_headers == 100);
  kw::session_options const session;
  CHECK(session.max_message_size == 1 << 20);
  CHECK(session.max_fragments == 4096);
  CHECK(session.max_queued_pongs == 16 << 10);
  kw::reassembler_options const messages;
  CHECK(messages.max_message_size == session.max_message_size);
  CHECK(messages.max_fragments == session.max_fragments);
}

}  // namespace

}  // namespace handshake_tests
