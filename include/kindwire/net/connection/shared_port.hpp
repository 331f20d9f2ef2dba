// A port that the threads of a server listen on together.
#pragma once

#include <asio/ip/tcp.hpp>
#include <asio/socket_base.hpp>
#include <cstddef>
#include <vector>

#include "thread_contexts.hpp"

#if defined(__linux__)
#include <sys/socket.h>
#endif

namespace kindwire::net::detail {

// Lets a server listen at once where another has just ended (SO_REUSEADDR). Windows always does; there the
// option would let several programs listen on one port.
#if defined(_WIN32)
inline constexpr bool reuses_address = false;
#else
inline constexpr bool reuses_address = true;
#endif

#if defined(__linux__) && defined(SO_REUSEPORT)
// Linux spreads connections over all sockets that listen with this (socket(7)). Elsewhere it is not there, or
// gives all to one.
inline constexpr bool can_share_port = true;

struct reuse_port {
  int value = 1;

  template <class Protocol>
  int level(Protocol const&) const noexcept {
    return SOL_SOCKET;
  }
  template <class Protocol>
  int name(Protocol const&) const noexcept {
    return SO_REUSEPORT;
  }
  template <class Protocol>
  int const* data(Protocol const&) const noexcept {
    return &value;
  }
  template <class Protocol>
  std::size_t size(Protocol const&) const noexcept {
    return sizeof value;
  }
};

// An acceptor for each context. Throws std::system_error.
inline std::vector<asio::ip::tcp::acceptor> share_port(thread_contexts& contexts,
                                                       asio::ip::tcp::endpoint at) {
  std::vector<asio::ip::tcp::acceptor> all;
  all.reserve(contexts.size());
  for (std::size_t i = 0; i != contexts.size(); ++i) {
    auto& fresh = all.emplace_back(contexts[i], at.protocol());
    fresh.set_option(asio::socket_base::reuse_address(true));
    // Only once the first listens: another program, or this one started twice, is told that the port is
    // taken, unless it asks to share it and is the same user's.
    if (i != 0) fresh.set_option(reuse_port());
    fresh.bind(at);
    fresh.listen();
    if (i == 0) fresh.set_option(reuse_port());
    at = fresh.local_endpoint();
  }
  return all;
}
#else
inline constexpr bool can_share_port = false;

// Not called.
std::vector<asio::ip::tcp::acceptor> share_port(thread_contexts& contexts, asio::ip::tcp::endpoint at);
#endif

}  // namespace kindwire::net::detail
