// How long a node waits before it connects to Redis again.
#pragma once

#include <chrono>
#include <cstdint>
#include <system_error>

#include "error.hpp"
#include "names.hpp"
#include "options.hpp"

namespace kindwire::detail {

// A random time, so that nodes that have lost Redis together do not come back together. What does not change
// by itself is asked for rarely.
class redis_backoff {
 public:
  std::chrono::milliseconds next(std::error_code why, redis_options const& options) {
    bool const is_lasting = why == redis_error::not_authorized || why == redis_error::cluster ||
                            why == redis_error::no_tls || why == redis_error::refused;
    auto most = options.first_delay;
    for (unsigned i = 0; i != failures_ && most < options.max_delay; ++i) most *= 2;
    if (most > options.max_delay || is_lasting) most = options.max_delay;
    if (failures_ != 32) ++failures_;
    return std::chrono::milliseconds(random_below(static_cast<std::uint64_t>(most.count()) + 1));
  }
  void reset() noexcept { failures_ = 0; }

 private:
  unsigned failures_ = 0;
};

}  // namespace kindwire::detail
