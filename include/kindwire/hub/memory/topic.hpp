// A topic of the backplane in memory: its log, and what nodes hold there.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>

#include "../backplane.hpp"

namespace kindwire::detail {

// Guarded by the lock of the bus. Nodes are known by their numbers.
struct memory_topic {
  using clock = std::chrono::steady_clock;

  struct logged {
    std::uint64_t number;
    clock::time_point when;
    std::shared_ptr<std::string const> bytes;
  };

  explicit memory_topic(std::string of) : epoch(std::move(of)) {}

  // Not in nanoseconds, of which a long time has too many.
  bool is_old(logged const& what, clock::time_point now) const noexcept {
    return std::chrono::duration_cast<std::chrono::milliseconds>(now - what.when) > keep.time;
  }
  void expire(clock::time_point now) noexcept {
    while (!log.empty() && (log.size() > keep.most || is_old(log.front(), now))) log.pop_front();
  }

  // As the node sees it: its own records are those without a node.
  backplane::snapshot seen_by(std::size_t node) const {
    std::uint64_t const forgotten = log.empty() ? last : log.front().number - 1;
    backplane::snapshot now{epoch, last, forgotten, {}, {}};
    for (auto const& each : log) now.kept.push_back({each.number, *each.bytes});
    for (auto const& [holder, value] : records) {
      auto const& [of, name] = holder;
      now.records.push_back({of == node ? std::string() : std::to_string(of), name, value});
    }
    return now;
  }

  std::string epoch;
  std::uint64_t last = 0;
  backplane::log keep;
  std::deque<logged> log;
  std::map<std::pair<std::size_t, std::string>, std::string> records;
  std::set<std::size_t> subscribers;
};

}  // namespace kindwire::detail
