// All sockets of a context that several threads run, waited for together: as epoll_set, but thread safe.
//
// A thread takes a few events, lets the next one wait, and then calls the members that they are for, each on
// its own executor.
#pragma once

#include "epoll_set.hpp"

#if defined(KINDWIRE_HAS_EPOLL_SET)

#include <array>
#include <asio/any_io_executor.hpp>
#include <asio/execution_context.hpp>
#include <asio/io_context.hpp>
#include <asio/posix/stream_descriptor.hpp>
#include <asio/post.hpp>
#include <asio/steady_timer.hpp>
#include <asio/strand.hpp>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <system_error>
#include <utility>

#include "../connection/target_of.hpp"
#include "../connection/try_allocating.hpp"
#include "flood_watch.hpp"
#include "time_heap.hpp"

namespace kindwire::net::detail {

// A service of an io_context. As long as it has members, the context has work.
class shared_epoll_set final : public asio::execution_context::service {
 public:
  using clock = epoll_set::clock;
  // Serialises the calls of one member.
  using strand = asio::strand<asio::io_context::executor_type>;

  // As one of epoll_set. It is called on its strand, and uses the set there.
  class member {
   public:
    explicit member(strand const& on) noexcept : executor_(on) {}
    member(member const&) = delete;
    member& operator=(member const&) = delete;

    virtual void on_events(std::uint32_t events) = 0;
    virtual void on_time(clock::time_point due) = 0;
    virtual void on_shutdown() noexcept = 0;

   protected:
    virtual ~member() = default;
    bool is_in_set() const noexcept { return in_set_; }

   private:
    friend class shared_epoll_set;
    friend class time_heap<member>;
    static constexpr std::uint32_t none = ~std::uint32_t{0};

    asio::any_io_executor executor_;  // empty once the context is destroyed, which a strand must not outlive
    strand const* strand_ = target_of<strand>(executor_);
    clock::time_point due_ = (clock::time_point::max)();  // what start_timer() was last told
    clock::time_point turn_at_;                           // zero outside of its turn

    // The set's, under its lock.
    std::shared_ptr<void> kept_;
    member* next_ = nullptr;
    member* previous_ = nullptr;
    std::uint32_t place_in_times_ = none;
    int watched_ = -1;  // the socket

    bool in_set_ = false;
    bool waits_for_turn_ = false;

   protected:
    bool readable_ = false;
    bool hung_up_ = false;
  };

  inline static asio::execution_context::id id;

  explicit shared_epoll_set(asio::execution_context& context)
      : asio::execution_context::service(context),
        io_(static_cast<asio::io_context&>(context)),
        timer_(io_),
        descriptor_(io_, epoll_set::created()) {}

  static shared_epoll_set& of(asio::io_context& context) {
    return asio::use_service<shared_epoll_set>(context);
  }

  asio::any_io_executor const& executor_of(member const& one) const noexcept { return one.executor_; }

  // These do what they do in an epoll_set.

  void add(int socket, member& fresh, std::shared_ptr<void> owner, std::error_code& failure) {
    std::lock_guard const lock(mutex_);
    if (!watch(EPOLL_CTL_ADD, socket, fresh)) {
      failure.assign(errno, asio::error::get_system_category());
      return;
    }
    fresh.watched_ = socket;
    fresh.kept_ = std::move(owner);
    fresh.next_ = first_;
    if (first_ != nullptr) first_->previous_ = &fresh;
    first_ = &fresh;
    try {
      arm();
    } catch (...) {
      auto const last = forget(fresh);
      throw;
    }
    fresh.in_set_ = true;
  }

  std::shared_ptr<void> remove(int, member& gone) noexcept {
    gone.in_set_ = false;
    gone.due_ = (clock::time_point::max)();
    std::lock_guard const lock(mutex_);
    return forget(gone);
  }

  clock::time_point now(member const& one) const noexcept {
    return one.turn_at_ == clock::time_point{} ? clock::now() : one.turn_at_;
  }

  void start_timer(member& one, clock::time_point at) {
    std::lock_guard const lock(mutex_);
    times_.set(one, at);
    try {
      set_timer();
    } catch (...) {
      times_.erase(one);
      throw;
    }
    one.due_ = at;
  }
  void stop_timer(member& one) noexcept {
    if (one.due_ == (clock::time_point::max)()) return;
    one.due_ = (clock::time_point::max)();
    std::lock_guard const lock(mutex_);
    forget_time(one);
  }

  // Per thread: what one thread does is what its next connections wait for.
  void took(member const& one, std::size_t size) noexcept { floods_here().took(&one, size); }
  bool floods(member const& one) const noexcept { return floods_here().floods(&one); }

  void again(member& one) {
    if (one.waits_for_turn_) return;
    std::shared_ptr<void> owner;
    {
      std::lock_guard const lock(mutex_);
      owner = one.kept_;
    }
    asio::post(*one.strand_, [&one, owner = std::move(owner)] {
      one.waits_for_turn_ = false;
      if (one.in_set_) one.on_events(0);
    });
    one.waits_for_turn_ = true;
  }

 private:
  // Few, so that the next thread has something to do as well while their handlers run.
  static constexpr std::size_t events_a_turn = 16;
  static constexpr std::chrono::milliseconds asked_again_after{50};

  // What a member is to be told.
  struct happening {
    member* to;
    std::shared_ptr<void> owner;
    std::uint32_t events;
  };

  // A member's address may have been another's: that can only make it read less at a time.
  static flood_watch& floods_here() noexcept {
    static thread_local constinit flood_watch one;
    return one;
  }

  // Asio keeps what leaves the handlers of a turn until it ends.
  static bool& threw_here() noexcept {
    static thread_local constinit bool value = false;
    return value;
  }

  void shutdown() noexcept override {
    shut_ = true;
    while (first_ != nullptr) {
      member& last = *first_;
      unlink(last);
      forget_time(last);
      last.in_set_ = false;
      auto const owner = std::move(last.kept_);
      last.on_shutdown();
      last.strand_ = nullptr;
      last.executor_ = {};
    }
  }

  // The following are called with the mutex locked.

  bool watch(int how, int socket, member& one) noexcept {
    epoll_event event = epoll_set::all_changes;
    event.data.ptr = &one;
    return ::epoll_ctl(descriptor_.native_handle(), how, socket, &event) == 0;
  }

  std::shared_ptr<void> forget(member& gone) noexcept {
    epoll_event ignored = {};
    ::epoll_ctl(descriptor_.native_handle(), EPOLL_CTL_DEL, std::exchange(gone.watched_, -1), &ignored);
    unlink(gone);
    forget_time(gone);
    if (first_ == nullptr && armed_) {
      std::error_code failure;
      descriptor_.cancel(failure);
    }
    return std::move(gone.kept_);
  }

  void forget_time(member& one) noexcept {
    times_.erase(one);
    if (!times_.empty() || timed_for_ == (clock::time_point::max)()) return;
    timed_for_ = (clock::time_point::max)();
    timer_.cancel();
  }

  void unlink(member& gone) noexcept {
    (gone.previous_ != nullptr ? gone.previous_->next_ : first_) = gone.next_;
    if (gone.next_ != nullptr) gone.next_->previous_ = gone.previous_;
    gone.next_ = gone.previous_ = nullptr;
  }

  void arm() {
    if (armed_ || shut_ || first_ == nullptr) return;
    descriptor_.async_wait(asio::posix::stream_descriptor::wait_read, [this](std::error_code) { turn(); });
    armed_ = true;
  }

  void set_timer() {
    if (shut_ || times_.empty() || times_.front().at >= timed_for_) return;
    timer_.expires_at(times_.front().at);
    timer_.async_wait([this](std::error_code stopped) {
      if (!stopped) ring();
    });
    timed_for_ = times_.front().at;
  }

  // The rest locks it.

  void turn() {
    std::array<happening, events_a_turn> all;
    std::size_t count = 0;
    bool waits = false;
    {
      std::lock_guard const lock(mutex_);
      armed_ = false;
      std::array<epoll_event, events_a_turn> events;
      int const ready =
          ::epoll_wait(descriptor_.native_handle(), events.data(), static_cast<int>(events.size()), 0);
      // Whatever is reported is a member: none leaves without the lock.
      for (; ready > 0 && count != static_cast<std::size_t>(ready); ++count) {
        auto* const to = static_cast<member*>(events[count].data.ptr);
        all[count] = {to, to->kept_, events[count].events};
      }
      waits = try_allocating([&] { arm(); });
    }
    threw_here() = false;
    clock::time_point const at = clock::now();
    for (std::size_t i = 0; i != count; ++i) {
      auto& [to, owner, events] = all[i];
      bool const told = on_strand_of(*to, [to = to, owner = owner, events = events, at] {
        if (to->in_set_) take_turn(*to, events, at);
      });
      owner.reset();
      if (told) continue;
      // Reported again at the next look.
      std::lock_guard const lock(mutex_);
      if (to->watched_ >= 0) watch(EPOLL_CTL_MOD, to->watched_, *to);
    }
    if (waits) return;
    // By now the memory of this wait is free.
    std::lock_guard const lock(mutex_);
    try_allocating([&] { arm(); });
  }

  // As that of epoll_set: at most as many as there are now.
  void ring() {
    clock::time_point const now = clock::now();
    std::unique_lock lock(mutex_);
    timed_for_ = (clock::time_point::max)();
    for (std::size_t left = times_.size(); left != 0 && !times_.empty() && times_.front().at <= now; --left) {
      member* const to = times_.front().of;
      times_.set(*to, now + asked_again_after);  // unless it takes it, which may wait for memory
      auto owner = to->kept_;
      lock.unlock();
      on_strand_of(*to, [this, to, owner = std::move(owner)] {
        if (to->due_ > clock::now()) return;  // stopped meanwhile, or given another time
        clock::time_point const due = to->due_;
        stop_timer(*to);
        to->on_time(due);
      });
      lock.lock();
    }
    try_allocating([&] { set_timer(); });
    try_allocating([&] { arm(); });  // may have failed for lack of memory
  }

  // At once if the strand is free. False if out of memory. What is left of a turn once the context is
  // stopped, or once a handler's exception is about to leave run(), waits until it runs again.
  template <class Work>
  bool on_strand_of(member& one, Work work) {
    return try_allocating([&] {
      if (threw_here() || io_.stopped())
        asio::post(*one.strand_, std::move(work));
      else
        one.strand_->execute(std::move(work));
    });
  }

  static void take_turn(member& one, std::uint32_t events, clock::time_point at) {
    one.turn_at_ = at;
    try {
      one.on_events(events);
    } catch (...) {
      one.turn_at_ = {};
      threw_here() = true;
      throw;
    }
    one.turn_at_ = {};
  }

  asio::io_context& io_;
  std::mutex mutex_;  // guards the rest, and the calls of what is Asio's
  asio::steady_timer timer_;
  asio::posix::stream_descriptor descriptor_;
  member* first_ = nullptr;
  time_heap<member> times_;
  clock::time_point timed_for_ = (clock::time_point::max)();
  bool armed_ = false;
  bool shut_ = false;
};

}  // namespace kindwire::net::detail

#endif
