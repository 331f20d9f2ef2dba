// The transport of a connection over a plain socket that an epoll_set, or a shared_epoll_set, waits for.
#pragma once

#include "epoll_set.hpp"

#if defined(KINDWIRE_HAS_EPOLL_SET)

#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <asio/any_io_executor.hpp>
#include <asio/error.hpp>
#include <asio/ip/tcp.hpp>
#include <asio/post.hpp>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <system_error>
#include <utility>

#include "../async_stream.hpp"
#include "../connection/connection.hpp"
#include "../connection/connection_over.hpp"
#include "../connection/operation.hpp"
#include "../connection/try_allocating.hpp"
#include "../connection/turn.hpp"
#include "../connection/untaken.hpp"

namespace kindwire::net::detail {

// Owns the non-blocking socket. An idle one has neither a buffer nor an operation.
template <class Set>
class epoll_transport final : public transport, private Set::member {
  using member = typename Set::member;
  using member::hung_up_;
  using member::is_in_set;
  using member::readable_;

 public:
  // What else a member of the set is made from comes last.
  template <class... Args>
  epoll_transport(connection& owner, Set& set, Args&&... args) noexcept
      : member(set, std::forward<Args>(args)...), owner_(owner), set_(set) {}

  ~epoll_transport() {
    if (socket_ >= 0) ::close(socket_);
  }

  // Call before start().
  void take(int socket) noexcept { socket_ = socket; }

  asio::any_io_executor const& executor() const noexcept override { return set_.executor_of(*this); }
  transport::clock::time_point now() const noexcept override { return set_.now(*this); }

  void start_read() override {
    if (!is_in_set() && !join()) return;
    if (readable_) set_.again(*this);
  }

  bool read_now() override {
    std::error_code failure;
    std::span<std::byte> room;
    if (!try_allocating([&] { room = owner_.room_for_input(turn_size()); })) return true;
    std::size_t const size = receive_into(room, failure);
    // The pending read will report the end; an error may be reported only once.
    if (size != 0) owner_.on_read_now(size);
    if (failure && failure != asio::error::would_block) owner_.on_read(failure, 0);
    return true;
  }

  std::size_t turn_size() const noexcept override { return set_.floods(*this) ? usual_turn / 8 : usual_turn; }

  std::size_t try_write(std::span<std::byte const> bytes, std::error_code& failure) override {
    std::size_t const size =
        result_of([&] { return ::send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL); }, failure);
    set_.took(*this, size);
    return size;
  }

  std::size_t try_write(std::span<std::span<std::byte const> const> pieces,
                        std::error_code& failure) override {
    std::array<iovec, 64> parts;
    std::size_t const count = (std::min)(pieces.size(), parts.size());
    for (std::size_t i = 0; i != count; ++i)
      parts[i] = {const_cast<std::byte*>(pieces[i].data()), pieces[i].size()};
    msghdr whole{};
    whole.msg_iov = parts.data();
    whole.msg_iovlen = count;
    std::size_t const size = result_of([&] { return ::sendmsg(socket_, &whole, MSG_NOSIGNAL); }, failure);
    set_.took(*this, size);
    return size;
  }

  void start_write(std::span<std::byte const>) override {
    if (is_in_set() || join()) set_.again(*this);
  }

  bool keeps_bytes() const noexcept override { return false; }

  std::size_t untaken() const noexcept override { return untaken_by_peer(socket_); }

  endpoint remote_endpoint() const override {
    asio::ip::tcp::endpoint found;
    auto size = static_cast<socklen_t>(found.capacity());
    if (socket_ < 0 || ::getpeername(socket_, found.data(), &size) != 0) return {};
    found.resize(size);
    return endpoint_of(found);
  }

  bool shut_down_sending() noexcept override {
    ::shutdown(socket_, SHUT_WR);
    return true;
  }

  void close() noexcept override {
    if (socket_ < 0) return;
    // Released last: the connection may be the caller.
    std::shared_ptr<void> owner;
    if (is_in_set()) owner = set_.remove(socket_, *this);
    ::close(std::exchange(socket_, -1));
  }

  // The set keeps its members alive in any case.
  void start_timer(clock::time_point at, bool) override {
    if (is_in_set() || join()) set_.start_timer(*this, at);
  }
  void stop_timer() noexcept override { set_.stop_timer(*this); }

 private:
  // False if the set does not take it; that is reported as a read error.
  bool join() {
    std::error_code failure;
    auto const owner = std::static_pointer_cast<connection>(owner_.shared_from_this());
    set_.add(socket_, *this, owner, failure);
    if (!failure) return true;
    asio::post(executor(),
               [held = operation_guard(owner), failure]() mutable { held.end()->on_read(failure, 0); });
    return false;
  }

  void on_time(clock::time_point due) override { owner_.on_timer(due); }

  void on_events(std::uint32_t events) override {
    constexpr std::uint32_t over = EPOLLRDHUP | EPOLLHUP | EPOLLERR;
    if ((events & over) != 0) hung_up_ = true;
    if ((events & (EPOLLIN | over)) != 0) readable_ = true;
    if (owner_.writing() && (events == 0 || (events & (EPOLLOUT | over)) != 0)) write();
    if (owner_.stream_open() && owner_.reading() && readable_) read();
  }

  void read() {
    std::error_code failure;
    std::span<std::byte> room;
    if (!try_allocating([&] { room = owner_.room_for_input(turn_size()); })) {
      return owner_.on_read(no_memory(), 0);
    }
    std::size_t const size = receive_into(room, failure);
    if (size == 0) {
      if (!failure) {
        failure = asio::error::eof;
      } else if (failure == asio::error::would_block) {
        failure.clear();
      }
    }
    owner_.on_read(failure, size);
  }

  std::size_t receive_into(std::span<std::byte> room, std::error_code& failure) noexcept {
    std::size_t const size = result_of([&] { return ::recv(socket_, room.data(), room.size(), 0); }, failure);
    // A short read means that all was read (epoll(7)), unless the end follows: it came with the same event,
    // and gets none of its own.
    readable_ = size == room.size() || (hung_up_ && failure != asio::error::would_block);
    set_.took(*this, size);
    return size;
  }

  void write() {
    std::error_code failure;
    std::size_t const size = try_write(owner_.unsent(), failure);
    if (failure == asio::error::would_block) return;
    owner_.on_written(failure, size);
  }

  template <class Call>
  static std::size_t result_of(Call call, std::error_code& failure) noexcept {
    ssize_t size = call();
    while (size < 0 && errno == EINTR) size = call();
    if (size >= 0) return static_cast<std::size_t>(size);
    failure.assign(errno, asio::error::get_system_category());
    return 0;
  }

  int socket_ = -1;  // in the base's tail padding
  connection& owner_;
  Set& set_;

  void on_shutdown() noexcept override {
    owner_.drop_operations();
    ::close(std::exchange(socket_, -1));
  }
};

template <class Set>
using epoll_connection = connection_over<epoll_transport<Set>>;

}  // namespace kindwire::net::detail

#endif
