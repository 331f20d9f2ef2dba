// The transport of a connection over a socket that an epoll_set, or a shared_epoll_set, waits for.
#pragma once

#include "epoll_set.hpp"

#if defined(KINDWIRE_HAS_EPOLL_SET)

#include <sys/socket.h>

#include <asio/any_io_executor.hpp>
#include <asio/error.hpp>
#include <asio/ip/tcp.hpp>
#include <asio/post.hpp>
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
#include "socket_wire.hpp"

namespace kindwire::net::detail {

// Owns the wire. An idle one has neither a buffer nor an operation.
template <class Set, class Wire = socket_wire>
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
    if (wire_.is_open()) wire_.close();
  }

  // Call before start().
  void take(Wire wire) noexcept {
    wire_ = std::move(wire);
    readable_ = wire_.has_input();
  }

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
    std::size_t const size = wire_.send(bytes, failure);
    set_.took(*this, size);
    return size;
  }
  std::size_t try_write(std::span<std::span<std::byte const> const> pieces,
                        std::error_code& failure) override {
    std::size_t const size = wire_.send(pieces, failure);
    set_.took(*this, size);
    return size;
  }

  void start_write(std::span<std::byte const>) override {
    if (is_in_set() || join()) set_.again(*this);
  }

  bool keeps_bytes() const noexcept override { return false; }

  std::size_t untaken() const noexcept override { return wire_.unsent() + untaken_by_peer(wire_.socket()); }

  endpoint remote_endpoint() const override {
    asio::ip::tcp::endpoint found;
    auto size = static_cast<socklen_t>(found.capacity());
    if (!wire_.is_open() || ::getpeername(wire_.socket(), found.data(), &size) != 0) return {};
    found.resize(size);
    return endpoint_of(found);
  }
  void describe(request& head) const override {
    transport::describe(head);
    wire_.describe(head);
  }

  bool shut_down_sending() noexcept override {
    wire_.end_sending();
    return true;
  }

  void close() noexcept override {
    if (!wire_.is_open()) return;
    wire_.say_goodbye();
    // Released last: the connection may be the caller.
    std::shared_ptr<void> owner;
    if (is_in_set()) owner = set_.remove(wire_.socket(), *this);
    wire_.close();
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
    set_.add(wire_.socket(), *this, owner, failure);
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
    if ((events & (EPOLLOUT | over)) != 0 && wire_.on_writable()) readable_ = true;
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
    bool may_have_more = false;
    std::size_t const size = wire_.receive(room, failure, hung_up_, may_have_more);
    readable_ = may_have_more;
    set_.took(*this, size);
    return size;
  }

  void write() {
    std::error_code failure;
    std::size_t const size = try_write(owner_.unsent(), failure);
    if (failure == asio::error::would_block) return;
    owner_.on_written(failure, size);
  }

  Wire wire_;  // a socket alone is in the base's tail padding
  connection& owner_;
  Set& set_;

  void on_shutdown() noexcept override {
    owner_.drop_operations();
    wire_.close();
    wire_ = Wire();  // may refer to the context
  }
};

template <class Set, class Wire = socket_wire>
using epoll_connection = connection_over<epoll_transport<Set, Wire>>;

}  // namespace kindwire::net::detail

#endif
