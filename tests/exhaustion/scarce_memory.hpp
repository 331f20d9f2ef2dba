// No memory at the n-th allocation, for every n: the work of a test is done again and again until it meets no
// refusal any more.
#pragma once

#include <doctest/doctest.h>

#include <cstddef>
#include <new>
#include <thread>
#include <utility>

namespace exhaustion {

/// How many allocations there are before one is refused, and whether all later ones are as well.
struct refusal {
  std::size_t at;
  bool for_good;
  std::size_t smallest = 0;  // smaller blocks are always given, and do not count
};

// Of the calling thread; scarce_memory.cpp replaces operator new.
void refuse_from_now_on(refusal when) noexcept;
void refuse(bool on) noexcept;
bool refuses() noexcept;
bool has_refused() noexcept;

/// Blocks of operator new that are alive, in all threads.
std::size_t blocks_alive() noexcept;

/// What one run has.
class scarce_memory {
 public:
  explicit scarce_memory(refusal when) : for_good_(when.for_good) { refuse_from_now_on(when); }

  /// Does `work`, whose allocations count, unlike those of the test around it. False if it ended in
  /// std::bad_alloc.
  template <class Work>
  bool attempt(Work work) {
    struct counting {
      counting() noexcept { refuse(true); }
      counting(counting const&) = delete;
      counting& operator=(counting const&) = delete;
      ~counting() { refuse(false); }
    } const now;
    try {
      work();
      return true;
    } catch (std::bad_alloc const&) {
      return false;
    }
  }

  /// The same for work that changes nothing when it fails: when memory is there again it succeeds. False if
  /// there is none for good.
  template <class Work>
  bool attempt_twice(Work work) {
    return attempt(work) || attempt(work);
  }

  /// True once an allocation was refused.
  bool refused() const noexcept { return has_refused(); }
  bool for_good() const noexcept { return for_good_; }

 private:
  bool for_good_;
};

/// Calls `scenario(scarce_memory&)` for every n, and checks that no run leaves a block behind. Each run is a
/// thread of its own: what a run has given back to the thread's block pool must not spare the next one its
/// allocations. Returns how many allocations the longest run made.
template <class Scenario>
std::size_t at_every_allocation(Scenario scenario, std::size_t smallest = 0) {
  std::size_t longest = 0;
  for (bool const for_good : {false, true}) {
    bool refused = true;
    for (std::size_t at = 0; refused; ++at) {
      if (at == 10000) {
        FAIL_CHECK("the scenario does not come to an end");
        break;
      }
      auto const run = [&] {
        std::thread([&] {
          CAPTURE(at);
          CAPTURE(for_good);
          scarce_memory memory({at, for_good, smallest});
          scenario(memory);
          refused = memory.refused();
        }).join();
        return blocks_alive();
      };
      std::size_t const before = blocks_alive();
      std::size_t const after = run();
      // What is made once, at its first use, stays: only a run that leaves a block each time has lost it.
      if (after != before) CHECK_MESSAGE(run() == after, "left behind by the run at " << at);
      longest = at;
    }
  }
  return longest;
}

}  // namespace exhaustion
