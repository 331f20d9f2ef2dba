// Counts what the test program allocates by operator new and aligned_alloc(): allocations.cpp replaces them.
#pragma once

#include <cstddef>

namespace support {

/// What the calling thread has allocated since its start. Nothing is ever subtracted.
struct allocation_count {
  std::size_t calls = 0;
  std::size_t bytes = 0;
};

allocation_count allocations_so_far() noexcept;

/// Counts from its construction on.
class allocation_counter {
 public:
  std::size_t calls() const noexcept { return allocations_so_far().calls - start_.calls; }
  std::size_t bytes() const noexcept { return allocations_so_far().bytes - start_.bytes; }

 private:
  allocation_count start_ = allocations_so_far();
};

}  // namespace support
