// Whether an execution context may still be given work, for threads that it does not wait for.
#pragma once

#include <asio/any_io_executor.hpp>
#include <asio/execution/context.hpp>
#include <asio/execution_context.hpp>
#include <asio/query.hpp>
#include <atomic>
#include <memory>
#include <mutex>
#include <shared_mutex>
#include <utility>

namespace kindwire::net::detail {

// Open until destruction of its context begins. Another thread may use the executor only inside pass():
// closing the gate waits until no thread is inside, and then lets none in.
//
// Lock order: a mailbox's, the gate's, Asio's own. The gate is closed by a thread that holds no lock of ours
// or of Asio's (service_registry::shutdown_services() calls its services without one), and nothing inside
// pass() waits for what the destruction of a context holds. Thread safe.
class context_gate {
 public:
  // The gate of the executor's context, created on first use. Call while the context is in use. May throw
  // std::bad_alloc.
  static std::shared_ptr<context_gate> of(asio::any_io_executor const& executor);

  // Calls `use()` and returns true, or returns false once the gate is closed.
  template <class Use>
  bool pass(Use&& use) {
    if (!open_.load(std::memory_order_relaxed)) return false;
    std::shared_lock const inside(mutex_);
    if (!open_.load(std::memory_order_relaxed)) return false;
    std::forward<Use>(use)();
    return true;
  }

  void close() noexcept {
    // Set before locking: a lock that is always shared by some thread might never be granted exclusively.
    open_.store(false, std::memory_order_relaxed);
    std::unique_lock const alone(mutex_);
  }

 private:
  std::shared_mutex mutex_;
  std::atomic<bool> open_{true};
};

// Closes the gate when its context ends. A context shuts down all its services, the latest first, before it
// destroys any of them: its scheduler is shut down after this one, and exists until all are shut down.
class context_gate_service final : public asio::execution_context::service {
 public:
  using key_type = context_gate_service;
  static inline asio::execution_context::id id;

  explicit context_gate_service(asio::execution_context& context)
      : service(context), gate_(std::make_shared<context_gate>()) {}
  // A service created during the destruction of the context is never shut down.
  ~context_gate_service() override { gate_->close(); }

  std::shared_ptr<context_gate> const& gate() const noexcept { return gate_; }

 private:
  void shutdown() noexcept override { gate_->close(); }

  std::shared_ptr<context_gate> gate_;
};

inline std::shared_ptr<context_gate> context_gate::of(asio::any_io_executor const& executor) {
  asio::execution_context& context = asio::query(executor, asio::execution::context);
  return asio::use_service<context_gate_service>(context).gate();
}

}  // namespace kindwire::net::detail
