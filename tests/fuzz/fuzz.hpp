// What the fuzz targets share: a claim that ends the program, and input cut into pieces.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <iterator>
#include <span>
#include <string>
#include <vector>

#include <kindwire/kernel/kernels.hpp>

#include "support/bytes.hpp"

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size);

namespace fuzz {

#define FUZZ_CLAIM(condition)                                                             \
  do {                                                                                    \
    if (!(condition)) {                                                                   \
      std::fprintf(stderr, "%s:%d: does not hold: %s\n", __FILE__, __LINE__, #condition); \
      std::abort();                                                                       \
    }                                                                                     \
  } while (false)

// Takes decisions off the front of an input; what is left is its material. The input's size decides on what
// long runs of bytes are worked on with, so that each target sees all that this processor knows.
class source {
 public:
  source(std::uint8_t const* data, std::size_t size) : left_(data, size) {
    auto const& sets = kindwire::detail::kernel_sets;
    if (!kindwire::use_instruction_set(sets[size % std::size(sets)].name))
      kindwire::use_instruction_set(kindwire::instruction_set::portable);
  }

  bool empty() const { return left_.empty(); }
  unsigned byte() {
    if (left_.empty()) return 0;
    unsigned const value = left_.front();
    left_ = left_.subspan(1);
    return value;
  }
  bool flag() { return (byte() & 1u) != 0; }
  support::bytes take(std::size_t size) {
    size = std::min(size, left_.size());
    auto const* const from = reinterpret_cast<std::byte const*>(left_.data());
    support::bytes result(from, from + size);
    left_ = left_.subspan(size);
    return result;
  }
  support::bytes rest() { return take(left_.size()); }
  // A short text, with its length before it.
  std::string text() {
    support::bytes const characters = take(byte());
    return {reinterpret_cast<char const*>(characters.data()), characters.size()};
  }

 private:
  std::span<std::uint8_t const> left_;
};

// Calls `use` with consecutive pieces of `input`, whose sizes follow from `seed`; a copy of each, so that a
// read or write beyond it is seen.
template <class Use>
void in_pieces(std::span<std::byte const> input, unsigned seed, Use use) {
  std::uint32_t state = seed * 2654435761u + 1;
  while (!input.empty()) {
    state = state * 1664525u + 1013904223u;
    std::size_t const size =
        std::min<std::size_t>(1 + (state >> 16) % (seed % 4 == 0 ? 3 : 40), input.size());
    std::vector<std::byte> piece(input.begin(), input.begin() + static_cast<std::ptrdiff_t>(size));
    use(std::span<std::byte>(piece));
    input = input.subspan(size);
  }
}

// What has come from the stream, to either end of an opening handshake. One byte more is asked for, so that
// there is always room, also for nothing.
template <class Handshake>
void put(Handshake& handshake, std::span<std::byte const> input) {
  auto const room = handshake.prepare(input.size() + 1);
  std::copy(input.begin(), input.end(), room.begin());
  handshake.commit(input.size());
}

}  // namespace fuzz
