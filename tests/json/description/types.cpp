#include <kindwire/json/description/types.hpp>

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <doctest/doctest.h>

#include <kindwire/json/reader.hpp>
#include <kindwire/json/writer.hpp>

namespace types_tests {

namespace kw = kindwire;
using kw::json_errc;

namespace {

struct envelope {
  kw::raw_json body{};
  kw::raw_json_view view{};
  std::optional<kw::raw_json> more{};
  std::map<std::string, kw::raw_json> parts{};
  static constexpr auto schema = kw::kind(
      "ENVELOPE", kw::field("body", &envelope::body), kw::field("view", &envelope::view, kw::defaulted),
      kw::field("more", &envelope::more), kw::field("parts", &envelope::parts, kw::defaulted));
};

struct item {
  int id = 0;
  static constexpr auto schema = kw::object(kw::field("id", &item::id));
};

json_errc encoding_error(std::string_view raw, std::size_t offset) {
  std::string sink = "untouched";
  auto const result = kw::encode(envelope{.body = {std::string{raw}}}, sink);
  CHECK(sink == "untouched");
  if (result) return {};
  CHECK(result.error().path == "/body");
  CHECK(result.error().offset == offset);
  return result.error().code;
}

}  // namespace

TEST_CASE("raw JSON is any value, as it stands in the text") {
  std::string const text =
      R"({"kind":"ENVELOPE","body": { "id" : 7 } ,"view":[1, "\u00e9"],"more":"a","parts":{"x":-1e5}})";
  auto const value = kw::decode<envelope>(text);
  REQUIRE(value);
  CHECK(value->body.text == R"({ "id" : 7 })");
  CHECK(value->view.text == R"([1, "\u00e9"])");
  CHECK(value->view.text.data() == text.data() + text.find('['));
  CHECK(value->more->text == R"("a")");
  CHECK(value->parts.at("x").text == "-1e5");
  CHECK(kw::decode<item>(value->body.text)->id == 7);
  CHECK(!kw::decode<envelope>(R"({"kind":"ENVELOPE","body":1,"more":null})")->more);
  CHECK(kw::decode<envelope>(R"({"kind":"ENVELOPE","body":null})")->body == kw::raw_json{});
}

TEST_CASE("raw JSON is checked like all the rest") {
  auto const code = [](std::string_view raw) {
    auto const result = kw::decode<envelope>(R"({"kind":"ENVELOPE","body":)" + std::string{raw} + "}");
    return result ? json_errc{} : result.error().code;
  };
  CHECK(code("[1,]") == json_errc::malformed);
  CHECK(code("nul") == json_errc::malformed);
  CHECK(code("") == json_errc::malformed);
  CHECK(code("\"\\ud800\"") == json_errc::lone_surrogate);
  CHECK(code("\"\xff\"") == json_errc::invalid_utf8);
  CHECK(code("1e400") == json_errc{});  // no type was asked for
  CHECK(code(std::string(63, '[') + std::string(63, ']')) == json_errc{});
  CHECK(code(std::string(64, '[') + std::string(64, ']')) == json_errc::too_deep);
}

TEST_CASE("raw JSON is written as it is, if it is one value") {
  CHECK(*kw::to_json(envelope{.body = {R"({"id": 7})"}, .view = {"[]"}, .parts = {{"x", {"2"}}}}) ==
        R"({"kind":"ENVELOPE","body":{"id": 7},"view":[],"parts":{"x":2}})");
  CHECK(*kw::to_json(envelope{}) == R"({"kind":"ENVELOPE","body":null,"view":null,"parts":{}})");
  CHECK(*kw::to_json(envelope{.body = {" 1\n"}}) == R"({"kind":"ENVELOPE","body":1,"view":null,"parts":{}})");
  // Line breaks would end a line of JSON lines.
  CHECK(*kw::to_json(kw::raw_json{"{\r\n  \"a\" :\n[1,\r2]\n}\n"}) == R"({  "a" :[1,2]})");
  CHECK(*kw::to_json(kw::raw_json{R"("a\nb")"}) == R"("a\nb")");
  CHECK(encoding_error("", 0) == json_errc::truncated);
  CHECK(encoding_error("{\"id\":7", 7) == json_errc::truncated);
  CHECK(encoding_error("1,\"kind\":\"OTHER\"", 1) == json_errc::trailing_data);
  CHECK(encoding_error("1}", 1) == json_errc::trailing_data);
  CHECK(encoding_error(std::string_view{"null\0", 5}, 4) == json_errc::trailing_data);
  CHECK(encoding_error("\"\xff\"", 1) == json_errc::invalid_utf8);
  CHECK(encoding_error(std::string(64, '[') + std::string(64, ']'), 63) == json_errc::too_deep);
}

TEST_CASE("any value that has a form in JSON is a document") {
  CHECK(kw::decode<std::vector<int>>("[1,2]").value() == std::vector{1, 2});
  CHECK(kw::decode<std::map<std::string, item>>(R"({"a":{"id":3}})")->at("a").id == 3);
  CHECK(kw::decode<double>(" 1.5 ").value() == 1.5);
  CHECK(kw::decode<kw::raw_json>("[1, 2] ")->text == "[1, 2]");
  CHECK(*kw::to_json(std::vector{item{1}, item{2}}) == R"([{"id":1},{"id":2}])");
  CHECK(*kw::to_json(std::optional<int>{}) == "null");
}

}  // namespace types_tests
