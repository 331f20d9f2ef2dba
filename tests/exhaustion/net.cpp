// A websocket over a stream of Asio's that meets std::bad_alloc at the n-th buffer that it asks for: every
// operation still completes once, the connection ends or goes on, and whoever runs the context hears nothing
// of it. What Asio takes for its handlers is given: without that nothing can be told to anybody.
#include <kindwire/net/client.hpp>
#include <kindwire/net/server.hpp>
#include <kindwire/net/websocket.hpp>

#include <doctest/doctest.h>

#include <asio/io_context.hpp>
#include <kindwire/handshake/accept_key.hpp>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "../net/faults.hpp"
#include "../net/test_stream.hpp"
#include "scarce_memory.hpp"

namespace net_tests {

namespace kw = kindwire;
using namespace std::string_literals;
using exhaustion::scarce_memory;
using kw::opcode;

namespace {

// Buffers are the blocks of this size and more.
template <class Scenario>
std::size_t at_every_buffer(Scenario scenario) {
  return exhaustion::at_every_allocation(scenario, kw::detail::block_pool::smallest);
}

auto const no_memory = std::make_error_code(std::errc::not_enough_memory);

// The stream has all the memory it wants: what is looked at is what runs over it.
class spared {
 public:
  spared() noexcept : refused_(exhaustion::refuses()) { exhaustion::refuse(false); }
  spared(spared const&) = delete;
  spared& operator=(spared const&) = delete;
  ~spared() { exhaustion::refuse(refused_); }

 private:
  bool refused_;
};
template <class Stream>
class rich : public Stream {
 public:
  using Stream::Stream;

  template <class Buffers, class Token>
  auto async_read_some(Buffers const& into, Token&& token) {
    spared const now;
    return Stream::async_read_some(into, std::forward<Token>(token));
  }
  template <class Buffers, class Token>
  auto async_write_some(Buffers const& from, Token&& token) {
    spared const now;
    return Stream::async_write_some(from, std::forward<Token>(token));
  }
  std::size_t write_some(asio::const_buffer from, std::error_code& failure) requires requires(Stream& below) {
    below.write_some(from, failure);
  }
  {
    spared const now;
    return Stream::write_some(from, failure);
  }
};

// What a websocket does by itself has the refused allocation; what the test does around it has not.
template <class Stream>
class side {
 public:
  side(scarce_memory& memory, kw::role self)
      : memory_(memory), peer(self == kw::role::server ? kw::role::client : kw::role::server) {
    far->max_write = 3000;
    far->writes.reserve(1000);
    ws.emplace(rich<Stream>(far), self);
  }
  side(side const&) = delete;
  side& operator=(side const&) = delete;
  ~side() { far->drop(); }

  void settle() {
    CHECK_MESSAGE(memory_.attempt([&] { test::settle(io); }), "it was thrown out of the context");
  }

  // Until nothing is under way: the peer has ended.
  void run_out() {
    CHECK_MESSAGE(memory_.attempt([&] {
      io.restart();
      io.run_for(std::chrono::seconds(4));
    }),
                  "it was thrown out of the context");
    CHECK_MESSAGE(io.stopped(), "something still waits");
  }

  // Receives to the end. Copies are made where nothing is refused.
  void receive() {
    ++started;
    ws->receive([this](std::error_code failure, kw::message msg) {
      spared const now;
      ++completed;
      if (!failure && msg) {
        texts.emplace_back(msg.text());
        receive();
      } else {
        end = failure;
      }
    });
  }
  // False if it threw, with nothing queued.
  bool send(std::string_view text) {
    ++started;
    bool const queued = memory_.attempt([&] { ws->send(text, [this](std::error_code) { ++completed; }); });
    if (!queued) --started;
    return queued;
  }
  bool close() {
    ++started;
    bool const queued = memory_.attempt(
        [&] { ws->close(kw::close_code::normal, "", [this](std::error_code) { ++completed; }); });
    if (!queued) --started;
    return queued;
  }

 private:
  scarce_memory& memory_;

 public:
  kw::role peer;
  asio::io_context io;
  std::shared_ptr<test::peer> far = std::make_shared<test::peer>(io.get_executor());
  std::optional<kw::net::basic_websocket<rich<Stream>>> ws;
  std::vector<std::string> texts;
  std::optional<std::error_code> end;
  int started = 0;
  int completed = 0;
};

template <class Stream>
void talk(scarce_memory& memory, kw::role self) {
  side<Stream> it(memory, self);
  std::vector<std::string> const texts{"short", std::string(9000, 'l'), std::string(6000, 'f')};
  std::vector<std::string> sent;
  auto const send = [&](std::string text) {
    if (it.send(text)) sent.push_back(std::move(text));
  };
  it.receive();
  it.settle();
  send("one");
  it.far->push_frame(it.peer, opcode::text, texts[0]);
  it.far->push_frame(it.peer, opcode::ping, std::string(100, 'p'));
  it.settle();
  send(std::string(20000, 's'));
  it.far->push_frame(it.peer, opcode::text, texts[1]);
  it.settle();
  it.far->push_frame(it.peer, opcode::text, texts[2].substr(0, 3000), false);
  it.far->push_frame(it.peer, opcode::continuation, texts[2].substr(3000));
  it.settle();
  bool const closed = it.close();
  it.settle();
  it.far->push_close(it.peer);
  it.far->end();
  it.run_out();

  CHECK(it.completed == it.started);
  CHECK(it.far->closed);
  REQUIRE(it.end);
  CHECK((!*it.end || *it.end == no_memory));
  CHECK(it.ws->error() == *it.end);
  CHECK(it.texts.size() <= texts.size());
  CHECK(std::equal(it.texts.begin(), it.texts.end(), texts.begin()));
  if (!*it.end) CHECK(it.texts == texts);
  // What was sent is a part of what was queued, in order.
  std::vector<std::string> read;
  for (auto const& [type, payload] : test::frames_in(it.far->written(), it.peer)) {
    if (type == opcode::text) read.push_back(payload);
  }
  CHECK(read.size() <= sent.size());
  CHECK(std::equal(read.begin(), read.end(), sent.begin()));
  if (!*it.end && closed) CHECK(read == sent);
  it.ws.reset();
  it.settle();
  CHECK_MESSAGE(it.far.use_count() == 1, "the connection was left behind");
}

template <class Stream>
void let_go(scarce_memory& memory, kw::role self) {
  side<Stream> it(memory, self);
  it.receive();
  it.settle();
  it.far->push_frame(it.peer, opcode::text, "half", false);
  it.settle();
  CHECK(memory.attempt([&] { it.ws.reset(); }));
  it.settle();
  it.far->end();  // of a session that was lost before the peer reads the end first
  it.run_out();
  CHECK(it.completed == 1);
  CHECK(it.far->closed);
  CHECK(it.far.use_count() == 1);
}

// So long that it is read in several buffers.
std::string const long_field = "Cookie: " + std::string(5000, 'c') + "\r\n";

void run_out(scarce_memory& memory, asio::io_context& io) {
  CHECK_MESSAGE(memory.attempt([&] {
    io.restart();
    io.run_for(std::chrono::seconds(4));
  }),
                "it was thrown out of the context");
  CHECK_MESSAGE(io.stopped(), "something still waits");
}

asio::awaitable<void> echo(kw::net::websocket& ws) {
  while (kw::message msg = co_await ws.receive()) co_await ws.send(msg);
}

template <class Stream>
void accept(scarce_memory& memory) {
  asio::io_context io;
  auto const far = std::make_shared<test::peer>(io.get_executor());
  kw::net::server server(io);
  server.websocket("/echo", echo);
  server.serve(rich<Stream>(far));
  far->push(
      "GET /echo HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
      "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n" +
      long_field + "\r\n");
  far->push_frame(kw::role::client, opcode::text, "behind it");
  far->push_close(kw::role::client);
  far->end();
  run_out(memory, io);

  CHECK(far->closed);
  std::string const written = far->written();
  bool const opened = written.starts_with("HTTP/1.1 101 ");
  CHECK((opened || written.empty() || written.starts_with("HTTP/1.1 500 ")));
  if (!memory.refused()) CHECK(opened);
  CHECK_MESSAGE(far.use_count() == 1, "the connection was left behind");
}

template <class Stream>
void open(scarce_memory& memory, bool accepted) {
  asio::io_context io;
  auto const far = std::make_shared<test::peer>(io.get_executor());
  std::optional<std::error_code> outcome;
  std::optional<kw::net::websocket> ws;
  kw::response refusal;
  kw::net::handshake(rich<Stream>(far), "ws://localhost/", {.refusal = &refusal},
                     [&](std::error_code failure, kw::net::websocket opened) {
                       outcome = failure;
                       ws.emplace(std::move(opened));
                     });
  CHECK(memory.attempt([&] { test::settle(io); }));
  std::string const asked = far->written();
  std::string const key = asked.substr(asked.find("Sec-WebSocket-Key: ") + 19, 24);
  if (accepted) {
    far->push("HTTP/1.1 101 x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: " +
              kw::accept_key(key) + "\r\n" + long_field + "\r\n");
    far->push_frame(kw::role::server, opcode::text, "behind it");
  } else {
    far->push("HTTP/1.1 403 x\r\n\r\n" + std::string(5000, 'n'));
  }
  far->end();
  CHECK_MESSAGE(memory.attempt([&] { test::settle(io); }), "it was thrown out of the context");
  CHECK(memory.attempt([&] { ws.reset(); }));
  run_out(memory, io);

  CHECK_MESSAGE(outcome.has_value(), "it was never told");
  if (!outcome) return;
  if (*outcome != no_memory) CHECK(*outcome == (accepted ? std::error_code{} : kw::error::handshake_refused));
  if (!memory.refused()) CHECK(*outcome != no_memory);
  CHECK(far->closed);
  CHECK_MESSAGE(far.use_count() == 1, "the connection was left behind");
}

}  // namespace

TEST_CASE("no memory: a server's opening is answered with 500, or ends") {
  CHECK(at_every_buffer([](scarce_memory& memory) { accept<test::stream>(memory); }) >= 4);
  CHECK(at_every_buffer([](scarce_memory& memory) { accept<test::ready_stream>(memory); }) >= 4);
}

TEST_CASE("no memory: a client's opening says so, or goes on") {
  for (bool const accepted : {true, false}) {
    CHECK(at_every_buffer([&](scarce_memory& memory) { open<test::stream>(memory, accepted); }) >= 4);
    CHECK(at_every_buffer([&](scarce_memory& memory) { open<test::ready_stream>(memory, accepted); }) >= 4);
  }
}

TEST_CASE("no memory: receiving, sending and closing over a stream of Asio's") {
  for (kw::role const self : {kw::role::server, kw::role::client}) {
    CHECK(at_every_buffer([&](scarce_memory& memory) { talk<test::stream>(memory, self); }) >= 4);
    CHECK(at_every_buffer([&](scarce_memory& memory) { talk<test::ready_stream>(memory, self); }) >= 4);
  }
}

TEST_CASE("no memory: a websocket that is destroyed says going away, or nothing, and ends") {
  for (kw::role const self : {kw::role::server, kw::role::client}) {
    at_every_buffer([&](scarce_memory& memory) { let_go<test::stream>(memory, self); });
    at_every_buffer([&](scarce_memory& memory) { let_go<test::ready_stream>(memory, self); });
  }
}

}  // namespace net_tests
