// What the examples share: the characters of a text that comes from somebody else.
#pragma once

#include <algorithm>
#include <cstddef>
#include <string_view>

// The code points of a text that is UTF-8, one after another.
inline char32_t next_code_point(std::string_view& text) {
  auto const first = static_cast<unsigned char>(text.front());
  std::size_t const size = first < 0x80 ? 1 : first < 0xE0 ? 2 : first < 0xF0 ? 3 : 4;
  char32_t value = size == 1 ? first : first & (0x7Fu >> size);
  for (std::size_t i = 1; i < std::min(size, text.size()); ++i) {
    value = value << 6 | (static_cast<unsigned char>(text[i]) & 0x3Fu);
  }
  text.remove_prefix(std::min(size, text.size()));
  return value;
}

// What makes a name look like another one: controls, direction marks and overrides, characters without width.
inline bool is_deceptive(char32_t c) {
  return c < 0x20 || (c >= 0x7F && c < 0xA0) || c == 0xAD || c == 0x61C || (c >= 0x200B && c <= 0x200F) ||
         (c >= 0x2028 && c <= 0x202E) || (c >= 0x2060 && c <= 0x206F) || c == 0xFEFF ||
         (c >= 0xE0000 && c <= 0xE007F);
}
