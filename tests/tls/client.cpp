// A client's wss:// by this header alone: whom it trusts, and its way through proxies.
#include <kindwire/tls/client.hpp>

#include <doctest/doctest.h>

#include <asio/awaitable.hpp>
#include <asio/bind_cancellation_slot.hpp>
#include <asio/cancellation_signal.hpp>
#include <asio/io_context.hpp>
#include <asio/redirect_error.hpp>
#include <asio/use_awaitable.hpp>
#include <chrono>
#include <functional>
#include <kindwire/net/reconnect_options.hpp>
#include <memory>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include "../net/scripted_server.hpp"
#include "pair.hpp"

namespace tls_client_tests {

namespace kw = kindwire;
using namespace std::chrono_literals;
using kw::net::connect_phase;

namespace {

template <class Stream>
using talk = std::function<asio::awaitable<void>(test::basic_scripted_peer<Stream>&)>;

// What is said over TLS, within what was said before.
template <class Below>
asio::awaitable<void> secured(Below below, kw::tls::context with, talk<kw::tls::stream<Below>> says) {
  test::basic_scripted_peer<kw::tls::stream<Below>> peer{kw::tls::stream<Below>(std::move(below), with)};
  std::error_code failure;
  co_await peer.socket.async_handshake(asio::redirect_error(asio::use_awaitable, failure));
  if (!failure) co_await says(peer);
}

// A server with a certificate, and one authority that a client may trust.
struct world {
  asio::io_context io;
  support::certificate authority{{.subject = "authority", .authority = true}};
  support::certificate own{{}, &authority};
  kw::tls::context server{tls_pair::server_of(own)};
  std::vector<std::string> heads;

  template <class Stream>
  talk<Stream> website(std::string answer = {}) {
    return [this, answer](test::basic_scripted_peer<Stream>& peer) -> asio::awaitable<void> {
      std::string const head = co_await peer.head();
      if (head.empty()) co_return;
      heads.push_back(head);
      std::string const text = answer.empty() ? test::accepted(head) : answer;
      co_await peer.say(text);
      co_await peer.wait();
    };
  }
  test::scripted_server::script over_tls(std::string answer = {}) {
    return [this, answer](test::scripted_peer& peer) {
      return secured(std::move(peer.socket), server, website<kw::tls::stream<>>(answer));
    };
  }
  kw::net::connect_options trusting(kw::tls::client_options trust = {}) {
    kw::net::connect_options options;
    options.handshake_timeout = 50s;
    trust.authorities = kw::tls::pem(authority.pem());
    options.tls = kw::tls::trust(trust);
    return options;
  }
};

std::string url(test::scripted_server const& at, std::string const& host = "127.0.0.1") {
  return "wss://" + host + ":" + std::to_string(at.port()) + "/x";
}

}  // namespace

TEST_CASE("tls client: one include, and wss:// is connected to") {
  world in;
  test::scripted_server server(in.io, in.over_tls());
  auto const opened = test::connect(in.io, url(server), in.trusting());
  CHECK(opened->outcome == std::error_code{});
  CHECK(opened->ws.is_open());
  REQUIRE(in.heads.size() == 1);
  CHECK(in.heads[0].starts_with("GET /x HTTP/1.1\r\nHost: 127.0.0.1:"));
}

TEST_CASE("tls client: a certificate that does not pass, before a byte of the request") {
  world in;
  test::scripted_server server(in.io, in.over_tls());
  auto const refused = [&](kw::net::connect_options options, std::string const& host = "127.0.0.1") {
    options.addresses = [](std::string_view) { return std::vector{asio::ip::make_address("127.0.0.1")}; };
    auto const result = test::connect(in.io, url(server, host), options);
    CHECK(result->failure.phase == connect_phase::tls);
    CHECK(in.heads.empty());
    CHECK(result->what() ==
          "TLS with " + host + ":" + std::to_string(server.port()) + ": " + result->outcome->message());
    return *result->outcome;
  };
  // The system trusts none of ours.
  CHECK(refused({}) == kw::tls::error::untrusted_issuer);
  CHECK(refused(in.trusting(), "other.example") == kw::tls::error::wrong_name);
  CHECK(refused(in.trusting({.pinned_keys = {std::string(64, '0')}})) == kw::tls::error::wrong_key);
}

TEST_CASE("tls client: a server that does not take our certificate will not take it again") {
  world in;
  for (bool const shown : {false, true}) {
    CAPTURE(shown);
    auto options = tls_pair::server_of(in.own);
    options.clients = kw::tls::client_certificates::demanded;
    options.client_authorities = kw::tls::pem(in.authority.pem());
    in.server = kw::tls::context(options);
    test::scripted_server server(in.io, in.over_tls());
    support::certificate const stranger({.names = "", .purpose = "clientAuth"});
    auto const refused = test::connect(in.io, url(server),
                                       shown ? in.trusting({.certificate = kw::tls::pem(stranger.pem()),
                                                            .key = kw::tls::pem(stranger.key_pem())})
                                             : in.trusting());
    CHECK(refused->failure.phase == connect_phase::tls);
    CHECK(refused->what() ==
          "TLS with 127.0.0.1:" + std::to_string(server.port()) +
              (shown ? ": tlsv1 alert unknown ca" : ": tlsv13 alert certificate required"));
    CHECK(kw::net::is_final_failure({refused->failure.phase, *refused->outcome, {}, {}}));
  }
}

TEST_CASE("tls client: a server that does not speak it, or says nothing") {
  world in;
  test::scripted_server plain(in.io, [](test::scripted_peer& peer) -> asio::awaitable<void> {
    co_await peer.bytes(1);
    co_await peer.say("HTTP/1.1 400 x\r\n\r\n");
  });
  CHECK(test::connect(in.io, url(plain), in.trusting())->failure.phase == connect_phase::tls);
  test::scripted_server silent(
      in.io, [](test::scripted_peer& peer) -> asio::awaitable<void> { co_await peer.wait(); });
  auto hasty = in.trusting();
  hasty.handshake_timeout = 50ms;
  auto const ended = test::connect(in.io, url(silent), hasty);
  CHECK(ended->outcome == kw::error::handshake_timeout);
  CHECK(ended->failure.phase == connect_phase::tls);
}

TEST_CASE("tls client: a redirect may lead to wss, never away from it") {
  world in;
  test::scripted_server plain(in.io, [](test::scripted_peer& peer) -> asio::awaitable<void> {
    std::string const head = co_await peer.head();
    co_await peer.say(test::accepted(head));
  });
  std::string const to_plain =
      "HTTP/1.1 302 x\r\nContent-Length: 0\r\nLocation: ws://" + plain.authority() + "/\r\n\r\n";
  test::scripted_server leads_away(in.io, in.over_tls(to_plain));
  auto options = in.trusting();
  options.redirects = 5;
  auto const refused = test::connect(in.io, url(leads_away), options);
  CHECK(refused->outcome == kw::error::redirect_refused);
  CHECK(plain.connections() == 0);

  test::scripted_server server(in.io, in.over_tls());
  std::string const to_secure =
      "HTTP/1.1 302 x\r\nContent-Length: 0\r\nLocation: https://" + server.authority() + "/\r\n\r\n";
  test::scripted_server upgrades(in.io, [to_secure](test::scripted_peer& peer) -> asio::awaitable<void> {
    co_await peer.head();
    co_await peer.say(to_secure);
  });
  CHECK(test::connect(in.io, "ws://" + upgrades.authority(), options)->outcome == std::error_code{});
}

TEST_CASE("tls client: a redirect elsewhere takes neither our certificate along nor trust in everybody") {
  world in;
  test::scripted_server elsewhere(in.io, in.over_tls());
  test::scripted_server leads_there(
      in.io, in.over_tls("HTTP/1.1 302 x\r\nContent-Length: 0\r\nLocation: " + url(elsewhere) + "\r\n\r\n"));
  auto options = in.trusting();
  options.redirects = 5;
  CHECK(test::connect(in.io, url(leads_there), options)->outcome == std::error_code{});
  auto showing =
      in.trusting({.certificate = kw::tls::pem(in.own.pem()), .key = kw::tls::pem(in.own.key_pem())});
  auto careless = in.trusting({.verify = kw::tls::verification::none_i_accept_that_anyone_may_answer});
  for (auto* const each : {&showing, &careless}) {
    each->redirects = 5;
    auto const before = elsewhere.connections();
    CHECK(test::connect(in.io, url(leads_there), *each)->outcome == kw::error::redirect_refused);
    CHECK(elsewhere.connections() == before);
  }
}

TEST_CASE("tls client: a dot at the end of a name is not part of it for TLS") {
  world in;
  test::scripted_server server(in.io, in.over_tls());
  auto options = in.trusting();
  options.addresses = [](std::string_view) {
    return std::vector<asio::ip::address>{asio::ip::make_address("127.0.0.1")};
  };
  CHECK(test::connect(in.io, url(server, "localhost."), options)->outcome == std::error_code{});
}

TEST_CASE("tls client: through a proxy, through one that is reached by TLS, and TLS within TLS") {
  world in;
  test::scripted_server tunnel(in.io, [&](test::scripted_peer& peer) -> asio::awaitable<void> {
    in.heads.push_back(co_await peer.head());
    co_await peer.say("HTTP/1.1 200 x\r\n\r\n");
    co_await secured(std::move(peer.socket), in.server, in.website<kw::tls::stream<>>());
  });
  bool within = false;
  test::scripted_server secure_tunnel(in.io, [&](test::scripted_peer& peer) {
    using outer = kw::tls::stream<>;
    talk<outer> const says = [&](test::basic_scripted_peer<outer>& over) -> asio::awaitable<void> {
      in.heads.push_back(co_await over.head());
      co_await over.say("HTTP/1.1 200 x\r\n\r\n");
      if (within) {
        co_await secured(std::move(over.socket), in.server, in.website<kw::tls::stream<outer>>());
      } else {
        auto const rest = in.website<outer>();
        co_await rest(over);
      }
    };
    return secured(std::move(peer.socket), in.server, says);
  });
  auto options = in.trusting();
  options.proxy = kw::net::proxy("http://ann:secret@" + tunnel.authority());
  CHECK(test::connect(in.io, "wss://localhost:9/x", options)->outcome == std::error_code{});
  options.proxy = kw::net::proxy("https://ann:secret@" + secure_tunnel.authority());
  options.proxy_tls = options.tls;
  CHECK(test::connect(in.io, "ws://localhost:9/x", options)->outcome == std::error_code{});
  within = true;
  CHECK(test::connect(in.io, "wss://localhost:9/x", options)->outcome == std::error_code{});
  REQUIRE(in.heads.size() == 6);
  for (std::size_t i = 0; i != 6; i += 2) {
    CHECK(in.heads[i].starts_with("CONNECT localhost:9 HTTP/1.1\r\n"));
    CHECK(in.heads[i].find("Proxy-Authorization: Basic YW5uOnNlY3JldA==") != std::string::npos);
    CHECK(in.heads[i + 1].starts_with("GET /x HTTP/1.1\r\nHost: localhost:9\r\n"));
    CHECK(in.heads[i + 1].find("Proxy-") == std::string::npos);
  }

  // What is trusted of servers is not trusted of proxies.
  kw::net::connect_options untrusting = options;
  untrusting.proxy_tls = nullptr;
  auto const refused = test::connect(in.io, "wss://localhost:9/x", untrusting);
  CHECK(refused->failure.phase == connect_phase::proxy);
  CHECK(refused->outcome == kw::tls::error::untrusted_issuer);
  auto const wrong = test::connect(in.io, "wss://other.example:9/x", options);
  CHECK(wrong->failure.phase == connect_phase::tls);
  CHECK(wrong->outcome == kw::tls::error::wrong_name);
}

TEST_CASE("tls client: ended after any number of steps, it leaves nothing") {
  for (bool const destroys : {false, true}) {
    bool over = false;
    for (int steps = 0; !over; ++steps) {
      CAPTURE(steps);
      REQUIRE(steps < 1000);
      auto in = std::make_unique<world>();
      auto server = std::make_unique<test::scripted_server>(in->io, in->over_tls());
      auto const held = std::make_shared<int>();
      asio::cancellation_signal stop;
      int completions = 0;
      kw::net::websocket opened;
      kw::net::connect(
          in->io, url(*server), in->trusting(),
          asio::bind_cancellation_slot(stop.slot(), [&, held](std::error_code, kw::net::websocket ws) {
            ++completions;
            opened = std::move(ws);
          }));
      for (int step = 0; step != steps && completions == 0; ++step) in->io.run_one_for(10s);
      over = completions != 0;
      if (!destroys && !over) {
        stop.emit(asio::cancellation_type::all);
        while (completions == 0 && in->io.run_one_for(10s) != 0) {}
        CHECK(completions == 1);
      }
      opened = {};
      server.reset();
      if (!destroys) {
        in->io.run_for(10s);
        CHECK(in->io.stopped());
      }
      in.reset();
      CHECK(held.use_count() == 1);
    }
  }
}

}  // namespace tls_client_tests
