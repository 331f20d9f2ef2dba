// How a server's shutdown() waits for what it has stopped.
#pragma once

#include <asio/any_io_executor.hpp>
#include <asio/error.hpp>
#include <asio/post.hpp>
#include <asio/steady_timer.hpp>
#include <asio/strand.hpp>
#include <chrono>
#include <exception>
#include <memory>
#include <system_error>
#include <utility>

#include "../../error.hpp"
#include "operation.hpp"
#include "roster.hpp"

namespace kindwire::net::detail {

// One call of shutdown(). Its own timer keeps it alive, and goes with the context. start() and cancel() from
// any thread; the rest runs on its strand.
class shutdown final : public roster_watcher, public std::enable_shared_from_this<shutdown> {
 public:
  using clock = std::chrono::steady_clock;

  // How long to wait for the handlers of what was cut. Those learn of it in the next turns of the loop; one
  // that waits for something else is not worth more.
  static constexpr std::chrono::milliseconds last_patience{1000};

  shutdown(asio::any_io_executor const& executor, std::shared_ptr<roster> members,
           tracked_operation<std::error_code> done)
      : strand_(asio::make_strand(executor)),
        timer_(strand_),
        members_(std::move(members)),
        done_(std::move(done)) {}

  // The members have already been told to stop.
  void start(clock::time_point deadline) {
    members_->watch(weak_from_this());
    asio::post(strand_, [self = shared_from_this(), deadline] {
      self->timer_.expires_at(deadline);
      self->timer_.async_wait([self](std::error_code stopped) {
        if (!stopped) self->cut();
      });
      if (self->members_->empty()) self->finish({});
    });
  }

  void cancel() { post_finish(asio::error::operation_aborted); }

  void on_empty(bool was_cut) noexcept override {
    try {
      post_finish(was_cut ? error::close_timeout : std::error_code{});
    } catch (std::exception const&) {
      // No memory: left to the timer.
    }
  }

 private:
  void cut() {
    if (!done_) return;
    if (!members_->cut()) return finish({});
    timer_.expires_after(last_patience);
    timer_.async_wait([self = shared_from_this()](std::error_code stopped) {
      if (!stopped) self->finish(error::close_timeout);
    });
  }

  void post_finish(std::error_code outcome) {
    asio::post(strand_, [self = shared_from_this(), outcome] { self->finish(outcome); });
  }

  void finish(std::error_code outcome) {
    if (!done_) return;
    timer_.cancel();
    done_.post(outcome);
  }

  asio::strand<asio::any_io_executor> strand_;
  asio::steady_timer timer_;
  std::shared_ptr<roster> members_;
  tracked_operation<std::error_code> done_;
};

}  // namespace kindwire::net::detail
