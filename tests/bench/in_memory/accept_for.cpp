// The answer to a handshake that a peer of the benchmark insists on.
#include <kindwire/handshake/accept_key.hpp>

#include "parties.hpp"

namespace kw = kindwire;

namespace bench {

std::string accept_for(std::string const& request) {
  std::string const field = "Sec-WebSocket-Key: ";
  auto const at = request.find(field);
  if (at == std::string::npos) give_up("a request without a key");
  std::string const key = request.substr(at + field.size(), 24);
  return "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: "
         "Upgrade\r\nSec-WebSocket-Accept: " +
         kw::accept_key(key) + "\r\n\r\n";
}

}  // namespace bench
