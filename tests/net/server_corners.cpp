// What servers are asked seldom: odd answers of checks, odd rates, odd routes.
#include <kindwire/net/metrics.hpp>
#include <kindwire/net/server.hpp>

#include <doctest/doctest.h>

#include <asio/steady_timer.hpp>
#include <asio/this_coro.hpp>
#include <asio/use_awaitable.hpp>
#include <chrono>
#include <cstdint>
#include <kindwire/session/rate.hpp>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "served_in_threads.hpp"

namespace server_corners_tests {

namespace kw = kindwire;
using namespace std::chrono_literals;
using namespace test;

namespace {

asio::awaitable<void> wait_for_end(kw::net::websocket& ws) {
  for (bool open = true; open;) open = static_cast<bool>(co_await ws.receive());
}

}  // namespace

TEST_CASE("server corners: a check that refuses with what is no refusal is an error of ours") {
  served_in_threads side(served_in_threads::kind::one_thread, {});
  for (unsigned const status : {0u, 100u, 101u, 199u, 600u, 4000u}) {
    side->websocket("/now" + std::to_string(status), wait_for_end, {.before = [status](kw::request const&) {
                      return kw::response{status, {}, ""};
                    }});
    side->websocket("/later" + std::to_string(status), wait_for_end,
                    {.before = [status](kw::request const&) -> asio::awaitable<std::optional<kw::response>> {
                      co_return kw::response{status, {}, ""};
                    }});
  }
  side->websocket("/throws", wait_for_end,
                  {.before = [](kw::request const&) -> std::optional<kw::response> { throw 1; }});
  side->websocket(
      "/throws_later", wait_for_end,
      {.before = [](kw::request const&) -> asio::awaitable<std::optional<kw::response>> {
        co_await asio::steady_timer(co_await asio::this_coro::executor, 1ms).async_wait(asio::use_awaitable);
        throw 1;
      }});
  side->websocket("/splits", wait_for_end, {.before = [](kw::request const&) {
                    return kw::response{403, {{"X", "a\r\nSet-Cookie: b"}}, "secret"};
                  }});
  side.start();
  for (std::string const& path :
       {std::string("/now0"), std::string("/now100"), std::string("/now101"), std::string("/now199"),
        std::string("/now600"), std::string("/now4000"), std::string("/later0"), std::string("/later101"),
        std::string("/later600"), std::string("/throws"), std::string("/throws_later"),
        std::string("/splits")}) {
    CAPTURE(path);
    plain_client one(side->port());
    CHECK(one.open(path) == 500);
    CHECK(one.read_to_end());
    CHECK(one.head.find("Set-Cookie") == std::string::npos);
  }
}

TEST_CASE("server corners: rates at the ends of what a number can be") {
  using kw::detail::token_bucket;
  auto const now = std::chrono::steady_clock::now();
  for (double const rate : {1e-320, 1e-300, 1e-9, 1.0, 1e8, 9.99e8}) {
    for (std::uint32_t const burst : {0u, 1u, 2u, (std::numeric_limits<std::uint32_t>::max)()}) {
      CAPTURE(rate);
      CAPTURE(burst);
      token_bucket bucket;
      kw::rate_limit const limit{rate, burst};
      CHECK(limit);
      CHECK(bucket.has_token(now, limit));
      CHECK(bucket.take(now, limit));
      CHECK(bucket.next(limit) >= bucket.next(limit));
      if (burst == 1 && rate < 1) CHECK_FALSE(bucket.take(now, limit));
    }
  }
  CHECK_FALSE(kw::rate_limit{0, 5});
  CHECK_FALSE(kw::rate_limit{-1, 5});
  CHECK_FALSE(kw::rate_limit{1e300, 5});
  CHECK_FALSE(kw::rate_limit{std::numeric_limits<double>::quiet_NaN(), 5});
  CHECK_FALSE(kw::rate_limit{std::numeric_limits<double>::infinity(), 5});
}

TEST_CASE("server corners: the metrics' page by every method, and a route of odd characters") {
  kw::net::metrics metrics;
  kw::net::server_options options;
  options.observer = metrics;
  served_in_threads side(served_in_threads::kind::one_thread, options);
  side->websocket("/a\"b\\c\xc3\xa9/{x}", wait_for_end);
  side->get("/metrics", metrics.page());
  side.start();
  plain_client ws(side->port());
  CHECK(ws.open("/a%22b%5Cc%C3%A9/1") == 101);
  auto const ask = [&](std::string_view method, std::string_view path) {
    plain_client one(side->port());
    one.say(std::string(method) + " " + std::string(path) + " HTTP/1.1\r\nHost: localhost\r\n\r\n");
    CHECK(one.read_to_end());
    return one.head;
  };
  auto const got = ask("GET", "/metrics");
  CHECK(got.starts_with("HTTP/1.1 200 "));
  CHECK(got.find("Content-Type: text/plain; version=0.0.4; charset=utf-8\r\n") != std::string::npos);
  CHECK(got.find("kindwire_connections_open{role=\"server\",route=\"/a\\\"b\\\\c\xc3\xa9/{x}\"} 1\n") !=
        std::string::npos);
  auto const head = ask("HEAD", "/metrics");
  CHECK(head.starts_with("HTTP/1.1 200 "));
  CHECK(head.ends_with("\r\n\r\n"));
  CHECK(head.find("kindwire_") == std::string::npos);
  CHECK(head.find("Content-Length: ") != std::string::npos);
  CHECK(ask("POST", "/metrics").starts_with("HTTP/1.1 405 "));
  CHECK(ask("GET", "/metrics/").starts_with("HTTP/1.1 404 "));
  CHECK(ask("GET", "/metrics?x=1").starts_with("HTTP/1.1 200 "));
  CHECK(ask("GET", "//metrics").starts_with("HTTP/1.1 404 "));
  ws.close();
}

TEST_CASE("server corners: on both protocols, addresses of either are told apart") {
  kw::net::server_options options;
  options.address = "::";
  options.limits.connections_per_address = 1;
  options.hosts.allowed = {"localhost"};
  served_in_threads side(served_in_threads::kind::one_thread, options);
  side->websocket("/", wait_for_end);
  side.start();
  plain_client four(side->port());
  CHECK(four.open() == 101);
  plain_client second(side->port());
  CHECK(second.open() == 429);
  plain_client other(side->port(), "127.0.0.2");
  CHECK(other.open() == 101);
}

}  // namespace server_corners_tests
