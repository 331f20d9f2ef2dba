// How json_reader reads values that contain no others: a part of reader.hpp.
#pragma once

#include <cstddef>
#include <cstdint>
#include <iterator>
#include <limits>
#include <string>
#include <string_view>
#include <type_traits>

#include "../description/schema_check.hpp"
#include "../description/spelt_values.hpp"
#include "../text/time_text.hpp"
#include "../text/whole_number.hpp"
#include "json_reader.hpp"

namespace kindwire {

inline bool json_reader::read_boolean(bool& value) {
  char const letter = scanner_.peek();
  if (letter != 't' && letter != 'f') return scanner_.fail_type("a boolean");
  value = letter == 't';
  return scanner_.literal(value ? "true" : "false");
}

inline bool json_reader::read_string(std::string& value) {
  if (scanner_.peek() != '"') return scanner_.fail_type("a string");
  std::string_view plain;
  bool escaped = false;
  if (!scanner_.plain_string(plain, escaped)) return false;
  if (escaped) return scanner_.unescape(&value);
  // Whatever fits is copied into what the string has.
  if (plain.size() <= value.capacity()) {
    value.assign(plain);
  } else {
    value = std::string{plain};
  }
  return true;
}

inline bool json_reader::read_view(std::string_view& value) {
  if (scanner_.peek() != '"') return scanner_.fail_type("a string");
  char const* const where = scanner_.position();
  bool escaped = false;
  if (!scanner_.plain_string(value, escaped)) return false;
  if (!escaped) return true;
  // A broken string is reported as such.
  return scanner_.unescape(nullptr) &&
         scanner_.fail_at(where, json_errc::escaped_string, "a string without escapes");
}

template <class Limits, class T>
bool json_reader::read_integer(T& value, std::string_view* text) {
  detail::json_number number;
  if (!scanner_.number(number, "an integer")) return false;
  if (!number.integral && !detail::make_whole(number)) {
    return fail_number(number, json_errc::wrong_type, "an integer");
  }
  std::uint64_t most = static_cast<std::uint64_t>((std::numeric_limits<T>::max)());
  if (number.negative) most = std::is_signed_v<T> ? most + 1 : 0;
  if (number.overflow || number.magnitude > most) {
    return fail_range(number, (std::numeric_limits<T>::min)(), (std::numeric_limits<T>::max)());
  }
  // Two's complement: the lowest value has no positive counterpart, but its bits are right.
  value = static_cast<T>(number.negative ? ~number.magnitude + 1 : number.magnitude);
  if (text != nullptr) *text = number.text;
  return check_number<Limits>(value, number.text);
}

template <class Limits, class T>
bool json_reader::read_floating(T& value, std::string_view* text) {
  detail::json_number number;
  if (!scanner_.number(number, "a number")) return false;
  if (!number.to_floating_at_once(value) && !read_any_floating(number, value)) return false;
  if (text != nullptr) *text = number.text;
  return check_number<Limits>(value, number.text);
}

// Too large and too small look the same to std::from_chars(): the first is refused, the second is zero.
template <class T>
KINDWIRE_NOINLINE bool json_reader::read_any_floating(detail::json_number const& number, T& value) {
  if (number.to_floating(value) == std::errc{}) return true;
  if (!number.is_below_one()) {
    return fail_number(number, json_errc::out_of_range,
                       sizeof(T) == 4 ? "a number up to 3.4e38" : "a number up to 1.8e308");
  }
  value = number.negative ? -T{} : T{};
  return true;
}

template <class Limits, class T>
bool json_reader::check_number(T value, std::string_view text) {
  if (detail::number_is_within<Limits>(value)) return true;
  if constexpr (Limits::of_numbers) fail_limit(text.data(), detail::limits_text<Limits, T>(), text);
  return false;
}

template <class Limits, class T>
bool json_reader::read_text(T& value) {
  [[maybe_unused]] char const* const where = scanner_.position();
  if constexpr (std::is_same_v<T, std::string>) {
    if (!read_string(value)) return false;
  } else {
    if (!read_view(value)) return false;
  }
  if constexpr (Limits::of_length) {
    if (!detail::length_is_within(Limits::length, value)) {
      return fail_limit(where, detail::length_text(Limits::length),
                        std::to_string(detail::code_points(value)));
    }
  }
  return true;
}

template <class Limits, class T>
bool json_reader::read_duration(T& value) {
  using unit = detail::unit_of<T, typename Limits::unit>;
  typename unit::rep count{};
  std::string_view text;
  if constexpr (std::is_integral_v<typename unit::rep>) {
    if (!read_integer<Limits>(count, &text)) return false;
  } else {
    if (!read_floating<Limits>(count, &text)) return false;
  }
  switch (detail::convert_duration(unit{count}, value)) {
    case detail::conversion::exact: return true;
    case detail::conversion::lossy:
      return scanner_.fail_at(text.data(), json_errc::inexact,
                              "whole " + detail::unit_name<typename T::period>(), text);
    case detail::conversion::out_of_range: break;
  }
  return scanner_.fail_at(text.data(), json_errc::out_of_range,
                          "a duration that fits into " + detail::unit_name<typename T::period>(), text);
}

template <class T>
bool json_reader::read_raw(T& value) {
  char const* const begin = scanner_.position();
  if (!scanner_.skip_value()) return false;
  value.text = std::string_view{begin, static_cast<std::size_t>(scanner_.position() - begin)};
  return true;
}

template <class T>
bool json_reader::read_named(T& value, char const* where, std::string_view name) {
  static_assert(detail::enumeration_check<T>::passed);
  for (std::size_t index = 0; index < schema<T>.names.size(); ++index) {
    if (schema<T>.names[index] == name) {
      value = schema<T>.values[index];
      return true;
    }
  }
  if constexpr (schema<T>.fallback.has_value()) {
    value = *schema<T>.fallback;
    return true;
  }
  scanner_.fail_at(where, json_errc::unknown_enumerator, {}, name);
  return scanner_.fail_known(schema<T>.names);
}

template <class T>
bool json_reader::read_enumerator(T& value) {
  char const* const where = scanner_.position();
  std::string_view name;
  if (scanner_.peek() != '"') return scanner_.fail_type("a string");
  return scanner_.string(name) && read_named(value, where, name);
}

template <class Limits, class T>
bool json_reader::read_numbered(T& value) {
  std::underlying_type_t<T> number{};
  std::string_view text;
  if (!read_integer<Limits>(number, &text)) return false;
  if constexpr (described_enum<T>) {
    for (T const each : schema<T>.values) {
      if (static_cast<std::underlying_type_t<T>>(each) != number) continue;
      value = each;
      return true;
    }
    if constexpr (schema<T>.fallback.has_value()) {
      value = *schema<T>.fallback;
      return true;
    }
    return scanner_.fail_at(text.data(), json_errc::unknown_enumerator, {}, text);
  } else {
    static_assert(
        requires { T{0}; },
        "kindwire: as_number needs an enumeration with names, or with an underlying type: without both not "
        "every "
        "number is a value of it");
    value = static_cast<T>(number);
    return true;
  }
}

template <class Limits, class T>
bool json_reader::read_quoted_integer(T& value) {
  char const* const where = scanner_.position();
  std::string_view text;
  if (scanner_.peek() != '"') return scanner_.fail_type("an integer in a string");
  if (!scanner_.string(text)) return false;
  if (auto const wrong = detail::read_whole(text, value); wrong != json_errc{})
    return scanner_.fail_at(where, wrong, detail::whole_text<T>("an integer in a string"), text);
  if constexpr (Limits::of_numbers) {
    if (!detail::number_is_within<Limits>(value))
      return fail_limit(where, detail::limits_text<Limits, T>(), text);
  }
  return true;
}

/// RFC 3339 text, or the duration since 1970 in a unit.
template <class Limits, class T>
bool json_reader::read_time(T& value) {
  typename T::duration since{};
  if constexpr (!std::is_void_v<typename Limits::unit>) {
    if (!read_duration<Limits>(since)) return false;
  } else {
    char const* const where = scanner_.position();
    std::string_view text;
    if (scanner_.peek() != '"') return scanner_.fail_type("a time, as in RFC 3339");
    if (!scanner_.string(text)) return false;
    detail::split_time split;
    auto const wrong = detail::read_time(text, split);
    if (wrong == detail::time_text_error::malformed)
      return scanner_.fail_at(where, json_errc::rejected, "a time such as 2026-11-29T07:10:00Z", text);
    auto const converted = detail::join(split, since);
    if (converted == detail::conversion::out_of_range)
      return scanner_.fail_at(where, json_errc::out_of_range, "a time that fits into the field", text);
    if (wrong != detail::time_text_error::none || converted != detail::conversion::exact)
      return scanner_.fail_at(where, json_errc::inexact,
                              "a time in whole " + detail::unit_name<typename T::period>(), text);
  }
  value = T{since};
  return true;
}

/// The value of a constant(), or an error that shows both.
template <class T>
bool json_reader::read_constant(T const& value) {
  char const* const where = scanner_.position();
  bool same = false;
  if constexpr (std::is_same_v<T, std::string_view>) {
    std::string_view found;
    if (scanner_.peek() != '"') return scanner_.fail_type("a string");
    if (!scanner_.string(found)) return false;
    same = found == value;
  } else if constexpr (described_enum<T>) {
    std::string_view found;
    if (scanner_.peek() != '"') return scanner_.fail_type("a string");
    if (!scanner_.string(found)) return false;
    same = detail::name_of_enumerator(value) == found;
  } else {
    T found{};
    if (!read_value<detail::no_limits>(found)) return false;
    same = found == value;
  }
  return same || scanner_.fail_at(where, json_errc::beyond_limit, detail::constant_text(value),
                                  {where, static_cast<std::size_t>(scanner_.position() - where)});
}

/// Bytes, as their field says. Their number is checked before they are kept.
template <class Limits, class T>
bool json_reader::read_bytes(T& value) {
  constexpr detail::byte_spelling how = Limits::bytes;
  char const* const where = scanner_.position();
  std::string_view text;
  if (scanner_.peek() != '"') return scanner_.fail_type(detail::spelling_text(how));
  if (!scanner_.string(text)) return false;
  auto const count = detail::byte_count(how, text);
  if (!count) return scanner_.fail_at(where, json_errc::rejected, detail::spelling_text(how), text);
  if constexpr (detail::is_byte_array<T>) {
    constexpr std::size_t size = detail::size_of_array<T>;
    if (*count != size) {
      return scanner_.fail_at(where, json_errc::wrong_length, detail::bytes_text({size, size}),
                              std::to_string(*count));
    }
  } else {
    if constexpr (Limits::of_items) {
      if (!Limits::items.contain(*count))
        return fail_limit(where, detail::bytes_text(Limits::items), std::to_string(*count));
    }
    value.resize(*count);
  }
  return detail::read_bytes<how>(text, std::data(value)) ||
         scanner_.fail_at(where, json_errc::rejected, detail::spelling_text(how), text);
}

/// UTF-8 on every system.
template <class T>
bool json_reader::read_path(T& value) {
  std::string_view text;
  if (scanner_.peek() != '"') return scanner_.fail_type("a string");
  if (!scanner_.string(text)) return false;
  value = detail::make_path<T>(text);
  return true;
}

}  // namespace kindwire
