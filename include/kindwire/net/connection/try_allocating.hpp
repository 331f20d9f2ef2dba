// What a connection does where there is no memory: it goes on without, or ends, but not its context.
#pragma once

#include <new>
#include <system_error>
#include <utility>

namespace kindwire::net::detail {

// Does `work`; false if that ended in std::bad_alloc. A session that finds no memory for what came has ended,
// and says so in its error(); anything else is left as it was.
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
