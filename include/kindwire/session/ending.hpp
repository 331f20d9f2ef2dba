// How a connection ends (RFC 6455 §5.5.1, §7.1), as a machine without I/O and without a clock: what is known
// goes in, what is to be done next comes out. Drivers follow it and have no rules of their own.
//
// clang-format off
//   phase        begins when                                    ends when
//   open         both ends may send                             a Close is queued, or the connection is lost
//   closing      our Close is queued, the peer's has not come   it comes, or the term is over
//   finishing    both Closes are there, a rule was broken, or   what is queued has been written
//                the peer's stream ended without a Close
//   half_closed  the end that goes first (a server, or the one  the peer's stream ends, or the term is over
//                that fails the connection) has ended its side
//   ended        the stream is closed                           never
// clang-format on
//
// One term runs at a time, close_timeout long: while output is queued, from its last progress; once the peer
// has taken it, from then to the end of the stream; with a Close behind unread messages, or a stream that
// ended without one, until the application gets there; and, if nothing can be written any more, from the last
// byte received, or from our Close. While the application keeps us from reading, no term of the peer's runs.
// Ending the stream takes nothing away from the application: messages that arrived before stay deliverable.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>

#include "../frame/role.hpp"
#include "deadline.hpp"
#include "moment.hpp"

namespace kindwire::detail {

class ending {
 public:
  using clock = moment::clock;

  enum class phase : std::uint8_t { open, closing, finishing, half_closed, ended };

  enum class action : std::uint8_t {
    wait,               // until `next`, or the next event
    answer_close,       // session::answer_close()
    shut_down_sending,  // tell the peer that nothing follows; if the stream cannot, close it
    close_stream
  };
  struct step {
    action what;
    clock::time_point next = (clock::time_point::max)();
  };

  // What a driver knows. The first four are the session's.
  struct facts {
    bool open = true;             // both ends may send
    bool closed = false;          // neither end will send anything more
    bool failed = false;          // closed for another reason than a close handshake
    bool close_received = false;  // even if messages before it are unread
    role self = role::server;
    bool listens = true;         // false while reading pauses until the application has caught up
    bool asked = false;          // the application has received since the last time
    bool unattended = false;     // the application is gone: nobody will receive
    bool output_queued = false;  // the stream has not taken all of it
    bool output_waits = false;   // the peer has not taken all of it, as far as the stream can tell
    std::uint32_t taken = 0;     // bytes that the peer has taken so far, modulo 2^32
    bool write_failed = false;
    bool input_ended = false;
    bool input_failed = false;  // it ended with an error: nothing can be written either
    bool timed = true;          // asked when the time of a step comes, not just when a blocking call returns
  };

  phase state() const noexcept { return phase_; }
  bool has_ended() const noexcept { return phase_ == phase::ended; }
  // True while a term runs: then the peer is not asked for signs of life.
  bool has_term() const noexcept { return term_ != term::none; }

  // The stream is closed.
  void end() noexcept {
    phase_ = phase::ended;
    term_ = term::none;
  }

  // Bytes have arrived.
  void heard(clock::time_point now) noexcept {
    if (term_ == term::last_words && phase_ == phase::open) since_ = moment(now);
  }

  // Call after every event while the connection is not simply open, and when the time of the last step has
  // come; again after each action except wait and close_stream.
  step next(facts const& known, clock::time_point now, std::chrono::milliseconds close_timeout,
            std::size_t min_send_rate) noexcept {
    if (phase_ == phase::ended) return {action::wait};
    // With neither direction left, or nobody to receive further input, there is nothing to wait for.
    bool const nothing_to_hear = known.input_ended || known.unattended;
    if (known.input_failed || (known.write_failed && nothing_to_hear && !owes_answer(known))) {
      return {action::close_stream};
    }
    moment const at(now);
    if (known.open) return while_open(known, at, now, close_timeout);
    if (!known.closed) {
      phase_ = phase::closing;
      // §7.1.5: no Close can follow the end of the stream.
      if (known.input_ended && !known.output_queued) return {action::close_stream};
      if (known.write_failed) return hear_last_words(known, at, now, close_timeout);
      return await_peer(known, at, now, close_timeout, min_send_rate);
    }
    phase_ = (std::max)(phase_, phase::finishing);
    if (known.write_failed) return {action::close_stream};
    if (!known.output_queued) {
      if (known.input_ended) return {action::close_stream};
      // §7.1.1: the server ends the stream first, and so does the end that fails the connection (§7.1.7).
      // Ending only our side, and reading to the end of the peer's, keeps a reset from overtaking our Close.
      if (phase_ != phase::half_closed && (known.self == role::server || known.failed)) {
        phase_ = phase::half_closed;
        return {action::shut_down_sending};
      }
    }
    return await_peer(known, at, now, close_timeout, min_send_rate);
  }

 private:
  enum class term : std::uint8_t { none, unread_close, unread_end, last_words, progress, answer };

  static bool owes_answer(facts const& known) noexcept { return known.open && known.close_received; }

  step while_open(facts const& known, moment at, clock::time_point now,
                  std::chrono::milliseconds close_timeout) {
    if (known.close_received) {
      // §5.5.1: the answer may wait until the input before the Close has been read; not for ever, and not if
      // nobody reads.
      if (known.unattended || known.input_ended || known.write_failed) return {action::answer_close};
      run(term::unread_close, at);
      return is_over(known, at, close_timeout) ? step{action::answer_close} : wait(at, now, close_timeout);
    }
    if (known.write_failed) return hear_last_words(known, at, now, close_timeout);
    if (!known.input_ended) {
      term_ = term::none;
      return {action::wait};
    }
    // The peer may still take the application's answers to its last messages; not for ever.
    run(term::unread_end, at);
    if (known.asked) since_ = at;
    return is_over(known, at, close_timeout) ? step{action::close_stream} : wait(at, now, close_timeout);
  }

  // Nothing can be sent any more, but the peer may have said why before it left.
  step hear_last_words(facts const& known, moment at, clock::time_point now,
                       std::chrono::milliseconds close_timeout) {
    run(term::last_words, at);
    if (!known.listens) since_ = at;
    return is_over(known, at, close_timeout) ? step{action::close_stream} : wait(at, now, close_timeout);
  }

  step await_peer(facts const& known, moment at, clock::time_point now,
                  std::chrono::milliseconds close_timeout, std::size_t min_send_rate) {
    if (known.output_waits && term_ != term::progress) taken_ = known.taken;
    run(known.output_waits ? term::progress : term::answer, at);
    // The peer does not owe us an answer that we do not read.
    if (term_ == term::answer && !known.closed && !known.listens && !known.unattended) since_ = at;
    if (term_ == term::progress) note_progress(known.taken, at, min_send_rate);
    return is_over(known, at, close_timeout) ? step{action::close_stream} : wait(at, now, close_timeout);
  }

  void run(term one, moment at) noexcept {
    if (term_ == one) return;
    term_ = one;
    since_ = at;
    excuses_.forget();
  }

  void note_progress(std::uint32_t taken, moment at, std::size_t min_send_rate) noexcept {
    auto const more = static_cast<std::int32_t>(taken - taken_);
    if (more < 0) taken_ = taken;
    if (more <= 0 || is_slower(more, at - since_, min_send_rate)) return;
    since_ = at;
    taken_ = taken;
    excuses_.forget();
  }

  // If the end of a term is noticed late, the delay may be ours: the term begins anew, twice in a row.
  bool is_over(facts const& known, moment at, std::chrono::milliseconds close_timeout) noexcept {
    if (is_endless(close_timeout) || at - since_ < close_timeout) return false;
    if (!known.timed || !excuses_.give(at - since_ - close_timeout, close_timeout)) return true;
    since_ = at;
    return false;
  }

  // Progress must be polled for.
  step wait(moment at, clock::time_point now, std::chrono::milliseconds close_timeout) const noexcept {
    if (is_endless(close_timeout)) return {action::wait};
    auto left = close_timeout - (at - since_);
    if (term_ == term::progress) {
      left = (std::min)(left, (std::max)(close_timeout / 8, std::chrono::milliseconds(1)));
    }
    return {action::wait, now + left};
  }

  moment since_;  // when the term began
  std::uint32_t taken_ = 0;
  phase phase_ = phase::open;
  term term_ = term::none;
  excuses excuses_;
};

}  // namespace kindwire::detail
