// Boost.Beast with permessage-deflate, with the same level, memory level and windows; the rest as for
// messages without compression.
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/websocket.hpp>

#include "../in_memory/beast_stream.hpp"
#include "parties.hpp"

namespace bench {
namespace {

using stream = beast::websocket::stream<memory_stream, true>;

class beast_end final : public compressing_end {
 public:
  explicit beast_end(agreement const& on) {
    beast::websocket::permessage_deflate choice;
    choice.server_enable = true;
    choice.server_no_context_takeover = choice.client_no_context_takeover = !on.context_takeover;
    choice.compLevel = on.level;
    choice.memLevel = on.memory_level;
    stream_.set_option(choice);
    auto request = opening_request();
    std::string const offer = "Sec-WebSocket-Extensions: permessage-deflate\r\n";
    request.insert(request.size() - 2, offer);
    stream_.next_layer().input = {reinterpret_cast<unsigned char const*>(request.data()), request.size()};
    stream_.accept();
    stream_.read_message_max(2u << 20);
    stream_.write_buffer_bytes(65536);
    stream_.auto_fragment(false);
    stream_.text(on.text);
    buffer_.reserve(2u << 20);
  }

  void receive(bytes wire, std::size_t messages) override {
    receive_all(stream_, buffer_, wire, messages, got);
  }

  void send(bytes payloads, std::size_t size) override {
    stream_.next_layer().copy = written;
    for (std::size_t at = 0; at + size <= payloads.size; at += size) {
      beast::error_code failure;
      stream_.write(asio::buffer(payloads.data + at, size), failure);
      if (failure) give_up("beast: " + failure.message());
    }
  }

 private:
  asio::io_context context_;
  stream stream_{context_.get_executor()};
  beast::flat_buffer buffer_;
};

compressing_ends const ends("beast", [](agreement const& on) { return std::make_unique<beast_end>(on); });

}  // namespace
}  // namespace bench
