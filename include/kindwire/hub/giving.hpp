// Gives messages to the connections of one executor, and knows who is behind.
#pragma once

#include <asio/post.hpp>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <span>
#include <system_error>
#include <utility>
#include <vector>

#include "../error.hpp"
#include "../message/close.hpp"
#include "../message/extension.hpp"
#include "../message/prepared_message.hpp"
#include "../message/shared_frames.hpp"
#include "../net/connection/connection.hpp"
#include "../net/connection/operation.hpp"
#include "../net/connection/prefetch.hpp"
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

// The half of a shard that is for its executor only.
class giving : public std::enable_shared_from_this<giving> {
 public:
  using connection = net::detail::connection;
  using sharing = connection::sharing;
  using marks = net::detail::marks;
  // Called on the executor, in a turn of its own.
  using report = std::function<void(std::vector<missed>)>;

  giving(giving const&) = delete;
  giving& operator=(giving const&) = delete;

 protected:
  giving(std::shared_ptr<room_log> all, report to) : all_(std::move(all)), report_(std::move(to)) {}
  ~giving() = default;

  // What somebody gets of the past: all of it, however much, as was promised. Never throws.
  void give_past(std::shared_ptr<member> const& to, audience* in, std::vector<parcel> const& past,
                 sharing how) {
    connection* over = to->connection();
    if (past.empty() || over == nullptr || !over->protocol().is_open()) return;
    if (over->is_full_with_mail()) over->write_shared();
    if (over->is_full_with_mail() && !may_get_more(*to, *over, *in)) {
      net::detail::try_allocating([&] {
        over->close(close_code::try_again_later, "too slow");
        miss(to, in, past.size(), true);
      });
      return;
    }
    // A past puts nobody behind who was not behind before. What is queued between two pasts counts.
    bool const gets_more = promised(*to, *over) != 0;
    bool const is_promised = gets_more || over->may_send_more();
    std::uint32_t const begin = over->queue_end();
    for (parcel const& each : past) {
      prepared_.clear();
      if (!net::detail::try_allocating([&] { hand(to, *over, in, each, how, true); }))
        net::detail::try_allocating([&] { miss(to, in, each.messages, false); });
      over = to->connection();
      if (over == nullptr) return;
    }
    if (!is_promised) return;
    to->promised_until = (gets_more ? to->promised_until : begin) + (over->queue_end() - begin);
  }

  // Who enters and leaves again and again is not promised one past after the other.
  static void take_leave(audience& of, member& who) noexcept {
    who.promised_until = 0;
    of.remove(who);
  }

  // To all of an audience but one, who may be null.
  void give_all(audience& those, parcel const& what, std::shared_ptr<member> const& but, sharing how) {
    prepared_.clear();
    // Looked at once for all: it may change at any time.
    policy_ = those.room->slow.load(std::memory_order_relaxed);
    bool const is_noted = what.key && policy_ == slow_reader::latest_per_key;
    if (is_noted) ++those.published;
    if (what.frames.block_size() > 1024 && (large_.empty() || large_.back() != those.room))
      large_.push_back(those.room);
    auto const& all = those.members;
    for (std::size_t i = 0; i != all.size(); ++i) {
      prepare_next(all, i);
      if (all[i] != but) give(all[i], &those, what, how);
    }
    if (is_noted && those.behind != 0) those.note(what, but);
  }

  void give_one(std::shared_ptr<member> const& to, parcel const& what, sharing how) {
    prepared_.clear();
    policy_ = all_->slow.load(std::memory_order_relaxed);
    give(to, nullptr, what, how);
  }

  // All is given that there is: what is queued by hand is written in one write, whatever it is made of.
  void finish() noexcept {
    for (auto const& each : by_hand_) {
      each->written_by_hand = false;
      if (connection* const to = each->connection()) to->write_shared();
    }
    by_hand_.clear();
    prepared_.clear();
    for (auto const& each : large_) {
      std::lock_guard const lock(each->mutex);
      each->frames.rest();
    }
    large_.clear();
  }

  bool has_missed() const noexcept { return !missed_.empty(); }
  void tell() {
    if (missed_.empty()) return;
    net::detail::try_allocating([&] { report_(std::exchange(missed_, {})); });
  }
  void tell_nothing() noexcept { missed_.clear(); }

  bool delivering_ = false;

 private:
  // Sending to one takes longer than loading what the next ones need, each part of which says where the next
  // is.
  KINDWIRE_ALWAYS_INLINE static void prepare_next(std::vector<std::shared_ptr<member>> const& all,
                                                  std::size_t place) noexcept {
    if (place + 3 < all.size()) net::detail::prefetch(all[place + 3].get(), sizeof(member));
    if (place + 2 < all.size()) net::detail::prefetch(&all[place + 2]->box(), 192);
    if (place + 1 < all.size()) net::detail::prefetch(all[place + 1]->connection(), 384);
  }

  // What is queued of the past, as was promised, does not count.
  static std::size_t promised(member const& to, connection const& over) noexcept {
    return over.queued_before(to.promised_until);
  }
  static bool has_room(member const& to, connection const& over) noexcept {
    return over.may_send_more(promised(to, over));
  }

  room_log& log_of(audience* in) const noexcept { return in != nullptr ? *in->room : *all_; }

  // Nobody is made to hold ever more by entering rooms again and again: a past that is shared waits once for
  // each room, and of copies there is one past above the mark.
  static bool may_get_more(member const& to, connection const& over, audience const& in) noexcept {
    return shares(to, over) && !over.holds(in.room->origin_of_past());
  }

  void give(std::shared_ptr<member> const& to, audience* in, parcel const& what, sharing how) {
    connection* const over = to->connection();
    if (over == nullptr) return;
    bool const given = net::detail::try_allocating([&] {
      // What was published in the same turn has had no chance to leave yet.
      if (!over->may_send_more()) [[unlikely]]
        over->write_shared();
      bool const in_one_turn = to->written_by_hand && !over->is_full();
      if ((!over->may_send_more() && !in_one_turn && !has_room(*to, *over)) || to->waits) [[unlikely]]
        return give_slow(to, *over, in, what, how);
      hand(to, *over, in, what, how);
    });
    if (!given) net::detail::try_allocating([&] { miss(to, in, what.messages, false); });
  }

  void hand(std::shared_ptr<member> const& to, connection& over, audience* in, parcel const& what,
            sharing how, bool is_past = false) {
    // What has been promised is not dropped either.
    void const* const origin = is_past ? log_of(in).origin_of_past() : log_of(in).origin();
    std::size_t lost = 0;
    if (!shares(*to, over)) [[unlikely]] {
      std::size_t const beside = promised(*to, over);
      bool const is_bounded = !is_past && (beside == 0 || over.is_full_with_mail(beside));
      lost = hand_each(to, over, what, is_bounded ? marks::heeded : marks::ignored);
    } else {
      if (how == sharing::by_hand && !to->written_by_hand) {
        by_hand_.push_back(to);
        to->written_by_hand = true;
      }
      if (over.extension() == nullptr) [[likely]] {
        lost = share(over, origin, what.frames, what.messages, how);
      } else {
        lost = share_encoded(*to, over, origin, what, how);
      }
    }
    if (lost != 0) miss(to, in, lost, false);
  }

  // Whether it sends what others send as well from one place in memory.
  static bool shares(member const& to, connection const& over) noexcept {
    return over.takes_shared_frames() && (over.extension() == nullptr || to.box().encoder());
  }

  // These return how many messages were lost.

  std::size_t share(connection& over, void const* origin, shared_frames const& frames, std::size_t messages,
                    sharing how) {
    bool const counts = over.counts() != nullptr;
    std::error_code const failure = over.share(frames, origin, how);
    for (std::size_t i = 0; counts && !failure && i != messages; ++i) over.count_sent();
    return is_loss(failure) ? messages : 0;
  }
  // Encoded for the first of all that have agreed alike.
  std::size_t share_encoded(member const& to, connection& over, void const* origin, parcel const& what,
                            sharing how) {
    std::uint8_t const marks_of_extension = over.extension()->reserved_bits();
    std::size_t lost = 0;
    prepare(what);
    for (prepared_message const& each : prepared_) {
      bool const as_it_is = what.how == compress::no;
      lost += share(over, origin,
                    as_it_is ? each.frame() : each.frame(to.box().encoder(), marks_of_extension), 1, how);
    }
    return lost;
  }
  // Any other is that of a connection which has ended, or is about to.
  static bool is_loss(std::error_code failure) noexcept {
    return failure && (failure == std::errc::not_enough_memory || failure == error::send_queue_full);
  }

  // Clients, which mask; connections whose extension refers to earlier messages; and those that are in the
  // midst of a message of their own.
  std::size_t hand_each(std::shared_ptr<member> const& to, connection& over, parcel const& what,
                        marks which) {
    std::size_t lost = 0;
    prepare(what);
    for (prepared_message const& each : prepared_) {
      std::error_code failure = over.send(each, what.how, which);
      if (!failure) over.count_sent();
      if (failure == error::fragment_in_progress) failure = to->box().send(each, what.how, which);
      if (is_loss(failure)) ++lost;
    }
    return lost;
  }

  // Once for all that the parcel in hand is encoded for.
  void prepare(parcel const& what) {
    if (!prepared_.empty()) return;
    if (what.whole) return prepared_.push_back(*what.whole);
    std::vector<prepared_message> all;  // or none, if there is no memory
    for (auto rest = what.frames.bytes(); !rest.empty(); rest = rest.subspan(first_frame_size(rest)))
      all.push_back(prepared_message_of(rest));
    prepared_ = std::move(all);
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
    if (policy_ == slow_reader::latest_per_key && in != nullptr && what.key) {
      auto& place = *in->place_of(*to);
      if (place.behind) return;  // it is noted for all who are
      if (has_room(*to, over)) return hand(to, over, in, what, how);
      wait_for_room(to, over);
      place.behind = true;
      place.seen = in->published - 1;
      ++in->behind;
      return;
    }
    if (has_room(*to, over)) return hand(to, over, in, what, how);  // waits for the sake of another room
    if (policy_ == slow_reader::close) {
      over.close(close_code::try_again_later, "too slow");
      return miss(to, in, what.messages, true);
    }
    if (policy_ == slow_reader::drop_oldest && shares(*to, over)) {
      hand(to, over, in, what, sharing::later);
      std::size_t const dropped = over.drop_oldest(log_of(in).origin(), promised(*to, over));
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
  // False if it is behind again.
  bool catch_up(std::shared_ptr<member> const& who, member::place& place) {
    auto const in = place.in.lock();
    if (!in) return true;
    for (audience::numbered const* each : in->since(place.seen)) {
      connection* const over = who->connection();
      if (over == nullptr || !over->protocol().is_open()) break;  // nothing is kept for it any more
      if (!over->may_send_more()) {
        wait_for_room(who, *over);
        return false;
      }
      prepared_.clear();
      if (each->but.lock() != who) hand(who, *over, in.get(), each->what, sharing::later);
      if (each->number - place.seen > 1) miss(who, in.get(), each->number - place.seen - 1, false);
      place.seen = each->number;
    }
    in->no_longer_behind(place);
    return true;
  }

  std::shared_ptr<room_log> const all_;
  report const report_;
  std::vector<std::shared_ptr<member>> by_hand_;  // given something that is not written yet
  std::vector<prepared_message> prepared_;        // the parcel in hand, for connections that encode it
  std::vector<std::shared_ptr<room_log>> large_;  // whose logs may have a long block
  std::vector<missed> missed_;
  slow_reader policy_ = slow_reader::close;  // for the parcel in hand
};

}  // namespace kindwire::detail
