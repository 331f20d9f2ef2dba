// Requests out of any bytes: the same in one piece and in many, and whatever is accepted is a valid request.
#include <kindwire/handshake/router.hpp>
#include <kindwire/handshake/server.hpp>
#include <kindwire/handshake/upgrade.hpp>

#include "fuzz.hpp"

namespace kw = kindwire;

namespace {

void put(kw::server_handshake& handshake, std::span<std::byte const> input) {
  auto const room = handshake.prepare(input.size() + 1);
  std::copy(input.begin(), input.end(), room.begin());
  handshake.commit(input.size());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size) {
  fuzz::source from(data, size);
  unsigned const cut = from.byte();
  support::bytes const input = from.rest();
  kw::server_handshake whole, pieces;
  put(whole, input);
  fuzz::in_pieces(input, cut, [&](std::span<std::byte> piece) { put(pieces, piece); });
  FUZZ_CLAIM(whole.status() == pieces.status() && whole.error() == pieces.error());
  std::string out;
  if (whole.status() == kw::handshake_status::failed)
    FUZZ_CLAIM(!kw::write_response(whole.error_response(), out));
  if (whole.status() != kw::handshake_status::ready) return 0;

  kw::request const& head = whole.request();
  FUZZ_CLAIM(head.target() == pieces.request().target() &&
             head.headers().size() == pieces.request().headers().size());
  FUZZ_CLAIM(head.path().starts_with('/') && head.headers().count("Host") == 1);
  auto const left = whole.leftover(), also_left = pieces.leftover();
  FUZZ_CLAIM(std::equal(left.begin(), left.end(), also_left.begin(), also_left.end()));
  head.query("a");
  kw::router<int> routes;
  (void)routes.add("/chat/{room}", 1);
  (void)routes.add("/{any}", 2);
  routes.match(head.path());
  auto const refused = kw::check_upgrade(head);
  if (refused) {
    FUZZ_CLAIM(refused->error && !kw::write_response(refused->answer, out));
  } else {
    FUZZ_CLAIM(!kw::write_accept(head, {}, out));
  }
  // Nothing that the peer sent makes a line of its own in what we write.
  for (std::size_t at = out.find('\n'); at != std::string::npos && at < out.find("\r\n\r\n");
       at = out.find('\n', at + 1)) {
    FUZZ_CLAIM(at != 0 && out[at - 1] == '\r');
  }
  return 0;
}
