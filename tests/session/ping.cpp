// Pings: bounded answers to a flood, and answers from behind messages that nobody polls.
#include <kindwire/session.hpp>

#include <doctest/doctest.h>

#include <string>
#include <utility>
#include <vector>

#include "support/allocations.hpp"
#include "support/bytes.hpp"
#include "support/end.hpp"

namespace ping_tests {

namespace {

namespace kw = kindwire;
using namespace support;
using kw::opcode;
using kw::role;

using events = std::vector<reference_event>;

bytes ping(role sender, std::string_view payload) { return frame(sender, opcode::ping, text(payload)); }

TEST_CASE("ping: a flood is answered by at most 16 KiB of pongs, then by the latest") {
  for (role const self : both_roles) {
    end one{self};
    std::size_t const count = 200'000;
    for (std::size_t i = 0; i != count; ++i) {
      feed(one.ws, ping(peer_of(self), std::to_string(i)));
      if (i % 64 == 0) one.ws.poll();
    }
    one.ws.poll();
    CHECK(one.ws.output().size() <= 16384);
    CHECK(one.ws.output().size() > 16384 - 131);
    std::size_t const queued = one.ws.output().size();
    one.peer.take(one.ws.output());
    one.ws.consume(queued);
    for (std::size_t i = 0; i != one.peer.events.size(); ++i)
      CHECK(bool(one.peer.events[i] == reference_event{opcode::pong, text(std::to_string(i))}));
    // Once the queue is written, the most recent ping is answered, and only it (§5.5.3).
    one.peer.events.clear();
    CHECK(one.send_all().events == events{{opcode::pong, text(std::to_string(count - 1))}});
    // And then all goes on as before.
    one.peer.events.clear();
    one.take(ping(peer_of(self), "a") + ping(peer_of(self), "b"));
    CHECK(one.send_all().events == events{{opcode::pong, text("a")}, {opcode::pong, text("b")}});
  }
}

TEST_CASE("ping: 1,000,000 of them while nobody reads: flat memory") {
  end one{role::server};
  bytes const input = ping(role::client, std::string(125, 'p'));
  bytes many;
  for (int i = 0; i != 1000; ++i) many += input;
  for (int i = 0; i != 3; ++i) one.take(many);
  allocation_counter const counter;
  for (int i = 0; i != 1000; ++i) {
    feed(one.ws, many);
    one.ws.poll();
  }
  CHECK(counter.calls() == 0);
  CHECK(one.ws.output().size() <= 16384);
}

TEST_CASE("ping: the bound is an option, and does not count what the application queued") {
  for (role const self : both_roles) {
    end one{self, {.max_queued_pongs = 40}};
    CHECK_FALSE(one.ws.send(kw::message_type::binary, repeat(50'000, 'x')));
    for (char const* const each : {"0123456789", "0123456789", "a", "b", "c", "0123456789abcdef", "last"})
      one.take(ping(peer_of(self), each));
    events const sent = one.send_all().events;
    events const pongs = only(sent, opcode::pong);
    CHECK(sent.size() == pongs.size() + 1);
    CHECK(pongs.front().payload == text("0123456789"));
    CHECK(pongs.back().payload == text("last"));
    std::size_t size = 0;
    for (auto const& each : pongs) size += each.payload.size() + (self == role::client ? 6 : 2);
    CHECK(size <= 40 + 10);
  }
  end none{role::server, {.max_queued_pongs = 0}};
  none.take(ping(role::client, "one") + ping(role::client, "two"));
  CHECK(none.send_all().events == events{{opcode::pong, text("one")}, {opcode::pong, text("two")}});
}

TEST_CASE("ping: a pong that waited is not sent behind a Close, be it ours, an answer, or a failure") {
  for (role const self : both_roles) {
    for (int const how : {0, 1, 2}) {
      end one{self, {.max_queued_pongs = 10}};
      one.take(ping(peer_of(self), "first") + ping(peer_of(self), "second") + ping(peer_of(self), "third"));
      if (how == 0) one.ws.close();
      if (how == 1) one.take(frame(peer_of(self), opcode::close, {}));
      if (how == 2) one.take(hex("83"));
      one.send_all();
      CHECK(one.peer.closed);
      CHECK(one.peer.taken == one.sent);
      CHECK(one.peer.events == events{{opcode::pong, text("first")}});
    }
  }
}

TEST_CASE("ping: a driver that takes the queue over gets the waiting pong in the next one") {
  end one{role::server, {.max_queued_pongs = 10}};
  one.take(ping(role::client, "first") + ping(role::client, "second") + ping(role::client, "third"));
  CHECK(copy(one.ws.take_output().bytes()) == hex("8a 05") + text("first"));
  CHECK(copy(one.ws.take_output().bytes()) == hex("8a 05") + text("third"));
  CHECK(one.ws.take_output().empty());
}

TEST_CASE("look_ahead: answers pings behind messages that were not polled, at every split") {
  for (role const self : both_roles) {
    role const sender = peer_of(self);
    bytes const input = ping(sender, "1") + frame(sender, opcode::text, text("first")) + ping(sender, "2") +
                        frame(sender, opcode::pong, text("unasked")) +
                        frame(sender, opcode::binary, text("second, "), false) + ping(sender, "3") +
                        frame(sender, opcode::continuation, text("in two")) + ping(sender, "") +
                        frame(sender, opcode::text, repeat(130, 't')) + ping(sender, "5") +
                        frame(sender, opcode::text, {});
    events const pongs{{opcode::pong, text("1")},
                       {opcode::pong, text("2")},
                       {opcode::pong, text("3")},
                       {opcode::pong, {}},
                       {opcode::pong, text("5")}};
    events const messages{{opcode::text, text("first")},
                          {opcode::binary, text("second, in two")},
                          {opcode::text, repeat(130, 't')},
                          {opcode::text, {}}};
    for (std::size_t cut = 0; cut <= input.size(); ++cut) {
      CAPTURE(cut);
      end one{self};
      reference_receiver before{self};
      before.take(std::span{input}.first(cut));
      feed(one.ws, std::span{input}.first(cut));
      one.ws.look_ahead();
      one.ws.look_ahead();
      CHECK(one.send_all().events.size() == only(before.events, opcode::ping).size());
      feed(one.ws, std::span{input}.subspan(cut));
      one.ws.look_ahead();
      CHECK(bool(one.send_all().events == pongs));
      drain(one.ws, one.seen);
      CHECK(bool(one.seen == messages));
      CHECK(one.ws.output().empty());
    }
  }
}

TEST_CASE("look_ahead: leaves the message that the application holds alone, at every split of what follows") {
  for (role const self : both_roles) {
    role const sender = peer_of(self);
    bytes const held = frame(sender, opcode::text, text("held by the application"));
    bytes const more = ping(sender, "1") + frame(sender, opcode::text, text("next")) + ping(sender, "2");
    for (std::size_t cut = 0; cut <= more.size(); ++cut) {
      CAPTURE(cut);
      end one{self};
      feed(one.ws, held + bytes(more.begin(), more.begin() + static_cast<std::ptrdiff_t>(cut)));
      kw::message const msg = one.ws.poll();
      one.ws.look_ahead();
      feed(one.ws, std::span{more}.subspan(cut));
      one.ws.look_ahead();
      CHECK(msg.text() == "held by the application");
      CHECK(one.send_all().events == events{{opcode::pong, text("1")}, {opcode::pong, text("2")}});
      drain(one.ws, one.seen);
      CHECK(one.seen == events{{opcode::text, text("next")}});
    }
  }
}

TEST_CASE("look_ahead: leaves what breaks a rule, and a Close with all behind it, to poll()") {
  for (role const self : both_roles) {
    role const sender = peer_of(self);
    bytes const before = frame(sender, opcode::text, text("before")) + ping(sender, "1");
    for (bytes const& stop : {hex("83"), frame(sender, opcode::close, hex("03 e9"))}) {
      end one{self};
      feed(one.ws, before + stop + ping(sender, "2"));
      one.ws.look_ahead();
      CHECK(one.ws.is_open());
      CHECK(one.send_all().events == events{{opcode::pong, text("1")}});
      drain(one.ws, one.seen);
      CHECK(one.seen == events{{opcode::text, text("before")}});
      CHECK(one.send_all().events.size() == 1);
      CHECK(one.peer.closed);
    }
  }
}

TEST_CASE("look_ahead: answers nothing once our Close is queued, and nothing with autoping off") {
  end closing{role::server};
  closing.ws.close();
  feed(closing.ws, frame(role::client, opcode::text, text("late")) + ping(role::client, "1"));
  closing.ws.look_ahead();
  drain(closing.ws, closing.seen);
  CHECK(closing.seen.size() == 1);
  CHECK(closing.send_all().events.empty());

  end manual{role::server, {.autoping = false}};
  feed(manual.ws, ping(role::client, "1"));
  manual.ws.look_ahead();
  CHECK(manual.ws.output().empty());
  drain(manual.ws, manual.seen);
  CHECK(manual.seen == events{{opcode::ping, text("1")}});
  CHECK_FALSE(manual.ws.send(kw::message_type::pong, text("1")));
  CHECK(manual.send_all().events == events{{opcode::pong, text("1")}});
}

}  // namespace

TEST_CASE("ping: the latest one is answered also when the output never runs empty") {
  end one{role::server, {.max_queued_pongs = 20}};
  for (int i = 0; i != 10; ++i)
    feed(one.ws, frame(role::client, opcode::ping, text(std::string(8, static_cast<char>('a' + i)))));
  CHECK(!one.ws.poll());
  CHECK(one.ws.output().size() == 20);
  CHECK(!one.ws.send("behind"));
  one.ws.consume(20);  // the pongs are gone, the message is not
  CHECK(to_hex(one.ws.output()) == to_hex(text(std::string("\x81\x06"
                                                           "behind\x8a\x08jjjjjjjj"))));
}

}  // namespace ping_tests
