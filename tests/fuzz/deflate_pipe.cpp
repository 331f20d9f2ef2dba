// Two sessions that have agreed on permessage-deflate on any terms, over a pipe that the fuzzer cuts: what
// one sends the other receives.
#include <kindwire/deflate.hpp>
#include <kindwire/session.hpp>

#include <algorithm>

#include "deflate/compressed_end.hpp"
#include "fuzz.hpp"

namespace kw = kindwire;

namespace {

using support::operator+;

kw::deflate::options choices(fuzz::source& from, bool keeps, bool peer_keeps, int bits, int peer_bits) {
  kw::deflate::options result;
  result.context_takeover = keeps;
  result.peer_context_takeover = peer_keeps;
  result.window_bits = bits;
  result.peer_window_bits = peer_bits;
  result.memory_level = static_cast<int>(1 + from.byte() % 9);
  result.level = static_cast<int>(1 + from.byte() % 9);
  result.threshold = from.byte();
  return result;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size) {
  fuzz::source from(data, size);
  unsigned const keeps = from.byte();
  int const bits[2] = {static_cast<int>(9 + from.byte() % 7), static_cast<int>(9 + from.byte() % 7)};
  bool const keep[2] = {(keeps & 1u) != 0, (keeps & 2u) != 0};
  support::compressed_end ends[2] = {
      support::compressed_end{kw::role::server, choices(from, keep[0], keep[1], bits[0], bits[1])},
      support::compressed_end{kw::role::client, choices(from, keep[1], keep[0], bits[1], bits[0])}};
  std::vector<support::reference_event> sent[2];
  support::bytes unfinished[2];

  auto const carry = [&](unsigned sender, std::size_t most) {
    auto& ws = ends[sender].ws;
    support::bytes const piece = support::copy(ws.output().first(std::min(most, ws.output().size())));
    ws.consume(piece.size());
    ends[1 - sender].take(piece);
  };
  auto const payload = [&] {
    support::bytes result = from.take(from.byte());
    unsigned const times = from.byte();
    support::bytes const once = result;
    for (unsigned i = 0; i < times % 40; ++i) result.insert(result.end(), once.begin(), once.end());
    return result;
  };
  while (!from.empty()) {
    unsigned const who = from.flag();
    auto& ws = ends[who].ws;
    auto const how = from.flag() ? kw::compress::yes : kw::compress::no;
    switch (from.byte() % 6) {
      case 0:
      case 1: {
        bool const fin = from.flag();
        bool const begins = !ws.sending_fragments();
        support::bytes const part = payload();
        FUZZ_CLAIM(!ws.send(begins ? kw::opcode::binary : kw::opcode::continuation, part, fin, how));
        unfinished[who] = begins ? part : unfinished[who] + part;
        if (fin) sent[who].push_back({kw::opcode::binary, unfinished[who]});
        break;
      }
      case 2:
        if (ws.sending_fragments()) break;
        {
          support::bytes const whole = payload();
          FUZZ_CLAIM(!ws.send(kw::opcode::binary, whole, true, how));
          sent[who].push_back({kw::opcode::binary, whole});
        }
        break;
      case 3: FUZZ_CLAIM(!ws.send(kw::opcode::ping, from.take(from.byte() % 20))); break;
      case 4: ends[who].deflate.rest(); break;
      case 5: carry(who, from.byte()); break;
    }
  }
  for (int round = 0; round != 3; ++round) {
    carry(0, SIZE_MAX);
    carry(1, SIZE_MAX);
  }
  for (unsigned const who : {0u, 1u}) {
    FUZZ_CLAIM(!ends[who].ws.error());
    FUZZ_CLAIM(ends[1 - who].seen == sent[who]);
  }
  return 0;
}
