// The limits and choices of a session.
#pragma once

#include "../requirements.hpp"

#include <cstddef>
#include <cstdint>

namespace kindwire {

/// The limits and choices of a session.
struct session_options {
  std::size_t max_message_size = std::size_t{1} << 20;  ///< in bytes; more fails the connection with 1009
  std::size_t max_fragments = 4096;                     ///< per message; more fails the connection with 1008

  /// In bytes, of a message taken by poll_some(); more fails the connection with 1009. Of such a message only
  /// fragments without payload count towards max_fragments: this bounds all others. 0, the default: both
  /// limits are those of poll().
  std::uint64_t max_streamed_size = 0;

  std::size_t max_queued_pongs = 16384;  ///< in bytes; past it only the latest ping is answered
  bool autoping = true;  ///< answer pings, hide pings and pongs; false delivers both as messages
};

}  // namespace kindwire
