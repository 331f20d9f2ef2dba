// What a peer can make the engine do, without sockets: every call ends, whatever is sent.
#include <kindwire/tls/engine/engine.hpp>
#include <kindwire/tls/loading/client_context.hpp>
#include <kindwire/tls/loading/server_context.hpp>

#include <doctest/doctest.h>

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <openssl/x509_vfy.h>

#include <algorithm>
#include <array>
#include <asio/error.hpp>
#include <chrono>
#include <cstddef>
#include <cstring>
#include <memory>
#include <span>
#include <string>
#include <system_error>
#include <utility>

#include "support/certificates.hpp"

namespace engine_tests {

namespace {

namespace kw = kindwire;
namespace detail = kw::tls::detail;

// Receives from one string and sends to another, as far as that has room.
class end final : public detail::engine {
 public:
  end(std::shared_ptr<detail::context_state const> with, std::string& from, std::string& to)
      : engine(std::move(with), {"localhost", 443}), from_(from), to_(to) {}

  std::size_t room = std::string::npos;  // what the peer's string may hold

 private:
  std::size_t receive(std::span<std::byte> into, std::error_code& failure) noexcept override {
    if (from_.empty()) return failure = asio::error::would_block, 0;
    std::size_t const size = (std::min)(into.size(), from_.size());
    std::memcpy(into.data(), from_.data(), size);
    from_.erase(0, size);
    return size;
  }
  std::size_t send(std::span<std::byte const> bytes, std::error_code& failure) noexcept override {
    std::size_t const size = (std::min)(bytes.size(), room - (std::min)(room, to_.size()));
    if (size == 0) return failure = asio::error::would_block, 0;
    to_.append(reinterpret_cast<char const*>(bytes.data()), size);
    return size;
  }

  std::string& from_;
  std::string& to_;
};

struct both_ends {
  both_ends()
      : server(server_context(own), to_server, to_client), client(client_context(own), to_client, to_server) {
    for (int i = 0; i != 10; ++i) {
      client.handshake(failure);
      server.handshake(failure);
    }
    REQUIRE(client.is_established());
    REQUIRE(server.is_established());
  }

  static std::shared_ptr<detail::context_state const> server_context(support::certificate const& with) {
    kw::tls::server_options const options{.certificate = kw::tls::pem(with.pem()),
                                          .key = kw::tls::pem(with.key_pem())};
    return std::make_shared<detail::server_context>(
        options, std::make_shared<detail::ticket_keys>(std::chrono::hours(1)));
  }
  static std::shared_ptr<detail::context_state const> client_context(support::certificate const& with) {
    return std::make_shared<detail::client_context>(
        kw::tls::client_options{.authorities = kw::tls::pem(with.pem())});
  }

  void write_byte() {
    std::span<std::byte const> const piece = std::as_bytes(std::span("x", 1));
    REQUIRE(client.write({&piece, 1}, failure) == 1);
  }
  // The client gets new keys, and perhaps asks for the server's.
  void update_keys(int kind) {
    SSL_key_update(client.native_handle(), kind);
    SSL_do_handshake(client.native_handle());
    client.flush(failure);
  }
  // What the server reads in one call.
  std::size_t read() { return server.read(into, failure); }

  support::certificate own;
  std::string to_server, to_client;
  end server, client;
  std::error_code failure;
  std::array<std::byte, 131'072> into{};
};

TEST_CASE("tls engine: a call takes in a bounded number of records, and the rest waits for the next") {
  both_ends both;
  constexpr std::size_t sent = 5000;
  for (std::size_t i = 0; i != sent; ++i) both.write_byte();
  std::size_t got = 0;
  int calls = 0;
  while (got != sent && calls != 100) {
    std::size_t const size = both.read();
    CHECK(!both.failure);
    CHECK(size <= 1024);
    got += size;
    ++calls;
    CHECK(both.server.has_input() == (got != sent));
  }
  CHECK(got == sent);
  CHECK(calls >= 5);
}

TEST_CASE("tls engine: a call that finds no data ends too, however much there is") {
  both_ends both;
  // Enough data in between to be no flood of records without any.
  for (int i = 0; i != 4000; ++i) {
    both.update_keys(SSL_KEY_UPDATE_NOT_REQUESTED);
    if (i % 50 == 0) both.write_byte();
  }
  std::size_t got = 0;
  int calls = 0;
  do {
    got += both.read();
    CHECK((!both.failure || both.failure == asio::error::would_block));
  } while (++calls != 100 && both.server.has_input());
  CHECK(got == 80);
  CHECK(calls >= 4);
}

TEST_CASE("tls engine: new keys upon new keys, and no data, are refused") {
  both_ends both;
  for (int round = 0; round != 3; ++round) {
    for (int i = 0; i != 90; ++i) both.update_keys(SSL_KEY_UPDATE_NOT_REQUESTED);
    both.write_byte();
    CHECK(both.read() == 1);
    CHECK(!both.failure);
  }
  for (int i = 0; i != 101; ++i) {
    both.update_keys(SSL_KEY_UPDATE_NOT_REQUESTED);
    both.read();
  }
  CHECK(both.failure == kw::tls::error::records_without_data);
  CHECK(both.failure.message() == "peer sends too many records without data");
  both.write_byte();
  CHECK(both.read() == 0);
  CHECK(both.failure == kw::tls::error::records_without_data);
}

TEST_CASE("tls engine: what waits for room is no input, until there is room") {
  both_ends both;
  both.to_client.clear();
  both.server.room = 1000;
  // The server answers each, its peer does not read, and a block of answers is kept.
  for (int i = 0; i != 100'000 && !both.server.reading_waits_for_room(); ++i) {
    for (int j = 0; j != 50; ++j) both.update_keys(SSL_KEY_UPDATE_REQUESTED);
    both.write_byte();
    both.read();
    for (int calls = 0; calls != 100 && both.server.has_input(); ++calls) both.read();
    REQUIRE((!both.failure || both.failure == asio::error::would_block));
  }
  REQUIRE(both.server.reading_waits_for_room());
  CHECK(both.server.unsent() > 60'000);
  CHECK(!both.server.has_input());
  both.read();
  CHECK(both.failure == asio::error::would_block);
  CHECK(!both.server.has_input());
  both.server.room = std::string::npos;
  both.server.flush(both.failure);
  CHECK(!both.failure);
  both.read();
  CHECK(!both.server.reading_waits_for_room());
}

TEST_CASE("tls engine: why a certificate does not pass is told, whatever else OpenSSL has noted on the way") {
  support::certificate const own, other;
  std::string to_server, to_client;
  auto const trusting = std::make_shared<detail::client_context>(
      kw::tls::client_options{.authorities = kw::tls::pem(other.pem())});
  SSL_CTX_set_cert_verify_callback(
      trusting->native_handle(),
      [](X509_STORE_CTX* chain, void*) {
        // As a search in a folder of authorities would.
        ERR_raise(ERR_LIB_X509, X509_R_INVALID_DIRECTORY);
        return X509_verify_cert(chain);
      },
      nullptr);
  end server(both_ends::server_context(own), to_server, to_client);
  end client(trusting, to_client, to_server);
  std::error_code failure;
  client.handshake(failure);
  server.handshake(failure);
  client.handshake(failure);
  CHECK(failure == kw::tls::error::self_signed);
}

}  // namespace

}  // namespace engine_tests
