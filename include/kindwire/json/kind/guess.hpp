// Where a message's kind seems to stand, at a glance. Reading the message proves or refutes it: see
// message_reader. find.hpp finds it for certain.
#pragma once

#include "../../requirements.hpp"

#include <cstddef>
#include <string_view>

#include "../../kernel/lanes.hpp"
#include "../text/strings.hpp"
#include "key.hpp"

namespace kindwire::detail {

constexpr bool is_json_space(char letter) noexcept {
  return letter == ' ' || letter == '\n' || letter == '\r' || letter == '\t';
}

// Passes white space and then `wanted`. False if something else is there.
inline bool passes(char const*& position, char const* end, char wanted) noexcept {
  while (position != end && is_json_space(*position)) ++position;
  return position != end && *position++ == wanted;
}

// The same backwards.
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

// The beginning of the plain ASCII that ends at `end`.
inline char const* plain_before(char const* begin, char const* end) noexcept {
  for (; end - begin >= 16; end -= 16) {
    if (auto const marks = special_bytes(end - 16); marks.any()) return end - 16 + marks.end();
  }
  while (end != begin && !is_special(end[-1])) --end;
  return end;
}

// Whether the text ends in `"kind":"INITIAL"}`, without white space. `perhaps`: with it, it may.
inline bool ends_closely_with_kind(std::string_view text, kind_key key, kind_place& place,
                                   bool& perhaps) noexcept {
  char const* const begin = text.data();
  char const* const end = begin + text.size();
  std::size_t const size = key.name.size();
  perhaps = key.plain && text.size() >= size + 6;
  if (!perhaps || end[-1] != '}' || end[-2] != '"') return false;
  char const* const kind = plain_before(begin, end - 2);
  perhaps = false;
  if (static_cast<std::size_t>(kind - begin) < size + 4) return false;
  perhaps = kind[-1] == '"' && (is_json_space(kind[-2]) || (kind[-2] == ':' && is_json_space(kind[-3])));
  if (kind[-1] != '"' || kind[-2] != ':' || kind[-3] != '"') return false;
  char const* const member = kind - size - 4;
  if (!key.stands_at(member + 1) || *member != '"') return false;
  place = {{kind, static_cast<std::size_t>(end - 2 - kind)}, member, end - 1};
  return true;
}

// The same with white space.
KINDWIRE_NOINLINE inline bool ends_loosely_with_kind(std::string_view text, kind_key key,
                                                     kind_place& place) noexcept {
  char const* const begin = text.data();
  char const* last = begin + text.size();
  if (!key.plain || !passes_back(last, begin, '}') || !passes_back(last, begin, '"')) return false;
  char const* const kind_end = last;
  char const* const kind = plain_before(begin, last);
  if (kind == begin || kind[-1] != '"') return false;
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
  bool perhaps = false;
  return ends_closely_with_kind(text, key, place, perhaps) ||
         (perhaps && ends_loosely_with_kind(text, key, place));
}

// Whether `"kind":"INITIAL"` begins at this quotation mark.
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

// Whether `"kind":"INITIAL"` stands anywhere before the first object inside the message.
KINDWIRE_NOINLINE inline bool contains_kind(std::string_view text, kind_key key, kind_place& place) noexcept {
  char const* at = text.data();
  char const* const end = at + text.size();
  if (!key.plain || !passes(at, end, '{')) return false;
  std::size_t const size = key.name.size();
  lane16 const quotes = lane16::filled('"');
  lane16 const letters = lane16::filled(key.name[0]);
  lane16 const brackets = lane16::filled('{');
  auto const same = [](char const* from, lane16 wanted) { return equal(lane16::at(from), wanted); };
  // A quotation mark, a letter, and the quotation mark that ends the key: hardly anything else has all three.
  auto const keys_at = [&](char const* from) {
    return same(from, quotes) & same(from + 1, letters) & same(from + size + 1, quotes);
  };
  for (; static_cast<std::size_t>(end - at) >= size + 33; at += 32) {
    lane16 const keys[] = {keys_at(at), keys_at(at + 16)};
    lane16 const inner[] = {same(at, brackets), same(at + 16, brackets)};
    if (((keys[0] | inner[0]) | (keys[1] | inner[1])).marks().any()) break;
  }
  for (; static_cast<std::size_t>(end - at) >= size + 17; at += 16) {
    auto const opened = same(at, brackets).marks();
    for (auto found = keys_at(at).marks(); found.any(); found.drop_first()) {
      if (opened.any_before(found)) return false;
      if (is_kind_member(text, at + found.first(), key, place)) return true;
    }
    if (opened.any()) return false;
  }
  for (; static_cast<std::size_t>(end - at) >= size + 2 && *at != '{'; ++at) {
    if (*at == '"' && is_kind_member(text, at, key, place)) return true;
  }
  return false;
}

}  // namespace kindwire::detail
