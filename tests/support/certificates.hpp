// Certificates made on the spot: authorities, and what they sign, of every kind that a peer must not accept.
#pragma once

#include <doctest/doctest.h>

#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

namespace support {

struct openssl_release {
  void operator()(BIO* last) const noexcept { BIO_free_all(last); }
  void operator()(EVP_PKEY* last) const noexcept { EVP_PKEY_free(last); }
  void operator()(X509* last) const noexcept { X509_free(last); }
  void operator()(X509_EXTENSION* last) const noexcept { X509_EXTENSION_free(last); }
};
template <class T>
using owned = std::unique_ptr<T, openssl_release>;

// What a certificate says. Times are in seconds from now.
struct certificate_wishes {
  std::string subject = "test";
  std::string names = "DNS:localhost,IP:127.0.0.1";  // as openssl's subjectAltName; empty for none
  std::string purpose = "serverAuth";                // extendedKeyUsage; empty for any
  long from = -3600;
  long until = 3600;
  bool authority = false;
};

// A certificate and its key, of the curve that is made fastest.
class certificate {
 public:
  // Signed by `issuer`, or by itself.
  explicit certificate(certificate_wishes const& wishes = {}, certificate const* issuer = nullptr)
      : key_(EVP_EC_gen("P-256")), x509_(X509_new()) {
    REQUIRE(key_);
    REQUIRE(x509_);
    static long serial = 0;
    X509_set_version(x509_.get(), 2);
    ASN1_INTEGER_set(X509_get_serialNumber(x509_.get()), ++serial);
    X509_gmtime_adj(X509_getm_notBefore(x509_.get()), wishes.from);
    X509_gmtime_adj(X509_getm_notAfter(x509_.get()), wishes.until);
    auto const* const name = reinterpret_cast<unsigned char const*>(wishes.subject.c_str());
    X509_NAME_add_entry_by_txt(X509_get_subject_name(x509_.get()), "CN", MBSTRING_UTF8, name, -1, -1, 0);
    X509_set_issuer_name(x509_.get(),
                         X509_get_subject_name((issuer != nullptr ? *issuer : *this).x509_.get()));
    X509_set_pubkey(x509_.get(), key_.get());
    if (!wishes.names.empty()) add(NID_subject_alt_name, wishes.names);
    if (!wishes.purpose.empty() && !wishes.authority) add(NID_ext_key_usage, wishes.purpose);
    if (wishes.authority) add(NID_basic_constraints, "critical,CA:TRUE");
    REQUIRE(X509_sign(x509_.get(), (issuer != nullptr ? *issuer : *this).key_.get(), EVP_sha256()) > 0);
  }

  std::string pem() const {
    return text_of([&](BIO* into) { return PEM_write_bio_X509(into, x509_.get()); });
  }
  std::string key_pem(std::string_view password = {}) const {
    return text_of([&](BIO* into) {
      return PEM_write_bio_PKCS8PrivateKey(into, key_.get(), password.empty() ? nullptr : EVP_aes_128_cbc(),
                                           password.data(), static_cast<int>(password.size()), nullptr,
                                           nullptr);
    });
  }
  // SHA-256 of the public key, in hex.
  std::string pin() const {
    unsigned char* encoded = nullptr;
    int const size = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(x509_.get()), &encoded);
    unsigned char digest[32];
    EVP_Digest(encoded, static_cast<std::size_t>(size), digest, nullptr, EVP_sha256(), nullptr);
    OPENSSL_free(encoded);
    std::string result;
    for (unsigned char const each : digest) {
      result += "0123456789abcdef"[each >> 4];
      result += "0123456789abcdef"[each & 15];
    }
    return result;
  }

 private:
  void add(int what, std::string const& value) {
    owned<X509_EXTENSION> const made(X509V3_EXT_conf_nid(nullptr, nullptr, what, value.c_str()));
    REQUIRE(made);
    REQUIRE(X509_add_ext(x509_.get(), made.get(), -1) == 1);
  }

  template <class Write>
  static std::string text_of(Write write) {
    owned<BIO> const into(BIO_new(BIO_s_mem()));
    REQUIRE(write(into.get()) == 1);
    std::string text(BIO_ctrl_pending(into.get()), '\0');
    BIO_read(into.get(), text.data(), static_cast<int>(text.size()));
    return text;
  }

  owned<EVP_PKEY> key_;
  owned<X509> x509_;
};

// One that may sign others.
inline certificate authority(std::string subject = "test authority") {
  return certificate({.subject = std::move(subject), .names = "", .authority = true});
}

}  // namespace support
