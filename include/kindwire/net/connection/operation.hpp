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
/// associated executor. A small one is kept inside; the memory of others comes from their associated
/// allocator, given back before the handler runs. A handler that never completes is destroyed with the
/// operation. Not thread safe.
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
      keep(std::move(handler), here{});
    } else {
      auto const executor = asio::get_associated_executor(handler, own);
      if constexpr (std::is_same_v<decltype(executor), asio::any_io_executor const>) {
        if (executor == own) {
          keep(std::move(handler), here{});
          return;
        }
      }
      keep(std::move(handler), executor);
    }
  }

  operation(operation&& other) noexcept { take(other); }
  operation& operator=(operation&& other) noexcept {
    // What is destroyed may lead back here: then it finds what comes, not what goes.
    operation const last(std::move(*this));
    take(other);
    return *this;
  }
  ~operation() {
    if (does_ != nullptr) does_->destroy(room_);
  }

  explicit operator bool() const noexcept { return does_ != nullptr; }

  /// Calls the handler with `args`, and is empty from then on. To be called on `own`: a handler that belongs
  /// there too is called before this returns.
  void complete(Args... args) { std::exchange(does_, nullptr)->complete(room_, std::move(args)...); }

  /// The same, but never before this returns.
  void post(asio::any_io_executor const& own, Args... args) {
    std::exchange(does_, nullptr)->post(room_, own, std::move(args)...);
  }

 private:
  // Two pointers and a size: a coroutine that waits, or what a callback usually needs to find its way back.
  static constexpr std::size_t room_size = 3 * sizeof(void*);

  // What can be done with the handler that is kept in, or by, a room. All but move() leave the room free.
  struct actions {
    void (*complete)(void* room, Args&&... args);
    void (*post)(void* room, asio::any_io_executor const& own, Args&&... args);
    void (*move)(void* room, void* to) noexcept;
    void (*destroy)(void* room) noexcept;
  };

  template <class Handler, class Executor>
  struct waiting {
    using work_type = decltype(work_on(std::declval<Executor const&>()));

    waiting(Handler&& from, Executor const& executor) : handler(std::move(from)), work(work_on(executor)) {}

    Handler handler;
    [[no_unique_address]] work_type work;

    static constexpr bool fits() noexcept {
      return sizeof(waiting) <= room_size && alignof(waiting) <= alignof(void*) &&
             std::is_nothrow_move_constructible_v<Handler> && std::is_nothrow_move_constructible_v<work_type>;
    }
    static waiting* in(void* room) noexcept {
      if constexpr (fits())
        return static_cast<waiting*>(room);
      else
        return *static_cast<waiting**>(room);
    }

    static void complete(void* room, Args&&... args) {
      [[maybe_unused]] auto const executor = std::move(in(room)->work);
      if constexpr (std::is_same_v<Executor, here>) {
        take(room)(std::move(args)...);
      } else {
        asio::dispatch(executor, bind(take(room), std::move(args)...));
      }
    }
    static void post(void* room, [[maybe_unused]] asio::any_io_executor const& own, Args&&... args) {
      [[maybe_unused]] auto const executor = std::move(in(room)->work);
      if constexpr (std::is_same_v<Executor, here>) {
        asio::post(own, bind(take(room), std::move(args)...));
      } else {
        asio::post(executor, bind(take(room), std::move(args)...));
      }
    }
    static void move(void* room, void* to) noexcept {
      if constexpr (fits()) {
        ::new (to) waiting(std::move(*in(room)));
        in(room)->~waiting();
      } else {
        ::new (to) waiting*(in(room));
      }
    }
    static void destroy(void* room) noexcept {
      Handler const last(std::move(in(room)->handler));  // may own what the allocator gives from
      free(in(room), last);
    }

    static Handler take(void* room) {
      waiting* const place = in(room);
      asio::get_associated_cancellation_slot(place->handler).clear();
      Handler ready(std::move(place->handler));
      free(place, ready);  // what was moved from may know no allocator any more
      return ready;
    }

    static auto allocator_for(Handler const& handler) {
      auto allocator = asio::get_associated_allocator(handler, asio::recycling_allocator<void>());
      return typename std::allocator_traits<decltype(allocator)>::template rebind_alloc<waiting>(allocator);
    }
    static void free(waiting* place, Handler const& by) noexcept {
      place->~waiting();
      if constexpr (!fits()) {
        auto allocator = allocator_for(by);
        std::allocator_traits<decltype(allocator)>::deallocate(allocator, place, 1);
      }
    }

    static constexpr actions does{complete, post, move, destroy};
  };

  template <class Handler, class Executor>
  void keep(Handler&& handler, Executor const& executor) {
    using target = waiting<Handler, Executor>;
    if constexpr (target::fits()) {
      ::new (static_cast<void*>(room_)) target(std::move(handler), executor);
    } else {
      auto allocator = target::allocator_for(handler);
      auto* const place = std::allocator_traits<decltype(allocator)>::allocate(allocator, 1);
      ::new (static_cast<void*>(place)) target(std::move(handler), executor);
      ::new (static_cast<void*>(room_)) target*(place);
    }
    does_ = &target::does;
  }

  void take(operation& other) noexcept {
    does_ = std::exchange(other.does_, nullptr);
    if (does_ != nullptr) does_->move(other.room_, room_);
  }

  template <class Handler>
  static auto bind(Handler&& ready, Args&&... args) {
    return [ready = std::move(ready), ... args = std::move(args)]() mutable { ready(std::move(args)...); };
  }

  actions const* does_ = nullptr;
  alignas(void*) std::byte room_[room_size];
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
