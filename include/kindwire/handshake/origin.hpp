// Who may open a connection from a web page: the Origin of a request. RFC 6454, RFC 6455 §10.2.
//
// Browsers let any page open a WebSocket to any server, with the user's cookies: only the server can tell a
// foreign page by its Origin.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

#include "../error.hpp"
#include "authority.hpp"
#include "headers.hpp"
#include "request.hpp"

namespace kindwire {

/// Which pages may connect. A request without Origin comes from no browser and is always let pass.
struct origin_options {
  /// Origins beside our own, such as `https://app.example.com`: scheme, host and port must all be equal. One
  /// that parse_origin() does not read never matches.
  std::vector<std::string> allowed = {};
  /// Let every page connect, also one without a name (`null`): for data that is public anyway.
  bool any = false;
  /// The connection itself is TLS. Then a page that came by http is not of our origin, even on our host.
  bool secure = false;
};

/// Scheme, host and port, the first two in lower case (RFC 6454 §4). The port is 0 where the scheme has no
/// default one and none was given.
struct origin {
  std::string scheme;
  std::string host;
  std::uint16_t port = 0;

  friend bool operator==(origin const&, origin const&) = default;
};

/// Reads `scheme://host[:port]` and nothing more than that: no path, no trailing slash, no user name, no
/// second origin. `null` is no origin. Thread safe.
inline std::optional<origin> parse_origin(std::string_view text) {
  auto const lower = [](std::string_view from) {
    std::string result;
    for (char const c : from) result += detail::to_lower(c);
    return result;
  };
  std::size_t const colon = text.find("://");
  if (colon == std::string_view::npos || colon == 0 || !detail::is_letter(text.front())) return std::nullopt;
  std::string_view const scheme = text.substr(0, colon);
  for (char const c : scheme) {
    if (!detail::is_letter(c) && !detail::is_digit(c) && c != '+' && c != '-' && c != '.')
      return std::nullopt;
  }
  std::optional<detail::authority> const where = detail::parse_authority(text.substr(colon + 3));
  if (!where) return std::nullopt;
  std::uint16_t const port = where->port != 0 ? where->port : detail::default_port(scheme);
  return origin{lower(scheme), lower(where->host), port};
}

/// True if `from` is http or https at the host and port that the request was sent to. Where Host names no
/// port, it is the default one of the origin's scheme, since a server behind a TLS proxy doesn't know its
/// own.
inline bool is_same_origin(origin const& from, request const& to) noexcept {
  if (from.scheme != "http" && from.scheme != "https") return false;
  std::optional<detail::authority> const host = detail::parse_authority(to.host());
  if (!host) return false;
  std::uint16_t const port = host->port != 0 ? host->port : detail::default_port(from.scheme);
  return from.port == port && detail::equal_ignoring_case(from.host, host->host);
}

/// No error if the request may connect: it has no Origin, or ours, or a listed one; else
/// error::handshake_origin. Thread safe.
inline std::error_code check_origin(request const& from, origin_options const& options = {}) {
  if (options.any || from.headers().count("Origin") == 0) return {};
  std::optional<std::string_view> const text = from.origin();
  std::optional<origin> const parsed = text ? parse_origin(*text) : std::nullopt;
  if (!parsed) return error::handshake_origin;
  if (is_same_origin(*parsed, from) && (!options.secure || parsed->scheme == "https")) return {};
  for (std::string const& each : options.allowed) {
    if (parsed == parse_origin(each)) return {};
  }
  return error::handshake_origin;
}

}  // namespace kindwire
