// A part of a message, RFC 6455 §5.4, for messages that are handed on as they arrive.
#pragma once

#include <cstddef>
#include <span>
#include <string_view>

#include "message.hpp"

namespace kindwire {

namespace detail {

// A part travels as a marked message: what delivers whole messages delivers parts as well.
struct part_of_message {
  static constexpr message make(message_type type, std::span<std::byte const> bytes, bool first,
                                bool last) noexcept {
    message result{type, bytes};
    result.follows_ = !first;
    result.goes_on_ = !last;
    return result;
  }
  static constexpr bool is_first(message const& part) noexcept { return !part.follows_; }
  static constexpr bool is_last(message const& part) noexcept { return !part.goes_on_; }
};

}  // namespace detail

/// A view of the next bytes of a message; false when there is none. The chunks of a message, one after the
/// other, are its payload. How they are cut says nothing about frames or about how the peer sent them.
///
/// It owns nothing: see message.
class message_chunk {
 public:
  /// No chunk.
  constexpr message_chunk() noexcept = default;

  /// A whole message, which is its own first and last chunk; false if that is.
  constexpr explicit message_chunk(message whole) noexcept : part_(whole) {}

  constexpr message_chunk(message_type type, std::span<std::byte const> bytes, bool first, bool last) noexcept
      : part_(detail::part_of_message::make(type, bytes, first, last)) {}

  constexpr explicit operator bool() const noexcept { return static_cast<bool>(part_); }

  /// Of the whole message, in each of its chunks.
  constexpr message_type type() const noexcept { return part_.type(); }
  constexpr bool is_text() const noexcept { return part_.is_text(); }
  constexpr bool is_binary() const noexcept { return part_.is_binary(); }

  /// True for the first chunk of a message.
  constexpr bool first() const noexcept { return *this && detail::part_of_message::is_first(part_); }
  /// True for the last chunk of a message, which is the only one that may be empty.
  constexpr bool last() const noexcept { return *this && detail::part_of_message::is_last(part_); }

  /// Unmasked, and inflated if the message was compressed.
  constexpr std::span<std::byte const> bytes() const noexcept { return part_.bytes(); }

  /// The same as characters. Of a TEXT message all that has come so far is the beginning of valid UTF-8 (RFC
  /// 6455 §8.1), but a chunk may begin and end in the midst of a code point.
  std::string_view text() const noexcept { return part_.text(); }

  /// In bytes.
  constexpr std::size_t size() const noexcept { return part_.size(); }

 private:
  message part_;
};

}  // namespace kindwire
