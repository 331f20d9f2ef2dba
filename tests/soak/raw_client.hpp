// A client that says what it is told to, byte by byte, and need not keep to any rule.
#pragma once

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <array>
#include <asio/any_io_executor.hpp>
#include <asio/awaitable.hpp>
#include <asio/buffer.hpp>
#include <asio/ip/address_v4.hpp>
#include <asio/ip/tcp.hpp>
#include <asio/redirect_error.hpp>
#include <asio/socket_base.hpp>
#include <asio/steady_timer.hpp>
#include <asio/this_coro.hpp>
#include <asio/use_awaitable.hpp>
#include <asio/write.hpp>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <kindwire/frame/encoder.hpp>
#include <kindwire/frame/opcode.hpp>
#include <kindwire/frame/role.hpp>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

#include "stalls.hpp"

namespace soak {

using asio::ip::tcp;

inline asio::awaitable<void> rest(std::chrono::milliseconds time) {
  asio::steady_timer timer(co_await asio::this_coro::executor);
  timer.expires_after(time);
  std::error_code ignored;
  co_await timer.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
}

inline std::string upgrade_request(std::string_view path) {
  std::string request = "GET ";
  request += path;
  return request +=
         " HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
         "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n";
}

inline std::string masked_frame(kindwire::opcode type, std::string_view payload, bool fin = true) {
  kindwire::basic_frame_encoder const encoder(kindwire::role::client);
  std::string frame(encoder.size(payload.size()), '\0');
  encoder.write(reinterpret_cast<std::byte*>(frame.data()), type,
                std::as_bytes(std::span(payload.data(), payload.size())), fin);
  return frame;
}

struct raw_frame {
  kindwire::opcode type;
  std::string payload;

  // Of a Close; 0 if it has none.
  unsigned close_code() const noexcept {
    if (type != kindwire::opcode::close || payload.size() < 2) return 0;
    return static_cast<unsigned>(static_cast<unsigned char>(payload[0]) << 8 |
                                 static_cast<unsigned char>(payload[1]));
  }
};

// Its address is one of 127.0.0.0/8.
class raw_client {
 public:
  raw_client(asio::any_io_executor const& executor, std::uint32_t address)
      : socket_(executor), address_(address) {}

  // A small receive buffer leaves with the server what is not read. False if there is no connection.
  asio::awaitable<bool> connect(std::uint16_t port, int receive_buffer = 0) {
    std::error_code failure;
    socket_.open(tcp::v4(), failure);
    if (receive_buffer != 0)
      socket_.set_option(asio::socket_base::receive_buffer_size(receive_buffer), failure);
    socket_.set_option(tcp::no_delay(true), failure);
    socket_.bind({asio::ip::address_v4(address_), 0}, failure);
    if (failure) co_return false;
    tcp::endpoint const to(asio::ip::address_v4::loopback(), port);
    co_await socket_.async_connect(to, asio::redirect_error(asio::use_awaitable, failure));
    co_return !failure;
  }

  // What is said is taken at the call. That these are no coroutines themselves, and take no strings, is for
  // g++ 12, which copies the bytes of an argument in a co_await expression; and it spoils the frame of a
  // coroutine that has one in the condition of an `if` or a loop.

  // False once the server is gone.
  asio::awaitable<bool> say(std::string_view bytes) {
    output_ = bytes;
    return write();
  }
  asio::awaitable<bool> say(kindwire::opcode type, std::string_view payload) {
    return say(masked_frame(type, payload));
  }

  // The status of the answer to a request; 0 if there is none. What follows it stays for read().
  asio::awaitable<unsigned> ask(std::string_view request) {
    output_ = request;
    return write_and_read_status();
  }
  asio::awaitable<unsigned> open(std::string_view path) { return ask(upgrade_request(path)); }

  // The next frame of the server; nothing once the stream has ended.
  asio::awaitable<std::optional<raw_frame>> read() {
    while (input_.size() < 2) {
      if (bool const done = co_await fill(); !done) co_return std::nullopt;
    }
    std::uint64_t size = static_cast<unsigned char>(input_[1]);
    std::size_t head = 2;
    if (size >= 126) {
      std::size_t const more = size == 126 ? 2 : 8;
      while (input_.size() < 2 + more) {
        if (bool const done = co_await fill(); !done) co_return std::nullopt;
      }
      size = 0;
      for (std::size_t at = 2; at != 2 + more; ++at)
        size = size << 8 | static_cast<unsigned char>(input_[at]);
      head += more;
    }
    while (input_.size() < head + size) {
      if (bool const done = co_await fill(); !done) co_return std::nullopt;
    }
    raw_frame result{static_cast<kindwire::opcode>(input_[0] & 0x0F),
                     input_.substr(head, static_cast<std::size_t>(size))};
    input_.erase(0, head + static_cast<std::size_t>(size));
    co_return result;
  }

  // The next frame of data or Close; pings are answered on the way.
  asio::awaitable<std::optional<raw_frame>> read_message() {
    for (;;) {
      auto next = co_await read();
      if (!next || !kindwire::is_control(next->type) || next->type == kindwire::opcode::close) co_return next;
      if (next->type == kindwire::opcode::ping) co_await say(kindwire::opcode::pong, next->payload);
    }
  }

  // Reads up to `most` bytes, and drops them. False at the end.
  asio::awaitable<bool> drop(std::size_t most) {
    input_.clear();
    input_.resize(most);
    std::error_code failure;
    co_await socket_.async_read_some(asio::buffer(input_),
                                     asio::redirect_error(asio::use_awaitable, failure));
    input_.clear();
    co_return !failure;
  }
  asio::awaitable<void> drop_to_end() {
    for (bool more = true; more;) more = co_await drop(65536);
  }
  // Reads nothing until the server has ended the stream, or could not as there is too much in the way of
  // that.
  asio::awaitable<void> outlive(std::chrono::milliseconds most) {
    for (auto const begin = clock::now(); clock::now() - begin < most;) {
      tcp_info known{};
      socklen_t size = sizeof known;
      bool const there = ::getsockopt(socket_.native_handle(), IPPROTO_TCP, TCP_INFO, &known, &size) == 0;
      if (!there || known.tcpi_state == TCP_CLOSE_WAIT || known.tcpi_state == TCP_CLOSE) co_return;
      co_await rest(std::chrono::milliseconds(100));
    }
  }

  std::string const& input() const noexcept { return input_; }

  void end_sending() {
    std::error_code ignored;
    socket_.shutdown(asio::socket_base::shutdown_send, ignored);
  }
  void reset() {
    std::error_code ignored;
    socket_.set_option(asio::socket_base::linger(true, 0), ignored);
    socket_.close(ignored);
  }
  void close() {
    std::error_code ignored;
    socket_.close(ignored);
  }

 private:
  asio::awaitable<bool> write() {
    std::error_code failure;
    co_await asio::async_write(socket_, asio::buffer(output_),
                               asio::redirect_error(asio::use_awaitable, failure));
    co_return !failure;
  }

  asio::awaitable<unsigned> write_and_read_status() {
    if (bool const done = co_await write(); !done) co_return 0;
    std::size_t end = input_.find("\r\n\r\n");
    while (end == std::string::npos) {
      if (bool const done = co_await fill(); !done) co_return 0;
      end = input_.find("\r\n\r\n");
    }
    unsigned const status = end < 12 ? 0 : static_cast<unsigned>(std::atoi(input_.c_str() + 9));
    input_.erase(0, end + 4);
    co_return status;
  }

  asio::awaitable<bool> fill() {
    std::array<char, 16384> part;
    std::error_code failure;
    std::size_t const size = co_await socket_.async_read_some(
        asio::buffer(part), asio::redirect_error(asio::use_awaitable, failure));
    input_.append(part.data(), size);
    co_return !failure;
  }

  tcp::socket socket_;
  std::uint32_t address_;
  std::string input_;
  std::string output_;
};

}  // namespace soak
