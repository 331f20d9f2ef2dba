// How the input is cut changes nothing: the same messages, the same answers, the same end, each at the same
// byte. The reference takes one byte at a time, so it says for every prefix of a stream what must have
// happened by then.
#include <kindwire/session.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "support/bytes.hpp"
#include "support/end.hpp"
#include "support/reference.hpp"
#include "support/stream_maker.hpp"

namespace splits_tests {

namespace {

namespace kw = kindwire;
using namespace support;
using kw::opcode;
using kw::role;

constexpr kw::session_options limits{.max_message_size = 70, .max_fragments = 4};

// What must have happened after each prefix of a stream. Made once for a stream, by the reference alone.
class history {
 public:
  history(role self, bytes const& input) : receiver_(self, limits.max_message_size, limits.max_fragments) {
    note();
    for (auto const each : input) {
      receiver_.take(each);
      note();
    }
    messages_ = without_control(receiver_.events);
    for (auto const& each : only(receiver_.events, opcode::ping))
      pongs_.push_back({opcode::pong, each.payload});
  }

  // The session was given the first `size` bytes.
  bool agrees(end& actual, std::size_t size) const {
    moment const& then = moments_[size];
    if (!begins(actual.seen, messages_, then.messages)) return false;
    actual.send_all();
    if (!begins(actual.peer.events, pongs_, then.pings)) return false;
    auto const& ws = actual.ws;
    bool const over = then.violation != kw::error{} || then.closed;
    if ((ws.state() == kw::session_state::closed) != over || actual.peer.closed != over) return false;
    if (ws.error() != (then.violation == kw::error{} ? std::error_code{} : make_error_code(then.violation)))
      return false;
    return size + 1 != moments_.size() || ended_alike(actual, receiver_);
  }

  reference_receiver const& end_of_it() const { return receiver_; }

 private:
  struct moment {
    std::size_t messages = 0;
    std::size_t pings = 0;
    kw::error violation{};
    bool closed = false;
  };

  static bool begins(std::vector<reference_event> const& actual, std::vector<reference_event> const& all,
                     std::size_t count) {
    return actual.size() == count && std::equal(actual.begin(), actual.end(), all.begin());
  }

  void note() {
    moment now{0, 0, receiver_.violation, receiver_.closed};
    for (auto const& each : receiver_.events) {
      now.messages += !kw::is_control(each.type);
      now.pings += each.type == opcode::ping;
    }
    moments_.push_back(now);
  }

  reference_receiver receiver_;
  std::vector<reference_event> messages_;
  std::vector<reference_event> pongs_;
  std::vector<moment> moments_;
};

TEST_CASE("splits: byte by byte, each event and the end come at the byte at which the reference has them") {
  unsigned wrong = 0;
  unsigned broken = 0;
  unsigned closed = 0;
  for (std::uint64_t seed = 30'000; seed != 33'000; ++seed) {
    role const self = both_roles[seed % 2];
    bytes const input = stream_maker{peer_of(self), seed, true}.make_short();
    history const expected{self, input};
    end actual{self, limits};
    for (std::size_t size = 0; size != input.size(); ++size) {
      actual.take({&input[size], 1});
      if (!expected.agrees(actual, size + 1) && ++wrong == 1)
        MESSAGE("the first seed that differs: ", seed, " at byte ", size);
    }
    broken += expected.end_of_it().violation != kw::error{};
    closed += expected.end_of_it().closed;
  }
  CHECK(wrong == 0);
  CHECK(broken > 900);
  CHECK(closed > 400);
}

TEST_CASE("splits: every split in two, and what is there between the two") {
  unsigned wrong = 0;
  for (std::uint64_t seed = 40'000; seed != 40'500; ++seed) {
    role const self = both_roles[seed % 2];
    bytes const input = stream_maker{peer_of(self), seed, true}.make_short();
    history const expected{self, input};
    for (std::size_t cut = 0; cut <= input.size(); ++cut) {
      end actual{self, limits};
      actual.take(std::span{input}.first(cut));
      wrong += !expected.agrees(actual, cut);
      put(actual.ws, std::span{input}.subspan(cut));
      drain(actual.ws, actual.seen);
      wrong += !expected.agrees(actual, input.size());
    }
  }
  CHECK(wrong == 0);
}

// Short streams for which all of their 2^(n-1) splits are tried: a message in three fragments with a ping
// inside, a code point across frames, a header of each form, and rules that are broken at each kind of place.
bytes tiny_stream(role sender, unsigned number) {
  key const zeros{};
  key const* const mask = sender == role::client ? &zeros : nullptr;
  switch (number) {
    case 0: return frame(0x01, hex("c3"), mask) + frame(0x80, hex("a9"), mask);
    case 1: return frame(0x01, hex("c3"), mask) + frame(0x80, hex("29"), mask);
    case 2: return frame(0x89, text("p"), mask) + frame(0x82, text("b"), mask);
    case 3: return frame(0x88, hex("03 e8 21"), mask) + frame(0x8A, {}, mask);
    case 4: return head(0x82, 126, mask) + hex("01 02 03");
    case 5: return head(0x82, 65536, mask);
    case 6: return head(0x81, 125, mask, 16) + hex("00");
    case 7: return frame(0x02, {}, mask) + hex("89 fe 00 7e");
    case 8: return frame(0x81, hex("f0 9f 98 80"), mask) + hex("83");
    default: return frame(0x02, {}, mask) + frame(0x81, {}, mask);
  }
}

TEST_CASE("splits: all splits of short streams into any number of pieces") {
  unsigned wrong = 0;
  for (role const self : both_roles) {
    for (unsigned number = 0; number != 10; ++number) {
      bytes const input = tiny_stream(peer_of(self), number);
      REQUIRE(input.size() <= 16);
      history const expected{self, input};
      // Bit i of `cuts` says that a piece ends behind byte i.
      for (unsigned cuts = 0; cuts != 1u << (input.size() - 1); ++cuts) {
        end actual{self, limits};
        std::size_t from = 0;
        for (std::size_t i = 0; i != input.size(); ++i) {
          if (i + 1 != input.size() && (cuts >> i & 1u) == 0) continue;
          actual.take(std::span{input}.subspan(from, i + 1 - from));
          from = i + 1;
        }
        wrong += !expected.agrees(actual, input.size());
      }
    }
  }
  CHECK(wrong == 0);
}

TEST_CASE("splits: a received stream and one that was looked ahead over are the same at every byte") {
  unsigned wrong = 0;
  for (std::uint64_t seed = 50'000; seed != 51'000; ++seed) {
    role const self = both_roles[seed % 2];
    bytes const input = stream_maker{peer_of(self), seed, false}.make_short();
    reference_receiver expected{self};
    end actual{self};
    for (auto const& each : input) {
      expected.take(each);
      feed(actual.ws, {&each, 1});
      actual.ws.look_ahead();
      // Pings are answered where they become whole, and nothing else has happened yet.
      wrong +=
          only(actual.send_all().events, opcode::pong).size() > only(expected.events, opcode::ping).size();
      drain(actual.ws, actual.seen);
      wrong += actual.seen != without_control(expected.events);
      wrong +=
          only(actual.send_all().events, opcode::pong).size() != only(expected.events, opcode::ping).size();
    }
    wrong += !ended_alike(actual, expected);
  }
  CHECK(wrong == 0);
}

}  // namespace

}  // namespace splits_tests
