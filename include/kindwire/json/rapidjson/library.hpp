// RapidJSON's document.h, or a sentence that says what is wrong with the one there is.
#pragma once

#include "../../requirements.hpp"

#if !__has_include(<rapidjson/document.h>)
#error kindwire: json/rapidjson.hpp needs RapidJSON, and <rapidjson/document.h> is not found; install rapidjson-dev, or add -I with its folder
#include <see_the_error_above>
#endif
#include <rapidjson/rapidjson.h>

// Version 1.1.0, the last release, assigns to a constant in document.h. Later snapshots have the macro.
#if !defined(RAPIDJSON_CPLUSPLUS) && !defined(KINDWIRE_RAPIDJSON_IS_PATCHED)
#if (defined(__clang__) && __clang_major__ >= 19) || \
    (!defined(__clang__) && defined(__GNUC__) && __GNUC__ >= 14)
#error kindwire: RapidJSON 1.1.0 does not compile with this compiler; take one from its repository, or say -DKINDWIRE_RAPIDJSON_IS_PATCHED if yours has been mended
#include <see_the_error_above>
#endif
#endif

// Outside system headers, compilers warn of things in 1.1.0 as C++20 that its users cannot help.
#if defined(__clang__)
#pragma clang diagnostic push
#pragma clang diagnostic ignored "-Wdeprecated-declarations"
#pragma clang diagnostic ignored "-Wambiguous-reversed-operator"
#pragma clang diagnostic ignored "-Wsign-conversion"
#elif defined(__GNUC__)
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"
#pragma GCC diagnostic ignored "-Wsign-conversion"
#endif
#include <rapidjson/document.h>
#if defined(__clang__)
#pragma clang diagnostic pop
#elif defined(__GNUC__)
#pragma GCC diagnostic pop
#endif

#include <string_view>

namespace kindwire::detail {

template <class T>
inline constexpr bool is_rapidjson_document = false;
template <class Allocator, class StackAllocator>
inline constexpr bool
    is_rapidjson_document<rapidjson::GenericDocument<rapidjson::UTF8<>, Allocator, StackAllocator>> = true;

template <class T>
inline constexpr bool is_rapidjson_value = is_rapidjson_document<T>;
template <class Allocator>
inline constexpr bool is_rapidjson_value<rapidjson::GenericValue<rapidjson::UTF8<>, Allocator>> = true;

/// A rapidjson::Value or rapidjson::Document of UTF-8, with any allocator.
template <class T>
concept rapidjson_value = is_rapidjson_value<T>;
template <class T>
concept rapidjson_document = is_rapidjson_document<T>;

template <class Value>
std::string_view text_of(Value const& string) noexcept {
  return {string.GetString(), string.GetStringLength()};
}

/// The member of this name in an object, the first if there are several; null if there is none, or if it is
/// not an object.
template <class Value>
Value const* member_of(Value const& object, std::string_view name) noexcept {
  if (!object.IsObject()) return nullptr;
  for (auto each = object.MemberBegin(); each != object.MemberEnd(); ++each) {
    if (text_of(each->name) == name) return &each->value;
  }
  return nullptr;
}

/// The text of the member that carries the kind; empty if there is none, or if it is not a string.
template <class Value>
std::string_view kind_in(Value const& object, std::string_view key) noexcept {
  auto const* const kind = detail::member_of(object, key);
  return kind != nullptr && kind->IsString() ? detail::text_of(*kind) : std::string_view{};
}

}  // namespace kindwire::detail
