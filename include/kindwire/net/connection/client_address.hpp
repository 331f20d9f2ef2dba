// What a server takes for one client when it counts connections.
#pragma once

#include <asio/ip/address.hpp>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <system_error>

namespace kindwire::net::detail {

// An IPv4 address, mapped into IPv6 or not, or the first 64 bits of an IPv6 address: the smallest block that
// a site is given (RFC 6177 §2), so that one client has all of it.
struct client_address {
  std::uint64_t bits = 0;
  bool is_v6 = false;

  bool operator==(client_address const&) const = default;
};

inline client_address client_address_of(asio::ip::address const& from) noexcept {
  if (from.is_v4()) return {from.to_v4().to_uint(), false};
  auto const bytes = from.to_v6().to_bytes();
  auto const number = [&](std::size_t begin, std::size_t size) {
    std::uint64_t result = 0;
    for (std::size_t at = begin; at != begin + size; ++at) result = result << 8 | bytes[at];
    return result;
  };
  if (from.to_v6().is_v4_mapped()) return {number(12, 4), false};
  return {number(0, 8), true};
}

// That of the other end of the stream or of its lowest layer; nothing for kinds without addresses, and if it
// is not connected any more.
template <class Stream>
std::optional<client_address> client_address_of(Stream& stream) noexcept {
  std::error_code failure;
  if constexpr (requires { asio::ip::address(stream.remote_endpoint(failure).address()); }) {
    auto const found = stream.remote_endpoint(failure);
    if (failure) return std::nullopt;
    return client_address_of(found.address());
  } else if constexpr (requires {
                         asio::ip::address(stream.lowest_layer().remote_endpoint(failure).address());
                       }) {
    return client_address_of(stream.lowest_layer());
  } else {
    return std::nullopt;
  }
}

}  // namespace kindwire::net::detail
