// Handlers of messages that have no type: their kinds are named where they are added, and their parameters
// can be made from any message.
#pragma once

#include "../../requirements.hpp"

#include <concepts>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <stdexcept>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

#include "../reading/message_reader.hpp"
#include "../text/printable.hpp"
#include "handler.hpp"

namespace kindwire {

/// A handler's first parameter for a kind that has no type. Both views are valid during the call only; in a
/// coroutine, as long as the text that was dispatched, where a kind written with escapes cannot be viewed and
/// is an error.
struct raw_message {
  std::string_view kind;
  std::string_view text;  ///< the whole message, which is well-formed JSON: decode() reads more of it
};

/// A handler's first parameter for messages that no other handler takes. Both views are valid as long as
/// those of a raw_message.
struct unknown_message {
  std::string_view kind;
  std::string_view text;  ///< the whole message, which is well-formed JSON
};

namespace detail {

// How a message of any kind becomes the first parameter of a handler. A specialisation has
//
//   bool read(message_reader&, kind_key, kind_place const&, std::string_view text)
//     checks the whole text, and that its kind is the one at that place; if not, false, and the reader has an
//     error;
//   get()
//     then is what the handler is called with, valid as long as this object;
//   by_reference
//     whether a handler can only have a reference to it.
template <class T>
struct untyped_parameter;

template <class T>
concept untyped = requires {
  sizeof(untyped_parameter<T>);
};

template <class T>
requires std::same_as<T, raw_message> || std::same_as<T, unknown_message>
struct untyped_parameter<T> {
  static constexpr bool by_reference = false;

  bool read(message_reader& reader, kind_key key, kind_place const& place, std::string_view text) {
    message_ = {place.kind, text};
    // The reader's next key would overwrite a kind that was written with escapes.
    if (!reader.in_text(place.kind)) message_.kind = kept_ = place.kind;
    return reader.skip_rest(key, place);
  }
  T get() const noexcept { return message_; }

 private:
  T message_{};
  std::string kept_;
};

// What a handler of T is called with.
template <class T>
struct argument_for {
  using type = T;
};
template <untyped T>
struct argument_for<T> {
  using type = decltype(std::declval<untyped_parameter<T>&>().get());
};

// Calling this in a constant expression is an error, whose message is this name.
void a_kind_is_a_text_in_utf8_that_is_not_empty();

}  // namespace detail

/// A kind's text as a literal in the program's source.
class kind_name {
 public:
  template <std::size_t Size>
  consteval kind_name(char const (&text)[Size]) : text_(text, Size - 1) {
    if (text_.empty() || !detail::all_utf8(text_)) detail::a_kind_is_a_text_in_utf8_that_is_not_empty();
  }
  constexpr std::string_view text() const noexcept { return text_; }

 private:
  std::string_view text_;
};

namespace detail {

// What on_kind() and on_unknown_kind() return; called like the handler inside.
template <class Handler>
struct handler_around {
  using wrapped_handler = Handler;
  Handler handler;

  template <class... Arguments>
  requires std::invocable<Handler const&, Arguments...>
  constexpr decltype(auto) operator()(Arguments&&... arguments) const {
    return handler(std::forward<Arguments>(arguments)...);
  }
  template <class... Arguments>
  requires std::invocable<Handler&, Arguments...>
  constexpr decltype(auto) operator()(Arguments&&... arguments) {
    return handler(std::forward<Arguments>(arguments)...);
  }
};

template <class Handler>
struct named_handler : handler_around<Handler> {
  std::string_view kind;
};
template <class Handler>
struct unknown_handler : handler_around<Handler> {};

template <class Handler>
inline constexpr bool is_named_handler = false;
template <class Handler>
inline constexpr bool is_named_handler<named_handler<Handler>> = true;
template <class Handler>
inline constexpr bool is_unknown_handler = false;
template <class Handler>
inline constexpr bool is_unknown_handler<unknown_handler<Handler>> = true;

template <class Handler>
constexpr void check_untyped() noexcept {
  static_assert(
      has_signature<Handler>,
      "kindwire: on_kind() and on_unknown_kind() tell by a handler's first parameter what it takes: "
      "it cannot be a generic lambda or an overloaded function object");
  if constexpr (has_signature<Handler>) {
    static_assert(
        untyped<message_of<Handler>>,
        "kindwire: on_kind() and on_unknown_kind() are for handlers of a kindwire::raw_message, or, "
        "with json/rapidjson.hpp, of a rapidjson::Value or rapidjson::Document; a described type has "
        "a kind of its own");
    if constexpr (untyped<message_of<Handler>>) {
      static_assert(
          !untyped_parameter<message_of<Handler>>::by_reference ||
              (std::is_lvalue_reference_v<first_parameter<Handler>> &&
               std::is_const_v<std::remove_reference_t<first_parameter<Handler>>>),
          "kindwire: a handler takes a rapidjson::Value by reference to const, as its memory is gone "
          "after the call; one that keeps the message takes a rapidjson::Document");
    }
  }
}

[[noreturn]] inline void two_handlers_take_the_same_kind(std::string_view kind) {
  std::string text = "kindwire: two handlers take the same kind: ";
  append_quoted(text, kind);
#if defined(__cpp_exceptions)
  throw std::invalid_argument(text);
#else
  std::fputs((text + '\n').c_str(), stderr);
  std::abort();
#endif
}

}  // namespace detail

/// A handler of messages of a kind that has no type: its first parameter is a raw_message, or, with
/// json/rapidjson.hpp, a `rapidjson::Value const&` or a rapidjson::Document. Like other handlers it is called
/// only if the whole message is in order.
///
///     kw::on_kind("LEGACY", [](kw::raw_message m, session& s) { s.legacy(m.text); })
template <class Handler>
constexpr auto on_kind(kind_name kind, Handler handler) {
  detail::check_untyped<Handler>();
  return detail::named_handler<Handler>{{std::move(handler)}, kind.text()};
}

/// A handler of messages of any kind that no other handler takes; its first parameter is as with on_kind().
template <class Handler>
constexpr auto on_unknown_kind(Handler handler) {
  detail::check_untyped<Handler>();
  return detail::unknown_handler<Handler>{{std::move(handler)}};
}

}  // namespace kindwire
