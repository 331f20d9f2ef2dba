// What a stream does beside its calls: it wakes a reader for what is here already, and sends what is left.
#include <kindwire/tls/stream.hpp>

#include <doctest/doctest.h>

#include <openssl/ssl.h>

#include <array>
#include <asio/bind_cancellation_slot.hpp>
#include <asio/buffer.hpp>
#include <asio/cancellation_signal.hpp>
#include <asio/cancellation_type.hpp>
#include <asio/error.hpp>
#include <asio/io_context.hpp>
#include <asio/socket_base.hpp>
#include <chrono>
#include <cstddef>
#include <optional>
#include <string>
#include <system_error>
#include <utility>

#include "tls/pair.hpp"

namespace socket_engine_tests {

using namespace tls_pair;

namespace {

// Two ends whose sockets hold little.
struct narrow : ends {
  explicit narrow(asio::io_context& context, support::certificate const& own = support::certificate())
      : ends(context, sockets_in(context), kw::tls::context(server_of(own)), kw::tls::context(trust(own))) {
    shake_hands();
    REQUIRE(!server_failed);
    REQUIRE(!client_failed);
    // Session tickets are read before anything else.
    REQUIRE(run_until(context, [&] { return client.next_layer().available() != 0; }));
    std::array<char, 1> none;
    client.read_some(asio::buffer(none), failure);
  }
  static sockets sockets_in(asio::io_context& context) {
    sockets both(context);
    both.server.set_option(asio::socket_base::send_buffer_size(4096));
    both.client.set_option(asio::socket_base::receive_buffer_size(4096));
    return both;
  }

  // Waits for bytes at the client's socket. Nothing runs meanwhile: once they are read, it has nothing to
  // say.
  void arrive() {
    auto const end = std::chrono::steady_clock::now() + std::chrono::seconds(60);
    while (client.next_layer().available() == 0) REQUIRE(std::chrono::steady_clock::now() < end);
  }
  void turn() {
    io.restart();
    io.poll();
  }

  std::error_code failure;
};

TEST_CASE("tls socket engine: a read beside a wait, which leaves input here, ends the wait") {
  asio::io_context io;
  narrow both(io);
  std::optional<std::error_code> woken;
  both.client.async_wait(asio::socket_base::wait_read, [&](std::error_code why) { woken = why; });
  both.turn();
  REQUIRE(!woken);
  both.server.write_some(asio::buffer("abc", 3), both.failure);
  std::array<char, 1> byte;
  both.arrive();
  REQUIRE(both.client.read_some(asio::buffer(byte), both.failure) == 1);
  CHECK(both.client.has_input());
  REQUIRE(run_until(io, [&] { return woken.has_value(); }));
  CHECK(!*woken);
  std::array<char, 10> rest;
  CHECK(both.client.read_some(asio::buffer(rest), both.failure) == 2);
  // The next one waits.
  woken.reset();
  both.client.async_wait(asio::socket_base::wait_read, [&](std::error_code why) { woken = why; });
  both.turn();
  CHECK(!woken);
  both.server.write_some(asio::buffer("d", 1), both.failure);
  REQUIRE(run_until(io, [&] { return woken.has_value(); }));
  CHECK(!*woken);
}

TEST_CASE("tls socket engine: a read beside a wait, which meets the end, ends the wait") {
  asio::io_context io;
  narrow both(io);
  std::optional<std::error_code> woken;
  both.client.async_wait(asio::socket_base::wait_read, [&](std::error_code why) { woken = why; });
  both.turn();
  // A close_notify, and no end of the socket behind it.
  SSL_shutdown(both.server.native_handle());
  both.server.write_some(asio::const_buffer(), both.failure);
  both.arrive();
  std::array<char, 10> bytes;
  CHECK(both.client.read_some(asio::buffer(bytes), both.failure) == 0);
  CHECK(both.failure == asio::error::eof);
  REQUIRE(run_until(io, [&] { return woken.has_value(); }));
  CHECK(!*woken);
  both.client.read_some(asio::buffer(bytes), both.failure);
  CHECK(both.failure == asio::error::eof);
}

TEST_CASE("tls socket engine: a wait can be cancelled, by itself and with all others") {
  asio::io_context io;
  narrow both(io);
  for (bool const alone : {true, false}) {
    asio::cancellation_signal signal;
    std::optional<std::error_code> ended;
    both.client.async_wait(
        asio::socket_base::wait_read,
        asio::bind_cancellation_slot(signal.slot(), [&](std::error_code why) { ended = why; }));
    both.turn();
    CHECK(!ended);
    if (alone) {
      signal.emit(asio::cancellation_type::terminal);
    } else {
      both.client.cancel(both.failure);
    }
    REQUIRE(run_until(io, [&] { return ended.has_value(); }));
    CHECK(*ended == asio::error::operation_aborted);
  }
  // One that begins before the last one's handler has run is the one that counts.
  std::optional<std::error_code> first, second;
  both.client.async_wait(asio::socket_base::wait_read, [&](std::error_code why) { first = why; });
  both.client.cancel(both.failure);
  both.client.async_wait(asio::socket_base::wait_read, [&](std::error_code why) { second = why; });
  REQUIRE(run_until(io, [&] { return first.has_value(); }));
  CHECK(*first == asio::error::operation_aborted);
  both.turn();
  CHECK(!second);
  both.server.write_some(asio::buffer("abc", 3), both.failure);
  both.arrive();
  std::array<char, 1> byte;
  both.client.read_some(asio::buffer(byte), both.failure);
  REQUIRE(run_until(io, [&] { return second.has_value(); }));
  CHECK(!*second);
}

TEST_CASE("tls socket engine: what has been written leaves, though operations are cancelled") {
  asio::io_context io;
  narrow both(io);
  std::string const sent(1'000'000, 'x');
  std::size_t written = 0;
  both.failure.clear();
  while (!both.failure) written += both.server.write_some(asio::buffer(sent) + written, both.failure);
  REQUIRE(both.server.unsent() != 0);
  both.server.shutdown(asio::socket_base::shutdown_send, both.failure);
  both.turn();
  both.server.cancel(both.failure);
  both.turn();
  std::size_t got = 0;
  std::string part(100'000, '\0');
  REQUIRE(run_until(io, [&] {
    got += both.client.read_some(asio::buffer(part), both.failure);
    return both.failure == asio::error::eof;
  }));
  CHECK(got == written);
  CHECK(both.server.unsent() == 0);
}

TEST_CASE("tls socket engine: a reader that waits for room is not woken in vain") {
  asio::io_context io;
  narrow both(io);
  int woken = 0;
  std::string part(100'000, '\0');
  auto const wait = [&](auto const& again) -> void {
    both.server.async_wait(asio::socket_base::wait_read, [&](std::error_code why) {
      if (why) return;
      ++woken;
      both.server.read_some(asio::buffer(part), both.failure);
      again(again);
    });
  };
  wait(wait);
  // The client asks for new keys and does not read, until neither the answers nor the questions get on.
  std::error_code failure;
  for (int i = 0; i != 100'000 && failure != asio::error::would_block; ++i) {
    SSL_key_update(both.client.native_handle(), SSL_KEY_UPDATE_REQUESTED);
    both.client.write_some(asio::buffer("x", 1), failure);
    both.turn();
  }
  REQUIRE(failure == asio::error::would_block);
  for (int i = 0; i != 100; ++i) both.turn();  // whatever is still on its way
  int const before = woken;
  for (int i = 0; i != 1000; ++i) both.turn();
  CHECK(woken - before < 10);
}

}  // namespace

}  // namespace socket_engine_tests
