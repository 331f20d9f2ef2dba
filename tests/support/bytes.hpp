// Bytes for tests: written in hexadecimal, frames put together by hand, random ones that repeat from run to
// run.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <ostream>  // with which doctest prints a std::error_code
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <kindwire/frame/opcode.hpp>
#include <kindwire/frame/role.hpp>

namespace support {

using bytes = std::vector<std::byte>;
using key = std::array<std::byte, 4>;

/// The masking key of RFC 6455 §5.7's examples.
inline constexpr key example_key{std::byte{0x37}, std::byte{0xfa}, std::byte{0x21}, std::byte{0x3d}};

/// hex("81 85 37 fa") and hex("8185 37FA") are the same four bytes; blanks are skipped.
inline bytes hex(std::string_view digits) {
  bytes result;
  unsigned value = 0;
  bool half = false;
  for (char const digit : digits) {
    unsigned nibble = 0;
    if (digit >= '0' && digit <= '9') {
      nibble = static_cast<unsigned>(digit - '0');
    } else if (digit >= 'a' && digit <= 'f') {
      nibble = static_cast<unsigned>(digit - 'a') + 10;
    } else if (digit >= 'A' && digit <= 'F') {
      nibble = static_cast<unsigned>(digit - 'A') + 10;
    } else {
      continue;
    }
    value = value << 4 | nibble;
    if (half) result.push_back(static_cast<std::byte>(value & 0xFFu));
    half = !half;
  }
  return result;
}

/// The reverse, for a readable message where a test fails.
inline std::string to_hex(std::span<std::byte const> data) {
  std::string result;
  for (std::byte const each : data) {
    result += "0123456789abcdef"[std::to_integer<unsigned>(each) >> 4];
    result += "0123456789abcdef"[std::to_integer<unsigned>(each) & 15u];
  }
  return result;
}

inline bytes copy(std::span<std::byte const> data) { return {data.begin(), data.end()}; }

inline bytes text(std::string_view characters) {
  return copy(std::as_bytes(std::span{characters.data(), characters.size()}));
}

inline bytes repeat(std::size_t count, unsigned value) { return bytes(count, static_cast<std::byte>(value)); }

inline bytes& operator+=(bytes& to, bytes const& more) {
  to.insert(to.end(), more.begin(), more.end());
  return to;
}
inline bytes operator+(bytes first, bytes const& second) {
  first += second;
  return first;
}

/// A frame's header byte by byte as RFC 6455 §5.2 draws it, whether it makes sense or not. The form of the
/// length is the shortest one, or the one that `form` names: 7, 16 or 64 bits.
inline bytes head(unsigned first, std::uint64_t length, key const* mask, int form = 0) {
  if (form == 0) form = length < 126 ? 7 : length < 65536 ? 16 : 64;
  bytes result{static_cast<std::byte>(first)};
  unsigned const bit = mask != nullptr ? 0x80u : 0u;
  if (form == 7) {
    result.push_back(static_cast<std::byte>(bit | static_cast<unsigned>(length)));
  } else {
    result.push_back(static_cast<std::byte>(bit | (form == 16 ? 126u : 127u)));
    for (int shift = form - 8; shift >= 0; shift -= 8)
      result.push_back(static_cast<std::byte>(length >> shift & 0xFFu));
  }
  if (mask != nullptr) result.insert(result.end(), mask->begin(), mask->end());
  return result;
}

/// A whole frame. `mask` is null for a server's.
inline bytes frame(unsigned first, bytes payload, key const* mask) {
  bytes result = head(first, payload.size(), mask);
  if (mask != nullptr) {
    for (std::size_t i = 0; i != payload.size(); ++i) payload[i] ^= (*mask)[i % 4];
  }
  return result += payload;
}

/// A whole frame as `sender` has to send it.
inline bytes frame(kindwire::role sender, kindwire::opcode type, bytes payload, bool fin = true) {
  return frame((fin ? 0x80u : 0u) | static_cast<unsigned>(type), std::move(payload),
               sender == kindwire::role::client ? &example_key : nullptr);
}

inline kindwire::role peer_of(kindwire::role self) {
  return self == kindwire::role::server ? kindwire::role::client : kindwire::role::server;
}

/// Numbers that look random and are the same in every run (Steele, Lea, Flood: SplitMix64).
class random_numbers {
 public:
  explicit random_numbers(std::uint64_t seed) : state_(seed) {}

  std::uint64_t next() {
    state_ += 0x9E3779B97F4A7C15u;
    std::uint64_t value = state_;
    value = (value ^ value >> 30) * 0xBF58476D1CE4E5B9u;
    value = (value ^ value >> 27) * 0x94D049BB133111EBu;
    return value ^ value >> 31;
  }
  /// 0 to `limit` - 1.
  std::size_t below(std::size_t limit) { return static_cast<std::size_t>(next() % limit); }
  bool one_in(std::size_t count) { return below(count) == 0; }

  bytes any(std::size_t size) {
    bytes result(size);
    for (auto& each : result) each = static_cast<std::byte>(next() & 0xFFu);
    return result;
  }
  bytes ascii(std::size_t size) {
    bytes result(size);
    for (auto& each : result) each = static_cast<std::byte>(next() & 0x7Fu);
    return result;
  }
  /// Valid UTF-8 of at least `size` bytes, of sequences of all lengths.
  bytes utf8(std::size_t size) {
    static constexpr char const* samples[] = {"a",
                                              "\x7f",
                                              "\xc2\x80",
                                              "\xc3\xa9",
                                              "\xdf\xbf",
                                              "\xe0\xa0\x80",
                                              "\xe2\x82\xac",
                                              "\xed\x9f\xbf",
                                              "\xee\x80\x80",
                                              "\xef\xbf\xbf",
                                              "\xf0\x90\x80\x80",
                                              "\xf0\x9f\x98\x80",
                                              "\xf4\x8f\xbf\xbf",
                                              "plain words of ASCII"};
    bytes result;
    while (result.size() < size) result += text(samples[below(std::size(samples))]);
    return result;
  }

 private:
  std::uint64_t state_;
};

}  // namespace support
