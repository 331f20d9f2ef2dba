// What is told about a topic, made of messages and snapshots that come by two connections in no order.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "../backplane.hpp"
#include "event.hpp"
#include "told.hpp"

namespace kindwire::detail {

// Is given what comes, and says when a snapshot is needed. Until the snapshot is there, messages wait; then
// those that are newer than it are told. What may throw std::bad_alloc is to be followed by lose().
class redis_topic {
 public:
  enum class wants : bool { nothing, snapshot };

  // Calls `tell` with what is to be called with the listener and the name of the topic.
  template <class Tell>
  wants take_message(std::string_view bytes, Tell&& tell) {
    if (!is_current_) {
      if (bytes.size() > most_waiting - waiting_) {
        waiting_ = most_waiting;  // all of them are lost: another snapshot will say what they did
        return wants::nothing;
      }
      early_.emplace_back(bytes);
      waiting_ += bytes.size();
      return wants::nothing;
    }
    return take(bytes, tell) ? wants::nothing : miss();
  }

  template <class Tell>
  wants take_snapshot(redis_snapshot now, std::string_view self, Tell&& tell) {
    bool const has_lost = waiting_ == most_waiting;
    auto early = std::exchange(early_, {});
    waiting_ = 0;
    // The log may have forgotten them: they are told as if no snapshot had been asked for.
    for (; has_all_ && !early.empty() && precedes(early.front(), now); early.pop_front())
      take(early.front(), tell);
    mark_told(now);
    version_ = now.version;
    records_.clear();
    for (auto& each : now.topic.records) {
      records_.insert_or_assign({each.node, each.name}, each.value);
      if (each.node == self) each.node.clear();
    }
    self_ = self;
    is_current_ = true;
    has_all_ = true;
    tell([&](backplane::listener& to, std::string_view name) { to.on_subscribed(name, now.topic); });
    bool good = !has_lost;
    for (auto const& each : early) {
      // A gap is closed by the next snapshot. What comes after a lost message is told all the same, unless it
      // is in the log itself.
      good = take(each, tell) && good;
    }
    return good ? wants::nothing : miss();
  }

  // What comes from now on waits for a snapshot.
  wants lose() noexcept {
    is_current_ = false;
    return wants::snapshot;
  }
  // The connection is gone: what waits is lost with it.
  void disconnect() noexcept {
    is_current_ = has_all_ = false;
    early_.clear();
    waiting_ = 0;
    // Who is still there is seen by the snapshot, when other nodes have had the time to come back.
    records_.clear();
  }

  bool has_records_of(std::string_view node) const {
    auto const first = records_.lower_bound({std::string(node), std::string()});
    return first != records_.end() && first->first.first == node;
  }
  void forget_records_of(std::string_view node) {
    std::erase_if(records_, [node](auto const& each) { return each.first.first == node; });
  }
  void add_nodes(std::set<std::string, std::less<>>& to) const {
    for (auto next = records_.begin(); next != records_.end();) {
      std::string const& node = next->first.first;
      to.insert(node);
      next = records_.lower_bound({node + '\0', std::string()});  // the first of another node
    }
  }

 private:
  static constexpr std::size_t most_waiting = std::size_t{16} << 20;

  // Something has not come.
  wants miss() noexcept {
    has_all_ = false;
    return lose();
  }

  // What Redis has lost, and its node has published again, has another number now, or that of another log.
  // From now on all of the snapshot has been told. May throw std::bad_alloc; then nothing has.
  void mark_told(redis_snapshot& now) {
    bool const is_same = now.topic.epoch == epoch_;
    redis_told told = told_;
    std::string epoch = now.topic.epoch;
    for (std::size_t i = 0; i != now.origins.size(); ++i) {
      auto const& [node, sequence] = now.origins[i];
      auto& message = now.topic.kept[i];
      message.again = (!is_same || message.number > last_) && told.has(node, sequence);
      told.note(node, sequence);
    }
    std::swap(told_, told);
    epoch_.swap(epoch);
    last_ = now.topic.last;
  }

  // True of what the snapshot covers, and nothing before it is missing.
  bool precedes(std::string_view bytes, redis_snapshot const& now) const {
    auto const event = redis_event::parse(bytes);
    if (!event || event->type == redis_event::kind::plain) return true;
    if (event->type == redis_event::kind::logged)
      return event->epoch == epoch_ && event->epoch == now.topic.epoch && event->number <= now.topic.last &&
             event->number <= last_ + 1;
    return event->number <= now.version && (event->number <= version_ || event->before == version_);
  }

  // False if something before it is missing.
  template <class Tell>
  bool take(std::string_view bytes, Tell& tell) {
    auto const event = redis_event::parse(bytes);
    if (!event) return true;  // anybody may publish on the channel
    switch (event->type) {
      case redis_event::kind::plain: tell_message(0, event->bytes, tell); return true;
      case redis_event::kind::logged:
        if (event->epoch != epoch_) return false;
        if (event->number <= last_) return true;
        if (event->number != last_ + 1) return false;
        if (told_.has(event->node, event->sequence)) return false;  // the snapshot marks it
        told_.note(event->node, event->sequence);
        last_ = event->number;
        tell_message(event->number, event->bytes, tell);
        return true;
      case redis_event::kind::held:
      case redis_event::kind::released: break;
    }
    if (event->number <= version_) return true;
    if (event->before != version_) return false;
    version_ = event->number;
    change_record(*event, tell);
    return true;
  }
  template <class Tell>
  void tell_message(std::uint64_t number, std::string_view bytes, Tell& tell) {
    tell([&](backplane::listener& to, std::string_view name) {
      to.on_message(name, number, std::as_bytes(std::span(bytes)));
    });
  }
  template <class Tell>
  void change_record(redis_event const& event, Tell& tell) {
    bool const is_held = event.type == redis_event::kind::held;
    std::pair<std::string, std::string> key(event.node, event.name);
    backplane::record what{event.node == self_ ? std::string() : key.first, key.second,
                           std::string(event.bytes)};
    if (is_held) {
      auto const [place, is_new] = records_.try_emplace(std::move(key), what.value);
      if (!is_new && std::exchange(place->second, what.value) == what.value) return;
    } else {
      auto const found = records_.find(key);
      if (found == records_.end()) return;
      what.value = std::move(found->second);
      records_.erase(found);
    }
    tell([&](backplane::listener& to, std::string_view name) {
      is_held ? to.on_held(name, what) : to.on_released(name, what);
    });
  }

  bool is_current_ = false;
  bool has_all_ = false;  // what has come since a snapshot, also when another is waited for
  std::string epoch_;
  std::string self_;
  std::uint64_t last_ = 0;
  std::uint64_t version_ = 0;
  std::map<std::pair<std::string, std::string>, std::string> records_;
  redis_told told_;
  std::deque<std::string> early_;
  std::size_t waiting_ = 0;
};

}  // namespace kindwire::detail
