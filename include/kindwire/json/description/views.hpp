// Whether a value views the text that it was read from.
#pragma once

#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>
#include <variant>

#include "../schema.hpp"
#include "form.hpp"
#include "types.hpp"

namespace kindwire::detail {

template <class T, class... Around>
constexpr bool holds_views() noexcept;

template <class... Around, class... Types>
constexpr bool any_holds_views(std::type_identity<std::variant<Types...>>) noexcept {
  return (holds_views<Types, Around...>() || ...);
}
template <class... Around, class... Types>
constexpr bool any_holds_views(std::type_identity<std::tuple<Types...>>) noexcept {
  return (holds_views<Types, Around...>() || ...);
}
template <class... Around, class First, class Second>
constexpr bool any_holds_views(std::type_identity<std::pair<First, Second>>) noexcept {
  return holds_views<First, Around...>() || holds_views<Second, Around...>();
}

template <class T, class... Around, std::size_t... Index>
constexpr bool any_field_holds_views(std::index_sequence<Index...>) noexcept {
  return (holds_views<typename field_type<T, Index>::member_type, Around...>() || ...);
}

/// Whether there is a std::string_view or raw_json_view in T; `Around` are the types that T is inside of. A
/// json_codec is not looked into.
template <class T, class... Around>
constexpr bool holds_views() noexcept {
  constexpr json_form form = form_of<T>;
  if constexpr ((std::is_same_v<T, Around> || ...) || has_codec<T>) {
    return false;
  } else if constexpr (std::is_same_v<T, std::string_view> || std::is_same_v<T, raw_json_view>) {
    return true;
  } else if constexpr (form == json_form::nullable || form == json_form::list || form == json_form::array) {
    return holds_views<std::remove_cv_t<inside_of<T>>, T, Around...>();
  } else if constexpr (form == json_form::map) {
    return holds_views<typename T::key_type, T, Around...>() || holds_views<inside_of<T>, T, Around...>();
  } else if constexpr (form == json_form::variant || form == json_form::tuple) {
    return any_holds_views<T, Around...>(std::type_identity<T>{});
  } else if constexpr (form == json_form::object) {
    return any_field_holds_views<T, T, Around...>(std::make_index_sequence<field_count<T>>{});
  } else {
    return false;
  }
}

}  // namespace kindwire::detail
