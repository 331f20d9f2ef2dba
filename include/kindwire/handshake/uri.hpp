// ws and wss URIs: RFC 6455 §3, RFC 3986.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "authority.hpp"
#include "grammar.hpp"
#include "percent.hpp"

namespace kindwire {

/// Where a client connects to, and what it asks for there.
struct uri {
  bool secure = false;       ///< wss
  std::string host;          ///< to be resolved: a name or an address, an IPv6 address without its brackets
  std::uint16_t port = 80;   ///< 1 to 65535
  std::string target = "/";  ///< path and query, the "resource name" of RFC 6455 §3

  /// Reads a URI; nothing (reported as error::invalid_uri) unless it is `ws://` or `wss://`, a host, an
  /// optional port, a path and a query by the rules of RFC 3986. A user name, a fragment, a space, control
  /// characters and anything that is not ASCII are refused. Thread safe.
  static std::optional<uri> parse(std::string_view text);

  /// The value for Host: the host, an IPv6 address in brackets, and the port unless it is the scheme's
  /// default (RFC 6455 §4.1, step 4).
  std::string authority() const {
    std::string result = host.find(':') == std::string::npos ? host : '[' + host + ']';
    if (port != (secure ? 443 : 80)) {
      result += ':';
      result += std::to_string(port);
    }
    return result;
  }

  friend bool operator==(uri const&, uri const&) = default;
};

namespace detail {

// *( pchar / "/" / "?" ): what a path and a query are made of (RFC 3986 §3.3, §3.4).
constexpr bool is_uri_target(std::string_view text) noexcept {
  for (std::size_t i = 0; i < text.size(); ++i) {
    char const c = text[i];
    if (c == '%') {
      if (percent_triplet(text, i) < 0) return false;
      i += 2;
    } else if (!is_letter(c) && !is_digit(c) &&
               (c == '\0' || std::string_view{"-._~!$&'()*+,;=:@/?"}.find(c) == std::string_view::npos)) {
      return false;
    }
  }
  return true;
}

}  // namespace detail

inline std::optional<uri> uri::parse(std::string_view text) {
  std::size_t const scheme = text.find("://");
  if (scheme == std::string_view::npos) return std::nullopt;
  uri result;
  result.secure = detail::equal_ignoring_case(text.substr(0, scheme), "wss");
  if (!result.secure && !detail::equal_ignoring_case(text.substr(0, scheme), "ws")) return std::nullopt;
  text.remove_prefix(scheme + 3);

  std::size_t const end = (std::min)(text.find_first_of("/?#"), text.size());
  std::optional<detail::authority> const where = detail::parse_authority(text.substr(0, end));
  if (!where) return std::nullopt;
  result.host = where->host;
  result.port = where->port != 0 ? where->port : static_cast<std::uint16_t>(result.secure ? 443 : 80);

  text.remove_prefix(end);
  if (!detail::is_uri_target(text)) return std::nullopt;
  if (text.starts_with('/')) {
    result.target = text;
  } else {
    result.target += text;
  }
  // RFC 6455 §3: a `?` with nothing after it is not part of the resource name.
  if (result.target.find('?') == result.target.size() - 1) result.target.pop_back();
  return result;
}

}  // namespace kindwire
