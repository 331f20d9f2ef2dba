// How kindwire's session receives in memory.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <kindwire/session.hpp>

#include "parties.hpp"

namespace bench {

inline void receive_all(kindwire::session& session, bytes wire, delivered& got) {
  while (wire.size != 0) {
    std::size_t const size = std::min(wire.size, read_size);
    std::memcpy(session.prepare(size).data(), wire.data, size);
    session.commit(size);
    while (kindwire::message const msg = session.poll()) {
      got.add(reinterpret_cast<unsigned char const*>(msg.bytes().data()), msg.size());
    }
    wire = wire.sub(size, wire.size - size);
  }
  if (session.error()) give_up("kindwire: " + session.error().message());
}

}  // namespace bench
