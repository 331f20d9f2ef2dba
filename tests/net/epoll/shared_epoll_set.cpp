#include <kindwire/net/epoll/shared_epoll_set.hpp>

#include <doctest/doctest.h>

#if defined(KINDWIRE_HAS_EPOLL_SET)

#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <asio/io_context.hpp>
#include <asio/post.hpp>
#include <asio/strand.hpp>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <future>
#include <memory>
#include <optional>
#include <stdexcept>
#include <system_error>
#include <thread>
#include <vector>

#include "../../support/run_in_threads.hpp"

namespace shared_epoll_set_tests {

using namespace std::chrono_literals;
using kindwire::net::detail::shared_epoll_set;

namespace {

// One end of a pair of sockets in the set; the other is the test's. It is its own owner.
class one final : public shared_epoll_set::member, public std::enable_shared_from_this<one> {
 public:
  explicit one(asio::io_context& io)
      : member(shared_epoll_set::of(io), asio::make_strand(io.get_executor())),
        set_(shared_epoll_set::of(io)) {
    REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends_.data()) == 0);
  }
  ~one() {
    for (int const each : ends_) ::close(each);
  }

  void join() {
    std::error_code failure;
    set_.add(ends_[0], *this, shared_from_this(), failure);
    REQUIRE(!failure);
  }
  void leave() {
    if (is_in_set()) set_.remove(ends_[0], *this);
  }
  void again() { set_.again(*this); }
  void start_timer(shared_epoll_set::clock::time_point at) { set_.start_timer(*this, at); }
  void stop_timer() { set_.stop_timer(*this); }
  void poke() { CHECK(::send(ends_[1], "x", 1, MSG_NOSIGNAL) == 1); }
  std::size_t read() {
    std::array<char, 4096> room;
    std::size_t size = 0;
    for (ssize_t got; (got = ::recv(ends_[0], room.data(), room.size(), 0)) > 0;)
      size += static_cast<std::size_t>(got);
    return size;
  }

  asio::any_io_executor const& executor() const { return set_.executor_of(*this); }
  bool is_on_strand() const {
    return executor().target<shared_epoll_set::strand>()->running_in_this_thread();
  }

  std::function<void(std::uint32_t)> on;
  std::function<void()> on_timer;
  std::atomic<bool> shut = false;

 private:
  // No two threads are ever in here at once.
  struct alone {
    one& self;
    explicit alone(one& of) : self(of) { CHECK_FALSE(self.busy_.exchange(true)); }
    ~alone() { self.busy_ = false; }
  };

  void on_events(std::uint32_t events) override {
    alone const guard(*this);
    CHECK(is_on_strand());
    if (on) on(events);
  }
  void on_time(shared_epoll_set::clock::time_point) override {
    alone const guard(*this);
    CHECK(is_on_strand());
    if (on_timer) on_timer();
  }
  void on_shutdown() noexcept override { shut = true; }

  shared_epoll_set& set_;
  std::array<int, 2> ends_;
  std::atomic<bool> busy_ = false;
};

}  // namespace

TEST_CASE("shared_epoll_set: every byte is told of, by one thread at a time for each member") {
  for (int const threads : {1, 2, 4}) {
    CAPTURE(threads);
    asio::io_context io;
    constexpr std::size_t count = 50;
    constexpr int pokes = 200;
    std::vector<std::shared_ptr<one>> all;
    std::atomic<std::size_t> left = count;
    for (std::size_t i = 0; i != count; ++i) {
      auto const each = all.emplace_back(std::make_shared<one>(io));
      // It pokes itself until it has read enough, and then leaves.
      each->on = [&left, each = each.get(), sent = 1, read = std::size_t{0}](std::uint32_t) mutable {
        std::size_t const got = each->read();
        read += got;
        for (std::size_t j = 0; j != got && sent != pokes; ++j, ++sent) each->poke();
        if (read != pokes) return;
        each->leave();
        --left;
      };
      asio::post(each->executor(), [each] {
        each->join();
        each->poke();
      });
    }
    support::run_in_threads(io, threads);
    CHECK(left == 0);
  }
}

TEST_CASE("shared_epoll_set: members come and go while others are told, and run() ends with the last") {
  for (int const threads : {1, 4}) {
    CAPTURE(threads);
    asio::io_context io;
    std::atomic<int> lives = 0;
    std::function<void(int)> const begin = [&](int generations) {
      auto const fresh = std::make_shared<one>(io);
      fresh->on = [&, fresh = fresh.get(), generations](std::uint32_t) {
        if (fresh->read() == 0) return;
        ++lives;
        fresh->leave();
        if (generations != 1) begin(generations - 1);
      };
      asio::post(fresh->executor(), [fresh] {
        fresh->join();
        fresh->poke();
      });
    };
    for (int i = 0; i != 20; ++i) begin(50);
    support::run_in_threads(io, threads);
    CHECK(lives == 1000);
  }
}

TEST_CASE("shared_epoll_set: a time given anew replaces the one before, and a stopped one does not come") {
  for (int const threads : {1, 4}) {
    CAPTURE(threads);
    asio::io_context io;
    std::atomic<int> rung = 0;
    std::vector<std::shared_ptr<one>> all;
    for (int i = 0; i != 40; ++i) {
      auto const each = all.emplace_back(std::make_shared<one>(io));
      each->on_timer = [&rung, each = each.get(), left = 30]() mutable {
        ++rung;
        if (--left == 0) return each->leave();
        auto const now = shared_epoll_set::clock::now();
        each->start_timer(now + 1h);
        if (left % 2 == 0) each->stop_timer();
        each->start_timer(now + std::chrono::microseconds(left * 37 % 200));
      };
      asio::post(each->executor(), [each] {
        each->join();
        each->start_timer(shared_epoll_set::clock::now());
      });
    }
    support::run_in_threads(io, threads);
    CHECK(rung == 40 * 30);
  }
}

TEST_CASE("shared_epoll_set: a timer that was stopped while its strand was busy does not come") {
  asio::io_context io;
  auto const each = std::make_shared<one>(io);
  bool rung = false;
  each->on_timer = [&] { rung = true; };
  asio::post(each->executor(), [&] {
    each->join();
    each->start_timer(shared_epoll_set::clock::now());
    // The set may find it due, but has to wait for this.
    std::thread other([&] { io.run_for(30ms); });
    other.join();
    each->stop_timer();
    each->leave();
  });
  support::run_in_threads(io, 2);
  CHECK_FALSE(rung);
}

TEST_CASE("shared_epoll_set: another turn comes once, after what is ready") {
  asio::io_context io;
  auto const each = std::make_shared<one>(io);
  int turns = 0;
  each->on = [&](std::uint32_t events) {
    if (events != 0) {
      each->read();
      for (int i = 0; i != 3; ++i) each->again();
      return;
    }
    if (++turns != 5) return each->again();
    each->leave();
  };
  asio::post(each->executor(), [&] {
    each->join();
    each->poke();
  });
  support::run_in_threads(io, 2);
  CHECK(turns == 5);
}

TEST_CASE("shared_epoll_set: an exception leaves run(), and the others have their turn") {
  asio::io_context io;
  std::vector<std::shared_ptr<one>> all;
  int told = 0;
  for (int i = 0; i != 10; ++i) {
    auto const each = all.emplace_back(std::make_shared<one>(io));
    each->on = [&, each = each.get()](std::uint32_t) {
      if (each->read() == 0) return;
      ++told;
      each->leave();
      throw std::runtime_error("mine");
    };
    each->join();
  }
  for (auto& each : all) each->poke();
  int thrown = 0;
  for (int i = 0; i != 100 && told != 10; ++i) {
    try {
      io.restart();
      io.run_for(1s);
    } catch (std::runtime_error const&) {
      ++thrown;
    }
  }
  CHECK(told == 10);
  CHECK(thrown == 10);
}

TEST_CASE("shared_epoll_set: a handler that takes long, or waits for another, holds up nobody but its own") {
  asio::io_context io;
  std::vector<std::shared_ptr<one>> all;
  std::promise<void> last_came;
  std::shared_future<void> const last = last_came.get_future().share();
  std::atomic<int> left = 12;
  for (int i = 0; i != 12; ++i) {
    auto const each = all.emplace_back(std::make_shared<one>(io));
    // All but one wait for the last to be told: that needs a thread each, and no more.
    each->on = [&, i, each = each.get()](std::uint32_t) {
      if (each->read() == 0) return;
      if (i < 3) CHECK(last.wait_for(10s) == std::future_status::ready);
      if (--left == 3) last_came.set_value();
      each->leave();
    };
    each->join();
  }
  for (auto& each : all) each->poke();
  support::run_in_threads(io, 4);
  CHECK(left == 0);
}

TEST_CASE("shared_epoll_set: one that has left, and outlives the context") {
  std::optional<asio::io_context> io(std::in_place);
  auto const left = std::make_shared<one>(*io);
  auto const never = std::make_shared<one>(*io);
  left->join();
  left->leave();
  io.reset();
  CHECK_FALSE(left->shut);
  CHECK_FALSE(left->executor());
  CHECK_FALSE(never->executor());
}

TEST_CASE("shared_epoll_set: the end of the context") {
  std::optional<asio::io_context> io(std::in_place);
  std::vector<std::weak_ptr<one>> all;
  std::vector<std::shared_ptr<one>> kept;
  for (int i = 0; i != 5; ++i) {
    auto const each = std::make_shared<one>(*io);
    each->join();
    each->start_timer(shared_epoll_set::clock::now() + 1h);
    each->again();
    all.push_back(each);
    if (i % 2 == 0) kept.push_back(each);
  }
  io->poll();
  io.reset();
  for (auto const& each : kept) CHECK(each->shut);
  kept.clear();
  for (auto const& each : all) CHECK(each.expired());
}

}  // namespace shared_epoll_set_tests

#endif
