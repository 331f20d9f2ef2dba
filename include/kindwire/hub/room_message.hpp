// What clients of a room with history are sent: each message with its id, and what they get on entering.
#pragma once

#include <string>

#include "../json/description/types.hpp"
#include "../json/schema.hpp"

namespace kindwire {

/// `{"kind":"ROOM_MESSAGE","room":"uploads","id":"5f0c…-17","message":{"kind":"UPLOAD_FINISH"}}`
///
/// The id is to be kept, and given back on the next entering: see seat::enter(). What it is made of is the
/// hub's business.
struct room_message {
  std::string room;
  std::string id;
  raw_json message;

  static constexpr auto schema =
      kind("ROOM_MESSAGE", field("room", &room_message::room), field("id", &room_message::id),
           field("message", &room_message::message));
};

/// The first message on entering such a room; what was asked for of the past follows it, and then what is
/// new. `complete` is false if it was too late for some of what came after the id that was given: those
/// messages are no longer kept.
struct room_entered {
  std::string room;
  std::string id;  ///< of the room's latest message so far
  bool complete = true;

  static constexpr auto schema =
      kind("ROOM_ENTERED", field("room", &room_entered::room), field("id", &room_entered::id),
           field("complete", &room_entered::complete));
};

}  // namespace kindwire
