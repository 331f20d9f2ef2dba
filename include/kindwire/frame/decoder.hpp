// Frames out of bytes, in place: RFC 6455 §5, without a stream and without allocation.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <system_error>

#include "../error.hpp"
#include "header.hpp"
#include "mask.hpp"
#include "role.hpp"

namespace kindwire {

/// A piece of one frame's payload, where it lies in the input. False when there is none.
///
/// The first piece of a frame comes as soon as its header is whole, and may then be empty: so limits can act
/// on a header before any payload is there. A frame without payload is one empty piece, first and last.
struct frame_chunk {
  frame_header const* header = nullptr;  ///< valid until the next call of next()
  std::span<std::byte> payload;          ///< a part of the input that was given to next()
  std::uint64_t offset = 0;              ///< the place of its first byte in the frame's payload
  bool first = false;                    ///< the frame's first piece
  bool last = false;                     ///< the frame ends with this piece

  explicit operator bool() const noexcept { return header != nullptr; }
};

/// A message in one frame, still masked; false when there is none.
struct whole_frame {
  std::span<std::byte> payload;  ///< a part of the input
  detail::mask_word word = 0;    // what it is masked with, 0 if it is not
  opcode type = opcode::binary;  ///< TEXT or BINARY
  bool there = false;

  explicit operator bool() const noexcept { return there; }
};

/// Decodes a stream of frames for a role that is known at run time; frame_decoder fixes it at compile time.
///
/// Keeps at most one incomplete header, never payload. After a violation it decodes nothing more. Not thread
/// safe.
class basic_frame_decoder {
 public:
  /// `self` is our own role: a server takes masked frames, a client unmasked ones (RFC 6455 §5.1).
  explicit basic_frame_decoder(role self) noexcept
      : self_(self), mask_bit_(self == role::server ? 0x80 : 0) {}

  /// Allows RSV bits (0x40, 0x20, 0x10) that a negotiated extension uses (RFC 6455 §9).
  void allow_reserved(reserved_bits bits) noexcept { reserved_allowed_ = bits; }

  /// Takes bytes off the front of `input` and returns the next piece of a frame, unmasked where it lies.
  /// False when `input` is used up (what is left of a header is kept) or the stream broke a rule: see
  /// error().
  frame_chunk next(std::span<std::byte>& input) noexcept {
    frame_chunk const chunk = take(input);
    if (chunk && chunk.header->masked) mask(chunk.payload, chunk.header->key, chunk.offset);
    return chunk;
  }

  /// The same with the payload as it came, for callers that unmask it while doing other work:
  /// `mask(chunk.payload, chunk.header->key, chunk.offset)` if the header says that it is masked.
  frame_chunk take(std::span<std::byte>& input) noexcept {
    if (input.empty()) return {};
    bool const first = !inside_;
    if (first) {
      if (!take_header(input)) return {};
      remaining_ = header_.length;
    }
    auto const size = static_cast<std::size_t>(std::min<std::uint64_t>(remaining_, input.size()));
    auto const payload = input.first(size);
    input = input.subspan(size);
    std::uint64_t const offset = header_.length - remaining_;
    remaining_ -= size;
    inside_ = remaining_ != 0;
    return {&header_, payload, offset, first, !inside_};
  }

  /// Takes back the last `size` bytes of the piece that take() gave last, for callers that have used only the
  /// rest of it: `input`, which they follow, begins with them again.
  void put_back(std::span<std::byte>& input, std::size_t size) noexcept {
    input = {input.data() - size, input.size() + size};
    remaining_ += size;
    inside_ = remaining_ != 0;
  }

  /// The fast path for what most frames are: takes the next one if all of it is in `input` and it is a whole
  /// TEXT or BINARY message of less than 64 KiB, as our peer may send it. Else takes nothing, and take() will
  /// say what is there. Call it only between frames, before error(); it changes nothing in the decoder.
  whole_frame take_whole(std::span<std::byte>& input) const noexcept {
    if (input.size() < max_frame_header_size) return {};
    std::byte const* const at = input.data();
    auto const first = std::to_integer<unsigned>(at[0]);
    auto const second = std::to_integer<unsigned>(at[1]) ^ mask_bit_;
    // FIN and one of two opcodes, no reserved bit.
    if (first != 0x81 && first != 0x82) return {};
    std::size_t length = second;
    std::size_t size = 2;
    if (length > 125) {
      if (length != 126) return {};
      length = detail::load_big_endian<std::uint16_t>(at + 2);
      if (length <= 125) return {};
      size = 4;
    }
    detail::mask_word word = 0;
    if (mask_bit_ != 0) {
      word = detail::mask_word_of(detail::load<std::uint32_t>(at + size));
      size += sizeof(masking_key);
    }
    if (length > input.size() - size) return {};
    auto const payload = input.subspan(size, length);
    input = input.subspan(size + length);
    return {payload, word, static_cast<opcode>(first & 0x0Fu), true};
  }

  /// The rule that the stream broke; no error as long as it broke none.
  std::error_code error() const noexcept {
    return violation_ == kindwire::error{} ? std::error_code{} : make_error_code(violation_);
  }

  /// Payload bytes of the current frame that are still to come; 0 between frames.
  std::uint64_t remaining() const noexcept { return inside_ ? remaining_ : 0; }

  /// The type of the current frame, while remaining() is not 0.
  opcode type() const noexcept { return header_.type; }

  /// True when the stream could end here: neither a header nor a payload is incomplete.
  bool between_frames() const noexcept { return !inside_ && partial_size_ == 0; }

  /// One by the same rules that starts at the beginning of a frame, for callers that know where one begins.
  basic_frame_decoder restarted() const noexcept {
    basic_frame_decoder fresh{self_};
    fresh.allow_reserved(reserved_allowed_);
    return fresh;
  }

 private:
  bool take_header(std::span<std::byte>& input) noexcept {
    if (violation_ != kindwire::error{}) return false;
    if (partial_size_ == 0) [[likely]] {
      std::size_t const size = read_frame_header(input, self_, header_, violation_, reserved_allowed_);
      if (size != 0) [[likely]] {
        input = input.subspan(size);
        return true;
      }
    }
    return take_split_header(input);
  }

  // The header came in several pieces of input: gather it in partial_.
  bool take_split_header(std::span<std::byte>& input) noexcept {
    if (violation_ != kindwire::error{}) return false;
    std::size_t const had = partial_size_;
    std::size_t const more = (std::min)(input.size(), partial_.size() - had);
    std::memcpy(partial_.data() + had, input.data(), more);
    std::span<std::byte const> const gathered{partial_.data(), had + more};
    std::size_t const size = read_frame_header(gathered, self_, header_, violation_, reserved_allowed_);
    if (size == 0) {
      if (violation_ == kindwire::error{}) {
        partial_size_ = static_cast<std::uint8_t>(had + more);
        input = input.subspan(more);
      }
      return false;
    }
    input = input.subspan(size - had);
    partial_size_ = 0;
    return true;
  }

  frame_header header_;
  std::uint64_t remaining_ = 0;
  std::array<std::byte, max_frame_header_size> partial_;
  std::uint8_t partial_size_ = 0;
  reserved_bits reserved_allowed_;
  role self_;
  std::uint8_t mask_bit_;  // of the second byte of every frame that may come
  bool inside_ = false;
  kindwire::error violation_{};
};

/// Decodes the frames that end `Self` receives:
///
///     kw::frame_decoder<kw::role::server> decoder;
///     while (auto chunk = decoder.next(input)) use(*chunk.header, chunk.payload, chunk.last);
///     if (decoder.error()) …
template <role Self>
class frame_decoder : public basic_frame_decoder {
 public:
  frame_decoder() noexcept : basic_frame_decoder(Self) {}
};

}  // namespace kindwire
