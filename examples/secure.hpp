// `--tls`, or `--certificate FILE --key FILE`: a server of the examples speaks wss and https.
#pragma once

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <kindwire/net/server.hpp>
#include <string>
#include <utility>

#include "arguments.hpp"

#ifdef EXAMPLES_WITH_TLS
#include <kindwire/tls/acceptor.hpp>

#include "self_signed.hpp"
#endif

class secure {
 public:
  explicit secure(arguments& given) {
    bool const is_made = given.flag("--tls");
    std::string const certificate = given.text("--certificate", ""), key = given.text("--key", "");
    if (!certificate.empty() && key.empty()) given.refuse("--certificate without --key");
    if (certificate.empty() && !key.empty()) given.refuse("--key without --certificate");
    is_on_ = is_made || !certificate.empty();
#ifdef EXAMPLES_WITH_TLS
    if (!certificate.empty()) {
      options_ = {.certificate = certificate, .key = key};
    } else if (is_made) {
      self_signed const made = make_self_signed();
      options_ = {.certificate = kindwire::tls::pem(made.certificate), .key = kindwire::tls::pem(made.key)};
    }
#else
    if (!is_on_) return;
    std::fputs("built without OpenSSL, which TLS needs\n", stderr);
    std::exit(1);
#endif
  }

  // Listens where the options say. Returns the port.
  std::uint16_t start(kindwire::net::server& server,
                      [[maybe_unused]] kindwire::net::server_options const& at) const {
#ifdef EXAMPLES_WITH_TLS
    if (is_on_) {
      kindwire::tls::acceptor acceptor(server.get_executor(), options_, at.address, at.port);
      std::uint16_t const port = acceptor.port();
      server.listen(std::move(acceptor));
      return port;
    }
#endif
    server.start();
    return server.port();
  }

  // What its addresses begin with.
  std::string ws() const { return is_on_ ? "wss" : "ws"; }
  std::string http() const { return is_on_ ? "https" : "http"; }

 private:
  bool is_on_ = false;
#ifdef EXAMPLES_WITH_TLS
  kindwire::tls::server_options options_;
#endif
};
