// UTF-8 (RFC 3629), which RFC 6455 §8.1 demands of every text message: checked as the bytes arrive.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "../frame/mask.hpp"
#include "../kernel/kernels.hpp"
#include "../kernel/lanes.hpp"
#include "../kernel/utf8_state.hpp"

namespace kindwire {

/// Checks a text that arrives in pieces, and fails at the first byte that no valid text could hold there.
class utf8_validator {
 public:
  /// False at the first impossible byte; the validator then stays failed until reset().
  bool feed(std::span<std::byte const> piece) noexcept {
    std::size_t const begun = end_of_sequence(piece.size(), [&](std::size_t at) { return piece[at]; });
    piece = piece.subspan(begun);
    if (piece.empty() || state_.failed()) return !state_.failed();
    return take(piece, detail::kernels().check_text(piece.data(), piece.size()));
  }

  /// The same for a piece that is masked: unmasks it where it lies, in the same pass. `offset` is the place
  /// of its first byte in the frame's payload. If it fails, the piece holds nothing of use.
  bool unmask_and_feed(std::span<std::byte> piece, masking_key key, std::uint64_t offset) noexcept {
    detail::mask_word word = detail::mask_word_at(key, offset);
    std::size_t const begun = end_of_sequence(piece.size(), [&](std::size_t at) {
      detail::mask_below_16<false>(&piece[at], &piece[at], 1, detail::turn(word, at));
      return piece[at];
    });
    piece = piece.subspan(begun);
    if (piece.empty() || state_.failed()) return !state_.failed();
    word = detail::turn(word, begun);
    return take(piece, detail::kernels().unmask_text(piece.data(), piece.size(), word));
  }

  /// True when the text could end here: no sequence is incomplete and nothing failed.
  bool complete() const noexcept { return state_.complete(); }

  /// Ready for a new text.
  void reset() noexcept { state_ = {}; }

 private:
  // Takes bytes up to the end of the sequence that an earlier piece began; returns how many.
  template <class Byte>
  std::size_t end_of_sequence(std::size_t size, Byte byte) noexcept {
    std::size_t taken = 0;
    while (taken != size && !state_.complete() && state_.take(byte(taken))) ++taken;
    return taken;
  }

  bool take(std::span<std::byte const> piece, bool possible) noexcept {
    if (!possible) state_.fail();
    return possible && state_.resume(piece.data(), piece.size());
  }

  detail::utf8_state state_;
};

namespace detail {

inline bool is_whole_text(std::span<std::byte const> text) noexcept {
  utf8_state end;
  return kernels().check_text(text.data(), text.size()) && end.resume(text.data(), text.size()) &&
         end.complete();
}

inline bool unmask_long_text(std::span<std::byte> text, mask_word word) noexcept {
  utf8_state end;
  return kernels().unmask_text(text.data(), text.size(), word) && end.resume(text.data(), text.size()) &&
         end.complete();
}

// Unmasks a text where it lies; true if it is valid UTF-8 as a whole.
inline bool unmask_whole_text(std::span<std::byte> text, mask_word word) noexcept {
  std::size_t const size = text.size();
  if (size < 16) {
    return mask_below_16<true>(text.data(), text.data(), size, word) || unmask_long_text(text, word);
  }
  // A short text whose ends are ASCII is so in between, as a rule.
  lane16 const ends = (lane16::at(text.data()) ^ lane16::of(word)) |
                      (lane16::at(text.data() + size - 16) ^ lane16::of(turn(word, size)));
  if (size > most_inline || !ends.ascii()) return unmask_long_text(text, word);
  return mask_lanes(text.data(), text.data(), size, word) || is_whole_text(text);
}

}  // namespace detail

/// True when `text` is valid UTF-8 as a whole.
inline bool is_utf8(std::span<std::byte const> text) noexcept { return detail::is_whole_text(text); }

/// The same for characters.
inline bool is_utf8(std::string_view text) noexcept {
  return is_utf8(std::span{reinterpret_cast<std::byte const*>(text.data()), text.size()});
}

}  // namespace kindwire
