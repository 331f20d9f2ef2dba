// The connections that a server must end when it stops.
#pragma once

#include <memory>
#include <mutex>
#include <utility>
#include <vector>

namespace kindwire::net::detail {

class roster;

/// Something a stopping server ends. It enrols once and leaves when it is destroyed. That it can be shared
/// comes from here, not from what derives: that is gone first, while others may look.
class roster_member : public std::enable_shared_from_this<roster_member> {
 public:
  roster_member() noexcept = default;
  roster_member(roster_member const&) = delete;
  roster_member& operator=(roster_member const&) = delete;

  /// Begins to end; called from any thread, while a shared_ptr keeps the member alive.
  virtual void stop() = 0;

 protected:
  virtual ~roster_member();

 private:
  friend class roster;
  std::shared_ptr<roster> roster_;
  roster_member* next_ = nullptr;
  roster_member* previous_ = nullptr;
};

/// An intrusive list, since a server may have 100,000 members that come and go. Thread safe.
class roster : public std::enable_shared_from_this<roster> {
 public:
  void enrol(std::shared_ptr<roster_member> const& member) {
    member->roster_ = shared_from_this();
    bool late = false;
    {
      std::lock_guard const lock(mutex_);
      member->next_ = first_;
      if (first_ != nullptr) first_->previous_ = member.get();
      first_ = member.get();
      late = stopping_;
    }
    if (late) member->stop();
  }

  /// Members that enrol are welcome again.
  void open() {
    std::lock_guard const lock(mutex_);
    stopping_ = false;
  }

  /// Calls stop() of every member there is, and of each that enrols later.
  void stop() {
    // Collected first: a member may be destroyed by what its stop() does, and then wants the lock.
    std::vector<std::shared_ptr<roster_member>> all;
    {
      std::lock_guard const lock(mutex_);
      stopping_ = true;
      for (roster_member* each = first_; each != nullptr; each = each->next_) {
        if (auto member = each->weak_from_this().lock()) all.push_back(std::move(member));
      }
    }
    for (auto const& member : all) member->stop();
  }

 private:
  friend class roster_member;
  void leave(roster_member& member) noexcept {
    std::lock_guard const lock(mutex_);
    (member.previous_ != nullptr ? member.previous_->next_ : first_) = member.next_;
    if (member.next_ != nullptr) member.next_->previous_ = member.previous_;
  }

  std::mutex mutex_;
  roster_member* first_ = nullptr;
  bool stopping_ = false;
};

inline roster_member::~roster_member() {
  if (roster_) roster_->leave(*this);
}

}  // namespace kindwire::net::detail
