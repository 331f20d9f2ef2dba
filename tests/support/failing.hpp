// What "the connection fails" means (RFC 6455 §7.1.7), checked as a whole.
#pragma once

#include <doctest/doctest.h>

#include <vector>

#include "end.hpp"

namespace support {

/// Feeds `input`, whole and byte by byte, and checks that it fails the connection: exactly one Close with
/// `code` is sent and nothing after it, the error is `why`, nothing but `delivered` comes out, and nothing
/// goes in any more.
inline void check_fails(kindwire::role self, bytes const& input, kindwire::error why, unsigned code,
                        std::vector<reference_event> const& delivered = {},
                        kindwire::session_options options = {}) {
  CAPTURE(static_cast<int>(self));
  CAPTURE(to_hex(std::span{input}.first(std::min<std::size_t>(input.size(), 64))));
  bytes const later = frame(peer_of(self), kindwire::opcode::text, text("later")) +
                      frame(peer_of(self), kindwire::opcode::ping, text("later")) +
                      frame(peer_of(self), kindwire::opcode::close, hex("03 e8"));
  for (bool const singly : {false, true}) {
    CAPTURE(singly);
    end self_end{self, options};
    auto& ws = self_end.ws;
    if (singly) {
      self_end.take_singly(input);
    } else {
      self_end.take(input + later);  // in the same segment
    }
    CHECK(ws.state() == kindwire::session_state::closed);
    CHECK(ws.error() == why);
    self_end.take(later);
    CHECK(self_end.seen == delivered);

    CHECK(ws.send("too late") == kindwire::error::closed);
    CHECK(ws.send(kindwire::message_type::ping, {}) == kindwire::error::closed);
    CHECK_FALSE(ws.close());
    CHECK(self_end.send_all().closed);
    CHECK(self_end.peer.close_code == code);
    CHECK(self_end.peer.violation == kindwire::error{});
    CHECK(self_end.peer.taken == self_end.sent);  // the Close was the last thing
    CHECK(static_cast<unsigned>(ws.sent_close_code()) == code);

    CHECK(ws.error() == why);
    CHECK(ws.close_code() == kindwire::close_code::abnormal);
    CHECK_FALSE(ws.close_received());
    CHECK_FALSE(ws.closed_by_peer());
    CHECK(ws.unread_size() == 0);
  }
}

/// The same for both roles; `input` is built for the peer that each of them has.
template <class Build>
void check_both_fail(Build build, kindwire::error why, unsigned code) {
  for (kindwire::role const self : both_roles) check_fails(self, build(peer_of(self)), why, code);
}

}  // namespace support
