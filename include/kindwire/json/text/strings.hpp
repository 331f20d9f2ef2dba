// The contents of a JSON string, for reader and writer alike: runs of plain ASCII, UTF-8, escapes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "../../kernel/lanes.hpp"
#include "../../kernel/utf8_sequence.hpp"
#include "../error.hpp"
#include "word.hpp"

namespace kindwire::detail {

/// Marks those of 16 bytes that are not plain ASCII in a JSON string: quotation marks, backslashes, control
/// characters (RFC 8259 §7), and the bytes of longer UTF-8 sequences.
inline auto special_bytes(lane16 bytes) noexcept {
  // As signed numbers, the bytes of longer sequences are below zero, and so below the space.
  return (below(bytes, 0x20) | equal(bytes, lane16::filled('"')) | equal(bytes, lane16::filled('\\')))
      .marks();
}
inline auto special_bytes(char const* from) noexcept { return special_bytes(lane16::at(from)); }

constexpr bool is_special(char letter) noexcept {
  auto const byte = static_cast<unsigned char>(letter);
  return byte < 0x20 || byte >= 0x80 || byte == '"' || byte == '\\';
}

/// The first byte of [position, end) that is not plain ASCII; `end` if there is none. The bytes from `begin`
/// on may be read, too.
inline char const* skip_plain(char const* begin, char const* position, char const* end) noexcept {
  for (; end - position >= 16; position += 16) {
    if (auto const marks = special_bytes(position); marks.any()) return position + marks.first();
  }
  if (position == end) return end;
  auto const left = static_cast<std::size_t>(end - position);
  if (end - begin >= 16) {
    // The last 16 bytes, minus those that have been seen.
    auto const marks = special_bytes(end - 16).from(16 - left);
    return marks.any() ? position + marks.first() : end;
  }
  if (left >= 8) {
    // In two halves that overlap: where they do, the second is plain if the first is.
    auto const marks = special_bytes(lane16::of(load<std::uint64_t>(position), load<std::uint64_t>(end - 8)));
    if (!marks.any()) return end;
    unsigned const place = marks.first();
    return place < 8 ? position + place : end - 16 + place;
  }
  while (position != end && !is_special(*position)) ++position;
  return position;
}

/// Moves `position`, which is before `end`, over one UTF-8 sequence. False, with `position` unchanged, if the
/// sequence is not valid or is cut off by `end`.
inline bool skip_utf8(char const*& position, char const* end) noexcept {
  std::size_t const size = utf8_sequence(position, static_cast<std::size_t>(end - position));
  position += size;
  return size != 0;
}

/// The same for a run of sequences, which texts in other alphabets have.
inline bool skip_utf8_run(char const*& position, char const* end) noexcept {
  do {
    if (!skip_utf8(position, end)) return false;
  } while (position != end && static_cast<unsigned char>(*position) >= 0x80);
  return true;
}

struct unescaped {
  json_errc code;        // none, or why the string is bad
  char const* position;  // after the string, or where it is bad
};

// What read_code_unit() returns without four hexadecimal digits: because of another character, or because the
// text ends.
inline constexpr std::uint32_t no_code_unit = 0x10000;
inline constexpr std::uint32_t cut_code_unit = 0x20000;

/// The value of four hexadecimal digits.
inline std::uint32_t read_code_unit(char const* position, char const* end) noexcept {
  std::uint32_t unit = 0;
  for (int index = 0; index < 4; ++index, ++position) {
    if (position == end) return cut_code_unit;
    auto const folded = static_cast<char>(*position | 0x20);
    if (*position >= '0' && *position <= '9') {
      unit = unit << 4 | static_cast<std::uint32_t>(*position - '0');
    } else if (folded >= 'a' && folded <= 'f') {
      unit = unit << 4 | static_cast<std::uint32_t>(folded - 'a' + 10);
    } else {
      return no_code_unit;
    }
  }
  return unit;
}

inline void append_utf8(std::string& out, std::uint32_t code_point) {
  auto const byte = [](std::uint32_t value) { return static_cast<char>(value); };
  auto const tail = [&](unsigned shift) { return byte(0x80 | (code_point >> shift & 0x3F)); };
  if (code_point < 0x80) {
    out.push_back(byte(code_point));
  } else if (code_point < 0x800) {
    out.append({byte(0xC0 | code_point >> 6), tail(0)});
  } else if (code_point < 0x10000) {
    out.append({byte(0xE0 | code_point >> 12), tail(6), tail(0)});
  } else {
    out.append({byte(0xF0 | code_point >> 18), tail(12), tail(6), tail(0)});
  }
}

/// Passes `\u` and four digits, and a second such escape if the code point takes two.
inline json_errc read_unicode_escape(char const*& position, char const* end,
                                     std::uint32_t& code_point) noexcept {
  auto const fail = [&](std::uint32_t unit) {
    if (unit == no_code_unit) return json_errc::invalid_escape;
    position = end;
    return json_errc::truncated;
  };
  char const* next = position + 2;
  code_point = read_code_unit(next, end);
  if (code_point > 0xFFFF) return fail(code_point);
  next += 4;
  if (code_point >= 0xD800 && code_point <= 0xDFFF) {
    if (code_point >= 0xDC00) return json_errc::lone_surrogate;
    for (char const letter : {'\\', 'u'}) {
      if (next == end) return fail(cut_code_unit);
      if (*next++ != letter) return json_errc::lone_surrogate;
    }
    std::uint32_t const second = read_code_unit(next, end);
    if (second > 0xFFFF) return fail(second);
    if (second < 0xDC00 || second > 0xDFFF) return json_errc::lone_surrogate;
    code_point = 0x10000 + ((code_point - 0xD800) << 10 | (second - 0xDC00));
    next += 4;
  }
  position = next;
  return {};
}

/// What a backslash and this letter stand for; NUL if that is not an escape.
constexpr char simple_escape(char letter) noexcept {
  switch (letter) {
    case '"':
    case '\\':
    case '/': return letter;
    case 'b': return '\b';
    case 'f': return '\f';
    case 'n': return '\n';
    case 'r': return '\r';
    case 't': return '\t';
    default: return '\0';
  }
}

/// Passes the escape at `position`. What it stands for is appended to `out`, unless that is null.
inline json_errc unescape(char const*& position, char const* end, std::string* out) {
  if (end - position < 2) {
    position = end;
    return json_errc::truncated;
  }
  if (position[1] == 'u') {
    std::uint32_t code_point = 0;
    json_errc const code = read_unicode_escape(position, end, code_point);
    if (code == json_errc{} && out != nullptr) append_utf8(*out, code_point);
    return code;
  }
  char const letter = simple_escape(position[1]);
  if (letter == '\0') return json_errc::invalid_escape;
  position += 2;
  if (out != nullptr) out->push_back(letter);
  return {};
}

/// Decodes the string that begins at `position` with its quotation mark (RFC 8259 §7) into `out`, unless that
/// is null.
inline unescaped unescape_string(char const* position, char const* end, std::string* out) {
  char const* const begin = position++;
  if (out != nullptr) out->clear();
  for (;;) {
    char const* const run = position;
    position = skip_plain(begin, position, end);
    if (out != nullptr) out->append(run, static_cast<std::size_t>(position - run));
    if (position == end) return {json_errc::truncated, end};
    char const* const special = position;
    auto const byte = static_cast<unsigned char>(*special);
    if (byte == '"') return {json_errc{}, special + 1};
    if (byte == '\\') {
      if (json_errc const code = unescape(position, end, out); code != json_errc{}) return {code, position};
    } else if (byte < 0x20) {
      return {json_errc::malformed, special};
    } else {
      if (!skip_utf8_run(position, end)) return {json_errc::invalid_utf8, position};
      if (out != nullptr) out->append(special, static_cast<std::size_t>(position - special));
    }
  }
}

}  // namespace kindwire::detail
