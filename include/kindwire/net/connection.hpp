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
#include <asio/steady_timer.hpp>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include "../error.hpp"
#include "../handshake/request.hpp"
#include "../message/buffer.hpp"
#include "../message/message.hpp"
#include "../session.hpp"
#include "operation.hpp"
#include "options.hpp"
#include "roster.hpp"

namespace kindwire::net::detail {

// Keeps a connection alive for an operation of its own, in the operation's handler. A handler that is
// destroyed without being called says that the context is.
template <class Connection>
class lease {
 public:
  explicit lease(std::shared_ptr<Connection> of) noexcept : of_(std::move(of)) {}
  lease(lease&&) noexcept = default;
  lease(lease const&) = delete;
  lease& operator=(lease const&) = delete;
  ~lease() {
    if (of_) of_->drop_operations();
  }

  // What a handler begins with.
  std::shared_ptr<Connection> end() noexcept { return std::move(of_); }

 private:
  std::shared_ptr<Connection> of_;
};

// Everything runs on the stream's executor; a strand where several threads run the context. The object lives
// as long as an operation of its own is under way, whatever happens to the websocket that the user holds.
class connection : public roster_member, public std::enable_shared_from_this<connection> {
 public:
  asio::any_io_executor const& executor() const noexcept { return executor_; }
  session const& protocol() const noexcept { return session_; }
  std::unique_ptr<request> const& head() const noexcept { return head_; }
  void set_head(std::unique_ptr<request> head) noexcept { head_ = std::move(head); }
  std::string const& subprotocol() const noexcept { return subprotocol_; }
  void set_subprotocol(std::string_view name) { subprotocol_ = name; }

  // Bytes that came behind the opening handshake are the first of the frames (RFC 6455 §4.1).
  void start(std::span<std::byte const> leftover) {
    if (!leftover.empty()) {
      std::copy(leftover.begin(), leftover.end(), session_.prepare(leftover.size()).begin());
      session_.commit(leftover.size());
    }
    start_keepalive();
    schedule();
  }

  // Receiving.

  // A message that is there already, else false.
  message try_receive() {
    if (receive_) return {};
    message const result = take_message();
    // Decoding may have made room to read on, or queued an answer.
    bool const may_read = !reading_ && !input_ended_;
    if (may_read || !session_.output().empty() || session_.state() == session_state::closed) schedule();
    return result;
  }

  // True while a receive waits.
  bool receiving() const noexcept { return static_cast<bool>(receive_); }

  void start_receive(operation<std::error_code, message> waiting) {
    if (!stream_open_) {
      message const left = take_message();
      return waiting.post(left ? std::error_code{} : error(), left);
    }
    receive_ = std::move(waiting);
    schedule();
  }

  void cancel_receive() {
    if (receive_) receive_.post(asio::error::operation_aborted, message{});
  }

  // True once no message will come any more; error() then says how it ended.
  bool is_over() const noexcept { return !ready_ && session_.state() == session_state::closed; }
  std::error_code error() const noexcept { return error_ ? error_ : session_.error(); }

  // Sending.

  // `queue` puts one frame into the session's output.
  template <class Queue>
  std::error_code send(Queue&& queue) {
    if (write_failed_) return write_failed_;
    if (queued() >= options_.send_queue_hard && session_.is_open()) {
      if (options_.overflow == overflow_policy::close) fail(error::send_queue_full);
      return error::send_queue_full;
    }
    std::error_code const outcome = queue(session_);
    if (!outcome) schedule();
    return outcome;
  }

  // Bytes that were queued and not yet taken by the stream.
  std::size_t queued() const noexcept { return session_.output().size() + in_flight_.size(); }
  bool may_send_more() const noexcept { return queued() <= options_.send_queue_soft; }

  // Completes once the queue is at its soft mark or below.
  void wait_drained(operation<std::error_code> waiting, std::uint64_t ticket) {
    if (may_send_more() || session_.state() == session_state::closed) {
      return waiting.post(drained_outcome());
    }
    drains_.push_back({ticket, std::move(waiting)});
  }
  void cancel_drain(std::uint64_t ticket) { cancel(drains_, ticket); }

  // Closing.

  std::error_code close(close_code code, std::string_view reason) {
    std::error_code const outcome = session_.close(code, reason);
    if (!outcome) {
      expect_end();
      schedule();
    }
    return outcome;
  }

  // Completes once the stream is closed.
  void wait_closed(operation<std::error_code> waiting, std::uint64_t ticket) {
    if (!stream_open_) return waiting.post(std::error_code{});
    closes_.push_back({ticket, std::move(waiting)});
    schedule();
  }
  void cancel_close(std::uint64_t ticket) { cancel(closes_, ticket); }

  void fail(std::error_code why) {
    if (session_.state() == session_state::closed) return;
    session_.fail(why);
    expect_end();
    schedule();
  }

  // The user's websocket is gone: nobody can receive or close any more. A last Close is tried, without
  // waiting.
  void abandon() {
    if (!stream_open_) return;
    session_.close(close_code::going_away);
    if (!writing_ && !session_.output().empty()) {
      std::error_code ignored;
      try_write(session_.output(), ignored);
    }
    finish(asio::error::operation_aborted);
  }

  // The handler of a server is done with it: the close handshake goes on without anybody who receives.
  void let_go(close_code code) {
    unattended_ = true;
    if (session_.is_open()) session_.close(code);
    if (stream_open_) expect_end();
    schedule();
  }

  // The server stops. Messages that come before the peer's Close are still delivered.
  void stop() override {
    asio::post(executor_, [self = shared_from_this()] { self->close(close_code::going_away, {}); });
  }

  // Names an operation for the cancellation slot that may end it.
  std::uint64_t next_ticket() noexcept { return ++tickets_; }

  bool stream_open() const noexcept { return stream_open_; }

  // The context is going away with an operation of ours: what waits here must go with it, since a coroutine
  // that waits for this connection may be what keeps it alive.
  void drop_operations() noexcept {
    stream_open_ = false;
    auto const receive = std::move(receive_);
    auto const drains = std::move(drains_);
    auto const closes = std::move(closes_);
  }

 protected:
  connection(asio::any_io_executor executor, role self, connection_options const& options)
      : executor_(std::move(executor)), options_(options), session_(self, options.session()) {}

  // What a stream has to offer. Each start_ operation ends in one call of the matching function below.
  virtual void start_read() = 0;
  virtual std::size_t try_write(std::span<std::byte const> bytes, std::error_code& failure) = 0;
  virtual void start_write(std::span<std::byte const> bytes) = 0;
  virtual void shutdown_send() noexcept = 0;
  virtual void close_stream() noexcept = 0;

  std::span<std::byte> room_for_input(std::size_t size) { return session_.prepare(size).first(size); }

  // The stream has put `size` bytes into the room; or has read `block` on its own.
  void on_read(std::error_code failure, std::size_t size) {
    session_.commit(size);
    on_input(failure, size);
  }
  void on_read(std::error_code failure, buffer block) {
    std::size_t const size = block.size();
    if (size != 0) session_.put(std::move(block));
    on_input(failure, size);
  }

  void on_input(std::error_code failure, std::size_t size) {
    reading_ = false;
    if (!stream_open_) return;
    heard_ = heard_ || size != 0;
    if (failure) input_ended_ = failure;
    advance();
  }

  void on_written(std::error_code failure, std::size_t size) {
    writing_ = false;
    in_flight_.consume(size);
    if (failure) return on_write_failed(failure), advance();
    in_flight_.release();
    advance();
  }

 private:
  struct waiting_one {
    std::uint64_t ticket;
    operation<std::error_code> waiting;
  };

  static void cancel(std::vector<waiting_one>& all, std::uint64_t ticket) {
    auto const found =
        std::find_if(all.begin(), all.end(), [&](auto const& each) { return each.ticket == ticket; });
    if (found == all.end()) return;
    auto waiting = std::move(found->waiting);
    all.erase(found);
    waiting.post(asio::error::operation_aborted);
  }

  // The next message for the application, decoding what has come. Ends the view of the one before.
  message take_message() {
    if (ready_) {
      message_out_ = true;
      return std::exchange(ready_, message{});
    }
    message const result = session_.poll();
    message_out_ = static_cast<bool>(result);
    data_came_ = data_came_ || message_out_;
    if (!result) note_end_of_input();
    return result;
  }

  // Only when all input was polled: what came before the end is still delivered.
  void note_end_of_input() {
    if (!input_ended_ || session_.state() == session_state::closed) return;
    if (input_ended_ != asio::error::eof) error_ = input_ended_;
    if (write_failed_ && !error_) error_ = write_failed_;
    session_.end_of_input();
  }

  // Does all that can be done now: delivers, answers, writes, reads on, ends. Everything that happens to a
  // connection ends up here, and a handler that calls back into it only leaves work for the loop.
  void advance() {
    if (advancing_ || !stream_open_) return;
    auto const self = shared_from_this();
    {
      turn const guard{*this};
      do {
        again_ = false;
        deliver();
        flush();
      } while (again_ && stream_open_);
    }
    if (!stream_open_) return;
    wake_drained();
    if (session_.state() != session_state::open) expect_end();
    if (session_.state() == session_state::closed && try_to_end()) return;
    read();
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
    if ((unattended_ || !closes_.empty()) && session_.state() == session_state::closing) {
      // Who waits for the end of the close handshake does not receive what stands before the peer's Close.
      while (take_message()) continue;
    } else if (!ready_ && !message_out_) {
      ready_ = take_message();
      message_out_ = false;
    }
    if (ready_ || message_out_) session_.look_ahead();
  }

  void flush() {
    if (writing_ || session_.output().empty() || write_failed_) return;
    std::error_code failure;
    std::size_t const size = try_write(session_.output(), failure);
    session_.consume(size);
    if (failure && failure != asio::error::would_block && failure != asio::error::try_again) {
      return on_write_failed(failure);
    }
    if (session_.output().empty()) return;
    in_flight_ = session_.take_output();
    writing_ = true;
    start_write(in_flight_.bytes());
  }

  // The peer may have said why before it went: what it sent is still read, and delivered, up to its end.
  void on_write_failed(std::error_code failure) {
    write_failed_ = failure;
    in_flight_.release();
    session_.take_output();
    expect_end();
  }

  void wake_drained() {
    if (drains_.empty() || (!may_send_more() && session_.state() != session_state::closed && !write_failed_))
      return;
    auto woken = std::exchange(drains_, {});
    for (auto& each : woken) each.waiting.post(drained_outcome());
  }

  std::error_code drained_outcome() const noexcept {
    if (write_failed_) return write_failed_;
    bool const closed = session_.state() == session_state::closed;
    if (closed && (session_.error() || !may_send_more())) return error::closed;
    return {};
  }

  void read() {
    if (reading_ || !stream_open_) return;
    if (input_ended_) return;
    // Reading stops while the application is behind: that is the backpressure on the peer.
    if (!receive_ && session_.unread_size() >= options_.read_ahead) return;
    reading_ = true;
    start_read();
  }

  // One turn of advance() soon. What is queued until then goes out in the same write.
  void schedule() {
    if (advancing_) {
      again_ = true;
      return;
    }
    if (scheduled_ || !stream_open_) return;
    scheduled_ = true;
    asio::defer(executor_, [self = shared_from_this()] {
      self->scheduled_ = false;
      self->advance();
    });
  }

  // The close handshake is done, or will not be. RFC 6455 §7.1.1: the server closes TCP first, the client
  // waits for it. A half-close and reading on to the end keep a reset from overtaking our Close. Returns true
  // when it is over.
  bool try_to_end() {
    session_.poll();  // drops all input
    bool const lost = session_.error() == error::connection_lost || write_failed_;
    if (lost || input_ended_) {
      if (writing_ && !lost) return false;
      finish(error());
      return true;
    }
    if (!writing_ && session_.output().empty() && !half_closed_ &&
        (session_.self() == role::server || session_.error())) {
      half_closed_ = true;
      shutdown_send();
    }
    return false;
  }

  // From the first Close on, the connection ends by a deadline that nothing moves.
  void expect_end() {
    if (ending_) return;
    ending_ = true;
    timer().expires_after(options_.close_timeout);
    timer().async_wait([held = lease(shared_from_this())](std::error_code stopped) mutable {
      auto const self = held.end();
      if (stopped || !self->stream_open_) return;
      self->session_.fail(error::close_timeout);
      self->finish(self->error());
    });
  }

  // Any byte heard counts as life (RFC 6455 §5.5.2), only messages count against idleness. Reading only sets
  // a flag: the clock is asked once a tick, not once a read.
  void start_keepalive() {
    last_heard_ = last_data_ = std::chrono::steady_clock::now();
    tick();
  }

  void tick() {
    using std::chrono::steady_clock;
    bool const pings = options_.ping_interval.count() > 0;
    bool const idles = options_.idle_timeout.count() > 0;
    if (ending_ || !stream_open_ || (!pings && !idles)) return;
    auto const now = steady_clock::now();
    // While reading is paused for the application's sake, silence says nothing about the peer.
    bool const paused = !reading_;
    if (std::exchange(heard_, false) || paused) {
      last_heard_ = now;
      pinged_ = false;
    }
    if (std::exchange(data_came_, false) || paused) last_data_ = now;

    auto next = steady_clock::time_point::max();
    if (idles) {
      next = last_data_ + options_.idle_timeout;
      if (now >= next) return fail(error::idle_timeout);
    }
    if (pings) {
      if (pinged_ && now - last_heard_ >= options_.ping_interval + options_.pong_timeout) {
        return fail(error::pong_timeout);
      }
      if (!pinged_ && now - last_heard_ >= options_.ping_interval) {
        pinged_ = true;
        // The pong may take its whole time from here, however late this tick is.
        last_heard_ = now - options_.ping_interval;
        session_.send(message_type::ping, {});
        schedule();
      }
      auto const patience = pinged_ ? options_.ping_interval + options_.pong_timeout : options_.ping_interval;
      next = std::min(next, last_heard_ + patience);
    }
    timer().expires_at(next);
    timer().async_wait([weak = weak_from_this()](std::error_code stopped) {
      auto const self = weak.lock();
      if (!stopped && self) self->tick();
    });
  }

  asio::steady_timer& timer() {
    if (!timer_) timer_.emplace(executor_);
    return *timer_;
  }

  // The stream goes, and every operation that still waits ends.
  void finish(std::error_code outcome) {
    auto const self = shared_from_this();
    stream_open_ = false;
    if (timer_) timer_->cancel();
    close_stream();
    if (session_.state() != session_state::closed) session_.end_of_input();
    if (receive_) receive_.post(outcome == asio::error::operation_aborted ? outcome : error(), message{});
    for (auto& each : std::exchange(drains_, {})) each.waiting.post(error::closed);
    for (auto& each : std::exchange(closes_, {})) each.waiting.post(outcome);
  }

  asio::any_io_executor executor_;
  connection_options options_;
  session session_;
  buffer in_flight_;
  message ready_;  // polled, and waiting for a receive
  operation<std::error_code, message> receive_;
  std::vector<waiting_one> drains_;
  std::vector<waiting_one> closes_;
  std::optional<asio::steady_timer> timer_;
  std::chrono::steady_clock::time_point
      last_heard_;  // as known at the last tick; heard_ says what came since
  std::chrono::steady_clock::time_point last_data_;
  std::unique_ptr<request> head_;
  std::string subprotocol_;
  std::error_code error_;
  std::error_code input_ended_;
  std::error_code write_failed_;
  std::uint64_t tickets_ = 0;
  bool message_out_ = false;  // the application holds a view of the last message
  bool stream_open_ = true;
  bool reading_ = false;
  bool writing_ = false;
  bool scheduled_ = false;
  bool advancing_ = false;
  bool again_ = false;
  bool half_closed_ = false;
  bool ending_ = false;
  bool heard_ = false;
  bool data_came_ = false;
  bool pinged_ = false;
  bool unattended_ = false;
};

}  // namespace kindwire::net::detail
