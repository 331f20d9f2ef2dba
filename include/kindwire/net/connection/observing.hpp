// What a connection tells its observer, and when.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <utility>

#include "../../frame/header.hpp"
#include "../observer.hpp"
#include "connection.hpp"
#include "observation.hpp"

namespace kindwire::net::detail {

inline void connection::observe(std::shared_ptr<observer> by, connection_facts facts) {
  if (!by) return;
  facts.self = protocol().self();
  facts.subprotocol = head_.subprotocol();
  facts.send_queue_soft = options().send_queue_soft;
  auto const bits = place_.extension() != nullptr ? place_.extension()->reserved_bits() : std::uint8_t{0};
  auto fresh =
      std::make_unique<observation>(std::move(by), std::move(facts), reserved_bits::of_messages(bits));
  place_.begin_counting();
  place_.begin_observing(std::move(fresh));
  observation const& seen = *place_.observed();
  seen.to->opened(seen.of);
}

inline void connection::tell_traffic() noexcept {
  observation& seen = *place_.observed();
  statistics const now = *place_.counts();
  statistics const since{.bytes_received = now.bytes_received - seen.told.bytes_received,
                         .bytes_sent = now.bytes_sent - seen.told.bytes_sent,
                         .messages_received = now.messages_received - seen.told.messages_received,
                         .messages_sent = now.messages_sent - seen.told.messages_sent};
  seen.told = now;
  if ((since.bytes_received | since.bytes_sent | since.messages_received | since.messages_sent) != 0)
    seen.to->traffic(seen.of, since);
}

// At the end of a turn.
inline void connection::tell_turn() noexcept {
  tell_traffic();
  observation& seen = *place_.observed();
  if (std::size_t const refused = mail_.take_refused()) seen.to->dropped(seen.of, refused);
  if (seen.filled == !may_send_more()) return;
  seen.filled = !seen.filled;
  seen.filled ? seen.to->queue_filled(seen.of, queued()) : seen.to->queue_drained(seen.of);
}

// Once, however it ends.
inline void connection::tell_end() noexcept {
  observation* const seen = place_.observed();
  if (seen == nullptr || std::exchange(seen->ended, true)) return;
  tell_traffic();
  if (std::size_t const refused = mail_.take_refused()) seen->to->dropped(seen->of, refused);
  if (std::exchange(seen->filled, false)) seen->to->queue_drained(seen->of);
  auto const& last = protocol();
  connection_end how;
  if (last.closed_by_peer()) {
    how.by = closed_by::peer;
  } else if (last.close_sent()) {
    how.by = closed_by::us;
  }
  how.received = last.close_code();
  how.reason = last.close_reason();
  how.sent = last.sent_close_code();
  how.sent_reason = last.sent_close_reason();
  how.error = error();
  how.traffic = *place_.counts();
  how.lasted = clock::now() - seen->since;
  seen->to->closed(seen->of, how);
}

inline void connection::tell_dropped() noexcept {
  if (observation const* const seen = place_.observed()) seen->to->dropped(seen->of, 1);
}

inline void connection::tell_round_trip() noexcept {
  if (observation const* const seen = place_.observed())
    seen->to->round_trip(seen->of, keepalive_.round_trip());
}

// The first `size` bytes of what is queued are being taken out.
inline void connection::tell_sent(std::size_t size) noexcept {
  observation& seen = *place_.observed();
  if (!seen.frames) return;
  activity const& now = place_.peek();
  now.shared.for_each(now.in_flight.bytes(), now.protocol.output(), [&](std::span<std::byte const> piece) {
    auto const part = piece.first((std::min)(piece.size(), size));
    seen.saw_sent(part);
    size -= part.size();
    return size != 0;
  });
}

}  // namespace kindwire::net::detail
