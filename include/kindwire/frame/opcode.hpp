// The opcodes of RFC 6455 §5.2, which are also the types of messages.
#pragma once

#include "../requirements.hpp"

#include <cstdint>

namespace kindwire {

/// What a frame's payload is (RFC 6455 §5.2, §11.8). The values are those on the wire.
enum class opcode : std::uint8_t {
  continuation = 0x0,
  text = 0x1,
  binary = 0x2,
  close = 0x8,
  ping = 0x9,
  pong = 0xA,
};

/// True for CLOSE, PING, PONG and the reserved opcodes B–F: the most significant bit of the four (RFC 6455
/// §5.5).
constexpr bool is_control(opcode type) noexcept { return (static_cast<unsigned>(type) & 0x8u) != 0; }

/// True for TEXT and BINARY: what a message of data is, and what its first frame says (RFC 6455 §5.4, §5.6).
constexpr bool begins_message(opcode type) noexcept { return type == opcode::text || type == opcode::binary; }

/// True for the opcodes 3–7 and B–F, which RFC 6455 §5.2 keeps for later.
constexpr bool is_reserved(opcode type) noexcept {
  constexpr unsigned defined = 0x0707;  // bit n is set when opcode n has a meaning
  return (defined >> (static_cast<unsigned>(type) & 0xFu) & 1u) == 0;
}

/// "CONTINUATION", "TEXT", "BINARY", "CLOSE", "PING", "PONG"; "RESERVED" for every other value.
constexpr char const* to_string(opcode type) noexcept {
  switch (type) {
    case opcode::continuation: return "CONTINUATION";
    case opcode::text: return "TEXT";
    case opcode::binary: return "BINARY";
    case opcode::close: return "CLOSE";
    case opcode::ping: return "PING";
    case opcode::pong: return "PONG";
  }
  return "RESERVED";
}

}  // namespace kindwire
