#include <kindwire/net/frame_trace.hpp>

#include <doctest/doctest.h>

#include <asio/awaitable.hpp>
#include <asio/co_spawn.hpp>
#include <asio/detached.hpp>
#include <asio/io_context.hpp>
#include <chrono>
#include <cstddef>
#include <kindwire/net/client.hpp>
#include <kindwire/net/server.hpp>
#include <memory>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

namespace frame_trace_tests {

namespace kw = kindwire;
using namespace std::chrono_literals;

namespace {

kw::net::observer& observer_of(kw::net::frame_trace const& trace) {
  return *std::shared_ptr<kw::net::observer>(trace);
}

}  // namespace

TEST_CASE("trace: a conversation, as both ends see it") {
  std::ostringstream served, asked;
  asio::io_context io;
  kw::net::server server{io, {.observer = kw::net::frame_trace(served)}};
  server.websocket("/echo", [](kw::net::websocket& ws) -> asio::awaitable<void> {
    while (kw::message msg = co_await ws.receive()) co_await ws.send(msg);
  });
  server.start();
  std::string const port = std::to_string(server.port());
  asio::co_spawn(
      io,
      [&]() -> asio::awaitable<void> {
        kw::net::client const client{{.observer = kw::net::frame_trace(asked, 4)}};
        kw::net::websocket ws = co_await client.connect(io, "ws://127.0.0.1:" + port + "/echo?a=1");
        co_await ws.send("hello\n");
        co_await ws.receive();
        co_await ws.close(kw::close_code::going_away, "bye");
        server.stop();
      },
      asio::detached);
  io.run_for(20s);
  CHECK(io.stopped());
  // Of each line but those of heads, without the number of the connection and the port of the client.
  auto const of = [](std::string const& text) {
    std::vector<std::string> all;
    std::istringstream in(text);
    for (std::string line; std::getline(in, line);) {
      if (line.starts_with("- ")) continue;
      CHECK(line.front() == '#');
      line.erase(0, line.find(' ') + 1);
      if (auto const at = line.find("127.0.0.1:"); at != std::string::npos)
        line.erase(at + 10, line.find(',', at) - at - 10);
      all.push_back(line);
    }
    return all;
  };
  CHECK(of(served.str()) == std::vector<std::string>{
                                "opened on a server, peer 127.0.0.1:, target \"/echo?a=1\"",
                                "< TEXT fin masked 6 bytes: \"hello\\n\"", "> TEXT fin 6 bytes: \"hello\\n\"",
                                "< CLOSE fin masked 5 bytes: 1001 going away \"bye\"",
                                "> CLOSE fin 2 bytes: 1001 going away", "closed by peer, 1001 going away"});
  CHECK(of(asked.str()) ==
        std::vector<std::string>{"opened on a client, peer 127.0.0.1:, target \"/echo?a=1\"",
                                 "> TEXT fin masked 6 bytes: \"hell\"...", "< TEXT fin 6 bytes: \"hell\"...",
                                 "> CLOSE fin masked 5 bytes: 1001 going away \"bye\"",
                                 "< CLOSE fin 2 bytes: 1001 going away", "closed by us, 1001 going away"});
}

TEST_CASE("trace: the heads of the opening handshake, but for what is said in confidence") {
  std::ostringstream served, asked;
  asio::io_context io;
  kw::net::server server{io, {.observer = kw::net::frame_trace(served)}};
  server.websocket("/echo", [](kw::net::websocket& ws) -> asio::awaitable<void> { co_await ws.receive(); },
                   {.subprotocols = {"v2"}, .headers = {{"Set-Cookie", "a=hidden"}, {"X-Served-By", "us"}}});
  server.get("/page", kw::net::html("body"));
  server.start();
  std::string const at = "127.0.0.1:" + std::to_string(server.port());
  kw::net::connect_options options;
  options.observer = kw::net::frame_trace(asked);
  options.subprotocols = {"v2"};
  options.headers = {
      {"Authorization", "Bearer hidden"}, {"cookie", "b=hidden"}, {"X-Long", std::string(2000, 'x')}};
  asio::co_spawn(
      io,
      [&]() -> asio::awaitable<void> {
        kw::net::websocket ws =
            co_await kw::net::connect(io.get_executor(), "ws://" + at + "/echo?a=1", options);
        co_await ws.close();
        CHECK_THROWS(co_await kw::net::connect(io.get_executor(), "ws://" + at + "/page", options));
        server.stop();
      },
      asio::detached);
  io.run_for(20s);
  CHECK(io.stopped());
  auto const has = [](std::string const& text, std::string const& line) {
    return text.find(line + '\n') != std::string::npos;
  };
  for (bool const by_client : {true, false}) {
    CAPTURE(by_client);
    std::string const text = by_client ? asked.str() : served.str();
    std::string request = "- > " + at + ' ';
    std::string answer = "- < " + at + ' ';
    if (!by_client) {
      // The port of the client is not known.
      request = text.substr(0, text.find(" GET") + 1);
      answer = "- > " + request.substr(4);
      CHECK(request.starts_with("- < 127.0.0.1:"));
    }
    CHECK(has(text, request + "GET /echo?a=1 HTTP/1.1"));
    CHECK(has(text, request + "Host: " + at));
    CHECK(has(text, request + "Sec-WebSocket-Protocol: v2"));
    CHECK(has(text, request + "Authorization: (not shown)"));
    CHECK(has(text, request + "cookie: (not shown)"));
    CHECK(has(text, request + "X-Long: " + std::string(992, 'x') + "..."));
    CHECK(has(text, answer + "HTTP/1.1 101 Switching Protocols"));
    CHECK(has(text, answer + "Sec-WebSocket-Protocol: v2"));
    CHECK(has(text, answer + "Set-Cookie: (not shown)"));
    CHECK(has(text, answer + "X-Served-By: us"));
    CHECK(text.find("101 Switching") < text.find("opened on a"));
    CHECK(text.find(" GET /page HTTP/1.1") != std::string::npos);
    CHECK(text.find(" HTTP/1.1 200 OK") != std::string::npos);
    CHECK(text.find("hidden") == std::string::npos);
    CHECK(text.find("body") == std::string::npos);
  }
}

TEST_CASE("trace: nothing that stands in a head gets out of its line") {
  std::vector<std::string> seen;
  kw::net::frame_trace const trace([&](std::string_view each) { seen.emplace_back(each); });
  observer_of(trace).head({.remote = {"127.0.0.1", 5}, .text = "GET / HTTP/1.1\r\nX: a\nb\x1B\"\r\n"});
  CHECK(seen ==
        std::vector<std::string>{"- < 127.0.0.1:5 GET / HTTP/1.1", "- < 127.0.0.1:5 X: a\\nb\\x1b\\\""});
}

TEST_CASE("trace: payloads are cut, and nothing that a peer chooses gets out of its line") {
  std::string line;
  kw::net::frame_trace const trace([&](std::string_view each) { line = each; }, 1000);
  auto& to = observer_of(trace);
  std::string const text(256, 'x');
  auto const bytes = kw::detail::as_bytes(text);
  kw::frame_header header{.type = kw::opcode::text, .length = 5000};
  to.frame({.number = 3}, kw::net::direction::sent, header, bytes);
  CHECK(line == "#3 > TEXT fin 5000 bytes: \"" + std::string(255, 'x') + "\"...");
  header.length = 255;
  to.frame({.number = 3}, kw::net::direction::sent, header, bytes.first(255));
  CHECK(line == "#3 > TEXT fin 255 bytes: \"" + std::string(255, 'x') + '"');
  header.length = 3;
  header.reserved = 0x40;
  to.frame({.number = 3}, kw::net::direction::received, header, kw::detail::as_bytes("\n\x1B\xFF"));
  CHECK(line == "#3 < TEXT fin rsv1 3 bytes: \"\\n\\x1b\\xff\"");
  to.opened({.number = 4, .target = "/\n" + std::string(5000, 'x')});
  CHECK(line.starts_with("#4 opened on a server, peer unknown, target \"/\\nxxx"));
  CHECK(line.size() < 400);
  to.handshake_failed(
      {.remote = {"127.0.0.1", 5}, .target = "/\r\n", .status = 400, .error = kw::error::http_malformed});
  CHECK(line ==
        "- not opened on a server, peer 127.0.0.1:5, target \"/\\r\\n\", status 400, error: malformed HTTP "
        "head");
  to.closed({.number = 4}, {.error = kw::error::connection_lost});
  CHECK(line == "#4 closed by nobody, 1006 abnormal closure, connection lost without a close frame");
}

TEST_CASE("trace: a stream that fails loses lines, not connections") {
  std::ostringstream out;
  kw::net::frame_trace const trace(out);
  out.setstate(std::ios::failbit);
  observer_of(trace).opened({});
  observer_of(trace).opened({});
  CHECK(trace.lost() == 1);
  CHECK(out.str() == "#0 opened on a server, peer unknown, target \"\"\n");
}

}  // namespace frame_trace_tests
