// A session under any bytes from the peer and any actions of the application: what it writes is a valid
// stream with at most one Close at its end, views stay, memory is bounded, and the end comes once.
#include <kindwire/session.hpp>

#include <optional>

#include "fuzz.hpp"
#include "support/end.hpp"

namespace kw = kindwire;

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size) {
  fuzz::source from(data, size);
  kw::role const self = from.flag() ? kw::role::server : kw::role::client;
  kw::session_options options;
  options.max_message_size = from.byte() * 16;
  options.max_fragments = 1 + from.byte() % 8;
  options.max_queued_pongs = 64;
  options.autoping = from.flag();
  kw::session ws(self, options);
  support::reference_receiver peer(support::peer_of(self));
  std::optional<support::bytes> held;
  kw::message view;
  std::size_t unread = 0;
  bool ended = false;

  while (!from.empty()) {
    switch (from.byte() % 12) {
      case 0:
      case 1:
      case 2:
      case 3: {
        support::bytes const input = from.take(from.byte());
        unread += input.size();
        support::feed(ws, input);
        break;
      }
      case 4:
      case 5: {
        bool const was_closed = ws.state() == kw::session_state::closed;
        view = ws.poll();
        FUZZ_CLAIM(!(was_closed && view));
        FUZZ_CLAIM(view.size() <= std::max<std::size_t>(options.max_message_size, 125));
        if (view) held = support::bytes(view.bytes().begin(), view.bytes().end());
        if (!view) held.reset();
        break;
      }
      case 6: ws.look_ahead(); break;
      case 7: {
        support::bytes const payload = from.take(from.byte());
        ws.send(from.flag() ? kw::message_type::binary : kw::message_type::continuation, payload,
                from.flag());
        break;
      }
      case 8: ws.send(kw::message_type::ping, from.take(from.byte())); break;
      case 9: {
        auto const part = ws.output().first(std::min<std::size_t>(ws.output().size(), from.byte()));
        peer.take(part);
        ws.consume(part.size());
        break;
      }
      case 10: {
        unsigned const code = 1000 + from.byte() * 17;
        ws.close(static_cast<kw::close_code>(code), "");
        break;
      }
      case 11:
        switch (from.byte() % 8) {
          case 0: ws.discard(); break;
          case 1: ws.end_of_input(); break;
          case 2: ws.fail(kw::error::idle_timeout); break;
          default: break;
        }
        break;
    }
    if (held) FUZZ_CLAIM(std::equal(held->begin(), held->end(), view.bytes().begin(), view.bytes().end()));
    FUZZ_CLAIM(ws.unread_size() <= unread);
    FUZZ_CLAIM(!ended || ws.state() == kw::session_state::closed);
    ended = ws.state() == kw::session_state::closed;
    FUZZ_CLAIM(!ended || ws.error() || (ws.close_sent() && ws.close_received()));
  }
  while (!ws.output().empty()) {
    peer.take(ws.output());
    ws.consume(ws.output().size());
  }
  FUZZ_CLAIM(peer.violation == kw::error{});
  FUZZ_CLAIM(peer.closed == ws.close_sent());
  return 0;
}
