// Text from elsewhere, made fit for logs and messages: whatever is not UTF-8, forges a line or drives a
// terminal is spelt out.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "../../kernel/utf8_sequence.hpp"

namespace kindwire::detail {

/// The length of the UTF-8 sequence at the beginning of the text; 0 if it is not valid, or the text is empty.
constexpr std::size_t utf8_sequence(std::string_view text) noexcept {
  return utf8_sequence(text.data(), text.size());
}

constexpr bool all_utf8(std::string_view text) noexcept {
  while (!text.empty()) {
    std::size_t const size = utf8_sequence(text);
    if (size == 0) return false;
    text.remove_prefix(size);
  }
  return true;
}

/// As much of a text in UTF-8 as fits into `most` bytes, cut between characters.
constexpr std::string_view cut_text(std::string_view text, std::size_t most) noexcept {
  if (text.size() <= most) return text;
  while (most != 0 && (static_cast<unsigned char>(text[most]) & 0xC0) == 0x80) --most;
  return text.substr(0, most);
}

/// C0 and C1 controls and DEL, line and paragraph separators, and controls of the writing direction.
constexpr bool is_unprintable(std::string_view character) noexcept {
  auto const byte = [&](std::size_t index) { return static_cast<unsigned char>(character[index]); };
  if (character.size() == 1) return byte(0) < 0x20 || byte(0) == 0x7F;
  if (character.size() == 2)
    return (byte(0) == 0xC2 && byte(1) < 0xA0) || (byte(0) == 0xD8 && byte(1) == 0x9C);
  return character.size() == 3 && byte(0) == 0xE2 &&
         ((byte(1) == 0x80 && ((byte(2) >= 0xA8 && byte(2) <= 0xAE) || (byte(2) | 1) == 0x8F)) ||
          (byte(1) == 0x81 && byte(2) >= 0xA6 && byte(2) <= 0xA9));
}

/// Hands each character of the text to `put`, with false; invalid bytes one at a time, with true.
template <class Put>
void each_character(std::string_view text, Put put) {
  while (!text.empty()) {
    std::size_t const size = utf8_sequence(text);
    put(text.substr(0, size == 0 ? 1 : size), size == 0);
    text.remove_prefix(size == 0 ? 1 : size);
  }
}

/// `\xNN` for each of the bytes.
inline void append_bytes(std::string& out, std::string_view bytes) {
  constexpr char digits[] = "0123456789abcdef";
  for (char const letter : bytes) {
    auto const byte = static_cast<unsigned char>(letter);
    out += {'\\', 'x', digits[byte >> 4], digits[byte & 0xF]};
  }
}

/// The text, with `\xNN` where it is not UTF-8.
inline void append_utf8_only(std::string& out, std::string_view text) {
  each_character(text, [&](std::string_view character, bool broken) {
    if (broken) return append_bytes(out, character);
    out += character;
  });
}

/// The same, also where is_unprintable(). If `quoted`, quotation marks and backslashes get a backslash.
inline void append_printable(std::string& out, std::string_view text, bool quoted = false) {
  each_character(text, [&](std::string_view character, bool broken) {
    if (broken || is_unprintable(character)) return append_bytes(out, character);
    if (quoted && (character == "\"" || character == "\\")) out += '\\';
    out += character;
  });
}

inline void append_quoted(std::string& out, std::string_view text) {
  out += '"';
  append_printable(out, text, true);
  out += '"';
}

/// Adds a field, element or key that the error is inside: called from the innermost outwards (RFC 6901 §3).
inline void prepend_step(std::string& path, std::string_view name) {
  std::string text;
  append_utf8_only(text, cut_text(name, 64));
  std::string step = "/";
  for (char const letter : text) {
    if (letter == '~') {
      step += "~0";
    } else if (letter == '/') {
      step += "~1";
    } else {
      step += letter;
    }
  }
  path.insert(0, step);
}

}  // namespace kindwire::detail
