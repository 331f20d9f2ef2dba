// How a connection carries out session/ending.hpp, and all the ways to end one.
#pragma once

#include <asio/error.hpp>
#include <asio/post.hpp>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <memory>
#include <string_view>
#include <system_error>
#include <utility>

#include "../../error.hpp"
#include "../../message/close.hpp"
#include "../../session.hpp"
#include "../../session/ending.hpp"
#include "../../session/ending_facts.hpp"
#include "connection.hpp"
#include "operation.hpp"
#include "try_allocating.hpp"

namespace kindwire::net::detail {

inline std::error_code connection::close(close_code code, std::string_view reason) {
  if (auto const wrong = check_close(code, reason)) return wrong;
  if (!stream_open()) return {};
  // Mail accepted so far leaves before our Close, and nothing is accepted after it.
  mail_.seal();
  take_mail();
  schedule();
  return place_.acquire().protocol.close(code, reason);
}

inline void connection::wait_closed(operation<std::error_code> waiting, std::uint32_t ticket) {
  if (!stream_open()) return waiting.post(executor(), std::error_code{});
  schedule();  // first: if it throws, nothing waits
  place_.acquire().closes.add(std::move(waiting), ticket);
}

inline void connection::fail(std::error_code why) {
  if (protocol().state() == session_state::closed) return;
  try_allocating([&] { take_mail(); });  // accepted mail leaves first
  fail_session(why);
  if (stream_open() && !try_allocating([&] { schedule(); })) cut(no_memory());
}

inline void connection::fail_session(std::error_code why) {
  mail_.seal();
  // Without memory even for a Close, the stream can only be cut.
  if (!try_allocating([&] { place_.acquire().protocol.fail(why); })) cut(why);
}

inline void connection::destroy_websocket() {
  if (!stream_open()) return;
  // Destroyed by an exception: a server's handler has failed, however it holds its websocket.
  if (protocol().self() == role::server && std::uncaught_exceptions() != 0) {
    return handler_finished(close_code::internal_error);
  }
  unattended_ = true;
  bool const lost = protocol().error() == error::connection_lost || write_failed();
  bool const ends_first = protocol().self() == role::server || protocol().error();
  if (protocol().state() == session_state::closed && ends_first && !lost && !input_ended_) {
    end_operations(asio::error::operation_aborted);
    if (!try_allocating([&] { schedule(); })) cut(no_memory());
    return;
  }
  try_allocating([&] {
    mail_.seal();
    take_mail();
    place_.acquire().protocol.close(close_code::going_away);
  });
  if (!writing_ && queued() != 0 && !write_failed()) {
    std::error_code ignored;
    write_queued(ignored);
  }
  drop_output();
  finish(asio::error::operation_aborted);
}

inline void connection::handler_finished(close_code code) {
  unattended_ = true;
  if (!stream_open()) return;
  bool const done = try_allocating([&] {
    if (protocol().is_open()) close(code, {});
    schedule();
  });
  if (!done) cut(no_memory());
}

inline void connection::stop(close_code code) {
  asio::post(executor(), [self = shared(), code] {
    if (!try_allocating([&] { self->close(code, {}); })) self->cut(no_memory());
  });
}

inline void connection::stop_now() {
  asio::post(executor(), [self = shared()] { self->cut(error::close_timeout); });
}

inline void connection::cut(std::error_code why) {
  if (!stream_open()) return;
  input_ended_ = true;
  if (protocol().state() != session_state::closed) {
    if (!error_) error_ = why;
    place_.end_of_input();
  }
  finish(error());
}

inline bool connection::run_ending() {
  if (protocol().is_open() && !protocol().close_received() && !input_ended_ && !write_failed()) [[likely]] {
    return true;
  }
  for (;;) {
    auto const step =
        ending_.next(known_of_ending(), clock::now(), options().close_timeout, options().min_send_rate);
    asked_ = false;
    switch (step.what) {
      case kindwire::detail::ending::action::wait:
        return step.next == (clock::time_point::max)() || set_timer(step.next, true);
      case kindwire::detail::ending::action::answer_close:
        mail_.seal();
        if (!try_allocating([&] {
              take_mail();
              place_.acquire().protocol.answer_close();
            })) {
          cut(no_memory());
          return false;
        }
        flush();
        wake_drained();
        break;
      case kindwire::detail::ending::action::shut_down_sending:
        if (stream().shut_down_sending()) break;
        // A stream without a shutdown is closed at once: each end would wait for the other.
        [[fallthrough]];
      case kindwire::detail::ending::action::close_stream: end_stream(); return false;
    }
  }
}

inline kindwire::detail::ending::facts connection::known_of_ending() const noexcept {
  bool const queued_any = queued() != 0;
  std::size_t const untaken = protocol().is_open() || write_failed() ? 0 : stream().untaken();
  std::error_code const failure = place_.peek().read_failed;
  auto known = kindwire::detail::facts_of(protocol());
  known.listens = !is_behind();
  known.asked = asked_;
  known.unattended = unattended_;
  known.output_queued = queued_any;
  known.output_waits = queued_any || untaken != 0;
  known.taken = written_ - static_cast<std::uint32_t>(untaken);
  known.write_failed = static_cast<bool>(write_failed());
  known.input_ended = input_ended_;
  known.input_failed = input_ended_ && failure && failure != asio::error::eof;
  return known;
}

// What arrived before the end can still be delivered; how it ended is fixed from now on.
inline void connection::end_stream() {
  if (protocol().close_received()) {
    place_.end_of_input();  // the peer's Close says why
  } else if (protocol().state() != session_state::closed) {
    std::error_code why = place_.peek().read_failed;
    if (!input_ended_) why = write_failed() ? write_failed() : make_error_code(error::close_timeout);
    if (!why || why == asio::error::eof) why = kindwire::error::connection_lost;
    if (!error_) error_ = why;
    input_ended_ = true;
    if (receive_ || (!ready() && protocol().unread_size() == 0)) note_end_of_input();
  }
  finish(error());
}

// Closes the stream and ends every waiting operation.
inline void connection::finish(std::error_code outcome) {
  auto const self = shared();
  ending_.end();
  mail_.shut();
  stream().stop_timer();
  stream().close();
  if (!stream().keeps_bytes()) writing_ = false;
  drop_output();
  tell_end();
  end_operations(outcome);
  leave();
}

inline void connection::end_operations(std::error_code outcome) {
  if (receive_) {
    receive_.post_or_complete(executor(), outcome == asio::error::operation_aborted ? outcome : error(),
                              message{});
  }
  if (place_.is_at_rest()) return;
  activity& now = place_.acquire();
  now.drains.complete(executor(), error() ? error() : make_error_code(kindwire::error::closed));
  now.closes.complete(executor(), outcome);
}

inline void connection::drop_operations() noexcept {
  if (starting_) return;
  ending_.end();
  mail_.shut();
  tell_end();
  auto const receive = std::move(receive_);
  if (place_.is_at_rest()) return;
  activity& now = place_.acquire();
  auto const drains = std::move(now.drains);
  auto const closes = std::move(now.closes);
}

}  // namespace kindwire::net::detail
