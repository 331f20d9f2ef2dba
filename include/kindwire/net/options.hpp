// What can be set for a connection over an Asio stream, with the defaults and why they are what they are.
#pragma once

#include "requirements.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>

#include "../session.hpp"
#include "../session/keepalive.hpp"

namespace kindwire::net {

/// What happens to a message that is sent while send_queue_hard bytes wait already. Awaiting sends never gets
/// there.
enum class overflow_policy : std::uint8_t {
  drop,   ///< the message is not queued, the send ends with error::send_queue_full, the connection goes on
  close,  ///< the connection is failed with 1008 and error::send_queue_full
};

/// What one connection has carried so far.
struct statistics {
  std::uint64_t bytes_received = 0;     ///< of frames, as they came out of the stream
  std::uint64_t bytes_sent = 0;         ///< of frames, as the stream has taken them
  std::uint64_t messages_received = 0;  ///< whole ones that receive() was given, or will be next
  std::uint64_t messages_sent = 0;      ///< TEXT and BINARY that were queued whole
};

/// The limits and times of a connection. Sizes are in bytes. Zero turns ping_interval and
/// idle_timeout off; of any time, std::chrono::milliseconds::max() means never (as does all from 24 days on).
struct connection_options {
  std::size_t max_message_size = std::size_t{1} << 20;  ///< received; more fails the connection with 1009
  std::size_t max_fragments = 4096;  ///< frames a received message; more fails it with 1008
  bool autoping = true;              ///< answer pings, hide pings and pongs; false delivers both as messages

  std::size_t read_ahead = 65536;  ///< unread input at which reading stops while the application is behind
  std::size_t send_queue_soft = std::size_t{1} << 20;  ///< an awaited send resumes below this
  std::size_t send_queue_hard = std::size_t{4} << 20;  ///< at this the policy acts: a peer that never reads
  overflow_policy overflow = overflow_policy::drop;

  /// From our Close to the end of the stream. It counts from the moment in which the peer has taken our
  /// Close, and before that from the last time that it took some of what was queued in front.
  std::chrono::milliseconds close_timeout{5000};
  std::chrono::milliseconds ping_interval{20000};  ///< a ping is sent when nothing was heard for so long
  std::chrono::milliseconds pong_timeout{20000};   ///< any byte within this time after the ping is life
  std::chrono::milliseconds idle_timeout{0};  ///< without TEXT or BINARY; off: quiet connections are normal

  /// Bytes a second. While output waits, that the peer takes some of it is a sign of life; one that takes
  /// less than this, over ping_interval and pong_timeout together (or close_timeout, once a Close is said),
  /// is given up like one that takes nothing: error::send_timeout. 0: any byte counts.
  std::size_t min_send_rate = 100;

  /// Counts what comes and goes, for websocket::statistics(): 32 bytes a connection.
  bool statistics = false;

  /// The part that the protocol itself acts on.
  session_options session() const noexcept {
    return {.max_message_size = max_message_size, .max_fragments = max_fragments, .autoping = autoping};
  }

  /// The part that says who is alive.
  kindwire::detail::keepalive_options keepalive() const noexcept {
    return {ping_interval, pong_timeout, idle_timeout, min_send_rate};
  }
};

}  // namespace kindwire::net
