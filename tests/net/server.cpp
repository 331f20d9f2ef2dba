#include <kindwire/net/server.hpp>

#include <doctest/doctest.h>

#if !defined(_WIN32)
#include <unistd.h>
#endif

#include <asio/awaitable.hpp>
#include <asio/co_spawn.hpp>
#include <asio/detached.hpp>
#include <asio/io_context.hpp>
#include <asio/local/stream_protocol.hpp>
#include <asio/steady_timer.hpp>
#include <asio/write.hpp>
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <kindwire/json/dispatcher.hpp>
#include <kindwire/json/writer.hpp>
#include <kindwire/net/client.hpp>
#include <map>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>
#include <type_traits>
#include <variant>
#include <vector>

#include "test_stream.hpp"

namespace server_tests {

namespace kw = kindwire;
using namespace std::chrono_literals;

namespace {

struct progress {
  double value;
  static constexpr auto schema = kw::kind("UPLOAD_PROGRESS", kw::field("value", &progress::value));
};

asio::awaitable<void> echo(kw::net::websocket& ws) {
  while (kw::message msg = co_await ws.receive()) co_await ws.send(msg);
}

// A server whose peer is the test, byte by byte.
struct served {
  explicit served(kw::net::server_options options = {}) : server(io, std::move(options)) {}

  ~served() {
    for (auto const& each : peers) each->drop();
  }

  std::shared_ptr<test::peer> connect() {
    auto const far = peers.emplace_back(std::make_shared<test::peer>(io.get_executor()));
    server.serve(test::stream(far));
    test::settle(io);
    return far;
  }
  std::string ask(std::string const& request) {
    auto const far = connect();
    far->push(request);
    test::settle(io);
    ended_well = far->send_was_shut_down;
    far->end();
    test::settle(io);
    ended_well = ended_well && far->closed;
    return far->written();
  }

  asio::io_context io;
  kw::net::server server;
  bool ended_well = false;
  std::vector<std::shared_ptr<test::peer>> peers;
};

std::string upgrade(std::string const& path, std::string const& more = {}) {
  return "GET " + path +
         " HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
         "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n" +
         more + "\r\n";
}

std::string first_line(std::string const& text) { return text.substr(0, text.find('\r')); }

// Runs a client's coroutine against a server, and the context until both are done.
template <class Work>
void run(asio::io_context& io, kw::net::server& server, Work work) {
  std::exception_ptr failure;
  bool done = false;
  asio::co_spawn(io, work(), [&](std::exception_ptr thrown) {
    failure = thrown;
    done = true;
    server.stop();
  });
  io.run_for(10s);
  CHECK(done);
  if (failure) std::rethrow_exception(failure);
}

std::string url(kw::net::server const& server, std::string const& path) {
  return "ws://127.0.0.1:" + std::to_string(server.port()) + path;
}

}  // namespace

TEST_CASE("a request that is no upgrade gets a proper answer, and the connection ends") {
  served side;
  side.server.websocket("/echo", echo);
  side.server.get("/", kw::net::html("<p>hello"));
  struct {
    char const* request;
    char const* answer;
    char const* holds;
  } const cases[] = {
      {"GET / HTTP/1.1\r\nHost: a\r\n\r\n", "HTTP/1.1 200 OK", "\r\n\r\n<p>hello"},
      {"HEAD / HTTP/1.1\r\nHost: a\r\n\r\n", "HTTP/1.1 200 OK", "Content-Length: 8\r\n"},
      {"GET /nowhere HTTP/1.1\r\nHost: a\r\n\r\n", "HTTP/1.1 404 Not Found", "404"},
      {"POST / HTTP/1.1\r\nHost: a\r\n\r\n", "HTTP/1.1 405 Method Not Allowed", "Allow: GET, HEAD\r\n"},
      {"POST /echo HTTP/1.1\r\nHost: a\r\n\r\n", "HTTP/1.1 405 Method Not Allowed", "Allow: GET\r\n"},
      {"GET /echo HTTP/1.1\r\nHost: a\r\n\r\n", "HTTP/1.1 426 Upgrade Required",
       "Sec-WebSocket-Version: 13\r\n"},
      {"GET / HTTP/1.1\r\n\r\n", "HTTP/1.1 400 Bad Request", "Host"},
      {"GET / HTTP/1.0\r\n\r\n", "HTTP/1.1 200 OK", "\r\n\r\n<p>hello"},
      {"GET / HTTP/1.0\r\nHost: a\r\nConnection: close\r\n\r\n", "HTTP/1.1 200 OK", "Content-Length: 8\r\n"},
      {"GET / HTTP/1.0\r\nHost: a\r\nHost: a\r\n\r\n", "HTTP/1.1 400 Bad Request", "Host"},
      {"GET /echo HTTP/1.0\r\n\r\n", "HTTP/1.1 400 Bad Request", "HTTP/1.1"},
      {"\x16\x03\x01\x02", "HTTP/1.1 400 Bad Request", "Connection: close\r\n"},
      {"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc", "HTTP/1.1 400 Bad Request", "body"},
  };
  for (auto const& each : cases) {
    CAPTURE(each.request);
    std::string const answer = side.ask(each.request);
    CHECK(first_line(answer) == each.answer);
    CHECK(answer.find(each.holds) != std::string::npos);
    CHECK(answer.find("close\r\n") != std::string::npos);
    CHECK(side.ended_well);
  }
}

TEST_CASE("HEAD has no body") {
  served side;
  side.server.get("/", kw::net::html("<p>hello"));
  CHECK(side.ask("HEAD / HTTP/1.1\r\nHost: a\r\n\r\n").ends_with("\r\n\r\n"));
}

TEST_CASE("an upgrade is answered with 101, and frames that came with it are received") {
  served side;
  side.server.websocket("/echo", echo);
  auto const far = side.connect();
  std::string frame(8, '\0');
  kw::frame_encoder<kw::role::client>().write(reinterpret_cast<std::byte*>(frame.data()), kw::opcode::text,
                                              kw::detail::as_bytes("hi"));
  far->push(upgrade("/echo") + frame);
  test::settle(side.io);
  std::string const answer = far->written();
  CHECK(first_line(answer) == "HTTP/1.1 101 Switching Protocols");
  CHECK(answer.find("Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n") != std::string::npos);
  CHECK(answer.ends_with(std::string("\r\n\r\n\x81\x02hi")));
}

TEST_CASE("a route decides by header and parameter before it accepts") {
  served side;
  side.server.websocket("/room/{name}", echo,
                        {.before = [](kw::request const& head) -> std::optional<kw::response> {
                          if (head.header("Authorization") != "secret") return kw::response::text(401, "no");
                          if (head.parameter("name") == "closed") throw std::runtime_error("internal detail");
                          return std::nullopt;
                        }});
  CHECK(first_line(side.ask(upgrade("/room/a"))) == "HTTP/1.1 401 Unauthorized");
  CHECK(first_line(side.ask(upgrade("/room/a", "Authorization: secret\r\n"))) ==
        "HTTP/1.1 101 Switching Protocols");
  std::string const broken = side.ask(upgrade("/room/closed", "Authorization: secret\r\n"));
  CHECK(first_line(broken) == "HTTP/1.1 500 Internal Server Error");
  CHECK(broken.find("internal detail") == std::string::npos);
}

TEST_CASE("a foreign origin is refused unless it is listed") {
  served side;
  side.server.websocket("/own", echo);
  side.server.websocket("/listed", echo, {.origins = {.allowed = {"https://good.example"}}});
  auto const status = [&](char const* path, std::string const& origin) {
    return side.ask(upgrade(path, "Origin: " + origin + "\r\n")).substr(9, 3);
  };
  CHECK(status("/own", "http://localhost") == "101");
  CHECK(status("/own", "https://good.example") == "403");
  CHECK(status("/listed", "https://good.example") == "101");
  CHECK(status("/listed", "https://good.example.evil") == "403");
  CHECK(status("/listed", "null") == "403");
}

TEST_CASE("an origin that no page can have is an error where the route is added, with what to write") {
  served side;
  for (std::string const entry : {"https://app.example.com/", "*", "app.example.com"}) {
    CAPTURE(entry);
    std::string said;
    try {
      side.server.websocket("/", echo, {.origins = {.allowed = {"https://good.example", entry}}});
    } catch (std::system_error const& wrong) {
      CHECK(wrong.code() == kw::error::invalid_argument);
      said = wrong.what();
    }
    CHECK(said.find(entry) != std::string::npos);
  }
  side.server.websocket("/", echo, {.origins = {.allowed = {"null", "file://"}}});
  CHECK(side.ask(upgrade("/", "Origin: file://\r\n")).substr(9, 3) == "101");
  CHECK(side.ask(upgrade("/", "Origin: null\r\n")).substr(9, 3) == "101");
}

TEST_CASE("DNS rebinding: what listens on loopback is for its own names, pages and websockets alike") {
  asio::io_context io;
  kw::net::server local{io};
  kw::net::server_options options;
  options.address = "0.0.0.0";
  kw::net::server everywhere{io, options};
  options.hosts.allowed = {"ours.example"};
  kw::net::server listed{io, options};
  for (auto* const each : {&local, &everywhere, &listed}) {
    each->websocket("/", echo);
    each->get("/", kw::net::html("<p>hello"));
    each->start();
  }
  auto const ask = [&](kw::net::server const& of, std::string const& host,
                       bool page) -> asio::awaitable<std::string> {
    asio::ip::tcp::socket socket(io);
    co_await socket.async_connect({asio::ip::make_address("127.0.0.1"), of.port()}, asio::use_awaitable);
    std::string request = "GET / HTTP/1.1\r\nHost: " + host + "\r\nOrigin: http://" + host + "\r\n";
    if (!page) {
      request +=
          "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
          "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
    }
    co_await asio::async_write(socket, asio::buffer(request + "\r\n"), asio::use_awaitable);
    std::string answer(4096, '\0');
    answer.resize(co_await socket.async_read_some(asio::buffer(answer), asio::use_awaitable));
    co_return answer;
  };
  run(io, local, [&]() -> asio::awaitable<void> {
    for (bool const page : {true, false}) {
      CAPTURE(page);
      std::string const good = page ? "200" : "101";
      std::string const evil = "evil.example:" + std::to_string(local.port());
      std::string const refused = co_await ask(local, evil, page);
      CHECK(refused.substr(9, 3) == "421");
      CHECK(refused.find("localhost") != std::string::npos);
      std::string const by_name = co_await ask(local, "localhost:" + std::to_string(local.port()), page);
      CHECK(by_name.substr(9, 3) == good);
      std::string const by_address = co_await ask(local, "127.0.0.1", page);
      CHECK(by_address.substr(9, 3) == good);
      std::string const any = co_await ask(everywhere, "evil.example", page);
      CHECK(any.substr(9, 3) == good);
      std::string const ours = co_await ask(listed, "ours.example", page);
      CHECK(ours.substr(9, 3) == good);
      std::string const other = co_await ask(listed, "127.0.0.1", page);
      CHECK(other.substr(9, 3) == "421");
    }
    everywhere.stop();
    listed.stop();
  });
}

TEST_CASE("hosts that are none are an error where the server is made") {
  asio::io_context io;
  kw::net::server_options options;
  options.hosts.allowed = {"https://example.com"};
  CHECK_THROWS_AS(kw::net::server(io, options), std::system_error);
}

static_assert(!std::is_copy_constructible_v<kw::net::server> &&
              !std::is_move_constructible_v<kw::net::server>);
static_assert(!std::is_copy_assignable_v<kw::net::server>);
static_assert(std::is_constructible_v<kw::net::server, asio::io_context&>);
static_assert(std::is_constructible_v<kw::net::server, asio::io_context::executor_type>);
static_assert(
    std::is_constructible_v<kw::net::server, asio::any_io_executor const&, kw::net::server_options>);
static_assert(!std::is_constructible_v<kw::net::server, int>);

TEST_CASE("a server may stand in an optional and a variant") {
  asio::io_context io;
  std::optional<kw::net::server> maybe;
  maybe.emplace(io);
  maybe->websocket("/", echo);
  std::variant<std::monostate, kw::net::server> either;
  either.emplace<kw::net::server>(io.get_executor(), kw::net::server_options{});
  CHECK(either.index() == 1);
}

TEST_CASE("subprotocols: ours in our order, or none") {
  served side;
  std::string chosen = "unset";
  side.server.websocket(
      "/",
      [&](kw::net::websocket& ws) -> asio::awaitable<void> { return chosen = ws.subprotocol(), echo(ws); },
      {.subprotocols = {"v2", "v1"}});
  CHECK(side.ask(upgrade("/", "Sec-WebSocket-Protocol: v1, v2\r\n")).find("Sec-WebSocket-Protocol: v2\r\n") !=
        std::string::npos);
  CHECK(chosen == "v2");
  CHECK(side.ask(upgrade("/", "Sec-WebSocket-Protocol: other\r\n")).find("Sec-WebSocket-Protocol") ==
        std::string::npos);
  CHECK(chosen.empty());
}

TEST_CASE("a slow handshake is cut at its deadline, however busily it trickles") {
  kw::net::server_options options;
  options.handshake_timeout = 60ms;
  served side(options);
  side.server.websocket("/", echo);
  auto const far = side.connect();
  auto const begin = std::chrono::steady_clock::now();
  std::string const request = upgrade("/");
  for (std::size_t i = 0; !far->closed && i != request.size(); ++i) {
    far->push(request.substr(i, 1));
    side.io.restart();
    side.io.run_for(3ms);
  }
  CHECK(far->closed);
  CHECK(far->writes.empty());
  CHECK(std::chrono::steady_clock::now() - begin < 2s);
}

TEST_CASE("a handshake is not held guilty of what held up the loop") {
  kw::net::server_options options;
  options.handshake_timeout = 100ms;
  served side(options);
  side.server.websocket("/", echo);
  auto const far = side.connect();
  std::string const request = upgrade("/");
  far->push(request.substr(0, 40));
  asio::post(side.io, [&] {
    std::this_thread::sleep_for(150ms);
    asio::post(side.io, [&] { asio::post(side.io, [&] { far->push(request.substr(40)); }); });
  });
  side.io.restart();
  side.io.run_for(200ms);
  CHECK(first_line(far->written()) == "HTTP/1.1 101 Switching Protocols");
  CHECK_FALSE(far->closed);
}

TEST_CASE("a handshake may take for ever") {
  kw::net::server_options options;
  options.handshake_timeout = std::chrono::milliseconds::max();
  served side(options);
  side.server.websocket("/", echo);
  auto const far = side.connect();
  side.io.restart();
  side.io.run_for(20ms);
  CHECK_FALSE(far->closed);
  far->push(upgrade("/"));
  test::settle(side.io);
  CHECK(first_line(far->written()) == "HTTP/1.1 101 Switching Protocols");
}

TEST_CASE("a handler that returns closes with 1000, one that throws with 1011 and without its text") {
  std::string reported;
  kw::net::server_options options;
  options.on_exception = [&](std::exception_ptr thrown) {
    try {
      std::rethrow_exception(thrown);
    } catch (std::exception const& failure) {
      reported = failure.what();
    }
  };
  served side(options);
  side.server.websocket("/return",
                        [](kw::net::websocket& ws) -> asio::awaitable<void> { co_await ws.send("bye"); });
  side.server.websocket("/throw", [](kw::net::websocket&) -> asio::awaitable<void> {
    throw std::runtime_error("internal detail");
    co_return;
  });
  CHECK(side.ask(upgrade("/return"))
            .ends_with(std::string("\x81\x03"
                                   "bye\x88\x02\x03\xE8")));
  CHECK(side.ask(upgrade("/throw")).ends_with(std::string("\x88\x02\x03\xF3")));
  CHECK(reported == "internal detail");
}

TEST_CASE("a handler of any form that throws ends in 1011, and is told, whatever the one who is told does") {
  std::vector<kw::net::websocket> kept;
  auto const boom = [] { throw std::runtime_error("boom"); };
  int told = 0;
  for (bool const teller_throws : {false, true}) {
    CAPTURE(teller_throws);
    told = 0;
    kw::net::server_options options;
    options.on_exception = [&](std::exception_ptr) {
      ++told;
      if (teller_throws) throw std::runtime_error("worse");
    };
    served side(options);
    side.server.websocket("/reference", [&](kw::net::websocket&) -> asio::awaitable<void> {
      boom();
      co_return;
    });
    side.server.websocket("/reference/later", [&](kw::net::websocket& ws) -> asio::awaitable<void> {
      co_await ws.receive();
      boom();
    });
    side.server.websocket("/value", [&](kw::net::websocket) -> asio::awaitable<void> {
      boom();
      co_return;
    });
    side.server.websocket("/value/later", [&](kw::net::websocket ws) -> asio::awaitable<void> {
      co_await ws.receive();
      boom();
    });
    side.server.websocket("/value/local", [&](kw::net::websocket ws) -> asio::awaitable<void> {
      auto mine = std::move(ws);
      co_await mine.receive();
      boom();
    });
    side.server.websocket("/value/kept", [&](kw::net::websocket ws) -> asio::awaitable<void> {
      kept.push_back(std::move(ws));
      boom();
      co_return;
    });
    side.server.websocket("/no/reference", [&](kw::net::websocket&) -> asio::awaitable<void> {
      boom();
      return {};
    });
    side.server.websocket("/no/value", [&](kw::net::websocket) -> asio::awaitable<void> {
      boom();
      return {};
    });
    side.server.websocket("/plain", [&](kw::net::websocket) { boom(); });
    side.server.websocket("/plain/kept", [&](kw::net::websocket ws) {
      kept.push_back(std::move(ws));
      boom();
    });
    int expected = 0;
    for (auto const path : {"/reference", "/reference/later", "/value", "/value/later", "/value/local",
                            "/value/kept", "/no/reference", "/no/value", "/plain", "/plain/kept"}) {
      CAPTURE(path);
      auto const far = side.connect();
      far->push(upgrade(path));
      far->push_frame(kw::role::client, kw::opcode::text, "go");
      test::settle(side.io);
      CHECK(far->written().ends_with(std::string("\x88\x02\x03\xF3")));
      CHECK(told == ++expected);
      far->push_close(kw::role::client, 1011);
      far->end();
      test::settle(side.io);
      CHECK(far->closed);
    }
    side.server.get("/page", [&](kw::request const&) -> kw::response { return boom(), kw::response{}; });
    CHECK(first_line(side.ask("GET /page HTTP/1.1\r\nHost: a\r\n\r\n")) ==
          "HTTP/1.1 500 Internal Server Error");
    side.server.websocket("/before", echo, {.before = [&](kw::request const&) -> std::optional<kw::response> {
                            return boom(), std::nullopt;
                          }});
    CHECK(first_line(side.ask(upgrade("/before"))) == "HTTP/1.1 500 Internal Server Error");
    CHECK(told == expected + 2);
    kept.clear();
  }
}

TEST_CASE("what follows a refusal is dropped up to a bound, then the connection is cut") {
  served side;
  auto const far = side.connect();
  far->push("GET /nowhere HTTP/1.1\r\nHost: a\r\n\r\n");
  test::settle(side.io);
  CHECK(far->send_was_shut_down);
  far->push(std::string((1u << 20) - 512, 'x'));
  test::settle(side.io);
  CHECK_FALSE(far->closed);
  far->push(std::string(1024, 'x'));
  test::settle(side.io);
  CHECK(far->closed);

  auto const idle = side.connect();
  idle->push("GET /nowhere HTTP/1.1\r\nHost: a\r\n\r\n");
  auto const begin = std::chrono::steady_clock::now();
  while (!idle->closed && std::chrono::steady_clock::now() - begin < 8s) {
    side.io.restart();
    side.io.run_one_for(1s);
  }
  CHECK(idle->closed);
  CHECK(std::chrono::steady_clock::now() - begin >= 2s);
}

TEST_CASE("a handler may take the websocket and keep it") {
  served side;
  std::optional<kw::net::websocket> kept;
  side.server.websocket("/", [&](kw::net::websocket ws) { kept = std::move(ws); });
  auto const far = side.connect();
  far->push(upgrade("/"));
  test::settle(side.io);
  REQUIRE(kept);
  kept->try_send("mine");
  test::settle(side.io);
  CHECK(far->written().ends_with("mine"));
  kept.reset();
  test::settle(side.io);
  CHECK(far->closed);
}

TEST_CASE("bad patterns and routes that are taken are refused") {
  served side;
  side.server.websocket("/a/{x}", echo);
  CHECK_THROWS_AS(side.server.websocket("/a/{x}", echo), std::system_error);
  CHECK_THROWS_AS(side.server.websocket("/a/{y}", echo), std::system_error);
  CHECK_THROWS_AS(side.server.get("no slash", kw::net::html("")), std::system_error);
  // A page and a websocket on one path are two different things.
  side.server.get("/a/{x}", [](kw::request const& head) {
    return kw::response::text(200, std::string(head.parameter("x")));
  });
  CHECK(side.ask("GET /a/b%20c HTTP/1.1\r\nHost: a\r\n\r\n").ends_with("b c"));
  CHECK(side.ask(upgrade("/a/b")).substr(9, 3) == "101");
}

TEST_CASE("over TCP: typed messages, a map of connections, and a stop that closes with 1001") {
  asio::io_context io;
  kw::net::server server{io};
  std::multimap<std::string, kw::net::remote> users;
  server.websocket("/upload/{user}", [&](kw::net::websocket& ws) -> asio::awaitable<void> {
    auto const seat = users.emplace(ws.request().parameter("user"), ws.remote());
    co_await ws.send(progress{0.5});
    while (kw::message msg = co_await ws.receive()) {
      auto const [first, last] = users.equal_range("ann");
      for (auto each = first; each != last; ++each) each->second.send(msg.text());
    }
    users.erase(seat);
  });
  server.start();
  std::optional<kw::net::websocket> third;
  run(io, server, [&]() -> asio::awaitable<void> {
    auto const executor = co_await asio::this_coro::executor;
    auto one = co_await kw::net::connect(executor, url(server, "/upload/ann"));
    auto two = co_await kw::net::connect(executor, url(server, "/upload/ann"));
    kw::message const hello = co_await one.receive();
    CHECK(hello.text() == R"({"kind":"UPLOAD_PROGRESS","value":0.5})");
    co_await two.receive();
    co_await one.send(progress{42});
    kw::message const seen = co_await two.receive();
    double value = 0;
    kw::dispatcher const on{[&](progress const& p) { value = p.value; }};
    CHECK(on(seen.text()));
    CHECK(value == 42);
    co_await one.close();
    CHECK(one.close_code() == kw::close_code::normal);
    third = std::move(two);
    server.stop();
    co_await third->receive();
    kw::message const end = co_await third->receive();
    CHECK(!end);
    CHECK(third->close_code() == kw::close_code::going_away);
  });
  third.reset();
  CHECK(users.empty());
}

// Wine has no Unix sockets.
#if !defined(_WIN32)
TEST_CASE("the same handler over a Unix socket") {
  using protocol = asio::local::stream_protocol;
  std::string const path =
      (std::filesystem::temp_directory_path() / ("kindwire-test-" + std::to_string(getpid()))).string();
  std::remove(path.c_str());
  asio::io_context io;
  kw::net::server server{io};
  server.websocket("/echo", echo);
  server.listen(protocol::acceptor(io, protocol::endpoint(path)));
  run(io, server, [&]() -> asio::awaitable<void> {
    protocol::socket socket(co_await asio::this_coro::executor);
    co_await socket.async_connect(protocol::endpoint(path), asio::use_awaitable);
    auto ws = co_await kw::net::handshake(std::move(socket), "ws://localhost/echo");
    co_await ws.send("over a file name");
    kw::message const reply = co_await ws.receive();
    CHECK(reply.text() == "over a file name");
    co_await ws.close();
  });
  std::remove(path.c_str());
}
#endif

TEST_CASE("a context that is destroyed takes connections and their coroutines along") {
  bool ended = false;
  {
    asio::io_context io;
    kw::net::server server{io};
    server.websocket("/", [&](kw::net::websocket& ws) -> asio::awaitable<void> {
      struct last_words {
        bool& flag;
        ~last_words() { flag = true; }
      } const end{ended};
      while (co_await ws.receive()) continue;
    });
    server.start();
    kw::net::websocket ws;
    asio::co_spawn(
        io,
        [&]() -> asio::awaitable<void> {
          ws = co_await kw::net::connect(io.get_executor(), url(server, "/"));
        },
        asio::detached);
    while (!ws.is_open()) io.run_one_for(5s);
    io.run_for(20ms);
    CHECK(!ended);
  }
  CHECK(ended);
}

TEST_CASE("a context that is destroyed before the first turn of a connection leaves nothing behind") {
  asio::io_context io;
  auto const far = std::make_shared<test::peer>(io.get_executor());
  asio::co_spawn(
      io,
      [](std::shared_ptr<test::peer> peer) -> asio::awaitable<void> {
        kw::net::basic_websocket<test::stream> ws(test::stream(peer), kw::role::server);
        co_await ws.receive();
      }(far),
      asio::detached);
  io.run_one();  // as far as the receive, and no further: whatever is left must go with the context
}

TEST_CASE("a server that has stopped may listen again") {
  asio::io_context io;
  kw::net::server server{io};
  server.websocket("/echo", echo);
  server.start();
  server.stop();
  asio::ip::tcp::acceptor acceptor(io, {asio::ip::make_address("127.0.0.1"), 0});
  auto const port = acceptor.local_endpoint().port();
  server.listen(std::move(acceptor));
  run(io, server, [&]() -> asio::awaitable<void> {
    auto ws =
        co_await kw::net::connect(io.get_executor(), "ws://127.0.0.1:" + std::to_string(port) + "/echo");
    co_await ws.send("again");
    kw::message const reply = co_await ws.receive();
    CHECK(reply.text() == "again");
    co_await ws.close();
  });
}

TEST_CASE("routes have their own limits, whichever was busy before") {
  asio::io_context io;
  kw::net::server server{io};
  kw::net::connection_options few;
  few.max_message_size = 100;
  server.websocket("/few", echo, {.connection = few});
  server.websocket("/many", echo);
  server.start();
  run(io, server, [&]() -> asio::awaitable<void> {
    for (int round = 0; round != 2; ++round) {
      for (auto const& [path, size] : {std::pair{"/many", 1000}, {"/few", 100}, {"/few", 101}}) {
        auto ws = co_await kw::net::connect(io.get_executor(), url(server, path));
        co_await ws.send(std::string(static_cast<std::size_t>(size), 'x'));
        kw::message const reply = co_await ws.receive();
        CHECK(static_cast<bool>(reply) == (size != 101));
        if (!reply) CHECK(ws.close_code() == kw::close_code::message_too_big);
        co_await ws.close();
      }
    }
  });
}

TEST_CASE("connections that come and go leave nothing behind") {
  asio::io_context io;
  kw::net::server server{io};
  server.websocket("/echo", echo);
  server.start();
  run(io, server, [&]() -> asio::awaitable<void> {
    auto const executor = co_await asio::this_coro::executor;
    for (int i = 0; i != 300; ++i) {
      auto ws = co_await kw::net::connect(executor, url(server, "/echo"));
      if (i % 3 == 0) co_await ws.close();
      if (i % 3 == 1) ws.try_send("and gone");
    }
  });
}

}  // namespace server_tests
