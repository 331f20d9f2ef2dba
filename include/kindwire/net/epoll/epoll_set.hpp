// All sockets of a single-threaded context, waited for together: an epoll set inside Asio's.
//
// Asio re-arms a socket with a system call for each wait, and queues an operation for each that became ready.
// Here a socket is registered once, and one wait of Asio's stands for all of them.
#pragma once

#include <asio/detail/config.hpp>

#if defined(__linux__) && defined(ASIO_HAS_EPOLL) && defined(ASIO_HAS_POSIX_STREAM_DESCRIPTOR)
#define KINDWIRE_HAS_EPOLL_SET 1

#include <sys/epoll.h>

#include <array>
#include <asio/any_io_executor.hpp>
#include <asio/error.hpp>
#include <asio/execution_context.hpp>
#include <asio/io_context.hpp>
#include <asio/posix/stream_descriptor.hpp>
#include <asio/post.hpp>
#include <asio/steady_timer.hpp>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <system_error>
#include <utility>

#include "../connection/try_allocating.hpp"
#include "flood_watch.hpp"
#include "time_heap.hpp"

namespace kindwire::net::detail {

// A service of an io_context. Not thread safe: one thread runs the context and uses this. As long as it has
// members, the context has work.
class epoll_set final : public asio::execution_context::service {
 public:
  using clock = asio::steady_timer::clock_type;

  // A socket. It is notified of changes (edge-triggered), and asks for another turn if it stopped before the
  // end of the input.
  class member {
   public:
    explicit member(epoll_set&) noexcept {}
    member(member const&) = delete;
    member& operator=(member const&) = delete;

    // EPOLLIN and the like; 0 for a turn requested by again().
    virtual void on_events(std::uint32_t events) = 0;
    // The time given to start_timer(), `due`, has come.
    virtual void on_time(clock::time_point due) = 0;
    // The context is being destroyed. This is no longer a member.
    virtual void on_shutdown() noexcept = 0;

   protected:
    virtual ~member() = default;
    bool is_in_set() const noexcept { return kept_ != nullptr; }

   private:
    friend class epoll_set;
    friend class time_heap<member>;
    static constexpr std::uint32_t none = (std::uint32_t{1} << 29) - 1;
    std::shared_ptr<void> kept_;  // what it is part of, while it is in the set: there may be no other owner
    member* next_ = nullptr;
    member* previous_ = nullptr;
    member* next_turn_ = nullptr;
    std::uint32_t place_in_times_ : 29 = none;
    bool waits_for_turn_ : 1 = false;

   protected:
    // Events not used up yet, kept by the member: each change is reported only once.
    bool readable_ : 1 = false;
    bool hung_up_ : 1 = false;
  };

  // What a member is told of.
  static constexpr epoll_event all_changes{EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET, {}};

  static int created() {
    int const descriptor = ::epoll_create1(EPOLL_CLOEXEC);
    if (descriptor < 0) throw std::system_error(errno, asio::error::get_system_category(), "epoll_create1");
    return descriptor;
  }

  inline static asio::execution_context::id id;

  explicit epoll_set(asio::execution_context& context)
      : asio::execution_context::service(context),
        io_(static_cast<asio::io_context&>(context)),
        executor_(io_.get_executor()),
        timer_(io_),
        descriptor_(io_, created()) {}

  // Where a member is called.
  asio::any_io_executor const& executor_of(member const&) const noexcept { return executor_; }

  static epoll_set& of(asio::io_context& context) { return asio::use_service<epoll_set>(context); }

  // Keeps `owner`, of which the member is a part, until it is removed. May throw std::bad_alloc; then it is
  // not added.
  void add(int socket, member& fresh, std::shared_ptr<void> owner, std::error_code& failure) {
    epoll_event event = all_changes;
    event.data.ptr = &fresh;
    if (::epoll_ctl(descriptor_.native_handle(), EPOLL_CTL_ADD, socket, &event) != 0) {
      failure.assign(errno, asio::error::get_system_category());
      return;
    }
    fresh.next_ = first_;
    if (first_ != nullptr) first_->previous_ = &fresh;
    first_ = &fresh;
    fresh.kept_ = std::move(owner);
    if (in_turn_) return;
    try {
      arm();
    } catch (...) {
      remove(socket, fresh);
      throw;
    }
  }

  // Call while the socket is still open. The member is not called from then on. Returns its owner.
  std::shared_ptr<void> remove(int socket, member& gone) noexcept {
    epoll_event ignored = {};
    ::epoll_ctl(descriptor_.native_handle(), EPOLL_CTL_DEL, socket, &ignored);
    forget(gone);
    if (first_ == nullptr && armed_) {
      std::error_code failure;
      descriptor_.cancel(failure);
    }
    return std::move(gone.kept_);
  }

  // The time of this turn: read once for all of its events.
  clock::time_point now(member const&) const noexcept {
    if (!in_turn_) return clock::now();
    if (turn_at_ == clock::time_point{}) turn_at_ = clock::now();
    return turn_at_;
  }

  // One timer per member; a later call replaces it. May throw std::bad_alloc; then the member has no timer.
  void start_timer(member& one, clock::time_point at) {
    times_.set(one, at);
    try {
      set_timer();
    } catch (...) {
      stop_timer(one);
      throw;
    }
  }
  void stop_timer(member& one) noexcept {
    times_.erase(one);
    if (times_.empty() && timed_for_ != (clock::time_point::max)()) {
      timed_for_ = (clock::time_point::max)();
      timer_.cancel();
    }
  }

  // Counts bytes that a member has read or written; and whether it takes so many that others must wait.
  void took(member const& one, std::size_t size) noexcept { flood_.took(&one, size); }
  bool floods(member const& one) const noexcept { return flood_.floods(&one); }

  // Calls the member in another turn, after whatever else is ready. May throw std::bad_alloc, with no effect.
  void again(member& one) {
    if (one.waits_for_turn_) return;
    if (!in_turn_) post_turn();
    turns_.push(one);
  }

 private:
  // A FIFO without memory of its own.
  struct queue {
    member* first = nullptr;
    member** end = &first;

    bool empty() const noexcept { return first == nullptr; }
    void push(member& one) noexcept {
      one.waits_for_turn_ = true;
      one.next_turn_ = nullptr;
      *end = &one;
      end = &one.next_turn_;
    }
    void take(queue& other) noexcept {
      if (other.empty()) return;
      *end = other.first;
      end = other.end;
      other.first = nullptr;
      other.end = &other.first;
    }
    member& pop() noexcept {
      member& one = *first;
      remove(one);
      return one;
    }
    void remove(member& gone) noexcept {
      for (member** place = &first; *place != nullptr; place = &(*place)->next_turn_) {
        if (*place != &gone) continue;
        *place = gone.next_turn_;
        if (end == &gone.next_turn_) end = place;
        gone.waits_for_turn_ = false;
        return;
      }
    }
  };

  void shutdown() noexcept override {
    in_turn_ = true;  // no more waits
    while (first_ != nullptr) {
      member& last = *first_;
      forget(last);
      auto const owner = std::move(last.kept_);
      last.on_shutdown();
    }
  }

  // Removes every reference to it: from the list, the times, the events and the turns.
  void forget(member& gone) noexcept {
    unlink(gone);
    stop_timer(gone);
    flood_.forget(&gone);
    for (std::size_t index = at_; index != count_; ++index) {
      if (events_[index].data.ptr == &gone) events_[index].data.ptr = nullptr;
    }
    if (gone.waits_for_turn_) {
      turns_.remove(gone);
      due_.remove(gone);
    }
  }

  void unlink(member& gone) noexcept {
    (gone.previous_ != nullptr ? gone.previous_->next_ : first_) = gone.next_;
    if (gone.next_ != nullptr) gone.next_->previous_ = gone.previous_;
    gone.next_ = gone.previous_ = nullptr;
  }

  void arm() {
    if (armed_ || first_ == nullptr) return;
    descriptor_.async_wait(asio::posix::stream_descriptor::wait_read, [this](std::error_code) {
      armed_ = false;
      turn();
    });
    armed_ = true;
  }

  // Only for a time before the one waited for: a timer that is too early does no harm.
  void set_timer() {
    if (times_.empty() || times_.front().at >= timed_for_) return;
    timed_for_ = (clock::time_point::max)();  // nothing is waited for any more
    timer_.expires_at(times_.front().at);
    timer_.async_wait([this](std::error_code stopped) {
      if (stopped) return;
      timed_for_ = (clock::time_point::max)();
      ring();
    });
    timed_for_ = times_.front().at;
  }

  // At most as many as there are now, so that one due again at once does not keep the others waiting.
  void ring() {
    struct guard {
      epoll_set& self;
      ~guard() {
        try_allocating([&] {
          self.set_timer();
          if (!self.in_turn_) self.arm();  // may have failed for lack of memory
        });
      }
    } const again{*this};
    clock::time_point const now = clock::now();
    for (std::size_t left = times_.size(); left != 0 && !times_.empty() && times_.front().at <= now; --left) {
      auto const due = times_.front();
      stop_timer(*due.of);
      auto const owner = due.of->kept_;
      due.of->on_time(due.at);
    }
  }

  void post_turn() {
    if (posted_) return;
    asio::post(io_, [this] {
      posted_ = false;
      turn();
    });
    posted_ = true;
  }

  // An exception from a handler leaves through io_context::run(); the others are called in a later turn, as
  // they are if it stops the context.
  struct turn_guard {
    epoll_set& self;
    ~turn_guard() {
      self.in_turn_ = false;
      try_allocating([&] {
        if (self.at_ != self.count_ || !self.due_.empty() || !self.turns_.empty()) self.post_turn();
        self.arm();
        self.set_timer();  // may have failed for lack of memory
      });
    }
  };

  void turn() {
    if (in_turn_ || first_ == nullptr) return;
    in_turn_ = true;
    turn_at_ = {};
    turn_guard const guard{*this};
    // Members that asked for this turn; requests made during this turn wait for the next.
    if (due_.empty()) due_.take(turns_);
    while (!due_.empty() && !io_.stopped()) call(due_.pop(), 0);
    if (at_ == count_) {
      at_ = count_ = 0;
      int const ready = ::epoll_wait(descriptor_.native_handle(), events_.data(), int(events_.size()), 0);
      count_ = ready > 0 ? static_cast<std::size_t>(ready) : 0;
    }
    while (at_ != count_ && !io_.stopped()) {
      epoll_event const event = events_[at_++];
      if (event.data.ptr != nullptr) call(*static_cast<member*>(event.data.ptr), event.events);
    }
  }

  static void call(member& one, std::uint32_t events) {
    auto const owner = one.kept_;
    one.on_events(events);
  }

  asio::io_context& io_;
  asio::any_io_executor executor_;
  asio::steady_timer timer_;
  asio::posix::stream_descriptor descriptor_;
  member* first_ = nullptr;
  std::array<epoll_event, 128> events_;  // of this turn, from at_ to count_
  std::size_t at_ = 0;
  std::size_t count_ = 0;
  time_heap<member> times_;
  clock::time_point timed_for_ = (clock::time_point::max)();
  flood_watch flood_;
  queue turns_;
  queue due_;
  mutable clock::time_point turn_at_;  // zero until now() is called
  bool in_turn_ = false;
  bool armed_ = false;
  bool posted_ = false;
};

}  // namespace kindwire::net::detail

#endif
