// A hub as a node among others: what it hears from a backplane.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include "../error.hpp"
#include "../net/connection/try_allocating.hpp"
#include "../session/deadline.hpp"
#include "backplane.hpp"
#include "bus_message.hpp"
#include "bus_texts.hpp"
#include "name.hpp"
#include "random_name.hpp"
#include "state.hpp"

namespace kindwire::detail {

template <class Key, class Data>
class hub_node final : public backplane::listener {
  using state = hub_state<Key, Data>;
  using room = typename state::room;
  using seat = typename state::seat;
  using presence = typename room::presence;
  using clock = std::chrono::steady_clock;

 public:
  explicit hub_node(std::weak_ptr<state> of) noexcept : hub_(std::move(of)) {}

  static void attach(std::shared_ptr<state> const& hub, std::unique_ptr<backplane> bus) {
    if (hub->options.max_name_size > 256)
      throw std::system_error(error::invalid_argument, "longer names than a backplane takes");
    using texts = bus_texts<Key, Data>;
    auto const node = std::make_shared<hub_node>(hub);
    {
      std::lock_guard const lock(hub->mutex_);
      hub->texts_ = {&texts::key, &texts::read_key, &texts::data, &texts::read_data};
      hub->node_ = random_name();
      hub->listener_ = node;
      hub->bus_ = std::move(bus);
      hub->bus_->start(node);
      hub->bus_->subscribe(topic_of_all, {});
    }
  }

  // What cannot be done for lack of memory is not done; a room's history then lacks it on this node.

  void on_subscribed(std::string_view topic, backplane::snapshot const& now) noexcept override {
    if (topic.starts_with(prefix_of_keys)) return be_back(topic.substr(prefix_of_keys.size()));
    with_room(topic, [&](state& hub, std::shared_ptr<room> const& in) {
      in->link->is_looked_at = false;
      bool const is_known = net::detail::try_allocating([&] {
        catch_up(hub, *in, now);
        in->link->is_ready = true;
        for (auto& each : in->link->entering) ++each.looks;
        let_in(hub, *in);
      });
      net::detail::try_allocating([&] { compare(hub, *in, now.records); });
      bool const again = !is_known || !in->link->entering.empty();
      if (again && !in->link->is_looked_at) hub.look_at_topic(*in);
    });
  }

  void on_message(std::string_view topic, std::uint64_t number,
                  std::span<std::byte const> bytes) noexcept override {
    auto const what = bus_message::read(bytes);
    if (!what) return;
    if (topic.starts_with(prefix_of_rooms)) {
      return with_room(topic, [&](state& hub, std::shared_ptr<room> const& in) {
        // Who entered before the past was there gets it then.
        bool const is_new = number == 0 || (in->link->is_ready && number > in->past.last());
        if (is_new) deliver(hub, *in, number, *what);
        if (is_new && number != 0) let_in(hub, *in);
      });
    }
    with_hub([&](state& hub) {
      if (topic == topic_of_all) {
        hub.deliver_to_all({what->type, what->payload}, seat_of(hub, *what), what->how);
      } else if (topic.starts_with(prefix_of_keys)) {
        to_key(hub, topic.substr(prefix_of_keys.size()), *what);
      }
    });
  }

  void on_held(std::string_view topic, backplane::record const& what) noexcept override {
    if (what.node.empty()) return;
    with_room(topic, [&](state& hub, std::shared_ptr<room> const& in) { be_elsewhere(hub, *in, what); });
  }
  void on_released(std::string_view topic, backplane::record const& what) noexcept override {
    if (what.node.empty()) return;
    with_room(topic, [&](state& hub, std::shared_ptr<room> const& in) {
      auto const key = hub.texts_.read_key(what.name);
      auto const found = key ? in->people.find(*key) : in->people.end();
      if (found == in->people.end()) return;
      std::erase_if(found->second.elsewhere, [&](auto const& each) { return each.node == what.node; });
      hub.forget_if_gone(*in, found);
    });
  }
  void on_node_lost(std::string_view node) noexcept override {
    with_hub([&](state& hub) {
      for (auto const& [name, in] : hub.rooms_.all()) {
        if (!in->link) continue;
        for (auto next = in->people.begin(); next != in->people.end();) {
          auto const each = next++;
          auto const those =
              std::erase_if(each->second.elsewhere, [&](auto const& one) { return one.node == node; });
          if (those != 0) hub.forget_if_gone(*in, each);
        }
      }
    });
  }
  void on_connection(std::error_code why_not) noexcept override {
    with_hub([&](state& hub) {
      if (!hub.on_backplane) return;
      hub.told_.add([call = hub.on_backplane, why_not] { call(why_not); });
    });
  }

 private:
  // A node that does not say within that time, after the connection was away, that somebody is there still.
  static constexpr std::chrono::seconds doubt{15};

  template <class Use>
  void with_hub(Use use) noexcept {
    auto const hub = hub_.lock();
    if (!hub) return;
    try {
      std::unique_lock lock(hub->mutex_);
      if (!hub->bus_) return;
      net::detail::try_allocating([&] { use(*hub); });
      hub->told_.tell(lock);
    } catch (...) {
      // Of the application's Key or Data.
    }
  }
  template <class Use>
  void with_room(std::string_view topic, Use use) noexcept {
    if (!topic.starts_with(prefix_of_rooms)) return;
    with_hub([&](state& hub) {
      auto const& all = hub.rooms_.all();
      auto const found = all.find(topic.substr(prefix_of_rooms.size()));
      if (found == all.end() || !found->second->link || !found->second->link->is_subscribed) return;
      auto const in = found->second;
      use(hub, in);
      hub.rooms_.collect(*in);
    });
  }

  static std::shared_ptr<seat> seat_of(state& hub, bus_message const& what) {
    if (what.node != hub.node_) return nullptr;
    auto const found = hub.numbered_.find(what.seat);
    return found != hub.numbered_.end() ? found->second : nullptr;
  }

  static void deliver(state& hub, room& in, std::uint64_t number, bus_message const& what) {
    std::error_code unfit;
    if (number == 0) {
      hub.deliver_passing(in, {what.type, what.payload}, seat_of(hub, what), what.key, what.how);
      return;
    }
    hub.deliver(in, number, {what.type, what.payload}, seat_of(hub, what), what.key, what.how, unfit);
  }

  static void to_key(state& hub, std::string_view name, bus_message const& what) {
    auto const key = hub.texts_.read_key(name);
    if (!key) return;
    if (what.what == bus_message::kind::replaces) return replace(hub, *key, what);
    outgoing whole{{what.type, what.payload}, what.how};
    hub.deliver_to_key(*key, whole);
  }
  // What has been said of a key while the backplane was away may be lost.
  void be_back(std::string_view name) noexcept {
    with_hub([&](state& hub) {
      if (hub.options.same_key != same_key::replace) return;
      auto const key = hub.texts_.read_key(name);
      auto const found = key ? hub.people_.find(*key) : hub.people_.end();
      if (found == hub.people_.end()) return;
      for (auto const& each : found->second) {
        bool const was_lost = each->must_announce || each->was_looked_at;
        each->was_looked_at = true;
        if (!each->announced && was_lost) hub.announce(*each);
      }
    });
  }

  // All nodes hear in one order who has joined. Whoever has been heard of before is replaced by the next.
  static void replace(state& hub, Key const& key, bus_message const& by) {
    auto const found = hub.people_.find(key);
    if (found == hub.people_.end()) return;
    auto const self = seat_of(hub, by);
    for (auto const& each : std::vector(found->second)) {
      if (each == self) {
        each->announced = true;
      } else if (each->announced) {
        hub.replace(each);
      }
    }
  }

  static void be_elsewhere(state& hub, room& in, backplane::record const& what) {
    auto key = is_printable_name(what.name, hub.options.max_name_size) ? hub.texts_.read_key(what.name)
                                                                       : std::nullopt;
    auto data = hub.texts_.read_data(what.value);
    if (!key || !data) return;
    auto const [there, is_new] = in.people.try_emplace(*key, presence{0, *data});
    presence& now = there->second;
    if (!now.is_here()) now.data = *data;
    auto const same = std::find_if(now.elsewhere.begin(), now.elsewhere.end(),
                                   [&](auto const& each) { return each.node == what.node; });
    if (same != now.elsewhere.end()) {
      same->data = std::move(*data);
      same->doubted_until = (clock::time_point::max)();
    } else {
      now.elsewhere.push_back({what.node, std::move(*data)});
    }
    if (is_new) hub.happened(hub.on_enter, in.log, *key);
  }
  // Those of other nodes that are not among the records may be so again soon: their nodes come back too.
  static void compare(state& hub, room& in, std::vector<backplane::record> const& records) {
    auto const until = time_after(clock::now(), std::chrono::milliseconds(doubt));
    std::set<std::pair<std::string_view, std::string_view>> said;
    for (auto const& each : records) said.emplace(each.node, each.name);
    for (auto& [key, there] : in.people) {
      if (there.elsewhere.empty()) continue;
      std::string const name = hub.texts_.key(key);
      for (auto& each : there.elsewhere) {
        if (said.count({each.node, name}) != 0 || each.doubted_until != (clock::time_point::max)()) continue;
        hub.absent_.add(until, {hub.rooms_.find(in.log->name), key}, hub.look_again());
        each.doubted_until = until;
      }
    }
    for (auto const& each : records) {
      if (!each.node.empty()) be_elsewhere(hub, in, each);
    }
  }

  // What is new in the log is published now. What was there before the room was known here is its past; so is
  // what the members have had before the room had a history, or under a number that the backplane has lost.
  static void catch_up(state& hub, room& in, backplane::snapshot const& now) {
    bool const keeps = in.options.history != 0;
    bool const is_same_log = in.link->is_ready && in.link->epoch == now.epoch;
    std::uint64_t had = is_same_log ? in.past.last() : 0;
    if (!in.link->is_ready) had = now.last;
    bool const has_gap = is_same_log && now.forgotten > had;
    // Which the members here will never get.
    if (has_gap && keeps)
      in.log->dropped.fetch_add((now.forgotten - had) * in.size(nullptr), std::memory_order_relaxed);
    bool const begins = !is_same_log || has_gap || (keeps && !in.link->has_past);
    if (begins) in.past.begin_at(now.forgotten);
    in.link->epoch = now.epoch;
    for (auto const& each : now.kept) {
      bool const was_told = each.number <= had || each.again;
      if (each.number <= in.past.last() || (was_told && !(begins && keeps))) continue;
      auto const what = bus_message::read(as_bytes(std::string_view(each.bytes)));
      if (!what) continue;
      std::error_code unfit;
      if (was_told) {
        hub.remember(in, each.number, {what->type, what->payload}, what->key, what->how, unfit);
      } else {
        deliver(hub, in, each.number, *what);
      }
    }
    keeps ? in.past.skip_to(now.last) : in.past.begin_at(now.last);
    in.link->has_past = keeps;
  }

  // Those who wait, unless they have seen more than there is: an id that is of no message yet after two looks
  // at the backplane, of which one may have been under way when they came, is none of ours.
  static void let_in(state& hub, room& in) {
    auto& those = in.link->entering;
    if (in.options.history != 0 && !in.link->has_past) return;
    for (std::size_t i = 0; i != those.size();) {
      if (state::is_ahead(in, those[i].since) && those[i].looks < 2) {
        ++i;
        continue;
      }
      bool complete = true;
      in.add(those[i].who, hub.earlier_of(in, those[i].since, those[i].latest, complete));
      those.erase(those.begin() + static_cast<std::ptrdiff_t>(i));
    }
  }

  std::weak_ptr<state> const hub_;
};

}  // namespace kindwire::detail
