#include "everything.hpp"

double second_reading(std::string_view text) {
  double value = -1;
  kindwire::dispatcher on{[](progress const& message, double& into) { into = message.value; },
                          [](finish, double& into) { into = 100; }};
  return on(text, value) ? value : -1;
}

bool second_server() {
  asio::io_context io;
  kindwire::net::server server{io, {.port = 0}};
  server.websocket("/second/{user}", [](kindwire::net::websocket& ws) -> asio::awaitable<void> {
    while (kindwire::message message = co_await ws.receive()) co_await ws.send(finish{});
  });
  return true;
}
