// Peers that send without end, never read, or come and go: what they cost us and the others.
#include <kindwire/net/client.hpp>
#include <kindwire/net/server.hpp>
#include <kindwire/net/websocket.hpp>

#include <doctest/doctest.h>

#if defined(__GLIBC__)
#include <malloc.h>
#endif

#include <algorithm>
#include <asio/co_spawn.hpp>
#include <asio/detached.hpp>
#include <asio/io_context.hpp>
#include <asio/write.hpp>
#include <chrono>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "net/test_stream.hpp"
#include "support/socket_pair.hpp"

namespace net_flood_tests {

namespace kw = kindwire;
using namespace std::chrono_literals;
using kw::net::basic_websocket;
using protocol = support::pair_protocol;

namespace {

std::string client_frame(kw::opcode type, std::string_view payload) {
  kw::basic_frame_encoder const encoder(kw::role::client);
  std::string frame(encoder.size(payload.size()), '\0');
  encoder.write(reinterpret_cast<std::byte*>(frame.data()), type, kw::detail::as_bytes(payload));
  return frame;
}

struct receiver {
  basic_websocket<protocol::socket>& ws;
  std::string& log;
  char name;
  void operator()(std::error_code error, kw::message msg) {
    if (error || !msg) return;
    log += name;
    ws.receive(receiver{*this});
  }
};

TEST_CASE(
    "flood: libsoup CVE-2024-52532: one connection that floods gets one read before the next has its turn") {
  for (bool const coroutines : {false, true}) {
    CAPTURE(coroutines);
    asio::io_context io;
    protocol::socket flooding(io), quiet(io), a(io), b(io);
    support::connect_pair(flooding, a);
    support::connect_pair(quiet, b);
    basic_websocket<protocol::socket> flooded(std::move(a), kw::role::server);
    basic_websocket<protocol::socket> other(std::move(b), kw::role::server);

    // More than one read takes, and less than the socket holds.
    constexpr std::size_t one_read = std::size_t{128} << 10;
    std::string const each = client_frame(kw::opcode::binary, std::string(100, 'x'));
    std::string flood;
    while (flood.size() < 140'000) flood += each;
    std::size_t const count = flood.size() / each.size();
    asio::write(flooding, asio::buffer(flood));
    asio::write(quiet, asio::buffer(client_frame(kw::opcode::text, "me too")));

    std::string log;
    auto const loop = [&log](auto& ws, char name) -> asio::awaitable<void> {
      while (co_await ws.receive()) log += name;
    };
    if (coroutines) {
      asio::co_spawn(io, loop(flooded, 'f'), asio::detached);
      asio::co_spawn(io, loop(other, 'q'), asio::detached);
    } else {
      flooded.receive(receiver{flooded, log, 'f'});
      other.receive(receiver{other, log, 'q'});
    }
    test::settle(io);
    CHECK(std::count(log.begin(), log.end(), 'f') == static_cast<std::ptrdiff_t>(count));
    CHECK(log.find('q') <= one_read / each.size() + 1);
    flooding.close();
    quiet.close();
    io.restart();
    io.run_for(10s);
  }
}

TEST_CASE(
    "flood: ws-rs CVE-2020-35896: a broadcast of 100 MB to peers that never read is held up to the mark") {
  for (auto const policy : {kw::net::overflow_policy::drop, kw::net::overflow_policy::close}) {
    asio::io_context io;
    kw::net::connection_options options;
    options.overflow = policy;
    options.close_timeout = 1s;
    std::vector<std::shared_ptr<test::peer>> peers;
    std::vector<std::unique_ptr<basic_websocket<test::stream>>> all;
    for (int i = 0; i != 4; ++i) {
      peers.push_back(std::make_shared<test::peer>(io.get_executor()));
      peers.back()->writes_wait = true;
      all.push_back(std::make_unique<basic_websocket<test::stream>>(test::stream(peers.back()),
                                                                    kw::role::server, options));
    }
    std::string const text(10'000, 'x');
    std::size_t refused = 0;
    for (int i = 0; i != 2500; ++i) {
      for (auto const& ws : all) refused += static_cast<bool>(ws->try_send(text));
      if (i % 50 == 0) test::settle(io);
    }
    for (auto const& ws : all) {
      CHECK(ws->queued() >= (std::size_t{4} << 20));
      CHECK(ws->queued() < (std::size_t{4} << 20) + text.size() + 200);
      CHECK(ws->is_open() == (policy == kw::net::overflow_policy::drop));
    }
    CHECK(refused > 4 * 2000);
    if (policy == kw::net::overflow_policy::close) {
      io.restart();
      io.run_for(10s);
      for (auto const& ws : all) CHECK(ws->error() == kw::error::send_queue_full);
      for (auto const& far : peers) CHECK(far->closed);
    }
    for (auto const& far : peers) far->drop();
  }
}

TEST_CASE(
    "flood: Undertow CVE-2021-3690, Tomcat CVE-2021-42340: connections that come and go leave no memory "
    "behind") {
  asio::io_context io;
  auto const turn = [&](int how) {
    protocol::socket a(io), b(io);
    support::connect_pair(a, b);
    basic_websocket<protocol::socket> server(std::move(a), kw::role::server);
    {
      basic_websocket<protocol::socket> client(std::move(b), kw::role::client);
      client.try_send("hello");
      server.receive([&](std::error_code, kw::message) { server.try_send("hello"); });
      test::settle(io);
      if (how == 0) client.try_close();
      if (how == 1) server.try_close(kw::close_code::going_away, "enough");
      test::settle(io);
    }
    test::settle(io);
  };
  auto const in_use = [] {
#if defined(__GLIBC__)
    return mallinfo2().uordblks;
#else
    return std::size_t{0};
#endif
  };
  for (int i = 0; i != 30; ++i) turn(i % 3);
  std::size_t const before = in_use();
  for (int i = 0; i != 3000; ++i) turn(i % 3);
  CHECK(in_use() <= before + 4096);
}

TEST_CASE("limits: what holds for a connection unless an application sets others") {
  kw::net::connection_options const each;
  CHECK(each.max_message_size == 1 << 20);
  CHECK(each.max_fragments == 4096);
  CHECK(each.send_queue_soft == 1 << 20);
  CHECK(each.send_queue_hard == 4 << 20);
  CHECK(each.close_timeout == 5s);
  CHECK(each.ping_interval == 20s);
  CHECK(each.pong_timeout == 20s);
  CHECK(kw::net::server_options{}.handshake_timeout == 10s);
  CHECK(kw::net::connect_options{}.handshake_timeout == 10s);
}

}  // namespace

}  // namespace net_flood_tests
