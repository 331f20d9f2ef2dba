// Masking of short runs, inline: registers of 16 bytes, two overlapping ones for what is left.
//
// Most messages are short, and a call through a pointer would cost them more than the work itself; what is
// longer goes to a kernel: see kernel_set.
#pragma once

#include "../requirements.hpp"

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

namespace kindwire::detail {

// A masking key twice, as it stands in memory, so that XORing whole words is right on either byte order.
using mask_word = std::uint64_t;

// The word that is right `places` bytes further on.
constexpr mask_word turn(mask_word word, std::uint64_t places) noexcept {
  // Rotated by hand: the types of std::rotr() differ between standard libraries, and some compilers warn of
  // them.
  std::uint64_t const bits = (places & 3) * 8;
  std::uint64_t const others = (64 - bits) & 63;
  return std::endian::native == std::endian::little ? word >> bits | word << others
                                                    : word << bits | word >> others;
}

template <class Word>
Word load(std::byte const* from) noexcept {
  Word word;
  std::memcpy(&word, from, sizeof word);
  return word;
}

template <class Word>
void store(std::byte* to, Word word) noexcept {
  std::memcpy(to, &word, sizeof word);
}

#if defined(__SSE2__)
struct lane16 {
  __m128i bits;
  static lane16 of(mask_word word) noexcept { return {_mm_set1_epi64x(static_cast<long long>(word))}; }
  static lane16 at(std::byte const* from) noexcept {
    return {_mm_loadu_si128(reinterpret_cast<__m128i const*>(from))};
  }
  void put(std::byte* to) const noexcept { _mm_storeu_si128(reinterpret_cast<__m128i*>(to), bits); }
  bool ascii() const noexcept { return _mm_movemask_epi8(bits) == 0; }
  friend lane16 operator^(lane16 a, lane16 b) noexcept { return {_mm_xor_si128(a.bits, b.bits)}; }
  friend lane16 operator|(lane16 a, lane16 b) noexcept { return {_mm_or_si128(a.bits, b.bits)}; }
};
#else
// Two words, which compilers for other processors put into one register.
struct lane16 {
  std::uint64_t bits[2];
  static lane16 of(mask_word word) noexcept { return {{word, word}}; }
  static lane16 at(std::byte const* from) noexcept { return load<lane16>(from); }
  void put(std::byte* to) const noexcept { store(to, *this); }
  bool ascii() const noexcept { return ((bits[0] | bits[1]) & 0x8080808080808080u) == 0; }
  friend lane16 operator^(lane16 a, lane16 b) noexcept {
    return {{a.bits[0] ^ b.bits[0], a.bits[1] ^ b.bits[1]}};
  }
  friend lane16 operator|(lane16 a, lane16 b) noexcept {
    return {{a.bits[0] | b.bits[0], a.bits[1] | b.bits[1]}};
  }
};
#endif

// What masks runs that are shorter than a register: two words that overlap, both read before one is written,
// since `from` and `to` may be the same place. False, with nothing written, if `Ascii` and a result is not.
template <class Word, bool Ascii>
bool mask_ends(std::byte* to, std::byte const* from, std::size_t size, mask_word word) noexcept {
  std::size_t const last = size - sizeof(Word);
  Word const front = static_cast<Word>(load<Word>(from) ^ load<Word>(reinterpret_cast<std::byte*>(&word)));
  mask_word const turned = turn(word, last);
  Word const back =
      static_cast<Word>(load<Word>(from + last) ^ load<Word>(reinterpret_cast<std::byte const*>(&turned)));
  if constexpr (Ascii) {
    if (((front | back) & static_cast<Word>(0x8080808080808080u)) != 0) return false;
  }
  store(to, front);
  store(to + last, back);
  return true;
}

template <bool Ascii>
bool mask_below_16(std::byte* to, std::byte const* from, std::size_t size, mask_word word) noexcept {
  if (size >= 8) return mask_ends<std::uint64_t, Ascii>(to, from, size, word);
  if (size >= 4) return mask_ends<std::uint32_t, Ascii>(to, from, size, word);
  if (size >= 2) return mask_ends<std::uint16_t, Ascii>(to, from, size, word);
  if (size == 1) return mask_ends<std::uint8_t, Ascii>(to, from, size, word);
  return true;
}

// What masks inline; past it a kernel is worth its call.
inline constexpr std::size_t most_inline = 128;

// Masks 16 to most_inline bytes from `from` to `to`: the same place, or without overlap. True if all of them
// are ASCII then.
inline bool mask_lanes(std::byte* to, std::byte const* from, std::size_t size, mask_word word) noexcept {
  lane16 const key = lane16::of(word);
  // Read before its first bytes are written with the register before it.
  lane16 const last = lane16::at(from + size - 16) ^ lane16::of(turn(word, size));
  lane16 seen = last;
  for (std::size_t at = 0; at + 16 < size; at += 16) {
    lane16 const each = lane16::at(from + at) ^ key;
    each.put(to + at);
    seen = seen | each;
  }
  last.put(to + size - 16);
  return seen.ascii();
}

// The same for up to most_inline bytes.
inline void mask_short(std::byte* to, std::byte const* from, std::size_t size, mask_word word) noexcept {
  if (size < 16) {
    mask_below_16<false>(to, from, size, word);
  } else {
    mask_lanes(to, from, size, word);
  }
}

}  // namespace kindwire::detail
