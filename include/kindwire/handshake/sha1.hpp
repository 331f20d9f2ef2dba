// SHA-1 (FIPS 180-4 §6.1), which the opening handshake uses to derive the accept key: RFC 6455 §4.2.2.
//
// It protects no secret there. Do not use it for anything else: collisions are practical.
#pragma once

#include "../requirements.hpp"

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

namespace kindwire {

namespace detail {

class sha1_state {
 public:
  void add_block(unsigned char const* block) noexcept {
    std::array<std::uint32_t, 80> words;
    for (std::size_t i = 0; i < 16; ++i) {
      words[i] = std::uint32_t{block[4 * i]} << 24 | std::uint32_t{block[4 * i + 1]} << 16 |
                 std::uint32_t{block[4 * i + 2]} << 8 | std::uint32_t{block[4 * i + 3]};
    }
    for (std::size_t i = 16; i < 80; ++i) {
      words[i] = std::rotl(words[i - 3] ^ words[i - 8] ^ words[i - 14] ^ words[i - 16], 1);
    }
    auto [a, b, c, d, e] = hash_;
    for (std::size_t i = 0; i < 80; ++i) {
      std::uint32_t mixed;
      if (i < 20) {
        mixed = ((b & c) | (~b & d)) + 0x5A827999u;
      } else if (i < 40) {
        mixed = (b ^ c ^ d) + 0x6ED9EBA1u;
      } else if (i < 60) {
        mixed = ((b & c) | (b & d) | (c & d)) + 0x8F1BBCDCu;
      } else {
        mixed = (b ^ c ^ d) + 0xCA62C1D6u;
      }
      std::uint32_t const next = std::rotl(a, 5) + mixed + e + words[i];
      e = d;
      d = c;
      c = std::rotl(b, 30);
      b = a;
      a = next;
    }
    hash_[0] += a;
    hash_[1] += b;
    hash_[2] += c;
    hash_[3] += d;
    hash_[4] += e;
  }

  std::array<std::byte, 20> digest() const noexcept {
    std::array<std::byte, 20> bytes;
    for (std::size_t i = 0; i < bytes.size(); ++i) {
      bytes[i] = static_cast<std::byte>(hash_[i / 4] >> (24 - 8 * (i % 4)));
    }
    return bytes;
  }

 private:
  std::array<std::uint32_t, 5> hash_{0x67452301u, 0xEFCDAB89u, 0x98BADCFEu, 0x10325476u, 0xC3D2E1F0u};
};

}  // namespace detail

/// The 20 bytes of the SHA-1 of `text`. Thread safe.
inline std::array<std::byte, 20> sha1(std::string_view text) noexcept {
  constexpr std::size_t block_size = 64;
  detail::sha1_state state;
  auto const* const bytes = reinterpret_cast<unsigned char const*>(text.data());
  std::size_t done = 0;
  for (; text.size() - done >= block_size; done += block_size) state.add_block(bytes + done);

  // The rest, a one bit, zeros, and the length in bits: in one block or two.
  std::array<unsigned char, 2 * block_size> tail{};
  std::size_t const left = text.size() - done;
  if (left != 0) std::memcpy(tail.data(), bytes + done, left);
  tail[left] = 0x80;
  std::size_t const tail_size = left + 1 + 8 <= block_size ? block_size : 2 * block_size;
  auto const bits = std::uint64_t{text.size()} * 8;
  for (std::size_t i = 0; i < 8; ++i) {
    tail[tail_size - 8 + i] = static_cast<unsigned char>(bits >> (56 - 8 * i));
  }
  state.add_block(tail.data());
  if (tail_size != block_size) state.add_block(tail.data() + block_size);
  return state.digest();
}

}  // namespace kindwire
