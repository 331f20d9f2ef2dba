// Every sequence of one to three bytes and every one of four that begins with F0 to F4, over every split:
// RFC 3629 §4 by the reference, RFC 6455 §8.1 by the byte at which it fails.
#include <kindwire/message/utf8.hpp>
#include <kindwire/session.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "support/bytes.hpp"
#include "support/end.hpp"
#include "support/reference.hpp"
#include "support/sanitized.hpp"

namespace conformance_utf8_tests {

namespace {

namespace kw = kindwire;
using namespace support;
using kw::opcode;
using kw::role;

// Under a sanitizer only every n-th third and last byte is tried, and which ones moves on from sequence to
// sequence: the plain builds are the ones that try all.
#ifdef SANITIZED
constexpr unsigned third_step = 5;
constexpr unsigned step = 37;
#else
constexpr unsigned third_step = 1;
constexpr unsigned step = 1;
#endif

// A sequence in the making: the reference, and the validators that were given its bytes in every split.
template <std::size_t Size>
struct prefix {
  static constexpr std::size_t splits = Size == 0 ? 1 : std::size_t{1} << (Size - 1);

  std::array<std::byte, Size> bytes{};
  reference_utf8 slow;
  bool possible = true;  // the reference has taken every byte

  // fed[i]: what comes first was given in the pieces of split i.
  std::array<kw::utf8_validator, splits> fed{};
};

// The next byte behind all splits of a prefix, in a piece of its own and in one with those before it. Returns
// how often the validator differs.
template <std::size_t Size, class... Before>
unsigned differs(std::byte next, prefix<Size + 1>& result, prefix<Size> const& last,
                 Before const&... before) {
  for (std::size_t i = 0; i != Size; ++i) result.bytes[i] = last.bytes[i];
  result.bytes[Size] = next;
  result.slow = last.slow;
  result.possible = result.slow.take(next) && last.possible;
  std::size_t at = 0;
  unsigned wrong = 0;
  auto const extend = [&](auto const& from) {
    auto const piece = std::span{result.bytes}.subspan(from.bytes.size());
    for (auto const& each : from.fed) {
      result.fed[at] = each;
      wrong += result.fed[at].feed(piece) != result.possible;
      wrong += result.fed[at].complete() != result.slow.whole();
      ++at;
    }
  };
  extend(last);
  (extend(before), ...);
  return wrong + (at != result.splits);
}

TEST_CASE("utf8: all sequences of one to three bytes over every split, and of four bytes behind F0 to F4") {
  unsigned wrong = 0;
  std::uint64_t tried = 0;
  std::uint64_t valid = 0;
  prefix<0> const none;
  prefix<1> one;
  prefix<2> two;
  prefix<3> three;
  prefix<4> four;
  for (unsigned a = 0; a != 256; ++a) {
    wrong += differs(static_cast<std::byte>(a), one, none);
    for (unsigned b = 0; b != 256; ++b) {
      wrong += differs(static_cast<std::byte>(b), two, one, none);
      for (unsigned c = (a + b) % third_step; c < 256; c += third_step) {
        wrong += differs(static_cast<std::byte>(c), three, two, one, none);
        if (a < 0xF0 || a > 0xF4) continue;
        for (unsigned d = (b + c) % step; d < 256; d += step) {
          wrong += differs(static_cast<std::byte>(d), four, three, two, one, none);
          ++tried;
          valid += four.slow.whole();
        }
      }
    }
  }
  CHECK(wrong == 0);
  if (step == 1) {
    CHECK(tried == 5 * (std::uint64_t{1} << 24));
    CHECK(valid == 0x110000 - 0x10000);
  }
}

// A text message whose last frame goes on for long, and of which what is given so far ends with `sequence`.
// Bit 0 of `reads` says that a read ends behind the first header, bit i that one ends behind byte i; bit i -
// 1 of `frames` that a frame does. The masking keys are zero, so that the bytes are what they are.
bool fails_at_the_last(role self, std::span<std::byte const> sequence, unsigned reads, unsigned frames) {
  static constexpr key zeros{};
  std::array<std::byte, 64> room;
  std::size_t from = 0;
  std::size_t to = 0;
  kw::session ws{self};
  auto const read = [&] {
    feed(ws, std::span<std::byte const>(room).subspan(from, to - from));
    ws.poll();
    from = to;
  };
  for (std::size_t i = 0; i != sequence.size(); ++i) {
    if (i == 0 || (frames >> (i - 1) & 1u) != 0) {
      std::size_t end = i + 1;
      while (end != sequence.size() && (frames >> (end - 1) & 1u) == 0) ++end;
      bytes const header = head(i == 0 ? 0x01 : 0x00, end == sequence.size() ? 1000 : end - i,
                                self == role::server ? &zeros : nullptr);
      std::copy(header.begin(), header.end(), room.begin() + static_cast<std::ptrdiff_t>(to));
      to += header.size();
    }
    if ((reads >> i & 1u) != 0) read();
    room[to++] = sequence[i];
  }
  if (!ws.is_open()) return false;
  read();
  return ws.error() == kw::error::invalid_utf8 && ws.sent_close_code() == kw::close_code::invalid_payload;
}

TEST_CASE("utf8: a session fails at the first impossible byte of an unfinished frame: every such sequence") {
  std::uint64_t sequences = 0;
  unsigned wrong = 0;
  // Each sequence by one of the roles and one of the ways to cut it into frames and reads; the next by the
  // next. For four bytes there are 256 of them.
  unsigned turn = 0;
  auto const check = [&](std::span<std::byte const> sequence) {
    ++sequences;
    ++turn;
    wrong += !fails_at_the_last(both_roles[turn % 2], sequence, turn / 2 % 16, turn / 32 % 8);
  };
  std::array<std::byte, 4> text{};
  auto const grow = [&](auto const& self, std::size_t size, reference_utf8 const& before) -> void {
    unsigned const stride = size == 3 ? step : 1;
    for (unsigned value = turn % stride; value < 256; value += stride) {
      text[size] = static_cast<std::byte>(value);
      reference_utf8 next = before;
      if (!next.take(text[size])) {
        check(std::span{text}.first(size + 1));
      } else if (!next.whole()) {
        self(self, size + 1, next);
      }
    }
  };
  grow(grow, 0, {});
  CHECK(wrong == 0);
  // 80 to C1 and F5 to FF begin nothing. Of the leads C2 to F4, E0 and ED take 32 second bytes, F0 48, F4 16,
  // the other 47 take 64. Behind each sequence that wants more stand the 192 bytes that are no continuation.
  if (step == 1) {
    std::uint64_t const seconds = 47 * 192 + 2 * 224 + 208 + 240;
    std::uint64_t const thirds = (14 * 64 + 2 * 32 + 3 * 64 + 48 + 16) * 192;
    std::uint64_t const fourths = (3 * 64 + 48 + 16) * 64 * 192;
    CHECK(sequences == 66 + 11 + seconds + thirds + fourths);
  }
}

TEST_CASE("utf8: a session takes every code point, whatever fragments and reads they come in") {
  // All of them in order, four-byte ones by a stride that leaves no second, third or last byte out.
  bytes all;
  for (unsigned point = 0; point < 0x110000; point += point < 0x10000 ? 1 : step == 1 ? 1 : 61) {
    if (point >= 0xD800 && point < 0xE000) continue;
    auto const put_byte = [&](unsigned value) { all.push_back(static_cast<std::byte>(value)); };
    if (point < 0x80) {
      put_byte(point);
    } else if (point < 0x800) {
      put_byte(0xC0 | point >> 6);
      put_byte(0x80 | (point & 63u));
    } else if (point < 0x10000) {
      put_byte(0xE0 | point >> 12);
      put_byte(0x80 | (point >> 6 & 63u));
      put_byte(0x80 | (point & 63u));
    } else {
      put_byte(0xF0 | point >> 18);
      put_byte(0x80 | (point >> 12 & 63u));
      put_byte(0x80 | (point >> 6 & 63u));
      put_byte(0x80 | (point & 63u));
    }
  }
  random_numbers random{200};
  for (role const self : both_roles) {
    for (std::size_t const most : {std::size_t{3}, std::size_t{100}, std::size_t{70'000}, all.size()}) {
      CAPTURE(most);
      end one{self, {.max_message_size = all.size(), .max_fragments = all.size()}};
      for (std::size_t at = 0; at != all.size();) {
        std::size_t const size = std::min(all.size() - at, 1 + random.below(most));
        bytes const piece(all.begin() + static_cast<std::ptrdiff_t>(at),
                          all.begin() + static_cast<std::ptrdiff_t>(at + size));
        bytes const fragment = frame(peer_of(self), at == 0 ? opcode::text : opcode::continuation, piece,
                                     at + size == all.size());
        std::size_t const cut = random.below(fragment.size() + 1);
        one.take(std::span{fragment}.first(cut));
        one.take(std::span{fragment}.subspan(cut));
        at += size;
      }
      REQUIRE(one.seen.size() == 1);
      CHECK(bool(one.seen[0].payload == all));
    }
  }
}

}  // namespace

}  // namespace conformance_utf8_tests
