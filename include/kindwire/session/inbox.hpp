// What one end of a connection has read and not decoded yet, in a block that the last message may lie in too.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <span>
#include <utility>

#include "../message/buffer.hpp"

namespace kindwire::detail {

// Bytes come in at the end and are taken off the front. What was taken stays where it is as long as a view of
// it is out. Holds storage only while bytes are in it or a view is out.
class inbox {
 public:
  inbox() noexcept = default;
  inbox(inbox&& other) noexcept { swap(other); }  // leaves nothing there that points into what was moved
  inbox& operator=(inbox&& other) noexcept {
    inbox{std::move(other)}.swap(*this);
    return *this;
  }

  // What is unread, here and elsewhere.
  std::size_t size() const noexcept { return unread().size() + elsewhere_; }

  // Bytes that came before all that is unread here, and lie somewhere else.
  std::size_t elsewhere() const noexcept { return elsewhere_; }
  void commit_elsewhere(std::size_t size) noexcept { elsewhere_ += size; }
  std::size_t take_elsewhere() noexcept { return std::exchange(elsewhere_, 0); }

  std::span<std::byte> unread() const noexcept { return {begin_, end_}; }

  // Room for at least `size` bytes. Leaves the view that is out intact: where there is no room behind it, its
  // block is kept, and what is unread goes on in another.
  std::span<std::byte> prepare(std::size_t size) {
    if (view_out_ && bytes_.spare() < size) {
      buffer fresh;
      fresh.prepare(unread().size() + size);
      fresh.append(unread());
      held_ = std::exchange(bytes_, std::move(fresh));
      view_out_ = false;
    }
    std::size_t const left = unread().size();
    // What was taken goes as soon as no view is of it: where something is always unread, nothing else ends
    // it.
    if (!view_out_) bytes_.consume(bytes_.size() - left);
    auto const room = bytes_.prepare(size);
    set_unread(bytes_.bytes().last(left));
    return room;
  }
  void commit(std::size_t size) noexcept {
    bytes_.commit(size);
    end_ += size;
    unseen_ += size;
  }

  // A whole block, where it can be taken over as it is; else false.
  bool take_over(buffer& block) noexcept {
    if (size() != 0 || view_out_) return false;
    bytes_ = std::move(block);
    set_unread(bytes_.bytes());
    unseen_ = unread().size();
    return true;
  }

  // What stands before `rest`, the end of unread(), was taken, and a view of it is out.
  void taken(std::span<std::byte> rest) noexcept {
    begin_ = rest.data();
    view_out_ = true;
  }
  // The same where the view may be of another place: then this block need not stay for it.
  void taken(std::span<std::byte> rest, std::byte const* view) noexcept {
    begin_ = rest.data();
    view_out_ = bytes_.holds(view);
  }
  // A view of `block` is out.
  void hold(buffer block) noexcept { held_ = std::move(block); }
  // No view is out any more.
  void end_view() noexcept {
    held_.release();
    view_out_ = false;
  }
  // True while nothing but the block itself has to be kept for a view.
  bool is_plain() const noexcept { return held_.capacity() == 0; }

  bool is_at_rest() const noexcept {
    return bytes_.capacity() == 0 && held_.capacity() == 0 && elsewhere_ == 0 && !view_out_;
  }

  // Drops what is unread.
  void drop() noexcept {
    if (view_out_) {
      bytes_.truncate(bytes_.size() - unread().size());
      end_ = begin_;
    } else {
      bytes_.release();
      begin_ = end_ = nullptr;
    }
    unseen_ = elsewhere_ = 0;
  }

  // How much of unread() was looked at by who leaves it there.
  std::size_t seen() const noexcept { return unread().size() - std::min(unread().size(), unseen_); }
  // All up to `from` was looked at, and what stands from `to` to `from` is no longer needed.
  void set_seen(std::size_t to, std::size_t from) noexcept {
    auto const all = unread();
    unseen_ = all.size() - from;
    if (from == to) return;
    std::memmove(all.data() + to, all.data() + from, unseen_);
    bytes_.truncate(bytes_.size() - (from - to));
    end_ -= from - to;
  }

 private:
  void swap(inbox& other) noexcept {
    std::swap(begin_, other.begin_);
    std::swap(end_, other.end_);
    std::swap(unseen_, other.unseen_);
    std::swap(elsewhere_, other.elsewhere_);
    bytes_.swap(other.bytes_);
    held_.swap(other.held_);
    std::swap(view_out_, other.view_out_);
  }

  void set_unread(std::span<std::byte> bytes) noexcept {
    begin_ = bytes.data();
    end_ = bytes.data() + bytes.size();
  }

  std::byte* begin_ = nullptr;  // of what is unread, the end of bytes_
  std::byte* end_ = nullptr;
  std::size_t unseen_ = 0;  // how much of its end nobody has looked at; all of it if it is more
  std::size_t elsewhere_ = 0;
  buffer bytes_;
  buffer held_;
  bool view_out_ = false;  // of a place in bytes_
};

}  // namespace kindwire::detail
