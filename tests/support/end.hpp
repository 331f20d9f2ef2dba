// One end of a connection in a test: a session, what it delivered, and what it sent as the peer would read
// it.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <span>
#include <utility>
#include <vector>

#include <kindwire/session.hpp>

#include "bytes.hpp"
#include "reference.hpp"

namespace support {

/// Puts bytes from the peer into a session, without polling it.
inline void feed(kindwire::session& ws, std::span<std::byte const> input) {
  auto const room = ws.prepare(input.size());
  if (!input.empty()) std::memcpy(room.data(), input.data(), input.size());
  ws.commit(input.size());
}

/// The same in a block of its own.
inline void put(kindwire::session& ws, std::span<std::byte const> input) {
  kindwire::buffer block;
  block.append(input);
  ws.put(std::move(block));
}

/// Polls until nothing comes.
inline void drain(kindwire::session& ws, std::vector<reference_event>& seen) {
  while (kindwire::message const msg = ws.poll()) seen.push_back({msg.type(), copy(msg.bytes())});
}

struct end {
  explicit end(kindwire::role self, kindwire::session_options options = {})
      : ws(self, options), peer(peer_of(self)) {}

  kindwire::session ws;
  std::vector<reference_event> seen;  ///< messages that poll() gave
  reference_receiver peer;            ///< reads what was sent, once send_all() hands it over
  std::size_t sent = 0;               ///< bytes that send_all() handed over

  void take(std::span<std::byte const> input) {
    feed(ws, input);
    drain(ws, seen);
  }
  void take_singly(std::span<std::byte const> input) {
    for (auto const& each : input) take({&each, 1});
  }

  /// What the peer has read after this.
  reference_receiver const& send_all() {
    while (!ws.output().empty()) {
      sent += ws.output().size();
      peer.take(ws.output());
      ws.consume(ws.output().size());
    }
    return peer;
  }
};

inline constexpr kindwire::role both_roles[] = {kindwire::role::server, kindwire::role::client};

inline std::vector<reference_event> only(std::vector<reference_event> const& events, kindwire::opcode type) {
  std::vector<reference_event> result;
  std::copy_if(events.begin(), events.end(), std::back_inserter(result),
               [type](reference_event const& each) { return each.type == type; });
  return result;
}

inline std::vector<reference_event> without_control(std::vector<reference_event> events) {
  std::erase_if(events, [](reference_event const& each) { return kindwire::is_control(each.type); });
  return events;
}

/// The session ended as the reference says, and told the peer so.
inline bool ended_alike(end& actual, reference_receiver const& expected) {
  auto const& ws = actual.ws;
  if (ws.error() !=
      (expected.violation == kindwire::error{} ? std::error_code{} : make_error_code(expected.violation)))
    return false;
  if (ws.close_received() != expected.closed) return false;
  if (static_cast<unsigned>(ws.close_code()) != expected.close_code) return false;
  if (text(ws.close_reason()) != expected.close_reason) return false;
  bool const over = expected.closed || expected.violation != kindwire::error{};
  if ((ws.state() == kindwire::session_state::closed) != over) return false;
  actual.send_all();
  if (actual.peer.violation != kindwire::error{} || actual.peer.taken != actual.sent) return false;
  if (actual.peer.closed != over) return false;
  if (!over) return true;
  // §5.5.1: the code is echoed; §7.1.7: a broken rule has its own.
  unsigned const code = expected.closed ? expected.close_code
                                        : static_cast<unsigned>(kindwire::close_code_for(expected.violation));
  return actual.peer.close_code == code;
}

}  // namespace support
