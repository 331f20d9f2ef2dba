// The last messages of a room, and what somebody who comes back has missed of them.
#pragma once

#include <algorithm>
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

#include "audience.hpp"
#include "random_name.hpp"

namespace kindwire::detail {

// Ids of messages: a number, after the epoch in which it counts. Without a backplane, those of all rooms of a
// hub are in one row; those of an earlier run of the program, or of another hub, are of another epoch.
class message_ids {
 public:
  message_ids() : epoch_(random_name()) {}

  std::string const& epoch() const noexcept { return epoch_; }

  // The number of the last message so far.
  std::uint64_t last() const noexcept { return last_; }
  void note(std::uint64_t number) noexcept { last_ = number; }

  static std::string id(std::string_view epoch, std::uint64_t number) {
    return std::string(epoch).append(1, '-').append(std::to_string(number));
  }

  // Nothing if it is no id, or of another epoch.
  static std::optional<std::uint64_t> number(std::string_view epoch, std::string_view id) noexcept {
    if (id.size() <= epoch.size() || !id.starts_with(epoch) || id[epoch.size()] != '-') return std::nullopt;
    id.remove_prefix(epoch.size() + 1);
    std::uint64_t found = 0;
    auto const [end, failure] = std::from_chars(id.data(), id.data() + id.size(), found);
    if (failure != std::errc{} || end != id.data() + id.size()) return std::nullopt;
    return found;
  }

 private:
  std::string epoch_;
  std::uint64_t last_ = 0;
};

// Keeps what was published by reference: it is the same bytes that the connections were sent.
class history {
 public:
  using clock = std::chrono::steady_clock;

  // Knows of nothing that was published before that number.
  explicit history(std::uint64_t begin) noexcept : last_(begin), forgotten_(begin) {}

  // May throw std::bad_alloc; then nothing has changed.
  void add(std::uint64_t number, parcel what, std::size_t most, clock::time_point now) {
    if (most != 0) kept_.push_back({number, now, std::move(what)});
    last_ = number;
    if (most == 0) forgotten_ = number;
    keep(most);
  }
  void keep(std::size_t most) noexcept {
    while (kept_.size() > most) forget();
  }
  void expire(clock::time_point before) noexcept {
    while (!kept_.empty() && kept_.front().when < before) forget();
  }
  void clear() noexcept { keep(0); }
  bool empty() const noexcept { return kept_.empty(); }

  // Knows of nothing up to that number: what is kept is forgotten.
  void begin_at(std::uint64_t number) noexcept {
    kept_.clear();
    last_ = forgotten_ = number;
  }

  // There is nothing new up to that number.
  void skip_to(std::uint64_t number) noexcept { last_ = (std::max)(last_, number); }

  // The number of the latest message, kept or not; where it began before the first.
  std::uint64_t last() const noexcept { return last_; }

  // What came after that number, as far as it is kept.
  std::vector<parcel> since(std::uint64_t number) const {
    std::vector<parcel> all;
    for (auto const& each : kept_) {
      if (each.number > number) all.push_back(each.what);
    }
    return all;
  }
  // True if all that came after it is kept.
  bool is_complete_since(std::uint64_t number) const noexcept { return number >= forgotten_; }
  // The last `count` of them.
  std::vector<parcel> latest(std::size_t count) const {
    std::vector<parcel> all;
    for (std::size_t i = kept_.size() - (std::min)(count, kept_.size()); i != kept_.size(); ++i)
      all.push_back(kept_[i].what);
    return all;
  }

 private:
  struct kept {
    std::uint64_t number;
    clock::time_point when;
    parcel what;
  };

  void forget() noexcept {
    forgotten_ = kept_.front().number;
    kept_.pop_front();
  }

  std::deque<kept> kept_;
  std::uint64_t last_;
  std::uint64_t forgotten_;  // the latest that is kept no more
};

}  // namespace kindwire::detail
