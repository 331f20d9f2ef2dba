// What a hub knows: who is there, in which rooms, on which nodes.
#pragma once

#include <algorithm>
#include <asio/any_io_executor.hpp>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <unordered_map>
#include <utility>
#include <vector>

#include "../error.hpp"
#include "../net/connection/try_allocating.hpp"
#include "../session/deadline.hpp"
#include "absences.hpp"
#include "audience.hpp"
#include "backplane.hpp"
#include "bus_message.hpp"
#include "history.hpp"
#include "options.hpp"
#include "room_list.hpp"
#include "room_state.hpp"
#include "shard.hpp"
#include "shards.hpp"
#include "told_in_order.hpp"

namespace kindwire::detail {

// Presence. One lock, under which nothing of the user's runs but what a Key and a Data do.
template <class Key, class Data>
class hub_core : public std::enable_shared_from_this<hub_core<Key, Data>> {
 public:
  using clock = std::chrono::steady_clock;
  using seat = seat_state<Key, Data>;
  using room = room_state<Key, Data>;
  using presence = typename room::presence;

  hub_core(hub_options const& with, std::optional<asio::any_io_executor> const& executor)
      : options(with),
        all_(std::make_shared<room>(std::string_view{}, room_options{}, 0)),
        absent_(executor) {
    all_->log->slow = with.slow;
    check(with.rooms);
  }
  hub_core(hub_core const&) = delete;
  hub_core& operator=(hub_core const&) = delete;

  hub_options const options;

  // Called without the lock, one at a time, in the order in which it happened; set before the first join().
  std::function<void(std::string_view room, Key const& key)> on_enter;
  std::function<void(std::string_view room, Key const& key)> on_leave;
  std::function<void(std::string_view room, Key const& key, std::size_t messages, bool closed)> on_missed;
  std::function<void(std::error_code why_not)> on_backplane;
  std::function<bool(Key const& key, std::string_view room)> may_enter;

  // Calls `use(people, rooms)`, or `use(room)`, which must call nothing of the user's, with the lock.
  template <class Use>
  auto look(Use use) const {
    std::lock_guard const lock(mutex_);
    return use(people_, rooms_.all(), *all_->log);
  }
  template <class Use>
  auto look_at(room const& what, Use use) const {
    std::lock_guard const lock(mutex_);
    return use(what, ids_);
  }

  template <class Call>
  void set(Call& which, Call to) {
    std::lock_guard const lock(mutex_);
    which.swap(to);
  }

  // The hub is gone; its seats and rooms may stay, but nothing is told any more.
  void end() noexcept {
    std::unique_ptr<backplane> bus;  // destroyed without the lock
    std::shared_ptr<void> listener;
    std::unique_lock lock(mutex_);
    bus.swap(bus_);
    listener.swap(listener_);
    absent_.end();
    told_.end(lock);
  }

 protected:
  ~hub_core() = default;

  void check(room_options const& with) const {
    if (with.grace.count() > 0 && !absent_.has_timer())
      throw std::system_error(error::invalid_argument,
                              "a room with a grace time, in a hub without an executor");
  }

  template <class Call>
  void happened(Call const& call, std::shared_ptr<room_log> const& in, Key const& key) {
    if (call) told_.add([&call, self = this->shared_from_this(), in, key] { call(in->name, key); });
  }

  // A seat of this node is in the room, whatever it gets of the past.
  // May throw; then nothing has changed.
  void be_present(room& in, seat& who) {
    auto const [there, is_new] = in.people.try_emplace(who.key, presence{0, who.data});
    presence& now = there->second;
    bool const was_here = now.is_here();
    try {
      now.data = who.data;
      if (is_new) happened(on_enter, in.log, who.key);
      if (in.link) hold(in, who.key, who.data);
    } catch (...) {
      if (is_new) in.people.erase(there);
      throw;
    }
    ++now.seats;
    now.leaves = (clock::time_point::max)();
    if (in.link && !was_here) ++in.link->here;
  }

  void be_absent(room& from, Key const& key, bool may_come_back) {
    auto const found = from.people.find(key);
    if (found == from.people.end() || found->second.seats == 0) return;  // there was no memory for it
    presence& there = found->second;
    if (--there.seats != 0) return show_latest(from, there, key);
    if (may_come_back && from.options.grace.count() > 0 && absent_.has_timer()) {
      there.leaves = (std::min)(time_after(clock::now(), from.options.grace), last_moment);
      return absent_.add(there.leaves, {rooms_.find(from.log->name), key}, look_again());
    }
    be_gone(from, found);
  }

  // Nobody of this node is the person any more, though perhaps somebody of another.
  void be_gone(room& from, typename std::map<Key, presence>::iterator found) {
    presence& there = found->second;
    there.leaves = (clock::time_point::max)();
    if (from.link) {
      net::detail::try_allocating([&] {
        if (bus_) bus_->release(topic_of_room(from.log->name), texts_.key(found->first));
      });
      if (--from.link->here == 0) return unlink(from, found->first);
    }
    if (!there.elsewhere.empty()) {
      there.data = there.elsewhere.back().data;
      return;
    }
    has_left(from, found->first);
    from.people.erase(found);
  }
  // Without memory it is not told, but he has left.
  void has_left(room const& from, Key const& key) {
    net::detail::try_allocating([&] { happened(on_leave, from.log, key); });
  }

  // The data of one who has left is that of his latest connection which has not.
  void show_latest(room& in, presence& there, Key const& key) {
    auto const found = people_.find(key);
    if (found == people_.end()) return;
    for (auto const& each : found->second) {
      if (is_in(*each, in.log->name)) there.data = each->data;
    }
    if (in.link) hold(in, key, there.data);
  }

  auto look_again() {
    return [self = this->weak_from_this()] {
      if (auto const here = self.lock()) here->have_left();
    };
  }
  void have_left() {
    std::unique_lock lock(mutex_);
    auto const now = clock::now();
    net::detail::try_allocating([&] {
      absent_.look_at_due(now, look_again(), [&](auto const& who) {
        auto const& [from, key] = who;
        auto const found = from->people.find(key);
        if (found == from->people.end()) return;
        presence& there = found->second;
        if (there.seats == 0 && there.leaves <= now) {
          be_gone(*from, found);
        } else if (std::erase_if(there.elsewhere,
                                 [&](auto const& each) { return each.doubted_until <= now; }) != 0) {
          forget_if_gone(*from, found);
        }
        net::detail::try_allocating([&] { rooms_.collect(*from); });
      });
    });
    told_.tell(lock);
  }
  void forget_if_gone(room& from, typename std::map<Key, presence>::iterator found) {
    presence& there = found->second;
    if (there.is_here()) return;
    if (!there.elsewhere.empty()) {
      there.data = there.elsewhere.back().data;
      return;
    }
    has_left(from, found->first);
    from.people.erase(found);
  }

  // With a backplane: a room is linked to its topic as long as somebody of this node is present.

  void link(room& what) {
    if (!bus_) return;
    if (!what.link) what.link = std::make_unique<typename room::topic>();
    if (!what.link->is_subscribed) look_at_topic(what);
  }
  // As it is now: on_subscribed() follows.
  void look_at_topic(room& what) {
    what.link->keeps = log_of(what);
    bus_->subscribe(topic_of_room(what.log->name), what.link->keeps);
    what.link->is_subscribed = what.link->is_looked_at = true;
  }
  // What others do there is not known any more. `last` was the last one here.
  void unlink(room& what, Key const& last) {
    what.link->is_subscribed = what.link->is_looked_at = what.link->is_ready = false;
    what.link->entering.clear();
    what.past.clear();
    if (what.has_options && what.options.history != 0)
      what.forgotten_at = time_after(clock::now(), what.options.history_time);
    if (what.people.find(last)->second.elsewhere.empty()) has_left(what, last);
    what.people.clear();
    net::detail::try_allocating([&] {
      if (bus_) bus_->unsubscribe(topic_of_room(what.log->name));
    });
  }
  void unlink_if_nobody(room& what) noexcept {
    if (!what.link || what.link->here != 0 || !std::exchange(what.link->is_subscribed, false)) return;
    what.link->is_looked_at = what.link->is_ready = false;
    net::detail::try_allocating([&] {
      if (bus_) bus_->unsubscribe(topic_of_room(what.log->name));
    });
  }
  void hold(room& in, Key const& key, Data const& data) {
    if (bus_) bus_->hold(topic_of_room(in.log->name), texts_.key(key), texts_.data(data));
  }
  // For ever is a hundred years.
  static backplane::log log_of(room const& what) noexcept {
    using std::chrono::milliseconds;
    milliseconds const longest = std::chrono::hours(24 * 36525);
    return {what.options.history, std::clamp(what.options.history_time, milliseconds(0), longest)};
  }
  static constexpr clock::time_point last_moment = (clock::time_point::max)() - clock::duration(1);

  bool is_in(seat const& who, std::string_view name) const { return find(who, name) != who.rooms.end(); }
  auto find(seat const& who, std::string_view name) const {
    return std::find_if(who.rooms.begin(), who.rooms.end(),
                        [&](auto const& each) { return each != all_ && each->log->name == name; });
  }

  // How other nodes know keys and data: of a hub with a backplane.
  struct texts {
    std::string (*key)(Key const&) = nullptr;
    std::optional<Key> (*read_key)(std::string_view) = nullptr;
    std::string (*data)(Data const&) = nullptr;
    std::optional<Data> (*read_data)(std::string_view) = nullptr;
  };

  std::mutex mutable mutex_;
  std::map<Key, std::vector<std::shared_ptr<seat>>, std::less<>> people_;
  room_list<Key, Data> rooms_;
  std::shared_ptr<room> const all_;
  shards shards_;
  absences<std::pair<std::shared_ptr<room>, Key>> absent_;
  told_in_order told_;
  message_ids ids_;
  std::size_t compressing_ = 0;  // connections that may

  std::unique_ptr<backplane> bus_;
  std::shared_ptr<void> listener_;  // its
  texts texts_;
  std::string node_;  // this one, among those of the backplane
  std::uint64_t last_seat_ = 0;
  std::unordered_map<std::uint64_t, std::shared_ptr<seat>> numbered_;  // with a backplane
};

}  // namespace kindwire::detail
