// kindwire's echo server, with the handler that README.md shows or with callbacks. For speed, as README.md
// has it: no strands and concurrency hint 1, since one thread runs the context. `general` is the coroutine as
// several threads would run it: with strands, and a context that knows nothing of them. `contexts`: the
// coroutine on several contexts with a thread each.
//
//     ours coroutine|callback|general [MAX_MESSAGE_SIZE]
//     ours contexts NUMBER
#include <asio/awaitable.hpp>
#include <asio/io_context.hpp>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
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

// All that has come is answered in one write. Only a peer that does not read what it is sent has us wait, by
// giving the send a handler too.
class echoing : public std::enable_shared_from_this<echoing> {
 public:
  explicit echoing(kw::net::websocket ws) : ws_(std::move(ws)) {}

  void next() {
    ws_.receive([self = shared_from_this()](std::error_code failure, kw::message msg) {
      if (!failure) self->answer(msg);
    });
  }

 private:
  static constexpr std::size_t most_queued = std::size_t{1} << 20;

  void answer(kw::message msg) {
    if (!msg) return;  // the peer closed
    for (; msg; msg = ws_.try_receive()) {
      if (ws_.queued() > most_queued) return wait(msg);
      if (ws_.try_send(msg)) return;
    }
    next();
  }

  void wait(kw::message msg) {
    ws_.send(msg, [self = shared_from_this()](std::error_code failure) {
      if (!failure) self->next();
    });
  }

  kw::net::websocket ws_;
};

void print_port(kw::net::server const& server) {
  std::printf("%u\n", static_cast<unsigned>(server.port()));
  std::fflush(stdout);
}

int serve_on_contexts(unsigned number) {
  kw::net::server server{{.threads = number}};
  server.websocket("/", echo);
  server.start();
  print_port(server);
  server.run();
  return 0;
}

}  // namespace

int main(int count, char** values) {
  std::string_view const style = values[1];
  if (style == "contexts") return serve_on_contexts(static_cast<unsigned>(std::atoi(values[2])));
  kw::net::server_options options;
  options.strands = style == "general";
  if (count > 2) options.connection.max_message_size = std::strtoull(values[2], nullptr, 10);
  asio::io_context io{options.strands ? ASIO_CONCURRENCY_HINT_DEFAULT : 1};
  kw::net::server server{io, options};
  if (style != "callback") {
    server.websocket("/", echo);
  } else {
    server.websocket("/", [](kw::net::websocket ws) { std::make_shared<echoing>(std::move(ws))->next(); });
  }
  server.start();
  print_port(server);
  io.run();
}
