// A whole server over loopback whose context one thread runs, so that its sockets are waited for together.
#include <kindwire/net/epoll/epoll_transport.hpp>
#include <kindwire/net/epoll/shared_epoll_set.hpp>
#include <kindwire/net/server.hpp>

#include <doctest/doctest.h>

#if defined(KINDWIRE_HAS_EPOLL_SET)

#include <fcntl.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <termios.h>
#include <unistd.h>

#include <algorithm>
#include <asio/awaitable.hpp>
#include <asio/io_context.hpp>
#include <asio/ip/tcp.hpp>
#include <asio/local/connect_pair.hpp>
#include <asio/local/stream_protocol.hpp>
#include <asio/posix/stream_descriptor.hpp>
#include <asio/socket_base.hpp>
#include <asio/write.hpp>
#include <atomic>
#include <chrono>
#include <functional>
#include <list>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <system_error>
#include <thread>
#include <type_traits>
#include <utility>
#include <vector>

#include "../faults.hpp"
#include "../test_stream.hpp"

namespace epoll_transport_tests {

namespace kw = kindwire;
using kw::net::detail::epoll_set;
using kw::net::detail::shared_epoll_set;
using namespace std::chrono_literals;
using asio::ip::tcp;
using kw::opcode;
using test::whole_frame;

namespace {

std::string frame(opcode type, std::string_view payload) {
  kw::basic_frame_encoder const encoder(kw::role::client);
  std::string bytes(encoder.size(payload.size()), '\0');
  encoder.write(reinterpret_cast<std::byte*>(bytes.data()), type, kw::detail::as_bytes(payload));
  return bytes;
}
std::string text(std::string_view payload) { return frame(opcode::text, payload); }
std::string const close_1000 = frame(opcode::close, test::close_body(1000));

std::string const upgrade =
    "GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n";

// A client by bytes.
struct client {
  explicit client(asio::io_context& io) : socket(io) {}

  void write(std::string_view bytes) { asio::write(socket, asio::buffer(bytes), ignored); }
  // What has come.
  void read() {
    socket.non_blocking(true, ignored);
    std::vector<char> room(std::size_t{1} << 16);
    for (failure = {}; !failure;) input.append(room.data(), socket.read_some(asio::buffer(room), failure));
    if (failure == asio::error::would_block) failure = {};
  }
  bool opened() {
    if (input.find("\r\n\r\n") == std::string::npos) read();
    return input.starts_with("HTTP/1.1 101 ") && input.find("\r\n\r\n") != std::string::npos;
  }
  std::vector<whole_frame> frames() {
    read();
    return test::frames_in(input.substr(input.find("\r\n\r\n") + 4), kw::role::client);
  }
  bool ended() {
    read();
    return static_cast<bool>(failure);
  }

  tcp::socket socket;
  std::string input;
  std::error_code failure;
  std::error_code ignored;
};

kw::net::server_options options_with(kw::net::connection_options const& each) {
  kw::net::server_options options;
  options.connection = each;
  return options;
}

// A server whose connections are members of such a set.
template <class Set>
struct place {
  explicit place(kw::net::server_options options = {}) : server(io, with_set(std::move(options))) {}

  static kw::net::server_options with_set(kw::net::server_options options) {
    options.strands = std::is_same_v<Set, shared_epoll_set>;
    return options;
  }

  // Serves with a handler that keeps its websockets.
  void keep() {
    server.websocket("/", [this](kw::net::websocket ws) { kept.push_back(std::move(ws)); });
    server.start();
  }
  template <class Handler>
  void serve(Handler handler) {
    server.websocket("/", std::move(handler));
    server.start();
  }
  client& connect() {
    auto& fresh = clients.emplace_back(io);
    fresh.socket.connect({asio::ip::make_address("127.0.0.1"), server.port()});
    fresh.write(upgrade);
    return fresh;
  }
  client& open() {
    auto& fresh = connect();
    REQUIRE(until([&] { return fresh.opened(); }));
    settle();
    return fresh;
  }

  void settle() { test::settle(io); }
  bool until(std::function<bool()> const& done) {
    auto const begin = std::chrono::steady_clock::now();
    while (!done() && std::chrono::steady_clock::now() - begin < 8s) {
      io.restart();
      io.run_for(1ms);
    }
    return done();
  }
  // Everybody has left, or leaves now: nothing is left to wait for.
  void end() {
    server.stop();
    for (auto& each : clients) each.socket.close(each.ignored);
    kept.clear();
    io.restart();
    io.run_for(8s);
    CHECK(io.stopped());
  }

  asio::io_context io;
  kw::net::server server;
  std::list<client> clients;
  std::vector<kw::net::websocket> kept;
};

// Receives to the end.
struct receiver {
  kw::net::websocket& ws;
  std::vector<std::string>& texts;
  std::optional<std::error_code>& end;
  void operator()(std::error_code failure, kw::message msg) {
    if (failure || !msg) {
      end = failure;
      return;
    }
    texts.emplace_back(msg.text());
    ws.receive(receiver{*this});
  }
};

asio::awaitable<void> echo(kw::net::websocket& ws) {
  while (kw::message msg = co_await ws.receive()) co_await ws.send(msg);
}

std::string number(std::size_t which) { return "message " + std::to_string(which); }

}  // namespace

TEST_CASE_TEMPLATE("epoll connection: messages of every size come back, from several clients", Set, epoll_set,
                   shared_epoll_set) {
  place<Set> here;
  here.serve(echo);
  std::vector<client*> all;
  for (int i = 0; i != 3; ++i) all.push_back(&here.open());
  CHECK(asio::has_service<Set>(here.io));  // else this file looks at something else
  std::vector<whole_frame> sent;
  for (std::size_t const size : {0u, 1u, 125u, 126u, 65535u, 65536u, 131072u, 200000u, 1u << 20}) {
    sent.emplace_back(opcode::binary, std::string(size, static_cast<char>('a' + sent.size())));
    for (client* const each : all) {
      std::string const bytes = frame(opcode::binary, sent.back().second);
      std::size_t written = 0;
      each->socket.non_blocking(true);
      CHECK(here.until([&] {
        written += each->socket.write_some(asio::buffer(bytes) + written, each->ignored);
        return written == bytes.size();
      }));
    }
    for (client* const each : all) CHECK(here.until([&] { return each->frames().size() == sent.size(); }));
  }
  for (client* const each : all) CHECK(each->frames() == sent);
  here.end();
}

TEST_CASE_TEMPLATE("epoll connection: the end of the stream behind data is seen, together with it or later",
                   Set, epoll_set, shared_epoll_set) {
  for (bool const together : {true, false}) {
    for (bool const says_close : {true, false}) {
      CAPTURE(together);
      CAPTURE(says_close);
      place<Set> here;
      here.keep();
      client& far = here.open();
      REQUIRE(here.kept.size() == 1);
      std::vector<std::string> texts;
      std::optional<std::error_code> end;
      here.kept[0].receive(receiver{here.kept[0], texts, end});
      here.settle();
      far.write(text("one") + text("two") + (says_close ? close_1000 : ""));
      if (!together) CHECK(here.until([&] { return texts.size() == 2; }));
      CHECK(!end == (together || !says_close));
      far.socket.shutdown(tcp::socket::shutdown_send);
      CHECK(here.until([&] { return end.has_value() && far.ended(); }));
      CHECK(texts == std::vector<std::string>{"one", "two"});
      CHECK(end == (says_close ? std::error_code{} : make_error_code(kw::error::connection_lost)));
      if (says_close)
        CHECK(far.frames() == std::vector<whole_frame>{{opcode::close, test::close_body(1000)}});
      here.end();
    }
  }
}

TEST_CASE_TEMPLATE("epoll connection: a reset ends what waits, also a write", Set, epoll_set,
                   shared_epoll_set) {
  for (bool const writes : {false, true}) {
    CAPTURE(writes);
    place<Set> here;
    here.keep();
    client& far = here.open();
    std::vector<std::string> texts;
    std::optional<std::error_code> end, sent;
    if (writes) {
      here.kept[0].send(std::string(std::size_t{8} << 20, 'x'), [&](std::error_code e) { sent = e; });
      here.settle();
      CHECK(!sent);
    }
    here.kept[0].receive(receiver{here.kept[0], texts, end});
    here.settle();
    far.socket.set_option(asio::socket_base::linger(true, 0));
    far.socket.close();
    CHECK(here.until([&] { return end && (sent || !writes); }));
    CHECK(*end);
    if (writes) CHECK(*sent);
    here.end();
  }
}

TEST_CASE_TEMPLATE(
    "epoll connection: what came while reading stood still is read without another word of the peer's", Set,
    epoll_set, shared_epoll_set) {
  // How the peer leaves: not at all, by the end of its stream, by a reset.
  for (int const leaves : {0, 1, 2}) {
    CAPTURE(leaves);
    kw::net::connection_options limits;
    limits.read_ahead = 1000;
    limits.ping_interval = 0ms;
    place<Set> here(options_with(limits));
    here.keep();
    client& far = here.open();
    std::string flood;
    std::size_t const count = 20'000;
    for (std::size_t i = 0; i != count; ++i) flood += text(number(i));
    std::size_t written = 0;
    far.socket.non_blocking(true);
    auto const write_on = [&] {
      written += far.socket.write_some(asio::buffer(flood) + written, far.ignored);
      here.settle();
      return written == flood.size();
    };
    for (int i = 0; i != 10; ++i) write_on();
    CHECK(far.socket.available() == 0);
    std::vector<std::string> texts;
    std::optional<std::error_code> end;
    if (leaves == 2 && write_on()) {
      far.socket.set_option(asio::socket_base::linger(true, 0));
      far.socket.close();
      here.settle();
    } else if (leaves == 1 && write_on()) {
      far.socket.shutdown(tcp::socket::shutdown_send);
      here.settle();
    }
    here.kept[0].receive(receiver{here.kept[0], texts, end});
    CHECK(here.until([&] { return (write_on() || leaves == 2) && (leaves == 2 || texts.size() == count); }));
    if (leaves != 0) {
      CHECK(here.until([&] { return end.has_value(); }));
      CHECK(*end);
    }
    for (std::size_t i = 0; i != texts.size(); ++i) REQUIRE(texts[i] == number(i));
    here.end();
  }
}

TEST_CASE_TEMPLATE(
    "epoll connection: what a full socket does not take leaves as it is drained, and both ends go on", Set,
    epoll_set, shared_epoll_set) {
  kw::net::connection_options limits;
  limits.send_queue_hard = std::size_t{64} << 20;
  place<Set> here(options_with(limits));
  here.keep();
  client& far = here.open();
  std::vector<std::string> texts;
  std::optional<std::error_code> end, sent;
  auto& ws = here.kept[0];
  ws.receive(receiver{ws, texts, end});
  std::vector<whole_frame> expected;
  for (char const each : {'a', 'b', 'c', 'd'}) {
    expected.emplace_back(opcode::text, std::string(std::size_t{5} << 20, each));
    ws.send(expected.back().second, [&](std::error_code failure) { sent = failure; });
    here.settle();
  }
  CHECK(!sent);
  CHECK(ws.queued() > (std::size_t{10} << 20));
  // It reads all the same.
  for (std::size_t i = 0; i != 3; ++i) {
    far.write(text(number(i)));
    CHECK(here.until([&] { return texts.size() == i + 1; }));
  }
  CHECK(here.until([&] {
    far.read();
    return ws.queued() == 0 && sent;
  }));
  CHECK(sent == std::error_code{});
  CHECK(here.until([&] { return far.frames().size() == expected.size(); }));
  CHECK(far.frames() == expected);
  far.write(close_1000);
  CHECK(here.until([&] { return end && far.ended(); }));
  CHECK(!*end);
  here.end();
}

TEST_CASE_TEMPLATE(
    "epoll connection: a handler that ends another connection whose turn would be next, or its own", Set,
    epoll_set, shared_epoll_set) {
  // a destroys b, b destroys a, a itself; and each way of ending.
  for (std::size_t const gone : {std::size_t{0}, std::size_t{1}, std::size_t{2}}) {
    for (bool const destroys : {true, false}) {
      CAPTURE(gone);
      CAPTURE(destroys);
      place<Set> here;
      here.keep();
      for (int i = 0; i != 3; ++i) here.open();
      std::string log;
      for (std::size_t i = 0; i != 3; ++i) {
        here.kept[i].receive([&, i](std::error_code failure, kw::message msg) {
          log += failure == asio::error::operation_aborted ? '-' : msg ? static_cast<char>('a' + i) : '?';
          if (i != 1) return;
          if (destroys) {
            here.kept[gone] = {};
          } else {
            here.kept[gone].try_close();
          }
        });
      }
      here.settle();
      for (std::size_t const i : {std::size_t{1}, std::size_t{0}, std::size_t{2}}) {
        std::next(here.clients.begin(), static_cast<std::ptrdiff_t>(i))->write(text("go"));
      }
      CHECK(here.until([&] { return log.size() == 3; }));
      here.settle();
      // Who was destroyed before its turn hears that only.
      std::string expected = "bac";
      if (destroys && gone != 1) expected = gone == 0 ? "bc-" : "ba-";
      // The strand of a has its Close to send by then, and posts what comes behind that.
      if (!destroys && gone == 0 && std::is_same_v<Set, shared_epoll_set>) expected = "bca";
      CHECK(log == expected);
      auto& ended = *std::next(here.clients.begin(), static_cast<std::ptrdiff_t>(gone));
      CHECK(here.until([&] { return destroys ? ended.ended() : !ended.frames().empty(); }));
      here.end();
    }
  }
}

TEST_CASE_TEMPLATE("epoll connection: what a handler throws leaves through run(), and everybody goes on", Set,
                   epoll_set, shared_epoll_set) {
  place<Set> here;
  here.keep();
  for (int i = 0; i != 3; ++i) here.open();
  std::vector<std::vector<std::string>> texts(3);
  std::vector<std::optional<std::error_code>> ends(3);
  for (std::size_t i = 0; i != 3; ++i) {
    here.kept[i].receive([&, i](std::error_code, kw::message) {
      here.kept[i].receive(receiver{here.kept[i], texts[i], ends[i]});
      throw std::runtime_error("mine");
    });
  }
  here.settle();
  for (auto& each : here.clients) each.write(text("one") + text("two"));
  int thrown = 0;
  auto const begin = std::chrono::steady_clock::now();
  while (texts[0].size() + texts[1].size() + texts[2].size() != 3 &&
         std::chrono::steady_clock::now() - begin < 8s) {
    try {
      here.settle();
    } catch (std::runtime_error const&) {
      ++thrown;
    }
  }
  CHECK(thrown == 3);
  for (auto& each : here.clients) each.write(text("three"));
  CHECK(here.until([&] { return texts[0].size() + texts[1].size() + texts[2].size() == 6; }));
  for (auto const& each : texts) CHECK(each == std::vector<std::string>{"two", "three"});
  here.end();
}

TEST_CASE_TEMPLATE(
    "epoll connection: a handler that throws while a write goes on: what came meanwhile is still read", Set,
    epoll_set, shared_epoll_set) {
  place<Set> here;
  here.keep();
  client& far = here.open();
  auto& ws = here.kept[0];
  // More than the sockets of both ends hold.
  for (int i = 0; i != 20 && ws.queued() == 0; ++i) {
    CHECK(!ws.try_send(std::string(std::size_t{3} << 20, 'x')));
    here.settle();
  }
  far.write(text("one"));
  here.settle();
  CHECK(ws.queued() != 0);

  // Behind a socket of Asio's in the same turn of the context: a receive whose message is there already, a
  // write that goes on, and something to read.
  asio::local::stream_protocol::socket near(here.io), first(here.io);
  asio::local::connect_pair(near, first);
  std::vector<std::string> texts;
  std::optional<std::error_code> end;
  near.async_wait(asio::socket_base::wait_read, [&](std::error_code) {
    ws.receive([&](std::error_code, kw::message msg) {
      texts.emplace_back(msg.text());
      throw std::runtime_error("mine");
    });
  });
  here.settle();
  first.write_some(asio::buffer("x", 1));
  far.read();
  far.write(text("two"));
  CHECK_THROWS_AS(here.settle(), std::runtime_error);
  ws.receive(receiver{ws, texts, end});
  here.settle();
  CHECK(texts == std::vector<std::string>{"one", "two"});
  here.end();
}

TEST_CASE_TEMPLATE(
    "epoll connection: a context that is destroyed takes along websockets that a waiting handler owns", Set,
    epoll_set, shared_epoll_set) {
  // Each has its pings, so that their times, and their turns, are still noted when the first of them goes.
  for (std::size_t const waits : {0u, 1u, 2u}) {
    CAPTURE(waits);
    auto here = std::make_unique<place<Set>>();
    auto owned = std::make_shared<std::vector<kw::net::websocket>>();
    std::weak_ptr<std::vector<kw::net::websocket>> const all = owned;
    here->serve([all](kw::net::websocket ws) { all.lock()->push_back(std::move(ws)); });
    for (int i = 0; i != 3; ++i) here->open();
    REQUIRE(owned->size() == 3);
    (*owned)[(waits + 1) % 3].try_send("asks for a turn");
    auto& waiting = (*owned)[waits];
    waiting.receive([owned = std::move(owned)](std::error_code, kw::message) { FAIL("it is never called"); });
    here.reset();
    CHECK(all.expired());
  }
}

TEST_CASE_TEMPLATE("epoll connection: a context that is destroyed takes along who waits in it", Set,
                   epoll_set, shared_epoll_set) {
  for (bool const coroutine : {true, false}) {
    CAPTURE(coroutine);
    test::tally handlers;
    bool left = false;
    {
      place<Set> here;
      if (coroutine) {
        here.serve([&](kw::net::websocket& ws) -> asio::awaitable<void> {
          struct last_words {
            bool& flag;
            ~last_words() { flag = true; }
          } const end{left};
          co_await ws.send(std::string(std::size_t{8} << 20, 'x'));
          while (co_await ws.receive()) continue;
        });
      } else {
        here.keep();
      }
      for (int i = 0; i != 3; ++i) here.open();
      for (auto& ws : here.kept) {
        ws.receive(
            [mine = test::counted(handlers)](std::error_code, kw::message) mutable { mine.complete(); });
        ws.close(kw::close_code::normal, "",
                 [mine = test::counted(handlers)](std::error_code) mutable { mine.complete(); });
      }
      here.settle();
      CHECK(!left);
      // Those that are held by what waits for them.
      for (auto& ws : here.kept) {
        auto held = std::make_shared<kw::net::websocket>(std::move(ws));
        held->send("x", [held](std::error_code) {});
      }
      here.kept.clear();
    }
    CHECK(left == coroutine);
    CHECK(handlers.completed + handlers.dropped == handlers.started);
  }
}

TEST_CASE_TEMPLATE("epoll connection: a context that is stopped in a handler goes on where it was", Set,
                   epoll_set, shared_epoll_set) {
  place<Set> here;
  std::size_t echoed = 0;
  here.serve([&](kw::net::websocket& ws) -> asio::awaitable<void> {
    while (kw::message msg = co_await ws.receive()) {
      co_await ws.send(msg);
      ++echoed;
      here.io.stop();
    }
  });
  for (int i = 0; i != 3; ++i) here.open();
  for (auto& each : here.clients) each.write(text("one"));
  for (std::size_t i = 1; i != 4; ++i) {
    here.io.restart();
    here.io.run_for(4s);
    CHECK(echoed == i);
  }
  for (auto& each : here.clients) {
    CHECK(here.until([&] { return each.frames() == std::vector<whole_frame>{{opcode::text, "one"}}; }));
  }
  here.end();
}

TEST_CASE_TEMPLATE("epoll connection: run() returns once the last connection has ended, and not before", Set,
                   epoll_set, shared_epoll_set) {
  kw::net::connection_options limits;
  limits.ping_interval = 0ms;
  place<Set> here(options_with(limits));
  here.serve(echo);
  for (int i = 0; i != 2; ++i) here.open();
  here.server.stop();
  for (auto& each : here.clients) {
    here.io.restart();
    here.io.run_for(20ms);
    CHECK(!here.io.stopped());
    each.write(frame(opcode::close, test::close_body(1001)));
    each.socket.shutdown(tcp::socket::shutdown_send);
  }
  here.io.restart();
  here.io.run_for(4s);
  CHECK(here.io.stopped());
  for (auto& each : here.clients) {
    CHECK(each.ended());
    CHECK(each.failure == asio::error::eof);
    CHECK(each.frames() == std::vector<whole_frame>{{opcode::close, test::close_body(1001)}});
  }
}

TEST_CASE_TEMPLATE("epoll connection: a client that is gone before it was accepted", Set, epoll_set,
                   shared_epoll_set) {
  for (bool const reset : {true, false}) {
    CAPTURE(reset);
    place<Set> here;
    std::vector<std::string> texts;
    int ends = 0;
    here.serve([&](kw::net::websocket& ws) -> asio::awaitable<void> {
      struct count {
        int& all;
        ~count() { ++all; }
      } const at_end{ends};
      while (kw::message msg = co_await ws.receive()) texts.emplace_back(msg.text());
    });
    client& far = here.connect();
    far.write(text("and gone"));
    if (reset) far.socket.set_option(asio::socket_base::linger(true, 0));
    far.socket.close();
    here.server.stop();
    here.io.run_for(4s);
    CHECK(here.io.stopped());
    CHECK(ends <= 1);
  }
}

TEST_CASE_TEMPLATE("epoll connection: a peer that floods gets one read before the next has its turn", Set,
                   epoll_set, shared_epoll_set) {
  place<Set> here;
  here.keep();
  for (int i = 0; i != 2; ++i) here.open();
  std::string const each = frame(opcode::binary, std::string(100, 'x'));
  std::string flood;
  while (flood.size() < 400'000) flood += each;
  client& flooding = here.clients.front();
  flooding.socket.non_blocking(true);
  std::size_t const written = flooding.socket.write_some(asio::buffer(flood));
  here.clients.back().write(text("me too"));
  std::string log;
  std::function<void(std::size_t)> const receive = [&](std::size_t which) {
    here.kept[which].receive([&, which](std::error_code failure, kw::message msg) {
      if (failure || !msg) return;
      log += which == 0 ? 'f' : 'q';
      receive(which);
    });
  };
  receive(0);
  receive(1);
  CHECK(here.until([&] { return log.size() == written / each.size() + 1; }));
  // In its first turn the one that floods has read ahead; then each has one read a turn.
  constexpr std::size_t one_read = std::size_t{128} << 10;
  CHECK(written > 2 * one_read);
  CHECK(log.find('q') <= 2 * (one_read / each.size() + 1));
  here.end();
}

TEST_CASE_TEMPLATE(
    "epoll connection: one that goes on flooding gets shorter turns, as long as others have something", Set,
    epoll_set, shared_epoll_set) {
  place<Set> here;
  here.keep();
  for (int i = 0; i != 2; ++i) here.open();
  std::string const each = frame(opcode::binary, std::string(1000, 'x'));
  std::string flood;
  while (flood.size() < 300'000) flood += each;
  std::size_t in_a_row = 0;  // of the flood's messages, since the other's last
  std::vector<std::size_t> rows;
  std::function<void(std::size_t)> const receive = [&](std::size_t which) {
    here.kept[which].receive([&, which](std::error_code failure, kw::message msg) {
      if (failure || !msg) return;
      if (which == 0) {
        ++in_a_row;
      } else {
        rows.push_back(std::exchange(in_a_row, 0));
        here.clients.back().write(text("again"));
      }
      receive(which);
    });
  };
  receive(0);
  receive(1);
  std::atomic<bool> enough = false;
  std::atomic<bool> ended = false;
  here.clients.front().socket.non_blocking(false);
  std::thread other([&, &flooding = here.clients.front()] {
    while (!enough) flooding.write(flood);
    ended = true;
  });
  here.clients.back().write(text("first"));
  CHECK(here.until([&] { return rows.size() >= 2000; }));
  enough = true;
  CHECK(here.until([&] { return ended.load(); }));
  other.join();
  // What is sent to the other one is there by its next turn, or the one after that.
  std::size_t const short_turn = (std::size_t{128} << 10) / 8;
  REQUIRE(rows.size() >= 2000);
  std::sort(rows.begin(), rows.end());
  CHECK(rows[rows.size() / 2] <= 2 * (short_turn / each.size() + 1));
  here.end();
}

TEST_CASE_TEMPLATE("epoll connection: handles of other threads, and a stop", Set, epoll_set,
                   shared_epoll_set) {
  place<Set> here;
  std::optional<kw::net::remote> remote;
  here.serve([&](kw::net::websocket& ws) -> asio::awaitable<void> {
    remote = ws.remote();
    while (co_await ws.receive()) continue;
  });
  client& far = here.open();
  std::size_t const count = 500;
  std::thread other([&] {
    for (std::size_t i = 0; i != count; ++i) CHECK(!remote->send(number(i)));
    here.server.stop();
  });
  CHECK(here.until([&] { return far.frames().size() == count + 1; }));
  other.join();
  auto const frames = far.frames();
  for (std::size_t i = 0; i != count; ++i) CHECK(frames[i] == whole_frame{opcode::text, number(i)});
  CHECK(frames[count] == whole_frame{opcode::close, test::close_body(1001)});
  here.end();
  CHECK(remote->send("late") == kw::error::closed);
}

TEST_CASE_TEMPLATE(
    "epoll connection: a peer that has said Close and ended its side still reads all that was sent", Set,
    epoll_set, shared_epoll_set) {
  place<Set> here;
  here.keep();
  client& far = here.open();
  std::string const large(std::size_t{3} << 20, 'x');
  CHECK(!here.kept[0].try_send(large));
  here.settle();
  far.write(close_1000);
  far.socket.shutdown(tcp::socket::shutdown_send);
  here.settle();
  CHECK(here.until([&] { return far.ended(); }));
  CHECK(far.failure == asio::error::eof);
  CHECK(far.frames() ==
        std::vector<whole_frame>{{opcode::text, large}, {opcode::close, test::close_body(1000)}});
  here.end();
}

TEST_CASE_TEMPLATE("epoll connection: two contexts, each with its own connections", Set, epoll_set,
                   shared_epoll_set) {
  place<Set> first, second;
  for (place<Set>* const each : {&first, &second}) {
    each->serve(echo);
    each->open().write(text("mine"));
  }
  for (place<Set>* const each : {&second, &first}) {
    auto& far = each->clients.front();
    CHECK(each->until([&] { return far.frames() == std::vector<whole_frame>{{opcode::text, "mine"}}; }));
  }
  first.end();
  second.clients.front().write(text("still"));
  CHECK(second.until([&] { return second.clients.front().frames().size() == 2; }));
  second.end();
}

TEST_CASE_TEMPLATE(
    "epoll connection: a deadline that passes while nobody looks does not end what came in time", Set,
    epoll_set, shared_epoll_set) {
  kw::net::server_options options;
  options.handshake_timeout = 20ms;
  place<Set> here(options);
  here.serve(echo);
  auto& far = here.clients.emplace_back(here.io);
  far.socket.connect({asio::ip::make_address("127.0.0.1"), here.server.port()});
  here.settle();
  // The deadline has passed when the context finds that there is a request.
  far.write(upgrade);
  std::this_thread::sleep_for(30ms);
  here.settle();
  far.write(text("in time"));
  CHECK(here.until([&] { return far.frames() == std::vector<whole_frame>{{opcode::text, "in time"}}; }));
  client& next = here.open();
  next.write(text("next"));
  CHECK(here.until([&] { return next.frames() == std::vector<whole_frame>{{opcode::text, "next"}}; }));
  here.end();
}

TEST_CASE_TEMPLATE("epoll connection: a stream that is no socket is served by Asio's means", Set, epoll_set,
                   shared_epoll_set) {
  place<Set> here;
  here.server.websocket("/", echo);
  // A terminal: read and written, but not by recv() and send().
  int const far = ::posix_openpt(O_RDWR | O_NOCTTY);
  REQUIRE(far >= 0);
  REQUIRE(::grantpt(far) == 0);
  REQUIRE(::unlockpt(far) == 0);
  int const near = ::open(::ptsname(far), O_RDWR | O_NOCTTY);
  REQUIRE(near >= 0);
  termios raw = {};
  ::tcgetattr(near, &raw);
  ::cfmakeraw(&raw);
  ::tcsetattr(near, TCSANOW, &raw);
  asio::posix::stream_descriptor terminal(here.io, far);
  here.server.serve(asio::posix::stream_descriptor(here.io, near));
  asio::write(terminal, asio::buffer(upgrade + text("by wire")));
  std::string input;
  terminal.non_blocking(true);
  here.until([&] {
    char room[1000];
    std::error_code failure;
    input.append(room, terminal.read_some(asio::buffer(room), failure));
    return input.ends_with("by wire");
  });
  CHECK(
      input.ends_with("\x81\x07"
                      "by wire"));
  terminal.close();
  here.end();
}

}  // namespace epoll_transport_tests

#endif
