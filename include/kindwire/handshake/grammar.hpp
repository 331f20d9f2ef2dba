// The grammar that all HTTP fields share: tokens, optional whitespace, comma-separated lists.
// RFC 9110 §5.5, §5.6.
#pragma once

#include "../requirements.hpp"

#include <cstddef>
#include <string_view>

namespace kindwire::detail {

constexpr bool is_digit(char c) noexcept { return c >= '0' && c <= '9'; }
constexpr bool is_letter(char c) noexcept { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }

// 0 to 15, or 16 if `c` is not a hexadecimal digit.
constexpr unsigned hexadecimal_value(char c) noexcept {
  if (is_digit(c)) return static_cast<unsigned>(c - '0');
  if (c >= 'a' && c <= 'f') return static_cast<unsigned>(c - 'a' + 10);
  if (c >= 'A' && c <= 'F') return static_cast<unsigned>(c - 'A' + 10);
  return 16;
}

constexpr bool is_token_character(char c) noexcept {
  return is_letter(c) || is_digit(c) ||
         (c != '\0' && std::string_view{"!#$%&'*+-.^_`|~"}.find(c) != std::string_view::npos);
}

constexpr bool is_token(std::string_view text) noexcept {
  for (char const c : text) {
    if (!is_token_character(c)) return false;
  }
  return !text.empty();
}

// HTAB, SP, visible ASCII and bytes from 0x80 on: a field value has no other control characters.
constexpr bool is_field_character(char c) noexcept {
  auto const byte = static_cast<unsigned char>(c);
  return c == '\t' || (byte >= 0x20 && byte != 0x7F);
}

constexpr bool is_field_value(std::string_view text) noexcept {
  for (char const c : text) {
    if (!is_field_character(c)) return false;
  }
  return true;
}

constexpr bool is_space(char c) noexcept { return c == ' ' || c == '\t'; }

constexpr std::string_view trim(std::string_view text) noexcept {
  while (!text.empty() && is_space(text.front())) text.remove_prefix(1);
  while (!text.empty() && is_space(text.back())) text.remove_suffix(1);
  return text;
}

constexpr char to_lower(char c) noexcept {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

constexpr bool equal_ignoring_case(std::string_view left, std::string_view right) noexcept {
  if (left.size() != right.size()) return false;
  for (std::size_t i = 0; i < left.size(); ++i) {
    if (to_lower(left[i]) != to_lower(right[i])) return false;
  }
  return true;
}

// Calls use(element) for each element of a comma-separated list, trimmed. Empty ones do not count (RFC 9110
// §5.6.1.2). Stops at the first for which `use` returns false, and then returns false.
template <class Use>
constexpr bool for_each_element(std::string_view list, Use use) {
  while (true) {
    std::size_t const comma = list.find(',');
    std::string_view const element = trim(list.substr(0, comma));
    if (!element.empty() && !use(element)) return false;
    if (comma == std::string_view::npos) return true;
    list.remove_prefix(comma + 1);
  }
}

}  // namespace kindwire::detail
