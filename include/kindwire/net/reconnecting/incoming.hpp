// The receiving half of a connection that comes back: one stream of messages out of several connections.
#pragma once

#include <asio/any_io_executor.hpp>
#include <asio/error.hpp>
#include <cstddef>
#include <deque>
#include <memory>
#include <optional>
#include <system_error>
#include <utility>

#include "../../message/message.hpp"
#include "../connection/operation.hpp"
#include "../connection/try_allocating.hpp"
#include "../reconnect_event.hpp"
#include "line.hpp"

namespace kindwire::net::detail {

using event_operation = operation<std::error_code, reconnect_event>;

// Told by `incoming` what happens on its lines.
class incoming_owner {
 public:
  // Nothing more will come on it, though its stream may still be open, and take what is queued.
  virtual void on_line_drained(line const& which, std::error_code failure) = 0;
  // One whose messages are all taken is gone.
  virtual void on_line_gone() = 0;

 protected:
  ~incoming_owner() = default;
};

// At most two lines: the one that is received from, and the next.
class incoming {
 public:
  incoming(asio::any_io_executor executor, incoming_owner& owner)
      : executor_(std::move(executor)), owner_(owner) {}

  bool waits() const noexcept { return static_cast<bool>(waiting_); }
  bool has_room() const noexcept { return lines_.size() < 2; }

  // The views of earlier messages are invalid from here on. One at a time.
  void receive(event_operation waiting, bool wants_events, std::weak_ptr<incoming_owner> self) {
    read_from_.reset();
    waiting_ = std::move(waiting);
    wants_events_ = wants_events;
    advance(std::move(self));
  }
  void cancel() {
    if (waiting_) waiting_.post_or_complete(executor_, asio::error::operation_aborted, reconnect_event{});
  }

  void add(std::shared_ptr<line> fresh, std::weak_ptr<incoming_owner> self) {
    lines_.push_back(std::move(fresh));
    advance(std::move(self));
  }

  // A line has ended. What it has received stays until it is asked for.
  void line_over(std::shared_ptr<line> const& which, std::weak_ptr<incoming_owner> self) {
    bool const is_viewed = read_from_ == which;
    if (!which->receiving && !is_viewed && !which->held) which->held = which->ws.try_receive();
    if (!which->receiving && !is_viewed && !which->held) remove(which);
    advance(std::move(self));
  }

  // No line will follow.
  void end(std::weak_ptr<incoming_owner> self) {
    has_ended_ = true;
    advance(std::move(self));
  }

  // Ends the waiting receive and all connections at once.
  void abandon() {
    has_ended_ = true;
    read_from_.reset();
    auto const lines = std::exchange(lines_, {});
    for (auto const& each : lines) each->ws = websocket{};
    cancel();
  }
  // The same without completing it: the context is being destroyed.
  void drop() noexcept {
    has_ended_ = true;
    auto const waiting = std::move(waiting_);
    auto const lines = std::exchange(lines_, {});
  }

 private:
  // Completes the waiting receive, if there is something for it, or receives.
  void advance(std::weak_ptr<incoming_owner> self) {
    while (waiting_) {
      if (ended_) {
        auto event = *std::exchange(ended_, std::nullopt);
        if (wants_events_) return give(std::move(event));
        continue;
      }
      if (lines_.empty()) {
        if (has_ended_) give({});
        return;
      }
      auto const from = lines_.front();
      if (!std::exchange(from->announced, true) && wants_events_)
        return give({.what = reconnect_event::type::connected, .connection = from->number});
      if (from->receiving || (from->drained && !from->over)) return;
      message next = std::exchange(from->held, message{});
      if (!next) next = from->ws.try_receive();
      if (next) {
        read_from_ = from;
        return give(event_of(next, *from));
      }
      if (!from->over) {
        if (try_allocating([&] { receive_from(from, std::move(self)); })) return;
        return waiting_.post_or_complete(executor_, no_memory(), reconnect_event{});
      }
      remove(from);
    }
  }

  void give(reconnect_event event) {
    waiting_.post_or_complete(executor_, std::error_code{}, std::move(event));
  }

  void receive_from(std::shared_ptr<line> const& from, std::weak_ptr<incoming_owner> self) {
    from->ws.receive([this, from, self = std::move(self)](std::error_code failure, message next) {
      auto const owner = self.lock();
      from->receiving = false;
      if (!owner) return;
      if (!failure && next) return received(from, next);
      if (from->over) return line_over(from, self);
      from->drained = true;
      owner_.on_line_drained(*from, failure);
    });
    from->receiving = true;  // it never completes before it returns, and may throw
  }

  void received(std::shared_ptr<line> const& from, message next) {
    if (!waiting_) {
      from->held = next;  // the receive that asked for it was cancelled
      return;
    }
    read_from_ = from;
    // It runs here: the messages that have come together are taken without a trip through the executor each.
    waiting_.complete(std::error_code{}, event_of(next, *from));
  }

  void remove(std::shared_ptr<line> const& which) {
    // Of one that nobody has received from, neither the beginning nor the end is told.
    if (which->announced)
      ended_ = {.what = reconnect_event::type::disconnected,
                .connection = which->number,
                .how = which->how_it_ended()};
    std::erase(lines_, which);
    owner_.on_line_gone();
  }

  static reconnect_event event_of(message next, line const& from) {
    return {.what = reconnect_event::type::message, .msg = next, .connection = from.number};
  }

  asio::any_io_executor const executor_;
  incoming_owner& owner_;
  std::deque<std::shared_ptr<line>> lines_;
  std::shared_ptr<line> read_from_;       // the application may hold a view of its last message
  std::optional<reconnect_event> ended_;  // the end of a line, not told yet
  event_operation waiting_;
  bool wants_events_ = false;
  bool has_ended_ = false;
};

}  // namespace kindwire::net::detail
