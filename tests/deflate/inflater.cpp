// What arrives compressed, RFC 7692 §7.2.2, against zlib in one call.
#include <kindwire/deflate/inflater.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <cstddef>
#include <initializer_list>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "../support/bytes.hpp"
#include "zlib_reference.hpp"

namespace inflater_tests {

namespace {

namespace kw = kindwire;
using namespace support;
using kw::deflate::detail::inflater;

// A message that comes in pieces of `size` bytes, inflated into rooms of `room` bytes; nothing if it is bad.
std::optional<bytes> inflate(inflater& context, bytes const& input, std::size_t size = SIZE_MAX,
                             std::size_t room = 100'000) {
  bytes result;
  std::size_t at = 0;
  do {
    std::size_t const piece = std::min(size, input.size() - at);
    std::span<std::byte const> left = std::span{input}.subspan(at, piece);
    at += piece;
    for (;;) {
      bytes place(room);
      std::span<std::byte> rest = place;
      if (context.inflate(left, rest, at == input.size()) != kw::error{}) return std::nullopt;
      result.insert(result.end(), place.begin(), place.end() - static_cast<std::ptrdiff_t>(rest.size()));
      if (!rest.empty()) break;
    }
    CHECK(left.empty());
  } while (at != input.size());
  return result;
}

// Several messages with one context, in pieces and rooms of all small sizes.
void check_all(std::initializer_list<bytes> inputs, std::initializer_list<std::optional<bytes>> expected) {
  for (std::size_t size = 1; size != 20; ++size) {
    for (std::size_t const room :
         {std::size_t{1}, std::size_t{2}, std::size_t{5}, std::size_t{6}, std::size_t{1000}}) {
      CAPTURE(size);
      CAPTURE(room);
      auto context = inflater::make(15);
      auto wanted = expected.begin();
      for (bytes const& each : inputs) {
        CAPTURE(to_hex(each));
        CHECK(inflate(*context, each, size, room) == *wanted++);
      }
    }
  }
}

TEST_CASE("inflater: the examples of RFC 7692 §7.2.3") {
  bytes const hello = text("Hello");
  check_all({hex("f2 48 cd c9 c9 07 00"), hex("f2 00 11 00 00")}, {hello, hello});
  check_all({hex("f2 48 cd c9 c9 07 00"), hex("f2 48 cd c9 c9 07 00")}, {hello, hello});
  check_all({hex("00 05 00 fa ff 48 65 6c 6c 6f 00")}, {hello});                             // not compressed
  check_all({hex("f3 48 cd c9 c9 07 00 00"), hex("f2 48 cd c9 c9 07 00")}, {hello, hello});  // BFINAL
  check_all({hex("f2 48 05 00 00 00 ff ff ca c9 c9 07 00")}, {hello});                       // two blocks
  check_all({hex("00"), hex("00"), hex("f2 48 cd c9 c9 07 00"), hex("00")},
            {bytes{}, bytes{}, hello, bytes{}});
}

// npm ws #1669 and #2294, Beast #923, Bun #34105: a block with BFINAL set ends a stream, not the connection,
// and neither a message.
TEST_CASE("inflater: blocks with BFINAL set, wherever they are") {
  bytes const hello = text("Hello");
  bytes const final_hello = hex("f3 48 cd c9 c9 07 00");
  bytes const stored_final = hex("01 05 00 fa ff 48 65 6c 6c 6f");
  check_all({final_hello + hex("00"), hex("f2 48 cd c9 c9 07 00"), final_hello + hex("00")},
            {hello, hello, hello});
  check_all({final_hello + final_hello + hex("00"), final_hello + stored_final + hex("f2 48 cd c9 c9 07 00")},
            {hello + hello, hello + hello + hello});
  check_all({stored_final + hex("00"), stored_final + hex("01 00 00 ff ff 00")}, {hello, hello});
  // Complete without the last byte, as a compressor leaves it that finishes a stream.
  check_all({final_hello, hex("f2 48 cd c9 c9 07 00"), stored_final, final_hello},
            {hello, hello, hello, hello});
  // The window is the messages', not the stream's.
  check_all({final_hello + hex("00"), hex("f2 00 11 00 00")}, {hello, hello});
  check_all({final_hello + hex("f2 00 11 00 00")}, {hello + hello});
}

// Netty #9770, autobahn-testsuite #59, okhttp #4871: senders that leave the tail where it is.
TEST_CASE("inflater: a message that keeps its 00 00 ff ff") {
  bytes const hello = text("Hello");
  check_all({hex("f2 48 cd c9 c9 07 00 00 00 ff ff 00"), hex("f2 00 11 00 00")}, {hello, hello});
  check_all({hex("f2 48 cd c9 c9 07 00 00 00 ff ff"), hex("f2 00 11 00 00")}, {hello, hello});
  check_all({hex("00 00 00 ff ff 00 00 00 ff ff"), hex("f2 48 cd c9 c9 07 00")}, {bytes{}, hello});
}

TEST_CASE("inflater: an empty payload has nothing unfinished; anything else does") {
  check_all({bytes{}, hex("f2 48 cd c9 c9 07 00")}, {bytes{}, text("Hello")});
  for (auto const& bad :
       {"f2", "f2 48", "f2 48 cd c9 c9 07", "02", "00 05", "00 05 00 fa ff 48 65", "00 05 00 fa ff 48", "06",
        "f2 48 cd c9 c9 07 00 00", "00 05 00 fa ff 48 65 6c 6c 6f 00 00"}) {
    check_all({hex(bad)}, {std::nullopt});
  }
}

// Bishop Fox on Beast, 2017.
TEST_CASE("inflater: what is no DEFLATE is refused as soon as zlib can tell") {
  struct row {
    char const* input;
    std::size_t place;  // of the first impossible byte
  };
  for (row const each : {row{"06 ff ff", 0},              // BTYPE 11
                         row{"00 05 00 fa fe 48 65", 4},  // LEN and NLEN
                         row{"fc 00 00 00", 2},           // too many lengths
                         row{"f2 00 11 00 00", 2},        // a distance beyond the beginning
                         row{"f2 48 cd c9 c9 07 00 00 00 ff ff 06", 11}}) {  // after a good block
    bytes const input = hex(each.input);
    CAPTURE(to_hex(input));
    auto context = inflater::make(15);
    for (std::size_t at = 0; at <= each.place; ++at) {
      bytes room(100);
      std::span<std::byte> rest = room;
      std::span<std::byte const> one = std::span{input}.subspan(at, 1);
      CHECK(context->inflate(one, rest, false) ==
            (at == each.place ? kw::error::invalid_compression : kw::error{}));
    }
  }
}

TEST_CASE("inflater: everything that zlib writes, at any split, as zlib reads it in one call") {
  random_numbers numbers{17};
  for (int round = 0; round != 300; ++round) {
    CAPTURE(round);
    reference_deflater compressor{static_cast<int>(9 + numbers.below(7)),
                                  static_cast<int>(1 + numbers.below(9)),
                                  static_cast<int>(numbers.below(10))};
    auto context = inflater::make(15);
    for (int message = 0; message != 6; ++message) {
      bytes const payload = numbers.one_in(5)   ? numbers.any(numbers.below(3000))
                            : numbers.one_in(5) ? bytes{}
                                                : numbers.utf8(numbers.below(3000));
      bytes const coded = compressor.message(payload, numbers.below(3));
      std::size_t const size = numbers.one_in(3) ? SIZE_MAX : 1 + numbers.below(50);
      std::size_t const room = numbers.one_in(3) ? 100'000 : 1 + numbers.below(300);
      CHECK(inflate(*context, coded, size, room) == payload);
    }
  }
}

TEST_CASE("inflater: broken streams are broken at every split alike, and match the reference") {
  random_numbers numbers{18};
  int bad = 0;
  int good = 0;
  for (int round = 0; round != 3000; ++round) {
    bytes coded = reference_deflater{12, 5, 6}.message(numbers.utf8(numbers.below(60)), numbers.below(3));
    for (std::size_t i = numbers.below(3); i != 0; --i) {
      if (!coded.empty())
        coded[numbers.below(coded.size())] ^= static_cast<std::byte>(1u << numbers.below(8));
    }
    if (numbers.one_in(4)) coded.resize(numbers.below(coded.size() + 1));
    auto const expected = reference_inflated(coded);
    expected ? ++good : ++bad;
    CAPTURE(to_hex(coded));
    for (std::size_t const size : {std::size_t{1}, std::size_t{2}, std::size_t{7}, std::size_t{SIZE_MAX}}) {
      for (std::size_t const room : {std::size_t{1}, std::size_t{3}, std::size_t{100'000}}) {
        auto context = inflater::make(15);
        CHECK(inflate(*context, coded, size, room) == expected);
      }
    }
  }
  CHECK(bad > 500);
  CHECK(good > 500);
}

// zlib cannot write a window of 256 bytes, but reads one.
TEST_CASE("inflater: any window is read with one as wide, and 8 with one of 9") {
  random_numbers numbers{19};
  for (int bits = 9; bits <= 15; ++bits) {
    reference_deflater compressor{bits, 8, 9};
    auto context = inflater::make(bits);
    for (int message = 0; message != 10; ++message) {
      bytes const payload = numbers.utf8(20'000);
      CHECK(inflate(*context, compressor.message(payload), 1000) == payload);
    }
  }
}

TEST_CASE("inflater: reset() forgets the window, and a message that is not finished") {
  auto context = inflater::make(15);
  CHECK(inflate(*context, hex("f2 48 cd c9 c9 07 00")) == text("Hello"));
  context->reset();
  CHECK(inflate(*context, hex("f2 00 11 00 00")) == std::nullopt);
  context->reset();
  std::span<std::byte const> part;
  bytes const begun = hex("f2 48 cd");
  part = begun;
  bytes room(10);
  std::span<std::byte> rest = room;
  CHECK(context->inflate(part, rest, false) == kw::error{});
  context->reset();
  CHECK(inflate(*context, hex("f2 48 cd c9 c9 07 00")) == text("Hello"));
}

TEST_CASE("inflater: its memory is counted") {
  std::size_t const before = kw::deflate::memory_in_use();
  {
    auto context = inflater::make(15);
    bytes const long_message = reference_deflater{15, 8, 6}.message(random_numbers{3}.utf8(100'000));
    CHECK(inflate(*context, long_message, 1000).has_value());
    CHECK(kw::deflate::memory_in_use() - before >= 32768);
    CHECK(context->memory() >= kw::deflate::memory_in_use() - before);
    CHECK(context->memory() <= 32768 + 8192);
  }
  CHECK(kw::deflate::memory_in_use() == before);
}

}  // namespace

}  // namespace inflater_tests
