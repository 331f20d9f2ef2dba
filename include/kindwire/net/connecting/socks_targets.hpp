// What a SOCKS 5 proxy is asked to connect to: the server's name, or its addresses in turn.
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

// A request has one address, and a proxy that refuses it closes the connection (RFC 1928 §6): each of several
// is asked for on a connection of its own.
class socks_targets {
 public:
  using endpoint = asio::ip::tcp::endpoint;

  // Before the first request to another server.
  void clear() noexcept {
    left_.clear();
    is_resolved_ = false;
  }

  // True if next() needs the addresses of the host.
  bool needs_addresses(uri const& to, proxy_address const& via) const {
    std::error_code is_name;
    asio::ip::make_address(to.host, is_name);
    return is_name && via.kind == proxy_kind::socks5 && !is_resolved_;
  }

  // They are asked for in the order of RFC 8305 §4, as without a proxy.
  void set_addresses(std::vector<endpoint> const& all) {
    left_ = interleaved(all);
    std::reverse(left_.begin(), left_.end());
    is_resolved_ = true;
  }

  bool any_left() const noexcept { return !left_.empty(); }

  // The first request, or the one for the next address, which must be there. `tried` is that address in
  // words, empty if it is what the URI says.
  socks5_request next(uri const& to, proxy_address const& via, std::string& tried) {
    socks5_request request{
        .port = to.port, .user = via.credentials.user, .password = via.credentials.password};
    std::error_code is_name;
    auto address = asio::ip::make_address(to.host, is_name);
    if (is_resolved_) {
      tried = authority_of(left_.back());
      address = left_.back().address();
      left_.pop_back();
    } else if (is_name) {
      request.host = to.host;  // the proxy resolves it
      return request;
    }
    auto const set = [&](auto const& bytes) {
      std::copy(bytes.begin(), bytes.end(), request.address.begin());
      request.address_size = bytes.size();
    };
    address.is_v4() ? set(address.to_v4().to_bytes()) : set(address.to_v6().to_bytes());
    return request;
  }

  // True if the proxy, which may not have said so, could not reach this address: another one may do.
  bool goes_on_after(std::error_code failure) const noexcept {
    return any_left() && (failure == error::proxy_refused || failure == error::connection_lost ||
                          failure == asio::error::connection_reset || failure == asio::error::broken_pipe);
  }

 private:
  std::vector<endpoint> left_;  // the next one last
  bool is_resolved_ = false;
};

}  // namespace kindwire::net::detail
