// One of the connections of a connection that comes back.
#pragma once

#include <cstdint>
#include <string>
#include <system_error>
#include <utility>

#include "../../message/message.hpp"
#include "../reconnect_options.hpp"
#include "../websocket.hpp"

namespace kindwire::net::detail {

// It stays after its end until all that it has received is taken.
struct line {
  line(websocket opened, std::uint64_t its_number) noexcept : ws(std::move(opened)), number(its_number) {}

  bool is_open() const noexcept { return !over && ws.is_open(); }
  // How many bytes of frames the stream has taken so far. Needs connection_options::statistics.
  std::uint64_t taken() const noexcept {
    auto const counts = ws.statistics();
    return counts ? counts->bytes_sent : 0;
  }
  // Where what has just been sent ends. Frames leave in the order in which they are queued.
  std::uint64_t end_of_output() const noexcept { return taken() + ws.queued(); }

  void end() {
    over = true;
    how.error = ws.error();
    how.code = ws.close_code();
    how.reason = ws.close_reason();
    how.by_peer = ws.closed_by_peer();
  }

  websocket ws;
  std::uint64_t const number;
  message held;            // received, and not yet asked for
  disconnection how;       // once it is over
  bool announced = false;  // the application knows of it
  bool receiving = false;  // a receive of ours is under way
  bool over = false;
};

}  // namespace kindwire::net::detail
