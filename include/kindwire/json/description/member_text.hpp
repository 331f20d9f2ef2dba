// The members of a described type as compact text, written and looked for in one piece.
#pragma once

#include <array>
#include <cstddef>
#include <string_view>

#include "../schema.hpp"

namespace kindwire::detail {

/// Stands verbatim in a JSON string, and is ASCII.
constexpr bool is_plain(std::string_view text) noexcept {
  for (char const letter : text) {
    if (letter < 0x20 || letter > 0x7E || letter == '"' || letter == '\\') return false;
  }
  return true;
}

/// `,"name":` for each field of T, and `{"key":"KIND"` for T itself. Empty where something must be escaped.
template <described T>
class member_text {
  static constexpr std::size_t count = field_count<T>;

  static constexpr auto const& names = field_names<T>;

  static constexpr bool plain_kind = message_kind<T> && is_plain(key_of<T>()) && is_plain(kind_or_none<T>());

  static constexpr std::size_t opening_size =
      plain_kind ? key_of<T>().size() + kind_or_none<T>().size() + 6 : 0;

  static constexpr std::size_t size = [] {
    std::size_t sum = opening_size;
    for (std::string_view const name : names) sum += name.size() + 4;
    return sum;
  }();

  static constexpr std::array<char, size> letters = [] {
    std::array<char, size> all{};
    std::size_t at = 0;
    auto const add = [&](std::string_view text) {
      for (char const letter : text) all[at++] = letter;
    };
    if (plain_kind) {
      add("{\"");
      add(key_of<T>());
      add("\":\"");
      add(kind_or_none<T>());
      add("\"");
    }
    for (std::string_view const name : names) {
      add(",\"");
      add(name);
      add("\":");
    }
    return all;
  }();

 public:
  static constexpr std::string_view opening() noexcept { return {letters.data(), opening_size}; }

  static constexpr std::string_view lead(std::size_t index) noexcept {
    if (!is_plain(names[index])) return {};
    std::size_t at = opening_size;
    for (std::size_t before = 0; before != index; ++before) at += names[before].size() + 4;
    return {letters.data() + at, names[index].size() + 4};
  }
};

}  // namespace kindwire::detail
