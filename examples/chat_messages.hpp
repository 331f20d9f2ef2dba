// What chat and its clients say to each other.
#pragma once

#include <chrono>
#include <cstddef>
#include <kindwire/hub/room_message.hpp>
#include <kindwire/json/error_message.hpp>
#include <kindwire/json/schema.hpp>
#include <kindwire/message/utf8.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "characters.hpp"

namespace chat {

namespace kw = kindwire;

inline constexpr std::size_t longest_name = 64;    // bytes, of a person and of a room
inline constexpr std::size_t longest_text = 2000;  // code points

// Whether a person or a room may be called that: names are visible, no two look alike because of invisible
// characters, and `/` is left to addresses, of which a name may be a part.
inline bool is_name(std::string_view text) {
  if (text.empty() || text.size() > longest_name || !kw::is_utf8(text)) return false;
  if (text.front() == ' ' || text.back() == ' ' || text.find("  ") != text.npos) return false;
  for (std::string_view rest = text; !rest.empty();) {
    char32_t const c = next_code_point(rest);
    bool const blank =
        c == 0xA0 || c == 0x1680 || (c >= 0x2000 && c <= 0x200A) || c == 0x205F || c == 0x2800 || c == 0x3000;
    if (is_deceptive(c) || blank || c == '/') return false;
  }
  return true;
}

// From clients.

struct enter {
  std::string room;
  std::string since = {};
  static constexpr auto schema = kw::kind(
      "ENTER", kw::description("Answered with ROOM_ENTERED and what was missed."),
      kw::field("room", &enter::room),
      kw::field("since", &enter::since, kw::defaulted,
                kw::description("the id of the last message that the client has, to get all after it; "
                                "without it, the latest messages come")));
};
struct leave {
  std::string room;
  static constexpr auto schema = kw::kind("LEAVE", kw::field("room", &leave::room));
};
struct who {
  std::string room;
  static constexpr auto schema =
      kw::kind("WHO",
               kw::description("Answered with PEOPLE. To be asked once ROOM_ENTERED has come: before that, a "
                               "server that is one of several does not know yet who is at the others."),
               kw::field("room", &who::room));
};
struct say {
  std::string room;
  std::string text;
  std::string ref = {};
  static constexpr auto schema = kw::kind(
      "SAY", kw::description("Everybody in the room gets it as SAID, the one who said it as well."),
      kw::field("room", &say::room),
      kw::field("text", &say::text, kw::min_length(1), kw::max_length(longest_text)),
      kw::field("ref", &say::ref, kw::defaulted, kw::max_length(64),
                kw::description("of the client's making, repeated in SAID: by it a client that was cut "
                                "off knows what it has to say again, and everybody what is the same")));
};
struct typing {
  std::string room;
  static constexpr auto schema = kw::kind("TYPING", kw::field("room", &typing::room));
};

// From the server, beside the hub's ROOM_ENTERED and ERROR.

struct welcome {
  std::string name;
  std::vector<std::string> rooms;
  static constexpr auto schema =
      kw::kind("WELCOME", kw::field("name", &welcome::name, kw::description("who the client is")),
               kw::field("rooms", &welcome::rooms, kw::description("some that there are")));
};
struct said {
  std::string who;
  std::string text;
  std::chrono::sys_time<std::chrono::milliseconds> time;
  std::string ref = {};
  static constexpr auto schema =
      kw::kind("SAID", kw::field("who", &said::who), kw::field("text", &said::text),
               kw::field("time", &said::time), kw::field("ref", &said::ref, kw::defaulted));
};
// The hub's room_message with the type of what is inside: this server's rooms keep nothing but SAID.
struct room_said {
  std::string room;
  std::string id;
  said message;
  static constexpr auto schema =
      kw::kind("ROOM_MESSAGE", kw::field("room", &room_said::room), kw::field("id", &room_said::id),
               kw::field("message", &room_said::message));
};
struct people {
  std::string room;
  std::vector<std::string> names;
  static constexpr auto schema =
      kw::kind("PEOPLE", kw::description("Answers WHO, after all that was missed; CAME and WENT follow."),
               kw::field("room", &people::room), kw::field("people", &people::names));
};
struct came {
  std::string room;
  std::string who;
  static constexpr auto schema =
      kw::kind("CAME", kw::field("room", &came::room), kw::field("who", &came::who));
};
struct went {
  std::string room;
  std::string who;
  static constexpr auto schema =
      kw::kind("WENT", kw::field("room", &went::room), kw::field("who", &went::who));
};
struct typing_note {
  std::string room;
  std::string who;
  static constexpr auto schema =
      kw::kind("TYPING_NOTE", kw::field("room", &typing_note::room), kw::field("who", &typing_note::who));
};

}  // namespace chat
