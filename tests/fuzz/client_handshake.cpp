// A server's answer out of any bytes: the same in one piece and in many; a 101 without our key's answer never
// passes.
#include <kindwire/handshake/client.hpp>

#include "fuzz.hpp"

namespace kw = kindwire;

namespace {

void put(kw::client_handshake& handshake, std::span<std::byte const> input) {
  auto const room = handshake.prepare(input.size() + 1);
  std::copy(input.begin(), input.end(), room.begin());
  handshake.commit(input.size());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size) {
  fuzz::source from(data, size);
  unsigned const cut = from.byte();
  bool const right_key = from.flag();
  support::bytes input = from.rest();
  kw::uri const to{.host = "localhost", .target = "/"};
  kw::client_handshake whole(to, {.subprotocols = {"chat"}});
  auto const head = whole.output();
  std::string const request(reinterpret_cast<char const*>(head.data()), head.size());
  if (right_key) {
    // The first 28 bytes of the input's Accept are replaced by the right ones, so that what follows is
    // reached.
    std::string const accept = kw::accept_key(request.substr(request.find("Sec-WebSocket-Key: ") + 19, 24));
    std::string const name = "Accept: ";
    auto const* const place = reinterpret_cast<std::byte const*>(name.data());
    auto const found = std::search(input.begin(), input.end(), place, place + name.size());
    if (input.end() - found >= 36) std::memcpy(&*found + 8, accept.data(), 28);
  }
  put(whole, input);
  whole.end_of_input();
  if (whole.status() == kw::handshake_status::ready) FUZZ_CLAIM(right_key && whole.answer().status == 101);
  if (right_key) return 0;

  kw::client_handshake pieces(to, {.subprotocols = {"chat"}});
  fuzz::in_pieces(input, cut, [&](std::span<std::byte> piece) { put(pieces, piece); });
  pieces.end_of_input();
  FUZZ_CLAIM(whole.status() == pieces.status() && whole.error() == pieces.error());
  FUZZ_CLAIM(whole.answer().status == pieces.answer().status && whole.answer().body == pieces.answer().body);
  return 0;
}
