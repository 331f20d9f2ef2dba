// What is known of a connection: the half of a websocket that changes nothing.
#pragma once

#include "requirements.hpp"

#include <chrono>
#include <memory>
#include <optional>
#include <string_view>
#include <system_error>
#include <utility>

#include "../error.hpp"
#include "../handshake/endpoint.hpp"
#include "../handshake/request.hpp"
#include "../message/close.hpp"
#include "connection/connection.hpp"
#include "options.hpp"

namespace kindwire::net {

/// How a websocket was opened, how far it is, and what went through it. Part of websocket, and used from the
/// same executor.
class connection_state {
 public:
  /// True while both ends may send.
  bool is_open() const noexcept {
    return connection_ && connection_->stream_open() && connection_->protocol().is_open();
  }

  /// The code of the peer's Close: no_status (1005) if it had none, abnormal (1006) if no Close has arrived.
  kindwire::close_code close_code() const noexcept {
    return connection_ ? connection_->protocol().close_code() : kindwire::close_code::abnormal;
  }
  /// The reason of the peer's Close; valid as long as the websocket.
  std::string_view close_reason() const noexcept {
    return connection_ ? connection_->protocol().close_reason() : std::string_view{};
  }
  /// The code of our own Close: no_status (1005) if it has none, abnormal (1006) if we have sent none.
  kindwire::close_code sent_close_code() const noexcept {
    return connection_ ? connection_->protocol().sent_close_code() : kindwire::close_code::abnormal;
  }
  /// The reason in our own Close; valid as long as the websocket.
  std::string_view sent_close_reason() const noexcept {
    return connection_ ? connection_->protocol().sent_close_reason() : std::string_view{};
  }
  /// True when the peer's Close came before we sent ours. When both ends close at once, neither was closed by
  /// its peer.
  bool closed_by_peer() const noexcept { return connection_ && connection_->protocol().closed_by_peer(); }
  /// What ended the connection, if it was not a close handshake.
  std::error_code error() const noexcept {
    return connection_ ? connection_->error() : make_error_code(kindwire::error::closed);
  }

  /// The request that opened the connection; empty on a client. Valid as long as the websocket. It is kept as
  /// text until the first call, which also looks up the remote_endpoint(): unknown once the stream is closed.
  kindwire::request const& request() const {
    static kindwire::request const none;
    if (!connection_) return none;
    auto const* const whole =
        connection_->head().whole([this](kindwire::request& fresh) { connection_->describe(fresh); });
    return whole != nullptr ? *whole : none;
  }

  /// The subprotocol that both ends agreed on; empty if none (RFC 6455 §1.9).
  std::string_view subprotocol() const noexcept {
    return connection_ ? connection_->head().subprotocol() : std::string_view{};
  }

  /// The extensions that both ends agreed on, as in Sec-WebSocket-Extensions:
  /// `permessage-deflate; server_no_context_takeover`. Empty if none.
  std::string_view extensions() const noexcept {
    return connection_ ? connection_->head().extensions() : std::string_view{};
  }

  /// The address of the peer, or of the proxy in front of it: `to_string(…)` is `127.0.0.1:51234`. Empty once
  /// the stream is closed, and over streams without addresses.
  endpoint remote_endpoint() const { return connection_ ? connection_->remote_endpoint() : endpoint{}; }

  /// The time from the last ping that the connection sent by itself (see connection_options::ping_interval)
  /// to the peer's next input, in milliseconds; nothing before the first answer. It may be shorter than a
  /// round trip if other input was already on its way.
  std::optional<std::chrono::milliseconds> last_round_trip() const noexcept {
    auto const found = connection_ ? connection_->round_trip() : std::chrono::milliseconds(-1);
    return found.count() < 0 ? std::nullopt : std::optional(found);
  }

  /// The traffic of the connection so far; nothing unless connection_options::statistics is set, or
  /// there is an observer.
  std::optional<net::statistics> statistics() const noexcept {
    auto const* const counts = connection_ ? connection_->counts() : nullptr;
    return counts != nullptr ? std::optional(*counts) : std::nullopt;
  }

 protected:
  connection_state() noexcept = default;
  explicit connection_state(std::shared_ptr<detail::connection> of) noexcept : connection_(std::move(of)) {}
  connection_state(connection_state&&) noexcept = default;
  connection_state& operator=(connection_state&&) noexcept = default;
  ~connection_state() = default;

  std::shared_ptr<detail::connection> connection_;
};

}  // namespace kindwire::net
