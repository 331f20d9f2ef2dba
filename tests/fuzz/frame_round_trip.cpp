// What the encoder writes the decoder reads back, whatever the sizes, roles and fragments.
#include <kindwire/frame/decoder.hpp>
#include <kindwire/frame/encoder.hpp>

#include "fuzz.hpp"

namespace kw = kindwire;

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size) {
  fuzz::source from(data, size);
  kw::role const sender = from.flag() ? kw::role::client : kw::role::server;
  kw::opcode const types[] = {kw::opcode::continuation, kw::opcode::text, kw::opcode::binary,
                              kw::opcode::close,        kw::opcode::ping, kw::opcode::pong};
  kw::basic_frame_encoder const encoder(sender);
  kw::basic_frame_decoder decoder(sender == kw::role::client ? kw::role::server : kw::role::client);
  while (!from.empty()) {
    kw::opcode const type = types[from.byte() % 6];
    bool const fin = kw::is_control(type) || from.flag();
    std::size_t const length = kw::is_control(type) ? from.byte() % 126 : from.byte() << (from.byte() % 10);
    support::bytes payload = from.take(length);
    if (!kw::is_control(type)) payload.resize(length);
    std::vector<std::byte> frame(encoder.size(payload.size()));
    FUZZ_CLAIM(encoder.write(frame.data(), type, payload, fin) == frame.size());
    std::span<std::byte> input(frame);
    auto const chunk = decoder.next(input);
    FUZZ_CLAIM(chunk && chunk.first && chunk.last && input.empty());
    FUZZ_CLAIM(chunk.header->type == type && chunk.header->fin == fin);
    FUZZ_CLAIM(std::equal(chunk.payload.begin(), chunk.payload.end(), payload.begin(), payload.end()));
  }
  return 0;
}
