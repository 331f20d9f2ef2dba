// When a timeout is over: the one rule for all times that can be set.
#pragma once

#include <chrono>

namespace kindwire::detail {

// `now + timeout`. Without end, time_point::max(), if the timeout is so long that the clock might end before
// it: duration::max() means never, and a century is no different. `now` if it is not above zero.
template <class Clock, class Duration, class Rep, class Period>
constexpr std::chrono::time_point<Clock, Duration> time_after(
    std::chrono::time_point<Clock, Duration> now, std::chrono::duration<Rep, Period> timeout) noexcept {
  using time_point = std::chrono::time_point<Clock, Duration>;
  using seconds = std::chrono::duration<double>;  // wide enough for any duration, also one of integers
  constexpr std::chrono::hours century{24 * 36525};
  if (!(seconds(timeout) > seconds::zero())) return now;
  if (seconds(timeout) >= seconds(century) || now >= time_point::max() - century) return time_point::max();
  return now + std::chrono::duration_cast<Duration>(timeout);
}

}  // namespace kindwire::detail
