// How much other threads may still hand to a connection, asked without its executor.
#pragma once

#include <atomic>
#include <cstddef>
#include <system_error>

#include "../../error.hpp"

namespace kindwire::net::detail {

// Counts the bytes that are on their way to the connection, and knows what it had queued at its last turn:
// together they stay below the hard mark, so nothing that was admitted is lost for want of room. Thread safe.
class admission {
 public:
  std::error_code enter(std::size_t size, std::size_t hard_mark) noexcept {
    if (closed()) return error::closed;
    std::size_t const before = on_the_way_.fetch_add(size, std::memory_order_relaxed);
    if (before + queued_.load(std::memory_order_relaxed) < hard_mark) return {};
    leave(size);
    return error::send_queue_full;
  }
  void leave(std::size_t size) noexcept { on_the_way_.fetch_sub(size, std::memory_order_relaxed); }

  void set_queued(std::size_t size) noexcept { queued_.store(size, std::memory_order_relaxed); }
  void close() noexcept { closed_.store(true, std::memory_order_relaxed); }
  bool closed() const noexcept { return closed_.load(std::memory_order_relaxed); }

 private:
  std::atomic<std::size_t> on_the_way_{0};
  std::atomic<std::size_t> queued_{0};
  std::atomic<bool> closed_{false};
};

}  // namespace kindwire::net::detail
