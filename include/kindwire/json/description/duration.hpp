// Durations as numbers of a unit: converted exactly, or not at all.
#pragma once

#include <cfloat>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <limits>
#include <ratio>
#include <string>
#include <type_traits>
#include <utility>

#include "types.hpp"

namespace kindwire::detail {

/// The unit in which a duration travels: its own, unless another is stated.
template <class Duration, class Unit>
using unit_of = std::conditional_t<std::is_void_v<Unit>, Duration, Unit>;

enum class conversion { exact, out_of_range, lossy };

/// `count` times Factor, which is a std::ratio, as the integer type To.
template <class Factor, class From, class To>
constexpr conversion scale_integer(From count, To& scaled) noexcept {
  constexpr auto numerator = static_cast<std::uint64_t>(Factor::num);
  constexpr auto denominator = static_cast<std::uint64_t>(Factor::den);
  bool const negative = std::cmp_less(count, 0);
  auto magnitude = static_cast<std::uint64_t>(count);
  if (negative) magnitude = ~magnitude + 1;
  if (magnitude % denominator != 0) return conversion::lossy;
  magnitude /= denominator;
  if (magnitude > (std::numeric_limits<std::uint64_t>::max)() / numerator) return conversion::out_of_range;
  magnitude *= numerator;
  std::uint64_t most = static_cast<std::uint64_t>((std::numeric_limits<To>::max)());
  if (negative) most = std::is_signed_v<To> ? most + 1 : 0;
  if (magnitude > most) return conversion::out_of_range;
  scaled = static_cast<To>(negative ? ~magnitude + 1 : magnitude);
  return conversion::exact;
}

// The result of a calculation as it is stored. i386 without SSE2 keeps more digits, even across a cast, and a
// number with more digits never equals a stored one.
template <class T>
T as_stored(T value) noexcept {
#if FLT_EVAL_METHOD != 0
  T const volatile stored = value;
  return stored;
#else
  return value;
#endif
}

/// A floating point number as a whole one: the one that gives `count` when converted back, so that 0.1
/// seconds are 100 milliseconds although no double is 0.1.
template <class Factor, class From, class To>
conversion scale_to_integer(From count, To& scaled) noexcept {
  constexpr auto numerator = static_cast<double>(Factor::num);
  constexpr auto denominator = static_cast<double>(Factor::den);
  double const whole =
      std::nearbyint(as_stored(as_stored(static_cast<double>(count) * numerator) / denominator));
  // 2^63 and 2^64 are doubles, one less is not.
  constexpr double beyond = static_cast<double>((std::numeric_limits<To>::max)() / 2 + 1) * 2.0;
  if (!(whole < beyond && whole >= static_cast<double>((std::numeric_limits<To>::min)()))) {
    return conversion::out_of_range;
  }
  auto const integer = static_cast<To>(whole);
  double const again = as_stored(as_stored(static_cast<double>(integer) * denominator) / numerator);
  if (as_stored(static_cast<From>(again)) != count) return conversion::lossy;
  scaled = integer;
  return conversion::exact;
}

/// `from` in To's unit and representation.
template <class From, class To>
conversion convert_duration(From from, To& to) noexcept {
  using factor = std::ratio_divide<typename From::period, typename To::period>;
  using from_rep = typename From::rep;
  using to_rep = typename To::rep;
  static_assert(
      (json_integer<from_rep> || json_floating<from_rep>)&&(json_integer<to_rep> || json_floating<to_rep>),
      "kindwire: a duration counts in integers of up to 64 bits, in float, or in double");
  if constexpr (std::is_same_v<From, To>) {
    to = from;
    return conversion::exact;
  } else if constexpr (json_integer<from_rep> && json_integer<to_rep>) {
    to_rep count{};
    conversion const result = scale_integer<factor>(from.count(), count);
    if (result == conversion::exact) to = To{count};
    return result;
  } else if constexpr (json_integer<to_rep>) {
    to_rep count{};
    conversion const result = scale_to_integer<factor>(from.count(), count);
    if (result == conversion::exact) to = To{count};
    return result;
  } else {
    static_assert(
        json_integer<from_rep>,
        "kindwire: a duration that counts in floating point numbers travels in its own unit, or as a whole "
        "number of another: between two fractions something would be lost");
    double const product = as_stored(static_cast<double>(from.count()) * static_cast<double>(factor::num));
    double const count = as_stored(product / static_cast<double>(factor::den));
    to = To{static_cast<to_rep>(count)};
    return conversion::exact;
  }
}

/// The unit in words.
template <class Period>
std::string unit_name() {
  if constexpr (std::ratio_equal_v<Period, std::nano>) {
    return "nanoseconds";
  } else if constexpr (std::ratio_equal_v<Period, std::micro>) {
    return "microseconds";
  } else if constexpr (std::ratio_equal_v<Period, std::milli>) {
    return "milliseconds";
  } else if constexpr (std::ratio_equal_v<Period, std::ratio<1>>) {
    return "seconds";
  } else if constexpr (std::ratio_equal_v<Period, std::ratio<60>>) {
    return "minutes";
  } else if constexpr (std::ratio_equal_v<Period, std::ratio<3600>>) {
    return "hours";
  } else if constexpr (std::ratio_equal_v<Period, std::ratio<86400>>) {
    return "days";
  } else {
    return "units of " + std::to_string(Period::num) + '/' + std::to_string(Period::den) + " s";
  }
}

}  // namespace kindwire::detail
