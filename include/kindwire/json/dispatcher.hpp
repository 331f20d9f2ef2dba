// Hands a JSON message, decoded, to the handler that takes its kind.
#pragma once

#include <array>
#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>

#include "handler.hpp"
#include "kind_table.hpp"
#include "message_reader.hpp"
#include "outcome.hpp"
#include "reader.hpp"
#include "schema.hpp"
#include "writer.hpp"

namespace kindwire {

/// A handler's first parameter for the messages that no other handler takes. Both views are valid during the
/// call only.
struct unknown_message {
  std::string_view kind;
  std::string_view text;  ///< the whole message, which is well-formed JSON
};

/// A set of handlers, told apart by their first parameters: each is a type with a kind, taken by value or by
/// reference to const, or kindwire::unknown_message. What else is given to a call goes on to the handler.
///
///     kw::dispatcher on{
///         [](upload_progress const& progress, session& s) { s.bar(progress.value); },
///         [](upload_finish, session& s)                   { s.done(); },
///     };
///     if (auto outcome = on(text, s); !outcome) log(outcome.error().message());
///
/// Handlers are lambdas, function objects with one call operator, or function pointers, and all return the
/// same type. They may be coroutines: `co_await *on(text, s)`. Those take the message by value, as it is gone
/// when they are suspended, and the dispatcher must live as long as they run.
///
/// A dispatcher has no state but its handlers: it may be used from several threads if these may.
template <class... Handlers>
class dispatcher {
  static_assert(sizeof...(Handlers) != 0, "kindwire: a dispatcher needs a handler");
  static_assert((detail::has_signature<Handlers> && ...),
                "kindwire: kinds are told by the handlers' first parameters: a generic lambda, an overloaded "
                "function object, or what is no function at all, cannot be a handler");
  static_assert((detail::has_message<Handlers> && ...),
                "kindwire: a handler takes the message as its first parameter");
  static_assert((detail::takes_message_well<Handlers> && ...),
                "kindwire: a handler takes the message by value or by reference to const");

  template <class T>
  static constexpr bool is_fallback = std::is_same_v<T, unknown_message>;

  template <class T>
  static constexpr bool is_message =
      is_fallback<T> || message_kind<T> || std::is_same_v<T, detail::no_message>;

  static_assert(
      (is_message<detail::message_of<Handlers>> && ...),
      "kindwire: a handler's first parameter has no kind: give the type a `static constexpr auto schema = "
      "kindwire::kind(...)`, or specialise kindwire::schema for it");
  static_assert((std::size_t{0} + ... + (is_fallback<detail::message_of<Handlers>> ? 1U : 0U)) <= 1,
                "kindwire: two handlers take unknown_message");

  static constexpr std::size_t count = sizeof...(Handlers);

  template <class T>
  static constexpr std::string_view kind_text() noexcept {
    if constexpr (message_kind<T>) {
      return kind_of<T>;
    } else {
      return {};
    }
  }

  template <class T>
  static constexpr std::string_view key_text() noexcept {
    if constexpr (message_kind<T>) {
      return schema<T>.key;
    } else {
      return {};
    }
  }

  // The fallback has no kind, and stands in no table.
  static constexpr std::array<bool, count> fallbacks{is_fallback<detail::message_of<Handlers>>...};
  static constexpr std::array<std::string_view, count> kinds_of_handlers{
      kind_text<detail::message_of<Handlers>>()...};
  static constexpr std::array<std::string_view, count> keys_of_handlers{
      key_text<detail::message_of<Handlers>>()...};

  static constexpr std::size_t fallback = [] {
    std::size_t index = 0;
    while (index != count && !fallbacks[index]) ++index;
    return index;
  }();
  static constexpr std::size_t kind_count = count - (fallback == count ? 0 : 1);

  static_assert(kind_count != 0, "kindwire: a dispatcher needs a handler for a kind");

  static constexpr auto without_fallback(std::array<std::string_view, count> const& texts) noexcept {
    std::array<std::string_view, kind_count> kept{};
    for (std::size_t index = 0, to = 0; index != count; ++index) {
      if (index != fallback) kept[to++] = texts[index];
    }
    return kept;
  }

  static constexpr std::array<std::string_view, kind_count> names = without_fallback(kinds_of_handlers);
  static constexpr std::string_view key = without_fallback(keys_of_handlers)[0];

  static_assert(detail::all_distinct(names), "kindwire: two handlers take the same kind");
  static_assert(
      [] {
        for (std::string_view const other : without_fallback(keys_of_handlers)) {
          if (other != key) return false;
        }
        return true;
      }(),
      "kindwire: the handlers' kinds stand under different keys");

  static constexpr detail::kind_table<kind_count> table{names};

 public:
  explicit constexpr dispatcher(Handlers... handlers) : handlers_{std::move(handlers)...} {}
  explicit constexpr dispatcher(json_options options, Handlers... handlers)
      : handlers_{std::move(handlers)...}, options_(options) {}

  /// The kinds that have a handler.
  static constexpr std::span<std::string_view const> kinds() noexcept { return names; }

  /// Decodes the message and calls its handler with it and with `arguments`. No handler is called unless the
  /// whole text is in order; the outcome then holds what the handler returned. Views in the message are views
  /// into `text`.
  template <class... Arguments>
  auto operator()(std::string_view text, Arguments&&... arguments) const {
    return dispatch(*this, text, std::forward<Arguments>(arguments)...);
  }

  /// The same for handlers with state, such as mutable lambdas.
  template <class... Arguments>
  auto operator()(std::string_view text, Arguments&&... arguments) {
    return dispatch(*this, text, std::forward<Arguments>(arguments)...);
  }

 private:
  template <std::size_t Index>
  using message_at = detail::message_of<std::tuple_element_t<Index, std::tuple<Handlers...>>>;

  // As a value of the handler's own: what it takes by value is moved into it.
  template <class Self, std::size_t Index>
  using handler_at =
      std::conditional_t<std::is_const_v<Self>, std::tuple_element_t<Index, std::tuple<Handlers...>> const,
                         std::tuple_element_t<Index, std::tuple<Handlers...>>>&;

  template <class Self, class... Arguments, std::size_t... Index>
  static consteval bool all_callable(std::index_sequence<Index...>) {
    return (std::is_invocable_v<handler_at<Self, Index>, message_at<Index>, Arguments...> && ...);
  }

  template <class Self, std::size_t Index, class... Arguments>
  using result_at = std::invoke_result_t<handler_at<Self, Index>, message_at<Index>, Arguments...>;

  template <class Self, class Result, class... Arguments, std::size_t... Index>
  static consteval bool same_results(std::index_sequence<Index...>) {
    return (std::is_same_v<Result, result_at<Self, Index, Arguments...>> && ...);
  }

  // What goes to a handler beside the message.
  struct letter {
    detail::message_reader& reader;
    std::string_view text;
    std::string_view kind;
    bool kind_is_first;
  };

  template <class Self, class... Arguments>
  static auto dispatch(Self& self, std::string_view text, Arguments&&... arguments) {
    constexpr auto all = std::make_index_sequence<count>{};
    if constexpr (!all_callable<Self, Arguments...>(all)) {
      // A handler without a message was complained about before.
      static_assert((std::is_same_v<detail::message_of<Handlers>, detail::no_message> || ...),
                    "kindwire: a handler cannot be called with its message and the arguments after the text");
      return outcome<void>{};
    } else if constexpr (!same_results<Self, result_at<Self, 0, Arguments...>, Arguments...>(all)) {
      static_assert(detail::always_false<Self>,
                    "kindwire: the handlers of a dispatcher must all return the same type");
      return outcome<void>{};
    } else {
      using result = result_at<Self, 0, Arguments...>;
      static_assert(!std::is_reference_v<result>, "kindwire: a handler cannot return a reference");
      static_assert(
          (!detail::would_dangle<Handlers, result> && ...),
          "kindwire: a coroutine takes its message by value: a reference would dangle at the first co_await");
      return run<Self, result, Arguments...>(all, self, text, arguments...);
    }
  }

  template <class Self, class Result, class... Arguments, std::size_t... Index>
  static outcome<Result> run(std::index_sequence<Index...>, Self& self, std::string_view text,
                             std::remove_reference_t<Arguments>&... arguments) {
    using entry = outcome<Result> (*)(Self&, letter const&, std::remove_reference_t<Arguments>&...);
    static constexpr std::array<entry, count> entries{&call<Self, Result, Index, Arguments...>...};

    detail::message_reader reader{text, self.options_};
    letter message{reader, text, {}, false};
    if (!reader.find_kind(key, message.kind, message.kind_is_first)) return reader.take_error();
    std::size_t const found = table.find(message.kind);
    if (found != kind_count) return entries[found + (found >= fallback ? 1 : 0)](self, message, arguments...);
    if constexpr (fallback != count) return entries[fallback](self, message, arguments...);
    reader.fail_kind(key, message.kind, names);
    return reader.take_error();
  }

  template <class Self, class Result, std::size_t Index, class... Arguments>
  static outcome<Result> call(Self& self, letter const& message,
                              std::remove_reference_t<Arguments>&... arguments) {
    using value_type = message_at<Index>;
    if constexpr (is_fallback<value_type>) {
      // The reader's next key would overwrite a kind that was written with escapes.
      std::string kept;
      std::string_view kind = message.kind;
      if (!message.reader.in_text(kind)) kind = kept = kind;
      if (!message.reader.skip_rest(!message.kind_is_first)) return message.reader.take_error();
      return invoke<Self, Result, Index, Arguments...>(self, value_type{kind, message.text}, arguments...);
    } else {
      value_type value{};
      if (!message.reader.read_rest(value, message.kind_is_first)) return message.reader.take_error();
      return invoke<Self, Result, Index, Arguments...>(self, std::move(value), arguments...);
    }
  }

  template <class Self, class Result, std::size_t Index, class... Arguments>
  static outcome<Result> invoke(Self& self, message_at<Index>&& value,
                                std::remove_reference_t<Arguments>&... arguments) {
    if constexpr (std::is_void_v<Result>) {
      std::get<Index>(self.handlers_)(std::move(value), std::forward<Arguments>(arguments)...);
      return {};
    } else {
      return std::get<Index>(self.handlers_)(std::move(value), std::forward<Arguments>(arguments)...);
    }
  }

  std::tuple<Handlers...> handlers_;
  json_options options_{};
};

template <class... Handlers>
dispatcher(Handlers...) -> dispatcher<Handlers...>;

/// With options: `kw::dispatcher on{kw::json_options{.refuse_unknown_fields = true}, …}`.
template <class... Handlers>
dispatcher(json_options, Handlers...) -> dispatcher<Handlers...>;

}  // namespace kindwire
