// Boost.Beast, set up as for the echo. What is published is one string for all connections; each has a queue
// of such strings, and writes one after the other.
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/websocket/stream.hpp>
#include <cstdio>
#include <deque>
#include <memory>
#include <set>
#include <string>

namespace asio = boost::asio;
namespace beast = boost::beast;

namespace {

using executor = asio::io_context::executor_type;
using socket = asio::basic_stream_socket<asio::ip::tcp, executor>;
using acceptor = asio::basic_socket_acceptor<asio::ip::tcp, executor>;
using text = std::shared_ptr<std::string const>;

class connection : public std::enable_shared_from_this<connection> {
 public:
  static inline std::set<connection*> all;

  explicit connection(socket from) : ws_(std::move(from)) {
    ws_.next_layer().set_option(asio::ip::tcp::no_delay(true));
    ws_.auto_fragment(false);
    ws_.binary(true);
  }
  ~connection() { all.erase(this); }

  void start() {
    ws_.async_accept([self = shared_from_this()](beast::error_code failure) {
      if (failure) return;
      all.insert(self.get());
      self->read();
    });
  }

  void send(text const& what) {
    queue_.push_back(what);
    if (queue_.size() == 1) write();
  }

 private:
  void read() {
    ws_.async_read(buffer_, [self = shared_from_this()](beast::error_code failure, std::size_t) {
      if (failure) return;
      self->publish();
      self->read();
    });
  }
  void publish() {
    auto const* const told = static_cast<char const*>(buffer_.data().data());
    for (auto times = static_cast<unsigned char>(told[0]); times != 0; --times) {
      auto const what = std::make_shared<std::string const>(told + 1, buffer_.size() - 1);
      for (connection* each : all) each->send(what);
    }
    buffer_.clear();
  }
  void write() {
    ws_.async_write(asio::buffer(*queue_.front()),
                    [self = shared_from_this()](beast::error_code failure, std::size_t) {
                      if (failure) return;
                      self->queue_.pop_front();
                      if (!self->queue_.empty()) self->write();
                    });
  }

  beast::websocket::stream<socket, false> ws_;
  beast::flat_buffer buffer_;
  std::deque<text> queue_;
};

void accept(acceptor& from) {
  from.async_accept([&from](beast::error_code failure, socket fresh) {
    accept(from);
    if (!failure) std::make_shared<connection>(std::move(fresh))->start();
  });
}

}  // namespace

int main() {
  asio::io_context io{1};
  acceptor listening(io.get_executor(), {asio::ip::address_v4::loopback(), 0});
  accept(listening);
  std::printf("%u\n", static_cast<unsigned>(listening.local_endpoint().port()));
  std::fflush(stdout);
  io.run();
}
