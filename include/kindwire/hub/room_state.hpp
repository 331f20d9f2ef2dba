// What a hub knows of one room and of one connection.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "../net/connection/mailbox.hpp"
#include "audience.hpp"
#include "backplane.hpp"
#include "history.hpp"
#include "options.hpp"
#include "shard.hpp"

namespace kindwire::detail {

template <class Key, class Data>
struct room_state;

// All but the member is guarded by the hub's lock.
template <class Key, class Data>
struct seat_state final : member {
  seat_state(std::shared_ptr<net::detail::mailbox> box, std::shared_ptr<shard> at, Key who, Data with)
      : member(std::move(box)), where(std::move(at)), key(std::move(who)), data(std::move(with)) {}

  std::shared_ptr<shard> const where;
  Key const key;
  Data data;
  std::vector<std::shared_ptr<room_state<Key, Data>>> rooms;
  std::uint64_t number = 0;    // for the other nodes of a backplane
  bool announced = false;      // they know that it has taken the place of others
  bool must_announce = false;  // once the backplane is there
  bool was_looked_at = false;  // it was there since
  bool is_there = false;
  bool may_compress = false;
};

// Guarded by the hub's lock.
template <class Key, class Data>
struct room_state {
  using clock = std::chrono::steady_clock;
  using seat = seat_state<Key, Data>;

  // Its members who share an executor.
  struct part {
    std::shared_ptr<audience> those;
    std::size_t count = 0;
  };
  // On another node.
  struct other {
    std::string node;
    Data data;
    clock::time_point doubted_until = (clock::time_point::max)();  // its node has not said so lately
  };
  struct presence {
    std::size_t seats = 0;
    Data data;
    clock::time_point leaves = (clock::time_point::max)();  // if nobody comes back
    std::vector<other> elsewhere = {};

    bool is_here() const noexcept { return seats != 0 || leaves != (clock::time_point::max)(); }
  };

  // Of a hub with a backplane: what it knows of the room's topic.
  struct topic {
    struct waiting {
      std::shared_ptr<seat> who;
      std::string since;
      std::size_t latest;
      unsigned looks = 0;  // since it waits
    };
    bool is_subscribed = false;
    bool is_looked_at = false;      // on_subscribed() is to come
    backplane::log keeps = {};      // what it was subscribed with
    bool is_ready = false;          // epoch and history are those of all nodes
    bool has_past = false;          // with history: what all nodes have kept is here
    std::string epoch = {};         // of the numbers of its messages
    std::vector<waiting> entering;  // until it is ready, or as far as they have seen it already
    std::size_t here = 0;           // people of this node
  };

  room_state(std::string_view name, room_options const& with, std::uint64_t begin)
      : log(std::make_shared<room_log>()), past(begin) {
    log->name = name;
    set(with);
  }
  void set(room_options const& with) {
    bool const was_enveloped = is_enveloped();
    options = with;
    log->slow = with.slow;
    // What is kept would come in the form of before.
    past.keep(is_enveloped() == was_enveloped || link ? with.history : 0);
  }
  void expire(clock::time_point now) noexcept {
    using std::chrono::milliseconds;
    auto const kept_for = (std::max)(options.history_time, milliseconds(0));
    // For ever: longer than the clock has run.
    if (kept_for < std::chrono::duration_cast<milliseconds>(now.time_since_epoch()))
      past.expire(now - kept_for);
  }
  bool is_enveloped() const noexcept { return options.history != 0 && options.envelope; }

  // From the shard's next step on: first what is given to it of `earlier`, and then all that is published.
  // False, with nothing changed, if more than `most` bytes of such lists wait there. May throw
  // std::bad_alloc; then nothing has changed.
  bool add(std::shared_ptr<seat> const& who, std::vector<parcel> earlier, std::size_t most = SIZE_MAX) {
    auto found = parts.find(who->where);
    if (found == parts.end()) found = parts.emplace(who->where, part{std::make_shared<audience>(log)}).first;
    part& in = found->second;
    ++in.count;
    bool fits = false;
    try {
      fits = who->where->post({shard::step::kind::enter, in.those, who, {}, std::move(earlier)}, most);
    } catch (...) {
      uncount(*who);
      throw;
    }
    if (!fits) uncount(*who);
    return fits;
  }
  void remove(std::shared_ptr<seat> const& who) {
    if (link && std::erase_if(link->entering, [&](auto const& each) { return each.who == who; }) != 0) return;
    auto const found = parts.find(who->where);
    if (found == parts.end()) return;
    auto const those = found->second.those;
    uncount(*who);
    who->where->post({shard::step::kind::leave, those, who});
  }

  // To all but one, who may be null. Returns how many connections that is. Those whose executor is more than
  // `most` bytes behind miss it.
  std::size_t hand_out(parcel const& what, std::shared_ptr<seat> const& but, std::size_t most) {
    bool const spares = has(but);
    std::size_t count = 0;
    for (auto const& [where, each] : parts) {
      std::size_t const those = each.count - (spares && where == but->where ? 1 : 0);
      if (where->post({shard::step::kind::deliver, each.those, but, what}, most)) {
        count += those;
      } else {
        log->dropped.fetch_add(those, std::memory_order_relaxed);
      }
    }
    return count;
  }

  // Connections of this node that have entered, but one, who may be null.
  std::size_t size(std::shared_ptr<seat> const& but) const noexcept {
    std::size_t count = has(but) ? std::size_t(-1) : 0;
    for (auto const& [where, each] : parts) count += each.count;
    return count;
  }
  bool has(std::shared_ptr<seat> const& who) const noexcept {
    return who && who->is_there && !waits(*who) &&
           std::find_if(who->rooms.begin(), who->rooms.end(),
                        [this](auto const& each) { return each.get() == this; }) != who->rooms.end();
  }

  bool waits(seat const& who) const noexcept {
    return link && std::any_of(link->entering.begin(), link->entering.end(),
                               [&](auto const& each) { return each.who.get() == &who; });
  }

  std::shared_ptr<room_log> const log;
  room_options options;
  std::unordered_map<std::shared_ptr<shard>, part> parts;
  std::map<Key, presence> people;
  history past;
  std::unique_ptr<topic> link;
  std::size_t handles = 0;
  bool has_options = false;                                     // of its own
  clock::time_point forgotten_at = (clock::time_point::min)();  // not before, for the sake of these
  bool is_quiet = false;                                        // to be looked at again once its past is over

 private:
  void uncount(seat const& who) noexcept {
    auto const found = parts.find(who.where);
    if (--found->second.count == 0) parts.erase(found);
  }
};

}  // namespace kindwire::detail
