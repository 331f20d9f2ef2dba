// Bytes in strings: hexadecimal digits and base64, strictly as in RFC 4648.
#pragma once

#include "../../requirements.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace kindwire::detail {

/// RFC 4648 §8, §4, and §5 without padding, as in RFC 7515 §2.
enum class byte_spelling { none, hex, base64, base64url };

constexpr std::string_view name_of_spelling(byte_spelling how) noexcept {
  switch (how) {
    case byte_spelling::hex: return "hexadecimal digits";
    case byte_spelling::base64: return "base64";
    case byte_spelling::base64url: return "base64url without padding";
    case byte_spelling::none: break;
  }
  return {};
}

constexpr std::string_view alphabet_of(byte_spelling how) noexcept {
  switch (how) {
    case byte_spelling::hex: return "0123456789abcdef";
    case byte_spelling::base64url: return "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    default: return "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  }
}

/// The length of the text of this many bytes.
constexpr std::size_t spelt_size(byte_spelling how, std::size_t bytes) noexcept {
  switch (how) {
    case byte_spelling::hex: return bytes * 2;
    case byte_spelling::base64url: return bytes / 3 * 4 + (bytes % 3 == 0 ? 0 : bytes % 3 + 1);
    default: return (bytes + 2) / 3 * 4;
  }
}

/// How many bytes a text of this length stands for; nothing if no bytes have one of this length.
constexpr std::optional<std::size_t> byte_count(byte_spelling how, std::string_view text) noexcept {
  if (how == byte_spelling::hex) {
    if (text.size() % 2 != 0) return std::nullopt;
    return text.size() / 2;
  }
  if (how == byte_spelling::base64) {
    if (text.size() % 4 != 0) return std::nullopt;
    if (text.ends_with('=')) text.remove_suffix(1);
    if (text.ends_with('=')) text.remove_suffix(1);
  }
  if (text.size() % 4 == 1) return std::nullopt;
  return text.size() / 4 * 3 + (text.size() % 4 == 0 ? 0 : text.size() % 4 - 1);
}

// The value of each character, 255 if it has none. Hexadecimal digits may be capital letters.
template <byte_spelling How>
inline constexpr std::array<std::uint8_t, 256> byte_digits = [] {
  std::array<std::uint8_t, 256> values{};
  values.fill(255);
  constexpr std::string_view alphabet = alphabet_of(How);
  for (std::size_t value = 0; value != alphabet.size(); ++value) {
    auto const letter = static_cast<unsigned char>(alphabet[value]);
    values[letter] = static_cast<std::uint8_t>(value);
    if (How == byte_spelling::hex && letter >= 'a')
      values[letter - 'a' + 'A'] = static_cast<std::uint8_t>(value);
  }
  return values;
}();

/// Decodes a text into as many bytes as byte_count() says. False if it has another character, or bits after
/// the last byte that are not zero (RFC 4648 §3.5).
template <byte_spelling How, class Byte>
constexpr bool read_bytes(std::string_view text, Byte* to) noexcept {
  constexpr unsigned bits_a_digit = How == byte_spelling::hex ? 4 : 6;
  if (How == byte_spelling::base64 && text.ends_with('=')) {
    text.remove_suffix(1);
    if (text.ends_with('=')) text.remove_suffix(1);
  }
  std::uint32_t held = 0;
  unsigned bits = 0;
  unsigned wrong = 0;
  for (char const letter : text) {
    std::uint8_t const value = byte_digits<How>[static_cast<unsigned char>(letter)];
    wrong |= value;
    held = held << bits_a_digit | value;
    bits += bits_a_digit;
    if (bits >= 8) {
      bits -= 8;
      *to++ = static_cast<Byte>(static_cast<unsigned char>(held >> bits & 0xFF));
    }
  }
  return wrong < 64 && (held & ((std::uint32_t{1} << bits) - 1)) == 0;
}

/// Calls `put` with the text of the bytes, piece by piece.
template <byte_spelling How, class Byte, class Put>
constexpr void write_bytes(Byte const* bytes, std::size_t size, Put put) {
  constexpr std::string_view digits = alphabet_of(How);
  constexpr unsigned bits_a_digit = How == byte_spelling::hex ? 4 : 6;
  constexpr std::size_t group = How == byte_spelling::hex ? 1 : 3;
  for (std::size_t at = 0; at < size; at += group) {
    std::size_t const count = size - at < group ? size - at : group;
    std::uint32_t held = 0;
    for (std::size_t index = 0; index != group; ++index)
      held = held << 8 | (index < count ? static_cast<unsigned char>(bytes[at + index]) : 0U);
    std::array<char, 4> piece{'=', '=', '=', '='};
    std::size_t const length = spelt_size(How, count);
    std::size_t const spelt = How == byte_spelling::hex ? 2 : count + 1;
    for (std::size_t index = 0; index != spelt; ++index) {
      unsigned const shift = static_cast<unsigned>(8 * group - bits_a_digit * (index + 1));
      piece[index] = digits[held >> shift & ((1U << bits_a_digit) - 1)];
    }
    put(std::string_view{piece.data(), length});
  }
}

/// A regular expression for texts of bytes; of `count` bytes, if that is stated.
inline std::string byte_pattern(byte_spelling how, std::optional<std::size_t> count) {
  auto const times = [](std::string_view what, std::size_t number) {
    return number == 0 ? std::string{} : std::string{what} + '{' + std::to_string(number) + '}';
  };
  if (how == byte_spelling::hex) {
    constexpr std::string_view digit = "[0-9A-Fa-f]";
    return count ? '^' + times(digit, *count * 2) + '$' : "^([0-9A-Fa-f]{2})*$";
  }
  bool const padded = how == byte_spelling::base64;
  std::string const digit = padded ? "[A-Za-z0-9+/]" : "[A-Za-z0-9_-]";
  // The last digit of an incomplete group has two or four zero bits.
  std::string const one = digit + "[AQgw]" + (padded ? "==" : "");
  std::string const two = digit + "{2}[AEIMQUYcgkosw048]" + (padded ? "=" : "");
  if (!count) return "^(" + digit + "{4})*(" + one + '|' + two + ")?$";
  std::string out = '^' + times(digit, *count / 3 * 4);
  if (*count % 3 == 1) out += one;
  if (*count % 3 == 2) out += two;
  return out + '$';
}

}  // namespace kindwire::detail
