// How an enumeration is described: the names of its values.
#pragma once

#include "../../requirements.hpp"

#include <array>
#include <cstddef>
#include <optional>
#include <string_view>
#include <type_traits>

namespace kindwire {

/// One value of an enumeration and its name. Made by enumerator().
template <class Enum>
struct enumerator_schema {
  std::string_view name;
  Enum value;
};

/// Made by fallback_enumerator().
template <class Enum>
struct fallback_enumerator_schema {
  Enum value;
};

/// The names of an enumeration's values. Made by enumeration().
template <class Enum, std::size_t Count>
struct enumeration_schema {
  std::array<std::string_view, Count> names;
  std::array<Enum, Count> values;
  std::optional<Enum> fallback;  // what all other names stand for
};

namespace detail {

template <class T>
inline constexpr bool is_enumeration_schema = false;
template <class Enum, std::size_t Count>
inline constexpr bool is_enumeration_schema<enumeration_schema<Enum, Count>> = true;

template <class T, class Enum>
concept enumerator_of = std::is_same_v<T, enumerator_schema<Enum>>;
template <class T, class Enum>
concept fallback_of = std::is_same_v<T, fallback_enumerator_schema<Enum>>;

}  // namespace detail

/// A value of an enumeration and the string that stands for it.
template <class Enum>
requires std::is_enum_v<Enum>
constexpr enumerator_schema<Enum> enumerator(std::string_view name, Enum value) noexcept {
  return {name, value};
}

/// The value of a name that is not among the enumerators, as a newer peer may send. It is written by its own
/// name, and cannot be written without one. Where the field is `as_number`, the same is true of numbers. As
/// keys of a map and elements of a set all such names are the same value, which may stand there once: take a
/// list where there may be several.
template <class Enum>
requires std::is_enum_v<Enum>
constexpr fallback_enumerator_schema<Enum> fallback_enumerator(Enum value) noexcept { return {value}; }

/// An enumeration, whose values travel by name. A value with several names is read by each and written by the
/// first. A `fallback_enumerator()` may be among them; without one, other names are refused.
template <class Enum, class... More>
requires((detail::enumerator_of<More, Enum> ||
          detail::fallback_of<More, Enum>)&&...) constexpr auto enumeration(enumerator_schema<Enum> first,
                                                                            More... more) noexcept {
  constexpr std::size_t fallbacks = (std::size_t{0} + ... + (detail::fallback_of<More, Enum> ? 1U : 0U));
  static_assert(fallbacks <= 1, "kindwire: an enumeration has one fallback_enumerator()");
  enumeration_schema<Enum, 1 + sizeof...(More) - fallbacks> all{{first.name}, {first.value}, std::nullopt};
  [[maybe_unused]] std::size_t count = 1;
  [[maybe_unused]] auto const add = [&](auto const& one) {
    if constexpr (detail::fallback_of<std::remove_cvref_t<decltype(one)>, Enum>) {
      all.fallback = one.value;
    } else {
      all.names[count] = one.name;
      all.values[count++] = one.value;
    }
  };
  (add(more), ...);
  return all;
}

}  // namespace kindwire
