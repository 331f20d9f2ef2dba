#include <kindwire/json/reading/read_objects.hpp>

#include <array>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include <doctest/doctest.h>

#include <kindwire/json/dispatcher.hpp>

namespace read_objects_tests {

namespace kw = kindwire;
using kw::duplicate_policy;
using kw::json_errc;

namespace {

struct part {
  int x = 1;
  std::optional<int> y{};
  static constexpr auto schema =
      kw::object(kw::field("x", &part::x, kw::defaulted), kw::field("y", &part::y));
};

struct whole {
  int number = 0;
  std::string text{};
  part one{.x = 5};
  std::array<part, 1> pair{};
  std::optional<part> perhaps{};
  std::vector<int> list{};
  std::map<std::string, part> map{};
  static constexpr auto schema =
      kw::kind("WHOLE", kw::field("number", &whole::number), kw::field("text", &whole::text, kw::defaulted),
               kw::field("one", &whole::one, kw::defaulted), kw::field("pair", &whole::pair, kw::defaulted),
               kw::field("perhaps", &whole::perhaps), kw::field("list", &whole::list, kw::defaulted),
               kw::field("map", &whole::map, kw::defaulted));
};

struct other {
  static constexpr auto schema = kw::kind("OTHER");
};

constexpr kw::json_options first{.duplicates = duplicate_policy::first};
constexpr kw::json_options last{.duplicates = duplicate_policy::last};

std::string refused(std::string_view text, kw::json_options options = {}) {
  auto const result = kw::decode<whole>(text, options);
  return result ? "accepted" : result.error().message();
}

}  // namespace

TEST_CASE("what stands twice is refused, unless stated otherwise") {
  CHECK(refused(R"({"kind":"WHOLE","number":1,"number":1})") == R"(duplicate field "number")");
  CHECK(refused(R"({"kind":"WHOLE","number":1,"kind":"WHOLE"})") == R"(duplicate field "kind")");
  CHECK(refused(R"({"kind":"WHOLE","number":1,"map":{"a":{},"a":{}}})") == R"(duplicate field "map/a")");
  CHECK(refused(R"({"kind":"WHOLE","number":1,"n\u0075mber":1})") == R"(duplicate field "number")");
}

TEST_CASE("the first of several counts, where that is the policy") {
  auto const value = kw::decode<whole>(
      R"({"kind":"WHOLE","number":1,"number":"no number","kind":"OTHER","text":"a","text":[],"map":{"a":{"x":2},"a":{"x":3}},"kind":7})",
      first);
  REQUIRE(value);
  CHECK(value->number == 1);
  CHECK(value->text == "a");
  CHECK(value->map.at("a").x == 2);
  CHECK(refused(R"({"kind":"WHOLE","number":1,"number":nul})", first) != "accepted");
  CHECK(refused(R"({"kind":"OTHER","number":1,"kind":"WHOLE"})", first) ==
        R"(expected kind "WHOLE", found "OTHER")");
}

TEST_CASE("the last of several counts, where that is the policy, and nothing is left of the others") {
  auto const value = kw::decode<whole>(
      R"({"kind":"OTHER","number":1,"number":2,"kind":7,"text":"long","text":"b","one":{"x":9,"y":9},"one":{},)"
      R"("pair":[{"x":9,"y":9}],"pair":[{}],"perhaps":{"x":9},"perhaps":{"y":9},"list":[1,2],"list":[3],)"
      R"("map":{"a":{"x":2,"y":2},"a":{}},"kind":"WHOLE"})",
      last);
  REQUIRE(value);
  CHECK(value->number == 2);
  CHECK(value->text == "b");
  CHECK(value->one.x == 5);
  CHECK(!value->one.y);
  CHECK(value->pair[0].x == 1);
  CHECK(!value->pair[0].y);
  CHECK(value->perhaps->x == 1);
  CHECK(value->list == std::vector{3});
  CHECK(value->map.at("a").x == 1);
  CHECK(!value->map.at("a").y);
  CHECK(refused(R"({"kind":"WHOLE","number":"1","number":1})", last) ==
        R"(field "number": expected an integer, found a string)");
  CHECK(refused(R"({"kind":"WHOLE","number":1,"kind":"OTHER"})", last) ==
        R"(expected kind "WHOLE", found "OTHER")");
  CHECK(refused(R"({"kind":"WHOLE","number":1,"kind":7})", last) ==
        R"(field "kind": expected a string, found a number)");
  CHECK(refused(R"({"number":1})", last) == "message without a kind");
}

TEST_CASE("dispatchers and variants go by the kind that counts") {
  std::string_view const text = R"({"kind":"WHOLE","number":1,"kind":"OTHER"})";
  auto const kind_of = [&](kw::json_options options) {
    std::string kind;
    kw::dispatcher on{options, [&](whole const&) { kind = "WHOLE"; }, [&](other) { kind = "OTHER"; }};
    if (auto const outcome = on(text); !outcome) kind = outcome.error().message();
    auto const variant = kw::decode<std::variant<whole, other>>(text, options);
    CHECK((variant ? std::array{"WHOLE", "OTHER"}[variant->index()] : variant.error().message()) == kind);
    return kind;
  };
  CHECK(kind_of({}) == R"(duplicate field "kind")");
  CHECK(kind_of(first) == "WHOLE");
  CHECK(kind_of(last) == "OTHER");
}

TEST_CASE("a value that is there already changes wholly or not at all") {
  whole value{.number = 7, .text = "before", .one = {.x = 8}, .list = {1}};
  CHECK(!kw::decode(R"({"kind":"WHOLE","number":1,"text":"after","list":[2,true]})", value));
  CHECK(value.number == 7);
  CHECK(value.text == "before");
  CHECK(value.list == std::vector{1});
  REQUIRE(kw::decode(R"({"kind":"WHOLE","number":1,"text":"after"})", value));
  CHECK(value.number == 1);
  CHECK(value.text == "after");
  CHECK(value.one.x == 5);
  CHECK(value.list.empty());
}

}  // namespace read_objects_tests
