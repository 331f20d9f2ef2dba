// Memory refused to Asio too, at the n-th allocation of any size: a call that needs it throws std::bad_alloc
// and has done nothing, or every operation still completes once; the connection goes on, or ends and says so;
// and nothing is thrown out of the context.
#include <kindwire/net/client.hpp>
#include <kindwire/net/server.hpp>
#include <kindwire/net/websocket.hpp>

#include <doctest/doctest.h>

#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <asio/io_context.hpp>
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

#include "scarce_memory.hpp"

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

}  // namespace

TEST_CASE("no memory for Asio either: a call fails, or the connection ends, and everybody is told") {
  for (kw::role const self : {kw::role::server, kw::role::client}) {
    CHECK(exhaustion::at_every_allocation([&](scarce_memory& memory) { over_a_stream(memory, self); }) >= 4);
  }
}
