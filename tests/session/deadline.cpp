#include <kindwire/session/deadline.hpp>

#include <doctest/doctest.h>

#include <chrono>
#include <limits>

namespace deadline_tests {

using kindwire::detail::excuses;
using kindwire::detail::is_late;
using kindwire::detail::time_after;
using namespace std::chrono_literals;

namespace {
using clock_type = std::chrono::steady_clock;
constexpr clock_type::time_point begin{1h};
constexpr auto never = clock_type::time_point::max();
}  // namespace

TEST_CASE("a timeout is over when it has passed") {
  CHECK(time_after(begin, 20s) == begin + 20s);
  CHECK(time_after(begin, 1500us) == begin + 1500us);
  CHECK(time_after(begin, 1ns) == begin + 1ns);
  CHECK(time_after(begin, std::chrono::duration<double>(0.5)) == begin + 500ms);
  CHECK(time_after(begin, std::chrono::hours(24 * 365)) == begin + std::chrono::hours(24 * 365));
}

TEST_CASE("a timeout that is not above zero is over at once") {
  CHECK(time_after(begin, 0ms) == begin);
  CHECK(time_after(begin, -1ms) == begin);
  CHECK(time_after(begin, std::chrono::milliseconds::min()) == begin);
  CHECK(time_after(begin, std::chrono::duration<double>(std::numeric_limits<double>::quiet_NaN())) == begin);
}

TEST_CASE("a timeout beyond the clock's end never is, whatever its unit") {
  CHECK(time_after(begin, std::chrono::nanoseconds::max()) == never);
  CHECK(time_after(begin, std::chrono::milliseconds::max()) == never);
  CHECK(time_after(begin, std::chrono::seconds::max()) == never);
  CHECK(time_after(begin, std::chrono::hours::max()) == never);
  CHECK(time_after(begin, std::chrono::duration<double>(std::numeric_limits<double>::infinity())) == never);
  CHECK(time_after(begin, std::chrono::hours(24 * 36525)) == never);
}

TEST_CASE("what begins near the clock's end, or never, does not wrap around") {
  CHECK(time_after(never, 1ms) == never);
  CHECK(time_after(never - 1h, 2h) == never);
  CHECK(time_after(never, 0ms) == never);
}

TEST_CASE("a timer is late by more than a quarter of its term") {
  CHECK_FALSE(is_late(0s, 20s));
  CHECK_FALSE(is_late(5s, 20s));
  CHECK(is_late(5001ms, 20s));
  CHECK_FALSE(is_late(-5s, 20s));
  CHECK_FALSE(is_late(24h, std::chrono::milliseconds::max()));
}

TEST_CASE("a timer of a short term is late by more than a hundredth of a second") {
  for (auto const term : {-1ms, 0ms, 1ms, 40ms}) {
    CHECK_FALSE(is_late(10ms, term));
    CHECK(is_late(11ms, term));
  }
  CHECK_FALSE(is_late(11ms, 48ms));
}

TEST_CASE("a late end is excused twice in a row, for each kind of term on its own") {
  excuses some;
  for (unsigned kind = 0; kind != 4; ++kind) {
    CAPTURE(kind);
    CHECK_FALSE(some.give(250ms, 1s, kind));
    CHECK(some.give(251ms, 1s, kind));
    CHECK_FALSE(some.give(250ms, 1s, kind));
    CHECK(some.give(251ms, 1s, kind));
    CHECK_FALSE(some.give(251ms, 1s, kind));
    CHECK_FALSE(some.give(1h, 1s, kind));
  }
  some.forget(2);
  CHECK(some.give(251ms, 1s, 2));
  CHECK_FALSE(some.give(251ms, 1s, 1));
  CHECK_FALSE(some.give(251ms, 1s, 3));
}

}  // namespace deadline_tests
