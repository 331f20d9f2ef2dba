// A server that comes and goes, and a connection that comes back to it, in one thread: a test says what
// happens next, and until when both go on.
#pragma once

#include <doctest/doctest.h>

#include <asio/awaitable.hpp>
#include <asio/io_context.hpp>
#include <asio/steady_timer.hpp>
#include <chrono>
#include <cstdint>
#include <functional>
#include <kindwire/net/reconnecting_websocket.hpp>
#include <kindwire/net/server.hpp>
#include <optional>
#include <string>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

namespace test {

// What it was sent, by all its connections; what it answers a request with instead of a websocket.
class far_end {
 public:
  far_end() { start(); }
  far_end(far_end const&) = delete;
  far_end& operator=(far_end const&) = delete;
  ~far_end() { kill(); }

  void start() {
    io_.emplace(1);
    server_.emplace(*io_, kindwire::net::server_options{.port = port_, .strands = false});
    auto const before = [this](kindwire::request const& request) {
      requests.push_back(request);
      return answer ? answer(request) : std::nullopt;
    };
    server_->websocket("/{rest}", [this](kindwire::net::websocket& with) { return converse(with); },
                       {.before = before});
    server_->start();
    port_ = server_->port();
  }
  // Everything is gone at once, whatever is under way.
  void kill() {
    ws = nullptr;
    server_.reset();
    io_.reset();
  }
  bool run() { return io_ && io_->poll() != 0; }

  std::string uri(std::string const& path = "feed") const {
    return "ws://127.0.0.1:" + std::to_string(port_) + "/" + path;
  }

  std::function<std::optional<kindwire::response>(kindwire::request const&)> answer;
  std::vector<kindwire::request> requests;
  std::vector<std::string> said;
  kindwire::net::websocket* ws = nullptr;  // the last that was opened, while it is open
  int opened = 0;

 private:
  asio::awaitable<void> converse(kindwire::net::websocket& with) {
    ws = &with;
    ++opened;
    try {
      while (kindwire::message const msg = co_await with.receive()) said.emplace_back(msg.text());
    } catch (std::system_error const&) {}
    if (ws == &with) ws = nullptr;
  }

  std::optional<asio::io_context> io_;
  std::optional<kindwire::net::server> server_;
  std::uint16_t port_ = 0;
};

// The connection under test, and what it has received, as a list of words.
struct script {
  using feed_type = kindwire::net::reconnecting_websocket;

  // Delays of a test: none unless it gives its own.
  static kindwire::net::reconnect_options quick(kindwire::net::reconnect_options options = {}) {
    if (options.first_delay == kindwire::net::reconnect_options{}.first_delay)
      options.first_delay = std::chrono::milliseconds(5);
    if (options.max_delay == kindwire::net::reconnect_options{}.max_delay)
      options.max_delay = std::chrono::milliseconds(20);
    return options;
  }

  explicit script(kindwire::net::reconnect_options options = {}, kindwire::net::connect_options with = {})
      : client(std::move(with)) {
    options.changed = [this](kindwire::net::reconnect_status const& now) { states.push_back(now.state); };
    feed.emplace(client, io, far.uri(), quick(std::move(options)));
  }

  // Both go on until that is so: false after a minute.
  template <class Condition>
  bool until(Condition so) {
    auto const limit = std::chrono::steady_clock::now() + std::chrono::minutes(1);
    while (!so()) {
      if (std::chrono::steady_clock::now() > limit) return false;
      io.restart();
      bool const busy = io.poll() != 0;
      if (!far.run() && !busy) std::this_thread::sleep_for(std::chrono::microseconds(200));
    }
    return true;
  }
  bool until_open(int connections = 1) {
    return until([&] { return feed->is_open() && far.ws != nullptr && far.opened >= connections; });
  }
  bool until_log(std::size_t size) {
    return until([&] { return log.size() >= size; });
  }
  bool until_closed() {
    return until([&] { return feed->state() == kindwire::net::reconnect_state::closed; });
  }
  // Long enough for what would come soon.
  void settle() {
    for (int turn = 0; turn != 50; ++turn) {
      io.restart();
      io.poll();
      far.run();
      std::this_thread::sleep_for(std::chrono::microseconds(500));
    }
  }

  void log_messages() {
    feed->receive([this](std::error_code failure, kindwire::message msg) {
      log.push_back(failure ? failure.message() : msg ? std::string(msg.text()) : "end");
      if (!failure && msg) log_messages();
    });
  }
  void log_events() {
    feed->receive_event([this](std::error_code failure, kindwire::net::reconnect_event event) {
      using type = kindwire::net::reconnect_event::type;
      std::string const number = ' ' + std::to_string(event.connection);
      switch (event.what) {
        case type::none: log.push_back(failure ? failure.message() : "end"); return;
        case type::message: log.emplace_back(event.msg.text()); break;
        case type::connected: log.push_back("connected" + number); break;
        case type::disconnected:
          log.push_back("disconnected" + number + ": " + to_string(event.how.code) + event.how.reason);
          break;
      }
      log_events();
    });
  }

  asio::io_context io{1};
  far_end far;
  kindwire::net::client client;
  std::vector<kindwire::net::reconnect_state> states;
  std::vector<std::string> log;
  std::optional<feed_type> feed;
};

using words = std::vector<std::string>;

}  // namespace test
