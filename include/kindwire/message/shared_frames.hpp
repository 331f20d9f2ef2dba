// Frames that go to many connections: written once, and kept until the last connection has sent them.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <new>
#include <span>
#include <utility>

#include "../frame/encoder.hpp"
#include "../frame/header.hpp"
#include "../frame/opcode.hpp"
#include "../frame/role.hpp"

namespace kindwire::detail {

// Of a server's frame, with its header, of which all has been written.
inline std::size_t first_frame_size(std::span<std::byte const> frames) noexcept {
  frame_header header;
  error broken{};
  constexpr reserved_bits any{0x70};
  std::size_t const header_size = read_frame_header(frames, role::client, header, broken, any);
  return header_size + static_cast<std::size_t>(header.length);
}

// A run of whole frames of a server, one after the other in a block that other runs may share. Copying it
// counts a use of the block. Distinct runs may be used by any threads.
class shared_frames {
 public:
  shared_frames() noexcept = default;
  shared_frames(shared_frames const& other) noexcept
      : block_(other.block_), begin_(other.begin_), end_(other.end_) {
    if (block_ != nullptr) block_->uses.fetch_add(1, std::memory_order_relaxed);
  }
  shared_frames(shared_frames&& other) noexcept
      : block_(std::exchange(other.block_, nullptr)),
        begin_(std::exchange(other.begin_, 0)),
        end_(std::exchange(other.end_, 0)) {}
  shared_frames& operator=(shared_frames other) noexcept {
    std::swap(block_, other.block_);
    begin_ = other.begin_;
    end_ = other.end_;
    return *this;
  }
  ~shared_frames() {
    // The last one frees what others may have read: their uses end before that.
    if (block_ != nullptr && block_->uses.fetch_sub(1, std::memory_order_acq_rel) == 1)
      ::operator delete(static_cast<void*>(block_));
  }

  explicit operator bool() const noexcept { return block_ != nullptr; }
  std::span<std::byte const> bytes() const noexcept {
    if (block_ == nullptr) return {};
    return {block_->bytes() + begin_, end_ - begin_};
  }
  std::size_t size() const noexcept { return end_ - begin_; }
  // Of all that it keeps in memory, whatever it uses of that.
  std::size_t block_size() const noexcept { return block_ != nullptr ? block_->capacity : 0; }

  // Of the memory of its block, if all uses of it are charged alike.
  std::size_t share() const noexcept {
    return block_ != nullptr ? block_->capacity / block_->uses.load(std::memory_order_relaxed) : 0;
  }

  // Takes up what follows directly in the same block; false, with nothing changed, if it does not.
  bool join(shared_frames const& next) noexcept {
    if (block_ == nullptr || block_ != next.block_ || end_ != next.begin_) return false;
    end_ = next.end_;
    return true;
  }

  // The first `size` bytes have been used.
  void consume(std::size_t size) noexcept { begin_ += size; }
  // Only the first `size` bytes are left.
  void truncate(std::size_t size) noexcept { end_ = begin_ + size; }

  // One frame in a block of its own. May throw std::bad_alloc.
  static shared_frames of(opcode type, std::span<std::byte const> payload, std::uint8_t reserved = 0) {
    constexpr frame_encoder<role::server> encoder;
    std::size_t const size = encoder.size(payload.size());
    shared_frames result(block::make(size), 0, size);
    encoder.write(result.block_->bytes(), type, payload, true, reserved);
    return result;
  }

 private:
  friend class frame_log;

  struct block {
    std::atomic<std::size_t> uses{1};
    std::size_t capacity;

    explicit block(std::size_t size) noexcept : capacity(size) {}
    std::byte* bytes() noexcept { return reinterpret_cast<std::byte*>(this + 1); }

    static block* make(std::size_t capacity) {
      return ::new (::operator new(sizeof(block) + capacity)) block(capacity);
    }
  };

  // Takes over a use of the block.
  shared_frames(block* in, std::size_t begin, std::size_t end) noexcept
      : block_(in), begin_(begin), end_(end) {}

  block* block_ = nullptr;
  std::size_t begin_ = 0;
  std::size_t end_ = 0;
};

// Writes frames one after the other, so that what is sent to the same connections is one run, however many
// messages it is made of. A block is used again once nobody uses it any more. Not thread safe; the frames
// that it has written are, as soon as they are handed on.
class frame_log {
 public:
  // One frame, directly behind the last one if the block has room for it. May throw std::bad_alloc; then
  // nothing has changed.
  shared_frames append(opcode type, std::span<std::byte const> payload) {
    constexpr frame_encoder<role::server> encoder;
    std::size_t const size = encoder.size(payload.size());
    if (is_unused()) used_.end_ = 0;
    if (!used_ || used_.block_->capacity - used_.end_ < size) open(size);
    std::size_t const begin = used_.end_;
    encoder.write(used_.block_->bytes() + begin, type, payload);
    used_.end_ = begin + size;
    shared_frames result = used_;
    result.begin_ = begin;
    return result;
  }

  // Keeps no more than a small block, if that, once all that was written has been sent.
  void rest() noexcept {
    if (is_unused() && used_.block_->capacity > smallest) used_ = {};
  }

 private:
  static constexpr std::size_t smallest = 1024;
  static constexpr std::size_t largest = std::size_t{64} << 10;

  // Acquires what the last user has done: its reads come before the next frame is written over them.
  bool is_unused() const noexcept { return used_ && used_.block_->uses.load(std::memory_order_acquire) == 1; }

  // Blocks grow while what they hold is in use: few messages take little, many are few runs.
  void open(std::size_t size) {
    std::size_t const usual = used_ ? (std::min)(used_.block_->capacity * 2, largest) : smallest;
    used_ = shared_frames(shared_frames::block::make((std::max)(size, usual)), 0, 0);
  }

  shared_frames used_;  // what is written of the block
};

}  // namespace kindwire::detail
