// How a C++ type is described once, for decoding, encoding and dispatch: its kind, its fields, the names of
// an enumeration.
#pragma once

#include <array>
#include <concepts>
#include <cstddef>
#include <optional>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>

namespace kindwire {

/// One field of a described type. Made by field().
template <class Owner, class Member>
struct field_schema {
  std::string_view name;
  Member Owner::*member;
  bool required;
};

/// An option of field(): the field may be absent, and the member then keeps what its initialiser gave it.
struct defaulted_t {};
inline constexpr defaulted_t defaulted{};

/// An option of kind(): the member that carries the kind is called otherwise. Made by key().
struct key_option {
  std::string_view name;
};

/// The description of an object without a kind. Made by object().
template <class... Fields>
struct object_schema {
  std::tuple<Fields...> fields;
};

/// The description of a message. Made by kind().
template <class... Fields>
struct kind_schema : object_schema<Fields...> {
  std::string_view name;
  std::string_view key;
};

/// One value of an enumeration and its name. Made by enumerator().
template <class Enum>
struct enumerator_schema {
  std::string_view name;
  Enum value;
};

/// The names of an enumeration's values. Made by enumeration().
template <class Enum, std::size_t Count>
struct enumeration_schema {
  std::array<std::string_view, Count> names;
  std::array<Enum, Count> values;
};

namespace detail {

struct no_schema {};

template <class T>
inline constexpr bool is_optional = false;
template <class T>
inline constexpr bool is_optional<std::optional<T>> = true;

template <class T>
inline constexpr bool is_field = false;
template <class Owner, class Member>
inline constexpr bool is_field<field_schema<Owner, Member>> = true;

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
inline constexpr bool is_enumeration_schema = false;
template <class Enum, std::size_t Count>
inline constexpr bool is_enumeration_schema<enumeration_schema<Enum, Count>> = true;

template <class T>
constexpr auto member_schema() {
  if constexpr (requires { T::schema; }) {
    return T::schema;
  } else {
    return no_schema{};
  }
}

}  // namespace detail

/// A field: the name in JSON and the member. Required, unless the member is a std::optional; null and absence
/// are the same to that. The type may still be incomplete, so that this may stand inside of it.
template <class Owner, class Member>
constexpr field_schema<Owner, Member> field(std::string_view name, Member Owner::*member) noexcept {
  static_assert(!std::is_function_v<Member>, "kindwire: a field is a data member, not a member function");
  return {name, member, !detail::is_optional<Member>};
}

/// A field that may be absent: the member then keeps the value that its initialiser gave it.
template <class Owner, class Member>
constexpr field_schema<Owner, Member> field(std::string_view name, Member Owner::*member,
                                            defaulted_t) noexcept {
  static_assert(!std::is_function_v<Member>, "kindwire: a field is a data member, not a member function");
  return {name, member, false};
}

/// The name of the member that carries the kind, where a protocol does not call it "kind": `kw::kind("PING",
/// kw::key("type"))`.
constexpr key_option key(std::string_view name) noexcept { return {name}; }

/// A message: the text of its kind, and its fields. `{"kind":"UPLOAD_PROGRESS","value":42.5}`
template <class... Fields>
requires(detail::is_field<Fields>&&...) constexpr kind_schema<Fields...> kind(std::string_view name,
                                                                              Fields... fields) noexcept {
  return {{std::tuple<Fields...>{fields...}}, name, "kind"};
}

/// A message whose kind stands under another key.
template <class... Fields>
requires(detail::is_field<Fields>&&...) constexpr kind_schema<Fields...> kind(std::string_view name,
                                                                              key_option key,
                                                                              Fields... fields) noexcept {
  return {{std::tuple<Fields...>{fields...}}, name, key.name};
}

/// A part of messages, without a kind of its own.
template <class... Fields>
requires(detail::is_field<Fields>&&...) constexpr object_schema<Fields...> object(Fields... fields) noexcept {
  return {std::tuple<Fields...>{fields...}};
}

/// A value of an enumeration and the string that stands for it.
template <class Enum>
requires std::is_enum_v<Enum>
constexpr enumerator_schema<Enum> enumerator(std::string_view name, Enum value) noexcept {
  return {name, value};
}

/// An enumeration, whose values travel by name.
template <class Enum, std::same_as<enumerator_schema<Enum>>... More>
constexpr enumeration_schema<Enum, 1 + sizeof...(More)> enumeration(enumerator_schema<Enum> first,
                                                                    More... more) noexcept {
  return {{first.name, more.name...}, {first.value, more.value...}};
}

/// The description of T: its static member `schema`, or a specialisation for a type that one does not own:
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

template <class T>
using fields_of = std::remove_cv_t<decltype(schema<T>.fields)>;

template <described T>
inline constexpr std::size_t field_count = std::tuple_size_v<fields_of<T>>;

// Empty without a kind.
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

template <std::size_t Count>
constexpr bool all_distinct(std::array<std::string_view, Count> const& names) noexcept {
  for (std::size_t left = 0; left < Count; ++left) {
    for (std::size_t right = left + 1; right < Count; ++right) {
      if (names[left] == names[right]) return false;
    }
  }
  return true;
}

template <described T>
constexpr bool names_are_distinct() noexcept {
  return std::apply(
      [](auto const&... fields) {
        return all_distinct(std::array<std::string_view, sizeof...(fields)>{fields.name...}) &&
               (!message_kind<T> || ((fields.name != key_of<T>()) && ...));
      },
      schema<T>.fields);
}

}  // namespace detail
}  // namespace kindwire
