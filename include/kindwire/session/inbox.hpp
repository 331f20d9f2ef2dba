// What one end of a connection has received and not decoded yet, in a block that may also hold the last
// message.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <span>
#include <utility>

#include "../message/buffer.hpp"

namespace kindwire::detail {

// Bytes arrive at the end and are taken from the front. What was taken stays in place as long as the
// application has a view of it. Holds storage only while it has bytes or such a view is out.
class inbox {
 public:
  inbox() noexcept = default;
  inbox(inbox&& other) noexcept { swap(other); }  // so that nothing in `other` points into what was moved
  inbox& operator=(inbox&& other) noexcept {
    inbox{std::move(other)}.swap(*this);
    return *this;
  }

  // All that is unread, here and in the reassembler.
  std::size_t size() const noexcept { return unread().size() + in_reassembler_; }

  // Bytes read straight into the reassembler, ahead of everything unread here.
  std::size_t in_reassembler() const noexcept { return in_reassembler_; }
  void commit_in_reassembler(std::size_t size) noexcept { in_reassembler_ += size; }
  std::size_t take_from_reassembler() noexcept { return std::exchange(in_reassembler_, 0); }

  std::span<std::byte> unread() const noexcept { return {begin_, end_}; }

  // Room for at least `size` bytes. Leaves any view intact: if there is no room behind it, its block is held
  // for it, and the unread bytes move to another.
  std::span<std::byte> prepare(std::size_t size) {
    if (view_out_ && bytes_.spare() < size) {
      buffer fresh;
      fresh.prepare(unread().size() + size);
      fresh.append(unread());
      held_ = std::exchange(bytes_, std::move(fresh));
      view_out_ = false;
    }
    std::size_t const left = unread().size();
    // Drops what was taken once no view shows it: if there are always unread bytes, nothing else would.
    if (!view_out_) bytes_.consume(bytes_.size() - left);
    auto const room = bytes_.prepare(size);
    set_unread(bytes_.bytes().last(left));
    return room;
  }
  void commit(std::size_t size) noexcept {
    bytes_.commit(size);
    end_ += size;
    unscanned_ += size;
  }

  // Takes over a whole block as it is. False if that cannot be done.
  bool take_over(buffer& block) noexcept {
    if (size() != 0 || view_out_) return false;
    bytes_ = std::move(block);
    set_unread(bytes_.bytes());
    unscanned_ = unread().size();
    return true;
  }

  // All of unread() before `rest` was taken, and a view of it is out.
  void taken(std::span<std::byte> rest) noexcept {
    begin_ = rest.data();
    view_out_ = true;
  }
  // The same, but the view may be of another block: then this one need not stay for it.
  void taken(std::span<std::byte> rest, std::byte const* view) noexcept {
    begin_ = rest.data();
    view_out_ = bytes_.holds(view);
  }
  // Keeps `block` for a view of it that is out.
  void hold(buffer block) noexcept { held_ = std::move(block); }
  // No view is out any more.
  void end_view() noexcept {
    held_.release();
    view_out_ = false;
  }
  // True if no block is held for a view besides the one with the unread bytes.
  bool is_plain() const noexcept { return held_.capacity() == 0; }

  bool is_at_rest() const noexcept {
    return bytes_.capacity() == 0 && held_.capacity() == 0 && in_reassembler_ == 0 && !view_out_;
  }

  // Drops the unread bytes.
  void drop() noexcept {
    if (view_out_) {
      bytes_.truncate(bytes_.size() - unread().size());
      end_ = begin_;
    } else {
      bytes_.release();
      begin_ = end_ = nullptr;
    }
    unscanned_ = in_reassembler_ = 0;
  }

  // How much of unread() look_ahead() has already scanned and left there: whole frames.
  std::size_t scanned() const noexcept { return unread().size() - (std::min)(unread().size(), unscanned_); }
  // All of unread() before `scanned_until` was scanned; the part of it from `keep_until` on is dropped.
  void mark_scanned(std::size_t keep_until, std::size_t scanned_until) noexcept {
    auto const all = unread();
    unscanned_ = all.size() - scanned_until;
    std::size_t const dropped = scanned_until - keep_until;
    if (dropped == 0) return;
    std::memmove(all.data() + keep_until, all.data() + scanned_until, unscanned_);
    bytes_.truncate(bytes_.size() - dropped);
    end_ -= dropped;
  }

 private:
  void swap(inbox& other) noexcept {
    std::swap(begin_, other.begin_);
    std::swap(end_, other.end_);
    std::swap(unscanned_, other.unscanned_);
    std::swap(in_reassembler_, other.in_reassembler_);
    bytes_.swap(other.bytes_);
    held_.swap(other.held_);
    std::swap(view_out_, other.view_out_);
  }

  void set_unread(std::span<std::byte> bytes) noexcept {
    begin_ = bytes.data();
    end_ = bytes.data() + bytes.size();
  }

  std::byte* begin_ = nullptr;  // the unread bytes: the last part of bytes_
  std::byte* end_ = nullptr;
  std::size_t unscanned_ = 0;  // bytes at the end of unread(); all of them if it is more than their number
  std::size_t in_reassembler_ = 0;
  buffer bytes_;
  buffer held_;
  bool view_out_ = false;  // the application has a view of bytes_
};

}  // namespace kindwire::detail
