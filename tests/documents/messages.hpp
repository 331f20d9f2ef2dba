// Messages with every type that a field can have, to compare the reader with the schema that it is said to
// follow.
//
// Not among them are what no schema can say: std::string_view, which refuses escapes, and durations in
// floating point units that must come to whole ones.
#pragma once

#include <kindwire/json/description/types.hpp>
#include <kindwire/json/schema.hpp>

#include <array>
#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <ratio>
#include <string>
#include <variant>
#include <vector>

namespace kw = kindwire;

enum class side { left, right };
template <>
inline constexpr auto kw::schema<side> = kw::enumeration(kw::enumerator("LEFT", side::left),
                                                         kw::enumerator("RIGHT", side::right));

enum class colour { red, green, other };
template <>
inline constexpr auto kw::schema<colour> = kw::enumeration(kw::enumerator("RED", colour::red),
                                                           kw::enumerator("GREEN", colour::green),
                                                           kw::fallback_enumerator(colour::other));

namespace documents {

struct point {
  double x = 0;
  float y = 0;
  static constexpr auto schema = kw::object(kw::field("x", &point::x), kw::field("y", &point::y));
};

struct numbers {
  std::int8_t i8 = 0;
  std::uint8_t u8 = 0;
  std::int16_t i16 = 0;
  std::uint16_t u16 = 0;
  std::int32_t i32 = 0;
  std::uint32_t u32 = 0;
  std::int64_t i64 = 0;
  std::uint64_t u64 = 0;
  float f = 0;
  double d = 0;
  static constexpr auto schema = kw::kind(
      "NUMBERS", kw::field("i8", &numbers::i8), kw::field("u8", &numbers::u8),
      kw::field("i16", &numbers::i16), kw::field("u16", &numbers::u16), kw::field("i32", &numbers::i32),
      kw::field("u32", &numbers::u32), kw::field("i64", &numbers::i64), kw::field("u64", &numbers::u64),
      kw::field("f", &numbers::f), kw::field("d", &numbers::d));
};

// Names that must be escaped, in JSON and in TypeScript.
struct named {
  bool plain = false;
  std::string dashed;
  side quoted{};
  std::optional<side> unicode;
  std::string hyphen = "*/";
  static constexpr auto schema =
      kw::kind("N\"A\\M\nED", kw::key("a type"), kw::field("class", &named::plain),
               kw::field("content-type", &named::dashed), kw::field("a\"b\\c\n", &named::quoted),
               kw::field("größe", &named::unicode), kw::field("1st", &named::hyphen, kw::defaulted));
};

struct nested {
  point at;
  std::vector<point> path;
  std::map<std::string, point> places;
  std::array<point, 2> ends{};
  std::optional<point> maybe;
  static constexpr auto schema =
      kw::kind("NESTED", kw::field("at", &nested::at), kw::field("path", &nested::path),
               kw::field("places", &nested::places), kw::field("ends", &nested::ends),
               kw::field("maybe", &nested::maybe));
};

struct lists {
  std::vector<bool> flags;
  std::vector<std::vector<std::string>> rows;
  std::vector<std::optional<int>> gaps;
  std::array<std::int8_t, 3> triple{};
  std::array<side, 10> ten{};
  std::map<std::string, std::vector<side>> sides;
  std::optional<std::vector<double>> more;
  std::vector<point> absent;
  static constexpr auto schema =
      kw::kind("LISTS", kw::field("flags", &lists::flags), kw::field("rows", &lists::rows),
               kw::field("gaps", &lists::gaps), kw::field("triple", &lists::triple),
               kw::field("ten", &lists::ten), kw::field("sides", &lists::sides),
               kw::field("more", &lists::more), kw::field("absent", &lists::absent, kw::defaulted));
};

struct absent {
  std::optional<double> number;
  std::optional<std::string> text;
  bool flag = true;
  int count = 3;
  double ratio = 0.5;
  side where = side::right;
  point at{1, 2};
  std::map<std::string, int> counts;
  static constexpr auto schema = kw::kind(
      "ABSENT", kw::field("number", &absent::number), kw::field("text", &absent::text),
      kw::field("flag", &absent::flag, kw::defaulted), kw::field("count", &absent::count, kw::defaulted),
      kw::field("ratio", &absent::ratio, kw::defaulted), kw::field("where", &absent::where, kw::defaulted),
      kw::field("at", &absent::at, kw::defaulted), kw::field("counts", &absent::counts, kw::defaulted));
};

struct tree {
  std::string label;
  std::vector<tree> children;
  std::map<std::string, tree> named_children;
  static constexpr auto schema = kw::kind("TREE", kw::field("label", &tree::label),
                                          kw::field("children", &tree::children, kw::defaulted),
                                          kw::field("named", &tree::named_children, kw::defaulted));
};

struct empty {
  static constexpr auto schema = kw::kind("EMPTY");
};

// A message inside of a message keeps its kind.
struct envelope {
  empty first;
  std::optional<tree> second;
  static constexpr auto schema =
      kw::kind("ENVELOPE", kw::field("first", &envelope::first), kw::field("second", &envelope::second));
};

struct limited {
  double percent = 0;
  std::optional<int> small;
  std::vector<std::uint8_t> bytes;
  std::string name;
  std::map<std::string, std::string> names;
  std::vector<std::vector<std::int64_t>> rows;
  std::optional<std::vector<double>> ratios;
  float low = -1;
  static constexpr auto schema = kw::kind(
      "LIMITED", kw::description("what is said of fields"),
      kw::field("percent", &limited::percent, kw::minimum(0), kw::maximum(100), kw::description("percent")),
      kw::field("small", &limited::small, kw::minimum(-1), kw::maximum(7)),
      kw::field("bytes", &limited::bytes, kw::max_items(3), kw::minimum(1)),
      kw::field("name", &limited::name, kw::min_length(1), kw::max_length(5)),
      kw::field("names", &limited::names, kw::max_length(4), kw::min_items(1), kw::max_items(2)),
      kw::field("rows", &limited::rows, kw::min_items(2), kw::maximum(128)),
      kw::field("ratios", &limited::ratios, kw::maximum(99.5), kw::max_items(1)),
      kw::field("low", &limited::low, kw::maximum(-0.5), kw::defaulted));
};

struct timed {
  std::chrono::seconds own{};
  std::chrono::milliseconds whole{};
  std::chrono::duration<std::int8_t, std::ratio<60>> narrow{};
  std::chrono::duration<double> fraction{};
  std::optional<std::chrono::seconds> maybe;
  std::vector<std::chrono::seconds> steps;
  static constexpr auto schema =
      kw::kind("TIMED", kw::field("own", &timed::own),
               kw::field("whole", &timed::whole, kw::unit<std::chrono::seconds>, kw::minimum(0)),
               kw::field("narrow", &timed::narrow, kw::unit<std::chrono::duration<int>>),
               kw::field("fraction", &timed::fraction),
               kw::field("maybe", &timed::maybe, kw::unit<std::chrono::milliseconds>),
               kw::field("steps", &timed::steps, kw::unit<std::chrono::duration<int, std::milli>>,
                         kw::maximum(60000)));
};

struct mixed {
  std::variant<empty, tree, limited> one;
  std::vector<std::variant<empty, timed>> many;
  std::optional<std::variant<empty>> maybe;
  kw::raw_json rest;
  kw::raw_json_view more;
  static constexpr auto schema =
      kw::kind("MIXED", kw::field("one", &mixed::one), kw::field("many", &mixed::many),
               kw::field("maybe", &mixed::maybe), kw::field("rest", &mixed::rest),
               kw::field("more", &mixed::more, kw::defaulted));
};

struct coded {
  std::vector<std::uint8_t> data;
  std::array<std::byte, 2> mark{};
  std::optional<std::vector<std::byte>> more;
  std::vector<std::array<std::uint8_t, 4>> list;
  colour paint{};
  static constexpr auto schema = kw::kind(
      "CODED", kw::constant("version", 2),
      kw::constant("mode", "x\"y", kw::defaulted, kw::description("none")),
      kw::field("data", &coded::data, kw::as_base64, kw::max_items(3)),
      kw::field("mark", &coded::mark, kw::as_hex), kw::field("more", &coded::more, kw::as_base64url),
      kw::field("list", &coded::list, kw::as_base64, kw::max_items(2)), kw::field("paint", &coded::paint));
};

// What no type of TypeScript can say: kinds that are not known, beside those that are.
struct opened {
  std::variant<empty, kw::raw_json, tree> any;
  static constexpr auto schema = kw::kind("OPENED", kw::field("any", &opened::any));
};

}  // namespace documents
