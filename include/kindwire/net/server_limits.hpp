// How many clients a server takes, and what it tells about those that it refused.
#pragma once

#include "requirements.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>

#include "../session/rate.hpp"

namespace kindwire::net {

/// How many clients a server takes. 0 means no limit. A server without any limit does not count.
///
/// A connection counts from the accept, or from serve(), until its stream is closed, whoever owns the
/// websocket then; pages count as well. An address is an IPv4 address, or the first 64 bits of an IPv6
/// address, which is what one customer of a provider has at least; IPv4 addresses mapped into IPv6 are IPv4.
/// Behind a proxy all clients have the address of the proxy. Unix sockets, and streams without addresses,
/// count only in all.
///
/// A client over a limit gets an answer with Retry-After, once its request is there: 429 (RFC 6585 §4) for
/// the limits of an address, 503 (RFC 9110 §15.6.4) for the others.
struct server_limits {
  std::size_t connections = 0;              ///< at a time
  std::size_t connections_per_address = 0;  ///< at a time
  std::size_t handshakes = 0;  ///< under way at a time: no 101, nor the end of another answer, yet
  rate_limit new_connections_per_address = {};

  /// Bytes that all websockets together may have queued for sending. Above that, the connection with the
  /// longest queue is closed with 1013 behind what it has queued, and so on; while they have not gone and a
  /// quarter more than the limit is queued, the longest of them are cut, without a Close: close_code() is
  /// 1006 at the peer, and error() is error::send_queue_full.
  ///
  /// Queues of less than 64 KiB do not count. Of what a hub or a prepared_message sends to many, a connection
  /// counts its share: the block that holds it, divided by how many hold that. A share is looked at again
  /// when the queue has changed by 32 KiB, and after ping_interval. What blocks hold beyond the bytes in them
  /// comes on top, the same again at most.
  std::size_t queued = 0;

  /// How many of the refused are answered at a time, beside what the limits allow. Each has two seconds for
  /// its request and two to take the answer, or handshake_timeout if that is shorter. Others are closed at
  /// once, without an answer.
  std::size_t answered_refusals = 64;
  /// The value of Retry-After, at least; clients over new_connections_per_address are told how long that
  /// takes.
  std::chrono::seconds retry_after{5};

  /// True if there is a limit.
  constexpr bool any() const noexcept {
    return connections != 0 || connections_per_address != 0 || handshakes != 0 ||
           new_connections_per_address || queued != 0;
  }
};

/// How many connections a server has refused, by the limit that was reached.
struct refused_connections {
  std::uint64_t connections = 0;                  ///< server_limits::connections
  std::uint64_t connections_per_address = 0;      ///< server_limits::connections_per_address
  std::uint64_t handshakes = 0;                   ///< server_limits::handshakes
  std::uint64_t new_connections_per_address = 0;  ///< server_limits::new_connections_per_address
  std::uint64_t unanswered = 0;                   ///< of all these: closed without an answer
  std::uint64_t queued = 0;                       ///< open ones that had to go: server_limits::queued
};

/// What counts against server_limits at the moment.
struct counted_connections {
  std::size_t connections = 0;
  std::size_t handshakes = 0;  ///< of the connections: still in their handshake
  std::size_t addresses = 0;   ///< that are remembered: connected, or too often so lately
  std::size_t queued = 0;      ///< bytes, as server_limits::queued counts them
};

}  // namespace kindwire::net
