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
#include "user_info.hpp"

namespace kindwire {

/// Where a client connects to, and what it asks for there.
struct uri {
  bool secure = false;       ///< wss
  std::string host;          ///< to be resolved: a name or an address, an IPv6 address without its brackets
  std::uint16_t port = 80;   ///< 1 to 65535
  std::string target = "/";  ///< path and query, the "resource name" of RFC 6455 §3
  /// `user:password`, percent-decoded, or empty. A client sends it as Basic credentials (RFC 7617), unless it
  /// is given an Authorization of its own; it is in no other part of the request, nor in any error.
  std::string credentials = {};

  /// Reads a URI; nothing (reported as error::invalid_uri) unless it is `ws://` or `wss://`, perhaps a user
  /// and a password, a host, an optional port, a path and a query by the rules of RFC 3986. A fragment, a
  /// space, control characters and anything that is not ASCII are refused; so is a user with a colon or
  /// credentials that are not UTF-8 once they are decoded. Thread safe.
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

/// True if scheme, host and port are the same (RFC 6454 §4): what is a secret of one is no secret of the
/// other.
inline bool same_origin(uri const& left, uri const& right) noexcept {
  return left.secure == right.secure && left.port == right.port &&
         detail::equal_ignoring_case(left.host, right.host);
}

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
  std::string_view authority = text.substr(0, end);
  if (std::size_t const at = authority.find('@'); at != std::string_view::npos) {
    // RFC 7617 §2: the first colon ends the user.
    std::optional<detail::user_info> const who = detail::parse_user_info(authority.substr(0, at));
    if (!who || who->user.find(':') != std::string::npos) return std::nullopt;
    if (at != 0) result.credentials = who->user + ':' + who->password;
    authority.remove_prefix(at + 1);
  }
  std::optional<detail::authority> const where = detail::parse_authority(authority);
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
