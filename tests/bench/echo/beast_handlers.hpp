// Boost.Beast's echo, over a socket or TLS. For speed, as its documentation has it: the context's own
// executor type and concurrency hint 1 for one thread, compression left out at compile time, no fragments on
// sending, one flat_buffer a connection that keeps its capacity. No timeouts are set.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl/stream_base.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/websocket/stream.hpp>
#include <cstddef>
#include <cstdio>
#include <memory>
#include <string_view>
#include <type_traits>
#include <utility>

namespace bench {

namespace asio = boost::asio;
namespace beast = boost::beast;

using executor = asio::io_context::executor_type;
using socket = asio::basic_stream_socket<asio::ip::tcp, executor>;
using acceptor = asio::basic_socket_acceptor<asio::ip::tcp, executor>;
constexpr asio::use_awaitable_t<executor> use_awaitable;

template <class Next>
constexpr bool is_secure = !std::is_same_v<Next, socket>;
constexpr auto as_server = asio::ssl::stream_base::server;

template <class Next>
using stream = beast::websocket::stream<Next, false>;

template <class Next>
void set_up(stream<Next>& ws) {
  beast::get_lowest_layer(ws).set_option(asio::ip::tcp::no_delay(true));
  ws.auto_fragment(false);
  ws.read_message_max(std::size_t{1} << 20);
  ws.binary(true);
}

template <class Next>
class echoing : public std::enable_shared_from_this<echoing<Next>> {
 public:
  explicit echoing(Next from) : ws_(std::move(from)) { set_up(ws_); }

  void start() {
    if constexpr (is_secure<Next>) {
      ws_.next_layer().async_handshake(as_server,
                                       [self = this->shared_from_this()](beast::error_code failure) {
                                         if (!failure) self->accept();
                                       });
    } else {
      accept();
    }
  }

 private:
  void accept() {
    ws_.async_accept([self = this->shared_from_this()](beast::error_code failure) {
      if (!failure) self->read();
    });
  }
  void read() {
    ws_.async_read(buffer_, [self = this->shared_from_this()](beast::error_code failure, std::size_t) {
      if (!failure) self->write();
    });
  }
  void write() {
    ws_.async_write(buffer_.data(),
                    [self = this->shared_from_this()](beast::error_code failure, std::size_t) {
                      if (failure) return;
                      self->buffer_.clear();
                      self->read();
                    });
  }

  stream<Next> ws_;
  beast::flat_buffer buffer_;
};

template <class Next>
asio::awaitable<void, executor> echo(Next from) {
  stream<Next> ws(std::move(from));
  set_up(ws);
  if constexpr (is_secure<Next>) co_await ws.next_layer().async_handshake(as_server, use_awaitable);
  co_await ws.async_accept(use_awaitable);
  beast::flat_buffer buffer;
  for (;;) {
    co_await ws.async_read(buffer, use_awaitable);
    co_await ws.async_write(buffer.data(), use_awaitable);
    buffer.clear();
  }
}

/// `wrap` makes of a socket what is served.
template <class Wrap>
void accept(acceptor& from, bool with_coroutine, Wrap wrap) {
  from.async_accept([&from, with_coroutine, wrap](beast::error_code failure, socket fresh) {
    accept(from, with_coroutine, wrap);
    if (failure) return;
    auto next = wrap(std::move(fresh));
    using Next = decltype(next);
    if (with_coroutine) {
      asio::co_spawn(from.get_executor(), echo<Next>(std::move(next)), asio::detached);
    } else {
      std::make_shared<echoing<Next>>(std::move(next))->start();
    }
  });
}

template <class Wrap>
void serve(std::string_view style, Wrap wrap) {
  asio::io_context io{1};
  acceptor listening(io.get_executor(), {asio::ip::address_v4::loopback(), 0});
  accept(listening, style == "coroutine", wrap);
  std::printf("%u\n", static_cast<unsigned>(listening.local_endpoint().port()));
  std::fflush(stdout);
  io.run();
}

}  // namespace bench
