#include <kindwire/handshake/tunnel.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <ostream>
#include <string>
#include <string_view>
#include <system_error>

namespace tunnel_tests {

namespace kw = kindwire;

namespace {

std::string output(kw::tunnel_handshake const& of) {
  return {reinterpret_cast<char const*>(of.output().data()), of.output().size()};
}

// Gives it what it wants, and returns how much it has taken.
std::size_t put(kw::tunnel_handshake& tunnel, std::string_view input, std::size_t most = 100000) {
  std::size_t taken = 0;
  while (taken != input.size() && tunnel.status() == kw::handshake_status::reading) {
    std::size_t const size = (std::min)({tunnel.wanted(), most, input.size() - taken});
    REQUIRE(size != 0);
    tunnel.commit(input.substr(taken, size));
    taken += size;
  }
  return taken;
}

}  // namespace

TEST_CASE("RFC 9110 §9.3.6: the request for a tunnel") {
  CHECK(output(kw::tunnel_handshake{"example.com:443"}) ==
        "CONNECT example.com:443 HTTP/1.1\r\nHost: example.com:443\r\n\r\n");
  kw::tunnel_handshake with{"[::1]:80", {.credentials = "Aladdin:open sesame"}};
  CHECK(output(with) ==
        "CONNECT [::1]:80 HTTP/1.1\r\nHost: [::1]:80\r\n"
        "Proxy-Authorization: Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==\r\n\r\n");
  with.consume(8);
  CHECK(output(with).starts_with("[::1]:80 HTTP"));
  for (std::string_view const to : {"", "a", "a:0", "a b:1", "a\r\n:1", ":1"}) {
    CAPTURE(to);
    CHECK(kw::tunnel_handshake{to}.error() == kw::error::invalid_uri);
  }
}

TEST_CASE("a tunnel takes no byte of what comes through it") {
  std::string const heads[] = {"HTTP/1.1 200 Connection established\r\n\r\n",
                               "HTTP/1.0 200\r\nX-A: b\r\n\r\n",
                               "HTTP/1.1 204 x\r\nContent-Length: 9\r\n\r\n",
                               "HTTP/1.1 100 x\r\n\r\nHTTP/1.1 200 x\r\nTransfer-Encoding: chunked\r\n\r\n"};
  for (std::string const& head : heads) {
    for (std::size_t const most : {1u, 2u, 3u, 100u}) {
      CAPTURE(head);
      kw::tunnel_handshake tunnel{"a:1"};
      CHECK(put(tunnel, head + "\r\n\r\nmore", most) == head.size());
      CHECK(tunnel.status() == kw::handshake_status::ready);
      CHECK(tunnel.answer().status / 100 == 2);
    }
  }
}

TEST_CASE("refusals are told apart, with the answer") {
  kw::tunnel_handshake forbidden{"a:1"};
  put(forbidden, "HTTP/1.1 403 Filtered\r\nX-Why: rule\r\nContent-Length: 4\r\n\r\nno!\nrest");
  CHECK(forbidden.error() == kw::error::proxy_refused);
  CHECK(forbidden.answer().status == 403);
  CHECK(forbidden.answer().headers.front().second == "rule");
  CHECK(forbidden.answer().body == "no!\n");

  kw::tunnel_handshake unknown{"a:1"};
  put(unknown, "HTTP/1.1 407 x\r\nProxy-Authenticate: Basic realm=\"x\"\r\n\r\nwho");
  CHECK(unknown.is_refused());
  CHECK(unknown.status() == kw::handshake_status::reading);
  unknown.end_of_input();
  CHECK(unknown.error() == kw::error::proxy_authentication_required);
  CHECK(unknown.answer().body == "who");

  kw::tunnel_handshake bounded{"a:1", {.max_body = 8}};
  put(bounded, "HTTP/1.1 502 x\r\n\r\n" + std::string(5000, 'x'));
  CHECK(bounded.error() == kw::error::proxy_refused);
  CHECK(bounded.answer().body == "xxxxxxxx");
}

TEST_CASE("what is no answer, or too much of one") {
  auto const outcome = [](std::string_view input) {
    kw::tunnel_handshake tunnel{"a:1", {.limits = {.max_line = 100, .max_head = 300, .max_headers = 4}}};
    put(tunnel, input);
    tunnel.end_of_input();
    return tunnel;
  };
  CHECK(outcome("SSH-2.0-x\r\n").error() == kw::error::http_malformed);
  CHECK(outcome("SSH-2.0-x\r\n").answer().body == "SSH-");
  CHECK(outcome("").error() == kw::error::connection_lost);
  CHECK(outcome("HTTP/1.1 200 x\r\n").error() == kw::error::connection_lost);
  CHECK(outcome("HTTP/1.1 101 x\r\n\r\n").error() == kw::error::http_malformed);
  CHECK(outcome("HTTP/2.0 200 x\r\n\r\n").error() == kw::error::http_version);
  CHECK(outcome("HTTP/1.1 200 x\n\n").error() == kw::error::http_malformed);
  CHECK(outcome("HTTP/1.1 200 " + std::string(200, 'x')).error() == kw::error::http_line_too_long);
  CHECK(outcome("HTTP/1.1 200 x\r\na: b\r\na: b\r\na: b\r\na: b\r\na: b\r\n\r\n").error() ==
        kw::error::http_too_many_headers);
  std::string endless;
  for (int i = 0; i != 100; ++i) endless += "HTTP/1.1 100 x\r\n\r\n";
  CHECK(outcome(endless).error() == kw::error::http_malformed);
}

}  // namespace tunnel_tests
