// Which kernel does the work on long runs of bytes: chosen once, when the program runs, for the processor it
// runs on.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "arm.hpp"
#include "portable.hpp"
#include "x86.hpp"

namespace kindwire {

/// What masking and the check of UTF-8 are done with.
enum class instruction_set : std::uint8_t {
  portable,  ///< words of 64 bits, or SSE2 on x86-64
  ssse3,
  avx2,
  avx512,  ///< with BW and VL, on processors from Intel's Ice Lake and AMD's Zen 4 on
  neon,
};

/// "portable", "ssse3", "avx2", "avx512", "neon".
constexpr char const* to_string(instruction_set name) noexcept {
  switch (name) {
    case instruction_set::portable: return "portable";
    case instruction_set::ssse3: return "ssse3";
    case instruction_set::avx2: return "avx2";
    case instruction_set::avx512: return "avx512";
    case instruction_set::neon: return "neon";
  }
  return "unknown";
}

namespace detail {

struct kernel_set {
  instruction_set name;

  // Masks `size` bytes from `from` to `to`, which are the same place or do not overlap. `word` is the key as
  // it stands at the first of them.
  void (*mask)(std::byte* to, std::byte const* from, std::size_t size, mask_word word) noexcept;

  // True if no byte of a text that begins here is impossible where it stands (RFC 3629); what its last
  // sequence lacks may come later. F5 to FF as the last byte are left to utf8_state::resume().
  bool (*check_text)(std::byte const* data, std::size_t size) noexcept;

  // The same of a text that is masked, unmasking it where it lies. If it is false, what lies there is of no
  // use.
  bool (*unmask_text)(std::byte* data, std::size_t size, mask_word word) noexcept;
};

inline constexpr kernel_set kernel_sets[] = {
    {instruction_set::portable, portable_kernels::mask, portable_kernels::check_text,
     portable_kernels::unmask_text},
#if defined(KINDWIRE_HAS_X86_KERNELS)
    {instruction_set::ssse3, portable_kernels::mask, ssse3_kernels::check_text, ssse3_kernels::unmask_text},
    {instruction_set::avx2, avx2_kernels::mask, avx2_kernels::check_text, avx2_kernels::unmask_text},
    {instruction_set::avx512, avx512_kernels::mask, avx512_kernels::check_text, avx512_kernels::unmask_text},
#elif defined(KINDWIRE_HAS_NEON_KERNELS)
    {instruction_set::neon, portable_kernels::mask, neon_kernels::check_text, neon_kernels::unmask_text},
#endif
};

// Whether this processor, and its operating system, can run it.
inline bool is_supported(instruction_set name) noexcept {
#if defined(KINDWIRE_HAS_X86_KERNELS)
  switch (name) {
    case instruction_set::ssse3: return __builtin_cpu_supports("ssse3") != 0;
    case instruction_set::avx2: return __builtin_cpu_supports("avx2") != 0;
    case instruction_set::avx512:
      // VBMI2 came with the processors that do not slow down for registers of 512 bits.
      return __builtin_cpu_supports("avx512bw") != 0 && __builtin_cpu_supports("avx512vl") != 0 &&
             __builtin_cpu_supports("avx512vbmi2") != 0 && __builtin_cpu_supports("bmi2") != 0;
    default: break;
  }
#endif
  for (auto const& each : kernel_sets) {
    if (each.name == name) return true;
  }
  return false;
}

inline std::atomic<kernel_set const*> chosen_kernels{nullptr};

inline kernel_set const* choose_kernels() noexcept {
  kernel_set const* best = nullptr;
  for (auto const& each : kernel_sets) {
    if (is_supported(each.name)) best = &each;
  }
  kernel_set const* chosen = nullptr;  // unless another thread has asked for one in the meantime
  return chosen_kernels.compare_exchange_strong(chosen, best, std::memory_order_relaxed) ? best : chosen;
}

inline kernel_set const& kernels() noexcept {
  kernel_set const* const chosen = chosen_kernels.load(std::memory_order_relaxed);
  return chosen != nullptr ? *chosen : *choose_kernels();
}

// Copies `size` bytes without overlap. A call of memcpy() costs a short run more than the work; and for a
// long one, glibc takes `rep movsb`, which is slow where source and destination are nearly the same modulo
// 4,096, as a payload in one block and its place in another are: on an EPYC half as fast as this at 64 KiB.
inline void copy_run(std::byte* to, std::byte const* from, std::size_t size) noexcept {
  constexpr std::size_t most_copied = 2048;
  if (size > most_copied) {
    kernels().mask(to, from, size, 0);
  } else if (size > 32) {
    std::memcpy(to, from, size);
  } else {
    mask_short(to, from, size, 0);
  }
}

}  // namespace detail

/// What long runs of bytes are worked on with in this program.
inline instruction_set used_instruction_set() noexcept { return detail::kernels().name; }

/// Takes another, for tests and measurements: the best one is taken without it. False, with nothing changed,
/// where the processor or the compiler does not know it. Thread safe.
inline bool use_instruction_set(instruction_set name) noexcept {
  if (!detail::is_supported(name)) return false;
  for (auto const& each : detail::kernel_sets) {
    if (each.name == name) detail::chosen_kernels.store(&each, std::memory_order_relaxed);
  }
  return true;
}

}  // namespace kindwire

#undef KINDWIRE_HAS_X86_KERNELS
#undef KINDWIRE_HAS_NEON_KERNELS
