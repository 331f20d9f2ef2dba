// A server on a context that several threads run.
#include <kindwire/net/server.hpp>

#include <doctest/doctest.h>

#include <asio/awaitable.hpp>
#include <asio/co_spawn.hpp>
#include <asio/io_context.hpp>
#include <asio/steady_timer.hpp>
#include <asio/strand.hpp>
#include <asio/this_coro.hpp>
#include <asio/use_awaitable.hpp>
#include <atomic>
#include <chrono>
#include <exception>
#include <kindwire/net/client.hpp>
#include <random>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "../support/run_in_threads.hpp"

namespace server_threads_tests {

namespace kw = kindwire;
using namespace std::chrono_literals;

TEST_CASE("several threads run the context, each connection on its strand") {
  for (int const threads : {2, 4}) {
    CAPTURE(threads);
    asio::io_context io;
    kw::net::server server{io};
    std::atomic<int> handlers{0};
    server.websocket("/echo", [&](kw::net::websocket& ws) -> asio::awaitable<void> {
      // Each with a time of its own to wait for in between, on whatever thread that ends.
      asio::steady_timer timer(co_await asio::this_coro::executor);
      for (int n = 0; kw::message msg = co_await ws.receive(); ++n) {
        co_await ws.send(msg);
        if (n % 50 != 0) continue;
        timer.expires_after(1ms);
        co_await timer.async_wait(asio::use_awaitable);
      }
      ++handlers;
    });
    server.start();
    std::atomic<int> left{8};
    for (int i = 0; i != 8; ++i) {
      asio::co_spawn(
          asio::make_strand(io),
          [&, i]() -> asio::awaitable<void> {
            auto ws = co_await kw::net::connect(co_await asio::this_coro::executor,
                                                "ws://127.0.0.1:" + std::to_string(server.port()) + "/echo");
            std::mt19937 random{static_cast<unsigned>(i)};
            for (int n = 0; n != 60; ++n) {
              // Several at a time, so that turns end in the middle of them.
              std::vector<std::string> batch(1 + random() % 5);
              for (auto& each : batch) {
                each.assign(random() % 4 == 0 ? random() % 200'000 : random() % 200,
                            static_cast<char>('a' + random() % 26));
                co_await ws.send(each);
              }
              for (auto const& each : batch) {
                kw::message const reply = co_await ws.receive();
                if (reply.text() != each) throw std::runtime_error("wrong reply");
              }
            }
            co_await ws.close();
          },
          [&](std::exception_ptr failure) {
            CHECK(!failure);
            if (--left == 0) server.stop();
          });
    }
    support::run_in_threads(io, threads);
    CHECK(left == 0);
    CHECK(handlers == 8);
  }
}

TEST_CASE("threads that run the context come and go, and stop it in between") {
  asio::io_context io;
  kw::net::server server{io};
  server.websocket("/echo", [](kw::net::websocket& ws) -> asio::awaitable<void> {
    while (kw::message msg = co_await ws.receive()) co_await ws.send(msg);
  });
  server.start();
  std::atomic<int> left{6};
  for (int i = 0; i != 6; ++i) {
    asio::co_spawn(
        asio::make_strand(io),
        [&]() -> asio::awaitable<void> {
          auto ws = co_await kw::net::connect(co_await asio::this_coro::executor,
                                              "ws://127.0.0.1:" + std::to_string(server.port()) + "/echo");
          for (int n = 0; n != 300; ++n) {
            co_await ws.send("message " + std::to_string(n));
            kw::message const reply = co_await ws.receive();
            if (reply.text() != "message " + std::to_string(n)) throw std::runtime_error("wrong reply");
            if (n % 100 == 50) io.stop();
          }
          co_await ws.close();
        },
        [&](std::exception_ptr failure) {
          CHECK(!failure);
          if (--left == 0) server.stop();
        });
  }
  auto const begin = std::chrono::steady_clock::now();
  while (left != 0 && std::chrono::steady_clock::now() - begin < 30s) {
    std::vector<std::thread> pool;
    for (int i = 0; i != 3; ++i) pool.emplace_back([&] { io.run_for(1s); });
    for (auto& each : pool) each.join();
    io.restart();
  }
  CHECK(left == 0);
  io.run_for(10s);
  CHECK(io.stopped());
}

}  // namespace server_threads_tests
