// What can be the answer to a request: a kind, or one of several.
#pragma once

#include <array>
#include <cstddef>
#include <span>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>
#include <variant>

#include "../json/correlated.hpp"
#include "../json/description/form.hpp"
#include "../json/description/limits.hpp"
#include "../json/description/types.hpp"
#include "../json/description/variant_kinds.hpp"
#include "../json/schema.hpp"

namespace kindwire {
namespace detail {

template <class T>
struct answer_of;

template <message_kind T>
struct answer_of<T> {
  static constexpr std::string_view key = schema<T>.key;
  static constexpr std::array<std::string_view, 1> kinds{kind_of<T>};
  static constexpr bool has_field(std::string_view name) noexcept { return detail::has_field<T>(name); }
};

template <message_kind... Kinds>
requires(sizeof...(Kinds) != 0) struct answer_of<std::variant<Kinds...>> {
  static constexpr std::string_view key = kinds_of_variant<Kinds...>::key;
  static constexpr std::span<std::string_view const> kinds = kinds_of_variant<Kinds...>::names;
  static constexpr bool has_field(std::string_view name) noexcept {
    return (detail::has_field<Kinds>(name) || ...);
  }
};

// True if T holds no view into the text that it was read from. Types with a json_codec are assumed not to; a
// recursive type depends on the rest of it. `Outer` are the enclosing types.
template <class T, class... Outer>
consteval bool owns_its_text() {
  if constexpr (has_read_codec<T> || (std::is_same_v<T, Outer> || ...)) {
    return true;
  } else if constexpr (std::is_same_v<T, std::string_view> || std::is_same_v<T, raw_json_view>) {
    return false;
  } else if constexpr (described<T>) {
    return []<class... Fields>(small_tuple<Fields...> const&) {
      return (owns_its_text<typename Fields::member_type, T, Outer...>() && ...);
    }(schema<T>.fields);
  } else if constexpr (is_variant<T>) {
    return []<class... Kinds>(std::type_identity<std::variant<Kinds...>>) {
      return (owns_its_text<Kinds, Outer...>() && ...);
    }(std::type_identity<T>{});
  } else if constexpr (is_tuple<T>) {
    return []<class... Elements>(std::type_identity<std::tuple<Elements...>>) {
      return (owns_its_text<std::remove_reference_t<Elements>, Outer...>() && ...);
    }(std::type_identity<decltype(std::tuple_cat(std::declval<T>()))>{});
  } else if constexpr (form_of<T> == json_form::map) {
    return owns_its_text<typename T::key_type, Outer...>() && owns_its_text<inside_of<T>, Outer...>();
  } else if constexpr (is_around<T>) {
    return owns_its_text<inside_of<T>, Outer...>();
  } else {
    return true;
  }
}

}  // namespace detail

/// A kind, or a std::variant of kinds: what `request<Answer>()` can ask for.
template <class T>
concept answerable = requires {
  detail::answer_of<T>::kinds;
};

}  // namespace kindwire
