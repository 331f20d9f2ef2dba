// A handle to a connection for other threads, and for maps of connections.
//
//     std::map<std::string, kw::net::remote> users;     // users.emplace(name, ws.remote())
//     if (auto const failure = users["ann"].send("hello")) std::cerr << failure.message();
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string_view>
#include <system_error>
#include <utility>

#include "../error.hpp"
#include "../frame/header.hpp"
#include "../message/close.hpp"
#include "../message/message.hpp"
#include "connection/mailbox.hpp"
#include "sendable.hpp"
#include "text_encodable.hpp"

namespace kindwire::net {

class websocket;

/// A copyable handle to a connection: `ws.remote()` gives it. What is sent is copied, and the connection
/// takes it from there on its own executor.
///
/// **What a success means.** Messages that were accepted are written in order, and before our Close if they
/// were accepted before the close began, whoever began it: close() or a server's stop(), here or in another
/// thread. That holds as long as the peer reads (see close_timeout), and does not close first or break the
/// connection; whether the peer has received it only the peer can say. The end of the context is the end of
/// the connection: then what has not been written is lost.
///
/// **Order.** What one thread sends, by whatever handle or the websocket itself, leaves in the order of the
/// calls; so does what is sent by two threads of which one waited for the other. Inside a fragmented message
/// of the websocket's own, TEXT, BINARY and a Close behind them wait for the last fragment (RFC 6455 §5.4);
/// PING and PONG do not.
///
/// **Thread safety.** Distinct handles may be used by any threads at any time, also while the connection ends
/// or its context is destroyed, and after that: then they say error::closed. One handle is like one
/// shared_ptr: any number of threads may send by it, but not while another assigns to it. It keeps neither
/// the connection nor its context alive.
class remote {
 public:
  /// A handle to nothing: error::closed.
  remote() noexcept = default;

  /// Hands over a TEXT message; `text` is UTF-8.
  ///
  /// Errors, with nothing handed over. closed: the connection is closing, or has ended. send_queue_full: what
  /// waits here and in the connection's queue, with this message and 8 bytes for each one that waits, would
  /// be over send_queue_hard, whatever the overflow policy; one message of any size is accepted where nothing
  /// waits. invalid_argument. std::errc::not_enough_memory, after which what was accepted before is still
  /// there.
  std::error_code send(std::string_view text) const {
    return send(message_type::text, kindwire::detail::as_bytes(text));
  }

  /// A BINARY message.
  std::error_code send(std::span<std::byte const> bytes) const { return send(message_type::binary, bytes); }
  template <binary_sendable T>
  std::error_code send(T const& bytes) const {
    return send(detail::binary_payload(bytes));
  }

  /// A message as it was received: text as text, binary as binary.
  std::error_code send(message const& whole) const { return send(whole.type(), whole.bytes()); }

  /// A message of any type. invalid_argument for PING and PONG of over 125 bytes, for CLOSE, which is
  /// close(), and for CONTINUATION.
  std::error_code send(message_type type, std::span<std::byte const> bytes) const {
    bool const fits = !is_control(type) || bytes.size() <= max_control_payload_size;
    bool const whole =
        type != message_type::continuation && type != message_type::close && !is_reserved(type);
    if (!fits || !whole) return error::invalid_argument;
    return box_ ? box_->send(type, bytes) : make_error_code(error::closed);
  }

  template <binary_sendable T>
  std::error_code send(message_type type, T const& bytes) const {
    return send(type, detail::binary_payload(bytes));
  }

  /// Nothing else can be sent.
  template <detail::unsendable T>
  std::error_code send(T const&) const {
    return detail::refuse_to_send<T>(), error::invalid_argument;
  }

  /// A value as a TEXT message, encoded by this thread. invalid_argument if it cannot be. What else
  /// encode_text() throws than std::bad_alloc goes through, with nothing handed over.
  template <text_encodable T>
  std::error_code send(T const& value) const {
    if (!box_) return error::closed;
    return box_->send_encoded(message_type::text, [&](buffer& sink) { return encode_text(sink, value); });
  }

  /// Sends a Close behind everything that was accepted before, and waits for nothing; it always finds room.
  /// From then on remotes of this connection say error::closed.
  ///
  /// `reason` is UTF-8 of at most 123 bytes. Errors, with nothing changed: closed, also at the second
  /// close(); invalid_argument; std::errc::not_enough_memory.
  std::error_code close(close_code code = close_code::normal, std::string_view reason = {}) const {
    if (auto const wrong = check_close(code, reason)) return wrong;
    return box_ ? box_->close(code, reason) : make_error_code(error::closed);
  }

  /// True if both stand for the same connection, or both for none.
  bool operator==(remote const& other) const noexcept = default;

 private:
  friend class websocket;
  explicit remote(std::shared_ptr<detail::mailbox> box) noexcept : box_(std::move(box)) {}

  std::shared_ptr<detail::mailbox> box_;
};

}  // namespace kindwire::net
