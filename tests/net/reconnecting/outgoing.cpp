#include <kindwire/net/reconnecting/outgoing.hpp>

#include <doctest/doctest.h>

#include <asio/ip/tcp.hpp>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <kindwire/json/writer.hpp>
#include <kindwire/net/reconnecting_websocket.hpp>
#include <memory>
#include <optional>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include "../test_stream.hpp"
#include "script.hpp"

namespace outgoing_tests {

namespace kw = kindwire;
using namespace std::chrono_literals;
using kw::net::away_policy;
using state = kw::net::reconnect_state;
using test::script;
using test::words;

namespace {

struct progress {
  double value;
  static constexpr auto schema = kw::kind("PROGRESS", kw::field("value", &progress::value));
};

// Lost, with no other connection before the test says so.
void lose(script& run) {
  run.far.kill();
  REQUIRE(run.until([&] { return run.feed->state() != state::open; }));
}

}  // namespace

TEST_CASE("away: refused, unless the program says otherwise") {
  script run;
  CHECK(run.feed->try_send("early") == kw::net::reconnect_error::away);
  REQUIRE(run.until_open());
  CHECK(!run.feed->try_send("there"));
  REQUIRE(run.until([&] { return run.far.said == words{"there"}; }));
  lose(run);
  CHECK(run.feed->try_send("away") == kw::net::reconnect_error::away);
  std::optional<std::error_code> outcome;
  run.feed->send("away", [&](std::error_code failure) { outcome = failure; });
  REQUIRE(run.until([&] { return outcome.has_value(); }));
  CHECK(outcome == kw::net::reconnect_error::away);
  CHECK(run.feed->status().kept == 0);
}

TEST_CASE("away: kept in order, and sent after what the hook sends") {
  script run({.opened = [](kw::net::websocket& ws) -> asio::awaitable<void> {
                ws.try_send("subscribe");
                co_await asio::post(co_await asio::this_coro::executor, asio::use_awaitable);
                ws.try_send("again");
              },
              .while_away = away_policy::keep});
  CHECK(!run.feed->try_send("1"));
  std::optional<std::error_code> outcome;
  run.feed->send("2", [&](std::error_code failure) { outcome = failure; });
  REQUIRE(run.until([&] { return outcome.has_value(); }));
  CHECK(!*outcome);
  REQUIRE(run.until([&] { return run.far.said.size() == 4; }));
  CHECK(run.far.said == words{"subscribe", "again", "1", "2"});
  CHECK(!run.feed->try_send("3"));
  REQUIRE(run.until([&] { return run.far.said.size() == 5; }));
  lose(run);
  CHECK(!run.feed->try_send("4"));
  auto const waiting = run.feed->status();
  CHECK(waiting.kept == 1);
  CHECK(waiting.kept_bytes == 161);
  run.far.start();
  CHECK(!run.feed->try_send("5"));
  REQUIRE(run.until([&] { return run.far.said.size() == 9; }));
  CHECK(run.far.said == words{"subscribe", "again", "1", "2", "3", "subscribe", "again", "4", "5"});
  CHECK(!run.feed->try_send("6"));  // which also notices that the others are taken
  CHECK(run.feed->status().kept <= 1);
  CHECK(run.feed->status().dropped == 0);
}

TEST_CASE("away: every kind of message") {
  script run({.while_away = away_policy::keep});
  std::vector<unsigned char> const bytes{1, 2};
  CHECK(!run.feed->try_send(std::string("text")));
  CHECK(!run.feed->try_send(bytes));
  CHECK(!run.feed->try_send(kw::prepared_message("prepared")));
  CHECK(!run.feed->try_send(kw::message(kw::message_type::text, kw::detail::as_bytes("message"))));
  CHECK(!run.feed->try_send(progress{0.5}));
  CHECK(!run.feed->try_send(kw::message_type::text, kw::detail::as_bytes("typed")));
  CHECK(run.feed->try_send(kw::message_type::ping, {}) == kw::error::invalid_argument);
  REQUIRE(run.until([&] { return run.far.said.size() == 6; }));
  CHECK(run.far.said ==
        words{"text", "\x01\x02", "prepared", "message", R"({"kind":"PROGRESS","value":0.5})", "typed"});
}

TEST_CASE("away: no more is kept than was said, and nothing of it is sent after close()") {
  script run({.while_away = away_policy::keep, .max_kept = 1000});
  run.far.kill();
  std::string const half(200, 'x');
  CHECK(!run.feed->try_send(half));
  CHECK(!run.feed->try_send(half));
  CHECK(run.feed->try_send(half) == kw::error::send_queue_full);
  CHECK(run.feed->status().kept == 2);
  run.feed->try_close();
  CHECK(run.feed->try_send("") == kw::error::closed);
  REQUIRE(run.until_closed());
  CHECK(run.feed->status().kept == 2);
}

TEST_CASE("away: the latest of each key") {
  script run({.while_away = away_policy::keep_latest,
              .key_of = [](kw::message const& of) { return std::string(of.text().substr(0, 1)); }});
  for (auto const* const each : {"a1", "b1", "a2", "c1", "a3"}) CHECK(!run.feed->try_send(each));
  CHECK(run.feed->status().dropped == 2);
  REQUIRE(run.until([&] { return run.far.said.size() == 3; }));
  CHECK(run.far.said == words{"b1", "c1", "a3"});
  // All are sent while there is a connection.
  for (auto const* const each : {"a4", "a5", "a6"}) CHECK(!run.feed->try_send(each));
  REQUIRE(run.until([&] { return run.far.said.size() == 6; }));
}

TEST_CASE("away: more than a connection takes at once leaves as it takes it") {
  script run({.while_away = away_policy::keep, .max_kept = std::size_t{64} << 20},
             {.connection = {.send_queue_soft = 100'000, .send_queue_hard = 200'000}});
  std::string const part(10'000, 'x');
  for (int i = 0; i != 500; ++i) CHECK(!run.feed->try_send(std::to_string(i) + part));
  REQUIRE(run.until([&] { return run.far.said.size() >= 10; }));
  CHECK(!run.feed->try_send("last"));
  REQUIRE(run.until([&] { return run.far.said.size() == 501; }));
  for (std::size_t i = 0; i != 500; ++i) CHECK(run.far.said[i] == std::to_string(i) + part);
  CHECK(run.far.said.back() == "last");
}

TEST_CASE("away: what a connection had not taken when it broke is sent once more, and nothing twice") {
  script run(
      {.while_away = away_policy::keep, .max_kept = std::size_t{64} << 20},
      {.connection = {.send_queue_soft = std::size_t{64} << 20, .send_queue_hard = std::size_t{64} << 20}});
  REQUIRE(run.until_open());
  // More than the sockets hold, at a server that does not read.
  constexpr std::size_t count = 400;
  std::string const part(100'000, 'x');
  for (std::size_t i = 0; i != count; ++i) {
    CHECK(!run.feed->try_send(std::to_string(i) + ' ' + part));
    run.io.restart();
    run.io.poll();
  }
  run.far.kill();
  REQUIRE(run.until([&] { return run.feed->state() != state::open; }));
  std::size_t const left = run.feed->status().kept;
  CHECK(left > 0);
  CHECK(left < count);  // some were taken, and have gone with the server
  run.far.start();
  REQUIRE(run.until([&] { return run.far.said.size() >= left; }));
  run.settle();
  REQUIRE(run.far.said.size() == left);
  for (std::size_t i = 0; i != left; ++i)
    CHECK(run.far.said[i].starts_with(std::to_string(count - left + i) + ' '));
}

TEST_CASE("away: a send waits for room, and is done with the connection if it is kept") {
  bool const keeps = [] {
    bool which = false;
    SUBCASE("kept") { which = true; }
    SUBCASE("not kept") {}
    return which;
  }();
  script run({.while_away = keeps ? away_policy::keep : away_policy::refuse},
             {.connection = {.send_queue_soft = 10, .send_queue_hard = std::size_t{64} << 20}});
  REQUIRE(run.until_open());
  std::optional<std::error_code> outcome;
  run.feed->send(std::string(std::size_t{32} << 20, 'x'),
                 [&](std::error_code failure) { outcome = failure; });
  run.io.restart();
  run.io.poll();
  CHECK(!outcome);
  run.far.kill();
  REQUIRE(run.until([&] { return outcome.has_value(); }));
  CHECK(static_cast<bool>(*outcome) != keeps);
  CHECK(run.feed->status().kept == (keeps ? 1 : 0));
}

TEST_CASE("away: what is queued when the server closes is sent once") {
  // A Close that is received at once, and behind more than a write takes.
  script run({.while_away = away_policy::keep, .max_kept = std::size_t{64} << 20},
             {.connection = {.send_queue_soft = std::size_t{64} << 20,
                             .send_queue_hard = std::size_t{64} << 20,
                             .close_timeout = 10min}});
  run.log_messages();
  REQUIRE(run.until_open());
  constexpr std::size_t count = 100;
  std::string const part(100'000, 'x');
  for (std::size_t i = 0; i != count; ++i) CHECK(!run.feed->try_send(std::to_string(i) + ' ' + part));
  run.io.restart();
  run.io.poll();
  REQUIRE(run.far.ws != nullptr);
  run.far.ws->try_close(kw::close_code::going_away);
  words later;
  for (int turn = 0; turn != 200; ++turn) {
    run.far.run();
    run.io.restart();
    run.io.poll();
    if (turn % 20 == 0) CHECK(!run.feed->try_send(later.emplace_back("later " + std::to_string(turn))));
  }
  REQUIRE(run.until_open(2));
  CHECK(!run.feed->try_send(later.emplace_back("end")));
  REQUIRE(run.until([&] { return !run.far.said.empty() && run.far.said.back() == "end"; }));
  REQUIRE(run.far.said.size() == count + later.size());
  for (std::size_t i = 0; i != count; ++i) CHECK(run.far.said[i].starts_with(std::to_string(i) + ' '));
  CHECK(words(run.far.said.begin() + count, run.far.said.end()) == later);
}

TEST_CASE("away: what the stream took before its end is taken, whichever is seen first") {
  asio::io_context io;
  auto const far = std::make_shared<test::peer>(io.get_executor());
  auto const options = std::make_shared<kw::net::reconnect_options const>(
      kw::net::reconnect_options{.while_away = away_policy::keep});
  auto const out = std::make_shared<kw::net::detail::outgoing>(io.get_executor(), options);
  kw::net::basic_websocket<test::stream> ws(test::stream(far), kw::role::client,
                                            kw::net::detail::outgoing::fit_for(*options, {}).connection);
  auto const over = kw::net::detail::websocket_access::state(ws);
  auto const line = std::make_shared<kw::net::detail::line>(std::move(ws), 1);
  bool ended = false;
  over->wait_closed(kw::net::detail::operation<std::error_code>(
                        [&](std::error_code) {
                          ended = true;
                          line->end();
                          out->line_over(line);
                        },
                        io.get_executor()),
                    over->next_ticket());
  out->open(line);
  far->writes_wait = true;
  CHECK(!out->send(kw::message(kw::message_type::text, kw::detail::as_bytes("taken"))));
  test::settle(io);
  REQUIRE(far->writes.size() == 1);
  CHECK(!out->send(kw::message(kw::message_type::text, kw::detail::as_bytes("left"))));
  // Both are there at once, and the failed read comes first.
  far->reading.post(asio::error::connection_reset, 0);
  far->let_write();
  test::settle(io);
  REQUIRE(ended);
  CHECK(far->writes.size() == 1);
  REQUIRE(out->kept().count() == 1);
  CHECK(out->kept().first().text() == "left");
  far->drop();
}

TEST_CASE("away: what has been taken is not kept any more, though nothing else is sent") {
  script run({.while_away = away_policy::keep});
  CHECK(!run.feed->try_send("only"));
  CHECK(run.feed->status().kept == 1);
  REQUIRE(run.until([&] { return run.feed->status().kept == 0; }));
  CHECK(run.feed->status().kept_bytes == 0);
  REQUIRE(run.until([&] { return run.far.said == words{"only"}; }));
}

TEST_CASE("away: a hook that sets all options anew does not have messages sent twice") {
  script run({.before = [](kw::net::next_try& next) -> asio::awaitable<void> {
                next.options = {};
                co_return;
              },
              .while_away = away_policy::keep});
  CHECK(!run.feed->try_send("once"));
  REQUIRE(run.until([&] { return run.far.said == words{"once"}; }));
  run.far.ws->try_close();
  REQUIRE(run.until_open(2));
  CHECK(!run.feed->try_send("later"));
  REQUIRE(run.until([&] { return run.far.said.back() == "later"; }));
  CHECK(run.far.said == words{"once", "later"});
}

TEST_CASE("away: a hook that takes away the websocket whose bytes are counted has failed") {
  kw::net::client const plain;
  std::string to;
  bool replaces = false;
  SUBCASE("and leaves none") {}
  SUBCASE("and leaves one that does not count") { replaces = true; }
  script run({.opened = [&](kw::net::websocket& ws) -> asio::awaitable<void> {
                kw::net::websocket const gone = std::move(ws);
                if (replaces) ws = co_await plain.connect(co_await asio::this_coro::executor, to);
              },
              .while_away = away_policy::keep});
  to = run.far.uri();
  CHECK(!run.feed->try_send("kept"));
  REQUIRE(run.until_closed());
  CHECK(run.feed->why() == kw::net::reconnect_error::hook_failed);
  CHECK(run.feed->last_failure().text == "`opened` has taken its websocket away");
  CHECK(run.feed->status().kept == 1);
  run.settle();
  CHECK(run.far.said.empty());
}

TEST_CASE("away: what a remote sends between the last message and the end leaves before the end") {
  kw::net::remote remote;
  int openings = 0;
  script run({.opened = [&](kw::net::websocket& ws) -> asio::awaitable<void> {
                if (openings++ == 0) remote = ws.remote();
                co_return;
              },
              .while_away = away_policy::keep});
  REQUIRE(run.until_open());
  CHECK(!run.feed->try_send("message"));
  CHECK(!remote.send("mail"));
  SUBCASE("we close") {
    run.feed->try_close();
    REQUIRE(run.until_closed());
    REQUIRE(run.until([&] { return run.far.ws == nullptr; }));
  }
  SUBCASE("the server closes") {
    run.far.ws->try_close();
    REQUIRE(run.until_open(2));
    CHECK(remote.send("late"));
    run.settle();
  }
  CHECK(run.far.said == words{"message", "mail"});
}

TEST_CASE("away: marks that leave no room between them are not asked again and again") {
  std::size_t soft = 0;
  std::size_t hard = 0;
  SUBCASE("a soft one above the hard one") {
    soft = 200'000;
    hard = 100'000;
  }
  SUBCASE("none at all") {}
  script run({.while_away = away_policy::keep, .max_kept = std::size_t{64} << 20},
             {.connection = {.send_queue_soft = soft, .send_queue_hard = hard}});
  std::string const part(100'000, 'x');
  for (int i = 0; i != 200; ++i) CHECK(!run.feed->try_send(part));
  // The server does not read: the connection has to wait for it, and nothing is left to run.
  auto const pump = [&] {
    for (int turns = 0; turns != 100'000; ++turns) {
      run.io.restart();
      if (run.io.poll_one() == 0) return true;
    }
    return false;
  };
  auto const limit = std::chrono::steady_clock::now() + 1min;
  bool rests = true;
  while (rests && !run.feed->is_open() && std::chrono::steady_clock::now() < limit) {
    rests = pump();
    if (!run.feed->is_open()) run.far.run();
  }
  REQUIRE(rests);
  REQUIRE(run.until([&] { return run.far.said.size() == 200; }));
}

}  // namespace outgoing_tests
