// Many connections: users with several connections each, rooms with history and presence.
//
//     kw::hub<std::string> users{io};
//
//     asio::awaitable<void> chat(kw::net::websocket& ws) {
//       auto const seat = users.join(name_of(ws.request()), ws);    // leaves when it goes out of scope
//       seat.enter("lobby");
//       while (kw::message msg = co_await ws.receive()) users.room("lobby").publish(msg);
//     }
#pragma once

#include "net/requirements.hpp"

#include "hub/hub.hpp"
#include "hub/options.hpp"
#include "hub/room_message.hpp"
