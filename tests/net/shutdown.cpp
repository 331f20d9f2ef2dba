// How a server ends: stop(), which frees its port before it returns, and shutdown(), which waits.
#include <kindwire/net/server.hpp>

#include <doctest/doctest.h>

#include <asio/awaitable.hpp>
#include <asio/bind_cancellation_slot.hpp>
#include <asio/cancellation_signal.hpp>
#include <asio/co_spawn.hpp>
#include <asio/io_context.hpp>
#include <asio/ip/tcp.hpp>
#include <asio/redirect_error.hpp>
#include <asio/steady_timer.hpp>
#include <asio/use_awaitable.hpp>
#include <asio/use_future.hpp>
#include <atomic>
#include <chrono>
#include <future>
#include <kindwire/net/client.hpp>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "support/free_port.hpp"
#include "test_stream.hpp"

namespace shutdown_tests {

namespace kw = kindwire;
using asio::ip::tcp;
using kw::net::server;
using namespace std::chrono_literals;
using clock_type = std::chrono::steady_clock;

namespace {

constexpr auto going_away = kw::close_code::going_away;

asio::awaitable<void> echo(kw::net::websocket& ws) {
  while (kw::message msg = co_await ws.receive()) co_await ws.send(msg);
}

std::string url(server const& to) { return "ws://127.0.0.1:" + std::to_string(to.port()) + "/"; }

tcp::endpoint endpoint_of(server const& to) { return {asio::ip::make_address("127.0.0.1"), to.port()}; }

// Runs the context until it has nothing to do, or `done`.
template <class Done>
void run_until(asio::io_context& io, Done done) {
  auto const end = clock_type::now() + 20s;
  while (!done() && clock_type::now() < end) {
    if (io.stopped()) io.restart();
    io.run_one_for(100ms);
  }
  CHECK(done());
}

// A client that has been let in and plays no part in what follows: it answers no Close.
tcp::socket silent_client(asio::io_context& io, server const& to) {
  tcp::socket socket(io);
  socket.connect(endpoint_of(to));
  asio::write(socket, asio::buffer(std::string("GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\n"
                                               "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
                                               "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n")));
  return socket;
}

struct outcome {
  std::optional<std::error_code> value;
  auto token() {
    return [this](std::error_code with) { value = with; };
  }
};

kw::net::server_options on_one_thread() {
  kw::net::server_options options;
  options.strands = false;
  return options;
}

}  // namespace

TEST_CASE("shutdown: with nothing to do it completes, but not before the call returns") {
  asio::io_context io;
  server of{io};
  outcome done;
  of.shutdown(going_away, 10s, done.token());
  CHECK_FALSE(done.value);
  auto const begin = clock_type::now();
  io.run();
  CHECK(done.value == std::error_code{});
  CHECK(clock_type::now() - begin < 5s);
}

TEST_CASE("shutdown: closes with its code, and waits for what the handlers still do") {
  for (bool const strands : {true, false}) {
    CAPTURE(strands);
    asio::io_context io;
    server of{io, strands ? kw::net::server_options{} : on_one_thread()};
    int at_work = 0;
    of.websocket("/", [&](kw::net::websocket& ws) -> asio::awaitable<void> {
      ++at_work;
      while (co_await ws.receive()) continue;
      asio::steady_timer timer(co_await asio::this_coro::executor, 30ms);
      co_await timer.async_wait(asio::use_awaitable);
      --at_work;
    });
    of.start();
    std::vector<kw::close_code> codes;
    for (int i = 0; i != 3; ++i) {
      asio::co_spawn(
          io,
          [&]() -> asio::awaitable<void> {
            auto ws = co_await kw::net::connect(io.get_executor(), url(of));
            while (co_await ws.receive()) continue;
            codes.push_back(ws.close_code());
          },
          [](std::exception_ptr failure) { CHECK(!failure); });
    }
    run_until(io, [&] { return at_work == 3; });
    std::optional<int> left;
    asio::co_spawn(
        io,
        [&]() -> asio::awaitable<void> {
          co_await of.shutdown(kw::close_code::service_restart, 10s);
          left = at_work;
        },
        [](std::exception_ptr failure) { CHECK(!failure); });
    run_until(io, [&] { return left.has_value(); });
    CHECK(left == 0);
    io.run_for(5s);
    CHECK(codes == std::vector(3, kw::close_code::service_restart));
  }
}

TEST_CASE("shutdown: a websocket that its handler has kept is waited for until it has ended, not longer") {
  asio::io_context io;
  server of{io};
  std::vector<kw::net::websocket> kept;
  of.websocket("/", [&](kw::net::websocket ws) { kept.push_back(std::move(ws)); });
  of.start();
  bool closed = false;
  asio::co_spawn(
      io,
      [&]() -> asio::awaitable<void> {
        auto ws = co_await kw::net::connect(io.get_executor(), url(of));
        while (co_await ws.receive()) continue;
        closed = true;
      },
      [](std::exception_ptr failure) { CHECK(!failure); });
  run_until(io, [&] { return kept.size() == 1; });
  outcome done;
  of.shutdown(going_away, 10s, done.token());
  run_until(io, [&] { return done.value.has_value(); });
  CHECK(done.value == std::error_code{});
  CHECK_FALSE(kept[0].is_open());
  run_until(io, [&] { return closed; });
}

TEST_CASE("shutdown: what goes on at the deadline is cut, its handler is told, and so is the caller") {
  for (bool const strands : {true, false}) {
    CAPTURE(strands);
    asio::io_context io;
    server of{io, strands ? kw::net::server_options{} : on_one_thread()};
    bool there = false;
    std::error_code told;
    of.websocket("/", [&](kw::net::websocket& ws) -> asio::awaitable<void> {
      there = true;
      try {
        while (co_await ws.receive()) continue;
      } catch (std::system_error const& failure) {
        told = failure.code();
      }
    });
    of.start();
    auto const client = silent_client(io, of);
    run_until(io, [&] { return there; });
    outcome done;
    auto const begin = clock_type::now();
    of.shutdown(going_away, 50ms, done.token());
    run_until(io, [&] { return done.value.has_value(); });
    CHECK(done.value == kw::error::close_timeout);
    CHECK(told == kw::error::close_timeout);
    CHECK(clock_type::now() - begin >= 50ms);
    CHECK(clock_type::now() - begin < 1s);  // nobody waited for the last patience
  }
}

TEST_CASE("shutdown: a handler that waits for something else is left behind a second after the deadline") {
  asio::io_context io;
  server of{io};
  bool there = false;
  of.websocket("/", [&](kw::net::websocket&) -> asio::awaitable<void> {
    there = true;
    asio::steady_timer timer(co_await asio::this_coro::executor, 1h);
    co_await timer.async_wait(asio::use_awaitable);
  });
  of.start();
  auto const client = silent_client(io, of);
  run_until(io, [&] { return there; });
  outcome done;
  of.shutdown(going_away, 0ms, done.token());
  run_until(io, [&] { return done.value.has_value(); });
  CHECK(done.value == kw::error::close_timeout);
}

TEST_CASE("shutdown: a handshake under way is ended at once") {
  asio::io_context io;
  server of{io};
  of.websocket("/", echo);
  of.start();
  tcp::socket client(io);
  client.connect(endpoint_of(of));
  asio::write(client, asio::buffer(std::string("GET / HTTP/1.1\r\n")));
  io.run_for(50ms);
  outcome done;
  auto const begin = clock_type::now();
  of.shutdown(going_away, 10s, done.token());
  run_until(io, [&] { return done.value.has_value(); });
  CHECK(done.value == std::error_code{});
  CHECK(clock_type::now() - begin < 5s);
  std::error_code end;
  char byte;
  CHECK(client.read_some(asio::buffer(&byte, 1), end) == 0);
  CHECK(end);
}

TEST_CASE("shutdown: without an end nothing is cut, but the times of a connection go on") {
  asio::io_context io;
  kw::net::server_options options;
  options.connection.close_timeout = 50ms;
  server of{io, options};
  bool there = false;
  of.websocket("/", [&](kw::net::websocket& ws) { return there = true, echo(ws); });
  of.start();
  auto const client = silent_client(io, of);
  run_until(io, [&] { return there; });
  outcome done;
  of.shutdown(going_away, std::chrono::milliseconds::max(), done.token());
  run_until(io, [&] { return done.value.has_value(); });
  CHECK(done.value == std::error_code{});
}

TEST_CASE("shutdown: a code that no Close may have does nothing") {
  asio::io_context io;
  server of{io};
  of.websocket("/", echo);
  of.start();
  outcome done;
  of.shutdown(kw::close_code::abnormal, 10s, done.token());
  asio::co_spawn(
      io,
      [&]() -> asio::awaitable<void> {
        auto ws = co_await kw::net::connect(io.get_executor(), url(of));
        co_await ws.send("still there");
        kw::message const reply = co_await ws.receive();
        CHECK(reply.text() == "still there");
        co_await ws.close();
        of.stop();
      },
      [](std::exception_ptr failure) { CHECK(!failure); });
  io.run_for(10s);
  CHECK(done.value == kw::error::invalid_argument);
}

TEST_CASE(
    "shutdown: of several the earliest deadline counts, and each is told; a cancelled one cuts nothing") {
  asio::io_context io;
  server of{io};
  bool there = false;
  of.websocket("/", [&](kw::net::websocket& ws) { return there = true, echo(ws); });
  of.start();
  auto const client = silent_client(io, of);
  run_until(io, [&] { return there; });
  outcome one, two, three;
  asio::cancellation_signal cancel;
  auto const begin = clock_type::now();
  of.shutdown(going_away, 1h, one.token());
  of.shutdown(going_away, 1ms, asio::bind_cancellation_slot(cancel.slot(), two.token()));
  cancel.emit(asio::cancellation_type::terminal);
  of.shutdown(going_away, 100ms, three.token());
  run_until(io, [&] { return two.value.has_value(); });
  CHECK(two.value == asio::error::operation_aborted);
  run_until(io, [&] { return one.value && three.value; });
  CHECK(one.value == kw::error::close_timeout);
  CHECK(three.value == kw::error::close_timeout);
  CHECK(clock_type::now() - begin >= 100ms);
}

TEST_CASE("shutdown: goes with its context") {
  outcome done;
  {
    asio::io_context io;
    server of{io};
    bool there = false;
    of.websocket("/", [&](kw::net::websocket& ws) { return there = true, echo(ws); });
    of.start();
    auto const client = silent_client(io, of);
    run_until(io, [&] { return there; });
    of.shutdown(going_away, 1h, done.token());
    io.poll();
  }
  CHECK_FALSE(done.value);
}

TEST_CASE("shutdown: from another thread than the context's, whose server is gone meanwhile") {
  asio::io_context io;
  auto work = asio::make_work_guard(io);
  std::vector<std::thread> pool;
  for (int i = 0; i != 2; ++i) pool.emplace_back([&] { io.run(); });
  for (int round = 0; round != 20; ++round) {
    auto of = std::make_unique<server>(io);
    of->websocket("/", echo);
    of->start();
    auto const talk = [&, to = url(*of)]() -> asio::awaitable<void> {
      auto ws = co_await kw::net::connect(co_await asio::this_coro::executor, to);
      for (;;) {
        co_await ws.send("hello");
        if (!co_await ws.receive()) break;
      }
    };
    std::vector<std::future<void>> clients;
    for (int i = 0; i != 4; ++i)
      clients.push_back(asio::co_spawn(asio::make_strand(io), talk, asio::use_future));
    std::this_thread::sleep_for(std::chrono::milliseconds(round));
    auto done = of->shutdown(going_away, 5s, asio::use_future);
    of.reset();
    REQUIRE(done.wait_for(15s) == std::future_status::ready);
    CHECK_NOTHROW(done.get());
    for (auto& each : clients) {
      REQUIRE(each.wait_for(15s) == std::future_status::ready);
      try {
        each.get();
      } catch (std::system_error const&) {
        // It came too late.
      }
    }
  }
  work.reset();
  for (auto& each : pool) each.join();
}

TEST_CASE("stop: the port is free at once, for another server and for the same") {
  for (bool const strands : {true, false}) {
    CAPTURE(strands);
    asio::io_context io;
    auto options = strands ? kw::net::server_options{} : on_one_thread();
    options.port = test::free_port();
    server first{io, options};
    first.websocket("/", echo);
    first.start();
    tcp::socket waiting(io);
    waiting.connect(endpoint_of(first));  // and is never accepted
    first.stop();
    {
      server second{io, options};
      second.start();
      second.stop();
      second.start();
      CHECK(second.port() == options.port);
    }
    server third{io, options};
    third.websocket("/", echo);
    third.start();
    bool done = false;
    asio::co_spawn(
        io,
        [&]() -> asio::awaitable<void> {
          auto ws = co_await kw::net::connect(io.get_executor(), url(third));
          co_await ws.send("here");
          kw::message const reply = co_await ws.receive();
          CHECK(reply.text() == "here");
          co_await ws.close();
          done = true;
          third.stop();
        },
        [](std::exception_ptr failure) { CHECK(!failure); });
    io.run_for(10s);
    CHECK(done);
  }
}

TEST_CASE("stop: from another thread, while connections come in, and the server starts again at once") {
  for (bool const strands : {true, false}) {
    CAPTURE(strands);
    asio::io_context io;
    auto work = asio::make_work_guard(io);
    auto options = strands ? kw::net::server_options{} : on_one_thread();
    options.port = test::free_port();
    server of{io, options};
    of.websocket("/", echo);
    of.start();
    std::vector<std::thread> pool;
    for (int i = 0; i != (strands ? 2 : 1); ++i) pool.emplace_back([&] { io.run(); });
    std::atomic<bool> going_on{true};
    std::atomic<int> connected{0};
    std::thread comer([&] {
      asio::io_context own;
      while (going_on) {
        tcp::socket socket(own);
        std::error_code refused;
        socket.connect({asio::ip::make_address("127.0.0.1"), options.port}, refused);
        if (!refused) ++connected;
      }
    });
    for (int round = 0; round != 200; ++round) {
      of.stop();
      of.start();
    }
    while (connected < 20) std::this_thread::yield();
    going_on = false;
    comer.join();
    auto done = of.shutdown(going_away, 5s, asio::use_future);
    REQUIRE(done.wait_for(15s) == std::future_status::ready);
    CHECK_NOTHROW(done.get());
    work.reset();
    for (auto& each : pool) each.join();
  }
}

TEST_CASE("stop() and start() in one turn: a websocket whose 101 is still being written is closed") {
  asio::io_context io;
  auto const far = std::make_shared<test::peer>(io.get_executor());
  far->writes_wait = true;
  server of{io};
  of.websocket("/", echo);
  of.serve(test::stream(far));
  far->push(
      "GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
      "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n");
  io.run_for(50ms);
  REQUIRE(far->writes.size() == 1);
  of.stop();
  of.start();
  io.restart();
  io.run_for(50ms);
  far->let_write();
  io.restart();
  io.run_for(50ms);
  CHECK(far->written().ends_with("\x88\x02\x03\xE9"));
  of.stop();
  far->end();
  io.restart();
  io.run_for(1s);
  CHECK(io.stopped());
}

TEST_CASE("restarts under load lose no message whose send was awaited without an error") {
  asio::io_context server_io;
  auto work = asio::make_work_guard(server_io);
  std::thread server_thread([&] { server_io.run(); });
  kw::net::server_options options;
  options.port = test::free_port();
  std::string const address = "ws://127.0.0.1:" + std::to_string(options.port) + "/";
  std::atomic<std::size_t> sent{0};
  std::optional<server> of;
  auto const restart = [&] {
    of.emplace(server_io, options);
    // Counts upwards for its client, as fast as that takes it.
    of->websocket("/", [&](kw::net::websocket& ws) -> asio::awaitable<void> {
      std::size_t awaited = 0;
      std::error_code failure;
      while (!failure) {
        co_await ws.send("a message", asio::redirect_error(asio::use_awaitable, failure));
        if (!failure) ++awaited;
        if (awaited % 64 == 0) co_await asio::post(asio::use_awaitable);
      }
      sent += awaited;
    });
    of->start();
  };
  restart();
  std::atomic<bool> going_on{true};
  std::size_t received = 0;
  std::size_t unclean = 0;
  std::thread client_thread([&] {
    asio::io_context io;
    for (int i = 0; i != 8; ++i) {
      asio::co_spawn(
          io,
          [&]() -> asio::awaitable<void> {
            while (going_on) {
              kw::net::websocket ws;
              try {
                ws = co_await kw::net::connect(io.get_executor(), address);
              } catch (std::system_error const&) {
                continue;  // between two servers
              }
              try {
                while (co_await ws.receive()) ++received;
              } catch (std::system_error const&) {
                ++unclean;
              }
              if (ws.close_code() != going_away) ++unclean;
            }
          },
          [](std::exception_ptr failure) { CHECK(!failure); });
    }
    io.run();
  });
  for (int round = 0; round != 20; ++round) {
    std::this_thread::sleep_for(std::chrono::milliseconds(5 + round));
    auto done = of->shutdown(going_away, 20s, asio::use_future);
    REQUIRE(done.wait_for(30s) == std::future_status::ready);
    CHECK_NOTHROW(done.get());
    if (round == 19) going_on = false;
    if (round != 19) restart();
  }
  client_thread.join();
  work.reset();
  of.reset();
  server_thread.join();
  CHECK(sent > 0);
  CHECK(received == sent);
  CHECK(unclean == 0);
}

}  // namespace shutdown_tests
