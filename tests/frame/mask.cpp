#include <kindwire/frame/mask.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <cstdint>
#include <memory>
#include <span>

#include "support/bytes.hpp"

namespace mask_tests {

namespace {

namespace kw = kindwire;
using namespace support;

constexpr std::size_t longest = 256;
constexpr std::size_t alignments = 64;
constexpr std::size_t guard = 64;
constexpr std::size_t arena_size = guard + alignments + longest + guard;

// RFC 6455 §5.3: transformed-octet-i = original-octet-i XOR masking-key-octet-(i MOD 4)
void mask_slowly(std::span<std::byte> data, key mask, std::uint64_t offset) {
  for (std::size_t i = 0; i != data.size(); ++i) data[i] ^= mask[(offset + i) % 4];
}

struct alignas(64) arena {
  std::byte bytes[arena_size];
  bool operator==(arena const&) const = default;
};

TEST_CASE("mask: fast is slow, at every length, alignment and phase, and nothing outside changes") {
  random_numbers random{1};
  bytes const noise = random.any(arena_size);
  unsigned wrong = 0;
  for (std::size_t size = 0; size <= longest; ++size) {
    for (std::size_t at = guard; at != guard + alignments; ++at) {
      for (std::uint64_t phase = 0; phase != 4; ++phase) {
        arena fast;
        std::copy(noise.begin(), noise.end(), fast.bytes);
        arena slow = fast;
        kw::mask({fast.bytes + at, size}, example_key, phase);
        mask_slowly({slow.bytes + at, size}, example_key, phase);
        wrong += !(fast == slow);
      }
    }
  }
  CHECK(wrong == 0);
}

TEST_CASE("mask: the copy is the same from any alignment to any other, and leaves its source alone") {
  random_numbers random{2};
  bytes const noise = random.any(arena_size);
  unsigned wrong = 0;
  for (std::size_t size = 0; size <= longest; ++size) {
    for (std::size_t turn = 0; turn != alignments; ++turn) {
      std::size_t const from = guard + turn;
      std::size_t const to = guard + (turn * 7 + size * 3) % alignments;
      std::uint64_t const phase = (turn / 3 + size) % 4;
      arena source;
      std::copy(noise.begin(), noise.end(), source.bytes);
      arena const before = source;
      arena target{};
      arena expected{};
      std::copy_n(source.bytes + from, size, expected.bytes + to);
      mask_slowly({expected.bytes + to, size}, example_key, phase);
      kw::mask_copy(target.bytes + to, {source.bytes + from, size}, example_key, phase);
      wrong += !(target == expected) || !(source == before);
    }
  }
  CHECK(wrong == 0);
}

TEST_CASE("mask: reads and writes nothing behind the end (seen by the address sanitizer)") {
  unsigned wrong = 0;
  for (std::size_t size = 0; size <= longest; ++size) {
    auto const exact = std::make_unique<std::byte[]>(size);
    auto const other = std::make_unique<std::byte[]>(size);
    kw::mask({exact.get(), size}, example_key);
    kw::mask_copy(other.get(), {exact.get(), size}, example_key);
    for (std::size_t i = 0; i != size; ++i) wrong += other[i] != std::byte{0};
  }
  CHECK(wrong == 0);
}

TEST_CASE("mask: a payload may be masked in pieces, also far behind its start") {
  random_numbers random{3};
  bytes const payload = random.any(100);
  for (std::uint64_t const base : {std::uint64_t{0}, std::uint64_t{0xFFFFFFFF}, ~std::uint64_t{0} - 200}) {
    bytes whole = payload;
    mask_slowly(whole, example_key, base);
    unsigned wrong = 0;
    for (std::size_t cut = 0; cut <= payload.size(); ++cut) {
      bytes pieces = payload;
      kw::mask(std::span{pieces}.first(cut), example_key, base);
      kw::mask(std::span{pieces}.subspan(cut), example_key, base + cut);
      wrong += pieces != whole;
    }
    CHECK(wrong == 0);
  }
}

TEST_CASE("mask: the key 00000000 changes nothing") {
  bytes data = text("Hello");
  kw::mask(data, key{});
  CHECK(data == text("Hello"));
}

}  // namespace

}  // namespace mask_tests
