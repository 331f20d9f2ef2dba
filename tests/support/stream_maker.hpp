// Streams of frames for tests: made at random, the same in every run.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <limits>
#include <utility>

#include "bytes.hpp"

namespace support {

/// A stream of frames as an inventive peer would send it: mostly right, sometimes wrong somewhere.
class stream_maker {
 public:
  stream_maker(kindwire::role sender, std::uint64_t seed, bool may_break)
      : random_(seed), sender_(sender), may_break_(may_break) {}

  /// Of a few short frames only, for tests that try every split.
  bytes make_short() {
    longest_ = 30;
    return make(6);
  }

  bytes make(std::size_t most_frames = 24) {
    bytes result;
    std::size_t const frames = 1 + random_.below(most_frames);
    for (std::size_t i = 0; i != frames; ++i) result += next();
    if (random_.one_in(2)) result += close();
    if (random_.one_in(2)) result += next();
    if (may_break_ && random_.one_in(2)) {  // one bit somewhere
      result[random_.below(result.size())] ^= static_cast<std::byte>(1u << random_.below(8));
    }
    if (random_.one_in(4)) result.resize(random_.below(result.size()) + 1);
    return result;
  }

 private:
  std::size_t size() {
    static constexpr std::size_t sizes[] = {0, 1, 2, 5, 30, 125, 126, 127, 200, 1000, 4000};
    std::size_t const size =
        random_.one_in(60) ? 65535 + random_.below(3) : sizes[random_.below(std::size(sizes))];
    return std::min(size, longest_);
  }

  bytes next() {
    if (random_.one_in(4))
      return frame(sender_, random_.one_in(2) ? kindwire::opcode::ping : kindwire::opcode::pong,
                   random_.any(std::min(random_.below(126), longest_)));
    if (may_break_ && random_.one_in(40)) return broken();
    bytes result;
    bool const starts = !inside_;
    if (starts) {
      is_text_ = random_.one_in(2);
      left_ = is_text_ ? random_.utf8(size()) : random_.any(size());
    }
    bool const fin = random_.one_in(2);
    std::size_t const part = fin ? left_.size() : random_.below(left_.size() + 1);
    bytes const payload(left_.begin(), left_.begin() + static_cast<std::ptrdiff_t>(part));
    left_.erase(left_.begin(), left_.begin() + static_cast<std::ptrdiff_t>(part));
    inside_ = !fin;
    return frame(sender_,
                 !starts    ? kindwire::opcode::continuation
                 : is_text_ ? kindwire::opcode::text
                            : kindwire::opcode::binary,
                 payload, fin);
  }

  bytes broken() {
    key const* const mask = sender_ == kindwire::role::client ? &example_key : nullptr;
    switch (random_.below(9)) {
      case 0: return frame(0xC1, text("reserved bit"), mask);
      case 1: return frame(0x83, {}, mask);
      case 2: return frame(0x09, text("fragmented"), mask);
      case 3: return head(0x89, 126, mask);
      case 4: return head(0x82, random_.below(126), mask, 16);
      case 5: return head(0x82, random_.below(65536), mask, 64);
      case 6: return head(0x82, ~std::uint64_t{0}, mask);
      case 7: return frame(inside_ ? 0x81 : 0x80, text("out of place"), mask);
      default: return frame(0x81, text("masked by the wrong side"), mask == nullptr ? &example_key : nullptr);
    }
  }

  bytes close() {
    static constexpr unsigned codes[] = {1000, 1001, 1005, 1006, 1011, 1014, 1015, 2999, 3000, 4999, 5000};
    unsigned const code = codes[random_.below(std::size(codes))];
    bytes body{static_cast<std::byte>(code >> 8), static_cast<std::byte>(code & 255u)};
    body += random_.one_in(8) ? hex("c0") : random_.utf8(std::min<std::size_t>(random_.below(90), longest_));
    if (random_.one_in(6)) body.resize(random_.below(2));
    if (!may_break_) body = hex("03 e8");
    return frame(sender_, kindwire::opcode::close, body);
  }

  random_numbers random_;
  kindwire::role sender_;
  bool may_break_;
  std::size_t longest_ = std::numeric_limits<std::size_t>::max();
  bool inside_ = false;
  bool is_text_ = false;
  bytes left_;
};

}  // namespace support
