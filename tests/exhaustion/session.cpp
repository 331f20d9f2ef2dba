// A session that meets std::bad_alloc at its n-th allocation: what it promises then.
#include <kindwire/session.hpp>

#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "../support/end.hpp"
#include "scarce_memory.hpp"

namespace session_tests {

namespace kw = kindwire;
using exhaustion::at_every_allocation;
using exhaustion::scarce_memory;
using support::bytes;
using support::operator+;
using support::operator+=;

namespace {

auto const no_memory = std::make_error_code(std::errc::not_enough_memory);

// Everything that makes a session allocate, as its peer sends it, and what comes out.
struct conversation {
  bytes wire;
  std::vector<support::reference_event> messages;

  explicit conversation(kw::role peer) {
    support::random_numbers numbers(7);
    auto const frame = [&](kw::opcode type, bytes const& payload, bool fin = true) {
      wire += support::frame(peer, type, payload, fin);
    };
    auto const message = [&](kw::opcode type, bytes const& payload) { messages.push_back({type, payload}); };

    bytes const short_text = support::text("short");
    frame(kw::opcode::text, short_text);
    message(kw::opcode::text, short_text);

    bytes const parts[] = {numbers.utf8(1500), numbers.utf8(3000), numbers.utf8(9000)};
    frame(kw::opcode::text, parts[0], false);
    frame(kw::opcode::ping, numbers.any(125));
    frame(kw::opcode::continuation, parts[1], false);
    frame(kw::opcode::continuation, parts[2]);
    message(kw::opcode::text, parts[0] + parts[1] + parts[2]);

    bytes const large = numbers.any(20000);
    frame(kw::opcode::binary, large);
    message(kw::opcode::binary, large);
    frame(kw::opcode::ping, numbers.any(100));
    frame(kw::opcode::close,
          support::hex("0f a0") + support::text("a reason that does not fit into a string"));
  }
};

// The session has ended for want of memory, and holds to it.
void check_lost(kw::session& ws) {
  CHECK(ws.state() == kw::session_state::closed);
  CHECK(ws.error() == no_memory);
  CHECK(!ws.poll());
  ws.look_ahead();
  ws.discard();
  CHECK(ws.send("more") == kw::error::closed);
  CHECK_FALSE(ws.close());
}

// What `ws` has to write is read as its peer would: whole frames that break no rule.
void check_output(kw::session const& ws, support::reference_receiver& peer) {
  peer.take(ws.output());
  CHECK(peer.violation == kw::error{});
}

kw::message_chunk whole(kw::session& ws) { return kw::message_chunk{ws.poll()}; }

// Delivers `from` in pieces to `poll`, which gives whole messages or chunks.
template <class Poll>
void receive(scarce_memory& memory, kw::role self, conversation const& from, std::size_t piece, Poll poll) {
  kw::session ws{self};
  support::reference_receiver peer{support::peer_of(self)};
  std::vector<support::reference_event> seen;
  bytes begun;
  std::span<std::byte const> rest = from.wire;
  bool alive = true;
  while (alive && !rest.empty()) {
    auto const part = rest.first(std::min(piece, rest.size()));
    rest = rest.subspan(part.size());
    std::span<std::byte> room;
    alive = memory.attempt_twice([&] { room = ws.prepare(part.size()); });
    if (!alive) break;
    std::memcpy(room.data(), part.data(), part.size());
    ws.commit(part.size());
    for (bool more = true; alive && more;) {
      kw::message_chunk chunk;
      alive = memory.attempt([&] { chunk = poll(ws); });
      more = alive && chunk;
      if (chunk.first()) begun.clear();
      if (more) begun += support::copy(chunk.bytes());
      if (chunk.last()) seen.push_back({chunk.type(), begun});
      if (!alive) check_lost(ws);
    }
  }
  CHECK(seen.size() <= from.messages.size());
  CHECK(std::equal(seen.begin(), seen.end(), from.messages.begin()));
  check_output(ws, peer);
  if (!alive) return;
  CHECK(seen == from.messages);
  CHECK(ws.error() == std::error_code{});
  CHECK(static_cast<int>(ws.close_code()) == 4000);
  CHECK(ws.close_reason() == "a reason that does not fit into a string");
  CHECK(peer.closed);
}

}  // namespace

TEST_CASE("no memory: poll() gives what is whole, or throws and the connection is lost") {
  for (kw::role const self : support::both_roles) {
    conversation const from{support::peer_of(self)};
    for (std::size_t const piece : {std::size_t{1000}, std::size_t{4096}, from.wire.size()}) {
      CAPTURE(piece);
      std::size_t const allocations =
          at_every_allocation([&](scarce_memory& memory) { receive(memory, self, from, piece, whole); });
      CHECK(allocations >= 5);
    }
  }
}

TEST_CASE("no memory: the same where look_ahead() has looked before") {
  for (kw::role const self : support::both_roles) {
    conversation const from{support::peer_of(self)};
    for (std::size_t const piece : {std::size_t{1000}, from.wire.size()}) {
      CAPTURE(piece);
      at_every_allocation([&](scarce_memory& memory) {
        receive(memory, self, from, piece, [](kw::session& ws) {
          ws.look_ahead();
          return whole(ws);
        });
      });
    }
  }
}

TEST_CASE("no memory: poll_some() gives what has come, or throws and the connection is lost") {
  for (kw::role const self : support::both_roles) {
    conversation const from{support::peer_of(self)};
    for (std::size_t const piece : {std::size_t{1000}, from.wire.size()}) {
      CAPTURE(piece);
      at_every_allocation([&](scarce_memory& memory) {
        receive(memory, self, from, piece, [](kw::session& ws) { return ws.poll_some(); });
      });
    }
  }
}

TEST_CASE("no memory: discard() comes to the peer's Close, or throws and the connection is lost") {
  for (kw::role const self : support::both_roles) {
    conversation const from{support::peer_of(self)};
    at_every_allocation([&](scarce_memory& memory) {
      kw::session ws{self};
      support::feed(ws, from.wire);
      if (!memory.attempt([&] { ws.discard(); })) return check_lost(ws);
      CHECK(ws.close_reason() == "a reason that does not fit into a string");
      CHECK_FALSE(ws.error());
    });
  }
}

TEST_CASE("no memory: a Close that was seen is answered, or not, and what came before it is delivered") {
  for (kw::role const self : support::both_roles) {
    kw::role const sender = support::peer_of(self);
    bytes const wire =
        support::frame(sender, kw::opcode::text, support::text("unread")) +
        support::frame(sender, kw::opcode::close, support::hex("0f a0") + bytes(60, std::byte{'r'}));
    for (bool const ends : {false, true}) {
      CAPTURE(ends);
      std::size_t const allocations = at_every_allocation([&](scarce_memory& memory) {
        kw::session ws{self};
        support::reference_receiver peer{sender};
        std::span<std::byte> room;
        if (!memory.attempt_twice([&] { room = ws.prepare(wire.size()); })) return;
        std::memcpy(room.data(), wire.data(), wire.size());
        ws.commit(wire.size());
        if (!memory.attempt([&] { ws.look_ahead(); })) return check_lost(ws);
        CHECK(ws.close_received());
        CHECK(ws.is_open());
        bool answered = false;
        if (ends) {
          memory.attempt([&] { ws.end_of_input(); });  // throws nothing, and does without the answer
          answered = ws.close_sent();
          CHECK((answered || memory.refused()));
        } else {
          answered = memory.attempt_twice([&] { ws.answer_close(); });
          CHECK(ws.is_open() != answered);
        }
        CHECK(ws.close_sent() == answered);
        CHECK((ends || answered) == (ws.state() == kw::session_state::closed));
        kw::message msg;
        CHECK(memory.attempt([&] { msg = ws.poll(); }));
        CHECK(msg.text() == "unread");
        CHECK_FALSE(ws.error());
        CHECK(static_cast<int>(ws.close_code()) == 4000);
        if (!memory.attempt([&] { msg = ws.poll(); })) return check_lost(ws);
        CHECK(ws.is_over());
        check_output(ws, peer);
        CHECK(peer.closed == ws.close_sent());
      });
      CHECK(allocations >= 3);
    }
  }
}

TEST_CASE("no memory: put() keeps the block, or throws and the connection is lost") {
  for (kw::role const self : support::both_roles) {
    bytes const one = support::frame(support::peer_of(self), kw::opcode::text, bytes(900, std::byte{'a'}));
    at_every_allocation([&](scarce_memory& memory) {
      kw::session ws{self};
      bool alive = true;
      for (int i = 0; alive && i != 3; ++i) {
        kw::buffer block;
        block.append(one);
        alive = memory.attempt([&] { ws.put(std::move(block)); });
      }
      if (!alive) return check_lost(ws);
      for (int i = 0; i != 3; ++i) CHECK(ws.poll().size() == 900);
    });
  }
}

TEST_CASE("no memory: what is sent is queued whole, or not at all") {
  for (kw::role const self : support::both_roles) {
    support::random_numbers numbers(11);
    bytes const small = numbers.any(5), medium = numbers.any(900), large = numbers.any(70000);
    std::string const text(5000, 't');
    at_every_allocation([&](scarce_memory& memory) {
      kw::session ws{self};
      support::reference_receiver peer{support::peer_of(self)};
      std::vector<support::reference_event> sent;
      // Nothing has changed when a call throws: then it is made again.
      auto const attempt = [&](auto work) {
        bytes const before = support::copy(ws.output());
        auto const state = ws.state();
        bool const fragments = ws.sending_fragments();
        if (memory.attempt(work)) return true;
        CHECK(support::copy(ws.output()) == before);
        CHECK(ws.state() == state);
        CHECK(ws.close_sent() == (state != kw::session_state::open));
        CHECK(ws.sent_close_reason().empty());
        CHECK(ws.sending_fragments() == fragments);
        return memory.attempt(work);
      };
      std::error_code outcome;
      auto const send = [&](kw::opcode type, bytes const& payload, bool fin = true) {
        return attempt([&] { outcome = ws.send(type, payload, fin); });
      };
      for (int round = 0; round != 2; ++round) {
        for (bytes const* each : {&small, &medium, &large}) {
          if (send(kw::opcode::binary, *each)) sent.push_back({kw::opcode::binary, *each});
        }
        bool const written = attempt([&] {
          outcome = ws.send_with(kw::opcode::text, [&](kw::buffer& sink) {
            sink.append(text.data(), 100);
            sink.append(text.data() + 100, text.size() - 100);
            return true;
          });
        });
        if (written) sent.push_back({kw::opcode::text, support::text(text)});
        if (send(kw::opcode::text, support::text("begun"), false) &&
            send(kw::opcode::continuation, support::text(", ended")))
          sent.push_back({kw::opcode::text, support::text("begun, ended")});
        if (ws.sending_fragments()) return;  // for good
        if (send(kw::opcode::ping, small)) sent.push_back({kw::opcode::ping, small});
        if (round == 0 && !ws.output().empty()) {
          kw::buffer taken;
          CHECK(memory.attempt([&] { taken = ws.take_output(); }));
          peer.take(taken.bytes());
        }
      }
      bool const closed = attempt([&] {
        outcome = ws.close(kw::close_code::going_away, "a reason that does not fit into a string");
      });
      CHECK_FALSE(outcome);
      CHECK(ws.close_sent() == closed);
      check_output(ws, peer);
      CHECK(peer.events == sent);
      CHECK(peer.closed == closed);
    });
  }
}

TEST_CASE("no memory: fail() ends the connection with its Close, or changes nothing") {
  for (kw::role const self : support::both_roles) {
    at_every_allocation([&](scarce_memory& memory) {
      kw::session ws{self};
      support::reference_receiver peer{support::peer_of(self)};
      if (!memory.attempt_twice([&] { ws.fail(kw::error::pong_timeout); })) {
        CHECK(ws.is_open());
        CHECK_FALSE(ws.close_sent());
        return;
      }
      CHECK(ws.error() == kw::error::pong_timeout);
      check_output(ws, peer);
      CHECK(peer.closed);
    });
  }
}

TEST_CASE("no memory: pongs that wait are lost at worst, never what stands before and behind them") {
  bytes const payload(120, std::byte{'p'});
  bytes pings;
  for (int i = 0; i != 8; ++i) pings += support::frame(kw::role::client, kw::opcode::ping, payload);
  for (std::size_t const step : {std::size_t{100}, std::size_t{700}, std::size_t{0}}) {
    CAPTURE(step);
    at_every_allocation([&](scarce_memory& memory) {
      kw::session ws{kw::role::server, {.max_queued_pongs = 300}};
      support::reference_receiver peer{kw::role::client};
      int sent = 0;
      auto const send = [&] {
        bytes const text(700, std::byte{'t'});
        if (memory.attempt([&] { ws.send(kw::opcode::text, text); })) ++sent;
      };
      send();
      support::feed(ws, pings);
      if (!memory.attempt([&] { ws.poll(); })) return check_lost(ws);
      send();
      // What the thread keeps for reuse must not spare it an allocation.
      std::vector<kw::buffer> held(12);
      for (std::size_t i = 0; i != held.size(); ++i) held[i].prepare(std::size_t{1024} << i % 3);
      for (int i = 0; i != 100 && !ws.output().empty(); ++i) {
        if (step == 0) {
          kw::buffer taken;
          std::size_t const before = ws.output().size();
          if (!memory.attempt_twice([&] { taken = ws.take_output(); })) {
            CHECK(ws.output().size() == before);
            return;
          }
          peer.take(taken.bytes());
        } else {
          auto const part = ws.output().first(std::min(step, ws.output().size()));
          peer.take(part);
          memory.attempt([&] { ws.consume(part.size()); });  // taken, whatever comes of the pong
        }
      }
      CHECK(ws.output().empty());
      CHECK(peer.violation == kw::error{});
      CHECK(support::only(peer.events, kw::opcode::text).size() == static_cast<std::size_t>(sent));
      auto const pongs = support::only(peer.events, kw::opcode::pong);
      CHECK(pongs.size() >= 1);
      for (auto const& each : pongs) CHECK(each.payload == payload);
      if (!memory.refused()) CHECK(pongs.size() == 3);
    });
  }
}

}  // namespace session_tests
