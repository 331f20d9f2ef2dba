#include <kindwire/session/ending.hpp>

#include <doctest/doctest.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <ostream>

namespace ending_tests {

using namespace std::chrono_literals;
using kindwire::role;
using kindwire::detail::ending;
using action = ending::action;
using phase = ending::phase;

namespace {

constexpr auto never = ending::clock::time_point::max();

// One connection whose clock, and all that is known of it, the test moves.
struct script {
  ending::facts known;
  ending one;
  ending::clock::time_point begin{1000s};
  std::chrono::milliseconds at{};
  std::chrono::milliseconds close_timeout{1000};
  std::size_t min_send_rate = 0;
  ending::clock::time_point next;

  action ask() {
    auto const step = one.next(known, begin + at, close_timeout, min_send_rate);
    next = step.next;
    return step.what;
  }
  action ask(std::chrono::milliseconds when) {
    at = when;
    return ask();
  }
  auto next_time() const { return next - begin; }

  // Asks whenever the machine wants to be asked, until it wants something done.
  action run_until_action() {
    action what = ask();
    while (what == action::wait && next != never) {
      at = std::chrono::duration_cast<std::chrono::milliseconds>(next_time());
      what = ask();
    }
    return what;
  }

  void close_queued() {
    known.open = false;
    known.output_queued = known.output_waits = true;
  }
  void close_written() { known.output_queued = false; }
  void close_taken() { known.output_queued = known.output_waits = false; }
  void both_closed() {
    known.open = false;
    known.closed = known.close_received = true;
  }
};

}  // namespace

TEST_CASE("ending: an open connection has no term") {
  script s;
  CHECK((s.ask() == action::wait));
  CHECK((s.next == never));
  CHECK(!s.one.has_term());
  CHECK((s.one.state() == phase::open));
}

TEST_CASE(
    "ending: a server that is closed by its peer ends its side first, and then waits for the peer's end") {
  script s;
  s.both_closed();
  s.known.output_queued = s.known.output_waits = true;  // its answer
  CHECK((s.ask() == action::wait));
  CHECK((s.one.state() == phase::finishing));
  s.close_taken();
  CHECK((s.ask(10ms) == action::shut_down_sending));
  CHECK((s.ask() == action::wait));
  CHECK((s.one.state() == phase::half_closed));
  s.known.input_ended = true;
  CHECK((s.ask(20ms) == action::close_stream));
}

TEST_CASE("ending: a client waits for the server's end") {
  script s;
  s.known.self = role::client;
  s.both_closed();
  CHECK((s.ask() == action::wait));
  CHECK((s.next_time() == 1000ms));
  CHECK((s.run_until_action() == action::close_stream));
  CHECK((s.at == 1000ms));
}

TEST_CASE("ending: a client that fails the connection ends its side first") {
  script s;
  s.known.self = role::client;
  s.both_closed();
  s.known.failed = true;
  CHECK((s.ask() == action::shut_down_sending));
}

TEST_CASE("ending: the term of our Close begins when the peer has taken it") {
  script s;
  s.close_queued();
  CHECK((s.ask() == action::wait));
  CHECK((s.one.state() == phase::closing));
  // The stream takes it at once, but the peer takes its time for what stands before it.
  s.close_written();
  for (s.at = 0ms; s.at < 10000ms; s.at += 125ms) {
    s.known.taken += 1000;
    CHECK((s.ask() == action::wait));
  }
  s.close_taken();
  CHECK((s.ask() == action::wait));
  CHECK((s.next_time() == 11000ms));
  CHECK((s.run_until_action() == action::close_stream));
  CHECK((s.at == 11000ms));
}

TEST_CASE("ending: a peer that takes nothing of what is queued is cut after close_timeout") {
  script s;
  s.close_queued();
  CHECK((s.run_until_action() == action::close_stream));
  CHECK((s.at == 1000ms));
}

TEST_CASE("ending: a peer that takes less than the minimum is cut, one that takes more is not") {
  for (std::uint32_t const each : {11u, 14u}) {
    script s;
    s.min_send_rate = 100;
    s.close_queued();
    bool cut = false;
    for (s.at = 0ms; s.at <= 20000ms && !cut; s.at += 125ms) {
      s.known.taken += each;  // 88 or 112 a second
      cut = s.ask() == action::close_stream;
    }
    CHECK(cut == (each == 11));
  }
}

TEST_CASE("ending: the answer to our Close ends the term of progress, whatever is unread before it") {
  script s;
  s.close_queued();
  s.ask();
  s.close_taken();
  s.ask(100ms);
  s.both_closed();
  s.known.listens = false;
  CHECK((s.ask(200ms) == action::shut_down_sending));
  s.known.input_ended = true;
  CHECK((s.ask(300ms) == action::close_stream));
}

TEST_CASE("ending: an answer that we do not read yet is not overdue") {
  script s;
  s.close_queued();
  s.ask();
  s.close_taken();
  s.known.listens = false;  // the application is at work on what came before
  CHECK((s.ask(100ms) == action::wait));
  CHECK((s.ask(1100ms) == action::wait));
  s.known.listens = true;
  CHECK((s.ask(1200ms) == action::wait));
  CHECK((s.ask(2100ms) == action::close_stream));
  // Where nobody is left to catch up it is.
  script alone;
  alone.close_queued();
  alone.close_taken();
  alone.known.listens = false;
  alone.known.unattended = true;
  CHECK((alone.run_until_action() == action::close_stream));
  CHECK((alone.at == 1000ms));
}

TEST_CASE("ending: a Close behind unread messages is answered when the application gets there") {
  script s;
  s.known.close_received = true;
  CHECK((s.ask() == action::wait));
  CHECK((s.one.state() == phase::open));
  CHECK((s.next_time() == 1000ms));
  s.both_closed();
  CHECK((s.ask(500ms) == action::shut_down_sending));
}

TEST_CASE("ending: and close_timeout after it came at the latest") {
  script s;
  s.known.close_received = true;
  CHECK((s.run_until_action() == action::answer_close));
  CHECK((s.at == 1000ms));
  // The same where nobody will look, where the peer has gone, and where nothing can be written.
  for (bool ending::facts::*const why :
       {&ending::facts::unattended, &ending::facts::input_ended, &ending::facts::write_failed}) {
    script other;
    other.known.close_received = true;
    other.known.*why = true;
    CHECK((other.ask() == action::answer_close));
  }
}

TEST_CASE("ending: the end of the peer's stream ends nothing as long as the application may still send") {
  script s;
  s.known.input_ended = true;
  CHECK((s.ask() == action::wait));
  CHECK((s.next_time() == 1000ms));
  // It takes its time for what came before, but goes on.
  s.known.asked = true;
  CHECK((s.ask(900ms) == action::wait));
  s.known.asked = false;
  CHECK((s.ask(1000ms) == action::wait));
  CHECK((s.next_time() == 1900ms));
  script gone = s;
  CHECK((gone.ask(1900ms) == action::close_stream));
  // It has heard of it now; what it queued before still leaves.
  s.known.open = false;
  s.known.closed = s.known.failed = true;
  s.known.output_queued = s.known.output_waits = true;
  for (s.at = 0ms; s.at < 5000ms; s.at += 125ms) {
    s.known.taken += 1000;
    CHECK((s.ask() == action::wait));
  }
  s.close_taken();
  CHECK((s.ask() == action::close_stream));
}

TEST_CASE("ending: behind the end of its stream a peer has no Close to send") {
  script s;
  s.close_queued();
  s.known.input_ended = true;
  CHECK((s.ask() == action::wait));
  s.close_written();
  CHECK((s.ask() == action::close_stream));
}

TEST_CASE("ending: a stream that broke is closed at once") {
  for (bool const open : {true, false}) {
    script s;
    s.known.open = open;
    s.known.output_queued = s.known.output_waits = true;
    s.known.input_ended = s.known.input_failed = true;
    CHECK((s.ask() == action::close_stream));
  }
}

TEST_CASE("ending: where nothing can be written, what the peer said before it went is still heard") {
  script s;
  s.known.write_failed = true;
  CHECK((s.ask() == action::wait));
  CHECK((s.next_time() == 1000ms));
  s.one.heard(s.begin + 900ms);
  CHECK((s.ask(1000ms) == action::wait));
  CHECK((s.next_time() == 1900ms));
  // What the application keeps us from hearing is not held against the peer.
  s.known.listens = false;
  CHECK((s.ask(1900ms) == action::wait));
  s.known.listens = true;
  CHECK((s.next_time() == 2900ms));
  CHECK((s.ask(2900ms) == action::close_stream));

  script alone;
  alone.known.write_failed = alone.known.unattended = true;
  CHECK((alone.ask() == action::close_stream));
  script ended;
  ended.known.write_failed = ended.known.input_ended = true;
  CHECK((ended.ask() == action::close_stream));
  script closed;
  closed.both_closed();
  closed.known.write_failed = true;
  CHECK((closed.ask() == action::close_stream));
}

TEST_CASE("ending: a term whose end is noticed late is given anew") {
  script s;
  s.both_closed();
  s.known.self = role::client;
  s.ask();
  CHECK((s.ask(1251ms) == action::wait));
  CHECK((s.next_time() == 2251ms));
  CHECK((s.ask(2500ms) == action::close_stream));
}

TEST_CASE("ending: a process that is late every time closes the stream at the third") {
  script s;
  s.both_closed();
  s.known.self = role::client;
  s.ask();
  CHECK((s.ask(2000ms) == action::wait));
  CHECK((s.ask(4000ms) == action::wait));
  CHECK((s.ask(6000ms) == action::close_stream));
}

TEST_CASE("ending: max() means never") {
  script s;
  s.close_timeout = std::chrono::milliseconds::max();
  s.close_queued();
  CHECK((s.ask() == action::wait));
  CHECK((s.next == never));
  s.close_taken();
  CHECK((s.ask(1000000ms) == action::wait));
  CHECK((s.next == never));
}

TEST_CASE("ending: what has ended wants nothing") {
  script s;
  s.both_closed();
  s.one.end();
  CHECK(s.one.has_ended());
  CHECK((s.ask() == action::wait));
  CHECK((s.next == never));
}

TEST_CASE("ending: one that is asked only when a blocking call returns takes no delay for its own") {
  for (bool const timed : {true, false}) {
    CAPTURE(timed);
    script s;
    s.known.timed = timed;
    s.close_queued();
    s.ask(0ms);
    s.close_taken();
    for (auto at = 100ms; at != 900ms; at += 400ms) CHECK((s.ask(at) == action::wait));
    CHECK((s.ask(1800ms) == (timed ? action::wait : action::close_stream)));
  }
}

TEST_CASE("ending: a peer that goes on talking holds up no Close that cannot be written") {
  script s;
  s.known.write_failed = true;
  CHECK((s.ask(0ms) == action::wait));
  for (auto at = 300ms; at <= 3000ms; at += 300ms) {
    s.one.heard(s.begin + at);
    CHECK_MESSAGE((s.ask(at) == action::wait), "as long as nobody wants to close");
  }
  s.close_queued();
  s.known.output_queued = s.known.output_waits = false;
  s.ask();
  s.one.heard(s.begin + 3600ms);
  CHECK((s.ask(3600ms) == action::wait));
  s.one.heard(s.begin + 3950ms);
  CHECK((s.ask(4010ms) == action::close_stream));
}

}  // namespace ending_tests
