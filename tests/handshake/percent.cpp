#include <kindwire/handshake/percent.hpp>

#include <doctest/doctest.h>

#include <optional>
#include <ostream>
#include <string>
#include <string_view>

namespace percent_tests {

namespace kw = kindwire;

TEST_CASE("RFC 3986 §2.1: every byte, in both cases of its digits") {
  for (int byte = 0; byte < 256; ++byte) {
    for (std::string_view const digits : {"0123456789abcdef", "0123456789ABCDEF"}) {
      std::string const text{'x', '%', digits[static_cast<std::size_t>(byte) / 16],
                             digits[static_cast<std::size_t>(byte) % 16], 'y'};
      std::string const expected{'x', static_cast<char>(byte), 'y'};
      REQUIRE(kw::percent_decode(text) == expected);
      REQUIRE(kw::detail::form_decode(text) == expected);
    }
  }
}

TEST_CASE("RFC 3986 §2.1: a percent sign needs two digits") {
  for (std::string_view const text : {"%", "%4", "a%", "a%4", "%4g", "%g4", "%%41", "% 41"}) {
    CAPTURE(text);
    CHECK(kw::percent_decode(text) == std::nullopt);
  }
  CHECK(kw::percent_decode("a+b") == "a+b");
  CHECK(kw::percent_decode("%2541") == "%41");
  CHECK(kw::percent_decode("") == "");
}

TEST_CASE("WHATWG URL: in a query a plus is a space, and a lone percent sign itself") {
  CHECK(kw::detail::form_decode("a+b%2B%") == "a b+%");
  CHECK(kw::detail::form_decode("%%41%4") == "%A%4");
}

}  // namespace percent_tests
