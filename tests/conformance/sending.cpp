// Everything that we send is made of bytes that somebody wrote: no frame and no handshake carries what was
// left in memory. And whatever is sent, the other end reads it as the reference does.
#include <kindwire/session.hpp>

#include <doctest/doctest.h>

#include <cstddef>
#include <cstdint>
#include <kindwire/handshake/client.hpp>
#include <kindwire/handshake/response.hpp>
#include <kindwire/handshake/upgrade.hpp>
#include <span>
#include <string>
#include <vector>

#include "handshake/sample.hpp"
#include "support/bytes.hpp"
#include "support/end.hpp"

namespace conformance_sending_tests {

namespace {

namespace kw = kindwire;
using namespace support;
using kw::opcode;
using kw::role;

// Takes a decision that turns on every bit: what valgrind follows an uninitialised byte to.
std::size_t look_at(std::span<std::byte const> written) {
  std::size_t set = 0;
  for (auto const each : written) {
    for (unsigned bit = 0; bit != 8; ++bit) set += std::to_integer<unsigned>(each) >> bit & 1u;
  }
  return set == written.size() * 8 ? 0 : set + 1;
}
std::size_t look_at(std::string_view text) { return look_at(kw::detail::as_bytes(text)); }

void look_at_output(kw::session& ws) {
  CHECK(look_at(ws.output()) != 0);
  ws.consume(ws.output().size());
}

TEST_CASE(
    "sending: ws CVE-2016-10518, CVE-2026-45736: every byte that is sent was written (seen by valgrind)") {
  random_numbers random{400};
  for (role const self : both_roles) {
    for (std::size_t size = 0; size <= 66'000; size += size < 300 ? 1 : size < 65'500 ? 8'150 : 7) {
      CAPTURE(size);
      bytes const payload = random.ascii(size);
      kw::session ws{self};
      CHECK_FALSE(ws.send(kw::message_type::binary, payload));
      CHECK_FALSE(ws.send(kw::message_type::text, payload, false));
      CHECK_FALSE(ws.send(kw::message_type::continuation, payload));
      CHECK_FALSE(
          ws.send_with(kw::message_type::text, [&](kw::buffer& to) { return to.append(payload), true; }));
      look_at_output(ws);
      // Behind what is there already, after a writer that gave up, and in the block that was given back.
      ws.send("first");
      ws.send_with(kw::message_type::text,
                   [&](kw::buffer& to) { return to.prepare(size), to.commit(size), false; });
      ws.send_with(kw::message_type::binary, [&](kw::buffer& to) { return to.append(payload), true; });
      look_at_output(ws);
      if (size > kw::max_control_payload_size) continue;
      CHECK_FALSE(ws.send(kw::message_type::ping, payload));
      CHECK_FALSE(ws.send(kw::message_type::pong, payload));
      for (int i = 0; i != 3; ++i) feed(ws, frame(peer_of(self), opcode::ping, payload));
      ws.poll();
      look_at_output(ws);
      if (size > kw::max_close_reason_size) continue;
      ws.close(kw::close_code::normal, {reinterpret_cast<char const*>(payload.data()), size});
      look_at_output(ws);
    }
    for (auto const code : {kw::close_code::no_status, kw::close_code::going_away}) {
      kw::session ws{self};
      ws.close(code);
      look_at_output(ws);
    }
    for (int value = 1; value <= static_cast<int>(kw::error::invalid_header); ++value) {
      kw::session ws{self};
      ws.fail(static_cast<kw::error>(value));
      look_at_output(ws);
    }
    kw::session answering{self};
    feed(answering, frame(peer_of(self), opcode::close, hex("03 e8 61")));
    answering.poll();
    look_at_output(answering);
  }

  for (int i = 0; i != 20; ++i) {
    kw::client_handshake const client{*kw::uri::parse("ws://[::1]:81/a?b"),
                                      {.subprotocols = {"a", "b"},
                                       .origin = "http://a",
                                       .headers = {{"Cookie", "a=b"}},
                                       .extensions = "e; f"}};
    CHECK(look_at(client.output()) != 0);
  }
  CHECK(look_at(sample::serve(sample::upgrade{}).wire) != 0);
  CHECK(look_at(sample::serve(sample::upgrade{}.without("Host")).wire) != 0);
}

}  // namespace

}  // namespace conformance_sending_tests
