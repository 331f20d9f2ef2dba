// What has crashed or misled readers of JSON behind a WebSocket: each text gives one typed error, in whatever
// bytes it stands.
#include <kindwire/json/dispatcher.hpp>

#include <doctest/doctest.h>

#include <string>
#include <string_view>
#include <vector>

namespace json_tests {

namespace kw = kindwire;
using kw::json_errc;
using namespace std::string_literals;

namespace {

struct number {
  double value;
  static constexpr auto schema = kw::kind("NUMBER", kw::field("value", &number::value));
};
struct words {
  std::string text;
  static constexpr auto schema = kw::kind("WORDS", kw::field("text", &words::text));
};

TEST_CASE("json: RapidJSON 1.1.0: what its parser crashed on or let pass is one typed error") {
  int handled = 0;
  kw::dispatcher const on{[&](number const&) { ++handled; }, [&](words const&) { ++handled; }};
  auto const code = [&](std::string const& text) {
    // Of its exact size and without a NUL behind it, so that the address sanitizer sees a read past the end.
    std::vector<char> const bytes(text.begin(), text.end());
    auto const outcome = on(std::string_view(bytes.data(), bytes.size()));
    return outcome ? json_errc{} : outcome.error().code;
  };
  CHECK(code(R"({"kind":"WORDS","text":"fine"})") == json_errc{});
  CHECK(code(R"({"kind":"NUMBER","value":1})") == json_errc{});
  REQUIRE(handled == 2);

  // A sequence that the end of the text cuts off, wherever a string may stand.
  for (std::string const& cut : {"\xf0"s, "\xf0\x9f"s, "\xf0\x9f\x98"s, "\xe2\x82"s, "\xc3"s}) {
    for (std::string const& before : {"\""s, "{\""s, "{\"kind\":\""s, "{\"kind\":\"WORDS\",\"text\":\""s}) {
      CHECK(code(before + cut) != json_errc{});
      CHECK(code(before + cut + "\"") != json_errc{});
      CHECK(code(before + cut + "\0"s) != json_errc{});
      CHECK(code(before + cut + "\"}") != json_errc{});
    }
  }
  // A NUL ends nothing, and is part of nothing.
  CHECK(code("{\"a\":1}\0junk"s) != json_errc{});
  CHECK(code("{\"kind\":\"NUMBER\",\"value\":1}\0"s) == json_errc::trailing_data);
  CHECK(code("{\"kind\":\"NUMBER\",\"value\":1}\0junk"s) == json_errc::trailing_data);
  CHECK(code("{\"kind\":\"NUMBER\",\0\"value\":1}"s) == json_errc::malformed);
  CHECK(code("{\"kind\":\"WORDS\",\"text\":\"a\0b\"}"s) == json_errc::malformed);
  CHECK(code("\0{\"kind\":\"NUMBER\",\"value\":1}"s) != json_errc{});
  // Depth, in every place where a value may stand.
  std::string const deep(1'000'000, '[');
  CHECK(code(deep) == json_errc::wrong_type);
  CHECK(code("{\"x\":" + deep) == json_errc::too_deep);
  CHECK(code("{\"kind\":\"NUMBER\",\"x\":" + deep) == json_errc::too_deep);
  CHECK(code("{\"kind\":\"NUMBER\",\"value\":" + deep) == json_errc::wrong_type);
  std::string objects;
  for (int i = 0; i != 100'000; ++i) objects += "{\"x\":";
  CHECK(code(objects) == json_errc::too_deep);
  // Numbers that no double holds.
  CHECK(code(R"({"kind":"NUMBER","value":1e400})") == json_errc::out_of_range);
  CHECK(code(R"({"kind":"NUMBER","value":-1e400})") == json_errc::out_of_range);
  CHECK(code("{\"kind\":\"NUMBER\",\"value\":" + std::string(400, '9') + "}") == json_errc::out_of_range);
  // Kinds.
  CHECK(code(R"({"value":1})") == json_errc::missing_kind);
  CHECK(code(R"({"kind":"NUMBER","kind":"WORDS","value":1})") == json_errc::duplicate_field);
  CHECK(code(R"({"value":1,"kind":"NUMBER","kind":"NUMBER"})") == json_errc::duplicate_field);
  for (char const* const other : {"1", "null", "true", "[\"NUMBER\"]", "{\"kind\":\"NUMBER\"}"}) {
    CAPTURE(other);
    CHECK(code("{\"kind\":"s + other + ",\"value\":1}") == json_errc::wrong_type);
  }
  CHECK(code(R"({"kind":"","value":1})") == json_errc::unknown_kind);
  CHECK(handled == 2);
}

}  // namespace

}  // namespace json_tests
