// Bytes of a peer's, made fit for one line of a log.
#pragma once

#include "../requirements.hpp"

#include <cstddef>
#include <string>
#include <string_view>

namespace kindwire::detail {

// Printable ASCII as it is, apart from `"` and `\`; CR, LF and tab as in C; any other byte as `\xNN`. So
// nothing that a peer sent begins a new line, drives a terminal or turns the direction of writing.
inline void append_escaped(std::string& out, std::string_view bytes) {
  constexpr char digits[] = "0123456789abcdef";
  for (char const each : bytes) {
    auto const value = static_cast<unsigned char>(each);
    switch (each) {
      case '\r': out += "\\r"; break;
      case '\n': out += "\\n"; break;
      case '\t': out += "\\t"; break;
      case '"':
      case '\\':
        out += '\\';
        out += each;
        break;
      default:
        if (value >= 0x20 && value < 0x7F) {
          out += each;
        } else {
          out += {'\\', 'x', digits[value >> 4], digits[value & 0xF]};
        }
    }
  }
}

inline std::string escaped(std::string_view bytes) {
  std::string result;
  append_escaped(result, bytes);
  return result;
}

}  // namespace kindwire::detail
