// Where a message's kind seems to stand, from a glance at the text. What is found here is proved by reading
// the message: see message_reader.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

#include "text.hpp"

namespace kindwire::detail {

// The name of the member that carries the kind.
struct kind_key {
  std::string_view name;
  bool plain;  // it stands in a text as it is, unless somebody escaped it needlessly

  explicit constexpr kind_key(std::string_view of) noexcept : name(of), plain(!of.empty()) {
    for (char const letter : of) {
      plain = plain && letter >= 0x20 && letter <= 0x7E && letter != '"' && letter != '\\';
    }
  }

  bool stands_at(char const* place) const noexcept { return same_bytes(place, name.data(), name.size()); }
};

// If a reader finds that a member of the message begins at `at`, then this is the kind, well-formed, up to
// `end`.
struct kind_place {
  std::string_view kind;
  char const* at = nullptr;  // null if it is the first member and was passed
  char const* end = nullptr;
};

constexpr bool is_json_space(char letter) noexcept {
  return letter == ' ' || letter == '\n' || letter == '\r' || letter == '\t';
}

// Passes white space and then `wanted`, or says that something else is there.
inline bool passes(char const*& position, char const* end, char wanted) noexcept {
  while (position != end && is_json_space(*position)) ++position;
  return position != end && *position++ == wanted;
}

// Passes `kind":`, if that stands here.
inline bool passes_key(char const*& position, char const* end, kind_key key) noexcept {
  if (static_cast<std::size_t>(end - position) <= key.name.size() || !key.stands_at(position)) return false;
  position += key.name.size();
  return *position++ == '"' && passes(position, end, ':');
}

// Passes `{"kind":`, if that is what stands at the beginning.
inline bool begins_with_kind(char const*& position, char const* end, kind_key key) noexcept {
  // Without white space, most of the time.
  std::size_t const size = key.name.size();
  if (key.plain && static_cast<std::size_t>(end - position) > size + 4 && position[0] == '{' &&
      position[1] == '"') {
    if (!key.stands_at(position + 2)) return false;
    if (position[size + 2] == '"' && position[size + 3] == ':') {
      position += size + 4;
      return true;
    }
  }
  return key.plain && passes(position, end, '{') && passes(position, end, '"') &&
         passes_key(position, end, key);
}

// Each byte of the word that may be this letter has its top bit set in the result: surely the lowest of them.
constexpr std::uint64_t mark(std::uint64_t word, char letter) noexcept {
  constexpr std::uint64_t ones = 0x0101010101010101;
  std::uint64_t const same = word ^ (ones * static_cast<unsigned char>(letter));
  return (same - ones) & ~same & (ones << 7);
}

#if defined(__SSE2__)
// Whether the text ends in `"kind":"INITIAL"}`, without white space.
inline bool ends_closely_with_kind(std::string_view text, kind_key key, kind_place& place) noexcept {
  char const* const begin = text.data();
  char const* const end = begin + text.size();
  std::size_t const size = key.name.size();
  if (!key.plain || text.size() < size + 6 || end[-1] != '}' || end[-2] != '"') return false;
  for (char const* at = end - 2; at - begin >= 16; at -= 16) {
    unsigned const marks = special_bytes(at - 16);
    if (marks == 0) continue;
    char const* const kind = at - 16 + std::bit_width(marks);  // what comes from here on is plain
    if (kind[-1] != '"' || static_cast<std::size_t>(kind - begin) < size + 4) return false;
    char const* const member = kind - size - 4;
    if (kind[-2] != ':' || kind[-3] != '"' || !key.stands_at(member + 1) || *member != '"') return false;
    place = {{kind, static_cast<std::size_t>(end - 2 - kind)}, member, end - 1};
    return true;
  }
  return false;
}
#endif

// The same with white space.
[[gnu::noinline]] inline bool ends_loosely_with_kind(std::string_view text, kind_key key,
                                                     kind_place& place) noexcept {
  char const* const begin = text.data();
  char const* last = begin + text.size();
  auto const passes = [&](char letter) {
    while (last != begin && is_json_space(last[-1])) --last;
    return last != begin && *--last == letter;
  };
  if (!key.plain || !passes('}') || !passes('"')) return false;
  char const* const kind_end = last;
  while (last != begin && last[-1] != '"') --last;
  char const* const kind = last;
  if (last == begin || skip_plain(begin, kind, begin + text.size()) != kind_end) return false;
  --last;
  if (!passes(':') || !passes('"')) return false;
  std::size_t const size = key.name.size();
  if (static_cast<std::size_t>(last - begin) <= size || !key.stands_at(last - size)) return false;
  last -= size + 1;
  place = {{kind, static_cast<std::size_t>(kind_end - kind)}, last, kind_end + 1};
  return *last == '"';
}

// Whether the kind is the last member, in a text that ends like `"kind":"INITIAL"}`.
inline bool ends_with_kind(std::string_view text, kind_key key, kind_place& place) noexcept {
#if defined(__SSE2__)
  if (ends_closely_with_kind(text, key, place)) return true;
#endif
  return ends_loosely_with_kind(text, key, place);
}

// Whether `"kind":"INITIAL"` stands anywhere, before all objects that are inside of the message.
[[gnu::noinline]] inline bool contains_kind(std::string_view text, kind_key key, kind_place& place) noexcept {
  char const* inside = text.data();
  char const* const end = inside + text.size();
  if (!key.plain || !passes(inside, end, '{')) return false;
  for (char const* at = inside; end - at >= 9; at += 8) {
    std::uint64_t quote;
    std::uint64_t letter;
    std::memcpy(&quote, at, sizeof quote);
    std::memcpy(&letter, at + 1, sizeof letter);
    if ((mark(quote, '"') & mark(letter, key.name[0])) == 0) continue;
    for (char const* member = at; member != at + 8; ++member) {
      char const* position = member + 1;
      if (*member != '"' || !passes_key(position, end, key) || !passes(position, end, '"')) continue;
      char const* const kind_end = skip_plain(inside, position, end);
      if (kind_end == end || *kind_end != '"') return false;
      place = {{position, static_cast<std::size_t>(kind_end - position)}, member, kind_end + 1};
      return std::memchr(inside, '{', static_cast<std::size_t>(member - inside)) == nullptr;
    }
  }
  return false;
}

}  // namespace kindwire::detail
