// How long to wait before the next try, after tries that have failed: exponential backoff with full jitter.
// No clock.
#pragma once

#include "../requirements.hpp"

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <span>

#include "../frame/random.hpp"

namespace kindwire::detail {

// From the strong source, up to `most`, not included; 0 for 0.
inline std::uint64_t random_below(std::uint64_t most) noexcept {
  std::uint64_t number = 0;
  random_bytes(std::as_writable_bytes(std::span(&number, 1)));
  return most == 0 ? 0 : number % most;
}

struct backoff_terms {
  std::chrono::milliseconds first;
  std::chrono::milliseconds most;
  double factor = 2;
};

// A delay is drawn from zero up to a limit, which grows with each failure. Clients that have lost a server
// together come back spread evenly over that time; any fixed part of the delay would bring them back in
// waves.
class backoff {
 public:
  // `draw(n)` is a number below n.
  template <class Draw>
  std::chrono::milliseconds next(backoff_terms const& terms, Draw&& draw) {
    auto const limit = limit_of(terms);
    if (limit < terms.most) ++failures_;
    return drawn(limit, draw);
  }
  std::chrono::milliseconds next(backoff_terms const& terms) { return next(terms, random_below); }

  // For what does not change by itself: as after many failures.
  std::chrono::milliseconds longest(backoff_terms const& terms) {
    if (limit_of(terms) < terms.most) ++failures_;
    return drawn(terms.most, random_below);
  }

  void reset() noexcept { failures_ = 0; }

 private:
  template <class Draw>
  static std::chrono::milliseconds drawn(std::chrono::milliseconds limit, Draw&& draw) {
    auto const most =
        static_cast<std::uint64_t>((std::max)(limit.count(), std::chrono::milliseconds::rep{0}));
    return std::chrono::milliseconds(draw(most + 1));
  }

  // In floating point, which cannot overflow.
  std::chrono::milliseconds limit_of(backoff_terms const& terms) const noexcept {
    double const most = static_cast<double>(terms.most.count());
    double limit = static_cast<double>(terms.first.count());
    double const factor = (std::max)(terms.factor, 1.0);
    for (unsigned i = 0; i != failures_ && limit < most && factor > 1; ++i) limit *= factor;
    return limit < most ? std::chrono::milliseconds(static_cast<std::int64_t>(limit)) : terms.most;
  }

  unsigned failures_ = 0;
};

}  // namespace kindwire::detail
