// examples/echo on a context of its own, in one of the ways in which connections may wait there: `--way
// threads` has two threads, each connection on a strand, and our epoll set; `--way asio` the same through
// Asio's reactor; `--way thread` one thread and no strands.
#include <asio/any_io_executor.hpp>
#include <asio/io_context.hpp>
#include <asio/signal_set.hpp>
#include <asio/strand.hpp>
#include <chrono>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <exception>
#include <kindwire/net/server.hpp>
#include <stdexcept>
#include <string>
#include <system_error>
#include <thread>
#include <vector>

#include "../../examples/arguments.hpp"

namespace kw = kindwire;

asio::awaitable<void> echo(kw::net::websocket& ws) {
  while (kw::message msg = co_await ws.receive()) co_await ws.send(msg);
}

int main(int count, char** values) try {
  arguments given(count, values, "usage: echo_ways --way thread|threads|asio, and what echo takes\n");
  std::string const way = given.text("--way", "");
  if (way != "thread" && way != "threads" && way != "asio")
    throw std::runtime_error("there is no way " + way);
  kw::net::server_options options;
  options.port = given.number<std::uint16_t>("--port", 8080);
  options.handshake_timeout = given.seconds("--handshake-timeout", options.handshake_timeout);
  options.strands = way != "thread";
  auto& limits = options.connection;
  limits.max_message_size = given.number("--max-message-size", limits.max_message_size);
  limits.max_fragments = given.number("--max-fragments", limits.max_fragments);
  limits.close_timeout = given.seconds("--close-timeout", limits.close_timeout);
  given.done();

  asio::io_context io;
  // That a strand leads to an io_context can be seen only if its type says so.
  asio::any_io_executor executor = io.get_executor();
  if (way == "asio") executor = asio::make_strand(executor);
  kw::net::server server{executor, options};
  server.websocket("/echo", echo);
  server.start();
  asio::signal_set signals(io, SIGINT, SIGTERM);
  signals.async_wait([&](std::error_code failure, int) {
    if (!failure)
      server.shutdown(kw::close_code::going_away, std::chrono::seconds(5), [](std::error_code) {});
  });
  std::printf("ws://127.0.0.1:%u/echo\n", static_cast<unsigned>(server.port()));
  std::fflush(stdout);
  std::vector<std::thread> others;
  if (way != "thread") others.emplace_back([&] { io.run(); });
  io.run();
  for (auto& each : others) each.join();
  return 0;
} catch (std::exception const& failure) {
  std::fprintf(stderr, "echo_ways: %s\n", failure.what());
  return 1;
}
