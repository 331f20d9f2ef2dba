#include <kindwire/json/description/form.hpp>

#include <array>
#include <chrono>
#include <cstdint>
#include <deque>
#include <filesystem>
#include <functional>
#include <list>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <tuple>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <variant>
#include <vector>

#include <doctest/doctest.h>

#include <kindwire/documents/json_schema.hpp>
#include <kindwire/documents/typescript.hpp>
#include <kindwire/json/reader.hpp>
#include <kindwire/json/writer.hpp>

namespace form_tests {

namespace kw = kindwire;
using kw::json_errc;

namespace {

enum class side { left, right };
enum class level : std::int8_t { low = -1, high = 7 };
enum class bare : std::uint8_t { zero, one };

}  // namespace
}  // namespace form_tests

template <>
inline constexpr auto kindwire::schema<form_tests::side> =
    kindwire::enumeration(kindwire::enumerator("LEFT", form_tests::side::left),
                          kindwire::enumerator("RIGHT", form_tests::side::right));
template <>
inline constexpr auto kindwire::schema<form_tests::level> =
    kindwire::enumeration(kindwire::enumerator("low", form_tests::level::low),
                          kindwire::enumerator("high", form_tests::level::high));

namespace form_tests {
namespace {

// The text gives a value that is written like that, and the value again.
template <class T>
T round_trip(std::string_view text) {
  CAPTURE(text);
  auto const value = kw::decode<T>(text);
  CAPTURE((value ? "" : value.error().message()));
  REQUIRE(value);
  auto const again = kw::to_json(*value);
  REQUIRE(again);
  CHECK(*again == text);
  CHECK(!kw::json_schema<T>().empty());
  CHECK(!kw::typescript<T>().empty());
  return kw::decode<T>(text).value();
}

template <class T>
std::string error_of(std::string_view text) {
  auto const value = kw::decode<T>(text);
  return value ? "" : value.error().message();
}

template <class T>
std::string type_of() {
  std::string const text = kw::typescript<T>("X");
  std::size_t const at = text.find("= ", text.find("export type X")) + 2;
  return text.substr(at, text.find(";\n", at) - at);
}

template <class T>
bool schema_has(std::string_view words) {
  return kw::json_schema<T>().find(words) != std::string::npos;
}

}  // namespace

TEST_CASE("lists of every kind are arrays") {
  CHECK(round_trip<std::deque<int>>("[1,2,3]").size() == 3);
  CHECK(round_trip<std::list<std::string>>(R"(["a","b"])").back() == "b");
  CHECK(round_trip<std::deque<bool>>("[true,false]").front());
  CHECK(round_trip<std::set<int>>("[1,2]").contains(2));
  CHECK(round_trip<std::unordered_set<std::string>>(R"(["a"])").contains("a"));
  CHECK(round_trip<std::multiset<int>>("[]").empty());
  CHECK(round_trip<std::multiset<int>>("[1,1,2]").count(1) == 2);
  CHECK(error_of<std::set<int>>("[1,2,1]") ==
        R"(field "2": value was rejected: expected elements of which none stands twice)");
  CHECK(kw::decode<std::set<int>>("[1,1]", {.duplicates = kw::duplicate_policy::last})->size() == 1);
  CHECK(schema_has<std::set<int>>(R"("uniqueItems": true)"));
  CHECK(type_of<std::set<std::optional<int>>>() == "(number | null)[]");
}

namespace {

struct fixed {
  int matrix[2][3] = {};
  std::pair<std::string, int> entry{};
  std::tuple<bool, std::vector<int>, std::optional<int>> mixed{};
  std::tuple<> none{};
  static constexpr auto schema =
      kw::object(kw::field("matrix", &fixed::matrix), kw::field("entry", &fixed::entry),
                 kw::field("mixed", &fixed::mixed), kw::field("none", &fixed::none));
};

}  // namespace

TEST_CASE("arrays of C, pairs and tuples are arrays of one length") {
  auto const value =
      round_trip<fixed>(R"({"matrix":[[1,2,3],[4,5,6]],"entry":["a",7],"mixed":[true,[1],null],"none":[]})");
  CHECK(value.matrix[1][2] == 6);
  CHECK(value.entry == std::pair{std::string{"a"}, 7});
  using entry = std::pair<std::string, int>;
  CHECK(error_of<entry>(R"(["a"])") == "expected an array of 2, found 1");
  CHECK(error_of<entry>(R"(["a",1,2])") == "expected an array of 2, found more");
  CHECK(error_of<entry>(R"(["a","b"])") == R"(field "1": expected an integer, found a string)");
  CHECK(schema_has<entry>(R"("prefixItems": [)"));
  CHECK(type_of<entry>() == "[string, number]");
  CHECK(type_of<std::vector<entry>>() == "[string, number][]");
}

TEST_CASE("keys of maps are strings, and what is written as one") {
  CHECK(round_trip<std::map<int, bool>>(R"({"-1":true,"20":false})").at(20) == false);
  CHECK(round_trip<std::map<std::uint8_t, int>>(R"({"255":1})").at(255) == 1);
  CHECK(round_trip<std::map<side, int>>(R"({"LEFT":1,"RIGHT":2})").at(side::right) == 2);
  CHECK(round_trip<std::map<std::filesystem::path, int>>("{\"a/\xC3\xA9\":1}").size() == 1);
  CHECK(round_trip<std::unordered_map<std::string, int>>(R"({"a\"b":1})").at("a\"b") == 1);
  for (std::string_view const key : {"01", "-0", "+1", " 1", "1.0", "1e2", "", "-", "x"}) {
    CAPTURE(key);
    std::string const text = "{\"" + std::string{key} + "\":1}";
    auto const value = kw::decode<std::map<int, int>>(text);
    REQUIRE(!value);
    CHECK(value.error().code == json_errc::wrong_type);
    CHECK(value.error().path == "/" + std::string{key});
  }
  CHECK(error_of<std::map<std::uint8_t, int>>(R"({"256":1})") ==
        R"(field "256": expected an integer as a key from 0 to 255, found 256)");
  CHECK(error_of<std::map<side, int>>(R"({"LEFD":1})") ==
        R"(field "LEFD": unknown value "LEFD"; did you mean "LEFT"?)");
  CHECK(error_of<std::map<int, int>>(R"({"1":1,"\u0031":2})") == R"(duplicate field "1")");
  CHECK(error_of<std::map<int, std::vector<int>>>(R"({"7":[1,null]})") ==
        R"(field "7/1": expected an integer, found null)");
  CHECK(kw::to_json(std::map<side, int>{{static_cast<side>(9), 1}}).error().code ==
        json_errc::unknown_enumerator);
  CHECK(type_of<std::map<side, int>>() == "{ [key in Side]?: number }");
  CHECK(schema_has<std::map<int, int>>(R"("propertyNames": {"pattern": )"));
}

TEST_CASE("a view as a key is one into the text, or an error") {
  std::string const text = R"({"a long key that is not short":1,"b":2})";
  auto const value = kw::decode<std::map<std::string_view, int>>(text);
  REQUIRE(value);
  for (auto const& [key, number] : *value) {
    CHECK(key.data() >= text.data());
    CHECK(key.data() + key.size() <= text.data() + text.size());
  }
  CHECK(*kw::to_json(*value) == text);
  CHECK(kw::decode<std::map<std::string_view, int>>(R"({"\u0061":1})").error().code ==
        json_errc::escaped_string);
  CHECK(kw::decode<std::set<std::string_view>>(R"(["\u0061"])").error().code == json_errc::escaped_string);
}

namespace {

struct chain {
  int value = 0;
  std::unique_ptr<chain> next{};
  std::shared_ptr<std::string> note{};
  std::shared_ptr<int> started = std::make_shared<int>(1);
  static constexpr auto schema =
      kw::kind("CHAIN", kw::field("value", &chain::value), kw::field("next", &chain::next),
               kw::field("note", &chain::note), kw::field("started", &chain::started));
};

struct stated {
  std::optional<int> must{};
  std::unique_ptr<int> also{};
  static constexpr auto schema = kw::object(kw::field("must", &stated::must, kw::must_be_present),
                                            kw::field("also", &stated::also, kw::must_be_present));
};

}  // namespace

TEST_CASE("pointers are null when they are empty") {
  auto const value = round_trip<chain>(
      R"({"kind":"CHAIN","value":1,"next":{"kind":"CHAIN","value":2,"started":4},"note":"a","started":null})");
  CHECK(value.next->value == 2);
  CHECK(!value.next->next);
  CHECK(*value.note == "a");
  CHECK(*kw::decode<chain>(R"({"kind":"CHAIN","value":1})")->started == 1);
  CHECK(!kw::decode<chain>(R"({"kind":"CHAIN","value":1,"next":null})")->next);
  CHECK(error_of<chain>(R"({"kind":"CHAIN","value":1,"next":{"kind":"CHAIN"}})") ==
        R"(missing field "next/value")");
}

TEST_CASE("what must be present may still be null") {
  round_trip<stated>(R"({"must":null,"also":null})");
  round_trip<stated>(R"({"must":1,"also":2})");
  CHECK(error_of<stated>("{}") == R"(missing field "must")");
  CHECK(schema_has<stated>(R"("required": ["must", "also"])"));
}

namespace {

struct spelt {
  std::uint64_t big = 0;
  std::vector<std::int8_t> small{};
  level numbered = level::low;
  std::map<side, bare> more{};
  static constexpr auto schema = kw::object(kw::field("big", &spelt::big, kw::as_string),
                                            kw::field("small", &spelt::small, kw::as_string, kw::minimum(-5)),
                                            kw::field("numbered", &spelt::numbered, kw::as_number),
                                            kw::field("more", &spelt::more, kw::as_number));
};

}  // namespace

TEST_CASE("integers as strings and enumerations as numbers, where a field says so") {
  auto const value = round_trip<spelt>(
      R"({"big":"18446744073709551615","small":["-5","127"],"numbered":7,"more":{"LEFT":1}})");
  CHECK(value.big == 18446744073709551615U);
  CHECK(value.numbered == level::high);
  CHECK(value.more.at(side::left) == bare::one);
  auto const error = [](std::string_view big, std::string_view small, std::string_view number) {
    return error_of<spelt>("{\"big\":" + std::string{big} + ",\"small\":[" + std::string{small} +
                           "],\"numbered\":" + std::string{number} + ",\"more\":{}}");
  };
  CHECK(error("1", "", "7") == R"(field "big": expected an integer in a string, found a number)");
  CHECK(error(R"("-1")", "", "7") ==
        R"(field "big": expected an integer in a string from 0 to 18446744073709551615, found -1)");
  CHECK(error(R"("1.0")", "", "7").starts_with(R"(field "big": expected an integer in a string from 0 to )"));
  CHECK(error(R"("1")", R"("-6")", "7") ==
        R"(field "small/0": expected an integer of at least -5, found -6)");
  CHECK(error(R"("1")", "", "6") == R"(field "numbered": unknown value "6")");
  CHECK(error(R"("1")", "", R"("high")") == R"(field "numbered": expected an integer, found a string)");
  CHECK(!kw::to_json(spelt{.numbered = static_cast<level>(3)}));
  CHECK(schema_has<spelt>(R"("enum": [-1, 7])"));
  CHECK(kw::typescript<spelt>().find("  numbered: -1 | 7;\n") != std::string::npos);
  CHECK(kw::typescript<spelt>().find("  big: string;\n") != std::string::npos);
}

TEST_CASE("paths are strings in UTF-8") {
  CHECK(round_trip<std::filesystem::path>("\"/tmp/\xC3\xA9\"") == std::filesystem::path(u8"/tmp/\u00e9"));
  CHECK(type_of<std::filesystem::path>() == "string");
}

namespace {

struct shape {
  std::string colour{};
  std::optional<int> border{};
  static constexpr auto schema =
      kw::object(kw::field("colour", &shape::colour), kw::field("border", &shape::border));
};
struct circle : shape {
  double radius = 0;
  static constexpr auto schema = kw::kind("CIRCLE", kw::base<shape>(), kw::field("radius", &circle::radius));
};
struct disc : circle {
  static constexpr auto schema = kw::kind("DISC", kw::description("full"), kw::base<circle>());
};

}  // namespace

TEST_CASE("the fields of base classes are among those of what is derived") {
  auto const value = round_trip<circle>(R"({"kind":"CIRCLE","colour":"red","radius":2})");
  CHECK(value.colour == "red");
  CHECK(round_trip<disc>(R"({"kind":"DISC","colour":"red","border":1,"radius":2})").radius == 2);
  CHECK(error_of<circle>(R"({"kind":"CIRCLE","radius":2})") == R"(missing field "colour")");
}

namespace {

struct blob {
  std::array<std::byte, 4> id{};
  std::vector<std::uint8_t> body{};
  std::optional<std::vector<std::byte>> more{};
  std::map<std::string, std::array<std::uint8_t, 2>> parts{};
  std::string text{};
  unsigned char raw[3] = {};
  std::vector<std::uint8_t> numbers{};
  static constexpr auto schema = kw::object(
      kw::field("id", &blob::id, kw::as_hex), kw::field("body", &blob::body, kw::as_base64, kw::max_items(4)),
      kw::field("more", &blob::more, kw::as_base64url, kw::min_items(1)),
      kw::field("parts", &blob::parts, kw::as_hex, kw::max_items(2), kw::defaulted),
      kw::field("text", &blob::text, kw::as_base64, kw::defaulted, kw::max_items(3)),
      kw::field("raw", &blob::raw, kw::as_base64, kw::defaulted),
      kw::field("numbers", &blob::numbers, kw::defaulted));
};

}  // namespace

TEST_CASE("bytes are a string where their field says so, and numbers where it does not") {
  auto const value = round_trip<blob>(
      R"({"id":"00ff10ab","body":"+/8=","more":"-_8","parts":{"a":"0102"},"text":"YWI=","raw":"AAEC","numbers":[1,255]})");
  CHECK(value.id[3] == std::byte{0xAB});
  CHECK(value.body == std::vector<std::uint8_t>{0xFB, 0xFF});
  CHECK(value.more == std::vector{std::byte{0xFB}, std::byte{0xFF}});
  CHECK(value.text == "ab");
  CHECK(value.raw[2] == 2);
  auto const error = [](std::string_view id, std::string_view body, std::string_view more = "null",
                        std::string_view parts = "{}") {
    return error_of<blob>("{\"id\":" + std::string{id} + ",\"body\":" + std::string{body} +
                          ",\"more\":" + std::string{more} + ",\"parts\":" + std::string{parts} + '}');
  };
  CHECK(error(R"("00FF10AB")", R"("\u002B\/8=")") == "");
  CHECK(error("7", R"("")") == R"(field "id": expected bytes as hexadecimal digits, found a number)");
  CHECK(error(R"("00ff10")", R"("")") == R"(field "id": expected 4 bytes, found 3)");
  CHECK(error(R"("00ff10a")", R"("")") ==
        R"(field "id": value was rejected: expected bytes as hexadecimal digits, found 00ff10a)");
  CHECK(error(R"("00ff10ag")", R"("")") ==
        R"(field "id": value was rejected: expected bytes as hexadecimal digits, found 00ff10ag)");
  CHECK(error(R"("00ff10ab")", R"("+/9=")") ==
        R"(field "body": value was rejected: expected bytes as base64, found +/9=)");
  CHECK(error(R"("00ff10ab")", R"("AAAAAAA=")") == R"(field "body": expected at most 4 bytes, found 5)");
  CHECK(error(R"("00ff10ab")", R"("")", R"("")") == R"(field "more": expected at least 1 byte, found 0)");
  CHECK(error(R"("00ff10ab")", R"("")", R"("-_8=")").starts_with(R"(field "more": value was rejected)"));
  CHECK(error(R"("00ff10ab")", R"("")", "null", R"({"a":"01"})") ==
        R"(field "parts/a": expected 2 bytes, found 1)");
  CHECK(error(R"("00ff10ab")", R"("")", "null", R"({"a":"0102","b":"0102","c":"0102"})") ==
        R"(field "parts": expected an object of at most 2 members, found more)");
  CHECK(kw::to_json(blob{.body = {1, 2, 3, 4, 5}}).error().message() ==
        R"(field "body": expected at most 4 bytes, found 5)");
  CHECK(schema_has<blob>(R"("contentEncoding": "base16")"));
  CHECK(schema_has<blob>(R"("pattern": "^[0-9A-Fa-f]{8}$")"));
  CHECK(schema_has<blob>(R"("maxLength": 8)"));
  CHECK(schema_has<blob>(R"("maxProperties": 2)"));
  CHECK(kw::typescript<blob>().find("  /** bytes in base64 */\n  body: string;\n") != std::string::npos);
  CHECK(kw::typescript<blob>().find("  parts?: { [key: string]: string };\n") != std::string::npos);
}

}  // namespace form_tests
