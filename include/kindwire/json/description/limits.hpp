// The limits that field() states for a member's values, in the form in which reader and writer check them.
#pragma once

#include <array>
#include <charconv>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

#include "../schema.hpp"
#include "form.hpp"
#include "types.hpp"

namespace kindwire::detail {

struct size_limits {
  std::size_t least = 0;
  std::size_t most = (std::numeric_limits<std::size_t>::max)();

  constexpr bool contain(std::size_t size) const noexcept { return size >= least && size <= most; }
};

/// The limits of a member that has none.
struct no_limits {
  using unit = void;
  static constexpr bool make_sense = true;
  static constexpr bool of_numbers = false;
  static constexpr bool of_length = false;
  static constexpr bool of_items = false;
  static constexpr bool as_number = false;
  static constexpr bool as_string = false;
  static constexpr byte_spelling bytes = byte_spelling::none;
};

/// The type of a value, or of what it contains: one that is neither an optional nor a container.
template <class T>
struct innermost {
  using type = T;
};
template <class T>
inline constexpr bool is_around =
    !has_codec<T> && (form_of<T> == json_form::nullable || form_of<T> == json_form::list ||
                      form_of<T> == json_form::array || form_of<T> == json_form::map);
template <class T>
requires is_around<T>
struct innermost<T> : innermost<inside_of<T>> {
};

/// Whether a value is, or contains, bytes that can travel as a string.
template <class T>
constexpr bool holds_bytes() noexcept {
  if constexpr (has_codec<T>) {
    return false;
  } else if constexpr (json_bytes<T>) {
    return true;
  } else if constexpr (is_around<T>) {
    return detail::holds_bytes<inside_of<T>>();
  } else {
    return false;
  }
}

template <class T>
struct without_null {
  using type = T;
};
template <class T>
requires is_nullable<T>
struct without_null<T> : without_null<inside_of<T>> {
};

/// The type of a value's number in JSON; void if it is not a number.
template <class T, class Unit>
struct number_of {
  using type = std::conditional_t<json_integer<T> || json_floating<T>, T, void>;
};
template <class Duration, class Unit>
struct number_of<std::chrono::time_point<std::chrono::system_clock, Duration>, Unit> {
  using type = typename std::conditional_t<std::is_void_v<Unit>, std::type_identity<void>,
                                           number_of<Duration, Unit>>::type;
};
template <class Rep, class Period, class Unit>
struct number_of<std::chrono::duration<Rep, Period>, Unit> {
  using type =
      typename std::conditional_t<std::is_void_v<Unit>, std::chrono::duration<Rep, Period>, Unit>::rep;
};

/// A bound in the number's type, if that can hold it.
template <class Number, class Bound>
constexpr bool can_hold(Bound bound) noexcept {
  if constexpr (std::is_floating_point_v<Number>) {
    return static_cast<double>(bound) <= static_cast<double>((std::numeric_limits<Number>::max)()) &&
           static_cast<double>(bound) >= static_cast<double>(std::numeric_limits<Number>::lowest());
  } else if constexpr (std::is_floating_point_v<Bound>) {
    return false;
  } else if constexpr (std::is_same_v<Bound, bool> || std::is_same_v<Bound, char>) {
    return false;
  } else {
    return std::in_range<Number>(bound);
  }
}

/// The limits of the field at Index of T, and whether they make sense.
template <class T, std::size_t Index>
struct field_limits {
  static constexpr auto field = schema<T>.fields.template get<Index>();
  using described_as = std::remove_cv_t<decltype(field)>;
  using member = typename described_as::member_type;
  using value = typename innermost<member>::type;
  using unit = typename described_as::unit;
  using number = typename number_of<value, unit>::type;

  static constexpr bool of_numbers = described_as::has_minimum || described_as::has_maximum;
  static constexpr bool of_length = described_as::has_length;
  static constexpr bool of_items = described_as::has_items;

  static constexpr bool is_text =
      std::is_same_v<value, std::string> || std::is_same_v<value, std::string_view>;
  static constexpr bool is_list = [] {
    using type = typename without_null<member>::type;
    if constexpr (described_as::bytes != byte_spelling::none && std::is_same_v<type, std::string>) {
      return true;
    } else {
      return !has_codec<type> && (form_of<type> == json_form::list || form_of<type> == json_form::map);
    }
  }();

  static constexpr bool as_number = described_as::template has<as_number_t>;
  static constexpr bool as_string = described_as::template has<as_string_t>;
  static constexpr byte_spelling bytes = described_as::bytes;

  static_assert(!described_as::has_unit || is_duration<value> || is_time<value>,
                "kindwire: unit<> is for fields that are, or contain, std::chrono durations or time points");
  static_assert(!as_number || std::is_enum_v<value>,
                "kindwire: as_number is for fields that are, or contain, enumerations");
  static_assert(!as_string || json_integer<value>,
                "kindwire: as_string is for fields that are, or contain, integers");
  static_assert(
      !of_numbers || !std::is_void_v<number>,
      "kindwire: minimum() and maximum() are for fields that are, or contain, numbers or durations");
  static_assert(bytes == byte_spelling::none || holds_bytes<member>(),
                "kindwire: as_hex, as_base64 and as_base64url are for fields that are, or contain, bytes: "
                "std::byte or std::uint8_t in a vector or an array, or a std::string");
  static_assert(!of_length || (is_text && bytes == byte_spelling::none),
                "kindwire: min_length() and max_length() are for fields that are, or contain, strings; for "
                "arrays and maps there are min_items() and max_items()");
  static_assert(!of_items || is_list,
                "kindwire: min_items() and max_items() are for fields that are vectors or maps; for strings "
                "there are min_length() and max_length()");

  static constexpr bool bounds_fit = [] {
    if constexpr (std::is_void_v<number>) {
      return true;
    } else {
      bool fit = true;
      if constexpr (described_as::has_minimum) fit = fit && can_hold<number>(field.minimum());
      if constexpr (described_as::has_maximum) fit = fit && can_hold<number>(field.maximum());
      return fit;
    }
  }();
  static_assert(
      bounds_fit,
      "kindwire: the field's type, or that of its unit, cannot have the value of its minimum() or maximum()");

  template <class Number>
  static constexpr Number least() noexcept {
    if constexpr (described_as::has_minimum) {
      return static_cast<Number>(field.minimum());
    } else {
      return std::numeric_limits<Number>::lowest();
    }
  }
  template <class Number>
  static constexpr Number most() noexcept {
    if constexpr (described_as::has_maximum) {
      return static_cast<Number>(field.maximum());
    } else {
      return (std::numeric_limits<Number>::max)();
    }
  }

  static constexpr bool bounds_in_order = [] {
    if constexpr (std::is_void_v<number> || !bounds_fit) {
      return true;
    } else {
      return least<number>() <= most<number>();
    }
  }();

  static constexpr size_limits length{field.min_length().value_or(0),
                                      field.max_length().value_or(size_limits{}.most)};
  static constexpr size_limits items{field.min_items().value_or(0),
                                     field.max_items().value_or(size_limits{}.most)};

  static_assert(bounds_in_order && length.least <= length.most && items.least <= items.most,
                "kindwire: no value can have at least the field's minimum and at most its maximum");

  static constexpr bool make_sense = true;
};

/// The limits of a container's elements: all but their number.
template <class Limits>
struct item_limits : Limits {
  static constexpr bool of_items = false;
};
template <class Limits>
using inner_limits = std::conditional_t<Limits::of_items, item_limits<Limits>, Limits>;

/// The limits of a field: one type for all fields that have none.
template <class T, std::size_t Index, bool Limited>
struct limits_choice {
  using type = no_limits;
};
template <class T, std::size_t Index>
struct limits_choice<T, Index, true> {
  using type = field_limits<T, Index>;
};
template <class T, std::size_t Index>
using limits_of = typename limits_choice<T, Index, field_type<T, Index>::is_limited>::type;

// The words of errors, put together only once there is an error, and not by templates.

inline std::string count_text(std::size_t count, std::string_view one, std::string_view several) {
  std::string text = std::to_string(count);
  text += ' ';
  text += count == 1 ? one : several;
  return text;
}

/// "a string of 1 to 64 characters"
inline std::string size_text(size_limits limits, std::string_view what, std::string_view one,
                             std::string_view several) {
  std::string text{what};
  bool const bounded = limits.most != size_limits{}.most;
  if (limits.least == limits.most) {
    // Needs no more words.
  } else if (!bounded) {
    text += "at least ";
  } else if (limits.least == 0) {
    text += "at most ";
  } else {
    text += std::to_string(limits.least);
    text += " to ";
  }
  text += count_text(bounded ? limits.most : limits.least, one, several);
  return text;
}

inline std::string length_text(size_limits limits) {
  return size_text(limits, "a string of ", "character", "characters");
}
inline std::string list_text(size_limits limits) {
  return size_text(limits, "an array of ", "element", "elements");
}
inline std::string bytes_text(size_limits limits) { return size_text(limits, "", "byte", "bytes"); }
inline std::string map_text(size_limits limits) {
  return size_text(limits, "an object of ", "member", "members");
}

template <class Number>
std::string digits_of(Number value) {
  std::array<char, 32> digits;
  return {digits.data(), std::to_chars(digits.data(), digits.data() + digits.size(), value).ptr};
}

/// "a number from 0 to 100". Null: no bound.
template <class Wide>
std::string range_text(std::string_view what, Wide const* least, Wide const* most) {
  std::string text{what};
  if (least != nullptr) {
    text += most != nullptr ? " from " : " of at least ";
    text += digits_of(*least);
  }
  if (most != nullptr) {
    text += least != nullptr ? " to " : " of at most ";
    text += digits_of(*most);
  }
  return text;
}

template <class Limits, class Number>
std::string limits_text() {
  using wide =
      std::conditional_t<std::is_floating_point_v<Number>, Number,
                         std::conditional_t<std::is_signed_v<Number>, long long, unsigned long long>>;
  constexpr wide least = Limits::template least<Number>();
  constexpr wide most = Limits::template most<Number>();
  return range_text<wide>(std::is_floating_point_v<Number> ? "a number" : "an integer",
                          Limits::described_as::has_minimum ? &least : nullptr,
                          Limits::described_as::has_maximum ? &most : nullptr);
}

template <class Limits, class Number>
constexpr bool number_is_within([[maybe_unused]] Number value) noexcept {
  if constexpr (Limits::of_numbers) {
    return value >= Limits::template least<Number>() && value <= Limits::template most<Number>();
  } else {
    return true;
  }
}

/// The number of code points in a text in UTF-8.
inline std::size_t code_points(std::string_view text) noexcept {
  std::size_t count = 0;
  for (char const letter : text) count += (static_cast<unsigned char>(letter) & 0xC0) != 0x80 ? 1 : 0;
  return count;
}

/// A code point has one to four bytes: most texts need no counting.
inline bool length_is_within(size_limits limits, std::string_view text) noexcept {
  if (text.size() <= limits.most && text.size() / 4 >= limits.least) return true;
  return limits.contain(code_points(text));
}

}  // namespace kindwire::detail
