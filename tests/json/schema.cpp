#include <kindwire/json/schema.hpp>

#include <chrono>
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

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
  CHECK(fields.get<0>().required);
  CHECK(!fields.get<1>().required);
  CHECK(!fields.get<2>().required);
}

namespace {

struct limited {
  double value = 0;
  std::string name;
  std::vector<limited> parts;
  std::chrono::milliseconds after{};
  static constexpr auto schema = kw::kind(
      "LIMITED", kw::description("with limits"),
      kw::field("value", &limited::value, kw::maximum(100.5), kw::description("percent"), kw::minimum(0)),
      kw::field("name", &limited::name, kw::min_length(1), kw::defaulted, kw::max_length(64)),
      kw::key("type"), kw::field("parts", &limited::parts, kw::min_items(2), kw::max_items(3)),
      kw::field("after", &limited::after, kw::unit<std::chrono::seconds>));
};

template <std::size_t Index>
constexpr auto const& field_at = kw::schema<limited>.fields.template get<Index>();

template <std::size_t Index>
using field_type = std::remove_cvref_t<decltype(field_at<Index>)>;

}  // namespace

TEST_CASE("what is said of a field is there at compile time, in whatever order it was said") {
  static_assert(field_at<0>.minimum() == 0 && field_at<0>.maximum() == 100.5);
  static_assert(field_type<0>::has_minimum && !field_type<1>::has_minimum);
  static_assert(field_at<0>.description() == "percent" && field_at<1>.description().empty());
  static_assert(field_at<0>.required && !field_at<1>.required);
  static_assert(field_at<1>.min_length() == 1 && field_at<1>.max_length() == 64 && !field_at<0>.min_length());
  static_assert(field_at<2>.min_items() == 2 && field_at<2>.max_items() == 3 && !field_at<1>.max_items());
  static_assert(std::is_same_v<field_type<3>::unit, std::chrono::seconds>);
  static_assert(std::is_void_v<field_type<0>::unit> && std::is_same_v<field_type<0>::member_type, double>);
  static_assert(std::is_same_v<field_type<0>::owner_type, limited>);
  CHECK(kw::schema<limited>.key == "type");
  CHECK(kw::schema<limited>.description == "with limits");
  CHECK(kw::detail::field_count<limited> == 4);
}
