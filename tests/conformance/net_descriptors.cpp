// Descriptors: what happens when there are none left, and that one that is used again is another connection.
#include <kindwire/net/client.hpp>
#include <kindwire/net/server.hpp>

#include <doctest/doctest.h>

#include <sys/resource.h>
#include <unistd.h>

#include <asio/awaitable.hpp>
#include <asio/co_spawn.hpp>
#include <asio/io_context.hpp>
#include <asio/ip/tcp.hpp>
#include <asio/read.hpp>
#include <asio/write.hpp>
#include <chrono>
#include <ctime>
#include <deque>
#include <exception>
#include <set>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace net_descriptors_tests {

namespace kw = kindwire;
using namespace std::chrono_literals;
using asio::ip::tcp;

namespace {

asio::awaitable<void> echo(kw::net::websocket& ws) {
  while (kw::message msg = co_await ws.receive()) co_await ws.send(msg);
}

// From now on no descriptor can be opened, until this goes.
class no_descriptors {
 public:
  no_descriptors() {
    getrlimit(RLIMIT_NOFILE, &before_);
    int const next = dup(0);
    close(next);
    rlimit limit = before_;
    limit.rlim_cur = static_cast<rlim_t>(next);
    setrlimit(RLIMIT_NOFILE, &limit);
  }
  no_descriptors(no_descriptors const&) = delete;
  no_descriptors& operator=(no_descriptors const&) = delete;
  ~no_descriptors() { setrlimit(RLIMIT_NOFILE, &before_); }

 private:
  rlimit before_;
};

TEST_CASE(
    "descriptors: Beast #2264: out of descriptors, a server waits, does not spin, and goes on serving") {
  asio::io_context io;
  kw::net::server server{io};
  server.websocket("/echo", echo);
  server.get("/", kw::net::html("<p>hello"));
  server.start();
  tcp::endpoint const at(asio::ip::make_address("127.0.0.1"), server.port());
  std::vector<tcp::socket> clients;
  for (int i = 0; i != 5; ++i) {
    clients.emplace_back(io);
    clients.back().connect(at);
    asio::write(clients.back(), asio::buffer(std::string("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")));
  }
  {
    no_descriptors const none;
    CHECK(dup(0) < 0);
    // An accept that fails at once and is tried again at once would make thousands of turns in this time.
    CHECK(io.run_for(200ms) < 100);
    for (auto& each : clients) CHECK(each.available() == 0);
  }
  for (auto& each : clients) {
    each.non_blocking(true);
    std::string answer(64, '\0');
    std::error_code failure = asio::error::would_block;
    for (int turn = 0; failure == asio::error::would_block && turn != 500; ++turn) {
      io.restart();
      io.run_for(20ms);
      each.read_some(asio::buffer(answer), failure);
    }
    CHECK(!failure);
    CHECK(answer.starts_with("HTTP/1.1 200 OK\r\n"));
    each.close();
  }
  server.stop();
  io.restart();
  io.run_for(10s);
  CHECK(io.stopped());
}

TEST_CASE("descriptors: out of them, the threads of a server that runs itself wait as well") {
  kw::net::server_options options;
  options.threads = 2;
  options.handle_signals = false;
  options.limits.connections = 100;
  kw::net::server server{options};
  server.get("/", kw::net::html("<p>hello"));
  server.start();
  std::thread running([&] { server.run(); });
  asio::io_context io;
  tcp::endpoint const at(asio::ip::make_address("127.0.0.1"), server.port());
  std::vector<tcp::socket> clients;
  for (int i = 0; i != 12; ++i) clients.emplace_back(io, tcp::v4());
  {
    no_descriptors const none;
    for (auto& each : clients) {
      each.connect(at);  // as far as the queue of the port
      asio::write(each, asio::buffer(std::string("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")));
    }
    std::clock_t const begin = std::clock();
    std::this_thread::sleep_for(400ms);
    // Two threads that spin would use 800 ms, if there are as many processors; one at least 400.
    CHECK(std::clock() - begin < CLOCKS_PER_SEC / 10);
    for (auto& each : clients) CHECK(each.available() == 0);
    CHECK(server.counted().connections == 0);
  }
  for (auto& each : clients) {
    std::string answer(15, '\0');
    asio::read(each, asio::buffer(answer));
    CHECK(answer == "HTTP/1.1 200 OK");
  }
  clients.clear();
  server.stop();
  running.join();
  CHECK(server.counted().connections == 0);
}

TEST_CASE("descriptors: without one left, a client says so, not that it was cancelled") {
  asio::io_context io;
  std::error_code outcome;
  auto const connect = [&](char const* to) {
    outcome.clear();
    kw::net::connect(io, to, {}, [&](std::error_code error, kw::net::websocket) { outcome = error; });
    io.restart();
    io.run_for(10s);
    CHECK(io.stopped());
  };
  connect("ws://127.0.0.1:1/");  // what the context itself needs is there now
  CHECK(outcome == asio::error::connection_refused);
  no_descriptors const none;
  connect("ws://127.0.0.1:1/");
  CHECK(outcome == asio::error::no_descriptors);
}

TEST_CASE(
    "descriptors: IXWebSocket, sofia-sip: what is sent by a stale handle reaches no stranger's connection") {
  asio::io_context io;
  kw::net::server server{io};
  std::deque<std::pair<std::string, kw::net::remote>> remotes;
  server.websocket("/{name}", [&](kw::net::websocket& ws) -> asio::awaitable<void> {
    std::string const name(ws.request().parameter("name"));
    remotes.emplace_back(name, ws.remote());
    if (remotes.size() > 20) remotes.pop_front();
    co_await ws.send(name + " hello");
    while (co_await ws.receive()) continue;
  });
  server.start();
  std::set<tcp::socket::native_handle_type> descriptors;
  int own = 0;
  int strange = 0;
  int stale = 0;
  std::exception_ptr failure;
  constexpr int count = 300;
  asio::co_spawn(
      io,
      [&]() -> asio::awaitable<void> {
        for (int i = 0; i != count; ++i) {
          std::string const name = "user-" + std::to_string(i);
          tcp::socket socket(io);
          co_await socket.async_connect({asio::ip::make_address("127.0.0.1"), server.port()},
                                        asio::use_awaitable);
          descriptors.insert(socket.native_handle());
          auto ws = co_await kw::net::handshake(std::move(socket), "ws://127.0.0.1/" + name);
          kw::message const hello = co_await ws.receive();
          own += hello.text() == name + " hello";
          for (auto const& [whose, remote] : remotes) {
            bool const gone = static_cast<bool>(remote.send(whose + " again"));
            stale += gone;
            if (whose != name && i % 3 == 0) remote.close();
          }
          kw::message const again = co_await ws.receive();
          again.text() == name + " again" ? ++own : ++strange;
          if (i % 2 == 0) co_await ws.close();
          // What else came is one's own, or nothing.
          while (kw::message const more = ws.try_receive()) strange += !more.text().starts_with(name);
        }
        server.stop();
      },
      [&](std::exception_ptr thrown) {
        failure = thrown;
        server.stop();
      });
  io.run_for(60s);
  CHECK(io.stopped());
  CHECK(!failure);
  CHECK(own == 2 * count);
  CHECK(strange == 0);
  CHECK(stale > count);
  CHECK(descriptors.size() < count / 3);  // they were used again, many times
  for (auto const& [whose, remote] : remotes) CHECK(remote.send("late") == kw::error::closed);
}

}  // namespace

}  // namespace net_descriptors_tests
