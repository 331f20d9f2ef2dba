// How long things live: a message that is held, an operation that waits, a connection that ends.
#include <kindwire/net/server.hpp>

#include <doctest/doctest.h>

#include <asio/awaitable.hpp>
#include <asio/bind_executor.hpp>
#include <asio/co_spawn.hpp>
#include <asio/detached.hpp>
#include <asio/io_context.hpp>
#include <asio/ip/tcp.hpp>
#include <asio/read.hpp>
#include <asio/write.hpp>
#include <chrono>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "../support/socket_pair.hpp"
#include "test_stream.hpp"

namespace lifetime_tests {

namespace kw = kindwire;
using namespace std::chrono_literals;
using kw::net::basic_websocket;
using unix_socket = support::pair_protocol::socket;

namespace {

constexpr auto client = kw::role::client;

// A websocket over a stream whose peer is the test. It may be ended before the rest.
struct one_side {
  explicit one_side(kw::net::connection_options const& options = {}, kw::role self = kw::role::server)
      : far(std::make_shared<test::peer>(io.get_executor())),
        ws(std::in_place, test::stream(far), self, options) {
    settle();
  }

  ~one_side() { far->drop(); }

  void settle() { test::settle(io); }
  void run_for(std::chrono::milliseconds time) {
    io.restart();
    io.run_for(time);
  }

  // What the websocket wrote, decoded.
  std::vector<std::pair<kw::opcode, std::string>> frames() {
    std::string bytes = far->written();
    std::vector<std::pair<kw::opcode, std::string>> all;
    kw::frame_decoder<kw::role::client> decoder;
    std::span<std::byte> input{reinterpret_cast<std::byte*>(bytes.data()), bytes.size()};
    while (auto chunk = decoder.next(input)) {
      all.emplace_back(chunk.header->type, kw::message(chunk.header->type, chunk.payload).text());
    }
    CHECK(!decoder.error());
    return all;
  }

  struct received {
    int count = 0;
    std::error_code error;
    std::optional<std::string> text;
    kw::message held;
  };
  void receive(received& result) {
    result = {};
    ws->receive([&result](std::error_code error, kw::message msg) {
      ++result.count;
      result.error = error;
      result.held = msg;
      if (msg) result.text = msg.text();
    });
  }

  asio::io_context io;
  std::shared_ptr<test::peer> far;
  std::optional<basic_websocket<test::stream>> ws;
};

// A server whose peer is the test, byte by byte.
struct served {
  explicit served(kw::net::server_options options = {}) : server(io, std::move(options)) {}

  ~served() {
    if (far) far->drop();
  }

  std::string open(std::string const& request) {
    far = std::make_shared<test::peer>(io.get_executor());
    server.serve(test::stream(far));
    test::settle(io);
    far->push(request);
    test::settle(io);
    return far->written();
  }

  asio::io_context io;
  kw::net::server server;
  std::shared_ptr<test::peer> far;
};

std::string upgrade(std::string const& path) {
  return "GET " + path +
         " HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
         "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n";
}

std::string client_frame(kw::opcode type, std::string_view payload) {
  kw::basic_frame_encoder const encoder(client);
  std::string frame(encoder.size(payload.size()), '\0');
  encoder.write(reinterpret_cast<std::byte*>(frame.data()), type, kw::detail::as_bytes(payload));
  return frame;
}

asio::awaitable<void> echo(kw::net::websocket& ws) {
  while (kw::message msg = co_await ws.receive()) co_await ws.send(msg);
}

bool holds(std::string const& text, std::string const& part) { return text.find(part) != std::string::npos; }

std::string const going_away = "\x88\x02\x03\xE9";
std::string const internal_error = "\x88\x02\x03\xF3";

class stopwatch {
 public:
  auto elapsed() const { return std::chrono::steady_clock::now() - begin_; }

 private:
  std::chrono::steady_clock::time_point begin_ = std::chrono::steady_clock::now();
};

// Some that the close_timeout of 5 seconds would show, and a slow machine would not.
constexpr auto at_once = 2s;

// A server's connection is stopped after `steps` handlers. False when there were fewer.
template <class Socket>
bool stop_after(int steps, asio::io_context& io, kw::net::server& server, Socket& far) {
  CAPTURE(steps);
  asio::write(far, asio::buffer(upgrade("/echo")));
  int done = 0;
  io.restart();
  while (done != steps && io.poll_one() != 0) ++done;
  server.stop();
  test::settle(io);

  far.non_blocking(true);
  std::string answer;
  std::error_code failure;
  auto const read = [&] {
    char room[4096];
    for (failure = {}; !failure;) answer.append(room, far.read_some(asio::buffer(room), failure));
  };
  read();
  bool const opened = holds(answer, " 101 ");
  CHECK(holds(answer, going_away) == opened);
  if (opened) {
    std::error_code ignored;
    asio::write(far, asio::buffer(client_frame(kw::opcode::close, "\x03\xE9")), ignored);
    far.shutdown(Socket::shutdown_send, ignored);
  }
  stopwatch const time;
  io.restart();
  io.run_for(10s);
  CHECK(io.stopped());
  CHECK(time.elapsed() < at_once);
  read();
  CHECK((failure == asio::error::eof || failure == asio::error::connection_reset));
  return done == steps;
}

// Only what async_stream asks for: a pipe, a serial port.
template <bool Throws>
class plain_stream {
 public:
  explicit plain_stream(unix_socket below) : below_(std::move(below)) {}
  plain_stream(plain_stream&&) = default;

  using executor_type = asio::any_io_executor;
  executor_type get_executor() { return below_.get_executor(); }
  template <class Buffers, class Token>
  auto async_read_some(Buffers const& into, Token&& token) {
    return below_.async_read_some(into, std::forward<Token>(token));
  }
  template <class Buffers, class Token>
  auto async_write_some(Buffers const& from, Token&& token) {
    return below_.async_write_some(from, std::forward<Token>(token));
  }
  void close(std::error_code& failure) requires(!Throws) { below_.close(failure); }
  void close() requires Throws { below_.close(); }

 private:
  unix_socket below_;
};

template <bool Throws>
void close_over_a_plain_stream() {
  asio::io_context io;
  unix_socket a(io);
  unix_socket b(io);
  support::connect_pair(a, b);
  using stream = plain_stream<Throws>;
  basic_websocket<stream> far(stream(std::move(a)), kw::role::server);
  basic_websocket<stream> near(stream(std::move(b)), kw::role::client);
  asio::co_spawn(io, echo(far), asio::detached);
  bool closed = false;
  asio::co_spawn(
      io,
      [&]() -> asio::awaitable<void> {
        co_await near.send("hello");
        kw::message const back = co_await near.receive();
        CHECK(back.text() == "hello");
        co_await near.close();
        closed = true;
      },
      asio::detached);
  stopwatch const time;
  io.run_for(10s);
  CHECK(closed);
  CHECK(io.stopped());
  CHECK(time.elapsed() < at_once);
  CHECK(near.close_code() == kw::close_code::normal);
  CHECK(far.close_code() == kw::close_code::normal);
}

// Counts what it gave out, and is owned by the handler that uses it.
struct arena {
  int given = 0;
};
template <class T>
struct arena_allocator {
  using value_type = T;
  arena* from;
  explicit arena_allocator(arena* of) : from(of) {}
  template <class U>
  arena_allocator(arena_allocator<U> const& other) : from(other.from) {}
  T* allocate(std::size_t count) {
    ++from->given;
    return std::allocator<T>().allocate(count);
  }
  void deallocate(T* place, std::size_t count) {
    --from->given;
    std::allocator<T>().deallocate(place, count);
  }
  bool operator==(arena_allocator const&) const = default;
};
struct owning_handler {
  std::shared_ptr<arena> own;
  int* outstanding;
  using allocator_type = arena_allocator<std::byte>;
  allocator_type get_allocator() const noexcept { return allocator_type(own.get()); }
  void operator()(std::error_code, kw::message) { *outstanding = own->given; }
};

}  // namespace

TEST_CASE("lifetime: a message that is held stays when the peer does not answer pings") {
  kw::net::connection_options options;
  options.ping_interval = 10ms;
  options.pong_timeout = 10ms;
  options.close_timeout = 30ms;
  one_side side(options);
  side.far->push_frame(client, kw::opcode::text, "held by the application");
  side.settle();
  kw::message const held = side.ws->try_receive();
  REQUIRE(held);
  for (int i = 0; i != 200 && !side.far->closed; ++i) side.run_for(5ms);
  CHECK(side.ws->error() == kw::error::pong_timeout);
  CHECK(held.text() == "held by the application");
}

TEST_CASE("lifetime: a message that came before the failure is still there to receive") {
  kw::net::connection_options options;
  options.ping_interval = 10ms;
  options.pong_timeout = 10ms;
  options.close_timeout = 30ms;
  one_side side(options);
  side.far->push_frame(client, kw::opcode::text, "came in time");
  for (int i = 0; i != 200 && !side.far->closed; ++i) side.run_for(5ms);
  CHECK(side.ws->error() == kw::error::pong_timeout);
  one_side::received got;
  side.receive(got);
  side.settle();
  CHECK(got.text == "came in time");
  side.receive(got);
  side.settle();
  CHECK(!got.text);
  CHECK(got.error == kw::error::pong_timeout);
}

TEST_CASE("lifetime: a message that is held stays when overflow_policy::close ends the connection") {
  kw::net::connection_options options;
  options.send_queue_hard = 10;
  options.overflow = kw::net::overflow_policy::close;
  one_side side(options);
  side.far->writes_wait = true;
  side.far->push_frame(client, kw::opcode::text, "held by the application");
  side.settle();
  kw::message const held = side.ws->try_receive();
  CHECK(!side.ws->try_send(held));
  CHECK(side.ws->try_send(held) == kw::error::send_queue_full);
  side.settle();
  CHECK(held.text() == "held by the application");
  CHECK(!side.ws->is_open());
  side.far->push("more bytes, that nobody reads");
  side.settle();
  CHECK(held.text() == "held by the application");
}

TEST_CASE("lifetime: a message that is delivered while close() waits stays until the next receive") {
  one_side side;
  one_side::received got;
  bool closed = false;
  side.receive(got);
  side.ws->close(kw::close_code::normal, "", [&](std::error_code) { closed = true; });
  side.settle();
  side.far->push(client_frame(kw::opcode::text, "one, and it is long enough to see") +
                 client_frame(kw::opcode::text, "two") + client_frame(kw::opcode::text, "three"));
  side.settle();
  CHECK(got.text == "one, and it is long enough to see");
  CHECK(got.held.text() == "one, and it is long enough to see");
  CHECK(!closed);
  for (auto const* text : {"two", "three"}) {
    side.receive(got);
    side.settle();
    CHECK(got.text == text);
    CHECK(got.held.text() == text);
  }
  side.far->push_close(client);
  side.far->end();
  side.settle();
  CHECK(got.held.text() == "three");
  CHECK(closed);
}

TEST_CASE("lifetime: the same for a handler that runs elsewhere, and later") {
  one_side side;
  asio::io_context elsewhere;
  std::string text;
  side.ws->receive(asio::bind_executor(elsewhere.get_executor(),
                                       [&](std::error_code, kw::message msg) { text = msg.text(); }));
  side.ws->close(kw::close_code::normal, "", [](std::error_code) {});
  side.settle();
  side.far->push_frame(client, kw::opcode::text, "one, and it is long enough to see");
  side.far->push_close(client);
  side.settle();
  CHECK(text.empty());
  test::settle(elsewhere);
  CHECK(text == "one, and it is long enough to see");
}

TEST_CASE("lifetime: stop() at every point of an opening over a Unix socket") {
  bool more = true;
  for (int steps = 0; more; ++steps) {
    REQUIRE(steps < 100);
    asio::io_context io;
    kw::net::server server(io);
    server.websocket("/echo", echo);
    unix_socket near(io);
    unix_socket far(io);
    support::connect_pair(near, far);
    server.serve(std::move(near));
    more = stop_after(steps, io, server, far);
  }
}

TEST_CASE("lifetime: stop() at every point of an accept and an opening over TCP") {
  for (bool const strands : {false, true}) {
    CAPTURE(strands);
    bool more = true;
    for (int steps = 0; more; ++steps) {
      REQUIRE(steps < 100);
      asio::io_context io;
      kw::net::server_options options;
      options.strands = strands;
      kw::net::server server(io, options);
      server.websocket("/echo", echo);
      server.start();
      asio::ip::tcp::socket far(io);
      far.connect({asio::ip::make_address("127.0.0.1"), server.port()});
      more = stop_after(steps, io, server, far);
    }
  }
}

TEST_CASE("lifetime: run() returns at once when a handler destroys its websocket, whatever the peer does") {
  asio::io_context io;
  unix_socket near(io);
  unix_socket far(io);
  support::connect_pair(near, far);
  auto ws = std::make_unique<basic_websocket<unix_socket>>(std::move(near), kw::role::server);
  ws->receive([&](std::error_code, kw::message) { ws.reset(); });
  asio::write(far, asio::buffer(client_frame(kw::opcode::text, "go")));
  stopwatch const time;
  io.run_for(10s);
  CHECK(!ws);
  CHECK(io.stopped());
  CHECK(time.elapsed() < at_once);
  std::string answer;
  std::error_code failure;
  asio::read(far, asio::dynamic_buffer(answer), failure);
  CHECK(failure == asio::error::eof);
  CHECK(answer == going_away);
}

TEST_CASE("lifetime: run() returns at once when a websocket is destroyed with a write in flight") {
  asio::io_context io;
  auto const far = std::make_shared<test::peer>(io.get_executor());
  far->writes_wait = true;
  {
    basic_websocket<test::stream> const ended = [&] {
      basic_websocket<test::stream> ws(test::stream(far), kw::role::server);
      CHECK(!ws.try_send("on its way"));
      test::settle(io);
      return ws;
    }();
    CHECK(ended.queued() != 0);
  }
  stopwatch const time;
  io.restart();
  io.run();
  CHECK(far->closed);
  CHECK(time.elapsed() < at_once);
}

TEST_CASE("lifetime: a client that receives one message and is done tells the server at once") {
  asio::io_context io;
  unix_socket a(io);
  unix_socket b(io);
  support::connect_pair(a, b);
  basic_websocket<unix_socket> far(std::move(a), kw::role::server);
  CHECK(!far.try_send("hello"));
  std::string text;
  asio::co_spawn(
      io,
      [](unix_socket socket, std::string& got) -> asio::awaitable<void> {
        basic_websocket<unix_socket> ws(std::move(socket), kw::role::client);
        kw::message const msg = co_await ws.receive();
        got = msg.text();
      }(std::move(b), text),
      asio::detached);
  bool ended = false;
  far.receive([&](std::error_code failure, kw::message msg) {
    CHECK(!failure);
    CHECK(!msg);
    ended = true;
  });
  stopwatch const time;
  io.run_for(10s);
  CHECK(io.stopped());
  CHECK(time.elapsed() < at_once);
  CHECK(text == "hello");
  CHECK(ended);
  CHECK(far.close_code() == kw::close_code::going_away);
}

TEST_CASE("lifetime: an operation that was spawned goes on when the websocket moves or goes") {
  one_side side;
  asio::co_spawn(side.io, side.ws->send("x"), asio::detached);
  std::string text;
  asio::co_spawn(side.io, side.ws->receive(), [&](std::exception_ptr failure, kw::message msg) {
    CHECK(!failure);
    text = msg.text();
  });
  auto moved = std::move(*side.ws);
  side.ws.reset();
  side.settle();
  CHECK(side.frames().size() == 1);
  side.far->push_frame(client, kw::opcode::text, "for the one that moved");
  side.settle();
  CHECK(text == "for the one that moved");
  CHECK(moved.is_open());

  bool closed = false;
  asio::co_spawn(side.io, moved.close(), [&](std::exception_ptr) { closed = true; });
  asio::co_spawn(side.io, moved.ping(), asio::detached);
  { auto const gone = std::move(moved); }
  side.settle();
  CHECK(closed);
  CHECK(side.far->closed);
}

TEST_CASE("lifetime: who received once and now only sends notices the peer's Close") {
  for (bool const together : {true, false}) {
    CAPTURE(together);
    one_side side;
    one_side::received got;
    side.receive(got);
    side.far->push_frame(client, kw::opcode::text, "subscribe to everything");
    if (!together) side.settle();
    side.far->push_close(client);
    side.settle();
    CHECK(got.text == "subscribe to everything");
    CHECK(got.held.text() == "subscribe to everything");
    CHECK(!side.ws->is_open());
    CHECK(side.ws->close_code() == kw::close_code::normal);
    CHECK(side.ws->try_send("news") == kw::error::closed);
    REQUIRE(side.frames().size() == 1);
    CHECK(side.frames()[0].first == kw::opcode::close);
    side.far->end();
    side.settle();
    CHECK(side.far->closed);
    CHECK(got.held.text() == "subscribe to everything");
  }
}

TEST_CASE("lifetime: who received once and now only sends notices the end of the stream") {
  kw::net::connection_options options;
  options.close_timeout = std::chrono::milliseconds(20);
  one_side side(options);
  one_side::received got;
  side.receive(got);
  side.far->push_frame(client, kw::opcode::text, "subscribe to everything");
  side.settle();
  side.far->end();
  side.settle();
  CHECK(got.held.text() == "subscribe to everything");
  CHECK(!side.ws->try_send("the answer"));  // which the peer may still take, for close_timeout
  for (int i = 0; i != 400 && !side.far->closed; ++i) side.run_for(std::chrono::milliseconds(5));
  REQUIRE(side.frames().size() == 1);
  CHECK(side.frames()[0].second == "the answer");
  CHECK(!side.ws->is_open());
  CHECK(side.ws->error() == kw::error::connection_lost);
  CHECK(side.ws->try_send("news") == kw::error::closed);
  CHECK(side.far->closed);
}

TEST_CASE("lifetime: a coroutine that takes the websocket by value runs") {
  served side;
  side.server.websocket("/", [](kw::net::websocket ws) -> asio::awaitable<void> {
    while (kw::message msg = co_await ws.receive()) co_await ws.send(msg);
  });
  CHECK(holds(side.open(upgrade("/")), " 101 "));
  side.far->push_frame(client, kw::opcode::text, "hello");
  test::settle(side.io);
  CHECK(side.far->written().ends_with("\x81\x05hello"));
  CHECK(!side.far->closed);
}

TEST_CASE("lifetime: a handler that throws before it has made its coroutine closes with 1011") {
  kw::net::server_options options;
  int reports = 0;
  options.on_exception = [&](std::exception_ptr) { ++reports; };
  served side(options);
  side.server.websocket("/",
                        [](kw::net::websocket&) -> asio::awaitable<void> { throw std::runtime_error("x"); });
  CHECK(side.open(upgrade("/")).ends_with(internal_error));
  CHECK(reports == 1);
  side.far->push_close(client, 1011);
  side.far->end();
  test::settle(side.io);
  CHECK(side.far->closed);
}

TEST_CASE("lifetime: a peer that reads slowly but steadily is alive") {
  kw::net::connection_options options;
  options.ping_interval = 40ms;
  options.pong_timeout = 40ms;
  one_side side(options);
  side.far->max_write = 10000;
  side.far->writes_wait = true;
  one_side::received got;
  side.receive(got);
  std::vector<std::byte> const large(1000000);
  CHECK(!side.ws->try_send(large));
  stopwatch const time;
  while (time.elapsed() < 180ms) {
    side.run_for(5ms);
    if (side.far->writing) side.far->writing.post({}, side.far->write_size);
  }
  CHECK(side.ws->is_open());
  CHECK(got.count == 0);
  CHECK(side.ws->queued() != 0);
}

TEST_CASE("lifetime: close() ends at once over a stream that has no shutdown()") {
  close_over_a_plain_stream<false>();
  close_over_a_plain_stream<true>();
}

TEST_CASE("lifetime: what a remote says it has sent is sent, up to the hard mark") {
  for (auto const policy : {kw::net::overflow_policy::drop, kw::net::overflow_policy::close}) {
    kw::net::connection_options options;
    options.send_queue_hard = 1000;
    options.overflow = policy;
    one_side side(options);
    side.far->writes_wait = true;
    auto const remote = side.ws->remote();
    std::string const text(100, 'x');
    std::size_t sent = 0;
    auto const fill = [&] {
      std::error_code failure;
      for (int i = 0; i != 30; ++i) {
        failure = remote.send(text);
        if (!failure) ++sent;
      }
      CHECK(failure == kw::error::send_queue_full);
    };
    fill();
    CHECK(sent >= 9);
    CHECK(sent <= 11);
    side.settle();
    CHECK(side.ws->queued() >= sent * text.size());
    CHECK(remote.send(text) == kw::error::send_queue_full);
    CHECK(side.ws->is_open());

    side.far->let_write();
    side.settle();
    CHECK(side.ws->queued() == 0);
    fill();
    side.settle();
    CHECK(side.ws->is_open());
    auto const frames = side.frames();
    CHECK(frames.size() == sent);
    for (auto const& each : frames) CHECK(each.second == text);
  }
}

TEST_CASE("lifetime: a remote of a connection that has ended says so, also while the websocket is held") {
  one_side side;
  auto const remote = side.ws->remote();
  side.far->push_close(client);
  side.settle();
  CHECK(remote.send("late") == kw::error::closed);
  side.far->end();
  side.settle();
  CHECK(side.far->closed);
  CHECK(remote.send("late") == kw::error::closed);
  CHECK(remote.close() == kw::error::closed);
  side.ws.reset();
  CHECK(remote.send("late") == kw::error::closed);
}

TEST_CASE("lifetime: a handler whose allocator lives in what the handler owns") {
  one_side side;
  int outstanding = -1;
  side.ws->receive(owning_handler{std::make_shared<arena>(), &outstanding});
  side.far->push_frame(client, kw::opcode::text, "x");
  side.settle();
  CHECK(outstanding == 0);

  // One that is never called is destroyed with its connection.
  side.ws->receive(owning_handler{std::make_shared<arena>(), &outstanding});
  side.far->drop();
}

TEST_CASE("lifetime: a write that fails is what ended the connection, not the timeout behind it") {
  kw::net::connection_options options;
  options.close_timeout = 20ms;
  one_side side(options);
  one_side::received got;
  side.receive(got);
  side.settle();
  side.far->fail_at = side.far->operations + 1;
  CHECK(!side.ws->try_send("x"));
  for (int i = 0; i != 400 && got.count == 0; ++i) side.run_for(5ms);
  CHECK(got.count == 1);
  CHECK(got.error == asio::error::connection_reset);
  CHECK(side.ws->error() == asio::error::connection_reset);
}

TEST_CASE("lifetime: overflow_policy::drop does not drop the middle of a fragmented message") {
  kw::net::connection_options options;
  options.send_queue_hard = 10;
  one_side side(options);
  side.far->writes_wait = true;
  auto const fragment = [&](kw::opcode type, std::string_view text, bool fin) {
    return side.ws->try_send_fragment(type, kw::detail::as_bytes(text), fin);
  };
  CHECK(!fragment(kw::opcode::text, "beyond the mark", false));
  CHECK(!fragment(kw::opcode::continuation, ", middle", false));
  side.settle();
  CHECK(!fragment(kw::opcode::continuation, ", middle", false));
  CHECK(!fragment(kw::opcode::continuation, ", end", true));
  CHECK(fragment(kw::opcode::text, "another", false) == kw::error::send_queue_full);
  CHECK(side.ws->try_send("another") == kw::error::send_queue_full);
  side.settle();
  side.far->let_write();
  side.settle();
  std::string text;
  for (auto const& each : side.frames()) text += each.second;
  CHECK(text == "beyond the mark, middle, middle, end");
  CHECK(!side.ws->try_send("another"));
}

}  // namespace lifetime_tests
