// One of the connections of a connection that comes back.
#pragma once

#include <cstdint>
#include <new>
#include <string>
#include <system_error>
#include <utility>

#include "../../message/extension.hpp"
#include "../../message/message.hpp"
#include "../../session.hpp"
#include "../connection/connection.hpp"
#include "../connection/try_allocating.hpp"
#include "../reconnect_options.hpp"
#include "../websocket.hpp"

namespace kindwire::net::detail {

// It is over once its stream is closed: until then the peer may still be sent what is queued, whatever it has
// said. It stays after its end until all that it has received is taken.
struct line {
  line(websocket opened, std::uint64_t its_number) noexcept : ws(std::move(opened)), number(its_number) {}

  bool is_open() const noexcept { return !over && ws.is_open(); }
  // How many bytes of frames the stream has taken so far. Needs connection_options::statistics.
  std::uint64_t taken() const noexcept {
    auto const counts = ws.statistics();
    return counts ? counts->bytes_sent : 0;
  }
  // Queues it, and tells at which byte of what the connection sends it ends: frames leave in the order in
  // which they are queued. May throw std::bad_alloc, and then nothing is queued.
  std::error_code send(message const& what, std::uint64_t& end) {
    connection& to = *websocket_access::state(ws);
    bool is_queued = false;
    std::error_code outcome;
    bool const done = try_allocating([&] {
      // Here, since mail of remotes may follow it at once.
      outcome = to.send([&](session& protocol) {
        auto const failure = protocol.send(what.type(), what.bytes(), true, compress::yes);
        end = taken() + to.queued();
        is_queued = !failure;
        return failure;
      });
    });
    if (!done && !is_queued) throw std::bad_alloc();  // else it was the mail, which goes later
    if (is_queued) to.count_sent();
    return outcome;
  }

  // Without memory its reason is lost, and nothing else.
  void end() noexcept {
    over = true;
    how.error = ws.error();
    how.code = ws.close_code();
    how.by_peer = ws.closed_by_peer();
    try_allocating([&] { how.reason = ws.close_reason(); });
  }
  disconnection how_it_ended() const noexcept {
    disconnection told{.error = how.error, .code = how.code, .by_peer = how.by_peer};
    try_allocating([&] { told.reason = how.reason; });
    return told;
  }

  websocket ws;
  std::uint64_t const number;
  message held;            // received, and not yet asked for
  disconnection how;       // once it is over
  bool announced = false;  // the application knows of it
  bool receiving = false;  // a receive of ours is under way
  bool drained = false;    // a receive has told that nothing more will come
  bool over = false;
};

}  // namespace kindwire::net::detail
