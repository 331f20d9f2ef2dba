// The steady state: two sessions that echo allocate nothing, and idle ones hold nothing.
#include <kindwire/session.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <cstring>
#include <span>
#include <vector>

#include "support/allocations.hpp"
#include "support/bytes.hpp"
#include "support/end.hpp"

namespace steady_tests {

namespace {

namespace kw = kindwire;
using namespace support;
using kw::opcode;
using kw::role;

// Moves what one has queued to the other, in reads of at most `most` bytes.
void carry(kw::session& from, kw::session& to, std::size_t most) {
  std::size_t const size = std::min(most, from.output().size());
  if (size == 0) return;
  std::memcpy(to.prepare(size).data(), from.output().data(), size);
  to.commit(size);
  from.consume(size);
}

// A client sends, a server echoes; true when the client has got `payload` back.
bool echo(kw::session& client, kw::session& server, std::span<std::byte const> payload, std::size_t fragments,
          std::size_t read_size) {
  for (std::size_t i = 0; i != fragments; ++i) {
    std::size_t const from = payload.size() * i / fragments;
    std::size_t const to = payload.size() * (i + 1) / fragments;
    if (client.send(i == 0 ? opcode::binary : opcode::continuation, payload.subspan(from, to - from),
                    i + 1 == fragments))
      return false;
  }
  bool same = false;
  while (!client.output().empty() || !server.output().empty()) {
    carry(client, server, read_size);
    while (kw::message const msg = server.poll()) server.send(msg.type(), msg.bytes());
    carry(server, client, read_size);
    while (kw::message const msg = client.poll())
      same = std::equal(payload.begin(), payload.end(), msg.bytes().begin(), msg.bytes().end());
  }
  return same;
}

TEST_CASE("steady state: 10,000 echoes allocate nothing: small, of 16 KiB, fragmented, with pings") {
  random_numbers random{100};
  struct {
    std::size_t size, fragments, read_size;
  } const shapes[] = {{20, 1, 65536},   {125, 1, 65536},   {20, 1, 7},      {16384, 1, 65536},
                      {16384, 1, 4096}, {16384, 8, 65536}, {3000, 3, 1000}, {0, 1, 65536}};
  for (auto const& shape : shapes) {
    CAPTURE(shape.size);
    CAPTURE(shape.fragments);
    CAPTURE(shape.read_size);
    bytes const payload = random.any(shape.size);
    kw::session client{role::client};
    kw::session server{role::server};
    bool same = true;
    for (int i = 0; i != 10; ++i)
      same = same && echo(client, server, payload, shape.fragments, shape.read_size);
    allocation_counter const counter;
    int const count = shape.size > 1000 ? 1000 : 10'000;
    for (int i = 0; i != count; ++i) {
      if (i % 16 == 0)
        server.send(kw::message_type::ping, std::span{payload}.first(std::min<std::size_t>(shape.size, 100)));
      same = same && echo(client, server, payload, shape.fragments, shape.read_size);
    }
    CHECK(counter.calls() == 0);
    CHECK(same);
  }
}

TEST_CASE("steady state: messages built by send_with() allocate nothing") {
  kw::session client{role::client};
  kw::session server{role::server};
  bytes const payload = random_numbers{101}.any(300);
  allocation_counter counter;
  for (int i = 0; i != 10'010; ++i) {
    if (i == 10) counter = {};
    client.send_with(kw::message_type::binary, [&](kw::buffer& to) {
      for (std::size_t at = 0; at != payload.size(); at += 10) to.append(std::span{payload}.subspan(at, 10));
      return true;
    });
    carry(client, server, 4096);
    while (server.poll()) {}
  }
  CHECK(counter.calls() == 0);
}

// An application that is behind: something of the next message has always come when it polls one.
TEST_CASE("steady state: fragmented messages without a pause hold no more than what is unread") {
  kw::session server{role::server};
  bytes const begin = frame(0x02, repeat(100, 1), &example_key);
  bytes const end_and_begin = frame(0x80, repeat(100, 2), &example_key) + begin;
  auto const feed = [&](bytes const& wire) {
    std::memcpy(server.prepare(wire.size()).data(), wire.data(), wire.size());
    server.commit(wire.size());
  };
  feed(begin);
  bool all = true;
  allocation_counter counter;
  for (int i = 0; i != 10'010; ++i) {
    if (i == 10) counter = {};
    feed(end_and_begin);
    kw::message const msg = server.poll();
    all = all && msg.size() == 200 && server.unread_size() == begin.size();
  }
  CHECK(all);
  CHECK(counter.calls() == 0);
}

TEST_CASE(
    "steady state: a peer that declares much and sends little costs little, whatever the driver reads") {
  bytes const begin = head(0x82, 1 << 20, &example_key) + repeat(1, 1);
  std::vector<kw::session> servers;
  servers.reserve(100);
  allocation_counter const counter;
  for (int i = 0; i != 100; ++i) {
    auto& server = servers.emplace_back(role::server);
    for (bytes const& piece : {begin, repeat(1, 2), repeat(1, 3)}) {
      std::memcpy(server.prepare(131072).data(), piece.data(), piece.size());
      server.commit(piece.size());
      CHECK_FALSE(server.poll());
    }
  }
  CHECK(counter.bytes() < (std::size_t{1} << 20));
}

TEST_CASE("steady state: the same while others leave large blocks to the pool") {
  bytes const begin = head(0x82, 1 << 20, &example_key) + repeat(1, 1);
  std::vector<kw::session> servers;
  servers.reserve(20);
  allocation_counter const counter;
  for (int i = 0; i != 20; ++i) {
    kw::buffer{}.prepare(1 << 20);
    auto& server = servers.emplace_back(role::server);
    std::memcpy(server.prepare(4096).data(), begin.data(), begin.size());
    server.commit(begin.size());
    CHECK_FALSE(server.poll());
  }
  CHECK(counter.bytes() < (std::size_t{2} << 20));
}

TEST_CASE("steady state: 1,000 connections that have echoed and now wait hold no buffers") {
  bytes const small = random_numbers{102}.any(1000);
  bytes const large = random_numbers{103}.any(16384);
  std::vector<kw::session> clients;
  std::vector<kw::session> servers;
  clients.reserve(1000);
  servers.reserve(1000);
  for (int i = 0; i != 1000; ++i) {
    clients.emplace_back(role::client);
    servers.emplace_back(role::server);
  }
  auto const both = [&](std::size_t i) {
    return echo(clients[i], servers[i], small, 1, 65536) && echo(clients[i], servers[i], large, 4, 65536);
  };
  bool same = both(0);
  // If each of them kept a block, the next would have to allocate its own.
  allocation_counter const counter;
  for (std::size_t i = 1; i != clients.size(); ++i) same = same && both(i);
  CHECK(same);
  CHECK(counter.calls() == 0);
}

TEST_CASE("steady state: a connection that is closed and opened again 10,000 times leaves the memory flat") {
  auto const once = [] {
    kw::session client{role::client};
    kw::session server{role::server};
    client.send("hello");
    carry(client, server, 4096);
    server.poll();
    client.close();
    carry(client, server, 4096);
    server.poll();
    carry(server, client, 4096);
    client.poll();
    return client.state() == kw::session_state::closed && server.state() == kw::session_state::closed;
  };
  bool closed = once();
  allocation_counter const counter;
  for (int i = 0; i != 10'000; ++i) closed = closed && once();
  CHECK(closed);
  CHECK(counter.calls() == 0);
}

}  // namespace

}  // namespace steady_tests
