// A connection that comes back: it connects, waits and connects again, and goes on with what is received and
// sent.
//
//     kw::net::reconnecting_websocket feed{client, io, "wss://example.com/feed", {.opened = subscribe}};
//     while (kw::message msg = co_await feed.receive()) …
#pragma once

#include "requirements.hpp"

#include <asio/any_io_executor.hpp>
#include <asio/associated_cancellation_slot.hpp>
#include <asio/async_result.hpp>
#include <asio/awaitable.hpp>
#include <asio/use_awaitable.hpp>
#include <concepts>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

#include "../error.hpp"
#include "../message/buffer.hpp"
#include "../message/close.hpp"
#include "../message/message.hpp"
#include "../message/prepared_message.hpp"
#include "awaitable.hpp"
#include "client.hpp"
#include "connection/awaiting.hpp"
#include "connection/operation.hpp"
#include "reconnect_error.hpp"
#include "reconnect_event.hpp"
#include "reconnect_options.hpp"
#include "reconnecting/state.hpp"
#include "sendable.hpp"
#include "text_encodable.hpp"

namespace kindwire::net {

/// A client's connection that comes back when it is lost, until close(), a final failure, or the time to give
/// up: see reconnect_options.
///
/// A connection ends when its stream is closed, and what was queued has left or cannot leave any more; from
/// the peer's Close on, what is sent is for the next one. Received messages are those of one connection after
/// another, each to its end. A Close that comes behind
/// messages is noticed when they are received, at the latest after close_timeout. Messages that nobody
/// receives hold up the connection after the next: a program that only sends must receive as well, if the
/// server sends anything.
///
/// What is promised of sending, with away_policy::keep and keep_latest: a message whose send reported no
/// error is sent, in order, until a connection has taken all of it, unless a newer one of its key replaces it
/// or all ends before; status() counts those that wait. What a connection has taken may be lost with it:
/// WebSocket has no acknowledgements. What it has not taken whole cannot have arrived, and is sent once more
/// (over a stream of your own that has sent more than it reported, it may then arrive twice). With
/// away_policy::refuse, what is queued is lost with the connection, as any websocket's.
///
/// Thread safety: like a websocket, it is used from its executor only, where its hooks run as well;
/// retry_now() too. Moving is cheap and leaves pending operations in place. Destroying it ends the connection
/// and all waits at once; what waits in it ends with operation_aborted.
class reconnecting_websocket {
 public:
  using executor_type = asio::any_io_executor;

  /// No connection: it is closed.
  reconnecting_websocket() noexcept = default;
  /// Starts connecting to `to`, with the client's options, when `where`, an executor or a context, next runs;
  /// use a strand if several threads run the context. Nothing need outlive the call, except what the hooks
  /// use. Keeping messages counts the traffic of the connections: connection_options::statistics.
  template <detail::executor_or_context Where>
  reconnecting_websocket(client const& with, Where&& where, std::string to, reconnect_options options = {})
      : state_(std::make_shared<detail::reconnecting_state>(with, detail::executor_of(where), std::move(to),
                                                            std::move(options))) {
    state_->start();
  }
  reconnecting_websocket(reconnecting_websocket&&) noexcept = default;
  reconnecting_websocket& operator=(reconnecting_websocket&& other) {
    if (this != &other) {
      abandon();
      state_ = std::move(other.state_);
    }
    return *this;
  }
  ~reconnecting_websocket() { abandon(); }

  executor_type get_executor() const noexcept { return state_ ? state_->executor() : executor_type{}; }

  // Receiving.

  /// Waits for the next TEXT or BINARY message, of whatever connection.
  ///
  /// Completes with a message that is false once no more will come: why() says why. Errors:
  /// operation_in_progress while another receive waits; operation_aborted when cancelled, which loses
  /// nothing, or when this is destroyed; not_enough_memory, which loses nothing either. The view is valid
  /// until the next receive. The token's signature is `void(std::error_code, kindwire::message)`.
  template <asio::completion_token_for<void(std::error_code, message)> Token>
  auto receive(Token&& token) {
    return asio::async_initiate<Token, void(std::error_code, message)>(
        [state = state_](auto handler) {
          if (!state) return detail::post_result(std::move(handler), std::error_code{}, message{});
          auto slot = asio::get_associated_cancellation_slot(handler);
          using operation = detail::operation<std::error_code, message>;
          start_receive(state, slot, operation(std::move(handler), state->executor()), false,
                        [](reconnect_event const& event) { return event.msg; });
        },
        token);
  }
  asio::awaitable<message> receive() { return receive(asio::use_awaitable); }

  /// The same, and tells where one connection ended and another began.
  template <asio::completion_token_for<void(std::error_code, reconnect_event)> Token>
  auto receive_event(Token&& token) {
    return asio::async_initiate<Token, void(std::error_code, reconnect_event)>(
        [state = state_](auto handler) {
          if (!state) return detail::post_result(std::move(handler), std::error_code{}, reconnect_event{});
          auto slot = asio::get_associated_cancellation_slot(handler);
          using operation = detail::operation<std::error_code, reconnect_event>;
          start_receive(state, slot, operation(std::move(handler), state->executor()), true,
                        [](reconnect_event& event) { return std::move(event); });
        },
        token);
  }
  asio::awaitable<reconnect_event> receive_event() { return receive_event(asio::use_awaitable); }

  // Sending. Each form queues or keeps at the call. It completes at once, unless it went to a connection
  // whose queue is above send_queue_soft: then when that has room. The token's signature is
  // `void(std::error_code)`. Errors: reconnect_error::away with away_policy::refuse; send_queue_full if
  // max_kept or send_queue_hard is reached; closed after close() and the end; what websocket::send() reports
  // else. What is sent need not outlive the call.

  /// Whatever websocket::try_send() takes as one whole message: text, bytes, a message, a prepared_message, a
  /// value with a schema. Queues or keeps it, or returns why not; never waits. May throw std::bad_alloc.
  template <detail::sendable T>
  std::error_code try_send(T const& what) {
    if constexpr (std::convertible_to<T const&, std::string_view>) {
      return queue({message_type::text, kindwire::detail::as_bytes(std::string_view(what))});
    } else if constexpr (std::convertible_to<T const&, message const&>) {
      return queue(what);
    } else if constexpr (std::same_as<T, prepared_message>) {
      return queue({what.type(), what.bytes()});
    } else if constexpr (std::convertible_to<T const&, std::span<std::byte const>>) {
      return queue({message_type::binary, std::span<std::byte const>(what)});
    } else if constexpr (binary_sendable<T>) {
      return queue({message_type::binary, detail::binary_payload(what)});
    } else {
      static_assert(text_encodable<T>, "kindwire: a message's type alone cannot be sent");
      buffer text;
      if (auto const unfit = detail::encode_value(text, what)) return unfit;
      return queue({message_type::text, text.bytes()});
    }
  }
  /// TEXT or BINARY; any other type is error::invalid_argument.
  std::error_code try_send(message_type type, std::span<std::byte const> bytes) {
    return queue({type, bytes});
  }

  template <detail::sendable T>
  asio::awaitable<sent> send(T const& what) {
    return settled(try_send(what));
  }
  template <detail::sendable T, asio::completion_token_for<void(std::error_code)> Token>
  auto send(T const& what, Token&& token) {
    return settle(try_send(what), std::forward<Token>(token));
  }
  asio::awaitable<sent> send(message_type type, std::span<std::byte const> bytes) {
    return settled(try_send(type, bytes));
  }
  template <asio::completion_token_for<void(std::error_code)> Token>
  auto send(message_type type, std::span<std::byte const> bytes, Token&& token) {
    return settle(try_send(type, bytes), std::forward<Token>(token));
  }

  /// Nothing else can be sent.
  template <detail::unsendable T, class... Token>
  KINDWIRE_UNSENDABLE asio::awaitable<sent> send(T const&, Token&&...);

  // Closing.

  /// Ends for good: at once while there is no connection, whatever is under way; else as websocket::close(),
  /// after what was sent before. Completes once it is closed; what had come can still be received. Messages
  /// that are kept for a connection are not sent any more: status() still counts them.
  ///
  /// `reason` is UTF-8 of at most 123 bytes. Errors: invalid_argument, with nothing done; those of
  /// websocket::close(). Cancelling ends the wait alone.
  template <asio::completion_token_for<void(std::error_code)> Token>
  auto close(kindwire::close_code code, std::string_view reason, Token&& token) {
    return asio::async_initiate<Token, void(std::error_code)>(
        [state = state_, outcome = try_close(code, reason)](auto handler) {
          if (!state) return detail::post_result(std::move(handler), outcome);
          auto slot = asio::get_associated_cancellation_slot(handler);
          detail::operation<std::error_code> waiting(std::move(handler), state->executor());
          if (outcome) return waiting.post(state->executor(), outcome);
          auto const ticket = state->next_ticket();
          detail::on_cancellation(slot, state,
                                  [ticket](detail::reconnecting_state& of) { of.cancel_close(ticket); });
          state->wait_closed(std::move(waiting), ticket);
        },
        token);
  }
  template <asio::completion_token_for<void(std::error_code)> Token>
  auto close(Token&& token) {
    return close(kindwire::close_code::normal, {}, std::forward<Token>(token));
  }
  asio::awaitable<void> close(kindwire::close_code code = kindwire::close_code::normal,
                              std::string_view reason = {}) {
    return close(code, reason, asio::use_awaitable);
  }

  /// The same without waiting.
  std::error_code try_close(kindwire::close_code code = kindwire::close_code::normal,
                            std::string_view reason = {}) {
    return state_ ? state_->close(code, reason) : std::error_code{};
  }

  /// Ends a wait for the next try: the network is back, say. During a try, the one after it, unless a server
  /// answers and refuses. The delays go on growing if that fails. Nothing while there is a connection.
  void retry_now() noexcept {
    if (state_) state_->retry_now();
  }

  // What it is about.

  reconnect_state state() const noexcept { return state_ ? state_->state() : reconnect_state::closed; }
  bool is_open() const noexcept { return state() == reconnect_state::open; }
  reconnect_status status() const {
    return state_ ? state_->status() : reconnect_status{.state = reconnect_state::closed};
  }
  /// The last try that opened no connection. Valid until this is next used or its executor runs.
  failed_try const& last_failure() const noexcept {
    static failed_try const none;
    return state_ ? state_->last_failure() : none;
  }
  /// How the last connection ended; valid as last_failure().
  disconnection const& last_disconnection() const noexcept {
    static disconnection const none;
    return state_ ? state_->last_disconnection() : none;
  }
  /// Why it is closed: the error of a failure that is final, such as handshake_refused (see last_failure()),
  /// or a reconnect_error. None while it goes on, and after close().
  std::error_code why() const noexcept { return state_ ? state_->why() : std::error_code{}; }

 private:
  using shared_state = std::shared_ptr<detail::reconnecting_state>;

  template <class Slot, class Operation, class Pick>
  static void start_receive(shared_state const& state, Slot slot, Operation waiting, bool wants_events,
                            Pick pick) {
    if (state->in().waits()) {
      reconnect_event none;
      return waiting.post(state->executor(), make_error_code(kindwire::error::operation_in_progress),
                          pick(none));
    }
    detail::on_cancellation(slot, state, [](detail::reconnecting_state& of) { of.in().cancel(); });
    state->in().receive(
        detail::event_operation(
            [waiting = std::move(waiting), pick](std::error_code failure, reconnect_event event) mutable {
              waiting.complete(failure, pick(event));
            },
            state->executor()),
        wants_events, state->weak());
  }

  std::error_code queue(message const& what) {
    if (!state_ || state_->is_closing()) return kindwire::error::closed;
    return state_->out().send(what);
  }

  // The connection whose queue a send is to wait for; null if it need not.
  std::shared_ptr<detail::connection> full() const noexcept {
    websocket* const now = state_ ? state_->out().current() : nullptr;
    if (now == nullptr || detail::websocket_access::state(*now)->may_send_more()) return nullptr;
    return detail::websocket_access::state(*now);
  }

  template <class Token>
  auto settle(std::error_code outcome, Token&& token) {
    return asio::async_initiate<Token, void(std::error_code)>(
        [state = state_, over = outcome ? nullptr : full(), outcome](auto handler) {
          if (!state) return detail::post_result(std::move(handler), outcome);
          auto slot = asio::get_associated_cancellation_slot(handler);
          using operation = detail::operation<std::error_code>;
          operation waiting(std::move(handler), state->executor());
          if (!over) return waiting.post(state->executor(), outcome);
          auto const ticket = over->next_ticket();
          detail::on_cancellation(slot, over, [ticket](detail::connection& of) { of.cancel_drain(ticket); });
          // A message that is kept outlives the connection.
          auto done = [waiting = std::move(waiting),
                       keeps = state->out().keeps()](std::error_code failure) mutable {
            bool const is_kept = keeps && failure != asio::error::operation_aborted;
            waiting.complete(is_kept ? std::error_code{} : failure);
          };
          over->wait_drained(operation(std::move(done), state->executor()), ticket);
        },
        token);
  }
  asio::awaitable<sent> settled(std::error_code outcome) {
    return !outcome && !full() ? asio::awaitable<sent>{} : awaited(settle(outcome, asio::use_awaitable));
  }
  static asio::awaitable<sent> awaited(asio::awaitable<void> sending) {
    co_await std::move(sending);
    co_return sent{};
  }

  void abandon() {
    if (auto const state = std::exchange(state_, nullptr)) state->abandon();
  }

  shared_state state_;
};

}  // namespace kindwire::net
