// What a session may send, and when: the paths that are not the fast one.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <system_error>

#include "session.hpp"

namespace kindwire {

inline std::error_code session::send_any(message_type type, std::span<std::byte const> payload, bool fin,
                                         compress how) {
  if (type == message_type::close) return send_close_body(payload, fin);
  if (auto const wrong = check_send(type, payload.size(), fin); wrong != kindwire::error{}) return wrong;
  bool const control = is_control(type);
  if (extension_ != nullptr && !control) {
    output_.write(*extension_, type, payload, fin, how);
  } else {
    output_.write(type, payload, fin);
  }
  if (control) return {};
  sending_fragments_ = !fin;
  sends_plainly_ = fin && extension_ == nullptr;
  return {};
}

inline std::error_code session::send_encoded(message_type type, std::span<std::byte const> encoded) {
  if (extension_ == nullptr || !begins_message(type)) return error::invalid_argument;
  if (auto const wrong = check_send(type, encoded.size(), true); wrong != kindwire::error{}) return wrong;
  output_.write_marked(type, encoded, extension_->reserved_bits());
  return {};
}

// error{} if it may be sent.
inline kindwire::error session::check_send(message_type type, std::size_t size, bool fin) const noexcept {
  if (is_reserved(type)) return error::invalid_argument;
  if (is_control(type) && (!fin || size > max_control_payload_size)) return error::invalid_argument;
  if (!is_open()) return error::closed;
  if (is_control(type)) return {};
  bool const continues = type == message_type::continuation;
  if (continues != sending_fragments_) {
    return continues ? error::no_fragment_to_continue : error::fragment_in_progress;
  }
  return {};
}

}  // namespace kindwire
