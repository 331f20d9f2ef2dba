// UTF-8 (RFC 3629), which RFC 6455 §8.1 demands of every text message: checked as the bytes arrive.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>

namespace kindwire {

/// Checks a text that arrives in pieces, and fails at the first byte that no valid text could hold there.
class utf8_validator {
 public:
  /// False at the first impossible byte; the validator then stays failed until reset().
  bool feed(std::span<std::byte const> piece) noexcept {
    auto const* at = reinterpret_cast<unsigned char const*>(piece.data());
    auto const* const end = at + piece.size();
    while (needed_ != 0 && at != end) {
      if (!follow(*at++)) return false;
    }
    if (failed_) return false;
    at = skip_whole_sequences(at, end);
    while (at != end) {
      if (!(needed_ == 0 ? lead(*at) : follow(*at))) return false;
      ++at;
    }
    return true;
  }

  /// True when the text could end here: no sequence is incomplete and nothing failed.
  bool complete() const noexcept { return needed_ == 0 && !failed_; }

  /// Ready for a new text.
  void reset() noexcept { *this = utf8_validator{}; }

 private:
  // Unicode 15, table 3-7: the second byte of some sequences has a narrower range, which is what keeps out
  // overlong forms (C0, C1, E0 80, F0 80), surrogates (ED A0) and all above U+10FFFF (F4 90).
  bool lead(unsigned char byte) noexcept {
    low_ = 0x80;
    high_ = 0xBF;
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

  static bool continues(unsigned char byte) noexcept { return (byte & 0xC0u) == 0x80u; }

  // Returns the first place that is not a whole valid sequence: the end, the sequence cut off by it, or an
  // error. The caller goes on from there byte by byte.
  static unsigned char const* skip_whole_sequences(unsigned char const* at,
                                                   unsigned char const* end) noexcept {
    for (;;) {
      while (end - at >= 16) {
        std::uint64_t words[2];
        std::memcpy(words, at, sizeof words);
        if (((words[0] | words[1]) & 0x8080808080808080u) != 0) break;
        at += sizeof words;
      }
      while (at != end && *at < 0x80) ++at;
      // Runs of longer sequences stay in this loop, without going back to the search for ASCII.
      while (end - at >= 4 && *at >= 0x80) {
        unsigned const first = *at;
        unsigned const second = at[1];
        if (first >= 0xC2 && first <= 0xDF && continues(at[1])) {
          at += 2;
        } else if ((first & 0xF0u) == 0xE0 && continues(at[1]) && continues(at[2]) &&
                   (first != 0xE0 || second >= 0xA0) && (first != 0xED || second <= 0x9F)) {
          at += 3;
        } else if (first >= 0xF0 && first <= 0xF4 && continues(at[1]) && continues(at[2]) &&
                   continues(at[3]) && (first != 0xF0 || second >= 0x90) &&
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

/// True when `text` is valid UTF-8 as a whole.
inline bool is_utf8(std::span<std::byte const> text) noexcept {
  utf8_validator validator;
  return validator.feed(text) && validator.complete();
}

/// The same for characters.
inline bool is_utf8(std::string_view text) noexcept {
  return is_utf8(std::span{reinterpret_cast<std::byte const*>(text.data()), text.size()});
}

}  // namespace kindwire
