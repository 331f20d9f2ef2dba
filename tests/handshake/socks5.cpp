#include <kindwire/handshake/socks5.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <ostream>
#include <string>
#include <string_view>
#include <system_error>

namespace socks5_tests {

namespace kw = kindwire;
using namespace std::string_view_literals;
using namespace std::string_literals;

namespace {

// What it says next, as if it were written.
std::string said(kw::socks5_handshake& by) {
  std::string text(reinterpret_cast<char const*>(by.output().data()), by.output().size());
  by.consume(text.size());
  CHECK(by.output().empty());
  return text;
}

std::size_t put(kw::socks5_handshake& socks, std::string_view input, std::size_t most = 1000) {
  std::size_t taken = 0;
  while (taken != input.size() && socks.status() == kw::handshake_status::reading) {
    std::size_t const size = (std::min)({socks.wanted(), most, input.size() - taken});
    REQUIRE(size != 0);
    socks.commit(input.substr(taken, size));
    taken += size;
  }
  return taken;
}

std::error_code outcome(std::string_view input, bool known = false) {
  kw::socks5_request request{.host = "a", .port = 1};
  if (known) request.user = "u";
  kw::socks5_handshake socks{request};
  put(socks, input);
  socks.end_of_input();
  return socks.error();
}

}  // namespace

TEST_CASE("RFC 1928: a name, without credentials") {
  for (std::size_t const most : {1u, 2u, 100u}) {
    kw::socks5_handshake socks{{.host = "example.com", .port = 443}};
    CHECK(said(socks) == "\x05\x01\x00"sv);
    CHECK(put(socks, "\x05\x00"sv, most) == 2);
    CHECK(said(socks) ==
          "\x05\x01\x00\x03\x0b"
          "example.com\x01\xbb"sv);
    CHECK(put(socks, "\x05\x00\x00\x01\x7f\x00\x00\x01\x12\x34rest"sv, most) == 10);
    CHECK(socks.status() == kw::handshake_status::ready);
    CHECK(socks.output().empty());
  }
}

TEST_CASE("RFC 1928: addresses of both families, and a proxy that calls itself by any kind of name") {
  kw::socks5_handshake four{{.address = {127, 0, 0, 1}, .address_size = 4, .port = 80}};
  said(four);
  put(four, "\x05\x00"sv);
  CHECK(said(four) == "\x05\x01\x00\x01\x7f\x00\x00\x01\x00\x50"sv);
  std::string const named("\x05\x00\x00\x03\x04name\x00\x01", 11);
  CHECK(put(four, named + "x") == named.size());
  CHECK(four.status() == kw::handshake_status::ready);

  kw::socks5_request request{.address_size = 16, .port = 80};
  request.address[15] = 1;
  kw::socks5_handshake six{request};
  said(six);
  put(six, "\x05\x00"sv);
  CHECK(said(six) == "\x05\x01\x00\x04"s + std::string(15, '\0') + "\x01\x00\x50"s);
  std::string const reply = "\x05\x00\x00\x04"s + std::string(18, 'x');
  CHECK(put(six, reply + "x") == reply.size());
  CHECK(six.status() == kw::handshake_status::ready);
}

TEST_CASE("RFC 1929: a user and a password, when they are asked for") {
  kw::socks5_request const request{.host = "a", .port = 1, .user = "ann", .password = "secret"};
  kw::socks5_handshake asked{request};
  CHECK(said(asked) == "\x05\x02\x00\x02"sv);
  put(asked, "\x05\x02"sv);
  CHECK(said(asked) ==
        "\x01\x03"
        "ann\x06secret"sv);
  put(asked, "\x01\x00"sv);
  CHECK(said(asked) ==
        "\x05\x01\x00\x03\x01"
        "a\x00\x01"sv);

  kw::socks5_handshake trusted{request};
  said(trusted);
  put(trusted, "\x05\x00"sv);
  CHECK(said(trusted).find("secret") == std::string::npos);
}

TEST_CASE("refusals and answers that are none") {
  using enum kw::error;
  CHECK(outcome("\x05\xff"sv) == proxy_authentication_required);
  CHECK(outcome("\x05\xff"sv, true) == proxy_authentication_required);
  CHECK(outcome("\x05\x02\x01\x01"sv, true) == proxy_authentication_required);
  CHECK(outcome("\x05\x02"sv) == proxy_malformed);
  CHECK(outcome("\x05\x01"sv, true) == proxy_malformed);
  CHECK(outcome("\x04\x00"sv) == proxy_malformed);
  CHECK(outcome("HTTP/1.1 400 x\r\n"sv) == proxy_malformed);
  CHECK(outcome("\x05\x02\x05\x01"sv, true) == proxy_authentication_required);  // 5 for 1: seen in the wild
  CHECK(outcome("\x05\x00\x04\x00"sv) == proxy_malformed);
  CHECK(outcome("\x05\x00\x05\x00\x00\x02"sv) == proxy_malformed);
  CHECK(outcome("\x05\x00\x05\x05"sv) == proxy_refused);
  CHECK(outcome(""sv) == connection_lost);
  CHECK(outcome("\x05\x00\x05\x00\x00\x01\x7f"sv) == connection_lost);

  kw::socks5_handshake socks{{.host = "a", .port = 1}};
  put(socks, "\x05\x00\x05\x04"sv);
  CHECK(socks.answer().body == "host unreachable");
  kw::socks5_handshake other{{.host = "a", .port = 1}};
  put(other, "\x05\x00\x05\x63"sv);
  CHECK(other.answer().body == "reply 99");
  kw::socks5_handshake known{{.host = "a", .port = 1, .user = "u"}};
  put(known, "\x05\xff"sv);
  CHECK(known.answer().body == "no acceptable method of authentication");
}

TEST_CASE("what SOCKS cannot say") {
  using enum kw::error;
  std::string const longest(255, 'a');
  CHECK(!kw::socks5_handshake{{.host = longest, .port = 1, .user = longest, .password = longest}}.error());
  CHECK(kw::socks5_handshake{{.host = longest + 'a', .port = 1}}.error() == invalid_argument);
  CHECK(kw::socks5_handshake{{.host = "a", .port = 1, .user = longest + 'a'}}.error() == invalid_argument);
  CHECK(kw::socks5_handshake{{.host = "a", .port = 1, .password = longest + 'a'}}.error() ==
        invalid_argument);
  CHECK(kw::socks5_handshake{{.port = 1}}.error() == invalid_argument);
}

}  // namespace socks5_tests
