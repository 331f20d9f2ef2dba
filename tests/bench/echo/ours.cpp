// kindwire's echo server, with the handler that README.md shows or with callbacks.
//
//     ours coroutine|callback
#include <asio/awaitable.hpp>
#include <asio/io_context.hpp>
#include <cstdio>
#include <exception>
#include <kindwire/net/server.hpp>
#include <memory>
#include <string_view>
#include <system_error>

namespace kw = kindwire;

namespace {

asio::awaitable<void> echo(kw::net::websocket& ws) {
  while (kw::message msg = co_await ws.receive()) co_await ws.send(msg);
}

class echoing : public std::enable_shared_from_this<echoing> {
 public:
  explicit echoing(kw::net::websocket ws) : ws_(std::move(ws)) {}

  void next() {
    ws_.receive([self = shared_from_this()](std::error_code failure, kw::message msg) {
      if (failure || !msg) return;
      for (; msg; msg = self->ws_.try_receive()) self->ws_.try_send(msg);
      self->next();
    });
  }

 private:
  kw::net::websocket ws_;
};

}  // namespace

int main(int, char** values) {
  asio::io_context io{1};
  kw::net::server server{io, {.strands = false}};
  if (std::string_view(values[1]) == "coroutine") {
    server.websocket("/", echo);
  } else {
    server.websocket("/", [](kw::net::websocket ws) { std::make_shared<echoing>(std::move(ws))->next(); });
  }
  server.start();
  std::printf("%u\n", static_cast<unsigned>(server.port()));
  std::fflush(stdout);
  io.run();
}
