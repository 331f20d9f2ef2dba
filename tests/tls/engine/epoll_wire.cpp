// A server's end of TLS once its socket has left Asio: what an edge-triggered set has to be told, and when.
#include <kindwire/tls/engine/epoll_wire.hpp>
#include <kindwire/tls/stream.hpp>

#include <doctest/doctest.h>

#if defined(KINDWIRE_HAS_EPOLL_SET)

#include <openssl/ssl.h>
#include <poll.h>

#include <algorithm>
#include <array>
#include <asio/any_io_executor.hpp>
#include <asio/buffer.hpp>
#include <asio/error.hpp>
#include <asio/io_context.hpp>
#include <asio/socket_base.hpp>
#include <chrono>
#include <cstddef>
#include <kindwire/error.hpp>
#include <kindwire/handshake/request.hpp>
#include <kindwire/net/connection/connection_of.hpp>
#include <kindwire/net/connection/untaken.hpp>
#include <kindwire/net/options.hpp>
#include <kindwire/net/websocket.hpp>
#include <memory>
#include <optional>
#include <random>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include "tls/pair.hpp"

namespace epoll_wire_tests {

using namespace tls_pair;
using wire = kw::tls::detail::epoll_wire<tcp::socket>;

namespace {

std::string noise(std::size_t size) {
  std::minstd_rand source(7);
  std::string bytes(size, '\0');
  for (char& each : bytes) each = static_cast<char>(source());
  return bytes;
}

// A client's stream, and the wire of its server. Both are called in turn, and nothing runs meanwhile.
struct released : ends {
  explicit released(asio::io_context& context, int send_buffer = 0,
                    support::certificate const& own = support::certificate())
      : ends(context, sockets_in(context, send_buffer), kw::tls::context(server_of(own)),
             kw::tls::context(trust(own))) {
    shake_hands();
    REQUIRE(!server_failed);
    REQUIRE(!client_failed);
    server_wire = server.release_wire(failure);
    REQUIRE(!failure);
    REQUIRE(server_wire.is_open());
    read_what_is_there();  // session tickets
  }
  ~released() {
    if (server_wire.is_open()) server_wire.close();
  }

  static sockets sockets_in(asio::io_context& context, int send_buffer) {
    sockets both(context);
    if (send_buffer == 0) return both;
    both.server.set_option(asio::socket_base::send_buffer_size(send_buffer));
    both.client.set_option(asio::socket_base::receive_buffer_size(send_buffer));
    return both;
  }

  bool waits_for(short events, int milliseconds) const {
    pollfd one{server_wire.socket(), events, 0};
    return ::poll(&one, 1, milliseconds) == 1;
  }

  // All that the client has written is at the server's socket.
  void arrive() {
    int const socket = client.next_layer().native_handle();
    auto const end = std::chrono::steady_clock::now() + std::chrono::seconds(60);
    while (client.unsent() != 0 || kw::net::detail::untaken_by_peer(socket) != 0) {
      REQUIRE(std::chrono::steady_clock::now() < end);
      io.restart();
      io.poll();
    }
  }

  // As the transport does: until the socket will tell, which is put to the test.
  std::string receive(std::size_t room, bool hung_up = false) {
    std::string all;
    std::vector<std::byte> into(room);
    bool may_have_more = true;
    while (may_have_more) {
      failure.clear();
      std::size_t const size = server_wire.receive(into, failure, hung_up, may_have_more);
      all.append(reinterpret_cast<char const*>(into.data()), size);
      if (failure && failure != asio::error::would_block) break;
    }
    return all;
  }

  std::string read_what_is_there() {
    std::string all;
    std::array<char, 20000> part;
    std::error_code why;
    while (!why) all.append(part.data(), client.read_some(asio::buffer(part), why));
    client_failure = why;
    return all;
  }

  // Whether it was taken whole.
  std::size_t send(std::string_view bytes) {
    failure.clear();
    return server_wire.send(std::as_bytes(std::span(bytes)), failure);
  }

  wire server_wire;
  std::error_code failure;
  std::error_code client_failure;
};

TEST_CASE("tls epoll wire: when it says that the socket will tell, nothing is left") {
  asio::io_context io;
  for (std::size_t const room : {1u, 100u, 16'384u, 100'000u}) {
    CAPTURE(room);
    released both(io);
    std::string const text = noise(room == 1 ? 20'000 : 300'000);
    std::string got;
    for (std::size_t sent = 0; sent != text.size();) {
      std::size_t const piece = std::min<std::size_t>(30'000, text.size() - sent);
      sent += both.client.write_some(asio::buffer(text.data() + sent, piece), both.client_failure);
      both.arrive();
      got += both.receive(room);
      CHECK(both.receive(room).empty());
      CHECK(both.failure == asio::error::would_block);
    }
    CHECK((got == text));
  }
}

TEST_CASE("tls epoll wire: what the socket does not take leaves once it can") {
  asio::io_context io;
  released both(io, 4096);
  std::string const text = noise(100'000);
  std::string got;
  std::size_t sent = 0;
  bool has_waited = false;
  while (got.size() != text.size()) {
    sent += both.send(std::string_view(text).substr(sent));
    has_waited = has_waited || both.failure == asio::error::would_block;
    got += both.read_what_is_there();
    both.server_wire.on_writable();
  }
  CHECK(has_waited);
  CHECK((got == text));
}

TEST_CASE("tls epoll wire: what was taken from the socket before is there") {
  asio::io_context io;
  support::certificate const own;
  ends both(io, kw::tls::context(server_of(own)), kw::tls::context(trust(own)));
  both.shake_hands();
  std::error_code failure;
  std::array<char, 3> part;
  std::size_t size = 0;
  both.client.write_some(asio::buffer("abcdef", 6), failure);
  REQUIRE(run_until(io, [&] {
    size = both.server.read_some(asio::buffer(part), failure);
    return size != 0;
  }));
  wire rest = both.server.release_wire(failure);
  CHECK(rest.has_input());
  std::array<std::byte, 10> into;
  bool may_have_more = true;
  CHECK(rest.receive(into, failure, false, may_have_more) == 6 - size);
  CHECK(!rest.has_input());
  CHECK(!wire().has_input());
  rest.close();
}

TEST_CASE("tls epoll wire: a connection receives what its stream had taken from the socket before") {
  asio::io_context io;
  support::certificate const own;
  for (bool const says_goodbye : {false, true}) {
    CAPTURE(says_goodbye);
    ends both(io, kw::tls::context(server_of(own)), kw::tls::context(trust(own)));
    both.shake_hands();
    std::error_code failure;
    // A frame masked with zeros, or the end, behind what the opening handshake reads; nothing follows.
    std::string const frame("\x81\x85\0\0\0\0hello", 11);
    both.client.write_some(asio::buffer(says_goodbye ? "0" : "0" + frame), failure);
    if (says_goodbye) SSL_shutdown(both.client.native_handle());
    both.client.write_some(asio::const_buffer(), failure);
    int const socket = both.client.next_layer().native_handle();
    REQUIRE(run_until(io, [&] { return kw::net::detail::untaken_by_peer(socket) == 0; }));
    std::array<char, 1> prefix;
    REQUIRE(run_until(io, [&] { return both.server.read_some(asio::buffer(prefix), failure) == 1; }));
    REQUIRE(both.server.has_input());

    auto const options = std::make_shared<kw::net::connection_options>();
    options->ping_interval = options->close_timeout = std::chrono::hours(1);
    auto const connection =
        kw::net::detail::connection_of(both.server, asio::any_io_executor(io.get_executor()), true,
                                       std::shared_ptr<kw::net::connection_options const>(options));
    REQUIRE(connection);
    connection->start({});
    kw::net::websocket ws = kw::net::detail::websocket_access::make(connection);
    std::optional<std::string> received;
    ws.receive([&](std::error_code, kw::message msg) { received = std::string(msg.text()); });
    REQUIRE(run_until(io, [&] { return received.has_value(); }));
    CHECK(*received == (says_goodbye ? "" : "hello"));
  }
}

TEST_CASE("tls epoll wire: pieces leave in order") {
  asio::io_context io;
  released both(io);
  std::array<std::string_view, 4> const texts{"one", "", "two and ", "three"};
  std::array<std::span<std::byte const>, 4> pieces;
  for (std::size_t i = 0; i != texts.size(); ++i) pieces[i] = std::as_bytes(std::span(texts[i]));
  CHECK(both.server_wire.send(pieces, both.failure) == 16);
  std::string got;
  while (got.size() < 16) got += both.read_what_is_there();
  CHECK(got == "onetwo and three");
}

TEST_CASE("tls epoll wire: the end of our side comes behind all that was sent") {
  asio::io_context io;
  released both(io, 4096);
  std::string text = noise(1'000'000);
  std::string got;
  std::size_t sent = 0;
  while (!both.failure) sent += both.send(std::string_view(text).substr(sent));
  REQUIRE(both.failure == asio::error::would_block);
  text.resize(sent);
  CHECK(both.server_wire.unsent() != 0);
  both.server_wire.end_sending();
  while (both.client_failure != asio::error::eof) {
    got += both.read_what_is_there();
    both.server_wire.on_writable();
    REQUIRE((!both.client_failure || both.client_failure == asio::error::would_block ||
             both.client_failure == asio::error::eof));
  }
  CHECK((got == text));
  CHECK(both.server_wire.unsent() == 0);
  // The socket's end follows the word.
  pollfd socket{both.client.next_layer().native_handle(), POLLRDHUP, 0};
  CHECK(::poll(&socket, 1, 10'000) == 1);
  // The other side is still open.
  std::error_code ignored;
  both.client.write_some(asio::buffer("late", 4), ignored);
  REQUIRE(both.waits_for(POLLIN, 60'000));
  CHECK(both.receive(100) == "late");
}

TEST_CASE("tls epoll wire: a client that leaves without a word is lost, behind its last bytes") {
  asio::io_context io;
  for (bool const says_so : {false, true}) {
    CAPTURE(says_so);
    released both(io);
    std::error_code ignored;
    both.client.write_some(asio::buffer("abc", 3), ignored);
    if (says_so) {
      both.client.shutdown(asio::socket_base::shutdown_send, ignored);
    } else {
      both.client.next_layer().shutdown(asio::socket_base::shutdown_send, ignored);
    }
    REQUIRE(both.waits_for(POLLRDHUP, 60'000));
    // All of it came with one event.
    CHECK(both.receive(100, true) == "abc");
    if (says_so) {
      CHECK(both.failure == asio::error::eof);
    } else {
      CHECK(both.failure == kw::error::connection_lost);
    }
  }
}

TEST_CASE("tls epoll wire: after a reset nothing is sent any more") {
  asio::io_context io;
  released both(io);
  both.client.next_layer().set_option(asio::socket_base::linger(true, 0));
  both.client.next_layer().close();
  REQUIRE(both.waits_for(POLLRDHUP, 60'000));
  CHECK(both.receive(100, true).empty());
  CHECK(both.failure == asio::error::connection_reset);
  CHECK(both.send("x") == 0);
  CHECK(both.failure == asio::error::connection_reset);  // a call would have found a broken pipe
}

void wait_for_room(bool sends_before) {
  asio::io_context io;
  released both(io, 4096);
  std::string const text = noise(200'000);
  while (!both.failure) both.send(text);
  REQUIRE(both.failure == asio::error::would_block);
  std::error_code ignored;
  // Nobody reads so many answers: they are dropped as they are.
  auto const drop = [&] {
    std::array<char, 20000> dropped;
    both.client.next_layer().read_some(asio::buffer(dropped), ignored);
  };
  // Each asks for an update of our keys as well, whose answer has no place until it is one too many.
  bool waits = false;
  for (int i = 0; i != 5000 && !waits; ++i) {
    SSL_key_update(both.client.native_handle(), SSL_KEY_UPDATE_REQUESTED);
    both.client.write_some(asio::buffer("k", 1), ignored);
    REQUIRE(both.waits_for(POLLIN, 60'000));
    bool may_have_more = false;
    std::array<std::byte, 100> into;
    both.failure.clear();
    std::size_t const size = both.server_wire.receive(into, both.failure, true, may_have_more);
    waits = size == 0;
    if (waits) {
      CHECK(both.failure == asio::error::would_block);
      CHECK(!may_have_more);  // or it would be asked for ever
    }
  }
  REQUIRE(waits);
  if (sends_before) {
    // The socket has room before the set has told it.
    std::size_t sent = 0;
    while (sent == 0) {
      drop();
      sent = both.send("y");
    }
  }
  auto const end = std::chrono::steady_clock::now() + std::chrono::seconds(60);
  while (!both.server_wire.on_writable()) {
    REQUIRE(std::chrono::steady_clock::now() < end);
    drop();
  }
  CHECK(both.receive(100).find_first_not_of('k') == std::string::npos);
}

TEST_CASE("tls epoll wire: reading that waits for room to answer goes on when there is some") {
  wait_for_room(false);
}

TEST_CASE("tls epoll wire: also when a send finds that room before the set tells of it") {
  wait_for_room(true);
}

TEST_CASE("tls epoll wire: a request is told of TLS, also when the wire is closed") {
  asio::io_context io;
  released both(io);
  for (int i = 0; i != 2; ++i) {
    kw::request head;
    both.server_wire.describe(head);
    CHECK(head.is_secure());
    CHECK(head.peer_certificate() == nullptr);
    if (i == 0) both.server_wire.say_goodbye();
    if (i == 0) both.server_wire.close();
  }
  while (!both.client_failure || both.client_failure == asio::error::would_block) both.read_what_is_there();
  CHECK(both.client_failure == asio::error::eof);
  kw::request none;
  wire().describe(none);
  CHECK(!none.is_secure());
}

TEST_CASE("tls epoll wire: a stream that is closed gives none") {
  asio::io_context io;
  support::certificate const own;
  ends both(io, kw::tls::context(server_of(own)), kw::tls::context(trust(own)));
  both.shake_hands();
  std::error_code failure;
  both.server.close(failure);
  CHECK(!both.server.release_wire(failure).is_open());
  CHECK(failure);
}

}  // namespace

}  // namespace epoll_wire_tests

#endif
