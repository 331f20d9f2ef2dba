#include "everything.hpp"

#include <cstdio>

asio::awaitable<void> echo(kindwire::net::websocket& ws) {
  while (kindwire::message message = co_await ws.receive()) {
    if (message.is_binary()) co_await ws.send(progress{50});
  }
}

asio::awaitable<void> call_on(asio::any_io_executor executor) {
  kindwire::net::websocket ws = co_await kindwire::net::connect(executor, "ws://127.0.0.1:1/");
  co_await ws.send("hello");
  co_await ws.close();
}

int main() {
  asio::io_context io;
  kindwire::net::server server{io, {.port = 0}};
  server.websocket("/first/{user}", echo);
  bool refused = false;
  asio::co_spawn(io, call_on(io.get_executor()),
                 [&](std::exception_ptr failure) { refused = failure != nullptr; });
  io.run();

  double value = -1;
  kindwire::dispatcher on{[](progress const& message, double& into) { into = message.value; }};
  bool const understood = static_cast<bool>(on(R"({"kind":"PROGRESS","value":42.5})", value));

  bool const right = refused && understood && value == 42.5 && second_server() &&
                     second_reading(R"({"kind":"PROGRESS","value":7})") == 7 &&
                     second_reading(R"({"kind":"FINISH"})") == 100 && second_reading("[]") == -1;
  std::puts(right ? "right" : "wrong");
  return right ? 0 : 1;
}
