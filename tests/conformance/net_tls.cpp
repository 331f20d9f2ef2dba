// Over TLS: whose certificate it is is settled before the first byte of a handshake, messages and Closes
// pass, and a peer that never says that it is done is cut off.
#include <kindwire/net/client.hpp>
#include <kindwire/net/server.hpp>

#include <doctest/doctest.h>

#include <openssl/evp.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <asio/awaitable.hpp>
#include <asio/co_spawn.hpp>
#include <asio/io_context.hpp>
#include <asio/local/connect_pair.hpp>
#include <asio/local/stream_protocol.hpp>
#include <asio/ssl/context.hpp>
#include <asio/ssl/host_name_verification.hpp>
#include <asio/ssl/stream.hpp>
#include <chrono>
#include <exception>
#include <memory>
#include <optional>
#include <string>
#include <utility>

namespace net_tls_tests {

namespace kw = kindwire;
using namespace std::chrono_literals;
using protocol = asio::local::stream_protocol;
using tls_stream = asio::ssl::stream<protocol::socket>;

namespace {

// A certificate for localhost that its own client trusts, made afresh.
class localhost {
 public:
  localhost() : server(asio::ssl::context::tls_server), client(asio::ssl::context::tls_client) {
    std::unique_ptr<EVP_PKEY, void (*)(EVP_PKEY*)> const key(EVP_EC_gen("P-256"), EVP_PKEY_free);
    std::unique_ptr<X509, void (*)(X509*)> const certificate(X509_new(), X509_free);
    X509_set_version(certificate.get(), 2);
    ASN1_INTEGER_set(X509_get_serialNumber(certificate.get()), 1);
    X509_gmtime_adj(X509_getm_notBefore(certificate.get()), -60);
    X509_gmtime_adj(X509_getm_notAfter(certificate.get()), 3600);
    X509_set_pubkey(certificate.get(), key.get());
    std::unique_ptr<X509_EXTENSION, void (*)(X509_EXTENSION*)> const name(
        X509V3_EXT_conf_nid(nullptr, nullptr, NID_subject_alt_name, "DNS:localhost"), X509_EXTENSION_free);
    X509_add_ext(certificate.get(), name.get(), -1);
    REQUIRE(X509_sign(certificate.get(), key.get(), EVP_sha256()) > 0);
    REQUIRE(SSL_CTX_use_certificate(server.native_handle(), certificate.get()) == 1);
    REQUIRE(SSL_CTX_use_PrivateKey(server.native_handle(), key.get()) == 1);
    REQUIRE(X509_STORE_add_cert(SSL_CTX_get_cert_store(client.native_handle()), certificate.get()) == 1);
    client.set_verify_mode(asio::ssl::verify_peer);
  }

  asio::ssl::context server, client;
};

// Two ends of a Unix socket, before their TLS handshakes.
struct ends {
  ends(asio::io_context& io, localhost& host, std::string const& name)
      : server(io, host.server), client(io, host.client) {
    asio::local::connect_pair(server.next_layer(), client.next_layer());
    client.set_verify_callback(asio::ssl::host_name_verification(name));
  }

  tls_stream server, client;
};

void shake_hands(asio::io_context& io, ends& both, std::error_code& server, std::error_code& client) {
  both.server.async_handshake(tls_stream::server, [&](std::error_code failure) { server = failure; });
  both.client.async_handshake(tls_stream::client, [&](std::error_code failure) {
    client = failure;
    std::error_code ignored;
    if (failure) both.client.lowest_layer().close(ignored);
  });
  io.run_for(10s);
  CHECK(io.stopped());
  io.restart();
}

asio::awaitable<void> echo(kw::net::websocket& ws) {
  while (kw::message msg = co_await ws.receive()) co_await ws.send(msg);
}

TEST_CASE("tls: messages of every size, pings and a close handshake between a server and a client") {
  asio::io_context io;
  localhost host;
  ends both(io, host, "localhost");
  std::error_code server_failed, client_failed;
  shake_hands(io, both, server_failed, client_failed);
  REQUIRE(!server_failed);
  REQUIRE(!client_failed);

  kw::net::server server{io};
  server.websocket("/echo", echo);
  server.serve(std::move(both.server));
  std::exception_ptr thrown;
  bool done = false;
  asio::co_spawn(
      io,
      [&]() -> asio::awaitable<void> {
        auto ws = co_await kw::net::handshake(std::move(both.client), "wss://localhost/echo");
        for (std::size_t const size : {0u, 1u, 125u, 126u, 4096u, 16'384u, 65'536u, 1u << 20}) {
          std::string const text(size, 'x');
          co_await ws.send(text);
          co_await ws.ping("between");
          kw::message const reply = co_await ws.receive();
          if (reply.text() != text) co_return;
        }
        co_await ws.close(kw::close_code::going_away, "bye");
        CHECK(ws.close_code() == kw::close_code::going_away);
        CHECK(!ws.error());
        done = true;
      },
      [&](std::exception_ptr failure) { thrown = failure; });
  io.run_for(20s);
  CHECK(io.stopped());
  CHECK(!thrown);
  CHECK(done);
}

TEST_CASE("tls: a certificate for another name ends the connection before a byte of the handshake is sent") {
  asio::io_context io;
  localhost host;
  ends both(io, host, "other.example");
  std::error_code server_failed, client_failed;
  shake_hands(io, both, server_failed, client_failed);
  CHECK(client_failed.category() == asio::error::get_ssl_category());
  CHECK(client_failed);
  CHECK(!both.client.lowest_layer().is_open());
  // Nothing can come of it later: the same stream is of no use for a websocket any more.
  std::optional<std::error_code> opened;
  kw::net::handshake(std::move(both.client), "wss://other.example/", {},
                     [&](std::error_code failure, kw::net::websocket) { opened = failure; });
  io.run_for(10s);
  REQUIRE(opened);
  CHECK(*opened);
  // What the server got is an alert, or the end; no request.
  std::string got(100, '\0');
  std::error_code ended;
  both.server.read_some(asio::buffer(got), ended);
  CHECK(ended);
}

TEST_CASE("tls: Asio TLS: a peer that ignores our Close and our end is cut off by the timer") {
  for (kw::role const self : {kw::role::server, kw::role::client}) {
    for (bool const answers : {false, true}) {
      CAPTURE(answers);
      asio::io_context io;
      localhost host;
      ends both(io, host, "localhost");
      std::error_code server_failed, client_failed;
      shake_hands(io, both, server_failed, client_failed);
      REQUIRE(!server_failed);
      REQUIRE(!client_failed);
      auto& own = self == kw::role::server ? both.server : both.client;
      auto& far = self == kw::role::server ? both.client : both.server;
      kw::net::connection_options options;
      options.close_timeout = 30ms;
      kw::net::basic_websocket<tls_stream> ws(std::move(own), self, options);
      if (answers) {
        // A Close, and from then on nothing: no close_notify, no end of the stream.
        std::string const close =
            self == kw::role::server ? std::string("\x88\x80\0\0\0\0", 6) : std::string("\x88\0", 2);
        far.write_some(asio::buffer(close));
      }
      std::optional<std::error_code> closed;
      ws.close(kw::close_code::normal, "", [&](std::error_code failure) { closed = failure; });
      io.run_for(10s);
      CHECK(io.stopped());  // nothing is left to wait for
      CHECK(closed == (answers ? std::error_code{} : kw::error::close_timeout));
      CHECK(!ws.is_open());
      CHECK(!ws.next_layer().lowest_layer().is_open());
    }
  }
}

}  // namespace

}  // namespace net_tls_tests
