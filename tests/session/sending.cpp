// What a session sends, and how long the views that it hands out stay.
#include <kindwire/session.hpp>

#include <doctest/doctest.h>

#include <cstring>
#include <span>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "support/bytes.hpp"
#include "support/end.hpp"

namespace session_sending_tests {

namespace {

namespace kw = kindwire;
using namespace support;
using kw::opcode;
using kw::role;

using events = std::vector<reference_event>;

constexpr std::size_t border_sizes[] = {0,   1,   2,     3,     123,   124,   125,   126,
                                        127, 128, 65534, 65535, 65536, 65537, 200000};

auto appends(bytes const& payload, std::size_t piece) {
  return [&payload, piece](kw::buffer& to) {
    for (std::size_t at = 0; at != payload.size();) {
      std::size_t const size = std::min(piece, payload.size() - at);
      to.append(std::span{payload}.subspan(at, size));
      at += size;
    }
    return true;
  };
}

// The first frame of what was sent has its shortest header.
std::size_t first_frame_size(role self, std::size_t payload) {
  return payload + (payload < 126 ? 2 : payload < 65536 ? 4 : 10) + (self == role::client ? 4 : 0);
}

TEST_CASE("send: one frame with the shortest header, at every border, for both roles") {
  random_numbers random{80};
  for (role const self : both_roles) {
    end one{self};
    events expected;
    for (std::size_t const size : border_sizes) {
      CAPTURE(size);
      bytes const payload = random.any(size);
      std::size_t const before = one.ws.output().size();
      CHECK_FALSE(one.ws.send(kw::message_type::binary, payload));
      CHECK(one.ws.output().size() - before == first_frame_size(self, size));
      expected.push_back({opcode::binary, payload});
    }
    CHECK(bool(one.send_all().events == expected));
  }
}

TEST_CASE(
    "send_with: the writer's bytes in one frame with the shortest header, at every border, for both roles") {
  random_numbers random{81};
  for (role const self : both_roles) {
    for (std::size_t const piece : {std::size_t{1}, std::size_t{1000}, std::size_t{1} << 20}) {
      for (bool const queued_before : {false, true}) {
        end one{self};
        events expected;
        for (std::size_t const size : border_sizes) {
          CAPTURE(size);
          bytes const payload = random.any(size);
          if (!queued_before) one.send_all();
          std::size_t const before = one.ws.output().size();
          CHECK_FALSE(one.ws.send_with(kw::message_type::binary, appends(payload, piece)));
          CHECK(one.ws.output().size() - before == first_frame_size(self, size));
          expected.push_back({opcode::binary, payload});
          // What is queued after it stays in its place, also when some was written in between.
          CHECK_FALSE(one.ws.send("after"));
          expected.push_back({opcode::text, text("after")});
          one.sent += 1;
          one.peer.take(one.ws.output().first(1));
          one.ws.consume(1);
        }
        CHECK(bool(one.send_all().events == expected));
        CHECK(one.peer.taken == one.sent);
      }
    }
  }
}

TEST_CASE("send_with: a writer that gives up queues nothing, whatever it wrote") {
  for (role const self : both_roles) {
    end one{self};
    CHECK_FALSE(one.ws.send("before"));
    bytes const before = copy(one.ws.output());
    for (std::size_t const size : {0u, 10u, 70000u}) {
      auto const gives_up = [&](kw::buffer& to) {
        to.append(repeat(size, 'x'));
        return false;
      };
      CHECK(one.ws.send_with(kw::message_type::text, gives_up) == kw::error::invalid_argument);
      CHECK(copy(one.ws.output()) == before);
    }
    CHECK_FALSE(one.ws.send("after"));
    CHECK(one.send_all().events == events{{opcode::text, text("before")}, {opcode::text, text("after")}});
  }
}

TEST_CASE("send_with: only whole data messages, and not inside our own fragmented one") {
  kw::session ws{role::server};
  bool called = false;
  auto const writer = [&](kw::buffer&) { return called = true; };
  for (kw::message_type const type : {opcode::continuation, opcode::close, opcode::ping, opcode::pong,
                                      static_cast<opcode>(3), static_cast<opcode>(15)})
    CHECK(ws.send_with(type, writer) == kw::error::invalid_argument);
  ws.send(kw::message_type::text, {}, false);
  CHECK(ws.send_with(kw::message_type::text, writer) == kw::error::fragment_in_progress);
  CHECK_FALSE(called);
  CHECK(ws.output().size() == 2);
}

TEST_CASE("send: our own fragments keep §5.4's order, control frames come in between") {
  for (role const self : both_roles) {
    end one{self};
    auto& ws = one.ws;
    CHECK(ws.send(kw::message_type::continuation, text("x")) == kw::error::no_fragment_to_continue);
    CHECK_FALSE(ws.send(kw::message_type::text, text("Hel"), false));
    CHECK(ws.send("other") == kw::error::fragment_in_progress);
    CHECK(ws.send(kw::message_type::binary, {}) == kw::error::fragment_in_progress);
    CHECK(ws.send(kw::message_type::text, {}, false) == kw::error::fragment_in_progress);
    CHECK_FALSE(ws.send(kw::message_type::ping, text("between")));
    one.take(frame(peer_of(self), opcode::ping, text("theirs")));
    CHECK_FALSE(ws.send(kw::message_type::continuation, {}, false));
    CHECK_FALSE(ws.send(kw::message_type::continuation, text("lo")));
    CHECK(ws.send(kw::message_type::continuation, text("x")) == kw::error::no_fragment_to_continue);
    CHECK_FALSE(ws.send("next"));
    CHECK(one.send_all().events == events{{opcode::ping, text("between")},
                                          {opcode::pong, text("theirs")},
                                          {opcode::text, text("Hello")},
                                          {opcode::text, text("next")}});
    CHECK(one.peer.violation == kw::error{});
  }
}

TEST_CASE("send: a Close may end our own fragmented message") {
  end one{role::server};
  one.ws.send(kw::message_type::text, text("begun"), false);
  CHECK_FALSE(one.ws.close());
  CHECK(one.ws.send(kw::message_type::continuation, {}) == kw::error::closed);
  CHECK(one.send_all().closed);
}

TEST_CASE("send: what §5.5 and §5.2 forbid is refused, and nothing is queued") {
  kw::session ws{role::server};
  for (kw::message_type const type : {opcode::close, opcode::ping, opcode::pong}) {
    CHECK(ws.send(type, hex("03e8") + repeat(124, 'x')) == kw::error::invalid_argument);
    CHECK(ws.send(type, hex("03e8"), false) == kw::error::invalid_argument);
  }
  for (unsigned const code : {3u, 7u, 11u, 15u})
    CHECK(ws.send(static_cast<opcode>(code), {}) == kw::error::invalid_argument);
  CHECK(ws.send(kw::message_type::close, hex("03")) == kw::error::invalid_argument);
  CHECK(ws.send(kw::message_type::close, hex("03 e8 ff")) == kw::error::invalid_argument);
  CHECK(ws.output().empty());
  CHECK(ws.is_open());
  CHECK_FALSE(ws.send(kw::message_type::ping, repeat(125, 'x')));
}

TEST_CASE("send: a CLOSE is close() with the payload's code and reason") {
  for (role const self : both_roles) {
    end one{self};
    CHECK_FALSE(one.ws.send(kw::message_type::close, hex("0f a0 62 79 65")));
    CHECK(one.ws.state() == kw::session_state::closing);
    CHECK(static_cast<unsigned>(one.ws.sent_close_code()) == 4000);
    CHECK(one.ws.sent_close_reason() == "bye");
    CHECK(one.send_all().close_code == 4000);
    CHECK(one.peer.close_reason == text("bye"));

    end empty{self};
    CHECK_FALSE(empty.ws.send(kw::message_type::close, {}));
    CHECK(empty.send_all().close_code == 1005);
  }
}

TEST_CASE("send: the payload may be the message itself: an echo") {
  for (role const self : both_roles) {
    end one{self};
    for (std::size_t const size : {5u, 126u, 70000u}) {
      bytes const payload = repeat(size, 'e');
      feed(one.ws, frame(peer_of(self), opcode::text, payload));
      while (kw::message const msg = one.ws.poll()) CHECK_FALSE(one.ws.send(msg.type(), msg.bytes()));
      one.peer.events.clear();
      CHECK(bool(one.send_all().events == events{{opcode::text, payload}}));
    }
  }
}

TEST_CASE("output: written in any pieces it is the same") {
  end one{role::server};
  random_numbers random{82};
  bytes all;
  bytes written;
  for (int i = 0; i != 300; ++i) {
    std::size_t const before = one.ws.output().size();
    one.ws.send(kw::message_type::binary, random.any(random.below(3000)));
    all += copy(one.ws.output().subspan(before));
    std::size_t const size = random.below(one.ws.output().size() + 1);
    written += copy(one.ws.output().first(size));
    one.ws.consume(size);
  }
  kw::buffer const rest = one.ws.take_output();
  written += copy(rest.bytes());
  CHECK(one.ws.output().empty());
  CHECK(bool(written == all));
}

TEST_CASE(
    "message: its view stays over prepare(), commit(), send() and look_ahead(), until the next poll()") {
  random_numbers random{83};
  for (role const self : both_roles) {
    role const sender = peer_of(self);
    for (std::size_t const size : {0u, 1u, 125u, 126u, 1000u, 70000u}) {
      for (bool const fragmented : {false, true}) {
        for (std::size_t const behind : {0u, 3u, 300u, 5000u}) {
          CAPTURE(size);
          CAPTURE(fragmented);
          CAPTURE(behind);
          bytes const payload = random.any(size);
          bytes const next = random.any(5000);
          bytes const rest = frame(sender, opcode::binary, next) + frame(sender, opcode::ping, text("p")) +
                             frame(sender, opcode::text, text("last"));
          end one{self};
          bytes const input =
              fragmented
                  ? frame(sender, opcode::binary,
                          {payload.begin(), payload.begin() + static_cast<std::ptrdiff_t>(size / 2)}, false) +
                        frame(sender, opcode::continuation,
                              {payload.begin() + static_cast<std::ptrdiff_t>(size / 2), payload.end()})
                  : frame(sender, opcode::binary, payload);
          feed(one.ws, input + bytes(rest.begin(), rest.begin() + static_cast<std::ptrdiff_t>(behind)));
          kw::message const msg = one.ws.poll();
          REQUIRE(msg);
          auto const* const place = msg.bytes().data();
          // More comes, in pieces that fit behind the message and in ones that do not.
          std::size_t at = behind;
          for (std::size_t const piece : {std::size_t{1}, std::size_t{50}, std::size_t{4000}, rest.size()}) {
            std::size_t const part = std::min(piece, rest.size() - at);
            one.ws.prepare(100'000 / (piece + 1));
            feed(one.ws, std::span{rest}.subspan(at, part));
            at += part;
            one.ws.look_ahead();
            one.ws.send(kw::message_type::binary, msg.bytes());
          }
          CHECK(msg.bytes().data() == place);
          CHECK(bool(copy(msg.bytes()) == payload));
          drain(one.ws, one.seen);
          CHECK(bool(one.seen == events{{opcode::binary, next}, {opcode::text, text("last")}}));
          CHECK(only(one.send_all().events, opcode::binary).size() == 4);
          CHECK(only(one.peer.events, opcode::pong).size() == 1);
        }
      }
    }
  }
}

TEST_CASE("message: a pong or ping delivered in pieces stays until the next poll()") {
  end one{role::server, {.autoping = false}};
  bytes const input = frame(role::client, opcode::ping, text("in pieces"));
  feed(one.ws, std::span{input}.first(9));
  CHECK_FALSE(one.ws.poll());
  feed(one.ws, std::span{input}.subspan(9));
  kw::message const msg = one.ws.poll();
  REQUIRE(msg);
  feed(one.ws, frame(role::client, opcode::pong, text("another one")));
  one.ws.send(kw::message_type::pong, msg.bytes());
  CHECK(msg.text() == "in pieces");
  CHECK(one.ws.poll().text() == "another one");
}

TEST_CASE("message: an unfragmented one lies in the room that prepare() gave") {
  kw::session ws{role::server};
  bytes const input = frame(role::client, opcode::text, text("where it lies"));
  auto const room = ws.prepare(4096);
  std::memcpy(room.data(), input.data(), input.size());
  ws.commit(input.size());
  kw::message const msg = ws.poll();
  CHECK(msg.bytes().data() == room.data() + 6);
  CHECK(ws.unread_size() == 0);
}

TEST_CASE("put: a block is taken over as it is, and leaves unread bytes and a message that is held alone") {
  for (role const self : both_roles) {
    role const sender = peer_of(self);
    end one{self};
    kw::buffer block;
    block.append(frame(sender, opcode::text, text("first")) + frame(sender, opcode::text, text("second")));
    auto const* const place = block.bytes().data();
    one.ws.put(std::move(block));
    kw::message const msg = one.ws.poll();
    CHECK(msg.bytes().data() >= place);
    CHECK(msg.bytes().data() < place + 64);
    put(one.ws, frame(sender, opcode::ping, text("p")) + frame(sender, opcode::binary, repeat(70000, 'x')));
    put(one.ws, {});
    one.ws.look_ahead();
    put(one.ws, frame(sender, opcode::text, text("third")));
    CHECK(msg.text() == "first");
    CHECK(one.send_all().events == events{{opcode::pong, text("p")}});
    drain(one.ws, one.seen);
    CHECK(bool(one.seen == events{{opcode::text, text("second")},
                                  {opcode::binary, repeat(70000, 'x')},
                                  {opcode::text, text("third")}}));
    put(one.ws, {});
    CHECK_FALSE(one.ws.poll());
    put(one.ws, frame(sender, opcode::text, text("fourth")));
    CHECK(one.ws.poll().text() == "fourth");
  }
}

TEST_CASE("session: moved, it goes on in the middle of everything") {
  for (role const self : both_roles) {
    role const sender = peer_of(self);
    bytes const input = frame(sender, opcode::text, text("first")) +
                        frame(sender, opcode::text, text("sec"), false) +
                        frame(sender, opcode::continuation, text("ond"));
    for (std::size_t cut = 0; cut <= input.size(); ++cut) {
      kw::session one{self};
      events seen;
      one.send(kw::message_type::text, text("be"), false);
      feed(one, std::span{input}.first(cut));
      drain(one, seen);
      feed(one, std::span{input}.subspan(cut));
      kw::session two{std::move(one)};
      two.send(kw::message_type::continuation, text("gun"));
      drain(two, seen);
      CHECK(seen == events{{opcode::text, text("first")}, {opcode::text, text("second")}});
      reference_receiver peer{sender};
      peer.take(two.output());
      CHECK(peer.events == events{{opcode::text, text("begun")}});
    }
  }
}

TEST_CASE("session: one that was moved from has nothing that came, and may be polled") {
  for (role const self : both_roles) {
    role const sender = peer_of(self);
    bytes const whole = frame(sender, opcode::binary, repeat(100, 1));
    kw::session one{self};
    feed(one, whole);
    {
      kw::session two{std::move(one)};
      CHECK(one.unread_size() == 0);
      CHECK_FALSE(one.poll());
      one.look_ahead();
      CHECK(two.poll().size() == 100);
    }
    CHECK_FALSE(one.poll());

    // The same where the bytes came straight behind what was gathered of a message.
    bytes const large = frame(sender, opcode::binary, repeat(8192, 2));
    kw::session three{self};
    feed(three, std::span{large}.first(1000));
    CHECK_FALSE(three.poll());
    feed(three, std::span{large}.subspan(1000, 1500));
    kw::session four{self};
    four = std::move(three);
    CHECK(three.unread_size() == 0);
    CHECK_FALSE(three.poll());
    CHECK_FALSE(four.poll());
    feed(four, std::span{large}.subspan(2500));
    CHECK(four.poll().size() == 8192);
    three = kw::session{self};
    feed(three, whole);
    CHECK(three.poll().size() == 100);
  }
}

TEST_CASE("session: no bytes need no room") {
  std::thread{[] {  // with a pool of its own
    kw::buffer{}.append(bytes(1));
    kw::session one{role::server};
    one.prepare(0);
    one.commit(0);
    kw::buffer next;
    next.take_kept(1);
    CHECK(next.capacity() != 0);
  }}
      .join();
}

TEST_CASE("send: nothing goes out once the stream is lost, and a Close neither") {
  for (role const self : both_roles) {
    end one{self};
    CHECK_FALSE(one.ws.send(kw::message_type::text, text("a"), false));
    CHECK(one.ws.sending_fragments());
    CHECK_FALSE(one.ws.send(kw::message_type::continuation, text("b")));
    CHECK_FALSE(one.ws.sending_fragments());
    one.send_all();

    one.ws.end_of_input();
    CHECK(one.ws.error() == kw::error::connection_lost);
    for (auto const type : {kw::message_type::text, kw::message_type::ping, kw::message_type::pong})
      CHECK(one.ws.send(type, {}) == kw::error::closed);
    CHECK(one.ws.send(kw::message_type::close, hex("03 e8")) == kw::error::closed);
    CHECK_FALSE_MESSAGE(one.ws.close(), "closing what is closed is no mistake");
    CHECK(one.ws.output().empty());
    CHECK_FALSE(one.ws.close_sent());
  }
}

TEST_CASE("send_with: giving up leaves what was queued before") {
  for (role const self : both_roles) {
    end one{self};
    CHECK_FALSE(one.ws.send("before"));
    std::size_t const before = one.ws.output().size();
    CHECK(one.ws.send_with(kw::message_type::text, [](kw::buffer& to) {
      to.append(text("half of a mes"));
      return false;
    }) == kw::error::invalid_argument);
    CHECK(one.ws.output().size() == before);
    CHECK(bool(one.send_all().events == events{{opcode::text, text("before")}}));
  }
}

}  // namespace

}  // namespace session_sending_tests
