// Numbers as JSON text, in the fewest characters that read back as the same number: what std::to_chars()
// writes, without calling it in the easy cases.
#pragma once

#include "../../requirements.hpp"

#include <cfloat>
#include <charconv>
#include <cmath>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <type_traits>

#include "floating_text.hpp"

namespace kindwire::detail {

/// Room for any number.
inline constexpr std::size_t number_room = 32;

/// Writes a fraction without its trailing zeros: `.5` for 500 of 1,000.
inline char* write_fraction(char* to, std::uint64_t part, std::uint64_t whole) noexcept {
  *to++ = '.';
  while (part != 0) {
    whole /= 10;
    *to++ = static_cast<char>('0' + part / whole);
    part %= whole;
  }
  return to;
}

inline char* write_integer(char* to, std::uint64_t value) noexcept {
  // Of 64 bits. A sign may precede them, so not all of the room is left.
  constexpr int most_digits = 20;
  if (value >= 1000) return std::to_chars(to, to + most_digits, value).ptr;
  auto const digit = [&](std::uint64_t of) { *to++ = static_cast<char>('0' + of); };
  if (value >= 100) digit(value / 100);
  if (value >= 10) digit(value / 10 % 10);
  digit(value % 10);
  return to;
}

/// Writes the absolute value if it is a multiple of 1 / Scale with up to 15 digits. No other decimal number
/// of so few digits gives the same double, so none is shorter.
template <std::uint64_t Scale>
char* write_decimal(char* to, double value) noexcept {
  constexpr auto scale = static_cast<double>(Scale);
  // The quotient of two exact numbers is rounded as the decimal number is when read.
  auto const nearest = static_cast<std::int64_t>(value * scale + 0.5);
  if (static_cast<double>(nearest) / scale != value) return nullptr;
  auto const scaled = static_cast<std::uint64_t>(nearest);
  std::uint64_t const whole = scaled / Scale;
  std::uint64_t const part = scaled % Scale;
  if (part != 0) return write_fraction(write_integer(to, whole), part, Scale);
  // Written as 1e+05, which is shorter than 100000.
  return whole % 100'000 != 0 || whole == 0 ? write_integer(to, whole) : nullptr;
}

/// Writes a finite number to `to`, which has room for number_room characters, and returns the end.
template <class T>
char* write_number(char* to, T value) noexcept {
  if constexpr (std::same_as<T, double>) {
    // Below 0.001, an exponent is shorter.
    double const absolute = std::fabs(value);
    if (FLT_EVAL_METHOD == 0 && absolute < 1e12 && (absolute >= 1e-3 || absolute == 0)) {
      *to = '-';
      char* const digits = to + (std::signbit(value) ? 1 : 0);
      if (char* const end = write_decimal<1000>(digits, absolute)) return end;
      if (absolute < 1e9) {
        if (char* const end = write_decimal<1'000'000>(digits, absolute)) return end;
      }
    }
    return write_floating(to, value);
  } else if constexpr (std::floating_point<T>) {
    return write_floating(to, value);
  } else {
    auto magnitude = static_cast<std::uint64_t>(value);
    if constexpr (std::is_signed_v<T>) {
      if (value < 0) {
        *to++ = '-';
        magnitude = 0 - magnitude;
      }
    }
    return write_integer(to, magnitude);
  }
}

}  // namespace kindwire::detail
