// kindwire's echo server over TLS.
//
//     tls_ours coroutine|callback
#include <asio/io_context.hpp>
#include <cstdio>
#include <kindwire/net/server.hpp>
#include <kindwire/tls/acceptor.hpp>
#include <string_view>
#include <utility>

#include "../../../examples/self_signed.hpp"
#include "our_handlers.hpp"

namespace kw = kindwire;

int main(int, char** values) {
  kw::net::server_options options;
  options.strands = false;
  asio::io_context io{1};
  kw::net::server server{io, options};
  bench::add_route(server, std::string_view(values[1]) == "callback");
  self_signed const made = make_self_signed();
  kw::tls::acceptor secure{io.get_executor(),
                           {.certificate = kw::tls::pem(made.certificate), .key = kw::tls::pem(made.key)}};
  std::printf("%u\n", static_cast<unsigned>(secure.port()));
  std::fflush(stdout);
  server.listen(std::move(secure));
  io.run();
}
