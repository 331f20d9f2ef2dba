// The records that a node has in Redis, which others see as long as it lives.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "connection.hpp"
#include "error.hpp"
#include "names.hpp"
#include "reply.hpp"
#include "topics.hpp"

namespace kindwire::detail {

// As redis_node_state, of which it is a part. `retry_later` is called when Redis is out of memory: then the
// topic has_refused, and all of its records are to be held again.
class redis_records {
 public:
  redis_records(redis_names const& names, std::string const& node, std::function<void()> retry_later)
      : names_(names), node_(node), retry_later_(std::move(retry_later)) {}

  void connect(std::shared_ptr<redis_connection> to) {
    connection_ = std::move(to);
    for (auto const& [what, number] : released_) release_now(what.first, what.second, number);
  }
  void disconnect() noexcept { connection_.reset(); }

  // These do so at once if there is a connection; otherwise hold_all() is called when there is one.
  void hold_all(std::shared_ptr<redis_subscription> const& topic) {
    for (auto const& [name, value] : topic->held) hold(topic, name, value);
  }
  void hold(std::weak_ptr<redis_subscription> topic, std::string const& name, std::string_view value) {
    auto const of = topic.lock();
    released_.erase({std::string(of->name), name});
    if (!connection_) return;
    connection_->run(redis_script::hold, {names_.held(of->name)},
                     {names_.channel(of->name), node_, name, value}, [this, topic](redis_reply& reply) {
                       if (reply.is(redis_reply::kind::string)) return;
                       if (!is_out_of_memory(reply)) return connection_->fail(reply);
                       if (auto const to = topic.lock()) to->has_refused = true;
                       retry_later_();
                     });
  }
  // Again with each connection, until Redis has said so: otherwise the record would be there as long as this
  // node lives.
  void release(std::string const& topic, std::string const& name) {
    released_.insert_or_assign({topic, name}, ++last_release_);
    if (connection_) release_now(topic, name, last_release_);
  }

 private:
  void release_now(std::string const& topic, std::string const& name, std::uint64_t number) {
    connection_->run(redis_script::release, {names_.held(topic)}, {names_.channel(topic), node_, name},
                     [this, what = std::pair(topic, name), number](redis_reply& reply) {
                       if (!reply.is(redis_reply::kind::string)) return connection_->fail(reply);
                       auto const found = released_.find(what);
                       if (found != released_.end() && found->second == number) released_.erase(found);
                     });
  }

  redis_names const& names_;
  std::string const& node_;
  std::function<void()> const retry_later_;
  std::shared_ptr<redis_connection> connection_;
  std::map<std::pair<std::string, std::string>, std::uint64_t>
      released_;  // topic and name; not confirmed yet
  std::uint64_t last_release_ = 0;
};

}  // namespace kindwire::detail
