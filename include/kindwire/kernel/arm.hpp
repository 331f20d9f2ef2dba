// The kernels for arm64, where every processor has NEON.
#pragma once

#include "../requirements.hpp"

#if defined(__aarch64__) && defined(__ARM_NEON) && defined(__GNUC__) && !defined(__AARCH64EB__)
#define KINDWIRE_HAS_NEON_KERNELS 1

#include <arm_neon.h>

#include <cstddef>
#include <cstdint>
#include <cstring>

#include "lanes.hpp"
#include "portable.hpp"
#include "utf8_table.hpp"

namespace kindwire::detail {

// 16 bytes at a time.
struct neon_kernels {
  static bool check_text(std::byte const* data, std::size_t size) noexcept {
    return run<false>(const_cast<std::byte*>(data), size, 0);
  }
  static bool unmask_text(std::byte* data, std::size_t size, mask_word word) noexcept {
    return run<true>(data, size, word);
  }

 private:
  template <bool Unmask>
  static bool run(std::byte* data, std::size_t size, mask_word word) noexcept {
    uint8x16_t const key = vreinterpretq_u8_u64(vdupq_n_u64(word));
    uint8x16_t before = vdupq_n_u8(0);
    uint8x16_t wrong = vdupq_n_u8(0);
    bool ascii_before = true;
    for (; size >= 16; size -= 16, data += 16) {
      auto* const place = reinterpret_cast<std::uint8_t*>(data);
      uint8x16_t text = vld1q_u8(place);
      if constexpr (Unmask) {
        text = veorq_u8(text, key);
        vst1q_u8(place, text);
      }
      bool const ascii = vmaxvq_u8(text) < 0x80;
      if (!(ascii && ascii_before)) wrong = vorrq_u8(wrong, mistakes(text, before));
      ascii_before = ascii;
      before = text;
    }
    if (size != 0) {
      // The rest goes through a register of our own; what stands behind it there counts for nothing.
      alignas(16) std::uint8_t rest[16] = {};
      if constexpr (Unmask) mask_below_16<false>(data, data, size, word);
      std::memcpy(rest, data, size);
      static constexpr std::uint8_t places[16] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
      uint8x16_t const used = vcltq_u8(vld1q_u8(places), vdupq_n_u8(static_cast<std::uint8_t>(size)));
      wrong = vorrq_u8(wrong, vandq_u8(used, mistakes(vld1q_u8(rest), before)));
    }
    return vmaxvq_u8(wrong) == 0;
  }

  // What is wrong at each byte of `text`, seen from the three before it.
  static uint8x16_t mistakes(uint8x16_t text, uint8x16_t before) noexcept {
    uint8x16_t const one = vextq_u8(before, text, 15);
    uint8x16_t const two = vextq_u8(before, text, 14);
    uint8x16_t const three = vextq_u8(before, text, 13);
    uint8x16_t const first_high = vqtbl1q_u8(vld1q_u8(utf8_first_high.of), vshrq_n_u8(one, 4));
    uint8x16_t const first_low = vqtbl1q_u8(vld1q_u8(utf8_first_low.of), vandq_u8(one, vdupq_n_u8(0x0F)));
    uint8x16_t const second_high = vqtbl1q_u8(vld1q_u8(utf8_second_high.of), vshrq_n_u8(text, 4));
    // The highest bit is set where the byte two back is E0 or more, or the one three back F0 or more.
    uint8x16_t const third =
        vorrq_u8(vqsubq_u8(two, vdupq_n_u8(0xE0 - 0x80)), vqsubq_u8(three, vdupq_n_u8(0xF0 - 0x80)));
    return veorq_u8(vandq_u8(third, vdupq_n_u8(utf8_two_continuations)),
                    vandq_u8(vandq_u8(first_high, first_low), second_high));
  }
};

}  // namespace kindwire::detail

#endif
