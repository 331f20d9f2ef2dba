#include <kindwire/net/metrics.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <asio/awaitable.hpp>
#include <asio/error.hpp>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <kindwire/net/server.hpp>
#include <limits>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include "served_in_threads.hpp"

namespace metrics_tests {

namespace kw = kindwire;
using namespace std::chrono_literals;
using test::plain_client;
using test::served_in_threads;
using test::wait_until;

namespace {

// The value of a sample, as it is written; empty if there is none.
std::string value_of(std::string const& page, std::string_view sample) {
  std::string const begin = '\n' + std::string(sample) + ' ';
  auto const at = page.find(begin);
  if (at == std::string::npos) return {};
  auto const value = at + begin.size();
  return page.substr(value, page.find('\n', value) - value);
}

kw::net::observer& observer_of(kw::net::metrics const& all) {
  return *std::shared_ptr<kw::net::observer>(all);
}

}  // namespace

TEST_CASE("metrics: a server's page counts its connections, their messages, and how they ended") {
  for (auto const of : {served_in_threads::kind::one_thread, served_in_threads::kind::strands,
                        served_in_threads::kind::runs_itself}) {
    CAPTURE(static_cast<int>(of));
    kw::net::metrics metrics;
    kw::net::server_options options;
    options.observer = metrics;
    served_in_threads side(of, options);
    side->websocket("/echo/{name}", [](kw::net::websocket& ws) -> asio::awaitable<void> {
      while (kw::message msg = co_await ws.receive()) co_await ws.send(msg);
    });
    side->get("/metrics", metrics.page());
    metrics.gauge(
        "chat_people", [] { return 1.5; }, "People who\nchat.");
    side.start();
    {
      plain_client ann(side->port());
      CHECK(ann.open("/echo/ann") == 101);
      ann.say(test::client_frame(kw::opcode::text, "hello"));
      CHECK(wait_until([&] { return ann.has("hello"); }));
      plain_client bob(side->port());
      CHECK(bob.open("/echo/bob") == 101);
      CHECK(wait_until([&] {
        return value_of(metrics.text(),
                        "kindwire_connections_open{role=\"server\",route=\"/echo/{name}\"}") == "2";
      }));
      ann.say(test::client_frame(kw::opcode::close, "\x0F\xA1"));  // 4001
      CHECK(ann.read_to_end());
      bob.reset();
      plain_client lost(side->port());
      CHECK(lost.open("/nowhere") == 404);
    }
    auto const open = "kindwire_connections_open{role=\"server\",route=\"/echo/{name}\"}";
    CHECK(wait_until([&] { return value_of(metrics.text(), open) == "0"; }));
    plain_client scraper(side->port());
    scraper.say("GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n");
    CHECK(scraper.status() == 200);
    CHECK(scraper.read_to_end());
    CHECK(scraper.head.find("\r\nContent-Type: text/plain; version=0.0.4; charset=utf-8\r\n") !=
          std::string::npos);
    std::string const page = scraper.head.substr(scraper.head.find("\r\n\r\n") + 3);
    std::string const route = "{role=\"server\",route=\"/echo/{name}\"}";
    CHECK(value_of(page, "kindwire_connections_opened_total" + route) == "2");
    CHECK(value_of(page, "kindwire_received_messages_total" + route) == "1");
    CHECK(value_of(page, "kindwire_sent_messages_total" + route) == "1");
    CHECK(value_of(page, "kindwire_received_bytes_total" + route) == "19");
    CHECK(value_of(page, "kindwire_sent_bytes_total" + route) == "11");
    CHECK(value_of(page, "kindwire_connections_closed_total{by=\"peer\",code=\"4000-4999\"}") == "1");
    CHECK(value_of(page, "kindwire_connections_closed_total{by=\"nobody\",code=\"1006\"}") == "1");
    CHECK(value_of(page, "kindwire_connection_errors_total{error=\"connection_reset\"}") == "1");
    CHECK(value_of(page, "kindwire_connection_duration_seconds_count") == "2");
    CHECK(value_of(page, "kindwire_connection_duration_seconds_bucket{le=\"+Inf\"}") == "2");
    CHECK(value_of(page,
                   "kindwire_handshakes_failed_total{role=\"server\",reason=\"no_route\",status=\"404\"}") ==
          "1");
    CHECK(value_of(page, "chat_people") == "1.5");
    CHECK(page.find("\n# HELP chat_people People who\\nchat.\n# TYPE chat_people gauge\n") !=
          std::string::npos);
    // The page itself is no handshake that failed.
    CHECK(page.find("reason=\"lost\"") == std::string::npos);
  }
}

TEST_CASE("metrics: whatever peers choose, there are few labels") {
  kw::net::metrics const metrics;
  auto& to = observer_of(metrics);
  kw::net::connection_facts const of{.route = "/"};
  for (unsigned code = 0; code != 5000; ++code)
    to.closed(of, {.by = kw::net::closed_by::peer, .received = static_cast<kw::close_code>(code)});
  for (unsigned status = 0; status != 1000; ++status)
    to.handshake_failed({.self = kw::role::client, .target = "/" + std::to_string(status), .status = status});
  for (int value = -1000; value != 1000; ++value) {
    for (std::error_category const* const each :
         {&kw::error_category(), &std::system_category(), &std::generic_category(),
          &asio::error::get_misc_category()})
      to.closed(of, {.error = {value, *each}});
  }
  std::string const page = metrics.text();
  CHECK(std::count(page.begin(), page.end(), '\n') < 250);
  CHECK(value_of(page, "kindwire_connections_closed_total{by=\"peer\",code=\"1000\"}") == "1");
  CHECK(value_of(page, "kindwire_connections_closed_total{by=\"peer\",code=\"3000-3999\"}") == "1000");
  CHECK(value_of(page, "kindwire_connections_closed_total{by=\"peer\",code=\"4000-4999\"}") == "1000");
  CHECK(value_of(page, "kindwire_connections_closed_total{by=\"peer\",code=\"other\"}") == "2984");
  CHECK(
      value_of(page, "kindwire_handshakes_failed_total{role=\"client\",reason=\"error\",status=\"none\"}") ==
      "1");
  CHECK(value_of(page, "kindwire_handshakes_failed_total{role=\"client\",reason=\"error\",status=\"404\"}") ==
        "1");
  CHECK(
      value_of(page, "kindwire_handshakes_failed_total{role=\"client\",reason=\"error\",status=\"other\"}") ==
      "971");
  CHECK(value_of(page, "kindwire_connection_errors_total{error=\"pong_timeout\"}") == "1");
}

TEST_CASE("metrics: sixty-four routes are told apart, the rest are put together") {
  kw::net::metrics const metrics;
  auto& to = observer_of(metrics);
  std::vector<std::thread> all;
  for (int thread = 0; thread != 4; ++thread) {
    all.emplace_back([&] {
      for (int route = 0; route != 100; ++route) {
        kw::net::connection_facts const of{.route = "/" + std::to_string(route)};
        to.opened(of);
        to.traffic(of, {.messages_received = 2});
        to.closed(of, {});
      }
    });
  }
  for (auto& each : all) each.join();
  std::string const page = metrics.text();
  std::size_t told_apart = 0, messages = 0;
  for (int route = 0; route != 100; ++route) {
    auto const label = "{role=\"server\",route=\"/" + std::to_string(route) + "\"}";
    auto const opened = value_of(page, "kindwire_connections_opened_total" + label);
    if (opened.empty()) continue;
    ++told_apart;
    CHECK(opened == "4");
    CHECK(value_of(page, "kindwire_connections_open" + label) == "0");
    messages += std::stoul(value_of(page, "kindwire_received_messages_total" + label));
  }
  CHECK(told_apart == 64);
  CHECK(value_of(page, "kindwire_connections_opened_total{role=\"server\",route=\"other\"}") == "144");
  messages += std::stoul(value_of(page, "kindwire_received_messages_total{role=\"server\",route=\"other\"}"));
  CHECK(messages == 800);
}

TEST_CASE("metrics: queues, drops and round trips") {
  kw::net::metrics const metrics;
  auto& to = observer_of(metrics);
  kw::net::connection_facts const of;
  to.queue_filled(of, 5000);
  to.queue_filled(of, 3000);
  to.queue_drained(of);
  to.dropped(of, 7);
  for (auto const took : {0ms, 1ms, 2ms, 30ms, 60'000ms}) to.round_trip(of, took);
  to.accept_failed({});
  to.handler_threw({});
  std::string const page = metrics.text();
  CHECK(value_of(page, "kindwire_send_queues_filled") == "1");
  CHECK(value_of(page, "kindwire_send_queue_fillings_total") == "2");
  CHECK(value_of(page, "kindwire_send_queue_longest_bytes") == "5000");
  CHECK(value_of(page, "kindwire_sends_dropped_total") == "7");
  CHECK(value_of(page, "kindwire_ping_round_trip_seconds_bucket{le=\"0.001\"}") == "2");
  CHECK(value_of(page, "kindwire_ping_round_trip_seconds_bucket{le=\"0.05\"}") == "4");
  CHECK(value_of(page, "kindwire_ping_round_trip_seconds_bucket{le=\"10\"}") == "4");
  CHECK(value_of(page, "kindwire_ping_round_trip_seconds_bucket{le=\"+Inf\"}") == "5");
  CHECK(value_of(page, "kindwire_ping_round_trip_seconds_count") == "5");
  CHECK(value_of(page, "kindwire_ping_round_trip_seconds_sum") == "60.033");
  CHECK(value_of(page, "kindwire_accept_failures_total") == "1");
  CHECK(value_of(page, "kindwire_exceptions_total") == "1");
}

TEST_CASE("metrics: the application's own have names of their own") {
  kw::net::metrics metrics;
  metrics.gauge("a_gauge", [] { return std::numeric_limits<double>::quiet_NaN(); });
  metrics.counter(
      "a_counter_total", [] { return 3; }, "All \\ of it.");
  // May look at the metrics itself.
  metrics.gauge("b", [&] {
    kw::net::metrics(metrics).gauge("c", [] { return -std::numeric_limits<double>::infinity(); });
    return 0.1;
  });
  auto const unfit = [&](std::string const& name) {
    try {
      metrics.gauge(name, [] { return 0; });
      return false;
    } catch (std::system_error const& why) {
      return why.code() == kw::error::invalid_argument;
    }
  };
  CHECK(unfit(""));
  CHECK(unfit("1st"));
  CHECK(unfit("a gauge"));
  CHECK(unfit("a\n"));
  CHECK(unfit("kindwire_more"));
  CHECK(unfit("a_gauge"));
  CHECK_THROWS_AS(metrics.gauge("none", nullptr), std::system_error);
  std::string page = metrics.text();
  CHECK(value_of(page, "a_gauge") == "NaN");
  CHECK(value_of(page, "a_counter_total") == "3");
  CHECK(page.find("\n# HELP a_counter_total All \\\\ of it.\n# TYPE a_counter_total counter\n") !=
        std::string::npos);
  CHECK(value_of(page, "b") == "0.1");
  CHECK_THROWS_AS(static_cast<void>(metrics.text()), std::system_error);  // "c" is there already

  kw::net::metrics other;
  other.gauge("c", [] { return -std::numeric_limits<double>::infinity(); });
  CHECK(value_of(other.text(), "c") == "-Inf");
}

TEST_CASE("metrics: they may go before the server that they are of") {
  kw::net::server_options options;
  std::optional<kw::net::metrics> metrics(std::in_place);
  options.observer = *metrics;
  served_in_threads side(served_in_threads::kind::strands, options);
  side->get("/metrics", metrics->page());
  metrics.reset();
  options.observer.reset();
  side.start();
  plain_client scraper(side->port());
  scraper.say("GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n");
  CHECK(scraper.status() == 200);
}

}  // namespace metrics_tests
