// What can be sent to many connections, and what becomes of it.
#pragma once

#include <concepts>
#include <cstddef>
#include <span>
#include <string_view>
#include <system_error>

#include "../error.hpp"
#include "../message/buffer.hpp"
#include "../message/message.hpp"
#include "../message/prepared_message.hpp"
#include "../net/sendable.hpp"
#include "../net/text_encodable.hpp"

namespace kindwire {

/// What became of a message: it was handed over to so many connections, none of which has read it yet.
struct delivery {
  std::size_t receivers =
      0;  ///< of this node; those who have entered a room that has yet to get its history do not count
  std::error_code error = {};  ///< why nothing was sent
  bool elsewhere = false;  ///< it was handed over to a backplane as well, which does not say whom it reaches

  explicit operator bool() const noexcept { return receivers != 0 || elsewhere; }
};

namespace detail {

// A message, whatever it was made of.
struct content {
  message_type type;
  std::span<std::byte const> payload;
  prepared_message const* prepared = nullptr;  // the same, if it is one
};

// Calls `use(content)` for whatever can be sent.
template <class T, class Use>
std::error_code with_content(T const& what, Use use) {
  if constexpr (std::convertible_to<T const&, std::string_view>) {
    use(content{message_type::text, as_bytes(std::string_view(what))});
  } else if constexpr (std::same_as<T, message>) {
    if (!begins_message(what.type())) return error::invalid_argument;
    use(content{what.type(), what.bytes()});
  } else if constexpr (std::same_as<T, prepared_message>) {
    if (!begins_message(what.type())) return error::invalid_argument;
    use(content{what.type(), what.bytes(), &what});
  } else if constexpr (net::text_encodable<T>) {
    buffer text;
    if (auto const why = net::detail::encode_value(text, what)) return why;
    use(content{message_type::text, text.bytes()});
  } else {
    use(content{message_type::binary, net::detail::binary_payload(what)});
  }
  return {};
}

template <class T>
concept sent_to_many = std::convertible_to<T const&, std::string_view> || std::same_as<T, message> ||
    std::same_as<T, prepared_message> || net::text_encodable<T> || net::binary_sendable<T>;

}  // namespace detail

}  // namespace kindwire
