// HTTP responses other than 101: pages, and refusals of a handshake. RFC 9110 §15, RFC 9112 §4, §9.6.
#pragma once

#include <cstddef>
#include <initializer_list>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

#include "../error.hpp"
#include "headers.hpp"

namespace kindwire {

/// The reason phrase of a status code (RFC 9110 §15); empty if it has none.
constexpr std::string_view reason_phrase(unsigned status) noexcept {
  switch (status) {
    case 101: return "Switching Protocols";
    case 200: return "OK";
    case 201: return "Created";
    case 202: return "Accepted";
    case 204: return "No Content";
    case 301: return "Moved Permanently";
    case 302: return "Found";
    case 303: return "See Other";
    case 304: return "Not Modified";
    case 307: return "Temporary Redirect";
    case 308: return "Permanent Redirect";
    case 400: return "Bad Request";
    case 401: return "Unauthorized";
    case 403: return "Forbidden";
    case 404: return "Not Found";
    case 405: return "Method Not Allowed";
    case 407: return "Proxy Authentication Required";
    case 408: return "Request Timeout";
    case 409: return "Conflict";
    case 410: return "Gone";
    case 413: return "Content Too Large";
    case 414: return "URI Too Long";
    case 421: return "Misdirected Request";
    case 426: return "Upgrade Required";
    case 429: return "Too Many Requests";
    case 431: return "Request Header Fields Too Large";
    case 500: return "Internal Server Error";
    case 501: return "Not Implemented";
    case 502: return "Bad Gateway";
    case 503: return "Service Unavailable";
    case 504: return "Gateway Timeout";
    case 505: return "HTTP Version Not Supported";
  }
  return {};
}

/// A response with its body: what a server answers instead of 101, or what a refused client received.
struct response {
  unsigned status = 200;  ///< 200 to 599 when written
  header_list
      headers;       ///< without Content-Length, Transfer-Encoding and Connection: write_response() adds them
  std::string body;  ///< any bytes

  /// A body of plain text (UTF-8).
  static response text(unsigned status, std::string body) {
    return {status, {{"Content-Type", "text/plain; charset=utf-8"}}, std::move(body)};
  }
  /// A page (UTF-8).
  static response html(std::string body, unsigned status = 200) {
    return {status, {{"Content-Type", "text/html; charset=utf-8"}}, std::move(body)};
  }
  /// A short text that names the status, such as `404 Not Found`.
  static response plain(unsigned status) {
    std::string body = std::to_string(status);
    body += ' ';
    body += reason_phrase(status);
    body += '\n';
    return text(status, std::move(body));
  }
  /// 405 with the methods that are allowed, such as `GET, HEAD` (RFC 9110 §15.5.6).
  static response method_not_allowed(std::string allowed) {
    response result = plain(405);
    result.headers.emplace_back("Allow", std::move(allowed));
    return result;
  }
};

/// The response to a request that broke a rule: 405, 414, 421, 426, 431, 403, else 400. The body is the text
/// of the error, nothing that the peer sent. 405 has `Allow: GET`; 426 has `Upgrade: websocket` (RFC 9110
/// §15.5.22) and, like every answer to error::handshake_version, our version (RFC 6455 §4.4).
inline response response_for(std::error_code why) {
  auto const is = [&](std::initializer_list<error> values) {
    for (error const each : values) {
      if (why == make_error_code(each)) return true;
    }
    return false;
  };
  unsigned status = 400;
  if (why.category() != error_category()) status = 500;  // not the peer's fault: no memory
  if (is({error::http_method})) status = 405;
  if (is({error::http_line_too_long})) status = 414;
  if (is({error::http_head_too_large, error::http_too_many_headers})) status = 431;
  if (is({error::handshake_version})) status = 426;
  if (is({error::handshake_origin})) status = 403;
  if (is({error::handshake_host})) status = 421;
  response result = response::text(status, why.message() + '\n');
  if (status == 405) result.headers.emplace_back("Allow", "GET");
  if (status == 426) {
    result.headers.emplace_back("Upgrade", "websocket");
    result.headers.emplace_back("Sec-WebSocket-Version", "13");
  }
  return result;
}

/// Appends `from` to `out` as it goes over the wire, with Content-Length and `Connection: close`, or
/// `Connection: upgrade, close` if it has an Upgrade field (RFC 9110 §7.8). The connection must be closed
/// after it. `to_head` leaves the body out, for the answer to a HEAD request (RFC 9110 §9.3.2).
///
/// Errors, with nothing written: error::invalid_header for a control character in a name or value, a name
/// that is not a token, and the three fields that it writes itself; error::invalid_argument for a status
/// outside 200 to 599.
[[nodiscard]] inline std::error_code write_response(response const& from, std::string& out,
                                                    bool to_head = false) {
  if (from.status < 200 || from.status > 599) return error::invalid_argument;
  bool upgrade = false;
  for (auto const& [name, value] : from.headers) {
    if (!detail::is_writable_field(name, value) || detail::is_framing_field(name)) {
      return error::invalid_header;
    }
    upgrade = upgrade || detail::equal_ignoring_case(name, "Upgrade");
  }
  std::string head = "HTTP/1.1 ";
  head += std::to_string(from.status);
  head += ' ';
  head += reason_phrase(from.status);
  head += "\r\n";
  for (auto const& [name, value] : from.headers) detail::append_field(head, name, value);
  // RFC 9110 §6.4.1, §8.6: these two never have a body, and 204 no length either.
  bool const no_body = from.status == 204 || from.status == 304;
  if (!no_body) detail::append_field(head, "Content-Length", std::to_string(from.body.size()));
  detail::append_field(head, "Connection", upgrade ? "upgrade, close" : "close");
  head += "\r\n";
  if (!no_body && !to_head) head += from.body;
  out += head;
  return {};
}

namespace detail {

// The same for a response from elsewhere that needs an answer in any case: 500 if it cannot be written.
inline void write_any_response(response const& from, std::string& out, bool to_head = false) {
  if (write_response(from, out, to_head))
    static_cast<void>(write_response(response::plain(500), out, to_head));
}

}  // namespace detail

}  // namespace kindwire
