// When a timeout is over: the rules for all configurable times.
#pragma once

#include "../requirements.hpp"

#include <algorithm>
#include <chrono>
#include <cstdint>

namespace kindwire::detail {

using fractional_seconds = std::chrono::duration<double>;  // wide enough for any duration

// `now + timeout`. Infinite, time_point::max(), for a century or more, such as duration::max(), or if the
// clock might end before. `now` if the timeout is not above zero.
template <class Clock, class Duration, class Rep, class Period>
constexpr std::chrono::time_point<Clock, Duration> time_after(
    std::chrono::time_point<Clock, Duration> now, std::chrono::duration<Rep, Period> timeout) noexcept {
  using time_point = std::chrono::time_point<Clock, Duration>;
  constexpr std::chrono::hours century{24 * 36525};
  fractional_seconds const seconds(timeout);
  if (!(seconds > fractional_seconds::zero())) return now;
  if (seconds >= fractional_seconds(century) || now >= (time_point::max)() - century)
    return (time_point::max)();
  return now + std::chrono::duration_cast<Duration>(timeout);
}

// True if a timer of `term` is handled more than a quarter of its term late. That says more about this
// process, which was stopped or busy, than about the peer: what it was to decide deserves a new term. Up to
// 10 ms is never late.
template <class Rep, class Period, class OtherRep, class OtherPeriod>
constexpr bool is_late(std::chrono::duration<Rep, Period> overdue,
                       std::chrono::duration<OtherRep, OtherPeriod> term) noexcept {
  constexpr fractional_seconds least{0.01};
  return fractional_seconds(overdue) > (std::max)(fractional_seconds(term) / 4, least);
}

// A process that is late every time still has to decide: twice in a row a late end of a term is excused, and
// a new term begins. Up to four kinds of terms are told apart, 0 to 3.
class excuses {
 public:
  template <class Rep, class Period, class OtherRep, class OtherPeriod>
  bool give(std::chrono::duration<Rep, Period> overdue, std::chrono::duration<OtherRep, OtherPeriod> term,
            unsigned kind = 0) noexcept {
    if (((given_ >> (2 * kind)) & 3U) == most_in_a_row || !is_late(overdue, term)) return false;
    given_ = static_cast<std::uint8_t>(given_ + (1U << (2 * kind)));
    return true;
  }
  // What was waited for has come, or nothing is waited for any more.
  void forget(unsigned kind = 0) noexcept { given_ &= static_cast<std::uint8_t>(~(3U << (2 * kind))); }

 private:
  static constexpr unsigned most_in_a_row = 2;

  std::uint8_t given_ = 0;  // two bits for each kind
};

}  // namespace kindwire::detail
