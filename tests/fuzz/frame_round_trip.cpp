// What the encoder writes the decoder reads back, in one piece and in many, whatever the sizes, roles, bits
// and fragments.
#include <kindwire/frame/decoder.hpp>
#include <kindwire/frame/encoder.hpp>

#include "fuzz.hpp"
#include "support/reference.hpp"

namespace kw = kindwire;

namespace {

struct sent_frame {
  kw::opcode type;
  bool fin;
  std::uint8_t reserved;
  support::bytes payload;
};

void check(std::vector<sent_frame> const& frames, std::span<std::byte const> stream, kw::role receiver,
           unsigned cut) {
  kw::basic_frame_decoder decoder(receiver);
  decoder.allow_reserved(0x70);
  std::size_t done = 0;
  support::bytes payload;
  auto const take = [&](std::span<std::byte> piece) {
    while (auto const chunk = decoder.next(piece)) {
      FUZZ_CLAIM(done < frames.size());
      sent_frame const& sent = frames[done];
      FUZZ_CLAIM(chunk.header->type == sent.type && chunk.header->fin == sent.fin);
      FUZZ_CLAIM(chunk.header->reserved == sent.reserved && chunk.header->length == sent.payload.size());
      FUZZ_CLAIM(chunk.header->masked == (receiver == kw::role::server));
      payload.insert(payload.end(), chunk.payload.begin(), chunk.payload.end());
      if (!chunk.last) continue;
      FUZZ_CLAIM(payload == sent.payload);
      payload.clear();
      ++done;
    }
    FUZZ_CLAIM(piece.empty() && !decoder.error());
  };
  if (cut == 0) {
    support::bytes copy = support::copy(stream);
    take(copy);
  } else {
    fuzz::in_pieces(stream, cut, take);
  }
  FUZZ_CLAIM(done == frames.size() && decoder.between_frames());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size) {
  fuzz::source from(data, size);
  kw::role const sender = from.flag() ? kw::role::client : kw::role::server;
  kw::opcode const types[] = {kw::opcode::continuation, kw::opcode::text, kw::opcode::binary,
                              kw::opcode::close,        kw::opcode::ping, kw::opcode::pong};
  kw::basic_frame_encoder const encoder(sender);
  std::vector<sent_frame> frames;
  support::bytes stream;
  while (!from.empty()) {
    unsigned const choices = from.byte();
    kw::opcode const type = types[choices % 6];
    bool const fin = kw::is_control(type) || from.flag();
    auto const reserved = static_cast<std::uint8_t>(choices >= 128 ? choices & 0x70u : 0u);
    std::size_t length = kw::is_control(type) ? from.byte() % 126 : from.byte() << (from.byte() % 10);
    if (length != 0 && (choices & 8u) != 0) --length;  // 65535 is one less than 128 << 9
    support::bytes payload = from.take(length);
    if (!kw::is_control(type)) payload.resize(length);
    std::size_t const whole = encoder.size(payload.size());
    std::vector<std::byte> frame(whole);  // of its own, so that a write beyond it is seen
    if (choices % 12 < 6) {
      FUZZ_CLAIM(encoder.write(frame.data(), type, payload, fin, reserved) == whole);
    } else {
      std::copy(payload.begin(), payload.end(), frame.end() - static_cast<std::ptrdiff_t>(payload.size()));
      encoder.enclose(frame.data(), type, std::span(frame).last(payload.size()), fin, reserved);
    }
    stream.insert(stream.end(), frame.begin(), frame.end());
    frames.push_back({type, fin, reserved, std::move(payload)});
  }
  for (unsigned const cut : {0u, 1u, 4u}) {
    if (cut == 0 || stream.size() < 8192) check(frames, stream, support::peer_of(sender), cut);
  }
  return 0;
}
