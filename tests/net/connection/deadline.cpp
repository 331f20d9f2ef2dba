#include <kindwire/net/connection/deadline.hpp>

#include <doctest/doctest.h>

#include <asio/io_context.hpp>
#include <asio/post.hpp>
#include <chrono>
#include <functional>
#include <memory>
#include <thread>

namespace deadline_tests {

using kindwire::net::detail::deadline;
using namespace std::chrono_literals;
using clock_type = std::chrono::steady_clock;

namespace {

struct owner : std::enable_shared_from_this<owner> {
  explicit owner(asio::io_context& io) : limit(io.get_executor()) {}

  void start(std::chrono::milliseconds term) {
    limit.start(term, weak_from_this(), [](owner& self) { self.end(); });
  }
  void end() {
    ++calls;
    at = clock_type::now();
  }

  deadline limit;
  int calls = 0;
  clock_type::time_point at;
};

// What a process that is stopped, or a handler that takes its time, does to the loop.
void block_loop(asio::io_context& io, std::chrono::milliseconds time) {
  asio::post(io, [time] { std::this_thread::sleep_for(time); });
}

}  // namespace

TEST_CASE("deadline: over after its term, once") {
  asio::io_context io;
  auto const one = std::make_shared<owner>(io);
  auto const begin = clock_type::now();
  one->start(30ms);
  io.run();
  CHECK(one->calls == 1);
  CHECK(one->at - begin >= 30ms);
}

TEST_CASE("deadline: a new start takes the place of the one before, a cancel of both") {
  asio::io_context io;
  auto const one = std::make_shared<owner>(io);
  auto const begin = clock_type::now();
  one->start(5ms);
  one->start(40ms);
  io.run();
  CHECK(one->calls == 1);
  CHECK(one->at - begin >= 40ms);
  io.restart();
  one->start(5ms);
  one->limit.cancel();
  io.run();
  CHECK(one->calls == 1);
}

TEST_CASE("deadline: one that is due is not told any more once it is cancelled") {
  asio::io_context io;
  auto const one = std::make_shared<owner>(io);
  // Its handler is queued behind this one.
  asio::post(io, [&] { std::this_thread::sleep_for(3ms); });
  asio::post(io, [&] { one->limit.cancel(); });
  one->start(1ms);
  io.run();
  CHECK(one->calls == 0);
}

TEST_CASE("deadline: none without an end") {
  asio::io_context io;
  auto const one = std::make_shared<owner>(io);
  one->start(std::chrono::milliseconds::max());
  one->limit.start_at(clock_type::time_point::max(), one->weak_from_this(), [](owner& self) { self.end(); });
  CHECK(io.run() == 0);
  CHECK(one->calls == 0);
}

TEST_CASE("deadline: keeps nobody") {
  asio::io_context io;
  auto one = std::make_shared<owner>(io);
  std::weak_ptr<owner> const watch = one;
  one->start(1ms);
  one.reset();
  CHECK(watch.expired());
  io.run();
}

TEST_CASE("deadline: a timer that was late by more than a quarter begins anew") {
  asio::io_context io;
  auto const one = std::make_shared<owner>(io);
  one->start(100ms);
  block_loop(io, 180ms);
  auto const begin = clock_type::now();
  io.run_for(230ms);  // it was due at 100, and noticed at 180
  CHECK(one->calls == 0);
  block_loop(io, 120ms);  // due at 280, noticed at 350
  io.run();
  CHECK(one->calls == 1);
  CHECK(one->at - begin >= 445ms);
}

TEST_CASE("deadline: a loop that is late every time comes to an end at the third") {
  asio::io_context io;
  auto const one = std::make_shared<owner>(io);
  one->start(40ms);
  int blocks = 0;
  std::function<void()> const block = [&] {
    std::this_thread::sleep_for(100ms);
    if (++blocks != 20 && one->calls == 0) asio::post(io, block);
  };
  asio::post(io, block);
  io.run();
  CHECK(one->calls == 1);
  CHECK(blocks >= 3);
  CHECK(blocks < 20);
}

TEST_CASE("deadline: a point of time is one, however late it is noticed") {
  asio::io_context io;
  auto const one = std::make_shared<owner>(io);
  auto const begin = clock_type::now();
  one->limit.start_at(begin + 20ms, one->weak_from_this(), [](owner& self) { self.end(); });
  block_loop(io, 100ms);
  io.run();
  CHECK(one->calls == 1);
  CHECK(one->at - begin < 1s);
}

TEST_CASE("deadline: what is ready when it is due comes first") {
  asio::io_context io;
  auto const one = std::make_shared<owner>(io);
  bool came_first = false;
  asio::post(io, [&] {
    one->limit.start_at(clock_type::now() + 1ms, one->weak_from_this(), [](owner& self) { self.end(); });
    std::this_thread::sleep_for(3ms);
    // Ready only in the turn after the one that sees the timer, as what a socket has just got may be.
    asio::post(io, [&] { asio::post(io, [&] { came_first = one->calls == 0; }); });
  });
  io.run();
  CHECK(came_first);
  CHECK(one->calls == 1);
}

}  // namespace deadline_tests
