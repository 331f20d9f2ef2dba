// UTF-8 (RFC 3629) a byte at a time: the rule itself, which the kernels for wide registers are tested
// against.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>

#include "lanes.hpp"

namespace kindwire::detail {

// Where a text stands between two of its bytes.
class utf8_state {
 public:
  // False if no valid text could go on with `byte`; then the text has failed for good.
  bool take(std::byte byte) noexcept {
    auto const value = std::to_integer<unsigned char>(byte);
    return needed_ == 0 ? lead(value) : follow(value);
  }

  // Takes whole sequences fast, and the rest byte by byte.
  bool take(std::byte const* at, std::size_t size) noexcept {
    std::byte const* const end = at + size;
    while (needed_ != 0 && at != end) {
      if (!take(*at++)) return false;
    }
    if (failed_) return false;
    at = skip_whole_sequences(at, end);
    while (at != end) {
      if (!take(*at++)) return false;
    }
    return true;
  }

  // Goes on behind `size` bytes that a kernel found possible: what counts is the sequence that they end in.
  bool resume(std::byte const* data, std::size_t size) noexcept {
    for (std::size_t back = 1; back <= 3 && back <= size; ++back) {
      auto const value = std::to_integer<unsigned>(data[size - back]);
      if (value < 0x80) break;
      if (value < 0xC0) continue;
      bool const cut = value >= 0xF0 || (value >= 0xE0 && back < 3) || back < 2;
      if (!cut) break;
      for (; back != 0; --back) {
        if (!take(data[size - back])) return false;
      }
      break;
    }
    return true;
  }

  // True between two sequences.
  bool complete() const noexcept { return needed_ == 0 && !failed_; }
  bool failed() const noexcept { return failed_; }
  void fail() noexcept { failed_ = true; }

 private:
  // Unicode 15, table 3-7: the second byte of some sequences has a narrower range, which is what keeps out
  // overlong forms (C0, C1, E0 80, F0 80), surrogates (ED A0) and all above U+10FFFF (F4 90).
  bool lead(unsigned char byte) noexcept {
    low_ = 0x80;
    high_ = 0xBF;
    if (failed_) return false;
    if (byte < 0x80) return true;
    if (byte >= 0xC2 && byte <= 0xDF) {
      needed_ = 1;
    } else if (byte >= 0xE0 && byte <= 0xEF) {
      needed_ = 2;
      if (byte == 0xE0) low_ = 0xA0;
      if (byte == 0xED) high_ = 0x9F;
    } else if (byte >= 0xF0 && byte <= 0xF4) {
      needed_ = 3;
      if (byte == 0xF0) low_ = 0x90;
      if (byte == 0xF4) high_ = 0x8F;
    } else {
      failed_ = true;
    }
    return !failed_;
  }

  bool follow(unsigned char byte) noexcept {
    if (failed_ || byte < low_ || byte > high_) {
      failed_ = true;
      return false;
    }
    low_ = 0x80;
    high_ = 0xBF;
    --needed_;
    return true;
  }

  static unsigned value_at(std::byte const* at) noexcept { return std::to_integer<unsigned>(*at); }
  static bool continues(std::byte const* at) noexcept { return (value_at(at) & 0xC0u) == 0x80u; }

  // Returns the first place that is not a whole valid sequence: the end, the sequence cut off by it, or an
  // error. The caller goes on from there byte by byte.
  static std::byte const* skip_whole_sequences(std::byte const* at, std::byte const* end) noexcept {
    for (;;) {
      while (end - at >= 16 && lane16::at(at).ascii()) at += 16;
      while (at != end && value_at(at) < 0x80) ++at;
      // Runs of longer sequences stay in this loop, without going back to the search for ASCII.
      while (end - at >= 4 && value_at(at) >= 0x80) {
        unsigned const first = value_at(at);
        unsigned const second = value_at(at + 1);
        if (first >= 0xC2 && first <= 0xDF && continues(at + 1)) {
          at += 2;
        } else if ((first & 0xF0u) == 0xE0 && continues(at + 1) && continues(at + 2) &&
                   (first != 0xE0 || second >= 0xA0) && (first != 0xED || second <= 0x9F)) {
          at += 3;
        } else if (first >= 0xF0 && first <= 0xF4 && continues(at + 1) && continues(at + 2) &&
                   continues(at + 3) && (first != 0xF0 || second >= 0x90) &&
                   (first != 0xF4 || second <= 0x8F)) {
          at += 4;
        } else {
          return at;
        }
      }
      if (end - at < 4) return at;
    }
  }

  std::uint8_t needed_ = 0;  // continuation bytes still to come
  std::uint8_t low_ = 0x80;  // the range of the next of them
  std::uint8_t high_ = 0xBF;
  bool failed_ = false;
};

}  // namespace kindwire::detail
