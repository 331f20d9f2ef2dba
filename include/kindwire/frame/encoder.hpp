// Bytes out of frames: RFC 6455 §5.2, without a stream and without allocation.
#pragma once

#include <cstddef>
#include <span>

#include "header.hpp"
#include "mask.hpp"
#include "random.hpp"
#include "role.hpp"

namespace kindwire {

/// Encodes single frames for a role that is known at run time; frame_encoder fixes it at compile time. Checks
/// nothing: session is who keeps the order of frames. Thread safe, since it keeps no state.
class basic_frame_encoder {
 public:
  explicit constexpr basic_frame_encoder(role self) noexcept : self_(self) {}

  /// How many bytes a frame with `length` bytes of payload takes.
  constexpr std::size_t size(std::size_t length) const noexcept {
    return frame_header_size(self_ == role::client, length) + length;
  }

  /// Writes one frame to `to`, which has room for size(payload.size()) bytes and does not overlap the
  /// payload; returns that size. A client's frame gets a fresh masking key from the strong source (RFC 6455
  /// §5.3).
  std::size_t write(std::byte* to, opcode type, std::span<std::byte const> payload, bool fin = true,
                    std::uint8_t reserved = 0) const noexcept {
    frame_header header{type, fin, reserved, false, {}, payload.size()};
    if (self_ == role::client) {
      header.masked = true;
      header.key = random_masking_key();
      std::size_t const header_size = write_frame_header(to, header);
      mask_copy(to + header_size, payload, header.key);
      return header_size + payload.size();
    }
    std::size_t const header_size = write_frame_header(to, header);
    detail::copy_run(to + header_size, payload.data(), payload.size());
    return header_size + payload.size();
  }

  /// Writes only the header of a frame whose `payload` lies directly behind it, masking the payload there if
  /// our role asks for it. `to` is the place of the header: frame_header_size() bytes before the payload.
  void enclose(std::byte* to, opcode type, std::span<std::byte> payload, bool fin = true,
               std::uint8_t reserved = 0) const noexcept {
    frame_header header{type, fin, reserved, false, {}, payload.size()};
    if (self_ == role::client) {
      header.masked = true;
      header.key = random_masking_key();
      mask(payload, header.key);
    }
    write_frame_header(to, header);
  }

 private:
  role self_;
};

/// Encodes the frames that end `Self` sends.
template <role Self>
class frame_encoder : public basic_frame_encoder {
 public:
  constexpr frame_encoder() noexcept : basic_frame_encoder(Self) {}
};

}  // namespace kindwire
