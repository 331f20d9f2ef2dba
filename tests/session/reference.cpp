// A session against the reference: the same messages, the same close, the same error, however the bytes are
// cut.
#include <kindwire/session.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <span>
#include <string>
#include <vector>

#include "support/bytes.hpp"
#include "support/end.hpp"
#include "support/reference.hpp"
#include "support/stream_maker.hpp"

namespace session_reference_tests {

namespace {

namespace kw = kindwire;
using namespace support;
using kw::opcode;
using kw::role;

TEST_CASE("session: all 65,536 first two bytes, for both roles, inside a message and not") {
  bytes rest = text("\x01\x02\x03\x04");
  rest += random_numbers{70}.any(700);
  for (role const self : both_roles) {
    bytes const begun = frame(peer_of(self), opcode::binary, text("begun"), false);
    for (bool const inside : {false, true}) {
      unsigned wrong = 0;
      reference_receiver prepared{self, 1 << 20};
      if (inside) prepared.take(begun);
      for (unsigned both = 0; both != 65536; ++both) {
        bytes input{static_cast<std::byte>(both >> 8), static_cast<std::byte>(both & 255u)};
        // Behind the two come a 16-bit length of 258 or a large 64-bit one, a key, payload, and the next
        // frame.
        input.insert(input.end(), rest.begin(), rest.begin() + (both % 128 == 126 ? 400 : 20));
        reference_receiver expected = prepared;
        expected.take(input);
        end actual{self};
        if (inside) feed(actual.ws, begun);
        actual.take(input);
        wrong += without_control(expected.events) != actual.seen;
        wrong += !ended_alike(actual, expected);
        wrong += only(actual.peer.events, opcode::pong).size() != only(expected.events, opcode::ping).size();
      }
      CHECK(wrong == 0);
    }
  }
}

TEST_CASE("session: random streams in random pieces, pings answered in order") {
  random_numbers random{71};
  unsigned wrong = 0;
  unsigned broken = 0;
  unsigned closed = 0;
  for (std::uint64_t seed = 0; seed != 1500; ++seed) {
    role const self = both_roles[seed % 2];
    bytes const input = stream_maker{peer_of(self), seed, true}.make();
    std::size_t const max_size = random.one_in(3) ? 3000 : 1 << 20;
    std::size_t const max_fragments = random.one_in(3) ? 3 : 4096;
    reference_receiver expected{self, max_size, max_fragments};
    expected.take(input);
    broken += expected.violation != kw::error{};
    closed += expected.closed;

    end actual{self, {.max_message_size = max_size, .max_fragments = max_fragments}};
    std::size_t const most = random.one_in(4) ? 3 : random.one_in(2) ? 200 : 100'000;
    for (std::size_t at = 0; at != input.size();) {
      std::size_t const size = std::min(input.size() - at, 1 + random.below(most));
      auto const piece = std::span{input}.subspan(at, size);
      random.one_in(3) ? put(actual.ws, piece) : feed(actual.ws, piece);
      at += size;
      if (!random.one_in(3)) drain(actual.ws, actual.seen);
      if (random.one_in(3)) actual.send_all();
    }
    drain(actual.ws, actual.seen);
    bool const same = without_control(expected.events) == actual.seen && ended_alike(actual, expected);
    std::vector<reference_event> pings = only(expected.events, opcode::ping);
    for (auto& each : pings) each.type = opcode::pong;
    if (!same || actual.peer.events != pings) {
      if (++wrong == 1) MESSAGE("the first seed that differs: ", seed);
    }
  }
  CHECK(wrong == 0);
  CHECK(broken > 400);
  CHECK(closed > 150);
}

TEST_CASE("session: with autoping off pings and pongs are messages, in their order") {
  random_numbers random{72};
  unsigned wrong = 0;
  unsigned seen_behind = 0;
  for (std::uint64_t seed = 10'000; seed != 10'600; ++seed) {
    role const self = both_roles[seed % 2];
    bytes const input = stream_maker{peer_of(self), seed, true}.make();
    reference_receiver expected{self, 1 << 20};
    expected.take(input);
    end actual{self, {.autoping = false}};
    for (std::size_t at = 0; at != input.size();) {
      std::size_t const size = std::min(input.size() - at, 1 + random.below(300));
      feed(actual.ws, std::span{input}.subspan(at, size));
      at += size;
      actual.ws.look_ahead();
      if (random.one_in(2)) drain(actual.ws, actual.seen);
    }
    drain(actual.ws, actual.seen);
    wrong += actual.seen != expected.events;
    // A Close that was seen behind a message which breaks a rule was seen all the same.
    if (expected.violation != kw::error{} && actual.ws.close_received()) {
      wrong += actual.ws.error() != expected.violation;
      ++seen_behind;
    } else {
      wrong += !ended_alike(actual, expected);
    }
    wrong += !only(actual.send_all().events, opcode::pong).empty();
  }
  CHECK(wrong == 0);
  CHECK(seen_behind < 20);
}

TEST_CASE("session: looking ahead at any time changes no message, and answers every ping once and in order") {
  random_numbers random{73};
  unsigned wrong = 0;
  for (std::uint64_t seed = 20'000; seed != 21'000; ++seed) {
    role const self = both_roles[seed % 2];
    bytes const input = stream_maker{peer_of(self), seed, false}.make();
    reference_receiver expected{self};
    expected.take(input);
    end actual{self};
    for (std::size_t at = 0; at != input.size();) {
      std::size_t const size = std::min(input.size() - at, 1 + random.below(random.one_in(2) ? 20 : 2000));
      auto const piece = std::span{input}.subspan(at, size);
      random.one_in(3) ? put(actual.ws, piece) : feed(actual.ws, piece);
      at += size;
      if (random.one_in(2)) actual.ws.look_ahead();
      if (random.one_in(3)) {
        if (kw::message const msg = actual.ws.poll()) {
          bytes const before = copy(msg.bytes());
          actual.ws.look_ahead();
          actual.seen.push_back({msg.type(), copy(msg.bytes())});
          wrong += before != actual.seen.back().payload;
        }
      }
    }
    actual.ws.look_ahead();
    drain(actual.ws, actual.seen);
    wrong += without_control(expected.events) != actual.seen || !ended_alike(actual, expected);
    std::vector<reference_event> pings = only(expected.events, opcode::ping);
    for (auto& each : pings) each.type = opcode::pong;
    wrong += actual.peer.events != pings;
  }
  CHECK(wrong == 0);
}

TEST_CASE(
    "session: what one sends the other receives, with pings, fragments and a close in between, over any "
    "pieces") {
  random_numbers random{74};
  unsigned wrong = 0;
  for (int run = 0; run != 200; ++run) {
    end one{role::client};
    end two{role::server};
    end* const ends[] = {&one, &two};
    std::vector<reference_event> expected[2];  // what each end must receive
    bytes begun[2];
    bool inside[2] = {};
    opcode begun_type[2] = {};
    for (int step = 0; step != 40; ++step) {
      std::size_t const who = random.below(2);
      auto& ws = ends[who]->ws;
      switch (random.below(6)) {
        case 0:
        case 1: {
          if (inside[who]) break;
          bytes const payload = random.utf8(random.below(random.one_in(5) ? 70000 : 200));
          opcode const type = random.one_in(2) ? opcode::text : opcode::binary;
          bool const queued =
              random.one_in(2)
                  ? !ws.send(type, payload)
                  : !ws.send_with(type, [&](kw::buffer& to) { return to.append(payload), true; });
          if (queued) expected[1 - who].push_back({type, payload});
          break;
        }
        case 2: {
          bytes const piece = random.utf8(random.below(100));
          bool const fin = random.one_in(2);
          opcode const type = inside[who] ? opcode::continuation : opcode::text;
          if (ws.send(type, piece, fin)) break;
          if (!inside[who]) begun_type[who] = type;
          begun[who] += piece;
          inside[who] = !fin;
          if (fin) expected[1 - who].push_back({begun_type[who], std::exchange(begun[who], {})});
          break;
        }
        case 3: ws.send(kw::message_type::ping, random.any(random.below(126))); break;
        case 4: {
          if (random.one_in(15)) ws.close(kw::close_code::normal, "done");
          break;
        }
        default: {
          // Some of what is queued reaches the other end.
          std::size_t const size = random.below(ws.output().size() + 1);
          ends[1 - who]->take(ws.output().first(size));
          ws.consume(size);
        }
      }
    }
    // Each end gets the rest. A Close may have crossed messages: those that it overtook nobody polls any
    // more.
    for (int turn = 0; turn != 4; ++turn) {
      for (std::size_t who : {std::size_t{0}, std::size_t{1}}) {
        bytes const rest = copy(ends[who]->ws.output());
        ends[who]->ws.consume(rest.size());
        ends[1 - who]->take(rest);
      }
    }
    for (std::size_t who : {std::size_t{0}, std::size_t{1}}) {
      wrong += ends[who]->seen != expected[who];
      wrong += static_cast<bool>(ends[who]->ws.error());
    }
    wrong += one.ws.state() != two.ws.state();
  }
  CHECK(wrong == 0);
}

}  // namespace

}  // namespace session_reference_tests
