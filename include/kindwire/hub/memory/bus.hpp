// What the nodes of the backplane in memory are joined by.
#pragma once

#include <algorithm>
#include <asio/any_io_executor.hpp>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <new>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

#include "../backplane.hpp"
#include "../random_name.hpp"
#include "inbox.hpp"
#include "topic.hpp"

namespace kindwire::detail {

// Thread safe. A node that is not told of something, for want of memory, catches up later.
class memory_bus : public std::enable_shared_from_this<memory_bus> {
 public:
  using clock = memory_topic::clock;

  std::size_t join(asio::any_io_executor const& executor) {
    std::lock_guard const lock(mutex_);
    std::size_t const number = next_node_;
    auto inbox = std::make_shared<memory_inbox>(executor, [bus = weak_from_this(), number] {
      if (auto const to = bus.lock()) to->catch_up(number);
    });
    nodes_[number].inbox = std::move(inbox);
    return next_node_++;
  }
  void start(std::size_t node, std::weak_ptr<backplane::listener> to) {
    std::lock_guard const lock(mutex_);
    auto const found = nodes_.find(node);
    if (found == nodes_.end()) return;
    found->second.inbox->start(std::move(to));
    tell_connection(found->second);
  }
  // In an orderly way: others are told what it releases.
  void leave(std::size_t node) noexcept {
    std::lock_guard const lock(mutex_);
    auto const found = nodes_.find(node);
    if (found == nodes_.end()) return;
    found->second.inbox->end();
    for (auto& [name, topic] : topics_) {
      topic.subscribers.erase(node);
      release_all(name, topic, node);
    }
    nodes_.erase(found);
    forget_topics();
  }

  void subscribe(std::size_t node, std::string_view topic, backplane::log keep) {
    std::lock_guard const lock(mutex_);
    auto const found = nodes_.find(node);
    if (found == nodes_.end()) return;
    auto& mine = found->second.topics[std::string(topic)];
    if (!mine.alive) mine.alive = std::make_shared<std::atomic<bool>>(true);
    mine.keep = keep;
    if (found->second.is_connected) enter(node, found->second, std::string(topic), mine);
  }
  void unsubscribe(std::size_t node, std::string_view topic) {
    std::lock_guard const lock(mutex_);
    auto const found = nodes_.find(node);
    if (found == nodes_.end()) return;
    auto const mine = found->second.topics.find(topic);
    if (mine == found->second.topics.end()) return;
    *mine->second.alive = false;
    found->second.topics.erase(mine);
    if (auto const there = topics_.find(topic); there != topics_.end()) {
      there->second.subscribers.erase(node);
      if (found->second.is_connected) release_all(there->first, there->second, node);
    }
    forget_topics();
  }

  std::error_code publish(std::size_t node, std::string_view topic, std::span<std::byte const> bytes,
                          backplane::log keep) noexcept try {
    std::lock_guard const lock(mutex_);
    bool const is_logged = keep.most != 0 && keep.time.count() > 0;
    auto const found = nodes_.find(node);
    if (found == nodes_.end()) return std::make_error_code(std::errc::not_connected);
    std::string text(reinterpret_cast<char const*>(bytes.data()), bytes.size());
    if (found->second.is_connected) {
      publish_now(topic, std::move(text), keep);
    } else if (!is_logged) {
      return std::make_error_code(std::errc::not_connected);
    } else if (text.size() > most_waiting - found->second.waiting_bytes) {
      return std::make_error_code(std::errc::no_buffer_space);
    } else {
      found->second.waiting.push_back({std::string(topic), std::move(text), keep});
      found->second.waiting_bytes += bytes.size();
    }
    return {};
  } catch (std::bad_alloc const&) {
    return std::make_error_code(std::errc::not_enough_memory);
  }

  void hold(std::size_t node, std::string_view topic, std::string_view name, std::string_view value) {
    std::lock_guard const lock(mutex_);
    auto const found = nodes_.find(node);
    if (found == nodes_.end()) return;
    auto const mine = found->second.topics.find(topic);
    if (mine == found->second.topics.end()) return;
    mine->second.held.insert_or_assign(std::string(name), std::string(value));
    if (found->second.is_connected) hold_now(node, std::string(topic), std::string(name), std::string(value));
  }
  void release(std::size_t node, std::string_view topic, std::string_view name) {
    std::lock_guard const lock(mutex_);
    auto const found = nodes_.find(node);
    if (found == nodes_.end()) return;
    auto const mine = found->second.topics.find(topic);
    if (mine == found->second.topics.end()) return;
    mine->second.held.erase(std::string(name));
    auto const there = topics_.find(topic);
    if (there == topics_.end() || !found->second.is_connected) return;
    auto const record = there->second.records.find({node, std::string(name)});
    if (record != there->second.records.end()) release_one(there->first, there->second, record);
  }

  void cut(std::size_t node) {
    std::lock_guard const lock(mutex_);
    auto const found = nodes_.find(node);
    if (found == nodes_.end() || !std::exchange(found->second.is_connected, false)) return;
    for (auto& [name, topic] : topics_) topic.subscribers.erase(node);
    found->second.inbox->clear();
    tell_connection(found->second);
  }
  void mend(std::size_t node) {
    std::lock_guard const lock(mutex_);
    auto const found = nodes_.find(node);
    if (found == nodes_.end() || std::exchange(found->second.is_connected, true)) return;
    tell_connection(found->second);
    connect(node, found->second);
  }
  void kill(std::size_t node) {
    std::lock_guard const lock(mutex_);
    auto const found = nodes_.find(node);
    if (found == nodes_.end()) return;
    found->second.inbox->end();
    nodes_.erase(found);
    for (auto& [name, topic] : topics_) {
      topic.subscribers.erase(node);
      std::erase_if(topic.records, [node](auto const& each) { return each.first.first == node; });
    }
    for (auto& [number, other] : nodes_) {
      if (!other.is_connected) continue;
      other.inbox->add([id = std::to_string(node)](auto& to) { to.on_node_lost(id); }, nullptr, 0);
    }
    forget_topics();
  }
  void forget() {
    std::lock_guard const lock(mutex_);
    topics_.clear();
    for (auto& [number, node] : nodes_) {
      if (node.is_connected) hold_again(number, node);
    }
    for (auto& [number, node] : nodes_) {
      if (node.is_connected) enter_all(number, node);
    }
  }

 private:
  static constexpr std::size_t most_waiting = std::size_t{16} << 20;

  struct subscribed {
    memory_inbox::subscription alive;
    backplane::log keep;
    std::map<std::string, std::string> held;
  };
  struct unpublished {
    std::string topic;
    std::string bytes;
    backplane::log keep;
  };
  struct node_state {
    std::shared_ptr<memory_inbox> inbox;
    bool is_connected = true;
    std::map<std::string, subscribed, std::less<>> topics;
    std::deque<unpublished> waiting;
    std::size_t waiting_bytes = 0;
  };

  memory_topic& find_or_make(std::string_view name) {
    auto const found = topics_.find(name);
    if (found != topics_.end()) return found->second;
    return topics_.emplace(std::string(name), memory_topic(random_name())).first->second;
  }

  // Looked for when there are twice as many as the last search has left, so that a search costs each topic a
  // constant.
  void forget_topics() noexcept {
    if (topics_.size() < 2 * left_) return;
    auto const now = clock::now();
    for (auto next = topics_.begin(); next != topics_.end();) {
      auto const each = next++;
      auto& topic = each->second;
      topic.expire(now);
      if (topic.log.empty() && topic.subscribers.empty() && topic.records.empty()) topics_.erase(each);
    }
    left_ = (std::max)(topics_.size(), std::size_t{16});
  }

  void tell_connection(node_state& node) {
    auto const why = node.is_connected ? std::error_code() : std::make_error_code(std::errc::not_connected);
    node.inbox->add([why](auto& to) { to.on_connection(why); }, nullptr, 0);
  }

  void enter(std::size_t number, node_state& node, std::string name, subscribed const& mine) {
    auto& topic = find_or_make(name);
    if (mine.keep.most != 0 && mine.keep.time.count() > 0) topic.keep = mine.keep;
    topic.expire(clock::now());
    topic.subscribers.insert(number);
    auto now = std::make_shared<backplane::snapshot const>(topic.seen_by(number));
    node.inbox->add([name, now](auto& to) { to.on_subscribed(name, *now); }, mine.alive, name.size());
  }
  void enter_all(std::size_t number, node_state& node) {
    for (auto const& [name, mine] : node.topics) enter(number, node, name, mine);
  }
  void catch_up(std::size_t number) {
    std::lock_guard const lock(mutex_);
    auto const found = nodes_.find(number);
    if (found == nodes_.end()) return;
    // Under the lock, without which nobody adds: nothing comes before the snapshot that is not in it.
    found->second.inbox->begin_anew();
    tell_connection(found->second);
    if (found->second.is_connected) enter_all(number, found->second);
  }
  void connect(std::size_t number, node_state& node) {
    for (auto& [name, topic] : topics_) {
      auto const mine = node.topics.find(name);
      for (auto record = topic.records.begin(); record != topic.records.end();) {
        auto const each = record++;
        bool const is_held = mine != node.topics.end() && mine->second.held.contains(each->first.second);
        if (each->first.first == number && !is_held) release_one(name, topic, each);
      }
    }
    hold_again(number, node);
    enter_all(number, node);
    for (; !node.waiting.empty(); node.waiting.pop_front()) {
      auto const& next = node.waiting.front();
      publish_now(next.topic, next.bytes, next.keep);
      node.waiting_bytes -= next.bytes.size();
    }
  }

  // May throw; then nothing is published.
  void publish_now(std::string_view name, std::string bytes, backplane::log keep) {
    auto const text = std::make_shared<std::string const>(std::move(bytes));
    auto const called = std::make_shared<std::string const>(name);
    std::uint64_t number = 0;
    auto found = topics_.find(name);
    if (keep.most != 0 && keep.time.count() > 0) {
      auto const now = clock::now();
      forget_topics();
      auto& topic = find_or_make(name);
      topic.log.push_back({topic.last + 1, now, text});
      number = ++topic.last;
      topic.keep = keep;
      topic.expire(now);
      found = topics_.find(name);
    }
    if (found == topics_.end()) return;
    for (std::size_t const each : found->second.subscribers) {
      tell(nodes_.find(each)->second, *called, text->size(), [&] {
        return [called, number, text](backplane::listener& listener) {
          listener.on_message(*called, number, std::as_bytes(std::span(*text)));
        };
      });
    }
  }

  void hold_now(std::size_t node, std::string const& name, std::string const& held, std::string value) {
    auto& topic = find_or_make(name);
    auto const [record, is_new] = topic.records.try_emplace({node, held}, value);
    if (!is_new && record->second == value) return;
    record->second = std::move(value);
    tell_record(name, topic, node, held, record->second, &backplane::listener::on_held);
  }
  void hold_again(std::size_t number, node_state& node) {
    for (auto const& [name, mine] : node.topics) {
      for (auto const& [held, value] : mine.held) hold_now(number, name, held, value);
    }
  }

  using records = decltype(memory_topic::records);
  void release_one(std::string const& name, memory_topic& topic, records::iterator which) noexcept {
    auto const& [node, held] = which->first;
    tell_record(name, topic, node, held, which->second, &backplane::listener::on_released);
    topic.records.erase(which);
  }
  void release_all(std::string const& name, memory_topic& topic, std::size_t node) noexcept {
    auto next = topic.records.lower_bound({node, std::string()});
    while (next != topic.records.end() && next->first.first == node) release_one(name, topic, next++);
  }
  template <class Function>
  void tell_record(std::string const& name, memory_topic const& topic, std::size_t of,
                   std::string const& held, std::string const& value, Function function) noexcept {
    for (std::size_t const each : topic.subscribers) {
      tell(nodes_.find(each)->second, name, name.size(), [&] {
        backplane::record told{each == of ? std::string() : std::to_string(of), held, value};
        return [name, told = std::move(told), function](backplane::listener& listener) {
          (listener.*function)(name, told);
        };
      });
    }
  }
  // Without memory to tell it one thing, a node is to be told everything anew.
  template <class Make>
  void tell(node_state& to, std::string const& topic, std::size_t size, Make make) noexcept {
    try {
      to.inbox->add(make(), to.topics.find(topic)->second.alive, size);
    } catch (...) {
      to.inbox->lose();
    }
  }

  std::mutex mutex_;
  std::map<std::string, memory_topic, std::less<>> topics_;
  std::map<std::size_t, node_state> nodes_;
  std::size_t next_node_ = 0;
  std::size_t left_ = 16;
};

}  // namespace kindwire::detail
