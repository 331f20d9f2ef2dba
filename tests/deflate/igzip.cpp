// What igzip compresses, RFC 7692 §7.2.1, read by zlib in one call.
#include <kindwire/deflate/igzip.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <cstddef>
#include <deque>
#include <memory>
#include <optional>
#include <string>

#include "../support/bytes.hpp"
#include "compressed_end.hpp"
#include "zlib_reference.hpp"

namespace igzip_tests {

namespace {

namespace kw = kindwire;
namespace deflate = kw::deflate;
using namespace support;
using deflate::detail::contexts;
using deflate::detail::deflater;
using deflate::detail::igzip_compressor;
using kw::opcode;
using kw::role;

std::unique_ptr<deflater> made(int level = 1, int window_bits = 15) {
  return igzip_compressor.make({&igzip_compressor, window_bits, 8, level});
}

bytes deflated(deflater& context, bytes const& payload, bool fin = true) {
  kw::buffer to;
  CHECK(context.deflate(payload, fin, SIZE_MAX, to));
  return copy(to.bytes());
}

// Of several kinds: what does not shrink, words, one letter, and repetitions that lie `apart`.
bytes payload_of(random_numbers& numbers, std::size_t size, std::size_t apart = 700) {
  switch (numbers.below(5)) {
    case 0: return numbers.any(size);
    case 1: return numbers.ascii(size);
    case 2: return repeat(size, 'x');
    case 3: return numbers.utf8(size);
    default: {
      bytes result = numbers.any(size);
      for (std::size_t i = apart; i < size; ++i) {
        if (i % apart > 20) result[i] = result[i - apart];
      }
      return result;
    }
  }
}

// With a window of just so many bits: zlib checks a distance against what it keeps only where the room for
// its output does not reach back as far, so that gets a byte at a time.
std::optional<bytes> inflated_within(int window_bits, bytes const& coded) {
  z_stream stream{};
  inflateInit2(&stream, -window_bits);
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<std::byte*>(coded.data()));
  stream.avail_in = static_cast<uInt>(coded.size());
  bytes result;
  int outcome = Z_OK;
  do {
    Bytef one = 0;
    stream.next_out = &one;
    stream.avail_out = 1;
    outcome = inflate(&stream, Z_SYNC_FLUSH);
    if (stream.avail_out == 0) result.push_back(std::byte{one});
  } while (outcome == Z_OK && stream.avail_out == 0);
  inflateEnd(&stream);
  if (outcome != Z_OK && outcome != Z_BUF_ERROR) return std::nullopt;
  return result;
}

TEST_CASE("igzip: a message of any size ends in the tail that is left out, at any level") {
  random_numbers numbers{51};
  for (int level = 0; level != 4; ++level) {
    auto const context = made(level);
    for (std::size_t size = 1; size <= 5000; size += level == 1 ? 1 : 7) {
      CAPTURE(level);
      CAPTURE(size);
      bytes const payload = payload_of(numbers, size);
      bytes const fragment = deflated(*context, payload, false);
      CHECK(copy(std::span{fragment}.last(4)) == hex("00 00 ff ff"));
      context->reset();
      // What came before has no part in it.
      bytes const message = deflated(*context, payload);
      CHECK(message == bytes(fragment.begin(), fragment.end() - 4));
      CHECK(reference_inflated(message) == payload);
      context->reset();
    }
  }
}

TEST_CASE("igzip: an empty message is 00, and an empty fragment nothing, whenever they come") {
  auto const context = made();
  reference_inflater peer;
  for (int round = 0; round != 3; ++round) {
    CHECK(deflated(*context, {}) == hex("00"));
    CHECK(peer.message(hex("00")) == bytes{});
    CHECK(deflated(*context, {}, false).empty());
    bytes const first = deflated(*context, text("Hello"), false);
    CHECK(peer.message(first + deflated(*context, {})) == text("Hello"));
    CHECK(peer.message(deflated(*context, text("Hello"))) == text("Hello"));
  }
}

TEST_CASE("igzip: nothing lies further back than the window that was agreed on (§7.1.2)") {
  random_numbers numbers{52};
  for (int level = 0; level != 4; ++level) {
    for (int bits = 9; bits != 16; ++bits) {
      CAPTURE(level);
      CAPTURE(bits);
      std::size_t const window = std::size_t{1} << bits;
      auto const context = made(level, bits);
      std::size_t whole = 0;
      std::size_t shortest = SIZE_MAX;
      for (std::size_t const apart : {window - 300, window, window + 1, window + 300}) {
        bytes payload = numbers.any(apart);
        for (int i = 0; i != 3; ++i)
          payload += bytes(payload.begin(), payload.begin() + static_cast<std::ptrdiff_t>(apart));
        bytes const coded = deflated(*context, payload, false);
        CHECK(inflated_within(bits, coded) == payload);
        shortest = std::min(shortest, coded.size());
        whole = std::max(whole, payload.size());
        context->reset();
      }
      CHECK(shortest < whole / 8 * 7);  // while what lies within it is referred to
      for (int i = 0; i != 5; ++i) {
        bytes const payload =
            payload_of(numbers, numbers.below(4 * window), window / 2 + numbers.below(window));
        bytes coded;
        if (!payload.empty()) coded = deflated(*context, payload, false);
        CHECK(inflated_within(bits, coded) == payload);
        context->reset();
      }
    }
  }
}

TEST_CASE("igzip: whatever room the output happens to have, the message is right and the next one too") {
  random_numbers numbers{53};
  for (int level = 0; level != 4; ++level) {
    for (std::size_t used = 0; used < 1100; used += level == 1 ? 1 : 3) {
      CAPTURE(level);
      CAPTURE(used);
      auto const context = made(level);
      reference_inflater peer;
      kw::buffer to;
      to.append(bytes(used));
      bytes const payload = numbers.ascii(300);
      CHECK(context->deflate(payload, true, SIZE_MAX, to));
      CHECK(peer.message(copy(std::span{to.bytes()}.subspan(used))) == payload);
      CHECK(peer.message(deflated(*context, payload)) == payload);
    }
  }
}

TEST_CASE("igzip: any parameters, any messages, whole and in fragments, with the window and without") {
  random_numbers numbers{54};
  for (int round = 0; round != 300; ++round) {
    CAPTURE(round);
    auto const context = made(static_cast<int>(numbers.below(4)), static_cast<int>(9 + numbers.below(7)));
    reference_inflater peer;
    for (int message = 0; message != 6; ++message) {
      bytes payload;
      bytes coded;
      for (std::size_t left = numbers.one_in(2) ? 0 : numbers.below(4);; --left) {
        bytes const part = payload_of(numbers, numbers.below(numbers.one_in(8) ? 150'000 : 5000));
        payload += part;
        coded += deflated(*context, part, left == 0);
        if (left == 0) break;
      }
      if (numbers.one_in(4)) context->reset();
      CHECK(peer.message(coded) == payload);
    }
  }
}

TEST_CASE("igzip: a message cut in two at any byte") {
  random_numbers numbers{55};
  for (int level = 0; level != 4; ++level) {
    auto const context = made(level);
    bytes const payload = numbers.ascii(400);
    for (std::size_t at = 0; at <= payload.size(); ++at) {
      CAPTURE(level);
      CAPTURE(at);
      auto const middle = payload.begin() + static_cast<std::ptrdiff_t>(at);
      bytes const first = deflated(*context, bytes(payload.begin(), middle), false);
      CHECK(reference_inflated(first + deflated(*context, bytes(middle, payload.end()))) == payload);
      context->reset();
    }
  }
}

TEST_CASE("igzip: a limit stops it early, and after reset() all is well") {
  random_numbers numbers{56};
  for (int level = 0; level != 4; ++level) {
    for (std::size_t const size : {3u, 10u, 100u, 5000u, 200'000u}) {
      CAPTURE(level);
      CAPTURE(size);
      auto const context = made(level, 12);
      reference_inflater peer;
      CHECK(peer.message(deflated(*context, text("Hello"))) == text("Hello"));
      kw::buffer to;
      CHECK_FALSE(context->deflate(numbers.any(size), true, size, to));
      CHECK(to.size() <= size + 100);
      context->reset();
      CHECK(peer.message(deflated(*context, text("Hello"))) == text("Hello"));
      bytes const same = repeat(size + 500, 'x');
      kw::buffer shorter;
      CHECK(context->deflate(same, true, same.size(), shorter));
      CHECK(shorter.size() < same.size());
      CHECK(peer.message(copy(shorter.bytes())) == same);
    }
  }
}

TEST_CASE("igzip: its memory is counted, and a thread keeps it apart from zlib's") {
  std::size_t const before = deflate::memory_in_use();
  for (int level = 0; level != 4; ++level) {
    auto const context = made(level);
    std::size_t const counted = deflate::memory_in_use() - before;
    CHECK(counted >= sizeof(isal_zstream));
    CHECK(context->memory() >= counted);
    CHECK(context->memory() <= igzip_compressor.memory(context->shape()));
  }
  CHECK(deflate::memory_in_use() == before);
  deflate::detail::deflater_shape const ours{&igzip_compressor, 15, 8, 1};
  deflate::detail::deflater_shape theirs = ours;
  theirs.by = &deflate::detail::zlib_compressor;
  auto one = contexts::take_deflater(ours);
  auto two = contexts::take_deflater(theirs);
  auto const* const first = one.get();
  auto const* const second = two.get();
  contexts::give(std::move(one));
  contexts::give(std::move(two));
  auto again = contexts::take_deflater(ours);
  CHECK(again.get() == first);
  CHECK(contexts::take_deflater(theirs).get() == second);
  CHECK(deflated(*again, text("Hello")) == deflated(*made(), text("Hello")));
}

TEST_CASE("igzip: any messages, any fragments, any splits, both ways, on any terms") {
  random_numbers numbers{57};
  for (int round = 0; round != 150; ++round) {
    CAPTURE(round);
    auto own = deflate::igzip();
    own.context_takeover = numbers.one_in(2);
    own.window_bits = static_cast<int>(9 + numbers.below(7));
    own.level = static_cast<int>(numbers.below(4));
    own.threshold = numbers.one_in(2) ? 0 : 50;
    for (role const self : both_roles) {
      compressed_end sender{self, own};
      auto others = deflate::full();
      others.peer_context_takeover = own.context_takeover;
      others.peer_window_bits = own.window_bits;
      compressed_end receiver{peer_of(self), others};
      std::vector<reference_event> sent;
      bytes wire;
      for (std::size_t left = 1 + numbers.below(20); left != 0; --left) {
        auto const how = numbers.one_in(5) ? kw::compress::no : kw::compress::yes;
        bytes whole = payload_of(numbers, numbers.below(3000));
        bool const in_parts = numbers.one_in(3);
        CHECK_FALSE(sender.ws.send(opcode::binary, whole, !in_parts, how));
        for (std::size_t part = in_parts ? 1 + numbers.below(4) : 0; part != 0; --part) {
          bytes const more = payload_of(numbers, numbers.below(3000));
          whole += more;
          CHECK_FALSE(sender.ws.send(opcode::continuation, more, part == 1));
        }
        sent.push_back({opcode::binary, whole});
        wire += sender.output();
        if (numbers.one_in(6)) sender.deflate.rest();
      }
      receiver.take_in_pieces(wire, numbers.one_in(3) ? SIZE_MAX : 1 + numbers.below(100));
      CHECK_FALSE(receiver.ws.error());
      CHECK(receiver.seen == sent);
    }
  }
}

TEST_CASE("igzip: a message that grows is sent as it is, and those after it are right") {
  random_numbers numbers{58};
  for (int level = 0; level != 4; ++level) {
    auto own = deflate::igzip();
    own.level = level;
    own.threshold = 0;
    compressed_end sender{role::server, own};
    compressed_end receiver{role::client, deflate::shared()};
    std::vector<reference_event> sent;
    int compressed = 0;
    for (std::size_t i = 0; i != 40; ++i) {
      opcode const type = i % 2 == 0 ? opcode::text : opcode::binary;
      bytes const payload = i % 2 == 0 ? repeat(300 + i, 'x') : numbers.any(300);
      CHECK_FALSE(sender.ws.send(type, payload));
      sent.push_back({type, payload});
      bytes const output = sender.output();
      CHECK(output.size() <= payload.size() + 4);
      compressed += reserved_bits_of(output) != 0 ? 1 : 0;
      receiver.take(output);
    }
    CHECK(compressed == 20);
    CHECK(receiver.seen == sent);
    CHECK(sender.deflate.memory() == 0);
  }
}

TEST_CASE("igzip: levels outside of its own count as the nearest, and the windows asked for are agreed on") {
  for (int const level : {-1, 0, 1, 3, 9}) {
    CAPTURE(level);
    auto own = deflate::igzip();
    own.level = level;
    std::shared_ptr<kw::extension_negotiator const> const negotiator = own;
    auto const agreed = negotiator->accept({{"permessage-deflate", {{"server_max_window_bits", "10"}}}});
    REQUIRE(agreed.extension);
    CHECK(agreed.terms.find("server_max_window_bits=10") != std::string::npos);
    kw::session ws{role::server, {}, agreed.extension.get()};
    random_numbers numbers{59};
    bytes payload = numbers.any(1100);
    for (int i = 0; i != 3; ++i) payload += payload;
    payload += repeat(3000, 'x');
    CHECK_FALSE(ws.send(opcode::binary, payload));
    bytes const output = copy(ws.output());
    CHECK(reserved_bits_of(output) == 0x40);
    CHECK(inflated_within(10, bytes(output.begin() + 4, output.end()) + hex("00 00 ff ff")) == payload);
  }
}

}  // namespace

}  // namespace igzip_tests
