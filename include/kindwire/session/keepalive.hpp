// Whether the peer is alive (RFC 6455 §5.5.2): when a quiet peer is pinged and when it is given up. Times and
// facts in, a verdict out; no I/O and no clock.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>

#include "deadline.hpp"
#include "moment.hpp"

namespace kindwire::detail {

/// The times of a keepalive; 24 days or longer means never.
struct keepalive_options {
  std::chrono::milliseconds ping_interval;  ///< of silence until the peer is pinged; 0 turns pings off
  std::chrono::milliseconds pong_timeout;   ///< from the ping to the next sign of life
  std::chrono::milliseconds idle_timeout;   ///< without a message; 0 turns it off
  std::size_t min_send_rate;                ///< bytes per second; taking less counts as taking nothing
};

// Any byte received is a sign of life. While output is pending, so is the peer taking some of it: a slow
// reader answers a ping only when it gets there. While more is pending than the stream takes, a peer that
// takes nothing for ping_interval plus pong_timeout is given up even if it keeps sending.
class keepalive {
 public:
  using clock = moment::clock;

  enum class verdict : std::uint8_t { wait, ping, no_pong, stalled, idle };
  struct step {
    verdict what;
    clock::time_point next;  // of the next tick, if `what` is wait or ping; max() for none
  };

  // What a tick needs to know besides the time.
  struct facts {
    bool listens = true;        // false while reading pauses until the application has caught up
    bool unread = false;        // input waits for the application
    bool may_ping = true;       // false once either end has sent Close, or nothing can be sent any more
    bool output_waits = false;  // the peer has not taken all that we sent
    bool backlog = false;       // nor has the stream
    // Bytes that the peer has taken so far, modulo 2^32. May go back: some systems count the memory that
    // pending bytes occupy.
    std::uint32_t taken = 0;
  };

  void start(clock::time_point now) noexcept { sign_at_ = data_at_ = progress_at_ = moment(now); }

  // Bytes have arrived. True if they answer a ping: see round_trip().
  bool heard(clock::time_point now) noexcept {
    moment const at(now);
    bool const answers = pinged_;
    if (answers) [[unlikely]]
      note_round_trip(at - sign_at_);
    sign(at);
    return answers;
  }
  // From the last answered ping to the input that followed; negative before the first. At most a minute.
  std::chrono::milliseconds round_trip() const noexcept {
    return std::chrono::milliseconds(round_trip_ == unknown ? -1 : round_trip_);
  }
  // The last input contained a message.
  void data() noexcept {
    if (!pinged_ && sign_at_.is_after(data_at_)) note_data(sign_at_);
  }
  // From now on output is pending.
  void blocked(clock::time_point now, std::uint32_t taken) noexcept {
    progress_at_ = moment(now);
    taken_ = taken;
  }

  // Call when the time of the last step, `due`, has come, or, with `due` as `now`, when something else may
  // have changed what is next. A late tick starts a new term instead of giving a verdict, twice in a row.
  step tick(clock::time_point now, clock::time_point due, keepalive_options const& options,
            facts const& known) noexcept {
    moment const at(now);
    auto const overdue = now - due;
    if (known.unread) note_data(at);
    note_progress(at, options, known);
    // While we do not listen, a ping that was taken counts as answered.
    if (pinged_ && !known.listens && !known.output_waits) sign(at);

    bool const pings = options.ping_interval.count() > 0;
    auto next = (std::chrono::milliseconds::max)();
    verdict what = verdict::wait;
    auto const is_over = [&](silence of, moment& since, std::chrono::milliseconds term) {
      if (at - since >= term && !is_endless(term)) {
        if (!excuses_.give(overdue, term, of)) return true;
        since = at;
      }
      if (!is_endless(term)) next = (std::min)(next, term - (at - since));
      return false;
    };

    if (pings && known.may_ping) {
      if (pinged_ && is_over(of_pong, sign_at_, options.pong_timeout)) return {verdict::no_pong, now};
      if (!pinged_ && at - sign_at_ >= options.ping_interval && !is_endless(options.ping_interval)) {
        what = verdict::ping;
        pinged_ = true;
        sign_at_ = at;
        is_over(of_pong, sign_at_, (std::max)(options.pong_timeout, shortest));
      } else if (!pinged_ && !is_endless(options.ping_interval)) {
        next = (std::min)(next, options.ping_interval - (at - sign_at_));
      }
      // The answer changes no timer: when the next ping is due is looked up an interval later.
      if (pinged_ && !is_endless(options.ping_interval))
        next = (std::min)(next, (std::max)(options.ping_interval, shortest));
    }
    if (pings && known.output_waits) {
      auto const both =
          options.ping_interval +
          (std::min)(options.pong_timeout, (options.ping_interval.max)() - options.ping_interval);
      // A peer that sends nothing either, though it was pinged, is dead.
      if (known.backlog && is_over(of_progress, progress_at_, both)) {
        return {pinged_ ? verdict::no_pong : verdict::stalled, now};
      }
      // Progress must be polled for.
      if (!is_endless(both)) next = (std::min)(next, (std::max)(both / 8, shortest));
    }
    if (options.idle_timeout.count() > 0 && is_over(of_data, data_at_, options.idle_timeout))
      return {verdict::idle, now};

    bool const never = next == (std::chrono::milliseconds::max)();
    return {what, never ? (clock::time_point::max)() : now + next};
  }

 private:
  enum silence : unsigned { of_pong, of_data, of_progress };

  static constexpr std::chrono::milliseconds shortest{1};
  static constexpr std::chrono::milliseconds longest_round_trip{60000};
  static constexpr std::uint16_t unknown = UINT16_MAX;

  void note_round_trip(std::chrono::milliseconds took) noexcept {
    round_trip_ = static_cast<std::uint16_t>(
        std::clamp(took, std::chrono::milliseconds(0), longest_round_trip).count());
  }

  void sign(moment at) noexcept {
    sign_at_ = at;
    pinged_ = false;
    excuses_.forget(of_pong);
  }
  void note_data(moment at) noexcept {
    data_at_ = at;
    excuses_.forget(of_data);
  }

  void note_progress(moment at, keepalive_options const& options, facts const& known) noexcept {
    auto const more = static_cast<std::int32_t>(known.taken - taken_);
    if (known.output_waits) {
      if (more < 0) taken_ = known.taken;
      // A peer's rate shows only while there is always more for it to take.
      bool const counts =
          more > 0 && !(known.backlog && is_slower(more, at - progress_at_, options.min_send_rate));
      if (counts) sign(at);
      if (!counts && known.backlog) return;
    }
    progress_at_ = at;
    taken_ = known.taken;
    excuses_.forget(of_progress);
  }

  moment sign_at_;      // of the last sign of life; of our ping if that was later
  moment data_at_;      // when the last message came
  moment progress_at_;  // when the peer last took some of the pending output
  std::uint32_t taken_ = 0;
  std::uint16_t round_trip_ = unknown;  // in milliseconds
  bool pinged_ = false;
  excuses excuses_;
};

}  // namespace kindwire::detail
