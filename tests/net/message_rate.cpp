// How often a peer may send messages: connection_options::message_rate.
#include <kindwire/net/websocket.hpp>

#include <doctest/doctest.h>

#include <asio/awaitable.hpp>
#include <asio/bind_cancellation_slot.hpp>
#include <asio/cancellation_signal.hpp>
#include <asio/co_spawn.hpp>
#include <asio/detached.hpp>
#include <asio/io_context.hpp>
#include <asio/steady_timer.hpp>
#include <asio/use_awaitable.hpp>
#include <atomic>
#include <chrono>
#include <cstdlib>
#include <exception>
#include <kindwire/net/client.hpp>
#include <kindwire/net/server.hpp>
#include <memory>
#include <optional>
#include <string>
#include <system_error>
#include <thread>
#include <type_traits>
#include <vector>

#include "raw_peer.hpp"
#include "served_in_threads.hpp"
#include "test_stream.hpp"

namespace message_rate_tests {

namespace kw = kindwire;
using namespace std::chrono_literals;
using clock = std::chrono::steady_clock;
using kw::opcode;
using kw::net::rate_policy;

namespace {

kw::net::connection_options limited(kw::rate_limit rate, rate_policy above) {
  kw::net::connection_options options;
  options.message_rate = rate;
  options.above_message_rate = above;
  return options;
}

// A websocket of ours whose peer is the test, and which receives all the time.
template <class Stream>
struct receiver {
  explicit receiver(kw::net::connection_options const& options) {
    ws.emplace(Stream(far), kw::role::server, options);
    receive();
  }
  ~receiver() { far->drop(); }

  void receive() {
    ws->receive([this](std::error_code error, kw::message msg) {
      if (error || !msg) {
        end = error;
        return;
      }
      texts.emplace_back(msg.text());
      receive();
    });
  }
  void push(int count, int from = 0) {
    for (int i = 0; i != count; ++i)
      far->push_frame(kw::role::client, opcode::text, std::to_string(from + i));
  }
  // Returns the time that it took until so many were there; gives up after a while.
  std::chrono::milliseconds until(std::size_t count) {
    auto const begin = clock::now();
    while (texts.size() < count && !end && clock::now() - begin < 10s) {
      io.restart();
      io.run_one_for(100ms);
    }
    CHECK(texts.size() == count);
    return std::chrono::duration_cast<std::chrono::milliseconds>(clock::now() - begin);
  }
  bool in_order() const {
    for (std::size_t i = 0; i != texts.size(); ++i) {
      if (texts[i] != std::to_string(i)) return false;
    }
    return true;
  }

  asio::io_context io;
  std::shared_ptr<test::peer> far = std::make_shared<test::peer>(io.get_executor());
  std::optional<kw::net::basic_websocket<Stream>> ws;
  std::vector<std::string> texts;
  std::optional<std::error_code> end;
};

template <class Test>
void for_each_stream(Test test) {
  test(std::type_identity<test::stream>{});
  test(std::type_identity<test::ready_stream>{});
}

}  // namespace

TEST_CASE("message rate: messages wait for their time, in order, and none is lost") {
  for_each_stream([]<class Stream>(std::type_identity<Stream>) {
    receiver<Stream> side(limited({.per_second = 50, .burst = 5}, rate_policy::slow));
    side.push(25);
    test::settle(side.io);
    CHECK(side.texts.size() >= 5);
    CHECK(side.texts.size() < 20);
    auto const took = side.until(25);
    CHECK(took >= 200ms);  // 400 ms, less what the machine took until here
    CHECK(side.in_order());
    CHECK(side.ws->is_open());
    // Below the rate nothing waits.
    std::this_thread::sleep_for(120ms);
    side.push(5, 25);
    test::settle(side.io);
    CHECK(side.texts.size() == 30);
  });
}

TEST_CASE("message rate: while messages wait, pings are answered, and reading stops at read_ahead") {
  for_each_stream([]<class Stream>(std::type_identity<Stream>) {
    auto options = limited({.per_second = 0.1, .burst = 2}, rate_policy::slow);
    options.read_ahead = 2000;
    receiver<Stream> side(options);
    side.push(10);
    side.far->push_frame(kw::role::client, opcode::ping, "alive?");
    test::settle(side.io);
    CHECK(side.texts.size() == 2);
    CHECK(side.far->written() == std::string("\x8A\x06") + "alive?");
    side.far->max_read = 500;
    for (int i = 0; i != 100; ++i) side.far->push_frame(kw::role::client, opcode::text, std::string(94, 'x'));
    test::settle(side.io);
    CHECK(side.texts.size() == 2);
    CHECK(side.far->incoming.size() >= 7500);  // of 10,000
    CHECK(side.far->incoming.size() < 8500);
  });
}

TEST_CASE("message rate: what is there when the peer closes or leaves comes at once, then the end") {
  for_each_stream([]<class Stream>(std::type_identity<Stream>) {
    for (std::string const way : {"close", "end", "close behind more", "own close"}) {
      CAPTURE(way);
      auto options = limited({.per_second = 0.1, .burst = 3}, rate_policy::slow);
      if (way == "close behind more") options.read_ahead = 1000;
      receiver<Stream> side(options);
      side.push(20);
      test::settle(side.io);
      CHECK(side.texts.size() == 3);
      if (way == "own close") side.ws->try_close();
      if (way.starts_with("close")) side.far->push_close(kw::role::client);
      if (way == "end") side.far->end();
      test::settle(side.io);
      CHECK(side.texts.size() == 20);
      if (way == "own close") side.far->push_close(kw::role::client);
      side.far->end();
      test::settle(side.io);
      CHECK(side.in_order());
      REQUIRE(side.end);
      CHECK(*side.end == (way == "end" ? kw::error::connection_lost : std::error_code{}));
      CHECK(side.far->closed);
    }
  });
}

TEST_CASE("message rate: what is there when nothing can be written any more comes at once") {
  receiver<test::ready_stream> side(limited({.per_second = 0.1, .burst = 3}, rate_policy::slow));
  side.push(20);
  test::settle(side.io);
  CHECK(side.texts.size() == 3);
  side.far->fail_at = side.far->operations + 1;
  side.ws->try_send("lost");
  test::settle(side.io);
  CHECK(side.texts.size() == 20);
}

TEST_CASE("message rate: try_receive() waits for its time as well, and so does a receive after it") {
  for_each_stream([]<class Stream>(std::type_identity<Stream>) {
    asio::io_context io;
    auto const far = std::make_shared<test::peer>(io.get_executor());
    kw::net::basic_websocket<Stream> ws(Stream(far), kw::role::server,
                                        limited({.per_second = 20, .burst = 2}, rate_policy::slow));
    for (char const* const text : {"0", "1", "2", "3"}) far->push_frame(kw::role::client, opcode::text, text);
    test::settle(io);
    auto const begin = clock::now();
    std::vector<std::string> texts;
    while (kw::message msg = ws.try_receive()) texts.emplace_back(msg.text());
    CHECK(texts.size() >= 2);
    CHECK(texts.size() < 4);
    while (texts.size() < 3 && clock::now() - begin < 10s) {
      io.restart();
      io.run_one_for(10ms);
      while (kw::message msg = ws.try_receive()) texts.emplace_back(msg.text());
    }
    bool done = false;
    ws.receive([&](std::error_code error, kw::message msg) {
      CHECK(!error);
      texts.emplace_back(msg.text());
      done = true;
    });
    while (!done && clock::now() - begin < 10s) {
      io.restart();
      io.run_one_for(100ms);
    }
    CHECK(texts == std::vector<std::string>{"0", "1", "2", "3"});
    CHECK(clock::now() - begin >= 90ms);
    far->end();
    test::settle(io);
    far->drop();
  });
}

TEST_CASE("message rate: one message too many ends the connection, if so chosen") {
  struct {
    rate_policy above;
    kw::close_code code;
  } const cases[] = {{rate_policy::close, kw::close_code::policy_violation},
                     {rate_policy::try_again_later, kw::close_code::try_again_later}};
  for_each_stream([&]<class Stream>(std::type_identity<Stream>) {
    for (auto const& each : cases) {
      receiver<Stream> side(limited({.per_second = 0.1, .burst = 4}, each.above));
      side.push(4);
      test::settle(side.io);
      CHECK(side.texts.size() == 4);
      side.push(10, 4);
      test::settle(side.io);
      CHECK(side.texts.size() == 4);
      REQUIRE(side.end);
      CHECK(*side.end == kw::error::too_many_messages);
      CHECK(side.ws->error() == kw::error::too_many_messages);
      CHECK(side.ws->sent_close_code() == each.code);
      CHECK(side.far->written().find(kw::detail::describe(kw::error::too_many_messages)) !=
            std::string::npos);
      CHECK_FALSE(side.ws->try_receive());
      side.far->end();
      test::settle(side.io);
      CHECK(side.far->closed);
    }
  });
}

TEST_CASE("message rate: all in one read, and nobody receives at first") {
  for (rate_policy const above : {rate_policy::close, rate_policy::try_again_later}) {
    asio::io_context io;
    auto const far = std::make_shared<test::peer>(io.get_executor());
    kw::net::basic_websocket<test::stream> ws(test::stream(far), kw::role::server,
                                              limited({.per_second = 0.1, .burst = 2}, above));
    for (int i = 0; i != 5; ++i) far->push_frame(kw::role::client, opcode::text, "x");
    test::settle(io);
    CHECK(ws.try_receive());
    CHECK(ws.try_receive());
    CHECK_FALSE(ws.try_receive());
    CHECK(ws.error() == kw::error::too_many_messages);
    far->end();
    test::settle(io);
    CHECK(far->closed);
    far->drop();
  }
}

TEST_CASE("message rate: pings and fragments are not messages") {
  receiver<test::stream> side(limited({.per_second = 0.1, .burst = 2}, rate_policy::close));
  for (int i = 0; i != 50; ++i) side.far->push_frame(kw::role::client, opcode::ping, "");
  side.far->push_frame(kw::role::client, opcode::text, "0", false);
  for (int i = 0; i != 50; ++i) side.far->push_frame(kw::role::client, opcode::continuation, "", i == 49);
  test::settle(side.io);
  CHECK(side.texts == std::vector<std::string>{"0"});
  CHECK(side.ws->is_open());
  side.push(1, 1);
  test::settle(side.io);
  CHECK(side.in_order());
  CHECK(side.ws->is_open());
  side.push(1, 2);
  test::settle(side.io);
  CHECK_FALSE(side.ws->is_open());
  side.far->end();
  test::settle(side.io);
}

TEST_CASE("message rate: pings that are handed over do not count either") {
  auto options = limited({.per_second = 0.1, .burst = 1}, rate_policy::close);
  options.autoping = false;
  receiver<test::stream> side(options);
  for (int i = 0; i != 10; ++i) side.far->push_frame(kw::role::client, opcode::ping, "p");
  side.far->push_frame(kw::role::client, opcode::text, "t");
  test::settle(side.io);
  CHECK(side.texts.size() == 11);
  CHECK(side.ws->is_open());
  side.far->end();
  test::settle(side.io);
}

TEST_CASE("message rate: a large message is not taken for many, nor does it stop what waits") {
  for_each_stream([]<class Stream>(std::type_identity<Stream>) {
    auto options = limited({.per_second = 20, .burst = 1}, rate_policy::slow);
    options.read_ahead = 1000;
    receiver<Stream> side(options);
    side.far->max_read = 700;
    side.far->push_frame(kw::role::client, opcode::text, "0");
    side.far->push_frame(kw::role::client, opcode::text, std::string(20'000, 'l'));
    side.far->push_frame(kw::role::client, opcode::text, "2");
    side.until(3);
    CHECK(side.texts[1].size() == 20'000);
    CHECK(side.texts[2] == "2");
  });
}

TEST_CASE("message rate: a context that is destroyed meanwhile takes the coroutine along") {
  for_each_stream([]<class Stream>(std::type_identity<Stream>) {
    bool ended = false;
    std::shared_ptr<test::peer> far;
    {
      asio::io_context io;
      far = std::make_shared<test::peer>(io.get_executor());
      auto options = limited({.per_second = 0.1, .burst = 1}, rate_policy::slow);
      options.read_ahead = 100;
      asio::co_spawn(
          io,
          [](std::shared_ptr<test::peer> peer, kw::net::connection_options const given,
             bool& flag) -> asio::awaitable<void> {
            struct last_words {
              bool& flag;
              ~last_words() { flag = true; }
            } const end{flag};
            kw::net::basic_websocket<Stream> ws(Stream(peer), kw::role::server, given);
            while (co_await ws.receive()) continue;
          }(far, options, ended),
          asio::detached);
      for (int i = 0; i != 50; ++i) far->push_frame(kw::role::client, opcode::text, "wait");
      test::settle(io);
      CHECK(!ended);
      far->drop();
    }
    CHECK(ended);
    CHECK(far.use_count() == 1);
  });
}

TEST_CASE("message rate: cancelled while it waits, a receive loses nothing") {
  for_each_stream([]<class Stream>(std::type_identity<Stream>) {
    asio::io_context io;
    auto const far = std::make_shared<test::peer>(io.get_executor());
    kw::net::basic_websocket<Stream> ws(Stream(far), kw::role::server,
                                        limited({.per_second = 20, .burst = 1}, rate_policy::slow));
    for (char const* const text : {"0", "1"}) far->push_frame(kw::role::client, opcode::text, text);
    test::settle(io);
    CHECK(ws.try_receive().text() == "0");
    asio::cancellation_signal signal;
    std::error_code outcome;
    ws.receive(asio::bind_cancellation_slot(signal.slot(),
                                            [&](std::error_code error, kw::message) { outcome = error; }));
    test::settle(io);
    CHECK(!outcome);
    signal.emit(asio::cancellation_type::terminal);
    test::settle(io);
    CHECK(outcome == asio::error::operation_aborted);
    std::string text;
    ws.receive([&](std::error_code, kw::message msg) { text = msg.text(); });
    io.restart();
    while (text.empty() && io.run_one_for(10s) != 0) continue;
    CHECK(text == "1");
    far->end();
    test::settle(io);
    far->drop();
  });
}

TEST_CASE("message rate: a handler that returns while messages wait ends its connection like any other") {
  asio::io_context io;
  kw::net::server server{
      io, {.connection = limited({.per_second = 1, .burst = 1}, rate_policy::slow), .strands = false}};
  server.websocket("/", [](kw::net::websocket& ws) -> asio::awaitable<void> {
    co_await ws.receive();
    CHECK_FALSE(ws.try_receive());
  });
  server.start();
  bool closed = false;
  asio::co_spawn(
      io,
      [&]() -> asio::awaitable<void> {
        auto ws = co_await kw::net::connect(io, "ws://127.0.0.1:" + std::to_string(server.port()) + "/");
        for (int i = 0; i != 20; ++i) ws.try_send("message");
        while (co_await ws.receive()) continue;
        closed = ws.close_code() == kw::close_code::normal;
        server.stop();
      },
      asio::detached);
  std::thread watch([&] {
    auto const begin = clock::now();
    while (!io.stopped() && clock::now() - begin < 10s) std::this_thread::sleep_for(10ms);
    if (!io.stopped()) std::abort();  // it does not return any more
  });
  io.run_for(10s);
  watch.join();
  CHECK(closed);
}

TEST_CASE("message rate: over TCP the flood is slowed, and neither end takes the other for dead") {
  kw::net::server_options options;
  options.connection = limited({.per_second = 40, .burst = 4}, rate_policy::slow);
  options.connection.read_ahead = 4096;
  options.connection.ping_interval = 40ms;
  options.connection.pong_timeout = 80ms;
  test::for_each_kind(options, [](test::served_in_threads& side) {
    std::atomic<int> received{0};
    std::atomic<bool> broke{false};
    side->websocket("/", [&](kw::net::websocket& ws) -> asio::awaitable<void> {
      while (kw::message msg = co_await ws.receive()) ++received;
      broke = static_cast<bool>(ws.error());
      co_await ws.send("all");
    });
    side.start();
    auto const begin = clock::now();
    asio::io_context io;
    std::exception_ptr failure;
    asio::co_spawn(
        io,
        [&]() -> asio::awaitable<void> {
          kw::net::connection_options own;
          own.ping_interval = 40ms;
          own.pong_timeout = 80ms;
          kw::net::connect_options how;
          how.connection = own;
          auto ws =
              co_await kw::net::connect(io, "ws://localhost:" + std::to_string(side->port()) + "/", how);
          for (int i = 0; i != 24; ++i) co_await ws.send(std::string(20'000, 'x'));
          for (int i = 0; received != 24 && i != 2000; ++i) {
            asio::steady_timer timer(io, 5ms);
            co_await timer.async_wait(asio::use_awaitable);
            if (!ws.is_open()) break;
          }
          co_await ws.close();
        },
        [&](std::exception_ptr thrown) { failure = thrown; });
    io.run_for(20s);
    CHECK(io.stopped());
    CHECK(!failure);
    CHECK(received == 24);
    CHECK(clock::now() - begin >= 450ms);  // 20 messages at 40 a second
    CHECK_FALSE(broke);
  });
}

}  // namespace message_rate_tests
