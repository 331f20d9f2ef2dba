// What is sent compressed, RFC 7692 §7.2.1, read by zlib in one call.
#include <kindwire/deflate/deflater.hpp>
#include <kindwire/deflate/zlib_deflater.hpp>

#include <doctest/doctest.h>

#include <cstddef>
#include <memory>
#include <optional>

#include "../support/bytes.hpp"
#include "zlib_reference.hpp"

namespace deflater_tests {

namespace {

namespace kw = kindwire;
using namespace support;
using kw::deflate::detail::deflater;

std::unique_ptr<deflater> made(int window_bits, int memory_level, int level) {
  using kw::deflate::detail::zlib_compressor;
  return zlib_compressor.make({&zlib_compressor, window_bits, memory_level, level});
}

bytes deflated(deflater& context, bytes const& payload, bool fin = true) {
  kw::buffer to;
  CHECK(context.deflate(payload, fin, SIZE_MAX, to));
  return copy(to.bytes());
}

TEST_CASE("deflater: RFC 7692 §7.2.3, with the window and without") {
  auto context = made(15, 8, 6);
  CHECK(deflated(*context, text("Hello")) == hex("f2 48 cd c9 c9 07 00"));
  CHECK(deflated(*context, text("Hello")) == hex("f2 00 11 00 00"));
  context->reset();
  CHECK(deflated(*context, text("Hello")) == hex("f2 48 cd c9 c9 07 00"));
}

// seasocks #125, Netty #4348 and #9429, IXWebSocket #167: nothing to compress after something was.
TEST_CASE("deflater: an empty message is 00, and an empty fragment nothing, whenever they come") {
  auto context = made(15, 8, 6);
  reference_inflater peer;
  for (int round = 0; round != 3; ++round) {
    CHECK(deflated(*context, {}) == hex("00"));
    CHECK(peer.message(hex("00")) == bytes{});
    CHECK(deflated(*context, {}, false).empty());
    bytes const first = deflated(*context, text("Hello"), false);
    CHECK(copy(std::span{first}.last(4)) == hex("00 00 ff ff"));
    CHECK(peer.message(first + deflated(*context, {})) == text("Hello"));
    CHECK(peer.message(deflated(*context, text("Hello"))) == text("Hello"));
  }
}

// madler/zlib #532: a flush that fills the room to its last byte is done once more.
TEST_CASE("deflater: whatever room the output happens to have, the message is right and the next one too") {
  random_numbers numbers{5};
  for (std::size_t used = 0; used != 1100; ++used) {
    CAPTURE(used);
    auto context = made(15, 8, 6);
    reference_inflater peer;
    kw::buffer to;
    to.append(bytes(used));
    bytes const payload = numbers.ascii(300);
    CHECK(context->deflate(payload, true, SIZE_MAX, to));
    CHECK(peer.message(copy(std::span{to.bytes()}.subspan(used))) == payload);
    CHECK(peer.message(deflated(*context, payload)) == payload);
  }
}

TEST_CASE("deflater: any parameters, any messages, whole and in fragments") {
  random_numbers numbers{6};
  for (int round = 0; round != 400; ++round) {
    CAPTURE(round);
    auto context = made(static_cast<int>(9 + numbers.below(7)), static_cast<int>(1 + numbers.below(9)),
                        static_cast<int>(1 + numbers.below(9)));
    reference_inflater peer;
    for (int message = 0; message != 5; ++message) {
      bytes payload;
      bytes coded;
      for (std::size_t left = numbers.one_in(2) ? 0 : numbers.below(4);; --left) {
        bytes const part =
            numbers.one_in(4) ? numbers.any(numbers.below(5000)) : numbers.utf8(numbers.below(5000));
        payload += part;
        coded += deflated(*context, part, left == 0);
        if (left == 0) break;
      }
      if (numbers.one_in(4)) context->reset();
      CHECK(peer.message(coded) == payload);
    }
  }
}

TEST_CASE("deflater: a limit stops it early, and after reset() all is well") {
  random_numbers numbers{7};
  for (std::size_t const size : {3u, 10u, 100u, 5000u, 200'000u}) {
    CAPTURE(size);
    auto context = made(12, 5, 6);
    reference_inflater peer;
    CHECK(peer.message(deflated(*context, text("Hello"))) == text("Hello"));
    bytes const payload = numbers.any(size);
    kw::buffer to;
    CHECK_FALSE(context->deflate(payload, true, size, to));
    CHECK(to.size() <= size + 4);
    context->reset();
    CHECK(peer.message(deflated(*context, text("Hello"))) == text("Hello"));
    bytes const same = repeat(size + 50, 'x');
    kw::buffer shorter;
    CHECK(context->deflate(same, true, same.size(), shorter));
    CHECK(shorter.size() < same.size());
    CHECK(peer.message(copy(shorter.bytes())) == same);
  }
}

TEST_CASE("deflater: its memory is counted") {
  std::size_t const before = kw::deflate::memory_in_use();
  {
    auto context = made(12, 5, 6);
    CHECK(kw::deflate::memory_in_use() - before >= 32768);
    CHECK(context->memory() >= kw::deflate::memory_in_use() - before);
  }
  CHECK(kw::deflate::memory_in_use() == before);
  CHECK(made(15, 10, 6) == nullptr);
  CHECK(kw::deflate::memory_in_use() == before);
}

}  // namespace

}  // namespace deflater_tests
