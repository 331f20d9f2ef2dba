// Bytes over TLS: all of them, in their order, however slowly they are taken, and how a stream ends.
#include <kindwire/tls/stream.hpp>

#include <doctest/doctest.h>

#include <openssl/ssl.h>

#include <algorithm>
#include <array>
#include <asio/buffer.hpp>
#include <asio/error.hpp>
#include <asio/io_context.hpp>
#include <asio/read.hpp>
#include <asio/socket_base.hpp>
#include <asio/write.hpp>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include "tls/pair.hpp"

namespace stream_tests {

using namespace tls_pair;

namespace {

std::string pattern(std::size_t size) {
  std::string result(size, '\0');
  std::uint32_t state = 1;
  for (char& each : result) each = static_cast<char>((state = state * 1664525u + 1013904223u) >> 24);
  return result;
}

struct shaken : ends {
  explicit shaken(asio::io_context& context, support::certificate const& own = support::certificate())
      : ends(context, kw::tls::context(server_of(own)), kw::tls::context(trust(own))) {
    shake_hands();
    REQUIRE(!server_failed);
    REQUIRE(!client_failed);
  }
};

// What read_some() says next, once it need not wait.
std::error_code read_on(stream& from, asio::io_context& io, std::string& into) {
  std::optional<std::error_code> failure;
  std::array<char, 1000> part;
  from.async_read_some(asio::buffer(part), [&](std::error_code why, std::size_t size) {
    failure = why;
    into.append(part.data(), size);
  });
  REQUIRE(run_until(io, [&] { return failure.has_value(); }));
  return *failure;
}

// What is there now, up to `most` bytes at a time.
void read_some_of(stream& from, std::string& into, std::size_t most = 100'000) {
  std::string part(most, '\0');
  std::error_code failure;
  into.append(part.data(), from.read_some(asio::buffer(part), failure));
}

TEST_CASE("tls stream: every byte arrives, both ways, in pieces of any size") {
  asio::io_context io;
  shaken both(io);
  for (std::size_t const size :
       {1u, 2u, 1000u, 16'383u, 16'384u, 16'385u, 49'152u, 49'153u, 200'000u, 1'000'000u}) {
    CAPTURE(size);
    std::string const sent = pattern(size);
    std::string forth(size, '\0'), back(size, '\0');
    int done = 0;
    auto const count = [&](std::error_code failure, std::size_t) {
      CHECK(!failure);
      ++done;
    };
    asio::async_write(both.server, asio::buffer(sent), count);
    asio::async_write(both.client, asio::buffer(sent), count);
    asio::async_read(both.server, asio::buffer(back), count);
    asio::async_read(both.client, asio::buffer(forth), count);
    REQUIRE(run_until(io, [&] { return done == 4; }));
    CHECK((forth == sent && back == sent));
  }
}

TEST_CASE("tls stream: short pieces share a record") {
  asio::io_context io;
  shaken both(io);
  std::string text;
  read_some_of(both.client, text);  // what follows the handshake
  std::size_t const before = both.client.next_layer().available();
  std::string const word = "0123456789";
  std::vector<asio::const_buffer> const pieces(50, asio::buffer(word));
  std::error_code failure;
  CHECK(both.server.write_some(pieces, failure) == 500);
  CHECK(!failure);
  constexpr std::size_t overhead = 5 + 1 + 16;  // header, type and tag (RFC 8446 §5.2)
  CHECK(before == 0);
  CHECK(run_until(io, [&] { return both.client.next_layer().available() == 500 + overhead; }));
}

TEST_CASE("tls stream: what a slow reader has not taken stays, in front of the rest, and leaves by itself") {
  asio::io_context io;
  sockets plain(io);
  plain.server.set_option(asio::socket_base::send_buffer_size(4096));
  plain.client.set_option(asio::socket_base::receive_buffer_size(4096));
  support::certificate const own;
  ends both(io, std::move(plain), kw::tls::context(server_of(own)), kw::tls::context(trust(own)));
  both.shake_hands();
  REQUIRE(!both.client_failed);
  std::string const sent = pattern(300'000);
  std::string got;
  std::size_t written = 0;
  bool waited = false;
  while (written != sent.size()) {
    std::error_code failure;
    auto const rest = asio::buffer(sent) + written;
    written += both.server.write_some(rest, failure);
    CHECK(both.server.unsent() <= 65'536);
    if (failure) {
      REQUIRE(failure == asio::error::would_block);
      waited = true;
      std::size_t const before = both.server.unsent();
      CHECK(before != 0);
      // Nobody writes, but the reader takes a little.
      REQUIRE(run_until(io, [&] {
        read_some_of(both.client, got, 3777);
        return both.server.unsent() < before;
      }));
    }
  }
  CHECK(waited);
  REQUIRE(run_until(io, [&] {
    read_some_of(both.client, got);
    return got.size() == sent.size();
  }));
  CHECK((got == sent));
  CHECK(both.server.unsent() == 0);
}

TEST_CASE("tls stream: its end waits for what the socket has not taken, and is told as eof") {
  asio::io_context io;
  sockets plain(io);
  plain.server.set_option(asio::socket_base::send_buffer_size(4096));
  plain.client.set_option(asio::socket_base::receive_buffer_size(4096));
  support::certificate const own;
  ends both(io, std::move(plain), kw::tls::context(server_of(own)), kw::tls::context(trust(own)));
  both.shake_hands();
  REQUIRE(!both.client_failed);
  std::string const sent = pattern(1'000'000);
  std::size_t written = 0;
  std::error_code failure;
  while (!failure) written += both.server.write_some(asio::buffer(sent) + written, failure);
  REQUIRE(both.server.unsent() != 0);
  both.server.shutdown(asio::socket_base::shutdown_send, failure);
  CHECK(both.server.write_some(asio::buffer(sent), failure) == 0);
  CHECK(failure);
  std::string got;
  while (!(failure = read_on(both.client, io, got))) {}
  CHECK(failure == asio::error::eof);
  CHECK((got == sent.substr(0, written)));
  // The other direction is still there.
  CHECK(both.client.write_some(asio::buffer("bye", 3), failure) == 3);
  std::string last;
  CHECK(!read_on(both.server, io, last));
  CHECK(last == "bye");
}

TEST_CASE("tls stream: what follows a close_notify is ignored") {
  asio::io_context io;
  shaken both(io);
  std::error_code failure;
  both.server.write_some(asio::buffer("last", 4), failure);
  SSL_shutdown(both.server.native_handle());
  both.server.write_some(asio::const_buffer(), failure);  // sends what that has written
  both.server.next_layer().write_some(asio::buffer("\x17\x03\x03\0\1x and whatever else", 24), failure);
  both.server.next_layer().shutdown(asio::socket_base::shutdown_send, failure);
  std::string got;
  while (!(failure = read_on(both.client, io, got))) {}
  CHECK(got == "last");
  CHECK(failure == asio::error::eof);
  CHECK(read_on(both.client, io, got) == asio::error::eof);
}

TEST_CASE("tls stream: an end without close_notify is a loss, after what came before it") {
  asio::io_context io;
  shaken both(io);
  std::error_code failure;
  both.server.write_some(asio::buffer("half a mess", 11), failure);
  both.server.next_layer().shutdown(asio::socket_base::shutdown_send, failure);
  std::string got;
  while (!(failure = read_on(both.client, io, got))) {}
  CHECK(got == "half a mess");
  CHECK(failure == kw::error::connection_lost);
  // And so it stays; a wait for it does not wait.
  CHECK(read_on(both.client, io, got) == kw::error::connection_lost);
  bool woken = false;
  both.client.async_wait(asio::socket_base::wait_read, [&](std::error_code) { woken = true; });
  CHECK(run_until(io, [&] { return woken; }));
}

TEST_CASE("tls stream: a record that was changed on its way is refused") {
  asio::io_context io;
  shaken both(io);
  std::error_code failure;
  both.server.next_layer().write_some(asio::buffer("\x17\x03\x03\0\x20"
                                                   "01234567890123456789012345678901",
                                                   37),
                                      failure);
  std::string got;
  while (!(failure = read_on(both.client, io, got))) {}
  CHECK(got.empty());
  CHECK(failure.category() == kw::tls::category());
  CHECK(failure.message() == "decryption failed or bad record mac");
}

TEST_CASE("tls stream: a wait completes at once while bytes of a record are left") {
  asio::io_context io;
  shaken both(io);
  std::error_code failure;
  both.server.write_some(asio::buffer("abc", 3), failure);
  for (char const* each : {"a", "b", "c"}) {
    bool woken = false;
    both.client.async_wait(asio::socket_base::wait_read, [&](std::error_code) { woken = true; });
    REQUIRE(run_until(io, [&] { return woken; }));
    std::string got;
    read_some_of(both.client, got, 1);
    if (got.empty()) {  // the session ticket came first
      both.client.async_wait(asio::socket_base::wait_read, [&](std::error_code) { woken = false; });
      REQUIRE(run_until(io, [&] { return !woken; }));
      read_some_of(both.client, got, 1);
    }
    CHECK(got == each);
  }
}

TEST_CASE("tls stream: a reader with much room leaves nothing behind that only another wait would find") {
  asio::io_context io;
  shaken both(io);
  std::string const sent = pattern(400'000);
  std::size_t written = 0;
  std::error_code failure;
  while (written != sent.size() && !failure)
    written += both.server.write_some(asio::buffer(sent) + written, failure);
  std::string got;
  std::string part(131'072, '\0');
  REQUIRE(run_until(io, [&] {
    got.append(part, 0, both.client.read_some(asio::buffer(part), failure));
    CHECK(!both.client.has_input());
    return got.size() == written;
  }));
  CHECK((got == sent.substr(0, written)));
}

TEST_CASE("tls stream: keys are updated while bytes flow both ways") {
  asio::io_context io;
  shaken both(io);
  std::string const sent = pattern(300'000);
  for (bool const asked : {false, true}) {
    for (stream* const who : {&both.server, &both.client}) {
      std::string forth(sent.size(), '\0'), back(sent.size(), '\0');
      int done = 0;
      auto const count = [&](std::error_code failure, std::size_t) {
        CHECK(!failure);
        ++done;
      };
      asio::async_write(both.server, asio::buffer(sent), count);
      asio::async_write(both.client, asio::buffer(sent), count);
      asio::async_read(both.server, asio::buffer(back), count);
      asio::async_read(both.client, asio::buffer(forth), count);
      while (done != 4) {
        // The update goes with the next write.
        SSL_key_update(who->native_handle(), asked ? SSL_KEY_UPDATE_REQUESTED : SSL_KEY_UPDATE_NOT_REQUESTED);
        int turns = 0;
        REQUIRE(run_until(io, [&] { return done == 4 || ++turns == 5; }));
      }
      CHECK((forth == sent && back == sent));
    }
  }
}

TEST_CASE("tls stream: a peer that only asks for new keys fills no memory") {
  asio::io_context io;
  sockets plain(io);
  plain.server.set_option(asio::socket_base::send_buffer_size(4096));
  plain.client.set_option(asio::socket_base::receive_buffer_size(4096));
  support::certificate const own;
  ends both(io, std::move(plain), kw::tls::context(server_of(own)), kw::tls::context(trust(own)));
  both.shake_hands();
  REQUIRE(!both.client_failed);
  std::string got;
  std::error_code failure;
  // The client writes and does not read: the server's answers fill both sockets, then a block, and then it
  // reads no more.
  for (int i = 0; i != 100'000 && failure != asio::error::would_block; ++i) {
    SSL_key_update(both.client.native_handle(), SSL_KEY_UPDATE_REQUESTED);
    both.client.write_some(asio::buffer("x", 1), failure);
    io.poll();
    io.restart();
    read_some_of(both.server, got);
    REQUIRE(both.server.unsent() <= 65'536);
  }
  CHECK(failure == asio::error::would_block);
}

TEST_CASE("tls stream: TLS 1.2 does not shake hands again") {
  asio::io_context io;
  support::certificate const own;
  kw::tls::context const trusting(trust(own));
  SSL_CTX_set_max_proto_version(trusting.native_handle(), TLS1_2_VERSION);
  ends both(io, kw::tls::context(server_of(own)), trusting);
  both.shake_hands();
  REQUIRE(!both.client_failed);
  CHECK(std::string(SSL_get_version(both.client.native_handle())) == "TLSv1.2");
  SSL_renegotiate(both.client.native_handle());
  std::error_code failure;
  std::string got;
  both.client.write_some(asio::buffer("x", 1), failure);
  read_some_of(both.server, got);
  read_some_of(both.client, got);
  CHECK(SSL_num_renegotiations(both.server.native_handle()) == 0);
  CHECK(both.client.read_some(asio::buffer(got), failure) == 0);
}

TEST_CASE("tls stream: TLS over TLS") {
  using inner = kw::tls::stream<stream>;
  asio::io_context io;
  support::certificate const own;
  kw::tls::context const serving(server_of(own)), trusting(trust(own));
  shaken outer(io);
  inner server(std::move(outer.server), serving);
  inner client(std::move(outer.client), trusting, "localhost", 1);
  int done = 0;
  auto const shaken_hands = [&](std::error_code failure) {
    CHECK(!failure);
    ++done;
  };
  server.async_handshake(shaken_hands);
  client.async_handshake(shaken_hands);
  REQUIRE(run_until(io, [&] { return done == 2; }));
  std::string const sent = pattern(500'000);
  std::string got(sent.size(), '\0');
  auto const count = [&](std::error_code failure, std::size_t) {
    CHECK(!failure);
    ++done;
  };
  asio::async_write(server, asio::buffer(sent), count);
  asio::async_read(client, asio::buffer(got), count);
  REQUIRE(run_until(io, [&] { return done == 4; }));
  CHECK((got == sent));
}

TEST_CASE("tls stream: closing ends what is pending, and destroying it too") {
  asio::io_context io;
  for (bool const destroy : {false, true}) {
    shaken both(io);
    std::optional<std::error_code> ended;
    char byte = 0;
    both.client.async_read_some(asio::buffer(&byte, 1),
                                [&](std::error_code why, std::size_t) { ended = why; });
    io.restart();
    io.poll();
    std::error_code failure;
    if (destroy) {
      both.client = stream();
    } else {
      both.client.close(failure);
    }
    REQUIRE(run_until(io, [&] { return ended.has_value(); }));
    CHECK(*ended == asio::error::operation_aborted);
    // The other end is told that nothing follows.
    std::string got;
    CHECK(read_on(both.server, io, got) == asio::error::eof);
  }
}

}  // namespace

}  // namespace stream_tests
