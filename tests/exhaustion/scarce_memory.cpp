#include "scarce_memory.hpp"

#include <atomic>
#include <cstdlib>
#include <new>

namespace {

struct plan {
  std::size_t smallest = 0;
  std::size_t left = 0;
  bool for_good = false;
  bool on = false;
  bool refused = false;
};
thread_local constinit plan current;
constinit std::atomic<std::size_t> alive{0};

void* allocate(std::size_t size) {
  if (current.on && size >= current.smallest) {
    if (current.left == 0 && (current.for_good || !current.refused)) {
      current.refused = true;
      throw std::bad_alloc();
    }
    if (current.left != 0) --current.left;
  }
  void* const place = std::malloc(size != 0 ? size : 1);
  if (place == nullptr) throw std::bad_alloc();
  ++alive;
  return place;
}

void* allocate_or_null(std::size_t size) noexcept {
  try {
    return allocate(size);
  } catch (std::bad_alloc const&) {
    return nullptr;
  }
}

void deallocate(void* place) noexcept {
  if (place == nullptr) return;
  --alive;
  std::free(place);
}

}  // namespace

void exhaustion::refuse_from_now_on(refusal when) noexcept {
  current = {when.smallest, when.at, when.for_good};
}
void exhaustion::refuse(bool on) noexcept { current.on = on; }
bool exhaustion::refuses() noexcept { return current.on; }
bool exhaustion::has_refused() noexcept { return current.refused; }
std::size_t exhaustion::blocks_alive() noexcept { return alive; }

void* operator new(std::size_t size) { return allocate(size); }
void* operator new[](std::size_t size) { return allocate(size); }
// Call the others by themselves, but not where a sanitizer brings its own.
void* operator new(std::size_t size, std::nothrow_t const&) noexcept { return allocate_or_null(size); }
void* operator new[](std::size_t size, std::nothrow_t const&) noexcept { return allocate_or_null(size); }
void operator delete(void* place) noexcept { deallocate(place); }
void operator delete[](void* place) noexcept { deallocate(place); }
void operator delete(void* place, std::size_t) noexcept { deallocate(place); }
void operator delete[](void* place, std::size_t) noexcept { deallocate(place); }
