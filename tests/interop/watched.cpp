// An echo server with everything that it can be watched by: /metrics, a log and a trace on standard error.
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <exception>
#include <functional>
#include <iostream>
#include <kindwire/net/connection_log.hpp>
#include <kindwire/net/frame_trace.hpp>
#include <kindwire/net/metrics.hpp>
#include <kindwire/net/server.hpp>
#include <thread>

#include "../../examples/arguments.hpp"

namespace kw = kindwire;

asio::awaitable<void> echo(kw::net::websocket& ws) {
  while (kw::message msg = co_await ws.receive()) co_await ws.send(msg);
}

int main(int count, char** values) try {
  arguments given(count, values, "usage: watched [--port PORT]\n");
  kw::net::server_options options;
  options.port = given.number<std::uint16_t>("--port", 8080);
  given.done();

  kw::net::metrics metrics;
  metrics.gauge(
      "watched_half", [] { return 0.5; }, "Half of \"one\",\nwith a \\.");
  metrics.counter("watched_pages_total", [pages = 0]() mutable { return ++pages; });
  kw::net::connection_log const log(std::cerr);
  kw::net::frame_trace const trace(std::cerr);
  options.observer = kw::net::observers(metrics, log, trace);
  options.connection.ping_interval = std::chrono::milliseconds(50);
  options.threads = 2;

  kw::net::server server{options};
  server.websocket("/echo/{name}", echo);
  server.websocket("/\"quoted\"", echo);
  server.get("/metrics", metrics.page());
  server.start();
  std::printf("ws://127.0.0.1:%u/echo/x\n", static_cast<unsigned>(server.port()));
  std::fflush(stdout);
  server.run();
} catch (std::exception const& failure) {
  std::fprintf(stderr, "watched: %s\n", failure.what());
  return 1;
}
