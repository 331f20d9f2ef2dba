// What a backplane over Redis tells when Redis refuses something, and how it goes on.
#include <kindwire/hub/redis.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <asio/io_context.hpp>
#include <chrono>
#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include "backplane_sides.hpp"
#include "redis_server.hpp"

namespace redis_refusals_tests {

namespace kw = kindwire;
using namespace std::chrono_literals;
using test::await;
using test::many_messages;
using test::plane_side;
using test::redis_server;
using test::strings;
using test::ten_messages;

namespace {

// Nodes that ask at one URL.
struct world {
  explicit world(redis_server const& server, std::string const& access = {})
      : url("redis://" + access + "127.0.0.1:" + std::to_string(server.port())) {}

  std::unique_ptr<kw::backplane> make() { return kw::redis_backplane{url, options}.make(io.get_executor()); }
  void wait(std::chrono::milliseconds time) {
    auto const end = std::chrono::steady_clock::now() + time;
    await(*this, [&] { return std::chrono::steady_clock::now() >= end; });
  }

  asio::io_context io;
  std::string url;
  kw::redis_options options = {.first_delay = 10ms, .max_delay = 100ms};
};

// How the connection has been, each time that it changed.
struct diary {
  explicit diary(plane_side& of) : ears(*of.ears) {
    ears.on_each = [this] {
      if (states.empty() || states.back() != ears.connection) states.push_back(ears.connection);
    };
  }
  bool has(std::error_code what) const {
    return std::find(states.begin(), states.end(), what) != states.end();
  }

  test::heard& ears;
  std::vector<std::error_code> states;
};

void subscribe_both(world& at, plane_side& ann, plane_side& bob) {
  test::subscribe(at, ann, "a", many_messages);
  test::subscribe(at, bob, "a", many_messages);
}

// Both have heard all of these, once and in order.
void heard_both(world& at, plane_side& ann, plane_side& bob, strings const& all) {
  CHECK(
      await(at, [&] { return ann["a"].texts.size() >= all.size() && bob["a"].texts.size() >= all.size(); }));
  CHECK(ann["a"].texts == all);
  CHECK(bob["a"].texts == all);
  CHECK(ann.ears->mistakes().empty());
  CHECK(bob.ears->mistakes().empty());
}

}  // namespace

TEST_CASE("redis: a user who may not do all that is needed is told so once, before anything is published") {
  redis_server server;
  std::string const all = "~kw:* &kw:* +@all ";
  for (std::string const& rights : {all + "-evalsha",
                                    all + "-script",
                                    all + "-publish",
                                    all + "-subscribe",
                                    all + "-mget",
                                    all + "-pexpire",
                                    all + "-unsubscribe",
                                    all + "-del",
                                    all + "-time",
                                    all + "-exists",
                                    all + "-get",
                                    all + "-set",
                                    all + "-hget",
                                    all + "-hmget",
                                    all + "-hset",
                                    all + "-hdel",
                                    all + "-hkeys",
                                    all + "-hgetall",
                                    all + "-xadd",
                                    all + "-xlen",
                                    all + "-xdel",
                                    all + "-xrange",
                                    all + "-ping",
                                    all + "-xrevrange",
                                    std::string("~kw:* &other +@all"),
                                    std::string("~other &kw:* +@all")}) {
    CAPTURE(rights);
    std::string command = "ACL SETUSER ann reset on >p " + rights;
    REQUIRE(server.ask(command) == "+OK\r\n");
    world at(server, "ann:p@");
    at.options.max_delay = 24h;
    at.options.answer_timeout = 500ms;
    plane_side ann(at);
    diary const told(ann);
    ann.plane->subscribe("a", ten_messages);
    REQUIRE(await(at, [&] { return told.has(kw::redis_error::not_authorized); }));
    if (rights.ends_with("-ping")) continue;  // found out when it is quiet
    at.wait(20ms);
    CHECK(told.states == std::vector<std::error_code>{kw::redis_error::not_authorized});
  }
}

TEST_CASE("redis: a user with the rights that README names, and no others, with INFO and without") {
  redis_server server;
  for (std::string const info : {" +info", ""}) {
    REQUIRE(
        server.ask("ACL SETUSER ann reset on >p ~kw:* &kw:* +evalsha +script|load +ping +publish +subscribe "
                   "+unsubscribe +mget +pexpire +del +exists +get +set +hget +hmget +hset +hdel +hkeys "
                   "+hgetall +xadd +xlen +xdel +xrange +xrevrange +time" +
                   info) == "+OK\r\n");
    server.ask("FLUSHALL");
    world at(server, "ann:p@");
    plane_side ann(at), bob(at);
    subscribe_both(at, ann, bob);
    ann.plane->hold("a", "ann", "here");
    ann.say("a", "1", many_messages);
    ann.say("a", "2");
    heard_both(at, ann, bob, {"1", "2"});
    CHECK(await(at, [&] { return bob["a"].people.size() == 1; }));
    ann.plane->unsubscribe("a");
    CHECK(await(at, [&] { return bob["a"].people.empty(); }));
    CHECK(ann.ears->connections == 1);
  }
}

TEST_CASE("redis: a password that was changed is told, and found again when it is as it was") {
  redis_server server({"--save", "", "--requirepass", "old"});
  world at(server, ":old@");
  plane_side ann(at), bob(at);
  subscribe_both(at, ann, bob);
  auto const ask = [&](std::string const& password, std::string const& command) {
    return server.ask(command, password);
  };
  ask("old", "CONFIG SET requirepass new");
  ann.say("a", "1", many_messages);  // who is in stays
  heard_both(at, ann, bob, {"1"});
  ask("new", "CLIENT KILL TYPE normal SKIPME yes");
  REQUIRE(await(at, [&] {
    return ann.ears->connection == kw::redis_error::not_authorized &&
           bob.ears->connection == kw::redis_error::not_authorized;
  }));
  ann.say("a", "2", many_messages);
  ask("new", "CONFIG SET requirepass old");
  heard_both(at, ann, bob, {"1", "2"});
}

TEST_CASE("redis: busy with a script that does not end, it is told so, and all is published afterwards") {
  redis_server server({"--save", "", "--busy-reply-threshold", "50"});
  world at(server);
  at.options.answer_timeout = 30s;  // the answer, which is a refusal, comes first
  plane_side ann(at), bob(at);
  diary const told(ann);
  subscribe_both(at, ann, bob);
  std::thread endless([&] { server.ask(std::vector<std::string_view>{"EVAL", "while true do end", "0"}); });
  while (!server.ask("PING").starts_with("-BUSY")) std::this_thread::sleep_for(10ms);
  for (auto const& each : test::numbered("", 1, 20)) ann.say("a", each, many_messages);
  CHECK(await(at, [&] { return told.has(kw::redis_error::busy); }));
  server.ask("SCRIPT KILL");
  endless.join();
  heard_both(at, ann, bob, test::numbered("", 1, 20));
}

TEST_CASE("redis: refused signs of life are told as what they are") {
  redis_server server({"--save", "", "--busy-reply-threshold", "50"});
  world at(server);
  at.options.node_term = 24h;
  at.options.answer_timeout = 2s;
  at.options.max_delay = 24h;
  plane_side ann(at);
  test::subscribe(at, ann, "a");
  diary const told(ann);
  std::thread endless([&] { server.ask(std::vector<std::string_view>{"EVAL", "while true do end", "0"}); });
  while (!server.ask("PING").starts_with("-BUSY")) std::this_thread::sleep_for(10ms);
  CHECK(await(at, [&] { return !told.states.empty(); }));
  CHECK(told.states.front() == kw::redis_error::busy);
  server.ask("SCRIPT KILL");
  endless.join();
}

TEST_CASE("redis: a master that becomes a replica while it is connected is told, and nothing is lost") {
  redis_server server;
  world at(server);
  at.options.node_term = 4s;
  plane_side ann(at), bob(at);
  diary const told(bob);
  subscribe_both(at, ann, bob);
  ann.say("a", "1", many_messages);
  heard_both(at, ann, bob, {"1"});
  server.ask("REPLICAOF 127.0.0.1 " + std::to_string(test::free_port()));
  ann.say("a", "2", many_messages);
  // Bob says nothing, and finds out.
  CHECK(await(at, [&] { return told.has(kw::redis_error::read_only); }));
  ann.say("a", "3", many_messages);
  server.ask("REPLICAOF NO ONE");
  heard_both(at, ann, bob, {"1", "2", "3"});
}

TEST_CASE("redis: still reading its data after a restart, it is told so, and found when it has") {
  redis_server server({"--save", "", "--enable-debug-command", "local", "--key-load-delay", "1000",
                       "--loading-process-events-interval-bytes", "1024"});
  REQUIRE(server.ask("DEBUG POPULATE 3000") == "+OK\r\n");
  REQUIRE(server.ask("SAVE") == "+OK\r\n");
  world at(server);
  plane_side ann(at), bob(at);
  diary const told(ann);
  subscribe_both(at, ann, bob);
  server.kill();
  ann.say("a", "1", many_messages);
  server.begin();
  CHECK(await(at, [&] { return told.has(kw::redis_error::loading); }));
  heard_both(at, ann, bob, {"1"});
}

TEST_CASE("redis: a cluster is told as one, also to a user without INFO") {
  redis_server server({"--save", "", "--cluster-enabled", "yes"});
  server.ask("ACL SETUSER ann reset on >p ~* &* +@all -info");
  for (std::string const access : {"", "ann:p@"}) {
    world at(server, access);
    plane_side ann(at);
    CHECK(await(at, [&] { return ann.ears->connection == kw::redis_error::cluster; }));
  }
}

TEST_CASE("redis: a node that is cut off for being slow gets what it has missed from the log") {
  redis_server server({"--save", "", "--client-output-buffer-limit", "pubsub 1mb 0 0"});
  world at(server), slow(server);
  plane_side ann(at), bob(slow);
  test::subscribe(at, ann, "a", many_messages);
  test::subscribe(slow, bob, "a", many_messages);
  std::string const text(std::size_t{100} << 10, 't');
  strings said;
  for (int i = 0; i != 300; ++i) {
    said.push_back(std::to_string(i) + text);
    CHECK_FALSE(ann.say("a", said.back(), many_messages));
    REQUIRE(await(at, [&] { return ann["a"].texts.size() == said.size(); }));
  }
  REQUIRE(await(slow, [&] { return bob["a"].texts.size() >= said.size(); }));
  CHECK(bob["a"].texts == said);
  CHECK(bob.ears->connections >= 2);
  CHECK(bob.ears->mistakes().empty());
}

TEST_CASE("redis: a message that is too large for a node is left out there, and the next ones come") {
  redis_server server;
  world at(server), small(server);
  small.options.max_reply = std::size_t{64} << 10;
  plane_side ann(at), bob(small);
  diary const told(bob);
  test::subscribe(at, ann, "a", many_messages);
  test::subscribe(small, bob, "a", many_messages);
  ann.say("a", "1", many_messages);
  REQUIRE(await(small, [&] { return at.io.restart(), at.io.poll(), bob["a"].texts.size() == 1; }));
  ann.say("a", std::string(100000, 'x'), many_messages);
  ann.say("a", "2", many_messages);
  REQUIRE(await(small, [&] { return at.io.restart(), at.io.poll(), bob["a"].texts.size() == 2; }));
  CHECK(told.has(kw::redis_error::reply_too_large));
  CHECK(bob["a"].forgotten == 2);
  ann.say("a", "3", many_messages);
  REQUIRE(await(small, [&] { return at.io.restart(), at.io.poll(), bob["a"].texts.size() == 3; }));
  CHECK(bob["a"].texts == strings{"1", "2", "3"});
  CHECK(bob.ears->connections == 2);
  // It publishes nothing that it could not be told of itself.
  CHECK(bob.say("a", std::string(40000, 'x'), many_messages) == std::errc::message_size);
  CHECK(bob.say("a", std::string(40000, 'x')) == std::errc::message_size);
  std::string const most(small.options.max_reply / 2 - 200, 'x');
  CHECK_FALSE(bob.say("a", most, many_messages));
  REQUIRE(await(small, [&] { return at.io.restart(), at.io.poll(), bob["a"].texts.size() == 4; }));
  CHECK(bob["a"].texts.back() == most);
  plane_side col(small);
  test::subscribe(small, col, "a", many_messages);
  CHECK(col["a"].texts == strings{most});
}

TEST_CASE("redis: either of a node's connections may be killed, or its writes put off, with nothing lost") {
  redis_server server;
  world at(server);
  plane_side ann(at), bob(at);
  subscribe_both(at, ann, bob);
  strings said;
  for (std::string const fault :
       {"CLIENT KILL TYPE pubsub", "CLIENT KILL TYPE normal SKIPME yes", "CLIENT PAUSE 1000 WRITE",
        "CLIENT PAUSE 1000 ALL", "CONFIG SET timeout 1"}) {
    CAPTURE(fault);
    for (int i = 0; i != 20; ++i) {
      said.push_back(fault + std::to_string(i));
      CHECK_FALSE(ann.say("a", said.back(), many_messages));
      if (i == 10) server.ask(fault);
      at.io.restart(), at.io.poll();
    }
    heard_both(at, ann, bob, said);
  }
}

TEST_CASE("redis: without room for another client, or memory for another node, a node is told and waits") {
  redis_server server;
  for (bool const has_clients : {false, true}) {
    CAPTURE(has_clients);
    if (has_clients) {
      server.ask("CONFIG SET maxmemory 1");
    } else {
      server.ask("CONFIG SET maxclients 1");
    }
    world at(server);
    plane_side ann(at);
    diary const told(ann);
    std::error_code const expected = has_clients ? kw::redis_error::out_of_memory : kw::redis_error::refused;
    CHECK(await(at, [&] { return told.has(expected); }));
    CHECK(ann.ears->connections == 0);
    while (!server.ask("CONFIG SET maxclients 100").starts_with("+OK")) at.wait(1ms);
    server.ask("CONFIG SET maxmemory 0");
    test::subscribe(at, ann, "a", many_messages);
    CHECK_FALSE(ann.say("a", "1", many_messages));
    CHECK(await(at, [&] { return !ann["a"].texts.empty() && ann["a"].texts.back() == "1"; }));
  }
}

TEST_CASE("redis: records that Redis has thrown away are held again, and its nodes are not lost for it") {
  redis_server server;
  world at(server);
  at.options.node_term = 1min;
  plane_side ann(at), bob(at);
  subscribe_both(at, ann, bob);
  ann.plane->hold("a", "ann", "here");
  bob.plane->hold("a", "bob", "here");
  REQUIRE(await(at, [&] { return ann["a"].people.size() == 2 && bob["a"].people.size() == 2; }));
  server.ask("DEL kw:{a}:held");  // as one that keeps to its maxmemory may
  plane_side col(at);
  test::subscribe(at, col, "a");
  col.plane->hold("a", "col", "here");
  CHECK(await(at, [&] {
    return ann["a"].people.size() == 3 && bob["a"].people.size() == 3 && col["a"].people.size() == 3;
  }));
  CHECK(ann.ears->connections == 1);
  // What has been published is known by its node, whatever else is thrown away.
  ann.say("a", "1", many_messages);
  heard_both(at, ann, bob, {"1"});
  for (std::string const key : {"kw:{a}:at", "kw:{a}:log"}) {
    server.ask("DEL " + key);
    ann.say("a", key, many_messages);
  }
  heard_both(at, ann, bob, {"1", "kw:{a}:at", "kw:{a}:log"});
}

TEST_CASE("redis: a node may end at any moment, and its context right then or any time later") {
  redis_server server;
  for (int before = 0; before < 60; before += 3) {
    for (int after : {0, 1, 2, 5, 20}) {
      auto at = std::make_unique<world>(server);
      auto ann = std::make_unique<plane_side>(*at);
      auto const ask = [&] {
        ann->plane->subscribe("a", ten_messages);
        ann->plane->hold("a", "ann", "here");
        ann->say("a", "1", ten_messages);
        ann->say("a", "2");
        ann->plane->unsubscribe("a");
      };
      ask();
      for (int i = 0; i != before; ++i) at->io.run_one_for(5ms);
      ask();
      std::thread elsewhere([&] { ask(); });
      ann->plane->release("a", "ann");
      elsewhere.join();
      ann.reset();
      for (int i = 0; i != after; ++i) at->io.run_one_for(2ms);
      at.reset();
    }
  }
  world at(server);
  plane_side bob(at);
  test::subscribe(at, bob, "a");
  CHECK(server.ask("PING") == "+PONG\r\n");
}

}  // namespace redis_refusals_tests
