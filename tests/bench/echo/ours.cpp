// kindwire's echo server, with the handler that README.md shows or with callbacks. For speed, as README.md
// has it: no strands and concurrency hint 1, since one thread runs the context. `general` is the coroutine as
// several threads would run it: with strands, and a context that knows nothing of them. `contexts`: the
// coroutine on several contexts with a thread each.
//
//     ours coroutine|callback|general [MAX_MESSAGE_SIZE]
//     ours contexts NUMBER
#include <asio/io_context.hpp>
#include <cstdio>
#include <cstdlib>
#include <kindwire/net/server.hpp>
#include <string_view>

#include "our_handlers.hpp"

namespace kw = kindwire;

namespace {

void print_port(kw::net::server const& server) {
  std::printf("%u\n", static_cast<unsigned>(server.port()));
  std::fflush(stdout);
}

int serve_on_contexts(unsigned number) {
  kw::net::server server{{.threads = number}};
  bench::add_route(server, false);
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
  bench::add_route(server, style == "callback");
  server.start();
  print_port(server);
  io.run();
}
