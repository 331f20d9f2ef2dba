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

constexpr bool is_space(char letter) noexcept {
  return letter == ' ' || letter == '\n' || letter == '\r' || letter == '\t';
}

// Passes white space and then `wanted`, or says that something else is there.
inline bool passes(char const*& position, char const* end, char wanted) noexcept {
  while (position != end && is_space(*position)) ++position;
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

// The same for each byte that is this letter, and no other.
constexpr std::uint64_t exact_mark(std::uint64_t word, char letter) noexcept {
  constexpr std::uint64_t ones = 0x0101010101010101;
  std::uint64_t const same = word ^ (ones * static_cast<unsigned char>(letter));
  return ~(((same & ones * 0x7F) + ones * 0x7F) | same | ones * 0x7F);
}

// Whether the kind is the last member, in a text that ends like `"kind":"INITIAL"}`.
[[gnu::noinline]] inline bool ends_with_kind(std::string_view text, kind_key key,
                                             kind_place& place) noexcept {
  char const* const begin = text.data();
  char const* last = begin + text.size();
  auto const passes = [&](char letter) {
    while (last != begin && is_space(last[-1])) --last;
    return last != begin && *--last == letter;
  };
  if (!key.plain || !passes('}') || !passes('"')) return false;
  char const* const kind_end = last;
  if constexpr (std::endian::native == std::endian::little) {
    for (; last - begin >= 8; last -= 8) {
      if (auto const quotes = exact_mark(load<std::uint64_t>(last - 8), '"'); quotes != 0) {
        last -= std::countl_zero(quotes) / 8;
        break;
      }
    }
  }
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
