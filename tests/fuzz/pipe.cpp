// Our client against our server, over a pipe that the fuzzer cuts, and that it may break: what one end sends
// the other receives, or the connection ends with one error.
#include <kindwire/session.hpp>

#include "fuzz.hpp"
#include "support/end.hpp"

namespace kw = kindwire;

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size) {
  fuzz::source from(data, size);
  support::end ends[] = {support::end{kw::role::server}, support::end{kw::role::client}};
  std::vector<support::reference_event> sent[2];
  bool broken = false;

  auto const carry = [&](unsigned sender, std::size_t most) {
    auto const part = ends[sender].ws.output().first(std::min(most, ends[sender].ws.output().size()));
    support::bytes copy(part.begin(), part.end());
    ends[sender].ws.consume(part.size());
    if (most % 64 == 63 && !copy.empty()) {
      copy[most % copy.size()] ^= static_cast<std::byte>(1 + from.byte() % 255);
      broken = true;
    }
    ends[1 - sender].take(copy);
  };
  while (!from.empty()) {
    unsigned const who = from.flag();
    switch (from.byte() % 6) {
      case 0:
      case 1: {
        support::bytes payload = from.take(from.byte());
        if (from.flag()) payload.resize(payload.size() * (1 + from.byte() * 8));
        if (!ends[who].ws.send(kw::message_type::binary, payload))
          sent[who].push_back({kw::opcode::binary, payload});
        break;
      }
      case 2: ends[who].ws.send(kw::message_type::ping, from.take(from.byte() % 126)); break;
      case 3:
      case 4: carry(who, from.byte()); break;
      case 5:
        if (from.byte() % 16 == 0) ends[who].ws.close(kw::close_code::going_away, "enough");
        break;
    }
  }
  while (!ends[0].ws.output().empty() || !ends[1].ws.output().empty()) {
    carry(0, 64 * 1024);
    carry(1, 64 * 1024);
  }
  if (broken) return 0;
  bool const closing = ends[0].ws.close_sent() || ends[1].ws.close_sent();
  for (unsigned who : {0u, 1u}) {
    FUZZ_CLAIM(!ends[who].ws.error());
    auto const& got = ends[1 - who].seen;
    FUZZ_CLAIM(got.size() <= sent[who].size() && std::equal(got.begin(), got.end(), sent[who].begin()));
    FUZZ_CLAIM(got.size() == sent[who].size() || closing);
    FUZZ_CLAIM(!closing || ends[who].ws.state() == kw::session_state::closed);
  }
  return 0;
}
