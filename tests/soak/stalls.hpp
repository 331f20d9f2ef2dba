// When the machine kept a program from running: what ends in that time may have ended for that.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <thread>

namespace soak {

using clock = std::chrono::steady_clock;

// Of a time that all processes of the machine count alike.
inline std::int64_t milliseconds(clock::time_point at) noexcept {
  return std::chrono::duration_cast<std::chrono::milliseconds>(at.time_since_epoch()).count();
}

// Sleeps for a moment again and again, and notes when that took much longer. run() on a thread of its own;
// the rest from any thread.
class stall_watch {
 public:
  void run() {
    while (!stopped_) {
      auto const before = clock::now();
      std::this_thread::sleep_for(std::chrono::milliseconds(50));
      auto const after = clock::now();
      if (after - before > std::chrono::milliseconds(300)) last_ = milliseconds(after);
    }
  }
  void stop() noexcept { stopped_ = true; }

  // The end of the last one in milliseconds; 0 if there was none.
  std::int64_t last() const noexcept { return last_; }

 private:
  std::atomic<std::int64_t> last_{0};
  std::atomic<bool> stopped_{false};
};

}  // namespace soak
