// Finds a kind among those that a program knows, in a time that does not depend on their number.
#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <type_traits>

#include "../text/word.hpp"

namespace kindwire::detail {

// A hash table, at most half full; a collision costs one more look. A peer cannot put anything into it.
template <std::size_t Count>
class kind_table {
 public:
  explicit constexpr kind_table(std::array<std::string_view, Count> const& names) noexcept : names_(names) {
    for (std::size_t index = 0; index < Count; ++index) {
      std::size_t slot = first_slot(names[index]);
      while (slots_[slot] != 0) slot = (slot + 1) % slots_.size();
      slots_[slot] = static_cast<std::uint16_t>(index + 1);
    }
  }

  // The index of the name; Count if it is not there.
  constexpr std::size_t find(std::string_view name) const noexcept {
    for (std::size_t slot = first_slot(name); slots_[slot] != 0; slot = (slot + 1) % slots_.size()) {
      std::size_t const index = slots_[slot] - 1U;
      if (same(names_[index], name)) return index;
    }
    return Count;
  }

  constexpr std::array<std::string_view, Count> const& names() const noexcept { return names_; }

 private:
  static_assert(Count < UINT16_MAX);

  template <class Word>
  static constexpr std::uint64_t load_slowly(char const* from) noexcept {
    std::uint64_t word = 0;
    for (std::size_t index = 0; index < sizeof(Word); ++index) {
      word |= std::uint64_t{static_cast<unsigned char>(from[index])} << (8 * index);
    }
    return word;
  }
  template <class Word>
  static constexpr std::uint64_t load(char const* from) noexcept {
    return std::is_constant_evaluated() || std::endian::native != std::endian::little
               ? load_slowly<Word>(from)
               : detail::load<Word>(from);
  }

  static constexpr bool same(std::string_view left, std::string_view right) noexcept {
    return std::is_constant_evaluated() ? left == right : same_text(left, right);
  }

  // Depends on the length and the first and last eight bytes: kinds that agree in these merely collide.
  static constexpr std::size_t first_slot(std::string_view name) noexcept {
    std::size_t const size = name.size();
    std::uint64_t front = 0;
    std::uint64_t back = 0;
    if (size >= 8) {
      front = load<std::uint64_t>(name.data());
      back = load<std::uint64_t>(name.data() + size - 8);
    } else if (size >= 4) {
      front = load<std::uint32_t>(name.data());
      back = load<std::uint32_t>(name.data() + size - 4);
    } else {
      for (char const letter : name) front = front << 8 | static_cast<unsigned char>(letter);
    }
    std::uint64_t const mixed = (front ^ std::rotl(back, 29) ^ size) * 0x9E3779B97F4A7C15;
    return static_cast<std::size_t>(mixed >> (64 - slot_bits));
  }

  static constexpr int slot_bits = std::bit_width(Count * 2);

  std::array<std::string_view, Count> names_;
  std::array<std::uint16_t, std::size_t{1} << slot_bits> slots_{};
};

}  // namespace kindwire::detail
