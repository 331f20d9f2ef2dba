// How much of what was written to a socket the peer's end has not taken yet.
#pragma once

#include <cstddef>

#if defined(__linux__)
#include <linux/sockios.h>
#include <sys/ioctl.h>
#elif defined(__APPLE__)
#include <sys/socket.h>
#endif

namespace kindwire::net::detail {

// 0 if the system, or the descriptor, cannot tell.
inline std::size_t untaken_by_peer([[maybe_unused]] int socket) noexcept {
  int size = 0;
#if defined(__linux__)
  if (::ioctl(socket, SIOCOUTQ, &size) != 0) return 0;
#elif defined(__APPLE__)
  socklen_t length = sizeof size;
  if (::getsockopt(socket, SOL_SOCKET, SO_NWRITE, &size, &length) != 0) return 0;
#endif
  return size > 0 ? static_cast<std::size_t>(size) : 0;
}

}  // namespace kindwire::net::detail
