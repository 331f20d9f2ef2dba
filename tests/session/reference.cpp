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

namespace {

namespace kw = kindwire;
using namespace support;
using kw::opcode;
using kw::role;

std::vector<reference_event> without_control(std::vector<reference_event> events) {
  std::erase_if(events, [](reference_event const& each) { return kw::is_control(each.type); });
  return events;
}

// The session ended as the reference says, and told the peer so.
bool ended_alike(end& actual, reference_receiver const& expected) {
  auto const& ws = actual.ws;
  if (ws.error() !=
      (expected.violation == kw::error{} ? std::error_code{} : make_error_code(expected.violation)))
    return false;
  if (ws.close_received() != expected.closed) return false;
  if (static_cast<unsigned>(ws.close_code()) != expected.close_code) return false;
  if (text(ws.close_reason()) != expected.close_reason) return false;
  bool const over = expected.closed || expected.violation != kw::error{};
  if ((ws.state() == kw::session_state::closed) != over) return false;
  actual.send_all();
  if (actual.peer.violation != kw::error{} || actual.peer.taken != actual.sent) return false;
  if (actual.peer.closed != over) return false;
  if (!over) return true;
  // §5.5.1: the code is echoed; §7.1.7: a broken rule has its own.
  unsigned const code =
      expected.closed ? expected.close_code : static_cast<unsigned>(kw::close_code_for(expected.violation));
  return actual.peer.close_code == code;
}

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

// A stream of frames as an inventive peer would send it: mostly right, sometimes wrong somewhere.
class stream_maker {
 public:
  stream_maker(role sender, std::uint64_t seed, bool may_break)
      : random_(seed), sender_(sender), may_break_(may_break) {}

  bytes make() {
    bytes result;
    std::size_t const frames = 1 + random_.below(24);
    for (std::size_t i = 0; i != frames; ++i) result += next();
    if (random_.one_in(2)) result += close();
    if (random_.one_in(2)) result += next();
    if (may_break_ && random_.one_in(2)) {  // one bit somewhere
      result[random_.below(result.size())] ^= static_cast<std::byte>(1u << random_.below(8));
    }
    if (random_.one_in(4)) result.resize(random_.below(result.size()) + 1);
    return result;
  }

 private:
  std::size_t size() {
    static constexpr std::size_t sizes[] = {0, 1, 2, 5, 30, 125, 126, 127, 200, 1000, 4000};
    return random_.one_in(60) ? 65535 + random_.below(3) : sizes[random_.below(std::size(sizes))];
  }

  bytes next() {
    if (random_.one_in(4))
      return frame(sender_, random_.one_in(2) ? opcode::ping : opcode::pong, random_.any(random_.below(126)));
    if (may_break_ && random_.one_in(40)) return broken();
    bytes result;
    bool const starts = !inside_;
    if (starts) {
      is_text_ = random_.one_in(2);
      left_ = is_text_ ? random_.utf8(size()) : random_.any(size());
    }
    bool const fin = random_.one_in(2);
    std::size_t const part = fin ? left_.size() : random_.below(left_.size() + 1);
    bytes const payload(left_.begin(), left_.begin() + static_cast<std::ptrdiff_t>(part));
    left_.erase(left_.begin(), left_.begin() + static_cast<std::ptrdiff_t>(part));
    inside_ = !fin;
    return frame(sender_,
                 !starts    ? opcode::continuation
                 : is_text_ ? opcode::text
                            : opcode::binary,
                 payload, fin);
  }

  bytes broken() {
    key const* const mask = sender_ == role::client ? &example_key : nullptr;
    switch (random_.below(9)) {
      case 0: return frame(0xC1, text("reserved bit"), mask);
      case 1: return frame(0x83, {}, mask);
      case 2: return frame(0x09, text("fragmented"), mask);
      case 3: return head(0x89, 126, mask);
      case 4: return head(0x82, random_.below(126), mask, 16);
      case 5: return head(0x82, random_.below(65536), mask, 64);
      case 6: return head(0x82, ~std::uint64_t{0}, mask);
      case 7: return frame(inside_ ? 0x81 : 0x80, text("out of place"), mask);
      default: return frame(0x81, text("masked by the wrong side"), mask == nullptr ? &example_key : nullptr);
    }
  }

  bytes close() {
    static constexpr unsigned codes[] = {1000, 1001, 1005, 1006, 1011, 1014, 1015, 2999, 3000, 4999, 5000};
    unsigned const code = codes[random_.below(std::size(codes))];
    bytes body{static_cast<std::byte>(code >> 8), static_cast<std::byte>(code & 255u)};
    body += random_.one_in(8) ? hex("c0") : random_.utf8(random_.below(90));
    if (random_.one_in(6)) body.resize(random_.below(2));
    if (!may_break_) body = hex("03 e8");
    return frame(sender_, opcode::close, body);
  }

  random_numbers random_;
  role sender_;
  bool may_break_;
  bool inside_ = false;
  bool is_text_ = false;
  bytes left_;
};

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
    wrong += actual.seen != expected.events || !ended_alike(actual, expected) || !actual.peer.events.empty();
  }
  CHECK(wrong == 0);
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
