// Messages of topics with a log, until Redis has confirmed them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <string>
#include <utility>

#include "../backplane.hpp"
#include "inbox.hpp"

namespace kindwire::detail {

struct redis_publication {
  std::string topic;
  std::string bytes;
  backplane::log keep;

  std::size_t cost() const noexcept { return cost_of_message(topic, bytes); }
};

// Each has a sequence, one more than the one before; those of which the answer was lost are sent again with
// the same, and Redis leaves out what it has.
class redis_outbox {
 public:
  struct numbered {
    std::uint64_t sequence = 0;
    redis_publication what;
  };

  // May throw std::bad_alloc, with nothing taken.
  void push(redis_publication&& what) {
    auto& latest = latest_[what.topic];
    queue_.emplace_back();
    queue_.back() = {next_, std::move(what)};
    latest = next_++;
  }
  bool empty() const noexcept { return queue_.empty(); }
  // The first that is not confirmed.
  std::uint64_t first() const noexcept { return queue_.empty() ? next_ : queue_.front().sequence; }

  // The first that is not sent, or has to be sent again.
  std::uint64_t first_unsent() const noexcept { return is_refused_ ? first() : first() + sent_; }
  // The latest of a topic that is not confirmed; 0 if there is none.
  std::uint64_t latest_of(std::string const& topic) const noexcept {
    auto const found = latest_.find(topic);
    return found == latest_.end() ? 0 : found->second;
  }

  // The next one to be sent; null if there is none, or enough is under way.
  numbered const* next(bool all_at_once) noexcept {
    if (is_refused_ || sent_ == queue_.size()) return nullptr;
    if (!all_at_once && sent_ != 0 && sent_bytes_ >= most_under_way) return nullptr;
    numbered const& found = queue_[sent_++];
    sent_bytes_ += found.what.bytes.size();
    ++unanswered_;
    return &found;
  }

  // Returns what the one that is over with counts for. Answers come in order; one to what was sent again may
  // come when that has been confirmed before.
  std::size_t confirmed() noexcept {
    answered();
    return sent_ == 0 ? 0 : drop();
  }
  // Redis refused one: those sent after it are refused as well. They may be sent again when all are answered.
  void refused() noexcept {
    answered();
    is_refused_ = true;
  }
  bool may_send_again() const noexcept { return is_refused_ && unanswered_ == 0; }
  void send_again() noexcept {
    is_refused_ = false;
    sent_ = 0;
    sent_bytes_ = 0;
  }
  void disconnect() noexcept {
    unanswered_ = 0;
    send_again();
  }
  // Those up to this one have been published before the connection broke. Returns what they count for.
  std::size_t confirmed_until(std::uint64_t sequence) noexcept {
    std::size_t cost = 0;
    while (!queue_.empty() && queue_.front().sequence <= sequence) cost += drop();
    return cost;
  }

 private:
  static constexpr std::size_t most_under_way = std::size_t{1} << 20;

  void answered() noexcept {
    if (unanswered_ != 0) --unanswered_;
  }
  std::size_t drop() noexcept {
    auto const& [sequence, what] = queue_.front();
    std::size_t const cost = what.cost();
    auto const latest = latest_.find(what.topic);
    if (latest != latest_.end() && latest->second <= sequence) latest_.erase(latest);
    if (sent_ != 0) {
      --sent_;
      sent_bytes_ -= what.bytes.size();
    }
    queue_.pop_front();
    return cost;
  }

  std::deque<numbered> queue_;
  std::map<std::string, std::uint64_t> latest_;  // of each topic in the queue
  std::uint64_t next_ = 1;
  std::size_t sent_ = 0;  // of the queue, from its front
  std::size_t sent_bytes_ = 0;
  std::size_t unanswered_ = 0;
  bool is_refused_ = false;
};

}  // namespace kindwire::detail
