// Unpredictable bytes for masking keys and handshake keys, from the operating system's strong source.
#pragma once

#include <array>
#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <span>

#include "chacha20.hpp"

#if (defined(__unix__) || defined(__APPLE__)) && __has_include(<sys/random.h>)
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
  std::random_device source;  // not thread_local, whose destructor MinGW's g++ calls when it is freed
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

inline unsigned current_fork() noexcept { return fork_count.load(std::memory_order_relaxed); }

inline void count_forks() noexcept {
  static int const registered =
      pthread_atfork(nullptr, nullptr, [] { fork_count.fetch_add(1, std::memory_order_relaxed); });
  if (registered != 0) std::abort();
}
#else
inline unsigned current_fork() noexcept { return 0; }
inline void count_forks() noexcept {}
#endif

// Keys from the strong source at the price of a few instructions: ChaCha20 with a key from there. A system
// call costs more than a short frame, even when one is made for 64 of them.
//
// The pool does not keep what it gave out, nor what that could be made from: each block ends with the key of
// the next one, and bytes are wiped as they are taken ("fast key erasure"). The source is asked again for
// every MiB, and after a fork.
class random_pool {
 public:
  std::array<std::byte, 4> take() noexcept {
    if (left_ == 0 || fork_ != current_fork()) [[unlikely]]
      refill();
    std::array<std::byte, 4> key;
    left_ -= key.size();
    std::byte* const from = block_.data() + left_;
    std::memcpy(key.data(), from, key.size());
    std::memset(from, 0, key.size());
    return key;
  }

 private:
  static constexpr std::size_t most_a_seed = std::size_t{1} << 20;

  KINDWIRE_NOINLINE void refill() noexcept {
    count_forks();
    if (since_seed_ == 0 || since_seed_ >= most_a_seed || fork_ != current_fork()) {
      fork_ = current_fork();
      since_seed_ = 0;
      random_bytes(std::as_writable_bytes(std::span{key_}));
    }
    chacha20(key_, 0, block_);
    std::memcpy(key_.data(), block_.data() + block_.size() - sizeof key_, sizeof key_);
    std::memset(block_.data() + block_.size() - sizeof key_, 0, sizeof key_);
    left_ = block_.size() - sizeof key_;
    since_seed_ += left_;
  }

  std::array<std::byte, 1024> block_{};
  chacha20_key key_{};
  std::size_t left_ = 0;
  std::size_t since_seed_ = 0;
  unsigned fork_ = 0;
};

}  // namespace detail

/// Four fresh bytes for one frame, unpredictable (RFC 6455 §5.3): derived from the strong source by ChaCha20
/// (RFC 8439). A child of fork() never repeats the keys of its parent. Thread safe.
inline std::array<std::byte, 4> random_masking_key() noexcept {
  thread_local constinit detail::random_pool pool;
  return pool.take();
}

}  // namespace kindwire

#ifdef KINDWIRE_HAS_GETENTROPY
#undef KINDWIRE_HAS_GETENTROPY
#endif
