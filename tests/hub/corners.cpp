// What users of a hub do seldom: seats that change places, callbacks that undo what they are told of, and
// readers that are behind in unusual ways.
#include <kindwire/hub.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <asio/io_context.hpp>
#include <asio/strand.hpp>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <kindwire/frame/decoder.hpp>
#include <kindwire/json/reader.hpp>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "sides.hpp"

namespace corners_tests {

namespace kw = kindwire;
using namespace std::chrono_literals;
using strings = std::vector<std::string>;
using hub = kw::hub<std::string>;
using test::side;

namespace {

struct world {
  asio::io_context io;
  hub users{io};

  side make(kw::net::connection_options const& options = {}, kw::role self = kw::role::server) {
    side fresh(io.get_executor(), options, self);
    test::settle(io);
    return fresh;
  }
  void settle() { test::settle(io); }
};

kw::net::connection_options small_queue(std::size_t hard = 10000) {
  kw::net::connection_options options;
  options.send_queue_soft = 100;
  options.send_queue_hard = hard;
  return options;
}

// Encodes each message by itself, so that connections may share it: all bytes are flipped.
class flipping final : public kw::message_extension {
 public:
  class by_byte final : public kw::message_encoder {
   public:
    std::optional<bool> encode(kw::message_type, std::span<std::byte const> payload,
                               kw::buffer& to) const override {
      ++calls;
      for (std::byte each : payload) {
        each = ~each;
        to.append({&each, 1});
      }
      return true;
    }
    std::size_t mutable calls = 0;
  };

  explicit flipping(std::shared_ptr<by_byte> by) : message_extension(0x40), by_(std::move(by)) {}
  std::size_t longest_encoding(std::size_t size, std::size_t) const noexcept override { return size; }
  kw::error decode(std::span<std::byte const>&, std::span<std::byte>&, bool) override {
    return kw::error::reserved_bits;
  }
  bool encode(kw::message_type type, std::span<std::byte const> payload, bool, kw::compress how,
              kw::buffer& to) override {
    return how == kw::compress::yes && by_->encode(type, payload, to).value_or(false);
  }
  std::shared_ptr<kw::message_encoder const> encoder() const noexcept override { return by_; }

 private:
  std::shared_ptr<by_byte> const by_;
};

void encode_by(side& of, std::shared_ptr<flipping::by_byte> const& by) {
  kw::net::detail::websocket_access::state(*of.ws)->set_extension(std::make_unique<flipping>(by));
}

// What was encoded, with a `~` before it.
strings decoded(side& of) {
  std::string written = of.far->written();
  of.far->writes.clear();
  std::span<std::byte> input{reinterpret_cast<std::byte*>(written.data()), written.size()};
  kw::frame_decoder<kw::role::client> decoder;
  decoder.allow_reserved(kw::reserved_bits::of_messages(0x40));
  strings all;
  while (auto const chunk = decoder.next(input)) {
    std::string text{kw::message(chunk.header->type, chunk.payload).text()};
    if (chunk.header->reserved != 0) {
      for (char& each : text) each = static_cast<char>(~each);
      text.insert(0, "~");
    }
    all.push_back(std::move(text));
  }
  return all;
}

// What a client has sent, unmasked.
strings unmasked(side& client) {
  std::string written = client.far->written();
  client.far->writes.clear();
  std::span<std::byte> input{reinterpret_cast<std::byte*>(written.data()), written.size()};
  kw::frame_decoder<kw::role::server> decoder;
  strings heard;
  while (auto const frame = decoder.next(input))
    heard.emplace_back(kw::message(frame.header->type, frame.payload).text());
  return heard;
}

}  // namespace

TEST_CASE("corners: a name holds nothing that drives a terminal or turns the writing direction") {
  world all;
  auto one = all.make();
  auto const ann = all.users.join("ann", *one.ws);
  for (std::string_view const name : {"a\xc2\x9b"
                                      "2J",
                                      "a\xe2\x80\xae"
                                      "b",
                                      "a\xe2\x80\xa8"
                                      "b",
                                      "\xe2\x81\xa6"
                                      "a",
                                      "\xd8\x9c"
                                      "a"}) {
    CAPTURE(name);
    CHECK(ann.enter(name).error == kw::error::invalid_argument);
    CHECK(all.users.join(std::string(name), *one.ws).error() == kw::error::invalid_argument);
  }
  for (std::string_view const name :
       {"__proto__", "constructor", "..", "/", "\xd0\x96", "\xc2\xa0", "a b", "%00"}) {
    CAPTURE(name);
    CHECK(ann.enter(name));
    CHECK(all.users.room(name).publish("x").receivers == 1);
  }
}

TEST_CASE("corners: prices that somebody who is behind publishes to others do not come back") {
  world all;
  auto const room = all.users.room("r", {.slow = kw::slow_reader::latest_per_key});
  auto slow = all.make(small_queue());
  auto other = all.make();
  auto const ann = all.users.join("ann", *slow.ws);
  auto const bob = all.users.join("bob", *other.ws);
  ann.enter("r");
  bob.enter("r");
  slow.far->writes_wait = true;
  for (int i = 0; i < 10; ++i) {
    bob.publish("r", std::string(30, static_cast<char>('a' + i)), {.key = "gold"});
    all.settle();
  }
  ann.publish_to_others("r", "ann's", {.key = "silver"});
  all.settle();
  slow.far->let_write();
  all.settle();
  auto const heard = slow.heard();
  CHECK(std::count(heard.begin(), heard.end(), "ann's") == 0);
  CHECK(heard.back() == std::string(30, 'j'));
}

TEST_CASE("corners: a connection that encodes what it sends gets all of the past, too") {
  world all;
  auto const room = all.users.room("r", {.history = 50, .envelope = false});
  strings sent;
  for (int i = 0; i < 50; ++i) {
    sent.push_back(std::string(30, static_cast<char>('A' + i)));
    room.publish(sent.back());
  }
  auto slow = all.make(small_queue(500), kw::role::client);
  auto const ann = all.users.join("ann", *slow.ws);
  slow.far->writes_wait = true;
  ann.enter("r", {.latest = 50});
  all.settle();
  slow.far->let_write();
  all.settle();
  CHECK(unmasked(slow) == sent);
  CHECK(slow.ws->is_open());
  CHECK(room.missed() == 0);

  // In the midst of a message of its own, which nothing may come between.
  auto busy = all.make(small_queue(500));
  auto const bob = all.users.join("bob", *busy.ws);
  busy.ws->try_send_fragment(kw::message_type::text, kw::detail::as_bytes("be"), false);
  bob.enter("r", {.latest = 50});
  all.settle();
  busy.ws->try_send_fragment(kw::message_type::continuation, kw::detail::as_bytes("gun"), true);
  all.settle();
  sent.insert(sent.begin(), {"be", "gun"});
  CHECK(busy.heard() == sent);
  CHECK(room.missed() == 0);
}

TEST_CASE("corners: who reads nothing holds no past twice, however often a room is entered") {
  for (kw::role const self : {kw::role::server, kw::role::client}) {
    CAPTURE(static_cast<int>(self));
    world all;
    auto const r = all.users.room("r", {.history = 50, .envelope = false});
    auto const s = all.users.room("s", {.history = 50, .envelope = false});
    for (int i = 0; i < 50; ++i) {
      r.publish(std::string(30, 'r'));
      s.publish(std::string(30, 's'));
    }
    auto slow = all.make(small_queue(500), self);
    auto const ann = all.users.join("ann", *slow.ws);
    slow.far->writes_wait = true;
    auto const enter_and_leave = [&](std::string_view room) {
      ann.enter(room, {.latest = 50});
      ann.leave(room);
      all.settle();
    };
    enter_and_leave("r");
    std::size_t const one = slow.ws->queued();
    CHECK(one >= 1500);
    // What is shared waits once for each room; where it is copied, that is enough.
    enter_and_leave("s");
    CHECK(slow.ws->is_open() == (self == kw::role::server));
    CHECK(s.closed() == (self == kw::role::client ? 1U : 0U));
    for (int i = 0; i < 100; ++i) enter_and_leave("r");
    CHECK_FALSE(slow.ws->is_open());
    CHECK(slow.ws->queued() <= 2 * one + 100);
    CHECK(r.closed() == (self == kw::role::server ? 1U : 0U));
    CHECK(r.missed() + s.missed() == 50);
  }
}

TEST_CASE("corners: what is published while somebody still gets the past drops nothing of that") {
  world all;
  auto const room = all.users.room("r", {.history = 20, .slow = kw::slow_reader::drop_oldest});
  for (int i = 100; i < 120; ++i) room.publish(std::to_string(i));
  auto slow = all.make(small_queue());
  auto const ann = all.users.join("ann", *slow.ws);
  slow.far->writes_wait = true;
  ann.enter("r", {.latest = 20});
  all.settle();
  for (int i = 200; i < 210; ++i) {
    room.publish(std::to_string(i));
    all.settle();
  }
  slow.far->let_write();
  all.settle();
  room.publish("300");
  all.settle();
  auto const heard = slow.heard();
  REQUIRE(heard.size() >= 22);
  CHECK(kw::decode<kw::room_entered>(heard[0]));
  for (std::size_t i = 0; i != 20; ++i)
    CHECK(kw::decode<kw::room_message>(heard[i + 1])->message.text == std::to_string(100 + i));
  CHECK(kw::decode<kw::room_message>(heard.back())->message.text == "300");
  CHECK(room.missed() == 32 - heard.size());
}

TEST_CASE("corners: the past that somebody still gets does not make him too slow, but once") {
  for (auto const policy : {kw::slow_reader::close, kw::slow_reader::drop_newest,
                            kw::slow_reader::drop_oldest, kw::slow_reader::latest_per_key}) {
    for (auto const self : {kw::role::server, kw::role::client}) {
      CAPTURE(static_cast<int>(policy));
      CAPTURE(static_cast<int>(self));
      world all;
      auto const room = all.users.room("r", {.history = 20, .slow = policy});
      for (int i = 0; i != 20; ++i) room.publish(std::string(20, '1'));
      auto slow = all.make(small_queue(500), self);
      auto const ann = all.users.join("ann", *slow.ws);
      slow.far->writes_wait = true;
      auto const heard = [&] {
        slow.far->let_write();
        all.settle();
        return self == kw::role::server ? slow.heard() : unmasked(slow);
      };
      auto const says = [](std::string const& what, std::string_view text) {
        auto const message = kw::decode<kw::room_message>(what);
        return message && message->message.text == text;
      };

      ann.enter("r", {.latest = 20});
      all.settle();
      room.publish("7", {.key = "k"});
      all.settle();
      CHECK(room.missed() == 0);
      auto got = heard();
      REQUIRE(got.size() == 22);  // ROOM_ENTERED first
      CHECK(says(got.back(), "7"));

      // That has been read: from now on it is as slow as anybody.
      slow.far->writes_wait = true;
      int given = 0;
      for (; given != 20 && slow.ws->is_open(); ++given) {
        room.publish("8", {.key = "k"});
        all.settle();
      }
      CHECK(slow.ws->is_open() == (policy != kw::slow_reader::close));
      got = heard();
      CHECK(got.size() < 8);
      if (policy == kw::slow_reader::close) CHECK(given < 8);
    }
  }
}

TEST_CASE("corners: who does not read the past at all, or asks for it again instead, is too slow") {
  for (bool const again : {false, true}) {
    CAPTURE(again);
    world all;
    auto const room = all.users.room("r", {.history = 20});
    auto const other = all.users.room("other", {.history = 20});
    for (int i = 0; i != 20; ++i) {
      room.publish(std::string(20, '1'));
      other.publish(std::string(20, '1'));
    }
    auto slow = all.make(small_queue(500));
    auto const ann = all.users.join("ann", *slow.ws);
    slow.far->writes_wait = true;
    // Several rooms at once are one past.
    ann.enter("r", {.latest = 20});
    ann.enter("other", {.latest = 20});
    all.settle();
    room.publish("7");
    all.settle();
    CHECK(slow.ws->is_open());
    if (again) {
      ann.leave("r");
      ann.enter("r", {.latest = 20});
      all.settle();
    }
    int given = 0;
    for (; given != 20 && slow.ws->is_open(); ++given) {
      room.publish("8");
      all.settle();
    }
    CHECK(given < (again ? 2 : 8));
    slow.far->let_write();
    all.settle();
    CHECK(slow.heard().back() == "close 1013");
    CHECK(room.missed() == (again ? 21 : 1));  // ROOM_ENTERED and the past, which is not given twice
  }
}

TEST_CASE("corners: who enters and leaves again and again within one turn is stopped") {
  asio::io_context io;
  hub users{io, {.rooms = {.history = 100}, .max_waiting = 100000}};
  side one(io.get_executor());
  side other(io.get_executor());
  test::settle(io);
  auto const ann = users.join("ann", *one.ws);
  auto const bob = users.join("bob", *other.ws);
  auto const room = users.room("r");
  for (int i = 0; i != 100; ++i) room.publish(std::to_string(i));
  bob.enter("r");
  test::settle(io);
  int entered = 0;
  std::error_code failure;
  while (!failure && entered != 1000) {
    failure = ann.enter("r", {.latest = 100}).error;
    if (failure) break;
    ++entered;
    ann.leave("r");
  }
  CHECK(failure == std::errc::no_buffer_space);
  CHECK(entered > 2);
  CHECK(entered < 50);
  CHECK(room.size() == 1);
  // Others lose nothing by that, and the next turn is another.
  room.publish("for bob");
  test::settle(io);
  CHECK(room.missed() == 0);
  CHECK(!ann.enter("r", {.latest = 100}).error);
  CHECK(room.size() == 2);
}

TEST_CASE("corners: a room that keeps its past for no time, and for ever") {
  using std::chrono::milliseconds;
  for (auto const time : {milliseconds(0), milliseconds(-1), milliseconds(-9223372036854),
                          milliseconds::min(), milliseconds(9223372036854), milliseconds::max()}) {
    CAPTURE(time.count());
    world all;
    auto const room = all.users.room("r", {.history = 10, .history_time = time});
    room.publish("1");
    auto const begin = std::chrono::steady_clock::now();
    while (std::chrono::steady_clock::now() == begin) {}
    auto one = all.make();
    all.users.join("ann", *one.ws).enter("r", {.latest = 10});
    all.settle();
    CHECK(one.heard().size() == (time > 0ms ? 2 : 1));  // ROOM_ENTERED first
  }
}

TEST_CASE("corners: what connections encode alike is one frame, of which the oldest are dropped") {
  world all;
  auto const by = std::make_shared<flipping::by_byte>();
  auto slow = all.make(small_queue());
  auto quick = all.make();
  auto plain = all.make();
  encode_by(slow, by);
  encode_by(quick, by);
  auto const ann = all.users.join("ann", *slow.ws);
  auto const bob = all.users.join("bob", *quick.ws);
  auto const eve = all.users.join("eve", *plain.ws);
  auto const room = all.users.room("r", {.slow = kw::slow_reader::drop_oldest});
  for (auto const* each : {&ann, &bob, &eve}) each->enter("r");
  slow.far->writes_wait = true;
  strings sent, encoded;
  for (int i = 0; i < 20; ++i) {
    sent.push_back(std::string(18, static_cast<char>('a' + i)));
    encoded.push_back("~" + sent.back());
    room.publish(sent.back());
    all.settle();
  }
  CHECK(by->calls == 20);
  CHECK(plain.heard() == sent);
  CHECK(decoded(quick) == encoded);
  slow.far->let_write();
  all.settle();
  auto const heard = decoded(slow);
  REQUIRE(heard.size() == 6);  // of 20 bytes each; one was being written
  CHECK(heard.front() == encoded.front());
  CHECK(strings(heard.end() - 5, heard.end()) == strings(encoded.end() - 5, encoded.end()));
  CHECK(room.missed() == 14);

  room.publish("a secret", {.how = kw::compress::no});
  slow.ws->try_send("own");
  room.publish("last");
  all.settle();
  CHECK(decoded(quick) == strings{"a secret", "~last"});
  CHECK(decoded(slow) == strings{"a secret", "~own", "~last"});
}

TEST_CASE("corners: the policy of a room changes while somebody is behind") {
  for (auto const next :
       {kw::slow_reader::close, kw::slow_reader::drop_newest, kw::slow_reader::drop_oldest}) {
    CAPTURE(static_cast<int>(next));
    world all;
    auto room = all.users.room("r", {.slow = kw::slow_reader::latest_per_key});
    auto slow = all.make(small_queue());
    auto const ann = all.users.join("ann", *slow.ws);
    ann.enter("r");
    slow.far->writes_wait = true;
    for (int i = 0; i < 10; ++i) {
      room.publish(std::string(30, static_cast<char>('a' + i)), {.key = "gold"});
      all.settle();
    }
    room = all.users.room("r", {.slow = next});
    room.publish("changed", {.key = "gold"});
    all.settle();
    slow.far->let_write();
    all.settle();
    room.publish("last", {.key = "gold"});
    all.settle();
    auto const heard = slow.heard();
    if (next == kw::slow_reader::close) {
      CHECK(heard.back() == "close 1013");
    } else {
      CHECK(heard.back() == "last");
      CHECK(std::count(heard.begin(), heard.end(), "last") == 1);
    }
    // And back.
    room = all.users.room("r", {.slow = kw::slow_reader::latest_per_key});
    slow.far->writes_wait = true;
    for (int i = 0; i < 10; ++i) {
      room.publish(std::string(30, static_cast<char>('k' + i)), {.key = "gold"});
      all.settle();
    }
    slow.far->let_write();
    all.settle();
    if (next != kw::slow_reader::close) CHECK(slow.heard().back() == std::string(30, 't'));
  }
}

TEST_CASE("corners: seats are moved, and assigned over each other and themselves") {
  world all;
  strings events;
  all.users.on_enter([&](std::string_view room, std::string const& key) {
    events.push_back("+" + key + std::string(room));
  });
  all.users.on_leave([&](std::string_view room, std::string const& key) {
    events.push_back("-" + key + std::string(room));
  });
  auto one = all.make();
  auto two = all.make();
  hub::seat a = all.users.join("ann", *one.ws);
  hub::seat b = all.users.join("bob", *two.ws);
  a.enter("r");
  b.enter("r");
  hub::seat moved = std::move(a);
  CHECK_FALSE(a);
  CHECK(a.enter("r").error == kw::error::closed);
  CHECK(a.publish("r", "x").error == kw::error::closed);
  CHECK_FALSE(a.send("x"));
  a.leave("r");
  a.leave();
  auto& itself = moved;
  moved = std::move(itself);
  CHECK(moved.key() == "ann");
  b = std::move(moved);
  CHECK(b.key() == "ann");
  CHECK(events == strings{"+annr", "+bobr", "-bobr"});
  CHECK_FALSE(all.users.contains("bob"));
  b = all.users.join("ann", *one.ws);  // the new one is there before the old one leaves
  CHECK(events == strings{"+annr", "+bobr", "-bobr", "-annr"});
  CHECK(all.users.send("ann", "1").receivers == 1);
  std::swap(a, b);
  CHECK(a.send("2").receivers == 1);
  a = {};
  CHECK(all.users.size() == 0);
  all.settle();
  CHECK(one.heard() == strings{"1", "2"});
  CHECK(two.heard().empty());
}

TEST_CASE("corners: a websocket under two keys, and twice under one") {
  world all;
  auto one = all.make();
  auto ann = all.users.join("ann", *one.ws);
  auto bob = all.users.join("bob", *one.ws);
  auto again = all.users.join("ann", *one.ws);
  ann.enter("r");
  bob.enter("r");
  auto const room = all.users.room("r");
  CHECK(room.size() == 2);
  CHECK(room.publish("1").receivers == 2);
  CHECK(room.publish_but(ann, "2").receivers == 1);
  CHECK(all.users.send("ann", "3").receivers == 2);
  ann.leave();
  CHECK(all.users.send("ann", "4").receivers == 1);
  bob.leave();
  again.send("5");
  one.ws->try_send("6");
  again.leave();
  one.ws->try_send("7");
  all.settle();
  CHECK(one.heard() == strings{"1", "1", "2", "3", "3", "4", "5", "6", "7"});
}

TEST_CASE("corners: a websocket that takes its own place stays open") {
  asio::io_context io;
  hub users{io, {.same_key = kw::same_key::replace}};
  side one(io.get_executor()), two(io.get_executor());
  auto const first = users.join("ann", *one.ws);
  auto const again = users.join("ann", *one.ws);
  CHECK(first.enter("r").error == kw::error::closed);
  CHECK(again.enter("r"));
  CHECK(users.send("ann", "hello").receivers == 1);
  test::settle(io);
  CHECK(one.heard() == strings{"hello"});
  // One that is closing anyway.
  one.ws->try_close();
  auto const other = users.join("ann", *two.ws);
  CHECK(users.size() == 1);
  CHECK(users.send("ann", "hello").receivers == 1);
  test::settle(io);
  CHECK(one.heard() == strings{"close 1000"});
  CHECK(two.heard() == strings{"hello"});
  CHECK(other);
}

TEST_CASE("corners: whatever a callback does to whom it is told of") {
  for (int what = 0; what != 6; ++what) {
    CAPTURE(what);
    strings events;  // outlives the seats
    world all;
    auto slow = all.make(small_queue());
    auto other = all.make();
    hub::seat ann = all.users.join("ann", *slow.ws);
    hub::seat bob = all.users.join("bob", *other.ws);
    auto const room = all.users.room("r", {.slow = kw::slow_reader::drop_newest});
    auto const act = [&](std::string_view in) {
      switch (what) {
        case 0: return ann.leave(in);
        case 1: return ann.leave();
        case 2: slow.ws->try_close(); return;
        case 3: slow.ws.reset(); return;
        case 4: {
          if (events.size() > 20) return;
          ann.leave(in);
          ann.enter(in);
          return;
        }
        case 5:
          ann = {};
          ann = all.users.join("ann", *other.ws);
          return;
      }
    };
    all.users.on_enter([&](std::string_view in, std::string const& key) {
      events.push_back("+" + key);
      all.users.room(in).publish("somebody");
      if (key == "ann" && events.size() > 4) act(in);
    });
    all.users.on_leave([&](std::string_view in, std::string const& key) {
      events.push_back("-" + key);
      all.users.room(in).publish("nobody");
      if (key == "ann") act(in);
    });
    all.users.on_missed([&](std::string_view in, std::string const& key, std::size_t, bool) {
      events.push_back("!" + key);
      if (events.size() < 20) all.users.room(in).publish("missed");
      if (key == "ann") act(in);
    });
    bob.enter("r");
    ann.enter("r");
    slow.far->writes_wait = true;
    for (int i = 0; i != 20; ++i) {
      room.publish(std::string(30, 'x'));
      all.settle();
    }
    slow.far->let_write();
    all.settle();
    ann = {};
    all.settle();
    CHECK(all.users.size() == 1);
    CHECK(room.people().size() == 1);
    CHECK(room.publish("end").receivers == 1);
    all.settle();
    CHECK(other.heard().back() == "end");
  }
}

TEST_CASE("corners: what is gone over may be removed meanwhile") {
  world all;
  std::vector<side> sides;
  std::vector<std::optional<hub::seat>> seats;
  for (int i = 0; i != 5; ++i) {
    sides.push_back(all.make());
    seats.emplace_back(all.users.join(std::to_string(i), *sides.back().ws));
    seats.back()->enter("r");
  }
  int seen = 0;
  auto const room = all.users.room("r");
  for (auto const& each : room.people()) {
    ++seen;
    seats[static_cast<std::size_t>(std::stoi(each.key))].reset();
    seats[4].reset();
  }
  CHECK(seen == 5);
  CHECK(all.users.size() == 0);
  CHECK(room.people().empty());
}

TEST_CASE("corners: on a strand, who is behind gets the latest of each key") {
  asio::io_context io;
  hub users{io};
  auto const room = users.room("r", {.slow = kw::slow_reader::latest_per_key});
  side slow(asio::make_strand(io), small_queue());
  test::settle(io);
  auto const ann = users.join("ann", *slow.ws);
  ann.enter("r");
  slow.far->writes_wait = true;
  for (int i = 0; i < 30; ++i) {
    room.publish(std::string(30, static_cast<char>('A' + i)), {.key = i % 2 ? "odd" : "even"});
    if (i % 5 == 0) slow.far->push_frame(kw::role::client, kw::opcode::ping, "p");
    if (i % 3 == 0) room.publish("no key");
    test::settle(io);
  }
  slow.far->let_write();
  test::settle(io);
  auto const heard = slow.heard();
  REQUIRE(heard.size() > 2);
  CHECK(heard[heard.size() - 2] == std::string(30, static_cast<char>('A' + 28)));
  CHECK(heard.back() == std::string(30, static_cast<char>('A' + 29)));
}

TEST_CASE(
    "corners: the latest of each key is kept for nobody once the connections that are behind have ended") {
  world all;
  auto const room = all.users.room("r", {.slow = kw::slow_reader::latest_per_key});
  auto slow = all.make(small_queue());
  auto const ann = all.users.join("ann", *slow.ws);
  ann.enter("r");
  slow.far->writes_wait = true;
  for (int i = 0; i < 10; ++i) {
    room.publish(std::string(30, 'a'), {.key = std::to_string(i)});
    all.settle();
  }
  slow.far->end();
  slow.ws.reset();
  all.settle();
  kw::prepared_message const last{"last"};
  room.publish(last, {.key = "x"});
  all.settle();
  CHECK(last.frame().share() == last.frame().size());
}

TEST_CASE("corners: somebody with three tabs, one of which comes back quickly") {
  asio::io_context io;
  kw::hub<std::string, int> users{io, {.rooms = {.grace = 300ms}}};
  strings events;
  users.on_enter([&](std::string_view, std::string const& key) { events.push_back("+" + key); });
  users.on_leave([&](std::string_view, std::string const& key) { events.push_back("-" + key); });
  side one(io.get_executor()), two(io.get_executor()), three(io.get_executor());
  auto a = std::make_optional(users.join("ann", *one.ws, 1));
  auto b = std::make_optional(users.join("ann", *two.ws, 2));
  auto c = std::make_optional(users.join("ann", *three.ws, 3));
  for (auto* each : {&a, &b, &c}) (*each)->enter("r");
  auto const room = users.room("r");
  CHECK(room.people().at(0).data == 3);
  b->set_data(20);
  CHECK(room.people().at(0).data == 20);
  c.reset();
  CHECK(room.people().at(0).data == 20);
  b.reset();
  CHECK(room.people().at(0).data == 1);
  CHECK(users.people().at(0).data == 1);
  a.reset();
  CHECK(room.people().size() == 1);
  CHECK(users.people().empty());
  a.emplace(users.join("ann", *one.ws, 4));
  io.restart();
  io.run_for(100ms);
  a->enter("r");
  CHECK(room.people().at(0).data == 4);
  io.restart();
  io.run_for(400ms);
  CHECK(events == strings{"+ann"});
  // Leaves of herself in one tab, and is lost in the other.
  b.emplace(users.join("ann", *two.ws, 5));
  b->enter("r");
  a.reset();
  b->leave("r");
  CHECK(events == strings{"+ann", "-ann"});
}

TEST_CASE("corners: a room that is to keep less, or in another form, gives no more and no other") {
  world all;
  auto room = all.users.room("r", {.history = 10});
  std::string const first = room.last_id();
  for (int i = 1; i <= 6; ++i) room.publish(std::to_string(i));
  auto const enter = [&](kw::enter_options const& wanted) {
    auto one = all.make();
    auto const ann = all.users.join("ann", *one.ws);
    bool const complete = ann.enter("r", wanted).complete;
    all.settle();
    strings heard;
    for (auto const& each : one.heard()) {
      if (kw::decode<kw::room_entered>(each)) continue;
      auto const message = kw::decode<kw::room_message>(each);
      heard.push_back(message ? message->message.text : "plain " + each);
    }
    return std::pair(complete, heard);
  };
  CHECK((enter({.since = first}) == std::pair(true, strings{"1", "2", "3", "4", "5", "6"})));
  room = all.users.room("r", {.history = 2});
  CHECK((enter({.latest = 10}) == std::pair(true, strings{"5", "6"})));
  CHECK((enter({.since = first}) == std::pair(false, strings{"5", "6"})));
  std::string const last = room.last_id();
  room = all.users.room("r", {.history = 10, .envelope = false});
  CHECK((enter({.latest = 10}) == std::pair(true, strings{})));
  room.publish("any text");
  CHECK((enter({.latest = 10}) == std::pair(true, strings{"plain any text"})));
  room = all.users.room("r", {.history = 10});
  room.publish("7");
  CHECK((enter({.since = last}) == std::pair(false, strings{"7"})));
}

TEST_CASE(
    "corners: who comes and goes while another thread publishes misses nothing and gets nothing twice") {
  constexpr int messages = 20000;
  constexpr int kept = 500;
  world all;
  auto const room = all.users.room("r", {.history = kept});
  std::string last = room.last_id();
  std::atomic<int> heard_until{0};
  std::thread publisher([&] {
    for (int i = 1; i <= messages; ++i) {
      while (i - heard_until > kept / 2) std::this_thread::yield();
      room.publish(std::to_string(i));
    }
  });
  int expected = 1;
  int visits = 0;
  bool right = true;
  auto const begin = std::chrono::steady_clock::now();
  while (expected <= messages && right && std::chrono::steady_clock::now() - begin < 120s) {
    ++visits;
    auto visitor = all.make();
    {
      auto const ann = all.users.join("ann", *visitor.ws);
      right = ann.enter("r", {.since = last}).complete;
      for (int i = 0; i != visits % 7; ++i) all.io.poll_one();
    }
    all.settle();
    for (auto const& each : visitor.heard()) {
      if (auto const entered = kw::decode<kw::room_entered>(each)) {
        right = right && entered->complete;
        continue;
      }
      auto const message = kw::decode<kw::room_message>(each);
      right = right && message && message->message.text == std::to_string(expected++);
      if (message) last = message->id;
    }
    heard_until = expected - 1;
  }
  heard_until = messages;
  publisher.join();
  CHECK(right);
  CHECK(expected == messages + 1);
  CHECK(visits > 10);
}

}  // namespace corners_tests
