// The keys of tickets change with time, and the last one is still known.
#include <kindwire/tls/loading/ticket_keys.hpp>

#include <doctest/doctest.h>

#include <openssl/evp.h>

#include <array>
#include <chrono>
#include <memory>

namespace ticket_keys_tests {

using namespace std::chrono_literals;
using kindwire::tls::detail::ticket_keys;

namespace {

struct ciphers {
  ciphers()
      : mac_kind(EVP_MAC_fetch(nullptr, "HMAC", nullptr)),
        cipher(EVP_CIPHER_CTX_new()),
        mac(EVP_MAC_CTX_new(mac_kind)) {}
  ciphers(ciphers const&) = delete;
  ciphers& operator=(ciphers const&) = delete;
  ~ciphers() {
    EVP_MAC_CTX_free(mac);
    EVP_CIPHER_CTX_free(cipher);
    EVP_MAC_free(mac_kind);
  }
  EVP_MAC* mac_kind;
  EVP_CIPHER_CTX* cipher;
  EVP_MAC_CTX* mac;
};

using name = std::array<unsigned char, 16>;

TEST_CASE("tls ticket keys: one encrypts for its lifetime, and is known for as long again") {
  ticket_keys keys(100s);
  ciphers use;
  std::array<unsigned char, 16> iv{};
  ticket_keys::clock::time_point const start{};
  auto const encrypt = [&](std::chrono::seconds at) {
    name result{};
    CHECK(keys.use(result.data(), iv.data(), use.cipher, use.mac, true, start + at) == 1);
    return result;
  };
  auto const decrypt = [&](name which, std::chrono::seconds at) {
    return keys.use(which.data(), iv.data(), use.cipher, use.mac, false, start + at);
  };
  name const first = encrypt(0s);
  CHECK(encrypt(99s) == first);
  CHECK(decrypt(first, 99s) == 1);
  CHECK(decrypt(name{}, 99s) == 0);
  // Known, but the client gets another ticket.
  CHECK(decrypt(first, 100s) == 2);
  name const second = encrypt(150s);
  CHECK(second != first);
  CHECK(decrypt(first, 199s) == 2);
  CHECK(decrypt(second, 199s) == 1);
  CHECK(decrypt(first, 200s) == 0);
  CHECK(decrypt(second, 200s) == 2);
  // Nobody came for long: all are too old.
  CHECK(decrypt(second, 1000s) == 0);
  name const third = encrypt(1000s);
  CHECK(third != second);
}

}  // namespace

}  // namespace ticket_keys_tests
