#include <kindwire/net/reconnecting_websocket.hpp>

#include <doctest/doctest.h>

#include <asio/bind_cancellation_slot.hpp>
#include <asio/cancellation_signal.hpp>
#include <asio/co_spawn.hpp>
#include <asio/detached.hpp>
#include <asio/ip/tcp.hpp>
#include <asio/use_future.hpp>
#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <system_error>
#include <type_traits>
#include <utility>
#include <vector>

#include "reconnecting/script.hpp"

namespace reconnecting_websocket_tests {

namespace kw = kindwire;
using namespace std::chrono_literals;
using state = kw::net::reconnect_state;
using test::script;
using test::words;

namespace {

// What an operation was completed with, if it was.
struct outcome {
  auto handler() {
    return [this](std::error_code failure, auto&&...) {
      CHECK(!error);
      error = failure;
    };
  }
  std::optional<std::error_code> error;
};

}  // namespace

TEST_CASE("comes back: what is received goes on, and where a connection ended and another began is told") {
  script run;
  run.log_events();
  REQUIRE(run.until_open());
  run.far.ws->try_send("one");
  run.far.ws->try_close(kw::close_code::service_restart, "back soon");
  REQUIRE(run.until_open(2));
  run.far.ws->try_send("two");
  REQUIRE(run.until_log(5));
  CHECK(run.log ==
        words{"connected 1", "one", "disconnected 1: 1012 service restartback soon", "connected 2", "two"});
  CHECK(run.feed->status().connections == 2);
  CHECK(run.feed->last_disconnection().reason == "back soon");
  CHECK(!run.feed->last_disconnection().error);

  run.far.kill();
  REQUIRE(run.until([&] { return !run.feed->is_open(); }));
  run.far.start();
  REQUIRE(run.until_open(3));
  CHECK(run.feed->status().connections == 3);
  CHECK(!run.feed->status().last_error);

  run.feed->try_close();
  REQUIRE(run.until_closed());
  REQUIRE(run.until([&] { return run.log.back() == "end"; }));
  CHECK(!run.feed->why());
  CHECK(run.log[run.log.size() - 2].starts_with("disconnected 3"));
}

TEST_CASE("comes back: receive() gives the messages alone") {
  script run;
  asio::co_spawn(
      run.io,
      [&]() -> asio::awaitable<void> {
        while (kw::message const msg = co_await run.feed->receive()) run.log.emplace_back(msg.text());
        run.log.emplace_back("end");
      },
      asio::detached);
  for (int i = 1; i != 4; ++i) {
    REQUIRE(run.until_open(i));
    run.far.ws->try_send("a");
    run.far.ws->try_send("b");
    REQUIRE(run.until_log(static_cast<std::size_t>(2 * i)));
    run.far.ws->try_close();
  }
  REQUIRE(run.until_open(4));
  run.feed->try_close();
  REQUIRE(run.until_log(7));
  CHECK(run.log == words{"a", "b", "a", "b", "a", "b", "end"});
}

TEST_CASE(
    "comes back: messages that are not received yet outlast their connection, and hold up the next but one") {
  // Otherwise the answer to a Close waits for those who may still answer a message before it.
  script run({}, {.connection = {.close_timeout = 50ms}});
  for (int i = 1; i != 3; ++i) {
    REQUIRE(run.until_open(i));
    run.far.ws->try_send(std::to_string(i));
    run.far.ws->try_send(std::to_string(i) + " again");
    run.far.ws->try_close();
  }
  REQUIRE(run.until([&] { return run.feed->status().connections == 2 && !run.feed->is_open(); }));
  run.settle();
  CHECK(run.far.opened == 2);
  run.log_events();
  REQUIRE(run.until_open(3));
  REQUIRE(run.until_log(9));
  CHECK(run.log == words{"connected 1", "1", "1 again", "disconnected 1: 1000 normal closure", "connected 2",
                         "2", "2 again", "disconnected 2: 1000 normal closure", "connected 3"});
}

TEST_CASE("comes back: a view stays until the next receive, whatever becomes of its connection") {
  // Otherwise the answer to a Close waits for those who may still answer a message before it.
  script run({}, {.connection = {.close_timeout = 50ms}});
  std::optional<kw::message> view;
  run.feed->receive([&](std::error_code, kw::message msg) { view = msg; });
  REQUIRE(run.until_open());
  run.far.ws->try_send("as it was");
  run.far.ws->try_send("the next");
  REQUIRE(run.until([&] { return view.has_value(); }));
  run.far.ws->try_close();
  REQUIRE(run.until_open(2));
  CHECK(view->text() == "as it was");
  run.log_messages();
  REQUIRE(run.until_log(1));
  CHECK(run.log == words{"the next"});
}

TEST_CASE("comes back: connections from which nothing came need nobody who receives") {
  script run;
  for (int i = 1; i != 5; ++i) {
    REQUIRE(run.until_open(i));
    run.far.ws->try_close();
    REQUIRE(run.until(
        [&] { return run.feed->status().connections > static_cast<unsigned>(i) || !run.feed->is_open(); }));
  }
  REQUIRE(run.until_open(5));
  run.log_events();  // only of what it received from
  run.far.ws->try_send("hello");
  REQUIRE(run.until_log(2));
  CHECK(run.log == words{"connected 5", "hello"});
}

TEST_CASE("comes back: a cancelled receive loses nothing, and only one waits at a time") {
  script run;
  asio::cancellation_signal stop;
  outcome cancelled, second;
  run.feed->receive(asio::bind_cancellation_slot(stop.slot(), cancelled.handler()));
  run.feed->receive(second.handler());
  REQUIRE(run.until_open());
  CHECK(second.error == kw::error::operation_in_progress);
  stop.emit(asio::cancellation_type::terminal);
  REQUIRE(run.until([&] { return cancelled.error.has_value(); }));
  CHECK(cancelled.error == asio::error::operation_aborted);
  run.far.ws->try_send("one");
  run.settle();
  run.log_messages();
  REQUIRE(run.until_log(1));
  CHECK(run.log == words{"one"});
}

TEST_CASE("comes back: close() while open sends what was sent before, and what came can still be received") {
  script run;
  REQUIRE(run.until_open());
  run.far.ws->try_send("greeting");
  run.settle();
  outcome closed;
  CHECK(!run.feed->try_send("last"));
  run.feed->close(kw::close_code::going_away, "done", closed.handler());
  CHECK(run.feed->try_send("later") == kw::error::closed);
  REQUIRE(run.until([&] { return closed.error.has_value(); }));
  CHECK(!*closed.error);
  CHECK(run.feed->state() == state::closed);
  REQUIRE(run.until([&] { return run.far.said == words{"last"}; }));
  run.log_messages();
  REQUIRE(run.until_log(2));
  CHECK(run.log == words{"greeting", "end"});
  outcome again;
  run.feed->close(again.handler());
  REQUIRE(run.until([&] { return again.error.has_value(); }));
  CHECK(!*again.error);
}

TEST_CASE("comes back: close() ends a wait, a handshake and a hook at once") {
  kw::net::reconnect_options options{.first_delay = 1h, .max_delay = 1h};
  std::string at;
  SUBCASE("a wait") { at = "waiting"; }
  SUBCASE("a handshake") { at = "handshake"; }
  SUBCASE("a hook before") { at = "before"; }
  SUBCASE("a hook after") { at = "opened"; }
  CAPTURE(at);
  bool reached = false;
  auto const for_ever = [&]() -> asio::awaitable<void> {
    reached = true;
    asio::steady_timer timer(co_await asio::this_coro::executor, 1h);
    co_await timer.async_wait(asio::use_awaitable);
  };
  if (at == "before") options.before = [&](kw::net::next_try&) { return for_ever(); };
  if (at == "opened") options.opened = [&](kw::net::websocket&) { return for_ever(); };
  asio::io_context io;
  asio::ip::tcp::acceptor silent(io, {asio::ip::make_address("127.0.0.1"), 0});
  script run(std::move(options), {.handshake_timeout = 1h});
  if (at == "handshake") {
    std::string const to = "ws://127.0.0.1:" + std::to_string(silent.local_endpoint().port());
    run.feed.emplace(run.client, run.io, to, script::quick({.first_delay = 1h}));
    run.settle();
  } else if (at == "waiting") {
    run.far.kill();
    REQUIRE(run.until([&] { return run.feed->state() == state::waiting; }));
  } else {
    REQUIRE(run.until([&] { return reached; }));
  }
  outcome closed, received;
  run.feed->receive(received.handler());
  run.feed->close(closed.handler());
  REQUIRE(run.until([&] { return closed.error && received.error; }));
  CHECK(!*closed.error);
  CHECK(!*received.error);
  CHECK(!run.feed->why());
  CHECK(run.feed->state() == state::closed);
  CHECK(run.until([&] { return run.io.stopped(); }));
}

TEST_CASE("comes back: a bad close changes nothing") {
  script run;
  REQUIRE(run.until_open());
  CHECK(run.feed->try_close(kw::close_code::abnormal) == kw::error::invalid_argument);
  CHECK(run.feed->try_close(kw::close_code::normal, std::string(124, 'x')) == kw::error::invalid_argument);
  outcome closed;
  run.feed->close(kw::close_code::no_status, "why", closed.handler());
  REQUIRE(run.until([&] { return closed.error.has_value(); }));
  CHECK(closed.error == kw::error::invalid_argument);
  CHECK(run.feed->is_open());
}

TEST_CASE("comes back: the state is told") {
  script run;
  REQUIRE(run.until_open());
  run.far.ws->try_close();
  REQUIRE(run.until_open(2));
  run.feed->try_close();
  REQUIRE(run.until_closed());
  using states = std::vector<state>;
  CHECK(run.states == states{state::connecting, state::open, state::waiting, state::connecting, state::open,
                             state::closed});
}

TEST_CASE("comes back: destroyed at any point, it completes what waits") {
  int when = 0;
  SUBCASE("before it has begun") { when = 0; }
  SUBCASE("while open") { when = 1; }
  SUBCASE("while waiting") { when = 2; }
  CAPTURE(when);
  script run({.first_delay = 1h, .max_delay = 1h});
  if (when != 0) REQUIRE(run.until_open());
  if (when == 2) {
    run.far.kill();
    REQUIRE(run.until([&] { return run.feed->state() == state::waiting; }));
  }
  outcome received, closed;
  run.feed->receive(received.handler());
  run.feed->close(closed.handler());
  script::feed_type moved = std::move(*run.feed);
  CHECK(run.feed->state() == state::closed);
  moved = script::feed_type();
  REQUIRE(run.until([&] { return received.error && closed.error; }));
  CHECK(received.error == asio::error::operation_aborted);
  CHECK(closed.error == asio::error::operation_aborted);
  CHECK(run.until([&] { return run.io.stopped(); }));
}

TEST_CASE("comes back: it may be destroyed by its own callbacks") {
  for (state const at : {state::connecting, state::open, state::waiting, state::closed}) {
    CAPTURE(static_cast<int>(at));
    test::far_end far;
    asio::io_context io;
    std::optional<script::feed_type> feed;
    bool destroyed = false;
    auto options = script::quick();
    options.changed = [&](kw::net::reconnect_status const& now) {
      if (now.state == state::open && at > state::open)
        at == state::closed ? void(feed->try_close()) : far.kill();
      if (now.state != at) return;
      feed.reset();
      destroyed = true;
    };
    outcome received;
    feed.emplace(kw::net::client(), io, far.uri(), std::move(options));
    feed->receive(received.handler());
    for (int turn = 0; turn != 200'000 && !(destroyed && received.error); ++turn) {
      io.restart();
      if (io.poll() == 0 && !far.run()) std::this_thread::sleep_for(100us);
    }
    CHECK(destroyed);
    CHECK(received.error == asio::error::operation_aborted);
  }
}

TEST_CASE("comes back: a context that is destroyed takes all with it, also what owns the connection") {
  for (int when = 0; when != 3; ++when) {
    CAPTURE(when);
    auto const alive = std::make_shared<int>();
    test::far_end far;
    {
      asio::io_context io(1);
      auto const own = [&, alive]() -> asio::awaitable<void> {
        script::feed_type feed(kw::net::client(), io, far.uri(),
                               script::quick({.first_delay = 1h, .max_delay = 1h}));
        std::shared_ptr<int> const kept = alive;
        while (co_await feed.receive()) {}
      };
      asio::co_spawn(io, own, asio::detached);
      bool lost = false;
      for (int turn = 0; turn != 200'000; ++turn) {
        if (when == 0) {
          io.poll_one();
          break;
        }
        if (when == 1 && far.opened != 0) break;
        if (far.opened != 0 && !std::exchange(lost, true)) far.kill();
        io.restart();
        if (io.poll() == 0 && !far.run()) {
          if (lost) break;
          std::this_thread::sleep_for(100us);
        }
      }
    }
    CHECK(alive.use_count() == 1);
  }
}

TEST_CASE("comes back: one without a connection is closed") {
  script::feed_type none;
  CHECK(none.state() == state::closed);
  CHECK(none.try_send("x") == kw::error::closed);
  CHECK(!none.try_close());
  CHECK(!none.why());
  none.retry_now();
  CHECK(!none.receive(asio::use_future).get());
  CHECK_THROWS_AS(none.send("x", asio::use_future).get(), std::system_error);
  none.close(asio::use_future).get();
  CHECK(!none.last_failure().error);
  CHECK(none.status().connections == 0);
  static_assert(std::is_nothrow_move_constructible_v<script::feed_type>);
}

TEST_CASE("comes back: a message that a hook has left half received ends the connection, and no more") {
  script run({.opened = [first = true](kw::net::websocket& ws) mutable -> asio::awaitable<void> {
    if (std::exchange(first, false)) co_await ws.receive_some();
  }});
  run.log_messages();
  REQUIRE(run.until([&] { return run.far.ws != nullptr; }));
  run.far.ws->try_send_fragment(kw::message_type::text, kw::detail::as_bytes("half"), false);
  REQUIRE(run.until_open(2));
  CHECK(run.feed->last_disconnection().error == kw::error::message_in_progress);
  run.far.ws->try_send("whole");
  REQUIRE(run.until_log(1));
  CHECK(run.log == words{"whole"});
}

TEST_CASE("comes back: what a program gave for one connect() need not outlive the call") {
  kw::net::connect_failure failure;
  kw::response refusal{0, {}, {}};
  script run({}, {.failure = &failure, .refusal = &refusal});
  run.far.answer = [](kw::request const&) { return std::optional(kw::response::plain(503)); };
  REQUIRE(run.until([&] { return run.far.requests.size() == 2; }));
  run.far.kill();
  REQUIRE(run.until([&] { return run.feed->status().attempts > 3; }));
  CHECK(!failure.code);
  CHECK(refusal.status == 0);
}

}  // namespace reconnecting_websocket_tests
