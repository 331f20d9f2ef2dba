// The memory of zlib's contexts: all of it is allocated, freed and counted here.
#pragma once

#include "../requirements.hpp"

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <new>

#include <zlib.h>

namespace kindwire::deflate {

namespace detail {

inline std::atomic<std::size_t>& total_memory() noexcept {
  constinit static std::atomic<std::size_t> total{0};
  return total;
}

// zlib does not say how large what it frees is, so each block begins with that.
inline constexpr std::size_t block_head = (std::max)(sizeof(std::size_t), alignof(std::max_align_t));

// `of` is the std::size_t that counts what one context holds.
inline voidpf allocate(voidpf of, uInt count, uInt each) noexcept {
  if (each != 0 && count > (SIZE_MAX / 2 - block_head) / each) return nullptr;
  std::size_t const size = block_head + std::size_t{count} * each;
  void* const block = ::operator new(size, std::nothrow);
  if (block == nullptr) return nullptr;
  std::memcpy(block, &size, sizeof size);
  *static_cast<std::size_t*>(of) += size;
  total_memory().fetch_add(size, std::memory_order_relaxed);
  return static_cast<std::byte*>(block) + block_head;
}

inline void release(voidpf of, voidpf place) noexcept {
  if (place == nullptr) return;
  void* const block = static_cast<std::byte*>(place) - block_head;
  std::size_t size = 0;
  std::memcpy(&size, block, sizeof size);
  *static_cast<std::size_t*>(of) -= size;
  total_memory().fetch_sub(size, std::memory_order_relaxed);
  ::operator delete(block);
}

// A stream whose memory is counted in `held`.
inline void use_counted_memory(z_stream& stream, std::size_t& held) noexcept {
  stream = {};
  stream.zalloc = allocate;
  stream.zfree = release;
  stream.opaque = &held;
}

// zlib counts in unsigned int.
inline uInt as_much_of(std::size_t size) noexcept {
  constexpr std::size_t most = std::size_t{1} << 30;
  return static_cast<uInt>((std::min)(size, most));
}

inline Bytef* bytes_of(std::byte const* place) noexcept {
  return reinterpret_cast<Bytef*>(const_cast<std::byte*>(place));  // zlib does not write to its input
}

[[noreturn]] inline void out_of_memory() {
#if defined(__cpp_exceptions)
  throw std::bad_alloc();
#else
  std::abort();
#endif
}

}  // namespace detail

/// Bytes that all contexts of this process hold now, those that threads keep for their next message included.
/// Thread safe.
inline std::size_t memory_in_use() noexcept { return detail::total_memory().load(std::memory_order_relaxed); }

}  // namespace kindwire::deflate
