// What a connection does when out of memory: it goes on without, or ends, but does not end its context.
#pragma once

#include <new>
#include <system_error>
#include <utility>

namespace kindwire::net::detail {

// Runs `work`; false if it threw std::bad_alloc. A session without memory for its input has ended, and says
// so in its error(); anything else is left as it was.
template <class Work>
bool try_allocating(Work&& work) {
  try {
    std::forward<Work>(work)();
    return true;
  } catch (std::bad_alloc const&) {
    return false;
  }
}

inline std::error_code no_memory() noexcept { return std::make_error_code(std::errc::not_enough_memory); }

}  // namespace kindwire::net::detail
