// Accepts a server's connections.
#pragma once

#include <asio/any_io_executor.hpp>
#include <asio/dispatch.hpp>
#include <asio/io_context.hpp>
#include <asio/ip/tcp.hpp>
#include <asio/steady_timer.hpp>
#include <asio/strand.hpp>
#include <chrono>
#include <cstddef>
#include <memory>
#include <mutex>
#include <system_error>
#include <type_traits>
#include <utility>

#include "opening.hpp"
#include "target_of.hpp"
#include "thread_contexts.hpp"
#include "try_allocating.hpp"

namespace kindwire::net::detail {

// An acceptor of any protocol. Thread safe.
class listener {
 public:
  virtual ~listener() = default;
  virtual void start() = 0;
  // When this returns, its address is free and no more connections are taken.
  virtual void stop() = 0;
};

// Where the connections of a listener live.
class placement {
 public:
  // On the acceptor's executor, each on a strand of its own if `strands`.
  explicit placement(bool strands) noexcept : strands_(strands) {}
  // On one of these after the other.
  explicit placement(thread_contexts& all) noexcept : all_(&all) {}

  // The executor of the next connection. Not thread safe.
  asio::any_io_executor next(asio::any_io_executor const& acceptors) {
    if (all_ != nullptr) return (*all_)[next_++ % all_->size()].get_executor();
    if (!strands_) return acceptors;
    // That of a known executor type fits into an any_io_executor; another needs memory for each copy.
    if (auto const* const known = target_of<asio::io_context::executor_type>(acceptors))
      return asio::make_strand(*known);
    return asio::make_strand(acceptors);
  }

 private:
  thread_contexts* all_ = nullptr;
  std::size_t next_ = 0;
  bool strands_ = false;
};

template <class Acceptor>
class acceptor_listener final : public listener,
                                public std::enable_shared_from_this<acceptor_listener<Acceptor>> {
 public:
  acceptor_listener(Acceptor acceptor, std::shared_ptr<server_state const> server, placement where)
      : acceptor_(std::move(acceptor)),
        again_(acceptor_.get_executor()),
        server_(std::move(server)),
        where_(where),
        local_(is_local(acceptor_)) {}

  void start() override {
    std::lock_guard const lock(mutex_);
    accept();
  }

  // A pending accept ends with an error, or with a socket that take() then drops.
  void stop() override {
    std::lock_guard const lock(mutex_);
    stopped_ = true;
    std::error_code ignored;
    acceptor_.close(ignored);
    again_.cancel();
  }

 private:
  // Only programs on this machine can connect, including browsers showing any page.
  static bool is_local(Acceptor const& acceptor) {
    if constexpr (std::is_same_v<typename Acceptor::protocol_type, asio::ip::tcp>) {
      std::error_code failure;
      auto const at = acceptor.local_endpoint(failure);
      return !failure && at.address().is_loopback();
    } else {
      return false;
    }
  }

  void accept() {
    acceptor_.async_accept(where_.next(acceptor_.get_executor()),
                           [self = this->shared_from_this()](std::error_code failure, auto socket) {
                             if constexpr (std::is_same_v<typename Acceptor::protocol_type, asio::ip::tcp>) {
                               // Replies are written in one piece: waiting to fill a segment would only delay
                               // them.
                               std::error_code ignored;
                               if (!failure) socket.set_option(asio::ip::tcp::no_delay(true), ignored);
                             }
                             self->take(failure, std::move(socket));
                           });
  }

  template <class Socket>
  void take(std::error_code failure, Socket socket) {
    using opening_type = opening<Socket>;
    std::shared_ptr<opening_type> fresh;
    handshake_report turned_away(role::server);
    {
      std::lock_guard const lock(mutex_);
      if (stopped_) return;
      if (!failure) {
        // Under the lock, so that stop() ends what was taken before it.
        try_allocating([&] { fresh = opening_type::begin(std::move(socket), server_, local_, turned_away); });
      }
      if (failure || !try_allocating([&] { accept(); })) retry();
    }
    // Without the lock: an observer may stop the server.
    if (failure && server_->observer) server_->observer->accept_failed(failure);
    turned_away.failed(handshake_failure::limit, 0, {}, {});
    if (fresh) asio::dispatch(fresh->get_executor(), [fresh] { fresh->start(); });
  }

  // Out of descriptors, or a client that left while in the queue. Retrying at once would spin.
  void retry() {
    again_.expires_after(std::chrono::milliseconds(50));
    again_.async_wait([self = this->shared_from_this()](std::error_code stopped) {
      std::lock_guard const lock(self->mutex_);
      if (!stopped && !self->stopped_) self->accept();
    });
  }

  std::mutex mutex_;  // guards all uses of the next two
  Acceptor acceptor_;
  asio::steady_timer again_;
  std::shared_ptr<server_state const> server_;
  placement where_;
  bool local_;
  bool stopped_ = false;
};

}  // namespace kindwire::net::detail
