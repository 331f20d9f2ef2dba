// The Close frame's body, RFC 6455 §5.5.1 and §7.4: a code of two bytes and a reason.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <string_view>
#include <system_error>

#include "../error.hpp"
#include "../frame/header.hpp"
#include "message.hpp"
#include "utf8.hpp"

namespace kindwire {

/// Why a connection was closed (RFC 6455 §7.4.1 and IANA's WebSocket Close Code Number registry). Any other
/// value that is_valid_on_wire() may be cast to it: 3000–3999 are registered, 4000–4999 private (§7.4.2).
enum class close_code : std::uint16_t {
  normal = 1000,
  going_away = 1001,
  protocol_error = 1002,
  unsupported_data = 1003,
  no_status = 1005,  ///< never on the wire: the peer's Close had no body
  abnormal = 1006,   ///< never on the wire: the connection was lost without a Close
  invalid_payload = 1007,
  policy_violation = 1008,
  message_too_big = 1009,
  mandatory_extension = 1010,
  internal_error = 1011,
  service_restart = 1012,
  try_again_later = 1013,
  bad_gateway = 1014,
  tls_handshake = 1015,  ///< never on the wire
};

/// What a code says, in IANA's words: `going away`. For those without a name `registered` (3000–3999),
/// `private use` (4000–4999; RFC 6455 §7.4.2) or `unknown`.
constexpr char const* describe(close_code code) noexcept {
  switch (code) {
    case close_code::normal: return "normal closure";
    case close_code::going_away: return "going away";
    case close_code::protocol_error: return "protocol error";
    case close_code::unsupported_data: return "unsupported data";
    case close_code::no_status: return "no status received";
    case close_code::abnormal: return "abnormal closure";
    case close_code::invalid_payload: return "invalid frame payload data";
    case close_code::policy_violation: return "policy violation";
    case close_code::message_too_big: return "message too big";
    case close_code::mandatory_extension: return "mandatory extension";
    case close_code::internal_error: return "internal error";
    case close_code::service_restart: return "service restart";
    case close_code::try_again_later: return "try again later";
    case close_code::bad_gateway: return "bad gateway";
    case close_code::tls_handshake: return "TLS handshake";
  }
  auto const value = static_cast<unsigned>(code);
  if (value >= 3000 && value <= 3999) return "registered";
  return value >= 4000 && value <= 4999 ? "private use" : "unknown";
}

/// For logs: `1001 going away`.
inline std::string to_string(close_code code) {
  return std::to_string(static_cast<unsigned>(code)) + ' ' + describe(code);
}

/// The longest reason in bytes: a control payload less the two bytes of the code (RFC 6455 §5.5).
inline constexpr std::size_t max_close_reason_size = max_control_payload_size - 2;

/// True for codes that may stand in a Close frame: 1000–1003, 1007–1014, 3000–4999 (RFC 6455 §7.4; 1012–1014
/// are later registrations; 1004 is reserved; 1005, 1006 and 1015 are for reports only).
constexpr bool is_valid_on_wire(close_code code) noexcept {
  auto const value = static_cast<unsigned>(code);
  return (value >= 1000 && value <= 1003) || (value >= 1007 && value <= 1014) ||
         (value >= 3000 && value <= 4999);
}

/// The code with which a connection is failed for `violation` (RFC 6455 §7.1.7, §7.4.1): 1002 for a broken
/// rule of framing, 1007 for text that is not UTF-8 and what cannot be decompressed, 1009 for a message that
/// is too large, 1008 for too many fragments or messages or a peer that is too slow, 1011 for everything that
/// is no fault of the peer's.
constexpr close_code close_code_for(error violation) noexcept {
  switch (violation) {
    case error::reserved_bits:
    case error::reserved_opcode:
    case error::unmasked_client_frame:
    case error::masked_server_frame:
    case error::length_not_minimal:
    case error::length_too_large:
    case error::control_frame_too_long:
    case error::control_frame_fragmented:
    case error::unexpected_continuation:
    case error::expected_continuation:
    case error::close_body_too_short:
    case error::close_code_invalid: return close_code::protocol_error;
    case error::invalid_utf8:
    case error::invalid_compression: return close_code::invalid_payload;
    case error::message_too_large: return close_code::message_too_big;
    case error::too_many_fragments:
    case error::too_many_messages:
    case error::send_queue_full:
    case error::idle_timeout:
    case error::pong_timeout:
    case error::send_timeout: return close_code::policy_violation;
    default: return close_code::internal_error;
  }
}

/// A Close frame's body, read. `reason` is a view into the body.
struct close_body {
  close_code code = close_code::no_status;
  std::string_view reason;
};

/// Reads the body of a received Close. An empty one says no_status (§7.1.5). Errors: close_body_too_short,
/// close_code_invalid, invalid_utf8.
inline std::error_code read_close_body(std::span<std::byte const> payload, close_body& body) noexcept {
  body = {};
  if (payload.empty()) return {};
  if (payload.size() < 2) return error::close_body_too_short;
  body.code = static_cast<close_code>(detail::load_big_endian<std::uint16_t>(payload.data()));
  if (!is_valid_on_wire(body.code)) return error::close_code_invalid;
  auto const reason = payload.subspan(2);
  // §8.1 is not about messages only: 1007, as for text. A control frame is short, so it is looked at whole.
  if (!is_utf8(reason)) return error::invalid_utf8;
  body.reason = message{message_type::close, reason}.text();
  return {};
}

/// Writes a Close body to `to` and returns the part of it that was used. `no_status` writes an empty body.
///
/// The caller has checked `code` and `reason` with check_close(). Room for 125 bytes is enough.
inline std::span<std::byte const> write_close_body(std::span<std::byte, max_control_payload_size> to,
                                                   close_code code, std::string_view reason) noexcept {
  if (code == close_code::no_status) return {};
  detail::store_big_endian(to.data(), static_cast<std::uint16_t>(code));
  std::size_t const size = (std::min)(reason.size(), max_close_reason_size);
  if (size != 0) std::memcpy(to.data() + 2, reason.data(), size);
  return to.first(2 + size);
}

/// Whether we may send this Close: the code is valid on the wire (or no_status, with no reason), the reason
/// is UTF-8 of at most 123 bytes. Error: invalid_argument.
inline std::error_code check_close(close_code code, std::string_view reason) noexcept {
  bool const code_fits = code == close_code::no_status ? reason.empty() : is_valid_on_wire(code);
  if (!code_fits || reason.size() > max_close_reason_size || !is_utf8(reason)) return error::invalid_argument;
  return {};
}

}  // namespace kindwire
