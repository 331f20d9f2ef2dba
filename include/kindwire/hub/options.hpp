// What a hub and its rooms may be told.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "../message/extension.hpp"

namespace kindwire {

/// What becomes of a message for a connection that is behind: more than `connection_options::send_queue_soft`
/// bytes wait to be read by its peer. What somebody gets of the past when entering a room is all given to
/// him, and does not make him be behind: only what waits beside it counts. If he was behind when he entered,
/// or has left a room since, all counts. A connection that has `send_queue_hard` bytes queued already, and is
/// owed a past of that room, or has copies as below, is closed with 1013 instead. Whatever the policy, that
/// costs no copies: the connections that are behind share what they wait for, but for those that mask, as
/// clients do, or whose compression keeps a context. These have a copy each, and drop_oldest drops the newest
/// of theirs.
enum class slow_reader : std::uint8_t {
  close,        ///< the connection is closed with 1013, "try again later"
  drop_newest,  ///< the message is dropped
  drop_oldest,  ///< the oldest messages of this room that have not begun to leave are dropped
  /// Once it is no longer behind, it gets the latest message of each publish_options::key. While anybody is
  /// behind, the room keeps one message for each key published since: the application has to bound how many
  /// keys there are. Messages without a key are dropped.
  latest_per_key,
};

/// What a second connection under the same key does.
enum class same_key : std::uint8_t {
  together,  ///< both stay: the tabs of a browser, the devices of a user
  replace,   ///< the earlier ones leave, and are closed with 4409
  /// join() returns an empty seat while the earlier one is there. If that client has gone away without a
  /// word, this lasts until pings find the connection dead and its handler has returned: about ping_interval
  /// and pong_timeout of connection_options together, 20 s each unless set.
  refuse,
};

/// What publishing does while a hub is cut off from its backplane. In a room with history, what is published
/// waits in any case until the backplane is back, as far as the backplane has room for it.
enum class cut_off : std::uint8_t {
  go_on,   ///< those who are connected to this node get it, and the others never
  refuse,  ///< it is std::errc::not_connected, and nobody gets it
};

struct room_options {
  /// How many messages are kept for those who come later; 0: none, and for no longer than `history_time`.
  /// Turned on by hub::room() while somebody is there, it changes the next message for him, and has what
  /// other nodes have kept already for those who come later.
  std::size_t history = 0;
  /// A negative time is zero; milliseconds::max() is for ever.
  std::chrono::milliseconds history_time = std::chrono::minutes(5);
  /// Of a room with history: each message goes out inside of a room_message, which has its id, so that a
  /// client that comes back can say which was its last.
  bool envelope = true;
  slow_reader slow = slow_reader::close;
  /// How long somebody whose last connection has ended is still present, in case that he comes back. Needs a
  /// hub with an executor.
  std::chrono::milliseconds grace{0};
};

struct hub_options {
  kindwire::same_key same_key = kindwire::same_key::together;
  /// For what is sent to keys and to all; rooms have their own. drop_oldest drops what was sent to all, and
  /// latest_per_key drops the newest.
  slow_reader slow = slow_reader::close;
  cut_off while_cut_off = cut_off::go_on;  ///< of a hub with a backplane
  /// Of rooms that are made without options of their own.
  room_options rooms = {};
  std::size_t max_rooms = 100000;  ///< one more is std::errc::no_buffer_space
  std::size_t max_rooms_a_seat = 1000;
  /// Bytes published that a context has not come to handing to its connections; more are dropped, and counted
  /// by room::missed(): a thread that publishes must not outrun another that delivers for ever. The same for
  /// the lists of what is to be given of rooms' pasts, each some 100 bytes a message: one more enter() is
  /// std::errc::no_buffer_space, so that asking ten thousand times in one packet does not take a gigabyte.
  std::size_t max_waiting = std::size_t{64} << 20;
  std::size_t max_name_size = 128;  ///< of a room, in bytes; and of a key that is a string
};

/// What somebody who enters a room gets of its past, before anything newer. Of a room with history.
struct enter_options {
  /// All that came after the message with this id: the last one that a client had, or what room_entered said.
  std::string_view since = {};
  std::size_t latest = 0;  ///< without `since`: that many of the latest messages
};

/// How a message is published.
struct publish_options {
  std::string_view key = {};  ///< for slow_reader::latest_per_key: what the message is about
  compress how = compress::yes;
  /// False in a room with history: it goes out as it is, without an id, in order with the others, and is not
  /// kept for those who come later. For what matters only now: who is typing, where a cursor is. While cut
  /// off from a backplane, it is as in a room without history.
  bool keep = true;
  /// True: it goes to the connections of this node alone, and is not kept. For what each node finds out by
  /// itself, as it does in on_enter and on_leave.
  bool here_only = false;
};

}  // namespace kindwire
