// How a connection ends: one Close, one end, and time for the peer to read both (RFC 6455 §7.1.1, §7.1.4).
#include <kindwire/net/client.hpp>
#include <kindwire/net/server.hpp>

#include <doctest/doctest.h>

#include <asio/co_spawn.hpp>
#include <asio/detached.hpp>
#include <asio/io_context.hpp>
#include <asio/ip/tcp.hpp>
#include <asio/read.hpp>
#include <asio/write.hpp>
#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "faults.hpp"
#include "test_stream.hpp"

namespace closing_tests {

namespace kw = kindwire;
using namespace std::chrono_literals;
using asio::ip::tcp;
using kw::opcode;
using kw::net::basic_websocket;
using test::whole_frame;

namespace {

std::string frame_from(kw::role sender, opcode type, std::string_view payload) {
  kw::basic_frame_encoder const encoder(sender);
  std::string frame(encoder.size(payload.size()), '\0');
  encoder.write(reinterpret_cast<std::byte*>(frame.data()), type, kw::detail::as_bytes(payload));
  return frame;
}

// What the far end reads, to the end of the stream: `failure` is how that ended.
std::string read_all(asio::io_context& io, tcp::socket& far, std::error_code& failure) {
  std::string all;
  auto const begin = std::chrono::steady_clock::now();
  far.non_blocking(true);
  for (failure = {}; !failure && std::chrono::steady_clock::now() - begin < 4s;) {
    char room[4096];
    all.append(room, far.read_some(asio::buffer(room), failure));
    if (failure == asio::error::would_block) failure = {};
    io.restart();
    io.run_for(1ms);
  }
  return all;
}

// A server's websocket over TCP, and a peer whose bytes are the test's.
struct tcp_pair {
  explicit tcp_pair(kw::net::connection_options const& options = {}) {
    tcp::acceptor acceptor(io, {asio::ip::make_address("127.0.0.1"), 0});
    far.connect(acceptor.local_endpoint());
    ws.emplace(acceptor.accept(), kw::role::server, options);
    far.non_blocking(true);
  }

  // As much data as the sockets take.
  void flood() {
    std::error_code failure;
    while (!failure) {
      if (rest_.empty()) rest_ = frame_from(kw::role::client, opcode::binary, std::string(10000, 'd'));
      rest_.erase(0, far.write_some(asio::buffer(rest_), failure));
    }
    if (failure != asio::error::would_block) reset = failure;  // which a later read does not tell again
  }

  // Runs the context until `done` says so, flooding all the time.
  void flood_until(std::function<bool()> const& done) {
    auto const begin = std::chrono::steady_clock::now();
    while (!done() && std::chrono::steady_clock::now() - begin < 4s) {
      flood();
      io.restart();
      io.run_for(1ms);
    }
  }

  std::string read_all(std::error_code& failure) { return closing_tests::read_all(io, far, failure); }

  asio::io_context io;
  tcp::socket far{io};
  std::optional<basic_websocket<tcp::socket>> ws;
  std::error_code reset;

 private:
  std::string rest_;  // of a frame that is under way
};

// A websocket over a stream of the test's, with what its operations said.
template <class Stream>
struct side {
  explicit side(kw::role self, kw::net::connection_options const& options = {})
      : peer(self == kw::role::server ? kw::role::client : kw::role::server),
        far(std::make_shared<test::peer>(io.get_executor())),
        ws(Stream(far), self, options) {}
  ~side() { far->drop(); }

  void receive() {
    ws.receive([this](std::error_code failure, kw::message msg) {
      if (!failure && msg) {
        texts.emplace_back(msg.text());
        return receive();
      }
      ends.push_back(failure);
    });
  }
  void close() {
    ws.close(kw::close_code::normal, "", [this](std::error_code failure) { closes.push_back(failure); });
  }
  // A send that waits for room.
  void send() {
    ws.send("out", [this](std::error_code failure) { sends.push_back(failure); });
  }
  void settle() { test::settle(io); }
  // Until the stream is closed; `meanwhile` is done again and again.
  void run_until_closed(std::function<void()> const& meanwhile = [] {}) {
    for (int i = 0; i != 2000 && !far->closed; ++i) {
      io.restart();
      io.run_for(2ms);
      meanwhile();
    }
    CHECK(far->closed);
    settle();
  }
  std::vector<whole_frame> frames() const { return test::frames_in(far->written(), peer); }

  kw::role peer;
  asio::io_context io;
  std::shared_ptr<test::peer> far;
  basic_websocket<Stream> ws;
  std::vector<std::string> texts;
  std::vector<std::error_code> ends;
  std::vector<std::error_code> closes;
  std::vector<std::error_code> sends;
};

whole_frame const close_1000{opcode::close, test::close_body(1000)};

template <class Check>
void for_each_kind(Check check) {
  for (kw::role const self : {kw::role::server, kw::role::client}) {
    CAPTURE(static_cast<int>(self));
    check(static_cast<test::stream*>(nullptr), self);
    check(static_cast<test::ready_stream*>(nullptr), self);
  }
}

}  // namespace

TEST_CASE("closing: a peer that floods and reads late still reads the Close, and then the end") {
  // Each ends the connection while more input is under way than anybody reads.
  std::pair<char const*, void (*)(tcp_pair&)> const ways[] = {
      {"a rule is broken", [](tcp_pair& it) { CHECK(!it.ws->try_send("before")); }},
      {"and nobody holds the websocket any more",
       [](tcp_pair& it) {
         CHECK(!it.ws->try_send("before"));
         it.ws->receive([&it](std::error_code failure, kw::message) {
           CHECK(failure == kw::error::unmasked_client_frame);
           it.ws.reset();
         });
       }},
  };
  for (auto const& [name, begin] : ways) {
    CAPTURE(std::string(name));
    tcp_pair it;
    begin(it);
    asio::write(it.far, asio::buffer(frame_from(kw::role::server, opcode::text, "not masked")));
    int rounds = 0;
    it.flood_until([&] { return ++rounds == 10; });
    std::error_code end;
    std::string const read = it.read_all(end);
    CHECK(!it.reset);
    CHECK(end == asio::error::eof);
    auto const frames = test::frames_in(read, kw::role::client);
    REQUIRE(frames.size() == 2);
    CHECK(frames[0] == whole_frame{opcode::text, "before"});
    CHECK(frames[1].first == opcode::close);
    CHECK(frames[1].second.substr(0, 2) == test::close_body(1002));
  }
}

TEST_CASE("closing: a flood behind the peer's own Close does not keep it from reading ours") {
  for (bool const held : {true, false}) {
    CAPTURE(held);
    tcp_pair it;
    it.ws->receive([&](std::error_code failure, kw::message msg) {
      CHECK(!failure);
      CHECK(!msg);
      if (!held) it.ws.reset();
    });
    asio::write(it.far, asio::buffer(frame_from(kw::role::client, opcode::close, test::close_body(1000))));
    int rounds = 0;
    it.flood_until([&] { return ++rounds == 10; });
    std::error_code end;
    std::string const read = it.read_all(end);
    CHECK(!it.reset);
    CHECK(end == asio::error::eof);
    CHECK(test::frames_in(read, kw::role::client) == std::vector<whole_frame>{close_1000});
  }
}

TEST_CASE("closing: a handler that throws while its peer floods: the peer reads 1011, and then the end") {
  asio::io_context io;
  kw::net::server server(io);
  server.websocket("/", [](kw::net::websocket& ws) -> asio::awaitable<void> {
    co_await ws.receive();
    throw std::runtime_error("mine");
  });
  server.start();
  tcp::socket far(io);
  far.connect({asio::ip::make_address("127.0.0.1"), server.port()});
  std::string const ask =
      "GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
      "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n";
  // The whole flood is there before the server has read a byte, and the answer to its Close behind it.
  std::string flood = ask;
  for (int i = 0; i != 10; ++i) flood += frame_from(kw::role::client, opcode::binary, std::string(3000, 'd'));
  flood += frame_from(kw::role::client, opcode::close, test::close_body(1011));
  asio::write(far, asio::buffer(flood));
  for (int i = 0; i != 50; ++i) {
    io.restart();
    io.run_for(1ms);
  }
  std::error_code end;
  std::string const read = read_all(io, far, end);
  CHECK(end == asio::error::eof);
  std::size_t const head = read.find("\r\n\r\n");
  REQUIRE(head != std::string::npos);
  auto const frames = test::frames_in(read.substr(head + 4), kw::role::client);
  REQUIRE(frames.size() == 1);
  CHECK(frames[0] == whole_frame{opcode::close, test::close_body(1011)});
  far.close();
  server.stop();
  io.restart();
  io.run_for(4s);
  CHECK(io.stopped());
}

TEST_CASE("closing: close() ends by its deadline, whatever the peer does instead of answering") {
  for_each_kind([](auto* stream, kw::role self) {
    using stream_type = std::remove_pointer_t<decltype(stream)>;
    using side_type = side<stream_type>;
    std::pair<char const*, void (*)(side_type&)> const peers[] = {
        {"nothing", [](side_type&) {}},
        {"data", [](side_type& it) { it.far->push_frame(it.peer, opcode::binary, std::string(500, 'd')); }},
        {"pings", [](side_type& it) { it.far->push_frame(it.peer, opcode::ping, "and this?"); }},
        {"half a message",
         [](side_type& it) {
           it.far->push(it.peer == kw::role::client ? "\x82\xFE\xFF\xFF" : "\x82\x7E\xFF\xFF");
         }},
        {"nor reads", [](side_type& it) { it.far->writes_wait = true; }},
    };
    for (auto const& [name, act] : peers) {
      for (bool const receives : {true, false}) {
        CAPTURE(std::string(name));
        CAPTURE(receives);
        kw::net::connection_options options;
        options.close_timeout = 20ms;
        options.read_ahead = 5000;
        side_type it(self, options);
        if (receives) it.receive();
        it.settle();
        if (std::string(name) == "nor reads") act(it);
        it.close();
        it.run_until_closed([&, &again = act] { again(it); });
        CHECK(it.closes == std::vector<std::error_code>{kw::error::close_timeout});
        if (receives) CHECK(it.ends == std::vector<std::error_code>{kw::error::close_timeout});
        CHECK(it.ws.error() == kw::error::close_timeout);
        CHECK(it.ws.close_code() == kw::close_code::abnormal);
        // One Close, and no pong behind it.
        if (std::string(name) != "nor reads") CHECK(it.frames() == std::vector<whole_frame>{close_1000});
      }
    }
  });
}

TEST_CASE("closing: close() over TCP ends by its deadline with a peer that sends and never reads") {
  kw::net::connection_options options;
  options.close_timeout = 50ms;
  options.send_queue_hard = std::size_t{64} << 20;
  tcp_pair it(options);
  CHECK(!it.ws->try_send(std::string(std::size_t{32} << 20, 'x')));  // so that the Close cannot be written
  std::optional<std::error_code> closed;
  it.ws->close(kw::close_code::normal, "", [&](std::error_code failure) { closed = failure; });
  it.flood_until([&] { return closed.has_value(); });
  CHECK(closed == kw::error::close_timeout);
  it.ws.reset();
  it.far.close();
  it.io.restart();
  it.io.run_for(4s);
  CHECK(it.io.stopped());
}

TEST_CASE("closing: a peer that trickles does not move the deadline of a stream that drains") {
  for_each_kind([](auto* stream, kw::role self) {
    using stream_type = std::remove_pointer_t<decltype(stream)>;
    kw::net::connection_options options;
    options.close_timeout = 20ms;
    side<stream_type> it(self, options);
    it.receive();
    it.far->push(it.peer == kw::role::client ? "\x81\x02hi" : "\x81\x82mask");  // a rule is broken
    it.run_until_closed([&] { it.far->push("more"); });
    CHECK(it.far->send_was_shut_down);
    REQUIRE(it.ends.size() == 1);
    CHECK(it.ends[0] ==
          (it.peer == kw::role::client ? kw::error::unmasked_client_frame : kw::error::masked_server_frame));
    CHECK(it.texts.empty());
  });
}

TEST_CASE("closing: both ends close at once") {
  for (int const receivers : {0, 1, 2}) {
    CAPTURE(receivers);
    asio::io_context io;
    tcp::acceptor acceptor(io, {asio::ip::make_address("127.0.0.1"), 0});
    tcp::socket socket(io);
    socket.connect(acceptor.local_endpoint());
    basic_websocket server(acceptor.accept(), kw::role::server);
    basic_websocket client(std::move(socket), kw::role::client);
    std::vector<std::error_code> ends;
    std::vector<std::error_code> closes;
    auto const receive = [&](kw::net::websocket& ws) {
      ws.receive([&](std::error_code failure, kw::message msg) {
        CHECK(!msg);
        ends.push_back(failure);
      });
    };
    if (receivers > 0) receive(server);
    if (receivers > 1) receive(client);
    for (kw::net::websocket* const each :
         {static_cast<kw::net::websocket*>(&server), static_cast<kw::net::websocket*>(&client)}) {
      each->close(each == &server ? kw::close_code::going_away : kw::close_code::normal, "",
                  [&](std::error_code failure) { closes.push_back(failure); });
    }
    io.run_for(4s);
    CHECK(io.stopped());
    CHECK(closes == std::vector<std::error_code>(2));
    CHECK(ends == std::vector<std::error_code>(static_cast<std::size_t>(receivers)));
    CHECK(server.close_code() == kw::close_code::normal);
    CHECK(client.close_code() == kw::close_code::going_away);
    CHECK(!server.error());
    CHECK(!client.error());
  }
}

TEST_CASE("closing: a peer that ends its side without a Close is lost, one that said it before is not") {
  for_each_kind([](auto* stream, kw::role self) {
    using stream_type = std::remove_pointer_t<decltype(stream)>;
    for (bool const says_close : {true, false}) {
      CAPTURE(says_close);
      side<stream_type> it(self);
      it.receive();
      it.far->push_frame(it.peer, opcode::text, "last");
      if (says_close) it.far->push_close(it.peer);
      it.far->end();
      it.settle();
      CHECK(it.texts == std::vector<std::string>{"last"});
      CHECK(it.far->closed);
      std::error_code const how =
          says_close ? std::error_code{} : make_error_code(kw::error::connection_lost);
      CHECK(it.ends == std::vector<std::error_code>{how});
      CHECK(it.frames().size() == (says_close ? 1 : 0));
    }
  });
}

TEST_CASE("closing: nothing is delivered behind a Close, and the end is told once and stays the same") {
  for_each_kind([](auto* stream, kw::role self) {
    using stream_type = std::remove_pointer_t<decltype(stream)>;
    for (bool const ours_first : {true, false}) {
      CAPTURE(ours_first);
      side<stream_type> it(self);
      it.receive();
      if (ours_first) it.close();
      it.far->push_frame(it.peer, opcode::text, "before");
      it.far->push_close(it.peer);
      it.far->push_frame(it.peer, opcode::text, "behind");
      it.far->push_frame(it.peer, opcode::ping, "behind");
      it.far->push_close(it.peer, 3000);
      it.far->push("\xFF\xFF\xFF");
      it.settle();
      CHECK(it.texts == std::vector<std::string>{"before"});
      CHECK(it.ends.size() == 1);
      it.far->push_frame(it.peer, opcode::text, "later");
      it.settle();
      CHECK(!it.ws.try_receive());
      for (int i = 0; i != 3; ++i) it.receive();
      it.settle();
      it.far->end();
      it.settle();
      it.receive();
      it.settle();
      CHECK(it.texts == std::vector<std::string>{"before"});
      CHECK(it.ends.size() >= 3);
      for (std::error_code const each : it.ends) CHECK((!each || each == kw::error::operation_in_progress));
      CHECK(it.ws.close_code() == kw::close_code::normal);
      CHECK(it.frames() == std::vector<whole_frame>{close_1000});
      CHECK(it.closes == std::vector<std::error_code>(ours_first ? 1 : 0));
    }
  });
}

TEST_CASE("closing: a timeout ends every operation that waits, each with that error") {
  for_each_kind([](auto* stream, kw::role self) {
    using stream_type = std::remove_pointer_t<decltype(stream)>;
    for (kw::error const which : {kw::error::pong_timeout, kw::error::idle_timeout}) {
      CAPTURE(static_cast<int>(which));
      kw::net::connection_options options;
      options.ping_interval = which == kw::error::pong_timeout ? 10ms : 0ms;
      options.pong_timeout = 10ms;
      options.idle_timeout = which == kw::error::idle_timeout ? 20ms : 0ms;
      options.close_timeout = 20ms;
      options.send_queue_soft = 0;
      side<stream_type> it(self, options);
      it.far->writes_wait = true;
      it.receive();
      it.send();
      it.run_until_closed();
      CHECK(it.ends == std::vector<std::error_code>{which});
      CHECK(it.sends == std::vector<std::error_code>{which});
      CHECK(it.ws.error() == which);
      it.close();
      it.send();
      it.receive();
      it.settle();
      CHECK(it.ends == std::vector<std::error_code>{which, which});
      CHECK(it.sends.size() == 2);
      CHECK(it.sends[1] == kw::error::closed);
      CHECK(it.closes == std::vector<std::error_code>(1));  // it had ended before
    }
  });
}

TEST_CASE("closing: what came before a Close that is there already is kept, however much it is") {
  for_each_kind([](auto* stream, kw::role self) {
    side<std::remove_pointer_t<decltype(stream)>> it(self, {.read_ahead = 500});
    std::string all;
    for (int i = 0; i != 10; ++i) all += frame_from(it.peer, opcode::text, std::string(100, 'x'));
    it.settle();
    it.close();
    it.far->push(all + frame_from(it.peer, opcode::close, test::close_body(1000)));
    it.far->end();
    it.settle();
    CHECK(it.closes == std::vector<std::error_code>{{}});
    it.receive();
    it.settle();
    CHECK(it.texts.size() == 10);
    CHECK(it.ends == std::vector<std::error_code>{{}});
  });
}

}  // namespace closing_tests
