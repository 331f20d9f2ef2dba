// What a connection needs only while it is busy, pooled like the buffers.
#pragma once

#include <chrono>
#include <cstddef>
#include <memory>
#include <new>
#include <optional>
#include <system_error>
#include <utility>

#include "../../frame/role.hpp"
#include "../../message/buffer.hpp"
#include "../../message/extension.hpp"
#include "../../message/message.hpp"
#include "../../session.hpp"
#include "../options.hpp"
#include "operation.hpp"

namespace kindwire::net::detail {

struct activity {
  activity(role self, session_options const& options, message_extension* extension = nullptr) noexcept
      : protocol(self, options, extension) {}

  session protocol;
  buffer in_flight;  // taken from the session's output, being written
  message ready;     // polled, waiting for a receive
  waiting_list drains;
  waiting_list closes;
  std::error_code read_failed;
  std::error_code write_failed;

  // True if a fresh one would be the same.
  bool is_at_rest() const noexcept {
    return protocol.is_at_rest() && in_flight.capacity() == 0 && !ready && drains.empty() && closes.empty() &&
           !read_failed && !write_failed;
  }
};

// The activity of one connection: created when something happens, released when idle. An idle connection is
// open and has nothing pending, so nothing is lost meanwhile.
class activity_place {
 public:
  using clock = std::chrono::steady_clock;

  activity_place(role self, std::shared_ptr<connection_options const> options) noexcept
      : options_(std::move(options)), self_(self) {}
  activity_place(activity_place const&) = delete;
  activity_place& operator=(activity_place const&) = delete;
  ~activity_place() { give_back(); }

  connection_options const& options() const noexcept { return *options_; }

  // Call before the first activity is acquired; the extension outlives all of them. May throw std::bad_alloc.
  void set_extension(std::unique_ptr<message_extension> extension) {
    if (extension) particular().extension = std::move(extension);
  }
  message_extension* extension() const noexcept {
    return particulars_ ? particulars_->extension.get() : nullptr;
  }

  // Lets the extension rest if it is time for that, and says when it is the next time; never without one.
  // However often it is called: what it has used in between must not be taken from it too soon.
  clock::time_point let_extension_rest(clock::time_point now) noexcept {
    constexpr std::chrono::seconds interval{20};
    if (extension() == nullptr) return (clock::time_point::max)();
    if (now >= particulars_->rests_at) {
      extension()->rest();
      particulars_->rests_at = now + interval;
    }
    return particulars_->rests_at;
  }

  // May throw std::bad_alloc.
  void begin_counting() { particular().counts.emplace(); }
  // Null unless there is counting.
  statistics* counts() const noexcept {
    return particulars_ && particulars_->counts ? &*particulars_->counts : nullptr;
  }

  bool is_at_rest() const noexcept { return there_ == nullptr; }

  // For reading: the current activity, or what a fresh one would be.
  activity const& peek() const noexcept { return there_ != nullptr ? *there_ : quiet(); }

  // For changing; created if needed. May throw std::bad_alloc, changing nothing.
  activity& acquire() {
    if (there_ == nullptr) [[unlikely]] {
      std::size_t size = block_size;
      there_ =
          ::new (kindwire::detail::block_pool::take(size)) activity(self_, options_->session(), extension());
      if (lost_) there_->protocol.end_of_input();
    }
    return *there_;
  }

  // Call when all that can be done is done: releases the activity if it holds nothing.
  void release_if_idle() noexcept {
    if (there_ != nullptr && there_->is_at_rest()) give_back();
  }

  // The stream has ended. Needs no memory.
  void end_of_input() noexcept {
    if (there_ != nullptr) return there_->protocol.end_of_input();
    lost_ = true;
  }

 private:
  // What few connections have.
  struct particulars {
    std::unique_ptr<message_extension> extension;
    std::optional<statistics> counts;
    clock::time_point rests_at{};
  };

  particulars& particular() {
    if (!particulars_) particulars_ = std::make_unique<particulars>();
    return *particulars_;
  }

  static constexpr std::size_t block_size = kindwire::detail::block_pool::smallest;
  static_assert(sizeof(activity) <= block_size);

  // Never destroyed: a websocket with static storage may be read after everything else with static storage is
  // gone.
  KINDWIRE_NOINLINE activity const& quiet() const noexcept {
    struct kinds {
      activity open[2] = {{role::client, {}}, {role::server, {}}};
      activity lost[2] = {{role::client, {}}, {role::server, {}}};
      kinds() noexcept {
        for (auto& each : lost) each.protocol.end_of_input();
      }
    };
    alignas(kinds) static std::byte place[sizeof(kinds)];
    static kinds const& all = *::new (static_cast<void*>(place)) kinds;
    return (lost_ ? all.lost : all.open)[self_ == role::server ? 1 : 0];
  }

  void give_back() noexcept {
    if (there_ == nullptr) return;
    activity* const last = std::exchange(there_, nullptr);
    last->~activity();
    kindwire::detail::block_pool::give(reinterpret_cast<std::byte*>(last), block_size);
  }

  activity* there_ = nullptr;
  std::shared_ptr<connection_options const> options_;
  std::unique_ptr<particulars> particulars_;
  role self_;
  bool lost_ = false;
};

}  // namespace kindwire::net::detail
