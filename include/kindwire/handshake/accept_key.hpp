// Sec-WebSocket-Key and the Sec-WebSocket-Accept that answers it: RFC 6455 §4.1 (step 7), §4.2.2 (step 5.4).
#pragma once

#include <array>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "../frame/random.hpp"
#include "base64.hpp"
#include "sha1.hpp"

namespace kindwire {

/// The Sec-WebSocket-Accept value for `key`: 28 characters. Any text is accepted as a key; see
/// is_handshake_key(). Thread safe.
inline std::string accept_key(std::string_view key) {
  std::string text{key};
  text += "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
  return base64_encode(sha1(text));
}

/// True if `key` is base64 of exactly 16 bytes (RFC 6455 §4.2.1, step 5). Thread safe.
inline bool is_handshake_key(std::string_view key) {
  if (key.size() != 24) return false;
  std::optional<std::string> const bytes = base64_decode(key);
  return bytes.has_value() && bytes->size() == 16;
}

/// A fresh Sec-WebSocket-Key: base64 of 16 unpredictable bytes (RFC 6455 §4.1, step 7). Thread safe.
inline std::string make_key() {
  std::array<std::byte, 16> nonce;
  random_bytes(nonce);
  return base64_encode(nonce);
}

}  // namespace kindwire
