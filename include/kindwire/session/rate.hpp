// How often something may happen: a rate with bursts, and the bucket of tokens that holds it. Times in, a
// verdict out; no clock.
#pragma once

#include "../requirements.hpp"

#include <algorithm>
#include <chrono>
#include <cstdint>

namespace kindwire {

/// How often something may happen, on average and at once: a token bucket.
struct rate_limit {
  double per_second = 0;    ///< on average; 0.1 is one in ten seconds; 0, and 1e9 and more, mean no limit
  std::uint32_t burst = 0;  ///< at once after a pause; 0: as many as in a second, and at least one

  /// True if there is a limit.
  explicit constexpr operator bool() const noexcept { return per_second > 0 && per_second < 1e9; }
};

namespace detail {

// A bucket that is full at first. All that it keeps is when it will be full again ("virtual scheduling",
// ITU-T I.371): each token taken moves that by the time in which one comes back.
class token_bucket {
 public:
  using clock = std::chrono::steady_clock;

  // Takes a token; false if there is none.
  bool take(clock::time_point now, rate_limit const& limit) noexcept {
    clock::time_point const full = (std::max)(full_at_, now);
    if (full - now > slack(limit)) return false;
    full_at_ = full + interval(limit);
    return true;
  }

  bool has_token(clock::time_point now, rate_limit const& limit) const noexcept {
    return full_at_ - slack(limit) <= now;
  }
  // When there is a token next; in the past if there is one.
  clock::time_point next(rate_limit const& limit) const noexcept { return full_at_ - slack(limit); }

  // True if a fresh one would be the same.
  bool is_full(clock::time_point now) const noexcept { return full_at_ <= now; }

 private:
  using nanoseconds = std::chrono::nanoseconds;

  // In which one token comes back. Rates below one in 30 years are that.
  static double period(rate_limit const& limit) noexcept {
    return (std::min)(1e9 / limit.per_second, longest);
  }
  static nanoseconds interval(rate_limit const& limit) noexcept {
    return nanoseconds(static_cast<std::int64_t>(period(limit)));
  }
  // How far ahead of now the bucket may be full when there is still a token in it.
  static nanoseconds slack(rate_limit const& limit) noexcept {
    double const burst = limit.burst != 0 ? limit.burst : (std::max)(limit.per_second, 1.0);
    return nanoseconds(static_cast<std::int64_t>((std::min)((burst - 1) * period(limit), longest)));
  }

  static constexpr double longest = 1e18;

  clock::time_point full_at_{};
};

}  // namespace detail

}  // namespace kindwire
