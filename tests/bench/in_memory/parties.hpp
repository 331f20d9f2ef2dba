// What each library has to do in memory: the receiving and the sending end of one connection, without a
// socket.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <string>

#include "../harness.hpp"

namespace bench {

/// What has been delivered to the application. All parties must come to the same, or one is fast by not doing
/// its work.
struct delivered {
  std::size_t messages = 0;
  std::size_t size = 0;
  std::size_t edges = 0;  // the first and the last byte of each message, added up

  void add(unsigned char const* data, std::size_t length) {
    ++messages;
    size += length;
    if (length != 0) edges += std::size_t{data[0]} + data[length - 1];
  }
  bool operator==(delivered const& other) const {
    return messages == other.messages && size == other.size && edges == other.edges;
  }
};

/// What one read gives at most, as from a socket.
constexpr std::size_t read_size = 65536;

/// The server's end of an open connection, which its peer sends `wire` to in reads of 64 KiB. The bytes are
/// copied from there, as a socket's read copies them; who reads less at a time because its buffer is smaller
/// does so here too.
class receiver {
 public:
  virtual ~receiver() = default;
  virtual void receive(bytes wire, std::size_t messages) = 0;
  delivered got;
};
using make_receiver = std::function<std::unique_ptr<receiver>(std::size_t largest_message)>;

enum class end { server, client };

/// One end of an open connection that sends binary messages of one size, lying one behind the other in
/// `payloads`, to a stream that takes everything. Whoever can queue does so until `batch` bytes are there, as
/// a handler does that works through a batch of received messages.
class sender {
 public:
  virtual ~sender() = default;
  virtual void send(bytes payloads, std::size_t size, std::size_t batch) = 0;
  std::size_t written = 0;  // bytes that the stream took
};
using make_sender = std::function<std::unique_ptr<sender>(end)>;

using receivers = registry<make_receiver>;
using senders = registry<make_sender>;

/// The answer to a Sec-WebSocket-Key, for peers whose own handshake has to be got over first.
std::string accept_for(std::string const& request);

/// A client's request, and what a server needs to be open.
inline std::string opening_request() {
  return "GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
         "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n";
}

}  // namespace bench
