// What is looked for in a message to tell its kind, and where it stands.
#pragma once

#include <string_view>

#include "../text/word.hpp"

namespace kindwire::detail {

// The name of the member that carries the kind.
struct kind_key {
  std::string_view name;
  bool plain;  // it stands in a text as it is, unless somebody escaped it needlessly

  explicit constexpr kind_key(std::string_view of) noexcept : name(of), plain(!of.empty()) {
    for (char const letter : of) {
      plain = plain && letter >= 0x20 && letter <= 0x7E && letter != '"' && letter != '\\';
    }
  }

  bool stands_at(char const* place) const noexcept { return same_bytes(place, name.data(), name.size()); }
};

// If a reader finds that a member of the message begins at `at`, then this is the kind, well-formed, up to
// `end`.
struct kind_place {
  std::string_view kind;
  char const* at = nullptr;  // null if it is the first member and was passed
  char const* end = nullptr;
};

}  // namespace kindwire::detail
