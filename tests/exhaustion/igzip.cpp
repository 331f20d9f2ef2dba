// igzip's context meets std::bad_alloc at the n-th allocation: whole messages are sent as they are, and all
// that is sent is in step with the peer.
#include <kindwire/deflate/igzip.hpp>
#include <kindwire/session.hpp>

#include <doctest/doctest.h>

#include <cstddef>
#include <string>
#include <vector>

#include "../deflate/compressed_end.hpp"
#include "scarce_memory.hpp"

namespace igzip_exhaustion_tests {

namespace kw = kindwire;
using namespace support;
using exhaustion::at_every_allocation;
using exhaustion::scarce_memory;
using kw::opcode;
using kw::role;

TEST_CASE("igzip: without memory for a context a message is sent as it is, and the next ones are in step") {
  for (bool const keeps : {false, true}) {
    CAPTURE(keeps);
    int plain = 0;
    std::size_t const longest = at_every_allocation([&](scarce_memory& memory) {
      std::vector<reference_event> sent;
      bytes wire;
      {
        auto own = kw::deflate::igzip();
        own.context_takeover = keeps;
        own.window_bits = 9;  // no other test leaves such a context behind
        own.level = keeps ? 2 : 3;
        compressed_end sender{role::client, own};
        for (std::size_t i = 0; i != 6; ++i) {
          bytes const whole = random_numbers(i % 3).utf8(2000 + 500 * i);
          bool done = false;
          std::error_code refused;
          if (i % 2 == 0) {
            done = memory.attempt_twice([&] { refused = sender.ws.send(opcode::text, whole); });
          } else {
            std::span<std::byte const> const all = whole;
            done = memory.attempt_twice([&] {
              refused = sender.ws.send(opcode::text, all.first(900), false);
            }) && memory.attempt_twice([&] {
              refused = sender.ws.send(opcode::continuation, all.subspan(900));
            });
          }
          if (!done) break;
          CHECK_FALSE(refused);
          sent.push_back({opcode::text, whole});
        }
        wire = sender.output();
      }
      if (!wire.empty() && reserved_bits_of(wire) == 0) ++plain;
      auto others = kw::deflate::full();
      others.peer_context_takeover = keeps;
      others.peer_window_bits = 9;
      compressed_end receiver{role::server, others};
      receiver.take(wire);
      CHECK_FALSE(receiver.ws.error());
      CHECK(receiver.seen == sent);
      if (!memory.for_good()) CHECK(sent.size() == 6);
    });
    CHECK(longest >= 3);
    CHECK(plain >= 2);  // for want of the context, and for want of what it holds
  }
}

}  // namespace igzip_exhaustion_tests
