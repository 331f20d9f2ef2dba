// Messages that both ends compress, as README shows it.
#include <kindwire/deflate.hpp>
#include <kindwire/net/client.hpp>
#include <kindwire/net/server.hpp>

#include <asio/co_spawn.hpp>
#include <asio/io_context.hpp>
#include <cstdio>
#include <exception>
#include <string>

namespace kw = kindwire;

asio::awaitable<void> echo(kw::net::websocket& ws) {
  while (kw::message message = co_await ws.receive()) co_await ws.send(message);
}

asio::awaitable<void> ask(asio::io_context& io, std::string address, bool& right) {
  kw::net::client client{{.connection = {.compression = kw::deflate::full()}}};
  kw::net::websocket ws = co_await client.connect(io, address);
  std::string const sent(10'000, 'a');
  co_await ws.send(sent);
  kw::message const reply = co_await ws.receive();
  right = reply.text() == sent && ws.extensions().find("permessage-deflate") == 0;
  co_await ws.close();
}

int main() {
  asio::io_context io;
  kw::net::server server{io, {.port = 0, .connection = {.compression = kw::deflate::shared()}}};
  server.websocket("/echo", echo);
  server.start();
  bool right = false;
  asio::co_spawn(io, ask(io, "ws://127.0.0.1:" + std::to_string(server.port()) + "/echo", right),
                 [&](std::exception_ptr failure) {
                   right = right && failure == nullptr;
                   server.stop();
                 });
  io.run();
  std::puts(right ? "right" : "wrong");
  return right ? 0 : 1;
}
