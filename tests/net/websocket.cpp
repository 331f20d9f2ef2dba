#include <kindwire/net/websocket.hpp>

#include <doctest/doctest.h>

#include <asio/bind_cancellation_slot.hpp>
#include <asio/cancellation_signal.hpp>
#include <asio/co_spawn.hpp>
#include <asio/detached.hpp>
#include <asio/io_context.hpp>
#include <asio/strand.hpp>
#include <asio/use_future.hpp>
#include <chrono>
#include <cstdint>
#include <kindwire/session.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "../support/socket_pair.hpp"
#include "test_stream.hpp"

namespace websocket_tests {

namespace kw = kindwire;
using namespace std::chrono_literals;
using kw::net::basic_websocket;

namespace {

// A server's websocket over a stream whose peer is the test.
struct server_side {
  explicit server_side(kw::net::connection_options const& options = {}, kw::role self = kw::role::server)
      : far(std::make_shared<test::peer>(io.get_executor())), ws(test::stream(far), self, options) {
    test::settle(io);
  }

  ~server_side() { far->drop(); }

  void settle() { test::settle(io); }

  // What the websocket wrote, decoded.
  std::vector<std::pair<kw::opcode, std::string>> frames() {
    std::string bytes = far->written();
    std::vector<std::pair<kw::opcode, std::string>> all;
    kw::frame_decoder<kw::role::client> decoder;
    std::span<std::byte> input{reinterpret_cast<std::byte*>(bytes.data()), bytes.size()};
    while (auto chunk = decoder.next(input)) {
      all.emplace_back(chunk.header->type, kw::message(chunk.header->type, chunk.payload).text());
    }
    CHECK(!decoder.error());
    return all;
  }

  struct received {
    bool done = false;
    std::error_code error;
    std::optional<std::string> text;
  };
  void receive(received& result) {
    result = {};
    ws.receive([&result](std::error_code error, kw::message msg) {
      result.done = true;
      result.error = error;
      if (msg) result.text = msg.text();
    });
  }

  asio::io_context io;
  std::shared_ptr<test::peer> far;
  basic_websocket<test::stream> ws;
};

constexpr auto client = kw::role::client;

std::string close_frame(unsigned code, std::string const& reason = {}) {
  return std::string{static_cast<char>(code >> 8), static_cast<char>(code & 0xFF)} + reason;
}

}  // namespace

TEST_CASE("a message goes to the receive that waits for it") {
  server_side side;
  server_side::received got;
  side.receive(got);
  side.settle();
  CHECK(!got.done);
  side.far->push_frame(client, kw::opcode::text, "hello");
  side.settle();
  REQUIRE(got.done);
  CHECK(!got.error);
  CHECK(got.text == "hello");
}

TEST_CASE("messages that come before they are asked for are kept, in order") {
  server_side side;
  for (auto const* text : {"one", "two", "three"}) side.far->push_frame(client, kw::opcode::text, text);
  side.settle();
  for (auto const* text : {"one", "two", "three"}) {
    server_side::received got;
    side.receive(got);
    CHECK_MESSAGE(!got.done, "a handler must not run inside the call that started the operation");
    side.settle();
    CHECK(got.text == text);
  }
}

TEST_CASE("what is sent during one batch of received messages leaves in one write") {
  server_side side;
  asio::co_spawn(
      side.io,
      [&]() -> asio::awaitable<void> {
        while (kw::message msg = co_await side.ws.receive()) co_await side.ws.send(msg);
      },
      asio::detached);
  side.settle();
  std::string batch;
  for (int i = 0; i != 50; ++i) {
    kw::frame_encoder<kw::role::client> const encoder;
    std::string frame(encoder.size(3), '\0');
    encoder.write(reinterpret_cast<std::byte*>(frame.data()), kw::opcode::text, kw::detail::as_bytes("abc"));
    batch += frame;
  }
  side.far->push(batch);
  side.settle();
  CHECK(side.far->writes.size() == 1);
  CHECK(side.frames().size() == 50);
}

TEST_CASE("the same with callbacks that receive again from inside the handler") {
  server_side side;
  struct loop {
    server_side& side;
    void operator()(std::error_code error, kw::message msg) {
      if (error || !msg) return;
      side.ws.try_send(msg);
      side.ws.receive(loop{side});
    }
  };
  side.ws.receive(loop{side});
  side.settle();
  side.far->incoming.clear();
  std::string batch;
  for (int i = 0; i != 50; ++i) {
    kw::frame_encoder<kw::role::client> const encoder;
    std::string frame(encoder.size(3), '\0');
    encoder.write(reinterpret_cast<std::byte*>(frame.data()), kw::opcode::binary,
                  kw::detail::as_bytes("abc"));
    batch += frame;
  }
  side.far->push(batch);
  side.settle();
  CHECK(side.far->writes.size() == 1);
  CHECK(side.frames().size() == 50);
}

TEST_CASE("sends while a write is in flight leave together in the next one") {
  server_side side;
  side.far->writes_wait = true;
  side.ws.try_send("first");
  side.settle();
  REQUIRE(side.far->writes.size() == 1);
  for (int i = 0; i != 10; ++i) side.ws.try_send("later");
  side.settle();
  CHECK(side.far->writes.size() == 1);
  side.far->let_write();
  side.settle();
  CHECK(side.far->writes.size() == 2);
  CHECK(side.frames().size() == 11);
}

TEST_CASE("two sends at once, and one from inside a handler, all complete in order") {
  server_side side;
  std::vector<int> done;
  side.ws.send("one", [&](std::error_code) {
    done.push_back(1);
    side.ws.send("three", [&](std::error_code) { done.push_back(3); });
  });
  side.ws.send("two", [&](std::error_code) { done.push_back(2); });
  side.settle();
  CHECK(done == std::vector{1, 2, 3});
  auto const frames = side.frames();
  REQUIRE(frames.size() == 3);
  CHECK(frames[0].second == "one");
  CHECK(frames[1].second == "two");
  CHECK(frames[2].second == "three");
}

TEST_CASE("a send while a close is under way ends with error::closed, and the close goes on") {
  server_side side;
  std::optional<std::error_code> closed, sent;
  side.ws.close(kw::close_code::normal, "", [&](std::error_code error) { closed = error; });
  side.ws.send("late", [&](std::error_code error) { sent = error; });
  side.settle();
  CHECK(sent == kw::error::closed);
  CHECK(!closed);
  side.far->push_close(client);
  side.settle();
  CHECK(side.far->send_was_shut_down);
  side.far->end();
  side.settle();
  REQUIRE(closed);
  CHECK(!*closed);
  CHECK(side.far->closed);
  auto const frames = side.frames();
  REQUIRE(frames.size() == 1);
  CHECK(frames[0] == std::pair{kw::opcode::close, close_frame(1000)});
}

TEST_CASE("an awaited send waits at the soft mark, and the hard mark refuses") {
  kw::net::connection_options options;
  options.send_queue_soft = 1000;
  options.send_queue_hard = 3000;
  server_side side(options);
  side.far->writes_wait = true;
  std::vector<std::optional<std::error_code>> done(4);
  std::string const text(990, 'x');
  for (auto& each : done) {
    side.ws.send(text, [&each](std::error_code error) { each = error; });
    side.settle();
  }
  CHECK(done[0] == std::error_code{});
  CHECK(!done[1]);
  CHECK(!done[2]);
  CHECK(!done[3]);
  CHECK(side.ws.try_send("no more") == kw::error::send_queue_full);
  side.far->let_write();
  side.settle();
  for (auto const& each : done) CHECK(each == std::error_code{});
  CHECK(side.ws.queued() == 0);
}

TEST_CASE("a coroutine's send waits at the soft mark, and does not suspend below") {
  kw::net::connection_options options;
  options.send_queue_soft = 1000;
  server_side side(options);
  side.far->writes_wait = true;
  std::string const text(990, 'x');
  int sent = 0;
  bool later = false;
  asio::co_spawn(
      side.io,
      [&]() -> asio::awaitable<void> {
        asio::post(side.io, [&] { later = true; });
        co_await side.ws.send(text);
        CHECK(!later);
        sent = 1;
        co_await side.ws.send(text);
        CHECK(later);
        sent = 2;
      },
      [](std::exception_ptr failure) { CHECK(!failure); });
  side.settle();
  CHECK(sent == 1);
  side.far->let_write();
  side.settle();
  CHECK(sent == 2);
}

TEST_CASE("a coroutine's receive does not suspend for a message that is there") {
  for (bool const before : {true, false}) {
    CAPTURE(before);
    server_side side;
    std::string batch;
    for (std::string_view const letter : {"a", "b", "c"}) {
      kw::frame_encoder<client> const encoder;
      std::string frame(encoder.size(letter.size()), '\0');
      encoder.write(reinterpret_cast<std::byte*>(frame.data()), kw::opcode::text,
                    kw::detail::as_bytes(letter));
      batch += frame;
      if (before) break;  // one that was looked at, and no more behind it
    }
    if (before) side.far->push(batch);
    side.settle();
    std::string log;
    asio::co_spawn(
        side.io,
        [&]() -> asio::awaitable<void> {
          for (char number = '1';; ++number) {
            asio::post(side.io, [&log, number] { log += number; });
            kw::message const msg = co_await side.ws.receive();
            if (!msg) break;
            log += msg.text();
          }
        },
        asio::detached);
    side.settle();
    if (!before) side.far->push(batch);
    side.settle();
    CHECK(log == (before ? "a12" : "1abc234"));
  }
}

TEST_CASE("overflow_policy::close fails the connection of a peer that never reads") {
  kw::net::connection_options options;
  options.send_queue_hard = 1000;
  options.overflow = kw::net::overflow_policy::close;
  options.close_timeout = 20ms;
  server_side side(options);
  side.far->writes_wait = true;
  side.ws.try_send(std::string(1000, 'x'));
  CHECK(side.ws.try_send("more") == kw::error::send_queue_full);
  CHECK(!side.ws.is_open());
  side.io.restart();
  side.io.run_for(2s);
  CHECK(side.far->closed);
  CHECK(side.ws.error() == kw::error::send_queue_full);
}

TEST_CASE("a ping is answered whether the application receives or not") {
  server_side side;
  side.far->push_frame(client, kw::opcode::ping, "early");
  side.settle();
  CHECK(side.frames() == std::vector{std::pair{kw::opcode::pong, std::string("early")}});
  // Also behind a message that nobody asked for yet.
  side.far->push_frame(client, kw::opcode::text, "unread");
  side.far->push_frame(client, kw::opcode::ping, "behind");
  side.settle();
  CHECK(side.frames().back() == std::pair{kw::opcode::pong, std::string("behind")});
  server_side::received got;
  side.receive(got);
  side.settle();
  CHECK(got.text == "unread");
  // And while the application still looks at it.
  side.far->push_frame(client, kw::opcode::ping, "later");
  side.settle();
  CHECK(side.frames().back() == std::pair{kw::opcode::pong, std::string("later")});
}

TEST_CASE("with autoping off pings and pongs are messages") {
  kw::net::connection_options options;
  options.autoping = false;
  server_side side(options);
  side.far->push_frame(client, kw::opcode::ping, "you there");
  side.settle();
  kw::message const msg = side.ws.try_receive();
  CHECK(msg.type() == kw::opcode::ping);
  CHECK(msg.text() == "you there");
  CHECK(side.far->writes.empty());
}

TEST_CASE("reading stops while the application is behind, and goes on when it catches up") {
  kw::net::connection_options options;
  options.read_ahead = 10000;
  server_side side(options);
  std::string const text(1000, 'x');
  for (int i = 0; i != 200; ++i) side.far->push_frame(client, kw::opcode::text, text);
  side.settle();
  CHECK(side.far->incoming.size() > 150000);
  int count = 0;
  asio::co_spawn(
      side.io,
      [&]() -> asio::awaitable<void> {
        while (kw::message msg = co_await side.ws.receive()) count += msg.text() == text;
      },
      asio::detached);
  side.settle();
  CHECK(count == 200);
}

TEST_CASE("the peer's close ends the loop, with its code and reason") {
  server_side side;
  server_side::received got;
  side.receive(got);
  side.far->push_close(client, 3000, "enough");
  side.settle();
  REQUIRE(got.done);
  CHECK(!got.error);
  CHECK(!got.text);
  CHECK(static_cast<int>(side.ws.close_code()) == 3000);
  CHECK(side.ws.close_reason() == "enough");
  CHECK(side.frames() == std::vector{std::pair{kw::opcode::close, close_frame(3000)}});
  // Every later receive says the same.
  side.receive(got);
  side.settle();
  CHECK(got.done);
  CHECK(!got.error);
  CHECK(!got.text);
}

TEST_CASE(
    "a broken rule ends in one close and one error, and the stream is half-closed before it is closed") {
  server_side side;
  server_side::received got;
  side.receive(got);
  side.far->push(std::string("\x81\x02hi", 4));  // not masked
  side.settle();
  REQUIRE(got.done);
  CHECK(got.error == kw::error::unmasked_client_frame);
  CHECK(side.far->send_was_shut_down);
  CHECK(!side.far->closed);
  auto const frames = side.frames();
  REQUIRE(frames.size() == 1);
  CHECK(frames[0].second.substr(0, 2) == close_frame(1002));
  // What comes after is drained, never delivered.
  side.far->push_frame(client, kw::opcode::text, "ignored");
  side.far->end();
  side.settle();
  CHECK(side.far->closed);
  side.receive(got);
  side.settle();
  CHECK(got.error == kw::error::unmasked_client_frame);
  CHECK(!got.text);
}

TEST_CASE("a stream that ends without a Close is connection_lost, after what came before it") {
  server_side side;
  side.far->push_frame(client, kw::opcode::text, "last words");
  side.far->end();
  side.settle();
  server_side::received got;
  side.receive(got);
  side.settle();
  CHECK(got.text == "last words");
  side.receive(got);
  side.settle();
  CHECK(got.error == kw::error::connection_lost);
  CHECK(side.ws.close_code() == kw::close_code::abnormal);
  CHECK(side.far->closed);
}

TEST_CASE("close() ends by its deadline with a peer that never answers") {
  kw::net::connection_options options;
  options.close_timeout = 30ms;
  server_side side(options);
  std::optional<std::error_code> closed;
  server_side::received got;
  side.receive(got);
  side.ws.close(kw::close_code::going_away, "bye", [&](std::error_code error) { closed = error; });
  side.io.restart();
  side.io.run_for(2s);
  CHECK(closed == kw::error::close_timeout);
  CHECK(got.error == kw::error::close_timeout);
  CHECK(side.far->closed);
}

TEST_CASE("also when the peer does not even take the Close") {
  kw::net::connection_options options;
  options.close_timeout = 30ms;
  server_side side(options);
  side.far->writes_wait = true;
  std::optional<std::error_code> closed;
  side.ws.close(kw::close_code::normal, "", [&](std::error_code error) { closed = error; });
  side.io.restart();
  side.io.run_for(2s);
  CHECK(closed == kw::error::close_timeout);
}

TEST_CASE("messages between our Close and the peer's reach a receive that waits") {
  server_side side;
  server_side::received got;
  side.receive(got);
  side.ws.try_close();
  side.settle();
  side.far->push_frame(client, kw::opcode::text, "crossing");
  side.settle();
  CHECK(got.text == "crossing");
  side.receive(got);
  side.far->push_close(client);
  side.settle();
  CHECK(got.done);
  CHECK(!got.error);
  CHECK(!got.text);
}

TEST_CASE("close() without a receive drops what stands before the peer's Close") {
  server_side side;
  side.far->push_frame(client, kw::opcode::text, "never read");
  side.settle();
  std::optional<std::error_code> closed;
  side.ws.close(kw::close_code::normal, "", [&](std::error_code error) { closed = error; });
  side.far->push_frame(client, kw::opcode::text, "nor this");
  side.far->push_close(client);
  side.far->end();
  side.settle();
  CHECK(closed == std::error_code{});
}

TEST_CASE("a client waits for the server to end the stream") {
  server_side side({}, kw::role::client);
  std::optional<std::error_code> closed;
  side.ws.close(kw::close_code::normal, "", [&](std::error_code error) { closed = error; });
  side.settle();
  side.far->push_close(kw::role::server);
  side.settle();
  CHECK(!closed);
  CHECK(!side.far->closed);
  side.far->end();
  side.settle();
  CHECK(closed == std::error_code{});
  CHECK(side.far->closed);
}

TEST_CASE("a cancelled receive completes once, and loses no message") {
  server_side side;
  asio::cancellation_signal stop;
  int completions = 0;
  std::error_code outcome;
  side.ws.receive(asio::bind_cancellation_slot(stop.slot(), [&](std::error_code error, kw::message) {
    ++completions;
    outcome = error;
  }));
  side.settle();
  // Half a message is there when the receive is cancelled.
  kw::frame_encoder<kw::role::client> const encoder;
  std::string frame(encoder.size(5), '\0');
  encoder.write(reinterpret_cast<std::byte*>(frame.data()), kw::opcode::text, kw::detail::as_bytes("whole"));
  side.far->push(frame.substr(0, 8));
  side.settle();
  stop.emit(asio::cancellation_type::all);
  side.settle();
  CHECK(completions == 1);
  CHECK(outcome == asio::error::operation_aborted);
  side.far->push(frame.substr(8));
  server_side::received got;
  side.receive(got);
  side.settle();
  CHECK(got.text == "whole");
  CHECK(completions == 1);
}

TEST_CASE("a cancelled wait for the queue or the close leaves the connection alone") {
  kw::net::connection_options options;
  options.send_queue_soft = 0;
  server_side side(options);
  side.far->writes_wait = true;
  asio::cancellation_signal stop_send, stop_close;
  std::optional<std::error_code> sent, closed;
  side.ws.send("x",
               asio::bind_cancellation_slot(stop_send.slot(), [&](std::error_code error) { sent = error; }));
  side.settle();
  CHECK(!sent);
  stop_send.emit(asio::cancellation_type::all);
  side.settle();
  CHECK(sent == asio::error::operation_aborted);
  side.far->let_write();
  side.ws.close(
      kw::close_code::normal, "",
      asio::bind_cancellation_slot(stop_close.slot(), [&](std::error_code error) { closed = error; }));
  side.settle();
  stop_close.emit(asio::cancellation_type::all);
  side.settle();
  CHECK(closed == asio::error::operation_aborted);
  CHECK(side.frames().size() == 2);
  CHECK(!side.far->closed);
}

TEST_CASE("one receive at a time") {
  server_side side;
  server_side::received first, second;
  side.receive(first);
  side.receive(second);
  side.settle();
  CHECK(!first.done);
  CHECK(second.error == kw::error::operation_in_progress);
}

TEST_CASE("a silent peer is pinged, and lost when it stays silent") {
  kw::net::connection_options options;
  options.ping_interval = 20ms;
  options.pong_timeout = 20ms;
  options.close_timeout = 20ms;
  server_side side(options);
  server_side::received got;
  side.receive(got);
  side.io.restart();
  side.io.run_for(2s);
  CHECK(got.error == kw::error::pong_timeout);
  auto const frames = side.frames();
  REQUIRE(frames.size() >= 2);
  CHECK(frames.front().first == kw::opcode::ping);
  CHECK(frames.back().first == kw::opcode::close);
}

TEST_CASE("idle_timeout counts messages only") {
  kw::net::connection_options options;
  options.ping_interval = 10ms;
  options.idle_timeout = 60ms;
  options.close_timeout = 10ms;
  server_side side(options);
  server_side::received got;
  side.receive(got);
  side.io.restart();
  auto const begin = std::chrono::steady_clock::now();
  while (!got.done && std::chrono::steady_clock::now() - begin < 2s) {
    side.io.run_for(5ms);
    side.io.restart();
    side.far->push_frame(client, kw::opcode::pong, "alive");
  }
  CHECK(got.error == kw::error::idle_timeout);
}

TEST_CASE("a websocket that is destroyed says going away and closes at once") {
  asio::io_context io;
  auto const far = std::make_shared<test::peer>(io.get_executor());
  std::error_code outcome;
  {
    basic_websocket<test::stream> ws(test::stream(far), kw::role::server);
    ws.receive([&](std::error_code error, kw::message) { outcome = error; });
  }
  test::settle(io);
  CHECK(far->closed);
  CHECK(outcome == asio::error::operation_aborted);
}

TEST_CASE("a handler may destroy the websocket, throw, or close") {
  SUBCASE("destroy") {
    asio::io_context io;
    auto const far = std::make_shared<test::peer>(io.get_executor());
    auto ws = std::make_unique<basic_websocket<test::stream>>(test::stream(far), kw::role::server);
    ws->receive([&](std::error_code, kw::message) { ws.reset(); });
    far->push_frame(client, kw::opcode::text, "go");
    test::settle(io);
    CHECK(!ws);
    CHECK(far->closed);
  }
  SUBCASE("throw") {
    server_side side;
    side.ws.receive([](std::error_code, kw::message) { throw std::string("mine"); });
    side.far->push_frame(client, kw::opcode::text, "go");
    CHECK_THROWS_AS(side.settle(), std::string);
    server_side::received got;
    side.receive(got);
    side.far->push_frame(client, kw::opcode::text, "on");
    side.settle();
    CHECK(got.text == "on");
  }
  SUBCASE("close") {
    server_side side;
    side.ws.receive(
        [&](std::error_code, kw::message) { side.ws.try_close(kw::close_code::going_away, "x"); });
    side.far->push_frame(client, kw::opcode::text, "go");
    side.settle();
    CHECK(side.frames() == std::vector{std::pair{kw::opcode::close, close_frame(1001, "x")}});
  }
}

TEST_CASE("an error at the k-th operation of the stream: every operation completes once") {
  for (std::size_t k = 1; k != 12; ++k) {
    CAPTURE(k);
    kw::net::connection_options options;
    options.close_timeout = 5ms;
    server_side side(options);
    side.far->fail_at = side.far->operations + k;
    int receives = 0, sends = 0, closes = 0;
    struct loop {
      server_side& side;
      int& receives;
      void operator()(std::error_code error, kw::message msg) {
        ++receives;
        if (!error && msg) side.ws.receive(loop{side, receives});
      }
    };
    side.ws.receive(loop{side, receives});
    for (int i = 0; i != 3; ++i) {
      side.far->push_frame(client, kw::opcode::text, "in");
      side.ws.send("out", [&](std::error_code) { ++sends; });
      side.settle();
    }
    side.ws.close(kw::close_code::normal, "", [&](std::error_code) { ++closes; });
    side.settle();
    side.far->push_close(client);
    side.far->end();
    side.io.restart();
    side.io.run_for(100ms);
    CHECK(sends == 3);
    CHECK(closes == 1);
    CHECK(receives >= 1);
    CHECK(side.far->closed);
  }
}

TEST_CASE("a remote sends from other threads, and outlives the connection") {
  kw::net::remote handle;
  CHECK(handle.send("nobody") == kw::error::closed);
  {
    server_side side;
    handle = side.ws.remote();
    CHECK(handle == side.ws.remote());
    std::vector<std::thread> threads;
    for (int t = 0; t != 4; ++t) {
      threads.emplace_back([&] {
        for (int i = 0; i != 25; ++i) handle.send("from elsewhere");
      });
    }
    for (auto& each : threads) each.join();
    side.settle();
    CHECK(side.frames().size() == 100);
    CHECK(handle.close(kw::close_code::going_away, "done") == std::error_code{});
    side.settle();
    CHECK(side.frames().back() == std::pair{kw::opcode::close, close_frame(1001, "done")});
  }
  CHECK(handle.send("gone") == kw::error::closed);
}

TEST_CASE("what a remote sends inside a fragmented message of the owner's waits for its end") {
  server_side side;
  CHECK(!side.ws.try_send_fragment(kw::opcode::text, kw::detail::as_bytes("Hel"), false));
  CHECK(!side.ws.remote().send("between"));
  side.settle();
  CHECK(side.frames().size() == 1);
  CHECK(!side.ws.try_send_fragment(kw::opcode::continuation, kw::detail::as_bytes("lo"), true));
  side.settle();
  CHECK(side.frames().back() == std::pair{kw::opcode::text, std::string("between")});
  CHECK(side.ws.remote().send(kw::opcode::ping, kw::detail::as_bytes(std::string(126, 'x'))) ==
        kw::error::invalid_argument);
  CHECK(side.ws.remote().send(kw::opcode::continuation, {}) == kw::error::invalid_argument);
}

TEST_CASE("messages that wait for a busy application are no idleness") {
  kw::net::connection_options options;
  options.idle_timeout = 30ms;
  server_side side(options);
  side.far->push_frame(client, kw::opcode::text, "one");
  side.far->push_frame(client, kw::opcode::text, "two");
  side.settle();
  CHECK(side.ws.try_receive().text() == "one");
  side.io.restart();
  side.io.run_for(100ms);
  CHECK(side.ws.is_open());
  CHECK(side.ws.try_receive().text() == "two");
}

TEST_CASE("a close() whose fellow receiver has stopped still sees that the peer has answered") {
  kw::net::connection_options options;
  options.close_timeout = 40ms;
  server_side side(options);
  server_side::received got;
  side.receive(got);
  side.settle();
  std::optional<std::error_code> closed;
  side.ws.close(kw::close_code::normal, "", [&](std::error_code error) { closed = error; });
  side.far->push_frame(client, kw::opcode::text, "one");
  side.far->push_frame(client, kw::opcode::text, "nobody asks for");
  side.far->push_close(client);
  side.io.restart();
  side.io.run_for(2s);
  CHECK(got.text == "one");
  CHECK(closed == std::error_code{});
  CHECK(side.ws.close_code() == kw::close_code::normal);
}

TEST_CASE("futures") {
  asio::io_context io;
  auto const far = std::make_shared<test::peer>(io.get_executor());
  basic_websocket<test::stream> ws(test::stream(far), kw::role::server);
  auto message = ws.receive(asio::use_future);
  auto sent = ws.send("out", asio::use_future);
  far->push_frame(client, kw::opcode::text, "in");
  test::settle(io);
  CHECK(message.get().text() == "in");
  sent.get();
  CHECK(far->written() == std::string("\x81\x03out", 5));
}

TEST_CASE("fragments that we send, with a ping between them") {
  server_side side;
  CHECK(!side.ws.try_send_fragment(kw::opcode::text, kw::detail::as_bytes("Hel"), false));
  CHECK(side.ws.try_send("other") == kw::error::fragment_in_progress);
  CHECK(!side.ws.try_send(kw::opcode::ping, {}));
  CHECK(!side.ws.try_send_fragment(kw::opcode::continuation, kw::detail::as_bytes("lo"), true));
  side.settle();
  CHECK(side.far->written() == std::string("\x01\x03Hel\x89\x00\x80\x02lo", 11));
}

TEST_CASE("over real sockets: both roles, 1 MiB messages, one thread or four on strands") {
  for (int threads : {1, 4}) {
    CAPTURE(threads);
    asio::io_context io;
    using protocol = support::pair_protocol;
    asio::any_io_executor const one = asio::make_strand(io), two = asio::make_strand(io);
    asio::basic_stream_socket<protocol, asio::any_io_executor> a(one), b(two);
    support::connect_pair(a, b);
    basic_websocket server(std::move(a), kw::role::server);
    basic_websocket peer(std::move(b), kw::role::client);
    std::exception_ptr failures[2];
    int rounds = 0;
    asio::co_spawn(
        one,
        [&]() -> asio::awaitable<void> {
          while (kw::message msg = co_await server.receive()) co_await server.send(msg);
        },
        [&](std::exception_ptr failure) { failures[0] = failure; });
    asio::co_spawn(
        two,
        [&]() -> asio::awaitable<void> {
          std::string big(1 << 20, 'x');
          for (int i = 0; i != 20; ++i) {
            big[static_cast<std::size_t>(i)] = 'y';
            co_await peer.send(big);
            co_await peer.send("small");
            kw::message const first = co_await peer.receive();
            bool const same = first.text() == big;
            kw::message const second = co_await peer.receive();
            rounds += same && second.text() == "small";
          }
          co_await peer.close();
        },
        [&](std::exception_ptr failure) { failures[1] = failure; });
    std::vector<std::thread> pool;
    for (int i = 1; i < threads; ++i) pool.emplace_back([&] { io.run_for(10s); });
    io.run_for(10s);
    for (auto& each : pool) each.join();
    CHECK(!failures[0]);
    CHECK(!failures[1]);
    CHECK(rounds == 20);
    CHECK(server.close_code() == kw::close_code::normal);
  }
}

TEST_CASE("how long the peer took to answer the connection's last ping") {
  server_side side({.ping_interval = 10ms, .pong_timeout = 10s});
  CHECK(!side.ws.last_round_trip());
  side.io.restart();
  for (int turn = 0; side.far->writes.empty() && turn != 100; ++turn) side.io.run_one_for(100ms);
  CHECK(side.frames() == std::vector<std::pair<kw::opcode, std::string>>{{kw::opcode::ping, ""}});
  CHECK(!side.ws.last_round_trip());
  side.far->push_frame(client, kw::opcode::pong, "");
  side.settle();
  REQUIRE(side.ws.last_round_trip());
  CHECK(*side.ws.last_round_trip() >= 0ms);
  CHECK(*side.ws.last_round_trip() < 5s);
}

TEST_CASE("what a connection has carried is counted where that is asked for") {
  CHECK(!server_side{}.ws.statistics());
  server_side side({.statistics = true});
  auto const bytes = [](std::string_view payload) { return payload.size() + 2; };
  side.ws.try_send("hello");
  side.ws.try_send(std::vector<std::uint8_t>{1, 2});
  side.ws.try_send_fragment(kw::message_type::text, kw::detail::as_bytes("a"), false);
  side.ws.try_send_fragment(kw::message_type::continuation, kw::detail::as_bytes("b"), true);
  CHECK(!side.ws.remote().send("from elsewhere"));
  side.ws.try_send(kw::message_type::ping, {});
  side.ws.try_send("\xff");  // refused or not, it is a message only if it was queued
  side.settle();
  auto const sent = side.ws.statistics().value();
  std::size_t messages = 0;
  for (auto const& [type, payload] : side.frames())
    messages += type == kw::opcode::text || type == kw::opcode::binary;
  CHECK(sent.messages_sent == messages);
  CHECK(sent.bytes_sent == side.far->written().size());
  CHECK(sent.messages_received == 0);
  CHECK(sent.bytes_received == 0);

  std::size_t received = 0;
  for (std::string_view const text : {"one", "two", "three"}) {
    side.far->push_frame(client, kw::opcode::text, text);
    received += bytes(text) + 4;
  }
  side.far->push_frame(client, kw::opcode::pong, "");
  received += bytes("") + 4;
  side.settle();
  while (side.ws.try_receive()) continue;
  auto const came = side.ws.statistics().value();
  CHECK(came.messages_received == 3);
  CHECK(came.bytes_received == received);
}

}  // namespace websocket_tests
