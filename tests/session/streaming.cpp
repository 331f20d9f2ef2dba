// Messages larger than memory: poll_some() against poll() and the reference, however the bytes are cut.
#include <kindwire/session.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "support/bytes.hpp"
#include "support/end.hpp"
#include "support/reference.hpp"
#include "support/stream_maker.hpp"
#include "support/toy_extension.hpp"

namespace session_streaming_tests {

namespace {

namespace kw = kindwire;
using namespace support;
using kw::opcode;
using kw::role;

using events = std::vector<reference_event>;

// Puts chunks together, and counts what no message may look like.
struct gathered_chunks {
  void take(kw::message_chunk const& chunk) {
    if (kw::is_control(chunk.type())) {
      wrong += !chunk.first() || !chunk.last();
      whole.push_back({chunk.type(), copy(chunk.bytes())});
      return;
    }
    wrong += chunk.first() == inside || (chunk.size() == 0 && !chunk.last());
    if (chunk.first()) begun = {chunk.type(), {}};
    wrong += chunk.type() != begun.type;
    begun.payload += copy(chunk.bytes());
    longest = std::max(longest, chunk.size());
    ++chunks;
    inside = !chunk.last();
    if (!inside) whole.push_back(begun);
  }

  void drain(kw::session& ws) {
    while (kw::message_chunk const chunk = ws.poll_some()) {
      take(chunk);
      wrong += ws.receiving_chunks() != inside;
    }
  }

  events whole;
  reference_event begun{opcode::binary, {}};
  std::size_t longest = 0;
  unsigned chunks = 0;
  unsigned wrong = 0;
  bool inside = false;
};

kw::session_options streaming(std::uint64_t most = std::uint64_t{1} << 40) {
  return {.max_message_size = 10, .max_streamed_size = most};
}

TEST_CASE("streaming: random streams in random pieces are the messages of poll(), and end as they do") {
  random_numbers random{81};
  unsigned wrong = 0;
  unsigned broken = 0;
  unsigned cut = 0;
  for (std::uint64_t seed = 0; seed != 1500; ++seed) {
    role const self = both_roles[seed % 2];
    bytes const input = stream_maker{peer_of(self), seed, true}.make();
    std::size_t const max_size = random.one_in(3) ? 3000 : 1 << 20;
    std::size_t const max_fragments = random.one_in(3) ? 3 : 4096;
    reference_receiver expected{self, max_size, max_fragments};
    expected.take(input);
    broken += expected.violation != kw::error{};

    end actual{self, {.max_message_size = max_size, .max_fragments = max_fragments}};
    gathered_chunks seen;
    std::size_t const most = random.one_in(4) ? 3 : random.one_in(2) ? 200 : 100'000;
    for (std::size_t at = 0; at != input.size();) {
      std::size_t const size = std::min(input.size() - at, 1 + random.below(most));
      auto const piece = std::span{input}.subspan(at, size);
      random.one_in(3) ? put(actual.ws, piece) : feed(actual.ws, piece);
      at += size;
      if (!random.one_in(3)) seen.drain(actual.ws);
      if (random.one_in(3)) actual.send_all();
    }
    seen.drain(actual.ws);
    cut += seen.chunks > seen.whole.size();
    events pings = only(expected.events, opcode::ping);
    for (auto& each : pings) each.type = opcode::pong;
    bool const same = without_control(expected.events) == seen.whole && ended_alike(actual, expected) &&
                      actual.peer.events == pings && seen.wrong == 0;
    if (!same && ++wrong == 1) MESSAGE("the first seed that differs: ", seed);
  }
  CHECK(wrong == 0);
  CHECK(broken > 400);
  CHECK(cut > 700);
}

TEST_CASE("streaming: short streams at every split in two, looked ahead at in between or not") {
  unsigned wrong = 0;
  for (std::uint64_t seed = 3000; seed != 3300; ++seed) {
    role const self = both_roles[seed % 2];
    bytes const input = stream_maker{peer_of(self), seed, true}.make_short();
    reference_receiver expected{self, 1 << 20};
    expected.take(input);
    for (std::size_t at = 0; at <= input.size(); ++at) {
      end actual{self};
      gathered_chunks seen;
      feed(actual.ws, std::span{input}.first(at));
      if (seed % 3 == 0) actual.ws.look_ahead();
      if (seed % 5 != 0) seen.drain(actual.ws);
      if (seed % 3 == 1) actual.ws.look_ahead();
      feed(actual.ws, std::span{input}.subspan(at));
      seen.drain(actual.ws);
      // A Close that was seen behind a message which breaks a rule was seen all the same.
      bool const looked = seed % 3 != 2;
      bool const alike = (looked && expected.violation != kw::error{} && actual.ws.close_received()) ||
                         ended_alike(actual, expected);
      bool const same = without_control(expected.events) == seen.whole && alike && seen.wrong == 0;
      if (!same && ++wrong == 1) MESSAGE("the first that differs: ", seed, " at ", at);
    }
  }
  CHECK(wrong == 0);
}

TEST_CASE("streaming: poll() and poll_some() by turns, between messages and where poll() has begun") {
  random_numbers random{82};
  unsigned wrong = 0;
  for (std::uint64_t seed = 4000; seed != 5000; ++seed) {
    role const self = both_roles[seed % 2];
    bytes const input = stream_maker{peer_of(self), seed, true}.make();
    reference_receiver expected{self, 1 << 20};
    expected.take(input);
    end actual{self};
    gathered_chunks seen;
    bool done = false;
    for (std::size_t at = 0; !done;) {
      std::size_t const size = std::min(input.size() - at, 1 + random.below(random.one_in(2) ? 20 : 3000));
      feed(actual.ws, std::span{input}.subspan(at, size));
      at += size;
      done = at == input.size();
      for (unsigned i = 0; i != 3; ++i) {
        if (random.one_in(2)) {
          bool const inside = seen.inside;
          kw::message const msg = actual.ws.poll();
          wrong += msg && inside;
          if (msg) seen.take(kw::message_chunk{msg});
        } else if (kw::message_chunk const chunk = actual.ws.poll_some()) {
          seen.take(chunk);
        }
      }
    }
    seen.drain(actual.ws);
    bool const same =
        without_control(expected.events) == seen.whole && ended_alike(actual, expected) && seen.wrong == 0;
    if (!same && ++wrong == 1) MESSAGE("the first seed that differs: ", seed);
  }
  CHECK(wrong == 0);
}

TEST_CASE("streaming: text that is not UTF-8 fails at the same byte as with poll()") {
  bytes const good = text("\xC3\xA4\xE2\x82\xAC\xF0\x9F\x98\x80z") + text(std::string(40, 'a'));
  for (role const self : both_roles) {
    unsigned wrong = 0;
    for (std::size_t at = 0; at != good.size(); ++at) {
      for (unsigned const bad : {0xFFu, 0xC0u, 0xE2u, 0x80u}) {
        for (std::size_t const fragment : {std::size_t{1}, std::size_t{4}, good.size()}) {
          bytes payload = good;
          payload[at] = static_cast<std::byte>(bad);
          bytes input;
          for (std::size_t from = 0; from < payload.size(); from += fragment) {
            bool const fin = from + fragment >= payload.size();
            bytes const part(
                payload.begin() + static_cast<std::ptrdiff_t>(from),
                fin ? payload.end() : payload.begin() + static_cast<std::ptrdiff_t>(from + fragment));
            input += frame(peer_of(self), from == 0 ? opcode::text : opcode::continuation, part, fin);
          }
          end whole{self};
          end streamed{self, streaming()};
          gathered_chunks seen;
          for (std::byte const each : input) {
            whole.take({&each, 1});
            feed(streamed.ws, {&each, 1});
            seen.drain(streamed.ws);
            wrong += whole.ws.error() != streamed.ws.error();
          }
          wrong += whole.seen != seen.whole;
          wrong += seen.begun.payload !=
                   bytes(payload.begin(),
                         payload.begin() + static_cast<std::ptrdiff_t>(seen.begun.payload.size()));
        }
      }
    }
    CHECK(wrong == 0);
  }
}

TEST_CASE("streaming: a chunk is what has arrived, where it lies, and may end in the midst of a code point") {
  end one{role::client, streaming()};
  bytes const payload = text("ab\xE2\x82\xACz");
  bytes const input = frame(role::server, opcode::text, payload, true);
  feed(one.ws, std::span{input}.first(2 + 3));
  kw::message_chunk chunk = one.ws.poll_some();
  REQUIRE(chunk);
  CHECK(chunk.is_text());
  CHECK(chunk.text() == "ab\xE2");
  CHECK(chunk.first());
  CHECK(!chunk.last());
  CHECK(one.ws.receiving_chunks());
  feed(one.ws, std::span{input}.subspan(2 + 3));
  CHECK(chunk.text() == "ab\xE2");  // the view stays
  chunk = one.ws.poll_some();
  CHECK(chunk.text() == "\x82\xACz");
  CHECK(!chunk.first());
  CHECK(chunk.last());
  CHECK(!one.ws.receiving_chunks());
  CHECK(!one.ws.poll_some());
  CHECK(one.ws.is_at_rest());
}

TEST_CASE("streaming: inside of a streamed message poll() gives nothing and changes nothing") {
  for (role const self : both_roles) {
    end one{self, streaming()};
    role const peer = peer_of(self);
    one.take({});
    feed(one.ws, frame(peer, opcode::text, text("begun "), false));
    CHECK(copy(one.ws.poll_some().bytes()) == text("begun "));
    feed(one.ws,
         frame(peer, opcode::continuation, text("and ended")) + frame(peer, opcode::text, text("next")));
    CHECK(!one.ws.poll());
    CHECK(!one.ws.poll());
    CHECK(one.ws.is_open());
    kw::message_chunk const rest = one.ws.poll_some();
    CHECK(copy(rest.bytes()) == text("and ended"));
    CHECK(rest.last());
    CHECK(copy(one.ws.poll().bytes()) == text("next"));
  }
}

TEST_CASE("streaming: pings between the fragments are answered, or come as chunks with autoping off") {
  for (role const self : both_roles) {
    role const peer = peer_of(self);
    bytes const input = frame(peer, opcode::binary, text("one"), false) +
                        frame(peer, opcode::ping, text("?")) + frame(peer, opcode::continuation, text("two"));
    end answers{self, streaming()};
    gathered_chunks seen;
    feed(answers.ws, input);
    seen.drain(answers.ws);
    CHECK(seen.whole == events{{opcode::binary, text("onetwo")}});
    CHECK(answers.send_all().events == events{{opcode::pong, text("?")}});

    auto options = streaming();
    options.autoping = false;
    end shows{self, options};
    gathered_chunks all;
    for (std::byte const each : input) {
      feed(shows.ws, {&each, 1});
      all.drain(shows.ws);
    }
    CHECK(all.whole == events{{opcode::ping, text("?")}, {opcode::binary, text("onetwo")}});
  }
}

TEST_CASE("streaming: a frame that declares 4 TiB takes no memory, and the limit is for the whole message") {
  for (role const self : both_roles) {
    end one{self, streaming((std::uint64_t{1} << 42) + 100)};
    bytes const key = self == role::server ? bytes(4) : bytes{};
    std::byte const bit = self == role::server ? std::byte{0x80} : std::byte{};
    bytes header = hex("02 7f 00 00 04 00 00 00 00 00");
    header[1] |= bit;
    bytes const piece(64 << 10, std::byte{7});
    feed(one.ws, header + key);
    CHECK(!one.ws.poll_some());
    unsigned wrong = 0;
    for (unsigned i = 0; i != 100; ++i) {
      feed(one.ws, piece);
      kw::message_chunk const chunk = one.ws.poll_some();
      wrong += chunk.size() != piece.size() || chunk.first() != (i == 0) || chunk.last();
      wrong += one.ws.unread_size() != 0;
    }
    CHECK(wrong == 0);
    CHECK(one.ws.is_open());
  }
  // In fragments: what a header declares beyond the limit fails before its payload is there.
  end one{role::client, streaming(100)};
  gathered_chunks seen;
  feed(one.ws, frame(role::server, opcode::binary, bytes(60), false));
  seen.drain(one.ws);
  feed(one.ws, frame(role::server, opcode::continuation, bytes(40), false));
  seen.drain(one.ws);
  CHECK(one.ws.is_open());
  feed(one.ws, hex("00 01"));
  seen.drain(one.ws);
  CHECK(seen.begun.payload.size() == 100);
  CHECK(one.ws.error() == kw::error::message_too_large);
}

TEST_CASE("streaming: only empty fragments are counted, unless there is no limit for streamed messages") {
  auto const error_after = [](kw::session_options options, std::size_t fragments, bytes const& payload) {
    end one{role::client, options};
    gathered_chunks seen;
    feed(one.ws, frame(role::server, opcode::binary, text("a"), false));
    seen.drain(one.ws);
    for (std::size_t i = 0; i != fragments; ++i) {
      feed(one.ws, frame(role::server, opcode::continuation, payload, false));
      seen.drain(one.ws);
    }
    return one.ws.error();
  };
  auto options = streaming();
  options.max_fragments = 5;
  CHECK(!error_after(options, 10'000, text("a")));
  CHECK(!error_after(options, 5, {}));
  CHECK(error_after(options, 6, {}) == kw::error::too_many_fragments);
  options.max_message_size = 1 << 20;
  options.max_streamed_size = 0;
  CHECK(!error_after(options, 4, text("a")));
  CHECK(error_after(options, 5, text("a")) == kw::error::too_many_fragments);
}

TEST_CASE("streaming: without a limit of their own, streamed messages have that of whole ones") {
  end one{role::client, {.max_message_size = 100}};
  feed(one.ws, frame(role::server, opcode::binary, bytes(101)));
  CHECK(!one.ws.poll_some());
  CHECK(one.ws.error() == kw::error::message_too_large);
}

TEST_CASE("streaming: what poll() has gathered is the first chunk") {
  for (role const self : both_roles) {
    role const peer = peer_of(self);
    bytes payload(200 << 10);
    for (std::size_t i = 0; i != payload.size(); ++i) payload[i] = static_cast<std::byte>(i * 7 + i / 251);
    bytes const input = frame(peer, opcode::binary, payload);
    end one{self};
    // From the second read on it goes straight into the reassembler.
    for (std::size_t at = 0; at != 192 << 10; at += 64 << 10) {
      feed(one.ws, std::span{input}.subspan(at, 64 << 10));
      if (at != 128 << 10) CHECK(!one.ws.poll());
    }
    kw::message_chunk const first = one.ws.poll_some();
    CHECK(first.first());
    CHECK(first.size() > 190 << 10);
    gathered_chunks seen;
    seen.take(first);
    feed(one.ws, std::span{input}.subspan(192 << 10));
    seen.drain(one.ws);
    CHECK((seen.whole == events{{opcode::binary, payload}}));
    CHECK(seen.wrong == 0);
  }
}

TEST_CASE(
    "streaming: once the last message before the end is polled, what poll() has gathered does not come") {
  for (role const self : both_roles) {
    role const peer = peer_of(self);
    kw::session_options options = streaming();
    options.autoping = false;
    end one{self, options};
    feed(one.ws, frame(peer, opcode::text, text("begun"), false) + frame(peer, opcode::pong, text("there")));
    one.ws.fail(kw::error::idle_timeout);
    CHECK(!one.ws.is_over());
    CHECK(copy(one.ws.poll().bytes()) == text("there"));
    CHECK(one.ws.is_over());
    CHECK(!one.ws.poll_some());
    CHECK(!one.ws.receiving_chunks());
    // Polled in chunks from the start, both come.
    end other{self, options};
    feed(other.ws,
         frame(peer, opcode::text, text("begun"), false) + frame(peer, opcode::pong, text("there")));
    other.ws.fail(kw::error::idle_timeout);
    CHECK(copy(other.ws.poll_some().bytes()) == text("begun"));
    CHECK(copy(other.ws.poll_some().bytes()) == text("there"));
    CHECK(other.ws.is_over());
    CHECK(!other.ws.poll_some());
  }
}

TEST_CASE("streaming: a Close in the midst of a message ends it without a last chunk") {
  for (role const self : both_roles) {
    role const peer = peer_of(self);
    end one{self, streaming()};
    feed(one.ws, frame(peer, opcode::binary, text("begun"), false) + frame(peer, opcode::close, {}));
    one.ws.look_ahead();
    CHECK(one.ws.close_received());
    CHECK(!one.ws.is_over());
    CHECK(copy(one.ws.poll_some().bytes()) == text("begun"));
    CHECK(!one.ws.poll_some());
    CHECK(one.ws.is_over());
    CHECK(!one.ws.error());
    CHECK(!one.ws.poll());
  }
}

TEST_CASE("streaming: a stream that ends, and a discard, in the midst of a message") {
  for (role const self : both_roles) {
    role const peer = peer_of(self);
    bytes const begun = frame(peer, opcode::binary, text("begun"), false);
    bytes const rest = frame(peer, opcode::continuation, text("rest"));
    end lost{self, streaming()};
    feed(lost.ws, begun);
    CHECK(lost.ws.poll_some());
    lost.ws.end_of_input();
    CHECK(!lost.ws.poll_some());
    CHECK(lost.ws.error() == kw::error::connection_lost);
    CHECK(lost.ws.is_over());

    end left{self, streaming()};
    feed(left.ws, begun + bytes(rest.begin(), rest.begin() + 3));
    CHECK(left.ws.poll_some());
    CHECK(!left.ws.close());
    left.ws.discard();
    feed(left.ws, bytes(rest.begin() + 3, rest.end()) + frame(peer, opcode::close, {}));
    CHECK(!left.ws.poll_some());
    CHECK(!left.ws.poll());
    CHECK(left.ws.is_over());
    CHECK(!left.ws.error());
  }
}

TEST_CASE("streaming: encoded messages are decoded a bounded part at a time") {
  for (role const self : both_roles) {
    for (std::size_t const times : {std::size_t{1}, std::size_t{1000}}) {
      CAPTURE(times);
      toy_extension toy{times};
      kw::session ws{self, streaming(), &toy};
      bytes payload(30'000);
      for (std::size_t i = 0; i != payload.size(); ++i) payload[i] = static_cast<std::byte>(i * 7 % 61);
      bytes const encoded = toy_encoded(payload);
      bytes const first(encoded.begin(), encoded.begin() + 9000);
      bytes const second(encoded.begin() + 9000, encoded.end());
      key const* const mask = self == role::server ? &example_key : nullptr;
      bytes const input = frame(toy_extension::bit | static_cast<unsigned>(opcode::binary), first, mask) +
                          frame(peer_of(self), opcode::ping, text("?")) +
                          frame(peer_of(self), opcode::continuation, second);
      gathered_chunks seen;
      for (std::size_t at = 0; at < input.size(); at += 20'000) {
        feed(ws, std::span{input}.subspan(at, std::min<std::size_t>(20'000, input.size() - at)));
        ws.look_ahead();
        seen.drain(ws);
      }
      REQUIRE(seen.whole.size() == 1);
      CHECK(seen.wrong == 0);
      CHECK(seen.longest <= (std::size_t{64} << 10) + 256 * times);
      CHECK(seen.chunks >= payload.size() * times / ((std::size_t{64} << 10) + 256 * times));
      unsigned wrong = seen.whole[0].payload.size() != payload.size() * times;
      for (std::size_t i = 0; i != seen.whole[0].payload.size() && wrong == 0; ++i)
        wrong += seen.whole[0].payload[i] != payload[i / times];
      CHECK(wrong == 0);
    }
  }
}

TEST_CASE("streaming: of an encoded message, what it decodes to is limited and checked") {
  auto const error_of = [](std::uint64_t most, opcode type, bytes payload, std::size_t times) {
    toy_extension toy{times};
    kw::session ws{role::client, streaming(most), &toy};
    bytes const input = frame(0x80u | toy_extension::bit | static_cast<unsigned>(type),
                              toy_encoded(std::move(payload)), nullptr);
    feed(ws, input);
    gathered_chunks seen;
    seen.drain(ws);
    return ws.error();
  };
  CHECK(!error_of(1000, opcode::binary, bytes(1000), 1));
  CHECK(error_of(999, opcode::binary, bytes(1000), 1) == kw::error::message_too_large);
  CHECK(!error_of(500'000, opcode::binary, bytes(500), 1000));
  CHECK(error_of(499'999, opcode::binary, bytes(500), 1000) == kw::error::message_too_large);
  CHECK(!error_of(100, opcode::text, text("a\xC3\xA4"), 1));
  CHECK(error_of(100, opcode::text, text("a\xC3"), 1) == kw::error::invalid_utf8);
  CHECK(error_of(100'000, opcode::text, text("aaa\xC3"), 1000) == kw::error::invalid_utf8);
}

}  // namespace

}  // namespace session_streaming_tests
