// The sending half of a connection: what is queued, what is being written, and which sends wait for room.
#pragma once

#include <algorithm>
#include <array>
#include <asio/any_io_executor.hpp>
#include <asio/error.hpp>
#include <asio/post.hpp>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <system_error>
#include <utility>

#include "../../error.hpp"
#include "../../message/buffer.hpp"
#include "../../message/close.hpp"
#include "../../message/prepared_message.hpp"
#include "../../message/shared_frames.hpp"
#include "../../session.hpp"
#include "../../session/prepared_message.hpp"
#include "connection.hpp"
#include "mailbox_place.hpp"
#include "operation.hpp"
#include "queue_account.hpp"
#include "roster.hpp"
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
    if (place_.observed() != nullptr) box->count_refused();
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

// The stream takes nothing right now.
inline bool is_wait(std::error_code failure) noexcept {
  return failure == asio::error::would_block || failure == asio::error::try_again;
}

inline std::error_code connection::send(prepared_message const& whole, compress how, marks which) {
  // A run of its own costs as much as the copy of so many bytes.
  constexpr std::size_t shortest_shared = 512;
  auto const queue = [&](session& protocol) {
    bool const as_it_is = how == compress::no || place_.extension() == nullptr;
    if (!as_it_is || whole.bytes().size() < shortest_shared || !begins_message(whole.type()) ||
        !protocol.is_open() || protocol.self() == role::client || protocol.sending_fragments())
      return protocol.send(whole, how);
    place_.acquire().shared.push(whole.frame(), nullptr, queued_own());
    return std::error_code{};
  };
  return send(queue, which);
}

inline std::error_code connection::share(kindwire::detail::shared_frames const& frames, void const* origin,
                                         sharing when) {
  if (write_failed()) return write_failed();
  if (!stream_open() || !protocol().is_open())
    return error() ? error() : make_error_code(kindwire::error::closed);
  std::error_code failure;
  auto rest = frames;
  if (when == sharing::now && !writing_ && queued() == 0) [[likely]] {
    std::size_t const size = stream().try_write(a_turn_of(frames.bytes()), failure);
    if (observation* const seen = place_.observed()) [[unlikely]]
      seen->saw_sent(frames.bytes().first(size));
    wrote(size);
    rest.consume(size);
    if (rest.size() == 0) return {};
  }
  bool const left = try_allocating([&] {
    if (when != sharing::by_hand) schedule();  // first: if it throws, nothing is queued
    place_.acquire().shared.push(rest, origin, queued_own(), frames.size() - rest.size(), writing_);
  });
  if (!left) {
    if (rest.size() != frames.size()) cut(no_memory());  // nothing may follow a part of a frame
    return no_memory();
  }
  if (failure && !is_wait(failure)) on_write_failed(failure);
  return {};
}

inline void connection::write_shared() {
  flush();
  mail_.set_queued(queued());
  if (stream_open() && place_.observed() != nullptr) [[unlikely]]
    tell_turn();
  if (queued() == 0 && !write_failed()) return place_.release_if_idle();
  if (stream_open() && !try_allocating([&] { schedule(); })) cut(no_memory());
}

inline std::size_t connection::drop_oldest(void const* origin, std::size_t beside) {
  if (may_send_more(beside)) return 0;
  return place_.acquire().shared.drop_oldest(origin, queued() - options().send_queue_soft - beside, writing_);
}

inline void connection::flush() {
  if (writing_ || !stream_open() || queued() == 0 || write_failed()) return;
  std::error_code failure;
  write_queued(failure);
  if (failure && !is_wait(failure)) return on_write_failed(failure);
  if (queued() == 0) return;
  // What has been taken out already is written before the rest is.
  activity& now = place_.acquire();
  if (now.in_flight.empty() && !try_allocating([&] { now.in_flight = now.protocol.take_output(); }))
    return on_write_failed(no_memory());
  keepalive_.blocked(stream().now(), written_ - static_cast<std::uint32_t>(stream().untaken()));
  write_on();
}

// What fits into one turn without waiting. Returns its size.
inline std::size_t connection::write_queued(std::error_code& failure) {
  activity& now = place_.acquire();
  std::size_t size = 0;
  if (now.shared.empty() && now.in_flight.empty()) [[likely]] {
    size = stream().try_write(a_turn_of(now.protocol.output()), failure);
  } else {
    std::array<std::span<std::byte const>, 64> pieces;
    std::size_t count = 0;
    std::size_t room = stream().turn_size();
    now.shared.for_each(now.in_flight.bytes(), now.protocol.output(), [&](std::span<std::byte const> piece) {
      pieces[count] = piece.first((std::min)(piece.size(), room));
      room -= pieces[count++].size();
      return room != 0 && count != pieces.size();
    });
    size = stream().try_write(std::span(pieces).first(count), failure);
  }
  take_written(size);
  return size;
}

// `size` bytes of what is queued have been taken by the stream.
inline void connection::take_written(std::size_t size) {
  if (place_.observed() != nullptr) [[unlikely]]
    tell_sent(size);
  wrote(size);
  activity& now = place_.acquire();  // exists, since something was queued
  if (!now.shared.empty()) size = now.shared.consume(size);
  std::size_t const in_flight = (std::min)(size, now.in_flight.size());
  now.in_flight.consume(in_flight);
  if (now.in_flight.empty()) now.in_flight.release();
  // Consumed in any case; only a pong may have to wait.
  if (size != in_flight) try_allocating([&] { now.protocol.consume(size - in_flight); });
}

inline void connection::write_on() {
  writing_ = true;
  if (start_operation([&] { stream().start_write(unsent()); })) return;
  writing_ = false;
  on_write_failed(no_memory());
}

inline void connection::on_written(std::error_code failure, std::size_t size) {
  writing_ = false;
  if (!stream_open()) {
    // Written before the end, which another handler was the first to see: the peer may have it.
    wrote(size);
    return drop_output();
  }
  take_written(size);
  if (failure) {
    on_write_failed(failure);
  } else if (place_.peek().shared.empty() && !place_.peek().in_flight.empty()) {
    write_on();
  }
  advance();
}

// The peer may have said why before it left: its input is still read and delivered, up to its end.
inline void connection::on_write_failed(std::error_code failure) {
  activity& now = place_.acquire();  // exists, since something was to be written
  now.write_failed = failure;
  drop_output();
}

// With a pong waiting this may run out of memory: the output then goes with the connection.
inline void connection::drop_output() noexcept {
  if (place_.is_at_rest()) return;
  activity& now = place_.acquire();
  now.shared.drop(writing_);
  if (!writing_) now.in_flight.release();
  try_allocating([&] { now.protocol.take_output(); });
  if (queue_charge* const charge = place_.charge()) note_queue(*charge, true);
}

inline void connection::count_queue(std::shared_ptr<queue_account> among) {
  place_.set_charge(std::make_unique<queue_charge>(
      std::move(among), weak_from_this(), [](std::shared_ptr<roster_member> const& owner, bool at_once) {
        auto self = std::static_pointer_cast<connection>(owner);
        asio::any_io_executor const executor = self->executor();
        asio::post(executor, [self = std::move(self), at_once] {
          constexpr auto why = kindwire::error::send_queue_full;
          if (at_once) return self->cut(why);
          if (!try_allocating(
                  [&] { self->close(close_code::try_again_later, kindwire::detail::describe(why)); }))
            self->cut(no_memory());
        });
      }));
}

// `anew`: whatever the account was told before.
inline void connection::note_queue(queue_charge& charge, bool anew) noexcept {
  std::size_t const size = queued() + mail_.size();
  if (!charge.is_due(size) && !(anew && charge.counts())) return;
  charge.set(size, queued_own() + mail_.size() + place_.peek().shared.held());
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
