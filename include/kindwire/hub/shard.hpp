// The part of a hub on one executor: hands what is published to the connections there.
#pragma once

#include <asio/io_context.hpp>
#include <asio/post.hpp>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <new>
#include <optional>
#include <utility>
#include <vector>

#include "../message/close.hpp"
#include "../net/connection/connection.hpp"
#include "../net/connection/context_gate.hpp"
#include "../net/connection/mail_source.hpp"
#include "../net/connection/mailbox.hpp"
#include "../net/connection/try_allocating.hpp"
#include "audience.hpp"
#include "giving.hpp"

namespace kindwire::detail {

// Takes what the hub decides, in that order, from any thread, and carries it out on its executor: for all
// connections of a context that one thread runs, or for a single one. All that is published until its turn
// comes is one turn; what goes to the same connections leaves in one write.
class shard final : public net::detail::mail_source, public giving {
 public:
  // For the connections of a context that one thread runs. `all` stands for no room in particular.
  shard(asio::io_context::executor_type const& executor, std::shared_ptr<net::detail::context_gate> gate,
        std::shared_ptr<room_log> all, report to)
      : giving(std::move(all), std::move(to)), executor_(executor), gate_(std::move(gate)) {}
  // For one connection.
  shard(std::shared_ptr<net::detail::mailbox> only, std::shared_ptr<room_log> all, report to)
      : giving(std::move(all), std::move(to)), only_(std::move(only)) {}

  struct step {
    enum class kind : std::uint8_t {
      depart,   // `who` is no longer in the hub
      enter,    // `who` gets `earlier`, and is in `where`
      leave,    // and no longer
      deliver,  // `what` goes to all of `where` but `who`, or to `who` alone
      close,    // `who` is closed with `code`
    };
    kind does;
    std::shared_ptr<audience> where = {};
    std::shared_ptr<member> who = {};
    parcel what = {};
    std::vector<parcel> earlier = {};
    close_code code{};
  };

  // From any thread. False, with nothing changed, for a parcel when more than `most` bytes of them wait, and
  // for a past when that much is taken by others: the executor does not keep up. Does nothing once the
  // context has ended. May throw std::bad_alloc; then nothing has changed.
  bool post(step next, std::size_t most = SIZE_MAX) {
    std::lock_guard const lock(mutex_);
    std::size_t const size = next.what.frames.size();
    std::size_t const past = next.earlier.size() * sizeof(parcel);
    if (size != 0 && waiting_ != 0 && waiting_ + size > most) return false;
    if (past != 0 && past_waiting_ != 0 && past_waiting_ + past > most) return false;
    if (!steps_.empty() && joins(steps_.back(), next)) {
      waiting_ += size;
      return true;
    }
    steps_.push_back(std::move(next));
    waiting_ += size;
    past_waiting_ += past;
    count_.store(steps_.size(), std::memory_order_relaxed);  // before anybody is woken
    if (woken_) return true;
    try {
      woken_ = wake();
    } catch (...) {
      steps_.pop_back();
      waiting_ -= size;
      past_waiting_ -= past;
      count_.store(steps_.size(), std::memory_order_relaxed);
      throw;
    }
    if (woken_) return true;
    steps_.clear();
    waiting_ = past_waiting_ = 0;
    count_.store(0, std::memory_order_relaxed);
    return true;
  }

  bool is_of(net::detail::context_gate const& gate) const noexcept { return gate_.get() == &gate; }

  // For the executor only.

  bool has_mail() const noexcept override {
    return !delivering_ && count_.load(std::memory_order_relaxed) != 0;
  }
  void deliver_mail() noexcept override { deliver(false); }
  void connection_ended() noexcept override {
    if (only_) drop();
  }

 private:
  // What is published in the same room, one directly after the other, is one step.
  static bool joins(step& last, step const& next) noexcept {
    if (last.does != step::kind::deliver || next.does != step::kind::deliver || last.where != next.where ||
        last.who != next.who || last.what.how != next.what.how || last.what.key || next.what.key ||
        last.what.whole || !last.what.frames.join(next.what.frames))
      return false;
    last.what.messages += next.what.messages;
    return true;
  }

  // Posted. The steps keep members, and these the shard: with a context that ends before the turn comes, they
  // are dropped.
  struct turn {
    std::shared_ptr<shard> of;

    explicit turn(std::shared_ptr<shard> which) noexcept : of(std::move(which)) {}
    turn(turn&&) noexcept = default;
    turn& operator=(turn&&) = delete;
    ~turn() {
      if (of && !of->waking_) of->drop();
    }
    void operator()() { std::exchange(of, nullptr)->deliver(true); }
  };

  void drop() noexcept {
    std::vector<step> dropped;  // destroyed without the lock
    std::lock_guard const lock(mutex_);
    dropped.swap(steps_);
    waiting_ = past_waiting_ = 0;
    count_.store(0, std::memory_order_relaxed);
    woken_ = false;
    if (!delivering_) tell_nothing();
  }

  bool wake() {
    // A connection that takes its mail asks us.
    if (only_) return only_->ring();
    return gate_->pass([this] {
      // A turn that there is no memory for is destroyed in here, and drops nothing.
      waking_ = true;
      struct done {
        bool& waking;
        ~done() { waking = false; }
      } const guard{waking_};
      asio::post(*executor_, turn{self()});
    });
  }

  void deliver(bool in_turn) noexcept {
    if (delivering_) return;
    auto const kept = self();  // the last member may go
    delivering_ = true;
    {
      std::lock_guard const lock(mutex_);
      taken_.swap(steps_);
      waiting_ = past_waiting_ = 0;
      count_.store(0, std::memory_order_relaxed);
      if (in_turn || only_) woken_ = false;
    }
    sharing const how = !in_turn ? sharing::later : taken_.size() == 1 ? sharing::now : sharing::by_hand;
    for (step& each : taken_) net::detail::try_allocating([&] { carry_out(each, how); });
    finish();
    taken_.clear();
    delivering_ = false;
    if (!has_missed()) return;
    if (in_turn) {
      tell();
    } else if (only_) {
      connection* const to = static_cast<connection*>(only_->owner());
      bool const later = to != nullptr && net::detail::try_allocating(
                                              [&] { asio::post(to->executor(), [kept] { kept->tell(); }); });
      if (!later) tell_nothing();
    }
  }

  void carry_out(step& next, sharing how) {
    switch (next.does) {
      case step::kind::depart: next.who->box().sources().remove(*this); return;
      case step::kind::enter:
        give_past(next.who, next.where.get(), next.earlier, how);
        try {
          return next.where->add(next.who);
        } catch (std::bad_alloc const&) {
          // It would wait for what never comes.
          if (connection* const to = next.who->connection())
            to->close(close_code::try_again_later, "no memory");
          return;
        }
      case step::kind::leave: return take_leave(*next.where, *next.who);
      case step::kind::close:
        if (connection* const to = next.who->connection()) to->close(next.code, "replaced");
        return;
      case step::kind::deliver:
        if (next.where) return give_all(*next.where, next.what, next.who, how);
        return give_one(next.who, next.what, how);
    }
  }

  std::shared_ptr<shard> self() { return std::static_pointer_cast<shard>(shared_from_this()); }

  std::optional<asio::io_context::executor_type> const executor_;
  std::shared_ptr<net::detail::context_gate> const gate_;
  std::shared_ptr<net::detail::mailbox> const only_;

  std::mutex mutex_;
  std::vector<step> steps_;
  std::size_t waiting_ = 0;       // bytes of parcels in them
  std::size_t past_waiting_ = 0;  // bytes of the lists of what is given of the past
  std::atomic<std::size_t> count_{0};
  bool woken_ = false;
  bool waking_ = false;

  std::vector<step> taken_;  // for the executor only
};

}  // namespace kindwire::detail
