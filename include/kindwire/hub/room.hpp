// A room of a hub. Include kindwire/hub.hpp.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <variant>
#include <vector>

#include "../message/message.hpp"
#include "../net/sendable.hpp"
#include "delivery.hpp"
#include "options.hpp"
#include "seat.hpp"
#include "state.hpp"

namespace kindwire {

/// Somebody, as a hub knows him.
template <class Key, class Data>
struct person {
  Key key;
  Data data;
};

/// A room of a hub, from hub::room(). It exists as long as somebody is in it, has a handle to it, or may
/// still ask for its past.
///
/// Thread safety: as of a shared_ptr, and what it does is thread safe.
template <class Key, class Data = std::monostate>
class room {
  using state = detail::hub_state<Key, Data>;

 public:
  room(room const& other) noexcept : state_(other.state_), room_(other.room_) { state_->keep(*room_); }
  room& operator=(room const& other) noexcept {
    room copy(other);
    std::swap(state_, copy.state_);
    std::swap(room_, copy.room_);
    return *this;
  }
  ~room() { state_->release(*room_); }

  /// Valid as long as this.
  std::string const& name() const noexcept { return room_->log->name; }

  /// To all who are in the room. Encoded once, also for those that have agreed alike on compression without
  /// contexts, and sent from one place in memory by all their connections but those that mask, or compress
  /// with a context; what is published in one turn of an executor leaves in one write. In a room with
  /// history, what is text must be JSON, and becomes the `message` of a room_message, unless
  /// room_options::envelope is off.
  template <detail::sent_to_many T>
  delivery publish(T const& what, publish_options const& how = {}) const {
    return publish_to(nullptr, what, how);
  }
  /// To all but one.
  template <detail::sent_to_many T>
  delivery publish_but(seat<Key, Data> const& one, T const& what, publish_options const& how = {}) const {
    return publish_to(one.mine_, what, how);
  }
  template <net::detail::unsendable T>
  KINDWIRE_UNSENDABLE delivery publish(T const&, publish_options const& = {}) const;

  /// Who is here, each once however many connections he has, and in the order of the keys; also who has a
  /// while to come back. With a backplane: on all nodes, as far as somebody of this node is in the room, and
  /// nobody otherwise.
  std::vector<person<Key, Data>> people() const {
    return state_->look_at(*room_, [](auto const& of, auto const&) {
      std::vector<person<Key, Data>> all;
      all.reserve(of.people.size());
      for (auto const& [key, there] : of.people) all.push_back({key, there.data});
      return all;
    });
  }
  /// Connections, of this node.
  std::size_t size() const {
    return state_->look_at(*room_, [](auto const& of, auto const&) { return of.size(nullptr); });
  }

  /// The id of the latest message so far, for enter_options::since. With a backplane, only while somebody of
  /// this node is in the room.
  std::string last_id() const {
    return state_->look_at(*room_, [](auto const& of, auto const& ids) {
      return detail::message_ids::id(of.link ? of.link->epoch : ids.epoch(), of.past.last());
    });
  }

  /// Messages that connections which were behind have missed, and how many of these were closed.
  std::uint64_t missed() const noexcept { return room_->log->dropped.load(std::memory_order_relaxed); }
  std::uint64_t closed() const noexcept { return room_->log->closed.load(std::memory_order_relaxed); }

 private:
  friend class hub<Key, Data>;
  room(std::shared_ptr<state> of, std::shared_ptr<typename state::room> what) noexcept
      : state_(std::move(of)), room_(std::move(what)) {}

  template <class T>
  delivery publish_to(std::shared_ptr<typename state::seat> const& but, T const& what,
                      publish_options const& how) const {
    delivery result;
    auto const unfit = detail::with_content(
        what, [&](detail::content const& message) { result = state_->publish(*room_, message, but, how); });
    if (unfit) result.error = unfit;
    return result;
  }

  std::shared_ptr<state> state_;
  std::shared_ptr<typename state::room> room_;
};

}  // namespace kindwire
