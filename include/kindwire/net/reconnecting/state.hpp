// A connection that comes back: its tries, its waits and its end. incoming.hpp and outgoing.hpp are what goes
// over it.
#pragma once

#include <algorithm>
#include <asio/any_io_executor.hpp>
#include <asio/awaitable.hpp>
#include <asio/bind_cancellation_slot.hpp>
#include <asio/cancellation_signal.hpp>
#include <asio/cancellation_type.hpp>
#include <asio/co_spawn.hpp>
#include <asio/error.hpp>
#include <asio/post.hpp>
#include <asio/redirect_error.hpp>
#include <asio/steady_timer.hpp>
#include <asio/use_awaitable.hpp>
#include <chrono>
#include <cstdint>
#include <exception>
#include <memory>
#include <new>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

#include "../../handshake/retry_after.hpp"
#include "../../message/close.hpp"
#include "../../session/backoff.hpp"
#include "../../session/deadline.hpp"
#include "../client.hpp"
#include "../connect_error.hpp"
#include "../connection/connection.hpp"
#include "../connection/operation.hpp"
#include "../connection/try_allocating.hpp"
#include "../reconnect_error.hpp"
#include "../reconnect_options.hpp"
#include "../websocket.hpp"
#include "incoming.hpp"
#include "line.hpp"
#include "outgoing.hpp"

namespace kindwire::net::detail {

// Everything runs on the executor. The loop, a coroutine, keeps it alive until it is closed.
class reconnecting_state final : public incoming_owner,
                                 public std::enable_shared_from_this<reconnecting_state> {
 public:
  using clock = std::chrono::steady_clock;

  reconnecting_state(client const& with, asio::any_io_executor executor, std::string uri,
                     reconnect_options options)
      : executor_(std::move(executor)),
        uri_(std::move(uri)),
        options_(std::make_shared<reconnect_options const>(std::move(options))),
        client_(own(with.options(), *options_)),
        wake_(executor_),
        incoming_(executor_, *this),
        outgoing_(std::make_shared<outgoing>(executor_, options_)) {}

  // Posted, so that no hook runs before the constructor of what starts it has returned.
  void start() {
    asio::post(executor_, [held = guard(shared_from_this())]() mutable {
      auto const self = held.end();
      bool const begun = try_allocating([&] {
        asio::co_spawn(self->executor_, run(self),
                       asio::bind_cancellation_slot(self->stop_.slot(), [](std::exception_ptr) {}));
      });
      if (begun || self->is_closed()) return;
      self->why_ = no_memory();
      self->finish();
    });
  }

  asio::any_io_executor const& executor() const noexcept { return executor_; }
  incoming& in() noexcept { return incoming_; }
  outgoing& out() noexcept { return *outgoing_; }
  std::weak_ptr<incoming_owner> weak() noexcept { return weak_from_this(); }
  bool is_closing() const noexcept { return is_closing_ || is_closed(); }
  bool is_closed() const noexcept { return status_.state == reconnect_state::closed; }

  reconnect_state state() const noexcept { return status_.state; }
  reconnect_status status() const {
    outgoing_->forget_taken();
    reconnect_status now = status_;
    now.kept = outgoing_->kept().count();
    now.kept_bytes = outgoing_->kept().bytes();
    now.dropped = outgoing_->kept().dropped();
    return now;
  }
  failed_try const& last_failure() const noexcept { return failure_; }
  disconnection const& last_disconnection() const noexcept { return lost_; }
  std::error_code why() const noexcept { return why_; }

  void retry_now() noexcept {
    if (status_.state == reconnect_state::open) return;
    is_due_ = true;
    wake_.cancel();
  }

  // Completes once it is closed.
  void wait_closed(operation<std::error_code> waiting, std::uint32_t ticket) {
    if (is_closed()) return waiting.post(executor_, std::error_code{});
    closes_.add(std::move(waiting), ticket);
  }
  void cancel_close(std::uint32_t ticket) { closes_.cancel(executor_, ticket); }
  std::uint32_t next_ticket() noexcept { return ++tickets_; }

  std::error_code close(close_code code, std::string_view reason) {
    if (auto const wrong = check_close(code, reason)) return wrong;
    if (is_closing()) return {};
    is_closing_ = true;
    closes_line_ = line_ != nullptr;
    if (line_) {
      line_->ws.try_close(code, reason);
    } else {
      stop_.emit(asio::cancellation_type::terminal);
    }
    wake_.cancel();
    return {};
  }

  // What it belonged to is destroyed.
  void abandon() {
    if (is_abandoned_) return;
    is_closing_ = is_abandoned_ = true;
    if (line_) line_->over = true;
    outgoing_->drop();
    incoming_.abandon();
    closes_.complete(executor_, asio::error::operation_aborted);
    stop_.emit(asio::cancellation_type::terminal);
    wake_.cancel();
  }

 private:
  // Lives in the loop. If that is destroyed before its end, its context is being destroyed, and a coroutine
  // that waits for us may be what keeps us alive.
  class guard {
   public:
    explicit guard(std::shared_ptr<reconnecting_state> of) noexcept : of_(std::move(of)) {}
    guard(guard&&) noexcept = default;
    guard(guard const&) = delete;
    guard& operator=(guard const&) = delete;
    ~guard() {
      if (of_ && !of_->is_closed()) of_->drop();
    }

    std::shared_ptr<reconnecting_state> end() noexcept { return std::move(of_); }

   private:
    std::shared_ptr<reconnecting_state> of_;
  };

  // What is tried later must not need what lived at the call.
  static client own(connect_options with, reconnect_options const& options) {
    with.failure = nullptr;
    with.refusal = nullptr;
    return client(outgoing::fit_for(options, std::move(with)));
  }

// g++ 12 warns about coroutines when it inlines only one half of how Asio allocates their frames.
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wmismatched-new-delete"
#endif
  static asio::awaitable<void> run(std::shared_ptr<reconnecting_state> self) {
    guard const until_the_end(self);
    try {
      while (!self->is_closing_) {
        std::shared_ptr<line> opened;
        bool const goes_on = co_await self->try_once(opened);
        if (opened) {
          while (!opened->over) co_await self->sleep((clock::time_point::max)());
          if (self->note_end(*opened)) break;
        } else if (!goes_on) {
          break;
        }
        if (self->is_closing_ || !co_await self->wait()) break;
      }
    } catch (std::bad_alloc const&) {
      self->give_up(no_memory());
    } catch (...) {
      self->give_up(reconnect_error::hook_failed);
    }
    self->finish();
  }

  // False if it has failed for good.
  asio::awaitable<bool> try_once(std::shared_ptr<line>& opened) {
    ++status_.attempts;
    is_due_ = false;
    change(reconnect_state::connecting);
    std::error_code wrong;
    try {
      if (is_closing_) co_return false;
      websocket ws;
      if (options_->before) {
        next_try next{uri_, client_.options(), status_.attempts};
        co_await options_->before(next);
        client const changed(outgoing::fit_for(*options_, std::move(next.options)));
        ws = co_await changed.connect(executor_, next.uri);
      } else {
        ws = co_await client_.connect(executor_, uri_);
      }
      if (!outgoing_->suits(ws)) throw std::bad_alloc();  // it could not begin to count
      if (options_->opened) co_await options_->opened(ws);
      if (is_closing_) co_return false;
      if (!outgoing_->suits(ws)) throw std::logic_error("`opened` has taken its websocket away");
      auto fresh = std::make_shared<line>(std::move(ws), status_.connections + 1);
      watch(fresh);
      opened = std::move(fresh);
    } catch (connect_error const& thrown) {
      note({thrown.phase(), thrown.code(), thrown.what(), thrown.answer()});
    } catch (std::system_error const& thrown) {
      note({.error = thrown.code(), .text = thrown.what()});
    } catch (std::bad_alloc const&) {
      note({.error = no_memory()});
    } catch (std::exception const& thrown) {
      note({.error = reconnect_error::hook_failed, .text = thrown.what()});
    } catch (...) {
      note({.error = reconnect_error::hook_failed});
    }
    if (opened) begin(opened);
    if (opened || is_closing_ || !is_final()) co_return !is_closing_;
    why_ = failure_.error;
    co_return false;
  }

  asio::awaitable<void> sleep(clock::time_point until) {
    std::error_code ignored;
    wake_.expires_at(until);
    co_await wake_.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
  }

  // Until the next try; false if there will be none.
  asio::awaitable<bool> wait() {
    constexpr auto never = (clock::time_point::max)();
    auto const limit = kindwire::detail::time_after(failing_since_, options_->give_up_after);
    auto const delayed = kindwire::detail::time_after(clock::now(), next_delay());
    auto const at = is_due_ ? clock::now() : delayed;
    bool in_time = limit == never || at < limit;
    if (in_time) {
      status_.next_try_at = at;
      change(reconnect_state::waiting);
    }
    while (!is_closing_ && in_time) {
      auto const now = clock::now();
      in_time = limit == never || now < limit;
      bool const is_time = is_due_ || now >= at;
      // Nor before the messages of the last connection but one are taken: there would be no end to what is
      // kept.
      if (!in_time || (is_time && incoming_.has_room())) break;
      co_await sleep(is_time ? limit : (std::min)(at, limit));
    }
    if (!is_closing_ && !in_time) why_ = reconnect_error::gave_up;
    co_return !is_closing_ && in_time;
  }
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic pop
#endif

  void note(failed_try failure) {
    if (is_closing_) return;
    failure_ = std::move(failure);
    was_refused_ = failure_.answer.status != 0;
    if (was_refused_) is_due_ = false;  // the server was reached: what it says about the next try counts
    status_.last_error = failure_.error;
  }
  bool is_final() const {
    return failure_.error == reconnect_error::hook_failed ||
           (options_->is_final && options_->is_final(failure_));
  }

  std::chrono::milliseconds next_delay() {
    kindwire::detail::backoff_terms const terms{options_->first_delay, options_->max_delay, options_->factor};
    auto delay = backoff_.next(terms, options_->draw);
    auto const asked = retry_after(failure_.answer.headers, std::chrono::system_clock::now());
    if (asked && was_refused_)
      delay += (std::min<std::chrono::milliseconds>)({*asked, options_->max_retry_after,
                                                      (std::chrono::milliseconds::max)() - delay});
    return delay;
  }

  // Comes back to us once the stream is closed, whether or not anybody receives.
  void watch(std::shared_ptr<line> const& fresh) {
    auto const over = websocket_access::state(fresh->ws);
    over->wait_closed(operation<std::error_code>(
                          [weak = weak_from_this(), which = std::weak_ptr<line>(fresh)](std::error_code) {
                            auto const self = weak.lock();
                            auto const found = which.lock();
                            if (self && found) self->on_line_over(found);
                          },
                          executor_),
                      over->next_ticket());
  }

  void begin(std::shared_ptr<line> const& opened) {
    line_ = opened;
    opened_at_ = clock::now();
    was_refused_ = false;
    is_due_ = false;
    ++status_.connections;
    status_.attempts = 0;
    status_.last_error = {};
    outgoing_->open(opened);
    change(reconnect_state::open);
    if (!is_abandoned_) incoming_.add(opened, weak_from_this());
  }

  // The stream is closed when all that was queued is sent: only then is it known what is left for the next.
  void on_line_drained(line const& which, std::error_code failure) override {
    // A receive that has failed by itself: a hook has left a message half received, say.
    if (which.is_open()) websocket_access::state(which.ws)->cut(failure);
  }
  void on_line_over(std::shared_ptr<line> const& which) {
    if (which->over) return;
    which->end();
    if (line_ == which) line_.reset();
    outgoing_->line_over(which);
    incoming_.line_over(which, weak_from_this());
    wake_.cancel();
  }
  void on_line_gone() override { wake_.cancel(); }

  // True if there will be no other one.
  bool note_end(line const& ended) {
    auto const now = clock::now();
    lost_ = ended.how_it_ended();
    status_.last_error = lost_.error;
    if (is_closing_) {
      if (closes_line_) closing_failed_ = lost_.error;
      return true;
    }
    if (kindwire::detail::time_after(opened_at_, options_->stable_after) <= now) {
      backoff_.reset();
      failing_since_ = now;
    }
    bool const is_for_good = options_->is_final_close && options_->is_final_close(lost_);
    if (is_for_good) why_ = reconnect_error::closed_by_server;
    return is_for_good;
  }

  // The loop cannot go on.
  void give_up(std::error_code why) {
    if (!is_closing_) why_ = why;
    if (line_ && !is_abandoned_) websocket_access::state(line_->ws)->cut(why);
  }

  void finish() {
    change(reconnect_state::closed);
    closes_.complete(executor_, closing_failed_);
    incoming_.end(weak_from_this());
  }

  // The context is being destroyed.
  void drop() noexcept {
    status_.state = reconnect_state::closed;
    is_closing_ = is_abandoned_ = true;
    auto const closes = std::move(closes_);
    auto const last = std::move(line_);
    outgoing_->drop();
    incoming_.drop();
  }

  void change(reconnect_state state) noexcept {
    status_.state = state;
    if (options_->changed && !is_abandoned_) options_->changed(status());
  }

  asio::any_io_executor const executor_;
  std::string const uri_;
  std::shared_ptr<reconnect_options const> const options_;
  client const client_;
  asio::steady_timer wake_;
  asio::cancellation_signal stop_;
  incoming incoming_;
  std::shared_ptr<outgoing> const outgoing_;
  std::shared_ptr<line> line_;  // the one that is open
  kindwire::detail::backoff backoff_;
  clock::time_point failing_since_ = clock::now();  // without a connection that lasted
  clock::time_point opened_at_;
  reconnect_status status_;
  failed_try failure_;
  disconnection lost_;
  std::error_code why_;
  std::error_code closing_failed_;  // how the connection that close() has closed ended
  waiting_list closes_;
  std::uint32_t tickets_ = 0;
  bool is_due_ = false;       // retry_now() was called
  bool was_refused_ = false;  // by the last try's server
  bool is_closing_ = false;
  bool closes_line_ = false;  // there was a connection to close
  bool is_abandoned_ = false;
};

}  // namespace kindwire::net::detail
