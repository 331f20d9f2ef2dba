// What all connections of a server share.
#pragma once

#include <asio/execution_context.hpp>
#include <chrono>
#include <exception>
#include <functional>
#include <memory>
#include <string>
#include <utility>

#include "../../handshake/head.hpp"
#include "../../handshake/host.hpp"
#include "../../handshake/request.hpp"
#include "../../handshake/response.hpp"
#include "../../handshake/router.hpp"
#include "../observer.hpp"
#include "../options.hpp"
#include "../route_options.hpp"
#include "admission.hpp"
#include "client_address.hpp"
#include "connection.hpp"
#include "roster.hpp"
#include "thread_contexts.hpp"

namespace kindwire::net::detail {

struct server_state;

// One path of a server: a page, a websocket, or both.
struct route {
  std::function<response(request const&)> page;
  std::function<void(std::shared_ptr<connection>, std::shared_ptr<server_state const>, found_value)>
      websocket;
  route_options options;
  std::string pattern;
};

// The routes do not change once the server has started.
struct server_state {
  router<std::shared_ptr<route>> routes;
  head_limits head;
  host_options hosts;
  connection_options connection;
  std::chrono::milliseconds handshake_timeout{};
  bool one_thread = false;
  thread_contexts const* contexts = nullptr;  // of a server that runs itself
  std::function<void(std::exception_ptr)> on_exception;
  std::shared_ptr<net::observer> observer;  // may be null
  std::shared_ptr<roster> members = std::make_shared<roster>();
  std::unique_ptr<admission> limits;  // null without any

  bool runs_on_one_thread(asio::execution_context const& context) const noexcept {
    return one_thread || (contexts != nullptr && contexts->has(context));
  }

  void report(std::exception_ptr failure) const noexcept {
    if (observer) observer->handler_threw(failure);
    try {
      if (on_exception) on_exception(std::move(failure));
    } catch (...) {
      // There is nobody left to tell.
    }
  }
};

// What becomes of a fresh connection of a server that has limits.
template <class Stream>
admission_verdict admit(std::shared_ptr<server_state const> const& to, Stream& stream) {
  admission& limits = *to->limits;
  auto const from = limits.needs_address() ? client_address_of(stream) : std::nullopt;
  return admission::admit(std::shared_ptr<admission>(to, &limits), from, admission::clock::now());
}

// Marks a handler or a check as running, so that a shutdown waits for it.
class handler_guard {
 public:
  explicit handler_guard(std::shared_ptr<server_state const> of) noexcept : of_(std::move(of)) {
    of_->members->begin_handler();
  }
  handler_guard(handler_guard&&) noexcept = default;
  handler_guard& operator=(handler_guard&&) = delete;
  ~handler_guard() {
    if (of_) of_->members->end_handler();
  }

  server_state const& server() const noexcept { return *of_; }

 private:
  std::shared_ptr<server_state const> of_;
};

}  // namespace kindwire::net::detail
