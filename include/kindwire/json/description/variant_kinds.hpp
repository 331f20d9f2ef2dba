// The alternatives of a std::variant, which their kinds tell apart.
#pragma once

#include <array>
#include <cstddef>
#include <string_view>
#include <variant>

#include "kind_table.hpp"
#include "../schema.hpp"
#include "schema_check.hpp"

namespace kindwire::detail {

template <class... Kinds>
struct kinds_of_variant {
  static constexpr bool all_kinds = (message_kind<Kinds> && ...);
  static_assert(
      all_kinds,
      "kindwire: an alternative of a std::variant has no kind to tell it by: give the type a `static "
      "constexpr auto schema = kindwire::kind(...)`, or specialise kindwire::schema for it");

  template <class Kind>
  static constexpr std::string_view name_of() noexcept {
    if constexpr (message_kind<Kind>) return kind_of<Kind>;
    return {};
  }
  template <class Kind>
  static constexpr std::string_view key_of() noexcept {
    if constexpr (message_kind<Kind>) return schema<Kind>.key;
    return {};
  }

  static constexpr std::array<std::string_view, sizeof...(Kinds)> names{name_of<Kinds>()...};
  static constexpr std::string_view key = std::array{key_of<Kinds>()...}[0];

  static_assert(!all_kinds || all_distinct(names),
                "kindwire: two alternatives of a std::variant have the same kind");
  static_assert(!all_kinds || ((key_of<Kinds>() == key) && ...),
                "kindwire: the kinds of a std::variant's alternatives stand under different keys");

  static constexpr kind_table<sizeof...(Kinds)> table{names};
};

}  // namespace kindwire::detail
