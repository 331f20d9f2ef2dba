// A backplane follows the master that Sentinel names.
#include <kindwire/hub/redis.hpp>

#include <doctest/doctest.h>

#include <asio/io_context.hpp>
#include <chrono>
#include <memory>
#include <string>
#include <system_error>

#include "backplane_sides.hpp"
#include "redis_server.hpp"

namespace redis_sentinel_tests {

namespace kw = kindwire;
using namespace std::chrono_literals;
using test::await;
using test::many_messages;
using test::plane_side;
using test::redis_server;
using test::strings;

namespace {

struct world {
  std::unique_ptr<kw::backplane> make() { return kw::redis_backplane{url, options}.make(io.get_executor()); }

  asio::io_context io;
  std::string url;
  kw::redis_options options = {.first_delay = 50ms, .max_delay = 200ms, .answer_timeout = 1s};
};

std::string place_of(redis_server const& server) { return "127.0.0.1:" + std::to_string(server.port()); }

redis_server::arguments replica_of(redis_server const& master) {
  return {
      "--save", "", "--replicaof", "127.0.0.1 " + std::to_string(master.port()), "--repl-diskless-sync-delay",
      "0"};
}

}  // namespace

TEST_CASE("redis: after a failover, the new master is found, with what it has of the log") {
  redis_server master;
  redis_server replica(replica_of(master));
  redis_server sentinel({"--sentinel"}, "sentinel monitor main 127.0.0.1 " + std::to_string(master.port()) +
                                            " 1\nsentinel down-after-milliseconds main 500\n"
                                            "sentinel failover-timeout main 3000\n");
  world at;
  // The first of the two does not answer, as when it was on the machine that is gone.
  at.url =
      "redis+sentinel://127.0.0.1:" + std::to_string(test::free_port()) + ',' + place_of(sentinel) + "/main";
  plane_side ann(at), bob(at);
  test::subscribe(at, ann, "a", many_messages);
  test::subscribe(at, bob, "a", many_messages);
  for (auto const& each : test::numbered("", 1, 20)) ann.say("a", each, many_messages);
  REQUIRE(await(at, [&] { return bob["a"].texts.size() == 20; }));
  REQUIRE(await(at, [&] { return replica.ask("XLEN kw:{a}:log") == ":20\r\n"; }));
  REQUIRE(await(at, [&] {
    return sentinel.ask("SENTINEL replicas main").find("slave-repl-offset") != std::string::npos;
  }));
  std::string const epoch = bob["a"].epoch;

  master.kill();
  for (auto const& each : test::numbered("", 21, 40)) ann.say("a", each, many_messages);
  REQUIRE(await(at, [&] { return ann["a"].texts.size() >= 40 && bob["a"].texts.size() >= 40; }));
  CHECK(bob["a"].texts == test::numbered("", 1, 40));
  CHECK(ann["a"].texts == bob["a"].texts);
  CHECK(bob["a"].epoch == epoch);
  CHECK(bob.ears->mistakes().empty());
  CHECK(replica.ask("ROLE").find("master") != std::string::npos);
}

TEST_CASE("redis: a replica, and a master that no Sentinel knows, are each told as what they are") {
  redis_server master;
  redis_server replica(replica_of(master));
  REQUIRE(replica.ask("ROLE").find("slave") != std::string::npos);
  world at;
  at.url = "redis://" + place_of(replica);
  plane_side ann(at);
  CHECK(await(at, [&] { return ann.ears->connection == kw::redis_error::read_only; }));

  redis_server sentinel({"--sentinel"},
                        "sentinel monitor main 127.0.0.1 " + std::to_string(master.port()) + " 1\n");
  world other;
  other.url = "redis+sentinel://" + place_of(sentinel) + "/unknown";
  plane_side bob(other);
  CHECK(await(other, [&] { return bob.ears->connection == kw::redis_error::no_master; }));
}

}  // namespace redis_sentinel_tests
