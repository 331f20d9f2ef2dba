// Messages are under way in order, and again from the first that was refused.
#include <kindwire/hub/redis/outbox.hpp>

#include <doctest/doctest.h>

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace redis_outbox_tests {

namespace kw = kindwire;

namespace {

std::vector<std::uint64_t> send(kw::detail::redis_outbox& from, bool all = false) {
  std::vector<std::uint64_t> sent;
  while (auto const* next = from.next(all)) sent.push_back(next->sequence);
  return sent;
}
std::size_t cost(std::size_t size) { return kw::detail::cost_of_message("a", std::string(size, 'x')); }
using numbers = std::vector<std::uint64_t>;

kw::detail::redis_outbox with(std::size_t count, std::size_t size = 1) {
  kw::detail::redis_outbox made;
  for (std::size_t i = 0; i != count; ++i) made.push({"a", std::string(size, 'x'), {}});
  return made;
}

}  // namespace

TEST_CASE("redis outbox: a message leaves when it is confirmed") {
  auto box = with(3, 5);
  CHECK(box.first() == 1);
  CHECK(send(box) == numbers{1, 2, 3});
  CHECK(send(box).empty());
  CHECK(box.confirmed() == cost(5));
  CHECK(box.first() == 2);
  box.push({"a", "four", {}});
  CHECK(send(box) == numbers{4});
  for (std::size_t const size : {5u, 5u, 4u}) CHECK(box.confirmed() == cost(size));
  CHECK(box.empty());
  CHECK(box.first() == 5);
}

TEST_CASE("redis outbox: after a refusal nothing is sent until all is answered, then all again") {
  auto box = with(3);
  send(box);
  box.confirmed();
  box.refused();
  CHECK_FALSE(box.may_send_again());
  box.push({"a", "four", {}});
  CHECK(send(box).empty());
  box.refused();
  REQUIRE(box.may_send_again());
  box.send_again();
  CHECK(send(box) == numbers{2, 3, 4});
}

TEST_CASE(
    "redis outbox: after a broken connection, what Redis has is over with, and the rest is sent again") {
  auto box = with(4);
  send(box);
  box.confirmed();
  box.disconnect();
  CHECK(box.first() == 2);
  CHECK(box.confirmed_until(3) == 2 * cost(1));
  CHECK(send(box) == numbers{4});
}

TEST_CASE("redis outbox: only so much is under way at a time, but for the end") {
  auto box = with(5, std::size_t{600} << 10);
  CHECK(send(box) == numbers{1, 2});
  box.confirmed();
  CHECK(send(box) == numbers{3});
  CHECK(send(box, true) == numbers{4, 5});
  auto large = with(2, std::size_t{2} << 20);
  CHECK(send(large) == numbers{1});
}

TEST_CASE("redis outbox: the latest of a topic is known until it is confirmed") {
  auto box = with(2);
  box.push({"b", "three", {}});
  CHECK(box.latest_of("a") == 2);
  CHECK(box.latest_of("b") == 3);
  CHECK(box.latest_of("c") == 0);
  CHECK(box.first_unsent() == 1);
  send(box);
  CHECK(box.first_unsent() == 4);
  box.confirmed();
  CHECK(box.latest_of("a") == 2);
  box.refused();
  CHECK(box.first_unsent() == 2);
  box.refused();
  box.send_again();
  send(box);
  box.confirmed();
  CHECK(box.latest_of("a") == 0);
  CHECK(box.latest_of("b") == 3);
  box.confirmed();
  CHECK(box.latest_of("b") == 0);
}

}  // namespace redis_outbox_tests
