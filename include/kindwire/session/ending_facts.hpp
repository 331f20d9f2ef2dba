// What a session contributes to ending::facts; its driver supplies the rest.
#pragma once

#include "../session.hpp"
#include "ending.hpp"

namespace kindwire::detail {

inline ending::facts facts_of(session const& now) noexcept {
  bool const closed = now.state() == session_state::closed;
  ending::facts known;
  known.open = now.is_open();
  known.closed = closed;
  known.failed = closed && now.error();
  known.close_received = now.close_received();
  known.self = now.self();
  return known;
}

}  // namespace kindwire::detail
