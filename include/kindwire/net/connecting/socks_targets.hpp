// What a SOCKS 5 proxy is asked to connect to: the server's name, or its addresses.
#pragma once

#include <algorithm>
#include <asio/error.hpp>
#include <asio/ip/address.hpp>
#include <asio/ip/tcp.hpp>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include "../../error.hpp"
#include "../../handshake/socks5.hpp"
#include "../../handshake/uri.hpp"
#include "connect_race.hpp"
#include "proxy_address.hpp"
#include "words.hpp"

namespace kindwire::net::detail {

struct socks_target {
  std::string name = {};  // the address in words; empty if it is what the URI says
  socks5_request request = {};
};

// True if the name of the host is to be resolved here.
inline bool needs_addresses(uri const& to, proxy_address const& via) {
  std::error_code is_name;
  asio::ip::make_address(to.host, is_name);
  return is_name && via.kind == proxy_kind::socks5;
}

inline socks5_request socks_request(uri const& to, proxy_address const& via) {
  return {.port = to.port, .user = via.credentials.user, .password = via.credentials.password};
}

inline void set_address(socks5_request& request, asio::ip::address const& address) {
  auto const set = [&](auto const& bytes) {
    std::copy(bytes.begin(), bytes.end(), request.address.begin());
    request.address_size = bytes.size();
  };
  address.is_v4() ? set(address.to_v4().to_bytes()) : set(address.to_v6().to_bytes());
}

// What the URI says, for a proxy that needs no addresses.
inline socks_target socks_target_of(uri const& to, proxy_address const& via) {
  socks_target result{.request = socks_request(to, via)};
  std::error_code is_name;
  auto const address = asio::ip::make_address(to.host, is_name);
  if (is_name) {
    result.request.host = to.host;  // the proxy resolves it
  } else {
    set_address(result.request, address);
  }
  return result;
}

// The addresses of the host, in the order of RFC 8305 §4, as without a proxy.
inline std::vector<socks_target> socks_targets_of(uri const& to, proxy_address const& via,
                                                  std::vector<asio::ip::tcp::endpoint> const& all) {
  std::vector<socks_target> result;
  for (auto const& each : interleaved(all)) {
    result.push_back({authority_of(each), socks_request(to, via)});
    set_address(result.back().request, each.address());
  }
  return result;
}

// True if the proxy, which may not have said so, could not reach one address: another one may do.
inline bool is_about_one_address(std::error_code failure) noexcept {
  return failure == error::proxy_refused || failure == error::connection_lost ||
         failure == asio::error::connection_reset || failure == asio::error::broken_pipe;
}

}  // namespace kindwire::net::detail
