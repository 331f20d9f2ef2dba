// The block function of ChaCha20, RFC 8439 §2.3, four blocks at a time.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "../kernel/lanes.hpp"

namespace kindwire::detail {

using chacha20_key = std::array<std::uint32_t, 8>;

#if defined(__GNUC__)
// The same word of four blocks. Every processor with registers of 16 bytes works on all four at once.
using chacha20_word = std::uint32_t __attribute__((vector_size(16)));
inline constexpr std::size_t chacha20_lanes = 4;
#else
using chacha20_word = std::uint32_t;
inline constexpr std::size_t chacha20_lanes = 1;
#endif

// Writes the key stream from block `counter` on to `out`, whose size is a multiple of four blocks, 256 bytes.
// The nonce is zero: no key is used twice.
inline void chacha20(chacha20_key const& key, std::uint32_t counter, std::span<std::byte> out) noexcept {
  using word = chacha20_word;
  constexpr std::uint32_t constants[4] = {0x61707865, 0x3320646e, 0x79622d32, 0x6b206574};
  std::size_t const block = 64;
  for (; out.size() >= block * chacha20_lanes; out = out.subspan(block * chacha20_lanes)) {
    word const zero{};
    word start[16];
    for (std::size_t i = 0; i != 4; ++i) start[i] = zero + constants[i];
    for (std::size_t i = 0; i != 8; ++i) start[4 + i] = zero + key[i];
    start[13] = start[14] = start[15] = zero;
#if defined(__GNUC__)
    start[12] = zero + counter + word{0, 1, 2, 3};
#else
    start[12] = counter;
#endif
    counter += chacha20_lanes;

    word state[16];
    for (std::size_t i = 0; i != 16; ++i) state[i] = start[i];
    // By reference: how a vector is passed by value depends on what the processor has, and g++ warns of it.
    auto const turn_left = [](word& value, unsigned bits) { value = value << bits | value >> (32 - bits); };
    auto const quarter = [&](unsigned a, unsigned b, unsigned c, unsigned d) {
      state[a] += state[b], state[d] ^= state[a], turn_left(state[d], 16);
      state[c] += state[d], state[b] ^= state[c], turn_left(state[b], 12);
      state[a] += state[b], state[d] ^= state[a], turn_left(state[d], 8);
      state[c] += state[d], state[b] ^= state[c], turn_left(state[b], 7);
    };
    for (int round = 0; round != 10; ++round) {
      quarter(0, 4, 8, 12), quarter(1, 5, 9, 13), quarter(2, 6, 10, 14), quarter(3, 7, 11, 15);
      quarter(0, 5, 10, 15), quarter(1, 6, 11, 12), quarter(2, 7, 8, 13), quarter(3, 4, 9, 14);
    }

    for (std::size_t i = 0; i != 16; ++i) {
      word const sum = state[i] + start[i];
      for (std::size_t lane = 0; lane != chacha20_lanes; ++lane) {
#if defined(__GNUC__)
        std::uint32_t const value = sum[lane];
#else
        std::uint32_t const value = sum;
#endif
        for (std::size_t byte = 0; byte != 4; ++byte) {
          out[lane * block + i * 4 + byte] = static_cast<std::byte>(value >> (8 * byte) & 0xFFu);
        }
      }
    }
  }
}

}  // namespace kindwire::detail
