// Values other than texts that are written as strings: integers, also as keys of maps, bytes, and paths.
#pragma once

#include <charconv>
#include <cstddef>
#include <limits>
#include <string>
#include <string_view>
#include <system_error>

#include "../error.hpp"
#include "../text/byte_text.hpp"
#include "form.hpp"
#include "limits.hpp"

namespace kindwire::detail {

/// Reads an integer as we write it: no sign but a minus, no leading zero, no white space. Otherwise, why not.
template <class T>
json_errc read_whole(std::string_view text, T& value) noexcept {
  std::string_view const digits = text.substr(text.starts_with('-') ? 1 : 0);
  bool const plain = !digits.empty() && digits.find_first_not_of("0123456789") == digits.npos &&
                     (digits.front() != '0' || text == "0");
  if (!plain) return json_errc::wrong_type;
  auto const result = std::from_chars(text.data(), text.data() + text.size(), value);
  bool const whole = result.ec == std::errc{} && result.ptr == text.data() + text.size();
  return whole ? json_errc{} : json_errc::out_of_range;
}

/// `an integer in a string from 0 to 255`
template <class T>
std::string whole_text(std::string_view what) {
  using limits = std::numeric_limits<T>;
  std::string text{what};
  text += " from ";
  text += std::to_string((limits::min)());
  text += " to ";
  text += std::to_string((limits::max)());
  return text;
}

/// `bytes as base64`
inline std::string spelling_text(byte_spelling how) {
  return "bytes as " + std::string{name_of_spelling(how)};
}

// Paths are UTF-8 in JSON, whatever the system uses.

template <json_path T>
T make_path(std::string_view text) {
  return T{std::u8string(text.begin(), text.end())};
}

template <json_path T>
std::string path_text(T const& path) {
  std::u8string const text = path.u8string();
  return {text.begin(), text.end()};
}

/// A constant's value, for people: as it stands in JSON, unless something must be escaped.
template <class T>
std::string constant_text(T const& value) {
  if constexpr (std::is_same_v<T, bool>) {
    return value ? "true" : "false";
  } else if constexpr (json_integer<T> || json_floating<T>) {
    return digits_of(value);
  } else {
    std::string text{'"'};
    if constexpr (described_enum<T>) {
      text += name_of_enumerator(value).value_or(std::string_view{});
    } else {
      text += value;
    }
    return text + '"';
  }
}

/// A map's key as it stands in JSON, without escapes; empty if it is an enumerator without a name.
template <class Key>
auto key_text(Key const& key) {
  if constexpr (json_integer<Key>) {
    return std::to_string(key);
  } else if constexpr (described_enum<Key>) {
    return name_of_enumerator(key).value_or(std::string_view{});
  } else if constexpr (json_path<Key>) {
    return path_text(key);
  } else {
    return std::string_view{key};
  }
}

}  // namespace kindwire::detail
