// What handles to a connection promise: order, bounds, and that any thread may use them at any time.
#include <kindwire/net/client.hpp>
#include <kindwire/net/server.hpp>

#include <doctest/doctest.h>

#include <asio/awaitable.hpp>
#include <asio/co_spawn.hpp>
#include <asio/detached.hpp>
#include <asio/io_context.hpp>
#include <asio/post.hpp>
#include <asio/strand.hpp>
#include <asio/thread_pool.hpp>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <exception>
#include <future>
#include <memory>
#include <mutex>
#include <new>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "../support/run_in_threads.hpp"
#include "../support/socket_pair.hpp"
#include "test_stream.hpp"

namespace remote_tests {

namespace kw = kindwire;
using namespace std::chrono_literals;
using kw::opcode;
using kw::net::basic_websocket;
using kw::net::remote;

namespace {

std::span<std::byte const> bytes(std::string_view text) { return kw::detail::as_bytes(text); }

// A server's end over a stream whose peer is the test.
struct one_side {
  explicit one_side(kw::net::connection_options const& options = {})
      : far(std::make_shared<test::peer>(io.get_executor())),
        ws(std::in_place, test::stream(far), kw::role::server, options) {
    settle();
  }
  ~one_side() { far->drop(); }

  void settle() { test::settle(io); }

  // What was written: the type's first letter and the payload of each frame.
  std::vector<std::string> frames() const {
    static constexpr std::string_view letters = "ctb.....Cpq";
    std::string written = far->written();
    std::vector<std::string> all;
    kw::frame_decoder<kw::role::client> decoder;
    std::span<std::byte> input{reinterpret_cast<std::byte*>(written.data()), written.size()};
    while (auto chunk = decoder.next(input)) {
      all.push_back(letters[static_cast<std::size_t>(chunk.header->type)] +
                    std::string(kw::message(chunk.header->type, chunk.payload).text()));
    }
    CHECK(!decoder.error());
    return all;
  }

  asio::io_context io;
  std::shared_ptr<test::peer> far;
  std::optional<basic_websocket<test::stream>> ws;
};

using strings = std::vector<std::string>;

struct note {
  std::string text;
};
bool encode_text(kw::buffer& sink, note const& value) {
  if (value.text == "runtime_error") throw std::runtime_error("not this one");
  if (value.text == "bad_alloc") throw std::bad_alloc();
  sink.append(value.text.data(), value.text.size());
  return value.text != "no";
}

}  // namespace

TEST_CASE("remote: a handle to nothing") {
  remote const none;
  CHECK(none.send("x") == kw::error::closed);
  CHECK(none.send(bytes("x")) == kw::error::closed);
  CHECK(none.send(note{"x"}) == kw::error::closed);
  CHECK(none.close() == kw::error::closed);
  CHECK(none == remote{});
  CHECK(kw::net::websocket{}.remote() == none);
}

TEST_CASE("remote: equal where it stands for the same connection") {
  one_side one, two;
  remote const handle = one.ws->remote();
  CHECK(handle == one.ws->remote());
  CHECK(handle != two.ws->remote());
  CHECK(handle != remote{});
  kw::net::websocket moved = std::move(*one.ws);
  CHECK(handle == moved.remote());
  moved = {};
  CHECK(handle != two.ws->remote());
  CHECK(handle != remote{});
}

TEST_CASE("remote: sends what a websocket sends") {
  one_side side;
  remote const handle = side.ws->remote();
  CHECK(!handle.send("text"));
  CHECK(!handle.send(bytes("binary")));
  CHECK(!handle.send(opcode::ping, bytes("ping")));
  CHECK(!handle.send(opcode::pong, bytes("pong")));
  CHECK(!handle.send(note{"value"}));
  CHECK(!handle.send(kw::message(opcode::binary, bytes("message"))));
  CHECK(!handle.send(""));
  side.settle();
  CHECK(side.frames() == strings{"ttext", "bbinary", "pping", "qpong", "tvalue", "bmessage", "t"});
}

TEST_CASE("remote: refuses what must not be sent") {
  one_side side;
  for (remote const& handle : {side.ws->remote(), remote{}}) {
    CHECK(handle.send(opcode::ping, bytes(std::string(126, 'x'))) == kw::error::invalid_argument);
    CHECK(handle.send(opcode::continuation, bytes("x")) == kw::error::invalid_argument);
    CHECK(handle.send(opcode::close, {}) == kw::error::invalid_argument);
    CHECK(handle.send(static_cast<opcode>(3), bytes("x")) == kw::error::invalid_argument);
    CHECK(handle.send(kw::message{}) == kw::error::invalid_argument);
    CHECK(handle.close(kw::close_code::abnormal) == kw::error::invalid_argument);
    CHECK(handle.close(kw::close_code::normal, std::string(124, 'x')) == kw::error::invalid_argument);
  }
  remote const handle = side.ws->remote();
  CHECK(handle.send(note{"no"}) == kw::error::invalid_argument);
  CHECK(handle.send(note{"bad_alloc"}) == std::errc::not_enough_memory);
  CHECK_THROWS_AS(static_cast<void>(handle.send(note{"runtime_error"})), std::runtime_error);
  CHECK(!handle.send("still there"));
  side.settle();
  CHECK(side.frames() == strings{"tstill there"});
}

TEST_CASE("remote: what one thread sends leaves in the order of the calls, by whatever handle") {
  one_side side;
  remote const handle = side.ws->remote(), another = side.ws->remote();
  SUBCASE("each form of send") {
    CHECK(!handle.send("1"));
    CHECK(!side.ws->try_send("2"));
    CHECK(!another.send("3"));
    side.ws->send("4", [](std::error_code) {});
    CHECK(!handle.send("5"));
    CHECK(!side.ws->try_send(note{"6"}));
    CHECK(!another.send(note{"7"}));
    CHECK(!side.ws->try_send(opcode::ping, bytes("8")));
    CHECK(!handle.send("9"));
    side.settle();
    CHECK(side.frames() == strings{"t1", "t2", "t3", "t4", "t5", "t6", "t7", "p8", "t9"});
  }
  SUBCASE("a coroutine that awaits its sends") {
    asio::co_spawn(
        side.io,
        [&]() -> asio::awaitable<void> {
          handle.send("1");
          co_await side.ws->send("2");
          another.send("3");
          co_await side.ws->send("4");
        },
        asio::detached);
    side.settle();
    CHECK(side.frames() == strings{"t1", "t2", "t3", "t4"});
  }
  SUBCASE("a fragmented message of the websocket's own") {
    CHECK(!handle.send("1"));
    CHECK(!side.ws->try_send_fragment(opcode::text, bytes("2"), false));
    CHECK(!handle.send("3"));
    CHECK(!handle.send(opcode::ping, bytes("p")));
    side.settle();
    CHECK(side.frames() == strings{"t1", "t2", "pp"});
    CHECK(!side.ws->try_send_fragment(opcode::continuation, bytes("2"), false));
    CHECK(!another.send("4"));
    CHECK(!side.ws->try_send_fragment(opcode::continuation, bytes("2"), true));
    CHECK(!side.ws->try_send("5"));
    side.settle();
    CHECK(side.frames() == strings{"t1", "t2", "pp", "c2", "c2", "t3", "t4", "t5"});
  }
}

TEST_CASE("remote: what was accepted before a close leaves before the Close, and nothing behind it") {
  one_side side;
  remote const handle = side.ws->remote();
  CHECK(!handle.send("bye"));
  std::string code = "\x03\xE8";
  SUBCASE("try_close()") { CHECK(!side.ws->try_close()); }
  SUBCASE("close()") {
    side.ws->close(kw::close_code::normal, "", [](std::error_code) {});
  }
  SUBCASE("a remote's close()") { CHECK(!handle.close()); }
  SUBCASE("the end of the websocket") {
    code = "\x03\xE9";
    side.ws.reset();
  }
  CHECK(handle.send("late") == kw::error::closed);
  CHECK(handle.close() == kw::error::closed);
  side.settle();
  if (side.ws) CHECK(side.frames() == strings{"tbye", "C" + code});
  side.far->push_close(kw::role::client);
  side.far->end();
  side.settle();
  CHECK(handle.send("late") == kw::error::closed);
}

TEST_CASE("remote: a close that cannot be sent changes nothing") {
  one_side side;
  remote const handle = side.ws->remote();
  CHECK(side.ws->try_close(kw::close_code::abnormal) == kw::error::invalid_argument);
  CHECK(!handle.send("still open"));
  side.settle();
  CHECK(side.frames() == strings{"tstill open"});
}

TEST_CASE("remote: a handler's last words leave before its Close") {
  asio::io_context io;
  kw::net::server server{io};
  server.websocket("/bye", [](kw::net::websocket& ws) -> asio::awaitable<void> {
    ws.remote().send("bye");
    co_return;
  });
  server.start();
  strings texts;
  asio::co_spawn(
      io,
      [&]() -> asio::awaitable<void> {
        auto ws = co_await kw::net::connect(io.get_executor(),
                                            "ws://127.0.0.1:" + std::to_string(server.port()) + "/bye");
        while (kw::message msg = co_await ws.receive()) texts.emplace_back(msg.text());
        CHECK(ws.close_code() == kw::close_code::normal);
        server.stop();
      },
      [](std::exception_ptr failure) { CHECK(!failure); });
  support::run_in_threads(io, 1);
  CHECK(texts == strings{"bye"});
}

TEST_CASE("remote: once the peer has closed, and after the end, nothing is accepted") {
  one_side side;
  remote const handle = side.ws->remote();
  side.far->push_close(kw::role::client);
  side.settle();
  CHECK(handle.send("late") == kw::error::closed);
  CHECK(side.ws->remote().send("late") == kw::error::closed);
  side.far->end();
  side.settle();
  CHECK(handle.send("late") == kw::error::closed);
  side.ws.reset();
  CHECK(handle.send("late") == kw::error::closed);
}

TEST_CASE("remote: the first one of a connection that is closing or over accepts nothing") {
  one_side side;
  SUBCASE("closing") { CHECK(!side.ws->try_close()); }
  SUBCASE("over") {
    side.far->end();
    side.settle();
  }
  remote const handle = side.ws->remote();
  CHECK(handle.send("late") == kw::error::closed);
  CHECK(handle.close() == kw::error::closed);
  CHECK(handle == side.ws->remote());
}

TEST_CASE("remote: what another thread has sent before leaves before") {
  one_side side;
  remote const handle = side.ws->remote();
  constexpr int rounds = 200;
  std::atomic<int> turn{0};  // even: the other thread's
  std::thread other([&] {
    for (int i = 0; i != rounds; ++i) {
      while (turn != 2 * i) std::this_thread::yield();
      handle.send(std::to_string(2 * i));
      ++turn;
    }
  });
  for (int i = 0; i != rounds; ++i) {
    while (turn != 2 * i + 1) std::this_thread::yield();
    CHECK(!side.ws->try_send(std::to_string(2 * i + 1)));
    ++turn;
    if (i % 7 == 0) side.settle();
  }
  other.join();
  side.settle();
  auto const frames = side.frames();
  REQUIRE(frames.size() == 2 * rounds);
  for (std::size_t i = 0; i != frames.size(); ++i) CHECK(frames[i] == "t" + std::to_string(i));
}

TEST_CASE("remote: small messages do not pass the hard mark while the executor is busy") {
  kw::net::connection_options options;
  options.send_queue_hard = 90'000;
  one_side side(options);
  remote const handle = side.ws->remote();
  std::size_t accepted = 0;
  std::error_code failure;
  // Nothing of it is taken meanwhile: each is a byte, and 8 that tell it from the next.
  for (int i = 0; i != 100'000; ++i) {
    failure = handle.send("x");
    accepted += failure ? 0 : 1;
  }
  CHECK(failure == kw::error::send_queue_full);
  CHECK(accepted == 10'000);
  side.settle();
  CHECK(side.frames().size() == accepted);
  CHECK(!handle.send("x"));
}

TEST_CASE("remote: nor behind an open fragmented message, nor where the peer does not read") {
  kw::net::connection_options options;
  options.send_queue_hard = 90'000;
  one_side side(options);
  remote const handle = side.ws->remote();
  bool const open_message = true;
  std::size_t accepted = 0;
  auto const fill = [&] {
    for (int i = 0; i != 20; ++i) {
      for (int k = 0; k != 1'000; ++k) accepted += handle.send("x") ? 0 : 1;
      side.settle();
    }
  };
  SUBCASE("fragmented") {
    CHECK(!side.ws->try_send_fragment(opcode::text, bytes("begin"), false));
    side.settle();
    fill();
    CHECK(accepted == 10'000);
    CHECK(side.frames() == strings{"tbegin"});
    // A turn that the connection makes of its own changes nothing of that, and the end makes room.
    CHECK(!side.ws->try_send_fragment(opcode::continuation, bytes("end"), open_message));
    side.settle();
    CHECK(side.frames().size() == 2 + accepted);
  }
  SUBCASE("not read") {
    side.far->writes_wait = true;
    fill();
    // In the queue they are frames with heads of two bytes.
    CHECK(accepted <= 90'000 / 3);
    CHECK(accepted >= 90'000 / 9);
    CHECK(side.ws->queued() <= 90'000);
    side.far->let_write();
    side.settle();
    CHECK(side.frames().size() == accepted);
  }
}

TEST_CASE("remote: the websocket's own queue and what is handed over have one mark") {
  kw::net::connection_options options;
  options.send_queue_hard = 10'000;
  one_side side(options);
  side.far->writes_wait = true;
  remote const handle = side.ws->remote();
  std::string const text(1000, 'x');
  std::size_t accepted = 0;
  for (int i = 0; i != 100; ++i) {
    accepted += handle.send(text) ? 0 : 1;
    accepted += side.ws->try_send(text) ? 0 : 1;
    if (i % 10 == 0) side.settle();
  }
  CHECK(handle.send(text) == kw::error::send_queue_full);
  // One that passes the mark may be queued by the websocket itself.
  CHECK(accepted >= 9);
  CHECK(accepted <= 10);
  CHECK(side.ws->queued() <= 10'000 + 1004);
}

TEST_CASE("remote: a server that stops loses nothing that was accepted, from eight threads") {
  for (bool const strands : {true, false}) {
    asio::io_context io;
    kw::net::server_options options{.strands = strands};
    options.connection.send_queue_hard = 1 << 16;
    kw::net::server server{io, options};
    std::mutex mutex;
    std::vector<remote> seats;
    server.websocket("/", [&](kw::net::websocket& ws) -> asio::awaitable<void> {
      {
        std::lock_guard const lock(mutex);
        seats.push_back(ws.remote());
      }
      while (co_await ws.receive()) continue;
    });
    server.start();
    std::atomic<std::size_t> accepted{0}, received{0}, others{0};
    for (int i = 0; i != 4; ++i) {
      asio::co_spawn(
          asio::make_strand(io),
          [&]() -> asio::awaitable<void> {
            auto ws = co_await kw::net::connect(co_await asio::this_coro::executor,
                                                "ws://127.0.0.1:" + std::to_string(server.port()) + "/");
            while (co_await ws.receive()) ++received;
            CHECK(ws.close_code() == kw::close_code::going_away);
          },
          [](std::exception_ptr failure) { CHECK(!failure); });
    }
    std::vector<std::thread> senders;
    for (int t = 0; t != 8; ++t) {
      senders.emplace_back([&, t] {
        remote handle;
        for (auto const end = std::chrono::steady_clock::now() + 20s; handle == remote{};) {
          std::this_thread::yield();
          std::lock_guard const lock(mutex);
          if (seats.size() == 4) handle = seats[static_cast<std::size_t>(t) % 4];
          if (std::chrono::steady_clock::now() > end) return;
        }
        for (;;) {
          auto const failure = handle.send("from a thread");
          if (failure == kw::error::closed) return;
          if (!failure) {
            ++accepted;
          } else if (failure == kw::error::send_queue_full) {
            std::this_thread::sleep_for(20us);
          } else {
            ++others;
          }
        }
      });
    }
    std::thread stopper([&] {
      for (auto const end = std::chrono::steady_clock::now() + 20s;
           accepted < 20'000 && std::chrono::steady_clock::now() < end;) {
        std::this_thread::sleep_for(1ms);
      }
      server.stop();
    });
    support::run_in_threads(io, strands ? 2 : 1);
    stopper.join();
    for (auto& each : senders) each.join();
    CHECK(accepted >= 20'000);
    CHECK(received == accepted);
    CHECK(others == 0);
  }
}

TEST_CASE("remote: threads send while a server stops and its context is destroyed") {
  for (int round = 0; round != 200; ++round) {
    CAPTURE(round);
    bool const strands = round % 2 == 0;
    std::vector<std::thread> senders;
    std::atomic<int> others{0}, busy{0};
    {
      asio::io_context io;
      kw::net::server_options options{.strands = strands};
      options.connection.send_queue_hard = 1 << 14;
      kw::net::server server{io, options};
      std::vector<remote> seats;
      server.websocket("/", [&](kw::net::websocket& ws) -> asio::awaitable<void> {
        seats.push_back(ws.remote());
        while (co_await ws.receive()) continue;
      });
      server.start();
      asio::co_spawn(
          io,
          [&]() -> asio::awaitable<void> {
            auto ws = co_await kw::net::connect(io.get_executor(),
                                                "ws://127.0.0.1:" + std::to_string(server.port()) + "/");
            seats.push_back(ws.remote());
            while (co_await ws.receive()) continue;
          },
          asio::detached);
      auto const end = std::chrono::steady_clock::now() + 10s;
      while (seats.size() != 2 && std::chrono::steady_clock::now() < end) io.run_one_for(100ms);
      REQUIRE(seats.size() == 2);
      for (int t = 0; t != 8; ++t) {
        senders.emplace_back([&, handle = seats[static_cast<std::size_t>(t) % 2]]() mutable {
          ++busy;
          for (;;) {
            auto const failure = handle.send("from a thread");
            if (failure == kw::error::closed) break;
            if (failure && failure != kw::error::send_queue_full) ++others;
            if (failure) std::this_thread::sleep_for(20us);
          }
          handle = {};
        });
      }
      seats.clear();
      while (busy <= round % 8) std::this_thread::yield();
      // It is destroyed at once, or somewhere in the midst of a graceful end.
      if (round % 4 >= 2) server.stop();
      for (int turn = 0; turn != round % 16; ++turn) io.poll_one();
    }
    for (auto& each : senders) each.join();
    CHECK(others == 0);
  }
}

TEST_CASE("remote: threads send to a connection of a thread pool, which is stopped and destroyed") {
  using socket = asio::basic_stream_socket<support::pair_protocol, asio::any_io_executor>;
  for (int round = 0; round != 20; ++round) {
    std::vector<std::thread> senders;
    {
      asio::thread_pool pool(2);
      asio::any_io_executor const one = asio::make_strand(pool), two = asio::make_strand(pool);
      socket a(one), b(two);
      support::connect_pair(a, b);
      std::unique_ptr<basic_websocket<socket>> far, near;
      std::promise<remote> of_far, of_near;
      asio::post(one, [&] {
        far = std::make_unique<basic_websocket<socket>>(std::move(a), kw::role::server);
        of_far.set_value(far->remote());
      });
      asio::post(two, [&] {
        near = std::make_unique<basic_websocket<socket>>(std::move(b), kw::role::client);
        of_near.set_value(near->remote());
      });
      remote const handles[] = {of_far.get_future().get(), of_near.get_future().get()};
      for (int t = 0; t != 4; ++t) {
        senders.emplace_back([handle = handles[t % 2]] {
          while (handle.send("from a thread") != kw::error::closed) std::this_thread::sleep_for(20us);
        });
      }
      if (round % 2 == 0) std::this_thread::yield();
      pool.stop();
      pool.join();
    }
    for (auto& each : senders) each.join();
  }
}

}  // namespace remote_tests
