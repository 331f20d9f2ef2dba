// Owners of OpenSSL's objects.
#pragma once

#include "../requirements.hpp"

#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include <memory>

namespace kindwire::tls::detail {

using x509_stack = STACK_OF(X509);

struct openssl_free {
  void operator()(BIO* last) const noexcept { ::BIO_free_all(last); }
  void operator()(EVP_PKEY* last) const noexcept { ::EVP_PKEY_free(last); }
  void operator()(SSL* last) const noexcept { ::SSL_free(last); }
  void operator()(SSL_CTX* last) const noexcept { ::SSL_CTX_free(last); }
  void operator()(SSL_SESSION* last) const noexcept { ::SSL_SESSION_free(last); }
  void operator()(x509_stack* last) const noexcept { sk_X509_pop_free(last, ::X509_free); }
  void operator()(X509* last) const noexcept { ::X509_free(last); }
};

template <class T>
using openssl_ptr = std::unique_ptr<T, openssl_free>;

}  // namespace kindwire::tls::detail
