#include <kindwire/net/route_check.hpp>

#include <doctest/doctest.h>

#include <asio/awaitable.hpp>
#include <asio/io_context.hpp>
#include <asio/steady_timer.hpp>
#include <asio/this_coro.hpp>
#include <asio/use_awaitable.hpp>
#include <atomic>
#include <chrono>
#include <exception>
#include <functional>
#include <future>
#include <kindwire/net/server.hpp>
#include <list>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include "served_in_threads.hpp"
#include "test_stream.hpp"

namespace route_check_tests {

namespace kw = kindwire;
using namespace std::chrono_literals;
using kw::net::response_or;
using kw::net::route_check;
using test::for_each_kind;
using test::plain_client;
using test::served_in_threads;
using test::upgrade_request;
using test::wait_until;

namespace {

struct user {
  std::string name;
  std::unique_ptr<int> only_moved = {};
};

asio::awaitable<void> echo(kw::net::websocket& ws) {
  while (kw::message msg = co_await ws.receive()) co_await ws.send(msg);
}
asio::awaitable<void> greet(kw::net::websocket& ws, user& who) {
  co_await ws.send("hello " + who.name);
  while (kw::message msg = co_await ws.receive()) co_await ws.send(who.name + ": " + std::string(msg.text()));
}

asio::awaitable<void> pause(std::chrono::milliseconds time) {
  asio::steady_timer timer(co_await asio::this_coro::executor, time);
  co_await timer.async_wait(asio::use_awaitable);
}

std::string token_of(kw::request const& head) {
  return std::string(head.header("Authorization").value_or(""));
}

asio::awaitable<response_or<user>> identify(kw::request const& head) {
  co_await pause(2ms);
  std::string token = token_of(head);
  if (token.empty()) co_return kw::response::plain(401);
  if (token == "broken") throw std::runtime_error("internal detail");
  co_return user{std::move(token)};
}

// A server whose peers are the test.
struct served {
  explicit served(kw::net::server_options options = {}) : server(io, std::move(options)) {}
  ~served() {
    for (auto const& each : peers) each->drop();
  }

  std::shared_ptr<test::peer> connect(std::string const& request) {
    auto const far = peers.emplace_back(std::make_shared<test::peer>(io.get_executor()));
    server.serve(test::ready_stream(far));
    far->push(request);
    test::settle(io);
    return far;
  }
  template <class Done>
  bool run_until(Done done) {
    auto const begin = std::chrono::steady_clock::now();
    while (!done() && std::chrono::steady_clock::now() - begin < 10s) {
      io.restart();
      io.run_one_for(10ms);
    }
    return done();
  }
  // What was written once that contains `text`.
  std::string answer(test::peer const& far, std::string const& text = "\r\n\r\n") {
    run_until([&] { return far.written().find(text) != std::string::npos; });
    return far.written();
  }
  std::string ask(std::string const& path, std::string const& token = {}) {
    std::string more = "Authorization: " + token + "\r\n";
    return answer(*connect(upgrade_request(path, token.empty() ? std::string() : more))).substr(9, 3);
  }

  asio::io_context io;
  kw::net::server server;
  std::vector<std::shared_ptr<test::peer>> peers;
};

std::string text_frame(std::string const& text) {
  return std::string("\x81") + static_cast<char>(text.size()) + text;
}

}  // namespace

static_assert(kw::net::checks_request<decltype(&identify)>);
static_assert(kw::net::checks_request<kw::request_check>);
static_assert(!kw::net::checks_request<bool (*)(kw::request const&)>);
static_assert(!kw::net::checks_request<asio::awaitable<bool> (*)(kw::request const&)>);
static_assert(!kw::net::checks_request<std::optional<kw::response> (*)(int)>);
static_assert(kw::net::websocket_handler<decltype(&greet)>);
static_assert(!kw::net::websocket_handler<void (*)(int, kw::net::websocket)>);
static_assert(!kw::net::websocket_handler<asio::awaitable<void> (*)(kw::net::websocket&, user&, user&)>);

TEST_CASE("route check: every form, and none") {
  using kw::request;
  using kw::response;
  auto const refuses = [](request const& head) { return token_of(head).empty(); };
  std::vector<std::pair<std::string, route_check>> checks;
  checks.emplace_back("function", [&](request const& head) -> std::optional<response> {
    if (refuses(head)) return response::plain(401);
    return std::nullopt;
  });
  checks.emplace_back("function that finds", [&](request const& head) -> response_or<user> {
    if (refuses(head)) return response::plain(401);
    return user{token_of(head)};
  });
  checks.emplace_back("coroutine", [&](request const& head) -> asio::awaitable<std::optional<response>> {
    co_await pause(1ms);
    if (refuses(head)) co_return response::plain(401);
    co_return std::nullopt;
  });
  checks.emplace_back("coroutine that finds", identify);
  checks.emplace_back("coroutine that does not wait",
                      [&](request const& head) -> asio::awaitable<response_or<user>> {
                        if (refuses(head)) co_return response::plain(401);
                        co_return user{token_of(head)};
                      });
  checks.emplace_back("std::function", kw::request_check([&](request const& head) {
                        return refuses(head) ? std::optional(response::plain(401)) : std::nullopt;
                      }));
  checks.emplace_back(
      "only moved",
      [only = std::make_unique<int>(1), &refuses](request const& head) -> std::optional<response> {
        if (refuses(head)) return response::plain(401);
        return std::nullopt;
      });
  for (auto const& [name, check] : checks) {
    CAPTURE(name);
    served side;
    side.server.websocket("/", echo, {.before = check});
    CHECK(side.ask("/") == "401");
    CHECK(side.ask("/", "ann") == "101");
  }
  CHECK_FALSE(route_check{});
  CHECK_FALSE(route_check{kw::request_check{}});
  CHECK_FALSE(route_check{static_cast<decltype(&identify)>(nullptr)});
  served side;
  side.server.websocket("/", echo, {.before = kw::request_check{}});
  CHECK(side.ask("/") == "101");
  side.server.websocket("/always", echo, {.before = [](request const&) { return response::plain(403); }});
  CHECK(side.ask("/always", "ann") == "403");
}

TEST_CASE("route check: what it finds is given to a handler of any form") {
  served side;
  auto const say = [](kw::net::websocket& ws, std::string const& name) { ws.try_send("hello " + name); };
  side.server.websocket("/reference", greet, {.before = identify});
  side.server.websocket("/const",
                        [&](kw::net::websocket& ws, user const& who) -> asio::awaitable<void> {
                          say(ws, who.name);
                          co_await pause(5ms);
                          say(ws, who.name);
                        },
                        {.before = identify});
  side.server.websocket("/value",
                        [&](kw::net::websocket& ws, user who) -> asio::awaitable<void> {
                          co_await pause(1ms);
                          say(ws, who.name);
                        },
                        {.before = identify});
  side.server.websocket("/owns",
                        [&](kw::net::websocket ws, user& who) mutable -> asio::awaitable<void> {
                          co_await pause(1ms);
                          say(ws, who.name);
                        },
                        {.before = identify});
  std::list<std::pair<kw::net::websocket, user>> kept;
  side.server.websocket("/plain",
                        [&](kw::net::websocket ws, user who) {
                          say(ws, who.name);
                          kept.emplace_back(std::move(ws), std::move(who));
                        },
                        {.before = identify});
  std::function<asio::awaitable<void>(kw::net::websocket&, user&)> const whole = greet;
  side.server.websocket("/function", whole, {.before = identify});
  side.server.websocket(
      "/unwanted", [&](kw::net::websocket& ws) -> asio::awaitable<void> { return say(ws, "ann"), echo(ws); },
      {.before = identify});
  for (std::string const path :
       {"/reference", "/const", "/value", "/owns", "/plain", "/function", "/unwanted"}) {
    CAPTURE(path);
    auto const far = side.connect(upgrade_request(path, "Authorization: ann\r\n"));
    CHECK(side.answer(*far, "hello ann").find(text_frame("hello ann")) != std::string::npos);
  }
  REQUIRE(kept.size() == 1);
  CHECK(kept.front().second.name == "ann");
  kept.clear();
}

TEST_CASE("route check: a handler that takes what is not found is an error where the route is added") {
  served side;
  CHECK_THROWS_AS(side.server.websocket("/", greet), std::system_error);
  auto const finds_text = [](kw::request const&) -> response_or<std::string> { return "ann"; };
  CHECK_THROWS_AS(side.server.websocket("/", greet, {.before = finds_text}), std::system_error);
  auto const finds_nothing = [](kw::request const&) { return std::optional<kw::response>{}; };
  CHECK_THROWS_AS(side.server.websocket("/", greet, {.before = finds_nothing}), std::system_error);
  side.server.websocket("/", greet, {.before = identify});  // nothing was added
  CHECK(side.ask("/", "ann") == "101");
}

TEST_CASE("route check: a group of routes shares one check and what that has") {
  struct attempts {
    std::atomic<int> count{0};
  };
  auto const shared = std::make_shared<attempts>();
  kw::net::route_options members;
  members.before = [shared, own = std::make_unique<int>(0)](
                       kw::request const& head) mutable -> asio::awaitable<response_or<user>> {
    ++shared->count;
    ++*own;
    return identify(head);
  };
  members.subprotocols = {"v2"};
  served side;
  for (char const* const path : {"/rooms/{name}", "/uploads", "/direct/{to}"})
    side.server.websocket(path, greet, members);
  side.server.websocket("/public", echo);
  CHECK(side.ask("/rooms/a", "ann") == "101");
  CHECK(side.ask("/uploads") == "401");
  CHECK(side.ask("/direct/ben", "ann") == "101");
  CHECK(side.ask("/public") == "101");
  CHECK(shared->count == 3);
}

TEST_CASE("route check: what a coroutine throws is told to us, and 500 to the peer") {
  int told = 0;
  kw::net::server_options options;
  options.on_exception = [&](std::exception_ptr) { ++told; };
  served side(options);
  side.server.websocket("/", greet, {.before = identify});
  side.server.websocket("/early", echo,
                        {.before = [](kw::request const&) -> asio::awaitable<std::optional<kw::response>> {
                          throw std::runtime_error("internal detail");
                        }});
  auto const far = side.connect(upgrade_request("/", "Authorization: broken\r\n"));
  std::string const answer = side.answer(*far);
  CHECK(answer.starts_with("HTTP/1.1 500 Internal Server Error\r\n"));
  CHECK(answer.find("internal detail") == std::string::npos);
  CHECK(told == 1);
  CHECK(side.ask("/early") == "500");
  CHECK(told == 2);
}

TEST_CASE("route check: it sees the request, and where it came from") {
  for_each_kind({}, [](served_in_threads& side) {
    side->websocket(
        "/room/{name}", greet, {.before = [](kw::request const& head) -> asio::awaitable<response_or<user>> {
          co_await pause(1ms);
          co_return user{std::string(head.parameter("name")) + " " + head.remote_endpoint().address};
        }});
    side.start();
    plain_client one(side->port(), "127.0.0.5");
    CHECK(one.open("/room/a") == 101);
    CHECK(wait_until([&] { return one.has("hello a 127.0.0.5"); }));
  });
}

TEST_CASE("route check: what a client sends before the answer waits for it, and comes first") {
  for_each_kind({}, [](served_in_threads& side) {
    std::atomic<int> asked{0};
    std::atomic<bool> open{false};
    side->websocket("/", greet,
                    {.before = [&](kw::request const& head) -> asio::awaitable<response_or<user>> {
                      ++asked;
                      while (!open) co_await pause(1ms);
                      if (token_of(head) == "nobody") co_return kw::response::plain(403);
                      co_return user{"ann"};
                    }});
    side.start();
    for (std::size_t const size : {10U, 3000U, 100'000U}) {
      CAPTURE(size);
      open = false;
      asked = 0;
      plain_client one(side->port());
      plain_client refused(side->port());
      std::string const first(size / 2, 'f');
      std::string const second(size / 2, 's');
      std::string const frames =
          test::client_frame(kw::opcode::text, first) + test::client_frame(kw::opcode::text, second);
      one.say(upgrade_request("/") + frames.substr(0, size / 3));
      refused.say(upgrade_request("/", "Authorization: nobody\r\n") + frames.substr(0, size / 3));
      CHECK(wait_until([&] { return asked == 2; }));
      one.say(frames.substr(size / 3));
      refused.say(frames.substr(size / 3));
      std::this_thread::sleep_for(10ms);
      CHECK_FALSE(one.has("HTTP"));
      open = true;
      CHECK(one.status() == 101);
      CHECK(wait_until([&] { return one.has("ann: " + first) && one.has("ann: " + second); }));
      CHECK(one.head.find("ann: f") < one.head.find("ann: s"));
      CHECK(refused.status() == 403);
      CHECK(refused.read_to_end());
      CHECK_FALSE(refused.has("ann: "));
    }
  });
}

namespace {

// A check that waits for ever, and notes how it ended.
struct endless {
  std::atomic<int> began{0};
  std::atomic<int> cancelled{0};

  route_check check() {
    return [this](kw::request const&) -> asio::awaitable<response_or<user>> {
      ++began;
      try {
        co_await pause(1h);
      } catch (std::system_error const& thrown) {
        cancelled += thrown.code() == asio::error::operation_aborted;
        throw;
      }
      co_return user{"nobody"};
    };
  }
};

}  // namespace

TEST_CASE("route check: cancelled when the peer goes, in either way, and at the deadline") {
  std::atomic<int> told{0};
  kw::net::server_options options;
  options.on_exception = [&](std::exception_ptr) { ++told; };
  options.limits.connections = 10;
  for (std::string const way : {"close", "reset", "close after more", "deadline", "deadline, flooded"}) {
    CAPTURE(way);
    options.handshake_timeout = way.starts_with("deadline") ? 150ms : 60s;
    for_each_kind(options, [&](served_in_threads& side) {
      endless never;
      side->websocket("/", greet, {.before = never.check()});
      side.start();
      plain_client one(side->port());
      one.say(upgrade_request("/"));
      CHECK(wait_until([&] { return never.began == 1; }));
      if (way == "close after more") one.say(test::client_frame(kw::opcode::text, std::string(1000, 'x')));
      if (way == "deadline, flooded") CHECK_FALSE(one.say(std::string(std::size_t{32} << 20, 'x')));
      if (way.starts_with("close")) one.close();
      if (way == "reset") one.reset();
      CHECK(wait_until([&] { return never.cancelled == 1; }));
      if (way.starts_with("deadline")) CHECK(one.read_to_end());
      CHECK(one.head.empty());
      CHECK(wait_until([&] { return side->counted().connections == 0; }));
    });
  }
  CHECK(told == 0);
}

TEST_CASE("route check: cancelled when the server stops, and a shutdown waits for its end") {
  for_each_kind({}, [&](served_in_threads& side) {
    std::atomic<bool> began{false};
    std::atomic<bool> ended{false};
    side->websocket("/", greet, {.before = [&](kw::request const&) -> asio::awaitable<response_or<user>> {
                      began = true;
                      try {
                        co_await pause(1h);
                      } catch (std::system_error const&) {}
                      co_await asio::this_coro::reset_cancellation_state();
                      co_await pause(50ms);  // what it does at the end, such as giving something back
                      ended = true;
                      co_return user{"late"};
                    }});
    side.start();
    plain_client one(side->port());
    one.say(upgrade_request("/"));
    CHECK(wait_until([&] { return began.load(); }));
    std::promise<std::error_code> done;
    std::atomic<bool> waited{false};
    side->shutdown(kw::close_code::going_away, 5s, [&](std::error_code outcome) {
      waited = ended.load();
      done.set_value(outcome);
    });
    auto future = done.get_future();
    REQUIRE(future.wait_for(10s) == std::future_status::ready);
    CHECK(!future.get());
    CHECK(waited);
    CHECK(one.read_to_end());
    CHECK(one.head.empty());
  });
}

TEST_CASE("route check: one that does not heed its cancellation still counts as a handshake") {
  kw::net::server_options options;
  options.handshake_timeout = 50ms;
  options.limits.handshakes = 1;
  for_each_kind(options, [&](served_in_threads& side) {
    std::atomic<bool> open{false};
    side->websocket("/", echo,
                    {.before = [&](kw::request const&) -> asio::awaitable<std::optional<kw::response>> {
                      co_await asio::this_coro::reset_cancellation_state(asio::disable_cancellation());
                      co_await asio::this_coro::throw_if_cancelled(false);
                      while (!open) co_await pause(1ms);
                      co_return std::nullopt;
                    }});
    side->get("/page", kw::net::html("<p>hello"));
    side.start();
    plain_client one(side->port());
    CHECK(one.open() == 0);
    CHECK(one.read_to_end());
    CHECK(side->counted().handshakes == 1);
    CHECK(plain_client(side->port()).open() == 503);
    open = true;
    CHECK(wait_until([&] { return side->counted().handshakes == 0; }));
  });
}

TEST_CASE("route check: a context that is destroyed takes a check along") {
  bool ended = false;
  std::unique_ptr<plain_client> one;
  {
    asio::io_context io;
    kw::net::server server{io};
    bool began = false;
    server.websocket("/", echo,
                     {.before = [&](kw::request const&) -> asio::awaitable<std::optional<kw::response>> {
                       struct last_words {
                         bool& flag;
                         ~last_words() { flag = true; }
                       } const end{ended};
                       began = true;
                       co_await pause(1h);
                       co_return std::nullopt;
                     }});
    server.start();
    one = std::make_unique<plain_client>(server.port());
    one->say(upgrade_request("/"));
    while (!began) io.run_one_for(5s);
    io.run_for(20ms);
    CHECK(!ended);
  }
  CHECK(ended);
  CHECK(one->read_to_end());
}

TEST_CASE("route check: origins and hosts are looked at first") {
  served side;
  int asked = 0;
  side.server.websocket("/", echo,
                        {.before = [&](kw::request const&) -> asio::awaitable<std::optional<kw::response>> {
                          ++asked;
                          co_return std::nullopt;
                        }});
  auto const far = side.connect(upgrade_request("/", "Origin: https://evil.example\r\n"));
  CHECK(side.answer(*far).substr(9, 3) == "403");
  CHECK(asked == 0);
}

}  // namespace route_check_tests
