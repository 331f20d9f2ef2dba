// Mistakes in a type's description, reported where the type is first read, written or documented.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <type_traits>
#include <utility>

#include "../schema.hpp"
#include "../text/printable.hpp"

namespace kindwire::detail {

// By sorted hashes: compilers give up on comparing some hundreds of names with each other.
template <std::size_t Count>
constexpr bool all_distinct(std::array<std::string_view, Count> const& names) noexcept {
  struct entry {
    std::uint64_t hash = 0xCBF29CE484222325;  // FNV-1a
    std::string_view name{};
  };
  std::array<entry, Count> all{};
  for (std::size_t index = 0; index < Count; ++index) {
    all[index].name = names[index];
    for (char const letter : names[index])
      all[index].hash = (all[index].hash ^ static_cast<unsigned char>(letter)) * 0x100000001B3;
  }
  std::sort(all.begin(), all.end(), [](entry const& left, entry const& right) {
    return left.hash != right.hash ? left.hash < right.hash : left.name < right.name;
  });
  return std::adjacent_find(all.begin(), all.end(), [](entry const& left, entry const& right) {
           return left.hash == right.hash && left.name == right.name;
         }) == all.end();
}

template <std::size_t Count>
constexpr bool all_are_utf8(std::array<std::string_view, Count> const& names) noexcept {
  for (std::string_view const name : names) {
    if (!all_utf8(name)) return false;
  }
  return true;
}

template <described T>
constexpr bool names_are_distinct() noexcept {
  for (std::string_view const name : field_names<T>) {
    if (message_kind<T> && name == key_of<T>()) return false;
  }
  return all_distinct(field_names<T>);
}

// Addresses as types: with -fsanitize=undefined, g++ does not take comparing them for a constant expression.
template <auto const* Object>
struct address {};

template <class Base, class T>
constexpr bool is_schema_of() noexcept {
  if constexpr (!std::is_same_v<Base, T> && requires { Base::schema; }) {
    return std::is_same_v<address<&Base::schema>, address<&T::schema>>;
  } else {
    return false;
  }
}

// Whether T inherits its description from a base class, which knows nothing of T's own members.
template <class T, class... Fields>
constexpr bool is_inherited(small_tuple<Fields...> const*) noexcept {
  if constexpr (!(std::is_same_v<typename Fields::owner_type, T> && ...) && requires { T::schema; }) {
    return (is_schema_of<typename Fields::owner_type, T>() || ...);
  } else {
    return false;
  }
}

// Whether a constant's value can be written.
template <class Field>
constexpr bool has_form(Field const& field) noexcept {
  using value_type = decltype(field.value);
  if constexpr (std::is_same_v<value_type, std::string_view>) {
    return all_utf8(field.value);
  } else if constexpr (std::is_floating_point_v<value_type>) {
    return field.value - field.value == 0;  // neither NaN nor an infinity
  } else if constexpr (described_enum<value_type>) {
    auto const& values = schema<value_type>.values;
    return std::find(values.begin(), values.end(), field.value) != values.end();
  } else {
    return true;
  }
}

template <class T, std::size_t... Index>
constexpr bool constants_have_forms(std::index_sequence<Index...>) noexcept {
  auto const fits = [](auto const& field) {
    if constexpr (is_constant<std::remove_cvref_t<decltype(field)>>) {
      return detail::has_form(field);
    } else {
      return true;
    }
  };
  return (fits(schema<T>.fields.template get<Index>()) && ...);
}

template <class... Fields>
constexpr bool has_constants(small_tuple<Fields...> const*) noexcept {
  return (is_constant<Fields> || ...);
}

template <described T>
constexpr bool constants_fit() noexcept {
  if constexpr (has_constants(static_cast<fields_of<T>*>(nullptr))) {
    return constants_have_forms<T>(std::make_index_sequence<field_count<T>>{});
  } else {
    return true;
  }
}

template <described T>
struct description_check {
  static_assert(
      !is_inherited<T>(static_cast<fields_of<T>*>(nullptr)),
      "kindwire: this type only inherits a schema, which leaves out its own fields: give it one, with "
      "base<>() for those of its base class");
  static_assert(field_count<T> <= 64, "kindwire: a described type may have at most 64 fields; nest some");
  static_assert(names_are_distinct<T>(),
                "kindwire: two fields of this type have one name, or a field has the kind's");
  static_assert(!message_kind<T> || (!kind_or_none<T>().empty() && !key_of<T>().empty()),
                "kindwire: a kind is told by a text, and stands under a key, which are not empty");
  static_assert(all_utf8(kind_or_none<T>()) && all_utf8(key_of<T>()) && all_are_utf8(field_names<T>),
                "kindwire: a kind, a key or a field's name is not UTF-8");
  static_assert(
      constants_fit<T>(),
      "kindwire: a constant's value cannot be written: a text that is not UTF-8, a number that is not "
      "finite, or a value without a name");
  static constexpr bool passed = true;
};

template <described_enum T>
struct enumeration_check {
  static_assert(all_distinct(schema<T>.names), "kindwire: two enumerators have one name");
  static_assert(all_are_utf8(schema<T>.names), "kindwire: an enumerator's name is not UTF-8");
  static constexpr bool passed = true;
};

}  // namespace kindwire::detail
