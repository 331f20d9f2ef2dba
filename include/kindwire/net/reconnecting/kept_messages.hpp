// Messages that are kept until a connection has taken them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <iterator>
#include <list>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "../../message/message.hpp"

namespace kindwire::net::detail {

// In order: first those handed to the current connection, each with the place of its last byte in what that
// connection sends; then those that wait. A message of which the connection had not taken the last byte
// cannot have arrived: the next connection gets it once more.
class kept_messages {
 public:
  // What one takes beside its own bytes.
  static constexpr std::size_t overhead = 160;

  // `one_per_key`: of the messages that wait, the last of each key stays.
  kept_messages(std::size_t limit, bool one_per_key) noexcept : limit_(limit), one_per_key_(one_per_key) {}
  kept_messages(kept_messages const&) = delete;
  kept_messages& operator=(kept_messages const&) = delete;

  std::size_t count() const noexcept { return all_.size(); }
  std::size_t bytes() const noexcept { return bytes_; }
  std::uint64_t dropped() const noexcept { return dropped_; }
  bool any_waits() const noexcept { return waiting_ != all_.end(); }

  // A copy, to be added once it is clear where to. May throw std::bad_alloc.
  class copy {
   public:
    copy(message const& of, std::string key) {
      one_.emplace_back(of.type(), std::vector<std::byte>(of.bytes().begin(), of.bytes().end()),
                        std::move(key));
    }

   private:
    friend class kept_messages;
    struct entry {
      entry(message_type of, std::vector<std::byte> from, std::string its_key) noexcept
          : type(of), payload(std::move(from)), key(std::move(its_key)) {}
      message_type type;
      std::vector<std::byte> payload;
      std::string key;
      std::uint64_t end = 0;

      std::size_t size() const noexcept { return payload.size() + key.size() + overhead; }
    };
    std::list<entry> one_;
  };

  // Adds one that waits; false if there is no room for it. May throw std::bad_alloc, and then nothing
  // changes.
  bool wait(copy what) {
    auto const one = what.one_.begin();
    auto const same = one_per_key_ ? latest_.find(one->key) : latest_.end();
    std::size_t const freed = same != latest_.end() ? same->second->size() : 0;
    std::size_t const others = bytes_ - freed;
    if (others > limit_ || one->size() > limit_ - others) return false;
    if (same != latest_.end()) {
      auto const older = same->second;
      auto node = latest_.extract(same);  // its key is the older one's text
      node.key() = one->key;
      node.mapped() = one;
      latest_.insert(std::move(node));
      drop(older);
    } else if (one_per_key_) {
      latest_.emplace(one->key, one);
    }
    add(what);
    if (waiting_ == all_.end()) waiting_ = one;
    return true;
  }

  // Adds one that the current connection has just been given; none must wait.
  void handed(copy what, std::uint64_t end) noexcept {
    what.one_.front().end = end;
    add(what);
  }

  // The first that waits, which must exist. Valid until it is handed or dropped.
  message first() const noexcept { return {waiting_->type, waiting_->payload}; }
  void first_handed(std::uint64_t end) noexcept {
    forget_key(waiting_);
    waiting_->end = end;
    ++waiting_;
  }
  void drop_first() noexcept {
    forget_key(waiting_);
    drop(waiting_);
  }

  // The connection has taken so many bytes.
  void taken(std::uint64_t bytes) noexcept {
    while (all_.begin() != waiting_ && all_.front().end <= bytes) {
      bytes_ -= all_.front().size();
      all_.pop_front();
    }
  }

  // The connection is gone: all wait. May throw std::bad_alloc, and then some stay that newer ones replace.
  void take_back() {
    auto const handed_end = std::exchange(waiting_, all_.begin());
    if (!one_per_key_) return;
    for (auto each = handed_end; each != all_.begin();) {
      auto const one = std::prev(each);
      if (!latest_.emplace(one->key, one).second) {
        drop(one);
      } else {
        each = one;
      }
    }
  }

 private:
  using list = std::list<copy::entry>;

  void add(copy& what) noexcept {
    bytes_ += what.one_.front().size();
    all_.splice(all_.end(), what.one_);
  }
  void drop(list::iterator which) noexcept {
    bytes_ -= which->size();
    ++dropped_;
    if (waiting_ == which) ++waiting_;
    all_.erase(which);
  }
  void forget_key(list::iterator which) noexcept {
    if (!one_per_key_) return;
    auto const found = latest_.find(which->key);
    if (found != latest_.end() && found->second == which) latest_.erase(found);
  }

  std::size_t const limit_;
  bool const one_per_key_;
  list all_;
  list::iterator waiting_ = all_.end();  // the first of those that wait
  std::unordered_map<std::string_view, list::iterator>
      latest_;  // of those that wait, by their keys' own text
  std::size_t bytes_ = 0;
  std::uint64_t dropped_ = 0;
};

}  // namespace kindwire::net::detail
