// Short texts compared and copied by machine words, where a call of memcmp() would cost more.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

#include "../../kernel/load.hpp"

namespace kindwire::detail {

/// The eight bytes at `position`, the first in the lowest byte, with zeros for those beyond `end`. Nothing
/// outside [begin, end) is read.
inline std::uint64_t load_word(char const* begin, char const* position, char const* end) noexcept {
  auto const left = static_cast<std::size_t>(end - position);
  if constexpr (std::endian::native == std::endian::little) {
    if (left >= 8) return load<std::uint64_t>(position);
    if (left == 0) return 0;
    if (end - begin >= 8) return load<std::uint64_t>(end - 8) >> (64 - 8 * left);
  }
  std::uint64_t word = 0;
  for (std::size_t index = 0; index < left && index < 8; ++index) {
    word |= std::uint64_t{static_cast<unsigned char>(position[index])} << (8 * index);
  }
  return word;
}

/// Whether two texts of one size are the same. The last word overlaps the one before it.
inline bool same_bytes(char const* left, char const* right, std::size_t size) noexcept {
  auto const same = [&]<class Word>(Word, std::size_t at) {
    return load<Word>(left + at) == load<Word>(right + at);
  };
  if (size >= 8) {
    for (std::size_t at = 8; at < size; at += 8) {
      if (!same(std::uint64_t{}, at - 8)) return false;
    }
    return same(std::uint64_t{}, size - 8);
  }
  if (size >= 4) return same(std::uint32_t{}, 0) && same(std::uint32_t{}, size - 4);
  return size == 0 ||
         (left[0] == right[0] && left[size / 2] == right[size / 2] && left[size - 1] == right[size - 1]);
}

inline bool same_text(std::string_view left, std::string_view right) noexcept {
  return left.size() == right.size() && same_bytes(left.data(), right.data(), left.size());
}

/// Like memcpy(), by words, the last of which overlaps the one before it. The texts do not overlap.
inline void copy_text(char* to, char const* from, std::size_t size) noexcept {
  auto const copy = [&]<class Word>(Word, std::size_t at) {
    Word const word = load<Word>(from + at);
    std::memcpy(to + at, &word, sizeof word);
  };
  if (size > 64) {
    std::memcpy(to, from, size);
  } else if (size >= 8) {
    for (std::size_t at = 8; at < size; at += 8) copy(std::uint64_t{}, at - 8);
    copy(std::uint64_t{}, size - 8);
  } else if (size >= 4) {
    copy(std::uint32_t{}, 0);
    copy(std::uint32_t{}, size - 4);
  } else if (size != 0) {
    to[0] = from[0];
    to[size / 2] = from[size / 2];
    to[size - 1] = from[size - 1];
  }
}

}  // namespace kindwire::detail
