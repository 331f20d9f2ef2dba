// What a connection needs only while it is busy, pooled like the buffers.
#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <memory>
#include <new>
#include <optional>
#include <system_error>
#include <utility>

#include "../../frame/role.hpp"
#include "../../kernel/thread_object.hpp"
#include "../../message/buffer.hpp"
#include "../../message/extension.hpp"
#include "../../message/message.hpp"
#include "../../session.hpp"
#include "../../session/rate.hpp"
#include "../options.hpp"
#include "observation.hpp"
#include "operation.hpp"
#include "queue_account.hpp"
#include "shared_runs.hpp"

namespace kindwire::net::detail {

struct activity {
  activity(role self, session_options const& options, message_extension* extension = nullptr) noexcept
      : protocol(self, options, extension) {}

  session protocol;
  buffer in_flight;  // taken from the session's output, being written
  shared_runs shared;
  message ready;  // polled, waiting for a receive
  waiting_list drains;
  waiting_list closes;
  std::error_code read_failed;
  std::error_code write_failed;

  // True if a fresh one would be the same.
  bool is_at_rest() const noexcept {
    return protocol.is_at_rest() && in_flight.capacity() == 0 && shared.empty() && !ready && drains.empty() &&
           closes.empty() && !read_failed && !write_failed;
  }
};

// Activities at rest, which a thread keeps for its next busy connections of the same end with the same
// options: making one anew costs more than taking it from here.
class rested_activities {
 public:
  rested_activities() noexcept = default;
  rested_activities(rested_activities const&) = delete;
  rested_activities& operator=(rested_activities const&) = delete;
  ~rested_activities() { clear(); }

  static constexpr std::size_t block_size = kindwire::detail::block_pool::smallest;
  static_assert(sizeof(activity) <= block_size);

  // Null if there is none.
  activity* take(std::shared_ptr<connection_options const> const& options) noexcept {
    return count_ != 0 && is_for(options) ? kept_[--count_] : nullptr;
  }

  // Of a connection with these options and without an extension.
  void give(activity* rested, std::shared_ptr<connection_options const> const& options) noexcept {
    if (!is_for(options)) {
      clear();
      options_ = options;
      place_ = options.get();
    }
    if (count_ == kept_.size()) return destroy(rested);
    kept_[count_++] = rested;
  }

  static void destroy(activity* last) noexcept {
    last->~activity();
    kindwire::detail::block_pool::give(reinterpret_cast<std::byte*>(last), block_size);
  }

 private:
  // The same options: not others of the same owner, as a server's routes have, nor others that lie where
  // those were, as the weak_ptr keeps their place.
  bool is_for(std::shared_ptr<connection_options const> const& options) const noexcept {
    return place_ == options.get() && !options_.owner_before(options) && !options.owner_before(options_);
  }

  void clear() noexcept {
    while (count_ != 0) destroy(kept_[--count_]);
  }

  std::weak_ptr<connection_options const> options_;
  connection_options const* place_ = nullptr;
  std::array<activity*, 16> kept_;
  std::size_t count_ = 0;
};

// One of each thread, for each end; null once the thread is about to end.
template <role Self>
struct rested_activities_of : rested_activities {};

// How often messages come.
struct rate_meter {
  kindwire::detail::token_bucket bucket;
  bool waits = false;  // the timer is set for the next token
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
  ~activity_place() {
    give_back();
    if (meter() != nullptr) delete static_cast<metered_particulars*>(particulars_.release());
  }

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

  // May throw std::bad_alloc. Counting has begun.
  void begin_observing(std::unique_ptr<observation> fresh) { particular().observed = std::move(fresh); }
  // Null unless there is an observer.
  observation* observed() const noexcept { return particulars_ ? particulars_->observed.get() : nullptr; }
  // Null unless its server limits what is queued.
  queue_charge* charge() const noexcept { return particulars_ ? particulars_->charge.get() : nullptr; }
  // May throw std::bad_alloc.
  void set_charge(std::unique_ptr<queue_charge> charge) { particular().charge = std::move(charge); }

  // May throw std::bad_alloc.
  void begin_metering() { particular(); }
  // Null unless the options limit the rate of messages.
  rate_meter* meter() const noexcept {
    return particulars_ && options_->message_rate ? &static_cast<metered_particulars&>(*particulars_).meter
                                                  : nullptr;
  }

  bool is_at_rest() const noexcept { return there_ == nullptr; }

  // For reading: the current activity, or what a fresh one would be.
  activity const& peek() const noexcept { return there_ != nullptr ? *there_ : quiet(); }

  // For changing; created if needed. May throw std::bad_alloc, changing nothing.
  activity& acquire() {
    if (there_ == nullptr) [[unlikely]]
      begin();
    return *there_;
  }

  // Call when all that can be done is done: releases the activity if it holds nothing.
  void release_if_idle() noexcept {
    if (there_ == nullptr || !there_->is_at_rest()) return;
    rested_activities* const rested = extension() == nullptr ? of_this_thread() : nullptr;
    if (rested == nullptr) return give_back();
    rested->give(std::exchange(there_, nullptr), options_);
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
    std::unique_ptr<observation> observed;
    clock::time_point rests_at{};
    std::unique_ptr<queue_charge> charge;
  };
  // With options that limit the rate of messages.
  struct metered_particulars : particulars {
    rate_meter meter;
  };

  particulars& particular() {
    if (!particulars_) particulars_.reset(options_->message_rate ? new metered_particulars : new particulars);
    return *particulars_;
  }

  rested_activities* of_this_thread() const noexcept {
    if (self_ == role::server) return kindwire::detail::of_this_thread<rested_activities_of<role::server>>();
    return kindwire::detail::of_this_thread<rested_activities_of<role::client>>();
  }

  void begin() {
    if (!lost_ && extension() == nullptr) {
      if (rested_activities* const rested = of_this_thread()) there_ = rested->take(options_);
      if (there_ != nullptr) return;
    }
    std::size_t size = rested_activities::block_size;
    there_ =
        ::new (kindwire::detail::block_pool::take(size)) activity(self_, options_->session(), extension());
    if (lost_) there_->protocol.end_of_input();
  }

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
    if (there_ != nullptr) rested_activities::destroy(std::exchange(there_, nullptr));
  }

  activity* there_ = nullptr;
  std::shared_ptr<connection_options const> options_;
  std::unique_ptr<particulars> particulars_;
  role self_;
  bool lost_ = false;
};

}  // namespace kindwire::net::detail
