// What a room and a user may be called.
#pragma once

#include <algorithm>
#include <cstddef>
#include <string_view>

#include "../message/utf8.hpp"

namespace kindwire::detail {

// Names come from peers, and are printed, logged and sent on.
inline bool is_printable_name(std::string_view name, std::size_t most) noexcept {
  bool const fits = !name.empty() && name.size() <= most;
  bool const printable = std::none_of(name.begin(), name.end(), [](char each) {
    return static_cast<unsigned char>(each) < 0x20 || each == 0x7F;
  });
  return fits && printable && is_utf8(name);
}

}  // namespace kindwire::detail
