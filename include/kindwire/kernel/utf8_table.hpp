// What is wrong between two neighbouring bytes of UTF-8, looked up by three nibbles at once.
//
// The idea is Keiser's and Lemire's ("Validating UTF-8 in less than one instruction per byte", 2021): a
// register that can shuffle bytes looks up 16 or more places in one instruction, and the AND of three
// look-ups leaves the kinds of error that all three nibbles agree on.
#pragma once

#include "../requirements.hpp"

#include <array>
#include <cstddef>
#include <cstdint>

namespace kindwire::detail {

// Bit n stands for the nibble n.
constexpr std::uint16_t nibbles(unsigned low, unsigned high) noexcept {
  std::uint16_t set = 0;
  for (unsigned each = low; each <= high; ++each) set = static_cast<std::uint16_t>(set | 1u << each);
  return set;
}

// One kind of error: a byte whose two nibbles are in these sets, before a byte whose high nibble is.
struct utf8_mistake {
  std::uint8_t bit;
  std::uint16_t first_high;
  std::uint16_t first_low;
  std::uint16_t second_high;
};

// That a continuation follows a continuation is right in the third and fourth place of a sequence, and wrong
// elsewhere: the kernels turn this bit round where a lead two or three bytes back asks for it.
inline constexpr std::uint8_t utf8_two_continuations = 0x80;

// RFC 3629 §4. What follows F5 to FF is refused here, those bytes at the end of a text by utf8_state.
inline constexpr utf8_mistake utf8_mistakes[] = {
    {0x01, nibbles(0xC, 0xF), nibbles(0x0, 0xF), nibbles(0x0, 0x7) | nibbles(0xC, 0xF)},  // too short
    {0x02, nibbles(0x0, 0x7), nibbles(0x0, 0xF), nibbles(0x8, 0xB)},                      // too long
    {0x04, nibbles(0xE, 0xE), nibbles(0x0, 0x0), nibbles(0x8, 0x9)},  // overlong: E0 80–9F
    {0x08, nibbles(0xC, 0xC), nibbles(0x0, 0x1), nibbles(0x8, 0xB)},  // overlong: C0, C1
    {0x10, nibbles(0xE, 0xE), nibbles(0xD, 0xD), nibbles(0xA, 0xB)},  // surrogate: ED A0–BF
    {0x20, nibbles(0xF, 0xF), nibbles(0x4, 0xF), nibbles(0x9, 0xB)},  // over U+10FFFF: F4 90
    {0x40, nibbles(0xF, 0xF), nibbles(0x0, 0x0) | nibbles(0x5, 0xF), nibbles(0x8, 0x8)},  // F0 80–8F; F5 80
    {utf8_two_continuations, nibbles(0x8, 0xB), nibbles(0x0, 0xF), nibbles(0x8, 0xB)},
};

struct alignas(16) utf8_table {
  std::uint8_t of[16];

  constexpr explicit utf8_table(std::uint16_t utf8_mistake::*set) noexcept : of{} {
    for (auto const& mistake : utf8_mistakes) {
      for (unsigned nibble = 0; nibble != 16; ++nibble) {
        if ((mistake.*set >> nibble & 1u) != 0)
          of[nibble] = static_cast<std::uint8_t>(of[nibble] | mistake.bit);
      }
    }
  }
};

inline constexpr utf8_table utf8_first_high{&utf8_mistake::first_high};
inline constexpr utf8_table utf8_first_low{&utf8_mistake::first_low};
inline constexpr utf8_table utf8_second_high{&utf8_mistake::second_high};

}  // namespace kindwire::detail
