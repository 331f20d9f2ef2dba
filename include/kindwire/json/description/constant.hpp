// Fields that have one value and no member, such as a protocol's version.
#pragma once

#include "../../requirements.hpp"

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <type_traits>

#include "field_option.hpp"
#include "types.hpp"

namespace kindwire {

namespace detail {

// A constant's stand-in for a member.
struct no_member {};

// Any text is kept as a view.
template <class Value>
using constant_value =
    std::conditional_t<std::convertible_to<Value, std::string_view> && !std::is_same_v<Value, std::nullptr_t>,
                       std::string_view, Value>;

template <class T>
concept json_constant = std::is_same_v<T, bool> || json_integer<T> || json_floating<T> ||
    std::is_same_v<T, std::string_view> || std::is_enum_v<T>;

}  // namespace detail

/// A field that always has the same value. Made by constant().
template <class Value, class... Options>
struct constant_schema : detail::field_options<Options...> {
  using owner_type = void;
  using member_type = detail::no_member;
  using unit = void;

  std::string_view name;
  Value value;
  bool required;
};

namespace detail {

template <class T>
inline constexpr bool is_constant = false;
template <class Value, class... Options>
inline constexpr bool is_constant<constant_schema<Value, Options...>> = true;

}  // namespace detail

/// A field without a member: it is always written with this value, and refused with any other when read.
/// `{"jsonrpc":"2.0",…}` is `kw::kind("CALL", kw::constant("jsonrpc", "2.0"), …)`.
///
/// The value is a bool, a number, a text that lives as long as the program, or an enumerator with a name. The
/// options are `defaulted`, which lets the field be absent when read, and `description()`.
template <class Value, class... Options>
constexpr auto constant(std::string_view name, Value value, Options... options) noexcept {
  static_assert(detail::json_constant<detail::constant_value<Value>>,
                "kindwire: a constant is a bool, a number, a text or an enumerator");
  static_assert(((std::is_same_v<Options, defaulted_t> || std::is_same_v<Options, description_option>)&&...),
                "kindwire: after a constant's value come options: defaulted, description()");
  return constant_schema<detail::constant_value<Value>, Options...>{
      {{{{options}...}}}, name, value, !detail::field_options<Options...>::is_defaulted};
}

}  // namespace kindwire
