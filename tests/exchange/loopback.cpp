#include <kindwire/exchange/correspondent.hpp>
#include <kindwire/exchange/serve.hpp>

#include <asio/co_spawn.hpp>
#include <asio/io_context.hpp>
#include <asio/post.hpp>
#include <asio/steady_timer.hpp>
#include <asio/this_coro.hpp>
#include <asio/use_awaitable.hpp>
#include <chrono>
#include <exception>
#include <kindwire/json/dispatcher.hpp>
#include <kindwire/net/client.hpp>
#include <kindwire/net/server.hpp>
#include <optional>
#include <string>
#include <system_error>

#include <doctest/doctest.h>

namespace loopback_tests {

namespace kw = kindwire;
using namespace std::chrono_literals;

namespace {

struct square {
  int number;
  static constexpr auto schema = kw::kind("SQUARE", kw::field("number", &square::number));
};
struct squared {
  int number;
  static constexpr auto schema = kw::kind("SQUARED", kw::field("number", &squared::number));
};
struct start {
  static constexpr auto schema = kw::kind("START");
};
struct sum {
  int number;
  static constexpr auto schema = kw::kind("SUM", kw::field("number", &sum::number));
};

// Both ends ask, and both answer: the server adds up squares that the client works out.
asio::awaitable<sum> add_up(kw::correspondent& talk, int count) {
  sum total{0};
  for (int number = 1; number <= count; ++number) {
    square const question{number};
    squared const answer = co_await talk.request<squared>(question, 1min);
    total.number += answer.number;
  }
  co_return total;
}

}  // namespace

TEST_CASE("both ends ask and answer over one connection, over loopback") {
  asio::io_context io;
  kw::net::server server{io, {}};
  server.websocket("/", [](kw::net::websocket& ws) -> asio::awaitable<void> {
    kw::correspondent talk{ws};
    kw::dispatcher on{[](start) { return sum{-1}; },
                      [](square asked) { return squared{asked.number * asked.number}; }};
    co_await kw::serve(talk, on);
  });
  server.websocket("/asks", [](kw::net::websocket& ws) -> asio::awaitable<void> {
    kw::correspondent talk{ws};
    sum const total = co_await add_up(talk, 20);
    co_await talk.send(total);
    while (co_await talk.receive()) continue;
  });
  server.start();
  std::string const address = "ws://127.0.0.1:" + std::to_string(server.port());

  int done = 0;
  auto const finished = [&](std::exception_ptr failure) {
    CHECK(!failure);
    if (++done == 2) server.stop();
  };
  asio::co_spawn(
      io,
      [&]() -> asio::awaitable<void> {
        kw::correspondent talk{co_await kw::net::connect(io.get_executor(), address + '/')};
        sum const total = co_await add_up(talk, 100);
        CHECK(total.number == 338350);
        start const asked{};
        sum const answered = co_await talk.request<sum>(asked, 1min);
        CHECK(answered.number == -1);
        co_await talk.close();
        CHECK(talk.websocket().close_code() == kw::close_code::normal);
      },
      finished);
  asio::co_spawn(
      io,
      [&]() -> asio::awaitable<void> {
        kw::net::websocket ws = co_await kw::net::connect(io.get_executor(), address + "/asks");
        std::optional<int> total;
        kw::dispatcher on{[](square asked) -> asio::awaitable<squared> {
                            co_await asio::post(asio::use_awaitable);
                            co_return squared{asked.number * asked.number};
                          },
                          [&](sum said) -> asio::awaitable<void> {
                            total = said.number;
                            co_await ws.close();
                          }};
        co_await kw::serve(ws, on);
        CHECK(total == 2870);
      },
      finished);
  io.run_for(30s);
  CHECK(done == 2);
}

TEST_CASE("a server's question and a client's, at the same time, are told apart") {
  asio::io_context io;
  kw::net::server server{io, {}};
  int sums = 0;
  auto const both = [&](kw::correspondent& talk) -> asio::awaitable<void> {
    // Same kinds, and as many ids, from both ends at once.
    auto const executor = co_await asio::this_coro::executor;
    asio::co_spawn(executor, add_up(talk, 50), [&](std::exception_ptr failure, sum total) {
      CHECK(!failure);
      CHECK(total.number == 42925);
      if (++sums == 2) talk.try_close();
    });
    kw::dispatcher on{[](square asked) { return squared{asked.number * asked.number}; }};
    co_await kw::serve(talk, on);
  };
  server.websocket("/", [&](kw::net::websocket& ws) -> asio::awaitable<void> {
    kw::correspondent talk{ws};
    co_await both(talk);
  });
  server.start();
  bool done = false;
  asio::co_spawn(
      io,
      [&]() -> asio::awaitable<void> {
        std::string const address = "ws://127.0.0.1:" + std::to_string(server.port()) + '/';
        kw::correspondent talk{co_await kw::net::connect(io.get_executor(), address)};
        co_await both(talk);
      },
      [&](std::exception_ptr failure) {
        CHECK(!failure);
        done = true;
        server.stop();
      });
  io.run_for(30s);
  CHECK(done);
  CHECK(sums == 2);
}

}  // namespace loopback_tests
