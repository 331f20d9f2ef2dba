// Describes a C++ type once, for decoding, encoding and dispatch: its kind, its fields, an enumeration's
// names.
#pragma once

#include <algorithm>
#include <array>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>

#include "description/constant.hpp"
#include "description/enumeration.hpp"
#include "description/field_option.hpp"
#include "description/types.hpp"
#include "text/printable.hpp"

namespace kindwire {

/// One field of a described type. Made by field(). Its options are known at compile time: `required`,
/// minimum(), maximum(), min_length(), max_length(), min_items(), max_items(), description(), unit.
template <class Owner, class Member, class... Options>
struct field_schema : detail::field_options<Options...> {
  using owner_type = Owner;
  using member_type = std::remove_cv_t<Member>;
  /// The duration whose count is the number in JSON; void for the member's own unit, and for other members.
  using unit = typename detail::first_unit<Options...>::type;

  std::string_view name;
  Member Owner::*member;
  bool required;
};

/// An option of kind(): the name of the member that carries the kind. Made by key().
struct key_option {
  std::string_view name;
};

/// The description of an object without a kind. Made by object().
template <class... Fields>
struct object_schema {
  detail::small_tuple<Fields...> fields;
  std::string_view description;  // empty if there is none
};

/// The description of a message. Made by kind().
template <class... Fields>
struct kind_schema : object_schema<Fields...> {
  std::string_view name;
  std::string_view key;
};

namespace detail {

struct no_schema {};
struct no_constant_schema {};  // there is one, known only at run time

template <class T>
inline constexpr bool is_optional = false;
template <class T>
inline constexpr bool is_optional<std::optional<T>> = true;

// Null when it is empty.
template <class T>
inline constexpr bool is_nullable = is_optional<T> || is_pointer<T>;

template <class T>
inline constexpr bool is_field = false;
template <class Owner, class Member, class... Options>
inline constexpr bool is_field<field_schema<Owner, Member, Options...>> = true;
template <class Value, class... Options>
inline constexpr bool is_field<constant_schema<Value, Options...>> = true;

template <class T>
struct base_part {};

template <class T>
inline constexpr bool is_base = false;
template <class T>
inline constexpr bool is_base<base_part<T>> = true;

// How many of the types are Wanted.
template <class Wanted, class... Types>
inline constexpr std::size_t count_of = (std::size_t{0} + ... + (std::is_same_v<Wanted, Types> ? 1U : 0U));

// No option stands twice, nor do two of the same template.
template <class... Options>
inline constexpr bool options_differ = ((count_of<Options, Options...> == 1) && ...) &&
                                       (std::size_t{0} + ... + (is_minimum<Options> ? 1U : 0U)) <= 1 &&
                                       (std::size_t{0} + ... + (is_maximum<Options> ? 1U : 0U)) <= 1 &&
                                       (std::size_t{0} + ... + (is_unit<Options> ? 1U : 0U)) <= 1 &&
                                       (count_of<as_hex_t, Options...> + count_of<as_base64_t, Options...> +
                                        count_of<as_base64url_t, Options...>) <= 1;

template <class T>
inline constexpr bool is_kind_option = std::is_same_v<T, key_option> || std::is_same_v<T, description_option>;

template <class Base>
constexpr auto fields_of_base(base_part<Base>) noexcept;

// The fields among the arguments of kind() and object().
template <class... Parts>
constexpr auto fields_among(Parts const&... parts) noexcept {
  [[maybe_unused]] constexpr auto of_one = [](auto const& part) {
    if constexpr (is_field<std::remove_cvref_t<decltype(part)>>) {
      return std::make_tuple(part);
    } else if constexpr (is_base<std::remove_cvref_t<decltype(part)>>) {
      return detail::fields_of_base(part);
    } else {
      return std::tuple{};
    }
  };
  constexpr auto as_small = [](auto const&... fields) { return detail::make_small_tuple(fields...); };
  return std::apply(as_small, std::tuple_cat(of_one(parts)...));
}

// The value of an option among them, or `otherwise`.
template <class Option, class... Parts>
constexpr Option option_among(Option otherwise, Parts const&... parts) noexcept {
  [[maybe_unused]] auto const look = [&otherwise](auto const& part) {
    if constexpr (std::is_same_v<std::remove_cvref_t<decltype(part)>, Option>) otherwise = part;
  };
  (look(parts), ...);
  return otherwise;
}

template <class T>
inline constexpr bool is_object_schema = false;
template <class... Fields>
inline constexpr bool is_object_schema<object_schema<Fields...>> = true;
template <class... Fields>
inline constexpr bool is_object_schema<kind_schema<Fields...>> = true;

template <class T>
inline constexpr bool is_kind_schema = false;
template <class... Fields>
inline constexpr bool is_kind_schema<kind_schema<Fields...>> = true;

template <class T>
constexpr auto member_schema() {
  if constexpr (requires {
                  typename std::bool_constant<(
                      static_cast<void>(std::remove_cvref_t<decltype(T::schema)>(T::schema)), true)>;
                }) {
    return T::schema;
  } else if constexpr (requires { T::schema; }) {
    return no_constant_schema{};
  } else {
    return no_schema{};
  }
}

}  // namespace detail

/// A field: the name in JSON, the member, and options in any order: `defaulted`, `minimum(0)`,
/// `maximum(100)`, `min_length(1)`, `max_length(64)`, `min_items(1)`, `max_items(16)`,
/// `unit<std::chrono::seconds>`, `description("percent")`, `must_be_present`, `as_number`, `as_string`,
/// `as_hex`, `as_base64`, `as_base64url`. Required, unless it is `defaulted`, or the member is a
/// std::optional, a std::unique_ptr or a std::shared_ptr and not `must_be_present`.
///
/// A field that is absent keeps what its member's initialiser gives it, and null makes a std::optional empty:
/// without an initialiser the two are the same. A field with `must_be_present` must be there, but may be
/// null. A const member can be written, but not read.
///
/// The limits are checked when a value is read and when it is written. Whether they suit the member is
/// checked where the type is first read, written or documented, as it may still be incomplete here.
template <class Owner, class Member, class... Options>
constexpr field_schema<Owner, Member, Options...> field(std::string_view name, Member Owner::*member,
                                                        Options... options) noexcept {
  static_assert(!std::is_function_v<Member>, "kindwire: a field is a data member, not a member function");
  static_assert(
      (detail::is_field_option<Options> && ...),
      "kindwire: after the member come options: defaulted, minimum(), maximum(), min_length(), "
      "max_length(), min_items(), max_items(), unit<>, description(), must_be_present, as_number, as_string, "
      "as_hex, as_base64, as_base64url");
  static_assert(detail::options_differ<Options...>, "kindwire: a field has one option twice");
  static_assert(
      !detail::field_options<Options...>::is_present || detail::is_nullable<std::remove_cv_t<Member>>,
      "kindwire: must_be_present is for a std::optional, a std::unique_ptr or a std::shared_ptr; what else "
      "there is must be there unless it is defaulted");
  return {{{{{options}...}}},
          name,
          member,
          (!detail::is_nullable<std::remove_cv_t<Member>> || detail::field_options<Options...>::is_present) &&
              !detail::field_options<Options...>::is_defaulted};
}

/// The fields of a base class that is described, with kind() or object(), among those of the derived class:
/// `kw::kind("CIRCLE", kw::base<shape>(), kw::field("radius", &circle::radius))`.
template <class T>
constexpr detail::base_part<T> base() noexcept {
  return {};
}

/// The name of the member that carries the kind, if the protocol does not call it "kind":
/// `kw::kind("PING", kw::key("type"))`.
constexpr key_option key(std::string_view name) noexcept { return {name}; }

namespace detail {

template <class... Parts>
constexpr void check_parts() noexcept {
  static_assert(((is_field<Parts> || is_base<Parts> || is_kind_option<Parts>)&&...),
                "kindwire: a type is described with field(), constant(), base<>(), description(), and, of a "
                "kind, key()");
  static_assert(count_of<key_option, Parts...> <= 1 && count_of<description_option, Parts...> <= 1,
                "kindwire: a type is described with one option twice");
}

template <class... Fields>
constexpr kind_schema<Fields...> make_kind(small_tuple<Fields...> fields, std::string_view description,
                                           std::string_view name, std::string_view key) noexcept {
  return {{fields, description}, name, key};
}

template <class... Fields>
constexpr object_schema<Fields...> make_object(small_tuple<Fields...> fields,
                                               std::string_view description) noexcept {
  return {fields, description};
}

}  // namespace detail

/// A message: the text of its kind, then its fields and constants; `key()` and `description()` are optional.
/// `{"kind":"UPLOAD_PROGRESS","value":42.5}`
template <class... Parts>
constexpr auto kind(std::string_view name, Parts... parts) noexcept {
  if constexpr ((detail::is_field<Parts> && ...)) {
    return kind_schema<Parts...>{{{{{parts}...}}, {}}, name, "kind"};
  } else {
    detail::check_parts<Parts...>();
    return detail::make_kind(detail::fields_among(parts...),
                             detail::option_among(description_option{}, parts...).text, name,
                             detail::option_among(key_option{"kind"}, parts...).name);
  }
}

/// A part of messages, without a kind of its own: its fields and constants, and optionally a `description()`.
template <class... Parts>
constexpr auto object(Parts... parts) noexcept {
  detail::check_parts<Parts...>();
  static_assert(detail::count_of<key_option, Parts...> == 0,
                "kindwire: an object without a kind has no key() for it");
  return detail::make_object(detail::fields_among(parts...),
                             detail::option_among(description_option{}, parts...).text);
}

/// The description of T: its static member `schema`, or a specialisation for a type that is not yours:
/// `template <> inline constexpr auto kindwire::schema<theirs::type> = kindwire::kind("THEIRS");`
template <class T>
inline constexpr auto schema = detail::member_schema<T>();

/// T is described as an object, with kind() or object().
template <class T>
concept described = detail::is_object_schema<std::remove_cv_t<decltype(schema<T>)>>;

/// T is described with kind(): it can be a message.
template <class T>
concept message_kind = detail::is_kind_schema<std::remove_cv_t<decltype(schema<T>)>>;

/// T is an enumeration whose values have names.
template <class T>
concept described_enum = detail::is_enumeration_schema<std::remove_cv_t<decltype(schema<T>)>>;

/// The text of T's kind: kind_of<upload_progress> is "UPLOAD_PROGRESS".
template <message_kind T>
inline constexpr std::string_view kind_of = schema<T>.name;

namespace detail {

template <class Base>
constexpr auto fields_of_base(base_part<Base>) noexcept {
  static_assert(described<Base>,
                "kindwire: base<>() is for a class that is described, with kind() or object()");
  return []<class... Fields, std::size_t... Index>(small_tuple<Fields...> const& fields,
                                                   std::index_sequence<Index...>) {
    return std::tuple<Fields...>(fields.template get<Index>()...);
  }(schema<Base>.fields,
         std::make_index_sequence<std::remove_cvref_t<decltype(schema<Base>.fields)>::size>{});
}

template <class T>
using fields_of = std::remove_cv_t<decltype(schema<T>.fields)>;

template <described T>
inline constexpr std::size_t field_count = fields_of<T>::size;

template <described T, std::size_t Index>
using field_type = std::remove_cvref_t<decltype(schema<T>.fields.template get<Index>())>;

template <class... Fields>
constexpr std::array<std::string_view, sizeof...(Fields)> names_among(
    object_schema<Fields...> const& description) noexcept {
  return [&]<std::size_t... Index>(std::index_sequence<Index...>) {
    return std::array<std::string_view, sizeof...(Fields)>{description.fields.template get<Index>().name...};
  }
  (std::index_sequence_for<Fields...>{});
}

// The names of T's fields.
template <described T>
inline constexpr std::array<std::string_view, field_count<T>> field_names = names_among(schema<T>);

// Empty if T has no kind.
template <described T>
constexpr std::string_view key_of() noexcept {
  if constexpr (message_kind<T>) {
    return schema<T>.key;
  } else {
    return {};
  }
}

template <described T>
constexpr std::string_view kind_or_none() noexcept {
  if constexpr (message_kind<T>) {
    return schema<T>.name;
  } else {
    return {};
  }
}

// The first of its names.
template <described_enum T>
constexpr std::optional<std::string_view> name_of_enumerator(T value) noexcept {
  for (std::size_t index = 0; index < schema<T>.values.size(); ++index) {
    if (schema<T>.values[index] == value) return schema<T>.names[index];
  }
  return std::nullopt;
}

}  // namespace detail
}  // namespace kindwire
