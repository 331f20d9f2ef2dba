// How a connection carries out session/keepalive.hpp.
#pragma once

#include <algorithm>
#include <bit>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <utility>

#include "../../error.hpp"
#include "../../message/message.hpp"
#include "../../session/keepalive.hpp"
#include "connection.hpp"
#include "try_allocating.hpp"

namespace kindwire::net::detail {

inline void connection::on_timer(clock::time_point due) {
  if (!stream_open()) return;
  if (rate_meter* const meter = place_.meter()) [[unlikely]]
    meter->waits = false;
  // In a turn of its own: what a handler throws must not keep the timer from being set again.
  if (!ending_.has_term() && held_back_) try_allocating([&] { schedule(); });
  if (!stream_open()) return;
  if (!ending_.has_term()) return tick(due);
  if (!looks_again()) advance();
}

// Reads what has arrived in the meantime before the peer is blamed. True if that takes another turn of the
// loop, after which on_timer() is called again.
inline bool connection::looks_again() {
  bool const looked = looked_;
  looked_ = false;
  if (looked || !reading_ || stream().read_now()) return false;
  looked_ = set_timer(clock::now(), ending_.has_term());
  return true;
}

inline void connection::tick(clock::time_point due) {
  bool const off = options().ping_interval.count() <= 0 && options().idle_timeout.count() <= 0 &&
                   place_.extension() == nullptr && !held_back_;
  if (off || ending_.has_term() || !stream_open()) return;
  if (queue_charge* const charge = place_.charge()) [[unlikely]]
    note_queue(*charge, true);
  using kindwire::detail::keepalive;
  auto step = keepalive_.tick(clock::now(), due, options().keepalive(), known_of_life());
  if (step.what != keepalive::verdict::wait && step.what != keepalive::verdict::ping) {
    if (looks_again() || ending_.has_term() || !stream_open()) return;
    step = keepalive_.tick(clock::now(), due, options().keepalive(), known_of_life());
  }
  switch (step.what) {
    case keepalive::verdict::idle: return fail(error::idle_timeout);
    case keepalive::verdict::no_pong: return fail(error::pong_timeout);
    case keepalive::verdict::stalled: return fail(error::send_timeout);
    case keepalive::verdict::ping: {
      bool const sent = try_allocating([&] {
        schedule();
        place_.acquire().protocol.send(message_type::ping, {});
      });
      if (!sent) return fail(no_memory());
      break;
    }
    case keepalive::verdict::wait: break;
  }
  step.next = (std::min)(step.next, place_.let_extension_rest(clock::now()));
  if (held_back_) [[unlikely]] {
    place_.meter()->waits = true;
    step.next = (std::min)(step.next, place_.meter()->bucket.next(options().message_rate));
  }
  // A receive may wait for a token with no read under way to keep the connection.
  if (step.next != (clock::time_point::max)())
    set_timer(held_back_ ? step.next : with_others(step.next), held_back_);
}

// Less than a hundredth of the wait later, when those of many quiet connections are due together: one wake-up
// is for all of them.
inline connection::clock::time_point connection::with_others(clock::time_point due) {
  using std::chrono::milliseconds;
  auto const wait = std::chrono::duration_cast<milliseconds>(due - clock::now()).count();
  if (wait < 128) return due;
  auto const grain = clock::duration(milliseconds(std::bit_floor(static_cast<std::uint64_t>(wait)) / 128));
  auto const past = due.time_since_epoch() % grain;
  return past.count() == 0 ? due : due + (grain - past);
}

inline void connection::wait_for_token() {
  if (!place_.meter()->waits) tick(clock::now());
}

inline kindwire::detail::keepalive::facts connection::known_of_life() const noexcept {
  std::size_t const untaken = write_failed() ? 0 : stream().untaken();
  bool const nothing_said = protocol().is_open() && !protocol().close_received();
  return {.listens = !is_behind() || input_ended_,
          .unread = ready() || protocol().unread_size() != 0,
          .may_ping = nothing_said && !input_ended_ && !write_failed(),
          .output_waits = queued() != 0 || untaken != 0,
          .backlog = queued() != 0,
          .taken = written_ - static_cast<std::uint32_t>(untaken)};
}

// False if out of memory; the connection has then been cut.
inline bool connection::set_timer(clock::time_point at, bool keeps) {
  if (start_operation([&] { stream().start_timer(at, keeps); })) return true;
  cut(no_memory());
  return false;
}

}  // namespace kindwire::net::detail
