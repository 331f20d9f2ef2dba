// One message for many connections: copied once, and encoded once for all that have agreed on the same.
//
//     kw::prepared_message const news{"to everybody"};
//     for (auto& [user, to] : connections) to.send(news);
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include "buffer.hpp"
#include "extension.hpp"
#include "message.hpp"
#include "shared_frames.hpp"

namespace kindwire {

/// A whole TEXT or BINARY message, kept for sending it to any number of connections, at any time. An
/// extension without memory of earlier messages, such as kw::deflate::shared(), encodes it once for all
/// connections that have agreed on the same terms, under the same options; any other encodes it for each.
///
/// Cheap to copy: copies share one payload. Thread safe. Making one may throw std::bad_alloc.
class prepared_message {
 public:
  /// A TEXT message; `text` is UTF-8.
  explicit prepared_message(std::string_view text)
      : prepared_message(message_type::text, {reinterpret_cast<std::byte const*>(text.data()), text.size()}) {
  }
  /// Of TEXT or BINARY; sending any other type is error::invalid_argument.
  prepared_message(message_type type, std::span<std::byte const> bytes)
      : state_(std::make_shared<state>(type, bytes)) {}
  /// A message as it was received.
  explicit prepared_message(message const& whole) : prepared_message(whole.type(), whole.bytes()) {}

  // Nothing is left without a payload: a move is a copy.
  prepared_message(prepared_message const&) = default;
  prepared_message& operator=(prepared_message const&) = default;

  message_type type() const noexcept { return state_->type; }
  /// Valid as long as any copy of this.
  std::span<std::byte const> bytes() const noexcept { return state_->bytes(); }
  /// The whole frame of a server: what is sent where no extension has a part in it.
  detail::shared_frames const& frame() const noexcept { return state_->frame; }

  /// What an encoder makes of it.
  struct encoding {
    std::optional<std::vector<std::byte>> payload;  ///< none: it is to be sent as it is
  };

  /// Made by the first call for an encoder, which is not null; the next ones, on whatever thread, wait for
  /// it. Used by sessions and remotes. May throw std::bad_alloc.
  std::shared_ptr<encoding const> encoded(std::shared_ptr<message_encoder const> const& by) const {
    return state_->encoded(by);
  }

  /// The whole frame of a server whose extension has this encoder and marks what that has made by these bits:
  /// one for all of them. Used by hubs. May throw std::bad_alloc.
  detail::shared_frames frame(std::shared_ptr<message_encoder const> const& by, std::uint8_t marks) const {
    return state_->frame_of(by, marks);
  }

 private:
  class state {
   public:
    state(message_type of, std::span<std::byte const> payload)
        : type(of), frame(detail::shared_frames::of(of, payload)), size_(payload.size()) {}

    std::span<std::byte const> bytes() const noexcept { return frame.bytes().last(size_); }

    std::shared_ptr<encoding const> encoded(std::shared_ptr<message_encoder const> const& by) {
      std::lock_guard const lock(mutex_);
      made const* const found = find_or_make(by);
      return found != nullptr ? found->what : std::make_shared<encoding>();
    }

    detail::shared_frames frame_of(std::shared_ptr<message_encoder const> const& by, std::uint8_t marks) {
      std::lock_guard const lock(mutex_);
      made* const found = find_or_make(by);
      if (found == nullptr || !found->what->payload) return frame;
      if (!found->whole || found->marks != marks) {
        found->whole = detail::shared_frames::of(type, *found->what->payload, marks);
        found->marks = marks;
      }
      return found->whole;
    }

    message_type const type;
    detail::shared_frames const frame;

   private:
    struct made {
      std::shared_ptr<message_encoder const> by;
      std::shared_ptr<encoding const> what;
      detail::shared_frames whole = {};  // the frame, once it is asked for
      std::uint8_t marks = 0;            // in it
    };

    // Null if it is to be sent as it is this time, and tried again the next.
    made* find_or_make(std::shared_ptr<message_encoder const> const& by) {
      for (made& each : made_) {
        if (each.by == by) return &each;
      }
      buffer room;  // a block of the thread's
      auto const worth_it = by->encode(type, bytes(), room);
      if (!worth_it) return nullptr;
      auto fresh = std::make_shared<encoding>();
      if (*worth_it) fresh->payload.emplace(room.bytes().begin(), room.bytes().end());
      made& oldest = made_[next_];
      next_ = (next_ + 1) % made_.size();
      oldest = {by, std::move(fresh)};
      return &oldest;
    }

    std::size_t const size_;
    // Connections agree on a handful of terms. More than these come from clients with options of their own
    // each, which would have it encoded for each of them anyway.
    std::array<made, 8> made_;
    std::size_t next_ = 0;
    std::mutex mutex_;
  };

  std::shared_ptr<state> state_;
};

}  // namespace kindwire
