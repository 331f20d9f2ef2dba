// What reconnecting_websocket::receive_event() tells.
#pragma once

#include <cstdint>
#include <string>
#include <utility>

#include "../message/message.hpp"
#include "reconnect_options.hpp"

namespace kindwire::net {

/// A message, or the beginning or end of one of the connections that carry them; false once no more will
/// come.
struct reconnect_event {
  enum class type : std::uint8_t { none, message, connected, disconnected };

  type what = type::none;
  kindwire::message msg = {};    ///< of type::message: valid until the next receive
  std::uint64_t connection = 0;  ///< which one, from 1; those that nobody received from may be left out
  disconnection how = {};        ///< of type::disconnected

  explicit operator bool() const noexcept { return what != type::none; }
};

}  // namespace kindwire::net
