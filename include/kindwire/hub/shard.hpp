// The part of a hub on one executor: hands what is published to the connections there.
#pragma once

#include <asio/io_context.hpp>
#include <asio/post.hpp>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <system_error>
#include <utility>
#include <vector>

#include "../error.hpp"
#include "../message/close.hpp"
#include "../message/prepared_message.hpp"
#include "../net/connection/connection.hpp"
#include "../net/connection/context_gate.hpp"
#include "../net/connection/mail_source.hpp"
#include "../net/connection/mailbox.hpp"
#include "../net/connection/operation.hpp"
#include "../net/connection/try_allocating.hpp"
#include "audience.hpp"
#include "options.hpp"

namespace kindwire::detail {

// A connection that missed messages because it was behind.
struct missed {
  std::shared_ptr<member> who;
  std::shared_ptr<room_log> room;
  std::size_t messages;
  bool closed;
};

// Takes what the hub decides, in that order, from any thread, and carries it out on its executor: for all
// connections of a context that one thread runs, or for a single one. All that is published until its turn
// comes is one turn; what goes to the same connections leaves in one write.
class shard final : public net::detail::mail_source, public std::enable_shared_from_this<shard> {
  using connection = net::detail::connection;
  using sharing = connection::sharing;

 public:
  using report = std::function<void(std::vector<missed>)>;

  // For the connections of a context that one thread runs. `all` stands for no room in particular.
  shard(asio::io_context::executor_type const& executor, std::shared_ptr<net::detail::context_gate> gate,
        std::shared_ptr<room_log> all, report to)
      : executor_(executor), gate_(std::move(gate)), all_(std::move(all)), report_(std::move(to)) {}
  // For one connection.
  shard(std::shared_ptr<net::detail::mailbox> only, std::shared_ptr<room_log> all, report to)
      : only_(std::move(only)), all_(std::move(all)), report_(std::move(to)) {}

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

  // From any thread. False, with nothing changed, for a parcel when more than `most` bytes of them wait: the
  // executor does not keep up. Does nothing once the context has ended. May throw std::bad_alloc; then
  // nothing has changed.
  bool post(step next, std::size_t most = SIZE_MAX) {
    std::lock_guard const lock(mutex_);
    std::size_t const size = next.what.frames.size();
    if (size != 0 && waiting_ != 0 && waiting_ + size > most) return false;
    waiting_ += size;
    if (!steps_.empty() && joins(steps_.back(), next)) return true;
    steps_.push_back(std::move(next));
    count_.store(steps_.size(), std::memory_order_relaxed);  // before anybody is woken
    if (woken_) return true;
    try {
      woken_ = wake();
    } catch (...) {
      steps_.pop_back();
      waiting_ -= size;
      count_.store(steps_.size(), std::memory_order_relaxed);
      throw;
    }
    if (woken_) return true;
    steps_.clear();
    waiting_ = 0;
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
    waiting_ = 0;
    count_.store(0, std::memory_order_relaxed);
    woken_ = false;
    if (!delivering_) missed_.clear();
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
      asio::post(*executor_, turn{shared_from_this()});
    });
  }

  void deliver(bool in_turn) noexcept {
    if (delivering_) return;
    auto const self = shared_from_this();  // the last member may go
    delivering_ = true;
    {
      std::lock_guard const lock(mutex_);
      taken_.swap(steps_);
      waiting_ = 0;
      count_.store(0, std::memory_order_relaxed);
      if (in_turn || only_) woken_ = false;
    }
    // What is queued by hand is written when all is queued: in one write, whatever it is made of.
    sharing const how = !in_turn ? sharing::later : taken_.size() == 1 ? sharing::now : sharing::by_hand;
    for (step& each : taken_) net::detail::try_allocating([&] { carry_out(each, how); });
    for (auto const& each : by_hand_) {
      each->written_by_hand = false;
      if (connection* const to = each->connection()) to->write_shared();
    }
    by_hand_.clear();
    prepared_.clear();
    taken_.clear();
    for (auto const& each : large_) {
      std::lock_guard const lock(each->mutex);
      each->frames.rest();
    }
    large_.clear();
    delivering_ = false;
    if (missed_.empty()) return;
    if (in_turn) {
      tell();
    } else if (only_) {
      connection* const to = static_cast<connection*>(only_->owner());
      bool const later = to != nullptr && net::detail::try_allocating([&] {
                           asio::post(to->executor(), [self = shared_from_this()] { self->tell(); });
                         });
      if (!later) missed_.clear();
    }
  }

  void tell() {
    if (missed_.empty()) return;
    net::detail::try_allocating([&] { report_(std::exchange(missed_, {})); });
  }

  void carry_out(step& next, sharing how) {
    switch (next.does) {
      case step::kind::depart: next.who->box().sources().remove(*this); return;
      case step::kind::enter:
        // All of it, however much: that is what was promised.
        for (parcel const& each : next.earlier) {
          connection* const over = next.who->connection();
          prepared_.clear();
          if (over != nullptr) hand(next.who, *over, next.where.get(), each, how);
        }
        return next.where->add(next.who);
      case step::kind::leave: return next.where->remove(*next.who);
      case step::kind::close:
        if (connection* const to = next.who->connection()) to->close(next.code, "replaced");
        return;
      case step::kind::deliver: break;
    }
    prepared_.clear();
    if (!next.where) return give(next.who, nullptr, next.what, how);
    if (next.what.key && next.where->room->slow == slow_reader::latest_per_key) {
      ++next.where->published;
      if (next.where->behind != 0) next.where->note(next.what);
    }
    if (next.what.frames.block_size() > 1024 && (large_.empty() || large_.back() != next.where->room))
      large_.push_back(next.where->room);
    for (auto const& each : next.where->members) {
      if (each != next.who) give(each, next.where.get(), next.what, how);
    }
  }

  room_log& log_of(audience* in) const noexcept { return in != nullptr ? *in->room : *all_; }

  void give(std::shared_ptr<member> const& to, audience* in, parcel const& what, sharing how) {
    connection* const over = to->connection();
    if (over == nullptr) return;
    bool const given = net::detail::try_allocating([&] {
      // What was published in the same turn has had no chance to leave yet.
      if (!over->may_send_more()) [[unlikely]]
        over->write_shared();
      bool const in_one_turn = to->written_by_hand && !over->is_full();
      if ((!over->may_send_more() && !in_one_turn) || to->waits) [[unlikely]]
        return give_slow(to, *over, in, what, how);
      hand(to, *over, in, what, how);
    });
    if (!given) net::detail::try_allocating([&] { miss(to, in, what.messages, false); });
  }

  void hand(std::shared_ptr<member> const& to, connection& over, audience* in, parcel const& what,
            sharing how) {
    std::error_code failure;
    if (over.takes_shared_frames()) [[likely]] {
      bool const counts = over.counts() != nullptr;
      if (how == sharing::by_hand && !to->written_by_hand) {
        by_hand_.push_back(to);
        to->written_by_hand = true;
      }
      failure = over.share(what.frames, &log_of(in), how);
      for (std::size_t i = 0; counts && !failure && i != what.messages; ++i) over.count_sent();
    } else {
      failure = hand_each(to, over, what);
    }
    // Any other is that of a connection which has ended, or is about to.
    if (failure == std::errc::not_enough_memory || failure == error::send_queue_full)
      miss(to, in, what.messages, false);
  }

  // Clients, which mask; connections with an extension, for which it is encoded once; and those that are in
  // the midst of a message of their own.
  std::error_code hand_each(std::shared_ptr<member> const& to, connection& over, parcel const& what) {
    if (prepared_.empty() && what.whole) prepared_.push_back(*what.whole);
    if (prepared_.empty()) {
      for (auto rest = what.frames.bytes(); !rest.empty(); rest = rest.subspan(first_frame_size(rest)))
        prepared_.push_back(prepared_message_of(rest));
    }
    std::error_code first;
    for (prepared_message const& each : prepared_) {
      std::error_code failure = over.send(each, what.how);
      if (!failure) over.count_sent();
      if (failure == error::fragment_in_progress) failure = to->box().send(each, what.how);
      if (!first) first = failure;
    }
    return first;
  }

  static prepared_message prepared_message_of(std::span<std::byte const> frames) {
    frame_header header;
    error violation{};
    std::size_t const size = read_frame_header(frames, role::client, header, violation);
    return prepared_message(header.type, frames.subspan(size, static_cast<std::size_t>(header.length)));
  }

  // To one that is behind.
  void give_slow(std::shared_ptr<member> const& to, connection& over, audience* in, parcel const& what,
                 sharing how) {
    if (!over.protocol().is_open()) return;
    slow_reader const policy = log_of(in).slow.load(std::memory_order_relaxed);
    if (policy == slow_reader::latest_per_key && in != nullptr && what.key) {
      auto& place = *in->place_of(*to);
      if (place.behind) return;  // noted already
      if (over.may_send_more()) return hand(to, over, in, what, how);
      wait_for_room(to, over);
      in->note(what);
      place.behind = true;
      place.seen = in->published - 1;
      ++in->behind;
      return;
    }
    if (over.may_send_more()) return hand(to, over, in, what, how);  // waits for the sake of another room
    if (policy == slow_reader::close) {
      over.close(close_code::try_again_later, "too slow");
      return miss(to, in, what.messages, true);
    }
    if (policy == slow_reader::drop_oldest && over.takes_shared_frames()) {
      hand(to, over, in, what, sharing::later);
      std::size_t const dropped = over.drop_oldest(&log_of(in));
      if (dropped != 0) miss(to, in, dropped, false);
      return;
    }
    miss(to, in, what.messages, false);
  }

  void miss(std::shared_ptr<member> const& who, audience* in, std::size_t messages, bool closed) {
    room_log& log = log_of(in);
    log.dropped.fetch_add(messages, std::memory_order_relaxed);
    if (closed) log.closed.fetch_add(1, std::memory_order_relaxed);
    // Together with what it missed of the same room in this turn.
    auto const& room = in != nullptr ? in->room : all_;
    if (!missed_.empty() && missed_.back().who == who && missed_.back().room == room) {
      missed_.back().messages += messages;
      missed_.back().closed |= closed;
    } else {
      missed_.push_back({who, room, messages, closed});
    }
  }

  void wait_for_room(std::shared_ptr<member> const& who, connection& over) {
    if (who->waits) return;
    net::detail::operation<std::error_code> drained(
        [self = weak_from_this(), behind = std::weak_ptr(who)](std::error_code) {
          auto const here = self.lock();
          auto const there = behind.lock();
          if (here && there) net::detail::try_allocating([&] { here->catch_up(there); });
        },
        over.executor());
    over.wait_drained(std::move(drained), over.next_ticket());
    who->waits = true;
  }

  // The queue has room again, or the connection has ended. What is published meanwhile comes after that.
  void catch_up(std::shared_ptr<member> const& who) {
    who->waits = false;
    if (delivering_) return;
    delivering_ = true;
    net::detail::try_allocating([&] {
      for (member::place& each : who->places) {
        if (each.behind && !catch_up(who, each)) break;
      }
    });
    prepared_.clear();
    delivering_ = false;
    tell();
  }
  // False if it is behind again, or has ended.
  bool catch_up(std::shared_ptr<member> const& who, member::place& place) {
    auto const in = place.in.lock();
    if (!in) return true;
    for (audience::numbered const* each : in->since(place.seen)) {
      connection* const over = who->connection();
      if (over == nullptr || !over->protocol().is_open()) return false;
      if (!over->may_send_more()) {
        wait_for_room(who, *over);
        return false;
      }
      prepared_.clear();
      hand(who, *over, in.get(), each->what, sharing::later);
      if (each->number - place.seen > 1) miss(who, in.get(), each->number - place.seen - 1, false);
      place.seen = each->number;
    }
    in->no_longer_behind(place);
    return true;
  }

  std::optional<asio::io_context::executor_type> const executor_;
  std::shared_ptr<net::detail::context_gate> const gate_;
  std::shared_ptr<net::detail::mailbox> const only_;
  std::shared_ptr<room_log> const all_;
  report const report_;

  std::mutex mutex_;
  std::vector<step> steps_;
  std::size_t waiting_ = 0;  // bytes of parcels in them
  std::atomic<std::size_t> count_{0};
  bool woken_ = false;
  bool waking_ = false;

  // For the executor only.
  std::vector<step> taken_;
  std::vector<std::shared_ptr<member>> by_hand_;  // given something that is not written yet
  std::vector<prepared_message> prepared_;        // the parcel in hand, for connections that encode it
  std::vector<std::shared_ptr<room_log>> large_;  // whose logs may have a long block
  std::vector<missed> missed_;
  bool delivering_ = false;
};

}  // namespace kindwire::detail
