#include <kindwire/handshake/extension.hpp>

#include <doctest/doctest.h>

#include <optional>
#include <ostream>
#include <string>
#include <string_view>
#include <vector>

#include "sample.hpp"

namespace extension_tests {

namespace kw = kindwire;
using list = std::vector<kw::extension>;

TEST_CASE("RFC 6455 §9.1: the examples") {
  CHECK(kw::parse_extensions("deflate-stream") == list{{"deflate-stream", {}}});
  CHECK(kw::parse_extensions("mux; max-channels=4; flow-control,\tdeflate-stream") ==
        list{{"mux", {{"max-channels", "4"}, {"flow-control", std::nullopt}}}, {"deflate-stream", {}}});
}

TEST_CASE("RFC 6455 §9.1: a quoted value is the token inside") {
  list const expected{{"a", {{"b", "10"}}}};
  for (std::string_view const text :
       {"a;b=10", "a; b=\"10\"", "a ; b = \"\\1\\0\"", "\ta\t;\tb\t=\t10\t", ",a;b=10,,"}) {
    CAPTURE(text);
    CHECK(kw::parse_extensions(text) == expected);
  }
}

TEST_CASE("extensions are equal by name, parameters and their values") {
  list const one{{"a", {{"b", "1"}}}};
  for (std::string_view const text : {"x;b=1", "a", "a;x=1", "a;b", "a;b=2", "a;b=1;c", "a;b=1,a"}) {
    CAPTURE(text);
    CHECK(kw::parse_extensions(text) != one);
  }
}

TEST_CASE("RFC 6455 §9.1: malformed lists") {
  for (std::string_view const text : {"",
                                      " ",
                                      ",",
                                      "a b",
                                      "a;",
                                      "a;;b",
                                      ";a",
                                      "a;=1",
                                      "a;b=",
                                      "a;b=,c",
                                      "a;b=\"\"",
                                      "a;b=\"1",
                                      "a;b=\"1\\",
                                      "a;b=\"1\\\"",
                                      "a;b=\"x y\"",
                                      "a;b=\"x,y\"",
                                      "a;b=\"1\"2",
                                      "a;b=\"1\" 2",
                                      "a;b=1 2",
                                      "a;b=c=d",
                                      "a=1",
                                      "\"a\"",
                                      "a;\"b\"=1",
                                      "a/1",
                                      "a;b='\"",
                                      "a,b c",
                                      "a;b=\"\\\x01\"",
                                      "\xc3\xa4",
                                      "a;b=\xc3\xa4"}) {
    CAPTURE(text);
    CHECK(kw::parse_extensions(text) == std::nullopt);
  }
}

TEST_CASE("RFC 6455 §9.1: several fields are one list") {
  auto const parsed = [](sample::upgrade const& head) {
    return kw::parse_extensions(sample::parsed(head).headers());
  };
  CHECK(parsed(sample::upgrade{}) == list{});
  CHECK(parsed(sample::upgrade{}
                   .with("Sec-WebSocket-Extensions: foo")
                   .with("Sec-WebSocket-Extensions: bar; baz=2")) ==
        parsed(sample::upgrade{}.with("sec-websocket-extensions: foo, bar; baz=2")));
  CHECK(parsed(sample::upgrade{}.with("Sec-WebSocket-Extensions:").with("Sec-WebSocket-Extensions: a"))
            ->size() == 1);
  CHECK(parsed(sample::upgrade{}.with("Sec-WebSocket-Extensions:")) == std::nullopt);
  CHECK(parsed(sample::upgrade{}.with("Sec-WebSocket-Extensions: a").with("Sec-WebSocket-Extensions: ;")) ==
        std::nullopt);
}

TEST_CASE("extensions: written and read again") {
  list const all{{"a", {{"b", std::nullopt}, {"c", "1"}}}, {"d", {}}};
  CHECK(kw::format_extensions(all) == "a; b; c=1, d");
  CHECK(kw::parse_extensions(kw::format_extensions(all)) == all);
}

TEST_CASE("RFC 6455 §4.1: an answer names each extension once, and only what was offered") {
  list const offered{{"a", {{"x", std::nullopt}}}, {"b", {}}, {"a", {}}};
  CHECK_FALSE(kw::check_answered_extensions({}, offered));
  CHECK_FALSE(kw::check_answered_extensions({{"a", {{"y", "1"}}}, {"b", {}}}, offered));
  CHECK(kw::check_answered_extensions({{"c", {}}}, offered) == kw::error::handshake_extension);
  CHECK(kw::check_answered_extensions({{"A", {}}}, offered) == kw::error::handshake_extension);
  CHECK(kw::check_answered_extensions({{"a", {}}, {"a", {}}}, offered) == kw::error::handshake_extension);
  CHECK(kw::check_answered_extensions({{"a", {}}}, {}) == kw::error::handshake_extension);
}

TEST_CASE("an escape for every byte of a long value") {
  std::string text = "a; b=\"";
  for (int i = 0; i < 4000; ++i) text += "\\c";
  CHECK(kw::parse_extensions(text) == std::nullopt);
  auto const whole = kw::parse_extensions(text + '"');
  REQUIRE(whole);
  CHECK(whole->front().parameters.front().value == std::string(4000, 'c'));
}

}  // namespace extension_tests
