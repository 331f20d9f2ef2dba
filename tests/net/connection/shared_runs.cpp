#include <kindwire/net/connection/shared_runs.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <cstddef>
#include <deque>
#include <kindwire/message/message.hpp>
#include <kindwire/message/shared_frames.hpp>
#include <random>
#include <span>
#include <string>
#include <utility>

namespace shared_runs_tests {

namespace kw = kindwire;
using kw::detail::frame_log;
using kw::detail::shared_frames;
using kw::net::detail::shared_runs;

namespace {

std::string text_of(std::span<std::byte const> bytes) {
  return {reinterpret_cast<char const*>(bytes.data()), bytes.size()};
}

// What a connection has queued, piece by piece, beside the runs under test.
struct model {
  struct piece {
    std::string rest;
    int origin;  // 0: the connection's own
    bool begun = false;
  };
  std::deque<piece> pieces;
  shared_runs runs;
  std::string own;
  int origins[3] = {};

  void say(std::string const& text) {
    own += text;
    pieces.push_back({text, 0});
  }
  void share(shared_frames const& frames, int origin) {
    runs.push(frames, &origins[origin], own.size());
    pieces.push_back({text_of(frames.bytes()), origin});
  }

  std::string expected() const {
    std::string all;
    for (auto const& each : pieces) all += each.rest;
    return all;
  }
  // Own bytes lie in two parts.
  std::string queued(std::size_t split) const {
    std::string all;
    std::span<std::byte const> const mine = kw::detail::as_bytes(std::string_view(own));
    split = std::min(split, mine.size());
    runs.for_each(mine.first(split), mine.subspan(split), [&](std::span<std::byte const> bytes) {
      all += text_of(bytes);
      return true;
    });
    return all;
  }
  std::size_t shared() const {
    std::size_t size = 0;
    for (auto const& each : pieces) size += each.origin != 0 ? each.rest.size() : 0;
    return size;
  }

  bool holds(int origin) const {
    return std::any_of(pieces.begin(), pieces.end(), [&](auto const& each) { return each.origin == origin; });
  }

  void write(std::size_t size) {
    std::size_t const mine = runs.empty() ? size : runs.consume(size);
    own.erase(0, mine);
    while (size != 0) {
      auto& next = pieces.front();
      std::size_t const part = std::min(size, next.rest.size());
      next.rest.erase(0, part);
      next.begun = true;
      size -= part;
      if (next.rest.empty()) pieces.pop_front();
    }
  }

  void drop(int origin, std::size_t size) {
    std::size_t count = 0;
    std::size_t dropped = 0;
    for (auto at = pieces.begin(); at != pieces.end() && dropped < size;) {
      if (at->origin != origin || at->begun) {
        ++at;
        continue;
      }
      dropped += at->rest.size();
      ++count;
      at = pieces.erase(at);
    }
    CHECK(runs.drop_oldest(&origins[origin], size, false) == count);
  }
};

}  // namespace

TEST_CASE("own bytes and runs leave in the order in which they were queued, whatever is dropped") {
  for (unsigned seed = 0; seed < 300; ++seed) {
    CAPTURE(seed);
    std::mt19937 random(seed);
    model all;
    frame_log logs[3];
    for (int round = 0; round < 200; ++round) {
      std::string const text(random() % 40, static_cast<char>('a' + random() % 26));
      switch (random() % 6) {
        case 0: all.say("<" + text + ">"); break;
        case 1:
        case 2: {
          int const origin = 1 + static_cast<int>(random() % 2);
          auto const bytes = kw::detail::as_bytes(std::string_view(text));
          // One in three is marked by an extension.
          all.share(random() % 3 == 0 ? kw::detail::shared_frames::of(kw::opcode::text, bytes, 0x40)
                                      : logs[origin].append(kw::opcode::text, bytes),
                    origin);
          break;
        }
        case 3:
        case 4: all.write(random() % (all.expected().size() + 1) / (1 + random() % 4)); break;
        default: all.drop(1 + static_cast<int>(random() % 2), random() % 200);
      }
      REQUIRE(all.queued(random() % 100) == all.expected());
      REQUIRE(all.runs.size() == all.shared());
      REQUIRE(all.runs.empty() == (all.shared() == 0));
      for (int const origin : {1, 2}) REQUIRE(all.runs.holds(&all.origins[origin]) == all.holds(origin));
    }
    all.write(all.expected().size());
    CHECK(all.runs.empty());
    CHECK(all.own.empty());
  }
}

TEST_CASE("what is being written stays when the rest is dropped") {
  model all;
  frame_log log;
  all.share(log.append(kw::opcode::text, kw::detail::as_bytes("first")), 1);
  all.say("own");
  all.share(log.append(kw::opcode::text, kw::detail::as_bytes("second")), 1);
  CHECK(all.runs.drop_oldest(&all.origins[1], 100, true) == 1);
  CHECK(all.queued(0) ==
        "\x81\x05"
        "firstown");
  all.runs.drop(true);
  CHECK(all.runs.run_first().size() == 7);
  all.runs.drop(false);
  CHECK(all.runs.empty());
  CHECK(all.runs.size() == 0);
}

}  // namespace shared_runs_tests
