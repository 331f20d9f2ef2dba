// What a topic remembers of the nodes that publish there.
#include <kindwire/hub/redis/told.hpp>

#include <doctest/doctest.h>

#include <cstddef>
#include <string>

namespace redis_told_tests {

using kindwire::detail::redis_told;

TEST_CASE("redis told: a message and all of its node's before it are known") {
  redis_told told;
  CHECK_FALSE(told.has("a", 1));
  told.note("a", 3);
  CHECK(told.has("a", 1));
  CHECK(told.has("a", 3));
  CHECK_FALSE(told.has("a", 4));
  CHECK_FALSE(told.has("b", 1));
  told.note("a", 2);
  CHECK(told.has("a", 3));
}

TEST_CASE("redis told: of more nodes than it may know, those that have published last are known") {
  redis_told told;
  auto const name = [](std::size_t number) { return "node " + std::to_string(number); };
  for (std::size_t i = 0; i != redis_told::most_nodes; ++i) told.note(name(i), 7);
  told.note(name(0), 8);
  for (std::size_t i = 0; i != 3; ++i) told.note(name(1000 + i), 1);
  CHECK(told.has(name(0), 8));
  for (std::size_t i = 1; i != 4; ++i) CHECK_FALSE(told.has(name(i), 7));
  CHECK(told.has(name(4), 7));
  for (std::size_t i = 0; i != 3; ++i) CHECK(told.has(name(1000 + i), 1));
}

}  // namespace redis_told_tests
