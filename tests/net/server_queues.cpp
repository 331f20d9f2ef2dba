// What all connections of a server have queued together, and what becomes of them when that is too much.
#include <kindwire/net/server_limits.hpp>

#include <doctest/doctest.h>

#include <array>
#include <asio/awaitable.hpp>
#include <asio/steady_timer.hpp>
#include <asio/use_awaitable.hpp>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <kindwire/hub.hpp>
#include <kindwire/net/server.hpp>
#include <list>
#include <string>
#include <system_error>
#include <thread>

#include "raw_peer.hpp"
#include "served_in_threads.hpp"

namespace server_queues_tests {

namespace kw = kindwire;
using namespace std::chrono_literals;
using test::for_each_kind;
using test::raw_peer;
using test::served_in_threads;
using test::wait_until;

namespace {

constexpr std::size_t KiB = 1024;

kw::net::server_options limited(std::size_t queued) {
  kw::net::server_options options;
  options.limits.queued = queued;
  options.connection.send_queue_soft = options.connection.send_queue_hard = 100'000 * KiB;
  options.connection.ping_interval = 60s;
  return options;
}

// Sends until so much stays with us, whatever the system takes, and then waits for the end.
asio::awaitable<void> fill(kw::net::websocket& ws, std::size_t size, std::error_code& end) {
  std::string const drop(8 * KiB, 'x');
  asio::steady_timer timer(ws.get_executor());
  try {
    while (ws.queued() < size && !ws.try_send(drop)) {
      timer.expires_after(1ms);
      co_await timer.async_wait(asio::use_awaitable);
    }
    for (bool open = true; open;) open = static_cast<bool>(co_await ws.receive());
  } catch (std::system_error const&) {
    end = ws.error();
  }
}

struct frames_of {
  std::size_t data = 0;
  unsigned close_code = 0;
};
// Reads everything.
frames_of read_all(raw_peer& from) {
  frames_of result;
  for (;;) {
    test::frame const next = from.read();
    if (next.type == kw::opcode::continuation) return result;
    if (next.type == kw::opcode::binary || next.type == kw::opcode::text) result.data += next.payload.size();
    if (next.type != kw::opcode::close) continue;
    result.close_code = static_cast<unsigned>(static_cast<unsigned char>(next.payload[0]) * 256 +
                                              static_cast<unsigned char>(next.payload[1]));
    from.say(kw::opcode::close, next.payload);
  }
}

}  // namespace

TEST_CASE("queues: above the limit the longest is closed with 1013, behind what it has queued") {
  for_each_kind(limited(512 * KiB), [](served_in_threads& side) {
    std::atomic<std::size_t> filled{0};
    side->websocket("/", [&](kw::net::websocket& ws) -> asio::awaitable<void> {
      // 300 KiB and 250 KiB: together above the limit, and less than a quarter above it.
      std::size_t const mine = (filled++ == 0 ? 300 : 250) * KiB;
      std::error_code ignored;
      co_await fill(ws, mine, ignored);
    });
    side.start();
    raw_peer one(side->port(), 4096);
    CHECK(wait_until([&] { return side->counted().queued >= 260 * KiB; }));
    CHECK(side->refused().queued == 0);
    raw_peer two(side->port(), 4096);
    CHECK(wait_until([&] { return side->refused().queued == 1; }));
    auto const got = read_all(one);
    CHECK(got.close_code == 1013);
    CHECK(got.data >= 300 * KiB);
    CHECK(got.data % (8 * KiB) == 0);
    // The other one stays.
    CHECK(wait_until([&] { return side->counted().connections == 1; }));
    CHECK(side->refused().queued == 1);
    CHECK(side->counted().queued >= 200 * KiB);
    CHECK(side->counted().queued <= 300 * KiB);
    two.reset();
    CHECK(wait_until([&] { return side->counted().connections == 0; }));
    CHECK(side->counted().queued == 0);
  });
}

TEST_CASE("queues: peers that take nothing are cut, and others do not notice") {
  auto options = limited(1024 * KiB);
  options.connection.close_timeout = 2s;
  for_each_kind(options, [](served_in_threads& side) {
    std::array<std::error_code, 8> ends;
    std::atomic<std::size_t> ended{0};
    std::atomic<std::size_t> begun{0};
    side->websocket("/fill", [&](kw::net::websocket& ws) -> asio::awaitable<void> {
      std::error_code& end = ends[begun++];
      co_await fill(ws, 2000 * KiB, end);
      ++ended;
    });
    side->websocket("/", [](kw::net::websocket& ws) -> asio::awaitable<void> {
      while (kw::message msg = co_await ws.receive()) co_await ws.send(msg);
    });
    side.start();
    std::list<test::plain_client> deaf;
    for (std::size_t i = 0; i != ends.size(); ++i)
      CHECK(deaf.emplace_back(side->port()).open("/fill") == 101);
    CHECK(wait_until([&] { return ended == ends.size(); }));
    // Those that leave when all others are gone already have the time to take what is queued, and do not.
    std::size_t cut = 0;
    for (auto const& each : ends) {
      CHECK((each == kw::error::send_queue_full || each == kw::error::close_timeout));
      if (each == kw::error::send_queue_full) ++cut;
    }
    CHECK(cut >= ends.size() / 2);
    CHECK(side->refused().queued == ends.size());
    CHECK(wait_until([&] { return side->counted().queued == 0; }));
    raw_peer well(side->port());
    well.say(kw::opcode::text, "hello");
    CHECK(well.read() == test::frame{kw::opcode::text, "hello"});
  });
}

TEST_CASE("queues: what a hub sends to many is charged once, to those who hold it") {
  for_each_kind(limited(1024 * KiB), [](served_in_threads& side) {
    kw::hub<std::string> users({.rooms = {.slow = kw::slow_reader::drop_newest}});
    side->websocket("/", [&](kw::net::websocket& ws) -> asio::awaitable<void> {
      auto const seat = users.join("somebody", ws);
      seat.enter("room");
      for (bool open = true; open;) open = static_cast<bool>(co_await ws.receive());
    });
    side.start();
    auto const room = users.room("room");
    std::list<raw_peer> deaf;
    for (int i = 0; i != 20; ++i) deaf.emplace_back(side->port(), 4096);
    CHECK(wait_until([&] { return room.size() == 20; }));
    // Far more than the system takes, for all of them.
    std::string const news(32 * KiB, 'x');
    std::size_t published = 0;
    for (; side->counted().queued < 500 * KiB && published != 1000; ++published) {
      room.publish(news);
      std::this_thread::sleep_for(5ms);
    }
    CHECK(side->counted().queued >= 500 * KiB);
    CHECK(side->refused().queued == 0);
    CHECK(side->counted().connections == 20);
    for (auto& each : deaf) each.reset();
    CHECK(wait_until([&] { return side->counted().queued == 0; }));
  });
}

}  // namespace server_queues_tests
