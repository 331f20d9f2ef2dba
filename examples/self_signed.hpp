// A certificate made on the spot, for localhost, 127.0.0.1 and ::1: to try wss without a file, not to keep.
#pragma once

#include <openssl/bio.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <array>
#include <memory>
#include <stdexcept>
#include <string>

struct self_signed {
  std::string certificate;  // both in PEM
  std::string key;
};

namespace self_signed_detail {

template <class Object, void (*Free)(Object*)>
struct freeing {
  void operator()(Object* what) const noexcept { Free(what); }
};
template <class Object, void (*Free)(Object*)>
using owned = std::unique_ptr<Object, freeing<Object, Free>>;

inline void must(bool done) {
  if (!done) throw std::runtime_error("OpenSSL cannot make a certificate");
}

inline std::string text_of(BIO* memory) {
  char* text = nullptr;
  long const size = BIO_get_mem_data(memory, &text);
  return std::string(text, static_cast<std::size_t>(size));
}

inline void extend(X509* certificate, int which, char const* value) {
  X509V3_CTX context;
  X509V3_set_ctx_nodb(&context);
  X509V3_set_ctx(&context, certificate, certificate, nullptr, nullptr, 0);
  owned<X509_EXTENSION, X509_EXTENSION_free> const extension(
      X509V3_EXT_conf_nid(nullptr, &context, which, value));
  must(extension && X509_add_ext(certificate, extension.get(), -1) == 1);
}

inline void free_bio(BIO* what) { BIO_free(what); }

}  // namespace self_signed_detail

inline self_signed make_self_signed() {
  using namespace self_signed_detail;
  owned<EVP_PKEY, EVP_PKEY_free> const key(EVP_EC_gen("P-256"));
  owned<X509, X509_free> const certificate(X509_new());
  must(key && certificate);
  X509* const made = certificate.get();
  std::array<unsigned char, 8> serial;
  must(RAND_bytes(serial.data(), int(serial.size())) == 1);
  serial[0] &= 0x7F;  // a positive number
  owned<BIGNUM, BN_free> const number(BN_bin2bn(serial.data(), int(serial.size()), nullptr));
  must(number && BN_to_ASN1_INTEGER(number.get(), X509_get_serialNumber(made)) != nullptr);
  must(X509_set_version(made, 2) == 1);  // X.509 v3
  // A clock that is a little behind is no reason to refuse it.
  must(X509_gmtime_adj(X509_getm_notBefore(made), -3600) != nullptr);
  must(X509_gmtime_adj(X509_getm_notAfter(made), 30L * 24 * 3600) != nullptr);
  X509_NAME* const name = X509_get_subject_name(made);
  auto const* const text = reinterpret_cast<unsigned char const*>("localhost");
  must(X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, text, -1, -1, 0) == 1);
  must(X509_set_issuer_name(made, name) == 1 && X509_set_pubkey(made, key.get()) == 1);
  extend(made, NID_subject_alt_name, "DNS:localhost,IP:127.0.0.1,IP:::1");
  extend(made, NID_basic_constraints, "critical,CA:FALSE");
  extend(made, NID_key_usage, "critical,digitalSignature");
  extend(made, NID_ext_key_usage, "serverAuth");
  must(X509_sign(made, key.get(), EVP_sha256()) != 0);

  owned<BIO, free_bio> const certificate_text(BIO_new(BIO_s_mem())), key_text(BIO_new(BIO_s_mem()));
  must(certificate_text && PEM_write_bio_X509(certificate_text.get(), made) == 1);
  must(key_text &&
       PEM_write_bio_PrivateKey(key_text.get(), key.get(), nullptr, nullptr, 0, nullptr, nullptr) == 1);
  return {text_of(certificate_text.get()), text_of(key_text.get())};
}
