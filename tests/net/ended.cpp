// What is left of a connection that has ended, while its websocket is still there.
#include <kindwire/net/server.hpp>

#include <doctest/doctest.h>

#include <asio/awaitable.hpp>
#include <asio/steady_timer.hpp>
#include <asio/use_awaitable.hpp>
#include <chrono>
#include <cstddef>
#include <string>
#include <system_error>

#include "raw_peer.hpp"

namespace ended_tests {

namespace kw = kindwire;
using namespace std::chrono_literals;
using test::raw_peer;
using test::wait_until;

namespace {

constexpr std::size_t size = 300 * 1024;

}  // namespace

TEST_CASE("ended: what a peer has not taken is gone, though the websocket is still there") {
  test::for_each_way([](kw::net::server_options options) {
    options.connection.close_timeout = 50ms;
    std::size_t before = 0;
    test::converse(
        options,
        [&](kw::net::websocket ws) -> asio::awaitable<void> {
          std::string const drop(8192, 'x');
          asio::steady_timer timer(ws.get_executor());
          while (ws.queued() < size) {
            CHECK(!ws.try_send(drop));
            timer.expires_after(1ms);
            co_await timer.async_wait(asio::use_awaitable);
          }
          before = ws.queued();
          try {
            co_await ws.close();
          } catch (std::system_error const& failure) {
            CHECK(failure.code() == kw::error::close_timeout);
          }
          timer.expires_after(1ms);
          co_await timer.async_wait(asio::use_awaitable);
          CHECK(ws.queued() == 0);
        },
        [](raw_peer& deaf) {
          deaf.rest = 300ms;
          deaf.read();
          CHECK(wait_until([&] { return !deaf.say(kw::opcode::ping, "?"); }));
        },
        4096);
    CHECK(before >= size);
  });
}

}  // namespace ended_tests
