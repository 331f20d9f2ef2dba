// What all connections of a server have queued for sending, and which of them have to go when that is too
// much.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <utility>

#include "roster.hpp"
#include "try_allocating.hpp"

namespace kindwire::net::detail {

class queue_charge;

// One for all threads of a server. Thread safe.
//
// Above the limit the connection with the longest queue has to leave: it sends a Close behind what is queued,
// and the stream is closed after close_timeout at the latest. Its queue is no reason for others to leave any
// more. If those that leave take so long that all queues together are a quarter above the limit, the longest
// of them are cut at once.
class queue_account {
 public:
  explicit queue_account(std::size_t limit) noexcept : limit_(limit) {}
  queue_account(queue_account const&) = delete;
  queue_account& operator=(queue_account const&) = delete;

  // Shorter queues do not count: nearly all connections have none, and must not have to come here.
  static constexpr std::size_t shortest = std::size_t{64} << 10;

  std::size_t limit() const noexcept { return limit_; }
  // Bytes of all queues that count.
  std::size_t size() const {
    std::lock_guard const lock(mutex_);
    return size_;
  }
  // How many connections had to leave.
  std::uint64_t closed() const {
    std::lock_guard const lock(mutex_);
    return closed_;
  }

 private:
  friend class queue_charge;

  enum class state : std::uint8_t { stays, leaves, cut };

  void update(queue_charge& of, std::size_t size) noexcept;
  void remove(queue_charge& of) noexcept;
  void change(queue_charge& of, std::size_t size) noexcept;
  queue_charge* longest(state which) const noexcept;
  queue_charge* next_to_go() noexcept;
  void have_go() noexcept;

  std::size_t const limit_;
  std::mutex mutable mutex_;
  queue_charge* first_ = nullptr;  // of those that count
  std::size_t size_ = 0;
  std::size_t staying_ = 0;  // of it: of connections that stay
  std::size_t uncut_ = 0;    // of it: of connections that have not been cut
  std::uint64_t closed_ = 0;
};

// The queue of one connection. Used on the connection's executor.
class queue_charge {
 public:
  // Has the owner leave, or cuts it; from any thread. May throw std::bad_alloc.
  using teller = void (*)(std::shared_ptr<roster_member> const& owner, bool at_once);

  queue_charge(std::shared_ptr<queue_account> of, std::weak_ptr<roster_member> owner, teller tell) noexcept
      : account_(std::move(of)), owner_(std::move(owner)), tell_(tell) {}
  queue_charge(queue_charge const&) = delete;
  queue_charge& operator=(queue_charge const&) = delete;
  ~queue_charge() { clear(); }

  // True if the account should learn that the queue is so long: once it counts, each time it has changed
  // much.
  bool is_due(std::size_t queued) const noexcept {
    constexpr std::size_t much = queue_account::shortest / 2;
    if (!counts_) return queued >= queue_account::shortest;
    return queued < much || (queued > queued_ ? queued - queued_ : queued_ - queued) >= much;
  }

  // The queue has `queued` bytes, for which the connection is charged with `size` bytes of memory.
  void set(std::size_t queued, std::size_t size) noexcept {
    if (queued < queue_account::shortest / 2) return clear();
    queued_ = queued;
    counts_ = true;
    account_->update(*this, size);
  }
  void clear() noexcept {
    if (std::exchange(counts_, false)) account_->remove(*this);
  }
  bool counts() const noexcept { return counts_; }

 private:
  friend class queue_account;

  std::shared_ptr<queue_account> const account_;
  std::weak_ptr<roster_member> const owner_;
  teller const tell_;
  std::size_t queued_ = 0;  // when the account was last told
  bool counts_ = false;

  // The account's, used under its lock.
  queue_account::state state_ = queue_account::state::stays;
  bool is_listed_ = false;
  std::size_t size_ = 0;
  queue_charge* next_ = nullptr;
  queue_charge* previous_ = nullptr;
};

inline void queue_account::update(queue_charge& of, std::size_t size) noexcept {
  {
    std::lock_guard const lock(mutex_);
    if (!std::exchange(of.is_listed_, true)) {
      of.next_ = first_;
      if (first_ != nullptr) first_->previous_ = &of;
      first_ = &of;
    }
    change(of, size);
  }
  have_go();
}

inline void queue_account::remove(queue_charge& of) noexcept {
  std::lock_guard const lock(mutex_);
  change(of, 0);
  (of.previous_ != nullptr ? of.previous_->next_ : first_) = of.next_;
  if (of.next_ != nullptr) of.next_->previous_ = of.previous_;
  of.next_ = of.previous_ = nullptr;
  of.is_listed_ = false;
}

inline void queue_account::change(queue_charge& of, std::size_t size) noexcept {
  std::size_t const more = size - of.size_;  // modulo 2^n, as it may be less
  size_ += more;
  if (of.state_ != state::cut) uncut_ += more;
  if (of.state_ == state::stays) staying_ += more;
  of.size_ = size;
}

// Those that count are few, and this is asked for only above the limit.
inline queue_charge* queue_account::longest(state which) const noexcept {
  queue_charge* found = nullptr;
  for (queue_charge* each = first_; each != nullptr; each = each->next_) {
    if (each->state_ == which && (found == nullptr || each->size_ > found->size_)) found = each;
  }
  return found;
}

// Null if no other has to go for now.
inline queue_charge* queue_account::next_to_go() noexcept {
  if (staying_ > limit_) {
    queue_charge* const one = longest(state::stays);
    staying_ -= one->size_;
    one->state_ = state::leaves;
    ++closed_;
    return one;
  }
  queue_charge* const one = uncut_ > limit_ + limit_ / 4 ? longest(state::leaves) : nullptr;
  if (one != nullptr) {
    uncut_ -= one->size_;
    one->state_ = state::cut;
  }
  return one;
}

// Told without the lock: the last reference to an owner may be ours.
inline void queue_account::have_go() noexcept {
  for (;;) {
    std::shared_ptr<roster_member> owner;
    queue_charge::teller tell = nullptr;
    bool at_once = false;
    {
      std::lock_guard const lock(mutex_);
      queue_charge const* const one = next_to_go();
      if (one == nullptr) return;
      owner = one->owner_.lock();
      tell = one->tell_;
      at_once = one->state_ == state::cut;
    }
    // Without memory it cannot be told. It goes on to count as one that leaves, and is cut when others need
    // the room.
    if (owner) try_allocating([&] { tell(owner, at_once); });
  }
}

}  // namespace kindwire::net::detail
