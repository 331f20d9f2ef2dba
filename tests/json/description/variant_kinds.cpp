#include <kindwire/json/description/variant_kinds.hpp>

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include <doctest/doctest.h>

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
