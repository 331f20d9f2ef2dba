// What Asio costs by itself: the echo of bare, in a coroutine or with callbacks, and nothing else of a
// WebSocket.
//
//     asio coroutine|callback
#include <array>
#include <asio/awaitable.hpp>
#include <asio/buffer.hpp>
#include <asio/co_spawn.hpp>
#include <asio/detached.hpp>
#include <asio/io_context.hpp>
#include <asio/ip/tcp.hpp>
#include <asio/use_awaitable.hpp>
#include <asio/write.hpp>
#include <cstddef>
#include <cstdio>
#include <memory>
#include <string_view>
#include <system_error>
#include <utility>

#include "bare_echo.hpp"

namespace {

using asio::ip::tcp;

class echoing : public std::enable_shared_from_this<echoing> {
 public:
  explicit echoing(tcp::socket from) : socket_(std::move(from)) {}

  void read() {
    socket_.async_read_some(input(), [self = shared_from_this()](std::error_code failure, std::size_t size) {
      if (!failure) self->write(size);
    });
  }
  asio::awaitable<void> run() {
    for (;;) {
      std::size_t const size = co_await socket_.async_read_some(input(), asio::use_awaitable);
      std::string_view const answer = echo_.answer(start(), size);
      if (!answer.empty()) co_await asio::async_write(socket_, asio::buffer(answer), asio::use_awaitable);
    }
  }

 private:
  void write(std::size_t size) {
    std::string_view const answer = echo_.answer(start(), size);
    if (answer.empty()) return read();
    asio::async_write(socket_, asio::buffer(answer),
                      [self = shared_from_this()](std::error_code failure, std::size_t) {
                        if (!failure) self->read();
                      });
  }

  unsigned char* start() { return room_.data() + bench::bare_echo::head_room; }
  asio::mutable_buffer input() { return asio::buffer(start(), bench::bare_echo::read_size); }

  tcp::socket socket_;
  bench::bare_echo echo_;
  std::array<unsigned char, bench::bare_echo::head_room + bench::bare_echo::read_size> room_;
};

asio::awaitable<void> run(std::shared_ptr<echoing> one) { co_await one->run(); }

void accept(tcp::acceptor& from, bool with_coroutine) {
  from.async_accept([&from, with_coroutine](std::error_code failure, tcp::socket fresh) {
    accept(from, with_coroutine);
    if (failure) return;
    fresh.set_option(tcp::no_delay(true));
    auto one = std::make_shared<echoing>(std::move(fresh));
    if (with_coroutine) {
      asio::co_spawn(from.get_executor(), run(std::move(one)), asio::detached);
    } else {
      one->read();
    }
  });
}

}  // namespace

int main(int, char** values) {
  asio::io_context io{1};
  tcp::acceptor listening(io, {asio::ip::address_v4::loopback(), 0});
  accept(listening, std::string_view(values[1]) == "coroutine");
  std::printf("%u\n", static_cast<unsigned>(listening.local_endpoint().port()));
  std::fflush(stdout);
  io.run();
}
