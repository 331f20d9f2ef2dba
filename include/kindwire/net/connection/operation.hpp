// A waiting completion handler, type-erased, so that one connection type serves callbacks, futures and
// coroutines.
#pragma once

#include <algorithm>
#include <asio/any_io_executor.hpp>
#include <asio/associated_allocator.hpp>
#include <asio/associated_cancellation_slot.hpp>
#include <asio/associated_executor.hpp>
#include <asio/cancellation_type.hpp>
#include <asio/dispatch.hpp>
#include <asio/error.hpp>
#include <asio/execution/outstanding_work.hpp>
#include <asio/post.hpp>
#include <asio/prefer.hpp>
#include <asio/recycling_allocator.hpp>
#include <asio/system_executor.hpp>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>
#include <system_error>
#include <type_traits>
#include <utility>
#include <vector>

#include "try_allocating.hpp"

namespace kindwire::net::detail {

// True for a handler without an associated executor: it runs wherever it is completed.
template <class Handler>
inline constexpr bool has_no_executor =
    std::is_same_v<asio::associated_executor_t<Handler, asio::any_io_executor>, asio::any_io_executor>&&
        std::is_same_v<asio::associated_executor_t<Handler, asio::system_executor>, asio::system_executor>;

// Stands for the executor of a handler that runs on the owner's.
struct on_own_executor {};
constexpr on_own_executor work_on(on_own_executor) noexcept { return {}; }
template <class Executor>
auto work_on(Executor const& executor) {
  return asio::prefer(executor, asio::execution::outstanding_work.tracked);
}

/// Holds one completion handler for `void(Args...)`, or none. Follows Asio's rules: the handler runs on its
/// associated executor. A small one is stored inside; memory for others comes from their associated
/// allocator, and is freed before the handler runs. A handler that never completes is destroyed with the
/// operation. Not thread safe.
///
/// `owner_executor` is, in all calls, the executor of the object that completes the operation. A waiting
/// handler counts as work only on an executor of its own: the owner has a stream operation under way as long
/// as one of these waits, and need not be counted twice. See tracked_operation.
template <class... Args>
class operation {
 public:
  operation() noexcept = default;

  template <class Handler>
  operation(Handler handler, asio::any_io_executor const& owner_executor) {
    if constexpr (has_no_executor<Handler>) {
      keep(std::move(handler), on_own_executor{});
    } else {
      auto const executor = asio::get_associated_executor(handler, owner_executor);
      if constexpr (std::is_same_v<decltype(executor), asio::any_io_executor const>) {
        if (executor == owner_executor) {
          keep(std::move(handler), on_own_executor{});
          return;
        }
      }
      keep(std::move(handler), executor);
    }
  }

  operation(operation&& other) noexcept { take(other); }
  operation& operator=(operation&& other) noexcept {
    // Destroying the old handler may lead back here, where it then finds the new one.
    operation const last(std::move(*this));
    take(other);
    return *this;
  }
  ~operation() {
    if (vtable_ != nullptr) vtable_->destroy(storage_);
  }

  explicit operator bool() const noexcept { return vtable_ != nullptr; }

  /// Calls the handler with `args`, and is empty from then on. Call on the owner's executor: a handler that
  /// runs there too is called before this returns.
  void complete(Args... args) { std::exchange(vtable_, nullptr)->complete(storage_, std::move(args)...); }

  /// The same, but never before this returns. May throw std::bad_alloc; then the handler is lost.
  void post(asio::any_io_executor const& owner_executor, Args... args) {
    std::exchange(vtable_, nullptr)->post(storage_, owner_executor, std::move(args)...);
  }

  /// For results reported only once: like post(), but like complete() if out of memory. Call on the owner's
  /// executor.
  void post_or_complete(asio::any_io_executor const& owner_executor, Args... args) {
    std::exchange(vtable_, nullptr)->post_or_complete(storage_, owner_executor, std::move(args)...);
  }

 private:
  // Three words: enough for a waiting coroutine, or the usual captures of a callback.
  static constexpr std::size_t storage_size = 3 * sizeof(void*);

  // The actions on the handler kept in, or by, the storage. All but move() free it.
  struct actions {
    void (*complete)(void* storage, Args&&... args);
    void (*post)(void* storage, asio::any_io_executor const& owner_executor, Args&&... args);
    void (*post_or_complete)(void* storage, asio::any_io_executor const& owner_executor, Args&&... args);
    void (*move)(void* storage, void* to) noexcept;
    void (*destroy)(void* storage) noexcept;
  };

  template <class Handler, class Executor>
  struct waiting {
    using work_type = decltype(work_on(std::declval<Executor const&>()));

    waiting(Handler&& from, Executor const& executor) : handler(std::move(from)), work(work_on(executor)) {}

    Handler handler;
    [[no_unique_address]] work_type work;

    static constexpr bool fits() noexcept {
      return sizeof(waiting) <= storage_size && alignof(waiting) <= alignof(void*) &&
             std::is_nothrow_move_constructible_v<Handler> && std::is_nothrow_move_constructible_v<work_type>;
    }
    static waiting* in(void* storage) noexcept {
      if constexpr (fits())
        return static_cast<waiting*>(storage);
      else
        return *static_cast<waiting**>(storage);
    }

    static void complete(void* storage, Args&&... args) {
      [[maybe_unused]] auto const executor = std::move(in(storage)->work);
      if constexpr (std::is_same_v<Executor, on_own_executor>) {
        take(storage)(std::move(args)...);
      } else {
        asio::dispatch(executor, bind(take(storage), std::move(args)...));
      }
    }
    static void post(void* storage, [[maybe_unused]] asio::any_io_executor const& owner_executor,
                     Args&&... args) {
      [[maybe_unused]] auto const executor = std::move(in(storage)->work);
      if constexpr (std::is_same_v<Executor, on_own_executor>) {
        asio::post(owner_executor, bind(take(storage), std::move(args)...));
      } else {
        asio::post(executor, bind(take(storage), std::move(args)...));
      }
    }
    static void post_or_complete(void* storage, [[maybe_unused]] asio::any_io_executor const& owner_executor,
                                 Args&&... args) {
      [[maybe_unused]] auto const executor = std::move(in(storage)->work);
      auto ready = bind(take(storage), std::move(args)...);
      // post() loses its function if out of memory, so it gets only a handle to this.
      std::shared_ptr<decltype(ready)> last;
      bool const posted = try_allocating([&] {
        last = std::make_shared<decltype(ready)>(std::move(ready));
        if constexpr (std::is_same_v<Executor, on_own_executor>) {
          asio::post(owner_executor, [last] { (*last)(); });
        } else {
          asio::post(executor, [last] { (*last)(); });
        }
      });
      if (!posted) last ? (*last)() : ready();
    }
    static void move(void* storage, void* to) noexcept {
      if constexpr (fits()) {
        ::new (to) waiting(std::move(*in(storage)));
        in(storage)->~waiting();
      } else {
        ::new (to) waiting*(in(storage));
      }
    }
    static void destroy(void* storage) noexcept {
      Handler const last(std::move(in(storage)->handler));  // may own the allocator's memory
      free(in(storage), last);
    }

    static Handler take(void* storage) {
      waiting* const place = in(storage);
      asio::get_associated_cancellation_slot(place->handler).clear();
      Handler ready(std::move(place->handler));
      free(place, ready);  // a moved-from handler may not know its allocator
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

    static constexpr actions vtable{complete, post, post_or_complete, move, destroy};
  };

  template <class Handler, class Executor>
  void keep(Handler&& handler, Executor const& executor) {
    using target = waiting<Handler, Executor>;
    if constexpr (target::fits()) {
      ::new (static_cast<void*>(storage_)) target(std::move(handler), executor);
    } else {
      auto allocator = target::allocator_for(handler);
      auto* const place = std::allocator_traits<decltype(allocator)>::allocate(allocator, 1);
      ::new (static_cast<void*>(place)) target(std::move(handler), executor);
      ::new (static_cast<void*>(storage_)) target*(place);
    }
    vtable_ = &target::vtable;
  }

  void take(operation& other) noexcept {
    vtable_ = std::exchange(other.vtable_, nullptr);
    if (vtable_ != nullptr) vtable_->move(other.storage_, storage_);
  }

  template <class Handler>
  static auto bind(Handler&& ready, Args&&... args) {
    return [ready = std::move(ready), ... args = std::move(args)]() mutable { ready(std::move(args)...); };
  }

  actions const* vtable_ = nullptr;
  alignas(void*) std::byte storage_[storage_size];
};

/// The same for an owner that may have nothing else under way: a waiting handler always counts as work.
template <class... Args>
class tracked_operation {
 public:
  tracked_operation() noexcept = default;
  template <class Handler>
  tracked_operation(Handler handler, asio::any_io_executor const& owner_executor)
      : one_(std::move(handler), owner_executor),
        work_(asio::prefer(owner_executor, asio::execution::outstanding_work.tracked)) {}

  explicit operator bool() const noexcept { return static_cast<bool>(one_); }

  void complete(Args... args) {
    auto const owner_executor = std::exchange(work_, {});
    one_.complete(std::move(args)...);
  }
  void post(Args... args) {
    auto const owner_executor = std::exchange(work_, {});
    one_.post(owner_executor, std::move(args)...);
  }
  void post_or_complete(Args... args) {
    auto const owner_executor = std::exchange(work_, {});
    one_.post_or_complete(owner_executor, std::move(args)...);
  }

 private:
  operation<Args...> one_;
  asio::any_io_executor work_;
};

// Calls `cancel(owner)` when the operation with this slot is cancelled, if the owner still exists.
template <class Slot, class Owner, class Cancel>
void on_cancellation(Slot slot, std::shared_ptr<Owner> const& owner, Cancel cancel) {
  if (!slot.is_connected()) return;
  slot.assign([owner = std::weak_ptr<Owner>(owner), cancel = std::move(cancel)](asio::cancellation_type) {
    if (auto const there = owner.lock()) cancel(*there);
  });
}

// Operations that wait for the same event. A ticket identifies one to the cancellation slot that may end it.
// Handlers run inside these calls only if there is no memory to post them.
class waiting_list {
 public:
  using waiting = operation<std::error_code>;

  bool empty() const noexcept { return all_.empty(); }

  void add(waiting one, std::uint32_t ticket) { all_.push_back({ticket, std::move(one)}); }

  void cancel(asio::any_io_executor const& owner_executor, std::uint32_t ticket) {
    auto const found =
        std::find_if(all_.begin(), all_.end(), [&](auto const& each) { return each.ticket == ticket; });
    if (found == all_.end()) return;
    auto one = std::move(found->one);
    all_.erase(found);
    one.post_or_complete(owner_executor, asio::error::operation_aborted);
  }

  void complete(asio::any_io_executor const& owner_executor, std::error_code outcome) {
    for (auto& each : std::exchange(all_, {})) each.one.post_or_complete(owner_executor, outcome);
  }

 private:
  struct entry {
    std::uint32_t ticket;
    waiting one;
  };
  std::vector<entry> all_;
};

// Keeps a connection alive while an operation of its own is under way. Lives in the operation's handler. If
// that is destroyed without being called, its context is being destroyed: the connection then drops the
// operations that wait in it, since a coroutine that waits for the connection may be what keeps it alive.
template <class Connection>
class operation_guard {
 public:
  explicit operation_guard(std::shared_ptr<Connection> of) noexcept : of_(std::move(of)) {}
  operation_guard(operation_guard&&) noexcept = default;
  operation_guard(operation_guard const&) = delete;
  operation_guard& operator=(operation_guard const&) = delete;
  ~operation_guard() {
    if (of_) of_->drop_operations();
  }

  // The handler calls this first.
  std::shared_ptr<Connection> end() noexcept { return std::move(of_); }

 private:
  std::shared_ptr<Connection> of_;
};

}  // namespace kindwire::net::detail
