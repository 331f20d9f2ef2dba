// Registers of 16 bytes, inline, and what short runs are masked with: two overlapping ones for what is left.
//
// Most messages are short, and a call through a pointer would cost them more than the work itself; what is
// longer goes to a kernel: see kernel_set.
#pragma once

#include "../requirements.hpp"

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "load.hpp"

#if defined(__SSE2__)
#include <emmintrin.h>
#elif defined(__aarch64__) && defined(__ARM_NEON) && !defined(__AARCH64EB__)
#include <arm_neon.h>
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

// Which bytes of a register are marked. `Width` bits stand for each, the first byte's in the lowest place,
// and the highest of them is the mark.
template <class Bits, unsigned Width>
class byte_marks {
 public:
  explicit byte_marks(Bits bits) noexcept : bits_(bits) {}

  bool any() const noexcept { return bits_ != 0; }

  // These need a mark. The place of the first, and that behind the last.
  unsigned first() const noexcept { return static_cast<unsigned>(std::countr_zero(bits_)) / Width; }
  unsigned end() const noexcept { return static_cast<unsigned>(std::bit_width(bits_)) / Width; }
  void drop_first() noexcept { bits_ &= bits_ - 1; }

  // Without the first `count` bytes, from behind which places are counted then.
  byte_marks from(std::size_t count) const noexcept { return byte_marks{bits_ >> (Width * count)}; }

  // Whether one of these stands before the first of `others`, which has one.
  bool any_before(byte_marks others) const noexcept {
    return (bits_ & ((others.bits_ & (~others.bits_ + 1)) - 1)) != 0;
  }

 private:
  Bits bits_;
};

// Two words, for any processor. In the results of the comparisons, the highest bit of a byte tells whether it
// is marked.
struct word_lane {
  std::uint64_t bits[2];

  static constexpr std::uint64_t ones = 0x0101010101010101;
  static constexpr std::uint64_t tops = 0x8080808080808080;

  static word_lane of(mask_word first, mask_word second) noexcept { return {{first, second}}; }
  static word_lane of(mask_word word) noexcept { return of(word, word); }
  static word_lane filled(char byte) noexcept { return of(ones * static_cast<unsigned char>(byte)); }
  static word_lane at(void const* from) noexcept { return load<word_lane>(from); }
  void put(std::byte* to) const noexcept { store(to, *this); }
  bool ascii() const noexcept { return ((bits[0] | bits[1]) & tops) == 0; }
  friend word_lane operator^(word_lane a, word_lane b) noexcept {
    return {{a.bits[0] ^ b.bits[0], a.bits[1] ^ b.bits[1]}};
  }
  friend word_lane operator|(word_lane a, word_lane b) noexcept {
    return {{a.bits[0] | b.bits[0], a.bits[1] | b.bits[1]}};
  }
  friend word_lane operator&(word_lane a, word_lane b) noexcept {
    return {{a.bits[0] & b.bits[0], a.bits[1] & b.bits[1]}};
  }

  // Marks the bytes that are the same in both.
  friend word_lane equal(word_lane a, word_lane b) noexcept {
    auto const same = [](std::uint64_t x) { return ~((x & ~tops) + ~tops) & ~x & tops; };
    return {{same(a.bits[0] ^ b.bits[0]), same(a.bits[1] ^ b.bits[1])}};
  }
  // Marks what is below `limit`, which is above zero, as a signed number.
  friend word_lane below(word_lane a, char limit) noexcept {
    std::uint64_t const up = ones * (0x80u - static_cast<unsigned char>(limit));
    auto const less = [up](std::uint64_t x) { return (~((x & ~tops) + up) | x) & tops; };
    return {{less(a.bits[0]), less(a.bits[1])}};
  }

  auto marks() const noexcept {
    // Brings the marks together in the highest byte, the first of them lowest.
    constexpr std::uint64_t gather =
        std::endian::native == std::endian::little ? 0x0102040810204080 : 0x8040201008040201;
    auto const eight = [](std::uint64_t x) {
      return static_cast<std::uint32_t>((((x & tops) >> 7) * gather) >> 56);
    };
    return byte_marks<std::uint32_t, 1>{eight(bits[0]) | eight(bits[1]) << 8};
  }
};

#if defined(__SSE2__)
struct sse2_lane {
  __m128i bits;
  static sse2_lane of(mask_word first, mask_word second) noexcept {
    return {_mm_set_epi64x(static_cast<long long>(second), static_cast<long long>(first))};
  }
  static sse2_lane of(mask_word word) noexcept { return {_mm_set1_epi64x(static_cast<long long>(word))}; }
  static sse2_lane filled(char byte) noexcept { return {_mm_set1_epi8(byte)}; }
  static sse2_lane at(void const* from) noexcept {
    return {_mm_loadu_si128(static_cast<__m128i const*>(from))};
  }
  void put(std::byte* to) const noexcept { _mm_storeu_si128(reinterpret_cast<__m128i*>(to), bits); }
  bool ascii() const noexcept { return _mm_movemask_epi8(bits) == 0; }
  friend sse2_lane operator^(sse2_lane a, sse2_lane b) noexcept { return {_mm_xor_si128(a.bits, b.bits)}; }
  friend sse2_lane operator|(sse2_lane a, sse2_lane b) noexcept { return {_mm_or_si128(a.bits, b.bits)}; }
  friend sse2_lane operator&(sse2_lane a, sse2_lane b) noexcept { return {_mm_and_si128(a.bits, b.bits)}; }
  friend sse2_lane equal(sse2_lane a, sse2_lane b) noexcept { return {_mm_cmpeq_epi8(a.bits, b.bits)}; }
  friend sse2_lane below(sse2_lane a, char limit) noexcept {
    return {_mm_cmplt_epi8(a.bits, _mm_set1_epi8(limit))};
  }
  auto marks() const noexcept {
    return byte_marks<std::uint32_t, 1>{static_cast<std::uint32_t>(_mm_movemask_epi8(bits))};
  }
};
using lane16 = sse2_lane;
#elif defined(__aarch64__) && defined(__ARM_NEON) && !defined(__AARCH64EB__)
struct neon_lane {
  uint8x16_t bits;
  static neon_lane of(mask_word first, mask_word second) noexcept {
    return {vreinterpretq_u8_u64(vcombine_u64(vcreate_u64(first), vcreate_u64(second)))};
  }
  static neon_lane of(mask_word word) noexcept { return {vreinterpretq_u8_u64(vdupq_n_u64(word))}; }
  static neon_lane filled(char byte) noexcept { return {vdupq_n_u8(static_cast<std::uint8_t>(byte))}; }
  static neon_lane at(void const* from) noexcept {
    return {vld1q_u8(static_cast<std::uint8_t const*>(from))};
  }
  void put(std::byte* to) const noexcept { vst1q_u8(reinterpret_cast<std::uint8_t*>(to), bits); }
  bool ascii() const noexcept { return vmaxvq_u8(bits) < 0x80; }
  friend neon_lane operator^(neon_lane a, neon_lane b) noexcept { return {veorq_u8(a.bits, b.bits)}; }
  friend neon_lane operator|(neon_lane a, neon_lane b) noexcept { return {vorrq_u8(a.bits, b.bits)}; }
  friend neon_lane operator&(neon_lane a, neon_lane b) noexcept { return {vandq_u8(a.bits, b.bits)}; }
  friend neon_lane equal(neon_lane a, neon_lane b) noexcept { return {vceqq_u8(a.bits, b.bits)}; }
  friend neon_lane below(neon_lane a, char limit) noexcept {
    return {vcltq_s8(vreinterpretq_s8_u8(a.bits), vdupq_n_s8(static_cast<std::int8_t>(limit)))};
  }
  auto marks() const noexcept {
    // NEON has no instruction that gathers a bit a byte; this leaves four, of which one is kept.
    uint8x8_t const nibbles = vshrn_n_u16(vreinterpretq_u16_u8(bits), 4);
    return byte_marks<std::uint64_t, 4>{vget_lane_u64(vreinterpret_u64_u8(nibbles), 0) & 0x8888888888888888};
  }
};
using lane16 = neon_lane;
#else
using lane16 = word_lane;
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
