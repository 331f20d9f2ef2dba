// The handlers of a dispatcher and their roles, as far as they are known at compile time.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <string_view>
#include <tuple>
#include <type_traits>

#include "../description/kind_table.hpp"
#include "../description/schema_check.hpp"
#include "../description/views.hpp"
#include "../error.hpp"
#include "../kind/key.hpp"
#include "../schema.hpp"
#include "handler.hpp"
#include "untyped.hpp"

namespace kindwire {

/// A handler's first parameter for texts that are not a valid message. The call itself then succeeds. Unknown
/// kinds are among them, unless a handler takes unknown_message.
struct invalid_message {
  json_error error;
  std::string_view text;  ///< the whole text; valid during the call only
};

namespace detail {

// Which messages a handler takes.
enum class handler_role { typed, named, unknown, invalid };

template <class Handler>
constexpr handler_role role_of() noexcept {
  using message = message_of<Handler>;
  if constexpr (is_named_handler<Handler>) {
    return handler_role::named;
  } else if constexpr (is_unknown_handler<Handler> || std::is_same_v<message, unknown_message>) {
    return handler_role::unknown;
  } else if constexpr (std::is_same_v<message, invalid_message>) {
    return handler_role::invalid;
  } else {
    return handler_role::typed;
  }
}

template <class Message>
constexpr bool views_text() noexcept {
  if constexpr (std::is_same_v<Message, raw_message> || std::is_same_v<Message, unknown_message> ||
                std::is_same_v<Message, invalid_message>) {
    return true;
  } else {
    return holds_views<Message>();
  }
}

// Whether the handler is a coroutine that may look at its message's text after the call has returned.
template <class Handler, class Result>
constexpr bool would_outlive_text() noexcept {
  if constexpr (signature_t<Handler>::template is_coroutine<Result>) {
    return views_text<message_of<Handler>>();
  } else {
    return false;
  }
}

// The tables of a dispatcher, made of the types of its handlers. The dispatcher itself asserts what they must
// be: compilers print how they got to a sentence, and the sentence should come first.
template <class... Handlers>
struct handler_set {
  using role = handler_role;

  template <class Handler, class T = message_of<Handler>>
  static constexpr bool is_known = message_kind<T> || std::is_same_v<T, no_message> ||
                                   role_of<Handler>() != role::typed;

  static constexpr bool kinds_are_told = (!(untyped<message_of<Handlers>> && !is_known<Handlers>)&&...);
  static constexpr bool kinds_are_known = (is_known<Handlers> && ...);

  static constexpr std::size_t count = sizeof...(Handlers);
  static constexpr std::array<role, count> roles{role_of<Handlers>()...};

  static constexpr std::size_t count_of(role wanted) noexcept {
    return static_cast<std::size_t>(std::count(roles.begin(), roles.end(), wanted));
  }
  // The index of the first handler with this role; `count` if there is none.
  static constexpr std::size_t index_of(role wanted) noexcept {
    return static_cast<std::size_t>(std::find(roles.begin(), roles.end(), wanted) - roles.begin());
  }

  static constexpr std::size_t unknown = index_of(role::unknown);
  static constexpr std::size_t invalid = index_of(role::invalid);
  static constexpr std::size_t kind_count = count_of(role::typed);
  static constexpr std::size_t named_count = count_of(role::named);

  struct kind_row {
    std::size_t handler;
    std::string_view name;
    std::string_view key;
  };

  template <class T>
  static constexpr kind_row row_of(std::size_t handler) noexcept {
    if constexpr (message_kind<T>) {
      return {handler, kind_of<T>, schema<T>.key};
    } else {
      return {handler, {}, {}};
    }
  }

  // Only handlers of types with a kind have a row.
  static constexpr std::array<kind_row, kind_count> rows = [] {
    std::array<kind_row, kind_count> kept{};
    std::size_t handler = 0;
    std::size_t to = 0;
    auto const keep = [&](kind_row row) {
      if (roles[row.handler] == role::typed) kept[to++] = row;
    };
    (keep(row_of<message_of<Handlers>>(handler++)), ...);
    return kept;
  }();

  static constexpr std::array<std::string_view, kind_count> names = [] {
    std::array<std::string_view, kind_count> all{};
    for (std::size_t index = 0; index != kind_count; ++index) all[index] = rows[index].name;
    return all;
  }();

  static constexpr detail::kind_key kind_key{rows.empty() ? std::string_view{"kind"} : rows.begin()->key};

  static constexpr bool names_differ = all_distinct(names);
  static constexpr bool one_key = [] {
    for (kind_row const& row : rows) {
      if (row.key != kind_key.name) return false;
    }
    return true;
  }();
  static constexpr kind_table<kind_count> table{names};

  static constexpr std::array<std::size_t, named_count> named_handlers = [] {
    std::array<std::size_t, named_count> kept{};
    std::size_t to = 0;
    for (std::size_t handler = 0; handler != count; ++handler) {
      if (roles[handler] == role::named) kept[to++] = handler;
    }
    return kept;
  }();

  static constexpr std::array<std::string_view, named_count> names_in(
      std::tuple<Handlers...> const& handlers) {
    std::array<std::string_view, named_count> kept{};
    [[maybe_unused]] std::size_t to = 0;
    [[maybe_unused]] auto const keep = [&](auto const& handler) {
      if constexpr (is_named_handler<std::remove_cvref_t<decltype(handler)>>) kept[to++] = handler.kind;
    };
    if constexpr (named_count != 0)
      std::apply([&](auto const&... handler) { (keep(handler), ...); }, handlers);
    return kept;
  }
};

}  // namespace detail
}  // namespace kindwire
