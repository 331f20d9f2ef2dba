#include <kindwire/net/server.hpp>

#include <utility>

namespace kw = kindwire;

asio::awaitable<void> borrows(kw::net::websocket&);
asio::awaitable<void> owns_and_waits(kw::net::websocket);
void owns(kw::net::websocket);

void common(kw::net::server& server) {
  server.websocket("/1", borrows);
  server.websocket("/2", owns_and_waits);
  server.websocket("/3", owns);
}

// refused at once: kindwire: a websocket handler is a coroutine that takes a kindwire::net::websocket by reference
void wrong(kw::net::server& server) { server.websocket("/x", [](int) {}); }

// refused at once: kindwire: a websocket handler is a coroutine that takes a kindwire::net::websocket by reference
void wrong(kw::net::server& server) { server.websocket("/x", [](kw::net::websocket&) {}); }

// refused at once: kindwire: a websocket handler is a coroutine that takes a kindwire::net::websocket by reference
void wrong(kw::net::server& server) {
  server.websocket("/x", [] {}, {.subprotocols = {"v2"}});
}

// refused at once: kindwire: a websocket handler is a coroutine that takes a kindwire::net::websocket by reference
void wrong(kw::net::server& server) {
  server.websocket("/x", [](kw::net::websocket&, auto&) -> asio::awaitable<void> { co_return; });
}
