// A message, RFC 6455 §5.6: what an application receives once all of its fragments are there.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "../frame/opcode.hpp"

namespace kindwire {

namespace detail {
struct part_of_message;
}

/// The types of messages are the opcodes; they print as CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG.
using message_type = opcode;

/// A view of one whole message; false when there is none.
///
/// It owns nothing: the bytes belong to what gave it out (a session, a reassembler, a websocket), which says
/// how long they stay. Copy text() or bytes() to keep them longer.
class message {
 public:
  /// No message.
  constexpr message() noexcept = default;

  constexpr message(message_type type, std::span<std::byte const> bytes) noexcept
      : data_(bytes.data()), type_(type), there_(true), size_(bytes.size() & most) {}

  constexpr explicit operator bool() const noexcept { return there_; }

  constexpr message_type type() const noexcept { return type_; }
  constexpr bool is_text() const noexcept { return there_ && type_ == message_type::text; }
  constexpr bool is_binary() const noexcept { return there_ && type_ == message_type::binary; }

  /// The payload of all fragments, unmasked.
  constexpr std::span<std::byte const> bytes() const noexcept { return {data_, size()}; }

  /// The same as characters. Of a TEXT message it is valid UTF-8 (RFC 6455 §8.1); of any other it is what it
  /// is.
  std::string_view text() const noexcept {
    // Never a null pointer: text().data() goes to functions of C.
    return size() == 0 ? std::string_view{""}
                       : std::string_view{reinterpret_cast<char const*>(data_), size()};
  }

  /// In bytes.
  constexpr std::size_t size() const noexcept { return size_; }

 private:
  friend struct detail::part_of_message;

  // Two words: small enough to be returned in registers, which a message a few nanoseconds old profits from.
  // No payload has 2^56 bytes.
  static constexpr std::size_t most = SIZE_MAX >> (sizeof(std::size_t) > 4 ? 8 : 0);

  std::byte const* data_ = nullptr;
  message_type type_ : 5 = message_type::continuation;
  // Of a part of a message: others precede it, others follow.
  bool follows_ : 1 = false;
  bool goes_on_ : 1 = false;
  bool there_ : 1 = false;
  std::size_t size_ : std::bit_width(most) = 0;
};

namespace detail {

inline std::span<std::byte const> as_bytes(std::string_view text) noexcept {
  return {reinterpret_cast<std::byte const*>(text.data()), text.size()};
}

}  // namespace detail

}  // namespace kindwire
