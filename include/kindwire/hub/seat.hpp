// A connection's place in a hub. Include kindwire/hub.hpp.
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string_view>
#include <system_error>
#include <utility>
#include <variant>

#include "../error.hpp"
#include "../message/extension.hpp"
#include "../message/message.hpp"
#include "../message/shared_frames.hpp"
#include "../net/sendable.hpp"
#include "delivery.hpp"
#include "options.hpp"
#include "state.hpp"

namespace kindwire {

template <class Key, class Data>
class hub;

template <class Key, class Data>
class room;

/// What became of entering a room.
struct entered {
  std::error_code error = {};
  /// False if it was too late for some of what came after enter_options::since. With a backplane it may yet
  /// turn out so: what the connection's room_entered says counts.
  bool complete = true;

  explicit operator bool() const noexcept { return !error; }
};

/// A connection's place in a hub, from hub::join(): it leaves the hub and all rooms when this is destroyed.
/// The connection may end before that, or go on after it.
///
/// Thread safety: distinct seats may be used by any threads, one by one thread at a time.
template <class Key, class Data = std::monostate>
class seat {
  using state = detail::hub_state<Key, Data>;

 public:
  /// Of nobody.
  seat() noexcept = default;
  seat(seat&&) noexcept = default;
  seat& operator=(seat&& other) noexcept {
    if (this != &other) {
      leave();
      state_ = std::move(other.state_);
      mine_ = std::move(other.mine_);
      error_ = other.error_;
    }
    return *this;
  }
  ~seat() { leave(); }

  /// False for one of nobody, of a connection that was not let in, and once it has left. One that was
  /// replaced is still true.
  explicit operator bool() const noexcept { return mine_ != nullptr; }

  /// Why it was not let in: closed; std::errc::already_connected, see same_key; invalid_argument for a key
  /// that is no printable name.
  std::error_code error() const noexcept { return error_; }

  /// Only while this is true.
  Key const& key() const noexcept { return mine_->key; }

  /// Others see it from now on: see hub::people() and room::people().
  void set_data(Data data) const {
    if (mine_) state_->set_data(*mine_, std::move(data));
  }

  /// Enters a room, which is made if there is none of that name. Gets what is published from now on, after
  /// what was asked for of the past. Entering it again changes nothing.
  ///
  /// Errors: closed, if it has left or was replaced; invalid_argument for a name that is longer than
  /// hub_options::max_name_size or not printable UTF-8; std::errc::permission_denied, see hub::may_enter();
  /// std::errc::no_buffer_space for too many rooms, or, with hub_options::max_waiting, for too many pasts
  /// that wait for the executor of the connection.
  entered enter(std::string_view room, enter_options const& past = {}) const {
    entered result;
    if (!mine_) return {kindwire::error::closed};
    auto const mine = mine_;  // what is told of it may destroy this
    auto const of = state_;
    result.error = of->enter(mine, room, past, result.complete);
    return result;
  }
  /// Does nothing if it is not in there.
  void leave(std::string_view room) const {
    auto const mine = mine_;
    auto const of = state_;
    if (mine) of->leave(mine, room);
  }

  /// Leaves the hub and all rooms.
  void leave() noexcept {
    // What is told of it may come back here.
    auto const mine = std::exchange(mine_, nullptr);
    auto const of = std::exchange(state_, nullptr);
    if (mine) of->leave(mine);
  }

  /// To all in a room that this connection is in, or to all but this. std::errc::permission_denied if it is
  /// not in there. Otherwise as room::publish().
  template <detail::sent_to_many T>
  delivery publish(std::string_view room, T const& what, publish_options const& how = {}) const {
    return publish(room, what, how, false);
  }
  template <detail::sent_to_many T>
  delivery publish_to_others(std::string_view room, T const& what, publish_options const& how = {}) const {
    return publish(room, what, how, true);
  }

  /// To this connection alone, in order with what it gets from its rooms.
  template <detail::sent_to_many T>
  delivery send(T const& what, compress how = compress::yes) const {
    delivery result;
    if (!mine_) return result;
    result.error = detail::with_content(what, [&](detail::content const& message) {
      detail::outgoing whole{message, how};
      result.receivers = state_->send_to(mine_, whole.whole());
    });
    return result;
  }
  template <net::detail::unsendable T>
  KINDWIRE_UNSENDABLE delivery send(T const&, compress = compress::yes) const;

 private:
  friend class hub<Key, Data>;
  friend class room<Key, Data>;
  seat(std::shared_ptr<state> of, std::shared_ptr<typename state::seat> mine, std::error_code why) noexcept
      : state_(std::move(of)), mine_(std::move(mine)), error_(why) {}

  template <class T>
  delivery publish(std::string_view room, T const& what, publish_options const& how, bool to_others) const {
    delivery result;
    if (!mine_) return {0, kindwire::error::closed};
    auto const unfit = detail::with_content(what, [&](detail::content const& message) {
      result = state_->publish(mine_, room, message, to_others, how);
    });
    if (unfit) result.error = unfit;
    return result;
  }

  std::shared_ptr<state> state_;
  std::shared_ptr<typename state::seat> mine_;
  std::error_code error_;
};

}  // namespace kindwire
