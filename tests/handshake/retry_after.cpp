#include <kindwire/handshake/retry_after.hpp>

#include <doctest/doctest.h>

#include <chrono>
#include <optional>
#include <string>

namespace retry_after_tests {

namespace kw = kindwire;
using namespace std::chrono_literals;

namespace {

// 6 November 1994, 08:49:37.
constexpr std::chrono::sys_seconds example =
    std::chrono::sys_days(std::chrono::year(1994) / 11 / 6) + 8h + 49min + 37s;

// In seconds, seen `before` the example; -1 for nothing.
long long wait(std::string const& value, std::chrono::seconds before = 0s) {
  auto const found =
      kw::retry_after({{"Content-Type", "text/plain"}, {"retry-after", value}}, example - before);
  return found ? static_cast<long long>(found->count()) : -1;
}

}  // namespace

TEST_CASE("Retry-After: seconds") {
  CHECK(wait("0") == 0);
  CHECK(wait("120") == 120);
  CHECK(wait(" 120\t") == 120);
  CHECK(wait("31536000") == 31536000);
  CHECK(wait("99999999999999999999999999") == 31536000);
  for (auto const* const bad : {"", " ", "-1", "+1", "1.5", "1s", "0x10", "soon"}) {
    CAPTURE(bad);
    CHECK(wait(bad) == -1);
  }
}

TEST_CASE("Retry-After: a date, in each form that RFC 9110 §5.6.7 knows") {
  CHECK(wait("Sun, 06 Nov 1994 08:49:37 GMT", 90s) == 90);
  CHECK(wait("Sunday, 06-Nov-94 08:49:37 GMT", 90s) == 90);
  CHECK(wait("Sun Nov  6 08:49:37 1994", 90s) == 90);
  CHECK(wait("Wed Nov 16 08:49:37 1994") == 10 * 86400);
  CHECK(wait("Sun, 06 Nov 1994 08:49:37 GMT", -90s) == 0);
  // Two digits more than 50 years ahead are a past year's.
  CHECK(wait("Sunday, 06-Nov-93 08:49:37 GMT") == 0);
  CHECK(wait("Sunday, 06-Nov-45 08:49:37 GMT") == 0);
  CHECK(wait("Friday, 06-Nov-99 08:49:37 GMT") == (365 * 5 + 1) * 86400);
}

TEST_CASE("Retry-After: what only looks like a date is nothing") {
  for (auto const* const bad :
       {"Sun, 06 Nov 1994 08:49:37", "Sun, 06 Nov 1994 08:49:37 GMT+1", "Sun, 6 Nov 1994 08:49:37 GMT",
        "Sun, 31 Feb 1994 08:49:37 GMT", "Sun, 00 Nov 1994 08:49:37 GMT", "Sun, 06 Nov 1994 24:00:00 GMT",
        "Sun, 06 Nov 1994 08:60:00 GMT", "Sun, 06 Nov 1994 08:49:61 GMT", "Sun, 06 Nop 1994 08:49:37 GMT",
        "Sun, 06 Nov 94 08:49:37 GMT", "Sunday, 06-Nov-1994 08:49:37 GMT", "Sun Nov 6 08:49:37 1994", "Sun",
        "Sun,"}) {
    CAPTURE(bad);
    CHECK(wait(bad) == -1);
  }
}

TEST_CASE("Retry-After: none, or two of them") {
  CHECK(kw::retry_after({}, example) == std::nullopt);
  CHECK(kw::retry_after({{"Retry-After", "1"}, {"Retry-After", "2"}}, example) == std::nullopt);
}

}  // namespace retry_after_tests
