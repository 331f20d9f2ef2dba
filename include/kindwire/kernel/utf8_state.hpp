// UTF-8 (RFC 3629) of a text that arrives in pieces, a byte at a time.
#pragma once

#include <cstddef>
#include <cstdint>

#include "lanes.hpp"
#include "utf8_sequence.hpp"

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
  bool lead(unsigned char byte) noexcept {
    unsigned const size = utf8_size(byte);
    if (size == 0) failed_ = true;
    if (failed_) return false;
    needed_ = static_cast<std::uint8_t>(size - 1);
    least_ = utf8_second_least(byte);
    most_ = utf8_second_most(byte);
    return true;
  }

  bool follow(unsigned char byte) noexcept {
    if (failed_ || byte < least_ || byte > most_) {
      failed_ = true;
      return false;
    }
    least_ = 0x80;
    most_ = 0xBF;
    --needed_;
    return true;
  }

  // Returns the first place that is not a whole valid sequence: the end, the sequence cut off by it, or an
  // error. The caller goes on from there byte by byte.
  static std::byte const* skip_whole_sequences(std::byte const* at, std::byte const* end) noexcept {
    auto const is_ascii = [](std::byte const* byte) { return std::to_integer<unsigned>(*byte) < 0x80; };
    for (;;) {
      while (end - at >= 16 && lane16::at(at).ascii()) at += 16;
      while (at != end && is_ascii(at)) ++at;
      // Runs of longer sequences stay in this loop, without going back to the search for ASCII.
      while (end - at >= 4 && !is_ascii(at)) {
        std::size_t const size = utf8_sequence(at, 4);
        if (size == 0) return at;
        at += size;
      }
      if (end - at < 4) return at;
    }
  }

  std::uint8_t needed_ = 0;    // continuation bytes still to come
  std::uint8_t least_ = 0x80;  // the range of the next of them
  std::uint8_t most_ = 0xBF;
  bool failed_ = false;
};

}  // namespace kindwire::detail
