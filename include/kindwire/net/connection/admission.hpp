// Counts a server's connections, and refuses those that are over its limits.
#pragma once

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <unordered_map>
#include <utility>

#include "../../frame/random.hpp"
#include "../../handshake/response.hpp"
#include "../../session/rate.hpp"
#include "../server_limits.hpp"
#include "client_address.hpp"
#include "queue_account.hpp"

namespace kindwire::net::detail {

class admission_seat;

// What becomes of a connection. One without a seat is closed at once.
struct admission_verdict {
  std::shared_ptr<admission_seat> seat = {};
  std::optional<response> refusal = {};  // the answer, if it is refused
};

// One for all threads of a server. Thread safe.
class admission {
 public:
  using clock = std::chrono::steady_clock;

  explicit admission(server_limits const& limits)
      : limits_(limits), addresses_(0, seeded()), queues_(limits.queued) {}
  admission(admission const&) = delete;
  admission& operator=(admission const&) = delete;

  bool needs_address() const noexcept {
    return limits_.connections_per_address != 0 || limits_.new_connections_per_address;
  }

  // Decides on a connection that has just been accepted. The seat keeps `self`, which is this, and what that
  // keeps alive. May throw std::bad_alloc; then nothing was counted.
  static admission_verdict admit(std::shared_ptr<admission> const& self, std::optional<client_address> from,
                                 clock::time_point now);

  refused_connections refused() const {
    std::lock_guard const lock(mutex_);
    refused_connections result = refused_;
    result.queued = queues_.closed();
    return result;
  }
  counted_connections counted() const {
    std::lock_guard const lock(mutex_);
    return {connections_, handshakes_, addresses_.size(), queues_.size()};
  }

  // Null without a limit.
  queue_account* queues() noexcept { return limits_.queued != 0 ? &queues_ : nullptr; }

 private:
  friend class admission_seat;

  // Seeded: a client with many networks must not be able to choose those that share a bucket of the table.
  struct address_hash {
    std::array<std::uint64_t, 2> seed;

    std::size_t operator()(client_address const& of) const noexcept {
      std::uint64_t mixed = of.bits ^ seed[0] ^ (of.is_v6 ? 0x9E3779B97F4A7C15U : 0U);
      for (int round = 0; round != 2; ++round) {
        mixed = (mixed ^ (mixed >> 32)) * 0xD6E8FEB86659FD93U;
        mixed = (mixed ^ (mixed >> 29)) + seed[1];
      }
      return static_cast<std::size_t>(mixed ^ (mixed >> 32));
    }
  };
  static address_hash seeded() {
    address_hash fresh{};
    kindwire::random_bytes(std::as_writable_bytes(std::span(fresh.seed)));
    return fresh;
  }

  struct client {
    std::size_t connections = 0;
    kindwire::detail::token_bucket fresh;
  };
  using client_table = std::unordered_map<client_address, client, address_hash>;

  static bool is_reached(std::size_t limit, std::size_t count) noexcept {
    return limit != 0 && count >= limit;
  }

  client_table::value_type* find(client_address const& from, clock::time_point now) {
    if (addresses_.size() >= next_sweep_) sweep(now);
    return &*addresses_.try_emplace(from).first;
  }

  // Those that have left are kept until their bucket is full again. They are looked for whenever there are
  // twice as many as were left the last time.
  void sweep(clock::time_point now) {
    std::erase_if(addresses_, [&](auto const& each) { return is_forgettable(each.second, now); });
    next_sweep_ = (std::max)(shortest_sweep, 2 * addresses_.size());
  }
  static bool is_forgettable(client const& one, clock::time_point now) noexcept {
    return one.connections == 0 && one.fresh.is_full(now);
  }

  // The counter of the limit that is reached first, and with which status that is answered. Null if none is;
  // then a token was taken.
  std::uint64_t* reached(client* from, clock::time_point now, unsigned& status) noexcept {
    status = 429;
    if (from != nullptr && is_reached(limits_.connections_per_address, from->connections))
      return &refused_.connections_per_address;
    status = 503;
    if (is_reached(limits_.connections, connections_)) return &refused_.connections;
    if (is_reached(limits_.handshakes, handshakes_)) return &refused_.handshakes;
    status = 429;
    // Last: a client that is refused for another reason has not used up anything.
    auto const& rate = limits_.new_connections_per_address;
    if (from != nullptr && rate && !from->fresh.take(now, rate)) return &refused_.new_connections_per_address;
    return nullptr;
  }

  // Whole seconds until the client may try again.
  std::chrono::seconds wait(client const* from, clock::time_point now) const noexcept {
    auto const& rate = limits_.new_connections_per_address;
    auto result = limits_.retry_after;
    if (from != nullptr && rate)
      result = (std::max)(result, std::chrono::ceil<std::chrono::seconds>(from->fresh.next(rate) - now));
    return result;
  }

  void leave(admission_seat const& from) noexcept;

  server_limits const limits_;
  std::mutex mutable mutex_;
  client_table addresses_;  // its nodes stay where they are
  std::size_t next_sweep_ = shortest_sweep;
  std::size_t connections_ = 0;
  std::size_t handshakes_ = 0;
  std::size_t answered_refusals_ = 0;
  refused_connections refused_;
  queue_account queues_;

  static constexpr std::size_t shortest_sweep = 1024;
};

// The place of one connection in the counts, given back with the last reference.
class admission_seat {
 public:
  explicit admission_seat(std::shared_ptr<admission> of) noexcept : of_(std::move(of)) {}
  admission_seat(admission_seat const&) = delete;
  admission_seat& operator=(admission_seat const&) = delete;
  ~admission_seat() { of_->leave(*this); }

  // The handshake has ended well. Once.
  void opened() noexcept {
    std::lock_guard const lock(of_->mutex_);
    if (kind_ != kind::handshake) return;
    kind_ = kind::open;
    --of_->handshakes_;
  }

 private:
  friend class admission;
  enum class kind : std::uint8_t { none, handshake, open, refused };

  std::shared_ptr<admission> of_;
  std::pair<client_address const, admission::client>* from_ = nullptr;
  kind kind_ = kind::none;
};

inline admission_verdict admission::admit(std::shared_ptr<admission> const& self,
                                          std::optional<client_address> from, clock::time_point now) {
  // What needs memory comes first, and without the lock if it can.
  admission_verdict result{std::make_shared<admission_seat>(self)};
  admission_seat& seat = *result.seat;
  unsigned status = 0;
  std::chrono::seconds wait{};
  {
    std::lock_guard const lock(self->mutex_);
    auto* const known = from && self->needs_address() ? self->find(*from, now) : nullptr;
    client* const by = known != nullptr ? &known->second : nullptr;
    std::uint64_t* const why = self->reached(by, now, status);
    if (why == nullptr) {
      if (by != nullptr) ++by->connections;
      ++self->connections_;
      ++self->handshakes_;
      seat.from_ = known;
      seat.kind_ = admission_seat::kind::handshake;
      return result;
    }
    ++*why;
    wait = self->wait(by, now);
    if (self->answered_refusals_ >= self->limits_.answered_refusals) {
      ++self->refused_.unanswered;
    } else {
      ++self->answered_refusals_;
      seat.kind_ = admission_seat::kind::refused;
    }
    if (by != nullptr && is_forgettable(*by, now)) self->addresses_.erase(*from);
  }
  if (seat.kind_ == admission_seat::kind::none) return {};
  result.refusal = response::plain(status);
  result.refusal->headers.emplace_back("Retry-After", std::to_string(wait.count()));
  return result;
}

inline void admission::leave(admission_seat const& from) noexcept {
  using kind = admission_seat::kind;
  if (from.kind_ == kind::none) return;
  std::lock_guard const lock(mutex_);
  if (from.kind_ == kind::refused) {
    --answered_refusals_;
    return;
  }
  --connections_;
  if (from.kind_ == kind::handshake) --handshakes_;
  if (from.from_ == nullptr) return;
  --from.from_->second.connections;
  bool const forgettable =
      !limits_.new_connections_per_address || is_forgettable(from.from_->second, clock::now());
  if (from.from_->second.connections != 0 || !forgettable) return;
  client_address const key = from.from_->first;  // the argument must outlive its node
  addresses_.erase(key);
}

}  // namespace kindwire::net::detail
