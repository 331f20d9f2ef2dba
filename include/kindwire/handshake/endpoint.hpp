// The address of the other end of a connection.
#pragma once

#include "../requirements.hpp"

#include <cstdint>
#include <string>

namespace kindwire {

/// An address and a port. Converts to false without an address: for a Unix socket, or once the stream is
/// closed.
struct endpoint {
  std::string address = {};  ///< IPv4 or IPv6, without brackets: `127.0.0.1`, `::1`
  std::uint16_t port = 0;

  explicit operator bool() const noexcept { return !address.empty(); }
  bool operator==(endpoint const&) const = default;
};

/// As in a URI (RFC 3986 §3.2.2): `127.0.0.1:8080`, `[::1]:8080`; `unknown` for none.
inline std::string to_string(endpoint const& of) {
  if (!of) return "unknown";
  bool const brackets = of.address.find(':') != std::string::npos;
  std::string result = brackets ? '[' + of.address + ']' : of.address;
  return (result += ':') += std::to_string(of.port);
}

}  // namespace kindwire
