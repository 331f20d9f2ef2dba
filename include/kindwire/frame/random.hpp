// Unpredictable bytes for masking keys and handshake keys, from the operating system's strong source.
#pragma once

#include <array>
#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <span>

#if defined(__unix__) || defined(__APPLE__)
#include <pthread.h>
#include <sys/random.h>
#include <unistd.h>

#include <atomic>
#define KINDWIRE_HAS_GETENTROPY 1
#else
#include <random>
#endif

namespace kindwire {

/// Fills `out` from the operating system's strong source (getentropy, elsewhere std::random_device).
///
/// RFC 6455 §5.3 asks for keys "derived from a strong source of entropy". There is no weaker fallback: where
/// the source fails, the program ends by std::abort, since a predictable key is the attack that masking is
/// there to stop. Thread safe.
inline void random_bytes(std::span<std::byte> out) noexcept {
#ifdef KINDWIRE_HAS_GETENTROPY
  constexpr std::size_t most_a_call = 256;  // getentropy(3)
  while (!out.empty()) {
    std::size_t const size = out.size() < most_a_call ? out.size() : most_a_call;
    if (getentropy(out.data(), size) != 0) std::abort();
    out = out.subspan(size);
  }
#else
  thread_local std::random_device source;
  while (!out.empty()) {
    auto const word = source();
    std::size_t const size = out.size() < sizeof word ? out.size() : sizeof word;
    std::memcpy(out.data(), &word, size);
    out = out.subspan(size);
  }
#endif
}

namespace detail {

#ifdef KINDWIRE_HAS_GETENTROPY
// Counts the forks on the way to this process: a child must not go on with the bytes that its parent has
// drawn.
inline std::atomic<unsigned> fork_count{0};

inline unsigned current_fork() noexcept {
  static int const registered =
      pthread_atfork(nullptr, nullptr, [] { fork_count.fetch_add(1, std::memory_order_relaxed); });
  if (registered != 0) std::abort();
  return fork_count.load(std::memory_order_relaxed);
}
#else
inline unsigned current_fork() noexcept { return 0; }
#endif

// Draws from the strong source a block at a time, since a system call a frame costs more than the frame.
class random_pool {
 public:
  std::array<std::byte, 4> take() noexcept {
    if (left_ == 0 || fork_ != current_fork()) refill();
    std::array<std::byte, 4> key;
    left_ -= key.size();
    std::memcpy(key.data(), block_.data() + left_, key.size());
    return key;
  }

 private:
  void refill() noexcept {
    fork_ = current_fork();
    random_bytes(block_);
    left_ = block_.size();
  }

  std::array<std::byte, 1024> block_;
  std::size_t left_ = 0;
  unsigned fork_ = 0;
};

}  // namespace detail

/// Four fresh bytes of the strong source, for one frame (RFC 6455 §5.3). A child process never repeats the
/// keys of its parent. Thread safe.
inline std::array<std::byte, 4> random_masking_key() noexcept {
  thread_local detail::random_pool pool;
  return pool.take();
}

}  // namespace kindwire

#ifdef KINDWIRE_HAS_GETENTROPY
#undef KINDWIRE_HAS_GETENTROPY
#endif
