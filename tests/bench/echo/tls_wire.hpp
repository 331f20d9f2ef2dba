// TLS by OpenSSL alone, as its documentation has it: it reads ahead, holds no buffer when it is idle, and a
// call is for all records that it can take in or write. All programs speak TLS 1.3 with the same cipher,
// verify nothing, and have the same kind of certificate.
#pragma once

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <string>

#include "../harness.hpp"
#include "tls_identity.hpp"

namespace bench {

class tls_wire {
 public:
  // These shake hands, which blocks.
  static tls_wire to_server(int socket, SSL_SESSION* resumed = nullptr) {
    SSL* const one = make(client_context(), socket);
    if (resumed) SSL_set_session(one, resumed);
    if (SSL_connect(one) != 1) give_up("no TLS with the server");
    return tls_wire(one, socket);
  }
  static tls_wire to_client(int socket) {
    SSL* const one = make(server_context(), socket);
    if (SSL_accept(one) != 1) give_up("no TLS with the client");
    return tls_wire(one, socket);
  }

  int socket() const { return socket_; }
  SSL* native_handle() const { return ssl_; }

  ssize_t send(char const* data, std::size_t size) {
    std::size_t done = 0, some = 0;
    for (; done != size; done += some) {
      if (SSL_write_ex(ssl_, data + done, size - done, &some) == 1) continue;
      some = 0;
      ssize_t const failure = failed();
      if (done == 0 || errno != EAGAIN) return failure;
      break;
    }
    return static_cast<ssize_t>(done);
  }
  ssize_t receive(char* data, std::size_t size) {
    std::size_t got = 0, some = 0;
    do {
      if (SSL_read_ex(ssl_, data + got, size - got, &some) != 1)
        return got != 0 ? static_cast<ssize_t>(got) : failed();
      got += some;
    } while (got != size && SSL_has_pending(ssl_) == 1);
    return static_cast<ssize_t>(got);
  }
  bool has_input() const { return SSL_has_pending(ssl_) == 1; }
  void close() {
    SSL_set_shutdown(ssl_, SSL_SENT_SHUTDOWN);  // a session that was cut could not be resumed
    SSL_free(ssl_);
    ::close(socket_);
  }

 private:
  tls_wire(SSL* ssl, int socket) : ssl_(ssl), socket_(socket) {}

  static SSL_CTX* client_context() {
    static SSL_CTX* const one = [] {
      SSL_CTX* const made = SSL_CTX_new(TLS_client_method());
      set_up(made);
      SSL_CTX_set_ciphersuites(made, "TLS_AES_128_GCM_SHA256");
      return made;
    }();
    return one;
  }
  static SSL_CTX* server_context() {
    static SSL_CTX* const one = [] {
      SSL_CTX* const made = SSL_CTX_new(TLS_server_method());
      set_up(made);
      identify(made);
      return made;
    }();
    return one;
  }
  static void set_up(SSL_CTX* context) {
    SSL_CTX_set_min_proto_version(context, TLS1_3_VERSION);
    SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                                  SSL_MODE_RELEASE_BUFFERS);
    SSL_CTX_set_read_ahead(context, 1);
  }
  static SSL* make(SSL_CTX* context, int socket) {
    SSL* const one = SSL_new(context);
    if (!one || SSL_set_fd(one, socket) != 1) give_up("OpenSSL has no memory");
    return one;
  }

  // 0 for the end, otherwise -1 with errno.
  ssize_t failed() {
    int const why = SSL_get_error(ssl_, -1);
    ERR_clear_error();
    if (why == SSL_ERROR_ZERO_RETURN) return 0;
    bool const waits = why == SSL_ERROR_WANT_READ || why == SSL_ERROR_WANT_WRITE;
    errno = waits ? EAGAIN : ECONNRESET;
    return -1;
  }

  SSL* ssl_;
  int socket_;
};

}  // namespace bench
