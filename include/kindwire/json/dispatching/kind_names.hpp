// The kinds of a dispatcher, where some are named by on_kind().
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "../description/kind_table.hpp"
#include "../error.hpp"
#include "untyped.hpp"

namespace kindwire::detail {

// `Typed` kinds are known at compile time, `Named` ones when the dispatcher is made.
template <std::size_t Typed, std::size_t Named>
class kind_names {
 public:
  constexpr kind_names(std::array<std::string_view, Typed> const& typed,
                       std::array<std::string_view, Named> const& named)
      : table_(named) {
    std::copy(named.begin(), named.end(), std::copy(typed.begin(), typed.end(), all_.begin()));
    for (std::size_t index = Typed; index != all_.size(); ++index) {
      auto const end = all_.begin() + static_cast<std::ptrdiff_t>(index);
      if (std::find(all_.begin(), end, all_[index]) != end) two_handlers_take_the_same_kind(all_[index]);
    }
  }

  // The index among the named kinds; Named if it is not one of them.
  constexpr std::size_t find(std::string_view name) const noexcept { return table_.find(name); }

  constexpr std::span<std::string_view const> all() const noexcept { return all_; }

  // A copy, as the error may outlive the dispatcher.
  void give_to(json_error& error) const {
    auto const copy = std::make_shared<std::vector<std::string_view> const>(all_.begin(), all_.end());
    error.known = *copy;
    error.known_owner = copy;
  }

 private:
  kind_table<Named> table_;
  std::array<std::string_view, Typed + Named> all_{};
};

template <std::size_t Typed>
class kind_names<Typed, 0> {
 public:
  constexpr kind_names(std::array<std::string_view, Typed> const&,
                       std::array<std::string_view, 0> const&) noexcept {}
};

}  // namespace kindwire::detail
