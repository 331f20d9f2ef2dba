#include <kindwire/json/error_message.hpp>

#include <kindwire/json/dispatcher.hpp>
#include <kindwire/json/writer.hpp>

#include <set>
#include <string>
#include <string_view>

#include <doctest/doctest.h>

namespace kw = kindwire;

namespace {
struct move {
  int x;
  static constexpr auto schema = kw::kind("MOVE", kw::field("x", &move::x));
};
}  // namespace

TEST_CASE("an error is a message that says what was wrong where") {
  kw::dispatcher const on{[](move) {}};
  CHECK(
      kw::to_json(kw::to_message(on(R"({"kind":"MOVES"})").error())) ==
      R"({"kind":"ERROR","code":"unknown_kind","path":"/kind","message":"unknown kind \"MOVES\"; did you mean \"MOVE\"?"})");
  CHECK(
      kw::to_json(kw::to_message(on(R"({"kind":"MOVE","x":1.5})").error())) ==
      R"({"kind":"ERROR","code":"wrong_type","path":"/x","message":"field \"x\": expected an integer, found 1.5"})");
  CHECK(kw::decode<kw::error_message>(R"({"kind":"ERROR","code":"busy"})")->code == "busy");
}

TEST_CASE("each code is spelt, and no two alike") {
  std::set<std::string_view> spellings;
  std::string const none = std::error_code{0, kw::json_category()}.message();
  int code = 1;
  for (; std::error_code{code, kw::json_category()}.message() != none; ++code) {
    std::string_view const spelling = kw::to_string(static_cast<kw::json_errc>(code));
    CHECK(spelling != "invalid");
    CHECK(spellings.insert(spelling).second);
  }
  CHECK(code > 19);
}
