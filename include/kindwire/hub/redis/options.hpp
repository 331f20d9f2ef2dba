// How a redis_backplane uses Redis.
#pragma once

#include <chrono>
#include <cstddef>
#include <string>

#include "stream.hpp"

namespace kindwire {

struct redis_options {
  /// All keys and channels begin with it. Programs of one Redis that must not meet have different ones.
  std::string prefix = "kw:";
  /// A node that has ended without a word is noticed within it; so is one whose connection is gone for so
  /// long.
  std::chrono::milliseconds node_term = std::chrono::seconds(10);
  /// Before connecting again: a random time up to the first, and up to twice that after each failure.
  std::chrono::milliseconds first_delay{100};
  std::chrono::milliseconds max_delay = std::chrono::seconds(10);
  std::chrono::milliseconds connect_timeout = std::chrono::seconds(5);  ///< with TLS and AUTH
  /// Redis is asked for a sign of life when it is quiet; without one for so long, it is taken to be gone.
  std::chrono::milliseconds answer_timeout = std::chrono::seconds(5);
  /// Bytes of messages that Redis has not confirmed, each with its topic and 256 beside; one more is
  /// std::errc::no_buffer_space.
  std::size_t max_waiting = std::size_t{16} << 20;
  /// Bytes of one answer. Half of it is for a log, of which the latest messages are read, and half for the
  /// records of a topic: those for which there is no room are not in a snapshot. Each message takes 200 bytes
  /// beside its own, each record 224.
  std::size_t max_reply = std::size_t{64} << 20;
  /// For rediss: URLs: redis_tls() of hub/redis_tls.hpp.
  detail::redis_stream_maker tls = nullptr;
};

}  // namespace kindwire
