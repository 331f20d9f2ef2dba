// The websocket itself: see websocket.hpp, which opens one.
#pragma once

#include <algorithm>
#include <chrono>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <type_traits>
#include <utility>

#include "../error.hpp"
#include "../frame/role.hpp"
#include "../handshake/request.hpp"
#include "../message/chunk.hpp"
#include "../message/close.hpp"
#include "../message/extension.hpp"
#include "../message/message.hpp"
#include "../session.hpp"
#include "../session/ending.hpp"
#include "../session/ending_facts.hpp"
#include "../session/prepared_message.hpp"
#include "concepts.hpp"

namespace kindwire {

/// A session over a blocking stream, after the opening handshake; accept() and connect() perform that first.
///
/// Each operation reports through its error_code: errors of the stream, the rule that the peer broke,
/// connection_lost, closed. How long one may wait is up to the stream and its timeouts. Pings are answered
/// while a receive or close() reads. Not thread safe.
template <blocking_stream Stream>
class blocking_websocket {
 public:
  /// No connection yet: every operation ends with error::closed.
  blocking_websocket() = default;

  /// `leftover` are bytes that were read past the handshake's head, `extension` what it agreed on, or null.
  blocking_websocket(Stream stream, role self, session_options options = {},
                     std::span<std::byte const> leftover = {},
                     std::unique_ptr<message_extension> extension = {})
      : state_(new state(std::move(stream), self, options, std::move(extension))) {
    if (leftover.empty()) return;
    std::copy(leftover.begin(), leftover.end(), machine().prepare(leftover.size()).begin());
    machine().commit(leftover.size());
  }

  /// Waits for the next message. False without an error once the peer has closed, with one if the connection
  /// broke; error::message_in_progress between the chunks that receive_some() gives. The view is valid until
  /// the next receive(), receive_some() or close().
  message receive(std::error_code& failure) {
    failure = error::message_in_progress;
    if (state_ && machine().receiving_chunks() && !machine().is_over()) return {};
    return receive_with(failure, [](session& from) { return from.poll(); });
  }

  /// Waits for the next chunk of a message, for messages that are larger than memory: gives what has arrived
  /// of it, as soon as that is not nothing. What is not taken is not read, so that the peer waits.
  ///
  /// The whole message may be session_options::max_streamed_size bytes long. Text is checked as it comes: at
  /// the first byte that no UTF-8 could hold there the connection fails with 1007; a chunk may begin and end
  /// in the midst of a code point. A compressed message comes inflated, by 64 KiB or a little more at a time.
  ///
  /// Ends and errors as for receive(), and the view is valid as long; an error that passes, such as a
  /// time-out of the stream, loses nothing, and the next call continues. A false chunk in the midst of a
  /// message says that the peer closed there, and that the rest will not come. From a message's first chunk
  /// to its last receive() fails and takes nothing away; between messages either may be used.
  message_chunk receive_some(std::error_code& failure) {
    return receive_with(failure, [](session& from) { return from.poll_some(); });
  }

  /// Sends a TEXT message; `text` is UTF-8.
  void send(std::string_view text, std::error_code& failure, compress how = compress::yes) {
    send(message_type::text, detail::as_bytes(text), failure, true, how);
  }

  /// Sends a frame of any type, whole or a fragment: see session::send().
  void send(message_type type, std::span<std::byte const> bytes, std::error_code& failure, bool fin = true,
            compress how = compress::yes) {
    failure = state_ ? machine().send(type, bytes, fin, how) : make_error_code(error::closed);
    if (!failure) write_queued(failure);
  }

  /// Sends a message that goes to other connections as well: see prepared_message.
  template <std::same_as<prepared_message> T>
  void send(T const& whole, std::error_code& failure, compress how = compress::yes) {
    failure = state_ ? machine().send(whole, how) : make_error_code(error::closed);
    if (!failure) write_queued(failure);
  }

  /// Writes queued output, for a stream whose writes may time out or not block.
  void flush(std::error_code& failure) { failure = state_ ? write() : make_error_code(error::closed); }

  /// Sends a Close and waits for the peer's, then for the end of the stream; messages before it are dropped.
  /// A peer that does not answer, or takes nothing, is given up after 5 s, or later if one read or write
  /// waits longer. Error invalid_argument, with nothing sent, as for session::close().
  void close(std::error_code& failure, kindwire::close_code code = kindwire::close_code::normal,
             std::string_view reason = {}) {
    failure = state_ ? std::error_code{} : make_error_code(error::closed);
    if (!state_ || state_->ending.has_ended()) return;
    failure = machine().close(code, reason);
    if (failure) return;
    machine().discard();
    failure = run_ending();
  }

  /// How the connection was closed, as in session. Without a connection: 1006.
  ///
  /// The code of the peer's Close: no_status (1005) if it had none, abnormal (1006) if no Close has arrived.
  kindwire::close_code close_code() const noexcept {
    return state_ ? protocol().close_code() : kindwire::close_code::abnormal;
  }
  /// The reason of the peer's Close; valid as long as the websocket.
  std::string_view close_reason() const noexcept {
    return state_ ? protocol().close_reason() : std::string_view{};
  }
  /// The code of our own Close: no_status (1005) if it has none, abnormal (1006) if we have sent none.
  kindwire::close_code sent_close_code() const noexcept {
    return state_ ? protocol().sent_close_code() : kindwire::close_code::abnormal;
  }
  /// The reason in our own Close; valid as long as the websocket.
  std::string_view sent_close_reason() const noexcept {
    return state_ ? protocol().sent_close_reason() : std::string_view{};
  }
  /// True when the peer's Close came before we sent ours. When both ends close at once, neither was closed by
  /// its peer.
  bool closed_by_peer() const noexcept { return state_ && protocol().closed_by_peer(); }

  /// The underlying session: its state, close codes and reasons. Without a connection, one that was lost.
  session const& protocol() const noexcept { return state_ ? state_->protocol : lost(); }
  /// Requires a connection.
  Stream& next_layer() noexcept { return state_->stream; }
  explicit operator bool() const noexcept { return state_ != nullptr; }

  /// The request, on a server; the agreed subprotocol, on both ends.
  kindwire::request const& request() const noexcept {
    static kindwire::request const none;
    return state_ ? state_->head : none;
  }
  std::string_view subprotocol() const noexcept {
    return state_ ? std::string_view(state_->subprotocol) : std::string_view{};
  }

  /// The extensions that both ends agreed on, as in Sec-WebSocket-Extensions; empty if none.
  std::string_view extensions() const noexcept {
    return state_ ? std::string_view(state_->extensions) : std::string_view{};
  }

  /// For accept() and connect().
  void set_handshake(kindwire::request head, std::string_view subprotocol, std::string extensions = {}) {
    state_->head = std::move(head);
    state_->subprotocol = subprotocol;
    state_->extensions = std::move(extensions);
  }

 private:
  // It is queued, and goes out with the next operation if it cannot now: retrying would send it twice.
  void write_queued(std::error_code& failure) {
    failure = write();
    if (passes(failure)) failure.clear();
  }

  using clock = detail::ending::clock;

  struct state {
    state(Stream from, role self, session_options const& options, std::unique_ptr<message_extension> agreed)
        : stream(std::move(from)), extension(std::move(agreed)), protocol(self, options, extension.get()) {}

    Stream stream;
    std::unique_ptr<message_extension> extension;  // outlives the session
    session protocol;
    kindwire::request head = {};
    std::string subprotocol = {};
    std::string extensions = {};
    detail::ending ending = {};
    std::uint32_t written = 0;  // bytes, modulo 2^32
    bool write_failed = false;
    bool input_ended = false;
    bool input_failed = false;  // it ended with an error
  };

  static constexpr std::size_t read_size = 16384;
  static constexpr std::chrono::milliseconds close_timeout{5000};

  static session const& lost() noexcept {
    static session const none = [] {
      session one(role::client);
      one.end_of_input();
      return one;
    }();
    return none;
  }

  session& machine() noexcept { return state_->protocol; }

  // What `take` gets out of the session, as soon as that is something.
  template <class Take>
  auto receive_with(std::error_code& failure, Take take) -> std::invoke_result_t<Take&, session&> {
    failure = error::closed;
    if (!state_) return {};
    for (;;) {
      auto const result = take(machine());
      // The peer may have said why before it left: a stream that takes no answers is still read to its end.
      write();
      failure.clear();
      if (result) return result;
      if (machine().is_over()) {
        failure = machine().error();
        run_ending();
        return {};
      }
      failure = read();
      if (failure && passes(failure)) return {};
      if (state_->input_ended) {
        machine().end_of_input();
        if (!failure) failure = machine().error();
        if (!failure) continue;
        cut();
        return {};
      }
    }
  }

  std::error_code write() {
    std::error_code failure;
    while (!machine().output().empty() && !failure) {
      std::size_t const size = state_->stream.write_some(machine().output(), failure);
      machine().consume(size);
      state_->written += static_cast<std::uint32_t>(size);
    }
    if (failure && !passes(failure)) state_->write_failed = true;
    return failure;
  }

  std::error_code read() {
    std::error_code failure;
    auto const room = machine().prepare(read_size).first(read_size);
    std::size_t const size = state_->stream.read_some(room, failure);
    machine().commit(size);
    if (size != 0) state_->ending.heard(clock::now());
    state_->input_failed = failure && !passes(failure);
    state_->input_ended = state_->input_failed || (size == 0 && !failure);
    return failure;
  }

  // True if the stream is not ready now, rather than over.
  static bool passes(std::error_code why) noexcept {
    return why == std::errc::timed_out || why == std::errc::interrupted ||
           why == std::errc::operation_would_block || why == std::errc::resource_unavailable_try_again;
  }

  // Closes the stream: what is left of it would only keep the peer waiting.
  void cut() {
    if (state_->ending.has_ended()) return;
    state_->ending.end();
    detail::close_stream(state_->stream);
  }

  // Runs the ending until the stream has ended. The error is how the connection ended, or why the stream
  // cannot go on now.
  std::error_code run_ending() {
    std::error_code failure;
    std::error_code waits;
    auto const go_on = [&] {
      bool const writes = !machine().output().empty() && !state_->write_failed;
      std::error_code const now = writes ? write() : read();
      if (passes(now)) {
        waits = now;
      } else if (now && !failure) {
        failure = now;
      }
      if (!waits && machine().state() != session_state::closed) machine().discard();
    };
    // The time between two calls is not the peer's: what has arrived meanwhile comes first.
    if (state_->ending.has_term() && !state_->input_ended) go_on();
    while (!state_->ending.has_ended()) {
      switch (state_->ending.next(known(), clock::now(), close_timeout, 0).what) {
        case detail::ending::action::answer_close: machine().answer_close(); break;
        case detail::ending::action::shut_down_sending: detail::shutdown_send(state_->stream); break;
        case detail::ending::action::close_stream: cut(); break;
        case detail::ending::action::wait:
          if (waits) return waits;
          go_on();
          break;
      }
    }
    if (machine().state() == session_state::closed) return machine().error();
    if (!failure && !state_->input_ended) failure = error::close_timeout;
    machine().end_of_input();
    return failure ? failure : machine().error();
  }

  detail::ending::facts known() const noexcept {
    bool const queued = !state_->protocol.output().empty() && !state_->write_failed;
    auto known = detail::facts_of(state_->protocol);
    known.unattended = true;
    known.output_queued = known.output_waits = queued;
    known.taken = state_->written;
    known.write_failed = state_->write_failed;
    known.input_ended = state_->input_ended;
    known.input_failed = state_->input_failed;
    known.timed = false;
    return known;
  }

  std::unique_ptr<state> state_;
};

}  // namespace kindwire
