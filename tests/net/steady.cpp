// The steady state: a websocket allocates nothing per message, neither by operator new nor by Asio, with
// callbacks and with coroutines. A client and a server talk over a pair of sockets.
#include <kindwire/json/dispatcher.hpp>
#include <kindwire/json/writer.hpp>
#include <kindwire/net/metrics.hpp>
#include <kindwire/net/websocket.hpp>

#include <doctest/doctest.h>

#include <asio/co_spawn.hpp>
#include <asio/detached.hpp>
#include <asio/io_context.hpp>
#include <asio/local/connect_pair.hpp>
#include <asio/local/stream_protocol.hpp>
#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <utility>

#include "support/allocations.hpp"

namespace steady_tests {

namespace {

namespace kw = kindwire;
using support::allocation_counter;
using websocket = kw::net::basic_websocket<asio::local::stream_protocol::socket>;

constexpr int warm_up = 100;
constexpr int messages = 10'000;

struct reading {
  std::string sensor;  // short enough to need no memory of its own
  double value = 0;
  static constexpr auto schema =
      kw::kind("READING", kw::field("sensor", &reading::sensor), kw::field("value", &reading::value));
};

// An end of a connection, with a thread of its own as programs have them: Asio recycles what few operations
// need that wait on one thread at the same time.
struct end {
  end(asio::local::stream_protocol::socket&& socket, kw::role role, std::shared_ptr<kw::net::observer> watch)
      : ws(std::move(socket), role, {}, {}, std::move(watch)) {}

  void count(int message) {
    if (message == warm_up) counter = {};
    if (message == warm_up + messages) allocations = counter.calls();
  }

  websocket ws;
  allocation_counter counter;
  std::size_t allocations = SIZE_MAX;  // by all but the first messages
};

struct connection {
  explicit connection(std::shared_ptr<kw::net::observer> const& watch = {}) {
    asio::local::stream_protocol::socket near(server_io);
    asio::local::stream_protocol::socket far(client_io);
    asio::local::connect_pair(near, far);
    server = std::make_unique<end>(std::move(near), kw::role::server, watch);
    client = std::make_unique<end>(std::move(far), kw::role::client, watch);
  }

  // The client sends one message after the other by `send` and counts what comes back as it should; then it
  // closes.
  void run(std::function<void(websocket&)> send_one, std::function<bool(kw::message const&)> is_right) {
    send = std::move(send_one);
    right = std::move(is_right);
    std::thread other([this] {
      next();
      client_io.run();
    });
    // A thread that has not run another test either: what it keeps for the next message is of this one's
    // sizes.
    std::thread([this] { server_io.run(); }).join();
    other.join();
    CHECK(came_back == warm_up + messages);
    CHECK(client->allocations == 0);
    CHECK(server->allocations == 0);
  }

  void next() {
    client->count(came_back);
    if (came_back == warm_up + messages) {
      client->ws.try_close();
      return;
    }
    send(client->ws);
    client->ws.receive([this](std::error_code error, kw::message msg) {
      if (error || !right(msg)) return client_io.stop();
      ++came_back;
      next();
    });
  }

  asio::io_context server_io;
  asio::io_context client_io;
  std::unique_ptr<end> server;
  std::unique_ptr<end> client;
  std::function<void(websocket&)> send;
  std::function<bool(kw::message const&)> right;
  int came_back = 0;
  int served = 0;
};

void echo_by_callback(connection& both) {
  both.server->ws.receive([&both](std::error_code error, kw::message msg) {
    both.server->count(both.served++);
    if (error || !msg || both.server->ws.try_send(msg)) return;
    echo_by_callback(both);
  });
}

asio::awaitable<void> echo_by_coroutine(connection& both) {
  kw::net::websocket& ws = both.server->ws;
  while (kw::message const msg = co_await ws.receive()) {
    both.server->count(both.served++);
    co_await ws.send(msg);
  }
  both.server->count(both.served++);
}

asio::awaitable<void> answer_typed(connection& both) {
  kw::net::websocket& ws = both.server->ws;
  kw::dispatcher const on{
      [&](reading const& got) {
        return ws.try_send(reading{got.sensor, got.value + 1});
      },
  };
  while (kw::message const msg = co_await ws.receive()) {
    both.server->count(both.served++);
    REQUIRE(on(msg.text()));
  }
  both.server->count(both.served++);
}

struct shape {
  std::size_t size;
  std::size_t fragments;
};
constexpr shape shapes[] = {{20, 1}, {16384, 1}, {3000, 3}, {16384, 8}};

void check_echo(shape const& of, std::function<void(connection&)> const& serve,
                std::shared_ptr<kw::net::observer> const& watch = {}) {
  CAPTURE(of.size);
  CAPTURE(of.fragments);
  std::string const payload(of.size, 'x');
  connection both(watch);
  serve(both);
  auto const send = [&](websocket& ws) {
    for (std::size_t i = 0; i != of.fragments; ++i) {
      std::size_t const from = payload.size() * i / of.fragments;
      std::size_t const to = payload.size() * (i + 1) / of.fragments;
      ws.try_send_fragment(i == 0 ? kw::message_type::text : kw::message_type::continuation,
                           kw::detail::as_bytes(std::string_view(payload).substr(from, to - from)),
                           i + 1 == of.fragments);
    }
  };
  both.run(send, [&](kw::message const& msg) { return msg.text() == payload; });
}

}  // namespace

TEST_CASE("steady state: 10,000 echoes by callbacks allocate nothing: small, of 16 KiB, fragmented") {
  for (shape const& each : shapes) check_echo(each, echo_by_callback);
}

TEST_CASE("steady state: nor do those whose metrics are counted") {
  for (shape const& each : shapes) check_echo(each, echo_by_callback, kw::net::metrics());
}

TEST_CASE("steady state: 10,000 echoes by a coroutine allocate nothing: small, of 16 KiB, fragmented") {
  for (shape const& each : shapes) {
    check_echo(each, [](connection& both) {
      asio::co_spawn(both.server_io, echo_by_coroutine(both), asio::detached);
    });
  }
}

TEST_CASE("steady state: 10,000 typed messages in and out of a websocket allocate nothing") {
  connection both;
  asio::co_spawn(both.server_io, answer_typed(both), asio::detached);
  double value = 0;
  kw::dispatcher const check{
      [&](reading const& got) { return got.sensor == "roof" && got.value == value + 1; }};
  both.run(
      [&](websocket& ws) {
        ws.try_send(reading{"roof", value += 0.25});
      },
      [&](kw::message const& msg) {
        auto const same = check(msg.text());
        return same && *same;
      });
}

}  // namespace steady_tests
