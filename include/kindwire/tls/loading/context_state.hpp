// What the contexts of servers and clients have in common.
#pragma once

#include "../requirements.hpp"

#include <openssl/crypto.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <openssl/x509_vfy.h>

#include <cstdint>
#include <new>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

#include "../error.hpp"
#include "../options.hpp"
#include "openssl_ptr.hpp"
#include "pem.hpp"

namespace kindwire::tls::detail {

// The server that a client connects to: what its certificate must be for. Empty on servers.
struct peer_name {
  std::string host = {};
  std::uint16_t port = 0;
};

// Thread safe once it is made.
class context_state {
 public:
  context_state(context_state const&) = delete;
  context_state& operator=(context_state const&) = delete;
  virtual ~context_state() = default;

  SSL_CTX* native_handle() const noexcept { return context_.get(); }
  virtual bool is_server() const noexcept = 0;

  // Prepares one connection; `peer` lives as long as that. An error if that fails.
  virtual std::error_code prepare(SSL* one, peer_name const& peer) const = 0;
  // What is wrong with what both ends have agreed on.
  virtual std::error_code check(SSL* one) const noexcept = 0;

 protected:
  explicit context_state(SSL_METHOD const* method, version min_version) : context_(::SSL_CTX_new(method)) {
    if (!context_) throw std::bad_alloc();
    SSL_CTX* const context = context_.get();
    ::SSL_CTX_set_options(context,
                          SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION | SSL_OP_CIPHER_SERVER_PREFERENCE);
    // An idle connection has no buffers.
    SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
                                  SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    require(SSL_CTX_set_min_proto_version(
                context, min_version == version::tls_1_2 ? TLS1_2_VERSION : TLS1_3_VERSION) == 1,
            "version");
    require(::SSL_CTX_set_cipher_list(context,
                                      "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:"
                                      "ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384:"
                                      "ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305") == 1,
            "cipher suites");
    require(::SSL_CTX_set_ciphersuites(
                context, "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256") == 1,
            "cipher suites");
    require(::SSL_CTX_set_ex_data(context, place(), this) == 1, "context");
  }

  // From a callback of OpenSSL. Null if the context is not one of ours.
  static context_state* of(SSL* one) noexcept {
    return static_cast<context_state*>(::SSL_CTX_get_ex_data(::SSL_get_SSL_CTX(one), place()));
  }

  static void require(bool done, char const* what) {
    if (done) return;
    auto const why = last_error();
    if (why == std::errc::not_enough_memory) throw std::bad_alloc();
    throw std::system_error(why, what);
  }

  void use(loaded_identity const& own) {
    require(::SSL_CTX_use_cert_and_key(context_.get(), own.certificate.get(), own.key.get(), own.chain.get(),
                                       1) == 1,
            "certificate");
  }

  // Adds certificates of the authorities to those that are trusted.
  void trust(x509_stack* authorities) {
    X509_STORE* const store = ::SSL_CTX_get_cert_store(context_.get());
    for (int i = 0; i < sk_X509_num(authorities); ++i)
      require(::X509_STORE_add_cert(store, sk_X509_value(authorities, i)) == 1, "authorities");
    // An intermediate that was named is trusted without its root.
    require(::X509_STORE_set_flags(store, X509_V_FLAG_PARTIAL_CHAIN) == 1, "authorities");
  }

 private:
  static int place() noexcept {
    static int const index = SSL_CTX_get_ex_new_index(0, nullptr, nullptr, nullptr, nullptr);
    return index;
  }

  openssl_ptr<SSL_CTX> context_;
};

// The only application protocol here (RFC 7301).
inline constexpr std::string_view offered_protocol = "http/1.1";

}  // namespace kindwire::tls::detail
