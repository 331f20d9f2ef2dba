#include <kindwire/handshake/authority.hpp>

#include <doctest/doctest.h>

#if defined(_WIN32)
#include <winsock2.h>
#include <ws2tcpip.h>
#else
#include <arpa/inet.h>
#endif

#include <algorithm>
#include <array>
#include <cstddef>
#include <ostream>
#include <random>
#include <string>
#include <string_view>

namespace authority_tests {

namespace detail = kindwire::detail;

TEST_CASE("RFC 3986 §3.2: host and port") {
  auto const plain = detail::parse_authority("Example.com:8080");
  REQUIRE(plain);
  CHECK(plain->host == "Example.com");
  CHECK(plain->port == 8080);
  auto const bracketed = detail::parse_authority("[::1]:1");
  REQUIRE(bracketed);
  CHECK(bracketed->host == "::1");
  CHECK(bracketed->port == 1);
  CHECK(bracketed->bracketed);
  for (std::string_view const text :
       {"a", "127.0.0.1", "a:", "[::1]:", "a:65535", "[2001:db8::7.8.9.1]", "a%20b", "x_y-z.~"}) {
    CAPTURE(text);
    CHECK(detail::parse_authority(text));
  }
}

TEST_CASE("RFC 3986 §3.2: what is no host and port") {
  for (std::string_view const text : {"",
                                      ":80",
                                      ":99999",
                                      "a b",
                                      "a\tb",
                                      "a:0",
                                      "a:65536",
                                      "a:99999",
                                      "a:-1",
                                      "a:+1",
                                      "a:1x",
                                      "a: 1",
                                      "a:1 ",
                                      "a:0x50",
                                      "a:18446744073709551617",
                                      "[",
                                      "[::",
                                      "[]",
                                      "::1",
                                      "[::1]x",
                                      "[::1]80",
                                      "[::1",
                                      "[1.2.3.4]",
                                      "[::g]",
                                      "[v1.a]",
                                      "[fe80::1%25eth0]",
                                      "a@b",
                                      "user:pass@b",
                                      "a/b",
                                      "a?b",
                                      "a#b",
                                      "a\\b",
                                      "a%2",
                                      "a%zz",
                                      "a,b c",
                                      "\xc3\xa4",
                                      "a:1:2",
                                      "[::1]:x",
                                      "a\"b",
                                      "<a>"}) {
    CAPTURE(text);
    CHECK_FALSE(detail::parse_authority(text));
  }
  CHECK_FALSE(detail::parse_authority(std::string_view{"a\0b", 3}));
}

#if defined(_WIN32)
// As in ::01.2.3.4
bool has_octet_with_leading_zero(std::string_view text) {
  for (std::size_t begin = 0; begin < text.size();) {
    std::size_t const end = std::min(text.find_first_of(":.", begin), text.size());
    std::string_view const group = text.substr(begin, end - begin);
    bool const is_octet = (begin != 0 && text[begin - 1] == '.') || (end != text.size() && text[end] == '.');
    if (is_octet && group.size() > 1 && group.front() == '0') return true;
    begin = end + 1;
  }
  return false;
}
#endif

TEST_CASE("RFC 4291 §2.2: IPv6 addresses, as the system's inet_pton sees them") {
  std::mt19937 random{1};
  auto const agrees = [](std::string const& text) {
#if defined(_WIN32)
    // RFC 3986 §3.2.2: dec-octet. Wine's inet_pton() takes ::01.2.3.4 all the same.
    if (has_octet_with_leading_zero(text)) return !detail::is_ipv6(text) && !detail::is_ipv4(text);
#endif
    std::array<unsigned char, 16> address;
    return detail::is_ipv6(text) == (inet_pton(AF_INET6, text.c_str(), address.data()) == 1) &&
           detail::is_ipv4(text) == (inet_pton(AF_INET, text.c_str(), address.data()) == 1);
  };
  unsigned valid = 0;
  for (int i = 0; i < 200000; ++i) {
    std::string text;
    for (auto pieces = random() % 12; pieces != 0; --pieces) {
      static constexpr std::array<std::string_view, 12> parts{":", ":",    ":",     "::",      "1", "ab",
                                                              "0", "ffff", "12345", "1.2.3.4", ".", "255"};
      text += parts[random() % parts.size()];
    }
    CAPTURE(text);
    valid += detail::is_ipv6(text) ? 1 : 0;
    REQUIRE(agrees(text));
  }
  CHECK(valid > 1000);
  for (std::string const text : {"::",
                                 "1::",
                                 "::1",
                                 "1:2:3:4:5:6:7:8",
                                 "1:2:3:4:5:6:7::",
                                 "::2:3:4:5:6:7:8",
                                 "1:2:3:4:5:6:7:8:9",
                                 "1:2:3:4:5:6:7:8:9:a",
                                 "::1:2:3:4:5:6:7:8:9:a",
                                 "1:2:3:4:5:6:7:8::",
                                 "::1:2:3:4:5:6:7:8",
                                 "1:2:3:4:5:6:1.2.3.4",
                                 "::1.2.3.4",
                                 "1::2::3",
                                 ":::",
                                 "1:",
                                 ":1",
                                 "1.2.3.4::",
                                 "::01.2.3.4",
                                 "256.1.1.1",
                                 "1.2.3.4",
                                 "0.0.0.0",
                                 "01.2.3.4",
                                 "1.2.3.4.5",
                                 "1.2.3",
                                 "1.2.3."}) {
    CAPTURE(text);
    CHECK(agrees(text));
  }
}

TEST_CASE("RFC 9110 §4.2, RFC 6455 §3: the ports of the schemes") {
  CHECK(detail::default_port("http") == 80);
  CHECK(detail::default_port("WS") == 80);
  CHECK(detail::default_port("HTTPS") == 443);
  CHECK(detail::default_port("wss") == 443);
  CHECK(detail::default_port("ftp") == 0);
}

}  // namespace authority_tests
