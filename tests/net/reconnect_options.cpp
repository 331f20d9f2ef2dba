#include <kindwire/net/reconnect_options.hpp>

#include <doctest/doctest.h>

#include <asio/post.hpp>
#include <asio/this_coro.hpp>
#include <asio/use_awaitable.hpp>
#include <chrono>
#include <cstdint>
#include <new>
#include <optional>
#include <stdexcept>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include "reconnecting/script.hpp"

namespace reconnect_options_tests {

namespace kw = kindwire;
using namespace std::chrono_literals;
using clock = std::chrono::steady_clock;
using state = kw::net::reconnect_state;
using test::script;
using test::words;

namespace {

auto answers(unsigned status, kw::header_list fields = {}) {
  return [=](kw::request const&) {
    kw::response answer = kw::response::plain(status);
    answer.headers.insert(answer.headers.end(), fields.begin(), fields.end());
    return std::optional(answer);
  };
}

}  // namespace

TEST_CASE("reconnect: refusals that another try would only repeat are final") {
  for (unsigned const status : {401u, 403u, 404u, 407u, 410u}) {
    CAPTURE(status);
    script run;
    run.far.answer = answers(status);
    run.log_messages();
    REQUIRE(run.until_closed());
    CHECK(run.feed->why() == kw::error::handshake_refused);
    CHECK(run.feed->last_failure().answer.status == status);
    CHECK(run.feed->last_failure().phase == kw::net::connect_phase::refusal);
    CHECK(run.feed->last_failure().text.find(std::to_string(status)) != std::string::npos);
    REQUIRE(run.until_log(1));
    CHECK(run.log == words{"end"});
    CHECK(run.far.requests.size() == 1);
    CHECK(run.states == std::vector{state::connecting, state::closed});
  }
}

TEST_CASE("reconnect: other refusals are not, nor is a server that is not there") {
  for (unsigned const status : {400u, 429u, 500u, 502u, 503u}) {
    CAPTURE(status);
    script run;
    run.far.answer = answers(status);
    REQUIRE(run.until([&] { return run.far.requests.size() == 3; }));
    CHECK(run.feed->status().last_error == kw::error::handshake_refused);
    run.far.kill();
    using kw::net::connect_phase;
    REQUIRE(run.until([&] { return run.feed->last_failure().phase == connect_phase::connection; }));
    CHECK(run.feed->last_failure().answer.status == 0);
    CHECK(run.feed->status().attempts >= 3);
    run.far.answer = {};
    run.far.start();
    REQUIRE(run.until_open());
    CHECK(run.feed->status().attempts == 0);
    CHECK(!run.feed->status().last_error);
  }
}

TEST_CASE("reconnect: what is final by default") {
  using failed = kw::net::failed_try;
  CHECK(kw::net::is_final_failure(failed{.error = kw::error::invalid_uri}));
  CHECK(kw::net::is_final_failure(failed{.error = kw::error::invalid_header}));
  CHECK(kw::net::is_final_failure(failed{.error = kw::error::invalid_proxy}));
  CHECK(kw::net::is_final_failure(failed{.error = kw::error::invalid_argument}));
  CHECK(kw::net::is_final_failure(failed{.error = kw::error::proxy_authentication_required}));
  CHECK(kw::net::is_final_failure(failed{.error = kw::error::tls_unavailable}));
  CHECK(!kw::net::is_final_failure(failed{.error = kw::error::proxy_refused}));
  CHECK(!kw::net::is_final_failure(failed{.error = std::make_error_code(std::errc::connection_refused)}));
  CHECK(!kw::net::is_final_failure(failed{.error = kw::error::handshake_timeout}));
  class tls_category : public std::error_category {
    char const* name() const noexcept override { return "kindwire.tls"; }
    std::string message(int) const override { return {}; }
  } const tls;
  CHECK(kw::net::is_final_failure(failed{.error = {10, tls}}));        // an expired certificate
  CHECK(!kw::net::is_final_failure(failed{.error = {1 << 20, tls}}));  // an error of OpenSSL's
  constexpr int alert = (20 << 23) + 1000;
  for (int const about_ours : {42, 43, 44, 45, 46, 48, 49, 116})
    CHECK(kw::net::is_final_failure(failed{.error = {alert + about_ours, tls}}));
  for (int const other : {0, 40, 47, 50, 70, 80, 90, 112})
    CHECK(!kw::net::is_final_failure(failed{.error = {alert + other, tls}}));
  for (int code = 1000; code != 5000; ++code) {
    CAPTURE(code);
    kw::net::disconnection how{.code = static_cast<kw::close_code>(code), .by_peer = true};
    CHECK(kw::net::is_final_close(how) == (code == 1003 || code == 1010));
    how.by_peer = false;
    CHECK(!kw::net::is_final_close(how));
  }
}

TEST_CASE("reconnect: a URI that is not one, closes that are final, and functions of one's own") {
  script run;
  run.feed.emplace(run.client, run.io, "http://localhost/", script::quick());
  REQUIRE(run.until_closed());
  CHECK(run.feed->why() == kw::error::invalid_uri);

  run.feed.emplace(run.client, run.io, run.far.uri(), script::quick());
  REQUIRE(run.until_open());
  run.far.ws->try_close(kw::close_code::policy_violation);
  REQUIRE(run.until_open(2));
  run.far.ws->try_close(kw::close_code::unsupported_data);
  REQUIRE(run.until_closed());
  CHECK(run.feed->why() == kw::net::reconnect_error::closed_by_server);
  CHECK(run.feed->last_disconnection().code == kw::close_code::unsupported_data);

  run.feed.emplace(
      run.client, run.io, run.far.uri(),
      script::quick(
          {.is_final = [](kw::net::failed_try const& failure) { return failure.answer.status == 503; },
           .is_final_close =
               [](kw::net::disconnection const& how) { return how.code == kw::close_code::normal; }}));
  REQUIRE(run.until_open(3));
  run.far.ws->try_close();
  REQUIRE(run.until_closed());
  run.far.answer = answers(503);
  run.feed.emplace(run.client, run.io, run.far.uri(),
                   script::quick({.is_final = [](kw::net::failed_try const& failure) {
                     return failure.answer.status == 503;
                   }}));
  REQUIRE(run.until_closed());
  CHECK(run.feed->why() == kw::error::handshake_refused);
}

TEST_CASE("reconnect: Retry-After is waited for, up to a maximum, unless the network is back") {
  struct {
    std::string value;
    std::chrono::seconds least;
    std::chrono::seconds most;
  } const cases[] = {{"120", 120s, 120s},
                     {"3600", 300s, 300s},
                     {"Fri, 31 Dec 9999 23:59:59 GMT", 300s, 300s},
                     {"Sun, 06 Nov 1994 08:49:37 GMT", 0s, 0s},
                     {"soon", 0s, 0s}};
  for (auto const& [value, least, most] : cases) {
    CAPTURE(value);
    script run({.draw = [](std::uint64_t) { return std::uint64_t{0}; }});
    std::optional<kw::net::reconnect_status> seen;
    run.far.answer = answers(503, {{"Retry-After", value}});
    auto const before = clock::now();
    REQUIRE(run.until([&] {
      if (run.feed->state() == state::waiting && !seen) seen = run.feed->status();
      return seen.has_value() || run.far.requests.size() > 3;
    }));
    if (!seen) {  // waits that are too short to be seen
      CHECK(least == 0s);
      continue;
    }
    CHECK(seen->next_try_at >= before + least);
    CHECK(seen->next_try_at <= clock::now() + most);
    run.far.answer = {};
    run.feed->retry_now();
    REQUIRE(run.until_open());
    // It was about that refusal: not about the next end of a connection.
    run.far.ws->try_close();
    REQUIRE(run.until_open(2));
  }
}

TEST_CASE("reconnect: the delay doubles with each failure, and starts again after a connection that lasted") {
  bool const lasts = [] {
    bool which = false;
    SUBCASE("one that lasted") { which = true; }
    SUBCASE("one that did not") {}
    return which;
  }();
  std::vector<std::uint64_t> limits;
  script run({.first_delay = 100ms,
              .max_delay = 500ms,
              .stable_after = lasts ? 0ms : std::chrono::milliseconds::max(),
              .draw = [&](std::uint64_t most) {
                limits.push_back(most - 1);
                return std::uint64_t{0};
              }});
  run.far.answer = answers(503);
  REQUIRE(run.until([&] { return run.far.requests.size() == 5; }));
  run.far.answer = {};
  REQUIRE(run.until_open());
  std::size_t const tries = limits.size();
  CHECK(std::vector(limits.begin(), limits.begin() + 4) == std::vector<std::uint64_t>{100, 200, 400, 500});
  run.far.ws->try_close();
  REQUIRE(run.until_open(2));
  CHECK(limits[tries] == (lasts ? 100 : 500));
}

TEST_CASE("reconnect: it gives up in time") {
  script run({.give_up_after = 0ms});
  run.far.answer = answers(503);
  run.log_events();
  REQUIRE(run.until_closed());
  CHECK(run.feed->why() == kw::net::reconnect_error::gave_up);
  CHECK(run.feed->last_failure().answer.status == 503);
  REQUIRE(run.until_log(1));
  CHECK(run.log == words{"end"});

  // A connection that lasts begins the time anew; one that does not, does not.
  run.far.answer = {};
  run.feed.emplace(run.client, run.io, run.far.uri(),
                   script::quick({.stable_after = 1h, .give_up_after = 0ms}));
  REQUIRE(run.until_open());
  run.far.ws->try_close();
  REQUIRE(run.until_closed());
  CHECK(run.feed->why() == kw::net::reconnect_error::gave_up);
  run.feed.emplace(run.client, run.io, run.far.uri(),
                   script::quick({.stable_after = 0ms, .give_up_after = 1h}));
  REQUIRE(run.until_open(2));
  run.far.ws->try_close();
  REQUIRE(run.until_open(3));
}

TEST_CASE("reconnect: the hook before a try may change its URI and its header fields") {
  script run({.before = [](kw::net::next_try& next) -> asio::awaitable<void> {
    co_await asio::post(co_await asio::this_coro::executor, asio::use_awaitable);
    next.uri += std::to_string(next.number);
    next.options.headers.emplace_back("Authorization", "Bearer " + std::to_string(next.number));
  }});
  run.far.answer = answers(503);
  REQUIRE(run.until([&] { return run.far.requests.size() == 2; }));
  run.far.answer = {};
  REQUIRE(run.until_open());
  for (std::size_t i = 0; i != run.far.requests.size(); ++i) {
    CHECK(run.far.requests[i].path() == "/feed" + std::to_string(i + 1));
    CHECK(run.far.requests[i].headers().only("Authorization") == "Bearer " + std::to_string(i + 1));
    CHECK(run.far.requests[i].headers().count("Authorization") == 1);
  }
}

TEST_CASE("reconnect: a hook that fails by an error is a failed try; by anything else, the end") {
  int failures = 0;
  script run({.opened = [&](kw::net::websocket& ws) -> asio::awaitable<void> {
    ws.try_send("hello");
    if (++failures != 3)
      throw std::system_error(std::make_error_code(std::errc::permission_denied), "not yet");
    co_return;
  }});
  REQUIRE(run.until_open(3));
  CHECK(run.feed->last_failure().error == std::errc::permission_denied);
  CHECK(run.feed->last_failure().text.starts_with("not yet"));
  CHECK(run.feed->status().connections == 1);

  for (bool const is_exception : {true, false}) {
    run.feed.emplace(run.client, run.io, run.far.uri(),
                     script::quick({.before = [=](kw::net::next_try&) -> asio::awaitable<void> {
                       if (is_exception) throw std::logic_error("no token");
                       throw 1;
                       co_return;
                     }}));
    REQUIRE(run.until_closed());
    CHECK(run.feed->why() == kw::net::reconnect_error::hook_failed);
    CHECK(run.feed->last_failure().text == (is_exception ? "no token" : ""));
  }
}

TEST_CASE("reconnect: what judges a failure, or an end, or draws a delay, must not throw") {
  auto const fails = [](auto const&) -> bool {
    throw std::system_error(std::make_error_code(std::errc::permission_denied), "cannot say");
  };
  auto const has_no_memory = [](auto const&) -> bool { throw std::bad_alloc(); };
  using kw::net::reconnect_options;
  struct {
    reconnect_options options;
    bool is_refused;
    std::error_code why;
  } cases[] = {
      {{.is_final = fails}, true, kw::net::reconnect_error::hook_failed},
      {{.is_final_close = fails}, false, kw::net::reconnect_error::hook_failed},
      {{.draw = [=](std::uint64_t most) -> std::uint64_t { return fails(most); }},
       true,
       kw::net::reconnect_error::hook_failed},
      {{.is_final = has_no_memory}, true, std::make_error_code(std::errc::not_enough_memory)},
      {{.is_final_close = has_no_memory}, false, std::make_error_code(std::errc::not_enough_memory)},
  };
  for (auto& each : cases) {
    CAPTURE(each.is_refused);
    script run(each.options);
    if (each.is_refused) run.far.answer = answers(503);
    if (!each.is_refused) {
      REQUIRE(run.until_open());
      run.far.ws->try_close();
    }
    REQUIRE(run.until_closed());
    CHECK(run.feed->why() == each.why);
    if (each.is_refused) CHECK(run.feed->last_failure().error == kw::error::handshake_refused);
  }
}

TEST_CASE("reconnect: errors have words") {
  using kw::net::reconnect_error;
  for (auto const each : {reconnect_error::away, reconnect_error::gave_up, reconnect_error::closed_by_server,
                          reconnect_error::hook_failed})
    CHECK(make_error_code(each).message().find("unknown") == std::string::npos);
  CHECK(std::string(make_error_code(reconnect_error::away).category().name()) == "kindwire.reconnect");
}

TEST_CASE("reconnect: a network that is back during a try counts for the next one") {
  script* self = nullptr;
  int tries = 0;
  script run({.first_delay = 1h,
              .max_delay = 1h,
              .before = [&](kw::net::next_try&) -> asio::awaitable<void> {
                if (++tries != 1) co_return;
                self->feed->retry_now();
                throw std::system_error(std::make_error_code(std::errc::network_down));
              },
              .draw = [](std::uint64_t most) { return most - 1; }});
  self = &run;
  REQUIRE(run.until_open());
  CHECK(tries == 2);
  // But not while there is a connection.
  run.feed->retry_now();
  run.far.ws->try_close();
  REQUIRE(run.until([&] { return run.feed->state() == state::waiting; }));
  run.settle();
  CHECK(run.feed->state() == state::waiting);
}

TEST_CASE("reconnect: it gives up in time, also while nobody receives") {
  script run({.stable_after = std::chrono::milliseconds::max(), .give_up_after = 2s},
             {.connection = {.close_timeout = 50ms}});
  int seen = 0;
  REQUIRE(run.until([&] {
    if (run.far.ws != nullptr && run.far.opened > seen) {
      seen = run.far.opened;
      run.far.ws->try_send("unread");
      run.far.ws->try_send("as well");
      run.far.ws->try_close();
    }
    return run.feed->state() == state::closed;
  }));
  CHECK(run.feed->why() == kw::net::reconnect_error::gave_up);
  CHECK(run.far.opened <= 2);
}

TEST_CASE("reconnect: a delay without end waits for the network to be back") {
  script run({.first_delay = std::chrono::milliseconds::max(),
              .max_delay = std::chrono::milliseconds::max(),
              .draw = [](std::uint64_t most) { return most - 1; }});
  REQUIRE(run.until_open());
  run.far.ws->try_close();
  REQUIRE(run.until([&] { return run.feed->state() != state::open; }));
  CHECK(run.feed->state() == state::waiting);
  run.feed->retry_now();
  REQUIRE(run.until_open(2));
}

}  // namespace reconnect_options_tests
