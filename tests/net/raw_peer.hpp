// A server on the test's thread, and a peer on another one that says and reads what the test wants, byte by
// byte and at its own pace.
#pragma once

#include <doctest/doctest.h>

#include <kindwire/frame/encoder.hpp>
#include <kindwire/frame/opcode.hpp>
#include <kindwire/message/message.hpp>
#include <kindwire/net/server.hpp>

#include <asio/any_io_executor.hpp>
#include <asio/buffer.hpp>
#include <asio/io_context.hpp>
#include <asio/ip/tcp.hpp>
#include <asio/read.hpp>
#include <asio/read_until.hpp>
#include <asio/strand.hpp>
#include <asio/write.hpp>
#include <chrono>
#include <cstddef>
#include <string>
#include <string_view>
#include <system_error>
#include <thread>
#include <utility>

namespace test {

namespace kw = kindwire;
using namespace std::chrono_literals;

inline std::string client_frame(kw::opcode type, std::string_view payload) {
  kw::basic_frame_encoder const encoder(kw::role::client);
  std::string frame(encoder.size(payload.size()), '\0');
  encoder.write(reinterpret_cast<std::byte*>(frame.data()), type, kw::detail::as_bytes(payload));
  return frame;
}

struct frame {
  kw::opcode type;
  std::string payload;
  bool operator==(frame const&) const = default;
};

// The client's end, blocking.
class raw_peer {
 public:
  // A small receive buffer leaves what we do not read with the server.
  explicit raw_peer(std::uint16_t port, int receive_buffer = 0) : socket_(io_) {
    asio::ip::tcp::endpoint const to(asio::ip::make_address("127.0.0.1"), port);
    socket_.open(to.protocol());
    if (receive_buffer != 0) socket_.set_option(asio::socket_base::receive_buffer_size(receive_buffer));
    socket_.connect(to);
    say("GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n");
    std::error_code failure;
    std::size_t const size = asio::read_until(socket_, asio::dynamic_buffer(input_), "\r\n\r\n", failure);
    input_.erase(0, size);
  }

  // False once the server is gone.
  bool say(std::string_view bytes) {
    std::error_code failure;
    asio::write(socket_, asio::buffer(bytes), failure);
    return !failure;
  }
  bool say(kw::opcode type, std::string_view payload) { return say(client_frame(type, payload)); }

  void end_sending() {
    std::error_code ignored;
    socket_.shutdown(asio::socket_base::shutdown_send, ignored);
  }
  void reset() {
    socket_.set_option(asio::socket_base::linger(true, 0));
    socket_.close();
  }

  // The next frame; a CONTINUATION once the stream has ended.
  frame read() {
    if (!fill(2)) return {};
    std::size_t size = static_cast<unsigned char>(input_[1]);
    std::size_t head = 2;
    if (size >= 126) {
      std::size_t const more = size == 126 ? 2 : 8;
      if (!fill(2 + more)) return {};
      size = 0;
      for (std::size_t at = 2; at != 2 + more; ++at)
        size = size << 8 | static_cast<unsigned char>(input_[at]);
      head += more;
    }
    if (!fill(head + size)) return {};
    frame result{static_cast<kw::opcode>(input_[0] & 0x0F), input_.substr(head, size)};
    input_.erase(0, head + size);
    return result;
  }

  // How many bytes are read at a time, and how long it rests after each.
  std::size_t piece = 65536;
  std::chrono::milliseconds rest{0};

 private:
  bool fill(std::size_t size) {
    std::error_code failure;
    while (input_.size() < size && !failure) {
      std::string part(piece, '\0');
      std::size_t const got = socket_.read_some(asio::buffer(part), failure);
      input_.append(part, 0, got);
      if (rest.count() != 0) std::this_thread::sleep_for(rest);
    }
    return input_.size() >= size;
  }

  asio::io_context io_;
  asio::ip::tcp::socket socket_;
  std::string input_;
};

// True in a way whose connections wait in Asio's reactor: see for_each_way().
inline bool through_asio = false;

// A server on this context. That a strand leads to an io_context can be seen only if its type says so.
inline asio::any_io_executor executor_for_server(asio::io_context& io) {
  if (!through_asio) return io.get_executor();
  return asio::make_strand(asio::any_io_executor(io.get_executor()));
}

// Runs `peer(raw_peer&)` against a server whose one websocket has `handler`; returns when both have ended.
template <class Handler, class Peer>
void converse(kw::net::server_options options, Handler handler, Peer peer, int receive_buffer = 0) {
  asio::io_context io{1};
  kw::net::server server{executor_for_server(io), std::move(options)};
  server.websocket("/", std::move(handler));
  server.start();
  std::thread other([&, port = server.port()] {
    {
      raw_peer one(port, receive_buffer);
      peer(one);
    }
    server.stop();
  });
  io.run_for(30s);
  CHECK(io.stopped());
  other.join();
}

// True once `done` is; false when that takes longer than anything should.
template <class Done>
bool wait_until(Done done) {
  auto const begin = std::chrono::steady_clock::now();
  while (!done()) {
    if (std::chrono::steady_clock::now() - begin > 20s) return false;
    std::this_thread::sleep_for(1ms);
  }
  return true;
}

// What depends on how fast a busy machine is must come out right in one of a few tries.
template <class Try>
bool in_one_of_five(Try attempt) {
  for (int i = 0; i != 5; ++i) {
    if (attempt()) return true;
  }
  return false;
}

// With all sockets of the thread waited for together; the same with a strand for each connection; and with
// strands and Asio's reactor.
template <class Test>
void for_each_way(Test test) {
  for (std::string_view const way : {"one thread", "strands", "strands, through Asio"}) {
    CAPTURE(way);
    kw::net::server_options options;
    options.strands = way != "one thread";
    through_asio = way == "strands, through Asio";
    test(options);
  }
  through_asio = false;
}

}  // namespace test
