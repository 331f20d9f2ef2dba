// The kernels for x86-64: SSSE3, AVX2 and AVX-512, each compiled for its instructions whatever the rest of
// the program is compiled for, and called only where kernels.hpp has found them.
#pragma once

#include "../requirements.hpp"

#if defined(__x86_64__) && defined(__GNUC__)
#define KINDWIRE_HAS_X86_KERNELS 1

#include <immintrin.h>

#include <cstddef>
#include <cstdint>
#include <cstring>

#include "lanes.hpp"
#include "utf8_table.hpp"

// A function and all that is inlined into it may use these instructions.
#define KINDWIRE_SSSE3 __attribute__((target("ssse3")))
#define KINDWIRE_AVX2 __attribute__((target("avx2")))
#define KINDWIRE_AVX512 __attribute__((target("avx2,bmi2,avx512f,avx512bw,avx512vl")))

namespace kindwire::detail {

// 16 bytes at a time.
struct ssse3_kernels {
  KINDWIRE_SSSE3 static bool check_text(std::byte const* data, std::size_t size) noexcept {
    return run<false>(const_cast<std::byte*>(data), size, 0);
  }
  KINDWIRE_SSSE3 static bool unmask_text(std::byte* data, std::size_t size, mask_word word) noexcept {
    return run<true>(data, size, word);
  }

 private:
  template <bool Unmask>
  KINDWIRE_SSSE3 static bool run(std::byte* data, std::size_t size, mask_word word) noexcept {
    __m128i const key = _mm_set1_epi64x(static_cast<long long>(word));
    __m128i before = _mm_setzero_si128();
    __m128i wrong = _mm_setzero_si128();
    bool ascii_before = true;
    for (; size >= 16; size -= 16, data += 16) {
      auto* const place = reinterpret_cast<__m128i*>(data);
      __m128i text = _mm_loadu_si128(place);
      if constexpr (Unmask) {
        text = _mm_xor_si128(text, key);
        _mm_storeu_si128(place, text);
      }
      bool const ascii = _mm_movemask_epi8(text) == 0;
      if (!(ascii && ascii_before)) wrong = _mm_or_si128(wrong, mistakes(text, before));
      ascii_before = ascii;
      before = text;
    }
    if (size != 0) {
      // The rest goes through a register of our own; what stands behind it there counts for nothing.
      alignas(16) std::byte rest[16] = {};
      if constexpr (Unmask) mask_below_16<false>(data, data, size, word);
      std::memcpy(rest, data, size);
      __m128i const text = _mm_load_si128(reinterpret_cast<__m128i const*>(rest));
      __m128i const place = _mm_setr_epi8(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
      __m128i const used = _mm_cmplt_epi8(place, _mm_set1_epi8(static_cast<char>(size)));
      wrong = _mm_or_si128(wrong, _mm_and_si128(used, mistakes(text, before)));
    }
    return _mm_movemask_epi8(_mm_cmpeq_epi8(wrong, _mm_setzero_si128())) == 0xFFFF;
  }

  KINDWIRE_SSSE3 static __m128i table(utf8_table const& from) noexcept {
    return _mm_load_si128(reinterpret_cast<__m128i const*>(from.of));
  }

  // What is wrong at each byte of `text`, seen from the three before it.
  KINDWIRE_SSSE3 static __m128i mistakes(__m128i text, __m128i before) noexcept {
    __m128i const nibble = _mm_set1_epi8(0x0F);
    __m128i const one = _mm_alignr_epi8(text, before, 15);
    __m128i const two = _mm_alignr_epi8(text, before, 14);
    __m128i const three = _mm_alignr_epi8(text, before, 13);
    __m128i const first_high =
        _mm_shuffle_epi8(table(utf8_first_high), _mm_and_si128(_mm_srli_epi16(one, 4), nibble));
    __m128i const first_low = _mm_shuffle_epi8(table(utf8_first_low), _mm_and_si128(one, nibble));
    __m128i const second_high =
        _mm_shuffle_epi8(table(utf8_second_high), _mm_and_si128(_mm_srli_epi16(text, 4), nibble));
    // The highest bit is set where the byte two back is E0 or more, or the one three back F0 or more.
    __m128i const third = _mm_or_si128(_mm_subs_epu8(two, _mm_set1_epi8(0xE0 - 0x80)),
                                       _mm_subs_epu8(three, _mm_set1_epi8(0xF0 - 0x80)));
    return _mm_xor_si128(_mm_and_si128(third, _mm_set1_epi8(static_cast<char>(utf8_two_continuations))),
                         _mm_and_si128(_mm_and_si128(first_high, first_low), second_high));
  }
};

// 32 bytes at a time.
struct avx2_kernels {
  KINDWIRE_AVX2 static void mask(std::byte* to, std::byte const* from, std::size_t size,
                                 mask_word word) noexcept {
    // Up to an aligned place: a store that crosses two cache lines costs twice.
    std::size_t const first = -reinterpret_cast<std::uintptr_t>(to) & 31;
    if (size > most_inline) {
      mask_short(to, from, first, word);
      word = turn(word, first);
      to += first;
      from += first;
      size -= first;
      __m256i const key = _mm256_set1_epi64x(static_cast<long long>(word));
      for (; size >= 64; size -= 64, to += 64, from += 64) {
        __m256i const one = _mm256_loadu_si256(reinterpret_cast<__m256i const*>(from));
        __m256i const two = _mm256_loadu_si256(reinterpret_cast<__m256i const*>(from + 32));
        _mm256_store_si256(reinterpret_cast<__m256i*>(to), _mm256_xor_si256(one, key));
        _mm256_store_si256(reinterpret_cast<__m256i*>(to + 32), _mm256_xor_si256(two, key));
      }
    }
    mask_short(to, from, size, word);
  }

  KINDWIRE_AVX2 static bool check_text(std::byte const* data, std::size_t size) noexcept {
    return run<false>(const_cast<std::byte*>(data), size, 0);
  }
  KINDWIRE_AVX2 static bool unmask_text(std::byte* data, std::size_t size, mask_word word) noexcept {
    return run<true>(data, size, word);
  }

 private:
  template <bool Unmask>
  KINDWIRE_AVX2 static bool run(std::byte* data, std::size_t size, mask_word word) noexcept {
    __m256i const key = _mm256_set1_epi64x(static_cast<long long>(word));
    __m256i before = _mm256_setzero_si256();
    __m256i wrong = _mm256_setzero_si256();
    bool ascii_before = true;
    for (; size >= 32; size -= 32, data += 32) {
      auto* const place = reinterpret_cast<__m256i*>(data);
      __m256i text = _mm256_loadu_si256(place);
      if constexpr (Unmask) {
        text = _mm256_xor_si256(text, key);
        _mm256_storeu_si256(place, text);
      }
      bool const ascii = _mm256_movemask_epi8(text) == 0;
      if (!(ascii && ascii_before)) wrong = _mm256_or_si256(wrong, mistakes(text, before));
      ascii_before = ascii;
      before = text;
    }
    if (size != 0) {
      // The rest goes through a register of our own; what stands behind it there counts for nothing.
      alignas(32) std::byte rest[32] = {};
      if constexpr (Unmask) mask_short(data, data, size, word);
      std::memcpy(rest, data, size);
      __m256i const text = _mm256_load_si256(reinterpret_cast<__m256i const*>(rest));
      __m256i const place = _mm256_setr_epi8(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18,
                                             19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31);
      __m256i const used = _mm256_cmpgt_epi8(_mm256_set1_epi8(static_cast<char>(size)), place);
      wrong = _mm256_or_si256(wrong, _mm256_and_si256(used, mistakes(text, before)));
    }
    return _mm256_testz_si256(wrong, wrong) != 0;
  }

  KINDWIRE_AVX2 static __m256i table(utf8_table const& from) noexcept {
    return _mm256_broadcastsi128_si256(_mm_load_si128(reinterpret_cast<__m128i const*>(from.of)));
  }

  // What is wrong at each byte of `text`, seen from the three before it.
  KINDWIRE_AVX2 static __m256i mistakes(__m256i text, __m256i before) noexcept {
    __m256i const nibble = _mm256_set1_epi8(0x0F);
    __m256i const between = _mm256_permute2x128_si256(before, text, 0x21);
    __m256i const one = _mm256_alignr_epi8(text, between, 15);
    __m256i const two = _mm256_alignr_epi8(text, between, 14);
    __m256i const three = _mm256_alignr_epi8(text, between, 13);
    __m256i const first_high =
        _mm256_shuffle_epi8(table(utf8_first_high), _mm256_and_si256(_mm256_srli_epi16(one, 4), nibble));
    __m256i const first_low = _mm256_shuffle_epi8(table(utf8_first_low), _mm256_and_si256(one, nibble));
    __m256i const second_high =
        _mm256_shuffle_epi8(table(utf8_second_high), _mm256_and_si256(_mm256_srli_epi16(text, 4), nibble));
    // The highest bit is set where the byte two back is E0 or more, or the one three back F0 or more.
    __m256i const third = _mm256_or_si256(_mm256_subs_epu8(two, _mm256_set1_epi8(0xE0 - 0x80)),
                                          _mm256_subs_epu8(three, _mm256_set1_epi8(0xF0 - 0x80)));
    return _mm256_xor_si256(
        _mm256_and_si256(third, _mm256_set1_epi8(static_cast<char>(utf8_two_continuations))),
        _mm256_and_si256(_mm256_and_si256(first_high, first_low), second_high));
  }
};

// 64 bytes at a time, the ends by masked loads, which never touch what is masked out.
struct avx512_kernels {
  KINDWIRE_AVX512 static void mask(std::byte* to, std::byte const* from, std::size_t size,
                                   mask_word word) noexcept {
    if (size > most_inline) {
      std::size_t const first = -reinterpret_cast<std::uintptr_t>(to) & 63;
      mask_short(to, from, first, word);
      word = turn(word, first);
      to += first;
      from += first;
      size -= first;
      __m512i const key = _mm512_set1_epi64(static_cast<long long>(word));
      for (; size >= 64; size -= 64, to += 64, from += 64) {
        _mm512_store_si512(to, _mm512_xor_si512(_mm512_loadu_si512(from), key));
      }
    }
    mask_short(to, from, size, word);
  }

  KINDWIRE_AVX512 static bool check_text(std::byte const* data, std::size_t size) noexcept {
    return run<false>(const_cast<std::byte*>(data), size, 0);
  }
  KINDWIRE_AVX512 static bool unmask_text(std::byte* data, std::size_t size, mask_word word) noexcept {
    return run<true>(data, size, word);
  }

 private:
  // What has been seen of a text.
  struct seen {
    __m512i before;
    __m512i wrong;
    bool ascii = true;

    KINDWIRE_AVX512 seen() noexcept : before(_mm512_setzero_si512()), wrong(_mm512_setzero_si512()) {}

    KINDWIRE_AVX512 void take(__m512i text, __mmask64 used = ~__mmask64{0}) noexcept {
      bool const now = _mm512_movepi8_mask(text) == 0;
      if (!(now && ascii)) {
        wrong = _mm512_or_si512(wrong, _mm512_maskz_mov_epi8(used, mistakes(text, before)));
        ascii = now;
      }
      before = text;
    }
    KINDWIRE_AVX512 bool possible() const noexcept { return _mm512_test_epi8_mask(wrong, wrong) == 0; }
  };

  template <bool Unmask>
  KINDWIRE_AVX512 static bool run(std::byte* data, std::size_t size, mask_word word) noexcept {
    if (size <= 64) return run_one<Unmask>(data, size, word);
    seen text;
    // Where it pays, an aligned start: the bytes before it are masked out, and zeros are valid.
    if (std::size_t const ahead = reinterpret_cast<std::uintptr_t>(data) & 63; size >= 512 && ahead != 0) {
      data -= ahead;
      size -= 64 - ahead;
      word = turn(word, -ahead);
      __mmask64 const there = ~__mmask64{0} << ahead;
      __m512i first = _mm512_maskz_loadu_epi8(there, data);
      if constexpr (Unmask) {
        first = _mm512_maskz_mov_epi8(there, _mm512_xor_si512(first, keys(word)));
        _mm512_mask_storeu_epi8(data, there, first);
      }
      text.take(first);
      data += 64;
    }
    __m512i const key = keys(word);
    // Read before its first bytes are written with the register before it.
    __m512i last = _mm512_loadu_si512(data + size - 64);
    if constexpr (Unmask) last = _mm512_xor_si512(last, keys(turn(word, size)));
    for (; size > 64; size -= 64, data += 64) {
      __m512i now = _mm512_loadu_si512(data);
      if constexpr (Unmask) {
        now = _mm512_xor_si512(now, key);
        _mm512_storeu_si512(data, now);
      }
      text.take(now);
    }
    __mmask64 const there = ~__mmask64{0} >> (64 - size);
    __m512i rest = _mm512_maskz_loadu_epi8(there, data);
    if constexpr (Unmask) {
      rest = _mm512_maskz_mov_epi8(there, _mm512_xor_si512(rest, key));
      _mm512_storeu_si512(data + size - 64, last);
    }
    text.take(rest, there);
    return text.possible();
  }

  // Up to 64 bytes: whoever reads them right away would wait for a masked store.
  template <bool Unmask>
  KINDWIRE_AVX512 static bool run_one(std::byte* data, std::size_t size, mask_word word) noexcept {
    __mmask64 const there = _bzhi_u64(~std::uint64_t{0}, static_cast<unsigned>(size));
    __m512i rest = _mm512_maskz_loadu_epi8(there, data);
    if constexpr (Unmask) {
      rest = _mm512_maskz_mov_epi8(there, _mm512_xor_si512(rest, keys(word)));
      mask_short(data, data, size, word);
    }
    seen text;
    text.take(rest, there);
    return text.possible();
  }

  // g++ 12 warns of the plain forms of two intrinsics, which begin with a register that is not set.
  static constexpr __mmask16 all = 0xFFFF;

  KINDWIRE_AVX512 static __m512i keys(mask_word word) noexcept {
    return _mm512_set1_epi64(static_cast<long long>(word));
  }

  KINDWIRE_AVX512 static __m512i table(utf8_table const& from) noexcept {
    return _mm512_maskz_broadcast_i32x4(all, _mm_load_si128(reinterpret_cast<__m128i const*>(from.of)));
  }

  // What is wrong at each byte of `text`, seen from the three before it.
  KINDWIRE_AVX512 static __m512i mistakes(__m512i text, __m512i before) noexcept {
    __m512i const nibble = _mm512_set1_epi8(0x0F);
    __m512i const between = _mm512_maskz_alignr_epi32(all, text, before, 12);
    __m512i const one = _mm512_alignr_epi8(text, between, 15);
    __m512i const two = _mm512_alignr_epi8(text, between, 14);
    __m512i const three = _mm512_alignr_epi8(text, between, 13);
    __m512i const first_high =
        _mm512_shuffle_epi8(table(utf8_first_high), _mm512_and_si512(_mm512_srli_epi16(one, 4), nibble));
    __m512i const first_low = _mm512_shuffle_epi8(table(utf8_first_low), _mm512_and_si512(one, nibble));
    __m512i const second_high =
        _mm512_shuffle_epi8(table(utf8_second_high), _mm512_and_si512(_mm512_srli_epi16(text, 4), nibble));
    // The highest bit is set where the byte two back is E0 or more, or the one three back F0 or more.
    __m512i const third = _mm512_or_si512(_mm512_subs_epu8(two, _mm512_set1_epi8(0xE0 - 0x80)),
                                          _mm512_subs_epu8(three, _mm512_set1_epi8(0xF0 - 0x80)));
    return _mm512_xor_si512(
        _mm512_and_si512(third, _mm512_set1_epi8(static_cast<char>(utf8_two_continuations))),
        _mm512_and_si512(_mm512_and_si512(first_high, first_low), second_high));
  }
};

}  // namespace kindwire::detail

#undef KINDWIRE_SSSE3
#undef KINDWIRE_AVX2
#undef KINDWIRE_AVX512

#endif
