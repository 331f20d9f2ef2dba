// echo: sends each message on ws://127.0.0.1:PORT/echo back, text as text, binary as binary; wss with --tls
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <exception>
#include <kindwire/net/server.hpp>

#include "arguments.hpp"
#include "compression.hpp"
#include "secure.hpp"

namespace kw = kindwire;

asio::awaitable<void> echo(kw::net::websocket& ws) {
  while (kw::message msg = co_await ws.receive()) co_await ws.send(msg);
}

int main(int count, char** values) try {
  arguments given(
      count, values,
      "usage: echo [--port N] [--max-message-size BYTES] [--max-fragments N]\n"
      "            [--handshake-timeout SECONDS] [--close-timeout SECONDS] [--threads N]\n"
      "            [--compression off|shared|small|full] [--tls | --certificate FILE --key FILE]\n");
  kw::net::server_options options;
  options.port = given.number<std::uint16_t>("--port", 8080);
  options.handshake_timeout = given.seconds("--handshake-timeout", options.handshake_timeout);
  auto& limits = options.connection;
  limits.max_message_size = given.number("--max-message-size", limits.max_message_size);
  limits.max_fragments = given.number("--max-fragments", limits.max_fragments);
  limits.compression = compression_named(given.text("--compression", "off"));
  limits.close_timeout = given.seconds("--close-timeout", limits.close_timeout);
  options.threads = given.number("--threads", options.threads);
  options.shutdown_timeout = std::chrono::seconds(5);
  secure const how(given);
  given.done();

  kw::net::server server{options};
  server.websocket("/echo", echo);
  auto const port = how.start(server, options);
  std::printf("%s://127.0.0.1:%u/echo\n", how.ws().c_str(), static_cast<unsigned>(port));
  std::fflush(stdout);
  server.run();
  return 0;
} catch (std::exception const& failure) {
  std::fprintf(stderr, "echo: %s\n", failure.what());
  return 1;
}
