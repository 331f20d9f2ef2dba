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
#include <cstdlib>
#include <exception>
#include <functional>
#include <iterator>
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

namespace {

// Visitors who come, talk, go from room to room and leave, each in another way: eight threads of the server
// serve them, and others publish. By hand: for KINDWIRE_SECONDS.
class crowd {
 public:
  explicit crowd(kw::net::server& server) : server_(server) {
    server.websocket("/{name}/{way}", [this](kw::net::websocket& ws) -> asio::awaitable<void> {
      std::string const name(ws.request().parameter("name")), way(ws.request().parameter("way"));
      auto seat = users_.join(name, ws);
      seat.enter("room");
      seat.enter(name);
      seat.publish("room", "here is " + name);
      users_.send(name, "welcome");
      kw::message const msg = co_await ws.receive();
      if (msg) seat.publish_to_others("room", msg);
      seat.leave(name);
      if (way == "leave") seat.leave();
      if (way == "close") co_await ws.close(kw::close_code::normal, "goodbye");
      if (way == "wait") co_await ws.receive();
    });
  }

  void gather(std::function<void()> const& serve) {
    std::vector<std::thread> outside;
    for (int i = 0; i != visiting_threads; ++i) outside.emplace_back([this, i] { visit(i); });
    outside.emplace_back([this] {
      auto const room = users_.room("room");
      while (visiting_ != 0) {
        room.publish("to those in the room");
        users_.send_all("to all");
        for (auto const& each : room.people()) users_.send(each.key, "to you");
        std::this_thread::sleep_for(1ms);
      }
      server_.stop();
    });
    serve();
    for (auto& each : outside) each.join();
    CHECK(users_.size() == 0);
    CHECK(users_.room("room").people().empty());
    CHECK(visits_ >= visiting_threads * visitors * least_visits);
  }

  static void run(asio::io_context& io, int threads) {
    std::vector<std::thread> others;
    for (int i = 1; i < threads; ++i) others.emplace_back([&] { io.run_for(limit()); });
    io.run_for(limit());
    for (auto& each : others) each.join();
    CHECK(io.stopped());
  }

 private:
  static constexpr int visiting_threads = 3;
  static constexpr int visitors = 5;  // of each thread
  static constexpr int least_visits = 8;

  static std::chrono::seconds duration() {
    char const* const given = std::getenv("KINDWIRE_SECONDS");
    return std::chrono::seconds(given != nullptr ? std::atoi(given) : 0);
  }

  static std::chrono::seconds limit() { return duration() + 120s; }

  void visit(int thread) {
    asio::io_context io;
    for (int i = 0; i != visitors; ++i) {
      asio::co_spawn(io, come_and_go("visitor" + std::to_string(thread) + std::to_string(i)),
                     [](std::exception_ptr failure) { CHECK(!failure); });
    }
    run(io, 1);
    --visiting_;
  }

  asio::awaitable<void> come_and_go(std::string name) {
    static constexpr std::string_view ways[] = {"close", "leave", "wait", "return"};
    auto const until = std::chrono::steady_clock::now() + duration();
    for (std::size_t i = 0; i < least_visits || std::chrono::steady_clock::now() < until; ++i) {
      auto const port = std::to_string(server_.port());
      auto const way = ways[i % std::size(ways)];
      auto ws = co_await kw::net::connect(co_await asio::this_coro::executor,
                                          "ws://127.0.0.1:" + port + "/" + name + "/" + std::string(way));
      while (kw::message const msg = co_await ws.receive()) {
        if (msg.text() == "welcome") break;
      }
      co_await ws.send("good day");
      ++visits_;
      if (i % 3 == 0) continue;  // gone without a word
      if (i % 3 == 1) co_await ws.close();
      if (i % 3 == 2 && way != "wait") {
        while (co_await ws.receive()) continue;
      }
    }
  }

  kw::net::server& server_;
  kw::hub<std::string> users_{kw::hub_options{.slow = kw::slow_reader::drop_newest}};
  std::atomic<int> visiting_{visiting_threads};
  std::atomic<int> visits_{0};
};

}  // namespace

TEST_CASE("hub: joins, leaves, publishes and closes on eight contexts") {
  kw::net::server server{{.threads = 8, .handle_signals = false}};
  crowd all(server);
  server.start();
  all.gather([&] { server.run(); });
}

TEST_CASE("hub: joins, leaves, publishes and closes on one context that eight threads run") {
  asio::io_context io;
  kw::net::server server{io};
  crowd all(server);
  server.start();
  all.gather([&] { all.run(io, 8); });
}

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
