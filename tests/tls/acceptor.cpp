// A server that speaks TLS, beside one that does not: who gets in, and what the others are told.
#include <kindwire/net/client.hpp>
#include <kindwire/net/metrics.hpp>
#include <kindwire/net/server.hpp>
#include <kindwire/net/websocket.hpp>
#include <kindwire/tls/acceptor.hpp>

#include <doctest/doctest.h>

#include <array>
#include <asio/awaitable.hpp>
#include <asio/buffer.hpp>
#include <asio/co_spawn.hpp>
#include <asio/io_context.hpp>
#include <asio/ip/tcp.hpp>
#include <asio/post.hpp>
#include <asio/read.hpp>
#include <asio/use_awaitable.hpp>
#include <asio/write.hpp>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <exception>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include "net/served_in_threads.hpp"
#include "tls/pair.hpp"

namespace acceptor_tests {

using namespace tls_pair;
using namespace std::chrono_literals;

namespace {

asio::awaitable<void> echo(kw::net::websocket& ws) {
  while (kw::message msg = co_await ws.receive()) co_await ws.send(msg);
}

// Runs a coroutine to its end.
void run(asio::io_context& io, std::function<asio::awaitable<void>()> work) {
  std::optional<std::exception_ptr> ended;
  asio::co_spawn(io, std::move(work), [&](std::exception_ptr failure) { ended = failure; });
  REQUIRE(run_until(io, [&] { return ended.has_value(); }));
  if (*ended) std::rethrow_exception(*ended);
}

asio::awaitable<stream> connect(asio::io_context& io, std::uint16_t port, kw::tls::context const& with,
                                std::string host = "localhost") {
  tcp::socket socket(io);
  tcp::endpoint const at(asio::ip::address_v4::loopback(), port);
  co_await socket.async_connect(at, asio::use_awaitable);
  stream result(std::move(socket), with, std::move(host), port);
  co_await result.async_handshake(asio::use_awaitable);
  co_return result;
}

// What the server says to these bytes, until it says nothing more.
template <class Socket>
asio::awaitable<std::string> answer_to(Socket& to, std::string_view request) {
  co_await asio::async_write(to, asio::buffer(request), asio::use_awaitable);
  std::string all;
  std::array<char, 1000> part;
  try {
    for (;;) {
      std::size_t const size = co_await to.async_read_some(asio::buffer(part), asio::use_awaitable);
      all.append(part.data(), size);
      if (all.find("HTTP/1.1 101") == 0 && all.ends_with("\r\n\r\n")) break;
    }
  } catch (std::system_error const& failure) {
    all += '[' + failure.code().message() + ']';
  }
  co_return all;
}

struct failures final : kw::net::observer {
  void handshake_failed(kw::net::failed_handshake const& it) noexcept override {
    all.push_back(std::string(to_string(it.reason)) + ' ' + std::to_string(it.status) + ' ' +
                  it.error.message());
  }
  std::vector<std::string> all;
};

struct served {
  explicit served(kw::tls::server_options tls, kw::net::server_options options = {})
      : server(io, with(std::move(options))),
        secure(io, tls),
        port(secure.port()),
        certificates(secure.certificates()) {
    server.websocket("/echo", echo);
    server.get("/who", [](kw::request const& from) {
      auto const* const shown = from.peer_certificate();
      return kw::response::text(200, std::string(from.is_secure() ? "secure " : "plain ") +
                                         (shown != nullptr ? shown->subject : "nobody"));
    });
    server.start();
    server.listen(std::move(secure));
  }
  kw::net::server_options with(kw::net::server_options options) {
    options.observer = kw::net::observers(seen, counted);
    return options;
  }

  asio::io_context io;
  std::shared_ptr<failures> seen = std::make_shared<failures>();
  kw::net::metrics counted;
  kw::net::server server;
  kw::tls::acceptor secure;
  std::uint16_t port;
  kw::tls::certificates certificates;
};

constexpr std::string_view who = "GET /who HTTP/1.1\r\nHost: localhost\r\n\r\n";

TEST_CASE("tls acceptor: what comes behind the request is not left in the midst of TLS") {
  support::certificate const own;
  kw::tls::context const trusting(trust(own));
  for (bool const strands : {false, true}) {
    CAPTURE(strands);
    kw::net::server_options options;
    options.strands = strands;
    served by(server_of(own), options);
    run(by.io, [&]() -> asio::awaitable<void> {
      auto client = co_await connect(by.io, by.port, trusting);
      // Masked with zeros, and far more than the opening handshake reads at a time.
      std::string const text(12000, 'x');
      std::string const all =
          "GET /echo HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
          "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n" +
          std::string("\x81\xfe\x2e\xe0\0\0\0\0", 8) + text;
      co_await asio::async_write(client, asio::buffer(all), asio::use_awaitable);
      std::string got;
      std::array<char, 1000> part;
      while (!got.ends_with(text))
        got.append(part.data(), co_await client.async_read_some(asio::buffer(part), asio::use_awaitable));
      CHECK(got.starts_with("HTTP/1.1 101"));
    });
  }
}

TEST_CASE("tls acceptor: a websocket may outlive the context that it ran on") {
  support::certificate const own;
  kw::tls::context const trusting(trust(own));
  for (bool const strands : {false, true}) {
    CAPTURE(strands);
    std::optional<kw::net::websocket> kept;
    {
      asio::io_context io;
      kw::net::server_options options;
      options.strands = strands;
      kw::net::server server{io, options};
      server.websocket("/", [&](kw::net::websocket ws) { kept = std::move(ws); });
      kw::tls::acceptor secure(io, server_of(own));
      std::uint16_t const port = secure.port();
      server.listen(std::move(secure));
      run(io, [&]() -> asio::awaitable<void> {
        auto ws = co_await kw::net::handshake(co_await connect(io, port, trusting), "wss://localhost/");
        while (!kept) co_await asio::post(asio::use_awaitable);
      });
    }
    CHECK(kept);  // and is destroyed behind it
  }
}

TEST_CASE("tls acceptor: one server serves with TLS and without it") {
  support::certificate const own;
  kw::tls::context const trusting(trust(own));
  served by(server_of(own));
  run(by.io, [&]() -> asio::awaitable<void> {
    auto ws = co_await kw::net::handshake(co_await connect(by.io, by.port, trusting), "wss://localhost/echo");
    for (std::size_t const size : {0u, 1u, 125u, 126u, 16'384u, 70'000u, 1u << 20}) {
      std::string const text(size, 'x');
      co_await ws.send(text);
      kw::message const reply = co_await ws.receive();
      CHECK((reply.text() == text));
    }
    co_await ws.close();
    CHECK(!ws.error());
    auto secure = co_await connect(by.io, by.port, trusting);
    std::string told = co_await answer_to(secure, who);
    CHECK(told.find("HTTP/1.1 200") == 0);
    CHECK(told.ends_with("secure nobody[End of file]"));
    tcp::socket plain(by.io);
    co_await plain.async_connect({asio::ip::address_v4::loopback(), by.server.port()}, asio::use_awaitable);
    told = co_await answer_to(plain, who);
    CHECK(told.ends_with("plain nobody[End of file]"));
  });
}

TEST_CASE("tls acceptor: a page of http is not of the origin of a server with TLS") {
  support::certificate const own;
  kw::tls::context const trusting(trust(own));
  served by(server_of(own));
  run(by.io, [&]() -> asio::awaitable<void> {
    for (bool const over_tls : {false, true}) {
      for (std::string const scheme : {"http", "https"}) {
        CAPTURE(over_tls);
        CAPTURE(scheme);
        auto const request = test::upgrade_request("/echo", "Origin: " + scheme + "://localhost\r\n");
        std::string told;
        if (over_tls) {
          auto secure = co_await connect(by.io, by.port, trusting);
          told = co_await answer_to(secure, request);
        } else {
          tcp::socket plain(by.io);
          tcp::endpoint const at(asio::ip::address_v4::loopback(), by.server.port());
          co_await plain.async_connect(at, asio::use_awaitable);
          told = co_await answer_to(plain, request);
        }
        CHECK(told.substr(9, 3) == (over_tls && scheme == "http" ? "403" : "101"));
      }
    }
  });
}

TEST_CASE("tls acceptor: a client without TLS is told in words") {
  served by(server_of(support::certificate()));
  run(by.io, [&]() -> asio::awaitable<void> {
    tcp::socket plain(by.io);
    co_await plain.async_connect({asio::ip::address_v4::loopback(), by.port}, asio::use_awaitable);
    // More than is read of it, so that a close with the rest unread would reset the connection.
    std::string const told = co_await answer_to(
        plain, "GET / HTTP/1.1\r\nHost: localhost\r\nX: " + std::string(200'000, 'x') + "\r\n\r\n");
    CHECK(told.find("HTTP/1.1 400") == 0);
    CHECK(told.find("this port speaks TLS") != std::string::npos);
    CHECK(told.ends_with("[End of file]"));
    // Methods that OpenSSL does not know, in pieces; PRI is how HTTP/2 begins.
    for (std::string const method : {"OPTIONS", "DELETE", "PATCH", "PRI", "M"}) {
      CAPTURE(method);
      tcp::socket other(by.io);
      co_await other.async_connect({asio::ip::address_v4::loopback(), by.port}, asio::use_awaitable);
      co_await asio::async_write(other, asio::buffer(method.substr(0, 1)), asio::use_awaitable);
      for (int turn = 0; turn != 10; ++turn) co_await asio::post(asio::use_awaitable);
      std::string const answer = co_await answer_to(other, method.substr(1) + " * HTTP/1.1\r\n\r\n");
      CHECK(answer.find("HTTP/1.1 400") == 0);
    }
    tcp::socket noise(by.io);
    co_await noise.async_connect({asio::ip::address_v4::loopback(), by.port}, asio::use_awaitable);
    CHECK((co_await answer_to(noise, "SSH-2.0-x\r\n")).find("HTTP") == std::string::npos);
  });
  REQUIRE(by.seen->all.size() == 7);
  CHECK(by.seen->all[0] == "tls 400 http request");
  CHECK(by.seen->all[1] == "tls 400 wrong version number");
  CHECK(by.seen->all[6] == "tls 0 wrong version number");
  std::string const page = by.counted.text();
  CHECK(page.find("failed_total{role=\"server\",reason=\"tls\",status=\"400\"} 6\n") != std::string::npos);
  CHECK(page.find("failed_total{role=\"server\",reason=\"tls\",status=\"none\"} 1\n") != std::string::npos);
  CHECK(page.find("kindwire_handshake_errors_total{error=\"tls\"} 7\n") != std::string::npos);
}

TEST_CASE("tls acceptor: clients that dawdle over the handshake are cut off") {
  served by(server_of(support::certificate()), {.handshake_timeout = 300ms});
  run(by.io, [&]() -> asio::awaitable<void> {
    tcp::socket slow(by.io);
    co_await slow.async_connect({asio::ip::address_v4::loopback(), by.port}, asio::use_awaitable);
    // The beginning of a ClientHello, and nothing more.
    CHECK((co_await answer_to(slow, std::string_view("\x16\x03\x01\2\0\1\0\1\xfc\3\3", 11))) ==
          "[End of file]");
  });
  REQUIRE(by.seen->all.size() == 1);
  CHECK(by.seen->all[0].find("timeout 0") == 0);
}

TEST_CASE("tls acceptor: clients show certificates, and pages and handlers see whose they are") {
  support::certificate const own;
  auto const authority = support::authority("clients");
  support::certificate const ann({.subject = "Änn", .names = "", .purpose = "clientAuth"}, &authority);
  support::certificate const stranger({.names = "", .purpose = "clientAuth"});
  support::certificate const machine({.names = "", .purpose = "serverAuth"}, &authority);
  for (bool const demanded : {false, true}) {
    CAPTURE(demanded);
    auto options = server_of(own);
    options.clients =
        demanded ? kw::tls::client_certificates::demanded : kw::tls::client_certificates::wanted;
    options.client_authorities = kw::tls::pem(authority.pem());
    served by(options);
    std::string seen_by_handler;
    by.server.websocket("/me", [&](kw::net::websocket& ws) -> asio::awaitable<void> {
      auto const* const shown = ws.request().peer_certificate();
      seen_by_handler = shown != nullptr ? shown->subject + shown->pem.substr(0, 27) : "nobody";
      CHECK(ws.request().is_secure());
      co_return;
    });
    auto const told = [&](support::certificate const* shown) -> std::string {
      auto trusting = trust(own);
      if (shown != nullptr) {
        trusting.certificate = kw::tls::pem(shown->pem());
        trusting.key = kw::tls::pem(shown->key_pem());
      }
      std::string result;
      run(by.io, [&]() -> asio::awaitable<void> {
        try {
          auto secure = co_await connect(by.io, by.port, kw::tls::context(trusting));
          result = co_await answer_to(secure, who);
        } catch (std::system_error const& failure) {
          result = failure.what();
        }
      });
      return result;
    };
    CHECK(told(&ann).ends_with("secure CN=Änn[End of file]"));
    CHECK(told(nullptr).ends_with(demanded ? "[tlsv13 alert certificate required]"
                                           : "secure nobody[End of file]"));
    CHECK(told(&stranger).ends_with("[tlsv1 alert unknown ca]"));
    CHECK(told(&machine).find("alert") != std::string::npos);
    auto trusting = trust(own);
    trusting.certificate = kw::tls::pem(ann.pem());
    trusting.key = kw::tls::pem(ann.key_pem());
    run(by.io, [&]() -> asio::awaitable<void> {
      auto ws = co_await kw::net::handshake(co_await connect(by.io, by.port, kw::tls::context(trusting)),
                                            "wss://localhost/me");
      CHECK(!co_await ws.receive());
    });
    CHECK(seen_by_handler == "CN=Änn-----BEGIN CERTIFICATE-----");
    CHECK(by.seen->all.size() == (demanded ? 3u : 2u));
  }
}

TEST_CASE("tls acceptor: certificates are replaced while connections go on") {
  support::certificate const before;
  support::certificate const after;
  served by(server_of(before));
  kw::tls::context const old_trust(trust(before)), new_trust(trust(after));
  run(by.io, [&]() -> asio::awaitable<void> {
    auto ws =
        co_await kw::net::handshake(co_await connect(by.io, by.port, old_trust), "wss://localhost/echo");
    co_await ws.send("one");
    CHECK((co_await ws.receive()).text() == "one");
    // What cannot be used changes nothing.
    CHECK_THROWS(by.certificates.replace({.certificate = "nowhere.pem", .key = "nowhere.pem"}));
    (void)co_await connect(by.io, by.port, kw::tls::context(trust(before)));
    std::thread([&] { by.certificates.replace(server_of(after)); }).join();
    (void)co_await connect(by.io, by.port, new_trust);
    co_await ws.send("two");
    CHECK((co_await ws.receive()).text() == "two");
    // The old ticket is still good, so that the old certificate is taken for good as well.
    auto again = co_await connect(by.io, by.port, old_trust);
    CHECK(SSL_session_reused(again.native_handle()) == 1);
    kw::tls::context const fresh(trust(before));
    std::string why;
    try {
      (void)co_await connect(by.io, by.port, fresh);
    } catch (std::system_error const& failure) {
      why = failure.code().message();
    }
    CHECK(why == "certificate is self-signed and not trusted");
  });
}

TEST_CASE(
    "tls acceptor: a websocket whose stream ends without close_notify is lost, but not after both Closes") {
  support::certificate const own;
  kw::tls::context const trusting(trust(own));
  served by(server_of(own));
  std::vector<std::string> ended;
  by.server.websocket("/end", [&](kw::net::websocket& ws) -> asio::awaitable<void> {
    try {
      while (co_await ws.receive()) {}
      ended.push_back("clean");
    } catch (std::system_error const& failure) {
      ended.push_back(failure.code() == kw::error::connection_lost ? "lost" : failure.code().message());
    }
  });
  struct way {
    std::string frames;
    bool notify;
    std::string outcome;
  };
  std::string const close("\x88\x80\0\0\0\0", 6);
  for (way const& each : {way{"", false, "lost"}, way{"", true, "lost"},
                          way{std::string("\x81\x85\0\0\0\0he", 8), false, "lost"},
                          way{close, false, "clean"}, way{close, true, "clean"}}) {
    run(by.io, [&]() -> asio::awaitable<void> {
      auto secure = co_await connect(by.io, by.port, trusting);
      std::string const told = co_await answer_to(secure, test::upgrade_request("/end"));
      CHECK(told.find("HTTP/1.1 101") == 0);
      co_await asio::async_write(secure, asio::buffer(each.frames), asio::use_awaitable);
      std::error_code ignored;
      if (each.notify) {
        secure.shutdown(asio::socket_base::shutdown_send, ignored);
      } else {
        secure.next_layer().shutdown(asio::socket_base::shutdown_send, ignored);
      }
      // The server does not wait for more.
      std::array<char, 100> rest;
      std::error_code failure;
      try {
        for (;;) co_await secure.async_read_some(asio::buffer(rest), asio::use_awaitable);
      } catch (std::system_error const& end) {
        failure = end.code();
      }
      CHECK(failure == asio::error::eof);
    });
    REQUIRE(!ended.empty());
    CHECK(ended.back() == each.outcome);
  }
}

TEST_CASE("tls acceptor: a server that runs itself serves TLS on all of its threads") {
  support::certificate const own;
  kw::net::server server{{.threads = 3, .handle_signals = false}};
  server.websocket("/echo", echo);
  kw::tls::acceptor secure(server.get_executor(), server_of(own));
  std::uint16_t const port = secure.port();
  server.listen(std::move(secure));
  std::thread serving([&] { server.run(); });
  kw::tls::context const trusting(trust(own));
  asio::io_context io;
  run(io, [&]() -> asio::awaitable<void> {
    for (int i = 0; i != 10; ++i) {
      auto ws = co_await kw::net::handshake(co_await connect(io, port, trusting), "wss://localhost/echo");
      co_await ws.send("hello");
      CHECK((co_await ws.receive()).text() == "hello");
      co_await ws.close();
    }
  });
  server.stop();
  serving.join();
}

}  // namespace

}  // namespace acceptor_tests
