// A server that runs itself: its contexts, threads, signals and end.
#include <kindwire/net/server.hpp>

#include <doctest/doctest.h>

#include <asio/awaitable.hpp>
#include <asio/co_spawn.hpp>
#include <asio/detached.hpp>
#include <asio/io_context.hpp>
#include <asio/local/stream_protocol.hpp>
#include <asio/post.hpp>
#include <asio/steady_timer.hpp>
#include <asio/this_coro.hpp>
#include <atomic>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <future>
#include <kindwire/net/client.hpp>
#include <map>
#include <mutex>
#include <set>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "support/free_port.hpp"

namespace server_run_tests {

namespace kw = kindwire;
using namespace std::chrono_literals;

namespace {

asio::awaitable<void> echo(kw::net::websocket& ws) {
  while (kw::message msg = co_await ws.receive()) co_await ws.send(msg);
}

// Runs in a thread of its own until the test ends it.
struct running {
  explicit running(kw::net::server& of)
      : server(of), ended(std::async(std::launch::async, [&] { of.run(); })) {}
  ~running() { server.stop(); }

  bool ends() { return ended.wait_for(20s) == std::future_status::ready; }

  kw::net::server& server;
  std::future<void> ended;
};

std::string url(kw::net::server const& server, std::string const& path = "/") {
  return "ws://127.0.0.1:" + std::to_string(server.port()) + path;
}

// What `work` does as a client, with a context of its own.
template <class Work>
void as_client(Work work) {
  asio::io_context io;
  std::exception_ptr failure;
  asio::co_spawn(io, work(io), [&](std::exception_ptr thrown) { failure = thrown; });
  io.run_for(20s);
  REQUIRE(io.stopped());
  if (failure) std::rethrow_exception(failure);
}

std::string say(std::string const& where, std::string const& text) {
  std::string reply;
  as_client([&](asio::io_context& io) -> asio::awaitable<void> {
    kw::net::websocket ws = co_await kw::net::connect(io, where);
    co_await ws.send(text);
    kw::message const msg = co_await ws.receive();
    reply = msg.text();
    co_await ws.close();
  });
  return reply;
}

}  // namespace

TEST_CASE("run() listens, serves until stop(), and can do so again") {
  kw::net::server server{{.handle_signals = false}};
  server.websocket("/", echo);
  for (int round = 0; round != 3; ++round) {
    CAPTURE(round);
    server.start();
    running now(server);
    CHECK(say(url(server), "hello") == "hello");
    server.stop();
    CHECK(now.ends());
    CHECK_THROWS_AS(say(url(server), "hello"), std::system_error);
  }
}

TEST_CASE("run() waits for websockets and their handlers") {
  std::atomic<bool> finished = false;
  std::promise<void> opened;
  kw::net::server server{{.handle_signals = false}};
  server.websocket("/", [&](kw::net::websocket& ws) -> asio::awaitable<void> {
    opened.set_value();
    while (co_await ws.receive()) {}
    asio::steady_timer timer(co_await asio::this_coro::executor, 200ms);
    co_await timer.async_wait(asio::use_awaitable);
    finished = true;
  });
  server.start();
  running now(server);
  as_client([&](asio::io_context& io) -> asio::awaitable<void> {
    kw::net::websocket ws = co_await kw::net::connect(io, url(server));
    opened.get_future().wait();
    server.stop();
    CHECK_FALSE(co_await ws.receive());
    CHECK(ws.close_code() == kw::close_code::going_away);
  });
  CHECK(now.ends());
  CHECK(finished);
}

TEST_CASE("stop() before run() has it return at once, and start() takes that back") {
  kw::net::server server{{.handle_signals = false}};
  server.websocket("/", echo);
  server.stop();
  server.run();
  server.stop();
  server.start();
  running now(server);
  CHECK(say(url(server), "hello") == "hello");
  // The same while it runs.
  std::promise<void> restarted;
  asio::post(server.get_executor(), [&] {
    server.stop();
    server.start();
    restarted.set_value();
  });
  restarted.get_future().wait();
  CHECK(say(url(server), "again") == "again");
}

TEST_CASE("run() is for servers without a context of the program's, and one at a time") {
  asio::io_context io;
  kw::net::server with_context{io};
  CHECK_THROWS_AS(with_context.run(), std::system_error);

  kw::net::server server{{.handle_signals = false}};
  server.start();
  running now(server);
  std::promise<void> runs;
  asio::post(server.get_executor(), [&] { runs.set_value(); });
  runs.get_future().wait();
  CHECK_THROWS_AS(server.run(), std::system_error);
  server.stop();
  CHECK(now.ends());
}

// Which threads each connection of `count` was seen on, by its name.
using threads_seen = std::map<std::string, std::set<std::thread::id>>;

template <class Start>
threads_seen watch_threads(kw::net::server& server, int count, Start start) {
  std::mutex mutex;
  threads_seen seen;
  auto const note = [&](kw::net::websocket& ws) {
    std::lock_guard const lock(mutex);
    seen[std::string(ws.request().parameter("name"))].insert(std::this_thread::get_id());
  };
  server.websocket("/{name}", [&](kw::net::websocket& ws) -> asio::awaitable<void> {
    note(ws);
    while (kw::message msg = co_await ws.receive()) {
      note(ws);
      co_await ws.send(msg);
    }
    note(ws);
  });
  std::string const where = "ws://127.0.0.1:" + std::to_string(start()) + "/";
  running now(server);
  as_client([&](asio::io_context& io) -> asio::awaitable<void> {
    std::vector<kw::net::websocket> all;
    for (int i = 0; i != count; ++i) all.push_back(co_await kw::net::connect(io, where + std::to_string(i)));
    for (int round = 0; round != 5; ++round) {
      for (auto& each : all) co_await each.send("hello");
      for (auto& each : all) co_await each.receive();
    }
    for (auto& each : all) co_await each.close();
  });
  server.stop();
  CHECK(now.ends());
  CHECK(seen.size() == static_cast<std::size_t>(count));
  return seen;
}

std::map<std::thread::id, int> connections_of_threads(threads_seen const& seen) {
  std::map<std::thread::id, int> result;
  for (auto const& [name, threads] : seen) {
    CHECK(threads.size() == 1);
    ++result[*threads.begin()];
  }
  return result;
}

TEST_CASE("a connection stays on one thread, and all threads have some") {
  kw::net::server server{{.threads = 3, .handle_signals = false}};
  auto const seen = watch_threads(server, 60, [&] {
    server.start();
    return server.port();
  });
  CHECK(connections_of_threads(seen).size() == 3);  // two at most in one of 10^10 runs
}

TEST_CASE("one acceptor hands out to all threads in turn") {
  kw::net::server server{{.threads = 3, .handle_signals = false}};
  auto const seen = watch_threads(server, 6, [&] {
    using asio::ip::tcp;
    tcp::acceptor acceptor(server.get_executor(), tcp::endpoint(asio::ip::address_v4::loopback(), 0));
    auto const port = acceptor.local_endpoint().port();
    server.listen(std::move(acceptor));
    return port;
  });
  auto const shares = connections_of_threads(seen);
  CHECK(shares.size() == 3);
  for (auto const& [thread, share] : shares) CHECK(share == 2);
}

TEST_CASE("a port is not shared with another server by mistake") {
  for (unsigned const threads : {1U, 2U}) {
    CAPTURE(threads);
    auto const port = test::free_port();
    kw::net::server first{{.port = port, .threads = threads}};
    first.start();
    kw::net::server second{{.port = port, .threads = threads}};
    CHECK_THROWS_AS(second.start(), std::system_error);
    first.stop();
    second.start();
  }
}

TEST_CASE("a signal ends run() as shutdown() does, and the next one is not ours") {
  for (int const which : {SIGINT, SIGTERM}) {
    CAPTURE(which);
    kw::net::server server{{.threads = 2}};
    void (*at_the_end)(int) = SIG_ERR;
    server.websocket("/", [&](kw::net::websocket& ws) -> asio::awaitable<void> {
      co_await ws.send("ready");
      while (co_await ws.receive()) {}
      at_the_end = std::signal(which, SIG_DFL);
    });
    server.start();
    running now(server);
    as_client([&](asio::io_context& io) -> asio::awaitable<void> {
      kw::net::websocket ws = co_await kw::net::connect(io, url(server));
      co_await ws.receive();
      std::raise(which);
      CHECK_FALSE(co_await ws.receive());
      CHECK(ws.close_code() == kw::close_code::going_away);
    });
    CHECK(now.ends());
    bool const left_to_the_system = at_the_end == SIG_DFL;
    CHECK(left_to_the_system);
  }
}

TEST_CASE("shutdown_timeout cuts what a signal does not end") {
  kw::net::server server{{.shutdown_timeout = 100ms}};
  server.websocket("/", [&](kw::net::websocket& ws) -> asio::awaitable<void> {
    co_await ws.send("ready");
    asio::steady_timer timer(co_await asio::this_coro::executor, 10min);
    co_await timer.async_wait(asio::use_awaitable);
  });
  server.start();
  running now(server);
  as_client([&](asio::io_context& io) -> asio::awaitable<void> {
    kw::net::websocket ws = co_await kw::net::connect(io, url(server));
    co_await ws.receive();
    std::raise(SIGTERM);
    while (co_await ws.receive()) {}
  });
  CHECK(now.ends());
}

TEST_CASE("what was given to its executor has a second after the end, and no more") {
  kw::net::server server{{.handle_signals = false}};
  int ticks = 0;
  asio::co_spawn(
      server.get_executor(),
      [&]() -> asio::awaitable<void> {
        for (asio::steady_timer timer(co_await asio::this_coro::executor);; ++ticks) {
          timer.expires_after(10ms);
          co_await timer.async_wait(asio::use_awaitable);
        }
      },
      asio::detached);
  bool learned = false;
  asio::co_spawn(
      server.get_executor(),
      [&]() -> asio::awaitable<void> {
        co_await server.shutdown();
        learned = true;
      },
      asio::detached);
  running now(server);
  CHECK(now.ends());
  CHECK(learned);
  CHECK(ticks > 0);
}

TEST_CASE("an exception that leaves any of its threads leaves run(), which can be called again") {
  kw::net::server server{{.threads = 2, .handle_signals = false}};
  server.websocket("/", echo);
  std::atomic<int> calls = 0;
  server.websocket("/throws", [&](kw::net::websocket ws) {
    ++calls;
    asio::post(ws.get_executor(), [] { throw std::runtime_error("of the application"); });
  });
  server.start();
  auto now = std::async(std::launch::async, [&] { server.run(); });
  try {
    say(url(server, "/throws"), "hello");
  } catch (std::system_error const&) {
    // The connection may or may not have ended well.
  }
  REQUIRE(now.wait_for(20s) == std::future_status::ready);
  CHECK_THROWS_WITH_AS(now.get(), "of the application", std::runtime_error);
  CHECK(calls == 1);
  running again(server);
  CHECK(say(url(server), "hello") == "hello");
}

TEST_CASE("after an exception a signal is waited for anew") {
  kw::net::server server{{}};
  server.start();
  for (int round = 0; round != 2; ++round) {
    asio::post(server.get_executor(), [] { throw std::runtime_error("of the application"); });
    CHECK_THROWS_AS(server.run(), std::runtime_error);
  }
  running now(server);
  std::promise<void> runs;
  asio::post(server.get_executor(), [&] { runs.set_value(); });
  runs.get_future().wait();
  std::raise(SIGTERM);
  CHECK(now.ends());
}

TEST_CASE("stop() from another thread ends run(), however early it comes") {
  for (int round = 0; round != 200; ++round) {
    kw::net::server server{{.threads = round % 2 == 0 ? 1U : 2U, .handle_signals = false}};
    server.websocket("/", echo);
    std::thread other([&] {
      if (round % 3 != 0) std::this_thread::sleep_for(std::chrono::microseconds(round * 5));
      server.stop();
    });
    server.run();
    other.join();
  }
}

TEST_CASE("what handlers share across threads may belong to any of them when the server ends") {
  auto server =
      std::make_unique<kw::net::server>(kw::net::server_options{.threads = 3, .handle_signals = false});
  auto all = std::make_shared<std::vector<kw::net::websocket>>();
  std::mutex mutex;
  server->websocket("/",
                    [weak = std::weak_ptr(all), &mutex](kw::net::websocket opened) -> asio::awaitable<void> {
                      auto const kept = weak.lock();
                      asio::steady_timer timer(co_await asio::this_coro::executor, 10min);
                      {
                        std::lock_guard const lock(mutex);
                        kept->push_back(std::move(opened));
                      }
                      co_await timer.async_wait(asio::use_awaitable);
                    });
  server->start();
  auto ended = std::async(std::launch::async, [&] { server->run(); });
  asio::io_context io;
  std::vector<kw::net::websocket> clients;
  asio::co_spawn(
      io,
      [&]() -> asio::awaitable<void> {
        for (int i = 0; i != 12; ++i) clients.push_back(co_await kw::net::connect(io, url(*server)));
      },
      asio::detached);
  auto const opened = [&] {
    std::lock_guard const lock(mutex);
    return all->size();
  };
  while (opened() != 12) io.run_for(1ms), io.restart();
  asio::post(server->get_executor(), [] { throw std::runtime_error("of the application"); });
  CHECK_THROWS_AS(ended.get(), std::runtime_error);
  all.reset();  // the handlers' own now
  server.reset();
}

TEST_CASE("it may end without having run, with and without connections waiting") {
  for (unsigned const threads : {1U, 3U}) {
    kw::net::server server{{.threads = threads}};
    server.websocket("/", echo);
    server.start();
    asio::io_context io;
    asio::ip::tcp::socket early(io);
    early.connect({asio::ip::address_v4::loopback(), server.port()});
  }
}

}  // namespace server_run_tests
