// What arrived is delivered, what was queued leaves, however a connection ends.
#include <kindwire/net/server.hpp>

#include <doctest/doctest.h>

#include <asio/awaitable.hpp>
#include <asio/steady_timer.hpp>
#include <asio/use_awaitable.hpp>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <memory>
#include <string>
#include <system_error>
#include <thread>

#include "../support/bytes.hpp"
#include "raw_peer.hpp"
#include "seen.hpp"

namespace delivery_tests {

namespace kw = kindwire;
using namespace std::chrono_literals;
using kw::opcode;
using test::raw_peer;

namespace {

std::string const close_1000("\x03\xe8", 2);

asio::awaitable<void> sleep(kw::net::websocket& ws, std::chrono::milliseconds time) {
  asio::steady_timer timer(ws.get_executor(), time);
  co_await timer.async_wait(asio::use_awaitable);
}

// What a handler saw that takes its time for each message.
struct slow_handler {
  std::atomic<int> received{0};
  std::error_code failure;
  kw::close_code code{};
  bool sends = false;
  bool ended = false;

  auto operator()() {
    return [this](kw::net::websocket& ws) -> asio::awaitable<void> {
      try {
        while (kw::message const msg = co_await ws.receive()) {
          CHECK(msg.text() == std::to_string(received));
          ++received;
          co_await sleep(ws, 5ms);
          if (sends) ws.try_send("seen");
        }
      } catch (std::system_error const& thrown) {
        failure = thrown.code();
      }
      code = ws.close_code();
      ended = true;
    };
  }
};

std::string many_texts(int count) {
  std::string all;
  for (int i = 0; i != count; ++i) all += test::client_frame(opcode::text, std::to_string(i));
  return all;
}

// Short, so that each would strike while the handler is at work.
kw::net::server_options impatient(kw::net::server_options options) {
  options.connection.ping_interval = 60ms;
  options.connection.pong_timeout = 60ms;
  options.connection.close_timeout = 80ms;
  return options;
}

}  // namespace

TEST_CASE("delivery: a handler that takes its time gets all that came before the peer's Close") {
  test::for_each_way([](auto const& options) {
    bool const answered_in_time = test::in_one_of_five([&] {
      slow_handler handler;
      int received_before = 0;
      test::converse(impatient(options), handler(), [&](raw_peer& peer) {
        auto const begin = std::chrono::steady_clock::now();
        peer.say(many_texts(160) + test::client_frame(opcode::close, close_1000));
        test::frame const last = peer.read();
        received_before = handler.received;
        // Nobody who has said Close is asked for a pong.
        CHECK(last.type == opcode::close);
        CHECK(last.payload == close_1000);
        CHECK(std::chrono::steady_clock::now() - begin >= 75ms);
      });
      CHECK(handler.received == 160);
      CHECK(!handler.failure);
      CHECK(handler.code == kw::close_code::normal);
      CHECK(handler.ended);
      return received_before < 150;  // close_timeout after the Close came, which is after about 16 of them
    });
    CHECK(answered_in_time);
  });
}

TEST_CASE("delivery: and all that came before the end of a stream without a Close") {
  for (bool const sends : {false, true}) {
    for (bool const reset : {false, true}) {
      CAPTURE(sends);
      CAPTURE(reset);
      test::for_each_way([&](auto const& options) {
        slow_handler handler;
        handler.sends = sends;
        test::converse(impatient(options), handler(), [&](raw_peer& peer) {
          peer.say(many_texts(100));
          if (reset) {
            // Once it has been read: what stands in the system's buffer goes with a reset.
            CHECK(test::wait_until([&] { return handler.received > 0; }));
            peer.reset();
          } else {
            peer.end_sending();
            std::this_thread::sleep_for(200ms);  // and then it is gone: a send of ours fails
          }
        });
        CHECK(handler.received == 100);
        CHECK(handler.failure);
        CHECK(handler.code == kw::close_code::abnormal);
      });
    }
  }
}

TEST_CASE("delivery: a peer that says Close and resets the stream at once has closed") {
  test::for_each_way([](auto const& options) {
    for (int const count : {0, 1, 50}) {
      CAPTURE(count);
      slow_handler handler;
      test::converse(options, handler(), [&](raw_peer& peer) {
        peer.say(many_texts(count) + test::client_frame(opcode::close, close_1000));
        if (count != 0) {
          CHECK(test::wait_until([&] { return handler.received > 0; }));
        } else {
          peer.read();  // our answer
        }
        peer.reset();
      });
      CHECK(handler.received == count);
      CHECK(!handler.failure);
      CHECK(handler.code == kw::close_code::normal);
    }
  });
}

// Windows does not tell how much of what was sent the peer has not taken.
#if !defined(_WIN32)
TEST_CASE("delivery: what was queued leaves before the Close, at the pace of the peer") {
  for (bool const awaits_close : {false, true}) {
    CAPTURE(awaits_close);
    test::for_each_way([&](kw::net::server_options options) {
      constexpr std::size_t size = 40000;
      constexpr int count = 100;
      options.connection.close_timeout = 600ms;
      std::error_code closed;
      auto const handler = [&](kw::net::websocket& ws) -> asio::awaitable<void> {
        for (int i = 0; i != count; ++i) CHECK(!ws.try_send(std::string(size, 'x')));
        if (!awaits_close) co_return;
        try {
          co_await ws.close();
        } catch (std::system_error const& thrown) {
          closed = thrown.code();
        }
      };
      int received = 0;
      test::frame last{};
      test::converse(
          options, handler,
          [&](raw_peer& peer) {
            peer.piece = 20000;
            peer.rest = 5ms;  // 4 MB in a second
            while ((last = peer.read()).type == opcode::text) ++received;
            peer.say(opcode::close, close_1000);
          },
          20000);
      CHECK(received == count);
      CHECK(last.type == opcode::close);
      CHECK(last.payload == close_1000);
      CHECK(!closed);
    });
  }
}
#endif

TEST_CASE("delivery: a peer that takes nothing is cut in spite of what is queued") {
  test::for_each_way([](kw::net::server_options options) {
    options.connection.close_timeout = 100ms;
    std::error_code closed;
    std::chrono::steady_clock::duration took{};
    std::atomic<bool> ended{false};
    auto const handler = [&](kw::net::websocket& ws) -> asio::awaitable<void> {
      for (int i = 0; i != 100; ++i) ws.try_send(std::string(100000, 'x'));
      auto const begin = std::chrono::steady_clock::now();
      try {
        co_await ws.close();
      } catch (std::system_error const& thrown) {
        closed = thrown.code();
      }
      took = std::chrono::steady_clock::now() - begin;
      ended = true;
    };
    test::converse(
        options, handler, [&](raw_peer&) { CHECK(test::wait_until([&] { return ended.load(); })); }, 20000);
    CHECK(closed == kw::error::close_timeout);
    CHECK(took >= 100ms);
  });
}

TEST_CASE("delivery: close() ends when the close is done, whatever is unread") {
  for (std::size_t const size : {std::size_t{10}, std::size_t{150000}}) {
    CAPTURE(size);
    for (bool const receives : {false, true}) {
      CAPTURE(receives);
      test::for_each_way([&](kw::net::server_options options) {
        options.connection.close_timeout = 60s;
        std::error_code closed;
        std::chrono::steady_clock::duration took{};
        int received = 0;
        auto const handler = [&](kw::net::websocket& ws) -> asio::awaitable<void> {
          if (receives)
            ws.receive([&](std::error_code failure, kw::message msg) { received += !failure && msg; });
          auto const begin = std::chrono::steady_clock::now();
          try {
            co_await ws.close();
          } catch (std::system_error const& thrown) {
            closed = thrown.code();
          }
          took = std::chrono::steady_clock::now() - begin;
        };
        test::converse(options, handler, [&](raw_peer& peer) {
          while (peer.read().type != opcode::close) continue;
          peer.say(test::client_frame(opcode::text, std::string(size, 'a')) +
                   test::client_frame(opcode::text, std::string(size, 'b')) +
                   test::client_frame(opcode::close, close_1000));
          while (peer.read().type != opcode::continuation) continue;
        });
        CHECK(!closed);
        CHECK(took < 30s);
        if (receives) CHECK(received == 1);
      });
    }
  }
}

TEST_CASE("delivery: a peer that has ended its side gets the answer to its last message") {
  test::for_each_way([](auto const& options) {
    std::error_code failure;
    std::error_code sent;
    auto const handler = [&](kw::net::websocket& ws) -> asio::awaitable<void> {
      try {
        while (kw::message const msg = co_await ws.receive()) {
          co_await sleep(ws, 50ms);
          sent = ws.try_send(msg);
        }
      } catch (std::system_error const& thrown) {
        failure = thrown.code();
      }
    };
    test::converse(options, handler, [](raw_peer& peer) {
      peer.say(opcode::text, "the last");
      peer.end_sending();
      CHECK(peer.read() == test::frame{opcode::text, "the last"});
    });
    CHECK(!sent);
    CHECK(failure == kw::error::connection_lost);
  });
}

TEST_CASE("delivery: nothing is accepted for a stream that is closed, though messages are still unread") {
  test::for_each_way([](auto const& options) {
    std::atomic<int> received{0};
    int accepted = 0;
    std::error_code refused;
    auto const handler = [&](kw::net::websocket& ws) -> asio::awaitable<void> {
      try {
        while (co_await ws.receive()) {
          ++received;
          while (received == 1 && ws.is_open() && !ws.error()) co_await sleep(ws, 1ms);
          accepted += !ws.try_send("too late");
          if (auto const failure = ws.try_send("too late")) refused = failure;
        }
      } catch (std::system_error const&) {}
    };
    test::converse(options, handler, [&](raw_peer& peer) {
      peer.say(many_texts(100));
      CHECK(test::wait_until([&] { return received > 0; }));
      peer.reset();
    });
    CHECK(received == 100);
    CHECK(accepted == 0);
    CHECK(refused);
  });
}

TEST_CASE("delivery: what stands before the answer to our Close is received, at the handler's own pace") {
  test::for_each_way([](kw::net::server_options options) {
    options.connection.close_timeout = 200ms;
    constexpr int count = 60;
    int received = 0;
    std::error_code failure;
    kw::close_code code{};
    auto const handler = [&](kw::net::websocket& ws) -> asio::awaitable<void> {
      try {
        while (co_await ws.receive()) {
          if (++received == 1) ws.remote().close();
          co_await sleep(ws, 10ms);
        }
      } catch (std::system_error const& thrown) {
        failure = thrown.code();
      }
      code = ws.close_code();
    };
    test::converse(options, handler, [&](raw_peer& peer) {
      // More than is read ahead.
      for (int i = 0; i != count; ++i) peer.say(opcode::binary, std::string(4000, 'x'));
      CHECK(peer.read().type == opcode::close);
      peer.say(opcode::close, close_1000);
      while (peer.read().type != opcode::continuation) continue;
    });
    CHECK(received == count);
    CHECK(!failure);
    CHECK(code == kw::close_code::normal);
  });
}

TEST_CASE("delivery: a peer that has ended its side without a Close still gets the echoes of what it sent") {
  test::for_each_way([](auto const& options) {
    constexpr int count = 400;
    std::error_code failure;
    auto const echo = [&](kw::net::websocket& ws) -> asio::awaitable<void> {
      try {
        while (kw::message const msg = co_await ws.receive()) co_await ws.send(msg);
      } catch (std::system_error const& thrown) {
        failure = thrown.code();
      }
    };
    int received = 0;
    test::converse(
        options, echo,
        [&](raw_peer& peer) {
          std::thread writer([&] {
            for (int i = 0; i != count; ++i) peer.say(opcode::binary, std::string(10000, 'x'));
            peer.end_sending();
          });
          std::this_thread::sleep_for(100ms);
          while (peer.read().type == opcode::binary) ++received;
          writer.join();
        },
        20000);
    CHECK(received == count);
    CHECK(failure == kw::error::connection_lost);
  });
}

// Jetty #3666: a message that is too large for the peer, whose Close comes while it still leaves.
TEST_CASE(
    "delivery: a peer that closes in the midst of a message is answered behind it, and waited for no "
    "longer") {
  std::string const close_1009("\x03\xf1", 2);
  for (bool const reads_on : {true, false}) {
    CAPTURE(reads_on);
    test::for_each_way([&](kw::net::server_options options) {
      options.connection.close_timeout = reads_on ? 20000ms : 300ms;
      options.connection.send_queue_hard = 64 << 20;
      auto const by = std::make_shared<test::seen>();
      options.observer = by;
      std::error_code sent;
      kw::close_code code{};
      auto const handler = [&](kw::net::websocket& ws) -> asio::awaitable<void> {
        sent = ws.try_send(std::string(20 << 20, 'x'));
        try {
          while (co_await ws.receive()) continue;
        } catch (std::system_error const&) {}
        code = ws.close_code();
      };
      test::converse(
          options, handler,
          [&](raw_peer& peer) {
            peer.say(opcode::close, close_1009);
            if (!reads_on) {
              CHECK(test::wait_until([&] { return !by->lines().empty() && by->open() == 0; }));
              CHECK_FALSE(peer.read().payload.size() == 20 << 20);
              return;
            }
            CHECK(peer.read().payload.size() == 20 << 20);
            CHECK(peer.read() == test::frame{opcode::close, close_1009});
          },
          20000);
      CHECK(!sent);
      CHECK(code == kw::close_code::message_too_big);
    });
  }
}

}  // namespace delivery_tests
