#include <kindwire/json/reader.hpp>
#include <kindwire/json/reading/value_walker.hpp>

#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <string_view>

#include <doctest/doctest.h>

namespace value_walker_tests {

namespace kw = kindwire;
using kw::json_errc;

namespace {

// What was handed over, in words.
struct told {
  static constexpr std::uint64_t most_bytes = 4'000'000;
  std::string text;
  void null() { text += " null"; }
  void boolean(bool value) { text += value ? " true" : " false"; }
  void negative(std::int64_t value) { text += " negative:" + std::to_string(value); }
  void whole(std::uint64_t value) { text += " whole:" + std::to_string(value); }
  void floating(double value) { text += " floating:" + std::to_string(value); }
  void string(std::string_view value) { text += " '" + std::string{value} + "'"; }
  void name(std::string_view value) { text += " " + std::string{value} + ":"; }
  void begin_object() { text += " {"; }
  void end_object(std::size_t members) { text += " }" + std::to_string(members); }
  void begin_array() { text += " ["; }
  void end_array(std::size_t elements) { text += " ]" + std::to_string(elements); }
};

struct walked {
  std::string text;
  bool has_duplicates;
  std::optional<kw::json_error> error;
};

walked walk(std::string_view text, kw::json_options options = {}) {
  kw::json_reader reader{text, options};
  told parts;
  kw::detail::value_walker<told> walker{reader, parts};
  bool const good = walker.walk() && reader.finish();
  walked result{parts.text, walker.has_duplicates(), std::nullopt};
  if (!good) result.error = reader.take_error();
  return result;
}

std::string path_of(std::string_view text) {
  auto const result = walk(text);
  REQUIRE(result.error);
  return std::string{kw::json_category().message(static_cast<int>(result.error->code))} + " " +
         result.error->path;
}

}  // namespace

TEST_CASE("value walker: all parts of a value, in the order of the text") {
  CHECK(walk("7").text == " whole:7");
  CHECK(walk("\"a\\n\"").text == " 'a\n'");
  CHECK(walk("[]").text == " [ ]0");
  CHECK(walk("{}").text == " { }0");
  CHECK(walk(R"( { "a" : [ 1 , -2, 1.5, true, false, null, "x", [], {} ] , "b\u0063" : { "d" : {} } } )")
            .text ==
        " { a: [ whole:1 negative:-2 floating:1.500000 true false null 'x' [ ]0 { }0 ]9 bc: { d: { }0 }1 }2");
}

TEST_CASE("value walker: integers of 64 bits are exact, others are doubles") {
  CHECK(walk("18446744073709551615").text == " whole:18446744073709551615");
  CHECK(walk("-9223372036854775808").text == " negative:-9223372036854775808");
  CHECK(walk("-9223372036854775809").text == " floating:" + std::to_string(-9223372036854775808.0));
  CHECK(walk("18446744073709551616").text == " floating:" + std::to_string(18446744073709551616.0));
  CHECK(walk("-0").text == " negative:0");
  CHECK(walk("1e2").text == " floating:100.000000");
  CHECK(walk("1e-999").text == " floating:0.000000");
}

TEST_CASE("value walker: an error has the path inside of the value") {
  CHECK(path_of("[0,[1,2],[3,x]]") == "malformed JSON /2/1");
  CHECK(path_of("[0 1]") == "malformed JSON ");
  CHECK(path_of(R"({"a":{"b":[1e999]}})") == "number out of range /a/b/0");
  CHECK(path_of(R"({"a\"\\":{"\u00e9/":"\ud800"}})") ==
        "half of a surrogate pair in a string /a\"\\/\xC3\xA9~1");
  CHECK(path_of(R"({"a":1,"b" 2})") == "malformed JSON ");
  CHECK(path_of(R"({"a":{"b":1,"c)") == "JSON ends too early /a");
  CHECK(path_of(R"([[{"a":[)") == "JSON ends too early /0/0/a/0");
  CHECK(path_of("[[],[[]], {\"a\":[]} y") == "malformed JSON ");
  CHECK(path_of("") == "JSON ends too early ");
  CHECK(path_of("[nul]") == "malformed JSON /0");
  CHECK(path_of("[tru]") == "malformed JSON /0");
  CHECK(path_of("[fals]") == "malformed JSON /0");
  CHECK(path_of("[-]") == "malformed JSON /0");
  std::string const deep(65, '[');
  CHECK(path_of(deep).starts_with(kw::json_category().message(static_cast<int>(json_errc::too_deep))));
}

TEST_CASE("value walker: as many levels as the options say, and the path through all of them") {
  kw::json_options const options{.max_depth = 200};
  for (std::size_t const levels : {63U, 64U, 65U, 66U, 200U}) {
    CAPTURE(levels);
    std::string opening;
    std::string closing;
    std::string path;
    for (std::size_t level = 0; level != levels; ++level) {
      bool const is_object = level % 2 == 1;
      opening += is_object ? R"({"a":)" : "[";
      closing.insert(0, is_object ? "}" : "]");
      path += is_object ? "/a" : "/0";
    }
    CHECK_FALSE(walk(opening + "7" + closing, options).error);
    auto const wrong = walk(opening + "x" + closing, options);
    REQUIRE(wrong.error);
    CHECK(wrong.error->code == json_errc::malformed);
    CHECK(wrong.error->path == path);
    CHECK(walk(opening + "7" + closing, {.max_depth = 62}).error->code == json_errc::too_deep);
  }
}

TEST_CASE("value walker: members that stand twice") {
  CHECK(path_of(R"([{"a":{"x":1,"y":2,"x":3}}])") == "duplicate field /0/a/x");
  kw::json_options const first{.duplicates = kw::duplicate_policy::first};
  auto const both = walk(R"({"a":1,"b":{"a":2},"a":3})", first);
  CHECK(!both.error);
  CHECK(both.has_duplicates);
  CHECK(both.text == " { a: whole:1 b: { a: whole:2 }1 a: whole:3 }3");
  CHECK(!walk(R"({"a":1,"b":{"a":2}})", first).has_duplicates);
  std::string many = "{";
  for (int index = 0; index != 40; ++index) many += "\"name " + std::to_string(index) + "\":{\"x\":0},";
  CHECK(!walk(many + R"("last":0})").error);
  CHECK(path_of(many + R"("name 39":0})") == "duplicate field /name 39");
  CHECK(walk(many + R"("name 39":0})", first).has_duplicates);
}

TEST_CASE("value walker: a text that is too large for its parts") {
  std::string const text = "[" + std::string(4'000'000, ' ') + "]";
  CHECK(walk(text).error->code == json_errc::beyond_limit);
}

}  // namespace value_walker_tests
