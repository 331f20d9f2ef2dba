#include <kindwire/net/connection/context_gate.hpp>

#include <doctest/doctest.h>

#include <asio/any_io_executor.hpp>
#include <asio/io_context.hpp>
#include <asio/post.hpp>
#include <asio/strand.hpp>
#include <asio/system_executor.hpp>
#include <asio/thread_pool.hpp>
#include <atomic>
#include <future>
#include <memory>
#include <optional>
#include <thread>
#include <utility>
#include <vector>

namespace context_gate_tests {

using kindwire::net::detail::context_gate;

namespace {

bool is_open(context_gate& gate) {
  return gate.pass([] {});
}

// Work that does something when it is destroyed, called or not.
template <class Last>
struct at_last {
  std::unique_ptr<Last> last;
  explicit at_last(Last what) : last(std::make_unique<Last>(std::move(what))) {}
  at_last(at_last&&) noexcept = default;
  ~at_last() {
    if (last) (*last)();
  }
  void operator()() const {}
};

}  // namespace

TEST_CASE("context gate: one a context, whatever executor asks for it") {
  asio::io_context one, two;
  auto const gate = context_gate::of(one.get_executor());
  CHECK(context_gate::of(one.get_executor()) == gate);
  CHECK(context_gate::of(asio::make_strand(one)) == gate);
  CHECK(context_gate::of(asio::make_strand(asio::any_io_executor(one.get_executor()))) == gate);
  CHECK(context_gate::of(two.get_executor()) != gate);
  CHECK(is_open(*context_gate::of(asio::system_executor())));
}

TEST_CASE("context gate: open until its context goes, and closed for good") {
  std::shared_ptr<context_gate> gate;
  SUBCASE("io_context") {
    asio::io_context io;
    gate = context_gate::of(io.get_executor());
    CHECK(is_open(*gate));
    io.stop();
    CHECK(is_open(*gate));
  }
  SUBCASE("thread_pool") {
    asio::thread_pool pool(2);
    gate = context_gate::of(pool.get_executor());
    CHECK(is_open(*gate));
    pool.join();
    CHECK(is_open(*gate));
  }
  CHECK(!is_open(*gate));
  CHECK(!is_open(*gate));
}

TEST_CASE("context gate: what the end of the context destroys finds it closed, and the context still there") {
  std::optional<bool> open;
  {
    asio::io_context io;
    auto const gate = context_gate::of(io.get_executor());
    asio::post(io, at_last([&open, gate, executor = asio::any_io_executor(io.get_executor())] {
                 open = is_open(*gate);
                 CHECK(context_gate::of(executor) == gate);
               }));
  }
  CHECK(open == false);
}

TEST_CASE("context gate: one that is made by what the end of the context destroys is closed too") {
  std::shared_ptr<context_gate> gate;
  {
    asio::io_context io;
    asio::post(io, at_last([&gate, executor = asio::any_io_executor(io.get_executor())] {
                 gate = context_gate::of(executor);
               }));
  }
  REQUIRE(gate);
  CHECK(!is_open(*gate));
}

TEST_CASE("context gate: the end of the context waits for who is inside") {
  auto io = std::make_unique<asio::io_context>();
  asio::any_io_executor const executor = io->get_executor();
  auto const gate = context_gate::of(executor);
  std::promise<void> entered, go_on;
  std::atomic<bool> left{false};
  std::thread user([&] {
    gate->pass([&] {
      entered.set_value();
      go_on.get_future().wait();
      asio::post(executor, [] {});
      left = true;
    });
  });
  entered.get_future().wait();
  std::thread ender([&] {
    io.reset();
    CHECK(left);
  });
  go_on.set_value();
  user.join();
  ender.join();
  CHECK(!is_open(*gate));
}

TEST_CASE("context gate: threads post while the context is destroyed") {
  for (int round = 0; round != 200; ++round) {
    auto io = std::make_unique<asio::io_context>();
    asio::any_io_executor const executor = io->get_executor();
    auto const gate = context_gate::of(executor);
    std::atomic<int> busy{0};
    std::vector<std::thread> users;
    for (int i = 0; i != 8; ++i) {
      users.emplace_back([&] {
        ++busy;
        while (gate->pass([&] { asio::post(executor, [] {}); })) std::this_thread::yield();
      });
    }
    while (busy == 0) std::this_thread::yield();
    io->poll_one();
    io.reset();
    for (auto& each : users) each.join();
    CHECK(!is_open(*gate));
  }
}

}  // namespace context_gate_tests
