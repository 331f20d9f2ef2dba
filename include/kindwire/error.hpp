// Every error that kindwire itself reports, as one std::error_code category.
//
// Errors of a stream (a reset connection, an end of file) are passed on unchanged.
#pragma once

#include "requirements.hpp"

#include <string>
#include <system_error>

namespace kindwire {

/// What can go wrong, each value naming one rule. A value names what the peer did, unless it says "we".
///
/// close_code_for() in message/close.hpp gives the close code for a protocol violation.
enum class error {
  // Frames: RFC 6455 §5.
  reserved_bits = 1,         ///< an RSV bit is set and no extension gives it a meaning (§5.2)
  reserved_opcode,           ///< opcode 3–7 or B–F (§5.2)
  unmasked_client_frame,     ///< a client sent a frame without a masking key (§5.1)
  masked_server_frame,       ///< a server sent a frame with a masking key (§5.1)
  length_not_minimal,        ///< a payload length in more bytes than it needs (§5.2)
  length_too_large,          ///< the top bit of a 64-bit payload length is set (§5.2)
  control_frame_too_long,    ///< a control frame of more than 125 bytes (§5.5)
  control_frame_fragmented,  ///< a control frame without FIN (§5.5)

  // Messages: RFC 6455 §5.4, §8.1.
  unexpected_continuation,  ///< a CONTINUATION frame with no message begun (§5.4)
  expected_continuation,    ///< a TEXT or BINARY frame inside a fragmented message (§5.4)
  message_too_large,        ///< more than max_message_size bytes (§10.4)
  too_many_fragments,       ///< more than max_fragments frames in a message (§10.4)
  invalid_utf8,             ///< a text message, or the reason of a Close, is not UTF-8 (§8.1, §5.5.1)

  // Close: RFC 6455 §5.5.1, §7.4.
  close_body_too_short,  ///< a Close with a body of one byte (§5.5.1)
  close_code_invalid,    ///< a close code that must not appear in a frame (§7.4)

  // Use of a connection.
  closed,                 ///< nothing can be sent any more: the connection is closing or closed
  connection_lost,        ///< the stream ended without a Close (§7.1.5: 1006)
  operation_in_progress,  ///< a second receive while one is waiting
  fragment_in_progress,   ///< we would send a TEXT or BINARY frame inside our own fragmented message (§5.4)
  no_fragment_to_continue,  ///< we would send a CONTINUATION with no message of ours begun (§5.4)
  invalid_argument,         ///< we would send what the RFC forbids: a long control frame, a bad close code
  send_queue_full,          ///< the outbound queue is at its hard mark; nothing was queued

  // Time.
  handshake_timeout,  ///< the opening handshake took longer than handshake_timeout
  close_timeout,      ///< the peer did not answer our Close within close_timeout
  idle_timeout,       ///< no data arrived within idle_timeout
  pong_timeout,       ///< no byte arrived within pong_timeout of a ping
  send_timeout,       ///< the peer took none of our output for ping_interval plus pong_timeout

  // Opening handshake, HTTP: RFC 9112, RFC 6455 §4.
  http_malformed,         ///< not an HTTP/1.1 message head
  http_line_too_long,     ///< the first line is over the limit
  http_head_too_large,    ///< the head as a whole is over its limit
  http_too_many_headers,  ///< more header fields than the limit
  http_version,           ///< not HTTP/1.x; an upgrade in HTTP/1.0
  http_host,              ///< no Host field in HTTP/1.1, or two, or a malformed one
  http_body,              ///< a request with a body
  http_method,            ///< not GET
  http_target,            ///< a request target that is not a path
  handshake_upgrade,      ///< Upgrade or Connection does not ask for websocket
  handshake_key,          ///< Sec-WebSocket-Key missing, twice, or not 16 bytes
  handshake_version,      ///< Sec-WebSocket-Version is not 13
  handshake_accept,       ///< Sec-WebSocket-Accept missing, twice, or wrong
  handshake_subprotocol,  ///< a malformed subprotocol list, or a subprotocol we did not offer
  handshake_extension,    ///< a malformed extension list, or an extension we did not offer
  handshake_origin,       ///< an Origin that is not allowed
  handshake_host,         ///< a Host other than ours
  handshake_refused,      ///< the server answered with a status other than 101
  invalid_uri,            ///< not a ws or wss URI
  invalid_header,         ///< we would write a header with CR, LF or NUL, or a name that is not a token

  // Extensions: RFC 7692.
  invalid_compression,  ///< a compressed message that cannot be decompressed (§7.2.2)

  // Rates.
  too_many_messages,  ///< more messages in a time than connection_options::message_rate

  // The way to a server.
  tls_unavailable,                ///< wss:// or a proxy over TLS, without kindwire/tls/client.hpp
  invalid_proxy,                  ///< not the URI of a proxy
  proxy_refused,                  ///< the proxy does not connect us
  proxy_authentication_required,  ///< the proxy wants credentials, or others: 407, RFC 1929
  proxy_malformed,                ///< the proxy's answer is not SOCKS 5 (RFC 1928)
  too_many_redirects,             ///< one redirect more than connect_options::redirects
  redirect_refused,               ///< a redirect from wss to ws, or without a usable Location

  // Streamed messages.
  message_in_progress,  ///< a whole message is awaited between the chunks of one that receive_some() gives
};

namespace detail {

constexpr char const* describe(error value) noexcept {
  switch (value) {
    case error::reserved_bits: return "a reserved bit is set without an extension";
    case error::reserved_opcode: return "reserved opcode";
    case error::unmasked_client_frame: return "unmasked frame from a client";
    case error::masked_server_frame: return "masked frame from a server";
    case error::length_not_minimal: return "payload length not in its shortest form";
    case error::length_too_large: return "payload length of 2^63 or more";
    case error::control_frame_too_long: return "control frame of more than 125 bytes";
    case error::control_frame_fragmented: return "fragmented control frame";
    case error::unexpected_continuation: return "continuation frame without a message to continue";
    case error::expected_continuation: return "new message inside a fragmented one";
    case error::message_too_large: return "message larger than the limit";
    case error::too_many_fragments: return "message of more fragments than the limit";
    case error::too_many_messages: return "more messages in a time than the limit";
    case error::invalid_utf8: return "text that is not UTF-8";
    case error::invalid_compression: return "compressed message that cannot be decompressed";
    case error::close_body_too_short: return "close frame with a body of one byte";
    case error::close_code_invalid: return "close code that must not be sent";
    case error::message_in_progress: return "a message is being received in chunks";
    case error::closed: return "connection is closed";
    case error::connection_lost: return "connection lost without a close frame";
    case error::operation_in_progress: return "an operation of this kind is already waiting";
    case error::fragment_in_progress: return "a fragmented message is being sent";
    case error::no_fragment_to_continue: return "no fragmented message is being sent";
    case error::invalid_argument: return "argument that the protocol does not allow";
    case error::send_queue_full: return "send queue is full";
    case error::handshake_timeout: return "opening handshake timed out";
    case error::close_timeout: return "close handshake timed out";
    case error::idle_timeout: return "no data within the idle timeout";
    case error::pong_timeout: return "no answer to a ping";
    case error::send_timeout: return "nothing of what was sent is taken";
    case error::http_malformed: return "malformed HTTP head";
    case error::http_line_too_long: return "HTTP line longer than the limit";
    case error::http_head_too_large: return "HTTP head larger than the limit";
    case error::http_too_many_headers: return "more HTTP headers than the limit";
    case error::http_version: return "HTTP version is not 1.1";
    case error::http_host: return "HTTP request without exactly one valid Host";
    case error::http_body: return "HTTP request with a body";
    case error::http_method: return "HTTP method is not allowed";
    case error::http_target: return "HTTP request target is not a path";
    case error::handshake_upgrade: return "no upgrade to websocket";
    case error::handshake_key: return "bad Sec-WebSocket-Key";
    case error::handshake_version: return "WebSocket version is not 13";
    case error::handshake_accept: return "bad Sec-WebSocket-Accept";
    case error::handshake_subprotocol: return "bad Sec-WebSocket-Protocol";
    case error::handshake_extension: return "bad Sec-WebSocket-Extensions";
    case error::handshake_origin: return "origin is not allowed";
    case error::handshake_host: return "request for another host";
    case error::handshake_refused: return "server refused the WebSocket connection";
    case error::invalid_uri: return "not a ws or wss URI";
    case error::invalid_header: return "header that must not be written";
    case error::tls_unavailable: return "TLS needs #include <kindwire/tls/client.hpp> in the program";
    case error::invalid_proxy: return "not the URI of a proxy";
    case error::proxy_refused: return "proxy refused to connect";
    case error::proxy_authentication_required: return "proxy wants credentials";
    case error::proxy_malformed: return "answer of the proxy is not SOCKS 5";
    case error::too_many_redirects: return "more redirects than the limit";
    case error::redirect_refused: return "redirect that must not be followed";
  }
  return "unknown kindwire error";
}

class error_category_type final : public std::error_category {
 public:
  char const* name() const noexcept override { return "kindwire"; }
  std::string message(int value) const override { return describe(static_cast<error>(value)); }
};

}  // namespace detail

/// The category of every kindwire::error. Thread safe.
inline std::error_category const& error_category() noexcept {
  static detail::error_category_type const category;
  return category;
}

/// Found by std::error_code's constructor, so that a kindwire::error converts to one.
inline std::error_code make_error_code(error value) noexcept {
  return {static_cast<int>(value), error_category()};
}

}  // namespace kindwire

template <>
struct std::is_error_code_enum<kindwire::error> : std::true_type {};
