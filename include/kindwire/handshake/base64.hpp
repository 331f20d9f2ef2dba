// Base64 with padding and the standard alphabet: RFC 4648 §4, as RFC 6455 §4.1 and §4.2.2 use it.
#pragma once

#include "../requirements.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace kindwire {

namespace detail {

inline constexpr std::string_view base64_alphabet =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

// 0 to 63, or 64 for a character outside the alphabet.
constexpr std::uint32_t base64_value(char c) noexcept {
  if (c >= 'A' && c <= 'Z') return static_cast<std::uint32_t>(c - 'A');
  if (c >= 'a' && c <= 'z') return static_cast<std::uint32_t>(c - 'a' + 26);
  if (c >= '0' && c <= '9') return static_cast<std::uint32_t>(c - '0' + 52);
  if (c == '+') return 62;
  return c == '/' ? 63 : 64;
}

}  // namespace detail

/// `bytes` in base64: four characters for every three bytes begun, padded with `=`. Thread safe.
inline std::string base64_encode(std::span<std::byte const> bytes) {
  std::string text;
  text.reserve((bytes.size() + 2) / 3 * 4);
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    std::size_t const taken = bytes.size() - i < 3 ? bytes.size() - i : 3;
    std::uint32_t group = 0;
    for (std::size_t j = 0; j < 3; ++j) {
      group = group << 8 | (j < taken ? std::to_integer<std::uint32_t>(bytes[i + j]) : 0);
    }
    for (std::size_t j = 0; j < 4; ++j) {
      text += j <= taken ? detail::base64_alphabet[group >> (18 - 6 * j) & 63] : '=';
    }
  }
  return text;
}

/// The bytes that `text` encodes; nothing unless it is base64 in whole groups of four with its padding.
///
/// Bits beyond the last byte are ignored: the example key of RFC 6455 §4.1 (step 7) has some set. Thread
/// safe.
inline std::optional<std::string> base64_decode(std::string_view text) {
  if (text.size() % 4 != 0) return std::nullopt;
  std::size_t padding = 0;
  while (padding < 2 && padding < text.size() && text[text.size() - 1 - padding] == '=') ++padding;
  std::string bytes;
  bytes.reserve(text.size() / 4 * 3);
  std::uint32_t bits = 0;
  unsigned held = 0;
  for (char const c : text.substr(0, text.size() - padding)) {
    std::uint32_t const value = detail::base64_value(c);
    if (value == 64) return std::nullopt;
    bits = bits << 6 | value;
    held += 6;
    if (held >= 8) {
      held -= 8;
      bytes += static_cast<char>(static_cast<unsigned char>(bits >> held & 0xFF));
    }
  }
  return bytes;
}

}  // namespace kindwire
