#include <kindwire/json/writer.hpp>

#include <limits>
#include <map>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include <kindwire/json/reader.hpp>

namespace kw = kindwire;
using kw::json_errc;

namespace {

struct initial {
  static constexpr auto schema = kw::kind("INITIAL");
};

struct progress {
  double value = 0;
  static constexpr auto schema = kw::kind("PROGRESS", kw::field("value", &progress::value));
};

enum class language { english };

template <class T>
struct holder {
  T value{};
  static constexpr auto schema = kw::object(kw::field("value", &holder::value));
};

struct nothing {
  static constexpr auto schema = kw::object();
};

struct typed {
  static constexpr auto schema = kw::kind("A", kw::key("type"));
};

struct tree {
  std::vector<tree> children;
  static constexpr auto schema = kw::object(kw::field("children", &tree::children));
};

enum class color { red, green };

struct minutes {
  int count = 0;
};

// What cannot take anything back, and is not to see anything that must be.
struct append_only {
  std::string text;
  int calls = 0;
  void append(char const* data, std::size_t size) {
    text.append(data, size);
    ++calls;
  }
};

template <class T>
std::string written(T value) {
  return *kw::to_json(holder<T>{std::move(value)});
}

}  // namespace

template <>
inline constexpr auto kw::schema<language> = kw::enumeration(kw::enumerator("en", language::english),
                                                             kw::enumerator("english", language::english));

TEST_CASE("a value with several names is written by the first and read by each") {
  CHECK(*kw::to_json(language::english) == R"("en")");
  CHECK(*kw::decode<language>(R"("english")") == language::english);
}

template <>
inline constexpr auto kw::schema<color> = kw::enumeration(kw::enumerator("red", color::red));

template <>
struct kw::json_codec<minutes> {
  static bool write(kw::json_writer& writer, minutes const& value) {
    return value.count < 60 ? writer.write(value.count) : writer.reject("less than 60");
  }
};

TEST_CASE("the kind comes first") {
  CHECK(*kw::to_json(initial{}) == R"({"kind":"INITIAL"})");
  CHECK(*kw::to_json(progress{42.5}) == R"({"kind":"PROGRESS","value":42.5})");
  CHECK(*kw::to_json(typed{}) == R"({"type":"A"})");
  CHECK(*kw::to_json(nothing{}) == "{}");
}

TEST_CASE("values are written in their shortest form") {
  CHECK(written(true) == R"({"value":true})");
  CHECK(written(std::numeric_limits<std::int64_t>::min()) == R"({"value":-9223372036854775808})");
  CHECK(written(std::numeric_limits<std::uint64_t>::max()) == R"({"value":18446744073709551615})");
  CHECK(written(std::int8_t{-128}) == R"({"value":-128})");
  CHECK(written(0.1) == R"({"value":0.1})");
  CHECK(written(0.1F) == R"({"value":0.1})");
  CHECK(written(1.0) == R"({"value":1})");
  CHECK(written(1e300) == R"({"value":1e+300})");
  CHECK(written(std::optional<int>{}) == "{}");
  CHECK(written(std::optional<int>{3}) == R"({"value":3})");
  CHECK(written(std::vector<std::optional<int>>{1, {}}) == R"({"value":[1,null]})");
  CHECK(written(std::vector<int>{}) == R"({"value":[]})");
  CHECK(written(std::vector<bool>{true, false}) == R"({"value":[true,false]})");
  CHECK(written(std::array{1, 2}) == R"({"value":[1,2]})");
  CHECK(written(std::map<std::string, int>{{"a", 1}, {"b\"", 2}}) == R"({"value":{"a":1,"b\"":2}})");
  CHECK(written(std::map<std::string, int>{}) == R"({"value":{}})");
  CHECK(written(color::red) == R"({"value":"red"})");
  CHECK(written(minutes{59}) == R"({"value":59})");
}

TEST_CASE("strings are escaped where they must be") {
  CHECK(written(std::string("\"\\/\b\f\n\r\t\x01\x1f\x7f\0é😀", 18)) ==
        "{\"value\":\"\\\"\\\\/\\b\\f\\n\\r\\t\\u0001\\u001f\x7f\\u0000é😀\"}");
  CHECK(written(std::string_view{"view"}) == R"({"value":"view"})");
}

TEST_CASE("what cannot be expressed is an error and leaves nothing") {
  auto const refuses = [](auto const& value, json_errc code) {
    std::string text = "before";
    auto const result = kw::encode(value, text);
    REQUIRE(!result);
    CHECK(result.error().code == code);
    CHECK(text == "before");
    CHECK(!kw::to_json(value));
    append_only sink;
    CHECK(!kw::encode_text(sink, value));
    CHECK(sink.calls == 0);
  };
  refuses(progress{std::numeric_limits<double>::quiet_NaN()}, json_errc::not_finite);
  refuses(progress{-std::numeric_limits<double>::infinity()}, json_errc::not_finite);
  refuses(holder<std::string>{"\xFF"}, json_errc::invalid_utf8);
  refuses(holder<std::string>{"cut \xF0\x9F"}, json_errc::invalid_utf8);
  refuses(holder<std::map<std::string, int>>{{{"\xC0\x80", 1}}}, json_errc::invalid_utf8);
  refuses(holder<color>{color::green}, json_errc::unknown_enumerator);
  refuses(holder<minutes>{{60}}, json_errc::rejected);

  // Also when the fault comes late, after more than any buffer holds.
  holder<std::vector<progress>> late{std::vector<progress>(1000)};
  late.value.back().value = std::numeric_limits<double>::infinity();
  refuses(late, json_errc::not_finite);
  std::string text;
  CHECK(kw::encode(late, text).error().message() == R"(field "value/999/value": number that is not finite)");

  tree root;
  for (int level = 0; level < 40; ++level) {
    tree above;
    above.children.push_back(std::move(root));
    root = std::move(above);
  }
  refuses(root, json_errc::too_deep);
  CHECK(kw::to_json(root).error().message().ends_with(": expected at most 64 levels"));
  CHECK(kw::to_json(root, {.max_depth = 82}));
  CHECK(kw::to_json(root, {.max_depth = 81}).error().code == json_errc::too_deep);
  std::string const raw = std::string(100, '[') + std::string(100, ']');
  CHECK(*kw::to_json(kw::raw_json{raw}, {.max_depth = 100}) == raw);
  CHECK(kw::to_json(kw::raw_json{raw}, {.max_depth = 99}).error().code == json_errc::too_deep);
}

TEST_CASE("every sink gets the same, whatever the size") {
  for (std::size_t size = 0; size < 1200; ++size) {
    holder<std::string> const value{std::string(size, 'x')};
    std::string text;
    REQUIRE(kw::encode(value, text));
    append_only sink;
    REQUIRE(kw::encode_text(sink, value));
    REQUIRE(text == sink.text);
    REQUIRE(text.size() == size + 12);
    if (text.size() <= 512) REQUIRE(sink.calls == 1);
  }
  holder<std::vector<std::uint64_t>> many{std::vector<std::uint64_t>(5000, 12345678)};
  append_only sink;
  REQUIRE(kw::encode_text(sink, many));
  CHECK(sink.text == *kw::to_json(many));
}

namespace {

struct starts_with_values {
  std::optional<int> limit = 10;
  std::optional<int> other{};
  std::optional<int> const fixed{};
  static constexpr auto schema = kw::object(kw::field("limit", &starts_with_values::limit),
                                            kw::field("other", &starts_with_values::other),
                                            kw::field("fixed", &starts_with_values::fixed));
};

struct no_default {
  explicit no_default(int) {}
  std::optional<int> limit{};
  static constexpr auto schema = kw::object(kw::field("limit", &no_default::limit));
};

}  // namespace

TEST_CASE("an empty optional is left out, unless an initialiser gives it a value") {
  CHECK(*kw::to_json(starts_with_values{}) == R"({"limit":10})");
  CHECK(*kw::to_json(starts_with_values{.limit = {}}) == R"({"limit":null})");
  CHECK(*kw::to_json(starts_with_values{.limit = {}, .other = 1, .fixed = 2}) ==
        R"({"limit":null,"other":1,"fixed":2})");
  CHECK(*kw::to_json(no_default{1}) == "{}");
}
