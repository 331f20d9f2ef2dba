// What permessage-deflate may cost, and three answers to that.
#pragma once

#include <cstddef>
#include <memory>

#include "../handshake/negotiator.hpp"
#include "deflater.hpp"
#include "zlib_deflater.hpp"

namespace kindwire::deflate {

/// How messages are compressed, and what may be agreed on with the peer (RFC 7692 §7.1). Begin with shared(),
/// small() or full(), and change what should be different:
///
///     auto compression = kw::deflate::small();
///     compression.level = 1;
///     kw::net::server server{io, {.port = 8080, .connection = {.compression = compression}}};
///
/// What lies outside its range counts as the nearest value inside.
struct options {
  /// Keep the window from one message to the next, so that a message may refer to those before it: smaller
  /// messages, for memory that a connection keeps. `peer_` is for what we receive. False: contexts are a
  /// thread's, and connections use them in turn.
  bool context_takeover = false;
  bool peer_context_takeover = false;

  int window_bits = 15;       ///< 9 to 15: of what we send, at most; 2^bits bytes
  int peer_window_bits = 15;  ///< 9 to 15: of what we receive, at most
  int memory_level = 8;       ///< 1 to 9: zlib's memLevel, the tables for what we send; 2^(level + 9) bytes
  int level = 3;              ///< 1, fastest, to 9, smallest; zlib's usual 6 takes twice the time of 3

  /// In bytes: shorter messages are sent as they are. Without takeover they would not shrink by half.
  std::size_t threshold = 256;

  /// In bytes: what the contexts that connections keep may take, of all connections that share these options
  /// together. A new connection that might exceed it agrees on what shared() does.
  std::size_t max_memory = std::size_t{256} << 20;

  /// Compresses what is sent. Another than zlib is chosen by its own preset: deflate/igzip.hpp.
  detail::compressor const* compressor = &detail::zlib_compressor;

  /// For connection_options::compression and the like: the contexts, the memory limit. Copies of the result
  /// share them, two conversions do not.
  operator std::shared_ptr<extension_negotiator const>() const;
};

/// No context takeover: an idle connection costs next to nothing, whatever their number. For servers.
inline options shared() noexcept { return {}; }

// <windows.h> makes a macro of the next name: programs that include all of it fill in the options instead.
#pragma push_macro("small")
#undef small
/// Context takeover with windows of 4 KiB: for servers with messages that are much alike.
inline options small() noexcept {
  options result;
  result.context_takeover = result.peer_context_takeover = true;
  result.window_bits = result.peer_window_bits = 12;
  result.memory_level = 5;
  result.threshold = 32;
  return result;
}
#pragma pop_macro("small")

/// Context takeover with windows of 32 KiB, zlib's usual size: for clients, and servers of few connections.
inline options full() noexcept {
  options result;
  result.context_takeover = result.peer_context_takeover = true;
  result.threshold = 32;
  return result;
}

}  // namespace kindwire::deflate
