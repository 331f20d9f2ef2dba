// The certificate of the servers over TLS: P-256, made when they start.
#pragma once

#include <openssl/bio.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>

#include "../../../examples/self_signed.hpp"
#include "../harness.hpp"

namespace bench {

/// For those that give OpenSSL theirs by hand.
inline void identify(SSL_CTX* context) {
  self_signed const made = make_self_signed();
  BIO* const certificate =
      BIO_new_mem_buf(made.certificate.data(), static_cast<int>(made.certificate.size()));
  BIO* const key = BIO_new_mem_buf(made.key.data(), static_cast<int>(made.key.size()));
  X509* const known = PEM_read_bio_X509(certificate, nullptr, nullptr, nullptr);
  EVP_PKEY* const secret = PEM_read_bio_PrivateKey(key, nullptr, nullptr, nullptr);
  if (SSL_CTX_use_certificate(context, known) != 1 || SSL_CTX_use_PrivateKey(context, secret) != 1)
    give_up("OpenSSL does not take its own certificate");
  X509_free(known);
  EVP_PKEY_free(secret);
  BIO_free(certificate);
  BIO_free(key);
}

}  // namespace bench
