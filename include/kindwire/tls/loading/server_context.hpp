// How a server answers to TLS.
#pragma once

#include "../requirements.hpp"

#include <openssl/evp.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <memory>
#include <new>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

#include "context_state.hpp"
#include "named_identities.hpp"
#include "ticket_keys.hpp"

namespace kindwire::tls::detail {

class server_context final : public context_state {
 public:
  server_context(server_options const& options, std::shared_ptr<ticket_keys> tickets)
      : context_state(::TLS_server_method(), options.min_version), tickets_(std::move(tickets)) {
    SSL_CTX* const context = native_handle();
    auto own = load(options.certificate, options.key, options.key_password);
    use(own);
    if (!options.more.empty()) identities_.add(std::move(own));
    for (identity const& each : options.more)
      identities_.add(load(each.certificate, each.key, each.key_password));
    if (!identities_.empty()) ::SSL_CTX_set_cert_cb(context, choose_identity, this);
    // The name is acknowledged, and kept in the session.
    ::SSL_CTX_callback_ctrl(context, SSL_CTRL_SET_TLSEXT_SERVERNAME_CB,
                            reinterpret_cast<void (*)()>(&acknowledge_name));
    ::SSL_CTX_set_alpn_select_cb(context, choose_protocol, nullptr);
    auto const authorities = ask_clients(options);
    keep_sessions(options, authorities.get());
  }

  bool is_server() const noexcept override { return true; }

  std::error_code prepare(SSL* one, peer_name const&) const override {
    ::SSL_set_accept_state(one);
    return {};
  }
  std::error_code check(SSL*) const noexcept override { return {}; }

 private:
  // Whom clients' certificates may be signed by; null if none are asked for.
  openssl_ptr<x509_stack> ask_clients(server_options const& options) {
    if (options.clients == client_certificates::unasked) {
      // Somebody means to let in those with a certificate alone, and would let in all.
      if (options.client_authorities)
        throw std::system_error(std::make_error_code(std::errc::invalid_argument),
                                "client_authorities without clients that are wanted or demanded");
      return nullptr;
    }
    auto authorities = certificates_of(options.client_authorities, "authorities of clients");
    trust(authorities.get());
    // The names tell clients which of their certificates to show (RFC 8446 §4.2.4).
    for (int i = 0; i < sk_X509_num(authorities.get()); ++i)
      require(::SSL_CTX_add_client_CA(native_handle(), sk_X509_value(authorities.get(), i)) == 1,
              "authorities");
    bool const demanded = options.clients == client_certificates::demanded;
    ::SSL_CTX_set_verify(native_handle(), SSL_VERIFY_PEER | (demanded ? SSL_VERIFY_FAIL_IF_NO_PEER_CERT : 0),
                         nullptr);
    return authorities;
  }

  // Sessions are kept by the clients, in tickets. One is good wherever clients were asked for the same
  // certificates: it says that such a certificate was shown.
  void keep_sessions(server_options const& options, x509_stack* authorities) {
    SSL_CTX* const context = native_handle();
    std::array<unsigned char, SSL_MAX_SID_CTX_LENGTH> asked{};
    std::string all = "kindwire " + std::to_string(static_cast<int>(options.clients));
    for (int i = 0; authorities != nullptr && i < sk_X509_num(authorities); ++i) {
      std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
      unsigned size = 0;
      require(::X509_digest(sk_X509_value(authorities, i), ::EVP_sha256(), digest.data(), &size) == 1,
              "digest");
      all.append(reinterpret_cast<char const*>(digest.data()), size);
    }
    require(::EVP_Digest(all.data(), all.size(), asked.data(), nullptr, ::EVP_sha256(), nullptr) == 1,
            "digest");
    require(::SSL_CTX_set_session_id_context(context, asked.data(), asked.size()) == 1, "sessions");
    SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
    if (options.ticket_key_lifetime <= std::chrono::seconds(0))
      throw std::system_error(std::make_error_code(std::errc::invalid_argument), "ticket_key_lifetime");
    ::SSL_CTX_set_timeout(
        context, static_cast<long>((std::min)(options.ticket_key_lifetime, ticket_keys::longest).count()));
    require(::SSL_CTX_set_num_tickets(context, 1) == 1, "tickets");
    require(::SSL_CTX_set_tlsext_ticket_key_evp_cb(context, use_ticket_key) == 1, "tickets");
  }

  // The callbacks of OpenSSL: no exception may leave them.

  static int choose_identity(SSL* one, void* self) noexcept {
    char const* const name = ::SSL_get_servername(one, TLSEXT_NAMETYPE_host_name);
    if (name == nullptr) return 1;
    try {
      loaded_identity const* const found = static_cast<server_context const*>(self)->identities_.find(name);
      if (found == nullptr) return 1;
      // Nothing of the default must stay: a key of another type would have a place of its own, and the
      // client's preferences would choose between the two.
      ::SSL_certs_clear(one);
      return ::SSL_use_cert_and_key(one, found->certificate.get(), found->key.get(), found->chain.get(), 1);
    } catch (std::bad_alloc const&) {
      return 0;
    }
  }

  static int acknowledge_name(SSL*, int*, void*) noexcept { return SSL_TLSEXT_ERR_OK; }

  static int choose_protocol(SSL*, unsigned char const** chosen, unsigned char* size,
                             unsigned char const* offered, unsigned offered_size, void*) noexcept {
    std::string_view all(reinterpret_cast<char const*>(offered), offered_size);
    while (!all.empty()) {
      std::size_t const length = static_cast<unsigned char>(all.front());
      if (all.substr(1, length) == offered_protocol) {
        *chosen = reinterpret_cast<unsigned char const*>(all.data()) + 1;
        *size = static_cast<unsigned char>(length);
        return SSL_TLSEXT_ERR_OK;
      }
      all.remove_prefix((std::min)(length + 1, all.size()));
    }
    return SSL_TLSEXT_ERR_ALERT_FATAL;
  }

  static int use_ticket_key(SSL* one, unsigned char* name, unsigned char* iv, EVP_CIPHER_CTX* cipher,
                            EVP_MAC_CTX* mac, int encrypts) noexcept {
    auto* const self = static_cast<server_context*>(of(one));
    int const result = self->tickets_->use(name, iv, cipher, mac, encrypts != 0, ticket_keys::clock::now());
    // RFC 8446 C.4: a ticket is used once, so the client gets another.
    return result == 1 && encrypts == 0 && ::SSL_version(one) == TLS1_3_VERSION ? 2 : result;
  }

  std::shared_ptr<ticket_keys> const tickets_;
  named_identities identities_;  // none if there is only one
};

}  // namespace kindwire::tls::detail
