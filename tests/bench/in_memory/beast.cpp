// Boost.Beast over a stream in memory. For speed, as its documentation has it: one flat_buffer that is reused
// and keeps its capacity, no fragments on sending (auto_fragment), compression left out at compile time
// (stream<NextLayer, false>), and a client's write buffer of 64 KiB, which masks 16 KiB a quarter faster than
// the default of 4 KiB (write_buffer_bytes). The random source is its default, the strong one.
#include <boost/asio/buffer.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/websocket/stream.hpp>

#include "beast_stream.hpp"
#include "parties.hpp"

namespace bench {
namespace {

using stream = beast::websocket::stream<memory_stream, false>;

class beast_receiver final : public receiver {
 public:
  explicit beast_receiver(std::size_t largest) {
    auto const request = opening_request();
    stream_.next_layer().input = {reinterpret_cast<unsigned char const*>(request.data()), request.size()};
    stream_.accept();
    stream_.read_message_max(largest);
    buffer_.reserve(largest);
  }

  void receive(bytes wire, std::size_t messages) override {
    receive_all(stream_, buffer_, wire, messages, got);
  }

 private:
  asio::io_context context_;
  stream stream_{context_.get_executor()};
  beast::flat_buffer buffer_;
};

class beast_sender final : public sender {
 public:
  explicit beast_sender(end of) {
    stream_.write_buffer_bytes(65536);
    if (of == end::server) {
      auto const request = opening_request();
      stream_.next_layer().input = {reinterpret_cast<unsigned char const*>(request.data()), request.size()};
      stream_.accept();
    } else {
      stream_.next_layer().answers = true;
      stream_.handshake("localhost", "/");
    }
    stream_.auto_fragment(false);
    stream_.binary(true);
  }

  // A write is a message: there is no queue.
  void send(bytes payloads, std::size_t size, std::size_t) override {
    std::size_t const before = stream_.next_layer().written;
    for (std::size_t at = 0; at + size <= payloads.size; at += size) {
      beast::error_code failure;
      stream_.write(asio::buffer(payloads.data + at, size), failure);
      if (failure) give_up("beast: " + failure.message());
    }
    written += stream_.next_layer().written - before;
  }

 private:
  asio::io_context context_;
  stream stream_{context_.get_executor()};
};

receivers const receiving("beast",
                          [](std::size_t largest) { return std::make_unique<beast_receiver>(largest); });
senders const sending("beast", [](end of) { return std::make_unique<beast_sender>(of); });

}  // namespace
}  // namespace bench
