#include <kindwire/message/utf8.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "support/bytes.hpp"
#include "support/reference.hpp"

namespace message_utf8_tests {

namespace {

namespace kw = kindwire;
using namespace support;

// One continuation that both sides have taken the same bytes for.
struct pair {
  reference_utf8 slow;
  kw::utf8_validator fast;
  unsigned wrong = 0;

  void take(std::byte next) {
    bool const expected = slow.take(next);
    wrong += fast.feed({&next, 1}) != expected;
    wrong += fast.complete() != slow.whole();
  }
};

// Whether the text is taken in one piece as the reference takes it, bare and with enough ASCII behind it that
// code which looks at several bytes at once is used.
bool in_one_piece(std::span<std::byte const> sequence, reference_utf8 const& slow, bool possible) {
  std::array<std::byte, 24> room;
  room.fill(std::byte{'x'});
  std::copy(sequence.begin(), sequence.end(), room.begin());
  kw::utf8_validator bare;
  if (bare.feed(sequence) != possible || bare.complete() != slow.whole()) return false;
  return kw::is_utf8(room) == slow.whole();
}

TEST_CASE("utf8: all sequences of one, two and three bytes, byte by byte and in one piece") {
  unsigned wrong = 0;
  unsigned valid = 0;
  std::array<std::byte, 3> text{};
  for (unsigned a = 0; a != 256; ++a) {
    text[0] = static_cast<std::byte>(a);
    pair one;
    one.take(text[0]);
    for (unsigned b = 0; b != 256; ++b) {
      text[1] = static_cast<std::byte>(b);
      pair two = one;
      two.take(text[1]);
      for (unsigned c = 0; c != 256; ++c) {
        text[2] = static_cast<std::byte>(c);
        reference_utf8 slow = two.slow;
        bool const possible = slow.take(text[2]);
        kw::utf8_validator fast = two.fast;
        wrong += fast.feed({&text[2], 1}) != possible || fast.complete() != slow.whole();
        wrong += !in_one_piece(text, slow, possible);
        valid += slow.whole();
      }
      wrong += two.wrong + !in_one_piece(std::span{text}.first(2), two.slow,
                                         reference_utf8_prefix(std::span{text}.first(2)) == 2);
    }
    wrong += one.wrong + !in_one_piece(std::span{text}.first(1), one.slow,
                                       reference_utf8_prefix(std::span{text}.first(1)) == 1);
  }
  CHECK(wrong == 0);
  // Of three bytes: one character each; one and two bytes, either way round; or one of three.
  CHECK(valid == 128 * 128 * 128 + 2 * 128 * 1920 + (65536 - 2048 - 2048));
}

TEST_CASE(
    "utf8: four bytes that begin with F0 to F4: all second and third bytes, the last around every border") {
  unsigned wrong = 0;
  unsigned valid = 0;
  std::array<unsigned, 12> const last{0x00, 0x7F, 0x80, 0x81, 0x8F, 0x90, 0xBE, 0xBF, 0xC0, 0xC2, 0xF0, 0xFF};
  std::array<std::byte, 4> text{};
  for (unsigned a = 0xF0; a != 0xF5; ++a) {
    text[0] = static_cast<std::byte>(a);
    pair one;
    one.take(text[0]);
    for (unsigned b = 0; b != 256; ++b) {
      text[1] = static_cast<std::byte>(b);
      pair two = one;
      two.take(text[1]);
      for (unsigned c = 0; c != 256; ++c) {
        text[2] = static_cast<std::byte>(c);
        pair three = two;
        three.take(text[2]);
        for (unsigned const d : last) {
          text[3] = static_cast<std::byte>(d);
          reference_utf8 slow = three.slow;
          bool const possible = slow.take(text[3]);
          wrong += three.wrong + !in_one_piece(text, slow, possible);
          valid += slow.whole();
        }
      }
    }
  }
  CHECK(wrong == 0);
  CHECK(valid == 6 * (0x110000 - 0x10000) / 64);  // six of the last bytes are continuations
}

TEST_CASE("utf8: every last byte of four, behind leads and second bytes around every border") {
  unsigned wrong = 0;
  std::array<std::byte, 4> text{};
  for (unsigned const a : {0xEFu, 0xF0u, 0xF1u, 0xF3u, 0xF4u, 0xF5u, 0xF8u, 0xFCu, 0xFFu}) {
    for (unsigned const b : {0x00u, 0x7Fu, 0x80u, 0x8Fu, 0x90u, 0xBFu, 0xC0u}) {
      for (unsigned const c : {0x7Fu, 0x80u, 0xBFu, 0xC0u}) {
        for (unsigned d = 0; d != 256; ++d) {
          text = {static_cast<std::byte>(a), static_cast<std::byte>(b), static_cast<std::byte>(c),
                  static_cast<std::byte>(d)};
          pair bytewise;
          bool possible = true;
          for (auto const each : text) {
            reference_utf8 next = bytewise.slow;
            possible = next.take(each);
            bytewise.take(each);
          }
          wrong += bytewise.wrong + !in_one_piece(text, bytewise.slow, possible);
        }
      }
    }
  }
  CHECK(wrong == 0);
}

// Valid sequences, incomplete ones, and every way of being wrong.
std::string_view const samples[] = {
    "a",
    "\x7f",
    "\xc2\x80",
    "\xdf\xbf",
    "\xe0\xa0\x80",
    "\xe2\x82\xac",
    "\xed\x9f\xbf",
    "\xee\x80\x80",
    "\xef\xbf\xbf",
    "\xf0\x90\x80\x80",
    "\xf1\x80\x80\x80",
    "\xf4\x8f\xbf\xbf",
    "\xc2",
    "\xe2\x82",
    "\xf0\x9f\x98",
    "\xf4\x8f",
    "\x80",
    "\xbf",
    "\xc0\x80",
    "\xc1\xbf",
    "\xe0\x80\x80",
    "\xe0\x9f\xbf",
    "\xed\xa0\x80",
    "\xed\xbf\xbf",
    "\xf0\x80\x80\x80",
    "\xf0\x8f\xbf\xbf",
    "\xf4\x90\x80\x80",
    "\xf5\x80\x80\x80",
    "\xf8\x88\x80\x80\x80",
    "\xfc\x84\x80\x80\x80\x80",
    "\xfe",
    "\xff",
    "\xc2\x41",
    "\xe2\x41\x80",
    "\xe2\x82\x41",
    "\xf0\x9f\x41\x80",
    "\xf0\x9f\x98\xc0",
    "\xe2\x82\xac\xac",
};

// True when every split in two, and every prefix, ends as the reference says.
bool at_every_split(std::span<std::byte const> data) {
  std::size_t const possible = reference_utf8_prefix(data);
  bool const whole = reference_is_utf8(data);
  for (std::size_t cut = 0; cut <= data.size(); ++cut) {
    kw::utf8_validator validator;
    if (validator.feed(data.first(cut)) != (cut <= possible)) return false;
    if (validator.feed(data.subspan(cut)) != (possible == data.size())) return false;
    if (validator.complete() != whole) return false;
  }
  return true;
}

TEST_CASE("utf8: the first impossible byte is the reference's, at every offset and every split") {
  unsigned wrong = 0;
  for (std::string_view const sample : samples) {
    for (std::string_view const filler : {"x", "\xc3\xa9", "\xe2\x82\xac", "\xf0\x9f\x98\x80"}) {
      for (std::size_t before = 0; before <= 36; ++before) {
        for (std::size_t const after : {0u, 1u, 2u, 3u, 17u}) {
          bytes data = repeat(before % 4, 'y');
          while (data.size() < before) data += text(filler);
          data += text(sample);
          for (std::size_t i = 0; i != after; ++i) data += text(filler);
          if (!at_every_split(data)) ++wrong;
        }
      }
    }
  }
  CHECK(wrong == 0);
}

TEST_CASE("utf8: a broken byte anywhere in mixed text") {
  random_numbers random{30};
  unsigned wrong = 0;
  unsigned valid = 0;
  for (int turn = 0; turn != 20000; ++turn) {
    bytes data = random.utf8(random.below(90));
    if (!data.empty() && !random.one_in(4)) {
      auto const at = random.below(data.size());
      if (random.one_in(3)) {
        data.erase(data.begin() + static_cast<std::ptrdiff_t>(at));
      } else {
        data[at] = static_cast<std::byte>(random.below(256));
      }
    }
    std::size_t const possible = reference_utf8_prefix(data);
    valid += reference_is_utf8(data);
    wrong += kw::is_utf8(data) != reference_is_utf8(data);
    // Fed in random pieces, the validator fails in the piece that holds the first impossible byte.
    kw::utf8_validator validator;
    for (std::size_t at = 0; at != data.size();) {
      std::size_t const size = std::min(data.size() - at, 1 + random.below(40));
      at += size;
      wrong += validator.feed(std::span{data}.subspan(at - size, size)) != (at <= possible);
    }
    wrong += validator.complete() != reference_is_utf8(data);
  }
  CHECK(wrong == 0);
  CHECK(valid > 5000);
  CHECK(valid < 15000);
}

TEST_CASE("utf8: overlong forms, surrogates and what is above U+10FFFF fail; their neighbours pass") {
  for (char const* const bad : {"c080", "e08080", "eda080", "f4908080", "f888808080", "e282", "80", "c2"})
    CHECK_FALSE(kw::is_utf8(hex(bad)));
  for (char const* const good : {"", "00", "f48fbfbf", "efbfbf", "ed9fbf", "ee8080", "efbbbf"})
    CHECK(kw::is_utf8(hex(good)));
  CHECK(kw::is_utf8(std::string_view{"caf\xc3\xa9"}));
  CHECK_FALSE(kw::is_utf8(std::string_view{"caf\xe9"}));
}

TEST_CASE("utf8: a failed validator stays failed until reset, also for nothing and for ASCII") {
  for (char const* const bad : {"ff", "e080", "f0", "c2c2"}) {
    CAPTURE(bad);
    kw::utf8_validator validator;
    validator.feed(hex(bad));
    validator.feed(text("x"));
    CHECK_FALSE(validator.complete());
    CHECK_FALSE(validator.feed({}));
    CHECK_FALSE(validator.feed(text("a plain text of more than sixteen bytes")));
    CHECK_FALSE(validator.complete());
    validator.reset();
    CHECK(validator.complete());
    CHECK(validator.feed(text("a")));
    CHECK(validator.complete());
  }
}

}  // namespace

}  // namespace message_utf8_tests
