// What is published and sent in a hub: to the connections here, or to all nodes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
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
#include "../net/text_encodable.hpp"
#include "bus_texts.hpp"
#include "core.hpp"
#include "delivery.hpp"
#include "name.hpp"
#include "room_message.hpp"

namespace kindwire::detail {

// One message for connections here, made into a parcel when the first of them is found.
struct outgoing {
  content what;
  compress how;
  parcel made = {};

  parcel const& whole() {
    if (made.frames.size() != 0) return made;
    made.how = how;
    if (what.prepared != nullptr) made.whole.emplace(*what.prepared);
    made.frames =
        what.prepared != nullptr ? what.prepared->frame() : shared_frames::of(what.type, what.payload);
    return made;
  }
};

template <class Key, class Data>
class hub_sending : public hub_core<Key, Data> {
  using core = hub_core<Key, Data>;

 public:
  using core::core;
  using core::options;
  using typename core::clock;
  using typename core::room;
  using typename core::seat;

  // Without the lock. Each says how many connections of this node it goes to.

  delivery publish(room& to, content const& what, std::shared_ptr<seat> const& but,
                   publish_options const& how) {
    std::lock_guard const lock(mutex_);
    delivery result;
    if (bus_ && !how.here_only && publish_to_nodes(result, to, what, but, how)) return result;
    if (how.keep && !how.here_only) {
      result.receivers = deliver(to, next_number(to), what, but, how.key, how.how, result.error);
    } else {
      result.receivers = deliver_passing(to, what, but, how.key, how.how);
    }
    return result;
  }
  // In a room that the seat is in.
  delivery publish(std::shared_ptr<seat> const& by, std::string_view room_name, content const& what,
                   bool to_others, publish_options const& how) {
    auto const in = room_of(*by, room_name);
    if (in) return publish(*in, what, to_others ? by : nullptr, how);
    return {0, std::make_error_code(std::errc::permission_denied)};
  }

  delivery send_all(content const& what, std::shared_ptr<seat> const& but, compress how) {
    std::lock_guard const lock(mutex_);
    delivery result;
    if (bus_) {
      std::error_code const failure = post(std::string(topic_of_all), what, but, {}, how, {});
      if (decides(failure, result)) {
        if (!failure) result.receivers = all_->size(but);
        return result;
      }
    }
    result.receivers = deliver_to_all(what, but, how);
    return result;
  }

  template <class Lookup>
  delivery send(Lookup const& key, outgoing& what) {
    std::lock_guard const lock(mutex_);
    delivery result;
    if (bus_) {
      std::string const name = text_of(key);
      if (!is_printable_name(name, options.max_name_size)) return result;  // nobody can be called that
      std::error_code const failure = post(topic_of_key(name), what.what, nullptr, {}, what.how, {});
      if (decides(failure, result)) {
        auto const found = people_.find(key);
        if (!failure && found != people_.end()) result.receivers = found->second.size();
        return result;
      }
    }
    result.receivers = deliver_to_key(key, what);
    return result;
  }
  std::size_t send_to(std::shared_ptr<seat> const& only, parcel const& what) {
    std::lock_guard const lock(mutex_);
    return only->is_there ? hand(only, what) : 0;
  }

 protected:
  ~hub_sending() = default;

  using core::all_;
  using core::bus_;
  using core::compressing_;
  using core::find;
  using core::ids_;
  using core::log_of;
  using core::mutex_;
  using core::node_;
  using core::people_;

  // To the connections of this node, with the lock.

  std::size_t deliver(room& to, std::uint64_t number, content const& what, std::shared_ptr<seat> const& but,
                      std::string_view key, compress how, std::error_code& failure) {
    parcel const made = remember(to, number, what, key, how, failure);
    if (failure) return 0;
    return to.hand_out(made, but && but->is_there ? but : nullptr, options.max_waiting);
  }
  // It is of the room's past, whether or not it goes to somebody now.
  parcel remember(room& to, std::uint64_t number, content const& what, std::string_view key, compress how,
                  std::error_code& failure) {
    auto const now = clock::now();
    to.expire(now);
    parcel made = parcel_of(key, how);
    buffer enveloped;
    if (!to.is_enveloped()) {
      fill(made, to, what);
    } else if (failure = envelope(to, number, what, enveloped); !failure) {
      fill(made, to, {message_type::text, enveloped.bytes()});
    } else {
      return made;
    }
    if (!to.link) ids_.note(number);
    to.past.add(number, made, to.options.history, now);
    return made;
  }
  // As it is, and not to be kept.
  std::size_t deliver_passing(room& to, content const& what, std::shared_ptr<seat> const& but,
                              std::string_view key, compress how) {
    parcel made = parcel_of(key, how);
    fill(made, to, what);
    return to.hand_out(made, but && but->is_there ? but : nullptr, options.max_waiting);
  }
  std::size_t deliver_to_all(content const& what, std::shared_ptr<seat> const& but, compress how) {
    parcel made;
    made.how = how;
    fill(made, *all_, what);
    return all_->hand_out(made, but && but->is_there ? but : nullptr, options.max_waiting);
  }
  template <class Lookup>
  std::size_t deliver_to_key(Lookup const& key, outgoing& what) {
    auto const found = people_.find(key);
    if (found == people_.end()) return 0;
    std::size_t count = 0;
    for (auto const& each : found->second) count += hand(each, what.whole());
    return count;
  }

  static parcel parcel_of(std::string_view key, compress how) {
    parcel made;
    made.how = how;
    if (!key.empty()) made.key = std::make_shared<std::string const>(key);
    return made;
  }

  std::uint64_t next_number(room const& of) const noexcept {
    return of.link ? of.past.last() + 1 : ids_.last() + 1;
  }
  std::string id_of(room const& in, std::uint64_t number) const {
    return message_ids::id(in.link ? in.link->epoch : ids_.epoch(), number);
  }

 private:
  // True if that is all: it goes to all nodes, or nowhere.
  bool publish_to_nodes(delivery& result, room& to, content const& what, std::shared_ptr<seat> const& but,
                        publish_options const& how) {
    if (how.keep && to.is_enveloped()) {
      buffer trial;  // what cannot be delivered is not published
      result.error = envelope(to, 0, what, trial);
      if (result.error) return true;
    }
    std::error_code const failure = post(topic_of_room(to.log->name), what, but, how.key, how.how,
                                         how.keep ? log_of(to) : backplane::log{});
    if (!decides(failure, result)) return false;
    if (!failure) result.receivers = to.size(but);
    return true;
  }

  std::error_code post(std::string const& topic, content const& what, std::shared_ptr<seat> const& but,
                       std::string_view key, compress how, backplane::log keep) {
    if (key.size() > bus_message::max_text_size) return error::invalid_argument;
    bus_message all{.type = what.type, .how = how, .key = key, .payload = what.payload};
    if (but) {
      all.node = node_;
      all.seat = but->number;
    }
    std::string const bytes = all.bytes();
    return bus_->publish(topic, as_bytes(std::string_view(bytes)), keep);
  }
  // False if it is to be delivered here, since the other nodes cannot be reached.
  bool decides(std::error_code failure, delivery& result) const noexcept {
    if (failure == std::errc::not_connected && options.while_cut_off == cut_off::go_on) return false;
    result.error = failure;
    result.elsewhere = !failure;
    return true;
  }
  template <class Lookup>
  static std::string text_of(Lookup const& key) {
    if constexpr (has_bus_text<Lookup>) {
      return bus_text(key);
    } else {
      return bus_text(Key(key));
    }
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

  std::error_code envelope(room const& to, std::uint64_t number, content const& what, buffer& text) {
    if (what.type != message_type::text) return error::invalid_argument;
    std::string_view const inside{reinterpret_cast<char const*>(what.payload.data()), what.payload.size()};
    return net::detail::encode_value(
        text, room_message{to.log->name, id_of(to, number), raw_json{std::string(inside)}});
  }

  void fill(parcel& made, room& to, content const& what) {
    if (compressing_ != 0) {
      // Encoded once for all who agreed alike.
      if (what.prepared != nullptr) {
        made.whole.emplace(*what.prepared);
      } else {
        made.whole.emplace(what.type, what.payload);
      }
      made.frames = made.whole->frame();
    } else if (made.key || what.payload.size() > longest_in_log) {
      // What is kept for long, or is long, has a block of its own.
      made.frames =
          what.prepared != nullptr ? what.prepared->frame() : shared_frames::of(what.type, what.payload);
    } else {
      std::lock_guard const lock(to.log->mutex);
      made.frames = to.log->frames.append(what.type, what.payload);
    }
  }

  static constexpr std::size_t longest_in_log = 16384;
};

}  // namespace kindwire::detail
