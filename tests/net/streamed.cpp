// A message of 4 GiB goes from one end to the other through 4 MiB of memory, in either direction.
//
// In a program of its own, as it looks at the memory of the process. A machine that is too slow for 4 GiB
// sends as much as it has time for.
#include <kindwire/net/send_from.hpp>
#include <kindwire/net/websocket.hpp>

#include <doctest/doctest.h>

#include <unistd.h>

#include <algorithm>
#include <asio/awaitable.hpp>
#include <asio/co_spawn.hpp>
#include <asio/io_context.hpp>
#include <asio/ip/tcp.hpp>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <exception>
#include <optional>
#include <span>
#include <string>

#include "support/sanitized.hpp"

namespace streamed_tests {

namespace kw = kindwire;

namespace {

using tcp_socket = asio::basic_stream_socket<asio::ip::tcp, asio::io_context::executor_type>;
using websocket = kw::net::basic_websocket<tcp_socket>;
using clock = std::chrono::steady_clock;

#if defined(SANITIZED)
constexpr std::uint64_t most_sent = std::uint64_t{64} << 20;
#else
constexpr std::uint64_t most_sent = std::uint64_t{4} << 30;
#endif
constexpr std::chrono::seconds most_time{25};
[[maybe_unused]] constexpr std::size_t most_growth = std::size_t{4} << 20;

// What the process has in memory, in bytes.
std::size_t resident() {
  std::FILE* const file = std::fopen("/proc/self/statm", "r");
  REQUIRE(file != nullptr);
  unsigned long whole = 0, pages = 0;
  CHECK(std::fscanf(file, "%lu %lu", &whole, &pages) == 2);
  std::fclose(file);
  return pages * static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
}

// Eight bytes that only their place in the message has.
std::uint64_t word_at(std::uint64_t place) { return (place + 1) * 0x9E3779B97F4A7C15u; }

// Makes the message, in words.
struct generator {
  std::uint64_t made = 0;
  clock::time_point until;

  std::size_t operator()(std::span<std::byte> room) {
    if (clock::now() >= until) return 0;
    auto const size = static_cast<std::size_t>(std::min<std::uint64_t>(room.size(), most_sent - made));
    for (std::size_t at = 0; at != size; at += 8) {
      std::uint64_t const word = word_at(made / 8 + at / 8);
      std::memcpy(room.data() + at, &word, 8);
    }
    made += size;
    return size;
  }
};

// Takes its chunks, which begin and end anywhere.
struct checker {
  std::uint64_t taken = 0;
  std::uint64_t wrong = 0;

  void take(std::span<std::byte const> bytes) {
    while (!bytes.empty()) {
      std::uint64_t const word = word_at(taken / 8);
      auto const from = static_cast<std::size_t>(taken % 8);
      std::size_t const size = std::min(bytes.size(), 8 - from);
      wrong += std::memcmp(bytes.data(), reinterpret_cast<char const*>(&word) + from, size) != 0 ? 1 : 0;
      taken += size;
      bytes = bytes.subspan(size);
    }
  }
};

struct pair {
  pair() {
    asio::ip::tcp::acceptor acceptor(io, {asio::ip::address_v4::loopback(), 0});
    tcp_socket near(io), far(io);
    near.connect(acceptor.local_endpoint());
    acceptor.accept(far);
    kw::net::connection_options options;
    options.max_streamed_size = most_sent;
    options.send_queue_soft = std::size_t{256} << 10;
    server.emplace(std::move(near), kw::role::server, options);
    client.emplace(std::move(far), kw::role::client, options);
  }

  asio::io_context io;
  std::optional<websocket> server;
  std::optional<websocket> client;
};

asio::awaitable<void> take_all(websocket& ws, checker& check, std::size_t& peak, std::size_t& longest) {
  std::size_t chunks = 0;
  while (kw::message_chunk const chunk = co_await ws.receive_some()) {
    check.take(chunk.bytes());
    longest = std::max(longest, chunk.size());
    if (++chunks % 64 == 0) peak = std::max(peak, resident());
    if (chunk.last()) break;
  }
}

void stream_through(pair& ends, websocket& from, websocket& to, std::string const& way) {
  std::exception_ptr failure;
  auto const note = [&](std::exception_ptr thrown) {
    if (thrown) failure = thrown;
  };
  checker check;
  generator source;
  std::size_t longest = 0;
  std::size_t const before = resident();
  std::size_t peak = before;
  auto const began = clock::now();
  source.until = began + most_time;
  auto const size = [&](std::span<std::byte> room) { return source(room); };
  asio::co_spawn(ends.io, kw::net::send_from(from, kw::message_type::binary, size), note);
  asio::co_spawn(ends.io, take_all(to, check, peak, longest), note);
  ends.io.restart();
  while (check.taken != source.made || !ends.io.stopped()) {
    if (ends.io.run_for(std::chrono::milliseconds(50)) == 0 && check.taken == source.made) break;
    if (clock::now() > began + 4 * most_time) break;  // it hangs
  }
  auto const time = std::chrono::duration<double>(clock::now() - began).count();
  CHECK(!failure);
  CHECK(check.wrong == 0);
  CHECK(check.taken == source.made);
  CHECK(check.taken >= std::uint64_t{64} << 20);
  MESSAGE(way << ": " << (check.taken >> 20) << " MiB in " << time << " s, " << ((peak - before) >> 10)
              << " KiB more memory, chunks of up to " << longest << " B");
#if !defined(SANITIZED)
  CHECK(peak - before <= most_growth);
#endif
}

}  // namespace

TEST_CASE("streamed: 4 GiB from a client to a server, and from a server to a client") {
  pair ends;
  stream_through(ends, *ends.client, *ends.server, "client to server");
  stream_through(ends, *ends.server, *ends.client, "server to client");
}

}  // namespace streamed_tests
