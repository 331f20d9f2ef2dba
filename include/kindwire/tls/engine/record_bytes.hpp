// The ciphertext between OpenSSL and the socket.
#pragma once

#include <array>
#include <cstddef>
#include <cstring>
#include <memory>
#include <new>
#include <span>
#include <utility>

#include "../../kernel/thread_object.hpp"

namespace kindwire::tls::detail {

// Several records of 16 KiB and their overhead (RFC 8446 §5.2), so that they pass in one system call.
inline constexpr std::size_t block_size = std::size_t{64} << 10;

using block = std::unique_ptr<std::byte[]>;

// A few blocks that a thread keeps for whatever stream it works on next: one that waits has none.
class block_stock {
 public:
  // May throw std::bad_alloc.
  static block take() {
    block_stock* const mine = kindwire::detail::of_this_thread<block_stock>();
    if (mine != nullptr && mine->count_ != 0) return std::move(mine->all_[--mine->count_]);
    return block(new std::byte[block_size]);
  }
  static void give_back(block last) noexcept {
    block_stock* const mine = kindwire::detail::of_this_thread<block_stock>();
    if (mine != nullptr && mine->count_ != mine->all_.size()) mine->all_[mine->count_++] = std::move(last);
  }

 private:
  std::array<block, 4> all_;
  std::size_t count_ = 0;
};

// Bytes in a block of this thread's stock, while a stream is worked on; what is left of them then moves to
// memory of its own.
class record_bytes {
 public:
  record_bytes() noexcept = default;
  record_bytes(record_bytes const&) = delete;
  record_bytes& operator=(record_bytes const&) = delete;
  ~record_bytes() { release(); }

  bool empty() const noexcept { return begin_ == end_; }
  std::size_t size() const noexcept { return end_ - begin_; }
  std::span<std::byte const> bytes() const noexcept { return {block_.get() + begin_, size()}; }

  // Room behind the bytes, none if the block is full. May throw std::bad_alloc.
  std::span<std::byte> room() {
    if (capacity_ != block_size) {
      block larger = block_stock::take();
      if (!empty()) std::memcpy(larger.get(), block_.get() + begin_, size());
      block_ = std::move(larger);
      capacity_ = block_size;
      end_ -= std::exchange(begin_, 0);
    } else if (begin_ != 0 && end_ == capacity_) {
      std::memmove(block_.get(), block_.get() + begin_, size());
      end_ -= std::exchange(begin_, 0);
    }
    return {block_.get() + end_, capacity_ - end_};
  }
  void commit(std::size_t size) noexcept { end_ += size; }
  void consume(std::size_t size) noexcept {
    begin_ += size;
    if (empty()) begin_ = end_ = 0;
  }

  // The stream is not worked on any more for now.
  void rest() noexcept {
    if (empty()) return release();
    if (capacity_ != block_size || size() > block_size / 2) return;
    block smaller(new (std::nothrow) std::byte[size()]);
    if (!smaller) return;
    std::memcpy(smaller.get(), block_.get() + begin_, size());
    block_stock::give_back(std::exchange(block_, std::move(smaller)));
    capacity_ = end_ = size();
    begin_ = 0;
  }

 private:
  void release() noexcept {
    if (block_ && capacity_ == block_size) block_stock::give_back(std::move(block_));
    block_.reset();
    begin_ = end_ = capacity_ = 0;
  }

  block block_;
  std::size_t capacity_ = 0;
  std::size_t begin_ = 0;
  std::size_t end_ = 0;
};

}  // namespace kindwire::tls::detail
