// What is random in a soak, from its seed; and the text of the feed, which both ends know.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

namespace soak {

// A sequence of its own for each place where something is chosen, so that what one connection does is the
// same in each run, however they take turns. SplitMix64 (Steele, Lea, Flood 2014).
class chance {
 public:
  explicit chance(std::uint64_t seed) noexcept : state_(seed) {}
  chance(std::uint64_t seed, std::uint64_t place, std::uint64_t index) noexcept
      : state_(chance(chance(seed).next() ^ place).next() ^ index) {}

  std::uint64_t next() noexcept {
    std::uint64_t mixed = state_ += 0x9E3779B97F4A7C15U;
    mixed = (mixed ^ (mixed >> 30)) * 0xBF58476D1CE4E5B9U;
    mixed = (mixed ^ (mixed >> 27)) * 0x94D049BB133111EBU;
    return mixed ^ (mixed >> 31);
  }
  // From 0 up to, but not including, `end`.
  std::size_t below(std::size_t end) noexcept { return static_cast<std::size_t>(next() % end); }
  bool one_in(std::size_t many) noexcept { return below(many) == 0; }
  // Of all magnitudes up to `most`: short ones are as frequent as long ones.
  std::size_t size(std::size_t most) noexcept {
    std::size_t bits = 0;
    while (most >> bits > 1) ++bits;
    return below((most >> below(bits + 1)) + 1);
  }

  // ASCII, of which a compressor can make something, but not too much.
  std::string text(std::size_t size) {
    std::string result(size, '\0');
    for (char& each : result) each = static_cast<char>('a' + below(8));
    return result;
  }

 private:
  std::uint64_t state_;
};

inline std::string feed_text(std::uint64_t number) {
  chance each(number);
  std::string text = "{\"n\":" + std::to_string(number) + ",\"text\":\"";
  text += each.text(600 + each.below(2000));
  return text += "\"}";
}

}  // namespace soak
