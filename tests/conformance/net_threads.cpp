// One connection used from everywhere: sent to, closed and destroyed by several threads while several threads
// run the context, and from inside each of its own handlers. To be run under the address and the thread
// sanitizer.
#include <kindwire/net/websocket.hpp>

#include <doctest/doctest.h>

#include <asio/co_spawn.hpp>
#include <asio/detached.hpp>
#include <asio/io_context.hpp>
#include <asio/post.hpp>
#include <asio/strand.hpp>
#include <atomic>
#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "net/test_stream.hpp"
#include "support/socket_pair.hpp"

namespace net_threads_tests {

namespace kw = kindwire;
using namespace std::chrono_literals;
using kw::net::basic_websocket;
using protocol = support::pair_protocol;
using any_socket = asio::basic_stream_socket<protocol, asio::any_io_executor>;

namespace {

asio::awaitable<void> echo(kw::net::websocket& ws) {
  while (kw::message msg = co_await ws.receive()) co_await ws.send(msg);
}

// Two ends, each on a strand of its own, and destroyed there.
struct pair {
  explicit pair(asio::io_context& io) : one(asio::make_strand(io)), two(asio::make_strand(io)) {
    any_socket a(one), b(two);
    support::connect_pair(a, b);
    server = std::make_unique<basic_websocket<any_socket>>(std::move(a), kw::role::server);
    client = std::make_unique<basic_websocket<any_socket>>(std::move(b), kw::role::client);
    asio::co_spawn(one, echo(*server), [](std::exception_ptr) {});
    asio::co_spawn(two, echo(*client), [](std::exception_ptr) {});
  }

  asio::any_io_executor one, two;
  std::unique_ptr<basic_websocket<any_socket>> server, client;
};

TEST_CASE("threads: uSockets #180, Tomcat CVE-2022-25762: send, close and destroy from four threads") {
  for (int round = 0; round != 10; ++round) {
    asio::io_context io;
    std::vector<std::unique_ptr<pair>> pairs;
    std::vector<kw::net::remote> remotes;
    for (int i = 0; i != 8; ++i) {
      auto const& fresh = pairs.emplace_back(std::make_unique<pair>(io));
      remotes.push_back(fresh->server->remote());
      remotes.push_back(fresh->client->remote());
    }
    std::atomic<int> other_errors{0};
    std::vector<std::thread> users;
    for (int t = 0; t != 4; ++t) {
      users.emplace_back([&, t] {
        for (int i = 0; i != 40; ++i) {
          for (auto const& remote : remotes) {
            auto const failure = remote.send("from thread " + std::to_string(t));
            other_errors += failure && failure != kw::error::closed;
          }
          auto const& some = remotes[static_cast<std::size_t>(i * 4 + t) % remotes.size()];
          if (i > 20) some.close(kw::close_code::going_away, "enough");
          if (i % 8 == t) {
            // Each pair is destroyed by some thread in the middle of all this, on its strands.
            auto const which = static_cast<std::size_t>(i / 8 + t) % pairs.size();
            pair& victim = *pairs[which];
            asio::post(victim.one, [&victim] { victim.server.reset(); });
            asio::post(victim.two, [&victim] { victim.client.reset(); });
          }
        }
      });
    }
    std::vector<std::thread> pool;
    for (int i = 0; i != 4; ++i) pool.emplace_back([&] { io.run_for(20s); });
    for (auto& each : users) each.join();
    for (auto const& each : pairs) {
      asio::post(each->one, [&each] { each->server.reset(); });
      asio::post(each->two, [&each] { each->client.reset(); });
    }
    for (auto& each : pool) each.join();
    io.restart();
    io.run_for(10s);
    CHECK(io.stopped());
    CHECK(other_errors == 0);
    for (auto const& remote : remotes) {
      CHECK(remote.send("late") == kw::error::closed);
      CHECK(remote.close() == kw::error::closed);
    }
  }
}

TEST_CASE("threads: send, close, destroy and receive inside every handler") {
  enum class place { receive, send, close };
  enum class deed { send, close, destroy, receive };
  for (place const where : {place::receive, place::send, place::close}) {
    for (deed const what : {deed::send, deed::close, deed::destroy, deed::receive}) {
      CAPTURE(static_cast<int>(where));
      CAPTURE(static_cast<int>(what));
      asio::io_context io;
      auto const far = std::make_shared<test::peer>(io.get_executor());
      kw::net::connection_options options;
      options.close_timeout = 20ms;
      std::optional<basic_websocket<test::stream>> ws(std::in_place, test::stream(far), kw::role::server,
                                                      options);
      int receives = 0, sends = 0, closes = 0;
      int inner = 0;
      auto const act = [&] {
        if (!ws) return;
        switch (what) {
          case deed::send: ws->send("inner", [&](std::error_code) { ++inner; }); break;
          case deed::close: ws->close(kw::close_code::normal, "", [&](std::error_code) { ++inner; }); break;
          case deed::receive: ws->receive([&](std::error_code, kw::message) { ++inner; }); break;
          case deed::destroy:
            ws.reset();
            ++inner;
            break;
        }
      };
      ws->receive([&](std::error_code, kw::message) {
        ++receives;
        if (where == place::receive) act();
      });
      ws->send("out", [&](std::error_code) {
        ++sends;
        if (where == place::send) act();
      });
      if (where == place::close) {
        ws->close(kw::close_code::normal, "", [&](std::error_code) {
          ++closes;
          act();
        });
      }
      far->push_frame(kw::role::client, kw::opcode::text, "in");
      test::settle(io);
      far->push_close(kw::role::client);
      far->end();
      io.restart();
      io.run_for(10s);
      CHECK(io.stopped());
      CHECK(receives == 1);
      CHECK(sends == 1);
      CHECK(closes == (where == place::close ? 1 : 0));
      CHECK(inner == 1);
      CHECK(far->closed);
    }
  }
}

}  // namespace

}  // namespace net_threads_tests
