// A name that nobody else has: of a node, of an epoch of messages, of a log.
#pragma once

#include <array>
#include <cstddef>
#include <string>
#include <string_view>

#include "../frame/random.hpp"

namespace kindwire::detail {

// 64 random bits, as 16 hexadecimal digits.
inline std::string random_name() {
  std::array<std::byte, 8> bytes;
  random_bytes(bytes);
  std::string name;
  for (std::byte const each : bytes) {
    constexpr std::string_view digits = "0123456789abcdef";
    name += digits[std::to_integer<unsigned>(each) >> 4];
    name += digits[std::to_integer<unsigned>(each) & 0xF];
  }
  return name;
}

}  // namespace kindwire::detail
