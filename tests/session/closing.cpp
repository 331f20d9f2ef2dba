// The peer's Close behind messages that nobody has polled yet: it is seen, it is answered, and they are
// delivered.
#include <kindwire/session.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <cstddef>
#include <initializer_list>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "support/bytes.hpp"
#include "support/end.hpp"
#include "support/stream_maker.hpp"

namespace closing_tests {

namespace {

namespace kw = kindwire;
using namespace support;
using kw::opcode;
using kw::role;
using kw::session_state;

using events = std::vector<reference_event>;

bytes texts(role sender, std::initializer_list<std::string_view> all) {
  bytes result;
  for (auto const each : all) result += frame(sender, opcode::text, text(each));
  return result;
}
bytes closing(role sender) { return frame(sender, opcode::close, hex("03 e9") + text("why")); }

events const both_messages{{opcode::text, text("one")}, {opcode::text, text("two")}};

// One that has not polled two messages and the Close behind them, but has looked.
end looked_ahead(role self, kw::session_options options = {}) {
  end one{self, options};
  feed(one.ws, texts(peer_of(self), {"one", "two"}) + closing(peer_of(self)));
  one.ws.look_ahead();
  return one;
}

void check_peers_close(kw::session const& ws) {
  CHECK(ws.close_received());
  CHECK(ws.close_code() == kw::close_code::going_away);
  CHECK(ws.close_reason() == "why");
  CHECK(!ws.error());
  CHECK(!ws.is_at_rest());
}

TEST_CASE("closing: a Close behind unread messages is seen, and answered where poll() reaches it") {
  for (role const self : both_roles) {
    end one = looked_ahead(self);
    check_peers_close(one.ws);
    CHECK(one.ws.is_open());
    CHECK(one.ws.closed_by_peer());
    CHECK(!one.ws.close_sent());
    CHECK(one.ws.output().empty());
    CHECK(!one.ws.is_over());

    CHECK_FALSE(one.ws.send("still heard"));  // the peer has only said that it will not send any more
    one.ws.look_ahead();                      // changes nothing
    CHECK(one.ws.poll().text() == "one");
    CHECK(one.ws.is_open());
    CHECK(one.ws.poll().text() == "two");
    CHECK(one.ws.is_open());
    CHECK_FALSE(one.ws.poll());
    CHECK(one.ws.state() == session_state::closed);
    CHECK(one.ws.is_over());
    CHECK(one.ws.send("late") == kw::error::closed);
    CHECK(one.send_all().events == events{{opcode::text, text("still heard")}});
    CHECK(one.peer.close_code == 1001);
    CHECK(one.peer.taken == one.sent);
    check_peers_close(one.ws);
  }
}

TEST_CASE("closing: look_ahead() answers it once the last message before it was polled, which stays") {
  for (role const self : both_roles) {
    end one = looked_ahead(self);
    CHECK(one.ws.poll().text() == "one");
    one.ws.look_ahead();
    CHECK(one.ws.is_open());
    kw::message const held = one.ws.poll();
    one.ws.look_ahead();
    CHECK(one.ws.state() == session_state::closed);
    CHECK(one.ws.is_over());
    CHECK(held.text() == "two");
    CHECK(one.send_all().close_code == 1001);
    CHECK(held.text() == "two");
    CHECK_FALSE(one.ws.poll());
  }
}

TEST_CASE("closing: answered before poll() gets there, and all that came before it is still delivered") {
  enum class by { answer_close, close, send_close, end_of_input };
  for (role const self : both_roles) {
    for (by const how : {by::answer_close, by::close, by::send_close, by::end_of_input}) {
      CAPTURE(static_cast<int>(how));
      end one = looked_ahead(self);
      switch (how) {
        case by::answer_close: one.ws.answer_close(); break;
        case by::close: CHECK_FALSE(one.ws.close(kw::close_code::normal, "ours")); break;
        case by::send_close: CHECK_FALSE(one.ws.send(opcode::close, hex("03 e8") + text("ours"))); break;
        case by::end_of_input: one.ws.end_of_input(); break;
      }
      bool const ours = how == by::close || how == by::send_close;
      CHECK(one.ws.state() == session_state::closed);
      CHECK(one.ws.closed_by_peer());
      CHECK(one.ws.close_sent());
      CHECK(one.ws.sent_close_code() == (ours ? kw::close_code::normal : kw::close_code::going_away));
      CHECK(one.ws.sent_close_reason() == (ours ? "ours" : ""));
      CHECK(one.ws.send("late") == kw::error::closed);
      check_peers_close(one.ws);

      // Nothing of this happens twice, and a driver that ends the connection drops nothing.
      one.ws.answer_close();
      one.ws.end_of_input();
      one.ws.fail(kw::error::close_timeout);
      CHECK_FALSE(one.ws.close());
      one.ws.look_ahead();
      CHECK(!one.ws.is_over());
      drain(one.ws, one.seen);
      CHECK(one.seen == both_messages);
      CHECK(one.ws.is_over());
      check_peers_close(one.ws);
      CHECK(one.send_all().closed);
      CHECK(one.peer.taken == one.sent);
    }
  }
}

TEST_CASE("closing: with our own Close sent before, seeing the peer's completes the handshake") {
  for (role const self : both_roles) {
    end one{self};
    CHECK_FALSE(one.ws.close(kw::close_code::normal, "ours"));
    feed(one.ws, texts(peer_of(self), {"one", "two"}) + closing(peer_of(self)));
    CHECK(one.ws.state() == session_state::closing);
    one.ws.look_ahead();
    CHECK(one.ws.state() == session_state::closed);
    CHECK(!one.ws.closed_by_peer());
    CHECK(!one.ws.is_over());
    check_peers_close(one.ws);
    one.ws.answer_close();
    one.ws.end_of_input();
    CHECK(one.ws.poll().text() == "one");
    CHECK(!one.ws.is_over());
    CHECK(one.ws.poll().text() == "two");
    CHECK(one.ws.is_over());
    CHECK_FALSE(one.ws.poll());
    CHECK(one.send_all().close_code == 1000);
    CHECK(one.peer.taken == one.sent);  // one Close, not two
  }
}

TEST_CASE("closing: what follows a Close that was seen is dropped, whenever it comes and however") {
  for (role const self : both_roles) {
    role const sender = peer_of(self);
    end one{self};
    bytes const behind = texts(sender, {"behind"}) + hex("ff ff") + frame(sender, opcode::ping, text("?"));
    feed(one.ws, texts(sender, {"one", "two"}) + closing(sender) + behind);
    one.ws.look_ahead();
    std::size_t const unread = one.ws.unread_size();
    CHECK(unread == texts(sender, {"one", "two"}).size());
    feed(one.ws, behind);
    put(one.ws, behind);
    feed(one.ws, repeat(70'000, '#'));
    one.ws.look_ahead();
    CHECK(one.ws.unread_size() == unread);
    drain(one.ws, one.seen);
    CHECK(one.seen == both_messages);
    feed(one.ws, behind);
    put(one.ws, behind);
    CHECK(one.ws.unread_size() == 0);
    CHECK_FALSE(one.ws.poll());
    check_peers_close(one.ws);
    CHECK(one.send_all().events.empty());
  }
}

TEST_CASE(
    "closing: discard() ends it at once, fail() when the rest is polled, and what breaks a rule before the "
    "Close") {
  for (role const self : both_roles) {
    end dropped = looked_ahead(self);
    dropped.ws.discard();
    CHECK(dropped.ws.is_over());
    CHECK(dropped.ws.unread_size() == 0);
    check_peers_close(dropped.ws);
    CHECK_FALSE(dropped.ws.poll());
    CHECK(dropped.send_all().close_code == 1001);

    end answered = looked_ahead(self);
    answered.ws.answer_close();
    answered.ws.discard();
    CHECK(answered.ws.is_over());
    CHECK_FALSE(answered.ws.poll());

    end failed = looked_ahead(self);
    failed.ws.fail(kw::error::pong_timeout);
    CHECK(failed.ws.state() == kw::session_state::closed);
    CHECK_FALSE(failed.ws.is_over());
    CHECK(failed.ws.error() == kw::error::pong_timeout);
    CHECK(failed.ws.close_code() == kw::close_code::going_away);
    while (failed.ws.poll()) continue;
    CHECK(failed.ws.is_over());
    CHECK(failed.ws.error() == kw::error::pong_timeout);
    CHECK(failed.send_all().close_code == 1008);

    for (bool const answers : {false, true}) {
      end broken{self};
      feed(broken.ws, texts(peer_of(self), {"one"}) + frame(peer_of(self), opcode::text, hex("ff")) +
                          closing(peer_of(self)));
      broken.ws.look_ahead();
      CHECK(broken.ws.close_received());
      if (answers) broken.ws.answer_close();
      CHECK(broken.ws.poll().text() == "one");
      CHECK(!broken.ws.is_over());
      CHECK_FALSE(broken.ws.poll());
      CHECK(broken.ws.is_over());
      CHECK(broken.ws.error() == kw::error::invalid_utf8);
      CHECK(broken.send_all().close_code == (answers ? 1001u : 1007u));
      CHECK(broken.peer.taken == broken.sent);
    }
  }
}

TEST_CASE("closing: a Close that breaks a rule is left to poll(), however often it is looked at") {
  for (role const self : both_roles) {
    for (bytes const& body : {hex("03"), hex("03 ed"), hex("03 e8 ff")}) {
      end one{self};
      feed(one.ws, texts(peer_of(self), {"one"}) + frame(peer_of(self), opcode::close, body));
      for (int i = 0; i != 3; ++i) one.ws.look_ahead();
      CHECK(!one.ws.close_received());
      CHECK(one.ws.is_open());
      CHECK(one.ws.poll().text() == "one");
      CHECK_FALSE(one.ws.poll());
      CHECK(one.ws.is_over());
      CHECK(one.ws.error());
      CHECK(!one.ws.close_received());
      CHECK(one.send_all().close_code == (body.size() == 3 ? 1007u : 1002u));
    }
  }
}

TEST_CASE("closing: without a Close the end of the stream is a loss, and is over at once") {
  for (role const self : both_roles) {
    end one{self};
    feed(one.ws, texts(peer_of(self), {"one"}));
    one.ws.look_ahead();
    one.ws.answer_close();  // of none
    CHECK(one.ws.is_open());
    CHECK(one.ws.output().empty());
    one.ws.end_of_input();
    CHECK(one.ws.is_over());
    CHECK(one.ws.error() == kw::error::connection_lost);
    CHECK_FALSE(one.ws.poll());
  }
}

TEST_CASE("closing: a Close is seen at every split, in a frame and a message that poll() has begun as well") {
  for (role const self : both_roles) {
    role const sender = peer_of(self);
    bytes const input =
        frame(sender, opcode::ping, text("1")) + frame(sender, opcode::text, repeat(300, 'a'), false) +
        frame(sender, opcode::ping, text("2")) + frame(sender, opcode::continuation, repeat(20, 'b')) +
        texts(sender, {"two"}) + closing(sender);
    for (std::size_t polled = 0; polled <= input.size(); ++polled) {
      CAPTURE(polled);
      // Some of the rest comes in reads of its own, which go straight into the message that has begun.
      for (std::size_t const piece : {std::size_t{7}, std::size_t{100}, input.size()}) {
        end one{self};
        one.take(std::span{input}.first(polled));
        for (std::size_t at = polled; at < input.size(); at += piece) {
          feed(one.ws, std::span{input}.subspan(at, std::min(piece, input.size() - at)));
          one.ws.look_ahead();
        }
        one.ws.look_ahead();
        CHECK(one.ws.close_received());
        CHECK(one.ws.close_code() == kw::close_code::going_away);
        CHECK(one.send_all().events == events{{opcode::pong, text("1")}, {opcode::pong, text("2")}});
        CHECK(one.ws.is_open() == (one.seen.size() != 2));
        drain(one.ws, one.seen);
        CHECK(one.seen ==
              events{{opcode::text, repeat(300, 'a') + repeat(20, 'b')}, {opcode::text, text("two")}});
        CHECK(one.ws.is_over());
        CHECK(one.send_all().close_code == 1001);
        CHECK(one.peer.taken == one.sent);
      }
    }
  }
}

TEST_CASE("closing: pings that are messages stand before a Close like others, at every split") {
  for (role const self : both_roles) {
    role const sender = peer_of(self);
    bytes const input =
        frame(sender, opcode::ping, text("first")) + frame(sender, opcode::pong, {}) + closing(sender);
    for (std::size_t polled = 0; polled <= input.size(); ++polled) {
      CAPTURE(polled);
      end one{self, {.autoping = false}};
      one.take(std::span{input}.first(polled));
      feed(one.ws, std::span{input}.subspan(polled));
      one.ws.look_ahead();
      CHECK(one.ws.close_received());
      CHECK(one.ws.is_open() == (one.seen.size() != 2));
      one.ws.answer_close();
      drain(one.ws, one.seen);
      CHECK(one.seen == events{{opcode::ping, text("first")}, {opcode::pong, {}}});
      CHECK(one.ws.is_over());
    }
  }
}

TEST_CASE("closing: what the decoder allows, look_ahead() allows") {
  kw::basic_frame_decoder decoder{role::client};
  decoder.allow_reserved(0x40);
  bytes compressed = hex("c1 01 61");
  std::span<std::byte> input{compressed};
  kw::basic_frame_decoder again = decoder.restarted();
  CHECK(again.take(input).header->reserved == 0x40);
  // One that is halfway through a frame starts anew.
  bytes part = hex("c1 05 61");
  input = part;
  CHECK(decoder.take(input));
  CHECK(!decoder.between_frames());
  CHECK(decoder.restarted().between_frames());
}

// The same conversation with and without look_ahead(): the application, the driver and the peer do the same.
TEST_CASE("closing: looking ahead and answering at any time changes no message, no code and no Close") {
  random_numbers random{81};
  unsigned wrong = 0;
  unsigned closed = 0;
  unsigned seen_early = 0;
  for (std::uint64_t seed = 30'000; seed != 32'000; ++seed) {
    role const self = both_roles[seed % 2];
    bytes const input = stream_maker{peer_of(self), seed, false}.make_short();
    bool const autoping = !random.one_in(4);
    end plain{self, {.autoping = autoping}};
    end ahead{self, {.autoping = autoping}};
    bool const we_close = random.one_in(4);
    std::size_t const close_at = random.below(input.size() + 1);
    std::size_t const longest = random.one_in(2) ? 5 : 60;
    for (std::size_t at = 0; at != input.size();) {
      std::size_t const size = std::min(input.size() - at, 1 + random.below(longest));
      auto const piece = std::span{input}.subspan(at, size);
      for (end* const each : {&plain, &ahead})
        random.one_in(3) ? put(each->ws, piece) : feed(each->ws, piece);
      if (we_close && at <= close_at && close_at < at + size) {
        // Polled to here on both sides, so that neither has seen more than the other.
        for (end* const each : {&plain, &ahead}) {
          drain(each->ws, each->seen);
          each->ws.close(kw::close_code::normal, "ours");
        }
      }
      at += size;
      if (random.one_in(2)) ahead.ws.look_ahead();
      seen_early += ahead.ws.close_received() && !ahead.ws.is_over();
      if (random.one_in(4)) ahead.ws.answer_close();
      if (random.one_in(3)) {
        if (kw::message const msg = ahead.ws.poll()) {
          bytes const before = copy(msg.bytes());
          ahead.ws.look_ahead();
          wrong += before != copy(msg.bytes());
          ahead.seen.push_back({msg.type(), before});
        }
      }
      if (random.one_in(3)) drain(plain.ws, plain.seen);
    }
    for (end* const each : {&plain, &ahead}) {
      if (each == &ahead) ahead.ws.look_ahead();
      if (each == &plain) drain(plain.ws, plain.seen);
      each->ws.end_of_input();
      drain(each->ws, each->seen);
      each->send_all();
      wrong += !each->ws.is_over();
    }
    // Without a Close look_ahead() does not save what was not polled.
    if (ahead.ws.error()) {
      wrong += ahead.seen.size() > plain.seen.size() ||
               !std::equal(ahead.seen.begin(), ahead.seen.end(), plain.seen.begin());
    } else {
      wrong += ahead.seen != plain.seen;
    }
    wrong += ahead.ws.error() != plain.ws.error();
    wrong += ahead.ws.close_code() != plain.ws.close_code();
    wrong += ahead.ws.close_reason() != plain.ws.close_reason();
    wrong += ahead.ws.closed_by_peer() != plain.ws.closed_by_peer();
    wrong += ahead.ws.sent_close_code() != plain.ws.sent_close_code();
    wrong += ahead.peer.events != plain.peer.events;
    wrong += ahead.peer.closed != plain.peer.closed || ahead.peer.close_code != plain.peer.close_code;
    wrong += ahead.peer.taken != ahead.sent;
    closed += ahead.ws.close_received();
    if (wrong != 0) {
      MESSAGE("the first seed that differs: ", seed);
      break;
    }
  }
  CHECK(wrong == 0);
  CHECK(closed > 500);
  CHECK(seen_early > 200);
}

}  // namespace

}  // namespace closing_tests
