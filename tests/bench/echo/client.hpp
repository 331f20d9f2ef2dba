// The load's end of a connection: connect, open, and frames that were masked beforehand.
#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdint>
#include <cstring>
#include <random>
#include <string>

#include "../harness.hpp"
#include "wire.hpp"

namespace bench {

/// A blocking socket, connected to 127.0.0.1. The `number`th: each 4,000 come from an address of their own,
/// since one address has ports for 28,000. With `takes_little` the system takes few bytes that are not read,
/// and has the server's take few as well.
inline int open_socket(std::uint16_t port, std::size_t number, bool takes_little = false) {
  int const fd = ::socket(AF_INET, SOCK_STREAM, 0);
  if (fd < 0) give_up("no socket: raise the limit of open files (ulimit -n)");
  int const on = 1;
  ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  ::setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on);
  // Ended by a reset: a port that waits for stray segments (TIME_WAIT) would be missing in the next round.
  linger const reset{1, 0};
  ::setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
  if (takes_little) {
    int const room = 4096, segment = 536;  // what a sender buffers goes by the size of a segment
    ::setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &room, sizeof room);
    ::setsockopt(fd, IPPROTO_TCP, TCP_MAXSEG, &segment, sizeof segment);
  }
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK + 1 + static_cast<std::uint32_t>(number / 4000));
  if (::bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) give_up("cannot bind");
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(port);
  if (::connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) give_up("cannot connect");
  return fd;
}

/// Opens a WebSocket connection (RFC 6455 §4.1).
template <class Wire>
void upgrade(Wire& with, std::uint16_t port) {
  std::string const request =
      "GET / HTTP/1.1\r\nHost: 127.0.0.1:" + std::to_string(port) +
      "\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
      "Sec-WebSocket-Version: 13\r\n\r\n";
  send_whole(with, request.data(), request.size());
  std::string answer;
  while (answer.find("\r\n\r\n") == std::string::npos) {
    char one;
    receive_whole(with, &one, 1);
    answer += one;
  }
  if (answer.find(" 101 ") == std::string::npos) give_up("not opened: " + answer);
}

/// An open WebSocket connection, which blocks.
inline wire open_connection(std::uint16_t port, std::size_t number, bool takes_little = false) {
  wire opened = wire::to_server(open_socket(port, number, takes_little));
  upgrade(opened, port);
  return opened;
}

inline std::string frame_header(std::size_t size, bool masked) {
  std::string header = "\x82";
  auto const bit = static_cast<unsigned>(masked ? 0x80 : 0);
  unsigned const wide = size < 126 ? 0 : size < 65536 ? 2 : 8;
  header += static_cast<char>(bit | (wide == 0 ? size : wide == 2 ? 126 : 127));
  for (unsigned i = wide; i != 0; --i) header += static_cast<char>(size >> (8 * (i - 1)));
  return header;
}

inline std::string random_payload(std::size_t size) {
  std::mt19937 source(static_cast<unsigned>(size));
  std::string payload(size, '\0');
  for (char& each : payload) each = static_cast<char>(source());
  return payload;
}

/// A client's BINARY message as one frame (RFC 6455 §5.2). The key is not random: nothing on the way could be
/// misled by it.
inline std::string masked_frame(std::string const& payload, std::uint32_t key) {
  std::string frame = frame_header(payload.size(), true);
  char bytes[4];
  std::memcpy(bytes, &key, sizeof key);
  frame.append(bytes, sizeof bytes);
  for (std::size_t i = 0; i < payload.size(); ++i) frame += static_cast<char>(payload[i] ^ bytes[i % 4]);
  return frame;
}

}  // namespace bench
