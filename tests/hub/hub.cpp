// What users and rooms of a hub get, and in which order.
#include <kindwire/hub.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <asio/io_context.hpp>
#include <asio/strand.hpp>
#include <chrono>
#include <cstddef>
#include <kindwire/frame/decoder.hpp>
#include <kindwire/json/reader.hpp>
#include <kindwire/json/writer.hpp>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include "sides.hpp"

namespace hub_tests {

namespace kw = kindwire;
using namespace std::chrono_literals;
using strings = std::vector<std::string>;
using test::side;

namespace {

struct progress {
  double value = 0;
  static constexpr auto schema = kw::kind("UPLOAD_PROGRESS", kw::field("value", &progress::value));
};

struct world {
  asio::io_context io;
  kw::hub<std::string> users{io};

  side make(kw::net::connection_options const& options = {}) {
    side fresh(io.get_executor(), options);
    test::settle(io);
    return fresh;
  }
  void settle() { test::settle(io); }
};

// A connection whose peer reads nothing once its soft mark of 100 bytes is passed.
kw::net::connection_options small_queue() {
  kw::net::connection_options options;
  options.send_queue_soft = 100;
  options.send_queue_hard = 10000;
  return options;
}

strings texts_of(strings const& heard) {
  strings all;
  for (auto const& each : heard) {
    auto const message = kw::decode<kw::room_message>(each);
    all.push_back(message ? message->message.text : each);
  }
  return all;
}

}  // namespace

TEST_CASE("a key has any number of connections, each by a seat that leaves by itself") {
  world all;
  auto tab = all.make();
  auto phone = all.make();
  auto other = all.make();
  auto const bob = all.users.join("bob", *other.ws);
  {
    auto const first = all.users.join("ann", *tab.ws);
    auto const second = all.users.join("ann", *phone.ws);
    CHECK(first);
    CHECK(first.key() == "ann");
    CHECK(all.users.size() == 3);
    CHECK(all.users.people().size() == 2);
    CHECK(all.users.contains("ann"));
    CHECK(all.users.send("ann", "hello").receivers == 2);
    CHECK(all.users.send("ann", progress{42.5}).receivers == 2);
    CHECK(all.users.send_to(std::set<std::string>{"ann", "bob", "eve"}, "you").receivers == 3);
    CHECK(all.users.send_all_but(first, std::vector<std::byte>{std::byte{'x'}}).receivers == 2);
    all.settle();
    strings const common{"hello", R"({"kind":"UPLOAD_PROGRESS","value":42.5})", "you"};
    CHECK(tab.heard() == common);
    auto more = common;
    more.push_back("x");
    CHECK(phone.heard() == more);
    CHECK(other.heard() == strings{"you", "x"});
  }
  CHECK_FALSE(all.users.contains("ann"));
  CHECK_FALSE(all.users.send("ann", "nobody"));
  CHECK(all.users.send_all("all").receivers == 1);
  all.settle();
  CHECK(tab.heard().empty());
  CHECK(other.heard() == strings{"all"});
}

TEST_CASE("what is published in a turn leaves in one write, in the order of the calls") {
  world all;
  auto one = all.make();
  auto two = all.make();
  auto const ann = all.users.join("ann", *one.ws);
  auto const bob = all.users.join("bob", *two.ws);
  ann.enter("a");
  ann.enter("b");
  bob.enter("a");
  all.settle();
  auto const a = all.users.room("a");
  auto const b = all.users.room("b");
  CHECK(a.publish("1").receivers == 2);
  CHECK(b.publish("2").receivers == 1);
  all.users.send("ann", "3");
  a.publish("4");
  a.publish("5");
  one.ws->try_send("6");
  a.publish("7");
  all.settle();
  CHECK(one.heard() == strings{"1", "2", "3", "4", "5", "6", "7"});
  CHECK(two.far->writes.size() == 1);
  CHECK(two.heard() == strings{"1", "4", "5", "7"});
}

TEST_CASE("who leaves a room gets what was published before, and nothing after") {
  world all;
  auto one = all.make();
  auto const ann = all.users.join("ann", *one.ws);
  auto const room = all.users.room("a");
  room.publish("too early");
  ann.enter("a");
  room.publish("1");
  ann.leave("a");
  room.publish("too late");
  ann.enter("a");
  room.publish("2");
  CHECK(ann.enter("a"));
  room.publish("3");
  all.settle();
  CHECK(one.heard() == strings{"1", "2", "3"});
}

TEST_CASE("what was sent to a connection leaves before its Close") {
  world all;
  auto one = all.make();
  auto ann = all.users.join("ann", *one.ws);
  ann.enter("a");
  all.users.room("a").publish("last words");
  ann.leave();
  one.ws->try_close();
  all.settle();
  CHECK(one.heard() == strings{"last words", "close 1000"});
}

TEST_CASE("a connection that has ended is no receiver any more, whatever its seat does") {
  world all;
  auto one = std::make_unique<side>(all.make());
  auto const ann = all.users.join("ann", *one->ws);
  ann.enter("a");
  all.settle();
  one->ws->try_close();
  all.settle();
  CHECK_FALSE(all.users.join("late", *one->ws));
  CHECK(all.users.join("late", *one->ws).error() == kw::error::closed);
  one->far->end();
  all.settle();
  all.users.room("a").publish("nobody hears it");
  all.users.send("ann", "nor this");
  all.settle();
  CHECK(one->heard() == strings{"close 1000"});
  one.reset();
  all.users.room("a").publish("nor this");
  all.settle();
}

TEST_CASE("a second connection of a key is refused, or takes the place of the first") {
  for (bool const replaces : {false, true}) {
    asio::io_context io;
    kw::hub<std::string> users{io, {.same_key = replaces ? kw::same_key::replace : kw::same_key::refuse}};
    side one(io.get_executor());
    side two(io.get_executor());
    auto const first = users.join("ann", *one.ws);
    first.enter("a");
    auto const second = users.join("ann", *two.ws);
    CHECK(static_cast<bool>(second) == replaces);
    if (replaces) {
      CHECK(first.enter("b").error == kw::error::closed);
      CHECK(users.room("a").size() == 0);
    } else {
      CHECK(second.error() == std::errc::already_connected);
    }
    users.send("ann", "hello");
    test::settle(io);
    CHECK(one.heard() == (replaces ? strings{"close 4409"} : strings{"hello"}));
    CHECK(two.heard() == (replaces ? strings{"hello"} : strings{}));
    CHECK(users.size() == 1);
  }
}

TEST_CASE("names and keys are bounded and printable, and a function decides who may enter") {
  world all;
  auto one = all.make();
  all.users.may_enter(
      [](std::string const& key, std::string_view room) { return key == "ann" && room != "secret"; });
  auto const ann = all.users.join("ann", *one.ws);
  CHECK(ann.enter("lobby"));
  CHECK(ann.enter("secret").error == std::errc::permission_denied);
  std::string const long_name(200, 'a');
  for (std::string_view const name : std::vector<std::string_view>{"", "a\nb", "\x7f", "\xff", long_name}) {
    CAPTURE(name);
    CHECK(ann.enter(name).error == kw::error::invalid_argument);
    CHECK_THROWS_AS(all.users.room(name), std::system_error);
    CHECK(all.users.join(std::string(name), *one.ws).error() == kw::error::invalid_argument);
  }
  CHECK(ann.enter("caf\xc3\xa9"));
}

TEST_CASE("rooms are forgotten when nobody can know of them, and are no more than allowed") {
  asio::io_context io;
  kw::hub<std::string> users{io, {.max_rooms = 3, .max_rooms_a_seat = 2}};
  side one(io.get_executor());
  auto const ann = users.join("ann", *one.ws);
  CHECK(ann.enter("a"));
  CHECK(ann.enter("b"));
  CHECK(ann.enter("c").error == std::errc::no_buffer_space);
  CHECK(users.rooms() == strings{"a", "b"});
  {
    auto const held = users.room("d");
    CHECK_THROWS_AS(users.room("e"), std::system_error);
  }
  auto const now = users.room("e");
  ann.leave("a");
  CHECK(users.rooms() == strings{"b", "e"});
}

TEST_CASE("a room with history gives what was missed, in order, before what is newer") {
  world all;
  auto const room = all.users.room("r", {.history = 3});
  CHECK(room.publish(R"("1")").receivers == 0);
  std::string const first = room.last_id();
  room.publish(R"("2")");
  room.publish(R"("3")");

  auto one = all.make();
  auto const ann = all.users.join("ann", *one.ws);
  auto const entering = ann.enter("r", {.since = first});
  CHECK(entering);
  CHECK(entering.complete);
  room.publish(R"("4")");
  all.settle();
  auto const heard = one.heard();
  REQUIRE(heard.size() == 4);
  auto const greeting = kw::decode<kw::room_entered>(heard[0]);
  REQUIRE(greeting);
  CHECK(greeting->room == "r");
  CHECK(greeting->complete);
  CHECK(texts_of(heard) == strings{heard[0], R"("2")", R"("3")", R"("4")"});
  CHECK(kw::decode<kw::room_message>(heard[3])->id == room.last_id());
  CHECK(kw::decode<kw::room_message>(heard[2])->id == greeting->id);

  // Too late for the second, and for anything of another time.
  room.publish(R"("5")");
  for (std::string const& since :
       {first, std::string("elsewhere-3"), room.last_id() + "9", std::string("-")}) {
    CAPTURE(since);
    auto two = all.make();
    auto const bob = all.users.join("bob", *two.ws);
    CHECK(bob.enter("r", {.since = since}).complete == false);
    all.settle();
    auto const told = two.heard();
    CHECK(kw::decode<kw::room_entered>(told.at(0))->complete == false);
    CHECK(texts_of(told) == strings{told[0], R"("3")", R"("4")", R"("5")"});
  }
  auto three = all.make();
  auto const eve = all.users.join("eve", *three.ws);
  CHECK(eve.enter("r", {.since = room.last_id()}).complete);
  eve.leave("r");
  eve.enter("r", {.latest = 2});
  all.settle();
  auto const told = three.heard();
  CHECK(texts_of(told) == strings{told.at(0), told.at(1), R"("4")", R"("5")"});

  CHECK(room.publish("no JSON").error);
  CHECK(room.publish(std::vector<std::byte>(3)).error == kw::error::invalid_argument);
  CHECK(room.publish(progress{1}).receivers == 2);
}

TEST_CASE("what was promised of the past comes whole, however much more it is than may be queued") {
  for (auto const policy : {kw::slow_reader::close, kw::slow_reader::drop_newest,
                            kw::slow_reader::drop_oldest, kw::slow_reader::latest_per_key}) {
    world all;
    auto const room = all.users.room("r", {.history = 50, .envelope = false, .slow = policy});
    strings sent;
    for (int i = 0; i < 50; ++i) {
      sent.push_back(std::string(30, static_cast<char>('A' + i)));
      room.publish(sent.back(), {.key = i % 2 == 0 ? "even" : "odd"});
    }
    auto slow = all.make(small_queue());
    auto const ann = all.users.join("ann", *slow.ws);
    slow.far->writes_wait = true;
    ann.enter("r", {.latest = 50});
    all.settle();
    slow.far->let_write();
    all.settle();
    CHECK(slow.heard() == sent);
    CHECK(slow.ws->is_open());
    CHECK(room.missed() == 0);
  }
}

TEST_CASE("a room that was forgotten and made again knows that it does not know") {
  world all;
  std::string id;
  {
    auto const room = all.users.room("r", {.history = 5, .history_time = 0ms});
    for (int i = 0; i < 3; ++i) room.publish(R"("old")");
    id = room.last_id();
    room.publish(R"("missed")");
    std::this_thread::sleep_for(2ms);
  }
  CHECK(all.users.rooms().empty());
  auto const room = all.users.room("r", {.history = 5});
  for (int i = 0; i < 5; ++i) room.publish(R"("new")");
  auto one = all.make();
  auto const ann = all.users.join("ann", *one.ws);
  CHECK_FALSE(ann.enter("r", {.since = id}).complete);
  ann.leave("r");
  CHECK(ann.enter("r", {.since = room.last_id()}).complete);
}

TEST_CASE("a burst in one turn closes nobody who could have taken it") {
  world all;
  auto one = all.make(small_queue());
  auto const ann = all.users.join("ann", *one.ws);
  ann.enter("a");
  ann.enter("b");
  all.settle();
  strings sent;
  for (int i = 0; i < 20; ++i) {
    sent.push_back(std::string(60, static_cast<char>('A' + i)));
    all.users.room(i % 2 == 0 ? "a" : "b").publish(sent.back());
  }
  all.settle();
  CHECK(one.heard() == sent);
  CHECK(one.ws->is_open());
}

TEST_CASE("messages without a key, too, are dropped from the oldest") {
  world all;
  auto const room = all.users.room("r", {.slow = kw::slow_reader::drop_oldest});
  auto slow = all.make(small_queue());
  auto const ann = all.users.join("ann", *slow.ws);
  ann.enter("r");
  slow.far->writes_wait = true;
  for (int i = 100; i < 500; ++i) {
    room.publish(std::to_string(i) + std::string(15, '.'));
    all.settle();
  }
  slow.far->let_write();
  all.settle();
  auto const heard = slow.heard();
  REQUIRE(heard.size() > 4);
  CHECK(heard.size() < 15);
  CHECK(heard.back().starts_with("499"));
  CHECK(room.missed() == 400 - heard.size());
}

TEST_CASE("who waits for the prices of one room gets what is said in another") {
  world all;
  auto const prices = all.users.room("prices", {.slow = kw::slow_reader::latest_per_key});
  auto slow = all.make(small_queue());
  auto const ann = all.users.join("ann", *slow.ws);
  ann.enter("prices");
  ann.enter("chat");
  slow.far->writes_wait = true;
  for (int i = 10; i < 30; ++i) {
    prices.publish(std::to_string(i) + std::string(18, '$'), {.key = "gold"});
    all.settle();
  }
  // All has been taken, but nobody has told us yet.
  slow.far->let_write();
  for (int i = 0; i < 3; ++i) all.io.poll_one();
  all.users.room("chat").publish("hello");
  all.settle();
  auto const heard = slow.heard();
  CHECK(slow.ws->is_open());
  CHECK(std::count(heard.begin(), heard.end(), "hello") == 1);
  CHECK(std::count(heard.begin(), heard.end(), "29" + std::string(18, '$')) == 1);
}

TEST_CASE("a client that has fallen behind catches up before anything newer") {
  world all;
  auto const prices = all.users.room("prices", {.slow = kw::slow_reader::latest_per_key});
  side client(all.io.get_executor(), small_queue(), kw::role::client);
  auto const ann = all.users.join("ann", *client.ws);
  ann.enter("prices");
  client.far->writes_wait = true;
  for (int i = 0; i < 30; ++i) {
    prices.publish(std::string(18, static_cast<char>('a' + i % 3)), {.key = std::to_string(i % 3)});
    all.settle();
  }
  prices.publish("newer");
  client.far->let_write();
  all.settle();
  std::string written = client.far->written();
  std::span<std::byte> input{reinterpret_cast<std::byte*>(written.data()), written.size()};
  kw::frame_decoder<kw::role::server> decoder;
  strings heard;
  while (auto const frame = decoder.next(input))
    heard.emplace_back(kw::message(frame.header->type, frame.payload).text());
  CHECK(heard.size() < 12);
  for (char const each : {'a', 'b', 'c'})
    CHECK(std::find(heard.end() - 4, heard.end(), std::string(18, each)) != heard.end());
}

TEST_CASE("a connection in two hubs gets what is sent by both before its Close") {
  world all;
  kw::hub<std::string> others;
  auto one = all.make();
  auto mine = all.users.join("ann", *one.ws);
  auto const theirs = others.join("ann", *one.ws);
  all.users.send("ann", "0");
  mine.leave();
  others.send("ann", "1");
  one.ws->try_send("2");
  one.ws->try_close();
  all.settle();
  CHECK(one.heard() == strings{"0", "1", "2", "close 1000"});
}

TEST_CASE("a websocket that is destroyed has sent what was published, and a Close") {
  world all;
  auto one = all.make();
  auto const ann = all.users.join("ann", *one.ws);
  ann.enter("a");
  ann.enter("b");
  all.settle();
  all.users.room("a").publish("1");
  all.users.room("b").publish("2");
  one.ws.reset();
  std::string const expected =
      "\x81\x01"
      "1\x81\x01"
      "2\x88";
  CHECK(one.far->written().substr(0, expected.size()) == expected);
}

TEST_CASE("what a context does not come to is bounded, and counted") {
  asio::io_context io;
  kw::hub<std::string> users{kw::hub_options{.max_waiting = 1000}};
  side one(io.get_executor());
  auto const ann = users.join("ann", *one.ws);
  ann.enter("r");
  auto const room = users.room("r");
  std::size_t receivers = 0;
  for (int i = 0; i < 100; ++i) receivers += room.publish(std::string(98, 'x')).receivers;
  CHECK(receivers == 10);
  CHECK(room.missed() == 90);
  test::settle(io);
  CHECK(one.heard().size() == 10);
  CHECK(room.publish(std::string(5000, 'x')));
}

TEST_CASE("a hub may be destroyed by what it tells, and tells nothing after that") {
  asio::io_context io;
  side one(io.get_executor());
  auto users = std::make_unique<kw::hub<std::string>>();
  strings events;
  users->on_enter([&](std::string_view, std::string const&) { events.push_back("+"); });
  users->on_leave([&](std::string_view room, std::string const&) {
    events.push_back("-" + std::string(room));
    users.reset();
  });
  {
    auto const ann = users->join("ann", *one.ws);
    ann.enter("a");
    ann.enter("b");
    ann.enter("c");
  }
  CHECK(events.size() == 4);
  CHECK(users == nullptr);
}

TEST_CASE("a grace time covers a connection that takes the place of another") {
  asio::io_context io;
  kw::hub<std::string> users{io, {.same_key = kw::same_key::replace, .rooms = {.grace = 10s}}};
  strings events;
  users.on_enter([&](std::string_view, std::string const& key) { events.push_back("+" + key); });
  users.on_leave([&](std::string_view, std::string const& key) { events.push_back("-" + key); });
  side one(io.get_executor());
  side two(io.get_executor());
  auto const first = users.join("ann", *one.ws);
  first.enter("r");
  auto const second = users.join("ann", *two.ws);
  second.enter("r");
  CHECK(events == strings{"+ann"});
}

TEST_CASE("a quiet room that is kept for long keeps no other, and for ever is possible") {
  asio::io_context io;
  kw::hub<std::string> users{kw::hub_options{.max_rooms = 4}};
  users.room("long", {.history = 1, .history_time = (std::chrono::milliseconds::max)()}).publish("1");
  for (int i = 0; i < 20; ++i) {
    users.room(std::to_string(i), {.history = 1, .history_time = 0ms}).publish("1");
    std::this_thread::sleep_for(2ms);
  }
  side one(io.get_executor());
  auto const ann = users.join("ann", *one.ws);
  CHECK(ann.enter("long", {.latest = 1}));
  test::settle(io);
  CHECK(one.heard().size() == 2);
}

TEST_CASE("what is not to be kept goes out as it is, in its order, and is not kept") {
  world w;
  auto const room = w.users.room("x", {.history = 10});
  side a = w.make(), b = w.make();
  auto ann = w.users.join("ann", *a.ws);
  ann.enter("x");
  ann.publish("x", "1");
  CHECK(ann.publish("x", "who is typing", {.keep = false}));
  CHECK(room.publish(std::vector<unsigned char>{'b'}, {.keep = false}));
  ann.publish("x", "2");
  w.settle();
  strings heard = a.heard();
  heard.erase(heard.begin());
  CHECK(texts_of(heard) == strings{"1", "who is typing", "b", "2"});
  auto bob = w.users.join("bob", *b.ws);
  bob.enter("x", {.latest = 10});
  w.settle();
  heard = b.heard();
  heard.erase(heard.begin());
  CHECK(texts_of(heard) == strings{"1", "2"});
}

TEST_CASE("history without an envelope, and for a while only") {
  world all;
  auto const room = all.users.room("r", {.history = 10, .history_time = 800ms, .envelope = false});
  room.publish("any text");
  auto one = all.make();
  auto const ann = all.users.join("ann", *one.ws);
  CHECK(ann.enter("r", {.latest = 5}));
  all.settle();
  CHECK(one.heard() == strings{"any text"});
  ann.leave("r");
  all.io.restart();
  all.io.run_for(900ms);
  ann.enter("r", {.latest = 5});
  all.settle();
  CHECK(one.heard().empty());
}

TEST_CASE("presence has each once, with his data, and does not flap when he comes back soon") {
  asio::io_context io;
  kw::hub<std::string, int> users{io};
  strings events;
  users.on_enter([&](std::string_view room, std::string const& key) {
    events.push_back(std::string(room) + "+" + key);
  });
  users.on_leave([&](std::string_view room, std::string const& key) {
    events.push_back(std::string(room) + "-" + key);
  });
  auto const room = users.room("r", {.grace = 500ms});
  side one(io.get_executor());
  side two(io.get_executor());
  {
    auto const tab = users.join("ann", *one.ws, 1);
    auto const phone = users.join("ann", *two.ws, 2);
    tab.enter("r");
    phone.enter("r");
    phone.set_data(3);
    REQUIRE(room.people().size() == 1);
    CHECK(room.people()[0].data == 3);
    CHECK(room.size() == 2);
    tab.leave("r");
    CHECK(events == strings{"r+ann"});
  }
  CHECK(room.people().size() == 1);
  CHECK(room.size() == 0);
  {
    auto const again = users.join("ann", *one.ws, 4);
    again.enter("r");
    CHECK(events == strings{"r+ann"});
    CHECK(room.people()[0].data == 4);
  }
  auto const begin = std::chrono::steady_clock::now();
  io.restart();
  while (events.size() == 1 && std::chrono::steady_clock::now() - begin < 30s) io.run_one_for(1s);
  CHECK(events == strings{"r+ann", "r-ann"});
  CHECK(room.people().empty());

  // Who leaves of himself is gone at once.
  auto const tab = users.join("ann", *one.ws, 1);
  tab.enter("r");
  tab.leave("r");
  CHECK(events == strings{"r+ann", "r-ann", "r+ann", "r-ann"});
  CHECK_THROWS_AS((kw::hub<std::string>{}.room("r", {.grace = 1ms})), std::system_error);
}

TEST_CASE("what is told may call back") {
  world all;
  auto one = all.make();
  std::optional<kw::hub<std::string>::seat> extra;
  strings events;
  all.users.on_enter([&](std::string_view room, std::string const&) {
    events.push_back("+" + std::string(room));
    all.users.room(room).publish("somebody came");
    if (room == "a") {
      extra.emplace(all.users.join("bob", *one.ws));
      extra->enter("b");
    }
    throw 1;
  });
  all.users.on_leave([&](std::string_view room, std::string const&) {
    events.push_back("-" + std::string(room));
    extra.reset();
  });
  {
    auto const ann = all.users.join("ann", *one.ws);
    ann.enter("a");
    CHECK(events == strings{"+a", "+b"});
  }
  CHECK(events == strings{"+a", "+b", "-a", "-b"});
  all.settle();
  CHECK(one.heard() == strings{"somebody came", "somebody came"});
}

TEST_CASE("a slow reader is closed, or misses the newest, the oldest, or all but the latest of each key") {
  for (auto const policy : {kw::slow_reader::close, kw::slow_reader::drop_newest,
                            kw::slow_reader::drop_oldest, kw::slow_reader::latest_per_key}) {
    CAPTURE(static_cast<int>(policy));
    world all;
    std::size_t missed = 0;
    bool closed = false;
    all.users.on_missed(
        [&](std::string_view room, std::string const& key, std::size_t messages, bool was_closed) {
          CHECK(room == "r");
          CHECK(key == "ann");
          missed += messages;
          closed |= was_closed;
        });
    auto const room = all.users.room("r", {.slow = policy});
    auto slow = all.make(small_queue());
    auto quick = all.make();
    auto const ann = all.users.join("ann", *slow.ws);
    auto const bob = all.users.join("bob", *quick.ws);
    ann.enter("r");
    bob.enter("r");
    slow.far->writes_wait = true;
    strings sent;
    for (int i = 0; i < 20; ++i) {
      sent.push_back(std::string(18, static_cast<char>('a' + i)));
      room.publish(sent.back(), {.key = i % 2 == 0 ? "even" : "odd"});
      all.settle();
    }
    CHECK(quick.heard() == sent);
    slow.far->let_write();
    all.settle();
    auto const heard = slow.heard();
    strings const first(sent.begin(), sent.begin() + 6);  // 20 bytes each
    CHECK(closed == (policy == kw::slow_reader::close));
    switch (policy) {
      case kw::slow_reader::close: {
        auto expected = first;
        expected.push_back("close 1013");
        CHECK(heard == expected);
        CHECK(missed == 1);
        break;
      }
      case kw::slow_reader::drop_newest:
        CHECK(heard == first);
        CHECK(missed == 14);
        break;
      case kw::slow_reader::drop_oldest:
        // One was being written.
        REQUIRE(heard.size() == 6);
        CHECK(heard.front() == sent.front());
        CHECK(strings(heard.end() - 5, heard.end()) == strings(sent.end() - 5, sent.end()));
        CHECK(missed == 14);
        break;
      case kw::slow_reader::latest_per_key: {
        auto expected = first;
        expected.insert(expected.end(), {sent[18], sent[19]});
        CHECK(heard == expected);
        break;
      }
    }
    CHECK(room.missed() == missed);
    CHECK(bob);
  }
}

TEST_CASE("clients, which mask, and those in the midst of a message of their own get it too") {
  world all;
  side client(all.io.get_executor(), {}, kw::role::client);
  auto busy = all.make();
  auto const ann = all.users.join("ann", *client.ws);
  auto const bob = all.users.join("bob", *busy.ws);
  busy.ws->try_send_fragment(kw::message_type::text, kw::detail::as_bytes("be"), false);
  all.users.send_all("news");
  all.settle();
  CHECK(busy.heard() == strings{"be"});
  std::string written = client.far->written();
  std::span<std::byte> input{reinterpret_cast<std::byte*>(written.data()), written.size()};
  kw::frame_decoder<kw::role::server> decoder;
  auto const frame = decoder.next(input);
  REQUIRE(frame);
  CHECK(kw::message(frame.header->type, frame.payload).text() == "news");
  busy.ws->try_send_fragment(kw::message_type::continuation, kw::detail::as_bytes("gun"), true);
  all.settle();
  CHECK(busy.heard() == strings{"gun", "news"});
}

TEST_CASE("seats and rooms may outlive the hub, and the hub its context") {
  std::optional<kw::hub<std::string>::seat> seat;
  std::optional<kw::hub<std::string>::room_type> room;
  std::optional<kw::hub<std::string>> users;
  {
    asio::io_context io;
    side one(io.get_executor());
    users.emplace();
    seat.emplace(users->join("ann", *one.ws));
    seat->enter("r");
    room.emplace(users->room("r"));
    test::settle(io);
    room->publish("never carried out");
    one.far->drop();
  }
  room->publish("to nobody");
  users->send("ann", "to nobody");
  users.reset();
  room->publish("to nobody");
  seat.reset();
  CHECK(room->size() == 0);
}

}  // namespace hub_tests
