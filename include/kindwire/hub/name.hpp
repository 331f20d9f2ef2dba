// What a room and a user may be called.
#pragma once

#include <cstddef>
#include <string_view>

#include "../json/text/printable.hpp"

namespace kindwire::detail {

// Names come from peers, and are printed, logged and sent on.
inline bool is_printable_name(std::string_view name, std::size_t most) noexcept {
  if (name.empty() || name.size() > most) return false;
  bool printable = true;
  each_character(name, [&](std::string_view character, bool broken) {
    printable = printable && !broken && !is_unprintable(character);
  });
  return printable;
}

}  // namespace kindwire::detail
