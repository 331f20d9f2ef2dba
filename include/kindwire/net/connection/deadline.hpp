// A time limit that does not blame the peer for delays of this process.
#pragma once

#include <asio/any_io_executor.hpp>
#include <asio/steady_timer.hpp>
#include <chrono>
#include <cstdint>
#include <memory>
#include <new>
#include <system_error>
#include <utility>

#include "../../session/deadline.hpp"

namespace kindwire::net::detail {

// A timer that is a member of its owner. Before it calls its owner, the context looks at the sockets once
// more, so that what arrived in time is handled first. Used on its executor only.
class deadline {
 public:
  using clock = std::chrono::steady_clock;

  explicit deadline(asio::any_io_executor const& executor) : timer_(executor) {}

  // Calls `over(owner)` once `term` has passed; never if it is infinite. If the timer itself was late, as in
  // a process that was stopped or busy, another term begins instead, twice in a row. Replaces any earlier
  // start.
  template <class Owner, class Over>
  void start(std::chrono::milliseconds term, std::weak_ptr<Owner> owner, Over over) {
    auto const at = kindwire::detail::time_after(clock::now(), term);
    begin(at, waiting<Owner, Over>{this, std::move(owner), std::move(over), term});
  }

  // The same at a point in time, however late that is noticed.
  template <class Owner, class Over>
  void start_at(clock::time_point at, std::weak_ptr<Owner> owner, Over over) {
    begin(at,
          waiting<Owner, Over>{this, std::move(owner), std::move(over), (std::chrono::milliseconds::max)()});
  }

  void cancel() {
    ++started_;  // the timer's handler may be queued already, without an error
    timer_.cancel();
  }

 private:
  template <class Owner, class Over>
  struct waiting {
    deadline* timer;
    std::weak_ptr<Owner> owner;
    Over over;
    std::chrono::milliseconds term;
    std::uint32_t number = 0;
    bool has_looked = false;
    kindwire::detail::excuses excuses = {};

    void operator()(std::error_code stopped) {
      auto const self = owner.lock();
      if (stopped || !self || number != timer->started_) return;
      if (has_looked) return over(*self);
      auto const now = clock::now();
      bool const late = excuses.give(now - timer->timer_.expiry(), term);
      has_looked = !late;
      try {
        timer->wait(late ? kindwire::detail::time_after(now, term) : now, *this);
      } catch (std::bad_alloc const&) {
        over(*self);
      }
    }
  };

  template <class Waiting>
  void begin(clock::time_point at, Waiting what) {
    what.number = ++started_;
    if (at != (clock::time_point::max)()) return wait(at, std::move(what));
    timer_.cancel();
  }

  template <class Waiting>
  void wait(clock::time_point at, Waiting what) {
    timer_.expires_at(at);
    timer_.async_wait(std::move(what));
  }

  asio::steady_timer timer_;
  std::uint32_t started_ = 0;
};

}  // namespace kindwire::net::detail
