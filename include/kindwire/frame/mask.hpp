// Masking, RFC 6455 §5.3: payload byte i is XORed with byte i mod 4 of the masking key.
#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>

namespace kindwire {

/// The masking key, in the order in which its bytes stand in the frame (RFC 6455 §5.2).
using masking_key = std::array<std::byte, 4>;

namespace detail {

// The key as a word in memory order, so that XORing whole words is right on either byte order.
inline std::uint64_t mask_word(masking_key key, std::size_t offset) noexcept {
  std::uint32_t word;
  std::memcpy(&word, key.data(), sizeof word);
  int const turn = static_cast<int>(offset & 3) * 8;
  word = std::endian::native == std::endian::little ? std::rotr(word, turn) : std::rotl(word, turn);
  return std::uint64_t{word} << 32 | word;
}

// Masks `size` bytes from `from` to `to`, which are the same place or do not overlap. Returns the OR of all
// bytes written, in no particular lane: its 0x80 bits say whether all of them are ASCII, for free in the same
// pass.
inline std::uint64_t mask_bytes(std::byte* to, std::byte const* from, std::size_t size,
                                std::uint64_t word) noexcept {
  std::uint64_t seen = 0;
  constexpr std::size_t block = 4 * sizeof word;
  for (; size >= block; size -= block, to += block, from += block) {
    // Four words at a time: compilers turn this into their widest registers.
    std::uint64_t words[4];
    std::memcpy(words, from, block);
    for (auto& each : words) each ^= word;
    seen |= (words[0] | words[1]) | (words[2] | words[3]);
    std::memcpy(to, words, block);
  }
  for (; size >= sizeof word; size -= sizeof word, to += sizeof word, from += sizeof word) {
    std::uint64_t each;
    std::memcpy(&each, from, sizeof each);
    each ^= word;
    seen |= each;
    std::memcpy(to, &each, sizeof each);
  }
  if (size != 0) {
    // The rest goes through one word of our own, so that nothing outside the span is read or written.
    std::uint64_t each = 0;
    std::memcpy(&each, from, size);
    each ^= word;
    std::memcpy(to, &each, size);
    std::uint64_t written = 0;
    std::memcpy(&written, &each, size);
    seen |= written;
  }
  return seen;
}

inline bool is_ascii_word(std::uint64_t word) noexcept { return (word & 0x8080808080808080u) == 0; }

}  // namespace detail

/// Masks or unmasks `bytes` where they lie. `offset` is the place of the first of them in the payload; only
/// its value mod 4 counts, so a payload may be masked piece by piece. Returns true when every resulting byte
/// is ASCII.
inline bool mask(std::span<std::byte> bytes, masking_key key, std::uint64_t offset = 0) noexcept {
  return detail::is_ascii_word(
      detail::mask_bytes(bytes.data(), bytes.data(), bytes.size(),
                         detail::mask_word(key, static_cast<std::size_t>(offset & 3))));
}

/// The same from one place to another that does not overlap it. `to` has room for `from.size()` bytes.
inline bool mask_copy(std::byte* to, std::span<std::byte const> from, masking_key key,
                      std::uint64_t offset = 0) noexcept {
  return detail::is_ascii_word(detail::mask_bytes(
      to, from.data(), from.size(), detail::mask_word(key, static_cast<std::size_t>(offset & 3))));
}

}  // namespace kindwire
