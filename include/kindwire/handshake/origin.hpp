// Who may open a connection from a web page: the Origin of a request. RFC 6454, RFC 6455 §10.2.
//
// Browsers let any page open a WebSocket to any server, with the user's cookies: only by the Origin can the
// server tell a foreign page.
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

/// Which pages may connect. A request without Origin does not come from a browser, and always passes.
struct origin_options {
  /// Origins besides our own, such as `https://app.example.com`: the same text, or scheme, host and port all
  /// equal. `null` is every page without an origin, and `file://` what some programs send for a page from a
  /// file. See origin_problem() for entries that can never match.
  std::vector<std::string> allowed = {};
  /// Lets every page connect, even one without an origin (`null`): for data that is public anyway.
  bool any = false;
  /// Clients reach us by TLS, be it that of a proxy. A page loaded over http is then not of our origin, even
  /// from our host; nor is it if request::is_secure().
  bool secure = false;
};

/// Scheme, host and port, the first two in lower case (RFC 6454 §4). The port is 0 if none was given and the
/// scheme has no default.
struct origin {
  std::string scheme;
  std::string host;
  std::uint16_t port = 0;

  friend bool operator==(origin const&, origin const&) = default;
};

/// Reads `scheme://host[:port]` and nothing more: no path, no trailing slash, no user name, no second origin.
/// `null` is not an origin. Thread safe.
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

/// True if `from` is http or https at the host and port that the request was sent to. If Host has no port,
/// the default of the origin's scheme is used, since a server behind a TLS proxy does not know its own.
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
  if (!text) return error::handshake_origin;
  for (std::string const& each : options.allowed) {
    if (each == *text) return {};
  }
  std::optional<origin> const parsed = parse_origin(*text);
  if (!parsed) return error::handshake_origin;
  bool const secure = options.secure || from.is_secure();
  if (is_same_origin(*parsed, from) && (!secure || parsed->scheme == "https")) return {};
  for (std::string const& each : options.allowed) {
    if (parsed == parse_origin(each)) return {};
  }
  return error::handshake_origin;
}

/// Why `entry` of origin_options::allowed can match no page, and what to write instead; empty if one can have
/// that origin. Thread safe.
inline std::string origin_problem(std::string_view entry) {
  using namespace std::string_literals;
  auto const problem = [&](std::string const& why) {
    return "no page has the origin \"" + std::string(entry) + "\": " + why;
  };
  if (entry == "*") return problem("to let every page connect, set origin_options::any");
  if (entry.find('*') != std::string_view::npos) {
    return problem("there are no wildcards; list each origin, or decide in route_options::before");
  }
  if (entry == "null") return {};
  std::size_t const scheme_end = entry.find("://");
  if (scheme_end == std::string_view::npos) {
    auto const rest = entry.substr(0, entry.find('/'));
    bool const is_host = detail::parse_authority(rest).has_value();
    return problem(is_host ? "write https://" + std::string(rest)
                           : "write https://host or https://host:port"s);
  }
  std::string_view const scheme = entry.substr(0, scheme_end);
  std::string_view const rest = entry.substr(scheme_end + 3);
  std::string_view const host = rest.substr(0, rest.find_first_of("/?#"));
  if (detail::names_any_of(scheme, {"ws", "wss"})) {
    return problem("a page comes by http or https; write http" + std::string(scheme.size() == 3 ? "s" : "") +
                   "://" + std::string(host));
  }
  // A scheme without hosts, such as file://.
  if (rest.empty() && parse_origin(std::string(entry) + 'a') && detail::default_port(scheme) == 0) return {};
  if (parse_origin(entry)) return {};
  std::string const shorter = std::string(scheme) + "://" + std::string(host);
  if (host.size() != rest.size() && parse_origin(shorter))
    return problem("write " + shorter + ", without a path");
  return problem(
      "an origin is scheme://host or scheme://host:port in ASCII, such as https://app.example.com");
}

}  // namespace kindwire
