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

/// Decodes a stream of frames for a role that is known at run time; frame_decoder fixes it at compile time.
///
/// Keeps at most one incomplete header, never payload. After a violation it decodes nothing more. Not thread
/// safe.
class basic_frame_decoder {
 public:
  /// `self` is our own role: a server takes masked frames, a client unmasked ones (RFC 6455 §5.1).
  explicit basic_frame_decoder(role self) noexcept : self_(self) {}

  /// Allows RSV bits (0x40, 0x20, 0x10) that a negotiated extension uses (RFC 6455 §9).
  void allow_reserved(std::uint8_t bits) noexcept { reserved_allowed_ = bits; }

  /// Takes bytes off the front of `input` and returns the next piece of a frame, unmasked where it lies.
  /// False when `input` is used up (what is left of a header is kept) or the stream broke a rule: see
  /// error().
  frame_chunk next(std::span<std::byte>& input) noexcept {
    frame_chunk const chunk = take(input);
    if (chunk && chunk.header->masked) mask(chunk.payload, chunk.header->key, chunk.offset);
    return chunk;
  }

  /// The same with the payload as it came, for who unmasks it while doing something else with it:
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

  /// Takes the next frame as take() would, if all of it is in `input` and it is a whole message: a TEXT or
  /// BINARY frame with FIN. Else it takes nothing, and says nothing about what stands there: take() does.
  /// Only between frames. `header` stays the caller's, so that a short message leaves no trace in the
  /// decoder.
  bool take_whole(std::span<std::byte>& input, frame_header& header,
                  std::span<std::byte>& payload) const noexcept {
    if (input.size() < max_frame_header_size) return false;
    kindwire::error ignored{};
    std::size_t const size =
        detail::read_header<true>(input.data(), input.size(), self_, header, ignored, reserved_allowed_);
    if (size == 0 || !header.fin || is_control(header.type) || header.type == opcode::continuation)
      return false;
    if (header.length > input.size() - size) return false;
    payload = input.subspan(size, static_cast<std::size_t>(header.length));
    input = input.subspan(size + payload.size());
    return true;
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
    std::size_t const more = std::min(input.size(), partial_.size() - had);
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
  std::uint8_t reserved_allowed_ = 0;
  role self_;
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
