// The alternatives of a std::variant, told apart by their kinds.
#pragma once

#include <array>
#include <cstddef>
#include <string_view>
#include <type_traits>
#include <variant>

#include "../schema.hpp"
#include "kind_table.hpp"
#include "schema_check.hpp"
#include "types.hpp"

namespace kindwire::detail {

// Alternatives for messages whose kind the others do not have.
template <class T>
inline constexpr bool keeps_text = std::is_same_v<T, raw_json> || std::is_same_v<T, raw_json_view>;
template <class T>
inline constexpr bool is_fallback = keeps_text<T> || std::is_same_v<T, std::monostate>;

template <class... Alternatives>
struct kinds_of_variant {
  static constexpr bool all_kinds = ((message_kind<Alternatives> || is_fallback<Alternatives>)&&...);
  static constexpr std::size_t count =
      (std::size_t{0} + ... + (message_kind<Alternatives> ? 1U : 0U));  // of kinds
  static constexpr bool has_fallback = (is_fallback<Alternatives> || ...);

  static_assert(
      all_kinds,
      "kindwire: an alternative of a std::variant has no kind to tell it by: give the type a `static "
      "constexpr auto schema = kindwire::kind(...)`, or specialise kindwire::schema for it");
  static_assert(!all_kinds || count != 0, "kindwire: no alternative of a std::variant has a kind");
  static_assert(
      !all_kinds || sizeof...(Alternatives) - count <= 1,
      "kindwire: a std::variant has one alternative for other kinds: a raw_json, a raw_json_view or a "
      "std::monostate");

  struct kind_row {
    std::size_t alternative = 0;
    std::string_view name{};
    std::string_view key{};
  };

  template <class Alternative>
  static constexpr kind_row row_of(std::size_t index) noexcept {
    if constexpr (message_kind<Alternative>) {
      return {index, kind_of<Alternative>, schema<Alternative>.key};
    } else {
      return {};
    }
  }

  static constexpr std::array<kind_row, count> rows = [] {
    std::array<kind_row, count> kept{};
    std::size_t index = 0;
    std::size_t to = 0;
    auto const keep = [&](bool kind, kind_row row) {
      if (kind) kept[to++] = row;
    };
    (keep(message_kind<Alternatives>, row_of<Alternatives>(index++)), ...);
    return kept;
  }();

  static constexpr std::array<std::string_view, count> names = [] {
    std::array<std::string_view, count> all{};
    for (std::size_t index = 0; index != count; ++index) all[index] = rows[index].name;
    return all;
  }();

  static constexpr std::string_view key = [] {
    std::string_view first{};
    for (auto row = rows.rbegin(); row != rows.rend(); ++row) first = row->key;
    return first;
  }();

  static constexpr bool one_key = [] {
    for (kind_row const& row : rows) {
      if (row.key != key) return false;
    }
    return true;
  }();

  static_assert(!all_kinds || all_distinct(names),
                "kindwire: two alternatives of a std::variant have the same kind");
  static_assert(!all_kinds || one_key,
                "kindwire: the kinds of a std::variant's alternatives stand under different keys");

  static constexpr kind_table<count> table{names};
};

}  // namespace kindwire::detail
