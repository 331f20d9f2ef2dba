#include <kindwire/session/backoff.hpp>

#include <doctest/doctest.h>

#include <chrono>
#include <cstdint>
#include <vector>

namespace backoff_tests {

using namespace std::chrono_literals;
using kindwire::detail::backoff;
using kindwire::detail::backoff_terms;
using times = std::vector<std::chrono::milliseconds>;

namespace {

// The limits of the next delays: the longest that could have been drawn.
times limits(backoff& of, backoff_terms const& terms, int count) {
  times found;
  for (int i = 0; i != count; ++i)
    found.push_back(of.next(terms, [](std::uint64_t most) { return most - 1; }));
  return found;
}

}  // namespace

TEST_CASE("backoff: the limit grows by the factor up to the maximum, and starts again after a reset") {
  backoff delays;
  CHECK(limits(delays, {500ms, 30s}, 8) == times{500ms, 1s, 2s, 4s, 8s, 16s, 30s, 30s});
  delays.reset();
  CHECK(limits(delays, {500ms, 30s}, 2) == times{500ms, 1s});
  delays.reset();
  CHECK(limits(delays, {100ms, 1s, 3}, 4) == times{100ms, 300ms, 900ms, 1s});
}

TEST_CASE("backoff: the whole range down to zero is drawn from") {
  backoff delays;
  CHECK(delays.next({500ms, 30s}, [](std::uint64_t) { return std::uint64_t{0}; }) == 0ms);
  std::uint64_t asked = 0;
  delays.next({500ms, 30s}, [&](std::uint64_t most) {
    asked = most;
    return std::uint64_t{0};
  });
  CHECK(asked == 1001);
}

TEST_CASE("backoff: any terms make sense") {
  backoff delays;
  CHECK(limits(delays, {0ms, 30s}, 3) == times{0ms, 0ms, 0ms});
  CHECK(limits(delays, {500ms, 100ms}, 2) == times{100ms, 100ms});
  CHECK(limits(delays, {500ms, 30s, 0.5}, 3) == times{500ms, 500ms, 500ms});
  CHECK(limits(delays, {-1ms, -1ms}, 1) == times{0ms});
  auto const endless = std::chrono::milliseconds::max();
  delays.reset();
  for (auto const each : limits(delays, {1h, endless, 1e9}, 100)) CHECK(each >= 1h);
  CHECK(limits(delays, {endless, endless}, 1) == times{endless});
}

TEST_CASE("backoff: what does not change by itself is asked for rarely") {
  backoff delays;
  bool is_long = false;
  // Each is below half of the limit once in two: not one of 64 is above it once in 2^64.
  for (int i = 0; i != 64; ++i) {
    auto const drawn = delays.longest({1ms, 1h});
    CHECK(drawn >= 0ms);
    CHECK(drawn <= 1h);
    is_long = is_long || drawn > 30min;
  }
  CHECK(is_long);
}

TEST_CASE("backoff: random numbers are below their limit") {
  for (std::uint64_t const most : {std::uint64_t{1}, std::uint64_t{2}, std::uint64_t{1000}, UINT64_MAX}) {
    for (int i = 0; i != 100; ++i) CHECK(kindwire::detail::random_below(most) < most);
  }
  CHECK(kindwire::detail::random_below(0) == 0);
}

}  // namespace backoff_tests
