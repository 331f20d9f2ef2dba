// What a connection keeps for its observer.
#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <utility>

#include "../../frame/header.hpp"
#include "../../frame/role.hpp"
#include "../observer.hpp"
#include "../options.hpp"
#include "frame_watch.hpp"

namespace kindwire::net::detail {

inline std::uint64_t next_connection_number() noexcept {
  static std::atomic<std::uint64_t> last{0};
  return last.fetch_add(1, std::memory_order_relaxed) + 1;
}

struct observation {
  struct both_ways {
    both_ways(role self, reserved_bits allowed) noexcept
        : received(self, allowed), sent(self == role::server ? role::client : role::server, allowed) {}

    frame_watch received;
    frame_watch sent;
    std::span<std::byte const> room;  // where the stream reads to
  };

  observation(std::shared_ptr<observer> by, connection_facts facts, reserved_bits allowed)
      : to(std::move(by)), of(std::move(facts)) {
    of.number = next_connection_number();
    if (to->wants_frames()) frames = std::make_unique<both_ways>(of.self, allowed);
  }

  void saw_received(std::span<std::byte const> bytes) noexcept {
    if (frames) read_along(frames->received, direction::received, bytes);
  }
  void saw_sent(std::span<std::byte const> bytes) noexcept {
    if (frames) read_along(frames->sent, direction::sent, bytes);
  }

  std::shared_ptr<observer> const to;
  connection_facts of;
  statistics told;  // to traffic()
  std::chrono::steady_clock::time_point const since = std::chrono::steady_clock::now();
  std::unique_ptr<both_ways> frames;  // null unless they are wanted
  bool filled = false;                // queue_drained() is to come
  bool ended = false;                 // closed() has been called

 private:
  void read_along(frame_watch& with, direction way, std::span<std::byte const> bytes) noexcept {
    with.take(bytes, [&](frame_header const& header, std::span<std::byte const> beginning) {
      to->frame(of, way, header, beginning);
    });
  }
};

}  // namespace kindwire::net::detail
