// Compressed messages that meet std::bad_alloc at the n-th allocation, zlib's own among them: what was sent
// is in step with the peer, whatever failed before it.
#include <kindwire/deflate.hpp>
#include <kindwire/session.hpp>

#include <doctest/doctest.h>

#include <cstddef>
#include <string>
#include <vector>

#include "../deflate/compressed_end.hpp"
#include "scarce_memory.hpp"

namespace deflate_exhaustion_tests {

namespace kw = kindwire;
using namespace support;
using exhaustion::at_every_allocation;
using exhaustion::scarce_memory;
using kw::opcode;
using kw::role;

namespace {

kw::deflate::options choices(bool keeps) {
  kw::deflate::options result = kw::deflate::small();
  result.context_takeover = result.peer_context_takeover = keeps;
  result.memory_level = 1;
  result.threshold = 0;
  return result;
}

bytes payload(std::size_t number) {
  random_numbers numbers(number % 3);
  return number % 4 == 3 ? numbers.any(3000) : numbers.utf8(2000 + 500 * number);
}

}  // namespace

TEST_CASE("a send that finds no memory sends nothing, and the next ones are in step") {
  for (bool const keeps : {false, true}) {
    CAPTURE(keeps);
    std::size_t const longest = at_every_allocation([&](scarce_memory& memory) {
      std::vector<reference_event> sent;
      bytes wire;
      {
        compressed_end sender{role::client, choices(keeps)};
        for (std::size_t i = 0; i != 6; ++i) {
          bytes const whole = payload(i);
          opcode const type = i % 4 == 3 ? opcode::binary : opcode::text;
          bool done = false;
          std::error_code refused;
          if (i % 2 == 0) {
            done = memory.attempt_twice([&] { refused = sender.ws.send(type, whole); });
          } else {
            // In two fragments, as both must be there.
            std::span<std::byte const> const all = whole;
            std::size_t const half = all.size() / 2;
            done = memory.attempt_twice([&] { refused = sender.ws.send(type, all.first(half), false); }) &&
                   memory.attempt_twice(
                       [&] { refused = sender.ws.send(opcode::continuation, all.subspan(half)); });
          }
          if (!done) break;
          CHECK_FALSE(refused);
          sent.push_back({type, whole});
        }
        wire = sender.output();
      }
      compressed_end receiver{role::server, choices(keeps)};
      receiver.take(wire);
      CHECK_FALSE(receiver.ws.error());
      CHECK(receiver.seen == sent);
      if (!memory.for_good()) CHECK(sent.size() == 6);
    });
    CHECK(longest > 5);
  }
}

TEST_CASE("a message for which there is no memory to inflate it loses the connection, and nothing else") {
  bytes wire;
  std::vector<reference_event> sent;
  {
    compressed_end sender{role::client, choices(true)};
    for (std::size_t i = 0; i != 4; ++i) {
      sent.push_back({opcode::binary, payload(i)});
      CHECK_FALSE(sender.ws.send(opcode::binary, sent.back().payload));
    }
    wire = sender.output();
  }
  std::size_t const longest = at_every_allocation([&](scarce_memory& memory) {
    compressed_end receiver{role::server, choices(true)};
    std::span<std::byte const> rest = wire;
    bool lost = false;
    while (!rest.empty() && !lost) {
      auto const piece = rest.first(std::min<std::size_t>(rest.size(), 700));
      rest = rest.subspan(piece.size());
      feed(receiver.ws, piece);
      for (bool more = true; more && !lost;) {
        kw::message msg;
        lost = !memory.attempt([&] { msg = receiver.ws.poll(); });
        more = static_cast<bool>(msg);
        if (more) receiver.seen.push_back({msg.type(), copy(msg.bytes())});
      }
    }
    CHECK(lost == memory.refused());
    if (lost) {
      CHECK(receiver.ws.error() == std::make_error_code(std::errc::not_enough_memory));
      CHECK(receiver.ws.state() == kw::session_state::closed);
    } else {
      CHECK(receiver.seen == sent);
    }
    for (std::size_t i = 0; i != receiver.seen.size(); ++i) CHECK(receiver.seen[i] == sent[i]);
  });
  CHECK(longest >= 3);
}

}  // namespace deflate_exhaustion_tests
