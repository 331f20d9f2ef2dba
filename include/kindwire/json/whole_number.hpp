// Integers that are written with a fraction or an exponent: 1.0, 1e3.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <string_view>

#include "number.hpp"

namespace kindwire::detail {

/// Makes a number that is not `integral` an integer of the same value, exactly, in `magnitude` and
/// `overflow`. False if it is none, and then they mean nothing. In time linear in the text.
///
/// JSON has one type of number (RFC 8259 §6), and JSON Schema calls an integer what has no fraction, however
/// it is written (2020-12 validation, §6.1.1): Python writes 3.0 for a float of that value.
inline bool make_whole(json_number& number) noexcept {
  constexpr std::int64_t far = 1'000'000'000'000;  // no text has that many digits
  std::string_view const text = number.text.substr(number.negative ? 1 : 0);
  std::size_t const exponent_at = std::min(text.find_first_of("eE"), text.size());
  std::int64_t exponent = 0;
  bool lowered = false;
  for (char const letter : text.substr(exponent_at)) {
    if (letter == '-') lowered = true;
    if (letter >= '0' && letter <= '9') exponent = std::min(exponent * 10 + (letter - '0'), far);
  }
  std::string_view const digits = text.substr(0, exponent_at);
  std::size_t const point = std::min(digits.find('.'), digits.size());
  std::size_t const last = digits.find_last_not_of("0.");
  number.magnitude = 0;
  number.overflow = false;
  if (last == std::string_view::npos) return true;
  // The place of the last digit that is not zero: 0 for units, -1 for tenths.
  auto place =
      static_cast<std::int64_t>(point) - static_cast<std::int64_t>(last) + (lowered ? -exponent : exponent);
  if (last < point) --place;
  if (place < 0) return false;
  auto const append = [&number](unsigned digit) {
    constexpr std::uint64_t most = std::numeric_limits<std::uint64_t>::max();
    number.overflow = number.overflow || number.magnitude > (most - digit) / 10;
    number.magnitude = number.magnitude * 10 + digit;
  };
  for (char const letter : digits.substr(0, last + 1)) {
    if (letter != '.') append(static_cast<unsigned>(letter - '0'));
  }
  for (; place != 0 && !number.overflow; --place) append(0);
  return true;
}

}  // namespace kindwire::detail
