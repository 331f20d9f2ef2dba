// Frames that other connections send as well, waiting in the midst of what a connection has queued itself.
#pragma once

#include <algorithm>
#include <cstddef>
#include <span>
#include <utility>
#include <vector>

#include "../../message/shared_frames.hpp"

namespace kindwire::net::detail {

// A queue of runs, each with the number of own bytes that leave between the run before it and itself. Own
// bytes behind the last run are not known here. Bounded by what the connection may queue.
class shared_runs {
 public:
  bool empty() const noexcept { return first_ == runs_.size(); }
  // Bytes of all runs.
  std::size_t size() const noexcept { return size_; }

  // Bytes of memory that the runs take, with a share of what others hold as well.
  std::size_t held() const noexcept {
    std::size_t sum = (runs_.size() - first_) * sizeof(run);
    for (std::size_t i = first_; i != runs_.size(); ++i) sum += runs_[i].frames.share();
    return sum;
  }

  // Behind everything that is queued: `own` bytes of the connection's own, and all runs. What follows in the
  // same block is part of the last run. `begun` bytes of the first frame have been written already. May throw
  // std::bad_alloc; then nothing has changed.
  void push(kindwire::detail::shared_frames const& frames, void const* origin, std::size_t own,
            std::size_t begun = 0, bool being_written = false) {
    std::size_t const gap = own - own_before_;
    // What is being written cannot be dropped, so nothing is added to it.
    bool const joins = !empty() && gap == 0 && runs_.back().origin == origin &&
                       !(being_written && runs_.size() - first_ == 1);
    if (!joins || !runs_.back().frames.join(frames)) {
      make_room();
      runs_.push_back({frames, origin, gap, begun});
    }
    own_before_ = own;
    size_ += frames.size();
  }

  // Whether frames of the origin wait.
  bool holds(void const* origin) const noexcept {
    return std::any_of(runs_.begin() + static_cast<std::ptrdiff_t>(first_), runs_.end(),
                       [&](run const& each) { return each.origin == origin; });
  }

  // Own bytes that leave before the first run; there is one.
  std::size_t own_first() const noexcept { return runs_[first_].own_before; }
  std::span<std::byte const> run_first() const noexcept { return runs_[first_].frames.bytes(); }

  // Calls `use(bytes)` for all that is queued, in order, until it returns false. `own` is how the connection
  // keeps its bytes: one part behind the other.
  template <class Use>
  void for_each(std::span<std::byte const> own, std::span<std::byte const> own_rest, Use&& use) const {
    auto const pass = [&](std::size_t size) {
      for (std::span<std::byte const>* part : {&own, &own_rest}) {
        auto const piece = part->first((std::min)(size, part->size()));
        if (!piece.empty() && !use(piece)) return false;
        *part = part->subspan(piece.size());
        size -= piece.size();
      }
      return true;
    };
    for (std::size_t i = first_; i != runs_.size(); ++i) {
      if (!pass(runs_[i].own_before) || !use(runs_[i].frames.bytes())) return;
    }
    pass(own.size() + own_rest.size());
  }

  // `size` bytes have been written, own ones and runs in their order. Returns how many of them were own.
  std::size_t consume(std::size_t size) noexcept {
    std::size_t own = 0;
    while (size != 0 && !empty()) {
      run& next = runs_[first_];
      std::size_t const before = (std::min)(size, next.own_before);
      next.own_before -= before;
      own_before_ -= before;
      own += before;
      size -= before;
      std::size_t const part = (std::min)(size, next.frames.size());
      next.frames.consume(part);
      next.begun += part;
      size_ -= part;
      size -= part;
      if (next.frames.size() == 0) pop();
    }
    return own + size;
  }

  // Drops the oldest frames of the origin, `size` bytes of them or a frame more. What has begun to leave
  // stays; that is the first run if it is being written. Returns the number of frames. May throw
  // std::bad_alloc; what was dropped until then stays dropped.
  std::size_t drop_oldest(void const* origin, std::size_t size, bool being_written) {
    std::size_t count = 0;
    std::size_t dropped = 0;
    std::size_t place = first_;
    if (being_written && !empty() && runs_[first_].own_before == 0) ++place;
    while (place < runs_.size() && dropped < size) {
      if (runs_[place].origin != origin) {
        ++place;
        continue;
      }
      std::size_t const kept = begun_frame(runs_[place]);
      auto rest = runs_[place].frames;
      rest.consume(kept);
      std::size_t const before = rest.size();
      for (; rest.size() != 0 && dropped < size; ++count) {
        std::size_t const next = kindwire::detail::first_frame_size(rest.bytes());
        rest.consume(next);
        dropped += next;
      }
      size_ -= before - rest.size();
      if (kept == 0 && rest.size() != 0) {
        runs_[place].frames = std::move(rest);
        runs_[place].begun = 0;
      } else if (kept == 0) {
        remove(place);
        continue;
      } else if (before != rest.size()) {
        runs_[place].frames.truncate(kept);
        if (rest.size() != 0) insert_after(place++, {std::move(rest), origin, 0, 0});
      }
      ++place;
    }
    return count;
  }

  // Drops all runs, but the one that may be being written if there is one.
  void drop(bool being_written) noexcept {
    if (empty()) return;
    if (!being_written) return clear();
    runs_.erase(runs_.begin() + static_cast<std::ptrdiff_t>(first_ + 1), runs_.end());
    size_ = runs_[first_].frames.size();
    own_before_ = runs_[first_].own_before;
  }

 private:
  struct run {
    kindwire::detail::shared_frames frames;
    void const* origin;
    std::size_t own_before;
    std::size_t begun;  // bytes written of it
  };

  // Bytes up to the end of the frame that has begun to leave, or 0.
  static std::size_t begun_frame(run const& of) noexcept {
    std::byte const* const begin = of.frames.bytes().data() - of.begun;
    std::span<std::byte const> rest{begin, of.begun + of.frames.size()};
    std::size_t place = 0;
    while (place < of.begun) place += kindwire::detail::first_frame_size(rest.subspan(place));
    return place - of.begun;
  }

  void pop() noexcept {
    runs_[first_++].frames = {};
    if (empty()) clear();
  }
  void clear() noexcept { *this = shared_runs(); }

  // The own bytes before it leave before the run that follows.
  void remove(std::size_t place) {
    std::size_t const own = runs_[place].own_before;
    runs_.erase(runs_.begin() + static_cast<std::ptrdiff_t>(place));
    if (place < runs_.size()) {
      runs_[place].own_before += own;
    } else {
      own_before_ -= own;
    }
    if (empty()) clear();
  }
  void insert_after(std::size_t place, run fresh) {
    runs_.insert(runs_.begin() + static_cast<std::ptrdiff_t>(place + 1), std::move(fresh));
  }

  // Those that have left make room once they are half of all, so that each is moved once at most.
  void make_room() {
    if (runs_.size() != runs_.capacity() || first_ < runs_.size() - first_) return;
    runs_.erase(runs_.begin(), runs_.begin() + static_cast<std::ptrdiff_t>(first_));
    first_ = 0;
  }

  std::vector<run> runs_;
  std::size_t first_ = 0;
  std::size_t size_ = 0;
  std::size_t own_before_ = 0;  // before the last run, of all that is queued
};

}  // namespace kindwire::net::detail
