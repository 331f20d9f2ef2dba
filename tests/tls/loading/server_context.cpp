// Which of its certificates a server shows where their keys are of different types; options that cannot be
// meant.
#include <kindwire/tls/context.hpp>
#include <kindwire/tls/stream.hpp>

#include <doctest/doctest.h>

#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <asio/io_context.hpp>
#include <chrono>
#include <memory>
#include <string>
#include <system_error>
#include <utility>

#include "tls/pair.hpp"

namespace server_context_tests {

using namespace tls_pair;

namespace {

// A certificate whose key is RSA's, signed by itself, and that key.
kw::tls::identity rsa_identity(char const* names) {
  support::owned<EVP_PKEY> const key(EVP_RSA_gen(2048));
  support::owned<X509> const made(X509_new());
  REQUIRE(key);
  REQUIRE(made);
  X509_set_version(made.get(), 2);
  ASN1_INTEGER_set(X509_get_serialNumber(made.get()), 1);
  X509_gmtime_adj(X509_getm_notBefore(made.get()), -3600);
  X509_gmtime_adj(X509_getm_notAfter(made.get()), 3600);
  X509_set_pubkey(made.get(), key.get());
  support::owned<X509_EXTENSION> const extension(
      X509V3_EXT_conf_nid(nullptr, nullptr, NID_subject_alt_name, names));
  REQUIRE(X509_add_ext(made.get(), extension.get(), -1) == 1);
  REQUIRE(X509_sign(made.get(), key.get(), EVP_sha256()) > 0);
  auto const text = [](auto write) {
    support::owned<BIO> const into(BIO_new(BIO_s_mem()));
    REQUIRE(write(into.get()) == 1);
    char* bytes = nullptr;
    long const size = BIO_get_mem_data(into.get(), &bytes);
    return std::string(bytes, static_cast<std::size_t>(size));
  };
  return {.certificate = kw::tls::pem(text([&](BIO* into) { return PEM_write_bio_X509(into, made.get()); })),
          .key = kw::tls::pem(text([&](BIO* into) {
            return PEM_write_bio_PrivateKey(into, key.get(), nullptr, nullptr, 0, nullptr, nullptr);
          }))};
}

TEST_CASE("tls server context: the name decides about the certificate, whatever keys the client prefers") {
  auto const rsa = rsa_identity("DNS:rsa.example");
  support::certificate const made({.names = "DNS:ec.example"});
  kw::tls::identity const ec{.certificate = kw::tls::pem(made.pem()), .key = kw::tls::pem(made.key_pem())};
  auto careless =
      kw::tls::client_options{.verify = kw::tls::verification::none_i_accept_that_anyone_may_answer};
  asio::io_context io;
  for (bool const rsa_first : {false, true}) {
    auto const& first = rsa_first ? rsa : ec;
    auto const& more = rsa_first ? ec : rsa;
    kw::tls::context const server(
        kw::tls::server_options{.certificate = first.certificate, .key = first.key, .more = {more}});
    for (int const most : {TLS1_3_VERSION, TLS1_2_VERSION}) {
      for (char const* preferred : {"RSA-PSS+SHA256:ECDSA+SHA256", "ECDSA+SHA256:RSA-PSS+SHA256"}) {
        for (bool const asks_for_rsa : {false, true}) {
          CAPTURE(rsa_first);
          CAPTURE(most);
          CAPTURE(preferred);
          CAPTURE(asks_for_rsa);
          kw::tls::context const client(careless);
          SSL_CTX_set_max_proto_version(client.native_handle(), most);
          REQUIRE(SSL_CTX_set1_sigalgs_list(client.native_handle(), preferred) == 1);
          ends both(io, server, client, asks_for_rsa ? "rsa.example" : "ec.example");
          both.shake_hands();
          REQUIRE(!both.client_failed);
          auto const shown = both.client.peer_certificate();
          REQUIRE(shown);
          CHECK(shown->pem == (asks_for_rsa ? rsa : ec).certificate.text());
        }
      }
    }
  }
}

std::error_code refusal(kw::tls::server_options const& options) {
  try {
    kw::tls::context const made(options);
    return {};
  } catch (std::system_error const& failure) {
    return failure.code();
  }
}

TEST_CASE("tls server context: authorities of clients that nobody asks for certificates are a mistake") {
  support::certificate const own;
  auto options = server_of(own);
  options.client_authorities = kw::tls::pem(own.pem());
  CHECK(refusal(options) == std::errc::invalid_argument);
  for (auto const each : {kw::tls::client_certificates::wanted, kw::tls::client_certificates::demanded}) {
    options.clients = each;
    CHECK(!refusal(options));
  }
}

TEST_CASE("tls server context: ticket keys live for some time, and not for ever") {
  support::certificate const own;
  auto options = server_of(own);
  for (auto const each : {std::chrono::seconds(0), std::chrono::seconds(-1), (std::chrono::seconds::min)()}) {
    options.ticket_key_lifetime = each;
    CHECK(refusal(options) == std::errc::invalid_argument);
  }
  options.ticket_key_lifetime = (std::chrono::seconds::max)();
  CHECK(!refusal(options));
}

}  // namespace

}  // namespace server_context_tests
