// A session driven over an Asio stream: who reads when, who writes when, and how a connection ends.
//
// websocket.hpp is the face of this; stream_connection.hpp supplies the four stream operations that it leaves
// open.
#pragma once

#include <algorithm>
#include <asio/any_io_executor.hpp>
#include <asio/defer.hpp>
#include <asio/error.hpp>
#include <asio/post.hpp>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <memory>
#include <new>
#include <span>
#include <string_view>
#include <system_error>
#include <utility>

#include "../../error.hpp"
#include "../../message/buffer.hpp"
#include "../../message/message.hpp"
#include "../../session.hpp"
#include "../options.hpp"
#include "enough_memory.hpp"
#include "keepalive.hpp"
#include "kept_head.hpp"
#include "lease.hpp"
#include "operation.hpp"
#include "outlet.hpp"
#include "roster.hpp"
#include "waiting_list.hpp"

namespace kindwire::net::detail {

// Everything runs on the stream's executor; a strand where several threads run the context. The object lives
// as long as an operation of its own is under way, whatever happens to the websocket that the user holds.
class connection : public outlet, public roster_member {
 public:
  kept_head& head() noexcept { return head_; }
  void set_head(kept_head head) noexcept { head_ = std::move(head); }

  // Bytes that came behind the opening handshake are the first of the frames (RFC 6455 §4.1).
  void start(std::span<std::byte const> leftover) {
    bool const taken = leftover.empty() || enough_memory([&] {
                         std::copy(leftover.begin(), leftover.end(), wake().prepare(leftover.size()).begin());
                         wake().commit(leftover.size());
                       });
    if (!taken) fail(no_memory());
    keepalive_.start(keepalive::clock::now());
    tick();
    schedule();
  }

  // Receiving.

  // A message that is there already, else false.
  message try_receive() {
    if (receive_) return {};
    message const result = take_message();
    // Decoding may have made room to read on, or queued an answer.
    bool const may_read = !reading_ && !input_ended_;
    if (may_read || !protocol().output().empty() || protocol().state() == session_state::closed) schedule();
    return result;
  }

  // True while nothing that came is left to be looked at.
  bool is_quiet() const noexcept { return stream_open_ && !ready() && protocol().unread_size() == 0; }

  // True while a receive waits.
  bool receiving() const noexcept { return static_cast<bool>(receive_); }

  void start_receive(operation<std::error_code, message> waiting) {
    if (!stream_open_) {
      message const left = take_message();
      return waiting.post(executor(), left ? std::error_code{} : error(), left);
    }
    receive_ = std::move(waiting);
    received_while_closing_ = true;
    schedule();
  }

  void cancel_receive() {
    if (receive_) receive_.post(executor(), asio::error::operation_aborted, message{});
  }

  // True once no message will come any more; error() then says how it ended.
  bool is_over() const noexcept { return !ready() && protocol().state() == session_state::closed; }

  // Closing.

  std::error_code close(close_code code, std::string_view reason) {
    std::error_code const outcome = wake().close(code, reason);
    if (!outcome) {
      expect_end();
      schedule();
    }
    return outcome;
  }

  // Completes once the stream is closed.
  void wait_closed(operation<std::error_code> waiting, std::uint32_t ticket) {
    if (!stream_open_) return waiting.post(executor(), std::error_code{});
    waiting_list& closes = place_.now().closes;
    if (closes.empty()) received_while_closing_ = static_cast<bool>(receive_);
    closes.add(std::move(waiting), ticket);
    schedule();
  }
  void cancel_close(std::uint32_t ticket) {
    if (!place_.is_at_rest()) place_.now().closes.cancel(executor(), ticket);
  }

  void fail(std::error_code why) override {
    if (protocol().state() == session_state::closed) return;
    if (!fail_session(why)) return finish(why);
    expect_end();
    schedule();
  }

  // The user's websocket is gone: nobody can receive or close any more. A last Close is tried, without
  // waiting. Where the Closes were said before, whoever is to end the stream first (see try_to_end()) still
  // lets the peer read to the end: a stream that is closed with input unread is reset, and a reset may
  // overtake our Close.
  void abandon() {
    if (!stream_open_) return;
    if (protocol().state() == session_state::closed && ends_first() && !is_lost() && !input_ended_) {
      unattended_ = true;
      end_operations(asio::error::operation_aborted);
      expect_end();
      schedule();
      return;
    }
    enough_memory([&] { wake().close(close_code::going_away); });
    if (!writing_ && !protocol().output().empty()) {
      std::error_code ignored;
      try_write(protocol().output(), ignored);
    }
    drop_output();
    finish(asio::error::operation_aborted);
  }

  // The handler of a server is done with it: the close handshake goes on without anybody who receives.
  void let_go(close_code code) {
    unattended_ = true;
    if (protocol().is_open()) close_or_end(code);
    if (stream_open_) expect_end();
    schedule();
  }

  // The server stops. Messages that come before the peer's Close are still delivered.
  void stop() override {
    asio::post(executor(), [self = shared()] { self->close_or_end(close_code::going_away); });
  }

  // The context is going away with an operation of ours: see lease.
  void drop_operations() noexcept {
    stream_open_ = false;
    auto const receive = std::move(receive_);
    if (place_.is_at_rest()) return;
    activity& now = place_.now();
    auto const drains = std::move(now.drains);
    auto const closes = std::move(now.closes);
  }

 protected:
  std::shared_ptr<connection> shared() { return std::static_pointer_cast<connection>(shared_from_this()); }

  connection(role self, std::shared_ptr<connection_options const> options) noexcept
      : outlet(self, std::move(options)) {}

  // What a stream has to offer. Each start_ operation ends in one call of the matching function below.
  virtual void start_read() = 0;
  virtual bool shutdown_send() noexcept = 0;  // false: this stream has no such thing
  virtual void close_stream() noexcept = 0;

  // on_timer() at that time, in place of what was asked for before. A timer alone keeps no connection, unless
  // that is ending().
  virtual void start_timer(keepalive::clock::time_point at) = 0;
  virtual void stop_timer() noexcept = 0;

  void on_timer() {
    if (!stream_open_) return;
    ending_ ? end_by_deadline() : tick();
  }

  bool reading() const noexcept { return reading_; }
  bool ending() const noexcept { return ending_; }

  std::span<std::byte> room_for_input(std::size_t size) { return wake().prepare(size).first(size); }

  // The stream has put `size` bytes into the room; or has read `block` on its own.
  void on_read(std::error_code failure, std::size_t size) {
    if (size != 0) wake().commit(size);
    on_input(failure, size);
  }
  void on_read(std::error_code failure, buffer block) {
    std::size_t const size = block.size();
    // Where there is no memory for it the session says so itself; but there may be none for a session.
    if (size != 0 && !enough_memory([&] { wake().put(std::move(block)); }) && place_.is_at_rest()) {
      error_ = no_memory();
      place_.end_of_input();
    }
    on_input(failure, size);
  }

  // The stream has taken the first `size` bytes of what it was given.
  void on_written(std::error_code failure, std::size_t size) {
    end_write(failure, size);
    advance();
  }

  void on_input(std::error_code failure, std::size_t size) {
    reading_ = false;
    if (!stream_open_) return;
    if (size != 0) keepalive_.heard();
    if (failure) {
      input_ended_ = true;
      // At rest there is nothing left to poll.
      if (place_.is_at_rest()) {
        end_input(failure);
      } else {
        place_.now().read_failed = failure;
      }
    }
    advance();
  }

 private:
  // False when there is no memory even for a Close: then the stream can only be cut.
  bool fail_session(std::error_code why) {
    bool const done = enough_memory([&] { wake().fail(why); });
    if (!done && !error_) error_ = why;
    return done;
  }
  void close_or_end(close_code code) {
    if (!enough_memory([&] { close(code, {}); })) finish(error_ = no_memory());
  }

  bool ready() const noexcept { return static_cast<bool>(place_.seen().ready); }

  // The next message for the application, decoding what has come. Ends the view of the one before.
  message take_message() {
    if (ready()) {
      message_out_ = true;
      return std::exchange(place_.now().ready, message{});
    }
    message const result = place_.is_at_rest() ? message{} : poll();
    message_out_ = static_cast<bool>(result);
    if (result) keepalive_.data();
    if (!result) note_end_of_input();
    return result;
  }

  // Only when nothing is left to poll: what came before the end is still delivered.
  message poll() {
    try {
      return wake().poll();
    } catch (std::bad_alloc const&) {
      return {};  // the session says so itself
    }
  }

  void note_end_of_input() {
    if (input_ended_) end_input(place_.seen().read_failed);
  }
  void end_input(std::error_code failure) {
    if (protocol().state() == session_state::closed) return;
    if (failure && failure != asio::error::eof) error_ = failure;
    if (write_failed() && !error_) error_ = write_failed();
    place_.end_of_input();
  }

  // Does all that can be done now: delivers, answers, writes, reads on, ends. Whoever calls it keeps the
  // connection until it returns. Everything that happens to a connection ends up here, and a handler that
  // calls back into it only leaves work for the loop.
  void advance() {
    if (advancing_ || !stream_open_) return;
    {
      turn const guard{*this};
      do {
        again_ = false;
        deliver();
        flush();
      } while (again_ && stream_open_);
    }
    if (!stream_open_) return;
    admission_.set_queued(queued());
    wake_drained();
    if (protocol().state() != session_state::open) admission_.close();
    if (protocol().state() != session_state::open || write_failed()) expect_end();
    if (protocol().state() == session_state::closed && try_to_end()) return;
    read();
    place_.rest();
  }

  // A handler that throws leaves through io_context::run(), and the connection goes on in a later turn.
  struct turn {
    connection& self;
    int const exceptions = std::uncaught_exceptions();
    explicit turn(connection& of) noexcept : self(of) { self.advancing_ = true; }
    turn(turn const&) = delete;
    turn& operator=(turn const&) = delete;
    ~turn() {
      self.advancing_ = false;
      if (std::uncaught_exceptions() != exceptions) self.schedule();
    }
  };

  void deliver() {
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
      if (!stream_open_) return;
    }
    // Nobody is receiving. Control frames are answered all the same, and a Close is noticed.
    if (nobody_receives() && protocol().state() == session_state::closing) {
      place_.now().ready = {};  // there as long as it is closing
      enough_memory([&] { wake().discard(); });
    } else if (!ready() && !message_out_) {
      if (message const next = take_message()) place_.now().ready = next;
      message_out_ = false;
      return;
    } else {
      enough_memory([&] { wake().look_ahead(); });
    }
    if (!ready() && protocol().unread_size() == 0) note_end_of_input();
  }

  // Who awaits the end of the close handshake does not receive what stands before the peer's Close, unless
  // somebody else does.
  bool nobody_receives() const noexcept {
    return unattended_ || (!place_.seen().closes.empty() && !received_while_closing_);
  }

  void read() {
    if (reading_ || !stream_open_) return;
    if (input_ended_) return;
    // Reading stops while the application is behind: that is the backpressure on the peer.
    if (!receive_ && protocol().unread_size() >= options().read_ahead) return;
    start_read();
    reading_ = true;
  }

  void schedule_turn() override {
    scheduled_ = true;
    asio::defer(executor(), [held = lease(shared())]() mutable {
      auto const self = held.end();
      self->scheduled_ = false;
      self->advance();
    });
  }

  // The close handshake is done, or will not be. RFC 6455 §7.1.1: the server closes TCP first, the client
  // waits for it. A half-close and reading on to the end keep a reset from overtaking our Close. Returns true
  // when it is over.
  bool try_to_end() {
    if (!place_.is_at_rest())
      wake().drop_input();  // not a poll: the application may still look at the last message
    if (is_lost() || input_ended_) {
      if (writing_ && !is_lost()) return false;
      finish(error());
      return true;
    }
    bool const written = !writing_ && protocol().output().empty();
    if (written && !half_closed_ && ends_first()) {
      half_closed_ = true;
      if (!shutdown_send()) {
        // A stream that cannot say so is ended at once: the peer would wait for us as long as we for it.
        finish(error());
        return true;
      }
    }
    return false;
  }

  bool ends_first() const noexcept { return protocol().self() == role::server || protocol().error(); }
  bool is_lost() const noexcept { return protocol().error() == error::connection_lost || write_failed(); }

  // From the first Close on, the connection ends by a deadline that nothing moves.
  void expect_end() {
    if (ending_ || !stream_open_) return;
    ending_ = true;
    start_timer(keepalive::clock::now() + options().close_timeout);
  }

  void end_by_deadline() {
    // The peer's Close may stand behind messages that somebody was expected to receive.
    if (protocol().state() == session_state::closing) enough_memory([&] { wake().discard(); });
    if (protocol().state() != session_state::closed && write_failed()) error_ = write_failed();
    fail_session(error::close_timeout);
    finish(error());
  }

  void tick() {
    bool const off = options().ping_interval.count() <= 0 && options().idle_timeout.count() <= 0;
    if (off || ending_ || !stream_open_) return;
    // What has come and waits for the application is no idleness of the peer's.
    if (ready() || protocol().unread_size() != 0) keepalive_.data();
    auto const step = keepalive_.tick(keepalive::clock::now(), options(), !reading_ && !input_ended_);
    switch (step.what) {
      case keepalive::verdict::idle: return fail(error::idle_timeout);
      case keepalive::verdict::no_pong: return fail(error::pong_timeout);
      case keepalive::verdict::ping:
        if (!enough_memory([&] { wake().send(message_type::ping, {}); })) return fail(no_memory());
        schedule();
        break;
      case keepalive::verdict::wait: break;
    }
    start_timer(step.next);
  }

  // The stream goes, and every operation that still waits ends.
  void finish(std::error_code outcome) {
    auto const self = shared();
    stream_open_ = false;
    admission_.close();
    stop_timer();
    close_stream();
    if (protocol().state() != session_state::closed) place_.end_of_input();
    end_operations(outcome);
  }

  void end_operations(std::error_code outcome) {
    if (receive_)
      receive_.post(executor(), outcome == asio::error::operation_aborted ? outcome : error(), message{});
    if (place_.is_at_rest()) return;
    activity& now = place_.now();
    now.drains.complete(executor(), error() ? error() : make_error_code(kindwire::error::closed));
    now.closes.complete(executor(), outcome);
  }

  operation<std::error_code, message> receive_;
  kept_head head_;
  bool message_out_ = false;  // the application holds a view of the last message
  bool reading_ = false;
  bool input_ended_ = false;
  bool half_closed_ = false;
  bool ending_ = false;
  bool received_while_closing_ = false;
  bool unattended_ = false;
};

}  // namespace kindwire::net::detail
