#include <kindwire/frame/chacha20.hpp>

#include <doctest/doctest.h>

#include <array>
#include <cstddef>
#include <cstdint>

#include "support/bytes.hpp"

namespace chacha20_tests {

namespace {

namespace kw = kindwire;
using namespace support;
using kw::detail::chacha20_key;

// RFC 8439 §2.3 as it stands there, for one block.
bytes block_slowly(chacha20_key const& key, std::uint32_t counter) {
  std::array<std::uint32_t, 16> const start{0x61707865, 0x3320646e, 0x79622d32, 0x6b206574, key[0], key[1],
                                            key[2],     key[3],     key[4],     key[5],     key[6], key[7],
                                            counter,    0,          0,          0};
  auto state = start;
  auto const turn = [](std::uint32_t value, int bits) { return value << bits | value >> (32 - bits); };
  auto const quarter = [&](std::size_t a, std::size_t b, std::size_t c, std::size_t d) {
    state[a] += state[b];
    state[d] = turn(state[d] ^ state[a], 16);
    state[c] += state[d];
    state[b] = turn(state[b] ^ state[c], 12);
    state[a] += state[b];
    state[d] = turn(state[d] ^ state[a], 8);
    state[c] += state[d];
    state[b] = turn(state[b] ^ state[c], 7);
  };
  for (int i = 0; i != 10; ++i) {
    for (std::size_t column = 0; column != 4; ++column) quarter(column, column + 4, column + 8, column + 12);
    for (std::size_t diagonal = 0; diagonal != 4; ++diagonal)
      quarter(diagonal, 4 + (diagonal + 1) % 4, 8 + (diagonal + 2) % 4, 12 + (diagonal + 3) % 4);
  }
  bytes result;
  for (std::size_t i = 0; i != 16; ++i) {
    std::uint32_t const sum = state[i] + start[i];
    for (unsigned shift = 0; shift != 32; shift += 8)
      result.push_back(static_cast<std::byte>(sum >> shift & 255u));
  }
  return result;
}

TEST_CASE("chacha20: the block functions of RFC 8439 A.1 with a nonce of zeros") {
  bytes stream(512);
  kw::detail::chacha20({}, 0, stream);
  // Test vectors 1 and 2: a key of zeros, the blocks 0 and 1.
  CHECK(bytes(stream.begin(), stream.begin() + 64) ==
        hex("76b8e0ada0f13d90405d6ae55386bd28bdd219b8a08ded1aa836efcc8b770dc7"
            "da41597c5157488d7724e03fb8d84a376a43b8f41518a11cc387b669b2ee6586"));
  CHECK(bytes(stream.begin() + 64, stream.begin() + 128) ==
        hex("9f07e7be5551387a98ba977c732d080dcb0f29a048e3656912c6533e32ee7aed"
            "29b721769ce64e43d57133b074d839d531ed1f28510afb45ace10a1f4b794d6f"));
}

TEST_CASE("chacha20: four blocks at a time are those that the RFC makes one by one") {
  random_numbers random{80};
  for (int run = 0; run != 50; ++run) {
    chacha20_key key;
    for (auto& each : key) each = static_cast<std::uint32_t>(random.next());
    auto const counter = static_cast<std::uint32_t>(random.below(1000));
    bytes stream(512);
    kw::detail::chacha20(key, counter, stream);
    bytes expected;
    for (std::uint32_t i = 0; i != 8; ++i) expected += block_slowly(key, counter + i);
    CHECK(stream == expected);
  }
}

}  // namespace

}  // namespace chacha20_tests
