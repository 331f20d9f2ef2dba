// How a client asks for TLS, and what it accepts.
#pragma once

#include "../requirements.hpp"

#include <openssl/evp.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <openssl/x509_vfy.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <array>
#include <asio/ip/address.hpp>
#include <cstddef>
#include <cstring>
#include <memory>
#include <new>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include "../../handshake/base64.hpp"
#include "../../handshake/grammar.hpp"
#include "context_state.hpp"
#include "session_cache.hpp"

namespace kindwire::tls::detail {

using key_digest = std::array<unsigned char, 32>;

// Of base64 or hex; throws std::system_error for anything else.
inline key_digest parse_pin(std::string_view text) {
  auto const digit = [](char c) {
    std::size_t const found = std::string_view("0123456789abcdef").find(kindwire::detail::to_lower(c));
    return found == std::string_view::npos ? -1 : static_cast<int>(found);
  };
  key_digest result{};
  bool right = false;
  if (text.size() == 2 * result.size()) {
    right = true;
    for (std::size_t i = 0; i != result.size(); ++i) {
      int const high = digit(text[2 * i]);
      int const low = digit(text[2 * i + 1]);
      right = right && high >= 0 && low >= 0;
      result[i] = static_cast<unsigned char>(right ? high * 16 + low : 0);
    }
  } else if (auto const bytes = kindwire::base64_decode(text); bytes && bytes->size() == result.size()) {
    right = true;
    std::memcpy(result.data(), bytes->data(), result.size());
  }
  if (right) return result;
  throw std::system_error(std::make_error_code(std::errc::invalid_argument),
                          "pinned key is not a SHA-256 in base64 or hex: " + std::string(text));
}

class client_context final : public context_state {
 public:
  explicit client_context(client_options const& options)
      : context_state(::TLS_client_method(), options.min_version),
        verifies_(options.verify == verification::full) {
    SSL_CTX* const context = native_handle();
    if (options.authorities) {
      trust(certificates_of(options.authorities, "authorities").get());
    } else if (verifies_) {
      trust_the_systems();
    }
    if (options.certificate || options.key) use(load(options.certificate, options.key, options.key_password));
    for (std::string const& each : options.pinned_keys) pins_.push_back(parse_pin(each));
    bool const checks = verifies_ || !pins_.empty();
    ::SSL_CTX_set_verify(context, checks ? SSL_VERIFY_PEER : SSL_VERIFY_NONE, nullptr);
    if (!pins_.empty()) ::SSL_CTX_set_cert_verify_callback(context, check_pins, this);
    std::string protocols(1, static_cast<char>(offered_protocol.size()));
    protocols += offered_protocol;
    require(::SSL_CTX_set_alpn_protos(context, reinterpret_cast<unsigned char const*>(protocols.data()),
                                      static_cast<unsigned>(protocols.size())) == 0,
            "application protocol");
    if (!options.resumption) {
      SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
      return;
    }
    SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
    ::SSL_CTX_sess_set_new_cb(context, keep_session);
    resumes_ = true;
  }

  bool is_server() const noexcept override { return false; }

  std::error_code prepare(SSL* one, peer_name const& peer) const override {
    ::SSL_set_connect_state(one);
    std::error_code is_name;
    asio::ip::make_address(peer.host, is_name);
    // A dot at the end is for the resolver: RFC 6066 §3 and certificates have none.
    std::string host = peer.host;
    if (is_name && host.ends_with('.')) host.pop_back();
    // To OpenSSL a dot in front means every name below.
    if (host.starts_with('.')) return std::make_error_code(std::errc::invalid_argument);
    // The zone of an address is ours alone (RFC 4007 §11.2).
    if (!is_name) host.resize((std::min)(host.size(), host.find('%')));
    if (is_name && !host.empty()) {
      // RFC 6066 §3: the name that was asked for; addresses are not names.
      if (::SSL_ctrl(one, SSL_CTRL_SET_TLSEXT_HOSTNAME, TLSEXT_NAMETYPE_host_name,
                     const_cast<char*>(host.c_str())) != 1)
        return last_error();
    }
    if (verifies_) {
      if (host.empty()) return std::make_error_code(std::errc::invalid_argument);
      X509_VERIFY_PARAM* const wanted = ::SSL_get0_param(one);
      // RFC 9525 §2: the subject's common name is no name of a host.
      ::X509_VERIFY_PARAM_set_hostflags(
          wanted, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS | X509_CHECK_FLAG_NEVER_CHECK_SUBJECT);
      bool const set = is_name ? ::X509_VERIFY_PARAM_set1_host(wanted, host.data(), host.size()) == 1
                               : ::X509_VERIFY_PARAM_set1_ip_asc(wanted, host.c_str()) == 1;
      if (!set) return last_error();
    }
    if (!resumes_) return {};
    if (::SSL_set_ex_data(one, place(), const_cast<peer_name*>(&peer)) != 1) return last_error();
    if (auto const last = sessions_.take(key_of(peer))) ::SSL_set_session(one, last.get());
    return {};
  }

  std::error_code check(SSL* one) const noexcept override {
    unsigned char const* chosen = nullptr;
    unsigned size = 0;
    ::SSL_get0_alpn_selected(one, &chosen, &size);
    std::string_view const protocol(reinterpret_cast<char const*>(chosen), size);
    if (size == 0 || protocol == offered_protocol) return {};
    return error::wrong_protocol;
  }

 private:
  void trust_the_systems() {
    require(::SSL_CTX_set_default_verify_paths(native_handle()) == 1, "authorities of the system");
#if defined(_WIN32) && OPENSSL_VERSION_NUMBER >= 0x30200000L
    require(::SSL_CTX_load_verify_store(native_handle(), "org.openssl.winstore://") == 1,
            "authorities of the system");
#endif
  }

  static std::string key_of(peer_name const& peer) { return peer.host + ':' + std::to_string(peer.port); }

  // The callbacks of OpenSSL: no exception may leave them.

  static int keep_session(SSL* one, SSL_SESSION* fresh) noexcept {
    auto const* const peer = static_cast<peer_name const*>(::SSL_get_ex_data(one, place()));
    auto* const self = static_cast<client_context*>(of(one));
    if (peer == nullptr || self == nullptr) return 0;
    ::SSL_SESSION_up_ref(fresh);
    openssl_ptr<SSL_SESSION> kept(fresh);
    try {
      self->sessions_.put(key_of(*peer), std::move(kept));
    } catch (std::bad_alloc const&) {
      // It is not resumed.
    }
    return 0;  // what OpenSSL holds stays its own
  }

  static int check_pins(X509_STORE_CTX* chain, void* data) noexcept {
    auto const& self = *static_cast<client_context const*>(data);
    if (self.verifies_) {
      if (::X509_verify_cert(chain) != 1) return 0;
    }
    key_digest digest{};
    unsigned size = 0;
    X509* const shown = ::X509_STORE_CTX_get0_cert(chain);
    bool const known = shown != nullptr && digest_of_key(shown, digest, size);
    for (key_digest const& each : self.pins_) {
      if (!known || each != digest) continue;
      ::X509_STORE_CTX_set_error(chain, X509_V_OK);
      return 1;
    }
    ::X509_STORE_CTX_set_error(chain, X509_V_ERR_APPLICATION_VERIFICATION);
    return 0;
  }

  static bool digest_of_key(X509* shown, key_digest& into, unsigned& size) noexcept {
    unsigned char* encoded = nullptr;
    int const length = ::i2d_X509_PUBKEY(::X509_get_X509_PUBKEY(shown), &encoded);
    if (length <= 0) return false;
    bool const done = ::EVP_Digest(encoded, static_cast<std::size_t>(length), into.data(), &size,
                                   ::EVP_sha256(), nullptr) == 1;
    ::OPENSSL_free(encoded);
    return done;
  }

  static int place() noexcept {
    static int const index = SSL_get_ex_new_index(0, nullptr, nullptr, nullptr, nullptr);
    return index;
  }

  bool const verifies_;
  bool resumes_ = false;
  std::vector<key_digest> pins_;
  mutable session_cache sessions_;
};

}  // namespace kindwire::tls::detail
