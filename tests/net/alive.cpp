// Who is alive stays, who is dead goes.
#include <kindwire/net/client.hpp>
#include <kindwire/net/server.hpp>

#include <doctest/doctest.h>

#include <asio/awaitable.hpp>
#include <asio/buffer.hpp>
#include <asio/co_spawn.hpp>
#include <asio/detached.hpp>
#include <asio/local/connect_pair.hpp>
#include <asio/local/stream_protocol.hpp>
#include <asio/post.hpp>
#include <asio/steady_timer.hpp>
#include <asio/use_awaitable.hpp>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <system_error>
#include <thread>
#include <vector>

#include "../support/bytes.hpp"
#include "raw_peer.hpp"

namespace alive_tests {

namespace kw = kindwire;
using namespace std::chrono_literals;
using clock_type = std::chrono::steady_clock;
using kw::opcode;
using test::raw_peer;

// Windows does not tell how much of what was sent the peer has not taken.
#if !defined(_WIN32)
TEST_CASE("alive: a slow reader that answers every ping it gets to is not a dead peer") {
  test::for_each_way([](kw::net::server_options options) {
    options.connection.ping_interval = 300ms;
    options.connection.pong_timeout = 300ms;
    constexpr int count = 100;
    std::error_code failure;
    kw::close_code code{};
    auto const handler = [&](kw::net::websocket& ws) -> asio::awaitable<void> {
      for (int i = 0; i != count; ++i) CHECK(!ws.try_send(std::string(35000, 'x')));
      try {
        while (co_await ws.receive()) continue;
      } catch (std::system_error const& thrown) {
        failure = thrown.code();
      }
      code = ws.close_code();
    };
    int received = 0;
    int pings = 0;
    clock_type::duration took{};
    test::converse(
        options, handler,
        [&](raw_peer& peer) {
          auto const begin = clock_type::now();
          peer.piece = 10000;
          peer.rest = 5ms;
          for (test::frame next; received != count && (next = peer.read()).type != opcode::continuation;) {
            if (next.type == opcode::ping) {
              ++pings;
              peer.say(opcode::pong, next.payload);
            }
            received += next.type == opcode::text;
          }
          took = clock_type::now() - begin;
          peer.say(opcode::close, "\x03\xe8");
          while (peer.read().type != opcode::continuation) continue;
        },
        20000);
    CHECK(received == count);
    CHECK(took > 1s);
    CHECK(!failure);
    CHECK(code == kw::close_code::normal);
  });
}
#endif

TEST_CASE("alive: a peer that sends and takes nothing is given up") {
  test::for_each_way([](kw::net::server_options options) {
    options.connection.ping_interval = 150ms;
    options.connection.pong_timeout = 150ms;
    options.connection.idle_timeout = 300ms;
    options.connection.close_timeout = 100ms;
    std::error_code failure;
    std::atomic<bool> ended{false};
    auto const echo = [&](kw::net::websocket& ws) -> asio::awaitable<void> {
      try {
        while (kw::message const msg = co_await ws.receive()) co_await ws.send(msg);
      } catch (std::system_error const& thrown) {
        failure = thrown.code();
      }
      ended = true;
    };
    test::converse(
        options, echo,
        [&](raw_peer& peer) {
          std::thread writer([&] {
            std::string const payload(60000, 'x');
            for (int i = 0; i != 400 && peer.say(opcode::binary, payload); ++i) continue;
          });
          CHECK(test::wait_until([&] { return ended.load(); }));
          peer.reset();
          writer.join();
        },
        20000);
    CHECK((failure == kw::error::send_timeout || failure == kw::error::pong_timeout));
  });
}

// Windows does not tell how much of what was sent the peer has not taken.
#if !defined(_WIN32)
TEST_CASE("alive: a dead peer is found while the handler is busy and input waits unread") {
  using unix = asio::local::stream_protocol;
  asio::io_context io;
  unix::socket ours(io);
  unix::socket far(io);
  asio::local::connect_pair(ours, far);
  kw::net::connection_options options;
  options.ping_interval = 100ms;
  options.pong_timeout = 100ms;
  kw::net::basic_websocket ws(std::move(ours), kw::role::server, options);
  // More than is read ahead, and then the peer neither reads nor writes: what we say is not taken any more.
  std::thread writer([&] {
    std::string const one = test::client_frame(opcode::binary, std::string(30000, 'x'));
    std::error_code failure;
    for (int i = 0; i != 4 && !failure; ++i) asio::write(far, asio::buffer(one), failure);
  });
  std::optional<std::error_code> closed;
  auto const begin = clock_type::now();
  std::function<void()> look = [&] {
    if (ws.is_open() && clock_type::now() - begin < 20s) {
      auto timer = std::make_shared<asio::steady_timer>(io, 10ms);
      timer->async_wait([&, timer](std::error_code) { look(); });
    } else {
      closed = ws.error();
      far.close();
      static_cast<kw::net::websocket&>(ws) = kw::net::websocket{};
    }
  };
  look();
  io.run_for(30s);
  writer.join();
  CHECK(closed == kw::error::pong_timeout);
  CHECK(clock_type::now() - begin < 15s);
}
#endif

TEST_CASE("alive: a loop that was blocked accuses nobody") {
  // The clients answer at once, from a thread of their own; it is the server that does not look for a while.
  test::for_each_way([](kw::net::server_options options) {
    constexpr std::size_t count = 200;
    options.connection.ping_interval = 400ms;
    options.connection.pong_timeout = 400ms;
    options.connection.idle_timeout = 1200ms;
    options.handshake_timeout = 1200ms;
    asio::io_context io{1};
    kw::net::server server{test::executor_for_server(io), options};
    std::size_t opened = 0;
    std::vector<std::error_code> failures;
    server.websocket("/", [&](kw::net::websocket& ws) -> asio::awaitable<void> {
      ++opened;
      try {
        while (co_await ws.receive()) continue;
      } catch (std::system_error const& thrown) {
        failures.push_back(thrown.code());
      }
    });
    server.start();
    std::atomic<bool> enough{false};
    std::thread other([&, port = server.port()] {
      asio::io_context clients{1};
      std::vector<kw::net::websocket> all;
      auto const uri = "ws://127.0.0.1:" + std::to_string(port) + "/";
      for (std::size_t i = 0; i != count; ++i) {
        asio::co_spawn(
            clients,
            [&]() -> asio::awaitable<void> {
              auto ws = co_await kw::net::connect(clients.get_executor(), uri);
              asio::steady_timer timer(clients);
              // Says something now and then, so that it is not idle; receiving answers the pings.
              ws.receive([](std::error_code, kw::message) {});
              while (!enough) {
                ws.try_send("here");
                timer.expires_after(50ms);
                co_await timer.async_wait(asio::use_awaitable);
              }
            },
            asio::detached);
      }
      clients.run();
    });
    while (opened != count) io.run_one_for(10s);
    std::this_thread::sleep_for(2500ms);
    io.run_for(700ms);
    std::this_thread::sleep_for(900ms);
    io.run_for(700ms);
    CHECK(failures.empty());
    enough = true;
    server.stop();
    io.run_for(10s);
    CHECK(io.stopped());
    other.join();
  });
}

TEST_CASE("alive: a dead peer is found in ping_interval and pong_timeout, counted from its last byte") {
  test::for_each_way([](kw::net::server_options options) {
    options.connection.ping_interval = 300ms;
    options.connection.pong_timeout = 300ms;
    CHECK(test::in_one_of_five([&] {
      std::error_code failure;
      clock_type::time_point last;
      clock_type::time_point end;
      std::atomic<bool> ended{false};
      auto const handler = [&](kw::net::websocket& ws) -> asio::awaitable<void> {
        try {
          while (co_await ws.receive()) last = clock_type::now();
        } catch (std::system_error const& thrown) {
          failure = thrown.code();
        }
        end = clock_type::now();
        ended = true;
      };
      test::converse(options, handler, [&](raw_peer& peer) {
        std::this_thread::sleep_for(30ms);  // just behind the first tick
        peer.say(opcode::text, "the last words");
        CHECK(test::wait_until([&] { return ended.load(); }));
      });
      CHECK(failure == kw::error::pong_timeout);
      CHECK(end - last >= 595ms);
      return end - last < 750ms;  // dated to the tick before or behind it, it would be 870 ms
    }));
  });
}

TEST_CASE("alive: max() means never, in every option") {
  test::for_each_way([](kw::net::server_options options) {
    constexpr auto never = std::chrono::milliseconds::max();
    options.handshake_timeout = never;
    options.connection.close_timeout = never;
    options.connection.ping_interval = never;
    options.connection.pong_timeout = never;
    options.connection.idle_timeout = never;
    bool clean = false;
    auto const echo = [&](kw::net::websocket& ws) -> asio::awaitable<void> {
      while (kw::message const msg = co_await ws.receive()) co_await ws.send(msg);
      clean = true;
    };
    test::converse(options, echo, [&](raw_peer& peer) {
      peer.say(opcode::text, "hello");
      CHECK(peer.read() == test::frame{opcode::text, "hello"});
      std::this_thread::sleep_for(50ms);
      peer.say(opcode::close, "\x03\xe8");
      CHECK(peer.read().type == opcode::close);
    });
    CHECK(clean);
  });
}

}  // namespace alive_tests
