// The growing buffers of a connection, and the pool that their blocks are taken from.
//
// A connection holds storage only while bytes are in it. An idle one gives all of it back, so that what
// 100,000 quiet connections cost is their state, not their buffers. The next busy one takes the same block
// again, so the steady state allocates nothing; and the memory of long blocks that the pool does not keep
// goes back to the system.
#pragma once

#include "../requirements.hpp"

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

#include "../kernel/kernels.hpp"
#include "../kernel/thread_object.hpp"

#if defined(__linux__)
#include <sys/mman.h>
#include <unistd.h>
#endif

namespace kindwire {

namespace detail {

// Gives the pages of a block that is about to be freed back to the system. What they hold is lost.
//
// Needed on Linux, where glibc's heap keeps what it gets: once one block of 2 MiB was freed, all later ones
// up to that size come from the heap, which shrinks only at its end, and a small block that happens to lie
// there holds on to all the others. Other systems' allocators map long blocks one by one, or return unused
// pages themselves.
inline void return_pages([[maybe_unused]] std::byte* data, [[maybe_unused]] std::size_t size) noexcept {
#if defined(__linux__)
  // Only whole pages are the block's alone. If the system refuses, the block is freed as any other.
  auto const page = static_cast<std::uintptr_t>(::sysconf(_SC_PAGESIZE));
  auto const begin = (reinterpret_cast<std::uintptr_t>(data) + page - 1) / page * page;
  auto const end = (reinterpret_cast<std::uintptr_t>(data) + size) / page * page;
  if (begin < end) ::madvise(reinterpret_cast<void*>(begin), end - begin, MADV_DONTNEED);
#endif
}

// Blocks of 1 KiB to 2 MiB in powers of two, kept for reuse by the thread that gave them back: 4 MiB, or more
// as long as it turns out that the thread needs again what it did not keep. Beside them one longer block is
// kept, which there is only where messages may be that long.
//
// Much is kept because fresh memory costs ten times as much as what is done with it: the system hands out
// every page of it zeroed. A thread that no longer uses it gives it up.
class block_pool {
 public:
  block_pool() noexcept = default;
  block_pool(block_pool const&) = delete;
  block_pool& operator=(block_pool const&) = delete;
  ~block_pool() {
    keep_long(nullptr, 0);
    std::size_t size = smallest;
    for (block*& head : blocks_) {
      while (head != nullptr) free_short(std::exchange(head, head->next), size);
      size *= 2;
    }
  }

  static constexpr std::size_t smallest = 1024;
  static constexpr std::size_t largest = std::size_t{2} << 20;
  static constexpr std::size_t most_kept = std::size_t{4} << 20;
  static constexpr std::size_t most_kept_when_needed = std::size_t{32} << 20;
  static constexpr std::size_t shortest_returned = std::size_t{64} << 10;  // to the system, page by page
  static constexpr std::size_t longest_kept = std::size_t{65} << 20;  // a message of 64 MiB with its header
  // Blocks given back before what is unused is given up.
  static constexpr std::size_t most_unused = std::size_t{1} << 16;

  // `size` is rounded up to what is really allocated.
  static std::byte* take(std::size_t& size) {
    if (std::byte* const kept = size > largest / 2 ? take_long(size) : nullptr) return kept;
    if (size > largest) return resize(nullptr, size);
    if (std::byte* const kept = take_kept(size)) return kept;
    if (size >= shortest_returned) note_missing(size);
    return static_cast<std::byte*>(::operator new(size));
  }

  // Blocks over `largest` come from realloc(), which can make one longer without moving it: otherwise a
  // message of 64 MiB would be copied each time its block doubles.
  static std::byte* resize(std::byte* data, std::size_t& size) {
    constexpr std::size_t page = 4096;
    size = (size + page - 1) / page * page;
    void* const longer = std::realloc(data, size);
    // No memory: operator new reports it in the way that the program is built for.
    if (longer == nullptr) return static_cast<std::byte*>(::operator new (std::size_t{PTRDIFF_MAX}));
    return static_cast<std::byte*>(longer);
  }

  // Rounded up as little as can be. Unless it is of a size that is kept anyway, give() frees it.
  static std::byte* take_exactly(std::size_t& size) {
    if (is_kept_size(size) || size > largest) return take(size);
    return static_cast<std::byte*>(::operator new(size));
  }

  // Like take() if the pool keeps such a block, else null.
  static std::byte* take_kept(std::size_t& size) noexcept {
    if (size > largest) return nullptr;
    size = std::bit_ceil((std::max)(size, smallest));
    block_pool* const pool = of_this_thread();
    std::size_t const index = index_of(size);
    return pool != nullptr && pool->blocks_[index] != nullptr ? pool->pop(index) : nullptr;
  }

  // The largest block that it keeps of up to `size` bytes, rounded up as above, else null.
  static std::byte* take_kept_up_to(std::size_t& size) noexcept {
    block_pool* const pool = of_this_thread();
    if (pool == nullptr) return nullptr;
    std::size_t index = index_of(std::bit_ceil((std::clamp)(size, smallest, largest)));
    while (pool->blocks_[index] == nullptr) {
      if (index-- == 0) return nullptr;
    }
    size = smallest << index;
    return pool->pop(index);
  }

  // True if the kept long block suits a request for `size` bytes. The request takes all of it, so it is not
  // for one that needs only a small part: a message of which little has come, say.
  static bool keeps_long(std::size_t size) noexcept {
    block_pool const* const pool = of_this_thread();
    return pool != nullptr && pool->long_suits(size);
  }

  static void give(std::byte* data, std::size_t size) noexcept {
    block_pool* const pool = of_this_thread();
    if (size > largest) {
      if (pool == nullptr || size > longest_kept || size < pool->long_size_) return std::free(data);
      pool->keep_long(data, size);
    } else if (pool != nullptr && is_kept_size(size)) [[likely]] {
      pool->make_room(size);
      block*& head = pool->blocks_[index_of(size)];
      head = ::new (data) block{head};
      pool->kept_ += size;
      if (pool->keeps_much_ && ++pool->unused_ == most_unused) pool->keep_little();
    } else {
      free_short(data, size);
    }
  }

 private:
  // The block of that index that was given back last; there is one.
  std::byte* pop(std::size_t index) noexcept {
    block* const taken = std::exchange(blocks_[index], blocks_[index]->next);
    kept_ -= smallest << index;
    return reinterpret_cast<std::byte*>(taken);
  }

  static void free_short(void* data, std::size_t size) noexcept {
    if (size >= shortest_returned) return_pages(static_cast<std::byte*>(data), size);
    ::operator delete(data);
  }

  bool long_suits(std::size_t size) const noexcept {
    constexpr std::size_t most_times = 8;
    return size <= long_size_ && long_size_ / most_times <= size;
  }

  static std::byte* take_long(std::size_t& size) noexcept {
    block_pool* const pool = of_this_thread();
    if (pool == nullptr || !pool->long_suits(size)) return nullptr;
    size = std::exchange(pool->long_size_, 0);
    return std::exchange(pool->long_, nullptr);
  }

  // Keeps this one in place of the last.
  void keep_long(std::byte* data, std::size_t size) noexcept {
    std::free(std::exchange(long_, data));
    long_size_ = size;
    keep_much();
  }

  // A block is allocated. If as much was returned before, it would have been better to keep it.
  static void note_missing(std::size_t size) noexcept {
    block_pool* const pool = of_this_thread();
    if (pool == nullptr || pool->returned_ < size) return;
    pool->returned_ -= size;
    pool->limit_ = (std::min)(pool->limit_ + size, most_kept_when_needed);
    pool->keep_much();
  }

  void keep_much() noexcept {
    keeps_much_ = true;
    unused_ = 0;
  }
  void keep_little() noexcept {
    keep_long(nullptr, 0);
    limit_ = most_kept;
    make_room(0);
    returned_ = 0;
    keeps_much_ = false;
  }

  struct block {
    block* next;
  };

  // A power of two. std::has_single_bit() calls a function of libgcc, since not every x86-64 can count bits.
  static constexpr bool is_kept_size(std::size_t size) noexcept { return (size & (size - 1)) == 0; }

  static constexpr std::size_t index_of(std::size_t size) noexcept {
    return static_cast<std::size_t>(std::countr_zero(size) - std::countr_zero(smallest));
  }

  // Null once the thread's pool is gone: buffers with static storage may outlive it.
  static block_pool* of_this_thread() noexcept { return detail::of_this_thread<block_pool>(); }

  // What was given back last is likely to be wanted next: others make way for it, the largest first.
  void make_room(std::size_t size) noexcept {
    for (std::size_t index = std::size(blocks_); kept_ + size > limit_;) {
      block*& head = blocks_[index - 1];
      if (head == nullptr) {
        --index;
        continue;
      }
      std::size_t const freed = smallest << (index - 1);
      free_short(std::exchange(head, head->next), freed);
      kept_ -= freed;
      if (freed >= shortest_returned) returned_ += freed;
    }
  }

  block* blocks_[static_cast<std::size_t>(std::countr_zero(largest) - std::countr_zero(smallest)) + 1] = {};
  std::size_t kept_ = 0;
  std::byte* long_ = nullptr;
  std::size_t long_size_ = 0;
  std::size_t limit_ = most_kept;
  std::size_t returned_ = 0;  // bytes that did not fit and were returned to the system
  std::size_t unused_ = 0;    // blocks that were given back since long_ or the limit last changed
  bool keeps_much_ = false;   // there may be a long block, or a higher limit
};

}  // namespace detail

/// Contiguous bytes that are added at the end and used up at the front. Holds storage only while it needs
/// some.
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

  /// True if `place` is where the next byte will go. A full block has no such place: what lies right behind
  /// it belongs to another.
  bool ends_at(std::byte const* place) const noexcept { return spare() != 0 && place == data_ + end_; }

  /// Room for at least `size` more bytes, all of it usable: fill it from the front, then commit(). Grows by
  /// doubling, but not beyond `most` bytes in all unless `size` needs it.
  std::span<std::byte> prepare(std::size_t size, std::size_t most = SIZE_MAX) {
    if (spare() < size) grow(size, most);
    return {data_ + end_, spare()};
  }
  /// Adds the first `size` bytes of what prepare() gave.
  void commit(std::size_t size) noexcept { end_ += size; }

  void append(std::span<std::byte const> bytes, std::size_t most = SIZE_MAX) {
    if (bytes.empty()) return;
    detail::copy_run(prepare(bytes.size(), most).data(), bytes.data(), bytes.size());
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

  /// The same for the largest block of up to `size` bytes, for when it is not known how many bytes will come.
  void take_kept_up_to(std::size_t size) noexcept {
    data_ = detail::block_pool::take_kept_up_to(size);
    capacity_ = data_ != nullptr ? size : 0;
  }

  /// Moves what is there to a block of `size` bytes, more than it has now, and not of the next power of two.
  void grow_to(std::size_t size) {
    buffer longer;
    longer.data_ = detail::block_pool::take_exactly(size);
    longer.capacity_ = size;
    longer.append(bytes());
    swap(longer);
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
    // Room at the front is used before more is allocated, unless that would move far more than it gains.
    if (capacity_ - used >= more && begin_ >= used) {
      std::memmove(data_, data_ + begin_, used);
    } else {
      if (more > SIZE_MAX / 4 - used) more = SIZE_MAX / 4;  // never fits, as the allocator will say
      std::size_t wanted = (std::max)(used + more, (std::min)(capacity_ * 2, most));
      if (capacity_ > detail::block_pool::largest && begin_ == 0 && !detail::block_pool::keeps_long(wanted)) {
        data_ = detail::block_pool::resize(data_, wanted);
      } else {
        std::byte* const fresh = detail::block_pool::take(wanted);
        if (used != 0) detail::copy_run(fresh, data_ + begin_, used);
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
