// A server, or a proxy, that says what a script tells it to, beside the client on one context.
#pragma once

#include <asio/awaitable.hpp>
#include <asio/buffer.hpp>
#include <asio/co_spawn.hpp>
#include <asio/detached.hpp>
#include <asio/io_context.hpp>
#include <asio/ip/tcp.hpp>
#include <asio/read.hpp>
#include <asio/read_until.hpp>
#include <asio/redirect_error.hpp>
#include <asio/use_awaitable.hpp>
#include <asio/write.hpp>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <kindwire/handshake/accept_key.hpp>
#include <kindwire/net/client.hpp>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

namespace test {

// One connection to it.
template <class Stream>
struct basic_scripted_peer {
  Stream socket;
  std::string input = {};

  // Up to the empty line; empty once the client is gone.
  asio::awaitable<std::string> head() {
    std::error_code failure;
    std::size_t const size = co_await asio::async_read_until(
        socket, asio::dynamic_buffer(input), "\r\n\r\n", asio::redirect_error(asio::use_awaitable, failure));
    co_return failure ? std::string() : take(size);
  }
  asio::awaitable<std::string> bytes(std::size_t size) {
    std::error_code failure;
    if (input.size() < size)
      co_await asio::async_read(socket, asio::dynamic_buffer(input),
                                asio::transfer_exactly(size - input.size()),
                                asio::redirect_error(asio::use_awaitable, failure));
    co_return failure ? std::string() : take(size);
  }
  asio::awaitable<void> say(std::string text) {
    std::error_code ignored;
    co_await asio::async_write(socket, asio::buffer(text),
                               asio::redirect_error(asio::use_awaitable, ignored));
  }
  // Until the client ends the connection.
  asio::awaitable<void> wait() {
    for (std::string more = "x"; !more.empty();) more = co_await bytes(input.size() + 1);
  }

 private:
  std::string take(std::size_t size) {
    std::string taken = input.substr(0, size);
    input.erase(0, size);
    return taken;
  }
};
using scripted_peer = basic_scripted_peer<asio::ip::tcp::socket>;

inline std::string accepted(std::string const& head, std::string_view fields = {}) {
  std::size_t const key = head.find("Sec-WebSocket-Key: ") + 19;
  return "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: "
         "Upgrade\r\nSec-WebSocket-Accept: " +
         kindwire::accept_key(head.substr(key, 24)) + "\r\n" + std::string(fields) + "\r\n";
}

class scripted_server {
 public:
  using script = std::function<asio::awaitable<void>(scripted_peer&)>;

  scripted_server(asio::io_context& io, script says, char const* address = "127.0.0.1",
                  std::uint16_t port = 0)
      : acceptor_(std::make_shared<asio::ip::tcp::acceptor>(
            io, asio::ip::tcp::endpoint(asio::ip::make_address(address), port))) {
    asio::co_spawn(io, serve(acceptor_, std::move(says), count_), asio::detached);
  }
  ~scripted_server() { stop(); }

  std::uint16_t port() const { return port_; }
  std::string authority() const { return "127.0.0.1:" + std::to_string(port_); }
  std::size_t connections() const { return *count_; }
  void stop() {
    std::error_code ignored;
    acceptor_->close(ignored);
  }

 private:
  // It may be resumed once more after this is gone.
  static asio::awaitable<void> serve(std::shared_ptr<asio::ip::tcp::acceptor> from, script says,
                                     std::shared_ptr<std::size_t> count) {
    while (from->is_open()) {
      std::error_code failure;
      auto socket = co_await from->async_accept(asio::redirect_error(asio::use_awaitable, failure));
      if (failure) co_return;
      ++*count;
      asio::co_spawn(socket.get_executor(), talk(std::move(socket), says), asio::detached);
    }
  }
  static asio::awaitable<void> talk(asio::ip::tcp::socket socket, script says) {
    scripted_peer peer{std::move(socket)};
    co_await says(peer);
  }

  std::shared_ptr<asio::ip::tcp::acceptor> acceptor_;
  std::uint16_t port_ = acceptor_->local_endpoint().port();
  std::shared_ptr<std::size_t> count_ = std::make_shared<std::size_t>(0);
};

// An address whose queue of connections is full: what connects waits.
class deaf_server {
 public:
  explicit deaf_server(asio::io_context& io, char const* address = "127.0.0.1", std::uint16_t port = 0)
      : acceptor_(io) {
    asio::ip::tcp::endpoint const at(asio::ip::make_address(address), port);
    acceptor_.open(at.protocol());
    acceptor_.set_option(asio::socket_base::reuse_address(true));
    acceptor_.bind(at);
    acceptor_.listen(0);
    for (int i = 0; i != 4; ++i) {
      callers_.emplace_back(io);
      callers_.back().open(at.protocol());
      callers_.back().async_connect(acceptor_.local_endpoint(), [](std::error_code) {});
    }
  }

  std::uint16_t port() const { return acceptor_.local_endpoint().port(); }
  void stop() {
    std::error_code ignored;
    for (auto& each : callers_) each.close(ignored);
    acceptor_.close(ignored);
  }

 private:
  asio::ip::tcp::acceptor acceptor_;
  std::vector<asio::ip::tcp::socket> callers_;
};

// What became of a connect().
struct connected {
  std::optional<std::error_code> outcome;
  kindwire::net::websocket ws;
  kindwire::net::connect_failure failure;

  // What the awaitable form would throw.
  std::string what() const { return kindwire::net::connect_error(failure).what(); }
};

// Runs the context until it is over, for a minute at most.
inline std::shared_ptr<connected> connect(asio::io_context& io, std::string const& to,
                                          kindwire::net::connect_options options = {}) {
  auto const result = std::make_shared<connected>();
  options.failure = &result->failure;
  kindwire::net::connect(io, to, std::move(options),
                         [result](std::error_code failure, kindwire::net::websocket ws) {
                           result->outcome = failure;
                           result->ws = std::move(ws);
                         });
  auto const end = std::chrono::steady_clock::now() + std::chrono::minutes(1);
  io.restart();
  while (!result->outcome && std::chrono::steady_clock::now() < end && io.run_one_until(end) != 0) {}
  return result;
}

}  // namespace test
