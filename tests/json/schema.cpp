#include <kindwire/json/schema.hpp>

#include <doctest/doctest.h>

namespace kw = kindwire;

namespace theirs {
struct point {
  int x;
  int y;
};
}  // namespace theirs

template <>
inline constexpr auto kw::schema<theirs::point> = kw::object(kw::field("x", &theirs::point::x),
                                                             kw::field("y", &theirs::point::y));

namespace {

struct plain {
  int value;
};

struct ping {
  int id;
  std::optional<int> hint;
  int retries = 3;
  static constexpr auto schema =
      kw::kind("PING", kw::key("type"), kw::field("id", &ping::id), kw::field("hint", &ping::hint),
               kw::field("retries", &ping::retries, kw::defaulted));
};

enum class color { red, green };
enum class unnamed { one };

struct doubled {
  int first;
  int second;
  static constexpr auto schema =
      kw::object(kw::field("a", &doubled::first), kw::field("a", &doubled::second));
};

struct clash {
  int first;
  static constexpr auto schema = kw::kind("CLASH", kw::field("kind", &clash::first));
};

}  // namespace

template <>
inline constexpr auto kw::schema<color> = kw::enumeration(kw::enumerator("red", color::red),
                                                          kw::enumerator("green", color::green));

TEST_CASE("a type is described by its member or from outside") {
  static_assert(kw::described<ping> && kw::message_kind<ping>);
  static_assert(kw::described<theirs::point> && !kw::message_kind<theirs::point>);
  static_assert(!kw::described<plain> && !kw::described<int> && !kw::described<color>);
  static_assert(kw::described_enum<color> && !kw::described_enum<unnamed>);
  CHECK(kw::kind_of<ping> == "PING");
  CHECK(kw::schema<ping>.key == "type");
}

TEST_CASE("a field is required unless it is optional or has a default") {
  auto const& fields = kw::schema<ping>.fields;
  CHECK(std::get<0>(fields).required);
  CHECK(!std::get<1>(fields).required);
  CHECK(!std::get<2>(fields).required);
}

TEST_CASE("names that clash are seen at compile time") {
  static_assert(kw::detail::names_are_distinct<ping>());
  static_assert(!kw::detail::names_are_distinct<doubled>());
  static_assert(!kw::detail::names_are_distinct<clash>());
}
