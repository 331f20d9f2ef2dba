// How bytes pass between a load and the bare server, over a connected socket: as they are, or, where the
// program is built with BENCH_TLS, over TLS. Calls and errors are those of send() and recv().
#pragma once

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <unistd.h>

#include <cstddef>

#include "../harness.hpp"

#ifdef BENCH_TLS
#include "tls_wire.hpp"
#endif

namespace bench {

class plain_wire {
 public:
  explicit plain_wire(int socket) : socket_(socket) {}

  static plain_wire to_server(int socket) { return plain_wire(socket); }
  static plain_wire to_client(int socket) { return plain_wire(socket); }

  int socket() const { return socket_; }
  ssize_t send(char const* data, std::size_t size) { return ::send(socket_, data, size, MSG_NOSIGNAL); }
  ssize_t receive(char* data, std::size_t size) { return ::recv(socket_, data, size, 0); }
  bool has_input() const { return false; }
  void close() { ::close(socket_); }

 private:
  int socket_;
};

#ifdef BENCH_TLS
using wire = tls_wire;
#else
using wire = plain_wire;
#endif

inline void never_block(int socket) { ::fcntl(socket, F_SETFL, ::fcntl(socket, F_GETFL) | O_NONBLOCK); }

template <class Wire>
void send_whole(Wire& to, char const* data, std::size_t size) {
  while (size != 0) {
    ssize_t const sent = to.send(data, size);
    if (sent <= 0) give_up("the server takes nothing");
    data += sent;
    size -= static_cast<std::size_t>(sent);
  }
}

template <class Wire>
void receive_whole(Wire& from, char* data, std::size_t size) {
  while (size != 0) {
    ssize_t const got = from.receive(data, size);
    if (got <= 0) give_up("the server ended a connection");
    data += got;
    size -= static_cast<std::size_t>(got);
  }
}

}  // namespace bench
