// Frames out of any bytes: what the reference reads, the same in one piece and in many; and at the first byte
// that breaks a rule the session is over.
#include <kindwire/session.hpp>

#include "fuzz.hpp"
#include "support/end.hpp"

namespace kw = kindwire;

namespace {

struct frame {
  unsigned code = 0;
  bool fin = false;
  unsigned reserved = 0;
  std::uint64_t length = 0;
  support::bytes payload;  // as much as came
  bool operator==(frame const&) const = default;
};

struct result {
  std::vector<frame> frames;
  std::error_code error;
  bool operator==(result const&) const = default;
};

void decode(kw::basic_frame_decoder& decoder, std::span<std::byte> input, result& into) {
  std::byte const* const begin = input.data();
  std::byte const* const end = begin + input.size();
  while (auto const chunk = decoder.next(input)) {
    FUZZ_CLAIM(chunk.payload.empty() ||
               (chunk.payload.data() >= begin && chunk.payload.data() + chunk.payload.size() <= end));
    kw::frame_header const& header = *chunk.header;
    FUZZ_CLAIM(kw::to_string(header.type) != std::string_view("RESERVED"));
    if (chunk.first)
      into.frames.push_back({static_cast<unsigned>(header.type),
                             header.fin,
                             static_cast<unsigned>(header.reserved) >> 4,
                             header.length,
                             {}});
    support::bytes& payload = into.frames.back().payload;
    payload.insert(payload.end(), chunk.payload.begin(), chunk.payload.end());
    FUZZ_CLAIM(chunk.last == (payload.size() == header.length));
    FUZZ_CLAIM(decoder.remaining() == header.length - payload.size());
  }
  into.error = decoder.error();
}

result reference_decode(support::bytes const& input, kw::role self, bool extension) {
  result expected;
  support::reference_header header;
  for (std::byte const each : input) {
    if (!header.whole) {
      header.take(each, self, extension ? 4u : 0u);
      if (header.violation != kw::error{}) {
        expected.error = header.violation;
        break;
      }
      if (!header.whole) continue;
      expected.frames.push_back({header.code, header.fin, header.reserved, header.length, {}});
    } else {
      support::bytes& payload = expected.frames.back().payload;
      payload.push_back(header.masked ? each ^ header.mask[payload.size() % 4] : each);
    }
    if (expected.frames.back().payload.size() == header.length) header = {};
  }
  return expected;
}

// Byte by byte, how many it took until the session was over; all of them if it is not.
std::size_t taken_until_over(support::end& end, std::span<std::byte const> input) {
  std::size_t taken = 0;
  while (taken != input.size() && end.ws.state() != kw::session_state::closed)
    end.take(input.subspan(taken++, 1));
  return taken;
}

void check_session(support::bytes const& input, kw::role self, unsigned cut) {
  kw::session_options const options{
      .max_message_size = SIZE_MAX, .max_fragments = SIZE_MAX, .autoping = false};
  support::end end{self, options}, singly{self, options};
  support::reference_receiver reference(self);
  reference.take(input);
  fuzz::in_pieces(input, cut, [&](std::span<std::byte> piece) { end.take(piece); });
  std::size_t const taken = taken_until_over(singly, input);
  FUZZ_CLAIM(end.seen == reference.events && singly.seen == end.seen);
  FUZZ_CLAIM(end.ws.error() == singly.ws.error() && end.ws.state() == singly.ws.state());
  if (end.ws.error() == kw::error::message_too_large) {
    // What no buffer can hold is too large for us, whatever the reference thinks.
    FUZZ_CLAIM(taken <= reference.taken);
  } else {
    FUZZ_CLAIM(end.ws.error() == (reference.violation != kw::error{} ? make_error_code(reference.violation)
                                                                     : std::error_code{}));
    FUZZ_CLAIM(taken == reference.taken);
    FUZZ_CLAIM((end.ws.state() == kw::session_state::closed) ==
               (reference.closed || reference.violation != kw::error{}));
  }
  if (!reference.closed) return;
  FUZZ_CLAIM(static_cast<unsigned>(end.ws.close_code()) == reference.close_code);
  FUZZ_CLAIM(support::text(end.ws.close_reason()) == reference.close_reason);
}

// The decoder and the reassembler put together by hand, as users do who need no more of it: up to a Close,
// the messages are those of the reference.
void check_parts(support::bytes const& input, kw::role self, unsigned cut) {
  kw::basic_frame_decoder decoder(self);
  kw::reassembler messages({.max_message_size = SIZE_MAX, .max_fragments = SIZE_MAX});
  std::vector<support::reference_event> seen;
  bool closed = false;
  fuzz::in_pieces(input, cut, [&](std::span<std::byte> piece) {
    while (!closed && !messages.error()) {
      auto const chunk = decoder.next(piece);
      if (!chunk) break;
      closed = chunk.header->type == kw::opcode::close;
      if (kw::is_control(chunk.header->type)) continue;
      kw::message const msg = messages.add(chunk);
      FUZZ_CLAIM(!msg || !messages.inside_message());
      if (msg) seen.push_back({msg.type(), support::text(msg.text())});
    }
  });
  support::reference_receiver reference(self);
  reference.take(input);
  std::erase_if(reference.events, [](auto const& each) { return kw::is_control(each.type); });
  FUZZ_CLAIM(seen == reference.events);
  if (messages.error() && messages.error() != kw::error::message_too_large)
    FUZZ_CLAIM(messages.error() == make_error_code(reference.violation));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size) {
  fuzz::source from(data, size);
  unsigned const choices = from.byte();
  kw::role const self = (choices & 1u) != 0 ? kw::role::server : kw::role::client;
  bool const extension = (choices & 2u) != 0;
  unsigned const cut = from.byte();
  support::bytes const input = from.rest();

  result whole, pieces;
  kw::basic_frame_decoder one(self), two(self);
  if (extension) one.allow_reserved(0x40), two.allow_reserved(0x40);
  support::bytes copy = input;
  decode(one, copy, whole);
  fuzz::in_pieces(input, cut, [&](std::span<std::byte> piece) { decode(two, piece, pieces); });
  FUZZ_CLAIM(whole == pieces);
  FUZZ_CLAIM(whole.error || one.between_frames() == two.between_frames());
  FUZZ_CLAIM(whole == reference_decode(input, self, extension));

  if (extension) return 0;
  check_session(input, self, cut);
  check_parts(input, self, cut);
  return 0;
}
