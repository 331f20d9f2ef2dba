// What a hub asks of its backplane, by any thread, until the backplane's strand comes to it.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <mutex>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

#include "../backplane.hpp"

namespace kindwire::detail {

struct redis_request {
  enum class kind : std::uint8_t { subscribe, unsubscribe, publish, hold, release };

  kind what;
  std::string topic;
  std::string name;   // of a record, or the bytes of a message
  std::string value;  // of a record
  backplane::log keep;
};

// What a message counts for until Redis has confirmed it: what keeps it takes memory as well.
inline std::size_t cost_of_message(std::string_view topic, std::string_view bytes) noexcept {
  constexpr std::size_t beside = 256;
  return topic.size() + bytes.size() + beside;
}

inline bool is_log(backplane::log keep) noexcept { return keep.most != 0 && keep.time.count() > 0; }

// Thread safe.
class redis_inbox {
 public:
  explicit redis_inbox(std::size_t most_waiting) : most_waiting_(most_waiting) {}

  // True if whoever takes them must be woken. May throw std::bad_alloc, with nothing changed.
  bool add(redis_request what) {
    std::lock_guard const lock(mutex_);
    requests_.push_back(std::move(what));
    return !std::exchange(is_awake_, true);
  }
  // As add(), for a message: counts it until done().
  std::error_code add_message(redis_request what, bool& wake) {
    std::size_t const size = cost_of_message(what.topic, what.name);
    if (!is_log(what.keep) && !is_connected_) return std::make_error_code(std::errc::not_connected);
    if (waiting_.fetch_add(size) + size > most_waiting_) {
      done(size);
      return std::make_error_code(std::errc::no_buffer_space);
    }
    try {
      wake = add(std::move(what));
    } catch (...) {
      done(size);
      throw;
    }
    return {};
  }
  // There is nobody to wake.
  void fall_asleep() noexcept {
    std::lock_guard const lock(mutex_);
    is_awake_ = false;
  }

  // By one thread at a time. The first stays there until pop(), also while others are added. Null if there
  // are none, and the next has to wake.
  redis_request* front() noexcept {
    std::lock_guard const lock(mutex_);
    is_awake_ = !requests_.empty();
    return is_awake_ ? &requests_.front() : nullptr;
  }
  void pop() noexcept {
    std::lock_guard const lock(mutex_);
    requests_.pop_front();
  }

  // So many bytes wait no longer.
  void done(std::size_t size) noexcept { waiting_ -= size; }
  void set_connected(bool connected) noexcept { is_connected_ = connected; }

 private:
  std::size_t const most_waiting_;
  std::atomic<std::size_t> waiting_{0};
  std::atomic<bool> is_connected_{false};
  std::mutex mutex_;
  std::deque<redis_request> requests_;
  bool is_awake_ = false;
};

}  // namespace kindwire::detail
