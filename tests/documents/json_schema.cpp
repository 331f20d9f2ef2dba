#include <kindwire/documents/json_schema.hpp>

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include <doctest/doctest.h>

namespace kw = kindwire;

namespace {

enum class side { left, right };

struct minutes {
  int count = 0;
};

struct unknown_to_documents {};

}  // namespace

template <>
inline constexpr auto kw::schema<side> = kw::enumeration(kw::enumerator("LEFT", side::left),
                                                         kw::enumerator("RI\"GHT", side::right));

template <>
struct kw::json_codec<minutes> {
  static bool read(kw::json_reader& reader, minutes& value) { return reader.read(value.count); }
  static constexpr std::string_view json_schema = R"({"type": "integer", "multipleOf": 5})";
};
template <>
struct kw::json_codec<unknown_to_documents> {
  static bool read(kw::json_reader&, unknown_to_documents&) { return true; }
};

namespace {

struct part {
  bool on = false;
  static constexpr auto schema = kw::object(kw::field("on", &part::on));
};

struct whole {
  std::int8_t tiny = 0;
  std::optional<part> maybe;
  std::vector<part> parts;
  std::array<double, 2> pair{};
  std::map<std::string, side> sides;
  side where = side::right;
  minutes after;
  unknown_to_documents rest;
  static constexpr auto schema =
      kw::kind("WHOLE", kw::field("tiny", &whole::tiny), kw::field("maybe", &whole::maybe),
               kw::field("parts", &whole::parts), kw::field("pair", &whole::pair),
               kw::field("sides", &whole::sides), kw::field("where", &whole::where, kw::defaulted),
               kw::field("after", &whole::after), kw::field("rest", &whole::rest));
};

struct list {
  std::optional<std::uint64_t> size;
  std::vector<list> rest;
  static constexpr auto schema = kw::kind("LIST", kw::key("type"), kw::field("size", &list::size),
                                          kw::field("rest", &list::rest, kw::defaulted));
};

struct first {
  static constexpr auto schema = kw::kind("FIRST");
};
struct second {
  static constexpr auto schema = kw::kind("SEC~/OND");
};

struct limited {
  double percent = 0;
  std::optional<unsigned> small;
  std::vector<std::string> names;
  std::map<std::string, std::vector<double>> rows;
  std::variant<first, second> end;
  kw::raw_json rest;
  side where{};
  static constexpr auto schema = kw::kind(
      "LIMITED", kw::description("All that\ncan be said."),
      kw::field("percent", &limited::percent, kw::minimum(0), kw::maximum(99.5),
                kw::description("how \"far\"")),
      kw::field("small", &limited::small, kw::maximum(7)),
      kw::field("names", &limited::names, kw::min_length(1), kw::max_length(64), kw::max_items(3)),
      kw::field("rows", &limited::rows, kw::min_items(1), kw::minimum(-1)), kw::field("end", &limited::end),
      kw::field("rest", &limited::rest), kw::field("where", &limited::where, kw::description("a side")));
};

}  // namespace

TEST_CASE("JSON Schema of what is said of fields") {
  std::string const text = kw::json_schema<limited>();
  CHECK(
      text.substr(text.find("    \"limited\""), text.find("    \"first\"") - text.find("    \"limited\"")) ==
      R"(    "limited": {
      "description": "All that\ncan be said.",
      "type": "object",
      "properties": {
        "kind": {"type": "string", "const": "LIMITED"},
        "percent": {
          "description": "how \"far\"",
          "type": "number",
          "minimum": 0,
          "maximum": 99.5
        },
        "small": {
          "anyOf": [
            {
              "type": "integer",
              "minimum": 0,
              "maximum": 7
            },
            {"type": "null"}
          ]
        },
        "names": {
          "type": "array",
          "items": {
            "type": "string",
            "minLength": 1,
            "maxLength": 64
          },
          "maxItems": 3
        },
        "rows": {
          "type": "object",
          "additionalProperties": {
            "type": "array",
            "items": {
              "type": "number",
              "minimum": -1
            }
          },
          "minProperties": 1
        },
        "end": {
          "oneOf": [
            {"$ref": "#/$defs/first"},
            {"$ref": "#/$defs/second"}
          ]
        },
        "rest": {},
        "where": {
          "description": "a side",
          "allOf": [
            {"$ref": "#/$defs/side"}
          ]
        }
      },
      "required": ["kind", "percent", "names", "rows", "end", "rest", "where"]
    },
)");
}

namespace {

template <class Member, class Unit>
struct timed {
  Member value{};
  static constexpr auto schema = kw::object(kw::field("value", &timed::value, kw::defaulted, kw::unit<Unit>));
};

// What a schema says of the field, on one line.
template <class Member, class Unit = Member>
std::string words_of_duration() {
  std::string const text = kw::json_schema<timed<Member, Unit>>();
  std::size_t const from = text.find("\"description\"");
  std::string words;
  for (char const letter : text.substr(from, text.find('}', from) - from)) {
    if (letter != '\n' && (letter != ' ' || !words.ends_with(' '))) words += letter;
  }
  return words;
}

using namespace std::chrono;
template <class Rep, class Period = std::ratio<1>>
using in = duration<Rep, Period>;

}  // namespace

TEST_CASE("JSON Schema of durations: numbers of the unit that the member can hold") {
  CHECK(words_of_duration<milliseconds>() ==
        R"("description": "in milliseconds", "default": 0, "type": "integer", )"
        R"("minimum": -9223372036854775808, "maximum": 9223372036854775807 )");
  CHECK(words_of_duration<in<std::int8_t>, in<int, std::milli>>() ==
        R"("description": "in milliseconds", "default": 0, "type": "integer", )"
        R"("minimum": -128000, "maximum": 127000, "multipleOf": 1000 )");
  CHECK(words_of_duration<in<std::int16_t, std::milli>, in<std::int64_t>>() ==
        R"("description": "in seconds", "default": 0, "type": "integer", "minimum": -32, "maximum": 32 )");
  CHECK(words_of_duration<in<std::int64_t>, in<std::uint8_t, std::ratio<60>>>() ==
        R"("description": "in minutes", "default": 0, "type": "integer", "minimum": 0, "maximum": 255 )");
  CHECK(words_of_duration<in<std::uint64_t, std::ratio<3600>>, in<std::int64_t, std::nano>>() ==
        R"("description": "in nanoseconds", "default": 0, "type": "integer", "minimum": 0, )"
        R"("maximum": 9223372036854775807, "multipleOf": 3600000000000 )");
  CHECK(words_of_duration<in<std::int16_t, std::milli>, in<double>>() ==
        R"("description": "in seconds that come to whole milliseconds", "default": 0, "type": "number", )"
        R"("minimum": -32.768, "maximum": 32.767 )");
  CHECK(words_of_duration<in<double>>() == R"("description": "in seconds", "default": 0, "type": "number" )");
}

TEST_CASE("JSON Schema of any type") {
  CHECK(kw::json_schema<std::vector<bool>>() == R"({
  "$schema": "https://json-schema.org/draft/2020-12/schema",
  "type": "array",
  "items": {
    "type": "boolean"
  }
}
)");
  CHECK(kw::json_schema<std::variant<first, second>>() == kw::json_schema<first, second>());
  CHECK(kw::json_schema<std::variant<first>>() == kw::json_schema<first>());
}

TEST_CASE("JSON Schema of every form that a field can have") {
  CHECK(kw::json_schema<whole>() == R"({
  "$schema": "https://json-schema.org/draft/2020-12/schema",
  "$ref": "#/$defs/whole",
  "$defs": {
    "whole": {
      "type": "object",
      "properties": {
        "kind": {"type": "string", "const": "WHOLE"},
        "tiny": {
          "type": "integer",
          "minimum": -128,
          "maximum": 127
        },
        "maybe": {
          "anyOf": [
            {"$ref": "#/$defs/part"},
            {"type": "null"}
          ]
        },
        "parts": {
          "type": "array",
          "items": {"$ref": "#/$defs/part"}
        },
        "pair": {
          "type": "array",
          "items": {
            "type": "number"
          },
          "minItems": 2,
          "maxItems": 2
        },
        "sides": {
          "type": "object",
          "additionalProperties": {"$ref": "#/$defs/side"}
        },
        "where": {
          "default": "RI\"GHT",
          "allOf": [
            {"$ref": "#/$defs/side"}
          ]
        },
        "after": {
          "allOf": [
            {"type": "integer", "multipleOf": 5}
          ]
        },
        "rest": {}
      },
      "required": ["kind", "tiny", "parts", "pair", "sides", "after", "rest"]
    },
    "part": {
      "type": "object",
      "properties": {
        "on": {
          "type": "boolean"
        }
      },
      "required": ["on"]
    },
    "side": {
      "type": "string",
      "enum": ["LEFT", "RI\"GHT"]
    }
  }
}
)");
}

TEST_CASE("JSON Schema of a type that holds itself, closed to unknown fields") {
  CHECK(kw::json_schema<list>({.refuse_unknown_fields = true}) == R"({
  "$schema": "https://json-schema.org/draft/2020-12/schema",
  "$ref": "#/$defs/list",
  "$defs": {
    "list": {
      "type": "object",
      "properties": {
        "type": {"type": "string", "const": "LIST"},
        "size": {
          "anyOf": [
            {
              "type": "integer",
              "minimum": 0,
              "maximum": 18446744073709551615
            },
            {"type": "null"}
          ]
        },
        "rest": {
          "default": [],
          "type": "array",
          "items": {"$ref": "#/$defs/list"}
        }
      },
      "required": ["type"],
      "additionalProperties": false
    }
  }
}
)");
}

TEST_CASE("JSON Schema of a set of kinds: one of them") {
  CHECK(kw::json_schema<first, second>() == R"({
  "$schema": "https://json-schema.org/draft/2020-12/schema",
  "oneOf": [
    {"$ref": "#/$defs/first"},
    {"$ref": "#/$defs/second"}
  ],
  "$defs": {
    "first": {
      "type": "object",
      "properties": {
        "kind": {"type": "string", "const": "FIRST"}
      },
      "required": ["kind"]
    },
    "second": {
      "type": "object",
      "properties": {
        "kind": {"type": "string", "const": "SEC~/OND"}
      },
      "required": ["kind"]
    }
  }
}
)");
}

namespace {

struct thirds {
  float narrow = 0;
  double wide = 0;
  std::chrono::duration<std::int16_t> counted{};
  static constexpr auto schema = kw::object(
      kw::field("narrow", &thirds::narrow, kw::minimum(-1.0 / 3), kw::maximum(1.0 / 3)),
      kw::field("wide", &thirds::wide, kw::maximum(9'007'199'254'740'993)),
      kw::field("counted", &thirds::counted, kw::unit<std::chrono::duration<double, std::ratio<60>>>));
};

// The numbers that a schema has for minimum and maximum, in their order.
std::vector<double> bounds_in(std::string const& schema) {
  std::vector<double> found;
  for (std::size_t at = 0; (at = schema.find("imum\": ", at)) != std::string::npos; ++at) {
    found.push_back(std::strtod(schema.c_str() + at + 7, nullptr));
  }
  return found;
}

template <class T>
void accepts_extremes() {
  auto const bounds = bounds_in(kw::json_schema<T>());
  if (bounds.empty()) return;
  REQUIRE(bounds.size() == 2);
  CHECK(std::strtod(kw::to_json(std::numeric_limits<T>::lowest())->c_str(), nullptr) >= bounds[0]);
  CHECK(std::strtod(kw::to_json((std::numeric_limits<T>::max)())->c_str(), nullptr) <= bounds[1]);
}

template <class T>
void accepts_extreme_durations() {
  auto const bounds = bounds_in(kw::json_schema<T>());
  REQUIRE(bounds.size() == 2);
  CHECK(std::strtod(kw::to_json((T::min)())->c_str(), nullptr) >= bounds[0]);
  CHECK(std::strtod(kw::to_json((T::max)())->c_str(), nullptr) <= bounds[1]);
}

}  // namespace

TEST_CASE("the bounds of a schema accept what the writer writes") {
  accepts_extremes<std::int8_t>();
  accepts_extremes<std::uint16_t>();
  accepts_extremes<std::int32_t>();
  accepts_extremes<std::uint64_t>();
  accepts_extremes<std::int64_t>();
  accepts_extremes<float>();
  accepts_extremes<double>();
  accepts_extreme_durations<std::chrono::nanoseconds>();
  accepts_extreme_durations<std::chrono::duration<float>>();

  auto const bounds = bounds_in(kw::json_schema<thirds>());
  REQUIRE(bounds.size() == 5);
  auto const written = [](thirds const& value, std::string_view name) {
    std::string const text = *kw::to_json(value);
    return std::strtod(text.c_str() + text.find(name) + name.size() + 2, nullptr);
  };
  constexpr auto third = static_cast<float>(1.0 / 3);
  CHECK(written({.narrow = -third}, "narrow") >= bounds[0]);
  CHECK(written({.narrow = third}, "narrow") <= bounds[1]);
  CHECK(written({.wide = 9'007'199'254'740'992}, "wide") <= bounds[2]);
  for (int count = -32768; count < 32768; ++count) {
    double const minutes = written(
        {.counted = std::chrono::duration<std::int16_t>{static_cast<std::int16_t>(count)}}, "counted");
    REQUIRE(minutes >= bounds[3]);
    REQUIRE(minutes <= bounds[4]);
  }
}

namespace {

struct constant_members {
  int const size = 4;
  std::optional<int> const limit{};
  std::optional<int> most = 10;
  static constexpr auto schema =
      kw::object(kw::field("size", &constant_members::size), kw::field("limit", &constant_members::limit),
                 kw::field("most", &constant_members::most));
};

}  // namespace

TEST_CASE("const members are described like others, and what absence means is said") {
  std::string const text = kw::json_schema<constant_members>();
  CHECK(text.find(R"("required": ["size"])") != std::string::npos);
  CHECK(text.find(R"("default": 10)") != std::string::npos);
}
