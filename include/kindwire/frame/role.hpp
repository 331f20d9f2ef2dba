// The two ends of a connection: RFC 6455 §1.2 names them client and server.
#pragma once

#include "../requirements.hpp"

#include <cstdint>

namespace kindwire {

/// Which end of the connection we are. A client masks what it sends, a server does not (RFC 6455 §5.1).
enum class role : std::uint8_t { client, server };

}  // namespace kindwire
