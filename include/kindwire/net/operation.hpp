// A completion handler that waits, with its type erased: what lets one connection type serve callbacks,
// futures and coroutines.
#pragma once

#include <asio/any_io_executor.hpp>
#include <asio/associated_allocator.hpp>
#include <asio/associated_cancellation_slot.hpp>
#include <asio/associated_executor.hpp>
#include <asio/cancellation_type.hpp>
#include <asio/dispatch.hpp>
#include <asio/execution/outstanding_work.hpp>
#include <asio/post.hpp>
#include <asio/prefer.hpp>
#include <asio/recycling_allocator.hpp>
#include <cstddef>
#include <memory>
#include <type_traits>
#include <utility>

namespace kindwire::net::detail {

/// Holds one completion handler for `void(Args...)`, or none. Follows Asio's rules: the handler runs on its
/// associated executor and its memory comes from its associated allocator, given back before the handler
/// runs. A handler that never completes is destroyed with the operation. Not thread safe.
template <class... Args>
class operation {
 public:
  operation() noexcept = default;

  /// `own` is the executor of the object that completes the operation.
  template <class Handler>
  operation(Handler handler, asio::any_io_executor const& own) {
    using waiting_type = waiting<Handler>;
    auto allocator = allocator_for<waiting_type>(handler);
    auto* const place = std::allocator_traits<decltype(allocator)>::allocate(allocator, 1);
    waiting_ = ::new (static_cast<void*>(place)) waiting_type(std::move(handler), own);
  }

  operation(operation&& other) noexcept : waiting_(std::exchange(other.waiting_, nullptr)) {}
  operation& operator=(operation&& other) noexcept {
    // What is destroyed may lead back here: then it finds what comes, not what goes.
    operation last;
    last.waiting_ = std::exchange(waiting_, std::exchange(other.waiting_, nullptr));
    return *this;
  }
  ~operation() {
    if (waiting_ != nullptr) waiting_->destroy();
  }

  explicit operator bool() const noexcept { return waiting_ != nullptr; }

  /// Calls the handler with `args`, and is empty from then on. To be called on the executor given at
  /// construction: a handler that belongs there too is called at once.
  void complete(Args... args) { std::exchange(waiting_, nullptr)->complete(true, std::move(args)...); }

  /// The same, but never before this returns.
  void post(Args... args) { std::exchange(waiting_, nullptr)->complete(false, std::move(args)...); }

 private:
  struct base {
    virtual void complete(bool at_once, Args... args) = 0;
    virtual void destroy() noexcept = 0;

   protected:
    ~base() = default;
  };

  template <class Target, class Handler>
  static auto allocator_for(Handler const& handler) {
    auto allocator = asio::get_associated_allocator(handler, asio::recycling_allocator<void>());
    return typename std::allocator_traits<decltype(allocator)>::template rebind_alloc<Target>(allocator);
  }

  template <class Handler>
  struct waiting final : base {
    using executor_type = asio::associated_executor_t<Handler, asio::any_io_executor>;
    using work_type = std::decay_t<decltype(asio::prefer(std::declval<executor_type const&>(),
                                                         asio::execution::outstanding_work.tracked))>;

    waiting(Handler&& from, asio::any_io_executor const& own)
        : handler(std::move(from)),
          work(asio::prefer(asio::get_associated_executor(handler, own),
                            asio::execution::outstanding_work.tracked)) {
      if constexpr (std::is_same_v<executor_type, asio::any_io_executor>) {
        belongs_here = asio::get_associated_executor(handler, own) == own;
      }
    }

    void complete(bool at_once, Args... args) override {
      asio::get_associated_cancellation_slot(handler).clear();
      Handler ready(std::move(handler));
      work_type executor(std::move(work));
      bool const direct = at_once && belongs_here;
      free(allocator_for<waiting>(ready));  // the handler that was moved from may know no allocator any more
      if (direct) {
        ready(std::move(args)...);
        return;
      }
      auto call = [ready = std::move(ready), ... args = std::move(args)]() mutable {
        ready(std::move(args)...);
      };
      if (at_once) {
        asio::dispatch(executor, std::move(call));
      } else {
        asio::post(executor, std::move(call));
      }
    }

    void destroy() noexcept override {
      Handler const last(std::move(handler));  // may own what the allocator gives from
      free(allocator_for<waiting>(last));
    }

    template <class Allocator>
    void free(Allocator allocator) noexcept {
      this->~waiting();
      std::allocator_traits<Allocator>::deallocate(allocator, this, 1);
    }

    Handler handler;
    work_type work;
    bool belongs_here = false;
  };

  base* waiting_ = nullptr;
};

}  // namespace kindwire::net::detail
