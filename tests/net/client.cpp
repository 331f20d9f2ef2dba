#include <kindwire/net/client.hpp>

#include <doctest/doctest.h>

#include <asio/bind_cancellation_slot.hpp>
#include <asio/cancellation_signal.hpp>
#include <asio/co_spawn.hpp>
#include <asio/io_context.hpp>
#include <asio/ip/tcp.hpp>
#include <asio/strand.hpp>
#include <chrono>
#include <exception>
#include <kindwire/handshake/accept_key.hpp>
#include <memory>
#include <optional>
#include <string>

#include "test_stream.hpp"

namespace client_tests {

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

TEST_CASE("a refusal is one, and soon, whatever becomes of its body") {
  std::string const head = "HTTP/1.1 503 Busy\r\nRetry-After: 7\r\n";
  struct {
    char const* framing;
    char const* part;
  } const bodies[] = {{"\r\n", "no end"},
                      {"Content-Length: 100\r\n\r\n", "no end"},
                      {"Transfer-Encoding: chunked\r\n\r\n64\r\n", "no end"},
                      {"Transfer-Encoding: chunked\r\n\r\n", ""}};
  enum class ending { end, reset, silence };
  for (auto const& [framing, part] : bodies) {
    for (ending const how : {ending::end, ending::reset, ending::silence}) {
      CAPTURE(framing);
      client_side side;
      kw::response refusal;
      side.start({.body_timeout = how == ending::silence ? 20ms : 10s, .refusal = &refusal});
      side.answer(head + framing + part);
      if (how == ending::end) side.far->end();
      if (how == ending::reset) side.far->reading.post(asio::error::connection_reset, 0);
      side.io.restart();
      side.io.run_for(5s);
      CHECK(side.io.stopped());
      CHECK(side.outcome == kw::error::handshake_refused);
      CHECK(side.completions == 1);
      CHECK(refusal.status == 503);
      CHECK(refusal.headers.front().second == "7");
      CHECK(refusal.body == part);
      CHECK(side.far->closed);
    }
  }
}

TEST_CASE("a body does not lengthen the handshake, nor does a trickle lengthen the body") {
  client_side side;
  kw::response refusal;
  bool trickles = false;
  SUBCASE("silence") {}
  SUBCASE("a trickle") { trickles = true; }
  side.start({.handshake_timeout = trickles ? 10s : 20ms,
              .body_timeout = trickles ? 20ms : 10s,
              .refusal = &refusal});
  side.answer("HTTP/1.1 503 Busy\r\n\r\n");
  for (int turn = 0; !side.outcome && turn != 1000; ++turn) {
    if (trickles) side.far->push("x");
    side.io.restart();
    side.io.run_for(5ms);
  }
  CHECK(side.outcome == kw::error::handshake_refused);
  CHECK(refusal.status == 503);
  CHECK(refusal.body.empty() != trickles);
}

TEST_CASE("a server that refuses before it has read the request is heard, though writing failed") {
  client_side side;
  kw::response refusal;
  side.far->fail_at = 1;
  SUBCASE("it said why") {
    side.far->push("HTTP/1.1 431 x\r\nContent-Length: 4\r\n\r\nlong");
    side.start({.refusal = &refusal});
    CHECK(side.outcome == kw::error::handshake_refused);
    CHECK(refusal.status == 431);
    CHECK(refusal.body == "long");
  }
  SUBCASE("it said nothing") {
    side.far->end();
    side.start();
    CHECK(side.outcome == asio::error::connection_reset);
  }
  SUBCASE("it stays silent") {
    side.start({.body_timeout = 20ms});
    side.io.restart();
    side.io.run_for(5s);
    CHECK(side.outcome == asio::error::connection_reset);
  }
  SUBCASE("it said yes, to half of a request") {
    side.far->push("HTTP/1.1 101 x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n");
    side.start();
    CHECK(side.outcome == asio::error::connection_reset);
  }
  CHECK(side.completions == 1);
  CHECK(side.far->closed);
}

TEST_CASE("a server that does not speak HTTP is quoted") {
  client_side side;
  kw::response refusal;
  side.start({.refusal = &refusal});
  side.answer("SSH-2.0-OpenSSH_9.2\r\n");
  CHECK(side.outcome == kw::error::http_malformed);
  CHECK(refusal.status == 0);
  CHECK(refusal.body == R"(SSH-2.0-OpenSSH_9.2\r\n)");
}

TEST_CASE("what an awaited handshake throws names the refusal, or what was said instead of HTTP") {
  auto const thrown = [](std::string const& answer) {
    asio::io_context io;
    auto const far = std::make_shared<test::peer>(io.get_executor());
    far->push(answer);
    far->end();
    std::optional<kw::net::connect_error> result;
    asio::co_spawn(io, kw::net::handshake(test::stream(far), "ws://localhost/"),
                   [&](std::exception_ptr failure, kw::net::websocket) {
                     try {
                       std::rethrow_exception(failure);
                     } catch (kw::net::connect_error const& error) {
                       result = error;
                     }
                   });
    io.run_for(5s);
    REQUIRE(result);
    return *result;
  };
  kw::net::connect_error const refused = thrown("HTTP/1.1 403 No\r\nX-Why: because\r\n\r\nnot you");
  CHECK(refused.code() == kw::error::handshake_refused);
  CHECK(std::string(refused.what()) == "server refused the WebSocket connection: 403 Forbidden");
  CHECK(refused.answer().headers.front().second == "because");
  CHECK(refused.answer().body == "not you");
  kw::net::connect_error const other = thrown("SSH-2.0-x\r\n");
  CHECK(other.code() == kw::error::http_malformed);
  CHECK(std::string(other.what()) == R"(malformed HTTP head: "SSH-2.0-x\r\n")");
  kw::net::connect_error const lost = thrown("");
  CHECK(lost.code() == kw::error::connection_lost);
  CHECK(std::string(lost.what()) == lost.code().message());
  CHECK(lost.answer().status == 0);
}

TEST_CASE("a connection that is opened later outlives its client") {
  asio::io_context io;
  auto const far = std::make_shared<test::peer>(io.get_executor());
  std::string const origin = "http://" + std::string(100, 'a') + ".example";
  auto client = std::make_unique<kw::net::client>(
      kw::net::connect_options{.headers = {{"X-A", std::string(100, 'b')}}, .origin = origin});
  bool called = false;
  asio::co_spawn(io, client->handshake(test::stream(far), "ws://localhost/"),
                 [&](std::exception_ptr, kw::net::websocket) { called = true; });
  client.reset();
  far->end();
  test::settle(io);
  CHECK(called);
  CHECK(far->written().find("\r\nOrigin: " + origin + "\r\n") != std::string::npos);
  CHECK(far->written().find("\r\nX-A: " + std::string(100, 'b') + "\r\n") != std::string::npos);
}

TEST_CASE("a client keeps its options, and connects from a context as from an executor") {
  std::string origin = "http://a.example";
  kw::net::client const client{{.subprotocols = {"v2"}, .headers = {{"X-A", "b"}}, .origin = origin}};
  origin = "gone gone gone g";
  asio::io_context io;
  for (int which = 0; which != 2; ++which) {
    auto const far = std::make_shared<test::peer>(io.get_executor());
    bool called = false;
    auto const check = [&] {
      std::string const request = far->written();
      CHECK(request.find("\r\nSec-WebSocket-Protocol: v2\r\n") != std::string::npos);
      CHECK(request.find("\r\nOrigin: http://a.example\r\n") != std::string::npos);
      CHECK(request.find("\r\nX-A: b\r\n") != std::string::npos);
      called = true;
    };
    if (which == 0) {
      client.handshake(test::stream(far), "ws://localhost/",
                       [&](std::error_code, kw::net::websocket) { check(); });
    } else {
      asio::co_spawn(io, client.handshake(test::stream(far), "ws://localhost/"),
                     [&](std::exception_ptr, kw::net::websocket) { check(); });
    }
    far->end();
    test::settle(io);
    CHECK(called);
  }

  kw::net::client const plain;
  int ended = 0;
  auto const count = [&](std::error_code error, kw::net::websocket) {
    CHECK(error == kw::error::invalid_uri);
    ++ended;
  };
  auto const count_thrown = [&](std::exception_ptr failure, kw::net::websocket) {
    CHECK_THROWS_AS(std::rethrow_exception(failure), kw::net::connect_error);
    ++ended;
  };
  plain.connect(io, "http://a/", count);
  plain.connect(io.get_executor(), "http://a/", count);
  kw::net::connect(io, "http://a/", {}, count);
  kw::net::connect(asio::make_strand(io), "http://a/", {}, count);
  asio::co_spawn(io, plain.connect(io, "http://a/"), count_thrown);
  asio::co_spawn(io, plain.connect(io.get_executor(), "http://a/"), count_thrown);
  asio::co_spawn(io, kw::net::connect(io, "http://a/"), count_thrown);
  asio::co_spawn(io, kw::net::connect(io, "http://a/", {.subprotocols = {"v2"}}), count_thrown);
  test::settle(io);
  CHECK(ended == 8);
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
    // Where writing failed a 101 comes too late, a refusal would not.
    if (!side.outcome) side.answer(k == 1 ? "" : side.accept() + "\r\n");
    if (k == 1) side.far->end();
    test::settle(side.io);
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
  CHECK(outcome("ws://user\x01@localhost/") == kw::error::invalid_uri);
  CHECK(outcome("ws://localhost:99999/") == kw::error::invalid_uri);
  // A port that was just free: nobody listens there.
  asio::ip::tcp::acceptor acceptor(io, {asio::ip::make_address("127.0.0.1"), 0});
  std::string const closed = "ws://127.0.0.1:" + std::to_string(acceptor.local_endpoint().port()) + "/";
  acceptor.close();
  CHECK(outcome(closed.c_str()) == asio::error::connection_refused);
}

}  // namespace client_tests
