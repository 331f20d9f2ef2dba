// The rule of UTF-8 (RFC 3629 §4), for one sequence and at compile time as well. Everything else that checks
// UTF-8 asks this, or is tested against it.
#pragma once

#include "../requirements.hpp"

#include <cstddef>

namespace kindwire::detail {

// How many bytes the sequence has that begins with `first`; 0 if none does.
constexpr unsigned utf8_size(unsigned char first) noexcept {
  if (first < 0x80) return 1;
  if (first < 0xC2) return 0;
  if (first < 0xE0) return 2;
  if (first < 0xF0) return 3;
  return first < 0xF5 ? 4 : 0;
}

// The range of the second byte. Unicode 15, table 3-7: that of some sequences is narrower, which is what
// keeps out overlong forms (E0 80, F0 80; C0 and C1 begin nothing), surrogates (ED A0) and all above U+10FFFF
// (F4 90).
constexpr unsigned char utf8_second_least(unsigned char first) noexcept {
  return first == 0xE0 ? 0xA0 : first == 0xF0 ? 0x90 : 0x80;
}
constexpr unsigned char utf8_second_most(unsigned char first) noexcept {
  return first == 0xED ? 0x9F : first == 0xF4 ? 0x8F : 0xBF;
}

// The size of the sequence that begins at `at`, where `left` bytes can be read; 0 if it is not valid or not
// whole. Of char or std::byte.
template <class Byte>
constexpr std::size_t utf8_sequence(Byte const* at, std::size_t left) noexcept {
  auto const byte = [at](std::size_t index) { return static_cast<unsigned char>(at[index]); };
  auto const continues = [&](std::size_t index) { return (byte(index) & 0xC0) == 0x80; };
  if (left == 0) return 0;
  unsigned char const first = byte(0);
  auto const second_fits = [&] {
    return byte(1) >= utf8_second_least(first) && byte(1) <= utf8_second_most(first);
  };
  // Each branch knows its size, and so the compiler which of the bounds may be narrow.
  switch (utf8_size(first)) {
    case 1: return 1;
    case 2: return left >= 2 && continues(1) ? 2 : 0;
    case 3: return left >= 3 && second_fits() && continues(2) ? 3 : 0;
    case 4: return left >= 4 && second_fits() && continues(2) && continues(3) ? 4 : 0;
    default: return 0;
  }
}

}  // namespace kindwire::detail
