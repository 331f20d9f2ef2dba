// Asio streams without a network: a test plays the peer, sees each write, and makes the k-th operation fail.
#pragma once

#include <algorithm>
#include <asio/any_io_executor.hpp>
#include <asio/async_result.hpp>
#include <asio/buffer.hpp>
#include <asio/error.hpp>
#include <asio/io_context.hpp>
#include <asio/socket_base.hpp>
#include <cstddef>
#include <cstring>
#include <kindwire/frame/encoder.hpp>
#include <kindwire/message/message.hpp>
#include <kindwire/net/connection/operation.hpp>
#include <limits>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace test {

using kindwire::net::detail::tracked_operation;

// What the test sees and does at the far end.
struct peer {
  explicit peer(asio::any_io_executor of) : executor(std::move(of)) {}

  asio::any_io_executor executor;
  std::string incoming;             // not yet read by the stream
  bool incoming_ends = false;       // then the end of the stream
  std::vector<std::string> writes;  // each write, as it was made
  bool writes_wait = false;         // writes do not complete until let_write()
  std::size_t max_read = std::numeric_limits<std::size_t>::max();
  std::size_t max_write = std::numeric_limits<std::size_t>::max();
  std::size_t fail_at = 0;  // the n-th operation fails
  std::size_t operations = 0;
  bool send_was_shut_down = false;
  bool closed = false;

  tracked_operation<std::error_code, std::size_t> reading;
  tracked_operation<std::error_code> waiting_to_read;  // of a ready_stream
  asio::mutable_buffer read_into;
  tracked_operation<std::error_code, std::size_t> writing;
  std::size_t write_size = 0;

  // Bytes that the stream will read.
  void push(std::string_view bytes) {
    incoming += bytes;
    serve_read();
  }
  void push_frame(kindwire::role from, kindwire::opcode type, std::string_view payload, bool fin = true) {
    kindwire::basic_frame_encoder const encoder(from);
    std::string frame(encoder.size(payload.size()), '\0');
    encoder.write(reinterpret_cast<std::byte*>(frame.data()), type, kindwire::detail::as_bytes(payload), fin);
    push(frame);
  }
  void push_close(kindwire::role from, unsigned code = 1000, std::string_view reason = {}) {
    std::string body{static_cast<char>(code >> 8), static_cast<char>(code & 0xFF)};
    push_frame(from, kindwire::opcode::close, body + std::string(reason));
  }
  void end() {
    incoming_ends = true;
    serve_read();
  }
  void let_write() {
    writes_wait = false;
    if (writing) writing.post({}, write_size);
  }

  // Lets go of what waits, as a context that is destroyed does.
  void drop() {
    reading = {};
    waiting_to_read = {};
    writing = {};
  }

  std::string written() const {
    std::string all;
    for (auto const& each : writes) all += each;
    return all;
  }

  void serve_read() {
    if (waiting_to_read && (!incoming.empty() || incoming_ends)) waiting_to_read.post({});
    if (!reading) return;
    if (incoming.empty()) {
      if (incoming_ends) reading.post(asio::error::eof, 0);
      return;
    }
    reading.post({}, take(read_into));
  }

  std::size_t take(asio::mutable_buffer into) {
    std::size_t const size = std::min({incoming.size(), into.size(), max_read});
    std::memcpy(into.data(), incoming.data(), size);
    incoming.erase(0, size);
    return size;
  }

  std::size_t give(asio::const_buffer from) {
    std::size_t const size = std::min(from.size(), max_write);
    writes.emplace_back(static_cast<char const*>(from.data()), size);
    return size;
  }
};

class stream {
 public:
  explicit stream(std::shared_ptr<peer> far) : far_(std::move(far)) {}
  stream(stream&&) = default;
  ~stream() {
    if (far_) shut();
  }

  using executor_type = asio::any_io_executor;
  executor_type get_executor() const { return far_->executor; }

  template <class Buffers, class Token>
  auto async_read_some(Buffers const& into, Token&& token) {
    return asio::async_initiate<Token, void(std::error_code, std::size_t)>(
        [this, into](auto handler) {
          far_->reading = {std::move(handler), far_->executor};
          far_->read_into = *asio::buffer_sequence_begin(into);
          if (fails()) return far_->reading.post(asio::error::connection_reset, 0);
          far_->serve_read();
        },
        token);
  }

  template <class Buffers, class Token>
  auto async_write_some(Buffers const& from, Token&& token) {
    return asio::async_initiate<Token, void(std::error_code, std::size_t)>(
        [this, from](auto handler) {
          far_->writing = {std::move(handler), far_->executor};
          if (fails()) return far_->writing.post(asio::error::connection_reset, 0);
          far_->write_size = far_->give(*asio::buffer_sequence_begin(from));
          if (!far_->writes_wait) far_->writing.post({}, far_->write_size);
        },
        token);
  }

  void shutdown(asio::socket_base::shutdown_type, std::error_code&) { far_->send_was_shut_down = true; }
  void close(std::error_code&) { shut(); }

 protected:
  bool fails() { return ++far_->operations == far_->fail_at; }
  void shut() {
    far_->closed = true;
    if (far_->reading) far_->reading.post(asio::error::operation_aborted, 0);
    if (far_->waiting_to_read) far_->waiting_to_read.post(asio::error::operation_aborted);
    if (far_->writing) far_->writing.post(asio::error::operation_aborted, 0);
  }

  std::shared_ptr<peer> far_;
};

// The same as a socket is: it tells when it is readable, and reads and writes without waiting.
class ready_stream : public stream {
 public:
  using stream::stream;

  void non_blocking(bool, std::error_code&) {}

  template <class Token>
  auto async_wait(asio::socket_base::wait_type, Token&& token) {
    return asio::async_initiate<Token, void(std::error_code)>(
        [this](auto handler) {
          far_->waiting_to_read = {std::move(handler), far_->executor};
          if (fails()) return far_->waiting_to_read.post(asio::error::connection_reset);
          far_->serve_read();
        },
        token);
  }

  std::size_t read_some(asio::mutable_buffer into, std::error_code& failure) {
    failure = {};
    if (fails()) {
      failure = asio::error::connection_reset;
    } else if (far_->incoming.empty() && far_->incoming_ends) {
      failure = asio::error::eof;
    } else if (far_->incoming.empty()) {
      failure = asio::error::would_block;
    }
    return failure ? 0 : far_->take(into);
  }

  // Full while async writes wait.
  std::size_t write_some(asio::const_buffer from, std::error_code& failure) {
    failure = {};
    if (fails()) {
      failure = asio::error::connection_reset;
    } else if (far_->writes_wait) {
      failure = asio::error::would_block;
    }
    return failure ? 0 : far_->give(from);
  }
};

// Runs what can run now, and everything that it leads to; timers that are not due are left.
inline void settle(asio::io_context& io) {
  io.restart();
  while (io.poll() != 0) continue;
}

}  // namespace test
