// Where a message's kind seems to stand, from a glance at the text. What is found here is proved by reading
// the message: see message_reader.
#pragma once

#include <bit>
#include <cstddef>
#include <string_view>

#include "../text/strings.hpp"

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

// The same from behind.
inline bool passes_back(char const*& position, char const* begin, char wanted) noexcept {
  if (position != begin && position[-1] == wanted) {
    --position;
    return true;
  }
  while (position != begin && is_json_space(position[-1])) --position;
  return position != begin && *--position == wanted;
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

// Where the string's text begins whose end is `end`, if all of it is plain ASCII; null otherwise.
inline char const* plain_string_before(char const* begin, char const* end) noexcept {
#if defined(__SSE2__)
  for (; end - begin >= 16; end -= 16) {
    unsigned const marks = special_bytes(end - 16);
    if (marks == 0) continue;
    char const* const text = end - 16 + std::bit_width(marks);  // what comes from here on is plain
    return text[-1] == '"' ? text : nullptr;
  }
#endif
  for (; end != begin; --end) {
    auto const byte = static_cast<unsigned char>(end[-1]);
    if (byte == '"') return end;
    if (byte < 0x20 || byte >= 0x80 || byte == '\\') break;
  }
  return nullptr;
}

#if defined(__SSE2__)
// Whether the text ends in `"kind":"INITIAL"}`, without white space. `perhaps`: it may with it.
inline bool ends_closely_with_kind(std::string_view text, kind_key key, kind_place& place,
                                   bool& perhaps) noexcept {
  char const* const begin = text.data();
  char const* const end = begin + text.size();
  std::size_t const size = key.name.size();
  if (!key.plain || text.size() < size + 6 || end[-1] != '}' || end[-2] != '"') return false;
  for (char const* at = end - 2; at - begin >= 16; at -= 16) {
    unsigned const marks = special_bytes(at - 16);
    if (marks == 0) continue;
    char const* const kind = at - 16 + std::bit_width(marks);  // what comes from here on is plain
    if (static_cast<std::size_t>(kind - begin) < size + 4) return false;
    perhaps = kind[-1] == '"' && (is_json_space(kind[-2]) || (kind[-2] == ':' && is_json_space(kind[-3])));
    if (kind[-1] != '"' || kind[-2] != ':' || kind[-3] != '"') return false;
    char const* const member = kind - size - 4;
    if (!key.stands_at(member + 1) || *member != '"') return false;
    place = {{kind, static_cast<std::size_t>(end - 2 - kind)}, member, end - 1};
    return true;
  }
  return false;
}
#endif

// The same with white space.
KINDWIRE_NOINLINE inline bool ends_loosely_with_kind(std::string_view text, kind_key key,
                                                     kind_place& place) noexcept {
  char const* const begin = text.data();
  char const* last = begin + text.size();
  if (!key.plain || !passes_back(last, begin, '}') || !passes_back(last, begin, '"')) return false;
  char const* const kind_end = last;
  char const* const kind = plain_string_before(begin, last);
  if (kind == nullptr) return false;
  last = kind - 1;
  if (!passes_back(last, begin, ':') || !passes_back(last, begin, '"')) return false;
  std::size_t const size = key.name.size();
  if (static_cast<std::size_t>(last - begin) <= size || !key.stands_at(last - size)) return false;
  last -= size + 1;
  place = {{kind, static_cast<std::size_t>(kind_end - kind)}, last, kind_end + 1};
  return *last == '"';
}

// Whether the kind is the last member, in a text that ends like `"kind":"INITIAL"}`.
inline bool ends_with_kind(std::string_view text, kind_key key, kind_place& place) noexcept {
  bool perhaps = true;
#if defined(__SSE2__)
  if (ends_closely_with_kind(text, key, place, perhaps)) return true;
#endif
  return perhaps && ends_loosely_with_kind(text, key, place);
}

// Whether it is this quotation mark that `"kind":"INITIAL"` begins with.
inline bool is_kind_member(std::string_view text, char const* member, kind_key key,
                           kind_place& place) noexcept {
  char const* const end = text.data() + text.size();
  char const* position = member + 1;
  if (!passes_key(position, end, key) || !passes(position, end, '"')) return false;
  char const* const kind_end = skip_plain(text.data(), position, end);
  if (kind_end == end || *kind_end != '"') return false;
  place = {{position, static_cast<std::size_t>(kind_end - position)}, member, kind_end + 1};
  return true;
}

// Whether `"kind":"INITIAL"` stands anywhere, before all objects that are inside of the message.
KINDWIRE_NOINLINE inline bool contains_kind(std::string_view text, kind_key key, kind_place& place) noexcept {
  char const* at = text.data();
  char const* const end = at + text.size();
  if (!key.plain || !passes(at, end, '{')) return false;
  std::size_t const size = key.name.size();
#if defined(__SSE2__)
  __m128i const quotes = _mm_set1_epi8('"');
  __m128i const letters = _mm_set1_epi8(key.name[0]);
  __m128i const brackets = _mm_set1_epi8('{');
  auto const same = [](char const* from, __m128i wanted) {
    return _mm_cmpeq_epi8(_mm_loadu_si128(reinterpret_cast<__m128i const*>(from)), wanted);
  };
  // A quotation mark, a letter, and the quotation mark that ends the key: next to nothing else has them.
  auto const keys_at = [&](char const* from) {
    return _mm_and_si128(_mm_and_si128(same(from, quotes), same(from + 1, letters)),
                         same(from + size + 1, quotes));
  };
  for (; static_cast<std::size_t>(end - at) >= size + 33; at += 32) {
    __m128i const keys[] = {keys_at(at), keys_at(at + 16)};
    __m128i const inner[] = {same(at, brackets), same(at + 16, brackets)};
    if (_mm_movemask_epi8(_mm_or_si128(_mm_or_si128(keys[0], inner[0]), _mm_or_si128(keys[1], inner[1]))) !=
        0)
      break;
  }
  for (; static_cast<std::size_t>(end - at) >= size + 17; at += 16) {
    auto const opened = static_cast<unsigned>(_mm_movemask_epi8(same(at, brackets)));
    for (auto marks = static_cast<unsigned>(_mm_movemask_epi8(keys_at(at))); marks != 0; marks &= marks - 1) {
      if ((opened & ((marks & -marks) - 1)) != 0) return false;
      if (is_kind_member(text, at + std::countr_zero(marks), key, place)) return true;
    }
    if (opened != 0) return false;
  }
#endif
  for (; static_cast<std::size_t>(end - at) >= size + 2 && *at != '{'; ++at) {
    if (*at == '"' && is_kind_member(text, at, key, place)) return true;
  }
  return false;
}

}  // namespace kindwire::detail
