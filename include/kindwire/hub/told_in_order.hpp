// What happens is told to the application in its order, without a lock.
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>
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
    teller_ = std::this_thread::get_id();
    while (!calls_.empty()) {
      bool const ended = ended_;
      std::function<void()> next = std::move(calls_.front());
      calls_.pop_front();
      lock.unlock();
      try {
        if (!ended) next();
      } catch (...) {}
      next = nullptr;  // what it keeps is destroyed without the lock as well
      lock.lock();
    }
    telling_ = false;
    told_.notify_all();
  }

  // Nothing is told any more; waits for a call that is under way, unless this is called in it.
  void end(std::unique_lock<std::mutex>& lock) {
    ended_ = true;
    if (telling_ && teller_ == std::this_thread::get_id()) return;
    told_.wait(lock, [this] { return !telling_; });
  }

 private:
  std::deque<std::function<void()>> calls_;
  std::condition_variable told_;
  std::thread::id teller_;
  bool telling_ = false;
  bool ended_ = false;
};

}  // namespace kindwire::detail
