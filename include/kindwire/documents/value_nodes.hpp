// Parts of a type's description, as data: numbers, and the limits that fields state.
#pragma once

#include <algorithm>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <ratio>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

#include "../json/description/duration.hpp"
#include "../json/description/form.hpp"
#include "../json/description/limits.hpp"
#include "../json/description/types.hpp"
#include "../json/schema.hpp"
#include "../json/text/byte_text.hpp"
#include "../json/writer.hpp"
#include "document_writer.hpp"
#include "type_node.hpp"

namespace kindwire::detail {

// The initial value of a member, if it is short and plain.
template <class Unit, class T>
std::string initial_text(T const& value) {
  using enum json_form;
  constexpr json_form form = form_of<T>;
  if constexpr (has_codec<T>) {
    return {};
  } else if constexpr (form == boolean) {
    return value ? "true" : "false";
  } else if constexpr (form == integer) {
    return digits_of(value);
  } else if constexpr (form == floating) {
    return value - value == T{} ? digits_of(value) : std::string{};  // not for NaN and infinities
  } else if constexpr (form == enumeration) {
    auto const name = name_of_enumerator(value);
    return name ? json_string(*name) : std::string{};
  } else if constexpr (form == text) {
    return json_string(value);
  } else if constexpr (form == duration) {
    unit_of<T, Unit> converted{};
    if (convert_duration(value, converted) != conversion::exact) return {};
    return initial_text<void>(converted.count());
  } else if constexpr (form == nullable) {
    return value ? initial_text<Unit>(*value) : std::string{};  // its type says that it may be null
  } else if constexpr (form == list) {
    return value.empty() ? "[]" : "";
  } else if constexpr (form == map) {
    return value.empty() ? "{}" : "";
  } else {
    return {};
  }
}

template <class T>
type_node describe_number() {
  if constexpr (std::is_integral_v<T>) {
    return {.form = type_form::integer,
            .minimum = digits_of((std::numeric_limits<T>::min)()),
            .maximum = digits_of((std::numeric_limits<T>::max)())};
  } else if constexpr (std::is_same_v<T, float>) {
    // In the writer's digits. Elsewhere numbers are doubles, and the double of these digits is a little more
    // than the float, to which it is rounded when read.
    constexpr float most = (std::numeric_limits<float>::max)();
    return {.form = type_form::floating, .minimum = digits_of(-most), .maximum = digits_of(most)};
  } else {
    return {type_form::floating};
  }
}

// The counts of Unit that Duration can hold; for integers, those that convert_duration() takes.
template <class Duration, class Unit>
type_node describe_duration() {
  using rep = typename Unit::rep;
  using member_rep = typename Duration::rep;
  using factor = std::ratio_divide<typename Unit::period, typename Duration::period>;
  type_node node = describe_number<rep>();
  if constexpr (json_integer<rep> && json_integer<member_rep>) {
    node.multiple_of = static_cast<std::uint64_t>(factor::den);
    auto const fitting = [](std::uint64_t most, std::uint64_t of_rep) {
      constexpr std::uint64_t highest = (std::numeric_limits<std::uint64_t>::max)();
      constexpr auto denominator = static_cast<std::uint64_t>(factor::den);
      most /= static_cast<std::uint64_t>(factor::num);
      return (std::min)(most > highest / denominator ? highest : most * denominator, of_rep);
    };
    auto const magnitude = [](auto lowest) { return ~static_cast<std::uint64_t>(lowest) + 1; };
    auto const least = fitting(magnitude((std::numeric_limits<member_rep>::min)()),
                               magnitude((std::numeric_limits<rep>::min)()));
    node.minimum = (least == 0 ? "" : "-") + digits_of(least);
    node.maximum = digits_of(fitting(static_cast<std::uint64_t>((std::numeric_limits<member_rep>::max)()),
                                     static_cast<std::uint64_t>((std::numeric_limits<rep>::max)())));
  } else if constexpr (json_integer<member_rep>) {
    // As the writer converts them.
    auto const bound = [](member_rep count) {
      Unit converted{};
      static_cast<void>(convert_duration(Duration{count}, converted));
      return digits_of(converted.count());
    };
    node.minimum = bound((std::numeric_limits<member_rep>::min)());
    node.maximum = bound((std::numeric_limits<member_rep>::max)());
  }
  return node;
}

// The unit of the durations in a member, as "in milliseconds"; empty if it holds none.
template <class Member, class Unit>
std::string unit_text() {
  using value = typename innermost<Member>::type;
  if constexpr (is_duration<value>) {
    using unit = unit_of<value, Unit>;
    std::string text = "in " + unit_name<typename unit::period>();
    // No schema can say that a number with a fraction must convert to a whole one.
    if constexpr (json_floating<typename unit::rep> && json_integer<typename value::rep>) {
      text += " that come to whole " + unit_name<typename value::period>();
    }
    return text;
  } else {
    return {};
  }
}

inline std::string described_with_unit(std::string_view description, std::string const& unit) {
  if (description.empty() || unit.empty()) return std::string{description} + unit;
  return std::string{description} + ", " + unit;
}

// In the member's type of number, as the reader and the writer compare with it.
template <class Number>
std::string bound_text(no_bound) {
  return {};
}
template <class Number, class Bound>
std::string bound_text(Bound bound) {
  if constexpr (std::is_void_v<Number>) {
    return {};  // reported by limits_of
  } else if constexpr (std::is_integral_v<Bound> && std::is_floating_point_v<Number>) {
    // 100000 rather than 1e+05.
    constexpr std::int32_t exact = std::int32_t{1} << std::numeric_limits<float>::digits;
    bool const plain = std::cmp_less_equal(bound, exact) && std::cmp_greater_equal(bound, -exact);
    return plain ? digits_of(bound) : digits_of(static_cast<Number>(bound));
  } else {
    return digits_of(static_cast<Number>(bound));
  }
}

// Limits of numbers and lengths apply to all of them in the member, except inside described types; those of
// items, to the outermost list or map.
inline void limit_numbers(type_node& node, std::string const& least, std::string const& most) {
  if (least.empty() && most.empty()) return;
  if (node.form == type_form::integer || node.form == type_form::floating) {
    if (!least.empty()) node.minimum = least;
    if (!most.empty()) node.maximum = most;
    node.minimum_is_stated = !least.empty();
    node.maximum_is_stated = !most.empty();
  }
  for (type_node& each : node.inner) limit_numbers(each, least, most);
}

using size_bound = std::optional<std::size_t>;

inline void limit_lengths(type_node& node, size_bound least, size_bound most) {
  if (node.form == type_form::string) {
    node.min_size = least;
    node.max_size = most;
  }
  for (type_node& each : node.inner) limit_lengths(each, least, most);
}

inline void limit_items(type_node& node, size_bound least, size_bound most) {
  if (node.form == type_form::optional) return limit_items(node.inner[0], least, most);
  if (least) node.min_size = least;
  if (most) node.max_size = most;
}

template <class Enum>
inline constexpr bool has_fallback = false;
template <described_enum Enum>
inline constexpr bool has_fallback<Enum> = schema<Enum>.fallback.has_value();

// JSON Schema's names of them.
constexpr std::string_view encoding_of(byte_spelling how) noexcept {
  switch (how) {
    case byte_spelling::hex: return "base16";
    case byte_spelling::base64: return "base64";
    case byte_spelling::base64url: return "base64url";
    case byte_spelling::none: break;
  }
  return {};
}

// For integers in strings.
inline constexpr std::string_view whole_pattern = "^(0|-?[1-9][0-9]*)$";

// For fields whose values are not written in their type's usual way.
template <class Enum>
void number_enumerators(type_node& node) {
  if (node.form == type_form::named) {
    node = type_node{type_form::numbers};
    if constexpr (has_fallback<Enum>) {
      node = describe_number<std::underlying_type_t<Enum>>();
    } else if constexpr (described_enum<Enum>) {
      for (Enum const each : schema<Enum>.values) {
        std::string const number = digits_of(static_cast<std::underlying_type_t<Enum>>(each));
        node.numbers.push_back(number);
      }
    }
  }
  if (!node.inner.empty()) number_enumerators<Enum>(node.inner[0]);  // not a map's keys
}
inline void quote_integers(type_node& node) {
  if (node.form == type_form::integer)
    node = {.form = type_form::string, .pattern = std::string{whole_pattern}};
  for (type_node& each : node.inner) quote_integers(each);
}

// Bounds of bytes become bounds of characters; where both are the same, the pattern says it.
inline type_node bytes_node(byte_spelling how, size_bound least, size_bound most) {
  bool const fixed = least && least == most;
  type_node node{.form = type_form::string,
                 .pattern = byte_pattern(how, fixed ? least : std::nullopt),
                 .encoding = encoding_of(how)};
  if (!fixed) {
    if (least) node.min_size = spelt_size(how, *least);
    if (most) node.max_size = spelt_size(how, *most);
  }
  return node;
}

// `least` and `most` are the field's, and apply to the outermost container.
template <class T>
void spell_bytes(type_node& node, byte_spelling how, size_bound least, size_bound most) {
  if constexpr (is_byte_array<T>) {
    node = bytes_node(how, size_of_array<T>, size_of_array<T>);
  } else if constexpr (json_bytes<T>) {
    node = bytes_node(how, least, most);
  } else if constexpr (form_of<T> == json_form::nullable) {
    spell_bytes<inside_of<T>>(node.inner[0], how, least, most);
  } else if constexpr (is_around<T>) {
    spell_bytes<inside_of<T>>(node.inner[0], how, std::nullopt, std::nullopt);
    limit_items(node, least, most);
  }
}

// A constant's value as JSON.
template <class Value>
std::string constant_json(Value const& value) {
  std::string text;
  json_writer writer{text};
  if (writer.write(value)) writer.flush();
  return text;
}

}  // namespace kindwire::detail
