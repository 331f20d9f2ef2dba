// Boost.Beast's echo server. For speed, as its documentation has it: the context's own executor type and
// concurrency hint 1 for one thread, compression left out at compile time, no fragments on sending, one
// flat_buffer a connection that keeps its capacity. No timeouts are set.
//
//     beast coroutine|callback
#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/websocket/stream.hpp>
#include <cstdio>
#include <memory>
#include <string_view>

namespace asio = boost::asio;
namespace beast = boost::beast;

namespace {

using executor = asio::io_context::executor_type;
using socket = asio::basic_stream_socket<asio::ip::tcp, executor>;
using acceptor = asio::basic_socket_acceptor<asio::ip::tcp, executor>;
using stream = beast::websocket::stream<socket, false>;
constexpr asio::use_awaitable_t<executor> use_awaitable;

void set_up(stream& ws) {
  ws.next_layer().set_option(asio::ip::tcp::no_delay(true));
  ws.auto_fragment(false);
  ws.read_message_max(std::size_t{1} << 20);
  ws.binary(true);
}

class echoing : public std::enable_shared_from_this<echoing> {
 public:
  explicit echoing(socket from) : ws_(std::move(from)) { set_up(ws_); }

  void start() {
    ws_.async_accept([self = shared_from_this()](beast::error_code failure) {
      if (!failure) self->read();
    });
  }

 private:
  void read() {
    ws_.async_read(buffer_, [self = shared_from_this()](beast::error_code failure, std::size_t) {
      if (!failure) self->write();
    });
  }
  void write() {
    ws_.async_write(buffer_.data(), [self = shared_from_this()](beast::error_code failure, std::size_t) {
      if (failure) return;
      self->buffer_.clear();
      self->read();
    });
  }

  stream ws_;
  beast::flat_buffer buffer_;
};

asio::awaitable<void, executor> echo(socket from) {
  stream ws(std::move(from));
  set_up(ws);
  co_await ws.async_accept(use_awaitable);
  beast::flat_buffer buffer;
  for (;;) {
    co_await ws.async_read(buffer, use_awaitable);
    co_await ws.async_write(buffer.data(), use_awaitable);
    buffer.clear();
  }
}

void accept(acceptor& from, bool coroutine) {
  from.async_accept([&from, coroutine](beast::error_code failure, socket fresh) {
    accept(from, coroutine);
    if (failure) return;
    if (coroutine) {
      asio::co_spawn(from.get_executor(), echo(std::move(fresh)), asio::detached);
    } else {
      std::make_shared<echoing>(std::move(fresh))->start();
    }
  });
}

}  // namespace

int main(int, char** values) {
  asio::io_context io{1};
  acceptor listening(io.get_executor(), {asio::ip::address_v4::loopback(), 0});
  accept(listening, std::string_view(values[1]) == "coroutine");
  std::printf("%u\n", static_cast<unsigned>(listening.local_endpoint().port()));
  std::fflush(stdout);
  io.run();
}
