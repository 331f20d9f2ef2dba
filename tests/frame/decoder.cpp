#include <kindwire/frame/decoder.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "support/allocations.hpp"
#include "support/bytes.hpp"
#include "support/reference.hpp"

namespace decoder_tests {

namespace {

namespace kw = kindwire;
using namespace support;

struct seen_frame {
  unsigned first = 0;
  std::uint64_t length = 0;
  bytes payload;
  bool whole = false;
  bool operator==(seen_frame const&) const = default;
};

struct seen_stream {
  std::vector<seen_frame> frames;
  kw::error violation{};
  bool sound = true;  // every chunk kept the decoder's promises
  bool operator==(seen_stream const&) const = default;
};

// Feeds pieces and puts the chunks together again, checking what each of them promises.
class collector {
 public:
  explicit collector(kw::role self) : decoder_(self) {}

  void take(std::span<std::byte const> piece) {
    bytes own = copy(piece);  // of its exact size, for the address sanitizer
    std::span<std::byte> input = own;
    while (true) {
      auto const* const before = input.data();
      std::size_t const size_before = input.size();
      kw::frame_chunk const chunk = decoder_.next(input);
      if (!chunk) break;
      promise(chunk.first == !inside_);
      if (chunk.first) {
        auto const& header = *chunk.header;
        unsigned const first =
            (header.fin ? 128u : 0u) | header.reserved | static_cast<unsigned>(header.type);
        seen_.frames.push_back({first, header.length, {}, false});
      }
      auto& frame = seen_.frames.back();
      promise(chunk.header->length == frame.length);
      promise(chunk.payload.data() >= before && chunk.payload.size() <= size_before);
      promise(chunk.first || !chunk.payload.empty());
      promise(chunk.payload.data() + chunk.payload.size() ==
              input.data());  // in place, directly before the rest
      promise(chunk.offset == frame.payload.size());
      frame.payload += copy(chunk.payload);
      frame.whole = chunk.last;
      inside_ = !chunk.last;
      promise(chunk.last == (frame.payload.size() == frame.length));
      promise(decoder_.remaining() == frame.length - frame.payload.size());
    }
    auto const error = decoder_.error();
    promise(error || input.empty());
    seen_.violation = static_cast<kw::error>(error.value());
  }

  seen_stream const& seen() const { return seen_; }
  bool between_frames() const { return decoder_.between_frames(); }

 private:
  void promise(bool kept) { seen_.sound = seen_.sound && kept; }

  kw::basic_frame_decoder decoder_;
  seen_stream seen_;
  bool inside_ = false;
};

seen_stream decode(kw::role self, bytes const& input, std::size_t cut) {
  collector result{self};
  result.take(std::span{input}.first(cut));
  result.take(std::span{input}.subspan(cut));
  return result.seen();
}

// Frames of every kind, the last of them broken by `broken` unless that is empty.
bytes stream_of(kw::role sender, bytes const& broken) {
  random_numbers random{7};
  bytes result;
  result += frame(sender, kw::opcode::text, text("Hello"));
  result += frame(sender, kw::opcode::ping, {});
  result += frame(sender, kw::opcode::text, {}, false);
  result += frame(sender, kw::opcode::pong, random.any(125));
  result += frame(sender, kw::opcode::continuation, random.any(126), false);
  result += frame(sender, kw::opcode::continuation, text("a"));
  result += frame(sender, kw::opcode::binary, random.any(300));
  return result + broken;
}

bytes const violations[] = {
    {},
    hex("c1"),
    hex("83"),
    hex("09"),
    hex("8f"),
    hex("89 ff"),
    hex("89 7f"),
    hex("81 81 00"),
    hex("82 fe 00 7d"),
    hex("82 7e 00 7d"),
    hex("82 7f 80"),
    hex("82 ff 80"),
    hex("82 ff 00 00 00 00 00 00 ff ff"),
};

TEST_CASE(
    "decoder: a stream is the same at every split in two, and byte by byte, also when it breaks a rule") {
  for (kw::role const self : {kw::role::server, kw::role::client}) {
    for (bytes const& broken : violations) {
      CAPTURE(to_hex(broken));
      bytes const input = stream_of(peer_of(self), broken);
      auto const whole = decode(self, input, input.size());
      CHECK(whole.sound);
      CHECK(whole.frames.size() == 7);
      unsigned wrong = 0;
      for (std::size_t cut = 0; cut != input.size(); ++cut) wrong += !(decode(self, input, cut) == whole);
      CHECK(wrong == 0);

      collector singles{self};
      for (auto const each : input) singles.take({&each, 1});
      CHECK(singles.seen() == whole);
    }
  }
}

TEST_CASE("decoder: a split stream is what the reference reads, and breaks at the same byte") {
  for (kw::role const self : {kw::role::server, kw::role::client}) {
    for (bytes const& broken : violations) {
      CAPTURE(to_hex(broken));
      bytes const input = stream_of(peer_of(self), broken);
      collector decoder{self};
      reference_header header;
      std::vector<seen_frame> frames;
      std::size_t left = 0;
      unsigned wrong = 0;
      for (auto const each : input) {
        decoder.take({&each, 1});
        if (header.violation != kw::error{}) break;
        if (left == 0) {
          header.take(each, self);
          if (header.whole && header.violation == kw::error{}) {
            unsigned const first = (header.fin ? 128u : 0u) | header.reserved * 16 | header.code;
            frames.push_back({first, header.length, {}, false});
            left = static_cast<std::size_t>(header.length);
          }
        } else {
          auto& frame = frames.back();
          frame.payload.push_back(header.masked ? each ^ header.mask[frame.payload.size() % 4] : each);
          --left;
        }
        if (header.whole && left == 0) {
          frames.back().whole = true;
          header = {};
        }
        wrong += decoder.seen().violation != header.violation;
        if (header.violation == kw::error{})
          wrong += decoder.between_frames() != (left == 0 && header.size == 0);
        wrong += decoder.seen().frames != frames;
      }
      CHECK(wrong == 0);
    }
  }
}

TEST_CASE("decoder: lengths around 125, 126, 65535 and 65536, split in and around the header") {
  random_numbers random{8};
  for (kw::role const self : {kw::role::server, kw::role::client}) {
    for (std::size_t const size :
         {0u, 1u, 124u, 125u, 126u, 127u, 255u, 256u, 65534u, 65535u, 65536u, 65537u}) {
      CAPTURE(size);
      bytes const payload = random.any(size);
      bytes const input = frame(peer_of(self), kw::opcode::binary, payload) +
                          frame(peer_of(self), kw::opcode::ping, text("next"));
      unsigned wrong = 0;
      for (std::size_t cut = 0; cut <= std::min<std::size_t>(input.size(), 40); ++cut) {
        auto const seen = decode(self, input, cut);
        wrong += !seen.sound || seen.frames.size() != 2 || seen.frames[0].payload != payload ||
                 seen.frames[1].payload != text("next") || !seen.frames[0].whole ||
                 seen.frames[0].length != size;
      }
      CHECK(wrong == 0);
    }
  }
}

TEST_CASE("decoder: growth across 125/126 and 65535/65536 in reads of one byte") {
  random_numbers random{9};
  bytes input;
  std::vector<bytes> payloads;
  for (std::size_t const size : {125u, 126u, 65535u, 65536u}) {
    payloads.push_back(random.any(size));
    input += frame(kw::role::client, kw::opcode::binary, payloads.back());
  }
  collector decoder{kw::role::server};
  for (auto const each : input) decoder.take({&each, 1});
  REQUIRE(decoder.seen().frames.size() == payloads.size());
  CHECK(decoder.seen().sound);
  for (std::size_t i = 0; i != payloads.size(); ++i)
    CHECK(bool(decoder.seen().frames[i].payload == payloads[i]));
}

TEST_CASE("decoder: the examples of RFC 6455 §5.7") {
  auto const only = [](kw::role self, bytes const& input) {
    auto seen = decode(self, input, input.size());
    CHECK(seen.violation == kw::error{});
    CHECK(seen.frames.size() == 1);
    return seen.frames.empty() ? seen_frame{} : seen.frames[0];
  };
  SUBCASE("a single-frame unmasked text message") {
    auto const frame = only(kw::role::client, hex("81 05 48 65 6c 6c 6f"));
    CHECK(frame.first == 0x81);
    CHECK(frame.payload == text("Hello"));
  }
  SUBCASE("a single-frame masked text message") {
    auto const frame = only(kw::role::server, hex("81 85 37 fa 21 3d 7f 9f 4d 51 58"));
    CHECK(frame.first == 0x81);
    CHECK(frame.payload == text("Hello"));
  }
  SUBCASE("a fragmented unmasked text message") {
    auto const seen = decode(kw::role::client, hex("01 03 48 65 6c 80 02 6c 6f"), 0);
    REQUIRE(seen.frames.size() == 2);
    CHECK(seen.frames[0] == seen_frame{0x01, 3, text("Hel"), true});
    CHECK(seen.frames[1] == seen_frame{0x80, 2, text("lo"), true});
  }
  SUBCASE("unmasked Ping request and masked Ping response") {
    CHECK(only(kw::role::client, hex("89 05 48 65 6c 6c 6f")) == seen_frame{0x89, 5, text("Hello"), true});
    CHECK(only(kw::role::server, hex("8a 85 37 fa 21 3d 7f 9f 4d 51 58")) ==
          seen_frame{0x8a, 5, text("Hello"), true});
  }
  SUBCASE("256 bytes binary message in a single unmasked frame") {
    bytes const data = random_numbers{10}.any(256);
    CHECK(only(kw::role::client, hex("82 7e 01 00") + data) == seen_frame{0x82, 256, data, true});
  }
  SUBCASE("64KiB binary message in a single unmasked frame") {
    bytes const data = random_numbers{11}.any(65536);
    CHECK(bool(only(kw::role::client, hex("82 7f 00 00 00 00 00 01 00 00") + data) ==
               seen_frame{0x82, 65536, data, true}));
  }
}

TEST_CASE("decoder: a header gives an empty piece before any payload is there, so that limits can act") {
  kw::frame_decoder<kw::role::client> decoder;
  bytes data = hex("82 7f 7f ff ff ff ff ff ff ff");
  std::span<std::byte> input = data;
  auto const chunk = decoder.next(input);
  REQUIRE(chunk);
  CHECK(chunk.first);
  CHECK_FALSE(chunk.last);
  CHECK(chunk.payload.empty());
  CHECK(chunk.header->length == 0x7FFFFFFFFFFFFFFFu);
  CHECK(decoder.remaining() == 0x7FFFFFFFFFFFFFFFu);
  CHECK_FALSE(decoder.between_frames());
  CHECK_FALSE(decoder.next(input));
  CHECK_FALSE(decoder.error());
}

TEST_CASE("decoder: a frame without payload is one empty piece, first and last") {
  kw::frame_decoder<kw::role::server> decoder;
  bytes data = hex("89 80 00 00 00 00 81 80 00 00 00 00");
  std::span<std::byte> input = data;
  for (kw::opcode const type : {kw::opcode::ping, kw::opcode::text}) {
    auto const chunk = decoder.next(input);
    REQUIRE(chunk);
    CHECK(chunk.header->type == type);
    CHECK(chunk.first);
    CHECK(chunk.last);
    CHECK(chunk.payload.empty());
    CHECK(decoder.between_frames());
  }
  CHECK_FALSE(decoder.next(input));
  CHECK(input.empty());
}

TEST_CASE("decoder: after a violation nothing more is decoded, whatever comes") {
  kw::frame_decoder<kw::role::client> decoder;
  bytes data = hex("83 00") + frame(kw::role::server, kw::opcode::text, text("later"));
  std::span<std::byte> input = data;
  CHECK_FALSE(decoder.next(input));
  CHECK(decoder.error() == kw::error::reserved_opcode);
  bytes more = frame(kw::role::server, kw::opcode::text, text("later"));
  std::span<std::byte> rest = more;
  CHECK_FALSE(decoder.next(rest));
  CHECK_FALSE(decoder.next(input));
  CHECK(decoder.error() == kw::error::reserved_opcode);
}

TEST_CASE("decoder: an extension's bits pass only while it is allowed them (RFC 6455 §5.2, §9)") {
  for (unsigned const allowed : {0x00u, 0x10u, 0x20u, 0x40u, 0x50u, 0x70u}) {
    for (unsigned bits = 0; bits <= 0x70u; bits += 0x10u) {
      CAPTURE(allowed);
      CAPTURE(bits);
      kw::frame_decoder<kw::role::client> decoder;
      decoder.allow_reserved(static_cast<std::uint8_t>(allowed));
      bytes data = head(0x81u | bits, 0, nullptr);
      std::span<std::byte> input = data;
      auto const chunk = decoder.next(input);
      bool const passes = (bits & ~allowed) == 0;
      CHECK(static_cast<bool>(chunk) == passes);
      CHECK(decoder.error() == (passes ? std::error_code{} : kw::error::reserved_bits));
      if (chunk) CHECK(chunk.header->reserved == bits);
    }
  }
}

TEST_CASE(
    "decoder: bits that mark messages pass on TEXT and BINARY only, and fail elsewhere at the first byte") {
  for (unsigned bits = 0x10u; bits <= 0x70u; bits += 0x10u) {
    for (unsigned code = 0; code != 16; ++code) {
      CAPTURE(bits);
      CAPTURE(code);
      kw::frame_decoder<kw::role::client> decoder;
      decoder.allow_reserved(kw::reserved_bits::of_messages(0x70));
      auto copied = decoder.restarted();
      bytes data = head(0x80u | bits | code, 0, nullptr);
      std::span<std::byte> input = std::span{data}.first(1);
      CHECK_FALSE(decoder.next(input));
      bool const passes = code == 1 || code == 2;
      CHECK(decoder.error() == (passes ? std::error_code{} : kw::error::reserved_bits));
      input = data;
      CHECK(static_cast<bool>(copied.next(input)) == passes);
    }
  }
}

TEST_CASE("decoder: take() leaves the payload masked, and says where in the frame it lies") {
  bytes const original = text("a payload in three pieces");
  bytes data = frame(kw::role::client, kw::opcode::text, original);
  bytes const masked(data.begin() + 6, data.end());
  kw::frame_decoder<kw::role::server> decoder;
  bytes unmasked;
  std::size_t at = 6;
  for (std::size_t const size : {6u + 3u, 10u, 12u}) {
    std::span<std::byte> input = std::span{data}.subspan(at == 6 ? 0 : at, size);
    auto const chunk = decoder.take(input);
    REQUIRE(chunk);
    CHECK(chunk.offset == at - 6);
    CHECK(copy(chunk.payload) ==
          bytes(masked.begin() + static_cast<std::ptrdiff_t>(chunk.offset),
                masked.begin() + static_cast<std::ptrdiff_t>(chunk.offset + chunk.payload.size())));
    kw::mask(chunk.payload, chunk.header->key, chunk.offset);
    unmasked += copy(chunk.payload);
    at += chunk.payload.size();
  }
  CHECK(unmasked == original);
}

TEST_CASE("decoder: take_whole() takes messages that lie there whole, and nothing else") {
  kw::frame_decoder<kw::role::server> decoder;
  bytes const behind = repeat(20, 'x');
  kw::whole_frame taken;
  auto const takes = [&](bytes data) {
    std::span<std::byte> input = data;
    taken = decoder.take_whole(input);
    // Either all of the frame, or nothing.
    CHECK(input.size() == (taken ? behind.size() : data.size()));
    CHECK(!decoder.error());
    CHECK(decoder.between_frames());
    return static_cast<bool>(taken);
  };
  for (auto const type : {kw::opcode::text, kw::opcode::binary}) {
    for (std::size_t const size : {0u, 1u, 125u, 126u, 65535u}) {
      CHECK(takes(frame(kw::role::client, type, repeat(size, 'a')) + behind));
      CHECK(taken.type == type);
      CHECK(taken.payload.size() == size);
      CHECK(taken.word == kw::detail::mask_word_at(example_key, 0));
    }
    CHECK_FALSE(takes(frame(kw::role::client, type, repeat(65536, 'a')) + behind));
    CHECK_FALSE(takes(frame(kw::role::client, type, text("begun"), false) + behind));
    CHECK_FALSE(takes(frame(kw::role::server, type, text("unmasked")) + behind));
    bytes cut = frame(kw::role::client, type, repeat(100, 'a'));
    cut.pop_back();
    CHECK_FALSE(takes(cut));
  }
  for (auto const type : {kw::opcode::continuation, kw::opcode::close, kw::opcode::ping, kw::opcode::pong})
    CHECK_FALSE(takes(frame(kw::role::client, type, {}) + behind));
  CHECK_FALSE(takes(hex("82 ff ff ff ff ff ff ff ff ff 00 00 00 00") + behind));
  CHECK_FALSE(takes(hex("82 fe 00 7d 00 00 00 00") + repeat(200, 'x')));
  CHECK_FALSE(takes(hex("83 80 00 00 00 00") + behind));
  CHECK_FALSE(takes(hex("c2 80 00 00 00 00") + behind));
}

TEST_CASE("decoder: allocates nothing") {
  bytes data = stream_of(kw::role::client, {});
  allocation_counter const counter;
  kw::frame_decoder<kw::role::server> decoder;
  std::span<std::byte> input = data;
  unsigned chunks = 0;
  while (decoder.next(input)) ++chunks;
  CHECK(counter.calls() == 0);
  CHECK(chunks == 7);
}

}  // namespace

}  // namespace decoder_tests
