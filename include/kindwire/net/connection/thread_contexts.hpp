// The contexts of a server that runs itself: one for each thread.
#pragma once

#include <algorithm>
#include <asio/any_io_executor.hpp>
#include <asio/execution_context.hpp>
#include <asio/executor_work_guard.hpp>
#include <asio/io_context.hpp>
#include <asio/signal_set.hpp>
#include <atomic>
#include <chrono>
#include <csignal>
#include <cstddef>
#include <exception>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include "../../error.hpp"

namespace kindwire::net::detail {

// Each context is run by one thread, the first by the caller of run(). An object stays on the thread of its
// context, so none needs a strand.
class thread_contexts {
 public:
  // What is left when finish() is called may go on for so long: it can be a handler's last words, or work of
  // the application that never ends.
  static constexpr std::chrono::milliseconds last_patience{1000};

  // 0: as many as the machine can run at once.
  explicit thread_contexts(unsigned threads) {
    if (threads == 0) threads = (std::max)(1U, std::thread::hardware_concurrency());
    all_.reserve(threads);
    while (all_.size() != threads) all_.push_back(std::make_unique<member>());
  }
  thread_contexts(thread_contexts const&) = delete;
  thread_contexts& operator=(thread_contexts const&) = delete;
  ~thread_contexts() {
    for (auto& each : all_) each->work.reset();  // left by an exception; Windows would wait for its end
    // What waits in one context may own what belongs to another, so none is destroyed before all have given
    // up what waits in them; and what is given up last may leave something in one that was first.
    for (int round = 0; round != 2; ++round) {
      for (auto& each : all_) each->io.give_up();
    }
  }

  std::size_t size() const noexcept { return all_.size(); }
  asio::io_context& operator[](std::size_t index) noexcept { return all_[index]->io; }

  bool has(asio::execution_context const& context) const noexcept {
    return std::any_of(all_.begin(), all_.end(), [&](auto const& each) { return &each->io == &context; });
  }

  // Runs all of them until finish(). Calls `on_signal`, if it is not empty, at the first SIGINT or SIGTERM; a
  // second one then does what it does without us. Rethrows the first exception that left a context, once all
  // threads have ended; may be called again then. Throws std::system_error: operation_in_progress, or what
  // kept a thread from starting.
  void run(std::function<void()> on_signal) {
    if (running_.exchange(true)) throw std::system_error(kindwire::error::operation_in_progress, "run");
    struct guard {
      thread_contexts& self;
      std::vector<std::thread> others = {};
      ~guard() {
        for (auto& each : others) each.join();
        self.running_ = false;
      }
    };
    {
      guard here{*this};
      finishing_ = false;
      failure_ = nullptr;
      for (auto& each : all_) {
        each->io.restart();
        each->work.emplace(each->io.get_executor());
      }
      signal_wait signals;
      if (on_signal) signals.start(all_.front()->io, std::move(on_signal));
      try {
        here.others.reserve(all_.size() - 1);
        for (std::size_t i = 1; i != all_.size(); ++i)
          here.others.emplace_back([this, i] { run(*all_[i], [] {}); });
      } catch (...) {
        fail(std::current_exception());
      }
      run(*all_.front(), [&] { signals.end(); });
    }
    if (failure_) std::rethrow_exception(std::exchange(failure_, nullptr));
  }

  // Ends run(). From any thread.
  void finish() noexcept {
    if (finishing_.exchange(true)) return;
    for (auto& each : all_) each->io.stop();
  }

 private:
  // Gives up what waits in it, as its destructor does.
  struct own_context : asio::io_context {
    own_context() : asio::io_context(1) {}
    void give_up() { shutdown(); }
  };
  struct member {
    own_context io;
    std::optional<asio::executor_work_guard<asio::io_context::executor_type>> work;
  };

  // Its handler may be called after this is gone, if an exception ended the run.
  class signal_wait {
   public:
    signal_wait() noexcept = default;
    signal_wait(signal_wait const&) = delete;
    signal_wait& operator=(signal_wait const&) = delete;
    ~signal_wait() { end(); }

    void start(asio::io_context& io, std::function<void()> on_signal) {
      signals_ = std::make_shared<asio::signal_set>(io, SIGINT, SIGTERM);
      signals_->async_wait(
          [signals = signals_, on_signal = std::move(on_signal)](std::error_code failure, int) {
            if (failure) return;
            signals->clear();
            on_signal();
          });
    }
    void end() noexcept {
      if (!signals_) return;
      std::error_code ignored;
      signals_->clear(ignored);
      signals_->cancel(ignored);
      signals_.reset();
    }

   private:
    std::shared_ptr<asio::signal_set> signals_;
  };

  // `release` gives up what would keep the context from running out of work.
  template <class Release>
  void run(member& one, Release release) noexcept {
    try {
      one.io.run();
      one.work.reset();
      release();
      if (failed()) return;
      one.io.restart();
      one.io.run_for(last_patience);
    } catch (...) {
      fail(std::current_exception());
    }
  }

  bool failed() {
    std::lock_guard const lock(mutex_);
    return failure_ != nullptr;
  }

  void fail(std::exception_ptr why) noexcept {
    {
      std::lock_guard const lock(mutex_);
      if (!failure_) failure_ = std::move(why);
    }
    finishing_ = true;
    for (auto& each : all_) each->io.stop();
  }

  std::vector<std::unique_ptr<member>> all_;
  std::atomic<bool> running_{false};
  std::atomic<bool> finishing_{false};
  std::mutex mutex_;
  std::exception_ptr failure_;  // guarded by mutex_
};

}  // namespace kindwire::net::detail
