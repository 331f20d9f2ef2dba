// How a caller waits for a connection, with any completion token or in a coroutine.
#pragma once

#include <asio/associated_cancellation_slot.hpp>
#include <asio/associated_executor.hpp>
#include <asio/async_result.hpp>
#include <asio/awaitable.hpp>
#include <asio/post.hpp>
#include <asio/system_executor.hpp>
#include <asio/use_awaitable.hpp>
#include <memory>
#include <system_error>
#include <utility>

#include "../../error.hpp"
#include "../../message/chunk.hpp"
#include "../../message/message.hpp"
#include "../awaitable.hpp"
#include "chunk_handler.hpp"
#include "connection.hpp"
#include "operation.hpp"
#include "try_allocating.hpp"
#include "turn.hpp"

namespace kindwire::net::detail {

// Operations hold the connection, not the websocket, which may be moved meanwhile. Null means a websocket
// without a connection.
using shared_connection = std::shared_ptr<connection>;

template <class Handler, class... Results>
void post_result(Handler handler, Results... results) {
  // From Asio 1.38 on, the default executor runs functions inline and has no post().
  auto const executor = asio::get_associated_executor(handler, asio::system_executor());
  asio::post(executor, [handler = std::move(handler), ... results = std::move(results)]() mutable {
    handler(std::move(results)...);
  });
}

// Why a whole message cannot be awaited now.
inline std::error_code refusal_to_receive(connection const& from) noexcept {
  if (from.receiving()) return kindwire::error::operation_in_progress;
  return from.in_chunks() ? kindwire::error::message_in_progress : std::error_code{};
}

template <class Token>
auto await_message(shared_connection from, Token&& token) {
  return asio::async_initiate<Token, void(std::error_code, message)>(
      [state = std::move(from)](auto handler) {
        if (!state)
          return post_result(std::move(handler), make_error_code(kindwire::error::closed), message{});
        auto slot = asio::get_associated_cancellation_slot(handler);
        operation<std::error_code, message> waiting(std::move(handler), state->executor());
        if (auto const refused = refusal_to_receive(*state))
          return waiting.post(state->executor(), refused, message{});
        on_cancellation(slot, state, [](connection& of) { of.cancel_receive(); });
        state->start_receive(std::move(waiting));
      },
      token);
}

template <class Token>
auto await_chunk(shared_connection from, Token&& token) {
  return asio::async_initiate<Token, void(std::error_code, message_chunk)>(
      [state = std::move(from)](auto handler) {
        if (!state)
          return post_result(std::move(handler), make_error_code(kindwire::error::closed), message_chunk{});
        auto slot = asio::get_associated_cancellation_slot(handler);
        operation<std::error_code, message> waiting(chunk_handler<decltype(handler)>{std::move(handler)},
                                                    state->executor());
        if (state->receiving()) {
          return waiting.post(state->executor(), make_error_code(kindwire::error::operation_in_progress),
                              message{});
        }
        on_cancellation(slot, state, [](connection& of) { of.cancel_receive(); });
        state->start_receive_some(std::move(waiting));
      },
      token);
}
// Does not wait if a chunk is already there.
inline asio::awaitable<message_chunk> await_chunk(shared_connection from) {
  if (from && !from->receiving() && !from->is_quiet()) {
    message_chunk const there{from->try_receive_some()};
    if (there) co_return there;
  }
  co_return co_await await_chunk(std::move(from), asio::use_awaitable);
}

template <auto Start, auto Cancel, class Token>
auto wait(shared_connection on, std::error_code outcome, Token&& token) {
  return asio::async_initiate<Token, void(std::error_code)>(
      [state = std::move(on), outcome](auto handler) {
        if (!state) return post_result(std::move(handler), outcome);
        auto slot = asio::get_associated_cancellation_slot(handler);
        operation<std::error_code> waiting(std::move(handler), state->executor());
        if (outcome) return waiting.post(state->executor(), outcome);
        auto const ticket = state->next_ticket();
        on_cancellation(slot, state, [ticket](connection& of) { (of.*Cancel)(ticket); });
        ((*state).*Start)(std::move(waiting), ticket);
      },
      token);
}

// The frame was queued before; `outcome` says if that failed. These report it, and wait while the queue is
// above its soft mark.
template <class Token>
auto await_drained(shared_connection on, std::error_code outcome, Token&& token) {
  return wait<&connection::wait_drained, &connection::cancel_drain>(std::move(on), outcome,
                                                                    std::forward<Token>(token));
}
inline asio::awaitable<sent> await_room(shared_connection on, std::error_code outcome) {
  if (outcome) throw std::system_error(outcome);
  co_await await_drained(std::move(on), outcome, asio::use_awaitable);
  co_return sent{};
}
inline asio::awaitable<sent> await_drained(shared_connection const& on, std::error_code outcome) {
  return !outcome && on->may_send_more() ? asio::awaitable<sent>{} : await_room(on, outcome);
}

// The same for a Close; these wait for the end of the connection.
template <class Token>
auto await_closed(shared_connection on, std::error_code outcome, Token&& token) {
  return wait<&connection::wait_closed, &connection::cancel_close>(std::move(on), outcome,
                                                                   std::forward<Token>(token));
}
inline asio::awaitable<void> await_closed(shared_connection on, std::error_code outcome) {
  if (outcome) throw std::system_error(outcome);
  if (!on || !on->stream_open()) co_return;
  co_await await_closed(std::move(on), outcome, asio::use_awaitable);
}

}  // namespace kindwire::net::detail

namespace asio {

template <typename Executor>
bool awaitable<kindwire::message, Executor>::look() {
  if (!from_->receiving() && !from_->is_quiet()) there_ = from_->try_receive();
  return static_cast<bool>(there_);
}

template <typename Executor>
template <class T>
void awaitable<kindwire::message, Executor>::wait(detail::awaitable_frame<T, Executor>& awaiting) {
  using namespace kindwire::net::detail;
  // The coroutine may be what keeps the connection alive, so it must not be the other way round as well.
  auto const from = std::move(from_);
  from->expect_receive();  // if it throws, the coroutine goes on with that
  std::error_code const refused = refusal_to_receive(*from);
  bool const answered = refused || from->has_ended();
  resumption<T> handler(awaiting.detach_thread(), *this);
  auto slot = asio::get_associated_cancellation_slot(handler);
  operation<std::error_code, kindwire::message> waiting(std::move(handler), from->executor());
  bool const cancellable =
      try_allocating([&] { on_cancellation(slot, from, [](connection& of) { of.cancel_receive(); }); });
  if (!cancellable) return waiting.complete(no_memory(), kindwire::message{});
  if (answered) {
    auto const outcome = refused ? refused : from->error();
    return waiting.post_or_complete(from->executor(), outcome, kindwire::message{});
  }
  from->set_receive(std::move(waiting));
}

}  // namespace asio
