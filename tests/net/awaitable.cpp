// What awaits that need not wait cost and do: that asio::awaitable<message> and asio::awaitable<sent> are
// Asio's own to everything that uses them.
#include <kindwire/net/awaitable.hpp>

#include <doctest/doctest.h>

#include <asio/bind_cancellation_slot.hpp>
#include <asio/cancellation_signal.hpp>
#include <asio/co_spawn.hpp>
#include <asio/detached.hpp>
#include <asio/experimental/awaitable_operators.hpp>
#include <asio/io_context.hpp>
#include <asio/post.hpp>
#include <asio/steady_timer.hpp>
#include <asio/strand.hpp>
#include <asio/this_coro.hpp>
#include <chrono>
#include <exception>
#include <functional>
#include <kindwire/net/websocket.hpp>
#include <memory>
#include <optional>
#include <string>
#include <system_error>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

#include "test_stream.hpp"

namespace awaitable_tests {

namespace kw = kindwire;
using namespace std::chrono_literals;
using namespace asio::experimental::awaitable_operators;

namespace {

// A websocket of ours whose peer is the test.
struct side {
  side() : far(std::make_shared<test::peer>(io.get_executor())) {
    ws.emplace(test::stream(far), kw::role::server);
  }
  ~side() { far->drop(); }

  void push(std::string const& text) {
    far->push_frame(kw::role::client, kw::opcode::text, text);
    test::settle(io);
  }

  // Runs `work` on the connection's context until nothing more can happen. An exception leaves, unless it
  // comes later.
  template <class Work>
  void run(Work work) {
    auto const kept = std::make_shared<Work>(std::move(work));
    works.push_back(kept);
    auto const failure = std::make_shared<std::exception_ptr>();
    asio::co_spawn(io, (*kept)(), [failure](std::exception_ptr thrown) { *failure = thrown; });
    test::settle(io);
    if (*failure) std::rethrow_exception(*failure);
  }

  std::vector<std::shared_ptr<void>> works;  // their coroutines refer to what they capture
  asio::io_context io;
  std::shared_ptr<test::peer> far;
  std::optional<kw::net::basic_websocket<test::stream>> ws;
};

asio::awaitable<std::string> receive_text(kw::net::websocket& ws) {
  kw::message const msg = co_await ws.receive();
  co_return std::string(msg.text());
}

asio::awaitable<kw::message> pass_on(kw::net::websocket& ws) { co_return co_await ws.receive(); }

asio::awaitable<void> send_later(kw::net::websocket& ws, std::string text) { return ws.send(text); }

}  // namespace

static_assert(
    std::is_same_v<decltype(std::declval<kw::net::websocket&>().receive()), asio::awaitable<kw::message>>);
static_assert(std::is_convertible_v<asio::awaitable<kw::net::sent>, asio::awaitable<void>>);
static_assert(!std::is_copy_constructible_v<asio::awaitable<kw::message>>);

TEST_CASE("messages that are there are received, and sends with room are over, within one turn") {
  side one;
  one.push("a");
  one.push("b");
  std::string got;
  bool posted_first = false;
  one.run([&]() -> asio::awaitable<void> {
    asio::post(one.io, [&] { posted_first = true; });
    for (int i = 0; i != 2; ++i) {
      kw::message const msg = co_await one.ws->receive();
      got += msg.text();
      co_await one.ws->send(msg);
    }
    CHECK_FALSE(posted_first);
  });
  CHECK(got == "ab");
}

TEST_CASE("a message that comes later wakes coroutines of any result") {
  side one;
  std::string got;
  one.run([&]() -> asio::awaitable<void> {
    got += co_await receive_text(*one.ws);
    kw::message const msg = co_await pass_on(*one.ws);
    got += msg.text();
    kw::message const last = co_await one.ws->receive();
    got += last.text();
  });
  CHECK(got.empty());
  one.push("a");
  CHECK(got == "a");
  one.push("b");
  CHECK(got == "ab");
  one.push("c");
  CHECK(got == "abc");
}

TEST_CASE("nothing is received before it is awaited, nor lost if it never is") {
  side one;
  one.push("a");
  { auto const never = one.ws->receive(); }
  auto first = one.ws->receive();
  auto moved = std::move(first);
  std::string got;
  one.run([&]() -> asio::awaitable<void> {
    kw::message const msg = co_await std::move(moved);
    got = msg.text();
  });
  CHECK(got == "a");
}

TEST_CASE("an awaitable is assigned another, and what it held is gone") {
  side one;
  auto held = std::make_shared<int>(1);
  auto const holding = [](std::shared_ptr<int>) -> asio::awaitable<kw::message> { co_return kw::message{}; };
  auto waiting = holding(held);
  CHECK(held.use_count() == 2);
  waiting = one.ws->receive();
  CHECK(held.use_count() == 1);
  CHECK(waiting.valid());
  CHECK_FALSE(asio::awaitable<kw::message>{}.valid());
}

TEST_CASE("a cancelled receive ends with operation_aborted, and the next message is not lost") {
  side one;
  asio::cancellation_signal signal;
  std::exception_ptr failure;
  asio::co_spawn(one.io, receive_text(*one.ws),
                 asio::bind_cancellation_slot(
                     signal.slot(), [&](std::exception_ptr thrown, std::string) { failure = thrown; }));
  test::settle(one.io);
  CHECK_FALSE(failure);
  signal.emit(asio::cancellation_type::terminal);
  test::settle(one.io);
  REQUIRE(failure);
  try {
    std::rethrow_exception(failure);
  } catch (std::system_error const& why) {
    CHECK(why.code() == asio::error::operation_aborted);
  }
  one.push("a");
  std::string got;
  one.run([&]() -> asio::awaitable<void> { got = co_await receive_text(*one.ws); });
  CHECK(got == "a");
}

TEST_CASE("one of several, with awaitable_operators") {
  side one;
  std::string got;
  one.run([&]() -> asio::awaitable<void> {
    asio::steady_timer soon(one.io, 1ms);
    auto first = co_await (one.ws->receive() || soon.async_wait(asio::use_awaitable));
    got += first.index() == 1 ? "timer " : "message ";
    asio::steady_timer late(one.io, 10min);
    auto second = co_await (one.ws->receive() || late.async_wait(asio::use_awaitable));
    got += second.index() == 0 ? std::get<0>(second).text() : "timer";
    co_await (one.ws->send("both") && one.ws->ping());
  });
  for (int i = 0; i != 100 && got.empty(); ++i) {
    one.io.restart();
    one.io.run_for(5ms);
  }
  one.push("a");
  CHECK(got == "timer a");
}

TEST_CASE("a second receive is refused while the first goes on waiting") {
  side one;
  std::string got;
  one.run([&]() -> asio::awaitable<void> { got = co_await receive_text(*one.ws); });
  CHECK_THROWS_WITH_AS(one.run([&]() -> asio::awaitable<void> { co_await one.ws->receive(); }),
                       doctest::Contains("already waiting"), std::system_error);
  one.push("a");
  CHECK(got == "a");
}

TEST_CASE("a receive that waits learns of the end, and so does one after it") {
  side one;
  std::string ends;
  one.run([&]() -> asio::awaitable<void> {
    while (co_await one.ws->receive()) {}
    ends += "closed ";
    if (!co_await one.ws->receive()) ends += "still closed";
  });
  one.far->push_frame(kw::role::client, kw::opcode::close, std::string("\x03\xe8", 2));
  test::settle(one.io);
  one.far->end();
  test::settle(one.io);
  CHECK(ends == "closed still closed");

  side two;
  int failures = 0;
  two.run([&]() -> asio::awaitable<void> {
    for (int i = 0; i != 2; ++i) {
      try {
        co_await two.ws->receive();
      } catch (std::system_error const& why) {
        CHECK(why.code() == kw::error::connection_lost);
        ++failures;
      }
    }
  });
  two.far->end();
  test::settle(two.io);
  CHECK(failures == 2);
}

TEST_CASE("a receive repeated again and again, whatever the answer, does not keep others waiting") {
  for (bool const over : {true, false}) {
    CAPTURE(over);
    side one;
    bool others_had_a_turn = false;
    int times = 0;
    if (over) {
      one.far->end();
    } else {
      one.run([&]() -> asio::awaitable<void> { co_await one.ws->receive(); });
    }
    one.run([&]() -> asio::awaitable<void> {
      asio::post(one.io, [&] { others_had_a_turn = true; });
      while (!others_had_a_turn && ++times != 100'000) {
        try {
          co_await one.ws->receive();
        } catch (std::system_error const&) {}
      }
    });
    CHECK(others_had_a_turn);
    CHECK(times < 10);
  }

  // The same with callbacks.
  side two;
  two.far->end();
  bool others_had_a_turn = false;
  int times = 0;
  std::function<void()> const ask = [&] {
    two.ws->receive([&](std::error_code failure, kw::message) {
      if (failure && ++times == 1) asio::post(two.io, [&] { others_had_a_turn = true; });
      if (!others_had_a_turn && times != 100'000) ask();
    });
  };
  ask();
  test::settle(two.io);
  CHECK(others_had_a_turn);
  CHECK(times < 10);
}

TEST_CASE("a coroutine on another executor than the connection's gets its messages there") {
  side one;
  auto const other = asio::make_strand(one.io);
  bool there = false;
  std::string got;
  asio::co_spawn(
      other,
      [&]() -> asio::awaitable<void> {
        kw::message const msg = co_await one.ws->receive();
        there = other.running_in_this_thread();
        got = msg.text();
      },
      asio::detached);
  test::settle(one.io);
  one.push("a");
  CHECK(there);
  CHECK(got == "a");
}

TEST_CASE("a context that ends destroys the coroutine that waits in it") {
  auto const held = std::make_shared<int>(1);
  {
    side one;
    asio::co_spawn(
        one.io,
        [&one, held]() -> asio::awaitable<void> {
          auto const also = held;
          co_await one.ws->receive();
        },
        asio::detached);
    test::settle(one.io);
    CHECK(held.use_count() > 1);
  }
  CHECK(held.use_count() == 1);
}

TEST_CASE("a send may be returned as a function's own awaitable, spawned, and fail") {
  side one;
  one.run([&]() -> asio::awaitable<void> {
    co_await send_later(*one.ws, "a");
    asio::co_spawn(one.io, one.ws->send("b"), asio::detached);
  });
  CHECK(one.far->written() ==
        "\x81\x01"
        "a\x81\x01"
        "b");
  one.ws->try_close();
  CHECK_THROWS_AS(one.run([&]() -> asio::awaitable<void> { co_await one.ws->send("c"); }), std::system_error);
}

TEST_CASE("a websocket without a connection is closed") {
  asio::io_context io;
  std::error_code failure;
  asio::co_spawn(
      io,
      [&]() -> asio::awaitable<void> {
        kw::net::websocket none;
        try {
          co_await none.receive();
        } catch (std::system_error const& why) {
          failure = why.code();
        }
      },
      asio::detached);
  io.run();
  CHECK(failure == kw::error::closed);
}

}  // namespace awaitable_tests
