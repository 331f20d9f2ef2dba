// websocketpp over its iostream transport, which is there for bytes that come from elsewhere. For speed, as
// the comments of its config/core.hpp have it: no locks (enable_multithreading, concurrency::none), no
// logging, a read buffer that takes a whole read, vectored writes. A client's masking keys come from its
// default, std::random_device.
#include <websocketpp/client.hpp>
#include <websocketpp/concurrency/none.hpp>
#include <websocketpp/config/core.hpp>
#include <websocketpp/config/core_client.hpp>
#include <websocketpp/logger/stub.hpp>
#include <websocketpp/server.hpp>

#include "parties.hpp"

namespace bench {
namespace {

template <class Base>
struct fast : Base {
  using concurrency_type = websocketpp::concurrency::none;
  using elog_type = websocketpp::log::stub;
  using alog_type = websocketpp::log::stub;
  static bool const enable_multithreading = false;
  static std::size_t const connection_read_buffer_size = read_size;
  static std::size_t const max_message_size = std::size_t{1} << 30;

  struct transport_config : Base::transport_config {
    using concurrency_type = fast::concurrency_type;
    using elog_type = fast::elog_type;
    using alog_type = fast::alog_type;
    static bool const enable_multithreading = false;
  };
  using transport_type = websocketpp::transport::iostream::endpoint<transport_config>;
};

using server = websocketpp::server<fast<websocketpp::config::core>>;
using client = websocketpp::client<fast<websocketpp::config::core_client>>;

class websocketpp_receiver final : public receiver {
 public:
  websocketpp_receiver() {
    server_.set_write_handler([](auto, char const*, std::size_t) { return websocketpp::lib::error_code(); });
    server_.set_message_handler([this](auto, server::message_ptr message) {
      auto const& payload = message->get_payload();
      got.add(reinterpret_cast<unsigned char const*>(payload.data()), payload.size());
    });
    connection_ = server_.get_connection();
    connection_->start();
    auto const request = opening_request();
    connection_->read_all(request.data(), request.size());
  }

  void receive(bytes wire, std::size_t) override {
    while (wire.size != 0) {
      std::size_t const size = std::min(wire.size, read_size);
      if (connection_->read_all(reinterpret_cast<char const*>(wire.data), size) != size)
        give_up("websocketpp: takes no more");
      wire = wire.sub(size, wire.size - size);
    }
  }

 private:
  server server_;
  server::connection_ptr connection_;
};

template <class Endpoint>
class websocketpp_sender final : public sender {
 public:
  websocketpp_sender() {
    endpoint_.set_write_handler([this](auto, char const* from, std::size_t size) {
      if (opening_) request_.append(from, size);
      use(from);
      written += size;
      return websocketpp::lib::error_code();
    });
    if constexpr (std::is_same_v<Endpoint, server>) {
      connection_ = endpoint_.get_connection();
      connection_->start();
      feed(opening_request());
    } else {
      websocketpp::lib::error_code failure;
      connection_ = endpoint_.get_connection("ws://localhost/", failure);
      endpoint_.connect(connection_);
      feed(accept_for(request_));
    }
    opening_ = false;
    connection_->set_vector_write_handler([this](auto, auto const& buffers) {
      for (auto const& each : buffers) {
        use(each.buf);
        written += each.len;
      }
      return websocketpp::lib::error_code();
    });
    written = 0;
  }

  // What is sent while nothing is being written is written at once.
  void send(bytes payloads, std::size_t size, std::size_t) override {
    for (std::size_t at = 0; at + size <= payloads.size; at += size) {
      auto const failure = connection_->send(payloads.data + at, size, websocketpp::frame::opcode::binary);
      if (failure) give_up("websocketpp: " + failure.message());
    }
  }

 private:
  void feed(std::string const& text) { connection_->read_all(text.data(), text.size()); }

  Endpoint endpoint_;
  typename Endpoint::connection_ptr connection_;
  std::string request_;
  bool opening_ = true;
};

receivers const receiving("websocketpp",
                          [](std::size_t) { return std::make_unique<websocketpp_receiver>(); });
senders const sending("websocketpp", [](end of) -> std::unique_ptr<sender> {
  if (of == end::server) return std::make_unique<websocketpp_sender<server>>();
  return std::make_unique<websocketpp_sender<client>>();
});

}  // namespace
}  // namespace bench
