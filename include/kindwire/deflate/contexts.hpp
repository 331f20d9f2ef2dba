// The contexts that connections without context takeover use in turn, kept by each thread.
#pragma once

#include <array>
#include <cstddef>
#include <memory>
#include <utility>

#include "../kernel/thread_object.hpp"
#include "deflater.hpp"
#include "inflater.hpp"
#include "parameters.hpp"

namespace kindwire::deflate::detail {

// A context is taken for one message, or for good, and may be given back on another thread. As a rule a
// message is done with at once, so that one of each kind serves all connections of a thread.
class contexts {
 public:
  // Ready for a new message with an empty window; null if there is no memory.
  static std::unique_ptr<deflater> take_deflater(deflater_shape const& shape) noexcept {
    if (contexts* const mine = of_this_thread()) {
      for (auto& each : mine->deflaters_) {
        if (each && each->shape() == shape) return std::move(each);
      }
    }
    return shape.by->make(shape);
  }
  static std::unique_ptr<inflater> take_inflater() noexcept {
    if (contexts* const mine = of_this_thread()) {
      for (auto& each : mine->inflaters_) {
        if (each) return std::move(each);
      }
    }
    return inflater::make(widest_window_bits);  // reads what was written with any
  }

  // In exchange for the one that has been kept for longest.
  static void give(std::unique_ptr<deflater> spare) noexcept {
    spare->reset();
    if (contexts* const mine = of_this_thread()) keep(mine->deflaters_, std::move(spare));
  }
  static void give(std::unique_ptr<inflater> spare) noexcept {
    spare->reset();
    if (contexts* const mine = of_this_thread()) keep(mine->inflaters_, std::move(spare));
  }

 private:
  template <class Kept, class Context>
  static void keep(Kept& kept, std::unique_ptr<Context> spare) noexcept {
    // The first place is the newest; the rest move up as far as there are any.
    for (auto& each : kept) {
      each.swap(spare);
      if (!spare) return;
    }
  }

  // Null once those of the thread are gone: a connection with static storage may outlive them.
  static contexts* of_this_thread() noexcept { return kindwire::detail::of_this_thread<contexts>(); }

  std::array<std::unique_ptr<deflater>, 2> deflaters_;
  std::array<std::unique_ptr<inflater>, 2> inflaters_;
};

}  // namespace kindwire::deflate::detail
