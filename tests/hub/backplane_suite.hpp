// What every backplane must do. For one of your own, write a world, and a test that runs the suite with it:
//
//     struct world {
//       asio::io_context io;
//       std::unique_ptr<kindwire::backplane> make();  // a node more on `io`, not started; they count from 0
//       void cut(std::size_t node);     // its connection breaks, and no other can be made
//       void mend(std::size_t node);    // one can be made again
//       void kill(std::size_t node);    // as if its process were killed; its listener is ignored
//       void forget();                  // the server loses all of its data, and stays or comes back
//     };
//     TEST_CASE("backplane: the suite, over NATS") { test::backplane_suite<world>(); }
//
// Each case makes a world, and runs its context while it waits, for at most a minute. The term of a node
// should be a few seconds: one case waits for its end, and a slow machine must not be taken for dead. At most
// 16 MiB should wait for a connection.
#pragma once

#include <doctest/doctest.h>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <random>
#include <set>
#include <string>
#include <string_view>
#include <system_error>

#include "backplane_sides.hpp"

namespace test {

template <class World>
void topics() {
  World world;
  plane_side ann(world), bob(world);
  subscribe(world, ann, "a");
  subscribe(world, bob, "a");
  subscribe(world, bob, "b");
  CHECK_FALSE(ann.say("a", "1"));
  CHECK_FALSE(ann.say("b", "2"));
  CHECK_FALSE(ann.say("nobody's", "3"));
  CHECK_FALSE(ann.say("a", std::string_view("\0\n\xff", 3)));
  settle(world, ann, ann);
  settle(world, ann, bob);
  CHECK(ann["a"].texts == strings{"1", {"\0\n\xff", 3}});
  CHECK(bob["a"].texts == ann["a"].texts);
  CHECK(bob["b"].texts == strings{"2"});
  CHECK_FALSE(ann.ears->topics.contains("b"));
  CHECK(ann["a"].last == 0);
  CHECK(bob.ears->mistakes().empty());
}

template <class World>
void order() {
  World world;
  plane_side ann(world), bob(world);
  for (kept_log const keep : {no_log, many_messages}) {
    std::string const topic = keep.most == 0 ? "plain" : "logged";
    subscribe(world, ann, topic, keep);
    subscribe(world, bob, topic, keep);
    for (int i = 0; i != 200; ++i) {
      ann.say(topic, "ann " + std::to_string(i), keep);
      bob.say(topic, "bob " + std::to_string(i), keep);
      if (i % 16 == 0) world.io.restart(), world.io.poll();
    }
    REQUIRE(await(world, [&] { return ann[topic].texts.size() == 400 && bob[topic].texts.size() == 400; }));
    CHECK(ann[topic].texts == bob[topic].texts);
    CHECK(ann[topic].last == (keep.most == 0 ? 0 : 400));
  }
  CHECK(ann.ears->mistakes().empty());
  CHECK(bob.ears->mistakes().empty());
}

template <class World>
void passing() {
  World world;
  plane_side ann(world), bob(world);
  subscribe(world, ann, "a", many_messages);
  subscribe(world, bob, "a", many_messages);
  strings said;
  for (int i = 0; i != 60; ++i) {
    // Some are large, so that not all can be under way at once.
    said.push_back(std::to_string(i) + std::string(i % 6 == 0 ? 200000 : 0, 'x'));
    CHECK_FALSE(ann.say("a", said.back(), i % 3 == 2 ? no_log : many_messages));
  }
  REQUIRE(await(world, [&] { return ann["a"].texts.size() == 60 && bob["a"].texts.size() == 60; }));
  CHECK(ann["a"].texts == said);
  CHECK(bob["a"].texts == said);
  CHECK(bob["a"].last == 40);
}

template <class World>
void own() {
  World world;
  plane_side ann(world);
  REQUIRE(await(world, [&] { return ann.ears->connections == 1; }));
  for (int i = 0; i != 20; ++i) {
    std::string const topic = "own " + std::to_string(i);
    kept_log const keep = i % 2 == 0 ? no_log : ten_messages;
    ann.plane->subscribe(topic, keep);
    ann.say(topic, "hello", keep);
    CHECK(await(world, [&] { return ann[topic].texts == strings{"hello"}; }));
  }
}

template <class World>
void own_of_many() {
  World world;
  plane_side ann(world);
  // Before there is a connection, and with one.
  for (std::string const when : {"early ", "late "}) {
    constexpr std::size_t count = 200;
    for (auto const& topic : numbered(when, 1, count)) {
      ann.plane->subscribe(topic, ten_messages);
      CHECK_FALSE(ann.say(topic, "hello", ten_messages));
    }
    for (auto const& topic : numbered(when, 1, count)) {
      REQUIRE(await(world, [&] { return ann[topic].texts.size() == 1; }));
      CHECK(ann[topic].messages == 1);  // and not what the topic's log had before
    }
  }
  CHECK(ann.ears->mistakes().empty());
}

template <class World>
void log() {
  World world;
  plane_side ann(world), bob(world);
  subscribe(world, ann, "a", ten_messages);
  CHECK(ann["a"].last == 0);
  CHECK_FALSE(ann["a"].epoch.empty());
  CHECK(ann["a"].epoch.find('-') == std::string::npos);
  for (auto const& each : numbered("", 1, 25)) ann.say("a", each, ten_messages);
  REQUIRE(await(world, [&] { return ann["a"].texts.size() == 25; }));
  subscribe(world, bob, "a", ten_messages);
  CHECK(bob["a"].texts == numbered("", 16, 25));
  CHECK(bob["a"].forgotten == 15);
  CHECK(bob["a"].last == ann["a"].last);
  CHECK(bob["a"].epoch == ann["a"].epoch);
  // Nobody need be there.
  bob.say("c", "for later", ten_messages);
  settle(world, bob, bob);
  subscribe(world, ann, "c", ten_messages);
  REQUIRE(await(world, [&] { return ann["c"].texts == strings{"for later"}; }));
}

template <class World>
void log_time() {
  World world;
  plane_side ann(world), bob(world);
  kept_log const brief{10, std::chrono::milliseconds(300)};
  subscribe(world, ann, "a", brief);
  ann.say("a", "1", brief);
  REQUIRE(await(world, [&] { return ann["a"].texts.size() == 1; }));
  auto const end = std::chrono::steady_clock::now() + std::chrono::milliseconds(400);
  await(world, [&] { return std::chrono::steady_clock::now() > end; });
  subscribe(world, bob, "a", brief);
  CHECK(bob["a"].texts.empty());
  CHECK(bob["a"].epoch == ann["a"].epoch);
  CHECK(bob["a"].last == ann["a"].last);
  CHECK(bob["a"].forgotten == 1);
  ann.say("a", "2", brief);
  CHECK(await(world, [&] { return bob["a"].texts == strings{"2"}; }));
  CHECK(await(world, [&] { return ann["a"].texts == strings{"1", "2"}; }));
}

template <class World>
void again() {
  World world;
  plane_side ann(world), bob(world);
  subscribe(world, ann, "a");
  ann.plane->hold("a", "ann", "here");
  subscribe(world, bob, "a");
  for (int i = 0; i != 5; ++i) {
    bob.say("a", std::to_string(i), ten_messages);
    ann.plane->subscribe("a", ten_messages);
  }
  REQUIRE(await(world, [&] { return ann["a"].snapshots >= 2 && ann["a"].last == 5; }));
  CHECK(ann["a"].people.size() == 1);
  CHECK(ann["a"].texts.size() == 5);
  // What others keep of a topic is told to a node that keeps nothing, too.
  REQUIRE(await(world, [&] { return bob["a"].texts.size() == 5; }));
  CHECK(ann.ears->mistakes().empty());
  CHECK(std::count(bob.ears->events.begin(), bob.ears->events.end(), "released a ann") == 0);
}

template <class World>
void log_left_alone() {
  World world;
  plane_side ann(world), bob(world), col(world);
  kept_log const for_ever{10, (std::chrono::milliseconds::max)()};
  subscribe(world, ann, "a", for_ever);
  for (auto const& each : numbered("", 1, 3)) ann.say("a", each, for_ever);
  REQUIRE(await(world, [&] { return ann["a"].texts.size() == 3; }));
  subscribe(world, bob, "a");
  subscribe(world, col, "a", for_ever);
  CHECK(col["a"].texts == numbered("", 1, 3));
  CHECK(col["a"].forgotten == 0);
}

template <class World>
void records() {
  World world;
  plane_side ann(world), bob(world);
  subscribe(world, ann, "a");
  ann.plane->hold("a", "ann", "here");
  subscribe(world, bob, "a");
  REQUIRE(await(world, [&] { return ann["a"].people.size() == 1 && bob["a"].people.size() == 1; }));
  CHECK(ann["a"].people == std::map<std::string, std::string>{{"/ann", "here"}});
  std::string const node = bob["a"].people.begin()->first;
  CHECK(node.ends_with("/ann"));
  CHECK(node != "/ann");
  ann.plane->hold("a", "ann", "here");  // no change
  ann.plane->hold("a", "ann", "away");
  bob.plane->hold("a", "with a space\n", std::string_view("\0", 1));
  REQUIRE(await(world, [&] { return ann["a"].people.size() == 2 && bob["a"].people[node] == "away"; }));
  ann.plane->release("a", "ann");
  ann.plane->release("a", "nobody");
  REQUIRE(await(world, [&] { return bob["a"].people.size() == 1 && ann["a"].people.size() == 1; }));
  CHECK(bob["a"].people.begin()->second == std::string_view("\0", 1));
  settle(world, ann, bob);
  CHECK(std::count(bob.ears->events.begin(), bob.ears->events.end(), "held a ann=here") <= 1);
  CHECK(std::count(ann.ears->events.begin(), ann.ears->events.end(), "released a nobody") == 0);
  CHECK(ann.ears->mistakes().empty());
  CHECK(bob.ears->mistakes().empty());
}

template <class World>
void unsubscribe() {
  World world;
  plane_side ann(world), bob(world);
  for (auto* each : {&ann, &bob}) {
    subscribe(world, *each, "a");
    subscribe(world, *each, "b");
  }
  ann.plane->hold("a", "1", "");
  ann.plane->hold("a", "2", "");
  ann.plane->hold("b", "3", "");
  REQUIRE(await(world, [&] { return bob["a"].people.size() == 2 && bob["b"].people.size() == 1; }));
  ann.plane->unsubscribe("a");
  REQUIRE(await(world, [&] { return bob["a"].people.empty(); }));
  std::size_t const before = ann["a"].texts.size();
  bob.say("a", "unheard");
  settle(world, bob, ann);
  settle(world, bob, bob);
  CHECK(ann["a"].texts.size() == before);
  CHECK(bob["b"].people.size() == 1);
  subscribe(world, ann, "a");
  CHECK(ann["a"].people.empty());
  bob.say("a", "heard");
  CHECK(await(world, [&] { return !ann["a"].texts.empty() && ann["a"].texts.back() == "heard"; }));
}

template <class World>
void leave() {
  World world;
  plane_side bob(world);
  subscribe(world, bob, "a");
  {
    plane_side ann(world);
    subscribe(world, ann, "a");
    ann.plane->hold("a", "ann", "");
    REQUIRE(await(world, [&] { return bob["a"].people.size() == 1; }));
  }
  CHECK(await(world, [&] { return bob["a"].people.empty(); }));
}

template <class World>
void kill() {
  World world;
  plane_side ann(world), bob(world), col(world);
  for (auto* each : {&ann, &bob, &col}) subscribe(world, *each, "a");
  ann.plane->hold("a", "ann", "");
  bob.plane->hold("a", "bob", "");
  REQUIRE(await(world, [&] { return bob["a"].people.size() == 2 && col["a"].people.size() == 2; }));
  world.kill(0);
  CHECK(await(world, [&] { return bob["a"].people.size() == 1 && col["a"].people.size() == 1; }));
  plane_side dan(world);
  subscribe(world, dan, "a");
  CHECK(dan["a"].people.size() == 1);
}

template <class World>
void refusal() {
  World world;
  plane_side ann(world), bob(world);
  subscribe(world, ann, "a");
  subscribe(world, bob, "a");
  world.cut(0);
  REQUIRE(await(world, [&] { return ann.ears->connection != std::error_code(); }));
  CHECK(ann.say("a", "lost") == std::errc::not_connected);
  bob.say("a", "missed");
  settle(world, bob, bob);
  world.mend(0);
  REQUIRE(await(world, [&] { return ann["a"].snapshots == 2; }));
  bob.say("a", "heard");
  CHECK(await(world, [&] { return ann["a"].texts == strings{"heard"}; }));
  CHECK(await(world, [&] { return bob["a"].texts == strings{"missed", "heard"}; }));
}

template <class World>
void released_while_away() {
  World world;
  plane_side ann(world), bob(world);
  for (auto* each : {&ann, &bob}) {
    subscribe(world, *each, "a");
    subscribe(world, *each, "b");
  }
  for (auto name : {"1", "2"}) ann.plane->hold("a", name, "");
  ann.plane->hold("b", "3", "");
  REQUIRE(await(world, [&] { return bob["a"].people.size() == 2 && bob["b"].people.size() == 1; }));
  world.cut(0);
  REQUIRE(await(world, [&] { return static_cast<bool>(ann.ears->connection); }));
  ann.plane->release("a", "1");
  ann.plane->release("a", "2");
  ann.plane->hold("a", "2", "again");
  ann.plane->unsubscribe("b");
  world.mend(0);
  REQUIRE(await(world, [&] { return bob["a"].people.size() == 1 && bob["b"].people.empty(); }));
  CHECK(bob["a"].people.begin()->second == "again");
}

template <class World>
void gap() {
  World world;
  plane_side ann(world), bob(world);
  subscribe(world, ann, "a", many_messages);
  subscribe(world, bob, "a", many_messages);
  ann.say("a", "1", many_messages);
  REQUIRE(await(world, [&] { return ann["a"].texts.size() == 1 && bob["a"].texts.size() == 1; }));
  world.cut(0);
  REQUIRE(await(world, [&] { return ann.ears->connection != std::error_code(); }));
  CHECK_FALSE(ann.say("a", "mine", many_messages));
  bob.say("a", "2", many_messages);
  bob.say("a", "3", many_messages);
  REQUIRE(await(world, [&] { return bob["a"].texts.size() == 3; }));
  world.mend(0);
  REQUIRE(await(world, [&] { return ann["a"].texts.size() == 4 && bob["a"].texts.size() == 4; }));
  CHECK(ann["a"].texts == strings{"1", "2", "3", "mine"});
  CHECK(bob["a"].texts == ann["a"].texts);
  CHECK(ann.ears->mistakes().empty());
}

template <class World>
void bound() {
  World world;
  plane_side ann(world);
  subscribe(world, ann, "a", ten_messages);
  world.cut(0);
  REQUIRE(await(world, [&] { return ann.ears->connection != std::error_code(); }));
  std::string const megabyte(std::size_t{1} << 20, 'm');
  std::error_code failure;
  int taken = 0;
  while (taken != 1000 && !(failure = ann.say("a", megabyte, ten_messages))) ++taken;
  CHECK(failure == std::errc::no_buffer_space);
  CHECK(taken >= 1);
  world.mend(0);
  CHECK(await(world, [&] { return ann["a"].last == static_cast<std::uint64_t>(taken); }));
  CHECK(await(world, [&] { return !ann.say("a", megabyte, ten_messages); }));
}

template <class World>
void cuts() {
  World world;
  plane_side ann(world), bob(world);
  subscribe(world, ann, "a", many_messages);
  subscribe(world, bob, "a", many_messages);
  std::minstd_rand random(17);
  std::size_t said = 0;
  for (int cut = 0; cut != 30; ++cut) {
    std::size_t const which = random() % 2;
    auto& side = which == 0 ? ann : bob;
    for (auto to_say = random() % 40; to_say != 0; --to_say, ++said) {
      auto& by = random() % 2 == 0 ? ann : bob;
      CHECK_FALSE(by.say("a", (&by == &ann ? "ann " : "bob ") + std::to_string(said), many_messages));
      if (random() % 8 == 0) world.io.restart(), world.io.run_for(std::chrono::microseconds(random() % 2000));
    }
    world.cut(which);
    std::size_t const before = side.ears->connections;
    if (random() % 2 == 0) world.io.restart(), world.io.run_for(std::chrono::milliseconds(random() % 20));
    world.mend(which);
    if (random() % 2 == 0) await(world, [&] { return side.ears->connections != before; });
  }
  REQUIRE(await(world, [&] { return ann["a"].texts.size() >= said && bob["a"].texts.size() >= said; }));
  CHECK(ann["a"].texts.size() == said);
  CHECK(ann["a"].texts == bob["a"].texts);
  CHECK(std::set<std::string>(ann["a"].texts.begin(), ann["a"].texts.end()).size() == said);
  // Each node's own are in the order in which it has published them.
  std::map<char, int> latest{{'a', -1}, {'b', -1}};
  for (auto const& each : ann["a"].texts) {
    int const number = std::stoi(each.substr(4));
    CHECK(number > latest[each[0]]);
    latest[each[0]] = number;
  }
  CHECK(ann.ears->mistakes().empty());
  CHECK(bob.ears->mistakes().empty());
}

template <class World>
void epoch() {
  World world;
  plane_side ann(world), bob(world);
  subscribe(world, ann, "a", ten_messages);
  subscribe(world, bob, "a", ten_messages);
  ann.plane->hold("a", "ann", "here");
  ann.say("a", "old", ten_messages);
  REQUIRE(await(world, [&] { return bob["a"].texts.size() == 1 && bob["a"].people.size() == 1; }));
  std::string const epoch = bob["a"].epoch;
  world.forget();
  REQUIRE(await(world, [&] { return ann["a"].epoch != epoch && bob["a"].epoch != epoch; }));
  CHECK(await(world, [&] { return bob["a"].people.size() == 1 && ann["a"].people.size() == 1; }));
  CHECK(await(world, [&] { return !ann.say("a", "new", ten_messages); }));
  CHECK(await(world, [&] { return bob["a"].texts.back() == "new" && ann["a"].texts.back() == "new"; }));
  CHECK(bob["a"].last >= 1);
  CHECK(ann["a"].epoch == bob["a"].epoch);
}

template <class World>
void destroyed() {
  World world;
  plane_side bob(world);
  subscribe(world, bob, "a", ten_messages);
  for (std::size_t at = 1; at != 8; ++at) {
    plane_side ann(world);
    std::size_t calls = 0;
    ann.ears->on_each = [&] {
      if (++calls == at) ann.plane.reset();
    };
    ann.plane->subscribe("a", ten_messages);
    ann.plane->hold("a", "ann", "here");
    ann.say("a", "1", ten_messages);
    ann.say("a", "2", ten_messages);
    ann.plane->release("a", "ann");
    // Fewer calls may be made than that.
    auto const end = std::chrono::steady_clock::now() + std::chrono::milliseconds(200);
    await(world, [&] { return calls >= at || std::chrono::steady_clock::now() > end; });
    ann.plane.reset();
    std::size_t const told = calls;
    settle(world, bob, bob);
    CHECK(calls == told);
  }
  plane_side pending(world);
  pending.plane->subscribe("b", ten_messages);
  pending.say("b", "1", ten_messages);
}

template <class World>
void backplane_suite() {
  struct one {
    char const* name;
    void (*run)();
  };
  static constexpr one all[] = {
      {"nodes get what is published on their topics, their own too, and nothing else", topics<World>},
      {"all nodes get the messages of several in the same order", order<World>},
      {"a message that is not kept stays behind those that are, of the same node", passing<World>},
      {"what a node publishes right after it has subscribed comes back", own<World>},
      {"so does what it publishes on many topics at once", own_of_many<World>},
      {"a log keeps so many messages, for those who come later", log<World>},
      {"a log keeps its messages for so long", log_time<World>},
      {"a node that keeps nothing leaves the log alone, which may be kept for ever", log_left_alone<World>},
      {"subscribing again changes the log, and is answered again", again<World>},
      {"records are told to all, and to those who come later", records<World>},
      {"unsubscribing releases what a node holds, and ends its messages", unsubscribe<World>},
      {"a node that ends in order releases what it holds", leave<World>},
      {"what a killed node holds is released after its term", kill<World>},
      {"without a connection, a topic without a log refuses messages", refusal<World>},
      {"what is released while the connection is away is released", released_while_away<World>},
      {"after an outage a log closes the gap, in both directions", gap<World>},
      {"what would wait in too much memory is refused", bound<World>},
      {"over many cuts, each message of a log comes once, in order", cuts<World>},
      {"a server that has lost its data begins another epoch, and records are held again", epoch<World>},
      {"may be destroyed in any call of its listener, and with work pending", destroyed<World>},
  };
  for (auto const& each : all) {
    SUBCASE(each.name) { each.run(); }
  }
}

}  // namespace test
