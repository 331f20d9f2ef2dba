// A session's state, printed for a log.
#pragma once

#include "close_handshake.hpp"

namespace kindwire {

/// `OPEN`, `CLOSING`, `CLOSED`: as RFC 6455 §4.1 and §7.1 call them.
constexpr char const* to_string(session_state state) noexcept {
  switch (state) {
    case session_state::open: return "OPEN";
    case session_state::closing: return "CLOSING";
    case session_state::closed: return "CLOSED";
  }
  return "UNKNOWN";
}

}  // namespace kindwire
