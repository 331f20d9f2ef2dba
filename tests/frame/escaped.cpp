#include <kindwire/frame/escaped.hpp>

#include <doctest/doctest.h>

#include <string>

namespace escaped_tests {

namespace kw = kindwire;
using namespace std::string_literals;

TEST_CASE("escaped: printable ASCII stays, everything else is spelt out on one line") {
  CHECK(kw::detail::escaped("GET /a?b=c HTTP/1.1 ~") == "GET /a?b=c HTTP/1.1 ~");
  CHECK(kw::detail::escaped("a\r\n\tb\"c\\d") == R"(a\r\n\tb\"c\\d)");
  CHECK(kw::detail::escaped("\0\x1b[2J\x7f\x80\xff"s) == R"(\x00\x1b[2J\x7f\x80\xff)");
  for (int each = 0; each != 256; ++each) {
    std::string const one = kw::detail::escaped(std::string(1, static_cast<char>(each)));
    CHECK(!one.empty());
    for (char const letter : one) CHECK((letter >= 0x20 && letter < 0x7F));
  }
}

}  // namespace escaped_tests
