// What a run has counted, and what went wrong in it.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "stalls.hpp"

namespace soak {

// A failure that may be a matter of time is excused if one of the processes could not run shortly before it,
// or while it came about. What is wrong in itself, such as a byte, never is. Used by one thread.
class journal {
 public:
  void count(std::string const& what, std::uint64_t times = 1) { counts_[what] += times; }
  std::uint64_t counted(std::string const& what) const {
    auto const found = counts_.find(what);
    return found != counts_.end() ? found->second : 0;
  }

  void wrong(std::string what) { failures_.push_back({std::move(what), 0, 0}); }
  // Since `begin`, and until now.
  void late(clock::time_point begin, std::string what) {
    failures_.push_back({std::move(what), milliseconds(begin), milliseconds(clock::now())});
  }
  void stalled(std::int64_t until) {
    if (until != 0 && (stalls_.empty() || stalls_.back() != until)) stalls_.push_back(until);
  }

  // Of one kind of client: what it has done, and how much of that was not as it should be.
  struct outcome {
    std::vector<std::string> failed;
    std::vector<std::string> excused;
  };
  outcome judge() const {
    outcome result;
    for (auto const& each : failures_) {
      (is_excused(each) ? result.excused : result.failed).push_back(each.what);
    }
    return result;
  }
  std::map<std::string, std::uint64_t> const& counts() const noexcept { return counts_; }
  std::size_t stalls() const noexcept { return stalls_.size(); }

 private:
  struct failure {
    std::string what;
    std::int64_t begin;
    std::int64_t end;  // 0 if time has nothing to do with it
  };

  bool is_excused(failure const& one) const noexcept {
    constexpr std::int64_t longest =
        8000;  // from a stall to what comes of it: the sum of a connection's time-outs
    if (one.end == 0) return false;
    for (std::int64_t const each : stalls_) {
      if (each + longest >= one.begin && each <= one.end + 1000) return true;
    }
    return false;
  }

  std::map<std::string, std::uint64_t> counts_;
  std::vector<failure> failures_;
  std::vector<std::int64_t> stalls_;
};

}  // namespace soak
