// The options of a connection that we open, with their defaults and the reasons for them.
#pragma once

#include <chrono>
#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "../handshake/client.hpp"
#include "../handshake/head.hpp"
#include "../handshake/headers.hpp"
#include "../handshake/response.hpp"
#include "observer.hpp"
#include "options.hpp"

namespace kindwire::net {

/// The options of a connection that we open.
///
/// g++ 12 rejects braced lists, such as subprotocols and headers, inside a co_await expression ("array used
/// as initializer"): build a client beforehand, which keeps them.
struct connect_options {
  std::vector<std::string> subprotocols = {};  ///< distinct tokens, in order of preference (RFC 6455 §1.9)
  /// Other fields of the request, such as cookies or Authorization. A Host here replaces the one made from
  /// the URI.
  header_list headers = {};
  // No string: g++ 12 copies the bytes of an argument in a co_await expression.
  std::string_view origin = {};                        ///< only for programs that act as a browser does
  head_limits head = {};                               ///< of the response
  std::size_t max_body = 65536;                        ///< bytes kept of the body of a refusal
  connection_options connection = {};                  ///< limits and timeouts of the websocket
  std::chrono::milliseconds handshake_timeout{10000};  ///< in total: resolving, connecting, handshake
  /// From the head of a refusal to the end of its body. A server that never ends the body must not turn the
  /// refusal into a timeout.
  std::chrono::milliseconds body_timeout{1000};
  std::shared_ptr<net::observer> observer = {};  ///< is told of the connection: see observer.hpp
  /// Receives the server's answer if the handshake fails after one arrived: see connect_error::answer(). Must
  /// live as long as the operation.
  response* refusal = nullptr;

  /// The options of the protocol itself.
  client_options handshake() const {
    return {.subprotocols = subprotocols,
            .origin = origin,
            .headers = headers,
            .limits = head,
            .max_body = max_body,
            .compression = connection.compression};
  }
};

}  // namespace kindwire::net
