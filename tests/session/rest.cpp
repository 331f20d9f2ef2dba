#include <kindwire/session.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <cstddef>
#include <random>

#include "../support/bytes.hpp"
#include "../support/end.hpp"

namespace rest_tests {

namespace {

namespace kw = kindwire;
using namespace support;
using kw::opcode;
using kw::role;

// Reads all that there is; afterwards no view is out.
void poll_all(kw::session& ws, bytes& seen) {
  while (kw::message const msg = ws.poll()) {
    seen += bytes{static_cast<std::byte>(msg.type())};
    seen += copy(msg.bytes());
  }
}

void write_all(kw::session& ws, bytes& written) {
  written += copy(ws.output());
  ws.consume(ws.output().size());
}

}  // namespace

TEST_CASE("session at rest: only while nothing has come, waits or is looked at") {
  for (role const self : {role::server, role::client}) {
    role const peer = peer_of(self);
    kw::session ws{self};
    CHECK(ws.is_at_rest());
    bytes seen, written;
    auto const settles = [&] {
      poll_all(ws, seen);
      write_all(ws, written);
      return ws.is_at_rest();
    };

    bytes const whole = frame(peer, opcode::text, text("hello"));
    feed(ws, whole);
    CHECK(!ws.is_at_rest());
    CHECK(ws.poll());
    CHECK_MESSAGE(!ws.is_at_rest(), "the message is still looked at");
    CHECK(settles());

    for (std::size_t cut = 1; cut != whole.size(); ++cut) {
      feed(ws, bytes(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(cut)));
      CHECK(!settles());
      feed(ws, bytes(whole.begin() + static_cast<std::ptrdiff_t>(cut), whole.end()));
      CHECK(settles());
    }

    feed(ws, frame(peer, opcode::binary, text("be"), false));
    CHECK(!settles());
    feed(ws, frame(peer, opcode::continuation, text("gun")));
    CHECK(settles());

    feed(ws, frame(peer, opcode::ping, text("?")));
    poll_all(ws, seen);
    CHECK_MESSAGE(!ws.is_at_rest(), "the pong waits");
    CHECK(settles());

    CHECK(!ws.send("text"));
    CHECK(!ws.is_at_rest());
    CHECK(settles());

    CHECK(!ws.send(opcode::binary, text("be"), false));
    CHECK_MESSAGE(!settles(), "our message is not over");
    CHECK(!ws.send(opcode::continuation, text("gun"), true));
    CHECK(settles());

    ws.prepare(100);
    ws.commit(0);
    CHECK(settles());

    CHECK(!ws.close());
    CHECK(!settles());
  }
}

TEST_CASE("session at rest: a new one in its place says and does the same") {
  std::minstd_rand random(5);
  std::size_t replaced = 0;
  for (int round = 0; round != 300; ++round) {
    role const self = round % 2 == 0 ? role::server : role::client;
    role const peer = peer_of(self);
    kw::session kept{self}, fresh{self};
    bytes kept_seen, fresh_seen, kept_written, fresh_written;
    bytes input;
    bool inside = false;
    for (int i = 0; i != 12; ++i) {
      bytes const payload(random() % 3 == 0 ? random() % 300 : random() % 5, std::byte{'x'});
      switch (random() % 4) {
        case 0: input += frame(peer, opcode::ping, bytes(payload.size() % 125, std::byte{'p'})); break;
        case 1:
        case 2: {
          bool const fin = random() % 2 == 0;
          input += frame(peer, inside ? opcode::continuation : opcode::text, payload, fin);
          inside = !fin;
          break;
        }
        default:
          if (!inside) input += frame(peer, opcode::binary, payload);
      }
    }
    if (round % 5 == 0) input += frame(peer, opcode::close, {});
    for (std::size_t at = 0; at != input.size();) {
      std::size_t const size = std::min(input.size() - at, std::size_t{1} + random() % 200);
      bytes const piece(input.begin() + static_cast<std::ptrdiff_t>(at),
                        input.begin() + static_cast<std::ptrdiff_t>(at + size));
      at += size;
      feed(kept, piece);
      feed(fresh, piece);
      poll_all(kept, kept_seen);
      poll_all(fresh, fresh_seen);
      if (self == role::server && random() % 3 == 0) {  // a client's keys differ
        CHECK(kept.send("said") == fresh.send("said"));
      }
      if (random() % 4 != 0) {
        write_all(kept, kept_written);
        write_all(fresh, fresh_written);
      }
      CHECK(kept.is_at_rest() == fresh.is_at_rest());
      if (fresh.is_at_rest()) {
        fresh = kw::session{self};
        ++replaced;
      }
    }
    CHECK(kept_seen == fresh_seen);
    CHECK(kept.state() == fresh.state());
    CHECK(kept_written.size() == fresh_written.size());
    if (self == role::server) CHECK(kept_written == fresh_written);
  }
  CHECK(replaced > 100);
}

}  // namespace rest_tests
