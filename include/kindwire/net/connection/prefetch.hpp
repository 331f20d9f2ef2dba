// Memory that is about to be needed.
#pragma once

#include <cstddef>
#include <cstdint>

#include "../../requirements.hpp"

namespace kindwire::net::detail {

// Has the processor load `size` bytes meanwhile, for loops over many connections: none is in its cache any
// more when its turn comes, since the system has sent for all the others. Any address will do.
//
// What calls it is to be inlined as well: g++ takes a function that does nothing else for one without effect,
// and leaves out its calls.
KINDWIRE_ALWAYS_INLINE inline void prefetch([[maybe_unused]] void const* at,
                                            [[maybe_unused]] std::size_t size) noexcept {
#if defined(__GNUC__) || defined(__clang__)
  constexpr std::size_t line = 64;
  auto const begin = reinterpret_cast<std::uintptr_t>(at);
  for (std::size_t i = 0; i < size; i += line) __builtin_prefetch(reinterpret_cast<void const*>(begin + i));
#endif
}

}  // namespace kindwire::net::detail
