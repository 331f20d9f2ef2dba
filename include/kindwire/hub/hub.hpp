// Users and rooms. Include kindwire/hub.hpp.
#pragma once

#include <asio/any_io_executor.hpp>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <variant>
#include <vector>

#include "../message/extension.hpp"
#include "../message/message.hpp"
#include "../message/shared_frames.hpp"
#include "../net/websocket.hpp"
#include "audience.hpp"
#include "backplane.hpp"
#include "delivery.hpp"
#include "node.hpp"
#include "options.hpp"
#include "room.hpp"
#include "seat.hpp"
#include "state.hpp"

namespace kindwire {

/// Users and rooms over any number of connections: of one server or several, of any streams, on any
/// executors. `Key` is what a user is known by; it can be compared by `<` and copied. `Data` is what others
/// may know of him.
///
/// A message is handed over at the call and leaves in the order of the calls, before whatever a websocket's
/// own thread sends over it afterwards. It is not waited for; see slow_reader for those who do not read. A
/// connection's end is not delayed by being in a hub.
///
/// Thread safety: every function but join() from any thread, at any time. join() where the websocket may be
/// used. Callbacks are called without a lock, one at a time, on the thread that made them happen or one that
/// is telling already; they may do anything, and are not called any more once the hub is destroyed, which
/// waits for one that is under way on another thread. A Key and a Data are copied, compared and destroyed
/// while the hub is locked: what they do then must not call it.
template <class Key, class Data = std::monostate>
class hub {
  using state = detail::hub_state<Key, Data>;

 public:
  using seat = kindwire::seat<Key, Data>;
  using room_type = kindwire::room<Key, Data>;
  using person = kindwire::person<Key, Data>;

  /// Without a timer: no room may have a room_options::grace.
  explicit hub(hub_options const& options = {}) : state_(std::make_shared<state>(options, std::nullopt)) {}
  /// With an executor for its timer, which must outlive the hub.
  explicit hub(asio::any_io_executor const& executor, hub_options const& options = {})
      : state_(std::make_shared<state>(options, executor)) {}
  template <class Context>
  requires requires(Context& context) {
    { context.get_executor() } -> std::convertible_to<asio::any_io_executor>;
  }
  explicit hub(Context& context, hub_options const& options = {})
      : hub(asio::any_io_executor(context.get_executor()), options) {}
  /// One of several nodes, whose hubs are one: what is published in a room, or sent to a key or to all, goes
  /// through the backplane to the connections of all nodes, and comes to all of them in the same order. What
  /// is said of people and connections without a room is of this node alone; a key that is refused or
  /// replaced, see same_key, is refused on this node and replaced on all. Throws std::system_error:
  /// invalid_argument, if hub_options::max_name_size is above 256.
  template <class Context, backplane_maker Backplane>
  requires requires(Context& context) {
    { context.get_executor() } -> std::convertible_to<asio::any_io_executor>;
  }
  hub(Context& context, Backplane const& joined_by, hub_options const& options = {})
      : hub(asio::any_io_executor(context.get_executor()), joined_by, options) {}
  template <backplane_maker Backplane>
  hub(asio::any_io_executor const& executor, Backplane const& joined_by, hub_options const& options = {})
      : hub(executor, options) {
    detail::hub_node<Key, Data>::attach(state_, joined_by.make(executor));
  }
  hub(hub const&) = delete;
  hub& operator=(hub const&) = delete;
  ~hub() { state_->end(); }

  /// Somebody enters or leaves a room, by whichever of his connections; set before the first join(). With a
  /// backplane, each node tells of all nodes' people, as long as somebody of its own is in the room: when the
  /// last of these leaves, it knows no more of the others, without a word, and tells of them again later.
  void on_enter(std::function<void(std::string_view room, Key const& key)> call) {
    state_->set(state_->on_enter, std::move(call));
  }
  void on_leave(std::function<void(std::string_view room, Key const& key)> call) {
    state_->set(state_->on_leave, std::move(call));
  }
  /// A connection that is behind has missed messages of a room, whose name is empty for what was sent to keys
  /// and to all, or was closed for it: see slow_reader. Set before the first join().
  void on_missed(
      std::function<void(std::string_view room, Key const& key, std::size_t messages, bool closed)> call) {
    state_->set(state_->on_missed, std::move(call));
  }
  /// The backplane is connected, or no longer: why not. Set before the first join().
  void on_backplane(std::function<void(std::error_code why_not)> call) {
    state_->set(state_->on_backplane, std::move(call));
  }
  /// Decides who may enter which room; may be called by several threads at once. Set before the first join().
  void may_enter(std::function<bool(Key const& key, std::string_view room)> check) {
    state_->set(state_->may_enter, std::move(check));
  }

  /// A place for a connection, which must be open. If it is not let in, the seat is false and has an error().
  /// May throw std::bad_alloc.
  [[nodiscard]] seat join(Key key, net::websocket const& ws, Data data = {}) {
    std::error_code failure;
    auto const of = state_;  // what is told of those who are replaced may destroy this
    auto mine = of->join(std::move(key), net::detail::websocket_access::state(ws), std::move(data), failure);
    return mine ? seat(of, std::move(mine), {}) : seat(nullptr, nullptr, failure);
  }

  /// To all connections of one key; with a backplane, to those on any node.
  template <class Lookup, detail::sent_to_many T>
  delivery send(Lookup const& key, T const& what, compress how = compress::yes) const {
    return send_to(std::span<Lookup const, 1>(&key, 1), what, how);
  }
  /// To all connections of several keys, which are all different.
  template <class Keys, detail::sent_to_many T>
  delivery send_to(Keys const& keys, T const& what, compress how = compress::yes) const {
    delivery result;
    auto const unfit = detail::with_content(what, [&](detail::content const& message) {
      detail::outgoing whole{message, how};
      for (auto const& key : keys) {
        delivery const one = state_->send(key, whole);
        result.receivers += one.receivers;
        result.elsewhere |= one.elsewhere;
        if (one.error) result.error = one.error;
      }
    });
    if (unfit) result.error = unfit;
    return result;
  }
  /// To all connections.
  template <detail::sent_to_many T>
  delivery send_all(T const& what, compress how = compress::yes) const {
    return send_all_to(nullptr, what, how);
  }
  /// To all connections but one.
  template <detail::sent_to_many T>
  delivery send_all_but(seat const& one, T const& what, compress how = compress::yes) const {
    return send_all_to(one.mine_, what, how);
  }

  /// The room of that name, which is made if there is none. Options that are given take the place of those
  /// that it has.
  /// Throws std::system_error: invalid_argument for a name that is not printable or too long, or for a grace
  /// time in a hub without an executor; std::errc::no_buffer_space for too many rooms.
  room_type room(std::string_view name) const { return {state_, state_->open(name, std::nullopt)}; }
  room_type room(std::string_view name, room_options const& options) const {
    return {state_, state_->open(name, options)};
  }

  /// The names of all rooms.
  std::vector<std::string> rooms() const {
    return state_->look([](auto const&, auto const& all, auto const&) {
      std::vector<std::string> names;
      names.reserve(all.size());
      for (auto const& [name, of] : all) names.push_back(name);
      return names;
    });
  }

  /// Who is there, each once however many connections he has, with the data of the latest, in the order of
  /// the keys. A copy: what is done while going over it does not matter.
  std::vector<person> people() const {
    return state_->look([](auto const& all, auto const&, auto const&) {
      std::vector<person> result;
      result.reserve(all.size());
      for (auto const& [key, seats] : all) result.push_back({key, seats.back()->data});
      return result;
    });
  }
  template <class Lookup>
  bool contains(Lookup const& key) const {
    return state_->look(
        [&](auto const& all, auto const&, auto const&) { return all.find(key) != all.end(); });
  }
  /// All connections.
  std::size_t size() const {
    return state_->look([](auto const& all, auto const&, auto const&) {
      std::size_t count = 0;
      for (auto const& [key, seats] : all) count += seats.size();
      return count;
    });
  }

  /// Of what was sent to keys and to all: see room::missed().
  std::uint64_t missed() const {
    return state_->look([](auto const&, auto const&, auto const& log) { return log.dropped.load(); });
  }

 private:
  template <class T>
  delivery send_all_to(std::shared_ptr<typename state::seat> const& but, T const& what, compress how) const {
    delivery result;
    auto const unfit = detail::with_content(
        what, [&](detail::content const& message) { result = state_->send_all(message, but, how); });
    if (unfit) result.error = unfit;
    return result;
  }

  std::shared_ptr<state> const state_;
};

}  // namespace kindwire
