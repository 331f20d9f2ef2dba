// The sending half of a connection: what is queued, what is being written, and which sends wait for room.
#pragma once

#include <asio/error.hpp>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <system_error>
#include <utility>

#include "../../error.hpp"
#include "../../message/buffer.hpp"
#include "../../session.hpp"
#include "connection.hpp"
#include "mailbox_place.hpp"
#include "operation.hpp"
#include "try_allocating.hpp"

namespace kindwire::net::detail {

inline void connection::wait_drained(operation<std::error_code> waiting, std::uint32_t ticket) {
  if (may_send_more() || protocol().state() == session_state::closed || !stream_open()) {
    return waiting.post(executor(), drained_outcome());
  }
  place_.acquire().drains.add(std::move(waiting), ticket);
}

inline std::shared_ptr<mailbox> connection::open_mailbox() {
  bool const fresh = !mail_.is_open();
  auto encoder = fresh && place_.extension() != nullptr ? place_.extension()->encoder() : nullptr;
  auto box = mail_.open(*this, executor(), options().send_queue_hard, std::move(encoder));
  if (fresh) {
    box->set_queued(queued());
    if (!protocol().is_open()) box->seal();
    if (!stream_open()) box->shut();
  }
  return box;
}

inline void connection::mail_arrived() {
  if (!stream_open()) return;
  if (!try_allocating([&] { take_mail(); })) return cut(no_memory());
  advance();
}

inline void connection::collect_mail() {
  mail_.take(
      protocol().sending_fragments(),
      [this](message_type type, std::span<std::byte const> payload, encoding coding) {
        bool const queued = !queue_frame([&](session& protocol) {
          if (coding == encoding::done) return protocol.send_encoded(type, payload);
          return protocol.send(type, payload, true,
                               coding == encoding::unwanted ? compress::no : compress::yes);
        });
        if (queued && !is_control(type)) count_sent();
      },
      [this] { return queued(); });
}

inline void connection::flush() {
  if (writing_ || !stream_open() || protocol().output().empty() || write_failed()) return;
  std::error_code failure;
  session& protocol = place_.acquire().protocol;
  std::size_t const size = stream().try_write(a_turn_of(protocol.output()), failure);
  wrote(size);
  try_allocating([&] { protocol.consume(size); });  // consumed in any case; only a pong may have to wait
  if (failure && failure != asio::error::would_block && failure != asio::error::try_again) {
    return on_write_failed(failure);
  }
  if (protocol.output().empty()) return;
  if (!try_allocating([&] { place_.acquire().in_flight = protocol.take_output(); }))
    return on_write_failed(no_memory());
  keepalive_.blocked(stream().now(), written_ - static_cast<std::uint32_t>(stream().untaken()));
  write_on();
}

inline void connection::write_on() {
  writing_ = true;
  if (start_operation([&] { stream().start_write(unsent()); })) return;
  writing_ = false;
  on_write_failed(no_memory());
}

inline void connection::on_written(std::error_code failure, std::size_t size) {
  writing_ = false;
  if (!stream_open()) return;
  wrote(size);
  buffer& in_flight = place_.acquire().in_flight;  // exists while a write is under way
  in_flight.consume(size);
  if (failure) {
    on_write_failed(failure);
  } else if (!in_flight.empty()) {
    write_on();
  } else {
    in_flight.release();
  }
  advance();
}

// The peer may have said why before it left: its input is still read and delivered, up to its end.
inline void connection::on_write_failed(std::error_code failure) {
  activity& now = place_.acquire();  // exists, since something was to be written
  now.write_failed = failure;
  now.in_flight.release();
  drop_output();
}

// With a pong waiting this may run out of memory: the output then goes with the connection.
inline void connection::drop_output() noexcept {
  if (!place_.is_at_rest()) try_allocating([&] { place_.acquire().protocol.take_output(); });
}

inline void connection::wake_drained() {
  if (place_.peek().drains.empty() ||
      (!may_send_more() && protocol().state() != session_state::closed && !write_failed()))
    return;
  place_.acquire().drains.complete(executor(), drained_outcome());
}

inline std::error_code connection::drained_outcome() const noexcept {
  if (write_failed()) return write_failed();
  bool const closed = protocol().state() == session_state::closed || !stream_open();
  if (closed && error()) return error();
  return closed && !may_send_more() ? make_error_code(kindwire::error::closed) : std::error_code{};
}

}  // namespace kindwire::net::detail
