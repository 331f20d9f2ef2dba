// The stream operations of a connection over a plain socket that an epoll_set waits for.
#pragma once

#include "epoll_set.hpp"

#if defined(KINDWIRE_HAS_EPOLL_SET)

#include <sys/socket.h>
#include <unistd.h>

#include <asio/any_io_executor.hpp>
#include <asio/error.hpp>
#include <asio/post.hpp>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>
#include <span>
#include <system_error>
#include <utility>

#include "../connection/connection.hpp"
#include "../connection/enough_memory.hpp"
#include "../connection/lease.hpp"
#include "../options.hpp"

namespace kindwire::net::detail {

// Owns the socket, which does not block. An idle one has neither a buffer nor an operation.
class epoll_connection final : public connection, private epoll_set::member {
 public:
  epoll_connection(epoll_set& set, role self, std::shared_ptr<connection_options const> options)
      : connection(self, std::move(options)), set_(set) {}

  ~epoll_connection() {
    if (socket_ >= 0) ::close(socket_);
  }

  asio::any_io_executor const& executor() const noexcept override { return set_.executor(); }

  // Before start().
  void take(int socket) noexcept { socket_ = socket; }

 protected:
  void start_read() override {
    if (!kept_ && !join()) return;
    if (readable_) set_.again(*this);
  }

  std::size_t try_write(std::span<std::byte const> bytes, std::error_code& failure) override {
    std::size_t const size =
        result_of([&] { return ::send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL); }, failure);
    set_.took(*this, size);
    return size;
  }

  std::size_t turn_size() const noexcept override { return set_.floods(*this) ? usual_turn / 8 : usual_turn; }

  void start_write(std::span<std::byte const>) override {
    if (kept_ || join()) set_.again(*this);
  }

  void start_timer(keepalive::clock::time_point at) override {
    if (kept_ || join()) set_.start_timer(*this, at);
  }
  void stop_timer() noexcept override { set_.stop_timer(*this); }

  bool shutdown_send() noexcept override {
    ::shutdown(socket_, SHUT_WR);
    return true;
  }

  void close_stream() noexcept override {
    if (socket_ < 0) return;
    if (kept_) set_.remove(socket_, *this);
    ::close(std::exchange(socket_, -1));
    // Whoever closes it may be called by what is kept here.
    auto const last = std::move(kept_);
  }

 private:
  // False when it cannot be waited for; that is told as the end of what is read.
  bool join() {
    std::error_code failure;
    set_.add(socket_, *this, failure);
    if (!failure) {
      kept_ = shared();
      return true;
    }
    asio::post(executor(), [held = lease(std::static_pointer_cast<epoll_connection>(shared_from_this())),
                            failure]() mutable { held.end()->on_read(failure, 0); });
    return false;
  }

  void on_time() override {
    auto const self = kept_;
    on_timer();
  }

  void on_events(std::uint32_t events) override {
    auto const self = kept_;
    constexpr std::uint32_t over = EPOLLRDHUP | EPOLLHUP | EPOLLERR;
    if ((events & over) != 0) ending_ = true;
    if ((events & (EPOLLIN | over)) != 0) readable_ = true;
    if (writing() && (events == 0 || (events & (EPOLLOUT | over)) != 0)) write();
    if (stream_open() && reading() && readable_) read();
  }

  void read() {
    std::error_code failure;
    std::span<std::byte> room;
    if (!enough_memory([&] { room = room_for_input(turn_size()); })) return on_read(no_memory(), 0);
    std::size_t const size = result_of([&] { return ::recv(socket_, room.data(), room.size(), 0); }, failure);
    // Less than there was room for is all there was (epoll(7)), unless the end stands behind it: that came
    // with the same event, and is no event of its own.
    readable_ = size == room.size() || (ending_ && !failure);
    set_.took(*this, size);
    if (failure == asio::error::would_block) {
      failure.clear();
    } else if (size == 0 && !failure) {
      failure = asio::error::eof;
    }
    on_read(failure, size);
  }

  void write() {
    std::error_code failure;
    std::size_t const size = try_write(unsent(), failure);
    if (failure == asio::error::would_block) return;
    on_written(failure, size);
  }

  template <class Call>
  static std::size_t result_of(Call call, std::error_code& failure) noexcept {
    ssize_t size = call();
    while (size < 0 && errno == EINTR) size = call();
    if (size >= 0) return static_cast<std::size_t>(size);
    failure.assign(errno, asio::error::get_system_category());
    return 0;
  }

  epoll_set& set_;
  std::shared_ptr<connection> kept_;  // while it is in the set: nothing else may hold it
  int socket_ = -1;
  bool readable_ = false;
  bool ending_ = false;

  void on_shutdown() noexcept override {
    auto const last = std::move(kept_);
    drop_operations();
    ::close(std::exchange(socket_, -1));
  }
};

}  // namespace kindwire::net::detail

#endif
