// A peer that says by close_notify that nothing follows, and keeps its socket: the socket stays silent, and
// the websocket over it ends all the same.
#include <kindwire/net/connection/stream_transport.hpp>
#include <kindwire/net/websocket.hpp>
#include <kindwire/tls/stream.hpp>

#include <doctest/doctest.h>

#include <openssl/ssl.h>

#include <asio/buffer.hpp>
#include <asio/io_context.hpp>
#include <chrono>
#include <memory>
#include <optional>
#include <string_view>
#include <system_error>
#include <utility>

#include "tls/pair.hpp"

namespace close_notify_tests {

using namespace tls_pair;
using namespace std::chrono_literals;
using websocket = kw::net::basic_websocket<stream>;

namespace {

// A websocket at the server's end, which receives; nothing but the peer ends it.
struct receiving {
  explicit receiving(asio::io_context& io)
      : both(io, kw::tls::context(server_of(own)), kw::tls::context(trust(own))) {
    both.shake_hands();
    REQUIRE(!both.server_failed);
    REQUIRE(!both.client_failed);
    kw::net::connection_options options;
    options.ping_interval = options.idle_timeout = options.close_timeout = 1h;
    ws.emplace(std::move(both.server), kw::role::server, options);
    ws->receive([this](std::error_code failure, kw::message msg) {
      CHECK(!msg);
      ended = failure;
    });
    io.restart();
    io.poll();
    REQUIRE(!ended);
  }

  // Says it behind these bytes, and waits for it to be there.
  void notify(std::string_view bytes = {}) {
    std::error_code failure;
    if (!bytes.empty()) both.client.write_some(asio::buffer(bytes), failure);
    SSL_shutdown(both.client.native_handle());
    both.client.write_some(asio::const_buffer(), failure);
    auto const end = std::chrono::steady_clock::now() + 60s;
    while (over().stream().next_layer().available() == 0) REQUIRE(std::chrono::steady_clock::now() < end);
  }

  kw::net::detail::stream_transport<stream>& over() {
    using kw::net::detail::stream_connection;
    auto const& state = kw::net::detail::websocket_access::state(*ws);
    return static_cast<stream_connection<stream>&>(*state).over();
  }

  support::certificate own;
  ends both;
  std::optional<websocket> ws;
  std::optional<std::error_code> ended;
};

TEST_CASE("tls close_notify: a pending receive ends with connection_lost") {
  asio::io_context io;
  receiving here(io);
  here.notify();
  REQUIRE(run_until(io, [&] { return here.ended.has_value(); }));
  CHECK(*here.ended == kw::error::connection_lost);
}

TEST_CASE("tls close_notify: behind a Close it is a clean end, and close() need not wait for more") {
  asio::io_context io;
  receiving here(io);
  here.notify(std::string_view("\x88\x82\0\0\0\0\x03\xe8", 8));
  REQUIRE(run_until(io, [&] { return here.ended.has_value(); }));
  CHECK(!*here.ended);
  std::optional<std::error_code> closed;
  here.ws->close(kw::close_code::normal, "", [&](std::error_code failure) { closed = failure; });
  REQUIRE(run_until(io, [&] { return closed.has_value(); }));
  CHECK(!*closed);
  CHECK(!here.ws->error());
}

TEST_CASE("tls close_notify: the look before a time-out takes it in, and the pending receive hears of it") {
  asio::io_context io;
  receiving here(io);
  here.notify();
  CHECK(here.over().read_now());
  REQUIRE(run_until(io, [&] { return here.ended.has_value(); }));
  CHECK(*here.ended == kw::error::connection_lost);
}

}  // namespace

}  // namespace close_notify_tests
