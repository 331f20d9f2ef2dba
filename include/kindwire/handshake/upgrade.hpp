// A server's answer to a request for WebSocket: whether it is allowed, which subprotocol, and the 101. RFC
// 6455 §4.2, §4.4.
#pragma once

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include "../error.hpp"
#include "accept_key.hpp"
#include "extension.hpp"
#include "headers.hpp"
#include "negotiator.hpp"
#include "origin.hpp"
#include "request.hpp"
#include "response.hpp"

namespace kindwire {

/// Why a request is refused, and the answer to it. After the answer the connection must be closed, and bytes
/// that the client sent after its request must not be examined.
struct refusal {
  std::error_code error;
  response answer;
};

namespace detail {

// 0 to 255 without leading zeros (RFC 6455 §4.3).
inline bool is_websocket_version(std::string_view text) noexcept {
  std::uint8_t version = 0;
  char const* const end = text.data() + text.size();
  auto const [stopped, failure] = std::from_chars(text.data(), end, version);
  return failure == std::errc{} && stopped == end && (text.size() == 1 || text.front() != '0');
}

// Sec-WebSocket-Version is checked before the key: another version may have other fields.
inline std::error_code check_version(headers const& fields) noexcept {
  std::optional<std::string_view> const version = fields.only("Sec-WebSocket-Version");
  return version == "13" ? std::error_code{} : error::handshake_version;
}

inline std::error_code check_offer(request const& from) {
  headers const& fields = from.headers();
  if (from.method() != "GET") return error::http_method;
  if (from.minor_version() == 0) return error::http_version;
  if (!from.is_upgrade()) return error::handshake_upgrade;
  if (std::error_code const why = check_version(fields)) return why;
  std::optional<std::string_view> const key = fields.only("Sec-WebSocket-Key");
  if (!key || !is_handshake_key(*key)) return error::handshake_key;
  // Clients that offer nothing may send an empty list: it counts as absent.
  if (fields.has_elements("Sec-WebSocket-Protocol") && !fields.tokens("Sec-WebSocket-Protocol")) {
    return error::handshake_subprotocol;
  }
  if (fields.has_elements("Sec-WebSocket-Extensions") && !parse_extensions(fields)) {
    return error::handshake_extension;
  }
  return {};
}

inline response answer_to(request const& from, std::error_code why) {
  headers const& fields = from.headers();
  response answer = response_for(why);
  // A list, two fields, or no field is not another version but none at all.
  std::optional<std::string_view> const version = fields.only("Sec-WebSocket-Version");
  if (why == error::handshake_version && !(version && is_websocket_version(*version))) {
    answer = response::text(400, why.message() + '\n');
    answer.headers.emplace_back("Sec-WebSocket-Version", "13");
  }
  if (why == error::http_version)
    answer.body = "a WebSocket needs HTTP/1.1 (nginx: proxy_http_version 1.1)\n";
  // A client that knows nothing of WebSocket, such as a browser that was pointed here.
  bool const no_websocket = fields.count("Upgrade") == 0 && fields.count("Sec-WebSocket-Key") == 0;
  if (why == error::handshake_upgrade && no_websocket) {
    answer = response_for(error::handshake_version);
    answer.body = "this is a WebSocket endpoint\n";
  }
  return answer;
}

}  // namespace detail

/// Nothing if `from` may be answered with 101; else why not, and the response.
///
/// In this order (RFC 6455 §4.2.1): 405 for a method other than GET; 400 for HTTP/1.0; 400 if Upgrade and
/// Connection do not ask for websocket, or 426 if nothing in the request is about WebSocket; 426 for a
/// version other than 13; 400 for a key that is missing, repeated, or not 16 bytes, and for malformed lists
/// of subprotocols or extensions; 403 for an origin that is not allowed. Thread safe.
inline std::optional<refusal> check_upgrade(request const& from, origin_options const& origins = {}) {
  std::error_code why = detail::check_offer(from);
  if (!why) why = check_origin(from, origins);
  if (!why) return std::nullopt;
  return refusal{why, detail::answer_to(from, why)};
}

/// The first of `supported` that the client offers, compared exactly; empty without a match, and then the 101
/// has no Sec-WebSocket-Protocol (RFC 6455 §4.2.2). A view into `supported`. Thread safe.
inline std::string_view select_subprotocol(request const& from, std::span<std::string const> supported) {
  std::vector<std::string_view> const offered = from.subprotocols();
  for (std::string const& each : supported) {
    if (std::find(offered.begin(), offered.end(), each) != offered.end()) return each;
  }
  return {};
}

/// The optional parts of a 101.
struct accept_options {
  std::string_view subprotocol = {};  ///< one that the client offers, or empty for none
  std::string_view extensions = {};   ///< the value of Sec-WebSocket-Extensions, or empty for none
  header_list headers = {};           ///< other fields, such as cookies
};

/// Appends to `out` the 101 that accepts `from`, which has passed check_upgrade() (RFC 6455 §4.2.2). The
/// first frame may follow at once.
///
/// Errors, with nothing written: error::handshake_key without a valid key; error::handshake_subprotocol and
/// error::handshake_extension for what was not offered; error::invalid_header for a control character in a
/// name or value, a name that is not a token, and the handshake's own fields (Upgrade, Connection,
/// Sec-WebSocket-…, Content-Length, Transfer-Encoding).
[[nodiscard]] inline std::error_code write_accept(request const& from, accept_options const& options,
                                                  std::string& out) {
  std::optional<std::string_view> const key = from.headers().only("Sec-WebSocket-Key");
  if (!key || !is_handshake_key(*key)) return error::handshake_key;
  if (!options.subprotocol.empty()) {
    std::vector<std::string_view> const offered = from.subprotocols();
    if (std::find(offered.begin(), offered.end(), options.subprotocol) == offered.end()) {
      return error::handshake_subprotocol;
    }
  }
  if (!options.extensions.empty()) {
    auto const answered = parse_extensions(options.extensions);
    auto const offered = parse_extensions(from.headers());
    if (!answered || !offered || check_answered_extensions(*answered, *offered)) {
      return error::handshake_extension;
    }
  }
  for (auto const& [name, value] : options.headers) {
    if (!detail::is_writable_field(name, value) || detail::is_framing_field(name) ||
        detail::is_websocket_field(name) || detail::equal_ignoring_case(name, "Upgrade")) {
      return error::invalid_header;
    }
  }
  std::string head = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n";
  detail::append_field(head, "Sec-WebSocket-Accept", accept_key(*key));
  if (!options.subprotocol.empty()) {
    detail::append_field(head, "Sec-WebSocket-Protocol", options.subprotocol);
  }
  if (!options.extensions.empty()) detail::append_field(head, "Sec-WebSocket-Extensions", options.extensions);
  for (auto const& [name, value] : options.headers) detail::append_field(head, name, value);
  head += "\r\n";
  out += head;
  return {};
}

/// A server's own check before it accepts a request; a returned response refuses it.
using request_check = std::function<std::optional<response>(request const&)>;

/// What one endpoint accepts, and how. Holds references only: made for one call.
struct upgrade_rules {
  origin_options const& origins;
  request_check const& before;                      ///< may be empty
  std::span<std::string const> subprotocols;        ///< that we support, in our order of preference
  header_list const& headers;                       ///< further fields of the 101
  extension_negotiator const* extension = nullptr;  ///< that we support, or null
};

/// Accepts `from`, which has passed all checks, with a subprotocol and an extension that both support;
/// `before` and the origins of `rules` do not matter.
///
/// Nothing if that is done: the 101 has been appended to `out`, `subprotocol` is one of `rules`, or empty,
/// and `extension` is what was agreed on. Else, with nothing written, 500 for rules whose header fields
/// cannot be written. Thread safe.
inline std::optional<refusal> accept_upgrade(request const& from, upgrade_rules const& rules,
                                             std::string& out, std::string_view& subprotocol,
                                             agreed_extension& extension) {
  std::string_view const chosen = select_subprotocol(from, rules.subprotocols);
  agreed_extension agreed;
  if (rules.extension != nullptr) {
    if (auto const offered = parse_extensions(from.headers())) agreed = rules.extension->accept(*offered);
  }
  accept_options const options{.subprotocol = chosen, .extensions = agreed.terms, .headers = rules.headers};
  if (auto const why = write_accept(from, options, out)) return refusal{why, response::plain(500)};
  subprotocol = chosen;
  extension = std::move(agreed);
  return std::nullopt;
}

/// Answers `from`: check_upgrade(), then `before`, then accept_upgrade(), with its results. Else the refusal,
/// with nothing written: of check_upgrade(); of `before`, with error::handshake_refused; of accept_upgrade().
/// Exceptions of `before` propagate. Thread safe.
inline std::optional<refusal> answer_upgrade(request const& from, upgrade_rules const& rules,
                                             std::string& out, std::string_view& subprotocol,
                                             agreed_extension& extension) {
  if (auto refused = check_upgrade(from, rules.origins)) return refused;
  if (rules.before) {
    if (auto answer = rules.before(from)) return refusal{error::handshake_refused, std::move(*answer)};
  }
  return accept_upgrade(from, rules, out, subprotocol, extension);
}

}  // namespace kindwire
