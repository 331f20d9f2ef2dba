#include <kindwire/handshake/grammar.hpp>

#include <doctest/doctest.h>

#include <ostream>
#include <string>
#include <string_view>
#include <vector>

namespace grammar_tests {

namespace detail = kindwire::detail;

TEST_CASE("RFC 9110 §5.6.2: the characters of a token") {
  std::string tokens;
  std::string values;
  for (int byte = 0; byte < 256; ++byte) {
    auto const c = static_cast<char>(byte);
    if (detail::is_token_character(c)) tokens += c;
    if (detail::is_field_character(c)) values += c;
  }
  CHECK(tokens == "!#$%&'*+-.0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ^_`abcdefghijklmnopqrstuvwxyz|~");
  CHECK(values.size() == 1 + 95 + 128);
  CHECK_FALSE(detail::is_token(""));
  CHECK_FALSE(detail::is_token("a b"));
  CHECK(detail::is_token("a.b"));
}

TEST_CASE("RFC 9110 §5.6.1: lists may have empty elements") {
  auto const elements = [](std::string_view list) {
    std::vector<std::string> result;
    CHECK(detail::for_each_element(list, [&](std::string_view element) {
      result.emplace_back(element);
      return true;
    }));
    return result;
  };
  CHECK(elements("").empty());
  CHECK(elements(" , ,\t,").empty());
  CHECK(elements("a,b") == std::vector<std::string>{"a", "b"});
  CHECK(elements(",a ,, b c\t,") == std::vector<std::string>{"a", "b c"});
  CHECK_FALSE(detail::for_each_element("a,b", [](std::string_view element) { return element != "b"; }));
}

TEST_CASE("RFC 6455 §2.1: only ASCII letters have two cases") {
  for (int left = 0; left < 256; ++left) {
    for (int right = 0; right < 256; ++right) {
      bool const letters = (left | 32) == (right | 32) && (left | 32) >= 'a' && (left | 32) <= 'z';
      char const first = static_cast<char>(left);
      char const second = static_cast<char>(right);
      REQUIRE(detail::equal_ignoring_case({&first, 1}, {&second, 1}) == (left == right || letters));
    }
  }
}

TEST_CASE("RFC 9110 §5.6.3: spaces and tabs around a value are none of it") {
  CHECK(detail::trim(" \t a b\t ") == "a b");
  CHECK(detail::trim(" \t").empty());
}

}  // namespace grammar_tests
