// echo: sends each message on ws://127.0.0.1:PORT/echo back, text as text, binary as binary
#include <asio/awaitable.hpp>
#include <asio/io_context.hpp>
#include <exception>
#include <kindwire/net/server.hpp>
#include <string>

#include "arguments.hpp"

namespace kw = kindwire;

asio::awaitable<void> echo(kw::net::websocket& ws) {
  while (kw::message msg = co_await ws.receive()) co_await ws.send(msg);
}

int main(int count, char** values) try {
  arguments given(count, values,
                  "usage: echo [--port N] [--max-message-size BYTES] [--max-fragments N]\n"
                  "            [--handshake-timeout SECONDS] [--close-timeout SECONDS]\n");
  kw::net::server_options options;
  options.port = given.number<std::uint16_t>("--port", 8080);
  options.handshake_timeout = given.seconds("--handshake-timeout", options.handshake_timeout);
  auto& limits = options.connection;
  limits.max_message_size = given.number("--max-message-size", limits.max_message_size);
  limits.max_fragments = given.number("--max-fragments", limits.max_fragments);
  limits.close_timeout = given.seconds("--close-timeout", limits.close_timeout);
  given.done();

  asio::io_context io;
  kw::net::server server{io, options};
  server.websocket("/echo", echo);
  server.start();
  return run_until_stopped(io, server, "ws://127.0.0.1:" + std::to_string(server.port()) + "/echo");
} catch (std::exception const& failure) {
  std::fprintf(stderr, "echo: %s\n", failure.what());
  return 1;
}
