// Finds a connection that takes nearly all of the throughput.
#pragma once

#include <cstddef>

namespace kindwire::net::detail {

// Counts the bytes that each connection moved, 1 MiB at a time. A connection floods if it moved more than
// three quarters of them while others moved some as well: shorter turns then let those in sooner. If several
// are busy, or only one, long turns serve all of them best. Not thread safe.
class flood_watch {
 public:
  void took(void const* who, std::size_t size) noexcept {
    all_ += size;
    if (who == suspect_) {
      of_suspect_ += size;
    } else if (size != 0) {
      others_ = true;
    }
    if (all_ < window) return;
    flooding_ = others_ && of_suspect_ > all_ / 4 * 3 ? suspect_ : nullptr;
    // The one that completes a window probably took much of it.
    if (flooding_ == nullptr) suspect_ = who;
    all_ = of_suspect_ = 0;
    others_ = false;
  }

  bool floods(void const* who) const noexcept { return who == flooding_; }

  // It is gone: its address may be reused.
  void forget(void const* who) noexcept {
    if (who == suspect_) suspect_ = nullptr;
    if (who == flooding_) flooding_ = nullptr;
  }

 private:
  static constexpr std::size_t window = std::size_t{1} << 20;

  void const* suspect_ = nullptr;
  void const* flooding_ = nullptr;
  std::size_t all_ = 0;
  std::size_t of_suspect_ = 0;
  bool others_ = false;
};

}  // namespace kindwire::net::detail
