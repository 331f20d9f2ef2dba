// A backplane over TLS, whose certificate it checks.
#include <kindwire/hub/redis_tls.hpp>

#include <doctest/doctest.h>

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <unistd.h>
#include <asio/io_context.hpp>
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <string>
#include <system_error>

#include "backplane_sides.hpp"
#include "redis_server.hpp"

namespace redis_tls_tests {

namespace kw = kindwire;
using namespace std::chrono_literals;
using test::await;
using test::plane_side;

namespace {

// A certificate for localhost that trusts itself, made afresh, in files.
class localhost {
 public:
  localhost() : folder_("/tmp/kindwire-tls-" + std::to_string(::getpid())) {
    std::filesystem::create_directory(folder_);
    std::unique_ptr<EVP_PKEY, void (*)(EVP_PKEY*)> const key(EVP_EC_gen("P-256"), EVP_PKEY_free);
    std::unique_ptr<X509, void (*)(X509*)> const made(X509_new(), X509_free);
    X509_set_version(made.get(), 2);
    ASN1_INTEGER_set(X509_get_serialNumber(made.get()), 1);
    X509_gmtime_adj(X509_getm_notBefore(made.get()), -60);
    X509_gmtime_adj(X509_getm_notAfter(made.get()), 3600);
    X509_set_pubkey(made.get(), key.get());
    std::unique_ptr<X509_EXTENSION, void (*)(X509_EXTENSION*)> const name(
        X509V3_EXT_conf_nid(nullptr, nullptr, NID_subject_alt_name, "DNS:localhost"), X509_EXTENSION_free);
    X509_add_ext(made.get(), name.get(), -1);
    REQUIRE(X509_sign(made.get(), key.get(), EVP_sha256()) > 0);
    write(certificate(), [&](std::FILE* to) { return PEM_write_X509(to, made.get()); });
    write(key_file(), [&](std::FILE* to) {
      return PEM_write_PrivateKey(to, key.get(), nullptr, nullptr, 0, nullptr, nullptr);
    });
  }
  ~localhost() {
    std::error_code ignored;
    std::filesystem::remove_all(folder_, ignored);
  }
  std::string certificate() const { return folder_ + "/certificate.pem"; }
  std::string key_file() const { return folder_ + "/key.pem"; }

 private:
  template <class Write>
  static void write(std::string const& name, Write with) {
    std::FILE* const file = std::fopen(name.c_str(), "w");
    REQUIRE(file != nullptr);
    CHECK(with(file) == 1);
    std::fclose(file);
  }
  std::string const folder_;
};

struct world {
  std::unique_ptr<kw::backplane> make() { return kw::redis_backplane{url, options}.make(io.get_executor()); }
  asio::io_context io;
  std::string url;
  kw::redis_options options;
};

}  // namespace

TEST_CASE("redis: over TLS, with a certificate that is trusted, for the host that was asked for") {
  localhost const host;
  auto const port = std::to_string(test::free_port());
  test::redis_server const server({"--save", "", "--tls-port", port, "--tls-cert-file", host.certificate(),
                                   "--tls-key-file", host.key_file(), "--tls-ca-cert-file",
                                   host.certificate(), "--tls-auth-clients", "no"});
  auto trusting = std::make_shared<asio::ssl::context>(asio::ssl::context::tls_client);
  trusting->load_verify_file(host.certificate());
  trusting->set_verify_mode(asio::ssl::verify_peer);

  world good;
  good.url = "rediss://localhost:" + port;
  good.options.tls = kw::redis_tls(trusting);
  plane_side ann(good);
  test::subscribe(good, ann, "a", test::ten_messages);
  std::string const text(std::size_t{1} << 20, 't');
  CHECK_FALSE(ann.say("a", text, test::ten_messages));
  CHECK(await(good, [&] { return ann["a"].texts == test::strings{text}; }));

  world other_name, untrusted;
  other_name.url = "rediss://127.0.0.1:" + port;
  other_name.options.tls = kw::redis_tls(trusting);
  untrusted.url = good.url;
  untrusted.options.tls = kw::redis_tls();
  for (auto* each : {&other_name, &untrusted}) {
    plane_side bob(*each);
    CHECK(await(*each, [&] { return bob.ears->connection.category() == asio::error::get_ssl_category(); }));
  }
}

}  // namespace redis_tls_tests
