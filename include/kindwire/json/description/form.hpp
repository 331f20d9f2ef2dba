// The form that a C++ type has in JSON: the one place where reader, writer and documents look it up.
#pragma once

#include <array>
#include <concepts>
#include <cstddef>
#include <string>
#include <string_view>
#include <type_traits>

#include "../schema.hpp"
#include "field_option.hpp"
#include "types.hpp"

namespace kindwire::detail {

enum class json_form {
  none,
  boolean,
  integer,
  floating,
  enumeration,  // with names
  number_only,  // an enumeration without them
  text,
  nullable,
  list,   // of any number of elements
  array,  // of a fixed number
  tuple,
  duration,
  time,
  raw,
  variant,
  object,
  map,
  path
};

// A json_codec takes precedence.
template <class T>
constexpr json_form form_of_type() noexcept {
  if constexpr (std::is_same_v<T, bool>) {
    return json_form::boolean;
  } else if constexpr (json_integer<T>) {
    return json_form::integer;
  } else if constexpr (json_floating<T>) {
    return json_form::floating;
  } else if constexpr (std::is_enum_v<T>) {
    return described_enum<T> ? json_form::enumeration : json_form::number_only;
  } else if constexpr (std::is_same_v<T, std::string> || std::is_same_v<T, std::string_view>) {
    return json_form::text;
  } else if constexpr (is_nullable<T>) {
    return json_form::nullable;
  } else if constexpr (is_array<T>) {
    return json_form::array;
  } else if constexpr (is_duration<T>) {
    return json_form::duration;
  } else if constexpr (std::is_same_v<T, raw_json> || std::is_same_v<T, raw_json_view>) {
    return json_form::raw;
  } else if constexpr (is_variant<T>) {
    return json_form::variant;
  } else if constexpr (described<T>) {
    return json_form::object;
  } else if constexpr (is_tuple<T>) {
    return json_form::tuple;
  } else if constexpr (is_time<T>) {
    return json_form::time;
  } else if constexpr (json_path<T>) {
    return json_form::path;
  } else if constexpr (json_map<T>) {
    return json_form::map;
  } else if constexpr (appendable_list<T> || json_set<T>) {
    return json_form::list;
  } else {
    return json_form::none;
  }
}
template <class T>
inline constexpr json_form form_of = form_of_type<T>();

// The type inside a nullable, a list, an array or a map.
template <class T>
struct inside {
  using type = typename T::value_type;
};
template <json_map T>
struct inside<T> {
  using type = typename T::mapped_type;
};
template <class T>
requires is_pointer<T>
struct inside<T> {
  using type = typename T::element_type;
};
template <class T, std::size_t Size>
struct inside<T[Size]> {
  using type = T;
};
template <class T>
using inside_of = typename inside<T>::type;

template <class T>
inline constexpr std::size_t size_of_array = 0;
template <class T, std::size_t Size>
inline constexpr std::size_t size_of_array<std::array<T, Size>> = Size;
template <class T, std::size_t Size>
inline constexpr std::size_t size_of_array<T[Size]> = Size;

// Types of bytes that can travel as a string: a fixed number of them, or any.
template <class T>
inline constexpr bool is_byte_array = false;
template <class T>
requires is_array<T>
inline constexpr bool is_byte_array<T> = json_byte<inside_of<T>>;

template <class T>
concept json_bytes = is_byte_array<T> || std::is_same_v<T, std::string> || requires(T& bytes) {
  requires json_byte<typename T::value_type>;
  bytes.resize(bytes.size());
  bytes.data();
};

// String types, users' own included. A std::string_view is not among them: as a key it views the text.
template <class T>
concept string_key = !std::is_same_v<T, std::string_view> && std::constructible_from<T, std::string> &&
                     std::convertible_to<T const&, std::string_view>;

// What the key of a map may be.
template <class T>
concept json_key = std::is_same_v<T, std::string_view> || json_integer<T> || described_enum<T> ||
    json_path<T> || string_key<T>;

}  // namespace kindwire::detail
