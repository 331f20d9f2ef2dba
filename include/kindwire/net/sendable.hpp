// What can be sent besides text: bytes, in any container; and the compile error for anything else.
#pragma once

#include <concepts>
#include <cstddef>
#include <iterator>
#include <span>
#include <string_view>
#include <type_traits>

#include "../message/message.hpp"
#include "../message/prepared_message.hpp"
#include "text_encodable.hpp"

namespace kindwire::net {

namespace detail {

template <class T>
inline constexpr bool is_byte =
    std::is_same_v<T, std::byte> || std::is_same_v<T, unsigned char> || std::is_same_v<T, char>;

}  // namespace detail

/// What is sent as a BINARY message: contiguous bytes of std::byte, unsigned char (that is, std::uint8_t) or
/// char, in a vector, an array, a span or anything else that std::data() and std::size() accept. Anything
/// convertible to std::string_view, such as a std::string or a literal, is TEXT.
template <class T>
concept binary_sendable = !std::convertible_to<T const&, std::string_view> && requires(T const& bytes) {
  requires detail::is_byte<std::remove_cvref_t<decltype(*std::data(bytes))>>;
  { std::data(bytes) } -> std::convertible_to<void const*>;
  { std::size(bytes) } -> std::convertible_to<std::size_t>;
};

namespace detail {

template <binary_sendable T>
std::span<std::byte const> binary_payload(T const& bytes) noexcept {
  return {reinterpret_cast<std::byte const*>(std::data(bytes)), std::size(bytes)};
}

template <class T>
concept sendable =
    binary_sendable<T> || text_encodable<T> || std::convertible_to<T const&, std::string_view> ||
    std::convertible_to<T const&, std::span<std::byte const>> ||
    std::convertible_to<T const&, message const&> || std::same_as<T, prepared_message> ||
    std::convertible_to<T const&, message_type>;

template <class T>
concept unsendable = !sendable<T>;

}  // namespace detail

// What is said of anything else, by overloads of last resort.
#define KINDWIRE_UNSENDABLE                                                                                \
  KINDWIRE_REFUSED(                                                                                        \
      "kindwire: this cannot be sent: what can be is text (std::string_view), bytes in a row (std::byte, " \
      "unsigned char or char in a vector, an array or a span), a kindwire::message or prepared_message, "  \
      "and a struct with a schema once <kindwire/json/writer.hpp> is included")

}  // namespace kindwire::net
