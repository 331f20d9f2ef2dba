// All sockets of a context that several threads run, waited for together: as epoll_set, but thread safe.
//
// A thread takes a few events at a time, and then calls the members that they are for, each on its own
// executor. Other threads help with that if they have nothing to do: a handler that takes long holds up
// nobody but its own connection. Who takes the last of the events lets the next thread wait.
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
    member(shared_epoll_set& of, strand const& on) noexcept : set_(&of), executor_(on) { of.link(*this); }
    member(member const&) = delete;
    member& operator=(member const&) = delete;

    virtual void on_events(std::uint32_t events) = 0;
    virtual void on_time(clock::time_point due) = 0;
    virtual void on_shutdown() noexcept = 0;

   protected:
    virtual ~member() {
      if (set_ != nullptr) set_->unlink(*this);
    }
    bool is_in_set() const noexcept { return in_set_; }

   private:
    friend class shared_epoll_set;
    friend class time_heap<member>;
    static constexpr std::uint32_t none = ~std::uint32_t{0};

    shared_epoll_set* set_;           // null once the context is destroyed, which a strand must not outlive:
    asio::any_io_executor executor_;  // empty then
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

  static asio::any_io_executor const& executor_of(member const& one) noexcept { return one.executor_; }

  // These do what they do in an epoll_set.

  void add(int socket, member& fresh, std::shared_ptr<void> owner, std::error_code& failure) {
    std::lock_guard const lock(mutex_);
    if (!watch(EPOLL_CTL_ADD, socket, fresh)) {
      failure.assign(errno, asio::error::get_system_category());
      return;
    }
    fresh.watched_ = socket;
    fresh.kept_ = std::move(owner);
    ++in_set_;
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

  // What a member is to be told, at the time when it was found out.
  struct happening {
    member* to = nullptr;
    std::shared_ptr<void> owner = {};
    std::uint32_t events = 0;
    clock::time_point at = {};
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
    std::array<happening, events_a_turn> const untold = std::exchange(events_, {});
    at_ = count_ = 0;
    while (first_ != nullptr) {
      member& last = *first_;
      unlink_from_list(last);
      times_.erase(last);
      last.set_ = nullptr;
      auto const owner = std::move(last.kept_);
      if (std::exchange(last.in_set_, false)) last.on_shutdown();
      last.strand_ = nullptr;
      last.executor_ = {};
    }
  }

  // All members there are, in the set or not.
  void link(member& fresh) noexcept {
    std::lock_guard const lock(mutex_);
    fresh.next_ = first_;
    if (first_ != nullptr) first_->previous_ = &fresh;
    first_ = &fresh;
  }
  void unlink(member& gone) noexcept {
    std::lock_guard const lock(mutex_);
    unlink_from_list(gone);
  }

  // The following are called with the mutex locked.

  void unlink_from_list(member& gone) noexcept {
    (gone.previous_ != nullptr ? gone.previous_->next_ : first_) = gone.next_;
    if (gone.next_ != nullptr) gone.next_->previous_ = gone.previous_;
    gone.next_ = gone.previous_ = nullptr;
  }

  bool watch(int how, int socket, member& one) noexcept {
    epoll_event event = epoll_set::all_changes;
    event.data.ptr = &one;
    return ::epoll_ctl(descriptor_.native_handle(), how, socket, &event) == 0;
  }

  std::shared_ptr<void> forget(member& gone) noexcept {
    epoll_event ignored = {};
    ::epoll_ctl(descriptor_.native_handle(), EPOLL_CTL_DEL, std::exchange(gone.watched_, -1), &ignored);
    forget_time(gone);
    if (--in_set_ == 0 && armed_) {
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

  void arm() {
    if (armed_ || shut_ || in_set_ == 0 || at_ != count_) return;
    descriptor_.async_wait(asio::posix::stream_descriptor::wait_read, [this](std::error_code) {
      {
        std::lock_guard const again(mutex_);
        armed_ = false;
        fetch();
      }
      tell();
    });
    armed_ = true;
  }

  // Only while nothing waits, which is when the set is armed.
  void fetch() noexcept {
    at_ = count_ = 0;
    std::array<epoll_event, events_a_turn> found;
    int const ready =
        ::epoll_wait(descriptor_.native_handle(), found.data(), static_cast<int>(found.size()), 0);
    clock::time_point const now = clock::now();
    // Whatever is reported is a member: none leaves without the lock.
    for (; ready > 0 && count_ != static_cast<std::size_t>(ready); ++count_) {
      auto* const to = static_cast<member*>(found[count_].data.ptr);
      events_[count_] = {to, to->kept_, found[count_].events, now};
    }
  }

  // What comes next, for one thread; false if nothing is left.
  bool take(happening& next) {
    bool const any = at_ != count_;
    if (any) next = std::exchange(events_[at_++], {});
    let_others_go_on();
    return any;
  }

  // If there is more, another thread is asked to help; if not, the set is armed. What there is no memory for,
  // the next call makes up for.
  void let_others_go_on() {
    if (at_ == count_) {
      try_allocating([&] { arm(); });
    } else if (!helped_) {
      helped_ = try_allocating([&] {
        asio::post(io_, [this] {
          {
            std::lock_guard const lock(mutex_);
            helped_ = false;
          }
          tell();
        });
      });
    }
  }

  void set_timer() {
    if (shut_ || times_.empty() || times_.front().at >= timed_for_) return;
    timed_for_ = (clock::time_point::max)();  // nothing is waited for any more
    timer_.expires_at(times_.front().at);
    timer_.async_wait([this](std::error_code stopped) {
      if (!stopped) ring();
    });
    timed_for_ = times_.front().at;
  }

  // The rest locks it. Once the context is stopped, or a handler's exception is about to leave run(), what is
  // left waits until it runs again.
  void tell() {
    threw_here() = false;
    while (!threw_here() && !io_.stopped()) {
      happening next;
      {
        std::lock_guard const lock(mutex_);
        if (!take(next)) return;
      }
      tell(std::move(next));
    }
    std::lock_guard const lock(mutex_);
    let_others_go_on();
  }

  void tell(happening next) {
    member* const to = next.to;
    bool const told = on_strand_of(*to, [to, owner = next.owner, events = next.events, at = next.at] {
      if (to->in_set_) take_turn(*to, events, at);
    });
    if (told) return;
    // Reported again at the next look.
    std::lock_guard const lock(mutex_);
    if (to->watched_ >= 0) watch(EPOLL_CTL_MOD, to->watched_, *to);
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

  // At once if the strand is free. False if out of memory.
  template <class Work>
  static bool on_strand_of(member& one, Work work) {
    return try_allocating([&] { one.strand_->execute(std::move(work)); });
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
  std::size_t in_set_ = 0;                       // members
  std::array<happening, events_a_turn> events_;  // to be told, from at_ to count_
  std::size_t at_ = 0;
  std::size_t count_ = 0;
  time_heap<member> times_;
  clock::time_point timed_for_ = (clock::time_point::max)();
  bool armed_ = false;
  bool helped_ = false;  // another thread is asked to
  bool shut_ = false;
};

}  // namespace kindwire::net::detail

#endif
