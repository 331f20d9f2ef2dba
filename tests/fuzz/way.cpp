// What a client is answered on its way: by an HTTP proxy, by a SOCKS proxy, by a redirect, with cookies.
// Answers mean the same in one piece and in many, and no byte is taken beyond them.
#include <kindwire/handshake/client.hpp>
#include <kindwire/handshake/cookies.hpp>
#include <kindwire/handshake/location.hpp>
#include <kindwire/handshake/socks5.hpp>
#include <kindwire/handshake/tunnel.hpp>

#include <algorithm>
#include <string>
#include <string_view>

#include "fuzz.hpp"

namespace kw = kindwire;

namespace {

// As much as it wants at a time, at most `most`; returns how much it has taken.
template <class Handshake>
std::size_t put(Handshake& handshake, std::string_view input, std::size_t most) {
  std::size_t taken = 0;
  while (taken != input.size() && handshake.status() == kw::handshake_status::reading) {
    handshake.consume(handshake.output().size());
    std::size_t const wanted = handshake.wanted();
    FUZZ_CLAIM(wanted != 0);
    std::string const piece(input.substr(taken, (std::min)(wanted, most)));  // a read beyond it is seen
    handshake.commit(piece);
    taken += piece.size();
  }
  return taken;
}

template <class Handshake>
void check_twice(Handshake whole, Handshake pieces, std::string_view input) {
  std::size_t const taken = put(whole, input, input.size() + 1);
  std::size_t const also = put(pieces, input, 1);
  FUZZ_CLAIM(taken == also || whole.status() != kw::handshake_status::ready);
  whole.end_of_input();
  pieces.end_of_input();
  FUZZ_CLAIM(whole.status() != kw::handshake_status::reading);
  FUZZ_CLAIM(whole.status() == pieces.status() && whole.error() == pieces.error());
  FUZZ_CLAIM(whole.answer().status == pieces.answer().status);
  FUZZ_CLAIM((whole.status() == kw::handshake_status::failed) == static_cast<bool>(whole.error()));
}

void check_tunnel(fuzz::source& from) {
  kw::tunnel_options options;
  if (from.flag()) options.limits = {.max_line = 40, .max_head = 120, .max_headers = 4};
  if (from.flag()) options.max_body = 8;
  auto const bytes = from.rest();
  std::string_view const input{reinterpret_cast<char const*>(bytes.data()), bytes.size()};
  kw::tunnel_handshake tunnel("a:1", options);
  std::size_t const taken = put(tunnel, input, 4096);
  if (tunnel.status() == kw::handshake_status::ready) {
    FUZZ_CLAIM(tunnel.answer().status / 100 == 2);
    FUZZ_CLAIM(input.substr(0, taken).ends_with("\r\n\r\n"));
  }
  FUZZ_CLAIM(tunnel.answer().body.size() <= (std::max)(options.max_body, std::size_t{4} * 40));
  FUZZ_CLAIM(tunnel.answer().headers.size() <= options.limits.max_headers);
  check_twice(kw::tunnel_handshake("a:1", options), kw::tunnel_handshake("a:1", options), input);
}

void check_socks(fuzz::source& from) {
  kw::socks5_request request{.host = "a", .port = 1};
  if (from.flag()) request.user = from.text();
  if (from.flag()) request.password = from.text();
  auto const bytes = from.rest();
  std::string_view const input{reinterpret_cast<char const*>(bytes.data()), bytes.size()};
  check_twice(kw::socks5_handshake(request), kw::socks5_handshake(request), input);
}

void check_location(fuzz::source& from) {
  auto const base = kw::uri::parse(from.text());
  if (!base) return;
  auto const bytes = from.rest();
  auto const to = kw::resolve_location(*base, {reinterpret_cast<char const*>(bytes.data()), bytes.size()});
  if (!to) return;
  FUZZ_CLAIM(!kw::client_handshake(*to).error());
  FUZZ_CLAIM(to->credentials == (kw::same_origin(*base, *to) ? base->credentials : ""));
  std::string const absolute = (to->secure ? "https://" : "http://") + to->authority() + to->target;
  auto const again = kw::resolve_location(*to, absolute);
  FUZZ_CLAIM(again && kw::same_origin(*again, *to));
}

void check_cookies(fuzz::source& from) {
  kw::cookie_jar jar;
  kw::uri const here{.host = "a.example", .target = "/b/c"}, other{.host = "b.example"};
  while (!from.empty()) jar.store(here, {{"Set-Cookie", from.text()}});
  FUZZ_CLAIM(jar.offer(other).empty());
  std::string const offered = jar.offer(here);
  FUZZ_CLAIM(offered.empty() || offered.find('=') != std::string::npos);
  FUZZ_CLAIM(jar.offer(here, offered).size() <= offered.size());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size) {
  fuzz::source from(data, size);
  switch (from.byte() % 4) {
    case 0: check_tunnel(from); break;
    case 1: check_socks(from); break;
    case 2: check_location(from); break;
    default: check_cookies(from); break;
  }
  return 0;
}
