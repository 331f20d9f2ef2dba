// The rooms of a hub, by their names.
#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "../session/deadline.hpp"
#include "history.hpp"
#include "options.hpp"
#include "room_state.hpp"

namespace kindwire::detail {

// Guarded by the hub's lock.
template <class Key, class Data>
class room_list {
 public:
  using clock = std::chrono::steady_clock;
  using room = room_state<Key, Data>;

  auto const& all() const noexcept { return all_; }

  // There is one.
  std::shared_ptr<room> const& find(std::string_view name) const { return all_.find(name)->second; }

  // Null if there are too many. May throw std::bad_alloc.
  std::shared_ptr<room> find_or_make(std::string_view name, hub_options const& options,
                                     message_ids const& ids) {
    forget_quiet();
    auto const found = all_.find(name);
    if (found != all_.end()) return found->second;
    if (all_.size() >= options.max_rooms) return nullptr;
    auto fresh = std::make_shared<room>(name, options.rooms, ids.last());
    return all_.emplace(std::string(name), std::move(fresh)).first->second;
  }

  // Forgets a room that nobody is in, holds, or can still ask for its past.
  void collect(room& what) {
    if (what.handles != 0 || !what.people.empty()) return;
    auto const found = all_.find(what.log->name);
    if (found == all_.end() || found->second.get() != &what) return;
    auto const now = clock::now();
    what.expire(now);
    if (what.past.empty() && what.forgotten_at <= now) {
      all_.erase(found);
    } else if (!std::exchange(what.is_quiet, true)) {
      quiet_.emplace(time_after(now, what.options.history_time), found->second);
    }
  }

  // Those that were kept for their past alone, once that is over.
  void forget_quiet() {
    auto const now = clock::now();
    while (!quiet_.empty() && quiet_.begin()->first < now) {
      auto const next = quiet_.begin()->second.lock();
      quiet_.erase(quiet_.begin());
      if (!next) continue;
      next->is_quiet = false;
      collect(*next);
    }
  }

 private:
  std::map<std::string, std::shared_ptr<room>, std::less<>> all_;
  std::multimap<clock::time_point, std::weak_ptr<room>> quiet_;
};

}  // namespace kindwire::detail
