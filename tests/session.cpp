// RFC 6455 §5–7 line by line: what each clause demands of a session, for both roles.
#include <kindwire/session.hpp>

#include <doctest/doctest.h>

#include <set>
#include <string>
#include <vector>

#include "support/bytes.hpp"
#include "support/end.hpp"
#include "support/failing.hpp"
#include "support/reference.hpp"

namespace session_tests {

namespace {

namespace kw = kindwire;
using namespace support;
using kw::opcode;
using kw::role;

using events = std::vector<reference_event>;

// A frame's first bytes, with a first byte that no encoder would write.
bytes raw(role sender, unsigned first, bytes payload) {
  return frame(first, std::move(payload), sender == role::client ? &example_key : nullptr);
}
bytes raw_head(role sender, unsigned first, std::uint64_t length, int form = 0) {
  return head(first, length, sender == role::client ? &example_key : nullptr, form);
}

TEST_CASE("session 1, §5.1: a server refuses an unmasked frame") {
  check_fails(role::server, hex("81 05 48 65 6c 6c 6f"), kw::error::unmasked_client_frame, 1002);
  check_fails(role::server, hex("88 00"), kw::error::unmasked_client_frame, 1002);
  check_fails(role::server, frame(role::client, opcode::text, text("a")) + hex("89 00"),
              kw::error::unmasked_client_frame, 1002, {{opcode::text, text("a")}});
}

TEST_CASE("session 2, §5.1: a client refuses a masked frame") {
  check_fails(role::client, hex("81 85 37 fa 21 3d 7f 9f 4d 51 58"), kw::error::masked_server_frame, 1002);
  check_fails(role::client, hex("88 80 00 00 00 00"), kw::error::masked_server_frame, 1002);
}

TEST_CASE("session 3 and 4, §5.2: no reserved bit means anything without an extension") {
  for (unsigned const bits : {0x10u, 0x20u, 0x40u, 0x70u}) {
    for (unsigned const first : {0x81u, 0x02u, 0x88u, 0x89u, 0x8Au}) {
      check_both_fail([&](role sender) { return raw(sender, first | bits, text("a")); },
                      kw::error::reserved_bits, 1002);
    }
  }
}

TEST_CASE("session 5, §5.2: a reserved opcode fails at its first byte") {
  for (unsigned const code : {3u, 4u, 5u, 6u, 7u, 11u, 12u, 13u, 14u, 15u}) {
    check_both_fail([&](role) { return bytes{static_cast<std::byte>(0x80 | code)}; },
                    kw::error::reserved_opcode, 1002);
  }
}

TEST_CASE("session 6, §5.2: the length takes as few bytes as it can") {
  for (std::uint64_t const length : {0u, 5u, 125u}) {
    check_both_fail([&](role sender) { return raw_head(sender, 0x81, length, 16); },
                    kw::error::length_not_minimal, 1002);
  }
  for (std::uint64_t const length : {0u, 5u, 125u, 126u, 65535u}) {
    check_both_fail([&](role sender) { return raw_head(sender, 0x82, length, 64); },
                    kw::error::length_not_minimal, 1002);
  }
}

TEST_CASE("session 7, §5.2: the top bit of a 64-bit length is 0") {
  for (std::uint64_t const length :
       {std::uint64_t{1} << 63, ~std::uint64_t{0}, ~std::uint64_t{9}, (std::uint64_t{1} << 63) + 1}) {
    check_both_fail([&](role sender) { return raw_head(sender, 0x82, length, 64); },
                    kw::error::length_too_large, 1002);
  }
}

TEST_CASE("session 8, §5.2: lengths are in network byte order") {
  bytes const small = random_numbers{60}.any(0x0102);
  bytes const large = random_numbers{61}.any(0x010203);
  end self{role::client};
  self.take(hex("82 7e 01 02") + small + hex("82 7f 00 00 00 00 00 01 02 03") + large);
  CHECK(bool(self.seen == events{{opcode::binary, small}, {opcode::binary, large}}));
  end sender{role::server};
  sender.ws.send(kw::message_type::binary, small);
  CHECK(copy(sender.ws.output().first(4)) == hex("82 7e 01 02"));
}

TEST_CASE("session 9, §5.3: every client frame wears a fresh key, and a received key 00000000 is fine") {
  end self{role::client};
  std::set<bytes> keys;
  for (int i = 0; i != 1000; ++i) {
    self.ws.send("the same text");
    keys.insert(copy(self.ws.output().subspan(2, 4)));
    self.ws.consume(self.ws.output().size());
    bytes const ping = frame(role::server, opcode::ping, {});
    self.take(ping);
    keys.insert(copy(self.ws.output().subspan(2, 4)));
    self.ws.consume(self.ws.output().size());
    self.ws.send_with(kw::message_type::text, [](kw::buffer& to) { return to.append("x", 1), true; });
    keys.insert(copy(self.ws.output().subspan(2, 4)));
    self.ws.consume(self.ws.output().size());
  }
  CHECK(keys.size() >= 2998);

  end server{role::server};
  server.take(hex("81 85 00 00 00 00 48 65 6c 6c 6f"));
  CHECK(server.seen == events{{opcode::text, text("Hello")}});
}

TEST_CASE("session 10, §5.4: a continuation needs a started message, and none starts inside one") {
  for (bool const fin : {false, true}) {
    check_both_fail([&](role sender) { return frame(sender, opcode::continuation, text("a"), fin); },
                    kw::error::unexpected_continuation, 1002);
    for (opcode const type : {opcode::text, opcode::binary}) {
      check_both_fail(
          [&](role sender) {
            return frame(sender, opcode::text, text("a"), false) + frame(sender, type, text("b"), fin);
          },
          kw::error::expected_continuation, 1002);
    }
  }
  for (role const self : both_roles) {
    role const sender = peer_of(self);
    check_fails(self, frame(sender, opcode::text, text("a")) + frame(sender, opcode::continuation, text("b")),
                kw::error::unexpected_continuation, 1002, {{opcode::text, text("a")}});
  }
}

TEST_CASE("session 11, §5.4: control frames may come between fragments, and are answered there") {
  for (role const self : both_roles) {
    role const sender = peer_of(self);
    end one{self};
    one.take(frame(sender, opcode::text, text("Hel"), false) + frame(sender, opcode::ping, text("between")));
    CHECK(one.seen.empty());
    CHECK(one.send_all().events == events{{opcode::pong, text("between")}});
    one.take(frame(sender, opcode::pong, text("unasked")) + frame(sender, opcode::continuation, text("lo")));
    CHECK(one.seen == events{{opcode::text, text("Hello")}});
  }
  for (role const self : both_roles) {
    role const sender = peer_of(self);
    end one{self};
    one.take(frame(sender, opcode::text, text("Hel"), false) + frame(sender, opcode::close, hex("03 e8")));
    CHECK(one.seen.empty());
    CHECK_FALSE(one.ws.error());
    CHECK(one.ws.close_code() == kw::close_code::normal);
  }
}

TEST_CASE("session 12, §5.4: empty fragments are legal, and the first frame gives the type") {
  for (role const self : both_roles) {
    role const sender = peer_of(self);
    for (opcode const type : {opcode::text, opcode::binary}) {
      end one{self};
      bytes const input = frame(sender, type, {}, false) + frame(sender, opcode::continuation, {}, false) +
                          frame(sender, opcode::continuation, text("ab"), false) +
                          frame(sender, opcode::continuation, {}) + frame(sender, type, {}, false) +
                          frame(sender, opcode::continuation, {}) + frame(sender, type, {});
      one.take_singly(input);
      CHECK(one.seen == events{{type, text("ab")}, {type, {}}, {type, {}}});
    }
  }
}

TEST_CASE("session 13, §5.5: control frames have at most 125 bytes and are whole") {
  for (unsigned const code : {8u, 9u, 10u}) {
    for (std::uint64_t const length : {126u, 127u, 65536u}) {
      check_both_fail([&](role sender) { return raw_head(sender, 0x80 | code, length); },
                      kw::error::control_frame_too_long, 1002);
    }
    check_both_fail([&](role sender) { return raw(sender, code, {}); }, kw::error::control_frame_fragmented,
                    1002);
  }
}

TEST_CASE("session 14, §5.5.2: a ping is answered with its payload, also when the application only reads") {
  for (role const self : both_roles) {
    for (std::size_t size = 0; size <= 125; ++size) {
      end one{self};
      bytes const payload = random_numbers{size}.any(size);
      one.take_singly(frame(peer_of(self), opcode::ping, payload));
      CHECK(one.seen.empty());
      CHECK(one.send_all().events == events{{opcode::pong, payload}});
    }
  }
}

TEST_CASE("session 14, §5.5.2: a ping behind a Close is not answered") {
  for (role const self : both_roles) {
    end one{self};
    one.take(frame(peer_of(self), opcode::close, hex("03 e8")) +
             frame(peer_of(self), opcode::ping, text("late")));
    CHECK(one.send_all().events.empty());
    CHECK(one.peer.closed);
  }
}

TEST_CASE("session 15, §5.5.3: an unsolicited pong is ignored") {
  for (role const self : both_roles) {
    end one{self};
    one.take(frame(peer_of(self), opcode::pong, text("unasked")) + frame(peer_of(self), opcode::pong, {}));
    CHECK(one.seen.empty());
    CHECK(one.ws.output().empty());
    CHECK(one.ws.is_open());
  }
}

TEST_CASE("session 16, §8.1: text is UTF-8 over the whole message and fails at the first impossible byte") {
  for (char const* const bad : {"c080", "e08080", "eda080", "f4908080", "f888808080", "ff"}) {
    bytes const sequence = hex(bad);
    std::size_t const possible = reference_utf8_prefix(sequence);
    check_both_fail([&](role sender) { return frame(sender, opcode::text, text("ok ") + sequence); },
                    kw::error::invalid_utf8, 1007);
    // The message goes on for long; what came up to the impossible byte is enough.
    check_both_fail(
        [&](role sender) {
          bytes result = frame(sender, opcode::text, text("ok ") + sequence + repeat(200, 'x'), false);
          result.resize(result.size() - 200 - sequence.size() + possible + 1);
          return result;
        },
        kw::error::invalid_utf8, 1007);
    for (role const self : both_roles) {
      end one{self};
      bytes result = frame(peer_of(self), opcode::text, text("ok ") + sequence + repeat(200, 'x'), false);
      result.resize(result.size() - 200 - sequence.size() + possible);
      one.take(result);
      CHECK(one.ws.is_open());
    }
  }
  check_both_fail([&](role sender) { return frame(sender, opcode::text, hex("e2 82")); },
                  kw::error::invalid_utf8, 1007);
  check_both_fail(
      [&](role sender) {
        return frame(sender, opcode::text, hex("f4"), false) + frame(sender, opcode::ping, {}) +
               bytes(frame(sender, opcode::continuation, hex("90 80 80")));
      },
      kw::error::invalid_utf8, 1007);
  for (role const self : both_roles) {
    end one{self};
    role const sender = peer_of(self);
    one.take(frame(sender, opcode::text, hex("f48fbfbf efbfbf 00")) +
             frame(sender, opcode::text, hex("f0 9f"), false) +
             frame(sender, opcode::continuation, hex("98 80")) + frame(sender, opcode::binary, hex("ff")));
    CHECK(one.seen.size() == 3);
    CHECK(one.ws.is_open());
  }
}

TEST_CASE("session 17, §5.5.1: a Close has no body or at least two bytes") {
  for (unsigned value = 0; value != 256; ++value) {
    check_both_fail(
        [&](role sender) { return frame(sender, opcode::close, {static_cast<std::byte>(value)}); },
        kw::error::close_body_too_short, 1002);
  }
}

TEST_CASE("session 18, §7.4: all 65,536 close codes, received and sent") {
  unsigned wrong = 0;
  for (role const self : both_roles) {
    for (unsigned code = 0; code != 65536; ++code) {
      bool const valid = reference_close_code_may_be_sent(code);
      bytes const body{static_cast<std::byte>(code >> 8), static_cast<std::byte>(code & 255u)};
      end one{self};
      one.take(frame(peer_of(self), opcode::close, body));
      one.send_all();
      wrong += !one.peer.closed || one.peer.taken != one.sent;
      wrong += one.peer.close_code != (valid ? code : 1002);
      wrong += one.ws.error() != (valid ? std::error_code{} : kw::error::close_code_invalid);
      wrong += one.ws.close_received() != valid;
      wrong += static_cast<unsigned>(one.ws.close_code()) != (valid ? code : 1006);

      kw::session own{self};
      bool const sends = !own.close(static_cast<kw::close_code>(code));
      wrong += sends != (valid || code == 1005) || own.output().empty() == sends || own.is_open() == sends;
      kw::session by_frame{self};
      wrong += !by_frame.send(kw::message_type::close, body) != valid || by_frame.output().empty() == valid;
    }
  }
  CHECK(wrong == 0);
}

TEST_CASE("session 19, §5.5.1: a reason is UTF-8 of at most 123 bytes, received and sent") {
  check_both_fail([&](role sender) { return frame(sender, opcode::close, hex("03 e8 ff")); },
                  kw::error::invalid_utf8, 1007);
  check_both_fail([&](role sender) { return frame(sender, opcode::close, hex("03 e8 61 e2 82")); },
                  kw::error::invalid_utf8, 1007);
  for (role const self : both_roles) {
    end one{self};
    std::string const longest(123, 'r');
    one.take_singly(frame(peer_of(self), opcode::close, hex("0f a0") + text(longest)));
    CHECK(one.ws.close_reason() == longest);
    CHECK(static_cast<unsigned>(one.ws.close_code()) == 4000);

    end own{self};
    CHECK(own.ws.close(kw::close_code::normal, std::string(124, 'r')) == kw::error::invalid_argument);
    CHECK(own.ws.close(kw::close_code::normal, "\xe2\x82") == kw::error::invalid_argument);
    CHECK(own.ws.close(kw::close_code::no_status, "why") == kw::error::invalid_argument);
    CHECK(own.ws.output().empty());
    CHECK(own.ws.is_open());
    CHECK_FALSE(own.ws.close(kw::close_code::normal, longest));
    CHECK(own.send_all().close_reason == text(longest));
    CHECK(own.ws.sent_close_reason() == longest);
  }
}

TEST_CASE("session 20, §5.5.1: a Close is answered by one that echoes its code, if none was sent") {
  for (role const self : both_roles) {
    end one{self};
    one.take(frame(peer_of(self), opcode::close, hex("03 e9 62 79 65")));
    CHECK(one.ws.state() == kw::session_state::closed);
    CHECK(one.ws.close_received());
    CHECK(one.ws.closed_by_peer());
    CHECK(one.ws.close_sent());
    CHECK_FALSE(one.ws.error());
    CHECK(one.ws.close_code() == kw::close_code::going_away);
    CHECK(one.ws.close_reason() == "bye");
    CHECK(one.send_all().close_code == 1001);
    CHECK(one.peer.taken == one.sent);

    end both{self};
    CHECK_FALSE(both.ws.close(kw::close_code::normal, "own"));
    both.take(frame(peer_of(self), opcode::close, hex("03 e9")));
    CHECK(both.send_all().close_code == 1000);
    CHECK(both.peer.taken == both.sent);  // one Close, not two
    CHECK_FALSE(both.ws.closed_by_peer());
    CHECK(both.ws.close_code() == kw::close_code::going_away);
    CHECK(both.ws.sent_close_code() == kw::close_code::normal);
    CHECK(both.ws.state() == kw::session_state::closed);
  }
}

TEST_CASE("session 21, §5.5.1: nothing is sent after a Close, and input after a received one is dropped") {
  for (role const self : both_roles) {
    role const sender = peer_of(self);
    end one{self};
    one.ws.send("before");
    one.ws.close();
    CHECK(one.ws.send("after") == kw::error::closed);
    CHECK(one.ws.send(kw::message_type::text, {}, false) == kw::error::closed);
    CHECK(one.ws.send(kw::message_type::continuation, {}) == kw::error::closed);
    CHECK(one.ws.send(kw::message_type::ping, {}) == kw::error::closed);
    CHECK(one.ws.send(kw::message_type::pong, {}) == kw::error::closed);
    CHECK(one.ws.send(kw::message_type::close, {}) == kw::error::closed);
    CHECK(one.ws.send_with(kw::message_type::text, [](kw::buffer&) { return true; }) == kw::error::closed);
    CHECK_FALSE(one.ws.close(kw::close_code::going_away));
    one.take(frame(sender, opcode::ping, text("ping")));
    one.ws.look_ahead();
    one.take(frame(sender, opcode::close, {}));
    CHECK(one.send_all().events == events{{opcode::text, text("before")}});
    CHECK(one.peer.close_code == 1000);
    CHECK(one.peer.taken == one.sent);

    end other{self};
    other.take(frame(sender, opcode::close, {}) + frame(sender, opcode::text, text("late")) + hex("ff ff"));
    other.take(frame(sender, opcode::text, text("later")));
    CHECK(other.seen.empty());
    CHECK_FALSE(other.ws.error());
  }
}

TEST_CASE("session 22, §5.5.1: messages still arrive between our Close and the peer's") {
  for (role const self : both_roles) {
    role const sender = peer_of(self);
    end one{self};
    one.take(frame(sender, opcode::text, text("first"), false));
    one.ws.close();
    CHECK(one.ws.state() == kw::session_state::closing);
    one.take(frame(sender, opcode::continuation, text(" message")) +
             frame(sender, opcode::binary, text("second")));
    CHECK(one.seen == events{{opcode::text, text("first message")}, {opcode::binary, text("second")}});
    CHECK(one.ws.state() == kw::session_state::closing);
    one.take(frame(sender, opcode::close, {}));
    CHECK(one.ws.state() == kw::session_state::closed);
  }
}

TEST_CASE("session 23, §7.1.5: an empty Close is 1005, a lost stream 1006") {
  for (role const self : both_roles) {
    end one{self};
    one.take(frame(peer_of(self), opcode::close, {}));
    CHECK(one.ws.close_code() == kw::close_code::no_status);
    CHECK_FALSE(one.ws.error());
    CHECK(one.send_all().close_code == 1005);

    for (bool const closing : {false, true}) {
      end lost{self};
      if (closing) lost.ws.close();
      lost.take(frame(peer_of(self), opcode::text, text("last")));
      lost.ws.end_of_input();
      CHECK(lost.seen == events{{opcode::text, text("last")}});
      CHECK(lost.ws.close_code() == kw::close_code::abnormal);
      CHECK(lost.ws.error() == kw::error::connection_lost);
      CHECK(lost.ws.state() == kw::session_state::closed);
      CHECK(lost.ws.send("x") == kw::error::closed);
      CHECK_FALSE(lost.ws.poll());
    }
    one.ws.end_of_input();  // after a Close it is how a connection ends
    CHECK_FALSE(one.ws.error());
    CHECK(one.ws.close_code() == kw::close_code::no_status);
  }
}

TEST_CASE("session 25, §7.1.7: failing after our Close sends no second one, and a later Close is no answer") {
  for (role const self : both_roles) {
    end one{self};
    one.ws.close(kw::close_code::going_away);
    one.take(hex("83") + frame(peer_of(self), opcode::close, hex("03 e8")));
    CHECK(one.ws.error() == kw::error::reserved_opcode);
    CHECK_FALSE(one.ws.close_received());
    CHECK(one.ws.close_code() == kw::close_code::abnormal);
    CHECK(one.send_all().close_code == 1001);
    CHECK(one.peer.taken == one.sent);
  }
}

TEST_CASE("session 25, §7.1.7: a driver fails the connection for reasons of its own") {
  for (role const self : both_roles) {
    end one{self};
    one.take(frame(peer_of(self), opcode::text, text("begun"), false));
    feed(one.ws, frame(peer_of(self), opcode::continuation, text("not polled")));
    one.ws.fail(kw::error::pong_timeout);
    CHECK(one.ws.state() == kw::session_state::closed);
    CHECK_FALSE(one.ws.is_over());
    feed(one.ws, frame(peer_of(self), opcode::text, text("too late")));
    CHECK(one.ws.poll().text() == "begunnot polled");
    CHECK_FALSE(one.ws.poll());
    CHECK(one.ws.is_over());
    CHECK(one.ws.error() == kw::error::pong_timeout);
    CHECK(one.send_all().close_code == 1008);
    one.ws.fail(kw::error::idle_timeout);  // it has failed already
    CHECK(one.ws.error() == kw::error::pong_timeout);
    CHECK(one.ws.output().empty());

    end other{self};
    other.ws.fail(std::make_error_code(std::errc::timed_out));
    CHECK(other.ws.error() == std::errc::timed_out);
    CHECK(other.send_all().close_code == 1011);
  }
}

}  // namespace

}  // namespace session_tests
