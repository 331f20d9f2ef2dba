// The options of a field: whether it may be absent, which values it takes, and what it is for. The reader,
// the writer and the documents for the other side all follow them.
#pragma once

#include <chrono>
#include <cstddef>
#include <initializer_list>
#include <optional>
#include <string_view>
#include <type_traits>

#include "../text/byte_text.hpp"
#include "small_tuple.hpp"

namespace kindwire {

/// The field may be absent, and the member then keeps what its initialiser gave it.
struct defaulted_t {};
inline constexpr defaulted_t defaulted{};

/// A std::optional, or a pointer, must be there, but may be null.
struct must_be_present_t {};
inline constexpr must_be_present_t must_be_present{};

/// Enumerations travel by number, and need no names; those with names take no other value.
struct as_number_t {};
inline constexpr as_number_t as_number{};

/// Integers travel as strings of decimal digits: JavaScript's numbers are exact up to 2^53 only.
struct as_string_t {};
inline constexpr as_string_t as_string{};

/// Bytes, in a std::vector, a std::array or an array of std::byte or std::uint8_t, or in a std::string,
/// travel as hexadecimal digits, two a byte, written in small letters and read in either (RFC 4648 §8).
struct as_hex_t {};
inline constexpr as_hex_t as_hex{};

/// Bytes travel in base64, with padding (RFC 4648 §4).
struct as_base64_t {};
inline constexpr as_base64_t as_base64{};

/// Bytes travel in base64 for URLs and file names (RFC 4648 §5), without padding, as in RFC 7515.
struct as_base64url_t {};
inline constexpr as_base64url_t as_base64url{};

/// Made by minimum().
template <class Number>
struct minimum_option {
  Number value;
};

/// Made by maximum().
template <class Number>
struct maximum_option {
  Number value;
};

/// Made by min_length().
struct min_length_option {
  std::size_t value;
};

/// Made by max_length().
struct max_length_option {
  std::size_t value;
};

/// Made by min_items().
struct min_items_option {
  std::size_t value;
};

/// Made by max_items().
struct max_items_option {
  std::size_t value;
};

/// Made by description().
struct description_option {
  std::string_view text;
};

/// The type of unit<Duration>.
template <class Duration>
struct unit_option {};

/// The least number that the field takes; for a duration, in the unit in which it travels. In an optional, an
/// array or a map it applies to the numbers inside.
template <class Number>
constexpr minimum_option<Number> minimum(Number value) noexcept {
  static_assert(std::is_arithmetic_v<Number>, "kindwire: a minimum is a number; of a duration, in its unit");
  return {value};
}

/// The greatest number that the field takes.
template <class Number>
constexpr maximum_option<Number> maximum(Number value) noexcept {
  static_assert(std::is_arithmetic_v<Number>, "kindwire: a maximum is a number; of a duration, in its unit");
  return {value};
}

/// The least length of a string in Unicode code points, as JSON Schema counts; in arrays and maps, of each
/// string inside.
constexpr min_length_option min_length(std::size_t code_points) noexcept { return {code_points}; }

/// The greatest length of a string in Unicode code points.
constexpr max_length_option max_length(std::size_t code_points) noexcept { return {code_points}; }

/// The least number of elements in an array, of entries in a map, or of bytes that travel as a string. For
/// arrays in arrays it applies to the outermost.
constexpr min_items_option min_items(std::size_t count) noexcept { return {count}; }

/// The greatest number of elements in an array, of entries in a map, or of bytes.
constexpr max_items_option max_items(std::size_t count) noexcept { return {count}; }

/// What a field or a kind is for, for readers of the protocol's documents. The text must live as long as the
/// program.
constexpr description_option description(std::string_view text) noexcept { return {text}; }

/// The unit in which a duration travels, where it is not the member's own: `kw::unit<std::chrono::seconds>`
/// makes it a whole number of seconds, `kw::unit<std::chrono::duration<double>>` one with a fraction. A time
/// point travels as that long since 1970, and without a unit as text.
template <class Duration>
inline constexpr unit_option<Duration> unit{};

namespace detail {

template <class T>
inline constexpr bool is_duration = false;
template <class Rep, class Period>
inline constexpr bool is_duration<std::chrono::duration<Rep, Period>> = true;

template <class T>
inline constexpr bool is_minimum = false;
template <class Number>
inline constexpr bool is_minimum<minimum_option<Number>> = true;

template <class T>
inline constexpr bool is_maximum = false;
template <class Number>
inline constexpr bool is_maximum<maximum_option<Number>> = true;

template <class T>
inline constexpr bool is_unit = false;
template <class Duration>
inline constexpr bool is_unit<unit_option<Duration>> = true;

template <class T>
inline constexpr bool is_field_option =
    is_minimum<T> || is_maximum<T> || is_unit<T> || std::is_same_v<T, defaulted_t> ||
    std::is_same_v<T, min_length_option> || std::is_same_v<T, max_length_option> ||
    std::is_same_v<T, min_items_option> || std::is_same_v<T, max_items_option> ||
    std::is_same_v<T, description_option> || std::is_same_v<T, must_be_present_t> ||
    std::is_same_v<T, as_number_t> || std::is_same_v<T, as_string_t> || std::is_same_v<T, as_hex_t> ||
    std::is_same_v<T, as_base64_t> || std::is_same_v<T, as_base64url_t>;

template <class... Options>
struct first_unit {
  using type = void;
};
template <class Duration, class... More>
struct first_unit<unit_option<Duration>, More...> {
  using type = Duration;
};
template <class Option, class... More>
struct first_unit<Option, More...> : first_unit<More...> {};

// The value of an option that is absent.
struct no_bound {};

// The options of one field, all known at compile time: accessors cost nothing.
template <class... Options>
struct field_options {
  small_tuple<Options...> options;

  template <class Option>
  static constexpr bool has = (std::is_same_v<Options, Option> || ...);

  static constexpr bool has_minimum = (is_minimum<Options> || ...);
  static constexpr bool has_maximum = (is_maximum<Options> || ...);
  static constexpr bool has_length = has<min_length_option> || has<max_length_option>;
  static constexpr bool has_items = has<min_items_option> || has<max_items_option>;
  static constexpr bool has_unit = (is_unit<Options> || ...);
  static constexpr bool is_defaulted = has<defaulted_t>;
  static constexpr bool is_present = has<must_be_present_t>;
  static constexpr byte_spelling bytes = has<as_hex_t>         ? byte_spelling::hex
                                         : has<as_base64_t>    ? byte_spelling::base64
                                         : has<as_base64url_t> ? byte_spelling::base64url
                                                               : byte_spelling::none;
  static constexpr bool has_spelling = has<as_number_t> || has<as_string_t> || bytes != byte_spelling::none;
  // Whether any option concerns the values.
  static constexpr bool is_limited =
      has_minimum || has_maximum || has_length || has_items || has_unit || has_spelling;

  // An integer or a floating point number, as given; no_bound if there is none.
  constexpr auto minimum() const noexcept { return value_at<first_of({is_minimum<Options>...})>(); }
  constexpr auto maximum() const noexcept { return value_at<first_of({is_maximum<Options>...})>(); }

  constexpr std::optional<std::size_t> min_length() const noexcept { return size<min_length_option>(); }
  constexpr std::optional<std::size_t> max_length() const noexcept { return size<max_length_option>(); }
  constexpr std::optional<std::size_t> min_items() const noexcept { return size<min_items_option>(); }
  constexpr std::optional<std::size_t> max_items() const noexcept { return size<max_items_option>(); }

  // Empty if there is none.
  constexpr std::string_view description() const noexcept {
    if constexpr (has<description_option>) {
      return options.template get<first_of({std::is_same_v<Options, description_option>...})>().text;
    } else {
      return {};
    }
  }

 private:
  // The index of the first option that satisfies this; the number of options if none does.
  static constexpr std::size_t first_of(std::initializer_list<bool> are) noexcept {
    std::size_t index = 0;
    for (bool const is : are) {
      if (is) break;
      ++index;
    }
    return index;
  }

  template <std::size_t Index>
  constexpr auto value_at() const noexcept {
    if constexpr (Index < sizeof...(Options)) {
      return options.template get<Index>().value;
    } else {
      return no_bound{};
    }
  }

  template <class Option>
  constexpr std::optional<std::size_t> size() const noexcept {
    if constexpr (has<Option>) {
      return value_at<first_of({std::is_same_v<Options, Option>...})>();
    } else {
      return std::nullopt;
    }
  }
};

}  // namespace detail
}  // namespace kindwire
