// What a connection does in a turn: it delivers, answers, writes, reads on, and ends. All that happens to a
// connection ends up in advance(), and a handler that calls back into it only leaves work for the turn.
#pragma once

#include <algorithm>
#include <asio/defer.hpp>
#include <asio/error.hpp>
#include <asio/post.hpp>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <memory>
#include <new>
#include <span>
#include <string_view>
#include <system_error>
#include <utility>

#include "connection.hpp"
#include "enough_memory.hpp"
#include "operation_guard.hpp"

namespace kindwire::net::detail {

inline void connection::start(std::span<std::byte const> leftover) {
  bool const taken = leftover.empty() || enough_memory([&] {
                       std::copy(leftover.begin(), leftover.end(), room_for_input(leftover.size()).begin());
                       place_.acquire().protocol.commit(leftover.size());
                     });
  if (!taken) fail(no_memory());
  keepalive_.start(clock::now());
  tick();
  schedule();
}

// One turn soon. What is queued until then goes out in the same write.
inline void connection::schedule() {
  if (in_turn_) {
    again_ = true;
  } else if (!scheduled_ && stream_open()) {
    asio::defer(executor(), [held = operation_guard(shared())]() mutable {
      auto const self = held.end();
      self->scheduled_ = false;
      self->advance();
    });
    scheduled_ = true;
  }
}

// Whoever calls it keeps the connection until it returns.
inline void connection::advance() {
  if (in_turn_ || !stream_open()) return;
  {
    // A handler that throws leaves through io_context::run(), and the connection goes on in a later turn.
    struct turn {
      connection& self;
      int const exceptions = std::uncaught_exceptions();
      ~turn() {
        self.in_turn_ = false;
        if (std::uncaught_exceptions() != exceptions) enough_memory([&] { self.schedule(); });
      }
    };
    in_turn_ = true;
    turn const guard{*this};
    enough_memory([&] { take_mail(); });  // else it waits for the next turn
    do {
      again_ = false;
      deliver();
      flush();
    } while (again_ && stream_open());
  }
  if (!stream_open()) return;
  mail_.set_queued(queued());
  wake_drained();
  if (!protocol().is_open()) mail_.seal();
  if (!run_ending()) return;
  read();
  place_.release_if_idle();
}

// Receiving.

inline message connection::try_receive() {
  if (receive_) return {};
  message const result = take_message();
  // Decoding may have made room to read on, or queued an answer.
  bool const may_read = !reading_ && !input_ended_;
  if (may_read || !protocol().output().empty() || !protocol().is_open()) schedule();
  return result;
}

inline void connection::start_receive(operation<std::error_code, message> waiting) {
  if (!stream_open()) {
    message const left = take_message();
    return waiting.post(executor(), left ? std::error_code{} : error(), left);
  }
  receive_ = std::move(waiting);
  schedule();
}

inline void connection::deliver() {
  while (receive_) {
    if (message const next = take_message()) {
      receive_.complete({}, next);
    } else if (is_over()) {
      flush();  // our Close is on its way before the application hears of the end, and perhaps ends the
                // program
      receive_.complete(error(), message{});
    } else {
      return;
    }
    if (!stream_open()) return;
  }
  // Nobody is receiving. Control frames are answered all the same, and a Close is noticed.
  if (drops_input()) {
    place_.acquire().ready = {};  // there as long as it is closing
    enough_memory([&] { place_.acquire().protocol.discard(); });
  } else {
    if (!ready() && !message_out_) {
      if (message const next = take_message()) place_.acquire().ready = next;
      message_out_ = false;
    }
    if (protocol().unread_size() != 0) enough_memory([&] { place_.acquire().protocol.look_ahead(); });
  }
  if (!ready() && protocol().unread_size() == 0) note_end_of_input();
}

// Once our Close is said, what stands before the peer's is not worth waiting for where nobody will ask for
// it, or where a caller awaits the end, nobody asks now, and there is more than we read ahead.
inline bool connection::drops_input() const noexcept {
  if (protocol().state() != session_state::closing) return false;
  return unattended_ ||
         (!place_.peek().closes.empty() && !receive_ && protocol().unread_size() >= options().read_ahead);
}

// The next message for the application, decoding what has come. Ends the view of the one before.
inline message connection::take_message() {
  if (ready()) {
    message_out_ = true;
    return std::exchange(place_.acquire().ready, message{});
  }
  message const result = place_.is_at_rest() ? message{} : poll();
  message_out_ = static_cast<bool>(result);
  if (result) keepalive_.data();
  if (!result) note_end_of_input();
  return result;
}

inline message connection::poll() {
  try {
    return place_.acquire().protocol.poll();
  } catch (std::bad_alloc const&) {
    return {};  // the session says so itself
  }
}

// Only when nothing is left to poll: what came before the end is still delivered.
inline void connection::note_end_of_input() {
  if (input_ended_) end_input(place_.peek().read_failed);
}
inline void connection::end_input(std::error_code failure) {
  if (protocol().state() == session_state::closed) return;
  bool const said_why = protocol().close_received();
  if (failure && failure != asio::error::eof && !said_why) error_ = failure;
  if (write_failed() && !error_ && !said_why) error_ = write_failed();
  place_.end_of_input();
}

inline void connection::on_read(std::error_code failure, std::size_t size) {
  if (size != 0) place_.acquire().protocol.commit(size);
  on_input(failure, size);
}
inline void connection::on_read(std::error_code failure, buffer block) {
  std::size_t const size = block.size();
  // Where there is no memory for it the session says so itself; but there may be none for a session.
  if (size != 0 && !enough_memory([&] { place_.acquire().protocol.put(std::move(block)); }) &&
      place_.is_at_rest()) {
    error_ = no_memory();
    place_.end_of_input();
  }
  on_input(failure, size);
}
inline void connection::on_input(std::error_code failure, std::size_t size) {
  reading_ = false;
  if (!stream_open()) return;
  if (size != 0) {
    clock::time_point const now = stream_.now();
    keepalive_.heard(now);
    ending_.heard(now);
  }
  if (failure) {
    input_ended_ = true;
    // At rest there is nothing left to poll.
    if (place_.is_at_rest()) {
      end_input(failure);
    } else {
      place_.acquire().read_failed = failure;
    }
  }
  advance();
}
inline void connection::on_read_now(std::size_t size) {
  if (!stream_open()) return;
  place_.acquire().protocol.commit(size);
  keepalive_.heard(clock::now());
  ending_.heard(clock::now());
  advance();
}

inline void connection::read() {
  if (reading_ || input_ended_ || !stream_open()) return;
  // Reading stops while the application is behind: that is the backpressure on the peer. At last nothing that
  // comes is kept, and the end of the stream is all that is waited for.
  bool const behind = !receive_ && protocol().unread_size() >= options().read_ahead;
  if (behind && protocol().state() != session_state::closed && !protocol().close_received()) return;
  reading_ = true;
  if (!enough_memory([&] { stream_.start_read(); })) {
    reading_ = false;
    cut(no_memory());
  }
}

// Sending.

inline void connection::wait_drained(operation<std::error_code> waiting, std::uint32_t ticket) {
  if (may_send_more() || protocol().state() == session_state::closed || !stream_open()) {
    return waiting.post(executor(), drained_outcome());
  }
  place_.acquire().drains.add(std::move(waiting), ticket);
}

inline std::shared_ptr<mailbox> connection::open_mailbox() {
  bool const fresh = !mail_.is_open();
  auto box = mail_.open(*this, executor(), options().send_queue_hard);
  if (fresh) {
    box->set_queued(queued());
    if (!protocol().is_open()) box->seal();
    if (!stream_open()) box->shut();
  }
  return box;
}

inline void connection::mail_arrived() {
  if (!stream_open()) return;
  if (!enough_memory([&] { take_mail(); })) return cut(no_memory());
  advance();
}

inline void connection::collect_mail() {
  mail_.take(
      protocol().sending_fragments(),
      [this](message_type type, std::span<std::byte const> payload) {
        queue_frame([&](session& protocol) { return protocol.send(type, payload); });
      },
      [this] { return queued(); });
}

inline void connection::flush() {
  if (writing_ || !stream_open() || protocol().output().empty() || write_failed()) return;
  std::error_code failure;
  session& protocol = place_.acquire().protocol;
  std::size_t const size = stream_.try_write(a_turn_of(protocol.output()), failure);
  wrote(size);
  enough_memory([&] { protocol.consume(size); });  // it is, in any case; only a pong may wait on
  if (failure && failure != asio::error::would_block && failure != asio::error::try_again) {
    return on_write_failed(failure);
  }
  if (protocol.output().empty()) return;
  if (!enough_memory([&] { place_.acquire().in_flight = protocol.take_output(); }))
    return on_write_failed(no_memory());
  keepalive_.blocked(stream_.now(), written_ - static_cast<std::uint32_t>(stream_.untaken()));
  write_on();
}

inline void connection::write_on() {
  writing_ = true;
  if (enough_memory([&] { stream_.start_write(unsent()); })) return;
  writing_ = false;
  on_write_failed(no_memory());
}

inline void connection::on_written(std::error_code failure, std::size_t size) {
  writing_ = false;
  if (!stream_open()) return;
  wrote(size);
  buffer& in_flight = place_.acquire().in_flight;  // which is there while a write is under way
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

// The peer may have said why before it went: what it sent is still read, and delivered, up to its end.
inline void connection::on_write_failed(std::error_code failure) {
  activity& now = place_.acquire();  // which is there, since something was to be written
  now.write_failed = failure;
  now.in_flight.release();
  drop_output();
}

// Where a pong waits there may be no memory: then all of it goes with the connection.
inline void connection::drop_output() noexcept {
  if (!place_.is_at_rest()) enough_memory([&] { place_.acquire().protocol.take_output(); });
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

// Closing.

inline std::error_code connection::close(close_code code, std::string_view reason) {
  if (auto const wrong = check_close(code, reason)) return wrong;
  if (!stream_open()) return {};
  // What was accepted before leaves before our Close, and nothing is accepted after it.
  mail_.seal();
  take_mail();
  schedule();
  return place_.acquire().protocol.close(code, reason);
}

inline void connection::wait_closed(operation<std::error_code> waiting, std::uint32_t ticket) {
  if (!stream_open()) return waiting.post(executor(), std::error_code{});
  place_.acquire().closes.add(std::move(waiting), ticket);
  schedule();
}

inline void connection::fail(std::error_code why) {
  if (protocol().state() == session_state::closed) return;
  fail_session(why);
  if (stream_open() && !enough_memory([&] { schedule(); })) cut(no_memory());
}
inline void connection::fail_session(std::error_code why) {
  mail_.seal();
  // Where there is no memory even for a Close the stream can only be cut.
  if (!enough_memory([&] { place_.acquire().protocol.fail(why); })) cut(why);
}

inline void connection::destroy_websocket() {
  if (!stream_open()) return;
  // Where an exception takes it, a server's handler has failed, in whatever form it holds its websocket.
  if (protocol().self() == role::server && std::uncaught_exceptions() != 0) {
    return handler_finished(close_code::internal_error);
  }
  unattended_ = true;
  bool const lost = protocol().error() == error::connection_lost || write_failed();
  bool const ends_first = protocol().self() == role::server || protocol().error();
  if (protocol().state() == session_state::closed && ends_first && !lost && !input_ended_) {
    end_operations(asio::error::operation_aborted);
    if (!enough_memory([&] { schedule(); })) cut(no_memory());
    return;
  }
  enough_memory([&] {
    mail_.seal();
    take_mail();
    place_.acquire().protocol.close(close_code::going_away);
  });
  if (!writing_ && !protocol().output().empty()) {
    std::error_code ignored;
    stream_.try_write(a_turn_of(protocol().output()), ignored);
  }
  drop_output();
  finish(asio::error::operation_aborted);
}

inline void connection::handler_finished(close_code code) {
  unattended_ = true;
  if (!stream_open()) return;
  bool const done = enough_memory([&] {
    if (protocol().is_open()) close(code, {});
    schedule();
  });
  if (!done) cut(no_memory());
}

inline void connection::stop(close_code code) {
  asio::post(executor(), [self = shared(), code] {
    if (!enough_memory([&] { self->close(code, {}); })) self->cut(no_memory());
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
    switch (step.what) {
      case kindwire::detail::ending::action::wait:
        return step.next == clock::time_point::max() || set_timer(step.next, true);
      case kindwire::detail::ending::action::answer_close:
        mail_.seal();
        if (!enough_memory([&] {
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
        if (stream_.shut_down_sending()) break;
        // A stream that cannot say so is ended at once: the peer would wait for us as long as we for it.
        [[fallthrough]];
      case kindwire::detail::ending::action::close_stream: end_stream(); return false;
    }
  }
}

inline kindwire::detail::ending::facts connection::known_of_ending() const noexcept {
  session const& now = protocol();
  bool const closed = now.state() == session_state::closed;
  bool const queued_any = queued() != 0;
  std::size_t const untaken = now.is_open() || write_failed() ? 0 : stream_.untaken();
  std::error_code const failure = place_.peek().read_failed;
  return {.open = now.is_open(),
          .closed = closed,
          .failed = closed && now.error(),
          .close_received = now.close_received(),
          .self = now.self(),
          .listens = reading_,
          .unattended = unattended_,
          .output_queued = queued_any,
          .output_waits = queued_any || untaken != 0,
          .taken = written_ - static_cast<std::uint32_t>(untaken),
          .write_failed = static_cast<bool>(write_failed()),
          .input_ended = input_ended_,
          .input_failed = input_ended_ && failure && failure != asio::error::eof};
}

// What came before the end is still deliverable; how it ended is known from now on.
inline void connection::end_stream() {
  if (protocol().state() != session_state::closed) {
    std::error_code why = place_.peek().read_failed;
    if (!input_ended_) why = write_failed() ? write_failed() : make_error_code(error::close_timeout);
    if (!why || why == asio::error::eof) why = kindwire::error::connection_lost;
    if (!error_) error_ = why;
    input_ended_ = true;
    if (receive_ || (!ready() && protocol().unread_size() == 0)) note_end_of_input();
  }
  finish(error());
}

// The stream goes, and every operation that still waits ends.
inline void connection::finish(std::error_code outcome) {
  auto const self = shared();
  ending_.end();
  mail_.shut();
  stream_.stop_timer();
  stream_.close();
  drop_output();
  end_operations(outcome);
  leave();
}

inline void connection::end_operations(std::error_code outcome) {
  if (receive_) {
    receive_.post(executor(), outcome == asio::error::operation_aborted ? outcome : error(), message{});
  }
  if (place_.is_at_rest()) return;
  activity& now = place_.acquire();
  now.drains.complete(executor(), error() ? error() : make_error_code(kindwire::error::closed));
  now.closes.complete(executor(), outcome);
}

inline void connection::drop_operations() noexcept {
  ending_.end();
  mail_.shut();
  auto const receive = std::move(receive_);
  if (place_.is_at_rest()) return;
  activity& now = place_.acquire();
  auto const drains = std::move(now.drains);
  auto const closes = std::move(now.closes);
}

// Time.

inline void connection::on_timer() {
  if (!stream_open()) return;
  if (!ending_.has_term()) return tick();
  if (!looks_again()) advance();
}

// Before somebody is accused, what has come in the meantime is read. True if that takes another turn of the
// loop, after which on_timer() is called again.
inline bool connection::looks_again() {
  if (std::exchange(looked_, false) || !reading_ || stream_.read_now()) return false;
  looked_ = set_timer(clock::now(), ending_.has_term());
  return true;
}

inline void connection::tick() {
  bool const off = options().ping_interval.count() <= 0 && options().idle_timeout.count() <= 0;
  if (off || ending_.has_term() || !stream_open()) return;
  using kindwire::detail::keepalive;
  auto step = keepalive_.tick(clock::now(), options().keepalive(), known_of_life());
  if (step.what != keepalive::verdict::wait && step.what != keepalive::verdict::ping) {
    if (looks_again() || ending_.has_term() || !stream_open()) return;
    step = keepalive_.tick(clock::now(), options().keepalive(), known_of_life());
  }
  switch (step.what) {
    case keepalive::verdict::idle: return fail(error::idle_timeout);
    case keepalive::verdict::no_pong: return fail(error::pong_timeout);
    case keepalive::verdict::stalled: return fail(error::send_timeout);
    case keepalive::verdict::ping: {
      bool const sent = enough_memory([&] {
        schedule();
        place_.acquire().protocol.send(message_type::ping, {});
      });
      if (!sent) return fail(no_memory());
      break;
    }
    case keepalive::verdict::wait: break;
  }
  if (step.next != clock::time_point::max()) set_timer(step.next, false);
}

inline kindwire::detail::keepalive::facts connection::known_of_life() const noexcept {
  std::size_t const untaken = write_failed() ? 0 : stream_.untaken();
  bool const nothing_said = protocol().is_open() && !protocol().close_received();
  return {.listens = reading_ || input_ended_,
          .unread = ready() || protocol().unread_size() != 0,
          .may_ping = nothing_said && !input_ended_ && !write_failed(),
          .output_waits = queued() != 0 || untaken != 0,
          .taken = written_ - static_cast<std::uint32_t>(untaken)};
}

// False when there is no memory for it: then there is no connection any more.
inline bool connection::set_timer(clock::time_point at, bool keeps) {
  if (enough_memory([&] { stream_.start_timer(at, keeps); })) return true;
  cut(no_memory());
  return false;
}

}  // namespace kindwire::net::detail
