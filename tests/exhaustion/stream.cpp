// A blocking websocket that meets std::bad_alloc at its n-th allocation.
#include <kindwire/stream/memory.hpp>
#include <kindwire/stream/websocket.hpp>

#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "../handshake/sample.hpp"
#include "../support/end.hpp"
#include "scarce_memory.hpp"

namespace stream_tests {

namespace kw = kindwire;
using exhaustion::at_every_allocation;
using exhaustion::scarce_memory;
using support::operator+;

namespace {

auto const no_memory = std::make_error_code(std::errc::not_enough_memory);

// The far end: bytes in, bytes out, of which the test alone decides.
struct far_end {
  kw::memory_stream stream;

  void write(std::span<std::byte const> bytes) {
    std::error_code failure;
    while (!bytes.empty() && !failure) bytes = bytes.subspan(stream.write_some(bytes, failure));
  }
  // All that has come. `ended` says that nothing will come any more.
  support::bytes read(bool& ended) {
    support::bytes all;
    std::byte room[4096];
    std::error_code failure;
    for (std::size_t size = 0; (size = stream.read_some(room, failure)) != 0;)
      all.insert(all.end(), room, room + size);
    ended = !failure;
    return all;
  }
};

struct pair {
  kw::memory_stream near;
  far_end far;
};

// Nothing waits: a read of what has not come is an error that passes.
pair connected() {
  auto [near, far] = kw::make_memory_streams({.max_read = 3000, .waits = false}, {.waits = false});
  return {std::move(near), {std::move(far)}};
}

}  // namespace

TEST_CASE("no memory: accept() opens a connection, or throws and the peer sees the end") {
  std::string const request = sample::upgrade{}.text();
  at_every_allocation([&](scarce_memory& memory) {
    pair streams = connected();
    streams.far.write(kw::detail::as_bytes(request));
    std::error_code failure;
    bool opened = false;
    bool const done = memory.attempt([&] {
      auto const ws = kw::accept(std::move(streams.near), failure);
      opened = static_cast<bool>(ws);
    });
    bool ended = false;
    std::string const answer(kw::message(kw::opcode::text, streams.far.read(ended)).text());
    CHECK(ended);
    CHECK(opened == done);
    if (!opened) return;
    CHECK_FALSE(failure);
    CHECK(answer.starts_with("HTTP/1.1 101 "));
  });
}

TEST_CASE("no memory: connect() ends with an error, or throws and the peer sees the end") {
  at_every_allocation([&](scarce_memory& memory) {
    pair streams = connected();
    streams.far.write(kw::detail::as_bytes("HTTP/1.1 403 No\r\nX-Why: for a reason of some length\r\n\r\n"));
    streams.far.stream.shutdown_send();
    std::error_code failure;
    bool opened = false;
    bool const done = memory.attempt([&] {
      auto const ws = kw::connect(std::move(streams.near), "ws://localhost/a/path/of/some/length", failure);
      opened = static_cast<bool>(ws);
    });
    CHECK(!opened);
    if (done) CHECK(failure == kw::error::handshake_refused);
    bool ended = false;
    streams.far.read(ended);
    CHECK(ended);
  });
}

TEST_CASE("no memory: receive() gives every message, or throws and the connection is lost") {
  support::random_numbers numbers(3);
  for (kw::role const self : support::both_roles) {
    std::vector<support::bytes> const texts{numbers.utf8(50), numbers.utf8(5000), numbers.utf8(12000)};
    kw::role const peer = support::peer_of(self);
    support::bytes wire = support::frame(peer, kw::opcode::text, texts[0]) +
                          support::frame(peer, kw::opcode::ping, numbers.any(100)) +
                          support::frame(peer, kw::opcode::text, texts[1]) +
                          support::frame(peer, kw::opcode::text, support::bytes{}, false) +
                          support::frame(peer, kw::opcode::continuation, texts[2]) +
                          support::frame(peer, kw::opcode::close, support::hex("03e8"));
    at_every_allocation([&](scarce_memory& memory) {
      pair streams = connected();
      streams.far.write(wire);
      streams.far.stream.shutdown_send();
      support::reference_receiver seen_by_peer{peer};
      bool ended = false;
      {
        kw::blocking_websocket<kw::memory_stream> ws(std::move(streams.near), self);
        std::size_t count = 0;
        std::error_code failure;
        bool end = false;
        int throws = 0;
        while (!end && throws != 3) {
          kw::message msg;
          if (!memory.attempt([&] { msg = ws.receive(failure); })) {
            ++throws;
            continue;
          }
          end = !msg;
          if (end) break;
          if (count == texts.size()) {
            FAIL_CHECK("more messages than were sent");
            break;
          }
          CHECK(support::copy(msg.bytes()) == texts[count]);
          ++count;
        }
        if (end && !failure) CHECK(count == texts.size());
        if (end && failure) CHECK(failure == no_memory);
        CHECK((end || memory.for_good()));
      }
      seen_by_peer.take(streams.far.read(ended));
      CHECK(ended);
      CHECK(seen_by_peer.violation == kw::error{});
    });
  }
}

TEST_CASE("no memory: send() and close() write whole frames") {
  for (kw::role const self : support::both_roles) {
    at_every_allocation([&](scarce_memory& memory) {
      pair streams = connected();
      support::reference_receiver peer{support::peer_of(self)};
      std::size_t sent = 0;
      bool closed = false;
      {
        kw::blocking_websocket<kw::memory_stream> ws(std::move(streams.near), self);
        std::error_code failure;
        for (std::size_t const size : {std::size_t{10}, std::size_t{2000}, std::size_t{100000}}) {
          std::string const text(size, 'x');
          // It threw before it was queued, or while it was written, and then it goes out with the next.
          std::size_t const queued = ws.protocol().output().size();
          if (memory.attempt([&] { ws.send(text, failure); }) || ws.protocol().output().size() != queued)
            ++sent;
        }
        streams.far.write(support::frame(support::peer_of(self), kw::opcode::close, support::hex("03e8")));
        streams.far.stream.shutdown_send();
        closed = memory.attempt([&] { ws.close(failure); }) || memory.attempt([&] { ws.close(failure); });
      }
      bool ended = false;
      peer.take(streams.far.read(ended));
      CHECK(ended);
      CHECK(peer.violation == kw::error{});
      if (!closed) return;
      CHECK(peer.events.size() == sent);
      CHECK(peer.closed);
    });
  }
}

}  // namespace stream_tests
