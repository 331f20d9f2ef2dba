// Memory refused to Asio too, at the n-th allocation of any size: a call that needs it throws std::bad_alloc
// and has done nothing, or every operation still completes once; the connection goes on, or ends and says so;
// and nothing is thrown out of the context.
#include <kindwire/net/client.hpp>
#include <kindwire/net/server.hpp>
#include <kindwire/net/websocket.hpp>

#include <doctest/doctest.h>

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <asio/io_context.hpp>
#include <asio/ip/tcp.hpp>
#include <asio/local/stream_protocol.hpp>
#include <chrono>
#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

#include <kindwire/frame/encoder.hpp>
#include <kindwire/handshake/accept_key.hpp>

#include "scarce_memory.hpp"

namespace asio_tests {

namespace kw = kindwire;
using exhaustion::scarce_memory;
using unix_stream = asio::local::stream_protocol;

namespace {

auto const no_memory = std::make_error_code(std::errc::not_enough_memory);

// The far end, which allocates nothing while it counts.
struct far_end {
  int socket;
  kw::role self;

  explicit far_end(int from, kw::role who) : socket(from), self(who) {}
  far_end(far_end const&) = delete;
  far_end& operator=(far_end const&) = delete;
  ~far_end() { end(); }

  void say(kw::opcode type, std::string_view payload) {
    std::array<std::byte, 200> room;
    kw::basic_frame_encoder const encoder(self);
    encoder.write(room.data(), type, kw::detail::as_bytes(payload));
    CHECK(::send(socket, room.data(), encoder.size(payload.size()), MSG_NOSIGNAL) != 0);
  }
  void read() {
    std::array<std::byte, 4096> room;
    while (::recv(socket, room.data(), room.size(), MSG_DONTWAIT) > 0) continue;
  }
  void end() {
    if (socket >= 0) ::close(std::exchange(socket, -1));
  }
};

void turn(scarce_memory& memory, asio::io_context& io) {
  CHECK_MESSAGE(memory.attempt([&] {
    io.restart();
    io.run_for(std::chrono::milliseconds(2));
  }),
                "it was thrown out of the context");
}

// What a user does with a websocket, whichever way it waits.
template <class Open>
void talk(scarce_memory& memory, asio::io_context& io, far_end& far, Open open) {
  int started = 0;
  int completed = 0;
  std::optional<std::error_code> end;
  auto const attempt = [&](auto work) {
    ++started;
    if (!memory.attempt(work)) --started;
  };
  {
    std::optional<kw::net::websocket> ws = open();
    if (!ws) return;
    for (int i = 0; i != 2; ++i) {
      attempt([&] {
        ws->receive([&](std::error_code failure, kw::message) {
          ++completed;
          if (failure) end = failure;
        });
      });
      turn(memory, io);
      far.say(kw::opcode::text, "to be received");
      far.say(kw::opcode::ping, "ping");
      turn(memory, io);
      attempt([&] { ws->send("hello", [&](std::error_code) { ++completed; }); });
      turn(memory, io);
      far.read();
    }
    memory.attempt([&] { ws->remote().send("from elsewhere"); });
    turn(memory, io);
    attempt([&] { ws->close(kw::close_code::normal, "", [&](std::error_code) { ++completed; }); });
    turn(memory, io);
    far.say(kw::opcode::close, "\x03\xe8");
    turn(memory, io);
    far.end();
    turn(memory, io);
    if (end && !*end) CHECK(end != no_memory);
    CHECK_MESSAGE(memory.attempt([&] { ws.reset(); }), "a destructor threw");
  }
  for (int i = 0; i != 50 && !io.stopped(); ++i) turn(memory, io);
  CHECK_MESSAGE(io.stopped(), "something still waits");
  CHECK(completed == started);
}

void over_a_stream(scarce_memory& memory, kw::role self) {
  asio::io_context io{1};
  int ends[2];
  REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM, 0, ends) == 0);
  far_end far(ends[1], self == kw::role::server ? kw::role::client : kw::role::server);
  unix_stream::socket near(io, unix_stream(), ends[0]);
  talk(memory, io, far, [&] {
    std::optional<kw::net::websocket> ws;
    memory.attempt([&] { ws.emplace(kw::net::basic_websocket(std::move(near), self)); });
    return ws;
  });
}

constexpr std::string_view upgrade =
    "GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n";

// A request for a websocket gets one answer, or none.
void accept_one(scarce_memory& memory) {
  asio::io_context io{1};
  kw::net::server server(io);
  std::optional<kw::net::websocket> opened;
  server.websocket("/", [&](kw::net::websocket ws) { opened.emplace(std::move(ws)); });
  int ends[2];
  REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM, 0, ends) == 0);
  far_end far(ends[1], kw::role::client);
  unix_stream::socket near(io, unix_stream(), ends[0]);
  if (!memory.attempt([&] { server.serve(std::move(near)); })) return;
  REQUIRE(::send(far.socket, upgrade.data(), upgrade.size(), MSG_NOSIGNAL) > 0);
  for (int i = 0; i != 3; ++i) turn(memory, io);
  std::array<char, 4096> room;
  auto const size = ::recv(far.socket, room.data(), room.size(), MSG_DONTWAIT);
  std::string_view const said(room.data(), size > 0 ? static_cast<std::size_t>(size) : 0);
  CHECK((said.empty() || said.starts_with("HTTP/1.1 101 ") || said.starts_with("HTTP/1.1 500 ")));
  CHECK_MESSAGE(said.find("HTTP/1.1", 1) == said.npos, "two answers");
  if (!memory.refused()) CHECK(opened);
  far.end();
  opened.reset();
  for (int i = 0; i != 50 && !io.stopped(); ++i) turn(memory, io);
  CHECK_MESSAGE(io.stopped(), "something still waits");
}

// The server of a connect(): it accepts one, and answers its request.
class tcp_server {
 public:
  tcp_server() {
    at_ = {asio::ip::address_v4::loopback(), 0};
    auto size = static_cast<socklen_t>(at_.capacity());
    REQUIRE(::bind(listener_, at_.data(), size) == 0);
    REQUIRE(::listen(listener_, 4) == 0);
    REQUIRE(::fcntl(listener_, F_SETFL, O_NONBLOCK) == 0);
    REQUIRE(::getsockname(listener_, at_.data(), &size) == 0);
  }
  tcp_server(tcp_server const&) = delete;
  tcp_server& operator=(tcp_server const&) = delete;
  ~tcp_server() {
    end();
    ::close(listener_);
  }

  std::string uri() const { return "ws://127.0.0.1:" + std::to_string(at_.port()) + "/"; }
  void serve() {
    if (socket_ < 0) socket_ = ::accept(listener_, nullptr, nullptr);
    if (socket_ < 0) return;
    std::array<char, 4096> room;
    if (auto const size = ::recv(socket_, room.data(), room.size(), MSG_DONTWAIT); size > 0)
      asked_.append(room.data(), static_cast<std::size_t>(size));
    if (!asked_.ends_with("\r\n\r\n")) return;
    constexpr std::string_view key = "Sec-WebSocket-Key: ";
    std::string const answer =
        "HTTP/1.1 101 x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: " +
        kw::accept_key(asked_.substr(asked_.find(key) + key.size(), 24)) + "\r\n\r\n";
    CHECK(::send(socket_, answer.data(), answer.size(), MSG_NOSIGNAL) != 0);
    asked_.clear();
  }
  void end() {
    if (socket_ >= 0) ::close(std::exchange(socket_, -1));
  }

 private:
  asio::ip::tcp::endpoint at_;
  int listener_ = ::socket(AF_INET, SOCK_STREAM, 0);
  int socket_ = -1;
  std::string asked_;
};

// By its address: a name needs the resolver's thread.
void connect_over_tcp(scarce_memory& memory) {
  tcp_server server;
  std::string const to = server.uri();
  int completed = 0;
  std::error_code outcome;
  std::optional<kw::net::websocket> opened;
  {
    asio::io_context io{1};
    bool const started = memory.attempt([&] {
      kw::net::connect(io, to, {}, [&](std::error_code failure, kw::net::websocket ws) {
        ++completed;
        outcome = failure;
        if (!failure) opened.emplace(std::move(ws));
      });
    });
    for (int i = 0; i != 1000 && started && completed == 0; ++i) {
      turn(memory, io);
      server.serve();
    }
    CHECK(completed == (started ? 1 : 0));
    CHECK((!outcome || outcome == no_memory));
    CHECK(opened.has_value() == (started && !outcome));
    if (!memory.refused()) CHECK(opened);
    server.end();
    CHECK_MESSAGE(memory.attempt([&] { opened.reset(); }), "a destructor threw");
    for (int i = 0; i != 50 && !io.stopped(); ++i) turn(memory, io);
    CHECK_MESSAGE(io.stopped(), "something still waits");
  }
  CHECK(completed <= 1);
}

// A server with a websocket over a stream of Asio's (epoll_set's where `over_tcp`) is destroyed; its context
// may end before anything is said. Without strands, which shutdown() needs too: Asio's end the program when
// there is no memory for them.
void end_of_a_server(scarce_memory& memory, bool over_tcp, bool context_ends) {
  using asio::ip::tcp;
  std::optional<asio::io_context> io(std::in_place, 1);
  // Owned by a callback: that a coroutine is destroyed takes memory of Asio's, which it does not do without.
  struct receiver {
    kw::net::websocket ws;
    std::optional<std::error_code> end = std::nullopt;
  };
  std::optional<receiver> opened;
  std::optional<kw::net::server> server(std::in_place, *io, kw::net::server_options{.strands = false});
  server->websocket("/", [&](kw::net::websocket ws) {
    opened.emplace(receiver{std::move(ws)});
    opened->ws.receive([&](std::error_code failure, kw::message) { opened->end = failure; });
  });
  int ends[2] = {-1, -1};
  if (over_tcp) {
    server->start();
    ends[1] = ::socket(AF_INET, SOCK_STREAM, 0);
    tcp::endpoint const at(asio::ip::address_v4::loopback(), server->port());
    REQUIRE(::connect(ends[1], at.data(), static_cast<socklen_t>(at.size())) == 0);
  } else {
    REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM, 0, ends) == 0);
    server->serve(unix_stream::socket(*io, unix_stream(), ends[0]));
  }
  far_end far(ends[1], kw::role::client);
  REQUIRE(::send(far.socket, upgrade.data(), upgrade.size(), MSG_NOSIGNAL) > 0);
  for (int i = 0; i != 1000 && !opened; ++i) {
    io->restart();
    io->run_for(std::chrono::milliseconds(1));
  }
  REQUIRE(opened);
  far.read();

  CHECK_MESSAGE(memory.attempt([&] { server.reset(); }), "a destructor threw");
  if (!context_ends) {
    turn(memory, *io);
    far.end();
    for (int i = 0; i != 50 && !io->stopped(); ++i) turn(memory, *io);
    CHECK_MESSAGE(io->stopped(), "something still waits");
    CHECK_MESSAGE(opened->end, "the application was not told");
  }
  CHECK_MESSAGE(memory.attempt([&] { opened.reset(); }), "a destructor threw");
  CHECK_MESSAGE(memory.attempt([&] { io.reset(); }), "the end of the context threw");
}

}  // namespace

TEST_CASE("no memory for Asio either when a client connects: it throws, says so, or is connected") {
  CHECK(exhaustion::at_every_allocation(connect_over_tcp) >= 20);
}

TEST_CASE("no memory for Asio either when a request is answered: one answer, or none") {
  CHECK(exhaustion::at_every_allocation(accept_one) >= 4);
}

TEST_CASE(
    "no memory when a server ends: nothing is thrown, and what it served ends with its peer or its context") {
  for (bool const over_tcp : {false, true}) {
    for (bool const context_ends : {false, true}) {
      CAPTURE(over_tcp);
      CAPTURE(context_ends);
      exhaustion::at_every_allocation(
          [&](scarce_memory& memory) { end_of_a_server(memory, over_tcp, context_ends); });
    }
  }
}

TEST_CASE("no memory for Asio either: a call fails, or the connection ends, and everybody is told") {
  for (kw::role const self : {kw::role::server, kw::role::client}) {
    CHECK(exhaustion::at_every_allocation([&](scarce_memory& memory) { over_a_stream(memory, self); }) >= 4);
  }
}

}  // namespace asio_tests
