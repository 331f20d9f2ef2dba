// The sending half of a connection that comes back: what goes to the connection of the moment, and what is
// kept for the next.
#pragma once

#include <algorithm>
#include <asio/any_io_executor.hpp>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <system_error>
#include <utility>

#include "../../error.hpp"
#include "../../message/message.hpp"
#include "../connect_options.hpp"
#include "../connection/connection.hpp"
#include "../connection/operation.hpp"
#include "../connection/try_allocating.hpp"
#include "../options.hpp"
#include "../reconnect_error.hpp"
#include "../reconnect_options.hpp"
#include "../websocket.hpp"
#include "kept_messages.hpp"
#include "line.hpp"

namespace kindwire::net::detail {

class outgoing : public std::enable_shared_from_this<outgoing> {
 public:
  outgoing(asio::any_io_executor executor, std::shared_ptr<reconnect_options const> options)
      : executor_(std::move(executor)),
        options_(std::move(options)),
        kept_(options_->max_kept, options_->while_away == away_policy::keep_latest) {}

  // What keeping needs of each connection.
  static connect_options fit_for(reconnect_options const& options, connect_options with) noexcept {
    if (options.while_away == away_policy::refuse) return with;
    connection_options& each = with.connection;
    each.statistics = true;  // to know what a connection has taken
    // What waits is sent as long as the queue is not above its soft mark: it must not be full there.
    each.send_queue_hard = (std::max)(each.send_queue_hard, std::size_t{1});
    each.send_queue_soft = (std::min)(each.send_queue_soft, each.send_queue_hard - 1);
    return with;
  }

  kept_messages const& kept() const noexcept { return kept_; }
  bool keeps() const noexcept { return options_->while_away != away_policy::refuse; }

  // False for a websocket without a connection, and for one of which nobody would know what it has taken.
  bool suits(websocket const& ws) const noexcept {
    return websocket_access::state(ws) != nullptr && (!keeps() || ws.statistics());
  }

  // The websocket that sends go to now, or null.
  websocket* current() const noexcept { return to_ && to_->is_open() ? &to_->ws : nullptr; }

  // May throw std::bad_alloc, and what key_of does; then nothing is sent or kept.
  std::error_code send(message const& what) {
    if (what.type() != message_type::text && what.type() != message_type::binary)
      return error::invalid_argument;
    websocket* const now = current();
    if (!keeps()) return now != nullptr ? unless_closed(now->try_send(what)) : reconnect_error::away;
    kept_messages::copy copy(what, key_of(what));
    forget_taken();
    if (now == nullptr || kept_.any_waits()) return keep(std::move(copy));
    auto const to = to_;
    std::uint64_t end = 0;
    std::error_code const outcome = to->send(what, end);
    if (outcome && is_lost(*to, outcome)) return keep(std::move(copy));
    if (!outcome) kept_.handed(std::move(copy), end);
    return outcome;
  }

  // Of what was handed to the connection, nothing is kept that it has taken.
  void forget_taken() noexcept {
    if (keeps() && to_) kept_.taken(to_->taken());
  }

  // There is a connection: what waits goes first.
  void open(std::shared_ptr<line> to) {
    to_ = std::move(to);
    flush();
  }

  void line_over(std::shared_ptr<line> const& which) {
    if (to_ != which) return;
    forget_taken();
    to_.reset();
    try_allocating([&] { kept_.take_back(); });
  }

  void drop() noexcept { to_.reset(); }

 private:
  static std::error_code unless_closed(std::error_code outcome) noexcept {
    return outcome == kindwire::error::closed ? make_error_code(reconnect_error::away) : outcome;
  }

  std::string key_of(message const& what) const {
    bool const has_key = options_->while_away == away_policy::keep_latest && options_->key_of;
    return has_key ? options_->key_of(what) : std::string{};
  }

  std::error_code keep(kept_messages::copy copy) {
    return kept_.wait(std::move(copy)) ? std::error_code{} : kindwire::error::send_queue_full;
  }

  // The connection has failed, and not the message: its stream's errors come before its end.
  static bool is_lost(line const& to, std::error_code outcome) noexcept {
    return !to.is_open() || outcome.category() != kindwire::error_category();
  }

  // Sends what waits as far as the connection has room, and goes on when it has some again. If that cannot
  // be, the next connection gets it.
  void flush() {
    auto const to = to_;
    auto const over = websocket_access::state(to->ws);
    bool const done = try_allocating([&] {
      while (kept_.any_waits() && current() != nullptr) {
        if (!over->may_send_more()) return wait_for_room(*over);
        std::uint64_t end = 0;
        std::error_code const outcome = to->send(kept_.first(), end);
        if (!outcome) {
          kept_.first_handed(end);
        } else if (is_lost(*to, outcome)) {
          return;
        } else {
          return over->cut(outcome);  // a hook has left a fragmented message unfinished
        }
      }
    });
    if (!done) over->cut(no_memory());
  }

  void wait_for_room(connection& over) {
    over.wait_drained(operation<std::error_code>(
                          [weak = weak_from_this(), to = std::weak_ptr<line>(to_)](std::error_code) {
                            auto const self = weak.lock();
                            if (self && self->to_ && self->to_ == to.lock()) self->flush();
                          },
                          executor_),
                      over.next_ticket());
  }

  asio::any_io_executor const executor_;
  std::shared_ptr<reconnect_options const> const options_;
  kept_messages kept_;
  std::shared_ptr<line> to_;  // while it is open
};

}  // namespace kindwire::net::detail
