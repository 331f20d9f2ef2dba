#include <kindwire/net/client.hpp>

#include <doctest/doctest.h>

#include <asio/bind_cancellation_slot.hpp>
#include <asio/cancellation_signal.hpp>
#include <asio/io_context.hpp>
#include <asio/ip/tcp.hpp>
#include <asio/use_future.hpp>
#include <chrono>
#include <kindwire/handshake/accept_key.hpp>
#include <optional>
#include <string>

#include "test_stream.hpp"

namespace kw = kindwire;
using namespace std::chrono_literals;

namespace {

// A client's handshake over a stream whose peer is the test.
struct client_side {
  ~client_side() { far->drop(); }

  void start(kw::net::connect_options options = {}) {
    kw::net::handshake(
        test::stream(far), "ws://localhost/chat?x=1", std::move(options),
        asio::bind_cancellation_slot(stop.slot(), [this](std::error_code error, kw::net::websocket opened) {
          outcome = error;
          ws = std::move(opened);
          ++completions;
        }));
    test::settle(io);
  }
  void answer(std::string const& text) {
    far->push(text);
    test::settle(io);
  }
  std::string accept() const {
    std::string const request = far->written();
    std::size_t const at = request.find("Sec-WebSocket-Key: ") + 19;
    return "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: "
           "Upgrade\r\nSec-WebSocket-Accept: " +
           kw::accept_key(request.substr(at, 24)) + "\r\n";
  }

  asio::io_context io;
  std::shared_ptr<test::peer> far = std::make_shared<test::peer>(io.get_executor());
  asio::cancellation_signal stop;
  kw::net::websocket ws;
  std::optional<std::error_code> outcome;
  int completions = 0;
};

}  // namespace

TEST_CASE("the request, the answer, and a frame that came right behind it") {
  client_side side;
  side.start({.subprotocols = {"chat"}});
  CHECK(side.far->written().starts_with("GET /chat?x=1 HTTP/1.1\r\nHost: localhost\r\n"));
  CHECK(!side.outcome);
  side.answer(side.accept() + "Sec-WebSocket-Protocol: chat\r\n\r\n\x81\x02hi");
  REQUIRE(side.outcome == std::error_code{});
  CHECK(side.ws.is_open());
  CHECK(side.ws.subprotocol() == "chat");
  CHECK(side.ws.try_receive().text() == "hi");
}

TEST_CASE("a refusal hands over the status, the headers and the body") {
  client_side side;
  kw::response refusal;
  side.start({.refusal = &refusal});
  side.answer("HTTP/1.1 403 Forbidden\r\nContent-Length: 7\r\nX-Why: because\r\n\r\nnot you");
  CHECK(side.outcome == kw::error::handshake_refused);
  CHECK(refusal.status == 403);
  CHECK(refusal.body == "not you");
  CHECK(refusal.headers.at(1).second == "because");
  CHECK(side.far->closed);
  CHECK(!side.ws.is_open());
}

TEST_CASE("a wrong accept key, an end of the stream, an answer that never comes") {
  client_side side;
  SUBCASE("wrong key") {
    side.start();
    side.answer(
        "HTTP/1.1 101 x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: AAAA\r\n\r\n");
    CHECK(side.outcome == kw::error::handshake_accept);
  }
  SUBCASE("end") {
    side.start();
    side.far->end();
    test::settle(side.io);
    CHECK(side.outcome == kw::error::connection_lost);
  }
  SUBCASE("silence") {
    side.start({.handshake_timeout = 20ms});
    side.io.restart();
    side.io.run_for(2s);
    CHECK(side.outcome == kw::error::handshake_timeout);
  }
  SUBCASE("a header that must not be written") {
    side.start({.headers = {{"X-A", "b\r\nX-Evil: c"}}});
    CHECK(side.outcome == kw::error::invalid_header);
    CHECK(side.far->writes.empty());
  }
  CHECK(side.completions == 1);
  CHECK(side.far->closed);
}

TEST_CASE("cancelling the handshake at any point completes it once") {
  for (std::size_t bytes : {0u, 1u, 50u}) {
    CAPTURE(bytes);
    client_side side;
    side.start();
    side.answer(side.accept().substr(0, bytes));
    side.stop.emit(asio::cancellation_type::all);
    test::settle(side.io);
    CHECK(side.outcome == asio::error::operation_aborted);
    CHECK(side.completions == 1);
    CHECK(side.far->closed);
  }
}

TEST_CASE("an error at the k-th operation of the stream ends the handshake once") {
  for (std::size_t k = 1; k != 4; ++k) {
    CAPTURE(k);
    client_side side;
    side.far->max_read = 100;
    side.far->fail_at = k;
    side.start();
    if (!side.outcome) side.answer(side.accept() + "\r\n");
    CHECK(side.completions == 1);
    CHECK(side.outcome == asio::error::connection_reset);
  }
}

TEST_CASE("what is no ws URI, and what cannot be reached") {
  asio::io_context io;
  auto const outcome = [&](char const* to) {
    std::error_code result;
    kw::net::connect(io.get_executor(), to, {},
                     [&](std::error_code error, kw::net::websocket) { result = error; });
    io.restart();
    io.run_for(5s);
    return result;
  };
  CHECK(outcome("http://localhost/") == kw::error::invalid_uri);
  CHECK(outcome("ws://user@localhost/") == kw::error::invalid_uri);
  CHECK(outcome("ws://localhost:99999/") == kw::error::invalid_uri);
  CHECK(outcome("wss://localhost/") == std::errc::protocol_not_supported);
  // A port that was just free: nobody listens there.
  asio::ip::tcp::acceptor acceptor(io, {asio::ip::make_address("127.0.0.1"), 0});
  std::string const closed = "ws://127.0.0.1:" + std::to_string(acceptor.local_endpoint().port()) + "/";
  acceptor.close();
  CHECK(outcome(closed.c_str()) == asio::error::connection_refused);
}
