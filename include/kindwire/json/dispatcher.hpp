// Hands a JSON message, decoded, to the handler that takes its kind.
#pragma once

#include <array>
#include <concepts>
#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>

#include "dispatching/handler.hpp"
#include "description/kind_table.hpp"
#include "reading/message_reader.hpp"
#include "outcome.hpp"
#include "reader.hpp"
#include "schema.hpp"
#include "description/schema_check.hpp"
#include "writer.hpp"

namespace kindwire {

/// A handler's first parameter for the messages that no other handler takes. Both views are valid during the
/// call only.
struct unknown_message {
  std::string_view kind;
  std::string_view text;  ///< the whole message, which is well-formed JSON
};

/// A handler's first parameter for the texts that are no valid message: what is wrong, which then is no error
/// of the call any more. Unknown kinds are among them, unless a handler takes unknown_message.
struct invalid_message {
  json_error error;
  std::string_view text;  ///< the whole text, whatever it is; valid during the call only
};

namespace detail {

// What becomes of a handler's result: itself.
struct as_returned {
  void operator()() const noexcept {}
  template <class T>
  T operator()(T value) const {
    return value;
  }
};

template <class Then, class Result>
struct result_of {
  using type = std::invoke_result_t<Then&, Result>;
};
template <class Then>
struct result_of<Then, void> {
  using type = std::invoke_result_t<Then&>;
};

}  // namespace detail

/// A set of handlers, told apart by their first parameters: each is a type with a kind, taken by value or by
/// reference to const, or one of the fallbacks kindwire::unknown_message and kindwire::invalid_message. What
/// else is given to a call goes on to the handler.
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
  static constexpr bool is_fallback =
      std::is_same_v<T, unknown_message> || std::is_same_v<T, invalid_message>;

  template <class T>
  static constexpr bool is_message =
      is_fallback<T> || message_kind<T> || std::is_same_v<T, detail::no_message>;

  static_assert(
      (is_message<detail::message_of<Handlers>> && ...),
      "kindwire: a handler's first parameter has no kind: give the type a `static constexpr auto schema = "
      "kindwire::kind(...)`, or specialise kindwire::schema for it");

  static constexpr std::size_t count = sizeof...(Handlers);

  // Where the handler of this type stands, the first of several; `count` without one.
  template <class T>
  static constexpr std::size_t index_of() noexcept {
    constexpr std::array<bool, count> is_one{std::is_same_v<detail::message_of<Handlers>, T>...};
    std::size_t index = 0;
    while (index != count && !is_one[index]) ++index;
    return index;
  }

  template <class T>
  static constexpr bool at_most_one = (std::size_t{0} + ... +
                                       (std::is_same_v<detail::message_of<Handlers>, T> ? 1U : 0U)) <= 1;

  static_assert(at_most_one<unknown_message>, "kindwire: two handlers take unknown_message");
  static_assert(at_most_one<invalid_message>, "kindwire: two handlers take invalid_message");

  static constexpr std::size_t unknown = index_of<unknown_message>();
  static constexpr std::size_t invalid = index_of<invalid_message>();
  static constexpr std::size_t kind_count =
      (std::size_t{0} + ... + (is_fallback<detail::message_of<Handlers>> ? 0U : 1U));

  static_assert(kind_count != 0, "kindwire: a dispatcher needs a handler for a kind");

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

  // The fallbacks have no kind, and stand in no table.
  static constexpr std::array<kind_row, kind_count> rows = [] {
    std::array<kind_row, kind_count> kept{};
    std::size_t handler = 0;
    std::size_t to = 0;
    auto const keep = [&](bool kind, kind_row row) {
      if (kind) kept[to++] = row;
    };
    (keep(!is_fallback<detail::message_of<Handlers>>, row_of<detail::message_of<Handlers>>(handler++)), ...);
    return kept;
  }();

  static constexpr std::array<std::string_view, kind_count> names = [] {
    std::array<std::string_view, kind_count> all{};
    for (std::size_t index = 0; index != kind_count; ++index) all[index] = rows[index].name;
    return all;
  }();

  static constexpr detail::kind_key kind_key{rows[0].key};

  static_assert(detail::all_distinct(names), "kindwire: two handlers take the same kind");
  static constexpr bool one_key = [] {
    for (kind_row const& row : rows) {
      if (row.key != kind_key.name) return false;
    }
    return true;
  }();
  static_assert(one_key, "kindwire: the handlers' kinds stand under different keys");

  static constexpr detail::kind_table<kind_count> table{names};

 public:
  explicit constexpr dispatcher(Handlers... handlers) : handlers_{std::move(handlers)...} {}
  explicit constexpr dispatcher(json_options options, Handlers... handlers)
      : handlers_{std::move(handlers)...}, options_(options) {}

  /// The kinds that have a handler.
  static constexpr std::span<std::string_view const> kinds() noexcept { return names; }

  /// The name of the member that carries them.
  static constexpr std::string_view key() noexcept { return kind_key.name; }

  /// What it refuses.
  json_options const& options() const noexcept { return options_; }

  /// Decodes the message and calls its handler with it and with `arguments`. No handler is called unless the
  /// whole text is in order; the outcome then holds what the handler returned. Views in the message are views
  /// into `text`.
  template <class... Arguments>
  auto operator()(std::string_view text, Arguments&&... arguments) const {
    return dispatch<true>(*this, detail::as_returned{}, text, std::forward<Arguments>(arguments)...);
  }

  /// The same for handlers with state, such as mutable lambdas.
  template <class... Arguments>
  auto operator()(std::string_view text, Arguments&&... arguments) {
    return dispatch<true>(*this, detail::as_returned{}, text, std::forward<Arguments>(arguments)...);
  }

  /// The same for handlers that return different types: `then` is called with what the handler returned, or
  /// with nothing if that is void, and the outcome holds what `then` returns, which is always the same type.
  template <class Then, class... Arguments>
  auto apply(Then&& then, std::string_view text, Arguments&&... arguments) const {
    return dispatch<false>(*this, then, text, std::forward<Arguments>(arguments)...);
  }
  template <class Then, class... Arguments>
  auto apply(Then&& then, std::string_view text, Arguments&&... arguments) {
    return dispatch<false>(*this, then, text, std::forward<Arguments>(arguments)...);
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
  using returned_at = std::invoke_result_t<handler_at<Self, Index>, message_at<Index>, Arguments...>;

  template <class Self, class Then, std::size_t Index, class... Arguments>
  using result_at = typename detail::result_of<Then, returned_at<Self, Index, Arguments...>>::type;

  template <class Self, class Then, class... Arguments, std::size_t... Index>
  static consteval bool same_results(std::index_sequence<Index...>) {
    return (
        std::is_same_v<result_at<Self, Then, 0, Arguments...>, result_at<Self, Then, Index, Arguments...>> &&
        ...);
  }

  template <class Self, class... Arguments, std::size_t... Index>
  static consteval bool any_dangles(std::index_sequence<Index...>) {
    return (detail::would_dangle<Handlers, returned_at<Self, Index, Arguments...>> || ...);
  }

  // A message on its way to its handler: dispatch(), route(), decode(), invoke().
  template <class Then>
  struct message_in_hand {
    detail::message_reader& reader;
    std::string_view text;
    detail::kind_place place;
    Then& then;
  };

  template <bool Alike, class Self, class Then, class... Arguments>
  static auto dispatch(Self& self, Then&& then, std::string_view text, Arguments&&... arguments) {
    using then_type = std::remove_reference_t<Then>;
    constexpr auto all = std::make_index_sequence<count>{};
    if constexpr (!all_callable<Self, Arguments...>(all)) {
      // A handler without a message was complained about before.
      static_assert((std::is_same_v<detail::message_of<Handlers>, detail::no_message> || ...),
                    "kindwire: a handler cannot be called with its message and the arguments after the text");
      return outcome<void>{};
    } else if constexpr (!same_results<Self, then_type, Arguments...>(all)) {
      static_assert(detail::always_false<Self> || !Alike,
                    "kindwire: the handlers of a dispatcher must all return the same type");
      static_assert(detail::always_false<Self> || Alike,
                    "kindwire: what apply() hands the results to must always return the same type");
      return outcome<void>{};
    } else {
      using result = result_at<Self, then_type, 0, Arguments...>;
      static_assert(!std::is_reference_v<result>, "kindwire: a handler cannot return a reference");
      static_assert(
          !any_dangles<Self, Arguments...>(all),
          "kindwire: a coroutine takes its message by value: a reference would dangle at the first co_await");
      outcome<result> done = route<Self, then_type, result, Arguments...>(all, self, then, text, arguments...);
      if constexpr (invalid != count) {
        if (!done) {
          return invoke<Self, then_type, result, invalid, Arguments...>(
              self, then, invalid_message{done.error(), text}, arguments...);
        }
      }
      return done;
    }
  }

  template <class Self, class Then, class Result, class... Arguments, std::size_t... Index>
  static outcome<Result> route(std::index_sequence<Index...>, Self& self, Then& then, std::string_view text,
                             std::remove_reference_t<Arguments>&... arguments) {
    using decoder = outcome<Result> (*)(Self&, message_in_hand<Then> const&, std::remove_reference_t<Arguments>&...);
    static constexpr std::array<decoder, count> decoders{&decode<Self, Then, Result, Index, Arguments...>...};

    detail::message_reader reader{text, self.options_};
    message_in_hand<Then> message{reader, text, {}, then};
    if (reader.guess_kind(kind_key, message.place)) {
      if (std::size_t const found = table.find(message.place.kind); found != kind_count) {
        outcome<Result> done = decoders[rows[found].handler](self, message, arguments...);
        if (done) return done;
      }
    }
    // Most often something is wrong with it. Nothing was handed over yet.
    reader.restart();
    if (!reader.find_kind(kind_key, message.place)) return reader.take_error();
    std::size_t const found = table.find(message.place.kind);
    if (found != kind_count) return decoders[rows[found].handler](self, message, arguments...);
    if constexpr (unknown != count) return decoders[unknown](self, message, arguments...);
    reader.fail_kind(kind_key, message.place.kind, names);
    return reader.take_error();
  }

  template <class Self, class Then, class Result, std::size_t Index, class... Arguments>
  static outcome<Result> decode(Self& self, message_in_hand<Then> const& message,
                              std::remove_reference_t<Arguments>&... arguments) {
    using value_type = message_at<Index>;
    if constexpr (std::is_same_v<value_type, unknown_message>) {
      // The reader's next key would overwrite a kind that was written with escapes.
      std::string kept;
      std::string_view kind = message.place.kind;
      if (!message.reader.in_text(kind)) kind = kept = kind;
      if (!message.reader.skip_rest(kind_key, message.place)) return message.reader.take_error();
      return invoke<Self, Then, Result, Index, Arguments...>(self, message.then, value_type{kind, message.text},
                                                            arguments...);
    } else if constexpr (message_kind<value_type>) {
      static_assert(std::default_initializable<value_type>,
                    "kindwire: a type to decode must have a default constructor");
      value_type value{};
      if (!message.reader.read_rest(value, message.place)) return message.reader.take_error();
      return invoke<Self, Then, Result, Index, Arguments...>(self, message.then, std::move(value),
                                                            arguments...);
    } else {
      return message.reader.take_error();  // not reached: invalid_message stands in no table
    }
  }

  template <class Self, class Then, class Result, std::size_t Index, class... Arguments>
  static outcome<Result> invoke(Self& self, Then& then, message_at<Index>&& value,
                                std::remove_reference_t<Arguments>&... arguments) {
    auto const call_handler = [&]() -> decltype(auto) {
      return std::get<Index>(self.handlers_)(std::move(value), std::forward<Arguments>(arguments)...);
    };
    if constexpr (std::is_void_v<returned_at<Self, Index, Arguments...>>) {
      call_handler();
      if constexpr (std::is_void_v<Result>) {
        then();
        return {};
      } else {
        return then();
      }
    } else if constexpr (std::is_void_v<Result>) {
      then(call_handler());
      return {};
    } else {
      return then(call_handler());
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
