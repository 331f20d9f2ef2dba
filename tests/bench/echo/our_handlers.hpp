// The handlers of kindwire's echo servers: the one that README.md shows, and one of callbacks.
#pragma once

#include <asio/awaitable.hpp>
#include <cstddef>
#include <kindwire/net/server.hpp>
#include <memory>
#include <system_error>
#include <utility>

namespace bench {

namespace kw = kindwire;

inline asio::awaitable<void> echo(kw::net::websocket& ws) {
  while (kw::message msg = co_await ws.receive()) co_await ws.send(msg);
}

// All that has come is answered in one write. Only a peer that does not read what it is sent has us wait, by
// giving the send a handler too.
class echoing : public std::enable_shared_from_this<echoing> {
 public:
  explicit echoing(kw::net::websocket ws) : ws_(std::move(ws)) {}

  void next() {
    ws_.receive([self = shared_from_this()](std::error_code failure, kw::message msg) {
      if (!failure) self->answer(msg);
    });
  }

 private:
  static constexpr std::size_t most_queued = std::size_t{1} << 20;

  void answer(kw::message msg) {
    if (!msg) return;  // the peer closed
    for (; msg; msg = ws_.try_receive()) {
      if (ws_.queued() > most_queued) return wait(msg);
      if (ws_.try_send(msg)) return;
    }
    next();
  }

  void wait(kw::message msg) {
    ws_.send(msg, [self = shared_from_this()](std::error_code failure) {
      if (!failure) self->next();
    });
  }

  kw::net::websocket ws_;
};

/// On "/".
inline void add_route(kw::net::server& server, bool with_callbacks) {
  if (with_callbacks) {
    server.websocket("/", [](kw::net::websocket ws) { std::make_shared<echoing>(std::move(ws))->next(); });
  } else {
    server.websocket("/", echo);
  }
}

}  // namespace bench
