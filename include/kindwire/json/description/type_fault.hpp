// What can be wrong with a type that is to be read or written, found where the user asks for it: from deep
// inside the reader, the compiler would say it only after a long list of where it came from.
#pragma once

#include <concepts>
#include <cstddef>
#include <type_traits>
#include <variant>

#include "../schema.hpp"
#include "constant.hpp"
#include "form.hpp"
#include "limits.hpp"
#include "schema_check.hpp"
#include "types.hpp"

// The faults and their sentences, each given to KINDWIRE(fault, sentence).
#define KINDWIRE_TYPE_FAULTS(KINDWIRE)                                                                      \
  KINDWIRE(                                                                                                 \
      no_constant,                                                                                          \
      "kindwire: a schema is a constant: write `static constexpr auto schema`, or `inline constexpr auto "  \
      "kindwire::schema<T>`")                                                                               \
  KINDWIRE(                                                                                                 \
      inherited,                                                                                            \
      "kindwire: this type, or that of a field, only inherits a schema, which leaves out its own fields: "  \
      "give it one, with base<>() for those of its base class")                                             \
  KINDWIRE(                                                                                                 \
      no_default,                                                                                           \
      "kindwire: a type to decode must have a default constructor, and so must the types of its fields")    \
  KINDWIRE(fixed, "kindwire: a member that is const, or cannot be moved, as a std::atomic, cannot be read") \
  KINDWIRE(                                                                                                 \
      nameless,                                                                                             \
      "kindwire: an enumeration has no names: specialise kindwire::schema for it with enumeration(), in "   \
      "the global namespace or kindwire's, before it is used, or say as_number at the field")               \
  KINDWIRE(bytes,                                                                                           \
           "kindwire: a std::byte has no form in JSON: say as_base64 or as_hex at the field of bytes")      \
  KINDWIRE(                                                                                                 \
      formless,                                                                                             \
      "kindwire: this type, or that of a field, has no form in JSON: describe it (a member `schema` or a "  \
      "specialisation of kindwire::schema, made with kind(), object() or enumeration()), or specialise "    \
      "json_codec")

namespace kindwire::detail {

enum class type_fault {
  none,
#define KINDWIRE_NAME(fault, sentence) fault,
  KINDWIRE_TYPE_FAULTS(KINDWIRE_NAME)
#undef KINDWIRE_NAME
};

enum class use { reading, writing };

template <class T, use Use>
inline constexpr bool has_codec_for = Use == use::reading ? has_read_codec<T> : has_write_codec<T>;

// The fault of the type itself, which is neither an optional nor a container.
template <class T, use Use>
constexpr type_fault own_fault() noexcept {
  if constexpr (has_codec_for<T, Use> || !requires { sizeof(T); }) {
    return type_fault::none;  // not complete yet: the reader reports it later
  } else if constexpr (std::is_same_v<std::remove_cv_t<decltype(schema<T>)>, no_constant_schema>) {
    return type_fault::no_constant;
  } else if constexpr (described<T>) {
    if (is_inherited<T>(static_cast<fields_of<T>*>(nullptr))) return type_fault::inherited;
    if (Use == use::reading && !std::default_initializable<T>) return type_fault::no_default;
    return type_fault::none;
  } else if constexpr (form_of<T> == json_form::none) {
    return std::is_move_assignable_v<T> ? type_fault::formless : type_fault::fixed;
  } else if constexpr (form_of<T> == json_form::number_only) {
    return std::is_same_v<T, std::byte> ? type_fault::bytes : type_fault::nameless;
  } else {
    return type_fault::none;
  }
}
template <class T, use Use>
inline constexpr type_fault fault_of_itself = own_fault<T, Use>();

// The fault of a field's member, without a look at the fields of its type.
template <class Field, use Use>
struct field_fault {
  static constexpr type_fault value = type_fault::none;  // a constant
};
template <class Owner, class Member, class... Options, use Use>
struct field_fault<field_schema<Owner, Member, Options...>, Use> {
  using options = field_options<Options...>;
  using inner = typename innermost<std::remove_cv_t<Member>>::type;
  static constexpr type_fault of_type = fault_of_itself<inner, Use>;
  static constexpr bool is_spelt =
      options::bytes != byte_spelling::none || (options::template has<as_number_t> && std::is_enum_v<inner>);
  static constexpr type_fault value = Use == use::reading && std::is_const_v<Member> ? type_fault::fixed
                                      : is_spelt                                     ? type_fault::none
                                                                                     : of_type;
};

template <use Use, class... Fields>
constexpr type_fault fault_among(small_tuple<Fields...> const*) noexcept {
  type_fault found = type_fault::none;
  (static_cast<void>(found == type_fault::none ? found = field_fault<Fields, Use>::value : found), ...);
  return found;
}

template <class T, use Use>
constexpr type_fault find_fault() noexcept {
  using inner = typename innermost<T>::type;
  constexpr type_fault own = fault_of_itself<inner, Use>;
  if constexpr (own == type_fault::none && !has_codec_for<inner, Use> && described<inner>) {
    return fault_among<Use>(static_cast<fields_of<inner>*>(nullptr));
  } else {
    return own;
  }
}

// The first fault found in T, in its fields, and in their types.
template <class T, use Use>
inline constexpr type_fault fault_of = find_fault<T, Use>();

template <class T>
concept readable = fault_of<T, use::reading>
== type_fault::none;
template <class T>
concept writable = fault_of<T, use::writing>
== type_fault::none;

}  // namespace kindwire::detail
