// The shortest text that reads back as a floating point number, by std::to_chars() where the standard library
// has it. libc++ before 14 does not, and on Apple's systems it needs macOS 13.3.
#pragma once

#include "../../requirements.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <limits>
#include <string_view>
#include <system_error>
#include <type_traits>

#include "floating.hpp"

namespace kindwire::detail {

#if defined(__APPLE__) && (!defined(__ENVIRONMENT_MAC_OS_X_VERSION_MIN_REQUIRED__) || \
                           __ENVIRONMENT_MAC_OS_X_VERSION_MIN_REQUIRED__ < 130300)
template <class T>
inline constexpr bool has_to_chars = false;
#else
template <class T>
inline constexpr bool has_to_chars = requires(char* to, T value) {
  std::to_chars(to, to, value);
};
#endif

// By printf(), in the format `%.*e` or `%.*f`.
template <class T>
int print(char* to, std::size_t size, int precision, char format, T value) noexcept {
  if constexpr (std::is_same_v<T, long double>) {
    return std::snprintf(to, size, format == 'e' ? "%.*Le" : "%.*Lf", precision, value);
  } else {
    return std::snprintf(to, size, format == 'e' ? "%.*e" : "%.*f", precision, static_cast<double>(value));
  }
}

// `0.d1d2d3… · 10^exponent`, without trailing zeros.
struct shortest_digits {
  std::array<char, 40> digits;
  int size = 0;
  int exponent = 0;

  // A finite, positive number, rounded to this many digits. Independent of the locale's decimal point.
  template <class T>
  static shortest_digits rounded(T value, int precision) noexcept {
    std::array<char, 64> text;
    int const length = print(text.data(), text.size(), precision - 1, 'e', value);
    shortest_digits result;
    int at = 0;
    for (; at != length && text[static_cast<std::size_t>(at)] != 'e'; ++at) {
      char const digit = text[static_cast<std::size_t>(at)];
      if (digit >= '0' && digit <= '9') result.digits[static_cast<std::size_t>(result.size++)] = digit;
    }
    result.exponent = std::atoi(text.data() + at + 1) + 1;
    result.trim();
    return result;
  }

  // The next larger number of `precision` digits.
  shortest_digits next(int precision) const noexcept {
    shortest_digits result = *this;
    while (result.size < precision) result.digits[static_cast<std::size_t>(result.size++)] = '0';
    int at = result.size - 1;
    for (; at >= 0 && result.digits[static_cast<std::size_t>(at)] == '9'; --at)
      result.digits[static_cast<std::size_t>(at)] = '0';
    if (at >= 0) {
      ++result.digits[static_cast<std::size_t>(at)];
    } else {
      result.digits[0] = '1';
      ++result.exponent;
    }
    result.trim();
    return result;
  }

  template <class T>
  bool is(T value) const noexcept {
    std::array<char, 64> text;
    char* end = std::copy_n(digits.data(), size, text.data());
    *end++ = 'e';
    end = std::to_chars(end, text.data() + text.size(), exponent - size).ptr;
    T read{};
    auto const wrong =
        nearest_floating(std::string_view(text.data(), static_cast<std::size_t>(end - text.data())), read);
    return wrong == std::errc{} && read == value;
  }

  template <class T>
  static shortest_digits of(T value) noexcept {
    using limits = std::numeric_limits<T>;
    // Decimal numbers of digits10 digits have different nearest values of type T, except among the subnormal
    // numbers, which are further apart.
    int precision = value < (limits::min)() ? 1 : limits::digits10;
    for (; precision < limits::max_digits10; ++precision) {
      auto const nearest = rounded(value, precision);
      if (nearest.is(value)) return nearest;
      // At a power of two there is more room above than below.
      if (auto const above = nearest.next(precision); above.is(value)) return above;
    }
    return rounded(value, precision);
  }

 private:
  void trim() noexcept {
    while (size > 1 && digits[static_cast<std::size_t>(size - 1)] == '0') --size;
  }
};

/// As std::to_chars() for a finite number, which it writes as `1.5`, `1e+23` or `5e-324`, whichever is
/// shorter; there is room for 32 characters.
template <class T>
char* floating_by_printf(char* to, T value) noexcept {
  if (std::signbit(value)) *to++ = '-';
  value = std::fabs(value);
  if (value == 0) {
    *to++ = '0';
    return to;
  }
  auto const number = shortest_digits::of(value);
  int const size = number.size;
  char const* const digits = number.digits.data();
  int const exponent = number.exponent - 1;
  int const exponent_size = std::abs(exponent) >= 1000 ? 4 : std::abs(exponent) >= 100 ? 3 : 2;
  int const scientific = size + (size > 1 ? 1 : 0) + 2 + exponent_size;
  int const plain = exponent < 0 ? 1 - exponent + size : exponent >= size - 1 ? exponent + 1 : size + 1;
  if (plain > scientific) {
    *to++ = digits[0];
    if (size > 1) *to++ = '.';
    to = std::copy(digits + 1, digits + size, to);
    *to++ = 'e';
    *to++ = exponent < 0 ? '-' : '+';
    int const magnitude = std::abs(exponent);
    if (magnitude < 10) *to++ = '0';
    return std::to_chars(to, to + 4, magnitude).ptr;
  }
  if (exponent >= size - 1) {
    // All digits of an integer, with no zeros in place of the last ones.
    return to + print(to, static_cast<std::size_t>(plain) + 1, 0, 'f', value);
  }
  if (exponent >= 0) {
    to = std::copy_n(digits, exponent + 1, to);
    *to++ = '.';
    return std::copy(digits + exponent + 1, digits + size, to);
  }
  *to++ = '0';
  *to++ = '.';
  to = std::fill_n(to, -exponent - 1, '0');
  return std::copy_n(digits, size, to);
}

/// Writes a finite number to `to`, which has room for 32 characters, and returns the end.
template <class T>
char* write_floating(char* to, T value) noexcept {
  if constexpr (has_to_chars<T>) {
    return std::to_chars(to, to + 32, value).ptr;
  } else {
    return floating_by_printf(to, value);
  }
}

}  // namespace kindwire::detail
