// Names of errors for the labels of metrics: few, whatever a peer does.
#pragma once

#include <array>
#include <asio/error.hpp>
#include <cstddef>
#include <string_view>
#include <system_error>
#include <utility>

#include "../../error.hpp"
#include "../connection/tls_failure.hpp"

namespace kindwire::net::detail {

// The name of the enumerator.
constexpr std::string_view name_of(error value) noexcept {
  switch (value) {
    case error::reserved_bits: return "reserved_bits";
    case error::reserved_opcode: return "reserved_opcode";
    case error::unmasked_client_frame: return "unmasked_client_frame";
    case error::masked_server_frame: return "masked_server_frame";
    case error::length_not_minimal: return "length_not_minimal";
    case error::length_too_large: return "length_too_large";
    case error::control_frame_too_long: return "control_frame_too_long";
    case error::control_frame_fragmented: return "control_frame_fragmented";
    case error::unexpected_continuation: return "unexpected_continuation";
    case error::expected_continuation: return "expected_continuation";
    case error::message_too_large: return "message_too_large";
    case error::too_many_fragments: return "too_many_fragments";
    case error::too_many_messages: return "too_many_messages";
    case error::message_in_progress: return "message_in_progress";
    case error::invalid_utf8: return "invalid_utf8";
    case error::invalid_compression: return "invalid_compression";
    case error::close_body_too_short: return "close_body_too_short";
    case error::close_code_invalid: return "close_code_invalid";
    case error::closed: return "closed";
    case error::connection_lost: return "connection_lost";
    case error::operation_in_progress: return "operation_in_progress";
    case error::fragment_in_progress: return "fragment_in_progress";
    case error::no_fragment_to_continue: return "no_fragment_to_continue";
    case error::invalid_argument: return "invalid_argument";
    case error::send_queue_full: return "send_queue_full";
    case error::handshake_timeout: return "handshake_timeout";
    case error::close_timeout: return "close_timeout";
    case error::idle_timeout: return "idle_timeout";
    case error::pong_timeout: return "pong_timeout";
    case error::send_timeout: return "send_timeout";
    case error::http_malformed: return "http_malformed";
    case error::http_line_too_long: return "http_line_too_long";
    case error::http_head_too_large: return "http_head_too_large";
    case error::http_too_many_headers: return "http_too_many_headers";
    case error::http_version: return "http_version";
    case error::http_host: return "http_host";
    case error::http_body: return "http_body";
    case error::http_method: return "http_method";
    case error::http_target: return "http_target";
    case error::handshake_upgrade: return "handshake_upgrade";
    case error::handshake_key: return "handshake_key";
    case error::handshake_version: return "handshake_version";
    case error::handshake_accept: return "handshake_accept";
    case error::handshake_subprotocol: return "handshake_subprotocol";
    case error::handshake_extension: return "handshake_extension";
    case error::handshake_origin: return "handshake_origin";
    case error::handshake_host: return "handshake_host";
    case error::handshake_refused: return "handshake_refused";
    case error::invalid_uri: return "invalid_uri";
    case error::invalid_header: return "invalid_header";
    case error::tls_unavailable: return "tls_unavailable";
    case error::invalid_proxy: return "invalid_proxy";
    case error::proxy_refused: return "proxy_refused";
    case error::proxy_authentication_required: return "proxy_authentication_required";
    case error::proxy_malformed: return "proxy_malformed";
    case error::too_many_redirects: return "too_many_redirects";
    case error::redirect_refused: return "redirect_refused";
  }
  return {};
}

// Errors of streams that tell something about the peer or the machine.
inline constexpr std::array<std::pair<std::errc, std::string_view>, 8> named_conditions{{
    {std::errc::connection_reset, "connection_reset"},
    {std::errc::broken_pipe, "broken_pipe"},
    {std::errc::connection_aborted, "connection_aborted"},
    {std::errc::connection_refused, "connection_refused"},
    {std::errc::timed_out, "timed_out"},
    {std::errc::host_unreachable, "host_unreachable"},
    {std::errc::not_enough_memory, "not_enough_memory"},
    {std::errc::operation_canceled, "operation_canceled"},
}};

// Room for kindwire's own, then those above, then those of TLS, then all others.
inline constexpr std::size_t own_errors = 96;
inline constexpr std::size_t tls_errors = own_errors + named_conditions.size();
inline constexpr std::size_t error_slots = tls_errors + 3;

inline std::size_t error_slot(std::error_code what) noexcept {
  if (what.category() == error_category()) {
    auto const value = static_cast<std::size_t>(what.value());
    return value < own_errors && !name_of(static_cast<error>(value)).empty() ? value : error_slots - 1;
  }
  if (is_of_tls(what)) return is_certificate_refused(what) ? tls_errors : tls_errors + 1;
  // Asio's own category of the same numbers tells no conditions.
  if (what.category() == asio::error::get_system_category()) what = {what.value(), std::system_category()};
  for (std::size_t index = 0; index != named_conditions.size(); ++index) {
    if (what == named_conditions[index].first) return own_errors + index;
  }
  return error_slots - 1;
}

// Empty for a slot that nothing is counted in.
constexpr std::string_view name_of_slot(std::size_t slot) noexcept {
  if (slot < own_errors) return name_of(static_cast<error>(slot));
  if (slot < tls_errors) return named_conditions[slot - own_errors].second;
  if (slot == tls_errors) return "tls_verification";
  return slot == tls_errors + 1 ? "tls" : "other";
}

}  // namespace kindwire::net::detail
