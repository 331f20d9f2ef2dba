// Whom a request was sent to: the hosts that a server answers to, and DNS rebinding. RFC 9110 §7.2, §7.4.
//
// If evil.example is rebound to 127.0.0.1, its page has the same origin as the server that it then reaches
// there, and can read whatever that serves. Only Host gives it away: it is still evil.example.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

#include "../error.hpp"
#include "authority.hpp"
#include "request.hpp"
#include "response.hpp"

namespace kindwire {

/// Which hosts a server answers to. A request for any other is answered with 421, be it for a page or a
/// websocket.
struct host_options {
  /// Names and addresses that clients know us by, such as `example.com`, or `example.com:8443` for one port
  /// only; the ports of http and https may be absent from a request. Case and a trailing dot are ignored.
  /// With any entry here, no other host is ours.
  std::vector<std::string> allowed = {};
  /// With nothing listed: only programs on this machine can reach us. Then `localhost`, names that end in
  /// `.localhost` (RFC 6761 §6.3) and any IP address are ours: DNS rebinding can imitate none of them.
  bool local = false;
};

namespace detail {

inline bool is_address(authority const& host) noexcept { return host.bracketed || is_ipv4(host.host); }

inline bool is_localhost(std::string_view name) noexcept {
  constexpr std::string_view localhost = "localhost";
  if (name.size() < localhost.size()) return false;
  std::size_t const rest = name.size() - localhost.size();
  return equal_ignoring_case(name.substr(rest), localhost) && (rest == 0 || name[rest - 1] == '.');
}

inline std::string_view without_last_dot(std::string_view name) noexcept {
  if (name.ends_with('.')) name.remove_suffix(1);
  return name;
}

inline bool is_listed_host(authority const& host, std::string_view entry) noexcept {
  std::optional<authority> const listed = parse_authority(entry);
  if (!listed || !equal_ignoring_case(without_last_dot(listed->host), without_last_dot(host.host)))
    return false;
  if (listed->port == 0 || listed->port == host.port) return true;
  // Browsers leave out the default port (RFC 9110 §7.2), which is that of http or of https.
  return host.port == 0 && (listed->port == 80 || listed->port == 443);
}

}  // namespace detail

/// No error if `from` was sent to us, else error::handshake_host. An HTTP/1.0 request without a host does not
/// come from a browser, and passes. Thread safe.
inline std::error_code check_host(request const& from, host_options const& options) {
  bool const any = options.allowed.empty() && !options.local;
  if (any || from.host().empty()) return {};
  std::optional<detail::authority> const host = detail::parse_authority(from.host());
  if (!host) return error::handshake_host;
  for (std::string const& each : options.allowed) {
    if (detail::is_listed_host(*host, each)) return {};
  }
  bool const local = options.allowed.empty() && (detail::is_address(*host) ||
                                                 detail::is_localhost(detail::without_last_dot(host->host)));
  return local ? std::error_code{} : error::handshake_host;
}

/// Why `entry` of host_options::allowed cannot be a Host, and what to write instead; empty if it can. Thread
/// safe.
inline std::string host_problem(std::string_view entry) {
  bool const wildcard = entry.find('*') != std::string_view::npos;
  if (!wildcard && detail::parse_authority(entry)) return {};
  return "\"" + std::string(entry) + "\" is no host: " +
         (wildcard ? "there are no wildcards; list each host"
                   : "write host, host:port or [address], without a scheme");
}

/// The answer to a request that check_host() has refused: 421 (RFC 9110 §15.5.20), with an explanation.
inline response answer_to_other_host(host_options const& options) {
  std::string text = "421 Misdirected Request: ";
  text += options.allowed.empty()
              ? "this server is reached over loopback, as localhost or by an IP address. Other "
                "names are to be listed in its host_options::allowed"
              : "this server does not go by the name in Host";
  return response::text(421, text + '\n');
}

}  // namespace kindwire
