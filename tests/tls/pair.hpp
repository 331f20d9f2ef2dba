// Two ends of a connection over TLS, in one thread.
#pragma once

#include <kindwire/tls/context.hpp>
#include <kindwire/tls/stream.hpp>

#include <doctest/doctest.h>

#include <asio/io_context.hpp>
#include <asio/ip/tcp.hpp>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <system_error>
#include <utility>

#include "support/certificates.hpp"

namespace tls_pair {

namespace kw = kindwire;
using tcp = asio::ip::tcp;
using stream = kw::tls::stream<>;

// A server's options and a client's that trusts it.
inline kw::tls::server_options server_of(support::certificate const& own) {
  return {.certificate = kw::tls::pem(own.pem()), .key = kw::tls::pem(own.key_pem())};
}
inline kw::tls::client_options trust(support::certificate const& in) {
  return {.authorities = kw::tls::pem(in.pem())};
}

struct sockets {
  explicit sockets(asio::io_context& io) : server(io), client(io) {
    tcp::acceptor acceptor(io, {asio::ip::address_v4::loopback(), 0});
    client.connect(acceptor.local_endpoint());
    acceptor.accept(server);
  }
  tcp::socket server, client;
};

// Runs until `done` says so; false if that takes too long.
template <class Done>
bool run_until(asio::io_context& io, Done done) {
  io.restart();
  auto const end = std::chrono::steady_clock::now() + std::chrono::seconds(60);
  bool is_done = done();
  while (!is_done && std::chrono::steady_clock::now() < end) {
    if (io.stopped()) io.restart();
    io.run_one_for(std::chrono::milliseconds(2));
    is_done = done();
  }
  return is_done;
}

struct ends {
  ends(asio::io_context& in, kw::tls::context const& of_server, kw::tls::context const& of_client,
       std::string host = "localhost", std::uint16_t port = 443)
      : ends(in, sockets(in), of_server, of_client, std::move(host), port) {}
  ends(asio::io_context& in, sockets both, kw::tls::context const& of_server,
       kw::tls::context const& of_client, std::string host = "localhost", std::uint16_t port = 443)
      : io(in),
        server(std::move(both.server), of_server),
        client(std::move(both.client), of_client, std::move(host), port) {}

  // What became of the handshake on either end. An end that fails is closed, so that the other learns of it.
  void shake_hands() {
    std::optional<std::error_code> at_server, at_client;
    auto const end = [](stream& which, auto& into) {
      return [&](std::error_code failure) {
        into = failure;
        std::error_code ignored;
        if (failure) which.close(ignored);
      };
    };
    server.async_handshake(end(server, at_server));
    client.async_handshake(end(client, at_client));
    REQUIRE(run_until(io, [&] { return at_server && at_client; }));
    server_failed = *at_server;
    client_failed = *at_client;
  }

  asio::io_context& io;
  stream server, client;
  std::error_code server_failed, client_failed;
};

}  // namespace tls_pair
