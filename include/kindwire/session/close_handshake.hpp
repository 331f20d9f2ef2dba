// The state of a connection: what both ends have said in their Close frames, RFC 6455 §7.1.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

#include "../message/close.hpp"

namespace kindwire {

/// The state of a connection (RFC 6455 §7.1).
enum class session_state : std::uint8_t {
  /// We may send. So may the peer, unless its Close was already seen behind unread messages: see
  /// session::close_received().
  open,
  /// Our Close is queued and the peer's has not been seen: messages may still arrive (§1.4).
  closing,
  /// Both ends have sent Close, or the connection failed or was lost. Nothing can be sent any more. Messages
  /// that arrived before the peer's Close may still be polled: see session::is_over().
  closed,
};

namespace detail {

// The two Close frames and what became of the connection. The session decides when each thing happens; this
// class records what follows.
class close_handshake {
 public:
  session_state state() const noexcept { return state_; }
  std::error_code const& error() const noexcept { return error_; }

  // 1006 stands for "no Close", as in §7.1.5; it is never on the wire.
  bool is_sent() const noexcept { return own_code_ != close_code::abnormal; }
  bool is_received() const noexcept { return peer_code_ != close_code::abnormal; }
  bool peer_was_first() const noexcept { return peer_was_first_; }

  close_code sent_code() const noexcept { return own_code_; }
  std::string_view sent_reason() const noexcept { return own_reason_; }
  close_code received_code() const noexcept { return peer_code_; }
  std::string_view received_reason() const noexcept { return peer_reason_; }

  // Our Close is queued.
  void sent(close_code code, std::string reason) noexcept {
    own_code_ = code;
    own_reason_ = std::move(reason);
    state_ = is_received() ? session_state::closed : session_state::closing;
  }

  // The peer's Close has arrived. If ours was sent before, the handshake is complete.
  void received(close_body const& body) {
    peer_reason_ = body.reason;
    peer_code_ = body.code;
    peer_was_first_ = !is_sent();
    if (is_sent()) state_ = session_state::closed;
  }

  // The connection ends without a complete handshake; no error if only our answer is missing, as it could not
  // be queued. The first reason counts.
  void broken_off(std::error_code why) noexcept {
    if (!error_) error_ = why;
    state_ = session_state::closed;
  }

 private:
  std::string own_reason_;
  std::string peer_reason_;
  std::error_code error_;
  close_code own_code_ = close_code::abnormal;
  close_code peer_code_ = close_code::abnormal;
  session_state state_ = session_state::open;
  bool peer_was_first_ = false;
};

}  // namespace detail

}  // namespace kindwire
