#include <kindwire/kernel/utf8_sequence.hpp>

#include <doctest/doctest.h>

#include <cstddef>
#include <string>
#include <string_view>

#include "support/reference.hpp"

namespace utf8_sequence_tests {

namespace {

using kindwire::detail::utf8_sequence;

// The same by the grammar, byte by byte.
std::size_t slowly(std::byte const* at, std::size_t left) {
  support::reference_utf8 text;
  for (std::size_t taken = 0; taken != left;) {
    if (!text.take(at[taken++])) return 0;
    if (text.whole()) return taken;
  }
  return 0;
}

constexpr std::size_t size_of(std::string_view text) { return utf8_sequence(text.data(), text.size()); }

TEST_CASE("utf8: one sequence is found as the grammar has it, whatever its first four bytes are") {
  // Each byte of the grammar's table (RFC 3629 §4) with its neighbours; and of the second, all.
  constexpr unsigned char edges[] = {0x00, 0x7F, 0x80, 0x8F, 0x90, 0x9F, 0xA0, 0xBF, 0xC0,
                                     0xC1, 0xC2, 0xDF, 0xE0, 0xE1, 0xEC, 0xED, 0xEE, 0xEF,
                                     0xF0, 0xF1, 0xF3, 0xF4, 0xF5, 0xF7, 0xF8, 0xFF};
  unsigned wrong = 0;
  unsigned valid = 0;
  for (unsigned first = 0; first != 256; ++first) {
    for (unsigned second = 0; second != 256; ++second) {
      for (unsigned char const third : edges) {
        for (unsigned char const fourth : edges) {
          std::byte const bytes[] = {std::byte(first), std::byte(second), std::byte{third},
                                     std::byte{fourth}};
          for (std::size_t left = 0; left <= 4; ++left) {
            std::size_t const expected = slowly(bytes, left);
            wrong += utf8_sequence(bytes, left) != expected;
            wrong += utf8_sequence(reinterpret_cast<char const*>(bytes), left) != expected;
            valid += expected == left && left > 1;
          }
        }
      }
    }
  }
  CHECK(wrong == 0);
  CHECK(valid > 10'000);
}

TEST_CASE("utf8: one sequence is found at compile time as well") {
  static_assert(size_of("") == 0);
  static_assert(size_of("\x7F") == 1);
  static_assert(size_of("\xC2\x80x") == 2);
  static_assert(size_of("\xE0\xA0\x80") == 3);
  static_assert(size_of("\xED\x9F\xBF") == 3);
  static_assert(size_of("\xF4\x8F\xBF\xBF") == 4);
  static_assert(size_of("\xC1\xBF") == 0);
  static_assert(size_of("\xE0\x9F\xBF") == 0);
  static_assert(size_of("\xED\xA0\x80") == 0);
  static_assert(size_of("\xF0\x8F\xBF\xBF") == 0);
  static_assert(size_of("\xF4\x90\x80\x80") == 0);
  static_assert(size_of("\xF5\x80\x80\x80") == 0);
  static_assert(size_of("\xF0\x9F\x98") == 0);
  CHECK(size_of("\xC2\x80") == 2);
}

}  // namespace

}  // namespace utf8_sequence_tests
