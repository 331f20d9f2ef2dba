// The member that tells a message's kind, and where it stands.
#pragma once

#include <string_view>

#include "../text/word.hpp"

namespace kindwire::detail {

// The name of the member that carries the kind.
struct kind_key {
  std::string_view name;
  bool plain;  // texts have it verbatim, unless a peer escapes it needlessly

  explicit constexpr kind_key(std::string_view of) noexcept : name(of), plain(!of.empty()) {
    for (char const letter : of) {
      plain = plain && letter >= 0x20 && letter <= 0x7E && letter != '"' && letter != '\\';
    }
  }

  bool stands_at(char const* place) const noexcept { return same_bytes(place, name.data(), name.size()); }
};

// Where the kind stands, from `at` to `end`, provided that a member of the message begins at `at`. It is then
// well-formed.
struct kind_place {
  std::string_view kind;
  char const* at = nullptr;  // null if it is the first member and was passed
  char const* end = nullptr;
};

}  // namespace kindwire::detail
