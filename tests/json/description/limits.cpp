#include <kindwire/json/description/limits.hpp>

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <doctest/doctest.h>

#include <kindwire/json/reader.hpp>
#include <kindwire/json/writer.hpp>

namespace limits_tests {

namespace kw = kindwire;
using kw::json_errc;

namespace {

struct numbers {
  double percent = 0;
  std::int8_t tiny = 0;
  std::uint64_t huge = 1;
  float ratio = 0;
  std::optional<int> perhaps{};
  std::vector<int> list{};
  static constexpr auto schema =
      kw::object(kw::field("percent", &numbers::percent, kw::minimum(0), kw::maximum(100)),
                 kw::field("tiny", &numbers::tiny, kw::minimum(-5), kw::defaulted),
                 kw::field("huge", &numbers::huge, kw::defaulted, kw::minimum(1),
                           kw::maximum(18'446'744'073'709'551'614U)),
                 kw::field("ratio", &numbers::ratio, kw::maximum(0.1), kw::defaulted),
                 kw::field("perhaps", &numbers::perhaps, kw::minimum(1), kw::maximum(1)),
                 kw::field("list", &numbers::list, kw::maximum(9), kw::max_items(2), kw::defaulted));
};

struct texts {
  std::string name{};
  std::string_view view{};
  std::optional<std::string> note{};
  std::map<std::string, std::vector<std::string>> tags{};
  static constexpr auto schema = kw::object(
      kw::field("name", &texts::name, kw::min_length(1), kw::max_length(4)),
      kw::field("view", &texts::view, kw::max_length(2), kw::defaulted),
      kw::field("note", &texts::note, kw::min_length(2)),
      kw::field("tags", &texts::tags, kw::min_items(1), kw::max_items(2), kw::max_length(3), kw::defaulted));
};

template <class T>
std::string error_of(std::string_view text) {
  auto const result = kw::decode<T>(text);
  if (result) return {};
  CHECK(result.error().code == json_errc::beyond_limit);
  return result.error().message();
}

template <class T>
std::string encoding_error(T const& value) {
  std::string sink = "untouched";
  auto const result = kw::encode(value, sink);
  if (result) return {};
  CHECK(result.error().code == json_errc::beyond_limit);
  CHECK(sink == "untouched");
  return result.error().message();
}

}  // namespace

TEST_CASE("a number is from its minimum to its maximum, both included") {
  for (char const* const inside : {"0", "100", "1e2", "-0", "99.99999999999999"}) {
    CAPTURE(inside);
    CHECK(error_of<numbers>(R"({"percent":)" + std::string{inside} + "}").empty());
  }
  CHECK(error_of<numbers>(R"({"percent":100.00000000000001})") ==
        R"(field "percent": expected a number from 0 to 100, found 100.00000000000001)");
  CHECK(error_of<numbers>(R"({"percent":-1e-300})") ==
        R"(field "percent": expected a number from 0 to 100, found -1e-300)");
  CHECK(error_of<numbers>(R"({"percent":1,"tiny":-5})").empty());
  CHECK(error_of<numbers>(R"({"percent":1,"tiny":-6})") ==
        R"(field "tiny": expected an integer of at least -5, found -6)");
  CHECK(error_of<numbers>(R"({"percent":1,"huge":18446744073709551614})").empty());
  CHECK(error_of<numbers>(R"({"percent":1,"huge":18446744073709551615})") ==
        R"(field "huge": expected an integer from 1 to 18446744073709551614, found 18446744073709551615)");
  CHECK(error_of<numbers>(R"({"percent":1,"ratio":0.1})").empty());
  CHECK(error_of<numbers>(R"({"percent":1,"ratio":0.11})") ==
        R"(field "ratio": expected a number of at most 0.1, found 0.11)");
  CHECK(kw::decode<numbers>(R"({"percent":101})").error().offset == 11);
}

TEST_CASE("limits are those of the values in optionals, arrays and maps") {
  CHECK(error_of<numbers>(R"({"percent":1,"perhaps":null,"list":[9,-9]})").empty());
  CHECK(error_of<numbers>(R"({"percent":1,"perhaps":2})") ==
        R"(field "perhaps": expected an integer from 1 to 1, found 2)");
  CHECK(error_of<numbers>(R"({"percent":1,"list":[9,10]})") ==
        R"(field "list/1": expected an integer of at most 9, found 10)");
  CHECK(error_of<texts>(R"({"name":"a","tags":{"longer":["abc","éüä"]}})").empty());
  CHECK(error_of<texts>(R"({"name":"a","tags":{"t":["abc","abcd"]}})") ==
        R"(field "tags/t/1": expected a string of at most 3 characters, found 4)");
}

TEST_CASE("a string's length is counted in code points") {
  CHECK(error_of<texts>(R"({"name":"😀éa\u0000"})").empty());
  CHECK(error_of<texts>(R"({"name":""})") ==
        R"(field "name": expected a string of 1 to 4 characters, found 0)");
  CHECK(error_of<texts>(R"({"name":"\ud83d\ude00😀😀😀😀"})") ==
        R"(field "name": expected a string of 1 to 4 characters, found 5)");
  CHECK(error_of<texts>(R"({"name":"a","view":"éé"})").empty());
  CHECK(error_of<texts>(R"({"name":"a","view":"ééé"})") ==
        R"(field "view": expected a string of at most 2 characters, found 3)");
  CHECK(error_of<texts>(R"({"name":"a","note":"é"})") ==
        R"(field "note": expected a string of at least 2 characters, found 1)");
  CHECK(kw::decode<texts>(R"({"name":"abcde"})").error().offset == 8);
}

TEST_CASE("arrays and maps have as many elements as they may") {
  CHECK(error_of<numbers>(R"({"percent":1,"list":[]})").empty());
  CHECK(error_of<numbers>(R"({"percent":1,"list":[1,2,3]})") ==
        R"(field "list": expected an array of at most 2 elements, found more)");
  CHECK(error_of<texts>(R"({"name":"a","tags":{}})") ==
        R"(field "tags": expected an object of 1 to 2 members, found 0)");
  CHECK(error_of<texts>(R"({"name":"a","tags":{"a":[],"b":[],"c":[]}})") ==
        R"(field "tags": expected an object of 1 to 2 members, found more)");
}

TEST_CASE("what the reader would refuse is not written") {
  CHECK(encoding_error(numbers{.percent = 100, .tiny = -5, .list = {1, 2}}).empty());
  CHECK(encoding_error(numbers{.percent = 100.5}) ==
        R"(field "percent": expected a number from 0 to 100, found 100.5)");
  CHECK(encoding_error(numbers{.tiny = -6}) ==
        R"(field "tiny": expected an integer of at least -5, found -6)");
  CHECK(encoding_error(numbers{.list = {1, 10}}) ==
        R"(field "list/1": expected an integer of at most 9, found 10)");
  CHECK(encoding_error(numbers{.list = {1, 2, 3}}) ==
        R"(field "list": expected an array of at most 2 elements, found 3)");
  CHECK(encoding_error(texts{.name = "éééé", .tags = {{"a", {"éüä"}}}}).empty());
  CHECK(encoding_error(texts{.name = "a", .tags = {{"a", {"abcd"}}}}) ==
        R"(field "tags/a/0": expected a string of at most 3 characters, found 4)");
  CHECK(encoding_error(texts{.name = "a"}) ==
        R"(field "tags": expected an object of 1 to 2 members, found 0)");
}

}  // namespace limits_tests
