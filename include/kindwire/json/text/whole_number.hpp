// Integers that are written with a fraction or an exponent: 1.0, 1e3.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <string_view>

#include "number.hpp"

namespace kindwire::detail {

/// Converts a number that is not `integral` to an integer of exactly the same value, in `magnitude` and
/// `overflow`. False if there is no such integer, and then they mean nothing. Takes time linear in the text.
///
/// JSON has one type of number (RFC 8259 §6), and to JSON Schema any number without a fraction is an integer,
/// however it is written (2020-12 validation, §6.1.1): Python writes 3.0 for a float of that value.
inline bool make_whole(json_number& number) noexcept {
  decimal_parts const parts(number.text.substr(number.negative ? 1 : 0));
  std::size_t const last = parts.digits.find_last_not_of("0.");
  number.magnitude = 0;
  number.overflow = false;
  if (last == std::string_view::npos) return true;
  std::int64_t place = parts.place_of(last);
  if (place < 0) return false;
  auto const append = [&number](unsigned digit) {
    constexpr std::uint64_t most = (std::numeric_limits<std::uint64_t>::max)();
    number.overflow = number.overflow || number.magnitude > (most - digit) / 10;
    number.magnitude = number.magnitude * 10 + digit;
  };
  for (char const letter : parts.digits.substr(0, last + 1)) {
    if (letter != '.') append(static_cast<unsigned>(letter - '0'));
  }
  for (; place != 0 && !number.overflow; --place) append(0);
  return true;
}

}  // namespace kindwire::detail
