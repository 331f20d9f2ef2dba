// A server's answer out of any bytes: the same in one piece and in many; a 101 without our key's answer never
// passes. And our request, whatever it is made of: our own server understands it, or nothing is written.
#include <kindwire/handshake/client.hpp>
#include <kindwire/handshake/server.hpp>

#include <optional>

#include "fuzz.hpp"

namespace kw = kindwire;

namespace {

std::string_view characters(std::span<std::byte const> from) {
  return {reinterpret_cast<char const*>(from.data()), from.size()};
}

std::string key_in(std::string_view request) {
  return std::string(request.substr(request.find("Sec-WebSocket-Key: ") + 19, 24));
}

// The first Accept in `input` gets the right value for this client's key, so that what follows is reached.
support::bytes with_right_accept(support::bytes input, kw::client_handshake const& client) {
  std::string const accept = kw::accept_key(key_in(characters(client.output())));
  std::string_view const name = "Accept: ";
  std::size_t const found = characters(input).find(name);
  if (found != std::string_view::npos && input.size() - found >= name.size() + accept.size())
    std::memcpy(input.data() + found + name.size(), accept.data(), accept.size());
  return input;
}

void check_input(fuzz::source& from, unsigned choices) {
  unsigned const cut = from.byte();
  bool const right_key = (choices & 1u) != 0;
  kw::client_options options;
  if ((choices & 2u) == 0) options.subprotocols = {"chat", "v2"};
  if ((choices & 4u) != 0) options.extensions = "permessage-deflate; client_max_window_bits, x-own";
  if ((choices & 8u) != 0) options.limits = {.max_line = 40, .max_head = 240, .max_headers = 8};
  if ((choices & 16u) != 0) options.max_body = 8;
  support::bytes const input = from.rest();

  kw::uri const to{.host = "localhost", .target = "/"};
  kw::client_handshake whole(to, options), pieces(to, options);
  support::bytes const given = right_key ? with_right_accept(input, whole) : input;
  fuzz::put(whole, given);
  fuzz::in_pieces(right_key ? with_right_accept(input, pieces) : input, cut,
                  [&](std::span<std::byte> piece) { fuzz::put(pieces, piece); });
  FUZZ_CLAIM(whole.status() == pieces.status() && whole.error() == pieces.error());
  // However the input ends: a refusal stays one, and where it is none the outcome is why it ended.
  bool const reading = whole.status() == kw::handshake_status::reading;
  bool const refused = whole.is_refused();
  std::error_code const why =
      (choices & 64u) != 0 ? kw::error::handshake_timeout : kw::error::connection_lost;
  FUZZ_CLAIM(refused == pieces.is_refused());
  whole.end_of_input(why);
  pieces.end_of_input(why);
  FUZZ_CLAIM(whole.status() == pieces.status() && whole.error() == pieces.error());
  FUZZ_CLAIM(!refused || whole.error() == kw::error::handshake_refused);
  FUZZ_CLAIM(refused || !reading || whole.error() == why);
  FUZZ_CLAIM(whole.status() != kw::handshake_status::reading);

  kw::response const& answer = whole.answer();
  FUZZ_CLAIM(answer.status == pieces.answer().status);
  // With the right key the two differ where the Accept stands, and that may be in a body.
  FUZZ_CLAIM(answer.body == pieces.answer().body || !refused ||
             (right_key && answer.body.size() == pieces.answer().body.size()));
  // What is no HTTP is quoted as far as it had come, which is all that the two may differ in.
  for (kw::client_handshake const* each : {&whole, &pieces}) {
    FUZZ_CLAIM(refused || each->answer().body == each->server_said());
    FUZZ_CLAIM(each->server_said().size() <= std::size_t{4} * 40);
    for (char const letter : each->server_said()) FUZZ_CLAIM(letter >= 0x20 && letter < 0x7F);
  }
  FUZZ_CLAIM(answer.headers.size() == pieces.answer().headers.size());
  FUZZ_CLAIM(answer.headers.size() <= options.limits.max_headers &&
             (!refused || answer.body.size() <= options.max_body));
  FUZZ_CLAIM(whole.subprotocol() == pieces.subprotocol() && whole.extensions() == pieces.extensions());
  if (whole.status() == kw::handshake_status::failed) {
    FUZZ_CLAIM(whole.error() && whole.leftover().empty());
    FUZZ_CLAIM(whole.error() != kw::error::handshake_refused ||
               (answer.status >= 200 && answer.status <= 999));
    return;
  }
  FUZZ_CLAIM(right_key && answer.status == 101 && answer.body.empty());
  auto const& ours = options.subprotocols;
  FUZZ_CLAIM(whole.subprotocol().empty() ||
             std::find(ours.begin(), ours.end(), whole.subprotocol()) != ours.end());
  for (kw::extension const& each : whole.extensions())
    FUZZ_CLAIM((choices & 4u) != 0 && (each.name == "permessage-deflate" || each.name == "x-own"));
  for (kw::client_handshake* each : {&whole, &pieces}) {
    std::string_view const left = characters(each->leftover());
    FUZZ_CLAIM(characters(given).ends_with(left));
    FUZZ_CLAIM(characters(given).substr(0, given.size() - left.size()).ends_with("\r\n\r\n"));
  }
}

void check_request(fuzz::source& from) {
  kw::uri to{.secure = from.flag(), .host = from.text(), .target = from.text()};
  to.port = static_cast<std::uint16_t>(from.byte() << 8 | from.byte());
  std::string const origin = from.text(), extensions = from.text();
  kw::client_options options{.origin = origin, .extensions = extensions};
  for (unsigned count = from.byte() % 4; count != 0; --count) options.subprotocols.push_back(from.text());
  while (!from.empty()) {
    std::string name = from.text();
    options.headers.emplace_back(std::move(name), from.text());
  }
  kw::client_handshake client(to, options);
  if (client.status() == kw::handshake_status::failed) {
    FUZZ_CLAIM(client.error() && client.output().empty());
    return;
  }
  kw::server_handshake server;
  fuzz::put(server, client.output());
  if (server.status() == kw::handshake_status::failed && client.output().size() > 4096) return;  // its limits
  FUZZ_CLAIM(server.status() == kw::handshake_status::ready && server.leftover().empty());
  FUZZ_CLAIM(server.request().target() == to.target);
  // Who writes the Host alone decides whose origin it is.
  FUZZ_CLAIM(!kw::check_upgrade(server.request(), {.any = true}));

  std::string out;
  FUZZ_CLAIM(!kw::write_accept(
      server.request(), {.subprotocol = kw::select_subprotocol(server.request(), options.subprotocols)},
      out));
  fuzz::put(client, std::as_bytes(std::span(out)));
  FUZZ_CLAIM(client.status() == kw::handshake_status::ready && client.leftover().empty());
  FUZZ_CLAIM(client.subprotocol() == (options.subprotocols.empty() ? "" : options.subprotocols.front()));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size) {
  fuzz::source from(data, size);
  unsigned const choices = from.byte();
  if ((choices & 32u) != 0) {
    check_request(from);
  } else {
    check_input(from, choices);
  }
  return 0;
}
