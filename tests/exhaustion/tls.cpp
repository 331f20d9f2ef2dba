// Memory refused at the n-th allocation while streams over TLS are at work, and while a client finds its way
// to a server over TLS: a call that needs it throws std::bad_alloc, or its operation completes once; and
// nothing is thrown out of the context. OpenSSL has memory of its own.
#include <kindwire/net/client.hpp>
#include <kindwire/net/server.hpp>
#include <kindwire/tls/client.hpp>

#include <doctest/doctest.h>

#include <asio/buffer.hpp>
#include <asio/error.hpp>
#include <asio/io_context.hpp>
#include <asio/ip/tcp.hpp>
#include <asio/socket_base.hpp>
#include <chrono>
#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <system_error>
#include <utility>

#include "scarce_memory.hpp"
#include "tls/pair.hpp"

namespace tls_tests {

using namespace tls_pair;
using namespace std::chrono_literals;
using exhaustion::scarce_memory;
using inner = kw::tls::stream<stream>;

namespace {

auto const no_memory = std::make_error_code(std::errc::not_enough_memory);

// Asio keeps memory of its own for handlers of std::allocator: with this each step of an operation allocates.
template <class T>
struct plain_allocator {
  using value_type = T;

  plain_allocator() = default;
  template <class U>
  plain_allocator(plain_allocator<U> const&) noexcept {}

  T* allocate(std::size_t count) { return std::allocator<T>().allocate(count); }
  void deallocate(T* at, std::size_t count) noexcept { std::allocator<T>().deallocate(at, count); }
  bool operator==(plain_allocator const&) const noexcept { return true; }
};
template <class Handler>
struct allocating : Handler {
  using allocator_type = plain_allocator<void>;

  explicit allocating(Handler inner) : Handler(std::move(inner)) {}
  allocator_type get_allocator() const noexcept { return {}; }
};

struct contexts {
  support::certificate own;
  kw::tls::context server{server_of(own)};
  // Each handshake is to make the same allocations.
  kw::tls::context client{
      kw::tls::client_options{.authorities = kw::tls::pem(own.pem()), .resumption = false}};
};

// Operations of both ends, of which each that has begun completes once.
struct counted {
  scarce_memory& memory;
  asio::io_context& io;
  int started = 0;
  int completed = 0;

  template <class Start>
  void attempt(Start start) {
    ++started;
    if (!memory.attempt(start)) --started;
  }
  void turn() {
    CHECK_MESSAGE(memory.attempt([&] {
      io.restart();
      io.run_for(2ms);
    }),
                  "it was thrown out of the context");
  }
  // Until all has completed, or nothing more can.
  void run() {
    for (int i = 0; i != 500 && completed != started; ++i) turn();
  }
};

// Shakes hands and passes more than sockets take at once; true if that went well.
template <class Stream>
bool talk(counted& all, Stream& server, Stream& client) {
  int failed = 0;
  auto const shaken = [&](std::error_code failure) {
    ++all.completed;
    failed += !!failure;
    std::error_code ignored;
    if (failure) server.close(ignored);
    if (failure) client.close(ignored);
  };
  all.attempt([&] { server.async_handshake(allocating(shaken)); });
  all.attempt([&] { client.async_handshake(allocating(shaken)); });
  if (all.started != 2) shaken(no_memory), --all.completed;
  all.run();
  CHECK(all.completed == all.started);
  if (failed != 0) return false;
  std::string const sent(400'000, 's');
  std::string got(sent.size(), '\0');
  std::size_t put = 0, taken = 0;
  bool ended = false;
  auto const end = [&](std::error_code) {
    std::error_code ignored;
    ended = true;
    server.close(ignored);
    client.close(ignored);
  };
  auto const write = [&](auto const& again) -> void {
    all.attempt([&] {
      client.async_write_some(asio::buffer(sent) + put,
                              allocating([&](std::error_code failure, std::size_t size) {
                                ++all.completed;
                                put += size;
                                if (failure) return end(failure);
                                if (put != sent.size()) again(again);
                              }));
    });
  };
  auto const read = [&](auto const& again) -> void {
    all.attempt([&] {
      server.async_read_some(asio::buffer(got) + taken,
                             allocating([&](std::error_code failure, std::size_t size) {
                               ++all.completed;
                               taken += size;
                               if (failure) return end(failure);
                               if (taken != sent.size()) again(again);
                             }));
    });
  };
  read(read);
  write(write);
  for (int i = 0; i != 500 && !ended && taken != sent.size() && all.completed != all.started; ++i) all.turn();
  if (taken == sent.size()) CHECK((got == sent));
  end({});
  all.run();
  return taken == sent.size();
}

void run_out(counted& all) {
  for (int i = 0; i != 100 && !all.io.stopped(); ++i) all.turn();
  CHECK_MESSAGE(all.io.stopped(), "something still waits");
  CHECK(all.completed == all.started);
}

void over_sockets(scarce_memory& memory, contexts const& with) {
  asio::io_context io{1};
  sockets both(io);
  counted all{memory, io};
  {
    stream server(std::move(both.server), with.server);
    stream client(std::move(both.client), with.client, "localhost", 1);
    bool const well = talk(all, server, client);
    if (!memory.refused()) CHECK(well);
  }
  run_out(all);
}

void within_another(scarce_memory& memory, contexts const& with) {
  asio::io_context io{1};
  ends outer(io, with.server, with.client);
  outer.shake_hands();
  counted all{memory, io};
  {
    inner server(std::move(outer.server), with.server);
    inner client(std::move(outer.client), with.client, "localhost", 1);
    bool const well = talk(all, server, client);
    if (!memory.refused()) CHECK(well);
  }
  run_out(all);
}

// Both sides meet the refusal. Without strands: Asio's end the program when there is no memory for them.
void connect(scarce_memory& memory, contexts const& with, kw::net::client const& client) {
  asio::io_context io{1};
  counted all{memory, io};
  std::optional<kw::net::websocket> served, opened;
  std::optional<std::error_code> outcome;
  {
    kw::net::server server(io, {.strands = false});
    // What Asio's own accept takes for the socket is given: it throws out of the context without that.
    tcp::acceptor accepting(io, {asio::ip::address_v4::loopback(), 0});
    accepting.non_blocking(true);
    auto const uri = "wss://127.0.0.1:" + std::to_string(accepting.local_endpoint().port()) + "/";
    server.websocket("/", [&](kw::net::websocket ws) { served.emplace(std::move(ws)); });
    all.attempt([&] {
      client.connect(io, uri, [&](std::error_code failure, kw::net::websocket ws) {
        ++all.completed;
        outcome = failure;
        if (!failure) opened.emplace(std::move(ws));
      });
    });
    for (int i = 0; i != 5000 && all.completed != all.started; ++i) {
      all.turn();
      std::error_code failure;
      tcp::socket accepted = accepting.accept(io, failure);
      if (failure) continue;
      stream secure(std::move(accepted), with.server);
      memory.attempt([&] { server.serve(std::move(secure)); });
    }
    CHECK_MESSAGE(all.completed == all.started, "the client was not told");
    if (!memory.refused()) CHECK((outcome && !*outcome));
    served.reset();
    opened.reset();
    server.stop();
    for (int i = 0; i != 50; ++i) all.turn();
  }
}

}  // namespace

TEST_CASE("no memory for a stream over TLS: a call fails, or its operation says so") {
  contexts const with;
  CHECK(exhaustion::at_every_allocation([&](scarce_memory& memory) { over_sockets(memory, with); }) >= 10);
}

TEST_CASE("no memory for a stream over TLS within another") {
  contexts const with;
  CHECK(exhaustion::at_every_allocation([&](scarce_memory& memory) { within_another(memory, with); }) >= 10);
}

TEST_CASE("no memory on the way to a server over TLS: the client is told") {
  contexts const with;
  kw::net::client const client{
      {.tls = kw::tls::trust({.authorities = kw::tls::pem(with.own.pem()), .resumption = false})}};
  CHECK(exhaustion::at_every_allocation([&](scarce_memory& memory) { connect(memory, with, client); }) >= 10);
}

}  // namespace tls_tests
