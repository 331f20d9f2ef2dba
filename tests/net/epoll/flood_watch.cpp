#include <kindwire/net/epoll/flood_watch.hpp>

#include <doctest/doctest.h>

#include <cstddef>

namespace flood_watch_tests {

using kindwire::net::detail::flood_watch;

namespace {

constexpr std::size_t turn = std::size_t{128} << 10;

struct party {
  int const who[4] = {};
  flood_watch watch;

  // Each takes its turn, `rounds` times.
  void take(int rounds, std::size_t first, std::size_t others, int count) {
    for (; rounds != 0; --rounds) {
      watch.took(&who[0], first);
      for (int index = 1; index < count; ++index) watch.took(&who[index], others);
    }
  }
  int flooding() const {
    int result = 0;
    for (int const& each : who) result += watch.floods(&each) ? 1 : 0;
    return result;
  }
};

}  // namespace

TEST_CASE("flood watch: one who takes nearly everything while others take little") {
  party all;
  all.take(8, turn, 20, 4);
  CHECK(all.flooding() == 0);  // as yet only somebody to keep an eye on
  all.take(16, turn, 20, 4);
  CHECK(all.watch.floods(&all.who[0]));
  CHECK(all.flooding() == 1);
  all.take(400, turn / 8, 20, 4);  // in shorter turns still
  CHECK(all.watch.floods(&all.who[0]));
}

TEST_CASE("flood watch: who is alone, or one of several who are busy, does not") {
  party all;
  all.take(100, turn, 0, 1);
  CHECK(all.flooding() == 0);
  all.take(100, turn, turn, 2);
  CHECK(all.flooding() == 0);
  all.take(100, turn / 2, turn, 3);
  CHECK(all.flooding() == 0);
  all.take(100'000, 20, 20, 4);
  all.take(100, turn, 0, 4);  // the others only look whether there is something
  CHECK(all.flooding() == 0);
}

TEST_CASE("flood watch: it is over once the others take their share, or are quiet") {
  party all;
  all.take(30, turn, 20, 4);
  REQUIRE(all.watch.floods(&all.who[0]));
  all.take(100, turn, turn, 4);
  CHECK(all.flooding() == 0);
  all.take(30, turn, 20, 4);
  REQUIRE(all.watch.floods(&all.who[0]));
  all.take(30, turn, 0, 1);
  CHECK(all.flooding() == 0);
}

TEST_CASE("flood watch: who is gone is forgotten") {
  party all;
  all.take(30, turn, 20, 4);
  REQUIRE(all.watch.floods(&all.who[0]));
  all.watch.forget(&all.who[0]);
  CHECK(all.flooding() == 0);
}

}  // namespace flood_watch_tests
