// Host and port, as in Host, Origin and URIs: RFC 3986 §3.2, RFC 9110 §7.2.
#pragma once

#include <charconv>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <system_error>

#include "grammar.hpp"

namespace kindwire::detail {

struct authority {
  std::string_view host;   // an IPv6 address without its brackets
  std::uint16_t port = 0;  // 0 if not given
  bool bracketed = false;
};

constexpr bool is_ipv4(std::string_view text) noexcept {
  for (int part = 0;; ++part) {
    std::size_t digits = 0;
    unsigned value = 0;
    while (digits < text.size() && digits < 4 && is_digit(text[digits])) {
      value = value * 10 + static_cast<unsigned>(text[digits++] - '0');
    }
    if (digits == 0 || value > 255 || (digits > 1 && text[0] == '0')) return false;
    text.remove_prefix(digits);
    if (part == 3) return text.empty();
    if (text.empty() || text.front() != '.') return false;
    text.remove_prefix(1);
  }
}

// Eight groups of up to four digits, the last two perhaps as an IPv4 address, one row of zeros as "::".
constexpr bool is_ipv6(std::string_view text) noexcept {
  unsigned groups = 0;
  bool shortened = text.starts_with("::");
  if (shortened) text.remove_prefix(2);
  if (shortened && text.empty()) return true;
  while (groups <= 8) {
    std::size_t digits = 0;
    while (digits < text.size() && hexadecimal_value(text[digits]) < 16) ++digits;
    if (digits < text.size() && text[digits] == '.') {
      if (!is_ipv4(text)) return false;
      groups += 2;
      break;
    }
    if (digits == 0 || digits > 4) return false;
    ++groups;
    text.remove_prefix(digits);
    if (text.empty()) break;
    if (text.front() != ':') return false;
    text.remove_prefix(1);
    if (!text.empty() && text.front() == ':') {
      if (shortened) return false;
      shortened = true;
      text.remove_prefix(1);
      if (text.empty()) break;
    }
  }
  return shortened ? groups <= 7 : groups == 8;
}

// A registered name or an IPv4 address: unreserved and sub-delims, and percent-encoded bytes.
constexpr bool is_host_name(std::string_view text) noexcept {
  for (std::size_t i = 0; i < text.size(); ++i) {
    char const c = text[i];
    if (c == '%') {
      if (text.size() - i < 3 || hexadecimal_value(text[i + 1]) > 15 || hexadecimal_value(text[i + 2]) > 15) {
        return false;
      }
      i += 2;
    } else if (!is_letter(c) && !is_digit(c) &&
               (c == '\0' || std::string_view{"-._~!$&'()*+,;="}.find(c) == std::string_view::npos)) {
      return false;
    }
  }
  return !text.empty();
}

// 1 to 65535, and nothing else: "80x", "+80" and "99999" are not ports.
inline std::optional<std::uint16_t> parse_port(std::string_view text) noexcept {
  std::uint16_t port = 0;
  char const* const end = text.data() + text.size();
  auto const [stopped, failure] = std::from_chars(text.data(), end, port);
  if (failure != std::errc{} || stopped != end || port == 0) return std::nullopt;
  return port;
}

// host [ ":" [ port ] ], without a user name; the host must not be empty.
inline std::optional<authority> parse_authority(std::string_view text) noexcept {
  authority result;
  std::string_view rest;
  if (text.starts_with('[')) {
    std::size_t const bracket = text.find(']');
    if (bracket == std::string_view::npos) return std::nullopt;
    result.host = text.substr(1, bracket - 1);
    result.bracketed = true;
    rest = text.substr(bracket + 1);
    if (!is_ipv6(result.host)) return std::nullopt;
  } else {
    std::size_t const colon = text.find(':');
    result.host = text.substr(0, colon);
    rest = colon == std::string_view::npos ? std::string_view{} : text.substr(colon);
    if (!is_host_name(result.host)) return std::nullopt;
  }
  if (rest.empty()) return result;
  if (rest.front() != ':') return std::nullopt;
  rest.remove_prefix(1);
  if (rest.empty()) return result;  // RFC 3986 §3.2.3: an empty port is the default one
  std::optional<std::uint16_t> const port = parse_port(rest);
  if (!port) return std::nullopt;
  result.port = *port;
  return result;
}

// 80 or 443 for the schemes of HTTP and WebSocket, 0 for others.
constexpr std::uint16_t default_port(std::string_view scheme) noexcept {
  if (equal_ignoring_case(scheme, "http") || equal_ignoring_case(scheme, "ws")) return 80;
  if (equal_ignoring_case(scheme, "https") || equal_ignoring_case(scheme, "wss")) return 443;
  return 0;
}

}  // namespace kindwire::detail
