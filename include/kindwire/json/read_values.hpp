// How json_reader reads everything but objects that are described: a part of reader.hpp.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>

#include "json_reader.hpp"
#include "whole_number.hpp"

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
bool json_reader::read_enumerator(T& value) {
  static_assert(detail::enumeration_check<T>::passed);
  char const* const where = scanner_.position();
  std::string_view name;
  if (scanner_.peek() != '"') return scanner_.fail_type("a string");
  if (!scanner_.string(name)) return false;
  for (std::size_t index = 0; index < schema<T>.names.size(); ++index) {
    if (schema<T>.names[index] == name) {
      value = schema<T>.values[index];
      return true;
    }
  }
  scanner_.fail_at(where, json_errc::unknown_enumerator, {}, name);
  return scanner_.fail_known(schema<T>.names);
}

template <class Limits, class T>
bool json_reader::read_optional(std::optional<T>& value) {
  static_assert(!detail::is_optional<T>,
                "kindwire: a std::optional of a std::optional: JSON has but one null");
  if (scanner_.peek() != 'n') return read_value<Limits>(value.emplace());
  value.reset();
  return scanner_.literal("null");
}

template <class Limits, class T>
bool json_reader::read_vector(T& values) {
  using inner = detail::inner_limits<Limits>;
  char const* const where = scanner_.position();
  values.clear();
  if (!scanner_.enter('[', "an array")) return false;
  bool first = true;
  for (bool more = true;;) {
    if (!scanner_.next(']', first, more)) return false;
    if constexpr (Limits::of_items) {
      if (!check_count(Limits::items, values.size(), more, where, detail::list_text)) return false;
    }
    if (!more) return true;
    // Not from one allocation to the next for the first few: 64 bytes, or one element.
    if (values.capacity() == 0) values.reserve(std::max<std::size_t>(1, 64 / sizeof(typename T::value_type)));
    if constexpr (std::is_same_v<typename T::value_type, bool>) {
      bool value = false;
      if (!read_value<inner>(value)) return fail_element(values.size());
      values.push_back(value);
    } else {
      if (!read_value<inner>(values.emplace_back())) return fail_element(values.size() - 1);
    }
  }
}

template <class Limits, class T, std::size_t Size>
bool json_reader::read_array(std::array<T, Size>& values) {
  char const* const where = scanner_.position();
  if (!scanner_.enter('[', "an array")) return false;
  bool first = true;
  for (std::size_t index = 0;; ++index) {
    bool more = true;
    if (!scanner_.next(']', first, more)) return false;
    if (more && index < Size) {
      if (!read_value<Limits>(values[index])) return fail_element(index);
    } else if (more || index != Size) {
      return scanner_.fail_at(where, json_errc::wrong_length, "an array of " + std::to_string(Size),
                              more ? "more" : std::to_string(index));
    } else {
      return true;
    }
  }
}

template <class Limits, class Map>
bool json_reader::read_map(Map& values) {
  using inner = detail::inner_limits<Limits>;
  [[maybe_unused]] char const* const begin = scanner_.position();
  values.clear();
  if (!scanner_.enter('{', "an object")) return false;
  bool first = true;
  for (bool more = true;;) {
    if (!scanner_.next('}', first, more)) return false;
    if (!more) break;
    char const* const where = scanner_.position();
    std::string_view key;
    if (!scanner_.key(key)) return false;
    auto const [entry, is_new] = values.try_emplace(std::string{key});
    if constexpr (Limits::of_items) {
      if (values.size() > Limits::items.most) {
        return fail_limit(begin, detail::map_text(Limits::items), "more");
      }
    }
    if (!is_new) {
      if (refuses_duplicates()) return fail_member(where, json_errc::duplicate_field, key);
      if (options_.duplicates == duplicate_policy::first) {
        if (!scanner_.skip_value()) return false;
        continue;
      }
      entry->second = typename Map::mapped_type{};
    }
    scanner_.skip_space();
    if (!read_value<inner>(entry->second)) {
      scanner_.prepend_path(entry->first);
      return false;
    }
  }
  if constexpr (Limits::of_items)
    return check_count(Limits::items, values.size(), false, begin, detail::map_text);
  return true;
}

}  // namespace kindwire
