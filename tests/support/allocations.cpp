#include "allocations.hpp"

#include <stdlib.h>

#include <cstdlib>
#include <new>

namespace {

// A thread counts for itself, so that a test is not disturbed by the threads of another.
thread_local constinit support::allocation_count so_far;

void* allocate(std::size_t size) noexcept {
  ++so_far.calls;
  so_far.bytes += size;
  if (void* const place = std::malloc(size != 0 ? size : 1)) return place;
  std::abort();  // the test program is built without exceptions
}

}  // namespace

support::allocation_count support::allocations_so_far() noexcept { return so_far; }

void* operator new(std::size_t size) { return allocate(size); }
void* operator new[](std::size_t size) { return allocate(size); }
// Call those by themselves, but not where a sanitizer brings its own.
void* operator new(std::size_t size, std::nothrow_t const&) noexcept { return allocate(size); }
void* operator new[](std::size_t size, std::nothrow_t const&) noexcept { return allocate(size); }
void operator delete(void* place) noexcept { std::free(place); }
void operator delete[](void* place) noexcept { std::free(place); }
void operator delete(void* place, std::size_t) noexcept { std::free(place); }
void operator delete[](void* place, std::size_t) noexcept { std::free(place); }

// What Asio takes for its operations and coroutine frames. Windows has no aligned_alloc().
#if !defined(_WIN32)
extern "C" void* aligned_alloc(std::size_t alignment, std::size_t size) noexcept {
  ++so_far.calls;
  so_far.bytes += size;
  void* place = nullptr;
  return posix_memalign(&place, alignment < sizeof place ? sizeof place : alignment, size) == 0 ? place
                                                                                                : nullptr;
}
#endif
