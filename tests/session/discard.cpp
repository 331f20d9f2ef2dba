// What may happen behind a message that the application still holds: look_ahead(), discard(), drop_input().
#include <kindwire/session.hpp>

#include <doctest/doctest.h>

#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include "support/bytes.hpp"
#include "support/end.hpp"

namespace discard_tests {

namespace {

namespace kw = kindwire;
using namespace support;
using kw::opcode;
using kw::role;

using events = std::vector<reference_event>;

bytes ping(role sender, std::string_view payload) { return frame(sender, opcode::ping, text(payload)); }
bytes closing(role sender) { return frame(sender, opcode::close, hex("03 e9") + text("why")); }

constexpr std::string_view held_text = "held by the application";

// The ways in which a message may be held: where it came, put together, and a ping that came in two.
enum class form { whole, fragments, split_ping };
constexpr form forms[] = {form::whole, form::fragments, form::split_ping};

kw::session_options options_for(form how) { return {.autoping = how != form::split_ping}; }

bytes held_frames(role sender, form how) {
  if (how == form::split_ping) return ping(sender, held_text);
  if (how == form::whole) return frame(sender, opcode::text, text(held_text));
  return frame(sender, opcode::text, text(held_text.substr(0, 9)), false) +
         frame(sender, opcode::continuation, text(held_text.substr(9)));
}

// Holds it, with the first `behind` in the same read.
kw::message hold(kw::session& ws, role sender, form how, std::span<std::byte const> behind) {
  bytes const input = held_frames(sender, how);
  std::size_t const cut = how == form::split_ping ? input.size() - 3 : 0;
  if (cut != 0) {
    feed(ws, std::span{input}.first(cut));
    CHECK_FALSE(ws.poll());
  }
  feed(ws, bytes(input.begin() + static_cast<std::ptrdiff_t>(cut), input.end()) + copy(behind));
  kw::message const result = ws.poll();
  CHECK(result.text() == held_text);
  return result;
}

// What a driver may do in between: the same memory comes again for other bytes.
void churn() {
  for (std::size_t const size : {1000u, 4000u, 60000u}) {
    kw::buffer other;
    other.append(repeat(size, '#'));
  }
}

// Calls `check(self, how, behind, more)` for both roles, all forms, and every split of `input(sender)`.
template <class Input, class Check>
void at_every_split(Input input, Check check) {
  for (role const self : both_roles) {
    for (form const how : forms) {
      bytes const all = input(peer_of(self));
      for (std::size_t cut = 0; cut <= all.size(); ++cut) {
        CAPTURE(static_cast<int>(how));
        CAPTURE(cut);
        check(self, how, std::span{all}.first(cut), std::span{all}.subspan(cut));
      }
    }
  }
}

TEST_CASE("look_ahead: a Close directly behind the message that is held ends the connection") {
  at_every_split(closing, [](role self, form how, auto first, auto second) {
    end one{self, options_for(how)};
    kw::message const held = hold(one.ws, peer_of(self), how, first);
    one.ws.look_ahead();
    CHECK(one.ws.is_open() == !second.empty());
    feed(one.ws, second);
    one.ws.look_ahead();
    churn();
    CHECK(held.text() == held_text);
    CHECK(one.ws.state() == kw::session_state::closed);
    CHECK(one.ws.closed_by_peer());
    CHECK(one.ws.close_code() == kw::close_code::going_away);
    CHECK(one.ws.close_reason() == "why");
    CHECK(!one.ws.error());
    CHECK(one.send_all().closed);
    CHECK(held.text() == held_text);
    CHECK_FALSE(one.ws.poll());
  });
}

TEST_CASE("look_ahead: the same behind pings, which are answered first") {
  auto const input = [](role sender) { return ping(sender, "1") + ping(sender, "2") + closing(sender); };
  at_every_split(input, [](role self, form how, auto first, auto second) {
    if (how == form::split_ping) return;  // there pings are messages, and stand between
    end one{self, options_for(how)};
    kw::message const held = hold(one.ws, peer_of(self), how, first);
    one.ws.look_ahead();
    one.send_all();
    feed(one.ws, second);
    one.ws.look_ahead();
    churn();
    CHECK(held.text() == held_text);
    CHECK(one.ws.state() == kw::session_state::closed);
    // The pong that was written at once is sent, the one that a Close overtook may be.
    CHECK(one.send_all().closed);
    CHECK(one.peer.violation == kw::error{});
  });
}

TEST_CASE("look_ahead: a broken rule directly behind the message that is held ends the connection") {
  auto const violation = [](role) { return hex("83"); };
  at_every_split(violation, [](role self, form how, auto first, auto second) {
    end one{self, options_for(how)};
    kw::message const held = hold(one.ws, peer_of(self), how, first);
    one.ws.look_ahead();
    feed(one.ws, second);
    one.ws.look_ahead();
    churn();
    CHECK(held.text() == held_text);
    CHECK(one.ws.error() == kw::error::reserved_opcode);
    CHECK(one.send_all().close_code == 1002);
    CHECK(held.text() == held_text);
  });
}

TEST_CASE("look_ahead: a message in between keeps the end behind it for poll()") {
  for (bool const breaks : {false, true}) {
    auto const input = [&](role sender) {
      return frame(sender, opcode::binary, text("next")) + (breaks ? hex("83") : closing(sender));
    };
    at_every_split(input, [&](role self, form how, auto first, auto second) {
      end one{self, options_for(how)};
      kw::message const held = hold(one.ws, peer_of(self), how, first);
      one.ws.look_ahead();
      feed(one.ws, second);
      one.ws.look_ahead();
      churn();
      CHECK(held.text() == held_text);
      CHECK(one.ws.is_open());
      CHECK(one.ws.output().empty());
      kw::message const next = one.ws.poll();
      CHECK(next.text() == "next");
      one.ws.look_ahead();
      CHECK(next.text() == "next");
      CHECK(one.ws.state() == kw::session_state::closed);
      CHECK((one.ws.error() == kw::error::reserved_opcode) == breaks);
      CHECK(one.send_all().closed);
    });
  }
}

TEST_CASE("discard: messages are got over, and what is held stays, at every split") {
  auto const input = [](role sender) {
    return frame(sender, opcode::text, text("dropped")) + ping(sender, "1") +
           frame(sender, opcode::binary, text("in "), false) + ping(sender, "2") +
           frame(sender, opcode::continuation, text("two")) + closing(sender) +
           frame(sender, opcode::text, text("behind the Close"));
  };
  at_every_split(input, [](role self, form how, auto first, auto second) {
    end one{self, options_for(how)};
    kw::message const held = hold(one.ws, peer_of(self), how, first);
    one.ws.discard();
    one.send_all();
    CHECK(one.ws.unread_size() == 0);
    feed(one.ws, second);
    one.ws.discard();
    churn();
    CHECK(held.text() == held_text);
    CHECK(one.ws.unread_size() == 0);
    CHECK(one.ws.state() == kw::session_state::closed);
    CHECK(one.ws.close_code() == kw::close_code::going_away);
    CHECK(!one.ws.error());
    CHECK(one.send_all().closed);
    CHECK(one.peer.violation == kw::error{});
    CHECK_FALSE(one.ws.poll());
  });
}

TEST_CASE("discard: behind our own Close nothing is answered, and poll() gives nothing from then on") {
  auto const input = [](role sender) {
    return frame(sender, opcode::text, text("late")) + ping(sender, "late") + closing(sender);
  };
  at_every_split(input, [](role self, form how, auto first, auto second) {
    end one{self, options_for(how)};
    hold(one.ws, peer_of(self), how, first);
    one.ws.close();
    one.ws.discard();
    feed(one.ws, second);
    CHECK_FALSE(one.ws.poll());
    CHECK(one.ws.state() == kw::session_state::closed);
    CHECK(one.ws.close_received());
    CHECK(!one.ws.closed_by_peer());
    CHECK(one.send_all().events.empty());
    CHECK(one.peer.closed);
    CHECK(one.peer.taken == one.sent);
  });
}

TEST_CASE("discard: in the middle of a message that has begun") {
  for (role const self : both_roles) {
    role const sender = peer_of(self);
    bytes const input = frame(sender, opcode::text, text("begun"), false) + ping(sender, "in between") +
                        frame(sender, opcode::continuation, text(", ended")) + closing(sender);
    for (std::size_t cut = 0; cut <= input.size(); ++cut) {
      CAPTURE(cut);
      end one{self};
      feed(one.ws, std::span{input}.first(cut));
      bool const came = static_cast<bool>(one.ws.poll());
      one.ws.discard();
      feed(one.ws, std::span{input}.subspan(cut));
      one.ws.discard();
      CHECK(one.ws.state() == kw::session_state::closed);
      CHECK(!one.ws.error());
      CHECK(came == (cut >= input.size() - closing(sender).size()));
      CHECK(one.send_all().closed);
    }
  }
}

TEST_CASE("discard: frames that break a rule still end the connection, text that is not UTF-8 does not") {
  for (role const self : both_roles) {
    role const sender = peer_of(self);
    end one{self};
    one.ws.close();
    one.ws.discard();
    feed(one.ws, frame(sender, opcode::text, hex("ff fe")));
    one.ws.discard();
    CHECK(one.ws.state() == kw::session_state::closing);
    feed(one.ws, hex("83"));
    one.ws.discard();
    CHECK(one.ws.error() == kw::error::reserved_opcode);
    CHECK(one.send_all().close_code == 1000);
  }
}

TEST_CASE("drop_input: what was not polled is gone, what is held stays") {
  auto const input = [](role sender) { return frame(sender, opcode::text, text("unread")) + hex("81"); };
  at_every_split(input, [](role self, form how, auto first, auto second) {
    end one{self, options_for(how)};
    kw::message const held = hold(one.ws, peer_of(self), how, first);
    feed(one.ws, second);
    one.ws.look_ahead();
    one.ws.fail(kw::error::pong_timeout);
    one.ws.drop_input();
    one.ws.drop_input();
    churn();
    CHECK(held.text() == held_text);
    CHECK(one.ws.unread_size() == 0);
    // A stream that is slow to end may still bring more.
    feed(one.ws, repeat(70000, '#'));
    one.ws.drop_input();
    CHECK(held.text() == held_text);
    CHECK(one.ws.unread_size() == 0);
    CHECK_FALSE(one.ws.poll());
    CHECK(one.ws.error() == kw::error::pong_timeout);
  });
}

TEST_CASE("message: a ping delivered in pieces stays while others come in pieces, at every pair of splits") {
  for (role const self : both_roles) {
    role const sender = peer_of(self);
    bytes const one_ping = ping(sender, "first one");
    bytes const other = ping(sender, "the other") + closing(sender);
    for (std::size_t cut = 0; cut <= one_ping.size(); ++cut) {
      for (std::size_t next = 0; next <= other.size(); ++next) {
        CAPTURE(cut);
        CAPTURE(next);
        end one{self, {.autoping = false}};
        feed(one.ws, std::span{one_ping}.first(cut));
        kw::message held = one.ws.poll();
        CHECK(static_cast<bool>(held) == (cut == one_ping.size()));
        bytes const rest = bytes(one_ping.begin() + static_cast<std::ptrdiff_t>(cut), one_ping.end()) +
                           copy(std::span{other}.first(next));
        feed(one.ws, rest);
        if (!held) held = one.ws.poll();
        one.ws.look_ahead();
        feed(one.ws, std::span{other}.subspan(next));
        one.ws.look_ahead();
        churn();
        CHECK(held.text() == "first one");
        CHECK(one.ws.is_open());
        kw::message const second = one.ws.poll();
        CHECK(second.text() == "the other");
        one.ws.look_ahead();
        CHECK(second.text() == "the other");
        CHECK(one.ws.close_code() == kw::close_code::going_away);
      }
    }
  }
}

}  // namespace

}  // namespace discard_tests
