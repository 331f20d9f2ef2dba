// Frames and messages, printed on one line of a log.
#pragma once

#include <algorithm>
#include <cstddef>
#include <span>
#include <string>
#include <string_view>

#include "../frame/escaped.hpp"
#include "../frame/header.hpp"
#include "../frame/opcode.hpp"
#include "close.hpp"
#include "message.hpp"

namespace kindwire {

namespace detail {

// `: "…"`, of a Close `: 1001 going away "…"`; nothing for an empty payload.
inline void append_payload(std::string& out, opcode type, std::span<std::byte const> payload,
                           std::size_t most) {
  if (payload.empty()) return;
  out += ": ";
  if (close_body body; type == opcode::close && !read_close_body(payload, body)) {
    out += to_string(body.code);
    payload = payload.subspan(2);
    if (payload.empty()) return;
    out += ' ';
  }
  auto const shown = payload.first((std::min)(most, payload.size()));
  out += '"';
  append_escaped(out, {reinterpret_cast<char const*>(shown.data()), shown.size()});
  out += shown.size() < payload.size() ? "\"..." : "\"";
}

}  // namespace detail

/// A frame for a log: `TEXT fin masked 125 bytes: "hello"...`, `CLOSE fin 5 bytes: 1001 going away "bye"`. At
/// most `most` bytes of the payload are shown, each that is not printable ASCII as `\xNN`, so that no peer
/// can forge a line. `payload` is unmasked, and may be a part of it.
inline std::string to_string(frame_header const& header, std::span<std::byte const> payload,
                             std::size_t most = 40) {
  std::string result = to_string(header);
  detail::append_payload(result, header.type, payload, most);
  return result;
}

/// A message for a log: `BINARY 3 bytes: "\x00\x01\x02"`; `no message`.
inline std::string to_string(message const& whole, std::size_t most = 40) {
  if (!whole) return "no message";
  std::string result = to_string(whole.type());
  ((result += ' ') += std::to_string(whole.size())) += whole.size() == 1 ? " byte" : " bytes";
  detail::append_payload(result, whole.type(), whole.bytes(), most);
  return result;
}

}  // namespace kindwire
