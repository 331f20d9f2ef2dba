// What happens is told to the application in its order, without a lock.
#pragma once

#include <deque>
#include <functional>
#include <mutex>
#include <utility>

namespace kindwire::detail {

// Calls are made one at a time, by the thread that finds them first: that goes on until none is left, also of
// what others add meanwhile. All functions are called with one and the same mutex locked.
class told_in_order {
 public:
  // May throw std::bad_alloc.
  void add(std::function<void()> call) { calls_.push_back(std::move(call)); }

  // What a call throws is ignored: there is nobody to tell.
  void tell(std::unique_lock<std::mutex>& lock) {
    if (telling_) return;
    telling_ = true;
    while (!calls_.empty()) {
      std::deque<std::function<void()>> next;  // destroyed without the lock as well
      next.swap(calls_);
      if (ended_) continue;
      lock.unlock();
      for (auto const& each : next) {
        try {
          each();
        } catch (...) {}
      }
      next.clear();
      lock.lock();
    }
    telling_ = false;
  }

  // Nothing is told any more.
  void end() noexcept { ended_ = true; }

 private:
  std::deque<std::function<void()>> calls_;
  bool telling_ = false;
  bool ended_ = false;
};

}  // namespace kindwire::detail
