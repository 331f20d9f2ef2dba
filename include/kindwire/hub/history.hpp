// The last messages of a room, and what somebody who comes back has missed of them.
#pragma once

#include <array>
#include <charconv>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "../frame/random.hpp"
#include "audience.hpp"

namespace kindwire::detail {

// Ids of one hub: those of an earlier run of the program, or of another hub, are of another `epoch`.
class message_ids {
 public:
  message_ids() {
    std::array<std::byte, 8> bytes;
    random_bytes(bytes);
    for (std::byte const each : bytes) {
      constexpr std::string_view digits = "0123456789abcdef";
      epoch_ += digits[std::to_integer<unsigned>(each) >> 4];
      epoch_ += digits[std::to_integer<unsigned>(each) & 0xF];
    }
    epoch_ += '-';
  }

  std::string id(std::uint64_t number) const { return epoch_ + std::to_string(number); }

  // Nothing if it is not one of ours.
  std::optional<std::uint64_t> number(std::string_view id) const noexcept {
    if (!id.starts_with(epoch_)) return std::nullopt;
    id.remove_prefix(epoch_.size());
    std::uint64_t found = 0;
    auto const [end, failure] = std::from_chars(id.data(), id.data() + id.size(), found);
    if (failure != std::errc{} || end != id.data() + id.size()) return std::nullopt;
    return found;
  }

 private:
  std::string epoch_;
};

// Keeps what was published by reference: it is the same bytes that the connections were sent.
class history {
 public:
  using clock = std::chrono::steady_clock;

  // May throw std::bad_alloc; then nothing has changed.
  void add(parcel what, std::size_t most, clock::time_point now) {
    if (most == 0) return;
    kept_.push_back({last_, now, std::move(what)});
    while (kept_.size() > most) kept_.pop_front();
  }
  void expire(clock::time_point before) noexcept {
    while (!kept_.empty() && kept_.front().when < before) kept_.pop_front();
  }
  void clear() noexcept { kept_.clear(); }
  bool empty() const noexcept { return kept_.empty(); }
  std::size_t size() const noexcept { return kept_.size(); }

  // The number of the latest message, kept or not; 0 before the first.
  std::uint64_t last() const noexcept { return last_; }
  std::uint64_t next() noexcept { return ++last_; }
  // The one that next() gave will not be published after all.
  void take_back() noexcept { --last_; }

  // What came after that number, as far as it is kept.
  std::vector<parcel> since(std::uint64_t number) const {
    std::vector<parcel> all;
    for (auto const& each : kept_) {
      if (each.number > number) all.push_back(each.what);
    }
    return all;
  }
  // True if all that came after it is kept.
  bool is_complete_since(std::uint64_t number) const noexcept {
    return number <= last_ && number + kept_.size() >= last_;
  }
  // The last `count` of them.
  std::vector<parcel> latest(std::size_t count) const {
    return since(last_ - (std::min)(std::uint64_t{count}, last_));
  }

 private:
  struct kept {
    std::uint64_t number;
    clock::time_point when;
    parcel what;
  };
  std::deque<kept> kept_;
  std::uint64_t last_ = 0;
};

}  // namespace kindwire::detail
