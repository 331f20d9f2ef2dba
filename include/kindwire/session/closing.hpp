// How a session ends, RFC 6455 §5.5.1 and §7: by a Close of ours or the peer's, by a failure, or by the end
// of the stream.
#pragma once

#include <array>
#include <cstddef>
#include <new>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

#include "session.hpp"

namespace kindwire {

inline std::error_code session::close(kindwire::close_code code, std::string_view reason) {
  if (auto const wrong = check_close(code, reason)) return wrong;
  if (is_open()) write_close(code, reason);
  return {};
}

inline std::error_code session::send_close_body(std::span<std::byte const> payload, bool fin) {
  close_body body;
  if (!fin || payload.size() > max_control_payload_size || read_close_body(payload, body))
    return error::invalid_argument;
  if (!is_open()) return error::closed;
  return close(body.code, body.reason);
}

inline void session::write_close(kindwire::close_code code, std::string_view reason) {
  std::array<std::byte, max_control_payload_size> room;
  std::string kept(reason);  // first, as it may throw: a Close is queued whole or not at all
  output_.write(message_type::close, write_close_body(room, code, reason), true);
  output_.forget_pong();
  handshake_.sent(code, std::move(kept));
}

inline void session::answer_close() {
  // §5.5.1: the answer "typically echos the status code it received"; the reason is the peer's own.
  if (close_received() && !close_sent()) write_close(close_code(), {});
}

// Notes the Close in `frame`, a whole one behind unread messages. False, with the frame unchanged, if its
// body breaks a rule.
inline bool session::see_close(frame_chunk const& frame) {
  auto const unmask = [&frame] {
    if (frame.header->masked) mask(frame.payload, frame.header->key);
  };
  unmask();
  close_body body;
  if (read_close_body(frame.payload, body)) {
    unmask();  // masks it again
    return false;
  }
  handshake_.received(body);
  input_use_ = input_use::deliver_rest;
  fast_path_ = false;
  return true;
}

// Nothing unread precedes the peer's Close any more.
inline void session::reach_close() {
  answer_close();
  ignore_input();
}

inline void session::end_of_input() noexcept {
  if (state() == session_state::closed) return;
  if (!close_received()) return lose(error::connection_lost);
#if defined(__cpp_exceptions)
  try {
    answer_close();
  } catch (std::bad_alloc const&) {
    // The peer has said all it had to say, and gets no answer, as when it cannot be written.
    handshake_.broken_off({});
    output_.forget_pong();
  }
#else
  answer_close();
#endif
}

inline void session::fail(std::error_code why) {
  if (state() == session_state::closed) return;
  write_failure(why);
  handshake_.broken_off(why);
  output_.forget_pong();
  if (input_use_ == input_use::deliver && input_.size() != 0) {
    input_use_ = input_use::deliver_rest;
    fast_path_ = false;
  } else if (input_use_ != input_use::deliver_rest) {
    ignore_input();
  }
}

// The peer broke a rule, and nothing unread precedes that.
inline void session::break_off(std::error_code why) {
  write_failure(why);
  lose(why);
}

// Queues a Close that says why, unless one was sent.
inline void session::write_failure(std::error_code why) {
  if (close_sent()) return;
  bool const ours = why.category() == error_category();
  auto const value = static_cast<kindwire::error>(why.value());
  // §7.1.7 leaves the reason to us: it says in words what was wrong, for the peer's log.
  write_close(ours ? close_code_for(value) : kindwire::close_code::internal_error,
              ours ? std::string_view{detail::describe(value)} : std::string_view{});
}

inline void session::lose(std::error_code why) noexcept {
  handshake_.broken_off(why);
  output_.forget_pong();
  ignore_input();
}

inline void session::ignore_input() noexcept {
  input_use_ = input_use::ignore;
  fast_path_ = false;
  input_.drop();
  if (extension_ != nullptr) extension_->stop_decoding();
}

}  // namespace kindwire
