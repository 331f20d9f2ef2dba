// What a server may be told.
#pragma once

#include <chrono>
#include <cstdint>
#include <exception>
#include <functional>
#include <memory>
#include <string>

#include "../handshake/head.hpp"
#include "../handshake/host.hpp"
#include "observer.hpp"
#include "options.hpp"
#include "server_limits.hpp"

namespace kindwire::net {

/// The options of a server.
struct server_options {
  std::string address = "127.0.0.1";  ///< an IP address; "0.0.0.0" or "::" for all interfaces
  std::uint16_t port = 0;             ///< 0: any free port, see server::port()
  std::chrono::milliseconds handshake_timeout{
      10000};             ///< from the accept to the 101 or the end of another answer
  head_limits head = {};  ///< of a request
  /// The hosts that we answer to. If none is listed: localhost and IP addresses for listeners on loopback,
  /// and any host for the rest: other addresses, Unix sockets, serve(). Behind a proxy that passes its Host
  /// on, list that.
  host_options hosts = {};
  connection_options connection = {};  ///< of each websocket
  /// Gives each connection a strand, so that several threads may run the context. False if only one thread
  /// runs it, which saves some time and memory; no other thread may run the context then. A server that runs
  /// itself needs no strands, whatever this says.
  bool strands = true;
  /// Called with what a handler, a page or route_options::before threw, on the connection's executor; that
  /// includes the std::system_error of a connection that broke during a receive. The peer only sees 500 or
  /// 1011. What the callback itself throws is ignored.
  std::function<void(std::exception_ptr)> on_exception = {};

  // The rest is for a server that runs itself.

  /// How many threads run() serves with; 0: as many as the machine runs at once. Each has a context of its
  /// own, on which a connection stays for good. Handlers of connections on different threads, pages and
  /// checks run at the same time, and so does on_exception, so what they share must be thread safe. A handler
  /// that blocks its thread holds up new connections of that thread as well.
  unsigned threads = 1;
  /// SIGINT and SIGTERM end run(), as by shutdown(close_code::going_away, shutdown_timeout). A second signal
  /// does what it does to any program: it ends it at once.
  bool handle_signals = true;
  std::chrono::milliseconds shutdown_timeout{10000};

  // Of any server again.

  server_limits limits = {};                     ///< how many clients are served at a time; none are set
  std::shared_ptr<net::observer> observer = {};  ///< is told of handshakes and connections: see observer.hpp
};

}  // namespace kindwire::net
