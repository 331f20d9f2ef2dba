// A std::tuple that costs little to compile: a program has one for each kind and for each set of options.
#pragma once

#include "../../requirements.hpp"

#include <cstddef>
#include <utility>

namespace kindwire::detail {

template <std::size_t Index, class T>
struct tuple_slot {
  using type = T;
  T value;
};

template <class Indices, class... T>
struct tuple_slots;
template <std::size_t... Index, class... T>
struct tuple_slots<std::index_sequence<Index...>, T...> : tuple_slot<Index, T>... {};

template <std::size_t Index, class T>
constexpr tuple_slot<Index, T> const& slot_at(tuple_slot<Index, T> const& slot) noexcept {
  return slot;
}

/// Made from its values: `small_tuple<int, bool>{{{1}, {true}}}`.
template <class... T>
struct small_tuple {
  static constexpr std::size_t size = sizeof...(T);

  tuple_slots<std::index_sequence_for<T...>, T...> slots;

  template <std::size_t Index>
  constexpr auto const& get() const noexcept {
    return slot_at<Index>(slots).value;
  }
};

template <class... T>
constexpr small_tuple<T...> make_small_tuple(T const&... values) noexcept {
  return {{{values}...}};
}

}  // namespace kindwire::detail
