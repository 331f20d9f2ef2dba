#include <kindwire/handshake/headers.hpp>

#include <doctest/doctest.h>

#include <memory>
#include <optional>
#include <ostream>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "sample.hpp"

namespace headers_tests {

namespace kw = kindwire;
using views = std::vector<std::string_view>;

namespace {

kw::headers fields(std::string const& lines) {
  return sample::parsed("GET / HTTP/1.1\r\nHost: a\r\n" + lines + "\r\n").headers();
}

}  // namespace

TEST_CASE("headers: looked up by name, ignoring case, in order") {
  kw::headers const list = fields("A: 1\r\nb:2\r\na:\t3 \t\r\nEmpty:\r\n");
  CHECK(list.size() == 5);
  CHECK_FALSE(list.empty());
  CHECK(kw::headers{}.empty());
  CHECK(list.first("a") == "1");
  CHECK(list.first("B") == "2");
  CHECK(list.first("empty") == "");
  CHECK(list.first("c") == std::nullopt);
  CHECK(list.all("A") == views{"1", "3"});
  CHECK(list.count("a") == 2);
  CHECK(list.only("a") == std::nullopt);
  CHECK(list.only("b") == "2");
  std::string text;
  for (auto const [name, value] : list) {
    text += name;
    text += '=';
    text += value;
    text += ';';
  }
  CHECK(text == "Host=a;A=1;b=2;a=3;Empty=;");
}

TEST_CASE("headers: copies and moves stand for themselves") {
  auto original = std::make_unique<kw::headers>(fields("A: 1\r\n"));
  kw::headers const copy = *original;
  kw::headers const moved = std::move(*original);
  original.reset();
  CHECK(copy.first("a") == "1");
  CHECK(moved.first("a") == "1");
}

TEST_CASE("headers: tokens of all lines together") {
  CHECK(fields("").tokens("P") == views{});
  CHECK(fields("P: a\r\n").tokens("p") == views{"a"});
  CHECK(fields("P: a , b\r\nQ: x\r\nP:,,c,\r\n").tokens("P") == views{"a", "b", "c"});
  CHECK(fields("P:\r\nP: a\r\n").tokens("P") == views{"a"});
  for (std::string const value : {"", ",", "a b", "a;b", "a/1", "\"a\"", "a,b c", "\xc3\xa4"}) {
    CAPTURE(value);
    CHECK(fields("P: " + value + "\r\n").tokens("P") == std::nullopt);
  }
  CHECK_MESSAGE(fields("P: a b\r\nP: c\r\n").tokens("P") == std::nullopt, "what follows does not mend it");
}

TEST_CASE("headers: a token is a whole element") {
  CHECK(fields("C: keep-alive, UPGRADE\r\n").has_token("c", "upgrade"));
  CHECK(fields("C: keep-alive\r\nC:\tUpgrade\t,x\r\n").has_token("C", "upgrade"));
  CHECK_FALSE(fields("C: notupgrade, upgrades, up grade\r\n").has_token("C", "upgrade"));
  CHECK_FALSE(fields("D: upgrade\r\n").has_token("C", "upgrade"));
}

}  // namespace headers_tests
