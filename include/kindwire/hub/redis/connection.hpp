// Both connections that a node has with Redis: one for commands, one for what comes by subscriptions, which
// RESP2 keeps apart.
#pragma once

#include <array>
#include <asio/any_io_executor.hpp>
#include <asio/post.hpp>
#include <cstddef>
#include <deque>
#include <functional>
#include <initializer_list>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include "error.hpp"
#include "link.hpp"
#include "options.hpp"
#include "reply.hpp"
#include "scripts.hpp"
#include "url.hpp"

namespace kindwire::detail {

enum class redis_script : std::size_t { publish, snapshot, hold, release, remove, hello };

class redis_connection_owner {
 public:
  virtual void on_commands() = 0;       // scripts may be called
  virtual void on_subscriptions() = 0;  // channels may be subscribed to
  virtual void on_channel(std::string_view channel, std::string_view bytes) = 0;
  virtual void on_channel_confirmed(std::string_view channel) = 0;
  virtual void on_disconnected(std::error_code why) noexcept = 0;

 protected:
  ~redis_connection_owner() = default;
};

// Used on its executor alone, a strand. Once one of the connections has ended, so has the other.
class redis_connection final : public redis_link_owner,
                               public std::enable_shared_from_this<redis_connection> {
 public:
  using answered = std::function<void(redis_reply&)>;

  // `probe` is a channel of ours that nobody subscribes to.
  redis_connection(asio::any_io_executor const& executor, std::shared_ptr<redis_options const> options,
                   std::string probe, std::weak_ptr<redis_connection_owner> owner)
      : executor_(executor),
        options_(std::move(options)),
        probe_(std::move(probe)),
        owner_(std::move(owner)) {}
  ~redis_connection() { close(); }

  // `attempt` chooses among Sentinels.
  void open(std::shared_ptr<redis_url const> url, std::size_t attempt) {
    url_ = std::move(url);
    auto const& first = url_->addresses[attempt % url_->addresses.size()];
    if (url_->master.empty()) return open_both(first);
    sentinel_ = make_link();
    sentinel_->open(first, redis_url{});
  }

  // `call` is given the answer, unless the connection ends before. May throw std::bad_alloc.
  void ask(std::span<std::string_view const> words, answered call) {
    if (is_closed_) return;
    awaited_.push_back(std::move(call));
    try {
      commands_->send(words);
    } catch (...) {
      awaited_.pop_back();
      throw;
    }
  }
  void ask(std::initializer_list<std::string_view> words, answered call) {
    ask(std::span(words.begin(), words.size()), std::move(call));
  }
  void run(redis_script script, std::initializer_list<std::string_view> keys,
           std::initializer_list<std::string_view> values, answered call) {
    std::vector<std::string_view> words;
    words.reserve(3 + keys.size() + values.size());
    std::string const count = std::to_string(keys.size());
    words.insert(words.end(), {"EVALSHA", scripts_[static_cast<std::size_t>(script)], count});
    words.insert(words.end(), keys);
    words.insert(words.end(), values);
    ask(words, std::move(call));
  }
  bool is_idle() const noexcept { return awaited_.empty(); }

  // "SUBSCRIBE" or "UNSUBSCRIBE", after on_subscriptions().
  void subscribe(std::span<std::string_view const> words) {
    if (!is_closed_) subscriptions_->send(words);
  }

  // Which Redis process this is: another one after a restart or a failover.
  std::string const& run_id() const noexcept { return run_id_; }

  // Ends with on_disconnected().
  void fail(std::error_code why) noexcept {
    if (is_closed_) return;
    auto const self = shared_from_this();  // the owner lets go of it
    close();
    if (auto const owner = owner_.lock()) owner->on_disconnected(why);
  }
  void fail(redis_reply const& unexpected) noexcept {
    bool const is_error = unexpected.is(redis_reply::kind::error);
    fail(is_error ? redis_error_of(unexpected.text) : redis_error::protocol);
  }
  void close() noexcept {
    is_closed_ = true;
    for (auto const& each : {sentinel_, commands_, subscriptions_}) {
      if (each) each->close();
    }
  }

 private:
  void on_open(redis_link& link) override {
    if (&link == sentinel_.get()) {
      link.send({"SENTINEL", "get-master-addr-by-name", url_->master});
    } else if (&link == commands_.get()) {
      load();
    } else {
      link.send({"INFO", "server"});
      link.send({"UNSUBSCRIBE", probe_});  // if that is not allowed, it is known before it is needed
    }
  }

  void on_reply(redis_link& link, redis_reply& reply) override {
    auto const owner = owner_.lock();
    if (!owner) return close();
    if (&link == sentinel_.get()) return take_master(reply);
    if (&link == subscriptions_.get()) return may_subscribe_ ? take_push(reply) : take_info_beside(reply);
    if (awaited_.empty()) return fail(reply);  // perhaps PING was refused
    auto const call = std::move(awaited_.front());
    awaited_.pop_front();
    call(reply);
  }

  void on_closed(redis_link&, std::error_code why) noexcept override { fail(why); }

  std::shared_ptr<redis_link> make_link() {
    return std::make_shared<redis_link>(executor_, options_, weak_from_this());
  }
  void open_both(redis_address const& address) {
    commands_ = make_link();
    subscriptions_ = make_link();
    commands_->open(address, *url_);
    subscriptions_->open(address, *url_);
  }

  void take_master(redis_reply& reply) {
    if (reply.is(redis_reply::kind::nil)) return fail(redis_error::no_master);
    bool const good = reply.is_array_of(2) && reply.items[0].is(redis_reply::kind::string) &&
                      reply.items[1].is(redis_reply::kind::string) && !reply.items[0].text.empty();
    if (!good) return fail(reply);
    redis_address const master{.host = reply.items[0].text, .port = reply.items[1].text, .path = {}};
    sentinel_->close();
    open_both(master);
  }

  void load() {
    ask({"INFO", "server"}, [this](redis_reply& reply) { take_info(reply); });
    constexpr std::array<std::string_view, 6> texts = {redis_publish_script, redis_snapshot_script,
                                                       redis_hold_script,    redis_release_script,
                                                       redis_remove_script,  redis_hello_script};
    for (std::size_t i = 0; i != texts.size(); ++i) {
      std::string const script = std::string(redis_script_parts) += texts[i];
      ask({"SCRIPT", "LOAD", script}, [this, i](redis_reply& reply) {
        if (!reply.is(redis_reply::kind::string)) return fail(reply);
        scripts_[i] = std::move(reply.text);
        if (i + 1 != scripts_.size()) return;
        if (auto const owner = owner_.lock()) owner->on_commands();
      });
    }
  }
  void take_info(redis_reply& reply) {
    // Where INFO is forbidden, Redis may do without: only a restart that loses data is not noticed.
    if (reply.is(redis_reply::kind::error) && reply.text.starts_with("NOPERM")) return;
    if (!reply.is(redis_reply::kind::string)) return fail(reply);
    if (line_of(reply.text, "redis_mode:") == "cluster") return fail(redis_error::cluster);
    run_id_ = line_of(reply.text, "run_id:");
    if (leads_to_two_servers()) fail(redis_error::two_servers);
  }
  // On the connection for subscriptions, before the first one.
  void take_info_beside(redis_reply& reply) {
    bool const is_forbidden = reply.is(redis_reply::kind::error) && reply.text.starts_with("NOPERM");
    if (!is_forbidden && !reply.is(redis_reply::kind::string)) return fail(reply);
    if (!is_forbidden) run_id_beside_ = line_of(reply.text, "run_id:");
    if (leads_to_two_servers()) return fail(redis_error::two_servers);
    may_subscribe_ = true;
    if (auto const owner = owner_.lock()) owner->on_subscriptions();
  }
  // Then what is published by one of them would never be heard from the other.
  bool leads_to_two_servers() const noexcept {
    return !run_id_.empty() && !run_id_beside_.empty() && run_id_ != run_id_beside_;
  }
  static std::string_view line_of(std::string_view text, std::string_view name) noexcept {
    std::size_t const found = text.find(name);
    if (found == text.npos) return {};
    text.remove_prefix(found + name.size());
    return text.substr(0, text.find_first_of("\r\n"));
  }

  void take_push(redis_reply& reply) {
    auto const owner = owner_.lock();
    bool const good = owner && reply.is_array_of(3) && reply.items[0].is(redis_reply::kind::string);
    if (!good) return fail(reply);
    std::string_view const what = reply.items[0].text;
    if (what == "unsubscribe") return;
    if (what == "subscribe") return owner->on_channel_confirmed(reply.items[1].text);
    if (what != "message" || !reply.items[2].is(redis_reply::kind::string)) return fail(reply);
    owner->on_channel(reply.items[1].text, reply.items[2].text);
  }

  asio::any_io_executor const executor_;
  std::shared_ptr<redis_options const> const options_;
  std::string const probe_;
  std::weak_ptr<redis_connection_owner> const owner_;
  std::shared_ptr<redis_url const> url_;
  std::shared_ptr<redis_link> sentinel_;
  std::shared_ptr<redis_link> commands_;
  std::shared_ptr<redis_link> subscriptions_;
  std::deque<answered> awaited_;
  std::array<std::string, 6> scripts_;
  std::string run_id_;
  std::string run_id_beside_;  // as the connection for subscriptions knows it
  bool may_subscribe_ = false;
  bool is_closed_ = false;
};

}  // namespace kindwire::detail
