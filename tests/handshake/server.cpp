#include <kindwire/handshake/server.hpp>

#include <doctest/doctest.h>

#include <ostream>
#include <random>
#include <string>
#include <string_view>
#include <utility>

#include "sample.hpp"

namespace server_tests {

namespace kw = kindwire;
using sample::feed;
using sample::serve;
using sample::upgrade;
using status = kw::handshake_status;

namespace {

std::string text_of(std::span<std::byte const> bytes) {
  return {reinterpret_cast<char const*>(bytes.data()), bytes.size()};
}

}  // namespace

TEST_CASE("server: a request, and the frames that follow it") {
  for (std::size_t const size : {std::size_t{1}, std::size_t{7}, std::size_t{1000}}) {
    kw::server_handshake handshake;
    CHECK_FALSE(handshake.begun());
    std::string const frames{"\x81\x80\0\0\0\0\r\n", 8};
    feed(handshake, upgrade{}.text() + frames, size);
    REQUIRE(handshake.status() == status::ready);
    CHECK(handshake.begun());
    CHECK_FALSE(handshake.error());
    CHECK(std::as_const(handshake).request().path() == "/chat");
    CHECK(text_of(handshake.leftover()) == frames);
    feed(handshake, "more");
    CHECK(text_of(handshake.leftover()) == frames + "more");
    kw::request const moved = std::move(handshake.request());
    CHECK(moved.host() == "server.example.com");
  }
}

TEST_CASE("server: every two-way split gives the same request") {
  std::string const text = upgrade{}.with("Cookie: a=b").text();
  for (std::size_t at = 0; at <= text.size(); ++at) {
    kw::server_handshake handshake;
    feed(handshake, text.substr(0, at));
    if (at < text.size()) REQUIRE(handshake.status() == status::reading);
    feed(handshake, text.substr(at) + "x");
    REQUIRE(handshake.status() == status::ready);
    REQUIRE(handshake.request().header("cookie") == "a=b");
    REQUIRE_FALSE(kw::check_upgrade(handshake.request()));
    REQUIRE(handshake.leftover().size() == 1);
  }
}

TEST_CASE("RFC 9112 §6: an upgrade with a body is refused, and the rest never looked at") {
  for (std::string const field : {"Content-Length: 40", "Transfer-Encoding: chunked",
                                  "Content-Length: 4\r\nTransfer-Encoding: chunked"}) {
    CAPTURE(field);
    kw::server_handshake handshake;
    feed(handshake, upgrade{}.with(field).text() + "GET /admin HTTP/1.1\r\nHost: a\r\n\r\n");
    CHECK(handshake.status() == status::failed);
    CHECK(handshake.error() == kw::error::http_body);
    CHECK(handshake.error_response().status == 400);
    CHECK(handshake.leftover().empty());
    feed(handshake, upgrade{}.text());
    CHECK(handshake.status() == status::failed);
    CHECK(handshake.leftover().empty());
  }
}

TEST_CASE("server: plain pages pass the same rules") {
  kw::server_handshake handshake;
  feed(handshake, "GET /?a=b HTTP/1.1\r\nHost: a\r\n\r\n");
  REQUIRE(handshake.status() == status::ready);
  CHECK_FALSE(handshake.request().is_upgrade());
  CHECK(serve("GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\nx").error == kw::error::http_body);
  CHECK(serve("GET / HTTP/1.1\r\n\r\n").error == kw::error::http_host);
  CHECK(serve("GET a:80 HTTP/1.1\r\nHost: a\r\n\r\n").error == kw::error::http_target);
}

TEST_CASE("RFC 9112 §3, RFC 6585 §5: 414 for the first line, 431 for the rest") {
  CHECK(serve("GET /" + std::string(9000, 'a')).status == 414);
  CHECK(serve("GET / HTTP/1.1\r\nHost: a\r\nA: " + std::string(9000, 'a')).status == 431);
  std::string many = "GET / HTTP/1.1\r\n";
  for (int i = 0; i < 2000; ++i) many += "A:b\r\n";
  CHECK(serve(many).status == 431);
  CHECK(serve(many).error == kw::error::http_too_many_headers);
  std::string endless = "GET / HTTP/1.1\r\n";
  for (int i = 0; i < 50; ++i) endless += "A: " + std::string(1000, 'b') + "\r\n";
  CHECK(serve(endless).status == 431);
  CHECK(serve(endless).error == kw::error::http_head_too_large);
}

TEST_CASE("server: limits of one's own") {
  kw::server_handshake handshake{{.max_line = 100, .max_head = 120, .max_headers = 3}};
  feed(handshake, upgrade{}.text(), 5);
  CHECK(handshake.status() == status::failed);
  CHECK(handshake.error_response().status == 431);
}

TEST_CASE("server: what is no HTTP is answered at its first bytes") {
  using namespace std::string_literals;
  for (std::string const& junk :
       {"\x16\x03\x01\x02\0"s, "\0"s, "\x81\x85"s, "SSH-2.0-OpenSSH\r\n"s, "PRI * HTTP/2.0\r\n"s}) {
    CAPTURE(junk);
    kw::server_handshake handshake;
    feed(handshake, junk);
    CHECK(handshake.status() == status::failed);
    CHECK(handshake.error_response().status == 400);
  }
  kw::server_handshake broken;
  feed(broken, "\rG");
  CHECK(broken.status() == status::failed);
  CHECK_MESSAGE(broken.begun(), "it was answered, whatever it was");
  kw::server_handshake handshake;
  feed(handshake, "\r\n");
  CHECK_MESSAGE(!handshake.begun(), "an empty line is not yet a request");
}

TEST_CASE("no answer repeats what the peer sent") {
  std::string const marker = "zebra";
  for (std::string const& text :
       {marker + "\x01", "GET /" + marker + "# HTTP/1.1\r\n\r\n",
        upgrade{}.with("Origin: http://" + marker).text(), upgrade{}.with("Host", marker + "@").text(),
        upgrade{}.with("Upgrade", marker).text(),
        upgrade{}.with("Sec-WebSocket-Protocol", marker + ";").text()}) {
    sample::outcome const got = serve(text);
    CHECK(got.status >= 400);
    CHECK_FALSE(got.writes(marker));
  }
}

TEST_CASE("mutated handshakes: no crash, one decision, and what is written is one whole head") {
  std::mt19937 random{13};
  std::string const original = upgrade{}
                                   .with("Origin: http://server.example.com")
                                   .with("Sec-WebSocket-Protocol: a, b")
                                   .with("Sec-WebSocket-Extensions: x; y=\"z\", w")
                                   .text();
  unsigned accepted = 0;
  for (int i = 0; i < 20000; ++i) {
    std::string const text = sample::mutated(original, random);
    CAPTURE(text);
    sample::outcome const got = serve(text);
    if (got.status == 0) continue;
    REQUIRE(got.status < 600);
    kw::head_parser parser{kw::head_parser::kind::response};
    parser.put(got.wire);
    REQUIRE(parser.status() == status::ready);
    REQUIRE(parser.status_code() == got.status);
    accepted += got.status == 101 ? 1 : 0;

    kw::server_handshake pieces;
    feed(pieces, text, 1 + random() % 9);
    if (pieces.status() == status::failed) REQUIRE(pieces.error() == got.error);
    if (pieces.status() == status::ready) {
      auto const refused = kw::check_upgrade(pieces.request());
      REQUIRE((refused ? refused->answer.status : 101) == got.status);
    }
  }
  CHECK(accepted > 500);
  CHECK(accepted < 19000);
}

}  // namespace server_tests
