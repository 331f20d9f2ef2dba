// Frames out of any bytes: the same in one piece and in many, and what the reference reads.
#include <kindwire/session.hpp>

#include "fuzz.hpp"
#include "support/end.hpp"

namespace kw = kindwire;

namespace {

struct result {
  support::bytes payload;
  std::size_t frames = 0;
  std::error_code error;
  bool operator==(result const&) const = default;
};

void decode(kw::basic_frame_decoder& decoder, std::span<std::byte> input, result& into) {
  std::byte const* const begin = input.data();
  std::byte const* const end = begin + input.size();
  while (auto const chunk = decoder.next(input)) {
    FUZZ_CLAIM(chunk.payload.empty() ||
               (chunk.payload.data() >= begin && chunk.payload.data() + chunk.payload.size() <= end));
    into.payload.insert(into.payload.end(), chunk.payload.begin(), chunk.payload.end());
    into.frames += chunk.last;
  }
  into.error = decoder.error();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size) {
  fuzz::source from(data, size);
  kw::role const self = from.flag() ? kw::role::server : kw::role::client;
  unsigned const cut = from.byte();
  support::bytes const input = from.rest();

  result whole, pieces;
  kw::basic_frame_decoder one(self), two(self);
  support::bytes copy = input;
  decode(one, copy, whole);
  fuzz::in_pieces(input, cut, [&](std::span<std::byte> piece) { decode(two, piece, pieces); });
  FUZZ_CLAIM(whole == pieces);

  // The same bytes through a session without limits, against the reference.
  support::end end{self, {.max_message_size = SIZE_MAX, .max_fragments = SIZE_MAX, .autoping = false}};
  support::reference_receiver reference(self);
  reference.take(input);
  fuzz::in_pieces(input, cut, [&](std::span<std::byte> piece) { end.take(piece); });
  FUZZ_CLAIM(end.seen == reference.events);
  if (reference.violation != kw::error{}) {
    // What no buffer can hold is too large for us, whatever the reference thinks.
    FUZZ_CLAIM(end.ws.error() == reference.violation || end.ws.error() == kw::error::message_too_large);
  } else if (reference.closed) {
    FUZZ_CLAIM(end.ws.state() == kw::session_state::closed && !end.ws.error());
    FUZZ_CLAIM(static_cast<unsigned>(end.ws.close_code()) == reference.close_code);
  }
  return 0;
}
