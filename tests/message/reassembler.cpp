#include <kindwire/message/reassembler.hpp>

#include <doctest/doctest.h>

#include <cstdint>
#include <limits>
#include <span>
#include <string_view>
#include <vector>

#include "support/allocations.hpp"
#include "support/bytes.hpp"
#include "support/reference.hpp"

namespace reassembler_tests {

namespace {

namespace kw = kindwire;
using namespace support;

// A server's receiving side without control frames and without a session.
struct receiver {
  explicit receiver(kw::reassembler_options options = {}) : messages(options) {}

  kw::basic_frame_decoder frames{kw::role::server};
  kw::reassembler messages;
  std::vector<reference_event> seen;
  bool in_input = false;  // the last message lay in the input

  void take(std::span<std::byte const> piece) {
    bytes own = copy(piece);
    std::span<std::byte> input = own;
    while (auto const chunk = frames.next(input)) {
      kw::message const message = messages.add(chunk);
      if (messages.error()) return;
      if (!message) continue;
      seen.push_back({message.type(), copy(message.bytes())});
      in_input = message.bytes().data() >= own.data() &&
                 message.bytes().data() + message.size() <= own.data() + own.size();
    }
  }
};

bytes client_frame(kw::opcode type, bytes payload, bool fin = true) {
  return frame(kw::role::client, type, std::move(payload), fin);
}
// The header of a frame whose payload never comes.
bytes client_head(unsigned first, std::uint64_t length) { return head(first, length, &example_key); }

TEST_CASE("reassembler: an unfragmented message is a view into the input, whatever its size") {
  for (std::size_t const size : {0u, 1u, 125u, 126u, 65536u, 1u << 20}) {
    CAPTURE(size);
    receiver self;
    bytes const payload = random_numbers{50}.any(size);
    bytes const input = client_frame(kw::opcode::binary, payload);
    allocation_counter const counter;
    self.messages.release();
    CHECK(counter.calls() == 0);
    self.take(input);
    REQUIRE(self.seen.size() == 1);
    CHECK(bool(self.seen[0].payload == payload));
    CHECK(self.in_input);
  }
}

TEST_CASE("reassembler: nothing is allocated for a message that lies whole in the input") {
  bytes input = client_frame(kw::opcode::text, text("Hello"));
  kw::basic_frame_decoder frames{kw::role::server};
  kw::reassembler messages;
  std::span<std::byte> rest = input;
  allocation_counter const counter;
  CHECK(messages.add(frames.next(rest)).text() == "Hello");
  CHECK(counter.calls() == 0);
}

TEST_CASE("reassembler: the view of a gathered message stays until the next add() or release()") {
  receiver self;
  self.take(client_frame(kw::opcode::text, text("Hel"), false));
  CHECK(self.messages.inside_message());
  bytes input = client_frame(kw::opcode::continuation, text("lo"));
  std::span<std::byte> rest = input;
  kw::message const message = self.messages.add(self.frames.next(rest));
  CHECK_FALSE(self.messages.inside_message());
  input.assign(input.size(), std::byte{0});
  CHECK(message.text() == "Hello");
  self.messages.release();
  CHECK_FALSE(self.messages.error());
  self.take(client_frame(kw::opcode::text, text("next")));
  CHECK(self.seen.back().payload == text("next"));
}

TEST_CASE("reassembler: the message is the same at every split of a fragmented text, and gathered") {
  bytes const payload = text("\xf0\x9f\x98\x80 caf\xc3\xa9 \xe2\x82\xac");
  for (std::size_t first = 0; first <= payload.size(); ++first) {
    for (std::size_t second = first; second <= payload.size(); ++second) {
      auto const at = [&](std::size_t i) { return payload.begin() + static_cast<std::ptrdiff_t>(i); };
      bytes const input = client_frame(kw::opcode::text, {at(0), at(first)}, false) +
                          client_frame(kw::opcode::continuation, {at(first), at(second)}, false) +
                          client_frame(kw::opcode::continuation, {at(second), payload.end()});
      unsigned wrong = 0;
      for (std::size_t cut = 0; cut <= input.size(); ++cut) {
        receiver self;
        self.take(std::span{input}.first(cut));
        self.take(std::span{input}.subspan(cut));
        wrong += self.seen != std::vector<reference_event>{{kw::opcode::text, payload}};
      }
      CHECK(wrong == 0);
    }
  }
}

TEST_CASE("reassembler: a message takes its type from its first frame, and empty fragments are legal") {
  receiver self;
  self.take(client_frame(kw::opcode::binary, {}, false));
  self.take(client_frame(kw::opcode::continuation, {}, false));
  self.take(client_frame(kw::opcode::continuation, hex("ff fe")));
  self.take(client_frame(kw::opcode::text, {}, false));
  self.take(client_frame(kw::opcode::continuation, {}));
  CHECK(self.seen ==
        std::vector<reference_event>{{kw::opcode::binary, hex("ff fe")}, {kw::opcode::text, {}}});
}

TEST_CASE("reassembler: a continuation needs a beginning, a beginning an end (RFC 6455 §5.4)") {
  SUBCASE("a continuation at the start") {
    for (bool const fin : {false, true}) {
      receiver self;
      self.take(client_frame(kw::opcode::continuation, hex("ff"), fin));
      CHECK(self.messages.error() == kw::error::unexpected_continuation);
    }
  }
  SUBCASE("a continuation after a whole message") {
    receiver self;
    self.take(client_frame(kw::opcode::text, text("a")) + client_frame(kw::opcode::continuation, text("b")));
    CHECK(self.messages.error() == kw::error::unexpected_continuation);
    CHECK(self.seen.size() == 1);
  }
  SUBCASE("a new message inside one") {
    for (kw::opcode const type : {kw::opcode::text, kw::opcode::binary}) {
      receiver self;
      self.take(client_frame(kw::opcode::text, text("a"), false) + client_frame(type, text("b")));
      CHECK(self.messages.error() == kw::error::expected_continuation);
      CHECK(self.seen.empty());
    }
  }
}

TEST_CASE("reassembler: the size limit acts on the header, at the limit and one above it") {
  for (std::size_t const limit : {0u, 1u, 100u, 70000u}) {
    CAPTURE(limit);
    receiver whole{{.max_message_size = limit}};
    whole.take(client_frame(kw::opcode::binary, repeat(limit, 'x')));
    CHECK_FALSE(whole.messages.error());
    CHECK(whole.seen.size() == 1);

    receiver above{{.max_message_size = limit}};
    above.take(client_head(0x82, limit + 1));
    CHECK(above.messages.error() == kw::error::message_too_large);

    receiver parts{{.max_message_size = limit}};
    parts.take(client_frame(kw::opcode::binary, repeat(limit / 2, 'x'), false));
    parts.take(client_frame(kw::opcode::continuation, repeat(limit - limit / 2, 'x'), false));
    CHECK_FALSE(parts.messages.error());
    parts.take(client_head(0x80, 1));
    CHECK(parts.messages.error() == kw::error::message_too_large);
  }
}

TEST_CASE("reassembler: no sum of lengths overflows: 02 81 m0 41, then 80 FF 7F FF...FF") {
  for (std::size_t const limit : {std::size_t{1} << 20, std::numeric_limits<std::size_t>::max()}) {
    CAPTURE(limit);
    receiver self{{.max_message_size = limit}};
    self.take(hex("02 81 00000000 41"));
    CHECK_FALSE(self.messages.error());
    allocation_counter const counter;
    self.take(hex("80 ff 7fffffffffffffff 00000000"));
    CHECK(counter.bytes() < 4096);
    CHECK(self.messages.error() == kw::error::message_too_large);
  }
}

TEST_CASE("reassembler: a length that no memory holds is too large, also without a limit") {
  receiver self{{.max_message_size = std::numeric_limits<std::size_t>::max()}};
  self.take(hex("82 ff 7fffffffffffffff 00000000"));
  CHECK(self.messages.error() == kw::error::message_too_large);
}

TEST_CASE("reassembler: 64-bit lengths are never read as 1 or as negative") {
  for (char const* const length : {"0000000080000000", "0000000100000001", "0000000100000000"}) {
    receiver self;
    self.take(hex("82 ff") + hex(length) + hex("00000000 41"));
    CHECK(self.messages.error() == kw::error::message_too_large);
    CHECK(self.seen.empty());
  }
}

TEST_CASE("reassembler: the fragment limit acts on the header that crosses it") {
  receiver self{{.max_message_size = 1 << 20, .max_fragments = 4}};
  self.take(client_frame(kw::opcode::binary, {}, false));
  for (int i = 0; i != 2; ++i) self.take(client_frame(kw::opcode::continuation, {}, false));
  self.take(client_frame(kw::opcode::continuation, text("x")));
  CHECK(self.seen.size() == 1);

  // The next message counts anew.
  self.take(client_frame(kw::opcode::binary, {}, false));
  for (int i = 0; i != 3; ++i) self.take(client_frame(kw::opcode::continuation, text("x"), false));
  CHECK_FALSE(self.messages.error());
  self.take(client_head(0x80, 100));
  CHECK(self.messages.error() == kw::error::too_many_fragments);
}

TEST_CASE("reassembler: nothing is allocated for bytes that a header declares") {
  receiver self{{.max_message_size = std::size_t{1} << 30}};
  bytes const header = client_head(0x82, std::size_t{1} << 29);
  self.take(header);
  allocation_counter const counter;
  self.take(repeat(100, 0));
  CHECK(counter.bytes() <= 100 + 1024);
  CHECK_FALSE(self.messages.error());
}

TEST_CASE("reassembler: what it holds is at most twice what came, in fragments of one byte") {
  receiver self{{.max_message_size = 1 << 20, .max_fragments = 1 << 20}};
  kw::basic_frame_decoder frames{kw::role::server};
  bytes const first = client_frame(kw::opcode::binary, text("x"), false);
  bytes const next = client_frame(kw::opcode::continuation, text("x"), false);
  self.take(first);
  bytes many;
  for (int i = 0; i != 99'999; ++i) many += next;
  bytes own = many;
  std::span<std::byte> input = own;
  allocation_counter const counter;
  while (auto const chunk = self.frames.next(input)) self.messages.add(chunk);
  CHECK_FALSE(self.messages.error());
  CHECK(counter.bytes() <= 4 * 100'000);  // all blocks on the way, of which the last two exist at once
}

TEST_CASE("reassembler: text fails at its first impossible byte, before its frame or message ends") {
  SUBCASE("in the middle of a frame") {
    receiver self;
    bytes const input = client_frame(kw::opcode::text, text("ab\xff"
                                                            "cd"));
    self.take(std::span{input}.first(6 + 2));
    CHECK_FALSE(self.messages.error());
    self.take(std::span{input}.subspan(6 + 2, 1));
    CHECK(self.messages.error() == kw::error::invalid_utf8);
  }
  SUBCASE("across fragments") {
    receiver self;
    self.take(client_frame(kw::opcode::text, hex("61 f4"), false));
    CHECK_FALSE(self.messages.error());
    self.take(client_frame(kw::opcode::continuation, hex("90"), false));
    CHECK(self.messages.error() == kw::error::invalid_utf8);
  }
  SUBCASE("ASCII inside a sequence") {
    receiver self;
    self.take(client_frame(kw::opcode::text, hex("e2 82"), false));
    self.take(client_frame(kw::opcode::continuation, text("plain ascii"), false));
    CHECK(self.messages.error() == kw::error::invalid_utf8);
  }
  SUBCASE("a sequence cut off by the end") {
    for (char const* const cut : {"c3", "e2 82", "f0 9f 98"}) {
      receiver self;
      self.take(client_frame(kw::opcode::text, hex(cut)));
      CHECK(self.messages.error() == kw::error::invalid_utf8);
      receiver later;
      later.take(client_frame(kw::opcode::text, hex(cut), false));
      CHECK_FALSE(later.messages.error());
      later.take(client_frame(kw::opcode::continuation, {}));
      CHECK(later.messages.error() == kw::error::invalid_utf8);
      CHECK(later.seen.empty());
    }
  }
  SUBCASE("a binary message may hold anything") {
    receiver self;
    self.take(client_frame(kw::opcode::binary, hex("ff fe c3")));
    self.take(client_frame(kw::opcode::text, text("next")));
    CHECK_FALSE(self.messages.error());
    CHECK(self.seen.size() == 2);
  }
}

TEST_CASE("reassembler: after an error it takes nothing more") {
  receiver self;
  self.take(client_frame(kw::opcode::continuation, text("a")));
  bytes input = client_frame(kw::opcode::text, text("later"));
  std::span<std::byte> rest = input;
  kw::basic_frame_decoder frames{kw::role::server};
  CHECK_FALSE(self.messages.add(frames.next(rest)));
  CHECK(self.messages.error() == kw::error::unexpected_continuation);
}

}  // namespace

}  // namespace reassembler_tests
