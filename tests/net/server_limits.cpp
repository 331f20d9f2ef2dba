#include <kindwire/net/server_limits.hpp>

#include <doctest/doctest.h>

#if !defined(_WIN32)
#include <unistd.h>
#endif

#include <asio/awaitable.hpp>
#include <asio/io_context.hpp>
#include <asio/local/stream_protocol.hpp>
#include <asio/post.hpp>
#include <asio/read.hpp>
#include <asio/write.hpp>
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <kindwire/net/server.hpp>
#include <list>
#include <map>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "served_in_threads.hpp"
#include "test_stream.hpp"

namespace server_limits_tests {

namespace kw = kindwire;
using namespace std::chrono_literals;
using test::for_each_kind;
using test::plain_client;
using test::served_in_threads;
using test::wait_until;

namespace {

asio::awaitable<void> echo(kw::net::websocket& ws) {
  while (kw::message msg = co_await ws.receive()) co_await ws.send(msg);
}

kw::net::server_options limited(kw::net::server_limits limits) {
  kw::net::server_options options;
  options.limits = limits;
  return options;
}

bool comes_down_to(kw::net::server const& server, std::size_t connections) {
  return wait_until([&] { return server.counted().connections == connections; });
}

bool is_nothing(kw::net::counted_connections const& of) {
  return of.connections == 0 && of.handshakes == 0 && of.addresses == 0;
}

}  // namespace

TEST_CASE("limits: one connection too many is told when to try again, and may once another has gone") {
  for_each_kind(limited({.connections = 3}), [](served_in_threads& side) {
    side->websocket("/", echo);
    side->get("/page", kw::net::html("<p>hello"));
    side.start();
    std::list<plain_client> open;
    for (int i = 0; i != 3; ++i) CHECK(open.emplace_back(side->port()).open() == 101);
    CHECK(side->counted().connections == 3);
    CHECK(wait_until([&] { return side->counted().handshakes == 0; }));
    {
      plain_client more(side->port());
      CHECK(more.open() == 503);
      CHECK(more.head.find("\r\nRetry-After: 5\r\n") != std::string::npos);
      CHECK(more.head.find("\r\nConnection: close\r\n") != std::string::npos);
      CHECK(more.read_to_end());
      plain_client page(side->port());
      page.say("HEAD /page HTTP/1.1\r\nHost: localhost\r\n\r\n");
      CHECK(page.status() == 503);
      CHECK(page.read_to_end());
      CHECK(page.head.ends_with("\r\n\r\n"));
      plain_client broken(side->port());
      broken.say("GET\r\n\r\n");
      CHECK(broken.status() == 503);
    }
    CHECK(side->refused().connections == 3);
    CHECK(side->refused().unanswered == 0);
    CHECK(side->counted().connections == 3);
    open.front().say(test::client_frame(kw::opcode::close, "\x03\xE8"));
    CHECK(open.front().read_to_end());
    open.pop_front();
    CHECK(comes_down_to(*side, 2));
    CHECK(open.emplace_back(side->port()).open() == 101);
    open.front().reset();
    CHECK(comes_down_to(*side, 2));
    // A page is a connection until its answer has been taken.
    plain_client page(side->port());
    page.say("GET /page HTTP/1.1\r\nHost: localhost\r\n\r\n");
    CHECK(page.status() == 200);
    page.close();
    CHECK(comes_down_to(*side, 2));
    open.clear();
    CHECK(comes_down_to(*side, 0));
    CHECK(is_nothing(side->counted()));
  });
}

TEST_CASE("limits: so many of one address, whatever the others do") {
  for_each_kind(limited({.connections_per_address = 2}), [](served_in_threads& side) {
    side->websocket("/", echo);
    side.start();
    std::list<plain_client> open;
    for (char const* const from : {"127.0.0.2", "127.0.0.3"}) {
      for (int i = 0; i != 2; ++i) CHECK(open.emplace_back(side->port(), from).open() == 101);
      plain_client more(side->port(), from);
      CHECK(more.open() == 429);
      CHECK(more.head.find("\r\nRetry-After: 5\r\n") != std::string::npos);
    }
    CHECK(side->counted().addresses == 2);
    CHECK(side->refused().connections_per_address == 2);
    open.pop_front();
    CHECK(comes_down_to(*side, 3));
    CHECK(plain_client(side->port(), "127.0.0.2").open() == 101);
    open.clear();
    CHECK(comes_down_to(*side, 0));
    CHECK(is_nothing(side->counted()));
  });
}

TEST_CASE("limits: handshakes under way, until they have ended in either way") {
  for_each_kind(limited({.handshakes = 2}), [](served_in_threads& side) {
    side->websocket("/", echo);
    side.start();
    plain_client one(side->port());
    plain_client two(side->port());
    CHECK(wait_until([&] { return side->counted().handshakes == 2; }));
    CHECK(plain_client(side->port()).open() == 503);
    CHECK(one.open() == 101);
    CHECK(wait_until([&] { return side->counted().handshakes == 1; }));
    plain_client three(side->port());
    CHECK(wait_until([&] { return side->counted().handshakes == 2; }));
    CHECK(plain_client(side->port()).open() == 503);
    two.reset();
    CHECK(wait_until([&] { return side->counted().handshakes == 1; }));
    CHECK(three.open("/nowhere") == 404);
    three.close();
    CHECK(wait_until([&] { return side->counted().handshakes == 0; }));
    CHECK(side->counted().connections == 1);
    CHECK(side->refused().handshakes == 2);
  });
}

TEST_CASE("limits: new connections of an address in a time") {
  kw::net::server_limits limits{.new_connections_per_address = {.per_second = 0.01, .burst = 2}};
  for_each_kind(limited(limits), [](served_in_threads& side) {
    side->websocket("/", echo);
    side.start();
    for (int i = 0; i != 2; ++i) CHECK(plain_client(side->port()).open() == 101);
    plain_client more(side->port());
    CHECK(more.open() == 429);
    auto const at = more.head.find("\r\nRetry-After: ");
    REQUIRE(at != std::string::npos);
    auto const wait = std::stoi(more.head.substr(at + 15));
    CHECK(wait >= 70);
    CHECK(wait <= 100);
    CHECK(plain_client(side->port(), "127.0.0.9").open() == 101);
    CHECK(side->refused().new_connections_per_address == 1);
    CHECK(comes_down_to(*side, 0));
    CHECK(side->counted().addresses == 2);  // they are remembered
  });
}

TEST_CASE("limits: refusals take no more sockets than they may, nor for long") {
  kw::net::server_options options = limited({.connections = 1, .answered_refusals = 1});
  options.handshake_timeout = 300ms;
  for_each_kind(options, [](served_in_threads& side) {
    side->websocket("/", echo);
    side.start();
    plain_client open(side->port());
    CHECK(open.open() == 101);
    plain_client silent(side->port());  // asks for nothing
    CHECK(wait_until([&] { return side->refused().connections == 1; }));
    plain_client more(side->port());
    CHECK(more.read_to_end());
    CHECK(more.head.empty());
    CHECK(side->refused().connections == 2);
    CHECK(side->refused().unanswered == 1);
    CHECK(silent.read_to_end());
    CHECK(silent.head.empty());
    // One that takes its answer and stays is cut as well.
    plain_client stays(side->port());
    CHECK(wait_until([&] { return side->refused().connections == 3; }));
    CHECK(stays.open() == 503);
    CHECK(stays.read_to_end());
    CHECK(wait_until([&] {
      plain_client next(side->port());
      return next.open() == 503;
    }));
    CHECK(side->counted().connections == 1);
  });
}

TEST_CASE("limits: one that is refused has two seconds for its request, however long a handshake may take") {
  served_in_threads side(served_in_threads::kind::one_thread, limited({.connections = 1}));
  side->websocket("/", echo);
  side.start();
  plain_client open(side->port());
  CHECK(open.open() == 101);
  auto const begin = std::chrono::steady_clock::now();
  plain_client silent(side->port());
  CHECK(silent.read_to_end());
  CHECK(std::chrono::steady_clock::now() - begin < 8s);
}

TEST_CASE("limits: threads that accept at the limit take exactly as many as it says") {
  kw::net::server_limits limits{.connections = 10, .connections_per_address = 6, .answered_refusals = 1000};
  for_each_kind(limited(limits), [](served_in_threads& side) {
    side->websocket("/", echo);
    side.start();
    std::mutex mutex;
    std::list<plain_client> all;
    std::map<unsigned, int> answers;
    std::vector<std::thread> threads;
    for (int t = 0; t != 4; ++t) {
      threads.emplace_back([&, t] {
        for (int i = 0; i != 6; ++i) {
          std::list<plain_client> one;
          unsigned const status =
              one.emplace_back(side->port(), t % 2 == 0 ? "127.0.0.2" : "127.0.0.3").open();
          std::lock_guard const lock(mutex);
          ++answers[status];
          all.splice(all.end(), one);
        }
      });
    }
    for (auto& each : threads) each.join();
    CHECK(answers[101] == 10);
    CHECK(answers[429] + answers[503] == 14);
    CHECK(side->counted().connections == 10);
    all.clear();
    CHECK(comes_down_to(*side, 0));
  });
}

TEST_CASE("limits: after stop() and start() nothing of before counts") {
  for_each_kind(limited({.connections = 2, .connections_per_address = 2, .handshakes = 2}),
                [](served_in_threads& side) {
                  side->websocket("/", echo);
                  for (int round = 0; round != 3; ++round) {
                    CAPTURE(round);
                    side.start();
                    plain_client open(side->port());
                    CHECK(open.open() == 101);
                    plain_client opening(side->port());
                    CHECK(wait_until([&] { return side->counted().connections == 2; }));
                    CHECK(plain_client(side->port()).open() == 429);
                    side->stop();
                    open.say(test::client_frame(kw::opcode::close, "\x03\xE9"));
                    CHECK(open.read_to_end());
                    CHECK(opening.read_to_end());
                    side.stop();
                    CHECK(is_nothing(side->counted()));
                  }
                });
}

TEST_CASE("limits: a websocket that its handler owns counts as long as it is open") {
  for_each_kind(limited({.connections = 2}), [](served_in_threads& side) {
    std::mutex mutex;
    std::vector<kw::net::websocket> kept;
    side->websocket("/", [&](kw::net::websocket ws) {
      std::lock_guard const lock(mutex);
      kept.push_back(std::move(ws));
    });
    side.start();
    plain_client one(side->port());
    plain_client two(side->port());
    CHECK(one.open() == 101);
    CHECK(two.open() == 101);
    CHECK(wait_until([&] {
      std::lock_guard const lock(mutex);
      return kept.size() == 2;
    }));
    CHECK(plain_client(side->port()).open() == 503);
    // One goes with its owner, the other with its peer, though it is still owned.
    kw::net::websocket first;
    {
      std::lock_guard const lock(mutex);
      first = std::move(kept.front());
      kept.erase(kept.begin());
    }
    auto const executor = first.get_executor();
    asio::post(executor, [first = std::move(first)] {});
    CHECK(one.read_to_end());
    CHECK(comes_down_to(*side, 1));
    two.say(test::client_frame(kw::opcode::close, "\x03\xE8"));
    CHECK(two.read_to_end());
    CHECK(comes_down_to(*side, 0));
    side.stop();
    kept.clear();
  });
}

TEST_CASE("limits: streams without addresses count in all, those that serve() was given as well") {
  asio::io_context io;
  kw::net::server server{io, limited({.connections = 2, .connections_per_address = 1})};
  server.websocket("/", echo);
  std::vector<std::shared_ptr<test::peer>> far;
  auto const ask = [&] {
    auto const one = far.emplace_back(std::make_shared<test::peer>(io.get_executor()));
    server.serve(test::stream(one));
    one->push(test::upgrade_request("/"));
    test::settle(io);
    return one->written().substr(9, 3);
  };
  CHECK(ask() == "101");
  CHECK(ask() == "101");
  CHECK(ask() == "503");
  CHECK(far[2]->send_was_shut_down);
  far[2]->end();
  far[0]->end();
  test::settle(io);
  CHECK(far[2]->closed);
  CHECK(server.counted().connections == 1);
  CHECK(server.counted().addresses == 0);
  CHECK(ask() == "101");
  for (auto const& each : far) each->end();
  test::settle(io);
  CHECK(is_nothing(server.counted()));
  for (auto const& each : far) each->drop();
}

#if !defined(_WIN32)
TEST_CASE("limits: Unix sockets count in all") {
  using protocol = asio::local::stream_protocol;
  std::string const path =
      (std::filesystem::temp_directory_path() / ("kindwire-limits-" + std::to_string(getpid()))).string();
  std::remove(path.c_str());
  asio::io_context io;
  kw::net::server server{io, limited({.connections = 3, .connections_per_address = 1})};
  server.websocket("/", echo);
  server.listen(protocol::acceptor(io, protocol::endpoint(path)));
  std::vector<protocol::socket> all;
  for (std::string const expected : {"101", "101", "101", "503"}) {
    auto& one = all.emplace_back(io);
    one.connect(protocol::endpoint(path));
    asio::write(one, asio::buffer(test::upgrade_request("/")));
    std::string answer(12, '\0');
    asio::async_read(one, asio::buffer(answer), [&](std::error_code, std::size_t) { io.stop(); });
    io.restart();
    io.run_for(10s);
    CHECK(answer.substr(9) == expected);
  }
  CHECK(server.counted().addresses == 0);
  all.clear();
  server.stop();
  io.restart();
  io.run_for(10s);
  CHECK(is_nothing(server.counted()));
  std::remove(path.c_str());
}
#endif

TEST_CASE("limits: connections that end in every way and at every time leave nothing behind") {
  kw::net::server_limits limits{.connections = 20, .connections_per_address = 12, .handshakes = 8};
  limits.answered_refusals = 4;
  for_each_kind(limited(limits), [](served_in_threads& side) {
    side->websocket("/", echo);
    side->websocket("/throws", [](kw::net::websocket&) -> asio::awaitable<void> {
      throw std::runtime_error("boom");
      co_return;
    });
    side->websocket("/owns", [](kw::net::websocket ws) { ws.try_send("bye"); });
    side.start();
    std::vector<std::thread> threads;
    for (int t = 0; t != 3; ++t) {
      threads.emplace_back([&, t] {
        std::list<plain_client> some;
        for (int i = 0; i != 60; ++i) {
          plain_client& one = some.emplace_back(side->port(), i % 3 == 0 ? "127.0.0.2" : "127.0.0.3");
          switch ((i + t) % 7) {
            case 0: one.say("GET / HT"); break;
            case 1: one.open(); break;
            case 2: one.open("/throws"); break;
            case 3: one.open("/owns"); break;
            case 4: one.open("/nowhere"); break;
            case 5:
              one.say(test::upgrade_request("/"));
              one.reset();
              break;
            case 6:
              one.open();
              one.reset();
              break;
          }
          if (some.size() > static_cast<std::size_t>(i % 5)) some.pop_front();
        }
      });
    }
    for (auto& each : threads) each.join();
    CHECK(comes_down_to(*side, 0));
    CHECK(is_nothing(side->counted()));
    CHECK(plain_client(side->port()).open() == 101);
  });
}

TEST_CASE("limits: a context may be destroyed with connections that count") {
  std::list<plain_client> all;
  {
    asio::io_context io;
    kw::net::server server{io, limited({.connections = 3, .answered_refusals = 1})};
    server.websocket("/", echo);
    server.start();
    for (int i = 0; i != 5; ++i)
      all.emplace_back(server.port()).say(test::upgrade_request("/").substr(i == 0));
    while (server.refused().connections != 2) io.run_one_for(1s);
    CHECK(server.counted().connections == 3);
  }
  for (auto& each : all) CHECK(each.read_to_end());
}

TEST_CASE("limits: without any, nothing is counted") {
  for_each_kind({}, [](served_in_threads& side) {
    side->websocket("/", echo);
    side.start();
    plain_client one(side->port());
    CHECK(one.open() == 101);
    CHECK(is_nothing(side->counted()));
    CHECK(side->refused().connections == 0);
  });
}

}  // namespace server_limits_tests
