// The sending half of a connection: what is queued, what is under way, and who waits for room.
#pragma once

#include <algorithm>
#include <asio/any_io_executor.hpp>
#include <asio/error.hpp>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <system_error>
#include <utility>

#include "../../error.hpp"
#include "../../frame/role.hpp"
#include "../../message/buffer.hpp"
#include "../../message/message.hpp"
#include "../../session.hpp"
#include "../options.hpp"
#include "activity.hpp"
#include "admission.hpp"
#include "enough_memory.hpp"
#include "keepalive.hpp"
#include "waiting_list.hpp"

namespace kindwire::net::detail {

// Frames go into the session's output at the call. One write is under way at a time; whatever is queued
// meanwhile leaves in the next. When to flush is the affair of the connection, which has one turn after
// another.
class outlet {
 public:
  outlet(outlet const&) = delete;
  outlet& operator=(outlet const&) = delete;

  virtual asio::any_io_executor const& executor() const noexcept = 0;
  session const& protocol() const noexcept { return place_.seen().protocol; }
  bool stream_open() const noexcept { return stream_open_; }
  std::error_code error() const noexcept { return error_ ? error_ : protocol().error(); }

  // Bytes that were queued and not yet taken by the stream.
  std::size_t queued() const noexcept {
    activity const& now = place_.seen();
    return now.protocol.output().size() + now.in_flight.size();
  }
  bool may_send_more() const noexcept { return queued() <= options().send_queue_soft; }

  // `queue` puts one frame into the session's output. The hard mark never stops a message that was begun:
  // half of one would pass for the whole.
  template <class Queue>
  std::error_code send(Queue&& queue) {
    if (queued() >= options().send_queue_hard && protocol().is_open() && !protocol().sending_fragments()) {
      if (options().overflow == overflow_policy::close) fail(error::send_queue_full);
      return error::send_queue_full;
    }
    return queue_frame(queue);
  }

  // The same for a remote: admit() on its thread takes the room that send_admitted() here makes use of.
  std::error_code admit(std::size_t size) noexcept {
    return admission_.enter(size, options().send_queue_hard);
  }
  void send_admitted(message_type type, buffer payload) {
    if (protocol().sending_fragments() && protocol().is_open()) {
      // It cannot stand inside our own message (RFC 6455 §5.4).
      place_.now().parked.push_back({type, std::move(payload)});
      return;
    }
    admission_.leave(payload.size());
    queue_frame([&](session& protocol) { return protocol.send(type, payload.bytes()); });
    admission_.set_queued(queued());
  }
  bool ended() const noexcept { return admission_.closed(); }

  // Names an operation for the cancellation slot that may end it.
  std::uint32_t next_ticket() noexcept { return ++tickets_; }

  // Completes once the queue is at its soft mark or below.
  void wait_drained(operation<std::error_code> waiting, std::uint32_t ticket) {
    if (may_send_more() || protocol().state() == session_state::closed) {
      return waiting.post(executor(), drained_outcome());
    }
    place_.now().drains.add(std::move(waiting), ticket);
  }
  void cancel_drain(std::uint32_t ticket) {
    if (!place_.is_at_rest()) place_.now().drains.cancel(executor(), ticket);
  }

 protected:
  outlet(role self, std::shared_ptr<connection_options const> options) noexcept
      : place_(self, std::move(options)) {}
  ~outlet() = default;

  bool writing() const noexcept { return writing_; }

  virtual void fail(std::error_code why) = 0;

  // One turn of advance() soon. What is queued until then goes out in the same write.
  void schedule() {
    if (advancing_) {
      again_ = true;
    } else if (!scheduled_ && stream_open_) {
      schedule_turn();
    }
  }
  virtual void schedule_turn() = 0;

  // What one read or write takes at most: a flooding peer gets its turn, not the whole thread, and a system
  // call that copies megabytes would hold up all other connections.
  static constexpr std::size_t usual_turn = std::size_t{128} << 10;
  virtual std::size_t turn_size() const noexcept { return usual_turn; }
  std::span<std::byte const> a_turn_of(std::span<std::byte const> bytes) const noexcept {
    return bytes.size() <= 4096 ? bytes : bytes.first(std::min(bytes.size(), turn_size()));
  }

  // What is being written, or the next part of it.
  std::span<std::byte const> unsent() const noexcept { return a_turn_of(place_.seen().in_flight.bytes()); }

  // What the stream offers: a write that never waits, and one that ends in end_write().
  virtual std::size_t try_write(std::span<std::byte const> bytes, std::error_code& failure) = 0;
  virtual void start_write(std::span<std::byte const> bytes) = 0;

  void end_write(std::error_code failure, std::size_t size) {
    writing_ = false;
    if (!stream_open_) return;
    buffer& in_flight = place_.now().in_flight;  // which is there while a write is under way
    in_flight.consume(size);
    if (failure) {
      on_write_failed(failure);
    } else if (!in_flight.empty()) {
      // A peer that takes a long queue piece by piece is alive.
      if (size != 0) keepalive_.heard();
      write_on();
    } else {
      in_flight.release();
    }
  }

  void flush() {
    if (writing_ || !stream_open_ || protocol().output().empty() || write_failed()) return;
    std::error_code failure;
    std::size_t const size = try_write(a_turn_of(protocol().output()), failure);
    enough_memory([&] { wake().consume(size); });  // it is, in any case; only a pong may wait on
    if (failure && failure != asio::error::would_block && failure != asio::error::try_again) {
      return on_write_failed(failure);
    }
    if (protocol().output().empty()) return;
    if (!enough_memory([&] { place_.now().in_flight = wake().take_output(); }))
      return on_write_failed(no_memory());
    write_on();
  }

  void write_on() {
    start_write(unsent());
    writing_ = true;
  }

  // The peer may have said why before it went: what it sent is still read, and delivered, up to its end.
  void on_write_failed(std::error_code failure) {
    activity& now = place_.now();  // something was to be written
    now.write_failed = failure;
    now.in_flight.release();
    drop_output();
  }

  // Where a pong waits there may be no memory: then all of it goes with the connection.
  void drop_output() noexcept {
    if (!place_.is_at_rest()) enough_memory([&] { wake().take_output(); });
  }

  void wake_drained() {
    if (place_.seen().drains.empty() ||
        (!may_send_more() && protocol().state() != session_state::closed && !write_failed()))
      return;
    place_.now().drains.complete(executor(), drained_outcome());
  }

  std::error_code drained_outcome() const noexcept {
    if (write_failed()) return write_failed();
    bool const closed = protocol().state() == session_state::closed;
    if (closed && error()) return error();
    return closed && !may_send_more() ? make_error_code(kindwire::error::closed) : std::error_code{};
  }

  template <class Queue>
  std::error_code queue_frame(Queue&& queue) {
    if (write_failed()) return write_failed();
    std::error_code const outcome = queue(wake());
    if (!outcome) schedule();
    if (!place_.seen().parked.empty() && !protocol().sending_fragments()) {
      for (auto& each : std::exchange(place_.now().parked, {}))
        send_admitted(each.type, std::move(each.payload));
    }
    return outcome;
  }

  connection_options const& options() const noexcept { return place_.options(); }
  session& wake() { return place_.now().protocol; }
  std::error_code write_failed() const noexcept { return place_.seen().write_failed; }

  // What is small goes into what is left over behind the things before it: there may be many connections.
  [[no_unique_address]] activity_place place_;
  [[no_unique_address]] keepalive keepalive_;
  bool stream_open_ = true;
  bool writing_ = false;
  bool scheduled_ = false;
  bool advancing_ = false;
  bool again_ = false;
  std::error_code error_;  // of the stream, where that is what ended the connection
  [[no_unique_address]] admission admission_;
  std::uint32_t tickets_ = 0;
};

}  // namespace kindwire::net::detail
