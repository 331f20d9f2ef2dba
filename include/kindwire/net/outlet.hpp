// The sending half of a connection: what is queued, what is under way, and who waits for room.
#pragma once

#include <algorithm>
#include <asio/any_io_executor.hpp>
#include <asio/error.hpp>
#include <cstddef>
#include <cstdint>
#include <span>
#include <system_error>
#include <utility>

#include "../error.hpp"
#include "../frame/role.hpp"
#include "../message/buffer.hpp"
#include "../session.hpp"
#include "enough_memory.hpp"
#include "keepalive.hpp"
#include "options.hpp"
#include "waiting_list.hpp"

namespace kindwire::net::detail {

// Frames go into the session's output at the call. One write is under way at a time; whatever is queued
// meanwhile leaves in the next. When to flush is the connection's affair.
class outlet {
 public:
  outlet(outlet const&) = delete;
  outlet& operator=(outlet const&) = delete;

  asio::any_io_executor const& executor() const noexcept { return executor_; }
  session const& protocol() const noexcept { return session_; }
  bool stream_open() const noexcept { return stream_open_; }
  std::error_code error() const noexcept { return error_ ? error_ : session_.error(); }

  // Bytes that were queued and not yet taken by the stream.
  std::size_t queued() const noexcept { return session_.output().size() + in_flight_.size(); }
  bool may_send_more() const noexcept { return queued() <= options_.send_queue_soft; }

  // Completes once the queue is at its soft mark or below.
  void wait_drained(operation<std::error_code> waiting, std::uint64_t ticket) {
    if (may_send_more() || session_.state() == session_state::closed) {
      return waiting.post(executor_, drained_outcome());
    }
    drains_.add(std::move(waiting), ticket);
  }
  void cancel_drain(std::uint64_t ticket) { drains_.cancel(executor_, ticket); }

 protected:
  outlet(asio::any_io_executor executor, role self, connection_options const& options)
      : executor_(std::move(executor)), options_(options), session_(self, options.session()) {}
  ~outlet() = default;

  bool writing() const noexcept { return writing_; }

  // What the stream offers: a write that never waits, and one that ends in end_write().
  virtual std::size_t try_write(std::span<std::byte const> bytes, std::error_code& failure) = 0;
  virtual void start_write(std::span<std::byte const> bytes) = 0;

  void end_write(std::error_code failure, std::size_t size) {
    writing_ = false;
    if (!stream_open_) return;
    in_flight_.consume(size);
    if (failure) {
      on_write_failed(failure);
    } else if (!in_flight_.empty()) {
      // A peer that takes a long queue piece by piece is alive.
      if (size != 0) keepalive_.heard();
      write_on();
    } else {
      in_flight_.release();
    }
  }

  void flush() {
    if (writing_ || !stream_open_ || session_.output().empty() || write_failed_) return;
    std::error_code failure;
    std::size_t const size = try_write(a_turn_of(session_.output()), failure);
    enough_memory([&] { session_.consume(size); });  // it is, in any case; only a pong may wait on
    if (failure && failure != asio::error::would_block && failure != asio::error::try_again) {
      return on_write_failed(failure);
    }
    if (session_.output().empty()) return;
    if (!enough_memory([&] { in_flight_ = session_.take_output(); })) return on_write_failed(no_memory());
    write_on();
  }

  void write_on() {
    start_write(a_turn_of(in_flight_.bytes()));
    writing_ = true;
  }

  // A system call that copies megabytes would hold up all other connections of the thread.
  static std::span<std::byte const> a_turn_of(std::span<std::byte const> bytes) noexcept {
    constexpr std::size_t most = std::size_t{128} << 10;
    return bytes.first(std::min(bytes.size(), most));
  }

  // The peer may have said why before it went: what it sent is still read, and delivered, up to its end.
  void on_write_failed(std::error_code failure) {
    write_failed_ = failure;
    in_flight_.release();
    drop_output();
  }

  // Where a pong waits there may be no memory: then all of it goes with the connection.
  void drop_output() noexcept {
    enough_memory([&] { session_.take_output(); });
  }

  void wake_drained() {
    if (drains_.empty() || (!may_send_more() && session_.state() != session_state::closed && !write_failed_))
      return;
    drains_.complete(executor_, drained_outcome());
  }

  std::error_code drained_outcome() const noexcept {
    if (write_failed_) return write_failed_;
    bool const closed = session_.state() == session_state::closed;
    if (closed && error()) return error();
    return closed && !may_send_more() ? make_error_code(kindwire::error::closed) : std::error_code{};
  }

  asio::any_io_executor executor_;
  connection_options options_;
  session session_;
  keepalive keepalive_;
  buffer in_flight_;
  waiting_list drains_;
  std::error_code error_;  // of the stream, where that is what ended the connection
  std::error_code write_failed_;
  bool stream_open_ = true;
  bool writing_ = false;
};

}  // namespace kindwire::net::detail
