// How a server runs the handler of a websocket, and what the connection is told when it has ended.
#pragma once

#include <asio/any_io_executor.hpp>
#include <asio/awaitable.hpp>
#include <asio/co_spawn.hpp>
#include <exception>
#include <memory>
#include <type_traits>
#include <utility>

#include "../../message/close.hpp"
#include "../route_check.hpp"
#include "../websocket.hpp"
#include "connection.hpp"
#include "handler_call.hpp"
#include "server_state.hpp"

namespace kindwire::net::detail {

// Starts the coroutine of a handler. What the check has found stays until it has ended, and costs nothing if
// the handler does not take it.
template <class Handler, class Finished>
void spawn_handler(asio::any_io_executor const& executor, asio::awaitable<void> work,
                   [[maybe_unused]] found_value found, Finished finished) {
  if constexpr (std::is_void_v<wanted_by<Handler>>) {
    asio::co_spawn(executor, std::move(work), std::move(finished));
  } else {
    asio::co_spawn(executor, std::move(work),
                   [found = std::move(found), finished = std::move(finished)](
                       std::exception_ptr failure) mutable { finished(std::move(failure)); });
  }
}

// Calls a websocket_handler, which must stay in place until it has ended; `found` is what it takes besides,
// or null if that is nothing. Throws what the call throws.
template <class Handler>
void run_handler(Handler& handler, std::shared_ptr<connection> opened, std::shared_ptr<server_state const> of,
                 found_value found) {
  if constexpr (is_borrowing_coroutine<Handler>) {
    // The websocket and the handler must stay in place while the coroutine runs: its completion handler
    // keeps them.
    auto held = std::make_unique<websocket>(websocket_access::make(opened));
    asio::awaitable<void> work;
    try {
      work = call_handler(handler, *held, found.get());
    } catch (...) {
      websocket_access::release(*held);  // to be closed with 1011, not abandoned
      throw;
    }
    auto const executor = opened->executor();
    spawn_handler<Handler>(
        executor, std::move(work), std::move(found),
        [held = std::move(held), running = handler_guard(std::move(of))](std::exception_ptr failure) {
          if (failure) running.server().report(failure);
          if (auto const state = websocket_access::release(*held)) {
            state->handler_finished(failure ? close_code::internal_error : close_code::normal);
          }
        });
  } else if constexpr (is_owning_coroutine<Handler>) {
    auto const executor = opened->executor();
    std::weak_ptr const connection(opened);
    asio::awaitable<void> work =
        call_handler(handler, websocket_access::make(std::move(opened)), found.get());
    spawn_handler<Handler>(executor, std::move(work), std::move(found),
                           [connection, running = handler_guard(std::move(of))](std::exception_ptr failure) {
                             if (!failure) return;
                             running.server().report(failure);
                             // The handler may have moved the websocket elsewhere.
                             if (auto const state = connection.lock())
                               state->handler_finished(close_code::internal_error);
                           });
  } else {
    using result = decltype(call_handler(handler, websocket_access::make(opened), nullptr));
    static_assert(std::is_void_v<result>,
                  "a websocket handler is asio::awaitable<void>(websocket&) or void(websocket)");
    call_handler(handler, websocket_access::make(std::move(opened)), found.get());
  }
}

}  // namespace kindwire::net::detail
