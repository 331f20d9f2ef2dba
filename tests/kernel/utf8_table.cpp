#include <kindwire/kernel/utf8_table.hpp>

#include <doctest/doctest.h>

#include <cstddef>

#include "support/reference.hpp"

namespace utf8_table_tests {

namespace {

namespace kw = kindwire;

// What the three look-ups agree on between two bytes.
unsigned mistakes(unsigned first, unsigned second) {
  return kw::detail::utf8_first_high.of[first >> 4] & kw::detail::utf8_first_low.of[first & 15] &
         kw::detail::utf8_second_high.of[second >> 4];
}

TEST_CASE("utf8_table: of all pairs of bytes it refuses those that no valid text holds") {
  unsigned wrong = 0;
  for (unsigned first = 0; first != 256; ++first) {
    for (unsigned second = 0; second != 256; ++second) {
      // Some valid text holds the pair if the two fit behind a lead that leaves them open, or begin a
      // sequence.
      bool possible = false;
      for (unsigned const lead : {0x00u, 0xC2u, 0xE1u, 0xF1u}) {
        support::reference_utf8 text;
        if (lead != 0) text.take(std::byte(lead));
        if (lead == 0xF1) text.take(std::byte{0x80});
        possible = possible || (text.take(std::byte(first)) && text.take(std::byte(second)));
      }
      support::reference_utf8 four;
      four.take(std::byte{0xF1});
      possible = possible || (four.take(std::byte(first)) && four.take(std::byte(second)));
      bool const continuations = (first & 0xC0u) == 0x80 && (second & 0xC0u) == 0x80;
      unsigned const found = mistakes(first, second);
      // A lead that there is not is seen by what follows it: nothing may.
      bool const no_lead = second == 0xC0 || second == 0xC1 || second >= 0xF5;
      if (no_lead && (first < 0x80 || (first & 0xC0u) == 0x80)) continue;
      wrong += continuations ? found != kw::detail::utf8_two_continuations : (found == 0) != possible;
    }
  }
  CHECK(wrong == 0);
}

}  // namespace

}  // namespace utf8_table_tests
