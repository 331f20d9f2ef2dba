// Compressed messages larger than memory, in chunks: inflated a bounded part at a time, with and without
// context takeover, and the same as whole ones.
#include <doctest/doctest.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "../support/bytes.hpp"
#include "../support/end.hpp"
#include "../support/reference.hpp"
#include "compressed_end.hpp"

namespace deflate_streaming_tests {

namespace kw = kindwire;
using namespace support;
using kw::opcode;
using kw::role;

namespace {

constexpr std::size_t longest_chunk = (std::size_t{64} << 10) + 256 * 1032 + 4096;

struct chunks {
  void drain(kw::session& ws) {
    while (kw::message_chunk const chunk = ws.poll_some()) {
      if (chunk.first()) payload.clear();
      payload += copy(chunk.bytes());
      longest = std::max(longest, chunk.size());
      if (chunk.last()) whole.push_back(payload);
    }
  }

  std::vector<bytes> whole;
  bytes payload;
  std::size_t longest = 0;
};

kw::session_options streaming(std::uint64_t most) {
  return {.max_message_size = 1000, .max_streamed_size = most};
}

// Text that shrinks to a third or so.
bytes sentences(random_numbers& random, std::size_t size) {
  bytes result;
  while (result.size() < size) {
    bytes const word = random.utf8(1 + random.below(8));
    for (std::size_t i = random.below(6); i != 0; --i) result += word;
    result += text(" and so on, ");
  }
  return result;
}

}  // namespace

TEST_CASE("deflate streaming: fragments of any size, at any split, on any terms") {
  random_numbers random{91};
  unsigned wrong = 0;
  for (std::uint64_t round = 0; round != 60; ++round) {
    role const self = both_roles[round % 2];
    auto const choices = round % 3 == 0 ? kw::deflate::shared() : kw::deflate::full();
    compressed_end from{peer_of(self), choices};
    compressed_end to{self, choices, {}, streaming(1 << 20)};
    std::vector<bytes> sent;
    chunks seen;
    for (int message = 0; message != 3; ++message) {
      sent.push_back(sentences(random, random.below(120'000)));
      std::span<std::byte const> rest = sent.back();
      bool first = true;
      do {
        std::size_t const size = random.one_in(3) ? rest.size() : random.below(rest.size() + 1);
        bool const fin = size == rest.size();
        wrong += from.ws.send(first ? opcode::text : opcode::continuation, rest.first(size), fin) !=
                 std::error_code{};
        first = false;
        rest = rest.subspan(size);
        if (fin) break;
      } while (true);
    }
    bytes const input = from.output();
    for (std::size_t at = 0; at != input.size();) {
      std::size_t const size = std::min(input.size() - at, 1 + random.below(random.one_in(2) ? 20 : 70'000));
      feed(to.ws, std::span{input}.subspan(at, size));
      at += size;
      if (random.one_in(2)) to.ws.look_ahead();
      if (!random.one_in(3)) seen.drain(to.ws);
    }
    seen.drain(to.ws);
    wrong += seen.whole != sent || to.ws.error() || seen.longest > longest_chunk;
  }
  CHECK(wrong == 0);
}

TEST_CASE("deflate streaming: a bomb is taken in parts, and no further than the limit") {
  bytes const zeros(32 << 20);
  bytes const bomb = compressed(role::server, opcode::binary, zeros);
  CHECK(bomb.size() < 64 << 10);
  for (bool const fits : {true, false}) {
    compressed_end one{role::client, kw::deflate::full(), {}, streaming(zeros.size() - (fits ? 0 : 1))};
    feed(one.ws, bomb);
    std::size_t received = 0;
    std::size_t longest = 0;
    bool last = false;
    while (kw::message_chunk const chunk = one.ws.poll_some()) {
      received += chunk.size();
      longest = std::max(longest, chunk.size());
      last = chunk.last();
    }
    CHECK(last == fits);
    CHECK(longest <= longest_chunk);
    CHECK((received == zeros.size()) == fits);
    CHECK(one.ws.error() == (fits ? std::error_code{} : make_error_code(kw::error::message_too_large)));
  }
}

TEST_CASE("deflate streaming: what cannot be inflated fails as it does with poll(), and at the same byte") {
  random_numbers random{92};
  unsigned wrong = 0;
  unsigned broken = 0;
  for (int round = 0; round != 200; ++round) {
    bytes input = compressed(role::server, opcode::text, sentences(random, 400));
    input[4 + random.below(input.size() - 4)] ^= static_cast<std::byte>(1u << random.below(8));
    compressed_end whole{role::client, kw::deflate::full(), {}, {.max_message_size = 5000}};
    compressed_end parts{role::client, kw::deflate::full(), {}, streaming(5000)};
    chunks seen;
    for (std::byte const each : input) {
      whole.take({&each, 1});
      feed(parts.ws, {&each, 1});
      seen.drain(parts.ws);
      wrong += whole.ws.error() != parts.ws.error();
    }
    broken += whole.ws.error() ? 1 : 0;
    wrong += seen.whole.size() != whole.seen.size();
  }
  CHECK(wrong == 0);
  CHECK(broken > 50);
}

}  // namespace deflate_streaming_tests
