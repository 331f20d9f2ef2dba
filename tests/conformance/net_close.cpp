// How a connection over an Asio stream ends: both sides' code and reason, who closed first, and peers that do
// not let go.
#include <kindwire/net/websocket.hpp>

#include <doctest/doctest.h>

#include <asio/io_context.hpp>
#include <asio/ip/tcp.hpp>
#include <asio/write.hpp>
#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "net/test_stream.hpp"
#include "support/socket_pair.hpp"

namespace net_close_tests {

namespace kw = kindwire;
using namespace std::chrono_literals;
using kw::net::basic_websocket;

namespace {

kw::role peer_of(kw::role self) { return self == kw::role::server ? kw::role::client : kw::role::server; }

// A websocket over a stream whose peer is the test.
struct one_side {
  explicit one_side(kw::role self, kw::net::connection_options const& options = {})
      : far(std::make_shared<test::peer>(io.get_executor())), ws(test::stream(far), self, options) {
    test::settle(io);
  }
  ~one_side() { far->drop(); }

  asio::io_context io;
  std::shared_ptr<test::peer> far;
  basic_websocket<test::stream> ws;
};

// As a TLS stream is for a connection: it can be shut down and closed only below, and what is written takes
// as long as the peer likes.
class layered_stream {
 public:
  explicit layered_stream(std::shared_ptr<test::peer> far) : below_(std::move(far)) {}

  using executor_type = asio::any_io_executor;
  executor_type get_executor() const { return below_.get_executor(); }
  test::stream& lowest_layer() noexcept { return below_; }
  template <class Buffers, class Token>
  auto async_read_some(Buffers const& into, Token&& token) {
    return below_.async_read_some(into, std::forward<Token>(token));
  }
  template <class Buffers, class Token>
  auto async_write_some(Buffers const& from, Token&& token) {
    return below_.async_write_some(from, std::forward<Token>(token));
  }

 private:
  test::stream below_;
};

TEST_CASE("net: what each side said in its Close, and who closed first") {
  for (kw::role const self : {kw::role::server, kw::role::client}) {
    one_side first(self);
    CHECK(first.ws.close_code() == kw::close_code::abnormal);
    CHECK(first.ws.sent_close_code() == kw::close_code::abnormal);
    first.far->push_close(peer_of(self), 4000, "theirs");
    test::settle(first.io);
    CHECK(static_cast<int>(first.ws.close_code()) == 4000);
    CHECK(first.ws.close_reason() == "theirs");
    CHECK(static_cast<int>(first.ws.sent_close_code()) == 4000);  // the echo
    CHECK(first.ws.sent_close_reason().empty());
    CHECK(first.ws.closed_by_peer());

    one_side second(self);
    CHECK(!second.ws.try_close(kw::close_code::going_away, "ours"));
    CHECK(second.ws.sent_close_code() == kw::close_code::going_away);
    CHECK(second.ws.sent_close_reason() == "ours");
    test::settle(second.io);
    second.far->push_close(peer_of(self), 1001);
    test::settle(second.io);
    CHECK(second.ws.close_code() == kw::close_code::going_away);
    CHECK(second.ws.close_reason().empty());
    CHECK(!second.ws.closed_by_peer());
  }
  kw::net::websocket const none;
  CHECK(none.sent_close_code() == kw::close_code::abnormal);
  CHECK(none.sent_close_reason().empty());
  CHECK(!none.closed_by_peer());
}

TEST_CASE("net: both ends close at once over a socket: one Close each, and a clean end on both sides") {
  using protocol = support::pair_protocol;
  asio::io_context io;
  protocol::socket a(io), b(io);
  support::connect_pair(a, b);
  basic_websocket<protocol::socket> server(std::move(a), kw::role::server);
  basic_websocket<protocol::socket> client(std::move(b), kw::role::client);
  std::optional<std::error_code> server_closed, client_closed;
  server.close(static_cast<kw::close_code>(4000), "server leaves",
               [&](std::error_code e) { server_closed = e; });
  client.close(kw::close_code::going_away, "client leaves", [&](std::error_code e) { client_closed = e; });
  io.run_for(10s);
  CHECK(io.stopped());
  CHECK(server_closed == std::error_code{});
  CHECK(client_closed == std::error_code{});
  CHECK(!server.error());
  CHECK(!client.error());
  CHECK(!server.closed_by_peer());
  CHECK(!client.closed_by_peer());
  CHECK(server.close_code() == kw::close_code::going_away);
  CHECK(server.close_reason() == "client leaves");
  CHECK(static_cast<int>(client.close_code()) == 4000);
  CHECK(client.close_reason() == "server leaves");
  CHECK(static_cast<int>(server.sent_close_code()) == 4000);
  CHECK(client.sent_close_reason() == "client leaves");
}

TEST_CASE(
    "net: a peer that ignores our Close and the end below it is cut off by the timer, for every kind of "
    "end") {
  kw::net::connection_options options;
  options.close_timeout = 20ms;
  for (kw::role const self : {kw::role::server, kw::role::client}) {
    for (bool const takes_writes : {true, false}) {
      for (int const kind : {0, 1, 2}) {
        CAPTURE(takes_writes);
        CAPTURE(kind);
        asio::io_context io;
        auto const far = std::make_shared<test::peer>(io.get_executor());
        basic_websocket<layered_stream> ws(layered_stream(far), self, options);
        far->writes_wait = !takes_writes;
        std::optional<std::error_code> received, closed;
        ws.receive([&](std::error_code error, kw::message) { received = error; });
        if (kind == 0) ws.close(kw::close_code::normal, "", [&](std::error_code error) { closed = error; });
        if (kind == 1) far->push_close(peer_of(self));  // and then it does not end the stream
        if (kind == 2) far->push("\x83");               // nor after it broke a rule
        io.run_for(10s);
        CHECK(io.stopped());  // nothing is left to wait for
        CHECK(far->closed);
        CHECK(received.has_value());
        if (kind == 0) CHECK(closed == kw::error::close_timeout);
        if (kind == 1) CHECK(received == std::error_code{});
        if (kind == 2) CHECK(received == kw::error::reserved_opcode);
      }
    }
  }
}

TEST_CASE("net: a server ends TCP first and the peer always reads its Close, whatever it still sends") {
  using asio::ip::tcp;
  for (bool const breaks : {false, true}) {
    asio::io_context io;
    tcp::acceptor acceptor(io, {asio::ip::make_address("127.0.0.1"), 0});
    tcp::socket far(io);
    far.connect(acceptor.local_endpoint());
    basic_websocket<tcp::socket> ws(acceptor.accept(), kw::role::server);
    // Far more than the server reads once it knows that it is over: unread bytes at a close are what makes a
    // reset.
    std::string text = breaks ? std::string("\x81\x02hi", 4) : std::string("\x88\x82\0\0\0\0\x03\xe8", 8);
    text += std::string(100'000, 'x');
    asio::write(far, asio::buffer(text));
    ws.receive([](std::error_code, kw::message) {});
    far.non_blocking(true);
    std::string answer;
    std::error_code failure;
    for (int turn = 0; turn != 500 && (!failure || failure == asio::error::would_block); ++turn) {
      io.restart();
      io.run_for(20ms);
      char room[1000];
      answer.append(room, far.read_some(asio::buffer(room), failure));
    }
    CHECK(ws.next_layer().is_open());    // it waits for the end of what the peer sends
    CHECK(failure == asio::error::eof);  // the end, and no reset
    CHECK(answer.substr(0, 1) == "\x88");
    CHECK(answer.substr(2, 2) == (breaks ? "\x03\xea" : "\x03\xe8"));
    far.close();
    io.restart();
    io.run_for(10s);
    CHECK(io.stopped());
  }
}

}  // namespace

}  // namespace net_close_tests
