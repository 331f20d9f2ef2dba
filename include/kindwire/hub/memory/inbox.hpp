// What the listener of one node is to be told, in its order, on the executor of its hub.
#pragma once

#include <asio/any_io_executor.hpp>
#include <asio/post.hpp>
#include <atomic>
#include <cstddef>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <new>
#include <utility>

#include "../backplane.hpp"

namespace kindwire::detail {

// Thread safe. Its lock is taken within that of the bus, and neither is held while the listener is called.
class memory_inbox : public std::enable_shared_from_this<memory_inbox> {
 public:
  using call = std::function<void(backplane::listener&)>;
  // False once the subscription that something is told for has ended.
  using subscription = std::shared_ptr<std::atomic<bool>>;

  memory_inbox(asio::any_io_executor executor, std::function<void()> catch_up)
      : executor_(std::move(executor)), catch_up_(std::move(catch_up)) {}

  void start(std::weak_ptr<backplane::listener> to) {
    std::lock_guard const lock(mutex_);
    to_ = std::move(to);
  }

  // If too much waits, or there is no memory, all that waits is dropped: the node catches up when its turn
  // comes.
  void add(call what, subscription of, std::size_t size) noexcept {
    std::lock_guard const lock(mutex_);
    if (ended_) return;
    if (is_behind_) return wake();
    try {
      if (size > most_waiting - waiting_) throw std::bad_alloc();
      calls_.push_back({std::move(what), std::move(of), size});
      waiting_ += size;
    } catch (...) {
      fall_behind();
    }
    wake();
  }

  void lose() noexcept {
    std::lock_guard const lock(mutex_);
    fall_behind();
    wake();
  }
  // It is told all anew, by what is added from now on.
  void begin_anew() noexcept {
    std::lock_guard const lock(mutex_);
    drop();
    is_behind_ = false;
  }
  // What has not been told yet is not told any more.
  void clear() noexcept {
    std::lock_guard const lock(mutex_);
    drop();
  }
  void end() noexcept {
    std::lock_guard const lock(mutex_);
    ended_ = true;
    drop();
  }

 private:
  static constexpr std::size_t most_waiting = std::size_t{64} << 20;

  struct told {
    call what;
    subscription of;
    std::size_t size;
  };

  void drop() noexcept {
    calls_.clear();
    waiting_ = 0;
  }
  void fall_behind() noexcept {
    drop();
    is_behind_ = true;
  }

  void wake() noexcept {
    if (is_awake_) return;
    try {
      asio::post(executor_, [self = shared_from_this()] { self->turn(); });
      is_awake_ = true;
    } catch (...) {
      fall_behind();  // the next that is added tries again
    }
  }

  bool try_to_catch_up() noexcept {
    try {
      catch_up_();
      return true;
    } catch (...) {
      return false;
    }
  }

  // Tells what is there when it begins: others of the executor get their turn when more is added meanwhile.
  void turn() {
    std::unique_lock lock(mutex_);
    if (is_behind_) {
      lock.unlock();
      bool const has_caught_up = try_to_catch_up();
      lock.lock();
      if (!has_caught_up) fall_behind();
    }
    for (std::size_t left = calls_.size(); left != 0 && !calls_.empty(); --left) {
      told next = std::move(calls_.front());
      calls_.pop_front();
      waiting_ -= next.size;
      auto const to = to_.lock();
      lock.unlock();
      if (to && (!next.of || *next.of)) next.what(*to);
      next = {};
      lock.lock();
    }
    is_awake_ = false;
    if (!ended_ && (is_behind_ || !calls_.empty())) wake();
  }

  asio::any_io_executor const executor_;
  std::function<void()> const catch_up_;
  std::mutex mutex_;
  std::weak_ptr<backplane::listener> to_;
  std::deque<told> calls_;
  std::size_t waiting_ = 0;
  bool is_awake_ = false;
  bool is_behind_ = false;
  bool ended_ = false;
};

}  // namespace kindwire::detail
