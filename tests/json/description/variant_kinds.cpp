#include <kindwire/json/description/variant_kinds.hpp>

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include <doctest/doctest.h>

#include <kindwire/documents/json_schema.hpp>
#include <kindwire/documents/typescript.hpp>
#include <kindwire/json/reader.hpp>
#include <kindwire/json/writer.hpp>

namespace variant_kinds_tests {

namespace kw = kindwire;
using kw::json_errc;

namespace {

struct circle {
  double radius = 0;
  friend bool operator==(circle const&, circle const&) = default;
  static constexpr auto schema = kw::kind("CIRCLE", kw::field("radius", &circle::radius, kw::minimum(0)));
};

struct text {
  std::string content{};
  int size = 12;
  friend bool operator==(text const&, text const&) = default;
  static constexpr auto schema =
      kw::kind("TEXT", kw::field("content", &text::content), kw::field("size", &text::size, kw::defaulted));
};

struct group;
using shape = std::variant<circle, text, group>;

struct group {
  std::vector<shape> shapes{};
  friend bool operator==(group const&, group const&);
  static constexpr auto schema = kw::kind("GROUP", kw::field("shapes", &group::shapes));
};
bool operator==(group const& left, group const& right) { return left.shapes == right.shapes; }

struct drawing {
  shape main;
  std::optional<shape> legend{};
  std::map<std::string, shape> named{};
  static constexpr auto schema =
      kw::object(kw::field("main", &drawing::main), kw::field("legend", &drawing::legend),
                 kw::field("named", &drawing::named, kw::defaulted));
};

struct typed {
  static constexpr auto schema = kw::kind("TYPED", kw::key("ty\npe"));
};

std::string error_of(std::string_view text, kw::json_options options = {}) {
  auto const result = kw::decode<shape>(text, options);
  return result ? "" : result.error().message();
}

}  // namespace

TEST_CASE("a variant is told by the kind, wherever that stands") {
  CHECK(*kw::decode<shape>(R"({"kind":"CIRCLE","radius":2})") == shape{circle{2}});
  CHECK(*kw::decode<shape>(R"({"radius":2,"kind":"CIRCLE"})") == shape{circle{2}});
  CHECK(*kw::decode<shape>(R"( { "size" : 3 , "kind" : "T\u0045XT" , "content" : "\n" } )") ==
        shape{text{"\n", 3}});
  CHECK(*kw::decode<shape>(
            R"({"shapes":[{"radius":1,"kind":"CIRCLE"},{"shapes":[],"kind":"GROUP"}],"kind":"GROUP"})") ==
        shape{group{{circle{1}, group{}}}});
  auto const value = kw::decode<drawing>(
      R"({"named":{"a":{"kind":"TEXT","content":"b"}},"main":{"kind":"GROUP","shapes":[]},"legend":null})");
  REQUIRE(value);
  CHECK(value->main == shape{group{}});
  CHECK(!value->legend);
  CHECK(value->named.at("a") == shape{text{"b"}});
}

TEST_CASE("a variant is written as the kind that it holds") {
  CHECK(*kw::to_json(shape{circle{2}}) == R"({"kind":"CIRCLE","radius":2})");
  CHECK(
      *kw::to_json(drawing{.main = text{"a"}, .legend = circle{1}}) ==
      R"({"main":{"kind":"TEXT","content":"a","size":12},"legend":{"kind":"CIRCLE","radius":1},"named":{}})");
  std::string sink;
  CHECK(kw::encode(drawing{.main = circle{-1}}, sink).error().path == "/main/radius");
  CHECK(kw::decode<std::variant<typed>>(*kw::to_json(std::variant<typed>{})));
}

TEST_CASE("what is wrong with a variant is named with its place") {
  CHECK(error_of(R"({"kind":"CIRCEL","radius":2})") == R"(unknown kind "CIRCEL"; did you mean "CIRCLE"?)");
  CHECK(error_of(R"({"radius":2})") == "message without a kind");
  CHECK(error_of(R"({"kind":7})") == R"(field "kind": expected a string, found a number)");
  CHECK(error_of(R"({"kind":"CIRCLE"})") == R"(missing field "radius")");
  CHECK(error_of(R"({"kind":"CIRCLE","radius":1,"kind":"TEXT"})") == R"(duplicate field "kind")");
  CHECK(error_of(R"({"radius":1,"kind":"CIRCLE","kind":"CIRCLE"})") == R"(duplicate field "kind")");
  CHECK(error_of("null") == "expected an object, found null");
  CHECK(error_of(R"({"kind":"GROUP","shapes":[{"kind":"CIRCLE","radius":1},{"kind":"SQUARE"}]})") ==
        R"(field "shapes/1": unknown kind "SQUARE"; known: "CIRCLE", "TEXT", "GROUP")");
  CHECK(error_of(R"({"radius":1,"more":{},"kind":"CIRCLE"})", {.refuse_unknown_fields = true}) ==
        R"(unknown field "more")");
  CHECK(kw::decode<shape>(R"({"x":1,"kind":"CIRCEL"})").error().offset == 14);
}

namespace {

using open_shape = std::variant<circle, kw::raw_json, text>;
using seen_shape = std::variant<std::monostate, circle>;
using viewed_shape = std::variant<circle, kw::raw_json_view>;

}  // namespace

TEST_CASE("a message of another kind is kept as text, where an alternative is for that") {
  std::string const text = R"([{"kind":"CIRCLE","radius":1}, {"a":[{"kind":"TEXT"}],"kind":"NEW","b":"}"} ])";
  auto const value = kw::decode<std::vector<open_shape>>(text);
  REQUIRE(value);
  CHECK(std::get<circle>(value->at(0)).radius == 1);
  CHECK(std::get<kw::raw_json>(value->at(1)).text == R"({"a":[{"kind":"TEXT"}],"kind":"NEW","b":"}"})");
  CHECK(*kw::to_json(*value) ==
        R"([{"kind":"CIRCLE","radius":1},{"a":[{"kind":"TEXT"}],"kind":"NEW","b":"}"}])");
  auto const view = kw::decode<viewed_shape>(R"( {"kind":"NEW"} )");
  CHECK(std::get<kw::raw_json_view>(*view).text == R"({"kind":"NEW"})");
  auto const seen = kw::decode<std::vector<seen_shape>>(R"([{"kind":"NEW"},{"kind":"CIRCLE","radius":2}])");
  CHECK(seen->at(0).index() == 0);
  CHECK(std::get<circle>(seen->at(1)).radius == 2);
}

TEST_CASE("what has no kind, or is broken, is not kept") {
  auto const code = [](std::string_view text, kw::json_options options = {}) {
    auto const value = kw::decode<open_shape>(text, options);
    return value ? json_errc{} : value.error().code;
  };
  CHECK(code(R"({"a":1})") == json_errc::missing_kind);
  CHECK(code(R"({"kind":7})") == json_errc::wrong_type);
  CHECK(code("[]") == json_errc::wrong_type);
  CHECK(code(R"({"kind":"NEW","a":})") == json_errc::malformed);
  CHECK(code(R"({"kind":"NEW","a":"\xFF"})") == json_errc::invalid_escape);
  CHECK(code(R"({"kind":"CIRCLE"})") == json_errc::missing_field);
  // Whoever reads it next might take it for another.
  CHECK(code(R"({"kind":"NEW","kind":"CIRCLE","radius":1})") == json_errc::duplicate_field);
  CHECK(code(R"({"kind":"NEW","k\u0069nd":"CIRCLE","radius":1})") == json_errc::duplicate_field);
  CHECK(code(R"({"a":1,"kind":"NEW","b":2,"a":3})") == json_errc::duplicate_field);
  CHECK(code(R"({"kind":"NEW","kind":"CIRCLE","radius":1})", {.duplicates = kw::duplicate_policy::first}) ==
        json_errc{});
  CHECK(code(R"({"kind":"NEW","kind":"CIRCLE"})", {.duplicates = kw::duplicate_policy::last}) ==
        json_errc::missing_field);
}

TEST_CASE("what is written for another kind has one") {
  for (char const* const wrong :
       {"null", "7", "{}", R"({"a":{"kind":"A"}})", R"({"kind":7})", R"(["kind"])", "{"}) {
    CAPTURE(wrong);
    auto const written = kw::to_json(open_shape{kw::raw_json{wrong}});
    REQUIRE(!written);
    CHECK(written.error().message() ==
          "value was rejected: expected a raw_json that is a message with a kind");
  }
  CHECK(kw::to_json(open_shape{kw::raw_json{R"({"kind":"A",})"}}).error().code == json_errc::malformed);
  CHECK(*kw::to_json(open_shape{kw::raw_json{"\n{\n\"a\":1,\n\"kind\":\"A\"}"}}) == R"({"a":1,"kind":"A"})");
  CHECK(kw::to_json(seen_shape{}).error().message() ==
        "value was rejected: expected a variant that holds a message");
}

TEST_CASE("documents say that other kinds are taken") {
  std::string const schema = kw::json_schema<std::vector<open_shape>>();
  CHECK(schema.find(R"("enum": ["CIRCLE", "TEXT"])") != std::string::npos);
  CHECK(schema.find(R"("not": {)") != std::string::npos);
  CHECK(kw::typescript<open_shape>().find(
            "Circle\n  | Text\n  | { kind: string; [name: string]: unknown };\n") != std::string::npos);
}

TEST_CASE("variants in variants are bounded in depth, and in time though each kind comes last") {
  auto const nested = [](int levels) {
    std::string all;
    for (int level = 0; level < levels; ++level) all += R"({"shapes":[)";
    for (int level = 0; level < levels; ++level) all += R"(],"kind":"GROUP"})";
    return all;
  };
  CHECK(kw::decode<shape>(nested(32)));
  CHECK(kw::decode<shape>(nested(33)).error().code == json_errc::too_deep);
  CHECK(kw::decode<shape>(nested(500'000)).error().code == json_errc::too_deep);
}

}  // namespace variant_kinds_tests
