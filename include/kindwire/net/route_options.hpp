// What a server may be told about one websocket route.
#pragma once

#include "requirements.hpp"

#include <optional>
#include <string>
#include <vector>

#include "../handshake/headers.hpp"
#include "../handshake/origin.hpp"
#include "options.hpp"
#include "route_check.hpp"

namespace kindwire::net {

/// The options of one WebSocket route of a server.
struct route_options {
  std::vector<std::string> subprotocols = {};  ///< supported, in our order of preference (RFC 6455 §1.9)
  origin_options origins = {};  ///< which pages may connect: same origin unless listed (§10.2)
  /// Checks the request, its headers, parameters and remote_endpoint() before it is accepted; a returned
  /// response refuses it. Runs for every upgrade of the route. An exception is answered with 500, without its
  /// text.
  ///
  /// A coroutine runs on the connection's executor, within handshake_timeout. If that passes, the server
  /// stops or the peer goes first, the coroutine is cancelled (cancellation_type::terminal) and the
  /// connection closed; a shutdown waits for its end. The request stays in place until then. That a peer goes
  /// is noticed over sockets, unless it has sent more than 4 KiB after its request.
  ///
  /// A check that returns a response_or<T> passes the T on: to a handler with a second parameter of type T&,
  /// T const& or T. References are valid until the handler has returned.
  route_check before = {};
  header_list headers = {};                           ///< further header fields of the 101, such as cookies
  std::optional<connection_options> connection = {};  ///< in place of the server's
};

}  // namespace kindwire::net
