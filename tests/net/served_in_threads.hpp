// A server of each kind in threads of its own, and blocking clients of it in the test's.
#pragma once

#include <doctest/doctest.h>

#include <asio/buffer.hpp>
#include <asio/io_context.hpp>
#include <asio/ip/tcp.hpp>
#include <asio/post.hpp>
#include <asio/socket_base.hpp>
#include <asio/write.hpp>
#include <chrono>
#include <cstdint>
#include <kindwire/net/server.hpp>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include "raw_peer.hpp"

namespace test {

inline std::string upgrade_request(std::string_view path, std::string_view more = {}) {
  std::string request = "GET ";
  request += path;
  request +=
      " HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
      "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n";
  request += more;
  return request += "\r\n";
}

// A client that says what the test wants. Its reads give up after 20 seconds.
class plain_client {
 public:
  explicit plain_client(std::uint16_t port, char const* from = "127.0.0.1") {
    asio::ip::tcp::endpoint const to(asio::ip::make_address("127.0.0.1"), port);
    socket_.open(to.protocol());
    socket_.bind({asio::ip::make_address(from), 0});
    socket_.connect(to);
    socket_.non_blocking(true);
  }

  // False once the server is gone.
  bool say(std::string_view bytes) {
    std::error_code failure;
    socket_.non_blocking(false);
    asio::write(socket_, asio::buffer(bytes), failure);
    socket_.non_blocking(true);
    return !failure;
  }

  // The status of the answer to a request for a websocket; 0 if there is none.
  unsigned open(std::string_view path = "/") {
    say(upgrade_request(path));
    return status();
  }
  unsigned status() {
    while (head.find("\r\n\r\n") == std::string::npos && fill()) continue;
    return head.size() < 12 ? 0 : static_cast<unsigned>(std::stoul(head.substr(9, 3)));
  }
  // Everything up to the end of the stream; false if that does not come.
  bool read_to_end() {
    while (fill()) continue;
    return ended_;
  }

  // True once that was read. Does not wait.
  bool has(std::string_view text) {
    std::string part(4096, '\0');
    std::error_code failure;
    while (std::size_t const size = socket_.read_some(asio::buffer(part), failure))
      head.append(part, 0, size);
    return head.find(text) != std::string::npos;
  }

  void reset() {
    socket_.set_option(asio::socket_base::linger(true, 0));
    socket_.close();
  }
  void close() { socket_.close(); }

  std::string head;  // what was read

 private:
  bool fill() {
    std::string part(4096, '\0');
    std::error_code failure = asio::error::would_block;
    std::size_t size = 0;
    for (int turn = 0; failure == asio::error::would_block && turn != 10'000; ++turn) {
      if (turn != 0) std::this_thread::sleep_for(2ms);
      size = socket_.read_some(asio::buffer(part), failure);
    }
    head.append(part, 0, size);
    ended_ = failure && failure != asio::error::would_block;
    return !failure;
  }

  asio::io_context io_;
  asio::ip::tcp::socket socket_{io_};
  bool ended_ = false;
};

// Runs until it is destroyed, which stops it.
class served_in_threads {
 public:
  enum class kind { one_thread, strands, runs_itself };

  served_in_threads(kind of, kindwire::net::server_options options) {
    options.strands = of == kind::strands;
    options.threads = 2;
    options.handle_signals = false;
    if (of == kind::runs_itself) {
      server_.emplace(std::move(options));
    } else {
      server_.emplace(io_, std::move(options));
    }
    threads_ = of == kind::strands ? 2 : 1;
    runs_itself_ = of == kind::runs_itself;
  }
  served_in_threads(served_in_threads const&) = delete;
  served_in_threads& operator=(served_in_threads const&) = delete;
  ~served_in_threads() { stop(); }

  // Once the routes are there; again after stop().
  void start() {
    server_->start();
    io_.restart();
    for (int i = 0; i != threads_; ++i) {
      running_.emplace_back([this] { runs_itself_ ? server_->run() : void(io_.run_for(300s)); });
    }
  }
  // Returns when all has ended.
  void stop() {
    server_->stop();
    for (auto& each : running_) each.join();
    if (!running_.empty() && !runs_itself_) CHECK(io_.stopped());
    running_.clear();
  }

  kindwire::net::server* operator->() { return &*server_; }
  kindwire::net::server& operator*() { return *server_; }

 private:
  asio::io_context io_;
  std::optional<kindwire::net::server> server_;
  std::vector<std::thread> running_;
  int threads_ = 1;
  bool runs_itself_ = false;
};

// `test(served_in_threads&)` sets the routes and starts it.
template <class Test>
void for_each_kind(kindwire::net::server_options const& options, Test test) {
  using kind = served_in_threads::kind;
  for (kind const of : {kind::one_thread, kind::strands, kind::runs_itself}) {
    CAPTURE(static_cast<int>(of));
    served_in_threads side(of, options);
    test(side);
  }
}

}  // namespace test
