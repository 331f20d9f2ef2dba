// Who comes and goes in a hub.
#pragma once

#include <concepts>
#include <cstddef>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include "../error.hpp"
#include "../message/buffer.hpp"
#include "../message/close.hpp"
#include "../net/connection/connection.hpp"
#include "../net/connection/try_allocating.hpp"
#include "name.hpp"
#include "sending.hpp"

namespace kindwire::detail {

template <class Key, class Data>
class hub_node;

// Shared by the hub, its seats and its rooms. Thread safe.
template <class Key, class Data>
class hub_state final : public hub_sending<Key, Data> {
  using sending = hub_sending<Key, Data>;

 public:
  using sending::may_enter;
  using sending::options;
  using sending::sending;
  using typename sending::clock;
  using typename sending::room;
  using typename sending::seat;

  static constexpr close_code replaced_code{4409};

  std::shared_ptr<seat> join(Key key, std::shared_ptr<net::detail::connection> const& over, Data data,
                             std::error_code& failure) {
    failure = {};
    if constexpr (std::convertible_to<Key const&, std::string_view>) {
      if (!is_printable_name(key, options.max_name_size)) failure = error::invalid_argument;
    }
    if (!over || !over->stream_open() || !over->protocol().is_open()) failure = error::closed;
    if (failure) return nullptr;
    auto box = over->open_mailbox();
    std::vector<std::shared_ptr<seat>> replaced;  // released without the lock
    std::unique_lock lock(mutex_);
    auto const found = people_.find(key);
    if (found != people_.end()) {
      if (options.same_key == same_key::refuse) {
        failure = std::make_error_code(std::errc::already_connected);
        return nullptr;
      }
      if (options.same_key == same_key::replace) replaced = found->second;
    }
    auto const where = shard_for(*over, box);
    auto const fresh = std::make_shared<seat>(std::move(box), where, std::move(key), std::move(data));
    try {
      people_[fresh->key].push_back(fresh);
      fresh->box().sources().add(where);  // this is the connection's executor
      fresh->rooms.reserve(1);
      if (bus_) be_known(fresh);
      all_->add(fresh, {});
      fresh->rooms.push_back(all_);
    } catch (...) {
      fresh->box().sources().remove(*where);
      forget(*fresh);
      throw;
    }
    fresh->is_there = true;
    fresh->may_compress = over->extension() != nullptr;
    if (fresh->may_compress) ++compressing_;
    for (auto const& each : replaced) {
      // One that joins again is not closed for it.
      &each->box() == &fresh->box() ? depart(each) : replace(each);
    }
    told_.tell(lock);
    return fresh;
  }

  // It may be gone already: replaced, or left before.
  void leave(std::shared_ptr<seat> const& who) noexcept {
    try {
      std::unique_lock lock(mutex_);
      depart(who);
      rooms_.forget_quiet();
      told_.tell(lock);
    } catch (...) {
      // Of the application's Key, or for lack of memory.
    }
  }

  void set_data(seat& of, Data data) {
    std::lock_guard const lock(mutex_);
    std::swap(of.data, data);  // what was there is destroyed without the lock
    for (auto const& each : of.rooms) {
      auto const there = each->people.find(of.key);
      if (there == each->people.end()) continue;
      there->second.data = of.data;
      if (each->link) this->hold(*each, of.key, of.data);
    }
  }

  std::error_code enter(std::shared_ptr<seat> const& who, std::string_view name, enter_options const& wanted,
                        bool& complete) {
    complete = true;
    if (!is_printable_name(name, options.max_name_size)) return error::invalid_argument;
    if (may_enter && !may_enter(who->key, name)) return std::make_error_code(std::errc::permission_denied);
    std::unique_lock lock(mutex_);
    if (!who->is_there) return error::closed;
    if (this->is_in(*who, name)) return {};
    auto const in =
        who->rooms.size() <= options.max_rooms_a_seat ? rooms_.find_or_make(name, options, ids_) : nullptr;
    if (!in) return std::make_error_code(std::errc::no_buffer_space);
    who->rooms.reserve(who->rooms.size() + 1);
    this->link(*in);
    bool is_member = false;
    auto const undo = [&] {
      if (is_member) net::detail::try_allocating([&] { in->remove(who); });
      std::erase(who->rooms, in);
      this->unlink_if_nobody(*in);
      rooms_.collect(*in);
    };
    try {
      if (has_to_wait(*in, wanted)) {
        in->link->entering.push_back({who, this->bounded_id(wanted.since), wanted.latest});
      } else if (!in->add(who, earlier_of(*in, wanted.since, wanted.latest, complete), options.max_waiting)) {
        undo();
        return std::make_error_code(std::errc::no_buffer_space);
      }
      is_member = true;
      who->rooms.push_back(in);
      this->be_present(*in, *who);
    } catch (...) {
      undo();
      throw;
    }
    told_.tell(lock);
    return {};
  }

  void leave(std::shared_ptr<seat> const& who, std::string_view name) {
    std::unique_lock lock(mutex_);
    auto const found = this->find(*who, name);
    if (found == who->rooms.end()) return;
    auto const from = *found;
    who->rooms.erase(found);
    from->remove(who);
    this->be_absent(*from, who->key, false);
    rooms_.collect(*from);
    told_.tell(lock);
  }

  std::shared_ptr<room> open(std::string_view name, std::optional<room_options> const& with) {
    std::lock_guard const lock(mutex_);
    if (!is_printable_name(name, options.max_name_size))
      throw std::system_error(error::invalid_argument, std::string(name));
    if (with) this->check(*with);
    auto const found = rooms_.find_or_make(name, options, ids_);
    if (!found) throw std::system_error(std::make_error_code(std::errc::no_buffer_space));
    if (with) {
      bool const was_enveloped = found->is_enveloped();
      found->set(*with);
      found->has_options = true;
      bool const is_linked = bus_ && found->link && found->link->is_subscribed;
      bool const has_new_form = found->is_enveloped() != was_enveloped;
      if (is_linked && (has_new_form || found->link->keeps != this->log_of(*found))) {
        if (has_new_form || found->link->keeps.most == 0) found->link->has_past = false;
        this->look_at_topic(*found);
      }
    }
    ++found->handles;
    return found;
  }
  void keep(room& what) noexcept {
    std::lock_guard const lock(mutex_);
    ++what.handles;
  }
  void release(room& what) noexcept {
    std::lock_guard const lock(mutex_);
    --what.handles;
    net::detail::try_allocating([&] { rooms_.collect(what); });
  }

 private:
  friend class hub_node<Key, Data>;

  using sending::all_;
  using sending::bus_;
  using sending::compressing_;
  using sending::ids_;
  using sending::last_seat_;
  using sending::mutex_;
  using sending::node_;
  using sending::numbered_;
  using sending::people_;
  using sending::rooms_;
  using sending::texts_;
  using sending::told_;

  std::shared_ptr<hub_state> self() { return std::static_pointer_cast<hub_state>(this->shared_from_this()); }

  std::shared_ptr<shard> shard_for(net::detail::connection& over,
                                   std::shared_ptr<net::detail::mailbox> const& box) {
    return this->shards_.of(over, box, all_->log,
                            [of = std::weak_ptr<hub_state>(self())](std::vector<missed> those) {
                              if (auto const here = of.lock()) here->was_missed(std::move(those));
                            });
  }

  // To the other nodes.
  void be_known(std::shared_ptr<seat> const& fresh) {
    fresh->number = ++last_seat_;
    numbered_.emplace(fresh->number, fresh);
    std::string const topic = topic_of_key(texts_.key(fresh->key));
    if (people_.find(fresh->key)->second.size() == 1) bus_->subscribe(topic, {});
    if (options.same_key == same_key::replace) announce(*fresh);
  }
  // That it takes the place of others: heard by all nodes in one order. Once more when the backplane is back,
  // if it has not been heard.
  void announce(seat& who) {
    std::string const bytes =
        bus_message{.what = bus_message::kind::replaces, .node = node_, .seat = who.number}.bytes();
    who.must_announce = static_cast<bool>(
        bus_->publish(topic_of_key(texts_.key(who.key)), as_bytes(std::string_view(bytes)), {}));
  }

  void replace(std::shared_ptr<seat> const& who) {
    net::detail::try_allocating(
        [&] { who->where->post({.does = shard::step::kind::close, .who = who, .code = replaced_code}); });
    depart(who);
  }

  // Call while somebody else keeps the seat as well: what it has of the user's is not destroyed here.
  void depart(std::shared_ptr<seat> const& who) {
    if (!std::exchange(who->is_there, false)) return;
    if (who->may_compress) --compressing_;
    forget(*who);
    for (auto const& each : std::exchange(who->rooms, {})) {
      // Each by itself: without memory for one, the others are done all the same.
      net::detail::try_allocating([&] { each->remove(who); });
      if (each == all_) continue;
      net::detail::try_allocating([&] {
        this->be_absent(*each, who->key, true);
        rooms_.collect(*each);
      });
    }
    net::detail::try_allocating([&] { who->where->post({shard::step::kind::depart, {}, who}); });
  }
  void forget(seat const& who) {
    numbered_.erase(who.number);
    auto const found = people_.find(who.key);
    if (found == people_.end()) return;
    std::erase_if(found->second, [&](auto const& each) { return each.get() == &who; });
    if (!found->second.empty()) return;
    people_.erase(found);
    net::detail::try_allocating([&] {
      if (bus_) bus_->unsubscribe(topic_of_key(texts_.key(who.key)));
    });
  }

  // The past is not here yet, or not as much of it as the client has seen on another node.
  bool has_to_wait(room& in, enter_options const& wanted) {
    if (!bus_ || !in.link || in.options.history == 0) return false;
    if (!in.link->is_ready || !in.link->has_past) return true;
    if (!is_ahead(in, wanted.since)) return false;
    if (!in.link->is_looked_at) this->look_at_topic(in);
    return true;
  }

  // The client has seen what this node has not, or may have: an id of another epoch may be of a later one.
  static bool is_ahead(room const& in, std::string_view since) noexcept {
    std::string_view const epoch = in.link->epoch;
    auto const seen = message_ids::number(epoch, since);
    if (seen) return *seen > in.past.last();
    std::string_view const another = since.substr(0, since.find('-'));
    return another.size() == epoch.size() && another != epoch && message_ids::number(another, since);
  }
  // Longer than any of ours, it is none: whatever a client sends, no more than that is kept.
  static std::string bounded_id(std::string_view id) { return std::string(id.substr(0, 128)); }

  std::vector<parcel> earlier_of(room& in, std::string_view since, std::size_t latest, bool& complete) {
    in.expire(clock::now());
    std::vector<parcel> all = in.past.latest(latest);
    if (!since.empty()) {
      auto const seen = message_ids::number(in.link ? in.link->epoch : ids_.epoch(), since);
      std::uint64_t const newest = in.link ? in.past.last() : ids_.last();
      complete = seen && *seen <= newest && in.past.is_complete_since(*seen);
      all = in.past.since(complete ? *seen : 0);
    }
    if (in.is_enveloped()) {
      buffer text;
      encode_text(text, room_entered{in.log->name, this->id_of(in, in.past.last()), complete});
      all.insert(all.begin(), parcel{shared_frames::of(message_type::text, text.bytes())});
    }
    return all;
  }

  void was_missed(std::vector<missed> those) {
    std::unique_lock lock(mutex_);
    if (!this->on_missed) return;
    for (missed& each : those) {
      told_.add([of = self(), each = std::move(each)] {
        of->on_missed(each.room->name, static_cast<seat const&>(*each.who).key, each.messages, each.closed);
      });
    }
    told_.tell(lock);
  }
};

}  // namespace kindwire::detail
