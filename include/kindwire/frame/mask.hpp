// Masking, RFC 6455 §5.3: payload byte i is XORed with byte i mod 4 of the masking key.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>

#include "../kernel/kernels.hpp"
#include "../kernel/lanes.hpp"

namespace kindwire {

/// The masking key, in the order in which its bytes stand in the frame (RFC 6455 §5.2).
using masking_key = std::array<std::byte, 4>;

namespace detail {

constexpr mask_word mask_word_of(std::uint32_t key) noexcept { return std::uint64_t{key} << 32 | key; }

// The key as it stands at the payload's byte `offset`.
inline mask_word mask_word_at(masking_key key, std::uint64_t offset) noexcept {
  return turn(mask_word_of(load<std::uint32_t>(key.data())), offset);
}

// `to` and `from` are the same place or do not overlap.
inline void mask_run(std::byte* to, std::byte const* from, std::size_t size, mask_word word) noexcept {
  if (size <= most_inline) {
    mask_short(to, from, size, word);
  } else {
    kernels().mask(to, from, size, word);
  }
}

}  // namespace detail

/// Masks or unmasks `bytes` where they lie. `offset` is the place of the first of them in the payload; only
/// its value mod 4 counts, so a payload may be masked piece by piece.
inline void mask(std::span<std::byte> bytes, masking_key key, std::uint64_t offset = 0) noexcept {
  detail::mask_run(bytes.data(), bytes.data(), bytes.size(), detail::mask_word_at(key, offset));
}

/// The same from one place to another that does not overlap it. `to` has room for `from.size()` bytes.
inline void mask_copy(std::byte* to, std::span<std::byte const> from, masking_key key,
                      std::uint64_t offset = 0) noexcept {
  detail::mask_run(to, from.data(), from.size(), detail::mask_word_at(key, offset));
}

}  // namespace kindwire
