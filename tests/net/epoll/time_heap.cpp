#include <kindwire/net/epoll/time_heap.hpp>

#include <doctest/doctest.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <random>
#include <vector>

namespace time_heap_tests {

namespace {

struct member {
  static constexpr std::uint32_t none = (std::numeric_limits<std::uint32_t>::max)();
  std::uint32_t place_in_times_ = none;
};

using heap = kindwire::net::detail::time_heap<member>;
heap::time_point at(int seconds) { return heap::time_point(std::chrono::seconds(seconds)); }

}  // namespace

TEST_CASE("time_heap: the earliest is in front, whatever is set, set anew and erased") {
  std::mt19937 random{1};
  for (int round = 0; round != 50; ++round) {
    heap times;
    std::vector<member> all(40);
    std::vector<std::optional<int>> due(all.size());  // as a slow heap would know it
    for (int step = 0; step != 400; ++step) {
      std::size_t const which = random() % all.size();
      if (random() % 3 == 0) {
        times.erase(all[which]);
        due[which].reset();
      } else {
        due[which] = static_cast<int>(random() % 30);
        times.set(all[which], at(*due[which]));
      }
      std::optional<int> first;
      std::size_t count = 0;
      for (auto const& each : due) {
        if (each) ++count;
        if (each && (!first || *each < *first)) first = each;
      }
      REQUIRE(times.size() == count);
      REQUIRE(times.empty() == !first);
      if (!first) continue;
      REQUIRE(times.front().at == at(*first));
      REQUIRE(due[static_cast<std::size_t>(times.front().of - all.data())] == first);
    }
    for (std::optional<heap::time_point> last; !times.empty();) {
      auto const next = times.front();
      if (last) CHECK(*last <= next.at);
      last = next.at;
      times.erase(*next.of);
      CHECK(next.of->place_in_times_ == member::none);
    }
  }
}

}  // namespace time_heap_tests
