// What users of other libraries have reported about types, tried here. The numbers are those of the reports.
#include <kindwire/json/reader.hpp>
#include <kindwire/json/writer.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include <doctest/doctest.h>

namespace other_libraries_tests {

enum class request_type { get, add, unknown };
enum class colour { red, green };

}  // namespace other_libraries_tests

template <>
inline constexpr auto kindwire::schema<other_libraries_tests::request_type> =
    kindwire::enumeration(kindwire::enumerator("get", other_libraries_tests::request_type::get),
                          kindwire::enumerator("add", other_libraries_tests::request_type::add),
                          kindwire::enumerator("unknown", other_libraries_tests::request_type::unknown),
                          kindwire::fallback_enumerator(other_libraries_tests::request_type::unknown));
template <>
inline constexpr auto kindwire::schema<other_libraries_tests::colour> =
    kindwire::enumeration(kindwire::enumerator("red", other_libraries_tests::colour::red),
                          kindwire::enumerator("green", other_libraries_tests::colour::green));

namespace other_libraries_tests {

namespace kw = kindwire;
using kw::json_errc;

namespace {

template <class T>
json_errc code_of(std::string_view text) {
  auto const value = kw::decode<T>(text);
  return value ? json_errc{} : value.error().code;
}

template <class T>
T round_trip(std::string_view text) {
  CAPTURE(text);
  auto value = kw::decode<T>(text);
  REQUIRE(value);
  CHECK(*kw::to_json(*value) == text);
  return *std::move(value);
}

}  // namespace

// nlohmann/json #2475, #3992, #5036: an unknown name silently becomes the first enumerator.
TEST_CASE("an unknown name is an error, or the fallback, and never the first") {
  CHECK(code_of<colour>(R"("pink")") == json_errc::unknown_enumerator);
  CHECK(*kw::decode<request_type>(R"("invalidtype")") == request_type::unknown);
}

// stephenberry/glaze #1951: an enumerator without a name is written as its number.
TEST_CASE("an enumerator without a name is not written") {
  CHECK(kw::to_json(static_cast<colour>(100)).error().code == json_errc::unknown_enumerator);
}

namespace {

struct quoted {
  std::optional<std::int64_t> number{};
  std::optional<std::vector<std::uint64_t>> numbers{};
  static constexpr auto schema = kw::object(kw::field("number", &quoted::number, kw::as_string),
                                            kw::field("numbers", &quoted::numbers, kw::as_string));
};

}  // namespace

// glaze #725: a number in quotation marks that is empty is written as null.
TEST_CASE("an empty optional is left out, however its number is spelt") {
  CHECK(*kw::to_json(quoted{}) == "{}");
  CHECK(
      round_trip<quoted>(R"({"number":"-9223372036854775808","numbers":["18446744073709551615"]})").number ==
      INT64_MIN);
  CHECK(!kw::decode<quoted>(R"({"number":null})")->number);
}

// glaze #64, #368: integers pass through doubles, or overflow without an error.
TEST_CASE("integers are exact, and what does not fit is an error") {
  CHECK(round_trip<std::int64_t>("32948729483739289") == 32948729483739289);
  CHECK(code_of<std::uint64_t>("1606938044258990275541962092341162602522202993782792835301376") ==
        json_errc::out_of_range);
}

namespace {

struct numbered {
  std::map<std::int32_t, std::int32_t> map{};
  std::map<colour, std::string> states{};
  static constexpr auto schema = kw::kind("Map", kw::key("type"), kw::field("map", &numbered::map),
                                          kw::field("states", &numbered::states, kw::defaulted));
};

}  // namespace

// serde-rs/json #560, #989, #1254: the keys of a map are no integers inside of a tagged enum; nlohmann/json
// #1100, #4378: a map with keys that are integers or enumerators does not compile, or is an array of pairs.
TEST_CASE("keys are integers and enumerators wherever the map is") {
  using message = std::variant<numbered>;
  auto const value = round_trip<message>(R"({"type":"Map","map":{"1":2,"3":4},"states":{"red":"a"}})");
  CHECK(std::get<numbered>(value).map.at(3) == 4);
  CHECK(std::get<numbered>(*kw::decode<message>(R"({"map":{"1":2},"type":"Map"})")).map.at(1) == 2);
}

namespace {

struct first {
  double a = 0;
  static constexpr auto schema = kw::object(kw::field("a", &first::a));
};
struct second {
  double b = 0;
  static constexpr auto schema = kw::object(kw::field("b", &second::b));
};
struct both : first, second {
  int own = 0;
  static constexpr auto schema =
      kw::object(kw::base<first>(), kw::field("own", &both::own), kw::base<second>());
};

}  // namespace

// nlohmann/json #803, #2199; boostorg/json #1086: the members of base classes are lost, or not supported.
TEST_CASE("the fields of several base classes stand where they are named") {
  CHECK(round_trip<both>(R"({"a":1,"own":3,"b":2})").b == 2);
}

namespace {

struct node {
  std::vector<std::pair<std::uint32_t, std::shared_ptr<node>>> children{};
  std::vector<std::uint32_t> word{};
  static constexpr auto schema =
      kw::object(kw::field("children", &node::children), kw::field("word", &node::word));
};

}  // namespace

// eyalz800/zpp_bits #63: a tree of pairs with shared pointers does not compile.
TEST_CASE("a tree of pairs with shared pointers") {
  auto const value = round_trip<node>(R"({"children":[[7,{"children":[],"word":[1]}],[8,null]],"word":[]})");
  CHECK(value.children[0].second->word[0] == 1);
}

namespace {

struct chosen {
  std::chrono::sys_time<std::chrono::milliseconds> as_text{};
  std::chrono::sys_time<std::chrono::milliseconds> as_count{};
  std::chrono::seconds wait{};
  static constexpr auto schema =
      kw::object(kw::field("as_text", &chosen::as_text),
                 kw::field("as_count", &chosen::as_count, kw::unit<std::chrono::milliseconds>),
                 kw::field("wait", &chosen::wait, kw::unit<std::chrono::minutes>));
};

}  // namespace

// glaze #1110, #2640; getml/reflect-cpp #399: times and durations, and a form that each field chooses.
TEST_CASE("each field chooses the form of its time") {
  round_trip<chosen>(R"({"as_text":"2024-12-13T15:30:45.123Z","as_count":1702481400123,"wait":2})");
  CHECK(code_of<chosen>(R"({"as_text":"2024-12-13T15:30:45.1234Z","as_count":0,"wait":0})") ==
        json_errc::inexact);
}

namespace {

struct response {
  std::vector<std::string> headers{};
  std::vector<std::uint8_t> body{};
  static constexpr auto schema =
      kw::object(kw::field("headers", &response::headers), kw::field("body", &response::body, kw::as_base64));
};

}  // namespace

// nlohmann/json #898, #1930; microsoft/cpprestsdk #852: bytes.
TEST_CASE("bytes are a string") {
  CHECK(round_trip<response>(R"({"headers":[],"body":"AP/+gA=="})").body ==
        std::vector<std::uint8_t>{0, 255, 254, 128});
}

// glaze #1047: null for a value that is no optional.
TEST_CASE("null is an error where nothing can be empty") {
  CHECK(code_of<std::string>("null") == json_errc::wrong_type);
  CHECK(code_of<std::vector<int>>("null") == json_errc::wrong_type);
  CHECK(code_of<std::variant<numbered>>("null") == json_errc::wrong_type);
  CHECK(!*kw::decode<std::optional<std::string>>("null"));
  CHECK(!*kw::decode<std::optional<std::variant<numbered>>>("null"));
}

}  // namespace other_libraries_tests
