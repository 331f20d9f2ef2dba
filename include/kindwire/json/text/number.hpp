// A number as it stands in a JSON text (RFC 8259 §6), and its value.
#pragma once

#include <array>
#include <bit>
#include <cfloat>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <system_error>
#include <type_traits>

#include "floating.hpp"
#include "word.hpp"

namespace kindwire::detail {

struct json_number {
  std::string_view text;
  // The digits before the exponent, without the point; meaningless if `overflow`.
  std::uint64_t magnitude = 0;
  std::int32_t power = 0;  // of ten, to multiply them by; meaningless beyond ±10,000
  bool negative = false;
  bool integral = true;   // no fraction, no exponent
  bool overflow = false;  // the digits need more than 64 bits, or there are more than 19 and a fraction

  bool is_below_one() const noexcept;

  template <class T>
  bool to_floating_at_once(T& value) const noexcept;

  template <class T>
  std::errc to_floating(T& value) const noexcept;
};

// Below, a word holds the first eight bytes of a text, the first in the lowest byte; after `^ digit_zeros`
// its digits are 0 to 9.
inline constexpr std::uint64_t digit_zeros = 0x3030303030303030;

/// The top bit of each byte that is not a digit. Carries disturb only higher bytes, so the lowest mark is
/// right.
constexpr std::uint64_t no_digits(std::uint64_t digits) noexcept {
  return ((digits + 0x7676767676767676) | digits) & 0x8080808080808080;
}

/// The number that eight digits stand for.
constexpr std::uint64_t join_digits(std::uint64_t digits) noexcept {
  // Joins neighbouring digits into pairs, then all four pairs at once, by their weights.
  digits = digits * 10 + (digits >> 8);
  constexpr std::uint64_t pairs = 0x000000FF000000FF;
  constexpr std::uint64_t outer = 0x000F424000000064;  // 1,000,000 and 100
  constexpr std::uint64_t inner = 0x0000271000000001;  // 10,000 and 1
  return ((digits & pairs) * outer + ((digits >> 16) & pairs) * inner) >> 32;
}

/// The digits that a text begins with.
struct digit_run {
  std::uint64_t value;
  unsigned count;  // up to eight
};

constexpr digit_run read_digits(std::uint64_t word) noexcept {
  std::uint64_t const digits = word ^ digit_zeros;
  auto const count = static_cast<unsigned>(std::countr_zero(no_digits(digits))) / 8;
  // Fewer than eight get leading zeros.
  return count == 0 ? digit_run{0, 0} : digit_run{join_digits(digits << (64 - 8 * count)), count};
}

/// Reads the number at the beginning of a text into magnitude, power and integral, if it ends within the
/// first eight bytes and has no sign and no exponent. Returns its size, or 0.
inline unsigned read_short_number(std::uint64_t word, json_number& value) noexcept {
  std::uint64_t digits = word ^ digit_zeros;
  std::uint64_t marks = no_digits(digits);
  if (marks == 0) return 0;
  unsigned const whole = static_cast<unsigned>(std::countr_zero(marks)) & 56;  // in bits
  if (whole == 0 || (whole != 8 && (digits & 0xFF) == 0)) return 0;
  unsigned all = whole;
  unsigned size = whole / 8;
  bool const fraction = (word >> whole & 0xFF) == '.';
  if (fraction) {
    // The point is taken out. A digit may follow the word.
    digits = (digits & ((std::uint64_t{1} << whole) - 1)) | (digits >> whole >> 8 << whole) |
             (std::uint64_t{0xFF} << 56);
    marks = no_digits(digits);
    all = static_cast<unsigned>(std::countr_zero(marks)) & 56;
    if (all == whole || all == 56) return 0;
    size = all / 8 + 1;
  }
  if ((word >> (8 * size) & 0xDF) == 'E') return 0;
  value.magnitude = join_digits(digits << (64 - all));
  value.power = -static_cast<std::int32_t>((all - whole) / 8);
  value.integral = !fraction;
  return size;
}

/// Passes all digits at `position` and appends them to `value`, which is wrong once it needs more than 64
/// bits. Nothing outside of [begin, end) is read.
inline void pass_digits(char const* begin, char const*& position, char const* end,
                        std::uint64_t& value) noexcept {
  static constexpr std::array<std::uint32_t, 9> powers{1,       10,        100,        1'000,      10'000,
                                                       100'000, 1'000'000, 10'000'000, 100'000'000};
  digit_run run;
  do {
    run = read_digits(load_word(begin, position, end));
    value = value * powers[run.count] + run.value;
    position += run.count;
  } while (run.count == 8);
}

/// Whether 20 or more digits, without a leading zero, need more than 64 bits.
inline bool digits_overflow(std::string_view digits) noexcept {
  constexpr std::string_view most = "18446744073709551615";
  return digits.size() > most.size() || (digits.size() == most.size() && digits > most);
}

/// Whether the absolute value is less than 1, by its digits alone: for numbers that no floating point type
/// can hold.
inline bool json_number::is_below_one() const noexcept {
  decimal_parts const parts(text.substr(negative ? 1 : 0));
  std::size_t const leading = parts.digits.find_first_not_of("0.");
  return leading == std::string_view::npos || parts.place_of(leading) < 0;
}

/// The nearest value of the type, if one operation gives it: most are.
template <class T>
bool json_number::to_floating_at_once(T& value) const noexcept {
  // Digits and a power of ten that the type both holds exactly: one operation, whose result IEEE 754 rounds
  // correctly, unless the machine calculates in a wider type.
  constexpr bool narrow = std::is_same_v<T, float>;
  constexpr std::int32_t most = narrow ? 10 : 22;
  static constexpr std::array<double, 23> powers{1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
                                                 1e8,  1e9,  1e10, 1e11, 1e12, 1e13, 1e14, 1e15,
                                                 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};
  if (FLT_EVAL_METHOD == 0 && !overflow && power >= -most && power <= most &&
      magnitude <= (std::uint64_t{1} << (narrow ? 24 : 53))) {
    auto const digits = static_cast<T>(magnitude);
    auto const scale = static_cast<T>(powers[static_cast<std::size_t>(power < 0 ? -power : power)]);
    T const absolute = power < 0 ? digits / scale : digits * scale;
    value = negative ? -absolute : absolute;
    return true;
  }
  return false;
}

/// The nearest value of the type, as std::from_chars() gives it.
template <class T>
std::errc json_number::to_floating(T& value) const noexcept {
  if (to_floating_at_once(value)) return {};
  return nearest_floating(text, value);
}

}  // namespace kindwire::detail
