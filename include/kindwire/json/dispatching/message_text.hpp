// Messages that a dispatcher is given in a form other than text.
#pragma once

#include <string_view>

#include "../error.hpp"

namespace kindwire::detail {

// The text of a message in another form, of type T, made by the constructor. A specialisation has
//
//   static constexpr bool is_own   whether the text is gone with this object;
//   json_error const* error()      why it has no text; null if it has;
//   std::string_view text()        valid as long as this object.
template <class T>
class message_text;

template <class T>
concept message_form = requires {
  sizeof(message_text<T>);
};

// The caller's own text.
struct given_text {
  static constexpr bool is_own = false;
  std::string_view view;

  static constexpr json_error const* error() noexcept { return nullptr; }
  std::string_view text() const noexcept { return view; }
};

}  // namespace kindwire::detail
