#include <kindwire/session/keepalive.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <ostream>

namespace keepalive_tests {

using namespace std::chrono_literals;
using kindwire::detail::keepalive;
using kindwire::detail::keepalive_options;
using verdict = keepalive::verdict;

namespace {

constexpr auto never = keepalive::clock::time_point::max();
constexpr auto without_end = std::chrono::milliseconds::max();

// A clock that the test moves.
struct script {
  keepalive_options options;
  keepalive alive;
  keepalive::clock::time_point begin{1000s};
  keepalive::clock::time_point next{never};  // as the last tick said
  keepalive::facts known;

  script(std::chrono::milliseconds ping, std::chrono::milliseconds pong, std::chrono::milliseconds idle = 0ms,
         std::size_t min_send_rate = 0)
      : options{ping, pong, idle, min_send_rate} {
    alive.start(begin);
  }
  verdict tick(std::chrono::milliseconds at) {
    auto const step = alive.tick(begin + at, std::min(next, begin + at), options, known);
    next = step.next;
    return step.what;
  }
  void heard(std::chrono::milliseconds at) { alive.heard(begin + at); }
  auto next_tick() const { return next - begin; }

  // Ticks whenever it asks for it, until something else than waiting or a ping comes out, or `end`.
  verdict run(std::chrono::milliseconds end) {
    for (auto at = 0ms; at <= end;) {
      verdict const what = tick(at);
      if (what != verdict::wait && what != verdict::ping) return what;
      if (next == never) return verdict::wait;
      at = std::chrono::duration_cast<std::chrono::milliseconds>(next_tick());
      on_time(at);
    }
    return verdict::wait;
  }
  virtual void on_time(std::chrono::milliseconds) {}
  virtual ~script() = default;
};

}  // namespace

TEST_CASE("keepalive: silence is pinged once, and given up when it goes on") {
  script one(20ms, 5ms);
  CHECK((one.tick(0ms) == verdict::wait));
  CHECK((one.next_tick() == 20ms));
  CHECK((one.tick(20ms) == verdict::ping));
  CHECK((one.next_tick() == 25ms));
  CHECK((one.tick(22ms) == verdict::wait));
  CHECK((one.next_tick() == 25ms));
  CHECK((one.tick(25ms) == verdict::no_pong));
}

TEST_CASE("keepalive: a dead peer is found ping_interval and pong_timeout after its last byte, not later") {
  script one(20ms, 5ms);
  one.tick(0ms);
  one.heard(1ms);
  CHECK((one.tick(20ms) == verdict::wait));
  CHECK((one.next_tick() == 21ms));
  CHECK((one.tick(21ms) == verdict::ping));
  CHECK((one.tick(26ms) == verdict::no_pong));
}

TEST_CASE("keepalive: a byte before the deadline is life, and the next silence is pinged anew") {
  script one(20ms, 5ms);
  one.tick(0ms);
  CHECK((one.tick(20ms) == verdict::ping));
  one.heard(24ms);
  CHECK((one.tick(25ms) == verdict::wait));
  CHECK((one.next_tick() == 44ms));
  CHECK((one.tick(44ms) == verdict::ping));
  CHECK((one.tick(49ms) == verdict::no_pong));
}

TEST_CASE("keepalive: a peer that is heard all the time is never pinged") {
  script one(20ms, 5ms);
  for (auto at = 0ms; at <= 200ms; at += 20ms) {
    one.heard(at);
    CHECK((one.tick(at) == verdict::wait));
    CHECK((one.next_tick() == at + 20ms));
  }
}

TEST_CASE("keepalive: a tick that comes late still pings before it gives up") {
  script one(20ms, 5ms);
  one.tick(0ms);
  CHECK((one.tick(10000ms) == verdict::ping));
  CHECK((one.next_tick() == 10005ms));
  one.heard(10001ms);
  CHECK((one.tick(10005ms) == verdict::wait));
}

TEST_CASE("keepalive: a late tick accuses nobody, and gives a new term") {
  script one(1000ms, 1000ms, 3000ms);
  one.tick(0ms);
  CHECK((one.tick(1000ms) == verdict::ping));
  // The process was stopped for 2.5 s: the pong may be there already, unread.
  CHECK((one.tick(3500ms) == verdict::wait));
  CHECK((one.next_tick() == 4500ms));
  CHECK((one.tick(4500ms) == verdict::no_pong));

  script idle(0ms, 0ms, 1000ms);
  idle.tick(0ms);
  CHECK((idle.tick(3500ms) == verdict::wait));
  CHECK((idle.tick(4500ms) == verdict::idle));

  script slow(1000ms, 1000ms);
  slow.known.output_waits = slow.known.backlog = true;
  slow.known.may_ping = false;
  slow.tick(0ms);
  CHECK((slow.tick(10000ms) == verdict::wait));
  CHECK((slow.run(20000ms) == verdict::stalled));
}

TEST_CASE("keepalive: a process that is late every time gives a verdict at the third") {
  script one(1000ms, 1000ms);
  one.tick(0ms);
  CHECK((one.tick(2000ms) == verdict::ping));
  CHECK((one.tick(4000ms) == verdict::wait));
  CHECK((one.tick(6000ms) == verdict::wait));
  CHECK((one.tick(8000ms) == verdict::no_pong));

  script answers(1000ms, 1000ms);
  answers.tick(0ms);
  for (auto at = 2000ms; at < 60000ms; at += 8000ms) {
    CHECK((answers.tick(at) == verdict::ping));
    CHECK((answers.tick(at + 2000ms) == verdict::wait));
    CHECK((answers.tick(at + 4000ms) == verdict::wait));
    answers.heard(at + 5000ms);
    CHECK((answers.tick(at + 5000ms) == verdict::wait));
  }

  script idle(0ms, 0ms, 1000ms);
  idle.tick(0ms);
  for (auto at = 2000ms; at <= 20000ms; at += 6000ms) {
    CHECK((idle.tick(at) == verdict::wait));
    CHECK((idle.tick(at + 2000ms) == verdict::wait));
    idle.heard(at + 3000ms);
    idle.alive.data();
  }
  idle.heard(24000ms);  // not a message
  CHECK((idle.tick(25000ms) == verdict::wait));
  CHECK((idle.tick(27000ms) == verdict::wait));
  CHECK((idle.tick(29000ms) == verdict::idle));

  script slow(1000ms, 1000ms);
  slow.known.output_waits = slow.known.backlog = true;
  slow.known.may_ping = false;
  slow.tick(0ms);
  CHECK((slow.tick(5000ms) == verdict::wait));
  CHECK((slow.tick(10000ms) == verdict::wait));
  slow.known.taken = 1;
  CHECK((slow.tick(15000ms) == verdict::wait));
  CHECK((slow.tick(20000ms) == verdict::wait));
  CHECK((slow.tick(25000ms) == verdict::wait));
  CHECK((slow.tick(30000ms) == verdict::stalled));
}

TEST_CASE("keepalive: a tick that is a little late is a tick") {
  script one(1000ms, 1000ms);
  one.tick(0ms);
  one.tick(1000ms);
  CHECK((one.tick(2250ms) == verdict::no_pong));
}

TEST_CASE("keepalive: while reading stands still, that a ping is taken is its answer") {
  script one(20ms, 8ms);
  one.known.listens = false;
  one.tick(0ms);
  CHECK((one.tick(20ms) == verdict::ping));
  CHECK((one.tick(28ms) == verdict::wait));
  CHECK((one.next_tick() == 48ms));
  CHECK((one.tick(48ms) == verdict::ping));
  one.known.output_waits = true;  // nobody takes this one
  CHECK((one.tick(56ms) == verdict::no_pong));
}

TEST_CASE("keepalive: a slow reader that takes some of what waits is alive, though its pongs come late") {
  struct slow : script {
    using script::script;
    void on_time(std::chrono::milliseconds at) override {
      known.taken = static_cast<std::uint32_t>(at.count() * 35);
    }
  };
  for (bool const backlog : {true, false}) {
    slow one(1000ms, 1000ms);
    one.known.output_waits = true;
    one.known.backlog = backlog;
    CHECK((one.run(60000ms) == verdict::wait));
  }
}

TEST_CASE("keepalive: a peer that takes all there is, which is little, is not slow") {
  // Ten short messages a second over a long way: at each tick some are still under way.
  struct far_away : script {
    using script::script;
    void on_time(std::chrono::milliseconds at) override {
      heard(at);
      known.taken = static_cast<std::uint32_t>(at.count() * 70 / 1000);
    }
  };
  far_away one(20000ms, 20000ms, 0ms, 100);
  one.known.output_waits = true;
  CHECK((one.run(600000ms) == verdict::wait));
}

TEST_CASE("keepalive: a peer that takes nothing is given up, also one that goes on sending") {
  struct sender : script {
    using script::script;
    std::chrono::milliseconds last{};
    void on_time(std::chrono::milliseconds at) override { heard(last = at); }
  };
  sender one(1000ms, 1000ms);
  one.known.output_waits = one.known.backlog = true;
  CHECK((one.run(60000ms) == verdict::stalled));
  CHECK((one.last == 2000ms));

  sender reads(1000ms, 1000ms);  // nothing waits
  CHECK((reads.run(60000ms) == verdict::wait));
}

TEST_CASE("keepalive: what waits counts from when it began to wait") {
  script one(1000ms, 1000ms);
  one.known.may_ping = false;
  one.tick(0ms);
  one.alive.blocked(one.begin + 300ms, 7);
  one.known.output_waits = one.known.backlog = true;
  one.known.taken = 7;
  CHECK((one.tick(1000ms) == verdict::wait));
  CHECK((one.tick(2250ms) == verdict::wait));  // asked for at 1250: late
  one.alive.blocked(one.begin + 3000ms, 7);
  one.tick(3000ms);
  for (auto at = 3250ms; at < 5000ms; at += 250ms) CHECK((one.tick(at) == verdict::wait));
  CHECK((one.tick(5000ms) == verdict::stalled));
}

TEST_CASE("keepalive: a peer that drips is given up, one that is as fast as the minimum is not") {
  struct drip : script {
    int rate;
    explicit drip(int bytes_a_second) : script(1000ms, 1000ms, 0ms, 100), rate(bytes_a_second) {
      known.output_waits = known.backlog = true;
    }
    void on_time(std::chrono::milliseconds at) override {
      known.taken = static_cast<std::uint32_t>(at.count() * rate / 1000);
    }
  };
  CHECK((drip(99).run(60000ms) == verdict::no_pong));  // nor does it answer
  CHECK((drip(101).run(60000ms) == verdict::wait));
}

TEST_CASE("keepalive: an end that will not answer is not pinged") {
  script one(20ms, 5ms);
  one.known.may_ping = false;
  CHECK((one.tick(0ms) == verdict::wait));
  CHECK((one.next == never));
  CHECK((one.tick(1000ms) == verdict::wait));
}

TEST_CASE("keepalive: only messages count against idleness") {
  script one(0ms, 0ms, 30ms);
  one.tick(0ms);
  CHECK((one.next_tick() == 30ms));
  one.heard(10ms);
  one.alive.data();
  CHECK((one.tick(30ms) == verdict::wait));
  CHECK((one.next_tick() == 40ms));
  one.heard(39ms);
  CHECK((one.tick(40ms) == verdict::idle));
}

TEST_CASE("keepalive: while something waits for the application the peer is not idle") {
  script one(0ms, 0ms, 30ms);
  one.known.unread = true;
  CHECK((one.run(1000ms) == verdict::wait));
  one.known.unread = false;
  CHECK((one.tick(1020ms) == verdict::idle));
}

TEST_CASE("keepalive: the next tick is for whichever comes first") {
  script one(20ms, 5ms, 30ms);
  CHECK((one.tick(0ms) == verdict::wait));
  CHECK((one.next_tick() == 20ms));
  one.heard(19ms);
  CHECK((one.tick(20ms) == verdict::wait));
  CHECK((one.next_tick() == 30ms));
  CHECK((one.tick(30ms) == verdict::idle));
}

TEST_CASE("keepalive: what is below zero is as good as zero") {
  script one(-1ms, -1ms, 20ms);
  one.known.output_waits = one.known.backlog = true;
  one.tick(0ms);
  CHECK((one.tick(20ms) == verdict::idle));
}

TEST_CASE("keepalive: zero turns it off, and max() means never") {
  for (auto const ping : {std::chrono::milliseconds(0), without_end}) {
    for (auto const idle : {std::chrono::milliseconds(0), without_end}) {
      script one(ping, 5ms, idle);
      one.known.output_waits = one.known.backlog = true;
      CHECK((one.run(100000ms) == verdict::wait));
    }
  }
  script patient(20ms, without_end);
  patient.tick(0ms);
  CHECK((patient.tick(20ms) == verdict::ping));
  CHECK((patient.next_tick() == 40ms));
  CHECK((patient.tick(1000000ms) == verdict::wait));
}

TEST_CASE("keepalive: pings come an interval after the last answer, however long that may take") {
  for (auto const pong : {10ms, 20ms, 1000ms, without_end}) {
    CAPTURE(pong.count());
    script one(20ms, pong);
    one.tick(0ms);
    auto at = 20ms;
    for (int pings = 0; pings != 5; ++pings) {
      CHECK((one.tick(at) == verdict::ping));
      auto const answered = at + 3ms;
      one.heard(answered);
      while ((at = std::chrono::duration_cast<std::chrono::milliseconds>(one.next_tick())) <
             answered + 20ms) {
        CHECK((one.tick(at) == verdict::wait));
      }
      CHECK(at == answered + 20ms);
      if (at != answered + 20ms) return;
    }
  }
}

TEST_CASE("keepalive: how long the peer took to be heard after a ping") {
  script one(20ms, 100ms);
  CHECK(one.alive.round_trip() < 0ms);
  one.heard(5ms);
  CHECK(one.alive.round_trip() < 0ms);
  CHECK((one.tick(25ms) == verdict::ping));
  CHECK(one.alive.round_trip() < 0ms);
  one.heard(32ms);
  CHECK(one.alive.round_trip() == 7ms);
  one.heard(50ms);
  CHECK_MESSAGE(one.alive.round_trip() == 7ms, "nobody asked");
  CHECK((one.tick(70ms) == verdict::ping));
  one.heard(69ms);
  CHECK_MESSAGE(one.alive.round_trip() == 0ms, "the clock may be a little old");

  script slow(20ms, without_end);
  CHECK((slow.tick(20ms) == verdict::ping));
  slow.heard(20ms + 2h);
  CHECK(slow.alive.round_trip() == 1min);
}

}  // namespace keepalive_tests
