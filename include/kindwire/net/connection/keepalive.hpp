// When a quiet connection is pinged, and when it is given up: times in, a verdict out.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <utility>

#include "../options.hpp"

namespace kindwire::net::detail {

// Any byte heard counts as life (RFC 6455 §5.5.2), only messages count against idleness. Reading and writing
// only set a flag: the clock is asked once a tick, not once a read.
class keepalive {
 public:
  using clock = std::chrono::steady_clock;

  enum class verdict : std::uint8_t { wait, ping, no_pong, idle };
  struct step {
    verdict what;
    clock::time_point next;  // of the next tick, if `what` is wait or ping; max() for none
  };

  void start(clock::time_point now) noexcept { last_sign_ = last_data_ = now; }
  void heard() noexcept { heard_ = true; }
  void data() noexcept { data_came_ = true; }

  // `paused` while reading stands still for the application's sake: silence then says nothing about the peer.
  step tick(clock::time_point now, connection_options const& options, bool paused) noexcept {
    if (std::exchange(heard_, false) || paused) {
      last_sign_ = now;
      pinged_ = false;
    }
    if (std::exchange(data_came_, false) || paused) last_data_ = now;

    step result{verdict::wait, clock::time_point::max()};
    if (options.idle_timeout.count() > 0) {
      result.next = last_data_ + options.idle_timeout;
      if (now >= result.next) return {verdict::idle, now};
    }
    if (options.ping_interval.count() > 0) {
      if (!pinged_ && now - last_sign_ >= options.ping_interval) {
        result.what = verdict::ping;
        pinged_ = true;
        last_sign_ = now;
      }
      auto const due = last_sign_ + (pinged_ ? options.pong_timeout : options.ping_interval);
      if (pinged_ && result.what != verdict::ping && now >= due) return {verdict::no_pong, now};
      result.next = std::min(result.next, due);
    }
    return result;
  }

 private:
  clock::time_point last_sign_;  // of life, as known at the last tick; of our ping if that was later
  clock::time_point last_data_;
  bool heard_ = false;  // since the last tick
  bool data_came_ = false;
  bool pinged_ = false;
};

}  // namespace kindwire::net::detail
