// One hub's side of the backplane over Redis: its connection, its topics and its signs of life.
#pragma once

#include <algorithm>
#include <asio/any_io_executor.hpp>
#include <asio/post.hpp>
#include <asio/steady_timer.hpp>
#include <asio/strand.hpp>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include "../../session/backoff.hpp"
#include "../backplane.hpp"
#include "../random_name.hpp"
#include "connection.hpp"
#include "error.hpp"
#include "heartbeat.hpp"
#include "inbox.hpp"
#include "names.hpp"
#include "outbox.hpp"
#include "publisher.hpp"
#include "records.hpp"
#include "topics.hpp"

namespace kindwire::detail {

// Everything but post() and end() happens on a strand.
//
// After a connection is made, subscriptions are confirmed first; then records are held again, snapshots are
// asked for, and what was not confirmed is published again, in this order: nothing is told twice or left out.
class redis_node_state final : public redis_connection_owner,
                               public std::enable_shared_from_this<redis_node_state> {
 public:
  redis_node_state(asio::any_io_executor const& executor, std::shared_ptr<redis_url const> url,
                   std::shared_ptr<redis_options const> options)
      : strand_(asio::make_strand(executor)),
        url_(std::move(url)),
        options_(std::move(options)),
        names_(options_->prefix, url_->database, id_),
        inbox_(options_->max_waiting),
        delay_(strand_),
        beat_(strand_),
        retry_(strand_) {}

  void start(std::weak_ptr<backplane::listener> to) {
    asio::post(strand_, [self = shared_from_this(), to = std::move(to)] {
      self->to_ = to;
      self->guard([&] { self->connect(); });
    });
  }

  // By any thread.
  void post(redis_request what) {
    if (inbox_.add(std::move(what))) wake();
  }
  std::error_code post_message(redis_request what) {
    bool must_wake = false;
    std::error_code const failure = inbox_.add_message(std::move(what), must_wake);
    if (must_wake) wake();
    return failure;
  }
  // Larger, it could not be told of by this node itself, nor be read from the log.
  bool takes(std::string_view topic, std::size_t size) const noexcept {
    constexpr std::size_t beside = 200;  // as in redis_snapshot_script
    return size + beside <= options_->max_reply / 2 &&
           topic.size() + size + 2 * beside <= options_->max_reply;
  }
  // By any thread: nothing is told any more. What has been asked for before is still done if it can be at
  // once.
  void end() noexcept {
    has_ended_ = true;
    try {
      asio::post(strand_, [self = shared_from_this()] { self->guard([&] { self->leave(); }); });
    } catch (...) {}  // the connection ends with the last operation that is under way
  }

 private:
  using reply_kind = redis_reply::kind;

  void wake() noexcept {
    try {
      asio::post(strand_, [self = shared_from_this()] { self->guard([&] { self->take_requests(); }); });
    } catch (...) {
      inbox_.fall_asleep();  // the next request wakes
    }
  }

  template <class Function>
  void tell(Function&& function) {
    if (has_ended_) return;
    if (auto const to = to_.lock()) function(*to);
  }
  auto teller_of(redis_subscription const& topic) {
    return
        [this, &topic](auto&& function) { tell([&](backplane::listener& to) { function(to, topic.name); }); };
  }

  // The connection.

  void connect() {
    if (has_ended_) return;
    connection_ = std::make_shared<redis_connection>(strand_, options_, names_.channel({}), weak_from_this());
    connection_->open(url_, attempts_++);
  }

  void on_commands() override {
    std::string const before = std::to_string(publisher_.first() - 1);
    auto const allowed = [this](redis_reply& reply) {
      if (reply.is(reply_kind::error)) connection_->fail(reply);
    };
    connection_->ask({"PEXPIRE", names_.probe(), "1"}, allowed);
    connection_->ask({"MGET", names_.probe()}, allowed);
    connection_->ask({"DEL", names_.probe()}, allowed);
    connection_->ask({"PUBLISH", names_.channel({}), {}}, allowed);
    connection_->run(redis_script::hello, {names_.sent(), names_.node(), names_.probe()},
                     {before, heartbeat_.term(), names_.channel({})}, [this](redis_reply& reply) {
                       std::uint64_t sent = 0;
                       if (!reply.is(reply_kind::string) || !parse_redis_number(reply.text, sent))
                         return connection_->fail(reply);
                       publisher_.confirmed_until(sent);
                       has_greeted_ = true;
                       get_ready();
                     });
  }

  void on_subscriptions() override {
    may_subscribe_ = true;
    subscribe_all();
    get_ready();
  }
  void subscribe_all() {
    constexpr std::size_t most_at_once = 500;
    std::vector<std::string> channels;
    for (auto const& [name, topic] : topics_.all()) {
      if (topic->is_confirmed) continue;
      channels.push_back(names_.channel(name));
      topics_.await_confirmation(name);
      if (channels.size() == most_at_once) subscribe("SUBSCRIBE", std::exchange(channels, {}));
    }
    if (!channels.empty()) subscribe("SUBSCRIBE", channels);
  }
  void subscribe(std::string_view command, std::vector<std::string> const& channels) {
    std::vector<std::string_view> words{command};
    words.insert(words.end(), channels.begin(), channels.end());
    connection_->subscribe(words);
  }

  void get_ready() {
    if (is_ready_ || !has_greeted_ || !may_subscribe_ || !topics_.all_confirmed()) return;
    is_ready_ = true;
    inbox_.set_connected(true);
    tell_connection({});
    records_.connect(connection_);
    for (auto const& [name, topic] : topics_.all()) {
      if (topic->is_confirmed) records_.hold_all(topic);
    }
    for (auto const& [name, topic] : topics_.all()) {
      if (topic->is_confirmed) queue_snapshot(topic);
    }
    publisher_.connect(connection_);
    ask_snapshots();
    subscribe_all();  // those that have come since
    beat();
    wake();  // for requests that were left when there was no memory
  }

  void on_disconnected(std::error_code why) noexcept override {
    connection_.reset();
    inbox_.set_connected(false);
    records_.disconnect();
    publisher_.disconnect();
    topics_.disconnect();
    to_ask_.clear();
    asked_ = 0;
    has_greeted_ = may_subscribe_ = is_ready_ = is_publishing_ = is_waiting_ = false;
    beat_.cancel();
    retry_.cancel();
    if (has_ended_) return;
    guard([&] {
      for (auto const& [name, topic] : topics_.all()) publish_early(*topic);
    });
    tell_connection(why);
    guard([&] { wait_and_connect(why); });
  }

  void wait_and_connect(std::error_code why) {
    backoff_terms const terms{options_->first_delay, options_->max_delay};
    delay_.expires_after(is_lasting(why) ? backoff_.longest(terms) : backoff_.next(terms));
    delay_.async_wait([self = shared_from_this()](std::error_code failure) {
      self->is_delayed_ = false;
      if (!failure) self->guard([&] { self->connect(); });
    });
    is_delayed_ = true;
    wake();  // for requests that were left when there was no memory
  }

  void tell_connection(std::error_code why) noexcept {
    if (has_told_ && told_ == why) return;
    has_told_ = true;
    told_ = why;
    tell([&](backplane::listener& to) { to.on_connection(why); });
  }

  // What the hub asks for.

  void take_requests() {
    try {
      if (!connection_ && !is_delayed_ && !has_ended_) connect();  // there was no memory for it
      for (; auto* const next = inbox_.front(); inbox_.pop()) take_request(*next);
    } catch (...) {
      inbox_.fall_asleep();  // what is left, the one in hand too, waits for the next connection or request
      throw;
    }
    publish_more();
  }
  // May be called again with the same if it throws.
  void take_request(redis_request& next) {
    auto topic = topics_.find(next.topic);
    switch (next.what) {
      case redis_request::kind::subscribe: {
        if (topic) return subscribe_again(topic, next.keep);
        topics_.add(next.topic, next.keep);
        if (has_to_wait(next.topic)) return;
        topics_.await_confirmation(next.topic);
        return subscribe("SUBSCRIBE", {names_.channel(next.topic)});
      }
      case redis_request::kind::unsubscribe:
        if (topic) unsubscribe(*topic);
        return;
      case redis_request::kind::hold:
        if (!topic) return;
        topic->held.insert_or_assign(next.name, next.value);
        records_.hold(topic, next.name, next.value);
        return;
      case redis_request::kind::release:
        if (!topic || !topic->held.contains(next.name)) return;
        records_.release(next.topic, next.name);
        topic->held.erase(next.name);
        return;
      case redis_request::kind::publish: {
        redis_publication what{std::move(next.topic), std::move(next.name), next.keep};
        try {
          publish(topic.get(), std::move(what));
        } catch (...) {
          next.topic = std::move(what.topic);
          next.name = std::move(what.bytes);
          throw;
        }
        return;
      }
    }
  }

  // The node would never get ready if it waited for topics that come all the time: they are subscribed to
  // when it is. One that has been left and entered again is confirmed by its last SUBSCRIBE.
  bool has_to_wait(std::string const& topic) const {
    return !may_subscribe_ || (!is_ready_ && !topics_.is_awaited(topic));
  }

  void subscribe_again(std::shared_ptr<redis_subscription> const& topic, backplane::log keep) {
    topic->keep = keep;
    if (is_ready_ && topic->is_confirmed) ask_snapshot(topic);  // otherwise one is to come
  }
  void unsubscribe(redis_subscription& topic) {
    publish_early(topic);
    for (auto const& [name, value] : topic.held) records_.release(topic.name, name);
    if (may_subscribe_) subscribe("UNSUBSCRIBE", {names_.channel(topic.name)});
    topics_.remove(std::string(topic.name));
  }

  // Takes it only if it does not throw std::bad_alloc.
  void publish(redis_subscription* topic, redis_publication&& what) {
    bool const is_late = may_subscribe_ && (is_ready_ || !topics_.is_awaited(what.topic));
    if (topic && !topic->has_asked && is_late) {
      topic->early.emplace_back();
      topic->early.back() = std::move(what);
    } else if (is_log(what.keep)) {
      publisher_.push(std::move(what));
    } else if (!is_ready_) {
      inbox_.done(what.cost());  // it was accepted before the connection broke
    } else {
      publisher_.publish_plain(std::move(what));
    }
  }
  void publish_early(redis_subscription& topic) {
    for (; !topic.early.empty(); topic.early.pop_front()) publish(nullptr, std::move(topic.early.front()));
  }
  // What has waited for the connection goes out when a snapshot of every topic has been asked for: what a
  // node publishes comes back to it as a message, not as the past of a topic.
  void publish_more() {
    is_publishing_ = is_publishing_ || (is_ready_ && to_ask_.empty());
    if (is_publishing_) publisher_.publish_more();
  }

  // When Redis was out of memory.
  void retry_later() {
    if (std::exchange(is_waiting_, true)) return;
    retry_.expires_after(std::chrono::milliseconds(250));
    retry_.async_wait([self = shared_from_this()](std::error_code failure) {
      if (failure || !self->is_ready_) return;
      self->is_waiting_ = false;
      self->guard([&] { self->retry(); });
    });
  }
  void retry() {
    for (auto const& [name, topic] : topics_.all()) {
      if (std::exchange(topic->has_refused, false)) records_.hold_all(topic);
      if (std::exchange(topic->is_refused, false)) ask_snapshot(topic);
    }
    if (is_publishing_) publisher_.retry();
  }

  // Snapshots.

  void ask_snapshot(std::shared_ptr<redis_subscription> const& topic) {
    queue_snapshot(topic);
    ask_snapshots();
  }
  void queue_snapshot(std::shared_ptr<redis_subscription> const& topic) {
    if (std::exchange(topic->is_asked, true)) {
      topic->asks_again = true;
      return;
    }
    topic->view.lose();
    to_ask_.push_back(topic);
  }
  // A few at a time: Redis keeps in memory what it has answered, and there may be very many after an outage.
  void ask_snapshots() {
    constexpr std::size_t most_under_way = 64;
    while (asked_ < most_under_way && !to_ask_.empty()) {
      auto const weak = to_ask_.front();
      to_ask_.pop_front();
      if (auto const topic = weak.lock()) ask_now(*topic, weak);
    }
    publish_more();
  }
  void ask_now(redis_subscription& topic, std::weak_ptr<redis_subscription> weak) {
    std::string const& name = topic.name;
    connection_->run(
        redis_script::snapshot, {names_.at(name), names_.log(name), names_.held(name)},
        {names_.channel(name), std::to_string(topic.keep.most), std::to_string(topic.keep.time.count()),
         random_name(), connection_->run_id(), names_.node_prefix(), std::to_string(options_->max_reply / 2)},
        [this, weak](redis_reply& reply) {
          --asked_;
          if (auto const to = weak.lock()) take_snapshot(to, reply);
          if (is_ready_) ask_snapshots();
        });
    ++asked_;
    topic.has_asked = true;
    publish_early(topic);
  }
  void take_snapshot(std::shared_ptr<redis_subscription> const& topic, redis_reply& reply) {
    topic->is_asked = false;
    if (is_out_of_memory(reply)) {
      topic->is_refused = true;
      return retry_later();
    }
    auto found = redis_snapshot::parse(reply);
    if (!found) return connection_->fail(reply);
    hold_what_is_lost(topic, found->topic.records);
    auto const wants = topic->view.take_snapshot(std::move(*found), id_, teller_of(*topic));
    bool const again = std::exchange(topic->asks_again, false);
    if (wants == redis_topic::wants::snapshot || again) ask_snapshot(topic);
  }

  // Redis may throw away records to keep to its maxmemory, of all nodes at once.
  void hold_what_is_lost(std::shared_ptr<redis_subscription> const& topic,
                         std::vector<backplane::record> const& records) {
    bool const has_mine =
        std::any_of(records.begin(), records.end(), [this](auto const& each) { return each.node == id_; });
    if (!has_mine) records_.hold_all(topic);
  }

  void on_channel_confirmed(std::string_view channel) override {
    std::string const name(names_.topic(channel));
    if (!topics_.confirm(name)) return get_ready();
    if (!is_ready_) return get_ready();
    auto const topic = topics_.find(name);
    records_.hold_all(topic);
    ask_snapshot(topic);
  }
  void on_channel(std::string_view channel, std::string_view bytes) override {
    auto const topic = topics_.find(names_.topic(channel));
    if (!topic || !topic->is_confirmed) return;  // it has been left
    auto const wants = topic->view.take_message(bytes, teller_of(*topic));
    if (wants == redis_topic::wants::snapshot && is_ready_) ask_snapshot(topic);
  }

  // Signs of life.

  void beat() {
    heartbeat_.show(
        connection_,
        [this](std::string const& node) { tell([&](backplane::listener& to) { to.on_node_lost(node); }); },
        [this](std::string const& name) {
          auto const topic = topics_.find(name);
          if (topic && topic->is_confirmed && is_ready_) ask_snapshot(topic);
        });
    // The keys of records expire after a day.
    if (std::chrono::steady_clock::now() - held_at_ > std::chrono::hours(6)) {
      held_at_ = std::chrono::steady_clock::now();
      for (auto const& [name, topic] : topics_.all()) records_.hold_all(topic);
    }
    beat_.expires_after(options_->node_term / 4);
    beat_.async_wait([self = shared_from_this()](std::error_code failure) {
      if (failure || !self->is_ready_) return;
      self->backoff_.reset();  // not before: what breaks connections may do so as soon as they are there
      self->guard([&] { self->beat(); });
    });
  }

  // The end.

  void leave() {
    delay_.cancel();
    beat_.cancel();
    if (!is_ready_) return close();
    take_requests();
    for (auto const& [name, topic] : topics_.all()) {
      publish_early(*topic);
      for (auto const& [held, value] : topic->held) records_.release(name, held);
    }
    publisher_.publish_more(true);
    connection_->ask({"DEL", names_.node(), names_.sent()}, [this](redis_reply&) { close(); });
    retry_.expires_after(std::chrono::seconds(1));
    retry_.async_wait([self = shared_from_this()](std::error_code) { self->close(); });
  }
  void close() noexcept {
    retry_.cancel();
    if (connection_) connection_->close();
    connection_.reset();
    records_.disconnect();
    publisher_.disconnect();
    is_ready_ = is_publishing_ = may_subscribe_ = false;
  }

  template <class Work>
  void guard(Work&& work) noexcept {
    try {
      work();
    } catch (std::system_error const& failure) {
      recover(failure.code());
    } catch (...) {
      recover(std::make_error_code(std::errc::not_enough_memory));
    }
  }
  void recover(std::error_code why) noexcept {
    if (connection_) return connection_->fail(why);
    if (has_ended_ || is_delayed_) return;
    try {
      wait_and_connect(why);
    } catch (...) {}  // the next request connects
  }

  asio::any_io_executor const strand_;
  std::shared_ptr<redis_url const> const url_;
  std::shared_ptr<redis_options const> const options_;
  std::string const id_ = random_name();
  redis_names const names_;
  redis_inbox inbox_;
  std::weak_ptr<backplane::listener> to_;
  std::shared_ptr<redis_connection> connection_;
  asio::steady_timer delay_;
  asio::steady_timer beat_;
  asio::steady_timer retry_;
  redis_topics topics_;
  redis_heartbeat heartbeat_{names_, topics_, id_, options_->node_term};
  redis_records records_{names_, id_, [this] { retry_later(); }};
  redis_publisher publisher_{names_, id_, inbox_, [this] { retry_later(); }};
  std::deque<std::weak_ptr<redis_subscription>> to_ask_;
  std::size_t asked_ = 0;  // snapshots that are under way
  std::size_t attempts_ = 0;
  backoff backoff_;
  std::chrono::steady_clock::time_point held_at_ = std::chrono::steady_clock::now();
  std::error_code told_;
  std::atomic<bool> has_ended_{false};
  bool has_told_ = false;
  bool has_greeted_ = false;    // Redis knows of this node
  bool may_subscribe_ = false;  // the connection for it is there
  bool is_ready_ = false;
  bool is_publishing_ = false;  // once all snapshots have been asked for
  bool is_delayed_ = false;
  bool is_waiting_ = false;
};

}  // namespace kindwire::detail
