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
#include <asio/system_executor.hpp>
#include <cstddef>
#include <memory>
#include <type_traits>
#include <utility>

namespace kindwire::net::detail {

// True for a handler that leaves the choice of its executor to whoever completes it.
template <class Handler>
inline constexpr bool has_no_executor =
    std::is_same_v<asio::associated_executor_t<Handler, asio::any_io_executor>, asio::any_io_executor>&&
        std::is_same_v<asio::associated_executor_t<Handler, asio::system_executor>, asio::system_executor>;

// What stands for the executor of a handler that belongs where the object does.
struct here {};
constexpr here work_on(here) noexcept { return {}; }
template <class Executor>
auto work_on(Executor const& executor) {
  return asio::prefer(executor, asio::execution::outstanding_work.tracked);
}

/// Holds one completion handler for `void(Args...)`, or none. Follows Asio's rules: the handler runs on its
/// associated executor and its memory comes from its associated allocator, given back before the handler
/// runs. A handler that never completes is destroyed with the operation. Not thread safe.
///
/// `own` is, in all calls, the executor of the object that completes the operation. That a handler waits
/// there is work only for an executor of the handler's own: the object has an operation of its stream under
/// way as long as one of these waits, and need not be counted twice. See tracked_operation.
template <class... Args>
class operation {
 public:
  operation() noexcept = default;

  template <class Handler>
  operation(Handler handler, asio::any_io_executor const& own) {
    if constexpr (has_no_executor<Handler>) {
      waiting_ = make<waiting<Handler, here>>(std::move(handler), here{});
    } else {
      auto const executor = asio::get_associated_executor(handler, own);
      if constexpr (std::is_same_v<decltype(executor), asio::any_io_executor const>) {
        if (executor == own) {
          waiting_ = make<waiting<Handler, here>>(std::move(handler), here{});
          return;
        }
      }
      waiting_ = make<waiting<Handler, std::decay_t<decltype(executor)>>>(std::move(handler), executor);
    }
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

  /// Calls the handler with `args`, and is empty from then on. To be called on `own`: a handler that belongs
  /// there too is called before this returns.
  void complete(Args... args) { std::exchange(waiting_, nullptr)->complete(std::move(args)...); }

  /// The same, but never before this returns.
  void post(asio::any_io_executor const& own, Args... args) {
    std::exchange(waiting_, nullptr)->post(own, std::move(args)...);
  }

 private:
  struct base {
    virtual void complete(Args... args) = 0;
    virtual void post(asio::any_io_executor const& own, Args... args) = 0;
    virtual void destroy() noexcept = 0;

   protected:
    ~base() = default;
  };

  template <class Target, class Handler>
  static auto allocator_for(Handler const& handler) {
    auto allocator = asio::get_associated_allocator(handler, asio::recycling_allocator<void>());
    return typename std::allocator_traits<decltype(allocator)>::template rebind_alloc<Target>(allocator);
  }

  template <class Target, class Handler, class Executor>
  static base* make(Handler&& handler, Executor const& executor) {
    auto allocator = allocator_for<Target>(handler);
    auto* const place = std::allocator_traits<decltype(allocator)>::allocate(allocator, 1);
    return ::new (static_cast<void*>(place)) Target(std::move(handler), executor);
  }

  template <class Target, class Allocator>
  static void free(Target* place, Allocator allocator) noexcept {
    place->~Target();
    std::allocator_traits<Allocator>::deallocate(allocator, place, 1);
  }

  template <class Handler>
  static auto bind(Handler&& ready, Args&&... args) {
    return [ready = std::move(ready), ... args = std::move(args)]() mutable { ready(std::move(args)...); };
  }

  template <class Handler, class Executor>
  struct waiting final : base {
    waiting(Handler&& from, Executor const& executor) : handler(std::move(from)), work(work_on(executor)) {}

    void complete(Args... args) override {
      [[maybe_unused]] auto const executor = std::move(work);
      if constexpr (std::is_same_v<Executor, here>) {
        take()(std::move(args)...);
      } else {
        asio::dispatch(executor, bind(take(), std::move(args)...));
      }
    }
    void post([[maybe_unused]] asio::any_io_executor const& own, Args... args) override {
      [[maybe_unused]] auto const executor = std::move(work);
      if constexpr (std::is_same_v<Executor, here>) {
        asio::post(own, bind(take(), std::move(args)...));
      } else {
        asio::post(executor, bind(take(), std::move(args)...));
      }
    }
    void destroy() noexcept override {
      Handler const last(std::move(handler));  // may own what the allocator gives from
      free(this, allocator_for<waiting>(last));
    }

    Handler take() {
      asio::get_associated_cancellation_slot(handler).clear();
      Handler ready(std::move(handler));
      free(this, allocator_for<waiting>(ready));  // what was moved from may know no allocator any more
      return ready;
    }

    Handler handler;
    [[no_unique_address]] decltype(work_on(std::declval<Executor const&>())) work;
  };

  base* waiting_ = nullptr;
};

/// The same for an object that may have nothing else under way: that a handler waits is work in any case.
template <class... Args>
class tracked_operation {
 public:
  tracked_operation() noexcept = default;
  template <class Handler>
  tracked_operation(Handler handler, asio::any_io_executor const& own)
      : one_(std::move(handler), own), work_(asio::prefer(own, asio::execution::outstanding_work.tracked)) {}

  explicit operator bool() const noexcept { return static_cast<bool>(one_); }

  void complete(Args... args) {
    auto const own = std::exchange(work_, {});
    one_.complete(std::move(args)...);
  }
  void post(Args... args) {
    auto const own = std::exchange(work_, {});
    one_.post(own, std::move(args)...);
  }

 private:
  operation<Args...> one_;
  asio::any_io_executor work_;
};

}  // namespace kindwire::net::detail
