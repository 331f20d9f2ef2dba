// The growing buffers of a connection, and the pool that they are leased from.
//
// A connection holds storage only while bytes are in it. An idle one gives all of it back, so that what
// 100,000 quiet connections cost is their state, not their buffers; and since the next busy one takes the
// same block again, the steady state allocates nothing.
#pragma once

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <iterator>
#include <new>
#include <span>
#include <utility>

namespace kindwire {

namespace detail {

// Blocks of 1 KiB to 2 MiB in powers of two, kept for reuse by the thread that gave them back: 4 MiB at most;
// and one longer block, which comes to nothing unless messages may be that long.
//
// That one is kept because fresh memory for 64 MiB costs ten times what is done with it: the system hands out
// every page of it zeroed. A thread that no longer uses it gives it up.
class block_pool {
 public:
  static constexpr std::size_t smallest = 1024;
  static constexpr std::size_t largest = std::size_t{2} << 20;
  static constexpr std::size_t most_kept = std::size_t{4} << 20;
  static constexpr std::size_t longest_kept = std::size_t{65} << 20;  // a message of 64 MiB with its header
  static constexpr std::size_t most_unused = std::size_t{1} << 16;  // blocks given back before it is given up

  // `size` is rounded up to what is really allocated.
  static std::byte* take(std::size_t& size) {
    if (std::byte* const kept = size > largest / 2 ? take_long(size) : nullptr) return kept;
    if (size > largest) return resize(nullptr, size);
    if (std::byte* const kept = take_kept(size)) return kept;
    return static_cast<std::byte*>(::operator new(size));
  }

  // Blocks over `largest` come from realloc(), which can make one longer without moving it: a message of 64
  // MiB would else be copied as often as its block doubles.
  static std::byte* resize(std::byte* data, std::size_t& size) {
    constexpr std::size_t page = 4096;
    size = (size + page - 1) / page * page;
    void* const longer = std::realloc(data, size);
    // No memory: operator new says so in the way for which the program is built.
    if (longer == nullptr) return static_cast<std::byte*>(::operator new (std::size_t{PTRDIFF_MAX}));
    return static_cast<std::byte*>(longer);
  }

  // The same if there is such a block, else null.
  static std::byte* take_kept(std::size_t& size) noexcept {
    if (size > largest) return nullptr;
    size = std::bit_ceil(std::max(size, smallest));
    block_pool* const pool = of_this_thread();
    if (pool == nullptr) return nullptr;
    block*& head = pool->blocks_[index_of(size)];
    if (head == nullptr) return nullptr;
    block* const taken = std::exchange(head, head->next);
    pool->kept_ -= size;
    return reinterpret_cast<std::byte*>(taken);
  }

  // The largest that there is from `smallest` to `size` bytes, rounded up as above, else null.
  static std::byte* take_kept_up_to(std::size_t& size) noexcept {
    for (std::size_t wanted = std::bit_ceil(size); wanted >= smallest; wanted /= 2) {
      size = wanted;
      if (std::byte* const kept = take_kept(size)) return kept;
    }
    return nullptr;
  }

  // True if the long block is there for who needs `size` bytes. What it is not used for stays with who takes
  // it, so it is not for a message of which little has come.
  static bool keeps_long(std::size_t size) noexcept {
    constexpr std::size_t most_times = 8;
    block_pool const* const pool = of_this_thread();
    return pool != nullptr && size <= pool->long_size_ && pool->long_size_ / most_times <= size;
  }

  static void give(std::byte* data, std::size_t size) noexcept {
    block_pool* const pool = of_this_thread();
    if (size > largest) {
      if (pool == nullptr || size > longest_kept || size < pool->long_size_) return std::free(data);
      pool->keep_long(data, size);
    } else if (pool != nullptr) {
      pool->make_room(size);
      block*& head = pool->blocks_[index_of(size)];
      head = ::new (data) block{head};
      pool->kept_ += size;
      if (pool->long_ != nullptr && ++pool->unused_ == most_unused) pool->keep_long(nullptr, 0);
    } else {
      ::operator delete(data);
    }
  }

 private:
  static std::byte* take_long(std::size_t& size) noexcept {
    if (!keeps_long(size)) return nullptr;
    block_pool* const pool = of_this_thread();
    size = std::exchange(pool->long_size_, 0);
    return std::exchange(pool->long_, nullptr);
  }

  // Instead of the one that was kept.
  void keep_long(std::byte* data, std::size_t size) noexcept {
    std::free(std::exchange(long_, data));
    long_size_ = size;
    unused_ = 0;
  }

  struct block {
    block* next;
  };

  static constexpr std::size_t index_of(std::size_t size) noexcept {
    return static_cast<std::size_t>(std::countr_zero(size) - std::countr_zero(smallest));
  }

  // Null once the thread's pool is gone: buffers with static storage may outlive it.
  static block_pool* of_this_thread() noexcept {
    struct owner {
      block_pool pool;
      bool* gone;
      explicit owner(bool* flag) noexcept : gone(flag) {}
      owner(owner const&) = delete;
      owner& operator=(owner const&) = delete;
      ~owner() {
        *gone = true;
        pool.release();
      }
    };
    thread_local constinit bool gone = false;
    if (gone) return nullptr;
    thread_local owner mine{&gone};
    return &mine.pool;
  }

  // What was given back last is what is wanted next: others go for it, the largest first.
  void make_room(std::size_t size) noexcept {
    for (std::size_t index = std::size(blocks_); kept_ + size > most_kept;) {
      block*& head = blocks_[index - 1];
      if (head == nullptr) {
        --index;
        continue;
      }
      ::operator delete(std::exchange(head, head->next));
      kept_ -= smallest << (index - 1);
    }
  }

  void release() noexcept {
    keep_long(nullptr, 0);
    for (block*& head : blocks_) {
      while (head != nullptr) ::operator delete(std::exchange(head, head->next));
    }
  }

  block* blocks_[static_cast<std::size_t>(std::countr_zero(largest) - std::countr_zero(smallest)) + 1] = {};
  std::size_t kept_ = 0;
  std::byte* long_ = nullptr;
  std::size_t long_size_ = 0;
  std::size_t unused_ = 0;  // how many blocks were given back since it was
};

}  // namespace detail

/// Bytes in a row that grow at the end and are used up at the front. Holds storage only while it needs some.
///
/// Views of its bytes are valid until the next call that is not const. Not thread safe, but it may be handed
/// from one thread to another. Growing may throw std::bad_alloc; then nothing has changed.
class buffer {
 public:
  buffer() noexcept = default;
  buffer(buffer&& other) noexcept { swap(other); }
  buffer& operator=(buffer&& other) noexcept {
    buffer{std::move(other)}.swap(*this);
    return *this;
  }
  ~buffer() { release(); }

  std::size_t size() const noexcept { return end_ - begin_; }
  bool empty() const noexcept { return begin_ == end_; }
  /// Bytes of storage held.
  std::size_t capacity() const noexcept { return capacity_; }
  /// Bytes that can be added without moving what is there.
  std::size_t spare() const noexcept { return capacity_ - end_; }

  std::span<std::byte> bytes() noexcept { return {data_ + begin_, size()}; }
  std::span<std::byte const> bytes() const noexcept { return {data_ + begin_, size()}; }

  /// True if `place` lies in these bytes.
  bool holds(std::byte const* place) const noexcept {
    return std::less_equal<>{}(data_ + begin_, place) && std::less<>{}(place, data_ + end_);
  }

  /// True if `place` is where the next byte will be. A full block has no such place: what stands right behind
  /// it is another's.
  bool ends_at(std::byte const* place) const noexcept { return spare() != 0 && place == data_ + end_; }

  /// Room for at least `size` more bytes, all of it: fill from its front, then commit(). Grows by doubling,
  /// but not over `most` bytes in all if fewer do.
  std::span<std::byte> prepare(std::size_t size, std::size_t most = SIZE_MAX) {
    if (spare() < size) grow(size, most);
    return {data_ + end_, spare()};
  }
  /// Adds the first `size` bytes of what prepare() gave.
  void commit(std::size_t size) noexcept { end_ += size; }

  void append(std::span<std::byte const> bytes, std::size_t most = SIZE_MAX) {
    if (bytes.empty()) return;
    std::memcpy(prepare(bytes.size(), most).data(), bytes.data(), bytes.size());
    commit(bytes.size());
  }
  /// The same for characters, so that a buffer is a sink for text.
  void append(char const* text, std::size_t size) {
    append({reinterpret_cast<std::byte const*>(text), size});
  }

  /// Takes storage for `size` bytes if the thread keeps a block that fits; allocates nothing. Only while it
  /// holds no storage.
  void take_kept(std::size_t size) noexcept {
    data_ = detail::block_pool::take_kept(size);
    capacity_ = data_ != nullptr ? size : 0;
  }

  /// The same for the largest block of up to `size` bytes, for bytes of which nobody knows how many will
  /// come.
  void take_kept_up_to(std::size_t size) noexcept {
    data_ = detail::block_pool::take_kept_up_to(size);
    capacity_ = data_ != nullptr ? size : 0;
  }

  /// Uses up `size` bytes at the front.
  void consume(std::size_t size) noexcept {
    begin_ += size;
    if (begin_ == end_) begin_ = end_ = 0;
  }
  /// Drops bytes at the end until `size` are left.
  void truncate(std::size_t size) noexcept { end_ = begin_ + size; }
  /// Drops all bytes, keeps the storage.
  void clear() noexcept { begin_ = end_ = 0; }
  /// Drops all bytes and gives the storage back.
  void release() noexcept {
    if (data_ != nullptr) detail::block_pool::give(data_, capacity_);
    data_ = nullptr;
    begin_ = end_ = capacity_ = 0;
  }

  void swap(buffer& other) noexcept {
    std::swap(data_, other.data_);
    std::swap(begin_, other.begin_);
    std::swap(end_, other.end_);
    std::swap(capacity_, other.capacity_);
  }

 private:
  void grow(std::size_t more, std::size_t most) {
    std::size_t const used = size();
    // Room at the front is used before more is asked for, unless that would move far more than it gains.
    if (capacity_ - used >= more && begin_ >= used) {
      std::memmove(data_, data_ + begin_, used);
    } else {
      if (more > SIZE_MAX / 4 - used) more = SIZE_MAX / 4;  // never fits: the allocator says so
      std::size_t wanted = std::max(used + more, std::min(capacity_ * 2, most));
      if (capacity_ > detail::block_pool::largest && begin_ == 0 && !detail::block_pool::keeps_long(wanted)) {
        data_ = detail::block_pool::resize(data_, wanted);
      } else {
        std::byte* const fresh = detail::block_pool::take(wanted);
        if (used != 0) std::memcpy(fresh, data_ + begin_, used);
        if (data_ != nullptr) detail::block_pool::give(data_, capacity_);
        data_ = fresh;
      }
      capacity_ = wanted;
    }
    begin_ = 0;
    end_ = used;
  }

  std::byte* data_ = nullptr;
  std::size_t begin_ = 0;
  std::size_t end_ = 0;
  std::size_t capacity_ = 0;
};

}  // namespace kindwire
