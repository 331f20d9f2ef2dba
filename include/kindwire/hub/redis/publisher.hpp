// Publishes the messages of one node: those of topics with a log until Redis has confirmed them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>

#include "../random_name.hpp"
#include "connection.hpp"
#include "inbox.hpp"
#include "names.hpp"
#include "outbox.hpp"

namespace kindwire::detail {

// As redis_node_state, of which it is a part. `retry_later` is called when Redis is out of memory, and to be
// answered by retry().
class redis_publisher {
 public:
  redis_publisher(redis_names const& names, std::string const& node, redis_inbox& inbox,
                  std::function<void()> retry_later)
      : names_(names), node_(node), inbox_(inbox), retry_later_(std::move(retry_later)) {}

  void connect(std::shared_ptr<redis_connection> to) noexcept { connection_ = std::move(to); }
  void disconnect() noexcept {
    connection_.reset();
    inbox_.done(std::exchange(plain_, 0));
    for (auto const& [after, what] : behind_) inbox_.done(what.cost());
    behind_.clear();
    outbox_.disconnect();
  }

  // The sequence of the first message that is not confirmed, and what Redis says of those before it.
  std::uint64_t first() const noexcept { return outbox_.first(); }
  void confirmed_until(std::uint64_t sequence) noexcept { inbox_.done(outbox_.confirmed_until(sequence)); }

  // These take it only if they do not throw std::bad_alloc.
  void push(redis_publication&& what) { outbox_.push(std::move(what)); }
  // While connected. Not before what was pushed earlier on the same topic.
  void publish_plain(redis_publication&& what) {
    std::uint64_t const after = outbox_.latest_of(what.topic);
    if (after < outbox_.first_unsent()) return send_plain(what);
    behind_.emplace(after, redis_publication())->second = std::move(what);
  }

  // As many as may be under way, or all.
  void publish_more(bool all_at_once = false) {
    if (!connection_) return;
    for (;;) {
      send_what_may_follow();
      auto const* const next = outbox_.next(all_at_once);
      if (!next) return;
      auto const& what = next->what;
      connection_->run(redis_script::publish, {names_.sent(), names_.at(what.topic), names_.log(what.topic)},
                       {std::to_string(next->sequence), names_.channel(what.topic), what.bytes,
                        std::to_string(what.keep.most), std::to_string(what.keep.time.count()), random_name(),
                        connection_->run_id(), node_},
                       [this](redis_reply& reply) { take_answer(reply); });
    }
  }
  void retry() {
    if (outbox_.may_send_again()) outbox_.send_again();
    publish_more();
  }

 private:
  void send_what_may_follow() {
    while (!behind_.empty() && behind_.begin()->first < outbox_.first_unsent()) {
      send_plain(behind_.begin()->second);
      behind_.erase(behind_.begin());
    }
  }
  void send_plain(redis_publication const& what) {
    std::size_t const cost = what.cost();
    connection_->ask({"PUBLISH", names_.channel(what.topic), 'U' + what.bytes},
                     [this, cost](redis_reply& reply) {
                       plain_ -= cost;
                       inbox_.done(cost);
                       if (!reply.is(redis_reply::kind::integer)) connection_->fail(reply);
                     });
    plain_ += cost;
  }

  void take_answer(redis_reply& reply) {
    bool const is_word = reply.is(redis_reply::kind::string);
    if (is_word && reply.text == "done") {
      inbox_.done(outbox_.confirmed());
    } else if ((is_word && reply.text == "early") || is_out_of_memory(reply)) {
      outbox_.refused();
      if (outbox_.may_send_again()) retry_later_();
    } else if (is_word && reply.text == "unknown") {
      return connection_->fail(redis_error::data_lost);
    } else {
      return connection_->fail(reply);
    }
    publish_more();
  }

  redis_names const& names_;
  std::string const& node_;
  redis_inbox& inbox_;
  std::function<void()> const retry_later_;
  std::shared_ptr<redis_connection> connection_;
  redis_outbox outbox_;
  // On topics without a log, each behind the message of this sequence, on the same topic, that is not sent.
  std::multimap<std::uint64_t, redis_publication> behind_;
  std::size_t plain_ = 0;  // what those count for that are under way on topics without a log
};

}  // namespace kindwire::detail
