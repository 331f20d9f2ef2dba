#include <kindwire/net/observer.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <asio/awaitable.hpp>
#include <asio/co_spawn.hpp>
#include <asio/detached.hpp>
#include <asio/error.hpp>
#include <asio/io_context.hpp>
#include <asio/post.hpp>
#include <asio/steady_timer.hpp>
#include <asio/this_coro.hpp>
#include <asio/use_awaitable.hpp>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <kindwire/hub.hpp>
#include <kindwire/net/client.hpp>
#include <kindwire/net/server.hpp>
#include <kindwire/net/websocket.hpp>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include "seen.hpp"
#include "served_in_threads.hpp"
#include "support/free_port.hpp"
#include "test_stream.hpp"

namespace observer_tests {

namespace kw = kindwire;
using namespace std::chrono_literals;
using test::for_each_kind;
using test::plain_client;
using test::seen;
using test::served_in_threads;
using test::wait_until;

namespace {

using lines = std::vector<std::string>;

asio::awaitable<void> echo(kw::net::websocket& ws) {
  while (kw::message msg = co_await ws.receive()) co_await ws.send(msg);
}

kw::net::server_options watched_by(std::shared_ptr<seen> const& by) {
  kw::net::server_options options;
  options.observer = by;
  options.connection.close_timeout = 500ms;  // clients here may not answer a Close
  return options;
}

// A websocket that is watched, over a stream whose peer is the test.
template <class Stream>
struct watched {
  explicit watched(kw::net::connection_options const& options = {}, bool frames = false,
                   kw::role self = kw::role::server)
      : by(std::make_shared<seen>(frames)),
        ws(std::in_place, Stream(far), self, options, std::span<std::byte const>{}, by) {
    settle();
  }
  watched(watched const&) = delete;
  watched& operator=(watched const&) = delete;
  ~watched() { far->drop(); }

  void settle() { test::settle(io); }

  asio::io_context io;
  std::shared_ptr<test::peer> far = std::make_shared<test::peer>(io.get_executor());
  std::shared_ptr<seen> by;
  std::optional<kw::net::basic_websocket<Stream>> ws;
};

constexpr auto client = kw::role::client;

}  // namespace

TEST_CASE("observer: a connection is opened and closed once, with who closed it and why") {
  auto const by = std::make_shared<seen>();
  for_each_kind(watched_by(by), [&](served_in_threads& side) {
    std::size_t const before = by->lines().size();
    side->websocket("/echo/{name}", echo, {.subprotocols = {"v2"}});
    side->websocket("/bye", [](kw::net::websocket& ws) -> asio::awaitable<void> { co_await ws.receive(); });
    side->websocket("/throw", [](kw::net::websocket& ws) -> asio::awaitable<void> {
      co_await ws.receive();
      throw std::runtime_error("on purpose");
    });
    side.start();
    auto const closed = [&, from = before](std::size_t how_many) {
      return wait_until([&] {
        auto const all = by->lines();
        return static_cast<std::size_t>(
                   std::count_if(all.begin() + static_cast<std::ptrdiff_t>(from), all.end(),
                                 [](auto const& each) { return each.starts_with("closed"); })) == how_many;
      });
    };
    {
      plain_client one(side->port());
      one.say(test::upgrade_request("/echo/ann?token=1", "Sec-WebSocket-Protocol: v2\r\n"));
      CHECK(one.status() == 101);
      CHECK(wait_until([&] { return by->open() == 1; }));
      auto const facts = by->last();
      CHECK(facts.target == "/echo/ann?token=1");
      CHECK(facts.route == "/echo/{name}");
      CHECK(facts.subprotocol == "v2");
      CHECK(facts.self == kw::role::server);
      CHECK(facts.remote.address == "127.0.0.1");
      CHECK(facts.remote.port != 0);
      one.say(test::client_frame(kw::opcode::close, "\x03\xE9gone"));
      CHECK(one.read_to_end());
      CHECK(closed(1));
      CHECK(by->lines().back() == "closed by peer 1001 gone");
    }
    {
      plain_client one(side->port());
      CHECK(one.open("/bye") == 101);
      one.say(test::client_frame(kw::opcode::text, "x"));
      CHECK(wait_until([&] { return one.has("\x88"); }));
      one.say(test::client_frame(kw::opcode::close, "\x03\xE8"));
      CHECK(one.read_to_end());
      CHECK(closed(2));
      CHECK(by->lines().back() == "closed by us 1000");
    }
    {
      plain_client one(side->port());
      CHECK(one.open("/echo/bob") == 101);
      CHECK(wait_until([&] { return by->open() == 1; }));
      one.reset();
      CHECK(closed(3));
      CHECK(by->lines().back().starts_with("closed by nobody 1006: "));
      CHECK(by->last_error() == asio::error::connection_reset);
    }
    {
      plain_client one(side->port());
      CHECK(one.open("/echo/bob") == 101);
      one.say(std::string("\x81\x01x", 3));
      CHECK(one.read_to_end());
      CHECK(closed(4));
      CHECK(by->lines().back() == "closed by us 1002: unmasked frame from a client");
    }
    {
      plain_client one(side->port());
      CHECK(one.open("/throw") == 101);
      one.say(test::client_frame(kw::opcode::text, "x") + test::client_frame(kw::opcode::close, "\x03\xE8"));
      CHECK(one.read_to_end());
      CHECK(closed(5));
      CHECK(by->count("threw") != 0);
    }
    {
      plain_client one(side->port());
      CHECK(one.open("/echo/bob") == 101);
      CHECK(wait_until([&] { return by->open() == 1; }));
      side->stop();
      CHECK(wait_until([&] { return one.has("\x88"); }));
      one.say(test::client_frame(kw::opcode::close, "\x03\xE9"));
      CHECK(one.read_to_end());
      CHECK(closed(6));
      CHECK(by->lines().back() == "closed by us 1001");
    }
  });
  CHECK(by->open() == 0);
}

TEST_CASE("observer: a handshake that fails is told with its reason, and opens nothing") {
  auto const by = std::make_shared<seen>();
  auto options = watched_by(by);
  options.handshake_timeout = 300ms;
  for_each_kind(options, [&](served_in_threads& side) {
    std::size_t told = by->lines().size();
    side->websocket("/", echo);
    side->websocket("/checked", echo, {.before = [](kw::request const& from) -> std::optional<kw::response> {
                      if (from.query() == "throw") throw std::runtime_error("on purpose");
                      return kw::response::plain(403);
                    }});
    side->websocket("/later", echo,
                    {.before = [](kw::request const&) -> asio::awaitable<std::optional<kw::response>> {
                      co_return kw::response::plain(401);
                    }});
    side->get("/page", kw::net::html("<p>hello"));
    side->get("/broken", [](kw::request const&) -> kw::response { throw std::runtime_error("on purpose"); });
    side.start();
    auto const next = [&] {
      CHECK(wait_until([&] { return by->lines().size() > told; }));
      std::string line = by->lines()[told++];
      return line == "threw" ? by->lines()[told++] : line;
    };
    auto const ask = [&](std::string_view request) {
      plain_client one(side->port());
      one.say(request);
      CHECK(one.read_to_end());
      return next();
    };
    CHECK(ask(test::upgrade_request("/nowhere?token=1")) == "refused no_route 404 /nowhere?token=1");
    CHECK(by->refused_from().address == "127.0.0.1");
    CHECK(by->refused_from().port != 0);
    CHECK(ask("POST / HTTP/1.1\r\nHost: localhost\r\n\r\n") ==
          "refused error 405 /: HTTP method is not allowed");
    CHECK(ask("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n") == "refused error 426 /: no upgrade to websocket");
    CHECK(ask("POST /page HTTP/1.1\r\nHost: localhost\r\n\r\n") ==
          "refused error 405 /page: HTTP method is not allowed");
    CHECK(ask("GET / HTTP/1.1\r\nHost: elsewhere.example\r\n\r\n") ==
          "refused error 421 /: request for another host");
    CHECK(ask(test::upgrade_request("/", "Origin: https://elsewhere.example\r\n")) ==
          "refused error 403 /: origin is not allowed");
    CHECK(ask("GET / HTTP/1.1\r\nHost: localhost\r\nX: " + std::string(70'000, 'x') + "\r\n\r\n") ==
          "refused error 431: HTTP head larger than the limit");
    // A client that begins with TLS.
    CHECK(ask(std::string("\x16\x03\x01\x02\x00\x01\x00\x01\xFC\x03\x03\r\n", 13)) ==
          "refused error 400: malformed HTTP head");
    CHECK(ask(test::upgrade_request("/checked")) == "refused check 403 /checked");
    CHECK(ask(test::upgrade_request("/checked?throw")) == "refused exception 500 /checked?throw");
    CHECK(ask(test::upgrade_request("/later")) == "refused check 401 /later");
    CHECK(ask("GET /broken HTTP/1.1\r\nHost: localhost\r\n\r\n") == "refused exception 500 /broken");
    CHECK(ask("GET / HTT") == "refused timeout 0");
    {
      plain_client page(side->port());
      page.say("GET /page HTTP/1.1\r\nHost: localhost\r\n\r\n");
      CHECK(page.read_to_end());
    }
    { plain_client gone(side->port()); }
    CHECK(next().starts_with("refused lost 0"));
    {
      plain_client caught(side->port());
      caught.say("GET / HTT");
      // Accepted, as those before it have been.
      plain_client other(side->port());
      CHECK(other.open("/nowhere") == 404);
      CHECK(next() == "refused no_route 404 /nowhere");
      side.stop();
      auto const last = next();
      CHECK((last == "refused stopped 0" || last == "refused timeout 0"));
    }
    CHECK(by->lines().size() == told);
  });
  CHECK(by->open() == 0);
}

TEST_CASE("observer: those over a limit are told, answered or not") {
  auto const by = std::make_shared<seen>();
  auto options = watched_by(by);
  options.limits = {.connections = 1, .answered_refusals = 1};
  for_each_kind(options, [&](served_in_threads& side) {
    side->websocket("/", echo);
    side.start();
    std::size_t const answered = by->count("refused limit 503 /");
    std::size_t const unanswered = by->count("refused limit 0");
    plain_client first(side->port());
    CHECK(first.open() == 101);
    plain_client second(side->port());
    CHECK(wait_until([&] { return side->refused().connections == 1; }));
    plain_client third(side->port());
    CHECK(third.read_to_end());
    CHECK(by->count("refused limit 0") == unanswered + 1);
    CHECK(by->refused_from().address == "127.0.0.1");
    CHECK(second.open() == 503);
    CHECK(wait_until([&] { return by->count("refused limit 503 /") == answered + 1; }));
    first.say(test::client_frame(kw::opcode::close, "\x03\xE8"));
    CHECK(first.read_to_end());
  });
}

TEST_CASE("observer: an observer may stop the server that it is told of") {
  struct stopping final : kw::net::observer {
    void handshake_failed(kw::net::failed_handshake const&) noexcept override { of->stop(); }
    kw::net::server* of = nullptr;
  };
  auto const by = std::make_shared<stopping>();
  asio::io_context io;
  kw::net::server server{io, {.limits = {.connections = 1, .answered_refusals = 0}, .observer = by}};
  by->of = &server;
  server.websocket("/", [](kw::net::websocket&) -> asio::awaitable<void> { co_return; });
  server.start();
  plain_client first(server.port());
  plain_client second(server.port());
  io.run_for(20s);
  CHECK(io.stopped());
}

TEST_CASE("observer: what is told of traffic adds up to all of it, also of messages taken after the end") {
  watched<test::ready_stream> end;
  for (int i = 0; i != 5; ++i) end.far->push_frame(client, kw::opcode::text, "12345");
  end.far->push_close(client, 1000);
  end.settle();
  CHECK(end.by->count("closed by peer 1000") == 0);
  CHECK(end.ws->try_receive().text() == "12345");
  end.ws->try_send("four");
  end.settle();
  end.ws->try_close();
  end.far->end();
  end.settle();
  REQUIRE(end.by->count("closed by peer 1000") == 1);
  int left = 0;
  while (end.ws->try_receive()) ++left;
  CHECK(left == 4);
  auto const sum = end.by->sum();
  CHECK(sum.messages_received == 5);
  CHECK(sum.messages_sent == 1);
  CHECK(sum.bytes_received == 5 * 11 + 8);
  CHECK(sum.bytes_sent == 6 + 4);
  CHECK(end.ws->statistics()->messages_received == 5);
}

TEST_CASE("observer: every send that is dropped is told, and whether the queue is above its mark") {
  kw::net::connection_options options;
  options.send_queue_soft = 1000;
  options.send_queue_hard = 4000;
  watched<test::ready_stream> end(options);
  end.far->writes_wait = true;
  std::string const text(100, 'x');
  std::size_t refused = 0;
  for (int i = 0; i != 100; ++i) refused += end.ws->try_send(text) ? 1 : 0;
  CHECK(refused != 0);
  CHECK(end.by->dropped_sends() == refused);
  end.settle();
  CHECK(end.by->lines() == lines{"opened ", "filled"});
  auto const remote = end.ws->remote();
  std::thread other([&] {
    for (int i = 0; i != 100; ++i) refused += remote.send(text) == kw::error::send_queue_full ? 1 : 0;
  });
  other.join();
  // Those of another thread with the next turn.
  end.far->push_frame(client, kw::opcode::ping, "");
  end.settle();
  CHECK(end.by->dropped_sends() == refused);
  end.far->let_write();
  end.settle();
  CHECK(end.by->lines() == lines{"opened ", "filled", "drained"});
  end.far->writes_wait = true;
  for (int i = 0; i != 20; ++i) end.ws->try_send(text);
  end.settle();
  end.ws.reset();
  CHECK(end.by->lines() == lines{"opened ", "filled", "drained", "filled", "drained", "closed by us 1001"});
}

TEST_CASE("observer: a ping that is answered") {
  kw::net::connection_options options;
  options.ping_interval = 20ms;
  watched<test::stream> end(options);
  while (end.far->writes.empty()) end.io.run_one_for(20s);
  CHECK(end.by->count("round trip") == 0);
  end.far->push_frame(client, kw::opcode::pong, "");
  end.settle();
  CHECK(end.by->count("round trip") == 1);
}

TEST_CASE_TEMPLATE("observer: every frame, whatever pieces it comes in, as it was before it was masked",
                   Stream, test::stream, test::ready_stream) {
  for (std::size_t const most : {std::size_t{1}, std::size_t{7}, std::size_t{100'000}}) {
    CAPTURE(most);
    watched<Stream> end({.read_ahead = 200'000}, true);
    end.far->max_read = most;
    end.far->max_write = most;
    end.far->push_frame(client, kw::opcode::text, "hello");
    end.far->push_frame(client, kw::opcode::text, "one,", false);
    end.far->push_frame(client, kw::opcode::ping, "now");
    end.far->push_frame(client, kw::opcode::continuation, "two");
    end.far->push_frame(client, kw::opcode::binary, std::string(70'000, 'b'));
    end.settle();
    CHECK(end.ws->try_receive().text() == "hello");
    CHECK(end.ws->try_receive().text() == "one,two");
    end.settle();
    CHECK(end.ws->try_receive().size() == 70'000);
    end.ws->try_send("answer");
    end.settle();
    end.far->push_close(client, 1000, "bye");
    end.settle();
    CHECK(!end.ws->try_receive());
    end.settle();
    auto all = end.by->lines();
    lines received, sent;
    for (auto const& each : all) {
      if (each.starts_with("<")) received.push_back(each);
      if (each.starts_with(">")) sent.push_back(each);
    }
    CHECK(received == lines{"< TEXT fin masked 5 bytes: \"hello\"", "< TEXT masked 4 bytes: \"one,\"",
                            "< PING fin masked 3 bytes: \"now\"",
                            "< CONTINUATION fin masked 3 bytes: \"two\"",
                            "< BINARY fin masked 70000 bytes: \"" + std::string(40, 'b') + "\"...",
                            "< CLOSE fin masked 5 bytes: 1000 normal closure \"bye\""});
    CHECK(sent == lines{"> PONG fin 3 bytes: \"now\"", "> TEXT fin 6 bytes: \"answer\"",
                        "> CLOSE fin 2 bytes: 1000 normal closure"});
  }
}

TEST_CASE("observer: a client's frames are told unmasked, and none after one that breaks a rule") {
  watched<test::ready_stream> end({}, true, kw::role::client);
  end.ws->try_send("secret");
  end.settle();
  end.far->push_frame(kw::role::server, kw::opcode::text, "answer");
  end.far->push(std::string("\x83\x00\x81\x01x", 5));
  end.settle();
  CHECK(end.ws->try_receive());
  CHECK(!end.ws->try_receive());
  end.settle();
  auto const all = end.by->lines();
  REQUIRE(all.size() >= 4);
  CHECK(all[1] == "> TEXT fin masked 6 bytes: \"secret\"");
  CHECK(all[2] == "< TEXT fin 6 bytes: \"answer\"");
  CHECK(all[3].starts_with("> CLOSE fin masked"));
  CHECK(end.by->count("< TEXT fin 1 byte: \"x\"") == 0);
}

TEST_CASE("observer: whatever fails, a connection that was opened is closed once") {
  for (std::size_t k = 1; k != 12; ++k) {
    CAPTURE(k);
    auto const by = std::make_shared<seen>(true);
    {
      watched<test::stream> end;
      end.by = by;
      auto const far = std::make_shared<test::peer>(end.io.get_executor());
      far->fail_at = k;
      far->max_read = 5;
      kw::net::basic_websocket<test::stream> ws(test::stream(far), kw::role::server, {}, {}, by);
      ws.receive([](std::error_code, kw::message) {});
      for (int i = 0; i != 3; ++i) {
        far->push_frame(client, kw::opcode::text, "hello");
        ws.try_send("hello");
        end.settle();
      }
      ws.try_close();
      far->push_close(client);
      end.settle();
      far->end();
      end.settle();
      far->drop();
    }
    CHECK(by->open() == 0);
    CHECK(by->count("opened ") == 1);
  }
}

TEST_CASE("observer: a context that is destroyed closes what was open on it") {
  auto const by = std::make_shared<seen>();
  {
    auto io = std::make_unique<asio::io_context>();
    kw::net::server server{*io, {.observer = by}};
    server.websocket("/", echo);
    server.start();
    std::thread other([port = server.port(), &by, &io] {
      plain_client one(port);
      CHECK(one.open() == 101);
      CHECK(wait_until([&] { return by->open() == 1; }));
      io->stop();
    });
    io->run_for(20s);
    other.join();
    CHECK(by->open() == 1);
    server.stop();
    io.reset();
  }
  CHECK(by->open() == 0);
  CHECK(by->lines().back().starts_with("closed by nobody 1006"));
}

TEST_CASE("observer: the connections of a client, and those that come to nothing") {
  auto const by = std::make_shared<seen>();
  auto const served = std::make_shared<seen>();
  asio::io_context io;
  kw::net::server server{io, {.observer = served}};
  server.websocket("/echo", echo);
  server.start();
  asio::co_spawn(
      io,
      [&]() -> asio::awaitable<void> {
        kw::net::client const from{{.observer = by}};
        std::string const base = "ws://127.0.0.1:" + std::to_string(server.port());
        {
          kw::net::websocket ws = co_await from.connect(io, base + "/echo?token=1");
          co_await ws.send("hello");
          CHECK((co_await ws.receive()).text() == "hello");
          co_await ws.close();
        }
        CHECK(by->last().self == kw::role::client);
        CHECK(by->last().remote.port == server.port());
        CHECK(by->last().route.empty());
        CHECK_THROWS(co_await from.connect(io, base + "/nowhere"));
        server.stop();
        CHECK_THROWS(
            co_await from.connect(io, "ws://127.0.0.1:" + std::to_string(test::free_port()) + "/gone"));
      },
      asio::detached);
  io.run_for(20s);
  auto const all = by->lines();
  REQUIRE(all.size() == 4);
  CHECK(all[0] == "opened /echo?token=1");
  CHECK(all[1] == "closed by us 1000");
  CHECK(all[2] == "refused error 404 /nowhere: server refused the WebSocket connection");
  CHECK(all[3].starts_with("refused error 0 /gone: "));
  CHECK(by->sum().messages_sent == 1);
  CHECK(by->sum().messages_received == 1);
  CHECK(by->sum().bytes_received == served->sum().bytes_sent);
  CHECK(by->sum().bytes_sent == served->sum().bytes_received);
}

TEST_CASE("observer: what a hub publishes is told at once, of those that only receive as well") {
  auto const by = std::make_shared<seen>(true);
  asio::io_context io;
  kw::net::server server{io, {.connection = {.ping_interval = 0ms}, .observer = by}};
  kw::hub<int> users{io};
  server.websocket("/", [&](kw::net::websocket& ws) -> asio::awaitable<void> {
    auto const me = users.join(1, ws);
    me.enter("all");
    while (co_await ws.receive()) continue;
  });
  server.start();
  std::thread other([&, port = server.port()] {
    plain_client one(port);
    CHECK(one.open() == 101);
    CHECK(wait_until([&] { return users.room("all").people().size() == 1; }));
    // On the connection's own thread it is written at once, without a turn of the connection.
    asio::post(io, [&] { users.room("all").publish(std::string(600, 'x')); });
    CHECK(wait_until([&] { return one.has(std::string(600, 'x')); }));
    CHECK(wait_until([&] { return by->sum().messages_sent == 1; }));
    CHECK(by->sum().bytes_sent == 604);
    CHECK(by->count("> TEXT fin 600 bytes: \"" + std::string(40, 'x') + "\"...") == 1);
    one.close();
    server.stop();
  });
  io.run_for(20s);
  CHECK(io.stopped());
  other.join();
}

TEST_CASE("observer: several, in their order, of which some want frames") {
  struct first final : kw::net::observer {
    explicit first(std::string& log) : all(log) {}
    void opened(kw::net::connection_facts const&) noexcept override { all += 'a'; }
    void frame(kw::net::connection_facts const&, kw::net::direction, kw::frame_header const&,
               std::span<std::byte const>) noexcept override {
      all += '!';
    }
    std::string& all;
  };
  struct second final : kw::net::observer {
    explicit second(std::string& log) : all(log) {}
    void opened(kw::net::connection_facts const&) noexcept override { all += 'b'; }
    bool wants_frames() const noexcept override { return true; }
    void frame(kw::net::connection_facts const&, kw::net::direction, kw::frame_header const&,
               std::span<std::byte const>) noexcept override {
      all += 'f';
    }
    std::string& all;
  };
  std::string log;
  auto const both = kw::net::observers(std::make_shared<first>(log), std::shared_ptr<kw::net::observer>(),
                                       std::make_shared<second>(log));
  both->opened({});
  CHECK(both->wants_frames());
  both->frame({}, kw::net::direction::sent, {}, {});
  CHECK(log == "abf");
  CHECK(!kw::net::observers(std::make_shared<first>(log))->wants_frames());

  // What they are told reaches all of them, through every function.
  auto const one = std::make_shared<seen>(true);
  auto const other = std::make_shared<seen>(true);
  auto const all = kw::net::observers(one, other);
  kw::net::connection_facts const of{.number = 1};
  all->opened(of);
  all->traffic(of, {.messages_sent = 3});
  all->queue_filled(of, 5);
  all->queue_drained(of);
  all->dropped(of, 2);
  all->round_trip(of, 5ms);
  all->frame(of, kw::net::direction::received, {}, {});
  all->handshake_failed({.status = 404, .reason = kw::net::handshake_failure::no_route});
  all->accept_failed({});
  all->handler_threw({});
  all->closed(of, {});
  CHECK(one->lines() == lines{"opened ", "filled", "drained", "round trip", "< BINARY fin 0 bytes",
                              "refused no_route 404", "accept failed", "threw", "closed by nobody 1006"});
  CHECK(one->lines() == other->lines());
  CHECK(other->dropped_sends() == 2);
  CHECK(other->sum().messages_sent == 3);
}

}  // namespace observer_tests
