// The kernels for any processor: words and the rule itself.
#pragma once

#include <cstddef>
#include <cstdint>

#include "lanes.hpp"
#include "utf8_state.hpp"

namespace kindwire::detail {

struct portable_kernels {
  static void mask(std::byte* to, std::byte const* from, std::size_t size, mask_word word) noexcept {
    lane16 const key = lane16::of(word);
    while (size > most_inline) {
      for (std::size_t at = 0; at != 64; at += 16) (lane16::at(from + at) ^ key).put(to + at);
      to += 64;
      from += 64;
      size -= 64;
    }
    mask_short(to, from, size, word);
  }

  static bool check_text(std::byte const* data, std::size_t size) noexcept {
    return utf8_state{}.take(data, size);
  }

  static bool unmask_text(std::byte* data, std::size_t size, mask_word word) noexcept {
    // A piece at a time, which is still in the first cache when it is checked.
    constexpr std::size_t piece = 4096;
    utf8_state state;
    for (; size > piece; size -= piece, data += piece) {
      mask(data, data, piece, word);
      if (!state.take(data, piece)) return false;
    }
    mask(data, data, size, word);
    return state.take(data, size);
  }
};

}  // namespace kindwire::detail
