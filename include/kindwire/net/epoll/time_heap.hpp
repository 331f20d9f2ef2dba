// When each of many is due.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace kindwire::net::detail {

// A heap, the earliest first, with at most one time a member. Each member knows its place: `place_in_times_`,
// which is Member::none while it has no time, and holds numbers below that. Not thread safe.
template <class Member>
class time_heap {
 public:
  using time_point = std::chrono::steady_clock::time_point;
  struct entry {
    time_point at;
    Member* of;
  };

  bool empty() const noexcept { return all_.empty(); }
  std::size_t size() const noexcept { return all_.size(); }
  entry const& front() const noexcept { return all_.front(); }

  // In place of an earlier one. May throw std::bad_alloc, with no effect, for a member without a time.
  void set(Member& one, time_point at) {
    if (one.place_in_times_ == Member::none) {
      all_.push_back({at, &one});
      one.place_in_times_ = static_cast<std::uint32_t>(all_.size() - 1) & Member::none;
    }
    settle(one.place_in_times_, {at, &one});
  }

  void erase(Member& one) noexcept {
    if (one.place_in_times_ == Member::none) return;
    std::size_t const place = one.place_in_times_;
    one.place_in_times_ = Member::none;
    entry const last = all_.back();
    all_.pop_back();
    if (place != all_.size()) settle(place, last);
  }

 private:
  void put(std::size_t place, entry const& one) noexcept {
    all_[place] = one;
    one.of->place_in_times_ = static_cast<std::uint32_t>(place) & Member::none;
  }

  // Moves `one` up or down from `place` to where it belongs.
  void settle(std::size_t place, entry const one) noexcept {
    for (; place != 0 && one.at < all_[(place - 1) / 2].at; place = (place - 1) / 2)
      put(place, all_[(place - 1) / 2]);
    for (std::size_t child; (child = 2 * place + 1) < all_.size(); place = child) {
      if (child + 1 < all_.size() && all_[child + 1].at < all_[child].at) ++child;
      if (one.at <= all_[child].at) break;
      put(place, all_[child]);
    }
    put(place, one);
  }

  std::vector<entry> all_;
};

}  // namespace kindwire::net::detail
