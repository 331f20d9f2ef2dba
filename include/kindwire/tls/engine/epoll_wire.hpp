// TLS over a socket that an epoll set waits for, once the handshake is done.
#pragma once

#include "../../net/epoll/epoll_set.hpp"

#if defined(KINDWIRE_HAS_EPOLL_SET)

#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cstddef>
#include <memory>
#include <span>
#include <system_error>
#include <utility>

#include "../../handshake/request.hpp"
#include "../../net/epoll/socket_wire.hpp"
#include "peer.hpp"
#include "socket_engine.hpp"

namespace kindwire::tls::detail {

// The members of net::detail::socket_wire, for the same use.
template <class Socket>
class epoll_wire {
 public:
  epoll_wire() noexcept = default;
  // Of a stream whose socket waits for nothing. Without a failure, the descriptor is this wire's from then
  // on.
  epoll_wire(std::shared_ptr<socket_engine<Socket>> core, std::error_code& failure) : core_(std::move(core)) {
    socket_ = core_->release(failure);
  }

  int socket() const noexcept { return socket_; }
  bool is_open() const noexcept { return socket_ >= 0; }

  bool has_input() const noexcept { return core_ && core_->has_input(); }

  std::size_t receive(std::span<std::byte> room, std::error_code& failure, bool hung_up,
                      bool& may_have_more) noexcept {
    std::size_t const size = core_->read(room, failure);
    receiving_waits_ = core_->reading_waits_for_room();
    may_have_more = !receiving_waits_ && (hung_up || core_->may_have_more());
    return size;
  }

  std::size_t send(std::span<std::byte const> bytes, std::error_code& failure) noexcept {
    std::array const one{bytes};
    return core_->write(one, failure);
  }
  std::size_t send(std::span<std::span<std::byte const> const> pieces, std::error_code& failure) noexcept {
    return core_->write(pieces, failure);
  }
  std::size_t unsent() const noexcept { return core_->unsent(); }

  // What is here leaves by itself, also when nobody writes.
  bool on_writable() noexcept {
    std::error_code ignored;  // told by the next send()
    if (core_->unsent() != 0) core_->flush(ignored);
    if (ends_) end_sending();
    return core_->unsent() == 0 && std::exchange(receiving_waits_, false);
  }

  void end_sending() noexcept {
    core_->finish_sending();
    ends_ = core_->unsent() != 0;
    if (!ends_) ::shutdown(socket_, SHUT_WR);
  }
  void say_goodbye() noexcept {
    core_->finish_sending();
    core_->give_up();
  }
  void close() noexcept { ::close(std::exchange(socket_, -1)); }

  void describe(request& head) const {
    SSL* const one = core_ ? core_->native_handle() : nullptr;
    if (one != nullptr) head.set_secure(certificate_of_peer(one));
  }

 private:
  std::shared_ptr<socket_engine<Socket>> core_;
  int socket_ = -1;
  bool ends_ = false;             // our side, once what is here has left
  bool receiving_waits_ = false;  // for room to answer
};

}  // namespace kindwire::tls::detail

#endif
