// Percent-encoding: RFC 3986 §2.1.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "grammar.hpp"

namespace kindwire {

namespace detail {

// The byte encoded by "%xx" at `position`; -1 if there is no such triplet.
constexpr int percent_triplet(std::string_view text, std::size_t position) noexcept {
  if (text.size() - position < 3 || text[position] != '%') return -1;
  unsigned const high = hexadecimal_value(text[position + 1]);
  unsigned const low = hexadecimal_value(text[position + 2]);
  return high > 15 || low > 15 ? -1 : static_cast<int>(high * 16 + low);
}

// As application/x-www-form-urlencoded: `+` is a space, and a `%` without two digits is literal (WHATWG URL,
// "percent-decode"), since that is what browsers and every form library do.
inline std::string form_decode(std::string_view text) {
  std::string decoded;
  decoded.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    int const byte = percent_triplet(text, i);
    if (byte >= 0) {
      decoded += static_cast<char>(static_cast<unsigned char>(byte));
      i += 2;
    } else {
      decoded += text[i] == '+' ? ' ' : text[i];
    }
  }
  return decoded;
}

}  // namespace detail

/// `text` with each `%xx` replaced by its byte; nothing if a `%` is not followed by two hexadecimal digits.
/// Thread safe.
inline std::optional<std::string> percent_decode(std::string_view text) {
  std::string decoded;
  decoded.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      decoded += text[i];
      continue;
    }
    int const byte = detail::percent_triplet(text, i);
    if (byte < 0) return std::nullopt;
    decoded += static_cast<char>(static_cast<unsigned char>(byte));
    i += 2;
  }
  return decoded;
}

}  // namespace kindwire
