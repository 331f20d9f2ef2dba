// What the other end of a connection over TLS has shown to be.
#pragma once

#include "../requirements.hpp"

#include <string>

namespace kindwire {

/// A certificate of the peer's own. It says who the peer is if it was verified, which servers and clients of
/// tls/ do unless they are told not to.
struct peer_certificate {
  std::string subject = {};  ///< whom it is for, as `CN=ann,O=Example` (RFC 2253), in UTF-8
  std::string pem = {};      ///< the whole certificate (RFC 7468)
};

}  // namespace kindwire
