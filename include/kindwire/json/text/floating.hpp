// The floating point number nearest to a decimal text, by std::from_chars() where the standard library has
// it. libc++ before 20 does not, and on Apple's systems it needs macOS 26.
#pragma once

#include "../../requirements.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <limits>
#include <string_view>
#include <system_error>
#include <type_traits>

namespace kindwire::detail {

// On 32-bit x86, libstdc++ (at least up to 12) calculates in the x87's registers, which rounds twice.
#if defined(__APPLE__) || (defined(__GLIBCXX__) && defined(__i386__))
template <class T>
inline constexpr bool has_from_chars = false;
#else
template <class T>
inline constexpr bool has_from_chars = requires(char const* text, T& value) {
  std::from_chars(text, text, value);
};
#if defined(__MINGW32__)
// There libstdc++ reads a double and converts it to a long double.
template <>
inline constexpr bool has_from_chars<long double> = false;
#endif
#endif

}  // namespace kindwire::detail

// Several times as fast as strtod(), with the same results; included only where one of the two is needed.
#if defined(__APPLE__) || (defined(_LIBCPP_VERSION) && _LIBCPP_VERSION < 200000)
#if __has_include(<fast_float/fast_float.h>)
#include <fast_float/fast_float.h>
#define KINDWIRE_HAS_FAST_FLOAT 1
#endif
#endif

namespace kindwire::detail {

/// The parts of a number without its sign, however long they are.
struct decimal_parts {
  std::string_view digits;    // including the point
  std::size_t point;          // its index in `digits`, or their size
  std::int64_t exponent = 0;  // clamped to more than any text has digits

  explicit decimal_parts(std::string_view absolute) noexcept {
    constexpr std::int64_t most = 1'000'000'000'000;  // no text has that many digits
    std::size_t const exponent_at = (std::min)(absolute.find_first_of("eE"), absolute.size());
    bool lowered = false;
    for (char const letter : absolute.substr(exponent_at)) {
      if (letter == '-') lowered = true;
      if (letter >= '0' && letter <= '9') exponent = (std::min)(exponent * 10 + (letter - '0'), most);
    }
    if (lowered) exponent = -exponent;
    digits = absolute.substr(0, exponent_at);
    point = (std::min)(digits.find('.'), digits.size());
  }

  // The power of ten that the digit at `index` counts: 0 for units, -1 for tenths.
  std::int64_t place_of(std::size_t index) const noexcept {
    return static_cast<std::int64_t>(point) - static_cast<std::int64_t>(index) - (index < point ? 1 : 0) +
           exponent;
  }
};

/// Whether a number of JSON's grammar is zero.
inline bool is_zero(std::string_view text) noexcept {
  return text.substr(0, text.find_first_of("eE")).find_first_of("123456789") == std::string_view::npos;
}

// The plainest decimal text that has the same nearest number: digits without a point, then an exponent and a
// NUL. Every locale reads that alike, and its size is bounded: the numbers of type T, and the midpoints
// between neighbours, have a limited number of decimal digits, after which one that is not zero stands for
// all that follow.
template <class T>
class plain_decimal {
 public:
  explicit plain_decimal(std::string_view absolute) noexcept {
    decimal_parts const parts(absolute);
    std::size_t index = parts.digits.find_first_not_of("0.");
    if (index == std::string_view::npos) {
      append('0');
      append('\0');
      return;
    }
    std::int64_t power = 0;
    std::size_t count = 0;
    bool more = false;
    for (; index != parts.digits.size(); ++index) {
      char const digit = parts.digits[index];
      if (digit == '.') continue;
      if (count < most_digits) {
        append(digit);
        ++count;
        power = parts.place_of(index);
      } else if (digit != '0') {
        more = true;
        break;
      }
    }
    if (more) {
      append('1');
      --power;
    }
    // Beyond these bounds all numbers are infinite, or zero.
    constexpr auto limit = static_cast<std::int64_t>(
        10 * (most_digits + static_cast<std::size_t>(std::numeric_limits<T>::max_exponent10)));
    power = (std::clamp)(power, -limit, limit);
    append('e');
    // It fits an int: the buffer has room for ten digits and a sign.
    size_ = static_cast<std::size_t>(
        std::to_chars(text_.data() + size_, text_.data() + text_.size(), static_cast<int>(power)).ptr -
        text_.data());
    append('\0');
  }

  char const* text() const noexcept { return text_.data(); }

 private:
  static constexpr auto most_digits =
      static_cast<std::size_t>(std::numeric_limits<T>::digits - std::numeric_limits<T>::min_exponent + 2);

  void append(char letter) noexcept { text_[size_++] = letter; }

  std::array<char, most_digits + 16> text_;
  std::size_t size_ = 0;
};

/// As std::from_chars(), for a number of JSON's grammar, by strtod(), which every C library rounds correctly.
template <class T>
std::errc floating_by_strtod(std::string_view text, T& value) noexcept {
  bool const negative = text.starts_with('-');
  plain_decimal<T> const plain(text.substr(negative ? 1 : 0));
  int const before = errno;
  T absolute;
  if constexpr (std::is_same_v<T, float>) {
    absolute = std::strtof(plain.text(), nullptr);
  } else if constexpr (std::is_same_v<T, double>) {
    absolute = std::strtod(plain.text(), nullptr);
  } else {
    absolute = std::strtold(plain.text(), nullptr);
  }
  errno = before;
  if (std::isinf(absolute) || (absolute == 0 && !is_zero(text))) return std::errc::result_out_of_range;
  value = negative ? -absolute : absolute;
  return {};
}

#if defined(KINDWIRE_HAS_FAST_FLOAT)
template <class T>
std::errc floating_by_fast_float(std::string_view text, T& value) noexcept {
  T nearest{};
  auto const wrong = fast_float::from_chars(text.data(), text.data() + text.size(), nearest).ec;
  // Its versions differ in what they report of numbers that T cannot hold.
  if (wrong != std::errc{} || std::isinf(nearest) || (nearest == 0 && !is_zero(text))) {
    return std::errc::result_out_of_range;
  }
  value = nearest;
  return {};
}
#endif

/// The nearest number, or the even one of the two nearest. `text` is a number of JSON's grammar. One that is
/// too large or too small gives std::errc::result_out_of_range and leaves the value alone.
template <class T>
std::errc nearest_floating(std::string_view text, T& value) noexcept {
  if constexpr (has_from_chars<T>) {
    return std::from_chars(text.data(), text.data() + text.size(), value).ec;
  } else {
#if defined(KINDWIRE_HAS_FAST_FLOAT)
    if constexpr (!std::is_same_v<T, long double>) return floating_by_fast_float(text, value);
#endif
    return floating_by_strtod(text, value);
  }
}

}  // namespace kindwire::detail

#if defined(KINDWIRE_HAS_FAST_FLOAT)
#undef KINDWIRE_HAS_FAST_FLOAT
#endif
