// The seam between a session and an extension, RFC 6455 §9, with one that knows nothing of compression.
#include <kindwire/session.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <thread>
#include <vector>

#include "../support/allocations.hpp"
#include "../support/bytes.hpp"
#include "../support/end.hpp"
#include "../support/toy_extension.hpp"

namespace extension_seam_tests {

namespace {

namespace kw = kindwire;
using namespace support;
using kw::opcode;
using kw::role;

using events = std::vector<reference_event>;

struct toy_end {
  explicit toy_end(role self, kw::session_options options = {}, std::size_t times = 1)
      : toy(times), ws(self, options, &toy) {}

  void take(std::span<std::byte const> input) {
    feed(ws, input);
    drain(ws, seen);
  }
  bytes output() {
    bytes result = copy(ws.output());
    ws.consume(result.size());
    return result;
  }

  toy_extension toy;
  kw::session ws;
  events seen;
};

bytes toy_frame(role sender, opcode type, bytes payload, bool fin = true) {
  return frame((fin ? 0x80u : 0u) | toy_extension::bit | static_cast<unsigned>(type), std::move(payload),
               sender == role::client ? &example_key : nullptr);
}

// What a session makes of `input` in pieces of each size.
template <class Check>
void in_all_pieces(role self, bytes const& input, Check check, kw::session_options options = {},
                   std::size_t times = 1) {
  for (std::size_t const size :
       {std::size_t{1}, std::size_t{2}, std::size_t{3}, std::size_t{7}, input.size()}) {
    CAPTURE(size);
    toy_end one{self, options, times};
    for (std::size_t at = 0; at < input.size(); at += size)
      one.take(std::span{input}.subspan(at, std::min(size, input.size() - at)));
    check(one);
  }
}

TEST_CASE("seam: a marked message is decoded, one that is not marked is left alone") {
  for (role const self : both_roles) {
    role const peer = peer_of(self);
    bytes const input =
        toy_frame(peer, opcode::text, toy_encoded(text("one"))) + frame(peer, opcode::text, text("two")) +
        toy_frame(peer, opcode::binary, toy_encoded(text("three"), 3)) + toy_frame(peer, opcode::text, {});
    in_all_pieces(self, input, [](toy_end& one) {
      CHECK(one.seen == events{{opcode::text, text("one")},
                               {opcode::text, text("two")},
                               {opcode::binary, text("three")},
                               {opcode::text, {}}});
      CHECK(one.toy.messages_decoded == 3);
      CHECK(one.ws.is_at_rest());
    });
  }
}

TEST_CASE("seam: fragments with control frames in between are one message") {
  for (role const self : both_roles) {
    role const peer = peer_of(self);
    bytes const whole = toy_encoded(text("fragments"));
    bytes const first(whole.begin(), whole.begin() + 2);
    bytes const second(whole.begin() + 2, whole.begin() + 7);
    bytes const third(whole.begin() + 7, whole.end());
    bytes const input =
        frame(peer, opcode::pong, {}) + toy_frame(peer, opcode::text, first, false) +
        frame(peer, opcode::ping, text("?")) + frame(peer, opcode::continuation, second, false) +
        frame(peer, opcode::continuation, {}, false) + frame(peer, opcode::pong, {}) +
        frame(peer, opcode::continuation, third) + frame(peer, opcode::text, text("plain"), false) +
        frame(peer, opcode::continuation, text(" too"));
    in_all_pieces(self, input, [&](toy_end& one) {
      CHECK(one.seen == events{{opcode::text, text("fragments")}, {opcode::text, text("plain too")}});
      reference_receiver answers{peer};
      answers.take(one.output());
      CHECK(answers.events == events{{opcode::pong, text("?")}});
    });
  }
}

TEST_CASE("seam: an extension that says nothing of it holds no memory, and encodes for no other connection") {
  toy_extension const toy;
  kw::message_extension const& as_seen = toy;
  CHECK(as_seen.memory() == 0);
  CHECK(as_seen.encoder() == nullptr);
  CHECK(as_seen.reserved_bits() == toy_extension::bit);
}

TEST_CASE("seam: the bit may stand on a message's first frame only, others nowhere") {
  for (role const self : both_roles) {
    role const peer = peer_of(self);
    bytes const begun = toy_frame(peer, opcode::text, toy_encoded(text("a")), false);
    for (bytes const& bad : {begun + toy_frame(peer, opcode::continuation, {}),
                             toy_frame(peer, opcode::ping, {}), toy_frame(peer, opcode::pong, {}),
                             toy_frame(peer, opcode::close, {}), begun + toy_frame(peer, opcode::ping, {}),
                             frame(0xC1u, {}, peer == role::client ? &example_key : nullptr),
                             frame(0x91u, {}, peer == role::client ? &example_key : nullptr),
                             frame(0xE1u, {}, peer == role::client ? &example_key : nullptr)}) {
      CAPTURE(to_hex(bad));
      in_all_pieces(self, bad, [](toy_end& one) {
        CHECK(one.seen.empty());
        CHECK(one.ws.error() == kw::error::reserved_bits);
        CHECK(one.ws.sent_close_code() == kw::close_code::protocol_error);
      });
      // At its first byte, without a header.
      toy_end early{self};
      std::size_t const last = bad.size() - (peer == role::client ? 6 : 2);
      early.take(std::span{bad}.first(last));
      CHECK_FALSE(early.ws.error());
      early.take(std::span{bad}.subspan(last, 1));
      CHECK(early.ws.error() == kw::error::reserved_bits);
    }
  }
}

TEST_CASE("seam: text fails at the first impossible byte that it decodes to, and at an unfinished end") {
  for (role const self : both_roles) {
    role const peer = peer_of(self);
    bytes const bad = toy_encoded(text("ab") + hex("E2 28") + text("never seen"));
    bytes const input = toy_frame(peer, opcode::text, bad);
    std::size_t const place = input.size() - bad.size() + 3;
    toy_end one{self};
    one.take(std::span{input}.first(place));
    CHECK_FALSE(one.ws.error());
    one.take(std::span{input}.subspan(place, 1));
    CHECK(one.ws.error() == kw::error::invalid_utf8);
    in_all_pieces(self, toy_frame(peer, opcode::text, toy_encoded(hex("E2 82"))), [](toy_end& cut) {
      CHECK(cut.ws.error() == kw::error::invalid_utf8);
      CHECK(cut.seen.empty());
    });
    in_all_pieces(self, toy_frame(peer, opcode::binary, toy_encoded(hex("E2 82"))), [](toy_end& fine) {
      CHECK(fine.seen == events{{opcode::binary, hex("E2 82")}});
    });
  }
}

TEST_CASE("seam: what cannot be decoded is 1007") {
  for (role const self : both_roles) {
    role const peer = peer_of(self);
    bytes const input =
        frame(peer, opcode::text, text("before")) +
        toy_frame(peer, opcode::binary, toy_encoded(text("ab")) + bytes{toy_extension::wrong});
    in_all_pieces(self, input, [](toy_end& one) {
      CHECK(one.seen == events{{opcode::text, text("before")}});
      CHECK(one.ws.error() == kw::error::invalid_compression);
      CHECK(one.ws.sent_close_code() == kw::close_code::invalid_payload);
    });
  }
}

TEST_CASE("seam: the limit is one of decoded bytes, before, while and after") {
  for (std::size_t const limit :
       {std::size_t{0}, std::size_t{6}, std::size_t{1023}, std::size_t{1024}, std::size_t{4096}}) {
    for (std::size_t const times : {std::size_t{1}, std::size_t{3}}) {
      kw::session_options options;
      options.max_message_size = limit;
      for (std::size_t const size : {limit / times, limit / times + 1}) {
        CAPTURE(limit);
        CAPTURE(size);
        bytes const payload = repeat(size, 'x');
        in_all_pieces(
            role::server, toy_frame(role::client, opcode::text, toy_encoded(payload)),
            [&](toy_end& one) {
              if (size * times <= limit) {
                CHECK(one.seen == events{{opcode::text, repeat(size * times, 'x')}});
              } else {
                CHECK(one.ws.error() == kw::error::message_too_large);
                CHECK(one.ws.sent_close_code() == kw::close_code::message_too_big);
                CHECK(one.seen.empty());
              }
            },
            options, times);
      }
    }
    // What no message within the limit could be encoded as fails by its header, also in the sum of fragments.
    kw::session_options options;
    options.max_message_size = limit;
    toy_end one{role::server, options};
    one.take(head(0x80u | toy_extension::bit | 2u, limit + 11, &example_key));
    CHECK(one.ws.error() == kw::error::message_too_large);
    toy_end sum{role::server, options};
    sum.take(toy_frame(role::client, opcode::binary, toy_encoded(repeat(limit, 'x')), false));
    CHECK_FALSE(sum.ws.error());
    sum.take(head(0x80u, 11, &example_key));
    CHECK(sum.ws.error() == kw::error::message_too_large);
  }
}

// The toy makes `times` bytes of each.
std::size_t allocated_for(std::size_t limit, std::size_t times, std::size_t piece, std::size_t frames) {
  std::size_t result = 0;
  std::thread{[&] {
    bytes const part((limit / times + 100) / frames + 1);
    bytes wire;
    for (std::size_t i = 0; i != frames; ++i) {
      bool const last = i + 1 == frames;
      wire += i == 0 ? toy_frame(role::client, opcode::binary, part, last)
                     : frame(role::client, opcode::continuation, part, last);
    }
    kw::session_options options;
    options.max_message_size = limit;
    toy_end one{role::server, options, times};
    {
      kw::buffer input;  // so that only the message is counted
      input.prepare(piece);
    }
    allocation_counter const counter;
    for (std::size_t at = 0; at < wire.size(); at += piece)
      one.take(std::span{wire}.subspan(at, std::min(piece, wire.size() - at)));
    result = counter.bytes();
    CHECK(one.ws.error() == kw::error::message_too_large);
    CHECK(one.seen.empty());
  }}.join();
  return result;
}

TEST_CASE("seam: what swells past the limit takes an eighth more than the limit, in a fresh thread") {
  // Longer blocks come from realloc(), which is not counted.
  for (std::size_t limit = std::size_t{64} << 10; limit <= std::size_t{2} << 20; limit += limit / 9 + 1) {
    CAPTURE(limit);
    for (std::size_t const times : {std::size_t{40}, std::size_t{250}, std::size_t{1000}}) {
      CAPTURE(times);
      for (std::size_t const piece : {std::size_t{1}, std::size_t{100}, std::size_t{1000}}) {
        for (std::size_t const frames : {std::size_t{1}, std::size_t{50}})
          CHECK(allocated_for(limit, times, piece, frames) <= limit + limit / 8 + (std::size_t{24} << 10));
      }
    }
  }
}

TEST_CASE("seam: what does not swell is not given all the room that it may have") {
  std::size_t const size = std::size_t{100} << 10;
  for (std::size_t const times : {std::size_t{1}, std::size_t{8}, std::size_t{20}}) {
    CAPTURE(times);
    std::thread{[&] {
      toy_end one{role::server, {}, times};
      feed(one.ws, toy_frame(role::client, opcode::binary, bytes(size / times)));
      allocation_counter const counter;
      CHECK(one.ws.poll().size() == size / times * times);
      CHECK(counter.bytes() <= 4 * size);  // blocks that double
    }}.join();
  }
}

TEST_CASE("seam: max_fragments counts as ever") {
  kw::session_options options;
  options.max_fragments = 3;
  toy_end one{role::server, options};
  one.take(toy_frame(role::client, opcode::binary, {}, false));
  for (int i = 0; i != 2; ++i) one.take(frame(role::client, opcode::continuation, {}, false));
  CHECK_FALSE(one.ws.error());
  one.take(frame(role::client, opcode::continuation, {}, false));
  CHECK(one.ws.error() == kw::error::too_many_fragments);
}

TEST_CASE("seam: long payloads, straight and through look_ahead(), whatever the size of the reads") {
  bytes payload = repeat(300'000, 0);
  random_numbers numbers{1};
  for (auto& each : payload) each = static_cast<std::byte>(numbers.next() & 0x7Fu);
  bytes coded = toy_encoded(payload);
  bytes const input = toy_frame(role::client, opcode::binary, coded) +
                      frame(role::client, opcode::text, text("x")) +
                      toy_frame(role::client, opcode::binary, toy_encoded(text("y"), payload.size()));
  for (bool const looks : {false, true}) {
    for (std::size_t const size : {std::size_t{1000}, std::size_t{65536}, input.size()}) {
      toy_end one{role::server};
      for (std::size_t at = 0; at < input.size(); at += size) {
        feed(one.ws, std::span{input}.subspan(at, std::min(size, input.size() - at)));
        if (looks) one.ws.look_ahead();
        drain(one.ws, one.seen);
      }
      CHECK(one.seen ==
            events{{opcode::binary, payload}, {opcode::text, text("x")}, {opcode::binary, text("y")}});
    }
  }
  // All of it is there before the first poll.
  toy_end late{role::server};
  for (auto const& each : input) {
    feed(late.ws, {&each, 1});
    if (late.ws.unread_size() % 4096 == 0) late.ws.look_ahead();
  }
  drain(late.ws, late.seen);
  CHECK(late.seen.size() == 3);
}

TEST_CASE("seam: after discard() nothing is decoded") {
  toy_end one{role::server};
  one.ws.close();
  one.ws.discard();
  one.take(toy_frame(role::client, opcode::binary, bytes{toy_extension::wrong}) +
           frame(role::client, opcode::close, {}));
  CHECK_FALSE(one.ws.error());
  CHECK(one.ws.close_received());
  CHECK(one.toy.decoded == 0);
}

TEST_CASE("seam: sent messages are encoded and marked, control frames and what is refused are not") {
  for (role const self : both_roles) {
    for (std::size_t const size : {0u, 1u, 124u, 125u, 126u, 65535u, 65536u, 200'000u}) {
      CAPTURE(size);
      toy_end one{self};
      toy_end other{peer_of(self)};
      bytes const payload = repeat(size, 'x');
      CHECK_FALSE(one.ws.send("a"));
      CHECK_FALSE(one.ws.send(opcode::binary, payload));
      CHECK_FALSE(one.ws.send(opcode::ping, text("?")));
      CHECK(one.ws.send(opcode::continuation, payload) == kw::error::no_fragment_to_continue);
      CHECK_FALSE(one.ws.send(opcode::text, text("be"), false));
      CHECK(one.ws.send(opcode::text, payload) == kw::error::fragment_in_progress);
      CHECK_FALSE(one.ws.send(opcode::pong, {}));
      CHECK_FALSE(one.ws.send(opcode::continuation, text("gun"), true));
      CHECK_FALSE(
          one.ws.send_with(opcode::text, [](kw::buffer& sink) { return sink.append("with", 4), true; }));
      CHECK(one.ws.send_with(opcode::text, [](kw::buffer& sink) { return sink.append("not", 3), false; }) ==
            kw::error::invalid_argument);
      CHECK_FALSE(one.ws.close());
      CHECK(one.ws.send("late") == kw::error::closed);
      bytes const output = one.output();
      CHECK((output[0] & std::byte{0x70}) == std::byte{toy_extension::bit});
      other.take(output);
      CHECK(other.seen == events{{opcode::text, text("a")},
                                 {opcode::binary, payload},
                                 {opcode::text, text("begun")},
                                 {opcode::text, text("with")}});
      CHECK(other.toy.decoded == one.toy.encoded);
      CHECK(one.toy.encoded == 1 + size + 5 + 4);
      CHECK(other.ws.close_received());
      CHECK_FALSE(other.ws.error());
    }
  }
}

TEST_CASE("seam: an extension may leave a message as it is, and so may the caller") {
  toy_end one{role::server};
  toy_end other{role::client};
  one.toy.gives_up = true;
  CHECK_FALSE(one.ws.send("as it is"));
  CHECK_FALSE(one.ws.send("changed"));
  CHECK_FALSE(one.ws.send("a secret", kw::compress::no));
  CHECK_FALSE(one.ws.send(opcode::text, text("in "), false, kw::compress::no));
  CHECK_FALSE(one.ws.send(opcode::continuation, text("parts"), true, kw::compress::yes));
  CHECK_FALSE(one.ws.send_with(
      opcode::text, [](kw::buffer& sink) { return sink.append("plain", 5), true; }, kw::compress::no));
  bytes const output = one.output();
  CHECK(output[0] == std::byte{0x81});
  other.take(output);
  CHECK(other.seen == events{{opcode::text, text("as it is")},
                             {opcode::text, text("changed")},
                             {opcode::text, text("a secret")},
                             {opcode::text, text("in parts")},
                             {opcode::text, text("plain")}});
  CHECK(other.toy.messages_decoded == 1);
  CHECK(one.toy.encoded == 7);
}

TEST_CASE("seam: an extension outlives a session at rest, and goes on with the next") {
  toy_extension here;
  toy_extension there;
  bytes all;
  events seen;
  for (int i = 0; i != 5; ++i) {
    kw::session sender{role::client, {}, &here};
    kw::session receiver{role::server, {}, &there};
    CHECK_FALSE(sender.send("again"));
    CHECK_FALSE(sender.is_at_rest());
    feed(receiver, sender.output());
    sender.consume(sender.output().size());
    drain(receiver, seen);
    CHECK(sender.is_at_rest());
    CHECK(receiver.is_at_rest());
  }
  CHECK(seen == events(5, {opcode::text, text("again")}));
}

TEST_CASE("seam: a session is not at rest inside an encoded message, in either direction") {
  toy_end one{role::server};
  one.take(toy_frame(role::client, opcode::binary, {}, false));
  CHECK_FALSE(one.ws.is_at_rest());
  one.take(frame(role::client, opcode::continuation, {}));
  CHECK(one.ws.is_at_rest());
  CHECK_FALSE(one.ws.send(opcode::text, {}, false));
  one.output();
  CHECK_FALSE(one.ws.is_at_rest());
  CHECK_FALSE(one.ws.send(opcode::continuation, {}, true));
  one.output();
  CHECK(one.ws.is_at_rest());
}

TEST_CASE("seam: without an extension, an unnegotiated bit fails as ever") {
  kw::session ws{role::server};
  feed(ws, toy_frame(role::client, opcode::text, {}));
  CHECK_FALSE(ws.poll());
  CHECK(ws.error() == kw::error::reserved_bits);
}

}  // namespace

}  // namespace extension_seam_tests
