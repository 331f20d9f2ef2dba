#include <kindwire/json/description/enumeration.hpp>

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <doctest/doctest.h>

#include <kindwire/documents/json_schema.hpp>
#include <kindwire/documents/typescript.hpp>
#include <kindwire/json/reader.hpp>
#include <kindwire/json/writer.hpp>

namespace enumeration_tests {

enum class colour { red, green, other };
enum class nameless { known = 1, unknown = 99 };

}  // namespace enumeration_tests

template <>
inline constexpr auto kindwire::schema<enumeration_tests::colour> =
    kindwire::enumeration(kindwire::enumerator("red", enumeration_tests::colour::red),
                          kindwire::fallback_enumerator(enumeration_tests::colour::other),
                          kindwire::enumerator("green", enumeration_tests::colour::green),
                          kindwire::enumerator("other", enumeration_tests::colour::other));
template <>
inline constexpr auto kindwire::schema<enumeration_tests::nameless> =
    kindwire::enumeration(kindwire::enumerator("known", enumeration_tests::nameless::known),
                          kindwire::fallback_enumerator(enumeration_tests::nameless::unknown));

namespace enumeration_tests {

namespace kw = kindwire;
using kw::json_errc;

namespace {

enum class letter : char { a = 'a' };

struct numbered {
  letter each{};
  static constexpr auto schema = kw::object(kw::field("each", &numbered::each, kw::as_number));
};

struct car {
  colour paint{};
  std::optional<nameless> extra{};
  std::vector<colour> stripes{};
  nameless number = nameless::known;
  std::map<colour, int> counts{};
  static constexpr auto schema = kw::object(kw::field("paint", &car::paint), kw::field("extra", &car::extra),
                                            kw::field("stripes", &car::stripes, kw::defaulted),
                                            kw::field("number", &car::number, kw::as_number, kw::defaulted),
                                            kw::field("counts", &car::counts, kw::defaulted));
};

}  // namespace

static_assert(kw::schema<colour>.names.size() == 3);
static_assert(kw::schema<colour>.fallback == colour::other);
static_assert(!kw::enumeration(kw::enumerator("red", colour::red)).fallback);

TEST_CASE("a name that is unknown is the fallback, where there is one") {
  auto const value = kw::decode<car>(
      R"({"paint":"ultraviolet","extra":"new","stripes":["green","bl\u0075e",""],"number":7,"counts":{"red":1,"x":2}})");
  REQUIRE(value);
  CHECK(value->paint == colour::other);
  CHECK(value->extra == nameless::unknown);
  CHECK(value->stripes == std::vector{colour::green, colour::other, colour::other});
  CHECK(value->number == nameless::unknown);
  CHECK(value->counts == std::map<colour, int>{{colour::red, 1}, {colour::other, 2}});
  CHECK(kw::decode<car>(R"({"paint":"red","number":1})")->number == nameless::known);
}

TEST_CASE("what is no name at all is still refused") {
  CHECK(kw::decode<car>(R"({"paint":7})").error().code == json_errc::wrong_type);
  CHECK(kw::decode<car>(R"({"paint":null})").error().code == json_errc::wrong_type);
  CHECK(kw::decode<car>(R"({"paint":"red","number":"known"})").error().code == json_errc::wrong_type);
  CHECK(kw::decode<car>(R"({"paint":"red","counts":{"x":1,"y":2}})").error().code ==
        json_errc::duplicate_field);
}

TEST_CASE("a fallback is written by its own name, or not at all") {
  CHECK(*kw::to_json(colour::other) == R"("other")");
  CHECK(kw::to_json(nameless::unknown).error().code == json_errc::unknown_enumerator);
  CHECK(kw::to_json(car{.number = nameless::unknown}).error().path == "/number");
  // A key that has a name, of a value that has none.
  std::map<colour, nameless> const painted{{colour::red, nameless::unknown}};
  CHECK(kw::to_json(painted).error().path == "/red");
}

TEST_CASE("whatever type it has underneath, an enumeration's number is an integer") {
  CHECK(kw::decode<numbered>(R"({"each":97})")->each == letter::a);
  CHECK(kw::decode<numbered>(R"({"each":1.5})").error().code == json_errc::wrong_type);
  CHECK(*kw::to_json(numbered{letter::a}) == R"({"each":97})");
  CHECK(kw::json_schema<numbered>().find(R"("type": "integer")") != std::string::npos);
}

TEST_CASE("documents accept other names") {
  std::string const schema = kw::json_schema<car>();
  CHECK(schema.find(R"("enum": ["red", "green", "other"])") != std::string::npos);
  CHECK(schema.find(R"("anyOf": [)") != std::string::npos);
  CHECK(schema.find("propertyNames") == std::string::npos);
  std::string const types = kw::typescript<car>();
  CHECK(types.find(R"(export type Colour = "red" | "green" | "other" | (string & {});)") !=
        std::string::npos);
  CHECK(types.find("counts?: { [key: string]: number };") != std::string::npos);
  CHECK(types.find("number?: number;") != std::string::npos);
}

}  // namespace enumeration_tests
