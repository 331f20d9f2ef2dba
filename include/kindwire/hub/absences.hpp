// Those who may come back within a time.
#pragma once

#include <asio/any_io_executor.hpp>
#include <asio/steady_timer.hpp>
#include <chrono>
#include <map>
#include <optional>
#include <system_error>
#include <utility>

namespace kindwire::detail {

// A timer for all of them. Not thread safe: guarded by the hub's lock.
template <class Who>
class absences {
 public:
  using clock = std::chrono::steady_clock;

  explicit absences(std::optional<asio::any_io_executor> const& executor) {
    if (executor) timer_.emplace(*executor);
  }

  bool has_timer() const noexcept { return timer_.has_value(); }
  void end() noexcept { timer_.reset(); }

  // `on_time()` is called on the executor, without a lock, when it is time to look at those who are due().
  // May throw std::bad_alloc.
  template <class OnTime>
  void add(clock::time_point until, Who who, OnTime on_time) {
    all_.emplace(until, std::move(who));
    wait(std::move(on_time));
  }

  // Calls `look` for each of those whose time is over, and forgets them.
  template <class OnTime, class Look>
  void look_at_due(clock::time_point now, OnTime on_time, Look look) {
    waits_until_ = (clock::time_point::max)();
    while (!all_.empty() && all_.begin()->first <= now) {
      auto const due = all_.extract(all_.begin());
      look(due.mapped());
    }
    wait(std::move(on_time));
  }

 private:
  template <class OnTime>
  void wait(OnTime on_time) {
    if (!timer_ || all_.empty() || all_.begin()->first >= waits_until_) return;
    timer_->expires_at(all_.begin()->first);
    timer_->async_wait([on_time = std::move(on_time)](std::error_code stopped) {
      if (!stopped) on_time();
    });
    waits_until_ = all_.begin()->first;
  }

  std::multimap<clock::time_point, Who> all_;
  std::optional<asio::steady_timer> timer_;
  clock::time_point waits_until_ = (clock::time_point::max)();
};

}  // namespace kindwire::detail
