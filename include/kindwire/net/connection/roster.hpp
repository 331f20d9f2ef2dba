// What a server must end when it stops, and wait for when it shuts down.
#pragma once

#include <algorithm>
#include <cstddef>
#include <memory>
#include <mutex>
#include <new>
#include <utility>
#include <vector>

#include "../../message/close.hpp"
#include "try_allocating.hpp"

namespace kindwire::net::detail {

class roster;

/// Something a stopping server ends. It enrols once, and leaves when it has ended or is destroyed. Inherits
/// enable_shared_from_this here, since the derived part is destroyed first, while others may still lock it.
class roster_member : public std::enable_shared_from_this<roster_member> {
 public:
  roster_member() noexcept = default;
  roster_member(roster_member const&) = delete;
  roster_member& operator=(roster_member const&) = delete;

  /// Begins to end; a websocket closes with this code. Called from any thread, while a shared_ptr keeps the
  /// member alive.
  virtual void stop(close_code code) = 0;
  /// Ends at once, whatever its peer does. Called as stop() is, and after it.
  virtual void stop_now() = 0;

 protected:
  virtual ~roster_member() { leave(); }

  /// It has ended, though the object may live on. Not from two threads at once.
  void leave() noexcept;

 private:
  friend class roster;
  std::shared_ptr<roster> roster_;
  roster_member* next_ = nullptr;
  roster_member* previous_ = nullptr;
};

/// Notified once nothing is left, on the thread of the last to leave.
class roster_watcher {
 public:
  /// `was_cut` if some of them did not end by themselves.
  virtual void on_empty(bool was_cut) noexcept = 0;

 protected:
  ~roster_watcher() = default;
};

/// An intrusive list, since a server may have 100,000 members that come and go; and a count of its running
/// handlers. Thread safe.
class roster : public std::enable_shared_from_this<roster> {
 public:
  /// `kept`, if there is one, is released when the member leaves; it must keep this alive.
  void enrol(std::shared_ptr<roster_member> const& member, std::shared_ptr<void> const& kept = {}) {
    member->roster_ = kept ? std::shared_ptr<roster>(kept, this) : shared_from_this();
    bool late = false;
    close_code code{};
    {
      std::lock_guard const lock(mutex_);
      member->next_ = first_;
      if (first_ != nullptr) first_->previous_ = member.get();
      first_ = member.get();
      ++count_;
      late = stopping_;
      code = code_;
    }
    if (late) member->stop(code);
  }

  /// A handler begins, or has ended. For handler_guard.
  void begin_handler() noexcept {
    std::lock_guard const lock(mutex_);
    ++count_;
  }
  void end_handler() noexcept {
    std::unique_lock lock(mutex_);
    count_down(lock);
  }

  /// Members that enrol are no longer stopped.
  void open() {
    std::lock_guard const lock(mutex_);
    stopping_ = was_cut_ = false;
    ++openings_;
  }
  /// How often it was opened.
  unsigned openings() const {
    std::lock_guard const lock(mutex_);
    return openings_;
  }

  /// Calls stop() of every member, and, unless it was opened since there were `openings`, of each that enrols
  /// later. The first code stays.
  void stop(close_code code, unsigned openings) {
    std::unique_lock lock(mutex_);
    if (openings == openings_ && !std::exchange(stopping_, true)) code_ = code;
    for_each(lock, [code = stopping_ ? code_ : code](roster_member& each) { each.stop(code); });
  }
  void stop(close_code code) { stop(code, openings()); }

  /// Calls stop_now() of every member. False if neither a member nor a handler is left.
  bool cut() {
    std::unique_lock lock(mutex_);
    bool const any = count_ != 0;
    was_cut_ = was_cut_ || any;
    for_each(lock, [](roster_member& each) { each.stop_now(); });
    return any;
  }

  bool empty() const {
    std::lock_guard const lock(mutex_);
    return count_ == 0;
  }

  /// `watcher` is notified the next time nothing is left, if it still exists.
  void watch(std::weak_ptr<roster_watcher> watcher) {
    std::lock_guard const lock(mutex_);
    std::erase_if(watchers_, [](auto const& each) { return each.expired(); });
    watchers_.push_back(std::move(watcher));
  }

 private:
  friend class roster_member;

  // Collected first: `work` may destroy a member, which then takes the lock.
  template <class Work>
  void for_each(std::unique_lock<std::mutex>& lock, Work work) {
    std::vector<std::shared_ptr<roster_member>> all;
    for (roster_member* each = first_; each != nullptr; each = each->next_) {
      if (auto member = each->weak_from_this().lock()) all.push_back(std::move(member));
    }
    lock.unlock();
    // Lack of memory for one must not keep the others from being told.
    bool all_told = true;
    for (auto const& member : all) all_told &= try_allocating([&] { work(*member); });
    if (!all_told) throw std::bad_alloc();
  }

  void leave(roster_member& member) noexcept {
    std::unique_lock lock(mutex_);
    (member.previous_ != nullptr ? member.previous_->next_ : first_) = member.next_;
    if (member.next_ != nullptr) member.next_->previous_ = member.previous_;
    member.next_ = member.previous_ = nullptr;
    count_down(lock);
  }

  void count_down(std::unique_lock<std::mutex>& lock) noexcept {
    if (--count_ != 0 || watchers_.empty()) return;
    auto const watchers = std::exchange(watchers_, {});
    bool const was_cut = was_cut_;
    lock.unlock();
    for (auto const& each : watchers) {
      if (auto const watcher = each.lock()) watcher->on_empty(was_cut);
    }
  }

  std::mutex mutable mutex_;
  roster_member* first_ = nullptr;
  std::size_t count_ = 0;  // members and handlers
  std::vector<std::weak_ptr<roster_watcher>> watchers_;
  close_code code_{};
  unsigned openings_ = 0;
  bool stopping_ = false;
  bool was_cut_ = false;
};

inline void roster_member::leave() noexcept {
  if (!roster_) return;
  // What was kept goes first: when nothing is left, it does not count any more either.
  auto const from = roster_->shared_from_this();
  roster_.reset();
  from->leave(*this);
}

}  // namespace kindwire::net::detail
