#include <kindwire/net/epoll/epoll_set.hpp>

#include <doctest/doctest.h>

#if defined(KINDWIRE_HAS_EPOLL_SET)

#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <asio/error.hpp>
#include <asio/io_context.hpp>
#include <asio/post.hpp>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <functional>
#include <memory>
#include <new>
#include <random>
#include <stdexcept>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

namespace epoll_set_tests {

using namespace std::chrono_literals;
using kindwire::net::detail::epoll_set;

namespace {

// One end of a pair of sockets in the set of a context; the other is the test's.
class one final : public epoll_set::member {
 public:
  one(asio::io_context& io, std::string& log, char name)
      : member(epoll_set::of(io)), set_(epoll_set::of(io)), log_(log), name_(name) {
    REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends_.data()) == 0);
    join();
  }
  one(one const&) = delete;
  one& operator=(one const&) = delete;
  ~one() {
    leave();
    for (int const each : ends_) ::close(each);
  }

  void join() {
    std::error_code failure;
    set_.add(ends_[0], *this, owner_, failure);
    REQUIRE(!failure);
    joined_ = true;
  }
  void leave() {
    if (joined_) set_.remove(ends_[0], *this);
    joined_ = false;
  }
  void again() { set_.again(*this); }
  void start_timer(epoll_set::clock::time_point at) { set_.start_timer(*this, at); }
  void stop_timer() { set_.stop_timer(*this); }
  // The far end says something, which nobody reads.
  void poke() { REQUIRE(::send(ends_[1], "x", 1, MSG_NOSIGNAL) == 1); }
  void end_far() { ::shutdown(ends_[1], SHUT_WR); }
  bool joined() const { return joined_; }
  int socket() const { return ends_[0]; }

  std::function<void(std::uint32_t)> on;  // is told of events, once they are in the log
  std::function<void()> on_end;
  std::function<void()> on_timer;
  std::uint32_t last = 0;

 private:
  void on_events(std::uint32_t events) override {
    CHECK(joined_);
    last = events;
    log_ += events == 0 ? std::string{name_, '+'} : std::string{name_};
    if (on) on(events);
  }
  void on_time(epoll_set::clock::time_point) override {
    log_ += std::string{name_, '!'};
    if (on_timer) on_timer();
  }
  void on_shutdown() noexcept override {
    CHECK(joined_);
    joined_ = false;
    log_ += std::string{name_, '.'};
    if (on_end) on_end();
  }

  epoll_set& set_;
  std::shared_ptr<int> owner_ = std::make_shared<int>();
  std::string& log_;
  char name_;
  std::array<int, 2> ends_;
  bool joined_ = false;
};

struct place {
  explicit place(int members = 0) {
    for (int i = 0; i != members; ++i) {
      all.push_back(std::make_unique<one>(io, log, static_cast<char>('a' + i % 26)));
    }
    settle();
    log.clear();
  }

  void settle() {
    io.restart();
    while (io.poll() != 0) continue;
  }
  // What was logged in the meantime.
  std::string settled() {
    settle();
    return std::exchange(log, {});
  }
  one& operator[](std::size_t which) { return *all[which]; }

  std::string log;
  asio::io_context io;
  std::vector<std::unique_ptr<one>> all;  // before the context
};

}  // namespace

TEST_CASE("epoll set: a member is told what its socket can do, then of each change, and not again") {
  place here;
  here.all.push_back(std::make_unique<one>(here.io, here.log, 'a'));
  CHECK(here.settled() == "a");
  CHECK(here[0].last == EPOLLOUT);
  CHECK(here.settled().empty());
  here[0].poke();
  CHECK(here.settled() == "a");
  CHECK((here[0].last & EPOLLIN) != 0);
  CHECK(here.settled().empty());  // though nobody has read it
  here[0].poke();
  CHECK(here.settled() == "a");
  here[0].end_far();
  CHECK(here.settled() == "a");
  CHECK((here[0].last & EPOLLRDHUP) != 0);
}

TEST_CASE("epoll set: what was ready before a socket was added is told as well") {
  place here(1);
  here[0].leave();
  here[0].poke();
  here[0].end_far();
  CHECK(here.settled().empty());
  here[0].join();
  CHECK(here.settled() == "a");
  CHECK((here[0].last & EPOLLIN) != 0);
  CHECK((here[0].last & EPOLLRDHUP) != 0);
}

TEST_CASE("epoll set: more than one turn's events, each told once") {
  place here(150);
  for (auto& each : here.all) each->poke();
  std::string expected;
  for (int i = 0; i != 150; ++i) expected += static_cast<char>('a' + i % 26);
  CHECK(here.settled() == expected);
  CHECK(here.settled().empty());
}

TEST_CASE("epoll set: another turn comes once, after what else is ready, in the order of asking") {
  place here(3);
  here[1].again();
  here[0].again();
  here[1].again();
  CHECK(here.settled() == "b+a+");

  // Who asks during a turn gets the next, however often; the others are not kept waiting.
  int turns = 0;
  here[0].on = [&](std::uint32_t) {
    if (++turns == 4) return;
    here[0].again();
    here[0].again();
    here[2].poke();
  };
  here[0].poke();
  here[1].poke();
  CHECK(here.settled() == "aba+ca+ca+");
}

TEST_CASE("epoll set: one that left is not called, whatever was still to come for it") {
  for (bool const itself : {false, true}) {
    CAPTURE(itself);
    place here(3);
    here[1].on = [&](std::uint32_t) {
      here[1].again();
      if (itself) here[1].leave();
    };
    here[0].on = [&](std::uint32_t) {
      if (!itself) here[1].leave();
    };
    for (auto& each : here.all) each->poke();
    if (!itself) here[1].again();
    CHECK(here.settled() == (itself ? "abc" : "b+ac"));
    here[1].poke();
    CHECK(here.settled().empty());
  }
}

TEST_CASE("epoll set: one that leaves does not keep the turns of those around it") {
  for (std::size_t gone : {std::size_t{0}, std::size_t{1}, std::size_t{2}}) {
    CAPTURE(gone);
    place here(4);
    for (std::size_t i = 0; i != 3; ++i) here[i].again();
    here[gone].leave();
    here[3].again();
    std::string expected;
    for (std::size_t i = 0; i != 4; ++i) {
      if (i != gone) expected += {static_cast<char>('a' + i), '+'};
    }
    CHECK(here.settled() == expected);

    // The same from inside the turn that is theirs.
    here[gone].join();
    here.settle();
    here.log.clear();
    here[3].on = [&](std::uint32_t) { here[gone].leave(); };
    here[3].again();
    for (std::size_t i = 0; i != 3; ++i) here[i].again();
    expected = "d+";
    for (std::size_t i = 0; i != 3; ++i) {
      if (i != gone) expected += {static_cast<char>('a' + i), '+'};
    }
    CHECK(here.settled() == expected);
  }
}

TEST_CASE("epoll set: a new member where another one was hears nothing of the other's") {
  place here(1);
  alignas(one) std::array<std::byte, sizeof(one)> room;
  auto* const before = ::new (room.data()) one(here.io, here.log, 'b');
  here.settle();
  one* after = nullptr;
  here[0].on = [&](std::uint32_t) {
    before->~one();
    after = ::new (room.data()) one(here.io, here.log, 'c');
    here[0].on = nullptr;
  };
  here.log.clear();
  here[0].poke();
  before->poke();
  CHECK(here.settled() == "ac");
  CHECK(after->last == EPOLLOUT);
  after->~one();
}

TEST_CASE("epoll set: what a member throws leaves through the context, and the others get their turn") {
  place here(4);
  auto const throws = [](std::uint32_t) { throw std::runtime_error("mine"); };
  here[0].on = throws;
  here[2].on = throws;
  for (auto& each : here.all) each->poke();
  here[2].again();
  here[1].again();
  // c+ throws, then its turn goes on with b+; a throws; then b, and c throws; then d.
  for (std::string const expected : {"c+", "b+a", "bc"}) {
    here.io.restart();
    CHECK_THROWS_AS(here.io.run_for(4s), std::runtime_error);
    CHECK(std::exchange(here.log, {}) == expected);
  }
  CHECK(here.settled() == "d");
  here[1].poke();
  CHECK(here.settled() == "b");
}

TEST_CASE("epoll set: a context that is stopped calls nobody until it is started again") {
  place here(4);
  here[1].on = [&](std::uint32_t) { here.io.stop(); };
  for (auto& each : here.all) each->poke();
  here[3].again();
  here[1].again();
  here[0].again();
  auto const run = [&] {
    here.io.restart();
    here.io.run_for(4s);
    return std::exchange(here.log, {});
  };
  CHECK(run() == "d+b+");
  CHECK(here.io.poll() == 0);
  CHECK(run() == "a+ab");
  CHECK(here.settled() == "cd");
}

TEST_CASE("epoll set: the context has work as long as there is a member") {
  place here(2);
  asio::post(here.io, [&] { here[0].leave(); });
  here.io.restart();
  here.io.run_for(20ms);
  CHECK(!here.io.stopped());
  here[1].on = [&](std::uint32_t) { here[1].leave(); };
  here[1].poke();
  here.io.run_for(4s);
  CHECK(here.io.stopped());
  CHECK(here.log == "b");

  // Left and joined again, before the context has noticed.
  here[1].join();
  here[1].leave();
  here[0].join();
  here.io.restart();
  here.io.run_for(20ms);
  CHECK(!here.io.stopped());
  here[0].leave();
  here.io.run_for(4s);
  CHECK(here.io.stopped());
  CHECK(here.log == "ba");
}

TEST_CASE("epoll set: a context that goes tells each member once, and one may take another along") {
  std::string log;
  auto io = std::make_unique<asio::io_context>();
  std::vector<std::unique_ptr<one>> all;
  for (char const name : {'a', 'b', 'c'}) all.push_back(std::make_unique<one>(*io, log, name));
  all[2]->on_end = [&] { all[1]->leave(); };
  all[0]->again();
  io.reset();
  CHECK(log == "c.a.");
  CHECK(!all[0]->joined());
}

TEST_CASE("epoll set: a socket that cannot be waited for is no member, and no work") {
  asio::io_context io;
  std::string log;
  one a(io, log, 'a');
  a.leave();
  io.poll();
  struct never final : epoll_set::member {
    using member::member;
    void on_events(std::uint32_t) override { FAIL("it is no member"); }
    void on_time(epoll_set::clock::time_point) override { FAIL("it is no member"); }
    void on_shutdown() noexcept override { FAIL_CHECK("it is no member"); }
  };
  {
    never refused(epoll_set::of(io));
    std::error_code failure;
    epoll_set::of(io).add(-1, refused, nullptr, failure);
    CHECK(failure == asio::error::bad_descriptor);
  }
  {
    // A file is always ready: there is nothing to wait for (epoll_ctl(2), EPERM).
    std::FILE* const file = std::tmpfile();
    never refused(epoll_set::of(io));
    std::error_code failure;
    epoll_set::of(io).add(::fileno(file), refused, nullptr, failure);
    CHECK(failure == asio::error::no_permission);
    std::fclose(file);
  }
  io.restart();
  io.run_for(4s);
  CHECK(io.stopped());
  CHECK(log.empty());
}

TEST_CASE("epoll set: each context has its own") {
  place first(1), second(1);
  CHECK(&epoll_set::of(first.io) != &epoll_set::of(second.io));
  CHECK(&epoll_set::of(first.io) == &epoll_set::of(first.io));
  first[0].poke();
  second[0].poke();
  CHECK(second.settled() == "a");
  CHECK(first.log.empty());
  CHECK(first.settled() == "a");
}

TEST_CASE("epoll set: timers ring in the order of their times, whatever was set, moved and stopped before") {
  std::minstd_rand random(1);
  for (int round = 0; round != 200; ++round) {
    place here(26);
    auto const past = epoll_set::clock::now() - std::chrono::hours(1);
    std::vector<std::pair<int, char>> expected;
    std::array<int, 26> times = {};
    for (int step = 0; step != 60; ++step) {
      auto const which = static_cast<std::size_t>(random() % 26);
      if (random() % 4 == 0) {
        here[which].stop_timer();
        times[which] = 0;
      } else {
        times[which] = 1 + static_cast<int>(random() % 100000);
        here[which].start_timer(past + std::chrono::milliseconds(times[which]));
      }
    }
    for (std::size_t i = 0; i != 26; ++i) {
      if (times[i] != 0) expected.emplace_back(times[i], static_cast<char>('a' + i));
    }
    std::sort(expected.begin(), expected.end());
    std::string order;
    for (auto const& [at, name] : expected) order += {name, '!'};
    auto const got = here.settled();
    REQUIRE(got.size() == order.size());
    // Of two with the same time either may be first.
    bool same = true;
    for (std::size_t i = 0; i != expected.size(); ++i) {
      same = same && times[static_cast<std::size_t>(got[2 * i] - 'a')] == expected[i].first;
    }
    CHECK(same);
  }
}

TEST_CASE("epoll set: a timer may be set again, or others stopped, by who is rung") {
  place here(3);
  auto const past = epoll_set::clock::now() - std::chrono::hours(1);
  int left = 3;
  here[0].on_timer = [&] {
    here[1].stop_timer();
    if (--left != 0) here[0].start_timer(past);
  };
  here[0].start_timer(past);
  here[1].start_timer(past + std::chrono::seconds(1));
  here[2].start_timer(past + std::chrono::seconds(2));
  auto const log = here.settled();
  CHECK(log.find("b!") == std::string::npos);
  CHECK(log.find("c!") != std::string::npos);
  CHECK(std::count(log.begin(), log.end(), 'a') == 3);
}

TEST_CASE("epoll set: a timer is no work once nobody waits for it, and none once its member has left") {
  place here(1);
  here[0].start_timer(epoll_set::clock::now() + std::chrono::hours(1));
  here.settle();
  CHECK(!here.io.stopped());
  here[0].leave();
  here.settle();
  CHECK(here.io.stopped());
}

}  // namespace epoll_set_tests

#endif
