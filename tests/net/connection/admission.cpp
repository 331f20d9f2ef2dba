#include <kindwire/net/connection/admission.hpp>

#include <doctest/doctest.h>

#include <cstddef>
#include <ostream>
#include <thread>
#include <vector>

namespace kw = kindwire;
using kw::net::detail::admission;

TEST_CASE("admission: below the mark everything enters, at it nothing") {
  admission door;
  CHECK(!door.enter(60, 100));
  CHECK(!door.enter(39, 100));
  CHECK(!door.enter(1, 100));
  CHECK(door.enter(1, 100) == kw::error::send_queue_full);
  CHECK(door.enter(0, 100) == kw::error::send_queue_full);
  door.leave(1);
  CHECK(!door.enter(1, 100));
}

TEST_CASE("admission: what is refused takes no room") {
  admission door;
  CHECK(!door.enter(100, 100));
  for (int i = 0; i != 10; ++i) CHECK(door.enter(1000, 100) == kw::error::send_queue_full);
  door.leave(100);
  CHECK(!door.enter(1, 100));
}

TEST_CASE("admission: one message may be longer than the room that is left, as with a send()") {
  admission door;
  CHECK(!door.enter(1000, 100));
  CHECK(door.enter(1, 100) == kw::error::send_queue_full);
  door.leave(1000);
  CHECK(!door.enter(1, 100));
}

TEST_CASE("admission: what the connection has queued counts") {
  admission door;
  door.set_queued(99);
  CHECK(!door.enter(1, 100));
  CHECK(door.enter(1, 100) == kw::error::send_queue_full);
  door.leave(1);
  door.set_queued(100);
  CHECK(door.enter(1, 100) == kw::error::send_queue_full);
  door.set_queued(0);
  CHECK(!door.enter(1, 100));
}

TEST_CASE("admission: closed for good") {
  admission door;
  CHECK(!door.closed());
  CHECK(!door.enter(1, 100));
  door.close();
  CHECK(door.closed());
  CHECK(door.enter(1, 100) == kw::error::closed);
  door.leave(1);
  CHECK(door.enter(1, 100) == kw::error::closed);
}

TEST_CASE("admission: threads together do not pass the mark, and leave no trace") {
  constexpr std::size_t mark = 1000;
  admission door;
  std::size_t admitted[4] = {};
  {
    std::vector<std::thread> threads;
    for (auto& count : admitted) {
      threads.emplace_back([&door, &count] {
        for (int i = 0; i != 1000; ++i) count += door.enter(1, mark) ? 0u : 1u;
      });
    }
    for (auto& each : threads) each.join();
  }
  std::size_t sum = 0;
  for (auto const count : admitted) sum += count;
  CHECK(sum <= mark);
  while (!door.enter(1, mark)) ++sum;
  CHECK(sum == mark);
}
