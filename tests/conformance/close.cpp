// Close is exact (RFC 6455 §5.5.1, §7): one Close with the right code, one end that never changes, nothing
// delivered from behind it and nothing sent after it, whatever the application and the peer do in whatever
// order.
#include <kindwire/session.hpp>

#include <doctest/doctest.h>

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "support/bytes.hpp"
#include "support/end.hpp"
#include "support/reference.hpp"
#include "support/stream_maker.hpp"

namespace conformance_close_tests {

namespace {

namespace kw = kindwire;
using namespace support;
using kw::opcode;
using kw::role;

using events = std::vector<reference_event>;

// All that a session says about its end.
struct ending {
  explicit ending(kw::session const& ws)
      : error(ws.error()),
        code(ws.close_code()),
        reason(ws.close_reason()),
        sent_code(ws.sent_close_code()),
        sent_reason(ws.sent_close_reason()),
        sent(ws.close_sent()),
        received(ws.close_received()),
        by_peer(ws.closed_by_peer()) {}
  bool operator==(ending const&) const = default;

  std::error_code error;
  kw::close_code code;
  std::string reason;
  kw::close_code sent_code;
  std::string sent_reason;
  bool sent, received, by_peer;
};

void carry(kw::session& from, kw::session& to) {
  feed(to, from.output());
  from.consume(from.output().size());
}

TEST_CASE("close: what an application and a peer do in any order leaves one Close and one end") {
  random_numbers random{300};
  unsigned wrong = 0;
  unsigned ended = 0;
  unsigned broken = 0;
  for (std::uint64_t seed = 60'000; seed != 64'000; ++seed) {
    role const self = both_roles[seed % 2];
    bytes const input = stream_maker{peer_of(self), seed, true}.make_short();
    end one{self, {.max_queued_pongs = 20}};  // so that some pings wait for their answer
    auto& ws = one.ws;
    std::size_t at = 0;
    kw::session_state state = ws.state();
    bool over = false;
    ending last{ws};
    unsigned mistakes = 0;
    for (int step = 0; step != 60; ++step) {
      std::size_t const before = one.seen.size();
      switch (random.below(17)) {
        case 0: ws.close(static_cast<kw::close_code>(3000 + step), "ours"); break;
        case 1: ws.send(kw::message_type::close, hex("03 e9 62 79 65")); break;
        case 2: ws.send("text"); break;
        case 3: ws.send(kw::message_type::binary, {}, false); break;
        case 4: ws.send(kw::message_type::continuation, text("more"), random.one_in(2)); break;
        case 5: ws.send(kw::message_type::ping, text("p")); break;
        case 6: ws.look_ahead(); break;
        case 7: one.send_all(); break;
        case 8:
          if (random.one_in(6)) ws.fail(kw::error::pong_timeout);
          break;
        case 9:
          if (random.one_in(6)) ws.end_of_input();
          break;
        case 10:
          if (random.one_in(6)) ws.discard();
          break;
        case 11: drain(ws, one.seen); break;
        case 12: ws.answer_close(); break;
        default: {
          std::size_t const size = std::min(input.size() - at, random.below(40));
          feed(ws, std::span{input}.subspan(at, size));
          at += size;
        }
      }
      // A session that is over stays as it ended and delivers nothing more; a closed one does not open again,
      // and sends nothing more.
      mistakes += ws.state() < state;
      if (state == kw::session_state::closed) mistakes += ws.send("late") != kw::error::closed;
      if (over) mistakes += !(ending{ws} == last) || one.seen.size() != before || ws.poll();
      mistakes += over && !ws.is_over();
      mistakes += ws.is_over() && ws.state() != kw::session_state::closed;
      // Who was first is settled when the peer's Close is seen, and so is what it said.
      if (last.received) {
        mistakes += !ws.close_received() || ws.close_code() != last.code || ws.close_reason() != last.reason;
        mistakes += ws.closed_by_peer() != last.by_peer;
      }
      // An error beside the peer's Close is of what stood before it, or our own, and came later; or the Close
      // was among what was unread when the connection failed.
      mistakes += ws.error() && ws.close_received() && !last.received && !last.error;
      over = ws.is_over();
      // What was said in a Close stays said.
      if (last.sent) {
        mistakes += !ws.close_sent() || ws.sent_close_code() != last.sent_code;
        mistakes += ws.sent_close_reason() != last.sent_reason;
      }
      state = ws.state();
      last = ending{ws};
    }
    one.send_all();
    mistakes += one.peer.violation != kw::error{};   // all that we sent keeps the rules
    mistakes += one.peer.taken != one.sent;          // and our Close was the last of it
    mistakes += one.peer.closed != ws.close_sent();  // and it says what we are told it says
    unsigned const code = one.peer.close_code;
    mistakes += code != static_cast<unsigned>(ws.sent_close_code());
    mistakes += one.peer.close_reason != text(ws.sent_close_reason());
    // The connection ended by the peer's Close, or by an error, never by neither.
    bool const closed = state == kw::session_state::closed;
    mistakes += closed && !ws.close_received() && !ws.error();
    mistakes += !closed && ws.error();
    mistakes += (ws.close_code() == kw::close_code::abnormal) == ws.close_received();
    mistakes += ws.closed_by_peer() && !ws.close_received();
    ended += closed;
    broken += closed && ws.error();
    if (mistakes != 0 && ++wrong == 1) MESSAGE("the first seed that differs: ", seed);
  }
  CHECK(wrong == 0);
  CHECK(ended > 2000);
  CHECK(broken > 500);
}

TEST_CASE(
    "close: both ends at once: each gets the other's code and reason, and neither was closed by its peer") {
  for (bool const overlap : {false, true}) {
    end client{role::client};
    end server{role::server};
    client.ws.send("crossing");
    CHECK_FALSE(client.ws.close(kw::close_code::going_away, "client leaves"));
    CHECK_FALSE(server.ws.close(static_cast<kw::close_code>(4000), "server leaves"));
    bytes const from_client = copy(client.ws.output());
    bytes const from_server = copy(server.ws.output());
    if (overlap) {
      server.take(std::span{from_client}.first(5));
      client.take_singly(from_server);
      server.take(std::span{from_client}.subspan(5));
    } else {
      server.take(from_client);
      client.take(from_server);
    }
    CHECK(server.seen == events{{opcode::text, text("crossing")}});
    for (end* const each : {&client, &server}) {
      auto const& ws = each->ws;
      CHECK(ws.state() == kw::session_state::closed);
      CHECK_FALSE(ws.error());
      CHECK(ws.close_received());
      CHECK_FALSE(ws.closed_by_peer());
      CHECK(each->send_all().closed);
      CHECK(each->peer.taken == each->sent);  // no second Close answers the first
    }
    CHECK(static_cast<unsigned>(client.ws.close_code()) == 4000);
    CHECK(client.ws.close_reason() == "server leaves");
    CHECK(client.ws.sent_close_code() == kw::close_code::going_away);
    CHECK(client.ws.sent_close_reason() == "client leaves");
    CHECK(server.ws.close_code() == kw::close_code::going_away);
    CHECK(server.ws.close_reason() == "client leaves");
    CHECK(static_cast<unsigned>(server.ws.sent_close_code()) == 4000);
    CHECK(server.ws.sent_close_reason() == "server leaves");
  }
}

TEST_CASE("close: who closed first, and what each side said, for either of the two") {
  for (role const first : both_roles) {
    kw::session one{first};
    kw::session two{peer_of(first)};
    CHECK(one.sent_close_code() == kw::close_code::abnormal);
    CHECK_FALSE(one.close_sent());
    CHECK_FALSE(one.close(kw::close_code::going_away, "moving on"));
    carry(one, two);
    CHECK_FALSE(two.poll());
    carry(two, one);
    CHECK_FALSE(one.poll());
    CHECK_FALSE(one.closed_by_peer());
    CHECK(two.closed_by_peer());
    CHECK(one.close_code() == kw::close_code::going_away);  // the echo
    CHECK(one.close_reason().empty());
    CHECK(two.close_code() == kw::close_code::going_away);
    CHECK(two.close_reason() == "moving on");
    CHECK(two.sent_close_code() == kw::close_code::going_away);
    CHECK(two.sent_close_reason().empty());
  }
}

TEST_CASE("close: an empty Close is 1005 both ways, a lost stream 1006, and neither stands on the wire") {
  for (role const self : both_roles) {
    key const* const mask = self == role::client ? &example_key : nullptr;
    end one{self};
    one.take(frame(peer_of(self), opcode::close, {}));
    CHECK(one.ws.close_code() == kw::close_code::no_status);
    CHECK(one.ws.sent_close_code() == kw::close_code::no_status);
    CHECK(one.ws.output().size() == frame(0x88, {}, mask).size());
    CHECK(one.send_all().close_code == 1005);

    end lost{self};
    lost.ws.end_of_input();
    CHECK(lost.ws.close_code() == kw::close_code::abnormal);
    CHECK(lost.ws.sent_close_code() == kw::close_code::abnormal);
    CHECK(lost.ws.error() == kw::error::connection_lost);
    CHECK(lost.ws.output().empty());
    CHECK_FALSE(lost.ws.closed_by_peer());

    for (auto const code : {kw::close_code::abnormal, kw::close_code::tls_handshake}) {
      end own{self};
      CHECK(own.ws.close(code) == kw::error::invalid_argument);
      CHECK(own.ws.output().empty());
    }
    end empty{self};
    CHECK_FALSE(empty.ws.close(kw::close_code::no_status));
    CHECK(empty.ws.sent_close_code() == kw::close_code::no_status);
    CHECK(empty.send_all().close_code == 1005);
  }
}

TEST_CASE("close: a Close that is cut anywhere, and the rest that never comes, is a lost connection") {
  for (role const self : both_roles) {
    bytes const input = frame(peer_of(self), opcode::close, hex("03 e8 62 79 65"));
    for (std::size_t size = 0; size != input.size(); ++size) {
      end one{self};
      one.take(std::span{input}.first(size));
      one.ws.end_of_input();
      CHECK(one.ws.close_code() == kw::close_code::abnormal);
      CHECK(one.ws.error() == kw::error::connection_lost);
      CHECK_FALSE(one.ws.close_received());
      CHECK(one.ws.close_reason().empty());
      CHECK(one.ws.output().empty());
    }
  }
}

}  // namespace

}  // namespace conformance_close_tests
