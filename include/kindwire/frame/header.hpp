// The frame header, RFC 6455 §5.2: FIN, RSV1–3, opcode, MASK, payload length, masking key.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>

#include "../error.hpp"
#include "mask.hpp"
#include "opcode.hpp"
#include "role.hpp"

namespace kindwire {

/// The longest header: 2 bytes, 8 of extended length, 4 of masking key.
inline constexpr std::size_t max_frame_header_size = 14;

/// The longest payload of a control frame (RFC 6455 §5.5).
inline constexpr std::size_t max_control_payload_size = 125;

/// What stands before a frame's payload.
struct frame_header {
  opcode type = opcode::binary;
  bool fin = true;  ///< the last (or only) frame of its message
  std::uint8_t reserved =
      0;  ///< the RSV bits where they stand in the first byte: 0x40 RSV1, 0x20 RSV2, 0x10 RSV3
  bool masked = false;
  masking_key key{};         ///< meaningful if `masked`
  std::uint64_t length = 0;  ///< of the payload, in bytes
};

/// The RSV bits that may be set because an extension gave them a meaning (RFC 6455 §5.2, §9), where they
/// stand in the first byte.
class reserved_bits {
 public:
  /// On frames of any type.
  constexpr reserved_bits(std::uint8_t bits = 0) noexcept : beginning_(bits), other_(bits) {}

  /// Only on TEXT and BINARY, which begin a message: the bits say something about the message as a whole.
  static constexpr reserved_bits of_messages(std::uint8_t bits) noexcept {
    reserved_bits result{bits};
    result.other_ = 0;
    return result;
  }

  constexpr std::uint8_t on(opcode type) const noexcept { return begins_message(type) ? beginning_ : other_; }

 private:
  std::uint8_t beginning_;
  std::uint8_t other_;
};

/// For logs: `TEXT fin masked 125 bytes`, `CONTINUATION rsv1 0 bytes`. The masking key is left out.
inline std::string to_string(frame_header const& header) {
  std::string result = to_string(header.type);
  if (is_reserved(header.type)) (result += ' ') += std::to_string(static_cast<unsigned>(header.type));
  if (header.fin) result += " fin";
  if ((header.reserved & 0x40u) != 0) result += " rsv1";
  if ((header.reserved & 0x20u) != 0) result += " rsv2";
  if ((header.reserved & 0x10u) != 0) result += " rsv3";
  if (header.masked) result += " masked";
  ((result += ' ') += std::to_string(header.length)) += header.length == 1 ? " byte" : " bytes";
  return result;
}

/// How many bytes the header takes on the wire: 2 to 14.
constexpr std::size_t frame_header_size(bool masked, std::uint64_t length) noexcept {
  return (length <= 125 ? 2u : length <= 0xFFFF ? 4u : 10u) + (masked ? 4u : 0u);
}

namespace detail {

template <class Unsigned>
Unsigned load_big_endian(std::byte const* from) noexcept {
  // Written out, since only then g++ 12 sees one load.
  auto const at = [from](std::size_t place) { return std::to_integer<Unsigned>(from[place]); };
  if constexpr (sizeof(Unsigned) == 2) {
    return static_cast<Unsigned>(at(0) << 8 | at(1));
  } else {
    return at(0) << 56 | at(1) << 48 | at(2) << 40 | at(3) << 32 | at(4) << 24 | at(5) << 16 | at(6) << 8 |
           at(7);
  }
}

template <class Unsigned>
void store_big_endian(std::byte* to, Unsigned value) noexcept {
  for (std::size_t i = sizeof value; i-- != 0; value = static_cast<Unsigned>(value >> 8))
    to[i] = static_cast<std::byte>(value & 0xFFu);
}

}  // namespace detail

namespace detail {

// See read_frame_header(). `All` says that max_frame_header_size bytes are there, so that nothing needs to be
// asked about their number.
template <bool All>
std::size_t read_header(std::byte const* at, std::size_t there, role receiver, frame_header& header,
                        error& violation, reserved_bits allowed) noexcept {
  auto const has = [there](std::size_t size) { return All || there >= size; };
  auto const broken = [&violation](error value) {
    violation = value;
    return std::size_t{0};
  };

  if (!has(1)) return 0;
  auto const first = std::to_integer<unsigned>(at[0]);
  header.type = static_cast<opcode>(first & 0x0Fu);
  header.fin = (first & 0x80u) != 0;
  header.reserved = static_cast<std::uint8_t>(first & 0x70u);
  if (header.reserved != 0 && (header.reserved & ~allowed.on(header.type)) != 0) {
    return broken(error::reserved_bits);
  }
  if (is_reserved(header.type)) return broken(error::reserved_opcode);
  if (is_control(header.type) && !header.fin) return broken(error::control_frame_fragmented);

  if (!has(2)) return 0;
  auto const second = std::to_integer<unsigned>(at[1]);
  header.masked = (second & 0x80u) != 0;
  if (header.masked != (receiver == role::server)) {
    return broken(header.masked ? error::masked_server_frame : error::unmasked_client_frame);
  }
  unsigned const short_length = second & 0x7Fu;
  if (is_control(header.type) && short_length > max_control_payload_size) {
    return broken(error::control_frame_too_long);
  }

  std::size_t size = 2;
  header.length = short_length;
  if (short_length == 126) {
    if (!has(4)) return 0;
    header.length = load_big_endian<std::uint16_t>(at + 2);
    if (header.length <= 125) return broken(error::length_not_minimal);
    size = 4;
  } else if (short_length == 127) {
    if (has(3) && (std::to_integer<unsigned>(at[2]) & 0x80u) != 0) return broken(error::length_too_large);
    // Six zeros at the front leave a length that two bytes could hold.
    constexpr std::byte zeros[6] = {};
    if (has(8) && std::memcmp(at + 2, zeros, sizeof zeros) == 0) return broken(error::length_not_minimal);
    if (!has(10)) return 0;
    header.length = load_big_endian<std::uint64_t>(at + 2);
    size = 10;
  }
  if (header.masked) {
    if (!has(size + header.key.size())) return 0;
    std::memcpy(header.key.data(), at + size, header.key.size());
    size += header.key.size();
  }
  return size;
}

}  // namespace detail

/// Reads a header from the front of `input`.
///
/// Returns its size, or 0 when `input` is too short or broken; `violation` then says which: `error{}` for too
/// short. Each rule is applied at the first byte that can break it, so a violation is seen before the header
/// is whole. `receiver` is who reads: a server demands masked frames, a client unmasked ones (RFC 6455 §5.1).
/// `allowed` are the RSV bits that an extension gave a meaning.
inline std::size_t read_frame_header(std::span<std::byte const> input, role receiver, frame_header& header,
                                     error& violation, reserved_bits allowed = {}) noexcept {
  violation = error{};
  return input.size() >= max_frame_header_size
             ? detail::read_header<true>(input.data(), input.size(), receiver, header, violation, allowed)
             : detail::read_header<false>(input.data(), input.size(), receiver, header, violation, allowed);
}

/// Writes `header` to `to`, which has room for frame_header_size() bytes, and returns that size. The length
/// is written in its shortest form.
inline std::size_t write_frame_header(std::byte* to, frame_header const& header) noexcept {
  to[0] = static_cast<std::byte>((header.fin ? 0x80u : 0u) | header.reserved |
                                 static_cast<unsigned>(header.type));
  unsigned const mask_bit = header.masked ? 0x80u : 0u;
  std::size_t size = 2;
  if (header.length <= 125) {
    to[1] = static_cast<std::byte>(mask_bit | static_cast<unsigned>(header.length));
  } else if (header.length <= 0xFFFF) {
    to[1] = static_cast<std::byte>(mask_bit | 126u);
    detail::store_big_endian(to + 2, static_cast<std::uint16_t>(header.length));
    size = 4;
  } else {
    to[1] = static_cast<std::byte>(mask_bit | 127u);
    detail::store_big_endian(to + 2, header.length);
    size = 10;
  }
  if (header.masked) {
    std::memcpy(to + size, header.key.data(), header.key.size());
    size += header.key.size();
  }
  return size;
}

}  // namespace kindwire
