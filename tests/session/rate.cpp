#include <kindwire/session/rate.hpp>

#include <doctest/doctest.h>

#include <chrono>
#include <cstdint>

namespace rate_tests {

using namespace std::chrono_literals;
using kindwire::rate_limit;
using kindwire::detail::token_bucket;

namespace {

constexpr token_bucket::clock::time_point begin{1000s};

int taken_at(token_bucket& bucket, token_bucket::clock::time_point now, rate_limit const& limit) {
  int count = 0;
  while (count != 10'000 && bucket.take(now, limit)) ++count;
  return count;
}

}  // namespace

TEST_CASE("rate: a burst at first, then one token for each interval") {
  rate_limit const limit{.per_second = 10, .burst = 4};
  token_bucket bucket;
  CHECK(taken_at(bucket, begin, limit) == 4);
  CHECK(bucket.next(limit) == begin + 100ms);
  CHECK_FALSE(bucket.has_token(begin + 99ms, limit));
  CHECK(bucket.has_token(begin + 100ms, limit));
  CHECK(taken_at(bucket, begin + 100ms, limit) == 1);
  CHECK(taken_at(bucket, begin + 350ms, limit) == 2);
  CHECK(taken_at(bucket, begin + 400ms, limit) == 1);
}

TEST_CASE("rate: what was not used is saved up to a burst, and no further") {
  rate_limit const limit{.per_second = 10, .burst = 4};
  token_bucket bucket;
  CHECK(taken_at(bucket, begin, limit) == 4);
  CHECK_FALSE(bucket.is_full(begin + 399ms));
  CHECK(bucket.is_full(begin + 400ms));
  CHECK(taken_at(bucket, begin + 1h, limit) == 4);
}

TEST_CASE("rate: a refusal costs nothing, and the average holds however often it is asked") {
  rate_limit const limit{.per_second = 7, .burst = 3};
  token_bucket bucket;
  int count = 0;
  for (auto at = begin; at != begin + 100s; at += 1ms) count += bucket.take(at, limit);
  CHECK(count >= 701);
  CHECK(count <= 703);
}

TEST_CASE("rate: without a burst, that of a second, and at least one") {
  token_bucket fast;
  CHECK(taken_at(fast, begin, {.per_second = 20}) == 20);
  token_bucket slow;
  CHECK(taken_at(slow, begin, {.per_second = 0.5}) == 1);
  CHECK(slow.next({.per_second = 0.5}) == begin + 2s);
}

TEST_CASE("rate: none, and the extremes") {
  CHECK_FALSE(rate_limit{});
  CHECK_FALSE(rate_limit{.per_second = -1});
  CHECK(rate_limit{.per_second = 0.001});
  token_bucket rare;
  rate_limit const once{.per_second = 1e-300, .burst = UINT32_MAX};
  CHECK(rare.take(begin, once));
  CHECK(rare.take(begin, once));
  CHECK_FALSE(rare.take(begin, once));  // what is saved up has a bound
  token_bucket often;
  CHECK(taken_at(often, begin, {.per_second = 1e300}) == 10'000);
}

}  // namespace rate_tests
