// What a peer's certificate says.
#pragma once

#include "../requirements.hpp"

#include <openssl/bio.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include <cstddef>
#include <memory>
#include <new>
#include <string>

#include "../../handshake/peer_certificate.hpp"
#include "../loading/openssl_ptr.hpp"

namespace kindwire::tls::detail {

// Null without one. May throw std::bad_alloc.
inline std::shared_ptr<peer_certificate const> certificate_of_peer(SSL* one) {
  X509* const shown = ::SSL_get0_peer_certificate(one);
  if (shown == nullptr) return nullptr;
  auto const text_of = [](auto print) {
    openssl_ptr<BIO> const into(::BIO_new(::BIO_s_mem()));
    if (!into || print(into.get()) < 0) throw std::bad_alloc();
    std::string text(::BIO_ctrl_pending(into.get()), '\0');
    std::size_t size = 0;
    ::BIO_read_ex(into.get(), text.data(), text.size(), &size);
    text.resize(size);
    return text;
  };
  auto result = std::make_shared<peer_certificate>();
  result->subject = text_of([&](BIO* into) {
    return ::X509_NAME_print_ex(into, ::X509_get_subject_name(shown), 0,
                                XN_FLAG_RFC2253 & ~ASN1_STRFLGS_ESC_MSB);
  });
  result->pem = text_of([&](BIO* into) { return ::PEM_write_bio_X509(into, shown) == 1 ? 1 : -1; });
  return result;
}

}  // namespace kindwire::tls::detail
