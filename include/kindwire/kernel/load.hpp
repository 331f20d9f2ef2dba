// Words from memory and back, wherever they stand.
#pragma once

#include "../requirements.hpp"

#include <cstring>

namespace kindwire::detail {

template <class Word>
Word load(void const* from) noexcept {
  Word word;
  std::memcpy(&word, from, sizeof word);
  return word;
}

template <class Word>
void store(void* to, Word word) noexcept {
  std::memcpy(to, &word, sizeof word);
}

}  // namespace kindwire::detail
