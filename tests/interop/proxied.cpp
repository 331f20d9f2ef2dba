// A client that goes through a proxy: `proxied URL PROXY` sends "hello" and prints what comes back, or, on
// another status than 0, why there is no connection. PROXY `environment` stands for what is set there.
#include <asio/co_spawn.hpp>
#include <asio/io_context.hpp>
#include <cstdio>
#include <exception>
#include <kindwire/net/client.hpp>
#include <string>
#include <string_view>

namespace kw = kindwire;

namespace {

asio::awaitable<void> talk(asio::io_context& io, kw::net::client const& client, std::string url) {
  kw::net::websocket ws = co_await client.connect(io, url);
  co_await ws.send("hello");
  kw::message const msg = co_await ws.receive();
  std::printf("%.*s\n", static_cast<int>(msg.text().size()), msg.text().data());
  co_await ws.close();
}

}  // namespace

int main(int count, char** values) {
  if (count != 3) return std::fputs("usage: proxied URL PROXY\n", stderr), 2;
  try {
    kw::net::connect_options options;
    options.proxy = std::string_view(values[2]) == "environment" ? kw::net::proxy::from_environment()
                                                                 : kw::net::proxy(values[2]);
    kw::net::client const client{options};
    asio::io_context io;
    std::exception_ptr failure;
    asio::co_spawn(io, talk(io, client, values[1]), [&](std::exception_ptr thrown) { failure = thrown; });
    io.run();
    if (failure) std::rethrow_exception(failure);
    return 0;
  } catch (std::exception const& error) {
    std::printf("%s\n", error.what());
    return 1;
  }
}
