#include <kindwire/net/connection/kept_head.hpp>

#include <doctest/doctest.h>

#include <cstddef>
#include <random>
#include <string>
#include <string_view>
#include <utility>

namespace kept_head_tests {

namespace kw = kindwire;
using kw::net::detail::kept_head;

namespace {

kw::request parsed(std::string_view text) {
  kw::request result;
  REQUIRE(!kw::request::parse(text, result));
  return result;
}

void check_equal(kw::request const& left, kw::request const& right) {
  CHECK(left.method() == right.method());
  CHECK(left.target() == right.target());
  CHECK(left.path() == right.path());
  CHECK(left.query() == right.query());
  CHECK(left.host() == right.host());
  CHECK(left.parameters() == right.parameters());
  REQUIRE(left.headers().size() == right.headers().size());
  for (std::size_t index = 0; index != left.headers().size(); ++index) {
    CHECK(left.headers()[index].name == right.headers()[index].name);
    CHECK(left.headers()[index].value == right.headers()[index].value);
  }
}

}  // namespace

TEST_CASE("kept head: what comes out is what went in, as often as it is asked for") {
  auto head = parsed(
      "GET http://example.com:8080/a%20b/%2F?x=1&y HTTP/1.1\r\nHost: example.com\r\nX-Empty:\r\n"
      "Cookie: a=1\r\ncookie:  b=\xC3\xA9 ; \xFF\t\r\n\r\n");
  head.set_parameters({{"name", std::string("a b\n")}, {"", "/"}, {"more", ""}});
  kept_head kept(head, "chat.v2");
  CHECK(kept.subprotocol() == "chat.v2");
  kw::request const* const whole = kept.whole();
  REQUIRE(whole != nullptr);
  check_equal(*whole, head);
  CHECK(kept.whole() == whole);

  kept_head moved = std::move(kept);
  CHECK(moved.whole() == whole);
  CHECK(moved.subprotocol() == "chat.v2");
  CHECK(kept.whole() == nullptr);
  CHECK(kept.subprotocol().empty());
}

TEST_CASE("kept head: without a request there is none, nor memory for it") {
  kept_head none;
  CHECK(none.whole() == nullptr);
  CHECK(none.subprotocol().empty());
  kept_head client("chat");
  CHECK(client.whole() == nullptr);
  CHECK(client.subprotocol() == "chat");
  CHECK(kept_head(std::string_view{}).subprotocol().empty());
}

TEST_CASE("kept head: any request, and one that is beyond what a server takes by default") {
  std::mt19937 random{16};
  auto const between = [&](std::size_t least, std::size_t most) {
    return std::uniform_int_distribution<std::size_t>(least, most)(random);
  };
  constexpr std::string_view letters = "abcXYZ019-._~!$&'*+";
  auto const word = [&](std::size_t least, std::size_t most) {
    std::string result;
    for (std::size_t left = between(least, most); left != 0; --left)
      result += letters[between(0, letters.size() - 1)];
    return result;
  };
  for (int round = 0; round != 300; ++round) {
    std::string text = word(1, 8) + " /" + word(0, 40) + "?" + word(0, 40) + " HTTP/1.1\r\nHost: " + "h\r\n";
    for (std::size_t left = between(0, 30); left != 0; --left)
      text += word(1, 20) + ": " + word(0, 60) + "\r\n";
    auto head = parsed(text + "\r\n");
    kw::path_parameters parameters;
    for (std::size_t left = between(0, 4); left != 0; --left)
      parameters.emplace_back(word(0, 9), word(0, 300));
    head.set_parameters(std::move(parameters));
    kept_head kept(head, word(0, 9));
    REQUIRE(kept.whole() != nullptr);
    check_equal(*kept.whole(), head);
  }
  std::string large = "GET /" + std::string(100'000, 'a') + " HTTP/1.1\r\nHost: h\r\n";
  for (int index = 0; index != 1000; ++index) large += "X-" + std::to_string(index) + ": value\r\n";
  large += "\r\n";
  kw::head_parser parser{kw::head_parser::kind::request,
                         {.max_line = large.size(), .max_head = large.size(), .max_headers = 2000}};
  REQUIRE(parser.put(large) == large.size());
  kw::request head;
  REQUIRE(!kw::request::from(std::move(parser), head));
  kept_head kept(head, {});
  REQUIRE(kept.whole() != nullptr);
  check_equal(*kept.whole(), head);
}

}  // namespace kept_head_tests
