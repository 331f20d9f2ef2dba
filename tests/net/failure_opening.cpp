// The opening handshake on both sides: each scenario with each fault at every point, over both kinds of
// stream and over TCP.
#include <kindwire/net/client.hpp>
#include <kindwire/net/server.hpp>

#include <doctest/doctest.h>

#include <asio/bind_cancellation_slot.hpp>
#include <asio/cancellation_signal.hpp>
#include <asio/co_spawn.hpp>
#include <asio/io_context.hpp>
#include <chrono>
#include <cstdint>
#include <kindwire/handshake/accept_key.hpp>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "faults.hpp"
#include "test_stream.hpp"

namespace failure_opening_tests {

namespace kw = kindwire;
using namespace std::chrono_literals;
using kw::opcode;
using test::fault;

namespace {

constexpr auto client = kw::role::client;

asio::awaitable<void> echo(kw::net::websocket& ws, test::counted mine) {
  while (kw::message msg = co_await ws.receive()) co_await ws.send(msg);
  mine.complete();
}

std::string ask(std::string const& path) {
  return "GET " + path +
         " HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
         "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n";
}

// What a server writes to a client, from the status line on, is one of these as far as it came.
bool is_answer(std::string const& written, std::string_view status) {
  std::string const begin = "HTTP/1.1 " + std::string(status) + " ";
  return written.empty() || begin.starts_with(written) || written.starts_with(begin);
}

// Runs to the end of all work; no deadline has to come for that.
void run_out(asio::io_context& io) {
  io.restart();
  io.run_for(4s);
  CHECK_MESSAGE(io.stopped(), "something still waits");
}

struct request {
  char const* path;
  char const* status;
  bool opens;
};

// A server that is asked, piece by piece, and then talked with if it opens. `destroy` is its stop. False if
// it was over before the fault came.
template <class Stream>
bool serve(request const& what, fault which, std::size_t at) {
  CAPTURE(std::string(what.path));
  CAPTURE(std::string(name_of(which)));
  CAPTURE(at);
  auto io = std::make_unique<asio::io_context>();
  auto const far = std::make_shared<test::peer>(io->get_executor());
  far->max_read = 50;
  far->max_write = 50;
  if (which == fault::error) far->fail_at = at;
  test::tally handlers;
  auto server = std::make_unique<kw::net::server>(*io);
  server->websocket("/echo", [&](kw::net::websocket& ws) { return echo(ws, test::counted(handlers)); });
  server->websocket("/kept", [&](kw::net::websocket ws) {
    auto const held = std::make_shared<kw::net::websocket>(std::move(ws));  // by its own handlers
    struct loop {
      std::shared_ptr<kw::net::websocket> ws;
      test::tally& all;
      test::counted mine{all};
      loop(std::shared_ptr<kw::net::websocket> of, test::tally& in) : ws(std::move(of)), all(in) {}
      void operator()(std::error_code error, kw::message msg) {
        mine.complete();
        if (error || !msg) return void(*ws = kw::net::websocket{});
        ws->try_send(msg);
        auto const again = ws;
        again->receive(loop(again, all));
      }
    };
    held->receive(loop(held, handlers));
  });
  server->get("/page", kw::net::html(std::string(200, 'p')));
  test::turns turns(which == fault::none || which == fault::error ? SIZE_MAX : at, [&] {
    if (which == fault::context) {
      far->drop();
      io.reset();
      turns.end();
    } else if (which == fault::destroy) {
      server.reset();
    } else {
      server->stop();
    }
  });
  server->serve(Stream(far));

  std::string const text = ask(what.path);
  std::vector<std::function<void()>> const steps{
      [&] { far->push(text.substr(0, 20)); },
      [&] { far->push(text.substr(20)); },
      [&] {
        if (what.opens) far->push_frame(client, opcode::text, "hello");
      },
      [&] {
        if (what.opens) far->push_close(client);
      },
      [&] { far->end(); },
  };
  if (io) turns.settle(*io);
  for (auto const& step : steps) {
    if (turns.over()) break;
    step();
    turns.settle(*io);
  }
  if (io) run_out(*io);
  bool const struck = turns.acted() || (far->fail_at != 0 && far->operations >= far->fail_at);

  std::string const written = far->written();
  CHECK(is_answer(written, what.status));
  std::size_t const head = written.find("\r\n\r\n");
  if (what.opens && head != std::string::npos) {
    auto const frames = test::frames_in(written.substr(head + 4), client);
    CHECK(frames.size() <= 2);
    if (!struck) {
      CHECK(frames ==
            std::vector<test::whole_frame>{{opcode::text, "hello"}, {opcode::close, test::close_body(1000)}});
    }
  }
  if (!struck) {
    CHECK(head != std::string::npos);
    CHECK(far->send_was_shut_down);
    CHECK(handlers.completed >= (what.opens ? 1 : 0));
    CHECK(handlers.dropped == 0);
  }
  if (which != fault::context) CHECK(far->closed);
  // A coroutine that broke was thrown out of: it is dropped, not completed.
  CHECK(handlers.completed + handlers.dropped == handlers.started);
  server.reset();
  if (io) test::settle(*io);
  CHECK_MESSAGE(far.use_count() == 1, "the connection was left behind");
  return struck;
}

// A client's handshake, answered piece by piece, and then the first messages.
template <class Stream>
bool open(std::string const& answer, bool opens, fault which, std::size_t at) {
  CAPTURE(std::string(name_of(which)));
  CAPTURE(at);
  auto io = std::make_unique<asio::io_context>();
  auto const far = std::make_shared<test::peer>(io->get_executor());
  far->max_read = 50;
  far->max_write = 50;
  if (which == fault::error) far->fail_at = at;
  test::tally handlers;
  asio::cancellation_signal stop;
  kw::net::websocket ws;
  std::optional<std::error_code> outcome;
  std::optional<std::string> text;
  test::turns turns(which == fault::none || which == fault::error ? SIZE_MAX : at, [&] {
    if (which == fault::context) {
      ws = {};
      far->drop();
      io.reset();
      turns.end();
    } else {
      stop.emit(asio::cancellation_type::all);
    }
  });
  kw::net::handshake(Stream(far), "ws://localhost/chat", {},
                     asio::bind_cancellation_slot(
                         stop.slot(), [&, mine = test::counted(handlers)](std::error_code error,
                                                                          kw::net::websocket opened) mutable {
                           mine.complete();
                           outcome = error;
                           CHECK(opened.is_open() == !error);
                           ws = std::move(opened);
                           if (error) return;
                           ws.receive([&, again = test::counted(handlers)](std::error_code failure,
                                                                           kw::message msg) mutable {
                             again.complete();
                             if (!failure && msg) text = msg.text();
                           });
                         }));
  std::vector<std::function<void()>> const steps{
      [&] {
        std::size_t const key = far->written().find("Sec-WebSocket-Key: ");
        std::string filled = answer;
        std::size_t const gap = filled.find('@');
        if (gap != std::string::npos && key != std::string::npos)
          filled.replace(gap, 1, kw::accept_key(far->written().substr(key + 19, 24)));
        far->push(filled);
      },
      [&] { far->push_frame(kw::role::server, opcode::text, "hello"); },
      [&] { far->push_close(kw::role::server); },
      [&] { far->end(); },
  };
  if (io) turns.settle(*io);
  for (auto const& step : steps) {
    if (turns.over()) break;
    step();
    turns.settle(*io);
  }
  if (io) run_out(*io);
  bool const struck = turns.acted() || (far->fail_at != 0 && far->operations >= far->fail_at);

  if (!struck) {
    CHECK(outcome == (opens ? std::error_code{} : make_error_code(kw::error::handshake_refused)));
    CHECK(text.has_value() == opens);
  } else if (which == fault::cancel) {
    // Too late, or in time.
    CHECK((outcome == asio::error::operation_aborted || text.has_value() == opens));
  } else if (which == fault::error) {
    REQUIRE(outcome);
    // A refusal is heard, also where writing had failed, and where its body breaks off.
    bool const refused = !opens && *outcome == kw::error::handshake_refused;
    CHECK((!*outcome || refused || *outcome == asio::error::connection_reset));
  }
  if (which != fault::context) {
    CHECK(far->closed);
    CHECK(handlers.dropped == 0);
  }
  CHECK(handlers.completed + handlers.dropped == handlers.started);
  ws = {};
  if (io) test::settle(*io);
  CHECK_MESSAGE(far.use_count() == 1, "the connection was left behind");
  return struck;
}

template <class Run>
void at_every_point(Run run) {
  CHECK(!run(fault::none, 0));
  for (fault const which : {fault::error, fault::cancel, fault::destroy, fault::context}) {
    std::size_t at = which == fault::error ? 1 : 0;
    while (run(which, at) && at < 2000) ++at;
    CHECK(at < 2000);
    CHECK(at >= 4);
  }
}

}  // namespace

TEST_CASE("failure: a server's opening, with each fault at every point") {
  for (request const& what : {request{"/echo", "101", true}, request{"/kept", "101", true},
                              request{"/page", "200", false}, request{"/nowhere", "404", false}}) {
    at_every_point([&](fault which, std::size_t at) { return serve<test::stream>(what, which, at); });
    at_every_point([&](fault which, std::size_t at) { return serve<test::ready_stream>(what, which, at); });
  }
}

TEST_CASE("failure: a client's opening, with each fault at every point") {
  std::string const accepted =
      "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
      "Sec-WebSocket-Accept: @\r\n\r\n";
  std::string const refused = "HTTP/1.1 403 Forbidden\r\nContent-Length: 100\r\n\r\n" + std::string(100, 'n');
  for (bool const opens : {true, false}) {
    std::string const& answer = opens ? accepted : refused;
    at_every_point([&](fault which, std::size_t at) { return open<test::stream>(answer, opens, which, at); });
    at_every_point(
        [&](fault which, std::size_t at) { return open<test::ready_stream>(answer, opens, which, at); });
  }
}

namespace {

// A client's coroutine and a server over TCP, in one context. False if both were done before the fault came.
bool over_tcp(fault which, std::size_t at) {
  CAPTURE(std::string(name_of(which)));
  CAPTURE(at);
  test::tally handlers;
  auto io = std::make_unique<asio::io_context>();
  auto server = std::make_unique<kw::net::server>(*io);
  server->websocket("/echo", [&](kw::net::websocket& ws) { return echo(ws, test::counted(handlers)); });
  server->start();
  std::string const url = "ws://127.0.0.1:" + std::to_string(server->port()) + "/echo";
  asio::cancellation_signal stop;
  bool done = false;
  std::string text;
  asio::co_spawn(
      *io,
      [](asio::io_context& context, std::string to, std::string& got) -> asio::awaitable<void> {
        kw::net::websocket ws = co_await kw::net::connect(context.get_executor(), to);
        co_await ws.send("hello");
        kw::message const msg = co_await ws.receive();
        got = msg.text();
        co_await ws.close();
      }(*io, url, text),
      asio::bind_cancellation_slot(stop.slot(),
                                   [&, mine = test::counted(handlers)](std::exception_ptr) mutable {
                                     mine.complete();
                                     done = true;
                                     if (server) server->stop();
                                   }));

  bool struck = false;
  for (std::size_t count = 0; io; ++count) {
    if (count == at) {
      struck = true;
      switch (which) {
        case fault::none:
        case fault::error: struck = false; break;
        case fault::cancel: stop.emit(asio::cancellation_type::all); break;
        case fault::destroy: server.reset(); break;
        case fault::context:
          server.reset();
          io.reset();
          break;
      }
    }
    if (count == test::turns::bound) {
      FAIL_CHECK("handlers without an end");
      break;
    }
    if (io && io->run_one_for(4s) == 0) break;
  }
  if (io) {
    CHECK_MESSAGE(io->stopped(), "something still waits");
    CHECK(done);
    if (!struck) CHECK(text == "hello");
  }
  io.reset();
  CHECK(handlers.completed + handlers.dropped == handlers.started);
  if (!struck) CHECK(handlers.dropped == 0);
  return struck;
}

}  // namespace

TEST_CASE("failure: connect, accept and a talk over TCP, with each fault at every point") {
  at_every_point([](fault which, std::size_t at) {
    return over_tcp(which == fault::error ? fault::cancel : which, at);
  });
}

}  // namespace failure_opening_tests
