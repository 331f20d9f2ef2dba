#include <kindwire/net/connection/keepalive.hpp>

#include <doctest/doctest.h>

#include <chrono>
#include <ostream>

namespace kw = kindwire;
using namespace std::chrono_literals;
using kw::net::detail::keepalive;
using verdict = keepalive::verdict;

namespace {

constexpr auto never = keepalive::clock::time_point::max();

// A clock that the test moves.
struct script {
  kw::net::connection_options options;
  keepalive alive;
  keepalive::clock::time_point begin{1000s};
  keepalive::clock::time_point next;  // as the last tick said

  script(std::chrono::milliseconds ping, std::chrono::milliseconds pong,
         std::chrono::milliseconds idle = 0ms) {
    options.ping_interval = ping;
    options.pong_timeout = pong;
    options.idle_timeout = idle;
    alive.start(begin);
  }
  verdict tick(std::chrono::milliseconds at, bool paused = false) {
    auto const step = alive.tick(begin + at, options, paused);
    next = step.next;
    return step.what;
  }
  auto next_tick() const { return next - begin; }
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

TEST_CASE("keepalive: a byte before the deadline is life, and the next silence is pinged anew") {
  script one(20ms, 5ms);
  one.tick(0ms);
  CHECK((one.tick(20ms) == verdict::ping));
  one.alive.heard();
  CHECK((one.tick(25ms) == verdict::wait));
  CHECK((one.next_tick() == 45ms));
  CHECK((one.tick(45ms) == verdict::ping));
  CHECK((one.tick(50ms) == verdict::no_pong));
}

TEST_CASE("keepalive: who is heard all the time is never pinged") {
  script one(20ms, 5ms);
  for (auto at = 0ms; at <= 200ms; at += 20ms) {
    one.alive.heard();
    CHECK((one.tick(at) == verdict::wait));
    CHECK((one.next_tick() == at + 20ms));
  }
}

TEST_CASE("keepalive: a tick that comes late still pings before it gives up") {
  script one(20ms, 5ms);
  one.tick(0ms);
  CHECK((one.tick(10000ms) == verdict::ping));
  CHECK((one.next_tick() == 10005ms));
  one.alive.heard();
  CHECK((one.tick(20000ms) == verdict::wait));
}

TEST_CASE("keepalive: while reading stands still, silence says nothing") {
  script one(20ms, 5ms, 30ms);
  one.tick(0ms);
  CHECK((one.tick(20ms) == verdict::ping));
  CHECK((one.tick(25ms, true) == verdict::wait));
  CHECK((one.tick(1000ms, true) == verdict::wait));
  CHECK((one.next_tick() == 1020ms));
  CHECK((one.tick(1020ms) == verdict::ping));
  CHECK((one.tick(1025ms) == verdict::no_pong));
}

TEST_CASE("keepalive: only messages count against idleness") {
  script one(0ms, 0ms, 30ms);
  one.tick(0ms);
  CHECK((one.next_tick() == 30ms));
  one.alive.heard();
  one.alive.data();
  CHECK((one.tick(10ms) == verdict::wait));
  CHECK((one.next_tick() == 40ms));
  one.alive.heard();
  CHECK((one.tick(39ms) == verdict::wait));
  one.alive.heard();
  CHECK((one.tick(40ms) == verdict::idle));
}

TEST_CASE("keepalive: the next tick is for whichever comes first") {
  script one(20ms, 5ms, 30ms);
  CHECK((one.tick(0ms) == verdict::wait));
  CHECK((one.next_tick() == 20ms));
  one.alive.heard();
  CHECK((one.tick(20ms) == verdict::wait));
  CHECK((one.next_tick() == 30ms));
  CHECK((one.tick(30ms) == verdict::idle));
}

TEST_CASE("keepalive: zero turns it off") {
  script one(0ms, 5ms);
  CHECK((one.tick(0ms) == verdict::wait));
  CHECK((one.next == never));
  CHECK((one.tick(1000000ms) == verdict::wait));
  CHECK((one.next == never));
}
