// Whether a text that is to be written as a message has a kind.
#pragma once

#include <string_view>

#include "../text/member_walk.hpp"
#include "../text/scanner.hpp"

namespace kindwire::detail {

/// Whether the text has a string under this key. It is checked to be an object only up to there.
inline bool has_kind(std::string_view text, std::string_view key, unsigned max_depth) {
  json_scanner scanner{text, max_depth};
  if (!scanner.enter('{', {})) return false;
  for (member_walk member{scanner}; member.next();) {
    bool const found = member.name() == key;
    scanner.skip_space();
    if (found) return scanner.peek() == '"';
    if (!scanner.skip_value()) return false;
  }
  return false;
}

}  // namespace kindwire::detail
