// The topics that a node has subscribed to, and how far each is.
#pragma once

#include <chrono>
#include <cstddef>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "../backplane.hpp"
#include "inbox.hpp"
#include "outbox.hpp"
#include "topic.hpp"

namespace kindwire::detail {

struct redis_subscription {
  std::string name;
  backplane::log keep;
  redis_topic view;
  std::map<std::string, std::string> held;  // by this node
  // Published before the first snapshot is asked for: the node's own messages come back to it, after that.
  std::deque<redis_publication> early;
  bool is_confirmed = false;
  bool has_asked = false;    // for a snapshot, in this connection
  bool is_asked = false;     // a snapshot is under way
  bool asks_again = false;   // and another is needed then
  bool is_refused = false;   // Redis had no memory for one
  bool has_refused = false;  // or for a record
};

class redis_topics {
 public:
  using map = std::map<std::string, std::shared_ptr<redis_subscription>, std::less<>>;

  map const& all() const noexcept { return all_; }
  std::shared_ptr<redis_subscription> find(std::string_view name) const {
    auto const found = all_.find(name);
    return found == all_.end() ? nullptr : found->second;
  }
  std::shared_ptr<redis_subscription> add(std::string name, backplane::log keep) {
    auto fresh = std::make_shared<redis_subscription>();
    fresh->name = name;
    fresh->keep = keep;
    return all_.insert_or_assign(std::move(name), std::move(fresh)).first->second;
  }
  void remove(std::string_view name) {
    auto const found = all_.find(name);
    if (found != all_.end()) all_.erase(found);
  }

  // SUBSCRIBE has been sent for it. A topic that has been left and entered again is confirmed by the last.
  void await_confirmation(std::string_view name) { ++awaited_[std::string(name)]; }
  // True if the topic is confirmed now.
  bool confirm(std::string_view name) {
    auto const found = awaited_.find(name);
    if (found == awaited_.end() || --found->second != 0) return false;
    awaited_.erase(found);
    auto const topic = find(name);
    if (topic) topic->is_confirmed = true;
    return topic != nullptr;
  }
  bool is_awaited(std::string_view name) const { return awaited_.contains(name); }
  bool all_confirmed() const noexcept { return awaited_.empty(); }

  void disconnect() noexcept {
    awaited_.clear();
    for (auto const& [name, topic] : all_) {
      topic->view.disconnect();
      topic->is_confirmed = false;
      topic->has_asked = false;
      topic->is_asked = false;
      topic->asks_again = false;
      topic->is_refused = false;
      topic->has_refused = false;
    }
  }

 private:
  map all_;
  std::map<std::string, std::size_t, std::less<>> awaited_;
};

}  // namespace kindwire::detail
