// What a hub knows: who is there, in which rooms, and what was said.
#pragma once

#include <algorithm>
#include <asio/any_io_executor.hpp>
#include <chrono>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include "../error.hpp"
#include "../json/writer.hpp"
#include "../message/buffer.hpp"
#include "../message/message.hpp"
#include "../message/shared_frames.hpp"
#include "../net/connection/connection.hpp"
#include "../net/connection/try_allocating.hpp"
#include "../net/text_encodable.hpp"
#include "../session/deadline.hpp"
#include "absences.hpp"
#include "audience.hpp"
#include "history.hpp"
#include "name.hpp"
#include "options.hpp"
#include "room_list.hpp"
#include "room_message.hpp"
#include "room_state.hpp"
#include "shard.hpp"
#include "shards.hpp"
#include "told_in_order.hpp"

namespace kindwire::detail {

// Shared by the hub, its seats and its rooms. Thread safe: one lock, under which nothing of the user's runs.
template <class Key, class Data>
class hub_state : public std::enable_shared_from_this<hub_state<Key, Data>> {
 public:
  using clock = std::chrono::steady_clock;
  using seat = seat_state<Key, Data>;
  using room = room_state<Key, Data>;

  hub_state(hub_options const& with, std::optional<asio::any_io_executor> const& executor)
      : options(with),
        all_(std::make_shared<room>(std::string_view{}, room_options{}, 0)),
        absent_(executor) {
    all_->log->slow = with.slow;
    check(with.rooms);
  }

  hub_options const options;

  // Called without the lock, one at a time, in the order in which it happened; set before the first join().
  std::function<void(std::string_view room, Key const& key)> on_enter;
  std::function<void(std::string_view room, Key const& key)> on_leave;
  std::function<void(std::string_view room, Key const& key, std::size_t messages, bool closed)> on_missed;
  std::function<bool(Key const& key, std::string_view room)> may_enter;

  // Seats.

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
      all_->add(fresh, {});
      fresh->rooms.push_back(all_);
    } catch (...) {
      fresh->box().sources().remove(*where);
      forget(*fresh);
      throw;
    }
    fresh->is_there = true;
    fresh->may_compress = over->has_extension();
    if (fresh->may_compress) ++compressing_;
    for (auto const& each : replaced) {
      net::detail::try_allocating(
          [&] { each->where->post({.does = shard::step::kind::close, .who = each, .code = replaced_code}); });
      depart(each);
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
      if (auto const there = each->people.find(of.key); there != each->people.end())
        there->second.data = of.data;
    }
  }

  // Rooms.

  std::error_code enter(std::shared_ptr<seat> const& who, std::string_view name, enter_options const& wanted,
                        bool& complete) {
    complete = true;
    if (!is_printable_name(name, options.max_name_size)) return error::invalid_argument;
    if (may_enter && !may_enter(who->key, name)) return std::make_error_code(std::errc::permission_denied);
    std::unique_lock lock(mutex_);
    if (!who->is_there) return error::closed;
    if (is_in(*who, name)) return {};
    auto const in =
        who->rooms.size() <= options.max_rooms_a_seat ? rooms_.find_or_make(name, options, ids_) : nullptr;
    if (!in) return std::make_error_code(std::errc::no_buffer_space);
    who->rooms.reserve(who->rooms.size() + 1);
    in->add(who, earlier_of(*in, wanted, complete));
    who->rooms.push_back(in);
    auto const [there, is_new] = in->people.try_emplace(who->key, typename room::presence{0, who->data});
    ++there->second.seats;
    there->second.data = who->data;
    there->second.leaves = (clock::time_point::max)();
    if (is_new) happened(on_enter, in->log, who->key);
    told_.tell(lock);
    return {};
  }

  void leave(std::shared_ptr<seat> const& who, std::string_view name) {
    std::unique_lock lock(mutex_);
    auto const found = find(*who, name);
    if (found == who->rooms.end()) return;
    auto const from = *found;
    who->rooms.erase(found);
    from->remove(who);
    be_absent(*from, who->key, false);
    rooms_.collect(*from);
    told_.tell(lock);
  }

  std::shared_ptr<room> open(std::string_view name, std::optional<room_options> const& with) {
    std::lock_guard const lock(mutex_);
    if (!is_printable_name(name, options.max_name_size))
      throw std::system_error(error::invalid_argument, std::string(name));
    if (with) check(*with);
    auto const found = rooms_.find_or_make(name, options, ids_);
    if (!found) throw std::system_error(std::make_error_code(std::errc::no_buffer_space));
    if (with) found->set(*with);
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

  // Sending. Each returns how many connections it goes to.

  std::size_t publish(room& to, message_type type, std::span<std::byte const> payload,
                      std::shared_ptr<seat> const& but, std::string_view key, compress how,
                      std::error_code& failure) {
    std::lock_guard const lock(mutex_);
    auto const now = clock::now();
    to.expire(now);
    parcel what;
    what.how = how;
    if (!key.empty()) what.key = std::make_shared<std::string const>(key);
    buffer enveloped;
    if (to.is_enveloped()) {
      failure = envelope(to, ids_.last() + 1, type, payload, enveloped);
      if (failure) return 0;
      payload = enveloped.bytes();
    }
    fill(what, to, type, payload);
    to.past.add(ids_.next(), what, to.options.history, now);
    return to.hand_out(what, but && but->is_there ? but : nullptr, options.max_waiting);
  }

  // In a room that the seat is in.
  std::size_t publish(std::shared_ptr<seat> const& by, std::string_view room_name, message_type type,
                      std::span<std::byte const> payload, bool to_others, publish_options const& how,
                      std::error_code& failure) {
    auto const in = room_of(*by, room_name);
    if (in) return publish(*in, type, payload, to_others ? by : nullptr, how.key, how.how, failure);
    failure = std::make_error_code(std::errc::permission_denied);
    return 0;
  }

  std::size_t send_all(message_type type, std::span<std::byte const> payload,
                       std::shared_ptr<seat> const& but, compress how) {
    std::lock_guard const lock(mutex_);
    parcel what;
    what.how = how;
    fill(what, *all_, type, payload);
    return all_->hand_out(what, but && but->is_there ? but : nullptr, options.max_waiting);
  }

  template <class Lookup>
  std::size_t send(Lookup const& key, parcel const& what) {
    std::lock_guard const lock(mutex_);
    auto const found = people_.find(key);
    if (found == people_.end()) return 0;
    std::size_t count = 0;
    for (auto const& each : found->second) count += hand(each, what);
    return count;
  }
  std::size_t send_to(std::shared_ptr<seat> const& only, parcel const& what) {
    std::lock_guard const lock(mutex_);
    return only->is_there ? hand(only, what) : 0;
  }

  // Calls `use(people, rooms)`, or `use(room)`, which must call nothing of the user's, with the lock.
  template <class Use>
  auto look(Use use) const {
    std::lock_guard const lock(mutex_);
    return use(people_, rooms_.all(), *all_->log);
  }
  template <class Use>
  auto look_at(room const& what, Use use) const {
    std::lock_guard const lock(mutex_);
    return use(what, ids_);
  }

  // The hub is gone; its seats and rooms may stay, but nothing is told any more.
  void end() noexcept {
    std::unique_lock lock(mutex_);
    absent_.end();
    told_.end(lock);
  }

 private:
  std::shared_ptr<shard> shard_for(net::detail::connection& over,
                                   std::shared_ptr<net::detail::mailbox> const& box) {
    return shards_.of(over, box, all_->log, [self = this->weak_from_this()](std::vector<missed> those) {
      if (auto const here = self.lock()) here->was_missed(std::move(those));
    });
  }

  std::size_t hand(std::shared_ptr<seat> const& to, parcel const& what) {
    bool const taken =
        to->where->post({.does = shard::step::kind::deliver, .who = to, .what = what}, options.max_waiting);
    if (!taken) all_->log->dropped.fetch_add(1, std::memory_order_relaxed);
    return taken ? 1 : 0;
  }

  std::shared_ptr<room> room_of(seat const& who, std::string_view name) const {
    std::lock_guard const lock(mutex_);
    auto const found = find(who, name);
    return found != who.rooms.end() ? *found : nullptr;
  }
  bool is_in(seat const& who, std::string_view name) const { return find(who, name) != who.rooms.end(); }
  auto find(seat const& who, std::string_view name) const {
    return std::find_if(who.rooms.begin(), who.rooms.end(),
                        [&](auto const& each) { return each != all_ && each->log->name == name; });
  }

  // Call while somebody else keeps the seat as well: what it has of the user's is not destroyed here.
  void depart(std::shared_ptr<seat> const& who) {
    if (!std::exchange(who->is_there, false)) return;
    if (who->may_compress) --compressing_;
    forget(*who);
    for (auto const& each : std::exchange(who->rooms, {})) {
      net::detail::try_allocating([&] {
        each->remove(who);
        if (each == all_) return;
        be_absent(*each, who->key, true);
        rooms_.collect(*each);
      });
    }
    who->where->post({shard::step::kind::depart, {}, who});
  }
  void forget(seat const& who) {
    auto const found = people_.find(who.key);
    std::erase_if(found->second, [&](auto const& each) { return each.get() == &who; });
    if (found->second.empty()) people_.erase(found);
  }

  void be_absent(room& from, Key const& key, bool may_come_back) {
    auto const found = from.people.find(key);
    if (--found->second.seats != 0) return show_latest(from, found->second, key);
    if (may_come_back && from.options.grace.count() > 0 && absent_.has_timer()) {
      found->second.leaves = time_after(clock::now(), from.options.grace);
      return absent_.add(found->second.leaves, {rooms_.find(from.log->name), key}, look_again());
    }
    happened(on_leave, from.log, key);
    from.people.erase(found);
  }
  // The data of one who has left is that of his latest connection which has not.
  void show_latest(room& in, typename room::presence& there, Key const& key) {
    auto const found = people_.find(key);
    if (found == people_.end()) return;
    for (auto const& each : found->second) {
      if (is_in(*each, in.log->name)) there.data = each->data;
    }
  }
  auto look_again() {
    return [self = this->weak_from_this()] {
      if (auto const here = self.lock()) here->have_left();
    };
  }
  void have_left() {
    std::unique_lock lock(mutex_);
    auto const now = clock::now();
    for (auto const& [from, key] : absent_.due(now, look_again())) {
      auto const found = from->people.find(key);
      if (found == from->people.end() || found->second.seats != 0 || found->second.leaves > now) continue;
      happened(on_leave, from->log, key);
      from->people.erase(found);
      rooms_.collect(*from);
    }
    told_.tell(lock);
  }

  void check(room_options const& with) const {
    if (with.grace.count() > 0 && !absent_.has_timer())
      throw std::system_error(error::invalid_argument,
                              "a room with a grace time, in a hub without an executor");
  }

  std::vector<parcel> earlier_of(room& in, enter_options const& wanted, bool& complete) {
    in.expire(clock::now());
    std::vector<parcel> all = in.past.latest(wanted.latest);
    if (!wanted.since.empty()) {
      auto const last = ids_.number(wanted.since);
      complete = last && in.past.is_complete_since(*last);
      all = in.past.since(complete ? *last : 0);
    }
    if (in.is_enveloped()) {
      buffer text;
      encode_text(text, room_entered{in.log->name, ids_.id(in.past.last()), complete});
      all.insert(all.begin(), parcel{shared_frames::of(message_type::text, text.bytes())});
    }
    return all;
  }

  std::error_code envelope(room const& to, std::uint64_t number, message_type type,
                           std::span<std::byte const> payload, buffer& text) {
    if (type != message_type::text) return error::invalid_argument;
    std::string_view const inside{reinterpret_cast<char const*>(payload.data()), payload.size()};
    return net::detail::encode_value(
        text, room_message{to.log->name, ids_.id(number), raw_json{std::string(inside)}});
  }

  void fill(parcel& what, room& to, message_type type, std::span<std::byte const> payload) {
    if (compressing_ != 0) {
      what.whole.emplace(type, payload);  // which is encoded once for all who agreed alike
      what.frames = what.whole->frame();
    } else if (what.key || payload.size() > longest_in_log) {
      // What is kept for long, or is long, has a block of its own.
      what.frames = shared_frames::of(type, payload);
    } else {
      std::lock_guard const lock(to.log->mutex);
      what.frames = to.log->frames.append(type, payload);
    }
  }

  template <class Call>
  void happened(Call const& call, std::shared_ptr<room_log> const& in, Key const& key) {
    if (call) told_.add([&call, self = this->shared_from_this(), in, key] { call(in->name, key); });
  }
  void was_missed(std::vector<missed> those) {
    std::unique_lock lock(mutex_);
    if (!on_missed) return;
    for (missed& each : those) {
      told_.add([self = this->shared_from_this(), each = std::move(each)] {
        self->on_missed(each.room->name, static_cast<seat const&>(*each.who).key, each.messages, each.closed);
      });
    }
    told_.tell(lock);
  }

  static constexpr std::size_t longest_in_log = 16384;

  std::mutex mutable mutex_;
  std::map<Key, std::vector<std::shared_ptr<seat>>, std::less<>> people_;
  room_list<Key, Data> rooms_;
  std::shared_ptr<room> const all_;
  shards shards_;
  absences<std::pair<std::shared_ptr<room>, Key>> absent_;
  told_in_order told_;
  message_ids ids_;
  std::size_t compressing_ = 0;  // connections that may
};

}  // namespace kindwire::detail
