// The options of a connection over an Asio stream, with their defaults and the reasons for them.
#pragma once

#include "requirements.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>

#include "../handshake/negotiator.hpp"
#include "../session.hpp"
#include "../session/keepalive.hpp"
#include "../session/rate.hpp"

namespace kindwire::net {

/// What happens to a message sent while send_queue_hard bytes are already queued. Awaiting each send never
/// gets there.
enum class overflow_policy : std::uint8_t {
  drop,   ///< the message is not queued, the send fails with error::send_queue_full, the connection goes on
  close,  ///< the connection is failed with 1008 and error::send_queue_full
};

/// What happens while a peer sends more messages than connection_options::message_rate.
enum class rate_policy : std::uint8_t {
  /// Messages wait, with the rest of the input behind them, until their time has come; at read_ahead bytes
  /// reading stops, which slows the peer. Pings are answered, and the peer's Close is noticed, as far as that
  /// is read; what is there once the connection ends is delivered at once.
  slow,
  close,            ///< the connection is failed with 1008 and error::too_many_messages
  try_again_later,  ///< the same with 1013
};

/// The traffic of one connection so far.
struct statistics {
  std::uint64_t bytes_received = 0;     ///< of frames, as read from the stream
  std::uint64_t bytes_sent = 0;         ///< of frames, as written to the stream
  std::uint64_t messages_received = 0;  ///< complete ones that receive() has returned or will return next
  std::uint64_t messages_sent = 0;      ///< TEXT and BINARY queued in full
};

/// The limits and timeouts of a connection. Sizes are in bytes. Zero disables ping_interval and idle_timeout;
/// any time of std::chrono::milliseconds::max() means never (as does anything from 24 days up).
struct connection_options {
  std::size_t max_message_size = std::size_t{1} << 20;  ///< received; more fails the connection with 1009
  std::size_t max_fragments = 4096;  ///< per received message; more fails the connection with 1008

  /// Received by receive_some(), the whole message; more fails the connection with 1009. Of such a message
  /// only fragments without payload count towards max_fragments. While no receive waits, messages are left
  /// where they are, so that read_ahead bounds what is held of them. 0, the default: receive_some() has the
  /// limits of receive().
  std::uint64_t max_streamed_size = 0;

  bool autoping = true;  ///< answer pings, hide pings and pongs; false delivers both as messages

  std::size_t read_ahead = 65536;  ///< unread input at which reading stops while the application is behind
  std::size_t send_queue_soft = std::size_t{1} << 20;  ///< an awaited send resumes at or below this
  std::size_t send_queue_hard = std::size_t{4} << 20;  ///< at this the overflow policy applies
  overflow_policy overflow = overflow_policy::drop;

  /// From our Close to the end of the stream. Counted from when the peer has taken our Close; until then,
  /// from when it last took some of the output queued before it.
  std::chrono::milliseconds close_timeout{5000};
  std::chrono::milliseconds ping_interval{20000};  ///< without input, after which a ping is sent
  std::chrono::milliseconds pong_timeout{20000};   ///< after the ping; any byte counts as a sign of life
  std::chrono::milliseconds idle_timeout{0};  ///< without TEXT or BINARY; off: quiet connections are normal

  /// Bytes per second. While output is queued, a peer that takes some of it shows a sign of life; one that
  /// takes less than this, over ping_interval plus pong_timeout (or close_timeout, once a Close is queued),
  /// is given up like one that takes nothing: error::send_timeout. 0: any byte counts.
  std::size_t min_send_rate = 100;

  /// Counts traffic for websocket::statistics(): 64 bytes per connection.
  bool statistics = false;

  /// Compresses messages if the peer can: `.compression = kw::deflate::shared()`; see deflate/options.hpp.
  /// Sizes of messages are those before compression. Off: it costs memory and time, and must not be used on
  /// messages that have both a secret and what an attacker may choose in them (RFC 7457 §2.6).
  std::shared_ptr<extension_negotiator const> compression = {};

  /// TEXT and BINARY received, counted as they are handed to the application; off. Costs 80 bytes per
  /// connection if it is on.
  rate_limit message_rate = {};
  rate_policy above_message_rate = rate_policy::slow;

  /// The options of the protocol itself.
  session_options session() const noexcept {
    return {.max_message_size = max_message_size,
            .max_fragments = max_fragments,
            .max_streamed_size = max_streamed_size,
            .autoping = autoping};
  }

  /// The options that decide whether the peer is alive.
  kindwire::detail::keepalive_options keepalive() const noexcept {
    return {ping_interval, pong_timeout, idle_timeout, min_send_rate};
  }
};

}  // namespace kindwire::net
