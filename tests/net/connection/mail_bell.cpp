#include <kindwire/net/connection/mail_bell.hpp>

#include <doctest/doctest.h>

#include <asio/io_context.hpp>
#include <asio/post.hpp>
#include <asio/steady_timer.hpp>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <stdexcept>
#include <system_error>
#include <thread>
#include <vector>

namespace mail_bell_tests {

namespace kw = kindwire;
using kw::net::detail::mail_bell;
using kw::net::detail::mail_blocks;
using kw::net::detail::mail_waker;

namespace {

struct waker final : mail_waker {
  void on_wake() override {
    ++calls;
    if (then) then();
  }
  void on_silence() noexcept override { ++silences; }
  void prepare_wake() const noexcept override {}

  int calls = 0;
  int silences = 0;
  std::function<void()> then;
};

// As a mailbox does, rings once until it is called.
struct polite_waker final : mail_waker {
  void on_wake() override { rung = false; }
  void on_silence() noexcept override { rung = false; }
  void prepare_wake() const noexcept override {}

  std::atomic<bool> rung{false};
};

std::size_t settle(asio::io_context& io) {
  io.restart();
  return io.poll();
}

}  // namespace

TEST_CASE("mail_bell: one post calls all who have rung until its turn") {
  asio::io_context io;
  auto const bell = mail_bell::of(io.get_executor());
  REQUIRE(bell != nullptr);
  CHECK(bell == mail_bell::of(io.get_executor()));
  auto const one = std::make_shared<waker>(), two = std::make_shared<waker>();
  CHECK(bell->ring(one));
  CHECK(bell->ring(two));
  CHECK(one->calls == 0);
  CHECK(settle(io) == 1);
  CHECK(one->calls == 1);
  CHECK(two->calls == 1);
  CHECK(settle(io) == 0);
}

TEST_CASE("mail_bell: who rings during a turn is called in the next") {
  asio::io_context io;
  auto const bell = mail_bell::of(io.get_executor());
  auto const one = std::make_shared<waker>(), two = std::make_shared<waker>();
  one->then = [&] {
    if (one->calls == 1) CHECK(bell->ring(one));
    CHECK(bell->ring(two));
  };
  CHECK(bell->ring(one));
  io.restart();
  CHECK(io.poll_one() == 1);
  CHECK(one->calls == 1);
  CHECK(two->calls == 0);
  CHECK(settle(io) == 2);
  CHECK(one->calls == 2);
  CHECK(two->calls == 2);
}

TEST_CASE("mail_bell: who rings without end keeps the context from nothing else") {
  asio::io_context io;
  auto const bell = mail_bell::of(io.get_executor());
  auto const restless = std::make_shared<waker>();
  restless->then = [&] {
    if (restless->calls < 1000) CHECK(bell->ring(restless));
  };
  bool posted = false, timed = false;
  asio::steady_timer timer(io, asio::steady_timer::time_point::min());
  timer.async_wait([&](std::error_code) { timed = true; });
  CHECK(bell->ring(restless));
  asio::post(io, [&] { posted = true; });
  io.restart();
  for (int turn = 0; turn != 10; ++turn) CHECK(io.poll_one() == 1);
  CHECK(posted);
  CHECK(timed);
  CHECK(restless->calls <= 10);
}

TEST_CASE("mail_bell: nor do threads that never stop ringing") {
  asio::io_context io;
  auto const bell = mail_bell::of(io.get_executor());
  std::atomic<bool> over{false};
  std::vector<std::thread> threads;
  for (int t = 0; t != 4; ++t) {
    threads.emplace_back([&, each = std::make_shared<polite_waker>()] {
      while (!over) {
        if (!each->rung.exchange(true)) CHECK(bell->ring(each));
        std::this_thread::yield();
      }
    });
  }
  int left = 1000;
  std::function<void()> const go_on = [&] {
    if (--left == 0) return io.stop();
    asio::post(io, go_on);
  };
  asio::post(io, go_on);
  io.run_for(std::chrono::seconds(60));
  over = true;
  for (auto& each : threads) each.join();
  CHECK(left == 0);
}

TEST_CASE("mail_bell: threads ring while the context is destroyed, and are told") {
  for (int round = 0; round != 50; ++round) {
    auto io = std::make_unique<asio::io_context>();
    auto const bell = mail_bell::of(io->get_executor());
    std::atomic<int> busy{0};
    std::vector<std::thread> threads;
    for (int t = 0; t != 4; ++t) {
      threads.emplace_back([&, each = std::make_shared<polite_waker>()] {
        ++busy;
        // Nobody is called once the context is gone: so it rings all the same, now and then.
        for (int tries = 0;; ++tries) {
          if ((!each->rung.exchange(true) || tries % 100 == 99) && !bell->ring(each)) break;
          std::this_thread::yield();
        }
      });
    }
    while (busy <= round % 4) std::this_thread::yield();
    for (int turn = 0; turn != round % 8; ++turn) io->poll_one();
    io.reset();
    for (auto& each : threads) each.join();
    CHECK(bell.use_count() == 1);
  }
}

TEST_CASE("mail_bell: what one throws leaves through run(), and the others are called") {
  asio::io_context io;
  auto const bell = mail_bell::of(io.get_executor());
  std::vector<std::shared_ptr<waker>> all;
  for (int i = 0; i != 4; ++i) {
    all.push_back(std::make_shared<waker>());
    CHECK(bell->ring(all.back()));
  }
  all[1]->then = [] { throw std::runtime_error("that of one"); };
  io.restart();
  CHECK_THROWS_AS(io.poll(), std::runtime_error);
  settle(io);
  for (auto const& each : all) CHECK(each->calls + each->silences == 1);
  CHECK(all[3]->calls == 1);
}

TEST_CASE("mail_bell: those who have rung are dropped with the context, and nobody can ring any more") {
  auto const one = std::make_shared<waker>();
  std::shared_ptr<mail_bell> bell;
  {
    asio::io_context io;
    bell = mail_bell::of(io.get_executor());
    CHECK(bell->ring(one));
    CHECK(one.use_count() == 2);
  }
  CHECK(one.use_count() == 1);
  CHECK(!bell->ring(one));
  CHECK(one.use_count() == 1);
  CHECK(one->calls == 0);
}

TEST_CASE("mail_blocks: a block that is given back is taken again, and nothing is left in it") {
  mail_blocks blocks;
  kw::buffer one = blocks.take(2000);
  CHECK(one.capacity() >= 2000);
  one.append("something", 9);
  auto const* const place = one.bytes().data();
  blocks.give(one);
  CHECK(one.capacity() == 0);
  kw::buffer again = blocks.take(1100);
  CHECK(again.empty());
  CHECK(again.prepare(1).data() == place);
}

}  // namespace mail_bell_tests
