// Which of many connections takes nearly all there is to take.
#pragma once

#include <cstddef>

namespace kindwire::net::detail {

// Looks at how many bytes were taken by whom, some megabytes at a time. A connection floods if it took more
// than three quarters of them while others took some as well: then shorter turns let those in sooner. Where
// several are busy, or one is alone, long turns serve all of them best. Not thread safe.
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
    // Whose turn ends a window is one that took much of it, if there is one.
    if (flooding_ == nullptr) suspect_ = who;
    all_ = of_suspect_ = 0;
    others_ = false;
  }

  bool floods(void const* who) const noexcept { return who == flooding_; }

  // It is gone: another may come to lie where it was.
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
