// Two hubs that a backplane joins to one.
#include <kindwire/hub.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <asio/io_context.hpp>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <kindwire/hub/memory_backplane.hpp>
#include <kindwire/json/reader.hpp>
#include <kindwire/json/writer.hpp>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include "sides.hpp"

namespace nodes_tests {

namespace kw = kindwire;
using namespace std::chrono_literals;
using strings = std::vector<std::string>;
using test::side;

namespace {

struct profile {
  std::string colour;
  static constexpr auto schema = kw::object(kw::field("colour", &profile::colour));
};

using hub = kw::hub<std::string, std::string>;

struct world {
  explicit world(kw::hub_options const& options = {}) {
    for (auto* node : {&one, &two}) {
      node->emplace(io, bus, options);
      (*node)->on_enter(
          [this, node](std::string_view room, std::string const& key) { tell(node, "+", room, key); });
      (*node)->on_leave(
          [this, node](std::string_view room, std::string const& key) { tell(node, "-", room, key); });
    }
    settle();
  }

  void tell(void const* node, std::string what, std::string_view room, std::string const& key) {
    told.push_back((node == &one ? "1 " : "2 ") + what + key + " " + std::string(room));
  }
  side make() {
    side fresh(io.get_executor());
    settle();
    return fresh;
  }
  void settle() { test::settle(io); }
  strings heard_of() { return std::exchange(told, {}); }

  asio::io_context io;
  kw::memory_backplane bus;
  std::optional<hub> one, two;
  strings told;
};

// What room_messages hold; of room_entered, whether it was all.
strings texts_of(strings const& heard) {
  strings all;
  for (auto const& each : heard) {
    if (auto const entered = kw::decode<kw::room_entered>(each)) {
      all.push_back(entered->complete ? "all" : "not all");
    } else {
      auto const message = kw::decode<kw::room_message>(each);
      all.push_back(message ? message->message.text : each);
    }
  }
  return all;
}

// The id of the last room_message, or of the room_entered if there is none.
std::string last_id(strings const& heard) {
  std::string id;
  for (auto const& each : heard) {
    if (auto const entered = kw::decode<kw::room_entered>(each)) id = entered->id;
    if (auto const message = kw::decode<kw::room_message>(each)) id = message->id;
  }
  return id;
}

kw::hub_options with_history(std::size_t most = 10) {
  kw::hub_options options;
  options.rooms.history = most;
  return options;
}

}  // namespace

TEST_CASE("what is published on one node comes to the members on all, in one order") {
  world w;
  side a = w.make(), b = w.make(), c = w.make();
  auto ann = w.one->join("ann", *a.ws), bob = w.two->join("bob", *b.ws), cid = w.two->join("cid", *c.ws);
  CHECK(ann.enter("x"));
  CHECK(bob.enter("x"));
  CHECK(cid.enter("y"));
  kw::delivery const sent = ann.publish("x", "1");
  CHECK(sent);
  CHECK(sent.elsewhere);
  CHECK(sent.receivers == 1);
  CHECK(bob.publish_to_others("x", "2"));
  CHECK(w.one->room("x").publish("3"));
  CHECK(w.two->room("x").publish_but(bob, std::vector<unsigned char>{'4'}));
  w.settle();
  CHECK(a.heard() == strings{"1", "2", "3", "4"});
  CHECK(b.heard() == strings{"1", "3"});
  CHECK(c.heard().empty());
}

TEST_CASE("a key and all are reached on whichever node they are") {
  world w;
  side a = w.make(), b = w.make(), c = w.make();
  auto ann = w.one->join("ann", *a.ws), again = w.two->join("ann", *b.ws), bob = w.two->join("bob", *c.ws);
  CHECK(w.one->send("ann", "to ann"));
  CHECK(w.one->send("bob", "to bob").receivers == 0);
  CHECK(w.one->send_to(strings{"ann", "bob"}, "both"));
  CHECK(w.two->send_all("all"));
  CHECK(w.two->send_all_but(bob, "but bob"));
  w.settle();
  CHECK(a.heard() == strings{"to ann", "both", "all", "but bob"});
  CHECK(b.heard() == strings{"to ann", "both", "all", "but bob"});
  CHECK(c.heard() == strings{"to bob", "both", "all"});
  again.leave();
  w.one->send("ann", "later");
  w.settle();
  CHECK(a.heard() == strings{"later"});
  CHECK(b.heard().empty());
}

TEST_CASE("who comes back to another node gets what was missed, once and in order") {
  world w(with_history());
  side a = w.make(), b = w.make();
  auto ann = w.one->join("ann", *a.ws), bob = w.two->join("bob", *b.ws);
  ann.enter("x");
  bob.enter("x");
  for (auto each : {"1", "2", "3"}) CHECK(ann.publish("x", each));
  w.settle();
  strings const heard = b.heard();
  CHECK(texts_of(heard) == strings{"all", "1", "2", "3"});
  std::string const last = last_id(heard);
  bob.leave();
  CHECK(ann.publish("x", "4"));
  w.settle();
  a.heard();

  side c = w.make(), d = w.make();
  auto here = w.one->join("bob", *c.ws), there = w.two->join("bob", *d.ws);
  here.enter("x", {.since = last});
  there.enter("x", {.since = last});
  CHECK(ann.publish("x", "5"));
  w.settle();
  CHECK(texts_of(c.heard()) == strings{"all", "4", "5"});
  CHECK(texts_of(d.heard()) == strings{"all", "4", "5"});

  // As many as asked for; and nothing of the past.
  side e = w.make(), f = w.make();
  auto few = w.two->join("e", *e.ws), none = w.two->join("f", *f.ws);
  few.enter("x", {.latest = 2});
  none.enter("x");
  w.settle();
  CHECK(texts_of(e.heard()) == strings{"all", "4", "5"});
  CHECK(texts_of(f.heard()) == strings{"all"});
}

TEST_CASE("what is not to be kept comes to all nodes, and is not kept") {
  world w(with_history());
  side a = w.make(), b = w.make(), c = w.make();
  auto ann = w.one->join("ann", *a.ws), bob = w.two->join("bob", *b.ws), cid = w.two->join("cid", *c.ws);
  ann.enter("x");
  bob.enter("x");
  ann.publish("x", "1");
  CHECK(ann.publish_to_others("x", "who is typing", {.keep = false}));
  ann.publish("x", "2");
  w.settle();
  CHECK(texts_of(a.heard()) == strings{"all", "1", "2"});
  CHECK(texts_of(b.heard()) == strings{"all", "1", "who is typing", "2"});
  cid.enter("x", {.latest = 10});
  w.settle();
  CHECK(texts_of(c.heard()) == strings{"all", "1", "2"});
}

TEST_CASE("what is for this node alone comes to no other, in rooms with and without history") {
  world w(with_history());
  side a = w.make(), b = w.make(), c = w.make();
  auto ann = w.one->join("ann", *a.ws), bob = w.two->join("bob", *b.ws), cid = w.one->join("cid", *c.ws);
  ann.enter("x");
  bob.enter("x");
  w.settle();
  CHECK(w.one->room("x").publish("came", {.here_only = true}).receivers == 1);
  ann.publish("x", "1");
  w.settle();
  CHECK(texts_of(a.heard()) == strings{"all", "came", "1"});
  CHECK(texts_of(b.heard()) == strings{"all", "1"});
  cid.enter("x", {.latest = 10});
  w.settle();
  CHECK(texts_of(c.heard()) == strings{"all", "1"});
}

TEST_CASE("it is said when the log no longer has all that was missed") {
  world w(with_history(2));
  side a = w.make(), b = w.make();
  auto ann = w.one->join("ann", *a.ws), bob = w.two->join("bob", *b.ws);
  ann.enter("x");
  for (auto each : {"1", "2"}) ann.publish("x", each);
  w.settle();
  std::string const second = last_id(a.heard());
  for (auto each : {"3", "4"}) ann.publish("x", each);
  w.settle();
  bob.enter("x", {.since = second});
  w.settle();
  CHECK(texts_of(b.heard()) == strings{"all", "3", "4"});
  bob.leave("x");
  ann.publish("x", "5");
  w.settle();
  bob.enter("x", {.since = second});
  w.settle();
  CHECK(texts_of(b.heard()) == strings{"not all", "4", "5"});
  bob.leave("x");
  bob.enter("x", {.since = "what is no id"});
  w.settle();
  CHECK(texts_of(b.heard()) == strings{"not all", "4", "5"});
  // What all nodes forget is of another epoch when it begins anew.
  bob.leave("x");
  w.bus.forget();
  w.settle();
  bob.enter("x", {.since = second});
  w.settle();
  CHECK(texts_of(b.heard()) == strings{"not all"});
}

TEST_CASE("a client that has seen more than the node it comes to") {
  world w(with_history());
  side a = w.make(), b = w.make(), c = w.make();
  auto ann = w.one->join("ann", *a.ws), cid = w.two->join("cid", *c.ws);
  ann.enter("x");
  cid.enter("x");
  w.settle();
  w.bus.cut(1);
  ann.publish("x", "1");
  w.settle();
  std::string const seen = last_id(a.heard());
  auto bob = w.two->join("bob", *b.ws);
  bob.enter("x", {.since = seen});
  w.settle();
  CHECK(b.heard().empty());
  w.bus.mend(1);
  w.settle();
  ann.publish("x", "2");
  w.settle();
  CHECK(texts_of(b.heard()) == strings{"all", "2"});
  CHECK(texts_of(c.heard()) == strings{"all", "1", "2"});
}

TEST_CASE("a client waits for what it has seen already, whatever comes before that") {
  for (bool const passing : {false, true}) {
    asio::io_context near, far;
    kw::memory_backplane const bus;
    hub one{near, bus, with_history()}, two{far, bus, with_history()};
    side a(near.get_executor()), b(far.get_executor()), c(far.get_executor());
    auto const settle = [&] {
      test::settle(near);
      test::settle(far);
    };
    settle();
    auto ann = one.join("ann", *a.ws), bob = two.join("bob", *b.ws), cid = two.join("cid", *c.ws);
    ann.enter("x");
    cid.enter("x");
    settle();
    if (passing) ann.publish("x", "who is typing", {.keep = false});
    for (auto each : {"1", "2", "3"}) ann.publish("x", each);
    test::settle(near);
    bob.enter("x", {.since = last_id(a.heard())});  // far has heard of none of them
    settle();
    CHECK(texts_of(b.heard()) == strings{"all"});
    ann.publish("x", "4");
    settle();
    CHECK(texts_of(b.heard()) == strings{"4"});
  }
}

TEST_CASE("an id of a message that there is not is said to be too late, after a look") {
  world w(with_history());
  side a = w.make(), b = w.make();
  auto ann = w.one->join("ann", *a.ws), bob = w.one->join("bob", *b.ws);
  ann.enter("x");
  ann.publish("x", "1");
  w.settle();
  std::string id = last_id(a.heard());
  bob.enter("x", {.since = id + "000"});
  w.settle();
  CHECK(texts_of(b.heard()) == strings{"not all", "1"});
}

TEST_CASE("who waits for a room's past is no receiver yet") {
  world w(with_history());
  side a = w.make();
  auto ann = w.one->join("ann", *a.ws);
  ann.enter("x");
  CHECK(ann.publish_to_others("x", "1").receivers == 0);
  CHECK(ann.publish("x", "2").receivers == 0);
  w.settle();
  CHECK(texts_of(a.heard()) == strings{"all", "2"});
}

TEST_CASE("history for ever is kept for ever") {
  kw::hub_options options = with_history();
  options.rooms.history_time = (std::chrono::milliseconds::max)();
  world w(options);
  side a = w.make(), b = w.make();
  auto ann = w.one->join("ann", *a.ws), bob = w.two->join("bob", *b.ws);
  ann.enter("x");
  ann.publish("x", "1");
  w.settle();
  bob.enter("x", {.latest = 5});
  w.settle();
  CHECK(texts_of(b.heard()) == strings{"all", "1"});
}

TEST_CASE("a room keeps its own options for as long as its past may be asked for") {
  world w;
  side a = w.make(), b = w.make();
  auto ann = w.one->join("ann", *a.ws), bob = w.one->join("bob", *b.ws);
  {
    auto const room = w.one->room("x", {.history = 10});
    ann.enter("x");
  }
  ann.publish("x", "1");
  w.settle();
  std::string const id = last_id(a.heard());
  ann.leave("x");
  w.settle();
  bob.enter("x", {.since = id, .latest = 10});
  bob.publish("x", "2");
  w.settle();
  CHECK(texts_of(b.heard()) == strings{"all", "2"});
}

TEST_CASE("history closes the gap of a node that was cut off") {
  world w(with_history(3));
  side a = w.make(), b = w.make();
  auto ann = w.one->join("ann", *a.ws), bob = w.two->join("bob", *b.ws);
  ann.enter("x");
  bob.enter("x");
  ann.publish("x", "0");
  w.settle();
  w.bus.cut(1);
  w.settle();
  ann.publish("x", "1");
  CHECK(bob.publish("x", "2"));  // waits
  w.settle();
  CHECK(texts_of(b.heard()) == strings{"all", "0"});
  w.bus.mend(1);
  w.settle();
  CHECK(texts_of(a.heard()) == strings{"all", "0", "1", "2"});
  CHECK(texts_of(b.heard()) == strings{"1", "2"});
  CHECK(w.two->room("x").missed() == 0);
  w.bus.cut(1);
  for (auto each : {"3", "4", "5", "6"}) ann.publish("x", each);
  w.settle();
  w.bus.mend(1);
  w.settle();
  CHECK(texts_of(b.heard()) == strings{"4", "5", "6"});
  CHECK(w.two->room("x").missed() == 1);
}

TEST_CASE("a room without history goes on by itself while cut off, or says that it does not") {
  for (bool const goes_on : {true, false}) {
    kw::hub_options options;
    options.while_cut_off = goes_on ? kw::cut_off::go_on : kw::cut_off::refuse;
    world w(options);
    std::vector<std::error_code> links;
    side a = w.make(), b = w.make(), c = w.make();
    w.one->on_backplane([&](std::error_code why_not) { links.push_back(why_not); });
    auto ann = w.one->join("ann", *a.ws), bob = w.one->join("bob", *b.ws), cid = w.two->join("cid", *c.ws);
    for (auto* each : {&ann, &bob, &cid}) each->enter("x");
    w.settle();
    w.bus.cut(0);
    w.settle();
    auto const sent = ann.publish("x", "1");
    auto const direct = w.one->send("bob", "2");
    auto const all = w.one->send_all_but(ann, "3");
    w.settle();
    if (goes_on) {
      CHECK(sent.receivers == 2);
      CHECK_FALSE(sent.elsewhere);
      CHECK(a.heard() == strings{"1"});
      CHECK(b.heard() == strings{"1", "2", "3"});
    } else {
      for (auto const& each : {sent, direct, all}) {
        CHECK_FALSE(each);
        CHECK(each.error == std::errc::not_connected);
      }
      CHECK(b.heard().empty());
    }
    CHECK(c.heard().empty());
    w.bus.mend(0);
    w.settle();
    CHECK(ann.publish("x", "4").elsewhere);
    w.settle();
    CHECK(c.heard() == strings{"4"});
    REQUIRE(links.size() == 2);
    CHECK(links[0]);
    CHECK_FALSE(links[1]);
  }
}

TEST_CASE("people of all nodes are present") {
  world w;
  side a = w.make(), b = w.make(), c = w.make();
  auto ann = w.one->join("ann", *a.ws, "red"), bob = w.two->join("bob", *b.ws, "blue");
  ann.enter("x");
  bob.enter("x");
  w.settle();
  strings told = w.heard_of();
  std::sort(told.begin(), told.end());
  CHECK(told == strings{"1 +ann x", "1 +bob x", "2 +ann x", "2 +bob x"});
  auto const people = w.one->room("x").people();
  REQUIRE(people.size() == 2);
  CHECK(people[1].key == "bob");
  CHECK(people[1].data == "blue");
  bob.set_data("green");
  w.settle();
  CHECK(w.one->room("x").people()[1].data == "green");

  // Somebody who is on both nodes leaves with the last.
  auto again = w.two->join("ann", *c.ws, "white");
  again.enter("x");
  w.settle();
  CHECK(w.heard_of().empty());
  ann.leave("x");
  w.settle();
  CHECK(w.two->room("x").people()[0].data == "white");
  CHECK(w.one->room("x").people().empty());  // nobody of this node is there
  ann.enter("x");
  w.settle();
  w.heard_of();
  again.leave();
  bob.leave();
  w.settle();
  CHECK(w.heard_of() == strings{"2 -bob x", "1 -bob x"});
  ann.leave();
  w.settle();
  CHECK(w.heard_of() == strings{"1 -ann x"});
  CHECK(w.one->rooms().empty());
  CHECK(w.two->rooms().empty());
}

TEST_CASE("the people of a node that dies are gone, and those of one that was away stay") {
  world w;
  side a = w.make(), b = w.make();
  auto ann = w.one->join("ann", *a.ws), bob = w.two->join("bob", *b.ws);
  ann.enter("x");
  bob.enter("x");
  w.settle();
  w.heard_of();
  w.bus.cut(0);
  w.settle();
  w.bus.mend(0);
  w.settle();
  w.bus.forget();
  w.settle();
  CHECK(w.heard_of().empty());
  CHECK(w.one->room("x").people().size() == 2);
  w.bus.kill(1);
  w.settle();
  CHECK(w.heard_of() == strings{"1 -bob x"});
  CHECK(w.one->room("x").people().size() == 1);
}

TEST_CASE("of two connections of a key, on two nodes, the later one replaces the other") {
  kw::hub_options options;
  options.same_key = kw::same_key::replace;
  world w(options);
  side a = w.make(), b = w.make();
  auto first = w.one->join("ann", *a.ws);
  w.settle();
  auto second = w.two->join("ann", *b.ws);
  w.settle();
  CHECK(a.heard() == strings{"close 4409"});
  CHECK(b.heard().empty());
  CHECK(b.ws->is_open());
  // At the same time.
  side c = w.make(), d = w.make();
  auto third = w.one->join("ann", *c.ws);
  auto fourth = w.two->join("ann", *d.ws);
  w.settle();
  CHECK(b.heard() == strings{"close 4409"});
  CHECK(c.ws->is_open() != d.ws->is_open());
}

TEST_CASE("who has joined while cut off is replaced by who joins later, on any node") {
  kw::hub_options options;
  options.same_key = kw::same_key::replace;
  world w(options);
  side a = w.make(), b = w.make();
  w.bus.cut(0);
  w.settle();
  auto first = w.one->join("ann", *a.ws);
  w.settle();
  w.bus.mend(0);
  w.settle();
  auto second = w.two->join("ann", *b.ws);
  w.settle();
  CHECK(a.heard() == strings{"close 4409"});
  CHECK(b.ws->is_open());
  CHECK_FALSE(w.one->send(std::string("a\nb"), "nobody is called that"));
}

TEST_CASE("keys that are numbers, and data that is a struct, are known on all nodes") {
  asio::io_context io;
  kw::memory_backplane const bus;
  kw::hub<int, profile> one{io, bus}, two{io, bus};
  side a(io.get_executor()), b(io.get_executor());
  test::settle(io);
  auto ann = one.join(-7, *a.ws, {"red"});
  auto bob = two.join(8, *b.ws, {"blue"});
  ann.enter("x");
  bob.enter("x");
  CHECK(two.send(-7, "hello"));
  test::settle(io);
  CHECK(a.heard() == strings{"hello"});
  auto const people = two.room("x").people();
  REQUIRE(people.size() == 2);
  CHECK(people[0].key == -7);
  CHECK(people[0].data.colour == "red");
}

TEST_CASE("what is not JSON is refused where it is published, and what is no message is ignored") {
  world w(with_history());
  side a = w.make();
  auto ann = w.one->join("ann", *a.ws);
  ann.enter("x");
  CHECK(ann.publish("x", "{").error);
  CHECK(ann.publish("x", std::vector<std::byte>(3)).error);
  auto const stranger = w.bus.make(w.io.get_executor());
  struct nobody final : kw::backplane::listener {
    void on_subscribed(std::string_view, kw::backplane::snapshot const&) noexcept override {}
    void on_message(std::string_view, std::uint64_t, std::span<std::byte const>) noexcept override {}
    void on_held(std::string_view, kw::backplane::record const&) noexcept override {}
    void on_released(std::string_view, kw::backplane::record const&) noexcept override {}
    void on_node_lost(std::string_view) noexcept override {}
    void on_connection(std::error_code) noexcept override {}
  };
  auto const listener = std::make_shared<nobody>();
  stranger->start(listener);
  w.settle();
  for (std::string_view each : {"", "x", "\x10nonsense that is longer", "\x1F\0\0\0\0\0\0\0\0\0\0\0\0{}"}) {
    for (auto topic : {"room/x", "key/ann", "all", "what"}) {
      CHECK_FALSE(stranger->publish(topic, std::as_bytes(std::span(each)), {}));
    }
  }
  stranger->subscribe("room/x", {10, 1min});
  stranger->hold("room/x", "a name\nthat is not printable", "");
  w.settle();
  CHECK(texts_of(a.heard()) == strings{"all"});
  CHECK(w.one->room("x").people().size() == 1);
}

TEST_CASE("seats and rooms outlive a hub with a backplane") {
  world w(with_history());
  side a = w.make(), b = w.make();
  auto ann = w.one->join("ann", *a.ws), bob = w.two->join("bob", *b.ws);
  ann.enter("x");
  bob.enter("x");
  auto const room = w.one->room("x");
  w.settle();
  a.heard();
  w.one.reset();
  w.settle();
  CHECK(w.two->room("x").people().size() == 1);
  CHECK(room.publish("1").receivers == 1);
  ann.enter("y");
  ann.leave();
  w.settle();
  CHECK(texts_of(a.heard()) == strings{"1", "all"});
}

}  // namespace nodes_tests
