// The connections of one executor, as a hub sees them.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "../message/extension.hpp"
#include "../message/prepared_message.hpp"
#include "../message/shared_frames.hpp"
#include "../net/connection/connection.hpp"
#include "../net/connection/mailbox.hpp"
#include "options.hpp"

namespace kindwire::detail {

class audience;

// What is sent: one message, or several to the same connections.
struct parcel {
  shared_frames frames;
  std::size_t messages = 1;
  compress how = compress::yes;
  std::shared_ptr<std::string const> key = {};  // for slow_reader::latest_per_key
  std::optional<prepared_message> whole = {};   // the one message, where somebody may compress it
};

// One connection in a hub. Made under the hub's lock; the rest is for the connection's executor only.
class member {
 public:
  explicit member(std::shared_ptr<net::detail::mailbox> box) noexcept : box_(std::move(box)) {}
  member(member const&) = delete;
  member& operator=(member const&) = delete;
  virtual ~member() = default;

  net::detail::mailbox& box() const noexcept { return *box_; }

  // Null once it has ended.
  net::detail::connection* connection() const noexcept {
    return static_cast<net::detail::connection*>(box_->owner());
  }

  // Where it is in an audience, which may be gone.
  struct place {
    std::weak_ptr<audience> in;
    audience const* which;
    std::size_t index;
    std::uint64_t seen = 0;  // of slow_reader::latest_per_key, while it is behind
    bool behind = false;
  };
  std::vector<place> places;
  bool written_by_hand = false;  // has been given something since the last write
  bool waits = false;            // for its queue to have room
  // So much of what is queued is the past, as was promised: see connection::queued_before().
  std::uint32_t promised_until = 0;

 private:
  std::shared_ptr<net::detail::mailbox> const box_;
};

// What is asked of a room when its messages are handed out. The log is written by whoever publishes.
struct room_log {
  std::string name;
  std::atomic<slow_reader> slow{slow_reader::close};
  std::atomic<std::uint64_t> dropped{0};
  std::atomic<std::uint64_t> closed{0};

  std::mutex mutex;
  frame_log frames;

  // Whom frames are from, for connection::drop_oldest() and holds().
  void const* origin() const noexcept { return this; }
  void const* origin_of_past() const noexcept { return &frames; }
};

// Those of one executor who are in one room. For that executor only, but for its end.
class audience : public std::enable_shared_from_this<audience> {
 public:
  explicit audience(std::shared_ptr<room_log> of) noexcept : room(std::move(of)) {}
  audience(audience const&) = delete;
  audience& operator=(audience const&) = delete;

  std::shared_ptr<room_log> const room;
  std::vector<std::shared_ptr<member>> members;

  // May throw std::bad_alloc; then nothing has changed.
  void add(std::shared_ptr<member> const& who) {
    who->places.reserve(who->places.size() + 1);
    members.push_back(who);
    who->places.push_back({weak_from_this(), this, members.size() - 1});
  }
  void remove(member& who) noexcept {
    auto const found = place_of(who);
    if (found == who.places.end()) return;
    std::size_t const index = found->index;
    no_longer_behind(*found);
    who.places.erase(found);
    auto const last = std::exchange(members[index], members.back());
    members.pop_back();
    if (index < members.size()) place_of(*members[index])->index = index;
  }

  std::vector<member::place>::iterator place_of(member& who) noexcept {
    return std::find_if(who.places.begin(), who.places.end(),
                        [this](auto& each) { return each.which == this; });
  }

  // Of slow_reader::latest_per_key: how many parcels there were, and the latest of each key with its number,
  // since somebody is behind.
  struct numbered {
    std::uint64_t number;
    parcel what;
    std::weak_ptr<member> but;  // who is not to get it
  };
  std::unordered_map<std::string, numbered> latest;
  std::uint64_t published = 0;
  std::size_t behind = 0;

  // May throw std::bad_alloc; then nothing has changed.
  void note(parcel const& what, std::shared_ptr<member> const& but) {
    latest.insert_or_assign(*what.key, numbered{published, what, but});
  }
  void no_longer_behind(member::place& place) noexcept {
    if (std::exchange(place.behind, false) && --behind == 0) latest.clear();
  }
  // What was noted after that number, in order.
  std::vector<numbered const*> since(std::uint64_t number) const {
    std::vector<numbered const*> all;
    for (auto const& [key, each] : latest) {
      if (each.number > number) all.push_back(&each);
    }
    std::sort(all.begin(), all.end(), [](auto* a, auto* b) { return a->number < b->number; });
    return all;
  }
};

}  // namespace kindwire::detail
