// A time in four bytes, for servers that keep 100,000 of them.
#pragma once

#include "../requirements.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>

namespace kindwire::detail {

// Milliseconds of the steady clock, modulo 2^32. Two moments can be compared if they lie within 24 days of
// each other.
class moment {
 public:
  using clock = std::chrono::steady_clock;

  moment() noexcept = default;
  explicit moment(clock::time_point at) noexcept
      : value_(static_cast<std::uint32_t>(
            std::chrono::floor<std::chrono::milliseconds>(at.time_since_epoch()).count())) {}

  friend bool operator==(moment, moment) noexcept = default;
  friend std::chrono::milliseconds operator-(moment late, moment early) noexcept {
    return std::chrono::milliseconds(static_cast<std::int32_t>(late.value_ - early.value_));
  }
  bool is_after(moment other) const noexcept { return (*this - other).count() > 0; }

 private:
  std::uint32_t value_ = 0;
};

// True for a duration too long for moments to measure: from 24 days on it counts as infinite.
inline bool is_endless(std::chrono::milliseconds term) noexcept { return term.count() > INT32_MAX; }

// True if `bytes` in `time` are less than `rate` bytes per second.
inline bool is_slower(std::int32_t bytes, std::chrono::milliseconds time, std::size_t rate) noexcept {
  return static_cast<double>(bytes) * 1000 < static_cast<double>(rate) * static_cast<double>(time.count());
}

}  // namespace kindwire::detail
