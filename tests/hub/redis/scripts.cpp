// What Redis does in one step, asked of it directly.
#include <kindwire/hub/redis/scripts.hpp>

#include <doctest/doctest.h>

#include <string>
#include <string_view>
#include <vector>

#include "../redis_server.hpp"

namespace redis_scripts_tests {

namespace kw = kindwire;

namespace {

std::string run(test::redis_server const& server, std::string_view script,
                std::vector<std::string_view> const& keys, std::vector<std::string_view> const& values) {
  std::string const whole = std::string(kw::detail::redis_script_parts) += script;
  std::string const count = std::to_string(keys.size());
  std::vector<std::string_view> words{"EVAL", whole, count};
  words.insert(words.end(), keys.begin(), keys.end());
  words.insert(words.end(), values.begin(), values.end());
  return server.ask(words);
}

struct world {
  std::string hello(std::string_view before) {
    return run(server, kw::detail::redis_hello_script, {"sent", "node", "probe"},
               {before, "60000", "nobody"});
  }
  std::string publish(std::string_view sequence, std::string_view run_id = "run") {
    return run(server, kw::detail::redis_publish_script, {"sent", "at", "log"},
               {sequence, "channel", "bytes", "10", "60000", "e", run_id, "node"});
  }
  std::string ask(std::string const& command) { return server.ask(command); }

  test::redis_server server;
};

std::string const done = "$4\r\ndone\r\n";

}  // namespace

TEST_CASE("redis scripts: a message is published once, however often it is sent, and none is left out") {
  world at;
  CHECK(at.publish("1") == "$7\r\nunknown\r\n");
  CHECK(at.hello("0") == "$1\r\n0\r\n");
  CHECK(at.publish("1") == done);
  CHECK(at.publish("1") == done);
  CHECK(at.publish("3") == "$5\r\nearly\r\n");
  CHECK(at.publish("2") == done);
  CHECK(at.publish("1") == done);
  CHECK(at.ask("XLEN log") == ":2\r\n");
  // What of the answers has been lost is known when the node comes back.
  CHECK(at.hello("0") == "$1\r\n2\r\n");
  CHECK(at.hello("5") == "$1\r\n5\r\n");
  CHECK(at.publish("6") == done);
}

TEST_CASE(
    "redis scripts: numbers go on from a step higher in another run of Redis, and at 1 in a log that was "
    "lost") {
  world at;
  at.hello("0");
  at.publish("1");
  at.publish("2", "another");
  CHECK(at.ask("HGET at given") == "$7\r\n1000002\r\n");
  CHECK(at.ask("HGET at epoch") == "$1\r\ne\r\n");
  at.publish("3", "");
  CHECK(at.ask("HGET at given") == "$7\r\n1000003\r\n");
  at.publish("4", "another");
  CHECK(at.ask("HGET at given") == "$7\r\n1000004\r\n");
  at.ask("DEL at");
  at.publish("5", "another");
  CHECK(at.ask("HGET at given") == "$1\r\n1\r\n");
  CHECK(at.ask("XLEN log") == ":1\r\n");
}

}  // namespace redis_scripts_tests
