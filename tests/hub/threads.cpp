// A hub whose connections are on several threads, and which is used from more.
#include <kindwire/hub.hpp>

#include <doctest/doctest.h>

#include <asio/awaitable.hpp>
#include <asio/co_spawn.hpp>
#include <asio/io_context.hpp>
#include <asio/this_coro.hpp>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <exception>
#include <functional>
#include <kindwire/net/client.hpp>
#include <kindwire/net/server.hpp>
#include <map>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "../support/run_in_threads.hpp"

namespace hub_threads_tests {

namespace kw = kindwire;
using namespace std::chrono_literals;

namespace {

constexpr int talkers = 6;
constexpr int words = 150;

// All talk at once in one room; everybody hears everything, in one and the same order. Others come and go.
class conversation {
 public:
  explicit conversation(kw::net::server& server) : server_(server) {
    server.websocket("/talk/{name}", [this](kw::net::websocket& ws) -> asio::awaitable<void> {
      auto const seat = users_.join(std::string(ws.request().parameter("name")), ws);
      seat.enter("room");
      auto const room = users_.room("room");
      if (++entered_ == talkers) room.publish("go");
      while (kw::message msg = co_await ws.receive()) room.publish(msg);
    });
    server.websocket("/visit", [this](kw::net::websocket& ws) -> asio::awaitable<void> {
      auto const seat = users_.join("visitor", ws);
      seat.enter("room");
      seat.enter("elsewhere");
      users_.send("visitor", "welcome");
      co_await ws.receive();
      seat.leave("elsewhere");
    });
  }

  // Returns once all have heard everything and the server has stopped.
  void hold(std::function<void()> const& serve) {
    std::thread clients([this] {
      asio::io_context io;
      for (int i = 0; i != talkers; ++i)
        asio::co_spawn(io, talk("talker" + std::to_string(i)), [&](std::exception_ptr failure) {
          CHECK(!failure);
          if (++ended_ == talkers) server_.stop();
        });
      // The server stops in the midst of a visit.
      asio::co_spawn(io, visit(),
                     [this](std::exception_ptr failure) { CHECK((!failure || ended_ == talkers)); });
      io.run_for(60s);
      CHECK(io.stopped());
    });
    std::thread outside([this] {
      auto const room = users_.room("room");
      for (int i = 0; ended_ != talkers; ++i) {
        users_.send("talker1", "ignore");
        users_.send_all("ignore");
        for (auto const& each : users_.people()) users_.send(each.key, "ignore");
        if (i % 4 == 0) users_.room("empty" + std::to_string(i)).publish("nobody hears it");
        std::this_thread::sleep_for(1ms);
      }
    });
    serve();
    outside.join();
    clients.join();
    REQUIRE(heard_.size() == talkers);
    for (auto const& [name, all] : heard_) {
      CHECK(all.size() == talkers * words);
      CHECK(all == heard_.begin()->second);
    }
    CHECK(users_.size() == 0);
  }

 private:
  std::string at(std::string const& path) const {
    return "ws://127.0.0.1:" + std::to_string(server_.port()) + path;
  }

  asio::awaitable<void> talk(std::string name) {
    auto ws = co_await kw::net::connect(co_await asio::this_coro::executor, at("/talk/" + name));
    std::vector<std::string> all;
    while (all.size() != talkers * words) {
      kw::message const msg = co_await ws.receive();
      if (!msg) break;
      if (msg.text() == "go") {
        for (int i = 0; i != words; ++i) co_await ws.send(name + " " + std::to_string(i));
      } else if (msg.text() != "ignore") {
        all.emplace_back(msg.text());
      }
    }
    {
      std::lock_guard const lock(mutex_);
      heard_[name] = std::move(all);
    }
    co_await ws.close();
  }

  asio::awaitable<void> visit() {
    while (ended_ != talkers) {
      auto ws = co_await kw::net::connect(co_await asio::this_coro::executor, at("/visit"));
      co_await ws.receive();
      if (ended_ % 2 == 0) co_await ws.close();
    }
  }

  kw::net::server& server_;
  kw::hub<std::string> users_{kw::hub_options{.slow = kw::slow_reader::drop_newest}};
  std::atomic<int> entered_{0};
  std::atomic<int> ended_{0};
  std::mutex mutex_;
  std::map<std::string, std::vector<std::string>> heard_;
};

}  // namespace

TEST_CASE("several contexts, each with a thread of its own") {
  kw::net::server server{{.threads = 3, .handle_signals = false}};
  conversation all(server);
  server.start();
  all.hold([&] { server.run(); });
}

TEST_CASE("one context that several threads run") {
  asio::io_context io;
  kw::net::server server{io};
  conversation all(server);
  server.start();
  all.hold([&] { support::run_in_threads(io, 3); });
}

TEST_CASE("one context with one thread, and with a strand for each all the same") {
  for (bool const strands : {false, true}) {
    asio::io_context io;
    kw::net::server server{io, {.strands = strands}};
    conversation all(server);
    server.start();
    all.hold([&] { support::run_in_threads(io, 1); });
  }
}

}  // namespace hub_threads_tests
