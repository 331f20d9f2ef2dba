#include <kindwire/net/connection_log.hpp>

#include <doctest/doctest.h>

#include <asio/awaitable.hpp>
#include <chrono>
#include <kindwire/net/server.hpp>
#include <memory>
#include <mutex>
#include <sstream>
#include <stdexcept>
#include <string>
#include <string_view>
#include <system_error>
#include <thread>
#include <vector>

#include "served_in_threads.hpp"

namespace connection_log_tests {

namespace kw = kindwire;
using namespace std::chrono_literals;
using test::plain_client;
using test::served_in_threads;
using test::wait_until;

namespace {

kw::net::observer& observer_of(kw::net::connection_log const& log) {
  return *std::shared_ptr<kw::net::observer>(log);
}

// `time=2026-11-29T21:05:58.123Z ` is the same length every time.
std::string without_time(std::string_view line) {
  constexpr std::string_view shape = "time=dddd-dd-ddTdd:dd:dd.dddZ ";
  REQUIRE(line.size() > shape.size());
  for (std::size_t i = 0; i != shape.size(); ++i) {
    bool const digit = line[i] >= '0' && line[i] <= '9';
    CHECK(shape[i] == (digit ? 'd' : line[i]));
  }
  return std::string(line.substr(shape.size()));
}

}  // namespace

TEST_CASE("log: a line for each connection, once it has ended") {
  std::vector<std::string> lines;
  kw::net::connection_log const log([&](std::string_view line) { lines.push_back(without_time(line)); });
  auto& to = observer_of(log);
  kw::net::connection_facts const of{
      .number = 7, .remote = {"::1", 51234}, .target = "/chat/ann?token=secret", .route = "/chat/{name}"};
  to.opened(of);
  to.traffic(of, {.messages_received = 3});
  CHECK(lines.empty());
  to.closed(
      of, {.by = kw::net::closed_by::peer,
           .received = kw::close_code::normal,
           .reason = "bye",
           .sent = kw::close_code::normal,
           .traffic = {.bytes_received = 120, .bytes_sent = 200, .messages_received = 3, .messages_sent = 4},
           .lasted = 12'045ms});
  to.closed({.number = 8}, {.by = kw::net::closed_by::us,
                            .sent = kw::close_code::protocol_error,
                            .error = kw::error::reserved_opcode});
  to.closed({.number = 9}, {.error = kw::error::connection_lost, .lasted = 1ms});
  REQUIRE(lines.size() == 3);
  CHECK(lines[0] ==
        "event=closed connection=7 peer=[::1]:51234 target=\"/chat/ann\" by=peer code=1000 sent=1000 "
        "reason=\"bye\" messages_in=3 bytes_in=120 messages_out=4 bytes_out=200 seconds=12.045");
  CHECK(lines[1] ==
        "event=closed connection=8 peer=unknown target=\"\" by=us code=1002 messages_in=0 bytes_in=0 "
        "messages_out=0 bytes_out=0 seconds=0.000 error=\"reserved opcode\"");
  CHECK(lines[2] ==
        "event=closed connection=9 peer=unknown target=\"\" by=nobody code=1006 messages_in=0 bytes_in=0 "
        "messages_out=0 bytes_out=0 seconds=0.001 error=\"connection lost without a close frame\"");
}

TEST_CASE("log: no peer can forge a line, nor make one long") {
  std::string line;
  kw::net::connection_log const log([&](std::string_view each) { line = each; });
  auto& to = observer_of(log);
  to.closed(
      {.target = "/\r\ntime=2026 event=closed \"\x1B[2J\xE2\x80\xAE" + std::string(5000, 'x')},
      {.by = kw::net::closed_by::peer, .received = kw::close_code::normal, .reason = "a\nb \"c\" \xC2\x85"});
  CHECK(line.find('\n') == std::string::npos);
  CHECK(line.find("target=\"/\\r\\ntime=2026 event=closed \\\"\\x1b[2J\\xe2\\x80\\xaexxx") !=
        std::string::npos);
  CHECK(line.find("xxx\"... by=peer") != std::string::npos);
  CHECK(line.find("reason=\"a\\nb \\\"c\\\" \\xc2\\x85\" ") != std::string::npos);
  CHECK(line.size() < 600);
  to.handshake_failed({.remote = {"127.0.0.1", 5},
                       .target = "/a b\n?" + std::string(5000, 'x'),
                       .status = 404,
                       .reason = kw::net::handshake_failure::no_route});
  CHECK(without_time(line) == "event=refused peer=127.0.0.1:5 target=\"/a b\\n\" status=404 why=no_route");
  to.handshake_failed({.reason = kw::net::handshake_failure::error, .error = kw::error::http_malformed});
  CHECK(without_time(line) == "event=refused peer=unknown why=error error=\"malformed HTTP head\"");
}

TEST_CASE("log: what cannot be written is counted, and the next line is written all the same") {
  int calls = 0;
  kw::net::connection_log const log([&](std::string_view) {
    if (++calls == 1) throw std::runtime_error("full");
  });
  observer_of(log).closed({}, {});
  observer_of(log).closed({}, {});
  CHECK(calls == 2);
  CHECK(log.lost() == 1);

  std::ostringstream out;
  kw::net::connection_log const to_stream(out);
  out.setstate(std::ios::badbit);
  observer_of(to_stream).closed({}, {});
  observer_of(to_stream).closed({}, {});
  CHECK(to_stream.lost() == 1);
  std::string const text = out.str();
  CHECK(text.ends_with("seconds=0.000\n"));
  CHECK(text.find('\n') == text.size() - 1);
}

TEST_CASE("log: many threads, one line at a time") {
  std::ostringstream out;
  kw::net::connection_log const log(out);
  std::vector<std::thread> all;
  for (int i = 0; i != 4; ++i) {
    all.emplace_back([&log] {
      for (int k = 0; k != 200; ++k) observer_of(log).closed({.target = "/same"}, {});
    });
  }
  for (auto& each : all) each.join();
  std::istringstream in(out.str());
  int count = 0;
  for (std::string line; std::getline(in, line); ++count) {
    CHECK(line.ends_with("seconds=0.000"));
    CHECK(without_time(line).starts_with("event=closed connection=0 peer=unknown target=\"/same\""));
  }
  CHECK(count == 800);
}

TEST_CASE("log: of a server") {
  for (auto const of : {served_in_threads::kind::one_thread, served_in_threads::kind::strands,
                        served_in_threads::kind::runs_itself}) {
    CAPTURE(static_cast<int>(of));
    std::mutex mutex;
    std::vector<std::string> lines;
    auto const count = [&] {
      std::lock_guard const lock(mutex);
      return lines.size();
    };
    kw::net::server_options options;
    options.connection.close_timeout = 500ms;  // clients here may not answer a Close
    options.observer = kw::net::connection_log([&](std::string_view line) {
      std::lock_guard const lock(mutex);
      lines.emplace_back(line);
    });
    served_in_threads side(of, options);
    side->websocket("/chat/{name}", [](kw::net::websocket& ws) -> asio::awaitable<void> {
      while (kw::message msg = co_await ws.receive()) co_await ws.send(msg);
    });
    side.start();
    {
      plain_client one(side->port());
      CHECK(one.open("/chat/ann?token=secret") == 101);
      one.say(test::client_frame(kw::opcode::text, "hello") +
              test::client_frame(kw::opcode::close, "\x03\xE8"));
      CHECK(one.read_to_end());
      CHECK(wait_until([&] { return count() == 1; }));
      plain_client other(side->port());
      CHECK(other.open("/nowhere?token=secret") == 404);
      CHECK(wait_until([&] { return count() == 2; }));
    }
    side.stop();
    CHECK(lines[0].find(" target=\"/chat/ann\" by=peer code=1000 sent=1000 messages_in=1 bytes_in=19 "
                        "messages_out=1 bytes_out=11 seconds=") != std::string::npos);
    CHECK(lines[0].find(" peer=127.0.0.1:") != std::string::npos);
    CHECK(lines[1].find(" target=\"/nowhere\" status=404 why=no_route") != std::string::npos);
  }
}

}  // namespace connection_log_tests
