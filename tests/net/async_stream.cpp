#include <kindwire/net/async_stream.hpp>
#include <kindwire/net/client.hpp>
#include <kindwire/net/server.hpp>

#include <doctest/doctest.h>

#include <asio/co_spawn.hpp>
#include <asio/io_context.hpp>
#include <asio/ip/tcp.hpp>
#include <asio/local/stream_protocol.hpp>
#include <chrono>
#include <exception>
#include <optional>
#include <string>
#include <utility>

namespace async_stream_tests {

namespace kw = kindwire;
using namespace std::chrono_literals;

TEST_CASE(
    "async_stream: both ends see where the other is, before the upgrade, after it, and not once it is over") {
  for (bool const strands :
       {true, false}) {  // over Asio's means, and over those of net/epoll where they are there
    asio::io_context io{1};
    kw::net::server server{io, {.strands = strands}};
    kw::endpoint before, after, of_request, at_the_end{"never", 1};
    server.websocket("/",
                     [&](kw::net::websocket& ws) -> asio::awaitable<void> {
                       after = ws.remote_endpoint();
                       of_request = ws.request().remote_endpoint();
                       co_await ws.send("hello");
                       while (co_await ws.receive()) continue;
                       co_await ws.close();
                       at_the_end = ws.remote_endpoint();
                     },
                     {.before = [&](kw::request const& asked) -> std::optional<kw::response> {
                       before = asked.remote_endpoint();
                       return std::nullopt;
                     }});
    server.start();
    kw::endpoint own, peer;
    asio::co_spawn(
        io,
        [&]() -> asio::awaitable<void> {
          asio::ip::tcp::socket socket(io);
          co_await socket.async_connect({asio::ip::make_address("127.0.0.1"), server.port()},
                                        asio::use_awaitable);
          own = kw::net::detail::endpoint_of(socket.local_endpoint());
          kw::net::websocket ws = co_await kw::net::handshake(std::move(socket), "ws://127.0.0.1/");
          peer = ws.remote_endpoint();
          co_await ws.receive();
          co_await ws.close();
        },
        [&](std::exception_ptr failure) {
          CHECK(!failure);
          server.stop();
        });
    io.run_for(10s);
    CHECK(io.stopped());
    CHECK(own.address == "127.0.0.1");
    CHECK(before == own);
    CHECK(after == own);
    CHECK(of_request == own);
    CHECK(peer == kw::endpoint{"127.0.0.1", server.port()});
    CHECK(!at_the_end);
  }
}

TEST_CASE("async_stream: streams without addresses have no endpoint") {
  asio::io_context io;
  asio::ip::tcp::socket unconnected(io);
  CHECK(!kw::net::detail::remote_endpoint_of(unconnected));
  asio::local::stream_protocol::socket pipe(io);
  CHECK(!kw::net::detail::remote_endpoint_of(pipe));
  CHECK(!kw::net::websocket{}.remote_endpoint());
  CHECK(!kw::net::websocket{}.last_round_trip());
}

}  // namespace async_stream_tests
