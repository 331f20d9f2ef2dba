#include <kindwire/kernel/lanes.hpp>

#include <doctest/doctest.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <random>
#include <vector>

namespace lanes_tests {

namespace {

namespace kw = kindwire;
using kw::detail::lane16;
using kw::detail::word_lane;

using line = std::array<unsigned char, 16>;

template <class Lane>
Lane lane_of(line const& bytes) {
  return Lane::at(bytes.data());
}

template <class Lane>
line bytes_of(Lane lane) {
  std::byte bytes[16];
  lane.put(bytes);
  line all;
  std::memcpy(all.data(), bytes, 16);
  return all;
}

// The bytes that a comparison marks, one by one.
template <class Wanted>
std::uint32_t marked_slowly(line const& bytes, Wanted wanted) {
  std::uint32_t marks = 0;
  for (unsigned place = 0; place != 16; ++place) {
    if (wanted(bytes[place], place)) marks |= 1u << place;
  }
  return marks;
}

// A number with the bits of the places that are marked; and whether all that can be asked of marks agrees
// with it.
template <class Marks>
std::uint32_t bits_of(Marks const marks, unsigned& wrong) {
  std::uint32_t bits = 0;
  for (Marks rest = marks; rest.any(); rest.drop_first()) bits |= 1u << rest.first();
  unsigned highest = 0;
  for (unsigned place = 0; place != 16; ++place) {
    if ((bits >> place & 1) != 0) highest = place + 1;
    auto const rest = marks.from(place);
    wrong += rest.any() != (bits >> place != 0);
    if (rest.any()) {
      unsigned next = place;
      while ((bits >> next & 1) == 0) ++next;
      wrong += rest.first() != next - place;
    }
  }
  if (marks.any()) wrong += marks.end() != highest;
  return bits;
}

// Bytes around the borders that comparisons have, and others.
std::vector<line> lines() {
  std::mt19937 random{17};
  constexpr unsigned char edges[] = {0x00, 0x01, 0x1F, 0x20, 0x21, 0x22, 0x5B, 0x5C, 0x5D, 0x7B,
                                     0x7E, 0x7F, 0x80, 0x81, 0xA0, 0xA2, 0xDC, 0xFE, 0xFF};
  std::vector<line> all;
  for (int round = 0; round != 4000; ++round) {
    line each;
    for (auto& byte : each) {
      byte = static_cast<unsigned char>(round % 2 == 0 ? edges[random() % sizeof edges] : random());
    }
    all.push_back(each);
  }
  // Each byte at each place, between others that are not marked or all are.
  for (unsigned byte = 0; byte != 256; ++byte) {
    for (unsigned place = 0; place != 16; ++place) {
      for (unsigned const rest : {0x78u, 0x22u, 0xFFu}) {
        line each;
        each.fill(static_cast<unsigned char>(rest));
        each[place] = static_cast<unsigned char>(byte);
        all.push_back(each);
      }
    }
  }
  return all;
}

template <class Lane>
void compare_bytes() {
  unsigned wrong = 0;
  for (line const& each : lines()) {
    auto const lane = lane_of<Lane>(each);
    for (char const wanted : {'"', '\\', '{', '\0', '\x7F', '\x80', '\xFF'}) {
      auto const byte = static_cast<unsigned char>(wanted);
      wrong += bits_of(equal(lane, Lane::filled(wanted)).marks(), wrong) !=
               marked_slowly(each, [&](unsigned char is, unsigned) { return is == byte; });
    }
    for (char const limit : {'\x01', '\x20', '\x7F'}) {
      wrong +=
          bits_of(below(lane, limit).marks(), wrong) != marked_slowly(each, [&](unsigned char is, unsigned) {
            return is >= 0x80 || is < static_cast<unsigned char>(limit);
          });
    }
    bool ascii = true;
    for (unsigned char const byte : each) ascii = ascii && byte < 0x80;
    wrong += lane.ascii() != ascii;
  }
  CHECK(wrong == 0);
}

template <class Lane>
void combine_lanes() {
  unsigned wrong = 0;
  auto const all = lines();
  for (std::size_t index = 1; index < 4000; ++index) {
    line const& a = all[index];
    line const& b = all[index - 1];
    auto const one = lane_of<Lane>(a);
    auto const two = lane_of<Lane>(b);
    line either;
    line both;
    line exclusive;
    for (std::size_t place = 0; place != 16; ++place) {
      either[place] = a[place] | b[place];
      both[place] = a[place] & b[place];
      exclusive[place] = a[place] ^ b[place];
    }
    wrong += bytes_of(one | two) != either;
    wrong += bytes_of(one & two) != both;
    wrong += bytes_of(one ^ two) != exclusive;
    wrong += bytes_of(one) != a;
    std::uint64_t words[2];
    std::memcpy(words, a.data(), 16);
    wrong += bytes_of(Lane::of(words[0], words[1])) != a;
    wrong += bytes_of(Lane::of(words[0])) != bytes_of(Lane::of(words[0], words[0]));
    // Comparisons can be combined before they become marks.
    auto const quotes = equal(one, Lane::filled('"'));
    auto const others = below(two, 0x20);
    wrong +=
        bits_of((quotes | others).marks(), wrong) != marked_slowly(a, [&](unsigned char is, unsigned place) {
          return is == '"' || b[place] >= 0x80 || b[place] < 0x20;
        });
    wrong +=
        bits_of((quotes & others).marks(), wrong) != marked_slowly(a, [&](unsigned char is, unsigned place) {
          return is == '"' && (b[place] >= 0x80 || b[place] < 0x20);
        });
    std::uint32_t const quote_bits = bits_of(quotes.marks(), wrong);
    std::uint32_t const other_bits = bits_of(others.marks(), wrong);
    if (other_bits != 0) {
      bool before = false;
      for (unsigned place = 0; (other_bits >> place & 1) == 0; ++place)
        before = before || (quote_bits >> place & 1) != 0;
      wrong += quotes.marks().any_before(others.marks()) != before;
    }
  }
  CHECK(wrong == 0);
}

TEST_CASE("lanes: comparisons mark the bytes that a loop marks") {
  compare_bytes<word_lane>();
  compare_bytes<lane16>();
}

TEST_CASE("lanes: what is combined is combined byte by byte") {
  combine_lanes<word_lane>();
  combine_lanes<lane16>();
}

}  // namespace

}  // namespace lanes_tests
