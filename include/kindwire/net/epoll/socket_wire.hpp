// How the bytes of a connection pass over a socket that an epoll set waits for: as they are.
#pragma once

#include "epoll_set.hpp"

#if defined(KINDWIRE_HAS_EPOLL_SET)

#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <asio/error.hpp>
#include <cerrno>
#include <cstddef>
#include <span>
#include <system_error>
#include <utility>

#include "../../handshake/request.hpp"

namespace kindwire::net::detail {

template <class Call>
std::size_t result_of_call(Call call, std::error_code& failure) noexcept {
  auto size = call();
  while (size < 0 && errno == EINTR) size = call();
  if (size >= 0) return static_cast<std::size_t>(size);
  failure.assign(errno, asio::error::get_system_category());
  return 0;
}

// Other wires have the same members; a member of epoll_transport, which closes it.
class socket_wire {
 public:
  socket_wire() noexcept = default;
  // Owns the non-blocking socket.
  explicit socket_wire(int socket) noexcept : socket_(socket) {}

  static std::size_t receive_from(int socket, std::span<std::byte> room, std::error_code& failure) noexcept {
    return result_of_call([&] { return ::recv(socket, room.data(), room.size(), 0); }, failure);
  }
  static std::size_t send_to(int socket, std::span<std::byte const> bytes,
                             std::error_code& failure) noexcept {
    return result_of_call([&] { return ::send(socket, bytes.data(), bytes.size(), MSG_NOSIGNAL); }, failure);
  }

  int socket() const noexcept { return socket_; }
  bool is_open() const noexcept { return socket_ >= 0; }

  // There is something to receive of which the socket knows nothing.
  bool has_input() const noexcept { return false; }

  // No bytes without a failure: the end. `may_have_more` is false if the socket will tell when there is more.
  std::size_t receive(std::span<std::byte> room, std::error_code& failure, bool hung_up,
                      bool& may_have_more) noexcept {
    std::size_t const size = receive_from(socket_, room, failure);
    // A short read means that all was read (epoll(7)), unless the end follows: it came with the same event,
    // and gets none of its own.
    may_have_more = size == room.size() || (hung_up && failure != asio::error::would_block);
    return size;
  }

  std::size_t send(std::span<std::byte const> bytes, std::error_code& failure) noexcept {
    return send_to(socket_, bytes, failure);
  }
  std::size_t send(std::span<std::span<std::byte const> const> pieces, std::error_code& failure) noexcept {
    std::array<iovec, 64> parts;
    std::size_t const count = (std::min)(pieces.size(), parts.size());
    for (std::size_t i = 0; i != count; ++i)
      parts[i] = {const_cast<std::byte*>(pieces[i].data()), pieces[i].size()};
    msghdr whole{};
    whole.msg_iov = parts.data();
    whole.msg_iovlen = count;
    return result_of_call([&] { return ::sendmsg(socket_, &whole, MSG_NOSIGNAL); }, failure);
  }
  // What was sent, but is still here.
  std::size_t unsent() const noexcept { return 0; }
  // The socket takes more than before. True if receiving has waited for that.
  bool on_writable() noexcept { return false; }

  // Nothing follows.
  void end_sending() noexcept { ::shutdown(socket_, SHUT_WR); }
  // While the socket is still open; may say something to the peer.
  void say_goodbye() noexcept {}
  void close() noexcept { ::close(std::exchange(socket_, -1)); }

  // What it knows of the peer beside the address. May throw std::bad_alloc.
  void describe(request&) const {}

 private:
  int socket_ = -1;
};

}  // namespace kindwire::net::detail

#endif
