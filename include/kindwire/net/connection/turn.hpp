// What a connection does in a turn: it delivers, answers, writes, reads on, and ends. Every event of a
// connection leads to advance(); a handler that calls back into it only leaves work for the turn.
#pragma once

#include <algorithm>
#include <asio/defer.hpp>
#include <memory>
#include <new>
#include <span>

#include "closing.hpp"
#include "connection.hpp"
#include "observing.hpp"
#include "operation.hpp"
#include "receiving.hpp"
#include "sending.hpp"
#include "timing.hpp"
#include "try_allocating.hpp"

namespace kindwire::net::detail {

inline void connection::start(std::span<std::byte const> leftover) {
  bool const taken = leftover.empty() || try_allocating([&] {
                       std::copy(leftover.begin(), leftover.end(), room_for_input(leftover.size()).begin());
                       place_.acquire().protocol.commit(leftover.size());
                     });
  if (observation* const seen = place_.observed()) seen->saw_received(leftover);
  if (options().statistics && counts() == nullptr) try_allocating([&] { place_.begin_counting(); });
  bool const metered = !options().message_rate || try_allocating([&] { place_.begin_metering(); });
  came(leftover.size());
  if (!taken || !metered) fail(no_memory());
  clock::time_point const now = clock::now();
  keepalive_.start(now);
  tick(now);
  schedule();
}

// Posts a turn. What is queued until then goes out in the same write.
inline void connection::schedule() {
  if (in_turn_) {
    again_ = true;
  } else if (!scheduled_ && stream_open()) {
    bool const posted = start_operation([this] {
      asio::defer(executor(), [held = operation_guard(shared())]() mutable {
        auto const self = held.end();
        self->scheduled_ = false;
        self->advance();
      });
    });
    if (!posted) throw std::bad_alloc();
    scheduled_ = true;
  }
}

// The caller keeps the connection alive until this returns.
inline void connection::advance() {
  if (in_turn_ || !stream_open()) return;
  {
    // A handler's exception leaves through io_context::run(); the connection goes on in a later turn.
    struct turn {
      connection& self;
      bool finished = false;
      ~turn() {
        self.in_turn_ = false;
        if (!finished) try_allocating([&] { self.schedule(); });
      }
    };
    in_turn_ = true;
    turn guard{*this};
    try_allocating([&] { take_mail(); });  // otherwise mail waits for the next turn
    do {
      deliver();
      again_ = false;  // what the application has done so far is dealt with from here on
      flush();
      if (held_back_ && !holds_back()) [[unlikely]] {
        held_back_ = false;
        again_ = true;
      }
    } while (again_ && stream_open());
    guard.finished = true;
  }
  if (!stream_open()) return;
  mail_.set_queued(queued());
  if (place_.observed() != nullptr) [[unlikely]]
    tell_turn();
  if (queue_charge* const charge = place_.charge()) [[unlikely]]
    note_queue(*charge, false);
  wake_drained();
  if (!protocol().is_open()) mail_.seal();
  if (!run_ending()) return;
  if (held_back_) [[unlikely]]
    wait_for_token();
  read();
  place_.release_if_idle();
}

}  // namespace kindwire::net::detail
