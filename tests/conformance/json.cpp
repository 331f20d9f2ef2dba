// What has crashed or misled readers of JSON behind a WebSocket: each text gives one typed error, in whatever
// bytes it stands.
#include <kindwire/json/dispatcher.hpp>

#include <doctest/doctest.h>

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
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

TEST_CASE("json: simdjson, jsoncpp, json-voorhees: strings that one processor takes and another does not") {
  auto const code = [](std::string const& inside) {
    std::string const text = "{\"kind\":\"WORDS\",\"text\":\"" + inside + "\"}";
    std::vector<char> const bytes(text.begin(), text.end());
    auto const result = kw::decode<words>(std::string_view(bytes.data(), bytes.size()));
    return result ? json_errc{} : result.error().code;
  };
  // At each place of a register, with each length of what follows.
  unsigned wrong = 0;
  for (std::size_t before = 0; before != 70; ++before) {
    for (std::size_t const after : {0u, 1u, 7u, 15u, 16u, 31u}) {
      auto const around = [&](std::string const& what) {
        return code(std::string(before, ' ') + what + std::string(after, 'x'));
      };
      for (std::string const& bad :
           {"\xf0\x8f\xbf\xbf"s, "\xff"s, "\xc0\x80"s, "\xed\xa0\x80"s, "\xf5\x80\x80\x80"s,
            "\xf8\x88\x80\x80\x80"s, "\xf4\x90\x80\x80"s, "\xe2\x82"s, "\xbf"s}) {
        wrong += around(bad) != json_errc::invalid_utf8;
      }
      for (std::string const& lone : {R"(\udc00)"s, R"(\ud800)"s, R"(\udc00\ud800)"s, R"(\uD801\u0041)"s,
                                      R"(\uD801\uD801)"s, R"(\ud83d\n)"s}) {
        wrong += around(lone) != json_errc::lone_surrogate;
      }
      wrong += around(R"(\uggggxy)") != json_errc::invalid_escape;
      wrong += around("\x1f") != json_errc::malformed;
      wrong += around("\xf0\x90\x80\x80\x7f\xc2\x80\xef\xbf\xbf") != json_errc{};
    }
  }
  CHECK(wrong == 0);
}

TEST_CASE("json: simdjson: numbers that it crashed on, or read as another") {
  auto const read = [](std::string const& text, auto& value) {
    std::vector<char> const bytes(text.begin(), text.end());
    auto const result = kw::decode(std::string_view(bytes.data(), bytes.size()), value);
    return result ? json_errc{} : result.error().code;
  };
  double value = -1;
  std::int64_t whole = -1;
  CHECK(read("0", value) == json_errc{});
  CHECK(value == 0);
  for (std::string const text :
       {"1.0e-308", "0.1e-308", "0.01e-307", "1000000000000000000e0", "1000000000000000000e-0",
        "1000000000000000000.0e0", "1000000000000000000e10", "92233720368547758423",
        "0.0000000001e-2147483639", "4E-2147483674", "1e308"}) {
    CAPTURE(text);
    CHECK(read(text, value) == json_errc{});
    CHECK(value == std::strtod(text.c_str(), nullptr));
  }
  CHECK(read("4E2147483674", value) == json_errc::out_of_range);
  for (std::string const text : {"-0", "-0.0", "-1e-999", "-0e-999", "-1e-342"}) {
    CAPTURE(text);
    CHECK(read(text, value) == json_errc{});
    CHECK(value == 0);
    CHECK(std::signbit(value));
  }
  CHECK(read("1000000000000000000e0", whole) == json_errc{});
  CHECK(whole == 1'000'000'000'000'000'000);
  CHECK(read("92233720368547758423", whole) == json_errc::out_of_range);
  CHECK(read("1e19", whole) == json_errc::out_of_range);
  float narrow = 0;
  CHECK(read("16777217", narrow) == json_errc{});
  CHECK(narrow == 16777216.0f);
  CHECK(read("3.5e38", narrow) == json_errc::out_of_range);
}

}  // namespace

}  // namespace json_tests
