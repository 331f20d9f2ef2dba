// How a server runs the handler of a websocket, and what the connection is told when it has ended.
#pragma once

#include <asio/awaitable.hpp>
#include <asio/co_spawn.hpp>
#include <exception>
#include <memory>
#include <type_traits>
#include <utility>

#include "../../message/close.hpp"
#include "../websocket.hpp"
#include "connection.hpp"
#include "opening.hpp"

namespace kindwire::net::detail {

// Calls a websocket_handler, which must stay in place until it has ended. Throws what the call throws.
template <class Handler>
void run_handler(Handler& handler, std::shared_ptr<connection> opened,
                 std::shared_ptr<server_state const> of) {
  if constexpr (std::is_invocable_r_v<asio::awaitable<void>, Handler&, websocket&>) {
    // The websocket and the handler must stay in place while the coroutine runs: its completion handler
    // keeps them.
    auto held = std::make_unique<websocket>(websocket_access::make(opened));
    asio::awaitable<void> work;
    try {
      work = handler(*held);
    } catch (...) {
      websocket_access::release(*held);  // to be closed with 1011, not abandoned
      throw;
    }
    auto const executor = opened->executor();
    asio::co_spawn(
        executor, std::move(work),
        [held = std::move(held), running = handler_guard(std::move(of))](std::exception_ptr failure) {
          if (failure) running.server().report(failure);
          if (auto const state = websocket_access::release(*held)) {
            state->handler_finished(failure ? close_code::internal_error : close_code::normal);
          }
        });
  } else if constexpr (std::is_invocable_r_v<asio::awaitable<void>, Handler&, websocket>) {
    auto const executor = opened->executor();
    std::weak_ptr const connection(opened);
    asio::awaitable<void> work = handler(websocket_access::make(std::move(opened)));
    asio::co_spawn(executor, std::move(work),
                   [connection, running = handler_guard(std::move(of))](std::exception_ptr failure) {
                     if (!failure) return;
                     running.server().report(failure);
                     // The handler may have moved the websocket elsewhere.
                     if (auto const state = connection.lock())
                       state->handler_finished(close_code::internal_error);
                   });
  } else {
    static_assert(std::is_void_v<std::invoke_result_t<Handler&, websocket>>,
                  "a websocket handler is asio::awaitable<void>(websocket&) or void(websocket)");
    handler(websocket_access::make(std::move(opened)));
  }
}

}  // namespace kindwire::net::detail
