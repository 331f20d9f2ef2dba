// What can be set for a connection that we open, with the defaults and why they are what they are.
#pragma once

#include <chrono>
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "../handshake/client.hpp"
#include "../handshake/head.hpp"
#include "../handshake/headers.hpp"
#include "../handshake/response.hpp"
#include "options.hpp"

namespace kindwire::net {

/// What can be set for a connection that we open.
///
/// g++ 12 refuses lists in braces, such as subprotocols and headers, inside of a co_await expression ("array
/// used as initializer"): build a client before, which keeps them.
struct connect_options {
  std::vector<std::string> subprotocols = {};  ///< in order of preference; unlike tokens (RFC 6455 §1.9)
  /// Other fields of the request, such as cookies or Authorization. A Host here replaces the one made from
  /// the URI.
  header_list headers = {};
  std::string_view origin = {};                        ///< only for programs that act as a browser does
  head_limits head = {};                               ///< of the answer
  std::size_t max_body = 65536;                        ///< bytes that are kept of the body of a refusal
  connection_options connection = {};                  ///< limits and times of the websocket
  std::chrono::milliseconds handshake_timeout{10000};  ///< for all of it: name, connection, handshake
  /// From the head of a refusal to the end of its body. A server that leaves the body open must not turn the
  /// refusal into a timeout.
  std::chrono::milliseconds body_timeout{1000};
  /// Where the server's answer goes when the handshake fails after one came: see connect_error::answer(). It
  /// lives as long as the operation.
  response* refusal = nullptr;

  /// The part that the protocol itself acts on.
  client_options handshake() const {
    return {.subprotocols = subprotocols,
            .origin = origin,
            .headers = headers,
            .limits = head,
            .max_body = max_body};
  }
};

}  // namespace kindwire::net
