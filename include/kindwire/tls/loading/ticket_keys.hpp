// The keys that encrypt a server's session tickets (RFC 5077, RFC 8446 §4.6.1): they change, so that a stolen
// one opens the connections of hours and not of months.
#pragma once

#include "../requirements.hpp"

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <openssl/rand.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstring>
#include <mutex>
#include <utility>

namespace kindwire::tls::detail {

// Thread safe.
class ticket_keys {
 public:
  using clock = std::chrono::steady_clock;

  // TLS 1.3 has no tickets that are good for longer (RFC 8446 §4.6.1).
  static constexpr std::chrono::seconds longest = std::chrono::hours(24 * 7);

  explicit ticket_keys(std::chrono::seconds lifetime) noexcept : lifetime_((std::min)(lifetime, longest)) {}
  ticket_keys(ticket_keys const&) = delete;
  ticket_keys& operator=(ticket_keys const&) = delete;
  ~ticket_keys() {
    ::OPENSSL_cleanse(&current_, sizeof current_);
    ::OPENSSL_cleanse(&previous_, sizeof previous_);
  }

  // What SSL_CTX_set_tlsext_ticket_key_evp_cb(3) asks for: 1; 2 if the client shall get another ticket; 0 for
  // one that is not known; -1 for a failure.
  int use(unsigned char* name, unsigned char* iv, EVP_CIPHER_CTX* cipher, EVP_MAC_CTX* mac, bool encrypt,
          clock::time_point now) {
    std::lock_guard const lock(mutex_);
    if (!renew(now)) return -1;
    if (encrypt) {
      if (::RAND_bytes(iv, ::EVP_CIPHER_get_iv_length(::EVP_aes_256_cbc())) != 1) return -1;
      std::memcpy(name, current_.name.data(), current_.name.size());
      bool const ready =
          ::EVP_EncryptInit_ex(cipher, ::EVP_aes_256_cbc(), nullptr, current_.cipher.data(), iv) == 1;
      return ready && set(mac, current_) ? 1 : -1;
    }
    key const* found = nullptr;
    for (key* const each : {&current_, &previous_}) {
      if (each->made && std::memcmp(name, each->name.data(), each->name.size()) == 0) found = each;
    }
    if (found == nullptr) return 0;
    bool const ready =
        ::EVP_DecryptInit_ex(cipher, ::EVP_aes_256_cbc(), nullptr, found->cipher.data(), iv) == 1;
    if (!ready || !set(mac, *found)) return -1;
    return found == &current_ ? 1 : 2;
  }

 private:
  struct key {
    std::array<unsigned char, 16> name;
    std::array<unsigned char, 32> cipher;
    std::array<unsigned char, 32> mac;
    clock::time_point since;
    bool made = false;
  };

  bool renew(clock::time_point now) {
    if (current_.made && now - current_.since < lifetime_) return true;
    bool const known = current_.made && now - current_.since < 2 * lifetime_;
    key fresh{};
    bool const made = ::RAND_bytes(fresh.name.data(), static_cast<int>(fresh.name.size())) == 1 &&
                      ::RAND_priv_bytes(fresh.cipher.data(), static_cast<int>(fresh.cipher.size())) == 1 &&
                      ::RAND_priv_bytes(fresh.mac.data(), static_cast<int>(fresh.mac.size())) == 1;
    if (!made) return false;
    fresh.since = now;
    fresh.made = true;
    previous_ = known ? current_ : key{};
    current_ = fresh;
    ::OPENSSL_cleanse(&fresh, sizeof fresh);
    return true;
  }

  static bool set(EVP_MAC_CTX* mac, key const& with) {
    char digest[] = "SHA256";
    std::array<OSSL_PARAM, 3> const parameters{
        ::OSSL_PARAM_construct_octet_string(OSSL_MAC_PARAM_KEY, const_cast<unsigned char*>(with.mac.data()),
                                            with.mac.size()),
        ::OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0), ::OSSL_PARAM_construct_end()};
    return ::EVP_MAC_CTX_set_params(mac, parameters.data()) == 1;
  }

  std::chrono::seconds const lifetime_;
  std::mutex mutex_;
  key current_{};
  key previous_{};
};

}  // namespace kindwire::tls::detail
