// The receiving half of a connection: what has arrived, who gets it, and when to read more.
#pragma once

#include <asio/error.hpp>
#include <cstddef>
#include <memory>
#include <new>
#include <system_error>
#include <utility>

#include "../../message/buffer.hpp"
#include "../../message/chunk.hpp"
#include "../../message/message.hpp"
#include "../../session.hpp"
#include "connection.hpp"
#include "operation.hpp"
#include "try_allocating.hpp"

namespace kindwire::net::detail {

inline message connection::try_receive() {
  // Between chunks nothing is taken: neither a token of the rate, nor what the application holds.
  if (receive_ || in_chunks()) return {};
  message const result = take_message();
  schedule_after_taking();
  return result;
}

// Decoding may have made room to read on, or queued an answer.
inline void connection::schedule_after_taking() {
  bool const may_read = !reading_ && !input_ended_;
  if (may_read || !protocol().output().empty() || !protocol().is_open()) schedule();
}

inline void connection::start_receive(operation<std::error_code, message> waiting) {
  if (has_ended()) {
    message const left = take_message();
    return waiting.post(executor(), left ? std::error_code{} : error(), left);
  }
  expect_receive();
  set_receive(std::move(waiting));
}

inline message connection::try_receive_some() {
  if (receive_) return {};
  message const result = take_chunk();
  schedule_after_taking();
  return result;
}

inline void connection::start_receive_some(operation<std::error_code, message> waiting) {
  if (has_ended()) {
    message const left = take_chunk();
    return waiting.post(executor(), left ? std::error_code{} : error(), left);
  }
  expect_receive();
  set_receive(std::move(waiting), true);
}

inline void connection::deliver() {
  while (receive_) {
    message const next = waits_for_chunk_ ? take_chunk() : take_message();
    if (!stream_open()) return;
    if (next) {
      receive_.complete({}, next);
    } else if (is_over()) {
      flush();  // sends our Close before the application learns of the end, and perhaps exits
      receive_.complete(error(), message{});
    } else if (held_back_) {
      break;
    } else {
      return;
    }
    if (!stream_open()) return;
  }
  // No receive is waiting, or it must go on waiting. Control frames are answered all the same, and a Close is
  // noticed: what came before one that is there already is kept.
  bool drops = drops_input();
  if (drops && !unattended_) {
    try_allocating([&] { place_.acquire().protocol.look_ahead(); });
    drops = drops_input();
  }
  if (drops) {
    place_.acquire().ready = {};  // exists as long as it is closing
    try_allocating([&] { place_.acquire().protocol.discard(); });
  } else {
    if (!receive_ && !ready() && !message_out_ && may_take_early()) {
      if (message const next = take_message()) place_.acquire().ready = next;
      message_out_ = false;
    }
    if (protocol().unread_size() != 0) try_allocating([&] { place_.acquire().protocol.look_ahead(); });
  }
  // The application learns of the end at its next receive: it may still answer the message that it holds.
  bool const holds_message = message_out_ && !unattended_;
  if (!ready() && protocol().unread_size() == 0 && !holds_message) note_end_of_input();
}

// Once our Close is queued, input before the peer's Close is dropped if the application is gone, or if a
// caller awaits the end, no receive waits, and read_ahead is reached.
inline bool connection::drops_input() const noexcept {
  if (protocol().state() != session_state::closing) return false;
  return unattended_ ||
         (!place_.peek().closes.empty() && !receive_ && protocol().unread_size() >= options().read_ahead);
}

// False where a message may not be gathered before the application has said how it receives it.
inline bool connection::may_take_early() const noexcept {
  return !in_chunks_ && options().max_streamed_size == 0;
}

// The next message for the application, decoding what has arrived. Ends the view of the previous one.
inline message connection::take_message() {
  if (ready()) {
    message_out_ = asked_ = true;
    return std::exchange(place_.acquire().ready, message{});
  }
  held_back_ = holds_back();
  if (held_back_) [[unlikely]] {
    message_out_ = false;
    return {};
  }
  message const result = place_.is_at_rest() ? message{} : poll();
  message_out_ = static_cast<bool>(result);
  if (result && place_.meter() != nullptr && is_too_often(result)) [[unlikely]] {
    message_out_ = false;
    break_off_rate();
    return {};
  }
  if (result) {
    keepalive_.data();
    asked_ = true;
    if (statistics* const counts = place_.counts()) [[unlikely]]
      note_received(*counts);
  }
  if (!result) note_end_of_input();
  return result;
}

// The same for the next chunk. A message counts as one, however many chunks it has: towards the rate with its
// first, in the statistics with its last.
inline message connection::take_chunk() {
  if (ready()) {
    message_out_ = asked_ = true;
    return std::exchange(place_.acquire().ready, message{});
  }
  held_back_ = !in_chunks_ && holds_back();
  message_out_ = false;
  if (held_back_ || place_.is_at_rest()) return {};
  message const result = poll_some();
  if (!result) {
    note_end_of_input();
    return {};
  }
  using kindwire::detail::part_of_message;
  if (part_of_message::is_first(result) && place_.meter() != nullptr && is_too_often(result)) {
    break_off_rate();
    return {};
  }
  if (!is_control(result.type())) in_chunks_ = !part_of_message::is_last(result);
  keepalive_.data();
  message_out_ = asked_ = true;
  statistics* const counts = place_.counts();
  if (counts != nullptr && part_of_message::is_last(result)) note_received(*counts);
  return result;
}

// Once no more can come, nothing is left to slow down.
inline bool connection::holds_back() const noexcept {
  rate_meter const* const meter = place_.meter();
  if (meter == nullptr || options().above_message_rate != rate_policy::slow) [[likely]]
    return false;
  bool const may_come = stream_open() && protocol().is_open() && !protocol().close_received() &&
                        !input_ended_ && !write_failed();
  return may_come && protocol().unread_size() != 0 &&
         !meter->bucket.has_token(clock::now(), options().message_rate);
}

// Takes a token for it.
inline bool connection::is_too_often(message const& next) {
  if (is_control(next.type())) return false;
  bool const taken = place_.meter()->bucket.take(clock::now(), options().message_rate);
  return !taken && protocol().is_open() && options().above_message_rate != rate_policy::slow;
}

// Fails the connection, and drops what came with the message that was one too many.
inline void connection::break_off_rate() {
  constexpr auto why = kindwire::error::too_many_messages;
  if (options().above_message_rate == rate_policy::try_again_later)
    try_allocating([&] { close(close_code::try_again_later, kindwire::detail::describe(why)); });
  fail(why);
  if (!place_.is_at_rest()) try_allocating([&] { place_.acquire().protocol.discard(); });
}

inline message connection::poll() {
  try {
    return place_.acquire().protocol.poll();
  } catch (std::bad_alloc const&) {
    return {};  // the session reports it itself
  }
}

inline message connection::poll_some() {
  try {
    auto const chunk = place_.acquire().protocol.poll_some();
    return chunk ? kindwire::detail::part_of_message::make(chunk.type(), chunk.bytes(), chunk.first(),
                                                           chunk.last())
                 : message{};
  } catch (std::bad_alloc const&) {
    return {};  // the session reports it itself
  }
}

// Only when nothing is left to poll: what arrived before the end is still delivered.
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
  if (size != 0) {
    if (stream_open()) see_received(size);
    place_.acquire().protocol.commit(size);
  }
  on_input(failure, size);
}

inline void connection::on_read(std::error_code failure, buffer block) {
  std::size_t const size = block.size();
  if (observation* const seen = place_.observed(); seen != nullptr && stream_open()) [[unlikely]]
    seen->saw_received(block.bytes());
  // If out of memory, the session reports it itself; but there may be no memory for a session.
  if (size != 0 && !try_allocating([&] { place_.acquire().protocol.put(std::move(block)); }) &&
      place_.is_at_rest()) {
    error_ = no_memory();
    place_.end_of_input();
  }
  on_input(failure, size);
}

inline void connection::on_input(std::error_code failure, std::size_t size) {
  reading_ = false;
  if (!stream_open()) return;
  came(size);
  if (size != 0) {
    clock::time_point const now = stream().now();
    if (keepalive_.heard(now)) [[unlikely]]
      tell_round_trip();
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
  came(size);
  see_received(size);
  place_.acquire().protocol.commit(size);
  if (keepalive_.heard(clock::now())) [[unlikely]]
    tell_round_trip();
  ending_.heard(clock::now());
  advance();
}

// Reading stops while the application is behind: that is the backpressure on the peer. Once closed, input is
// read only to reach the end of the stream.
inline bool connection::is_behind() const noexcept {
  return (!receive_ || held_back_) && protocol().unread_size() >= options().read_ahead &&
         protocol().state() != session_state::closed && !protocol().close_received();
}

inline void connection::read() {
  if (reading_ || input_ended_ || !stream_open() || is_behind()) return;
  reading_ = true;
  if (!start_operation([&] { stream().start_read(); })) {
    reading_ = false;
    cut(no_memory());
  }
}

}  // namespace kindwire::net::detail
