// A handle to a connection for other threads, and for maps of connections.
//
//     std::map<std::string, kw::net::remote> users;     // users.emplace(name, ws.remote())
//     if (auto const failure = users["ann"].send("hello")) std::cerr << failure.message();
#pragma once

#include <concepts>
#include <cstddef>
#include <memory>
#include <span>
#include <string_view>
#include <system_error>
#include <utility>

#include "../error.hpp"
#include "../frame/header.hpp"
#include "../message/close.hpp"
#include "../message/extension.hpp"
#include "../message/message.hpp"
#include "../message/prepared_message.hpp"
#include "connection/mailbox.hpp"
#include "sendable.hpp"
#include "text_encodable.hpp"

namespace kindwire::net {

class websocket;

/// A copyable handle to a connection, from `ws.remote()`. Messages are copied, and the connection picks them
/// up on its own executor.
///
/// **What success means.** Accepted messages are written in order, and before our Close if they were accepted
/// before the close began, whether by close() or a server's stop(), on this thread or another. That holds as
/// long as the peer reads (see close_timeout), neither closes first nor breaks the connection, and no
/// fragmented message of the websocket's own is left unfinished; only the peer can say whether it has
/// received them. When the context ends, so does the connection, and what has not been written is lost.
///
/// **Order.** What one thread sends, through any handle or the websocket itself, leaves in the order of the
/// calls; so do messages of two threads if one waited for the other. Inside a fragmented message of the
/// websocket's own, TEXT, BINARY and a Close after them wait for the last fragment (RFC 6455 §5.4); PING and
/// PONG do not.
///
/// **Thread safety.** Distinct handles may be used by any threads at any time, even while the connection ends
/// or its context is destroyed, and afterwards: they then return error::closed. One handle is like one
/// shared_ptr: any number of threads may send through it, but not while another assigns to it. It keeps
/// neither the connection nor its context alive.
class remote {
 public:
  /// A handle to no connection: calls return error::closed.
  remote() noexcept = default;

  /// Hands over a TEXT message; `text` is UTF-8. `how` says whether it may be compressed: see
  /// connection_options::compression.
  ///
  /// Errors, with nothing handed over. closed: the connection is closing or has ended. send_queue_full: the
  /// messages pending here and in the connection's queue, with this one and 8 bytes for each pending one,
  /// would exceed send_queue_hard, whatever the overflow policy; if nothing is pending, one message of any
  /// size is accepted. invalid_argument. std::errc::not_enough_memory, which leaves messages accepted before
  /// in place.
  std::error_code send(std::string_view text, compress how = compress::yes) const {
    return send(message_type::text, kindwire::detail::as_bytes(text), how);
  }

  /// A BINARY message.
  std::error_code send(std::span<std::byte const> bytes, compress how = compress::yes) const {
    return send(message_type::binary, bytes, how);
  }
  template <binary_sendable T>
  std::error_code send(T const& bytes, compress how = compress::yes) const {
    return send(detail::binary_payload(bytes), how);
  }

  /// A message as it was received: text as text, binary as binary.
  std::error_code send(message const& whole, compress how = compress::yes) const {
    return send(whole.type(), whole.bytes(), how);
  }

  /// A message that goes to other connections as well: see prepared_message. It is encoded on this thread.
  template <std::same_as<prepared_message> T>
  std::error_code send(T const& whole, compress how = compress::yes) const {
    return box_ ? box_->send(whole, how) : make_error_code(error::closed);
  }

  /// A message of any type. invalid_argument for PING and PONG over 125 bytes, for CLOSE (use close()) and
  /// for CONTINUATION.
  std::error_code send(message_type type, std::span<std::byte const> bytes,
                       compress how = compress::yes) const {
    bool const fits = !is_control(type) || bytes.size() <= max_control_payload_size;
    bool const whole =
        type != message_type::continuation && type != message_type::close && !is_reserved(type);
    if (!fits || !whole) return error::invalid_argument;
    return box_ ? box_->send(type, bytes, how) : make_error_code(error::closed);
  }

  template <binary_sendable T>
  std::error_code send(message_type type, T const& bytes, compress how = compress::yes) const {
    return send(type, detail::binary_payload(bytes), how);
  }

  /// Nothing else can be sent.
  template <detail::unsendable T>
  KINDWIRE_UNSENDABLE std::error_code send(T const&, compress = compress::yes) const;

  /// A value as a TEXT message, encoded on this thread. If it cannot be: an error of encoding_category(), or
  /// invalid_argument from an encode_text() that does not say why. Exceptions of encode_text() other than
  /// std::bad_alloc propagate, with nothing handed over.
  template <text_encodable T>
  std::error_code send(T const& value, compress how = compress::yes) const {
    if (!box_) return error::closed;
    std::error_code unfit;
    auto const encode = [&](buffer& sink) {
      unfit = detail::encode_value(sink, value);
      return !unfit;
    };
    auto const outcome = box_->send_encoded(message_type::text, encode, how);
    return unfit ? unfit : outcome;
  }

  /// Sends a Close after everything accepted before, without waiting, even if the queue is full. From then on
  /// remotes of this connection return error::closed.
  ///
  /// `reason` is UTF-8 of at most 123 bytes. Errors, with nothing changed: closed, also for a second close();
  /// invalid_argument; std::errc::not_enough_memory.
  std::error_code close(close_code code = close_code::normal, std::string_view reason = {}) const {
    if (auto const wrong = check_close(code, reason)) return wrong;
    return box_ ? box_->close(code, reason) : make_error_code(error::closed);
  }

  /// True if both refer to the same connection, or neither to any.
  bool operator==(remote const& other) const noexcept = default;

 private:
  friend class websocket;
  explicit remote(std::shared_ptr<detail::mailbox> box) noexcept : box_(std::move(box)) {}

  std::shared_ptr<detail::mailbox> box_;
};

}  // namespace kindwire::net
