// How an extension is agreed on in the opening handshake, RFC 6455 §9.1: the seam between it and both sides.
#pragma once

#include <memory>
#include <string>
#include <system_error>
#include <vector>

#include "../message/extension.hpp"
#include "extension.hpp"

namespace kindwire {

/// What was agreed on; without an extension, nothing.
struct agreed_extension {
  /// The value of Sec-WebSocket-Extensions in the 101: `permessage-deflate; server_no_context_takeover`.
  std::string terms = {};
  /// The extension on those terms, for one connection.
  std::unique_ptr<message_extension> extension = {};
};

/// Negotiates one extension for any number of connections, as either end. Thread safe.
class extension_negotiator {
 public:
  virtual ~extension_negotiator() = default;

  /// A client's offer: a list of one or more alternatives, in order of preference.
  virtual std::vector<extension> offer() const = 0;

  /// A server's answer to the client's offer, which may hold extensions that it does not know. Nothing if it
  /// declines all.
  virtual agreed_extension accept(std::vector<extension> const& offered) const = 0;

  /// A client's verdict on the answer to what it has offered, offer() among it: what was agreed on; nothing
  /// if the server declined. Error: handshake_extension, for terms that were not on offer.
  virtual std::error_code confirm(std::vector<extension> const& offered,
                                  std::vector<extension> const& answered, agreed_extension& agreed) const = 0;
};

}  // namespace kindwire
