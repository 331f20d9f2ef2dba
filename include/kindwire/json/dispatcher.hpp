// Decodes a JSON message and hands it to the handler of its kind.
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
#include "dispatching/handler_set.hpp"
#include "dispatching/kind_names.hpp"
#include "dispatching/message_text.hpp"
#include "dispatching/results.hpp"
#include "dispatching/untyped.hpp"
#include "outcome.hpp"
#include "reader.hpp"
#include "reading/message_reader.hpp"
#include "schema.hpp"
#include "writer.hpp"

namespace kindwire {

/// A set of handlers, told apart by their first parameters: each is a type with a kind, taken by value or by
/// reference to const, or one of the fallbacks kindwire::unknown_message and kindwire::invalid_message.
/// Further arguments of a call go on to the handler. Kinds without a type are named with on_kind().
///
///     kw::dispatcher on{
///         [](upload_progress const& progress, session& s) { s.bar(progress.value); },
///         [](upload_finish, session& s)                   { s.done(); },
///     };
///     if (auto outcome = on(text, s); !outcome) log(outcome.error().message());
///
/// Handlers are lambdas, function objects with one call operator, or function pointers, and all return the
/// same type. They may be coroutines: `co_await *on(text, s)`. Those take the message by value, as it is gone
/// once they are suspended, and the dispatcher must outlive them.
///
/// A dispatcher has no state but its handlers: it may be used from several threads if they may.
template <class... Handlers>
class dispatcher {
  using set = detail::handler_set<Handlers...>;
  static_assert(sizeof...(Handlers) != 0, "kindwire: a dispatcher needs a handler");
  static_assert((detail::has_signature<Handlers> && ...),
                "kindwire: kinds are told by the handlers' first parameters: a generic lambda, an overloaded "
                "function object, or what is no function at all, cannot be a handler");
  static_assert((detail::has_message<Handlers> && ...),
                "kindwire: a handler takes the message as its first parameter");
  static_assert((detail::takes_message_well<Handlers> && ...),
                "kindwire: a handler takes the message by value or by reference to const");
  static_assert(set::kinds_are_told,
                "kindwire: a handler of messages without a type needs to be told their kind: "
                "kindwire::on_kind(\"KIND\", handler), or kindwire::on_unknown_kind(handler)");
  static_assert(
      set::kinds_are_known,
      "kindwire: a handler's first parameter has no kind: give the type a `static constexpr auto schema = "
      "kindwire::kind(...)`, or specialise kindwire::schema for it");
  static_assert(set::count_of(set::role::unknown) <= 1, "kindwire: two handlers take unknown_message");
  static_assert(set::count_of(set::role::invalid) <= 1, "kindwire: two handlers take invalid_message");
  static_assert(set::kind_count + set::named_count != 0, "kindwire: a dispatcher needs a handler for a kind");
  static_assert(set::names_differ, "kindwire: two handlers take the same kind");
  static_assert(set::one_key, "kindwire: the handlers' kinds stand under different keys");

 public:
  /// Throws std::invalid_argument (or, without exceptions, ends the program) if on_kind() names a kind that
  /// another handler takes. Two handlers whose types have the same kind do not compile.
  explicit constexpr dispatcher(Handlers... handlers)
      : handlers_{std::move(handlers)...}, named_(set::names, set::names_in(handlers_)) {}
  explicit constexpr dispatcher(json_options options, Handlers... handlers)
      : handlers_{std::move(handlers)...}, options_(options), named_(set::names, set::names_in(handlers_)) {}

  /// The kinds that have a handler. Those that on_kind() names come last, and the view is then into *this.
  constexpr std::span<std::string_view const> kinds() const noexcept {
    if constexpr (set::named_count != 0) {
      return named_.all();
    } else {
      return set::names;
    }
  }

  /// The name of the member that carries the kind.
  static constexpr std::string_view key() noexcept { return set::kind_key.name; }

  /// What the dispatcher refuses.
  json_options const& options() const noexcept { return options_; }

  /// Decodes the message and calls its handler with it and with `arguments`. No handler is called unless the
  /// whole text is in order; the outcome then holds what the handler returned. Views in the message are into
  /// `text`.
  template <class... Arguments>
  auto operator()(std::string_view text, Arguments&&... arguments) const {
    return dispatch<true>(*this, detail::as_returned{}, detail::given_text{text},
                          std::forward<Arguments>(arguments)...);
  }

  /// The same for handlers with state, such as mutable lambdas.
  template <class... Arguments>
  auto operator()(std::string_view text, Arguments&&... arguments) {
    return dispatch<true>(*this, detail::as_returned{}, detail::given_text{text},
                          std::forward<Arguments>(arguments)...);
  }

  /// The same for a message in another form, such as a rapidjson::Value with json/rapidjson.hpp. It is
  /// written as text and read from that. An error's offset is into that text; so are views, valid during the
  /// call only.
  template <detail::message_form Message, class... Arguments>
  auto operator()(Message const& message, Arguments&&... arguments) const {
    return dispatch<true>(*this, detail::as_returned{}, detail::message_text<Message>{message},
                          std::forward<Arguments>(arguments)...);
  }
  template <detail::message_form Message, class... Arguments>
  auto operator()(Message const& message, Arguments&&... arguments) {
    return dispatch<true>(*this, detail::as_returned{}, detail::message_text<Message>{message},
                          std::forward<Arguments>(arguments)...);
  }

  /// The same for handlers that return different types: `then` is called with what the handler returned, or
  /// with nothing if that is void, and the outcome holds what `then` returns, which is always the same type.
  template <class Then, class... Arguments>
  auto apply(Then&& then, std::string_view text, Arguments&&... arguments) const {
    return dispatch<false>(*this, then, detail::given_text{text}, std::forward<Arguments>(arguments)...);
  }
  template <class Then, class... Arguments>
  auto apply(Then&& then, std::string_view text, Arguments&&... arguments) {
    return dispatch<false>(*this, then, detail::given_text{text}, std::forward<Arguments>(arguments)...);
  }
  template <class Then, detail::message_form Message, class... Arguments>
  auto apply(Then&& then, Message const& message, Arguments&&... arguments) const {
    return dispatch<false>(*this, then, detail::message_text<Message>{message},
                           std::forward<Arguments>(arguments)...);
  }
  template <class Then, detail::message_form Message, class... Arguments>
  auto apply(Then&& then, Message const& message, Arguments&&... arguments) {
    return dispatch<false>(*this, then, detail::message_text<Message>{message},
                           std::forward<Arguments>(arguments)...);
  }

 private:
  template <std::size_t Index>
  using message_at = detail::message_of<std::tuple_element_t<Index, std::tuple<Handlers...>>>;

  // What a handler is called with.
  template <std::size_t Index>
  using argument_at = typename detail::argument_for<message_at<Index>>::type;

  // A reference to the handler, const if the dispatcher is.
  template <class Self, std::size_t Index>
  using handler_at =
      std::conditional_t<std::is_const_v<Self>, std::tuple_element_t<Index, std::tuple<Handlers...>> const,
                         std::tuple_element_t<Index, std::tuple<Handlers...>>>&;

  template <class Self, class... Arguments, std::size_t... Index>
  static consteval bool all_callable(std::index_sequence<Index...>) {
    return (std::is_invocable_v<handler_at<Self, Index>, argument_at<Index>, Arguments...> && ...);
  }

  template <class Self, std::size_t Index, class... Arguments>
  using returned_at = std::invoke_result_t<handler_at<Self, Index>, argument_at<Index>, Arguments...>;

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
  template <class Self, class... Arguments, std::size_t... Index>
  static consteval bool any_outlives_text(std::index_sequence<Index...>) {
    return (detail::would_outlive_text<Handlers, returned_at<Self, Index, Arguments...>>() || ...);
  }

  // A message on its way to its handler: dispatch(), route(), decode(), invoke().
  template <class Then>
  struct message_in_hand {
    detail::message_reader& reader;
    std::string_view text;
    detail::kind_place place;
    Then& then;
  };

  template <bool Alike, class Self, class Then, class Text, class... Arguments>
  static auto dispatch(Self& self, Then&& then, Text const& text, Arguments&&... arguments) {
    using then_type = std::remove_reference_t<Then>;
    constexpr auto all = std::make_index_sequence<set::count>{};
    if constexpr (!all_callable<Self, Arguments...>(all)) {
      // A handler without a message has been reported above.
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
      if constexpr (Text::is_own) {
        static_assert(!any_outlives_text<Self, Arguments...>(all),
                      "kindwire: a coroutine whose message has views into its text cannot be called with a "
                      "document: that text is gone at the first co_await");
      }
      outcome<result> done = text.error() != nullptr ? outcome<result>{*text.error()}
                                                     : route<Self, then_type, result, Arguments...>(
                                                           all, self, then, text.text(), arguments...);
      if constexpr (set::invalid != set::count) {
        if (!done) {
          return invoke<Self, then_type, result, set::invalid, Arguments...>(
              self, then, invalid_message{done.error(), text.text()}, arguments...);
        }
      }
      return done;
    }
  }

  template <class Self, class Then, class Result, class... Arguments, std::size_t... Index>
  static outcome<Result> route(std::index_sequence<Index...>, Self& self, Then& then, std::string_view text,
                               std::remove_reference_t<Arguments>&... arguments) {
    static constexpr std::array decoders{decoder_of<Self, Then, Result, Index, Arguments...>()...};

    detail::message_reader reader{text, self.options_};
    message_in_hand<Then> message{reader, text, {}, then};
    if (reader.guess_kind(set::kind_key, message.place)) {
      if (std::size_t const found = self.handler_of(message.place.kind); found != set::count) {
        outcome<Result> done = decoders[found](self, message, arguments...);
        if (done) return done;
      }
    }
    // Most often something is wrong with the message. No handler was called yet.
    reader.restart();
    if (!reader.find_kind(set::kind_key, message.place)) return reader.take_error();
    std::size_t const found = self.handler_of(message.place.kind);
    if (found != set::count) return decoders[found](self, message, arguments...);
    if constexpr (set::unknown != set::count) return decoders[set::unknown](self, message, arguments...);
    reader.fail_kind(set::kind_key, message.place.kind, set::names);
    json_error failure = reader.take_error();
    if constexpr (set::named_count != 0) self.named_.give_to(failure);
    return failure;
  }

  // Null for invalid_message, whose handler takes no kind.
  template <class Self, class Then, class Result, std::size_t Index, class... Arguments>
  static constexpr auto decoder_of() noexcept {
    using decoder =
        outcome<Result> (*)(Self&, message_in_hand<Then> const&, std::remove_reference_t<Arguments>&...);
    if constexpr (Index == set::invalid) {
      return decoder{nullptr};
    } else {
      return decoder{&decode<Self, Then, Result, Index, Arguments...>};
    }
  }

  // `set::count` if no handler takes the kind.
  std::size_t handler_of(std::string_view kind) const noexcept {
    if constexpr (set::kind_count != 0) {
      if (std::size_t const found = set::table.find(kind); found != set::kind_count)
        return set::rows[found].handler;
    }
    if constexpr (set::named_count != 0) {
      if (std::size_t const found = named_.find(kind); found != set::named_count)
        return set::named_handlers[found];
    }
    return set::count;
  }

  template <class Self, class Then, class Result, std::size_t Index, class... Arguments>
  static outcome<Result> decode(Self& self, message_in_hand<Then> const& message,
                                std::remove_reference_t<Arguments>&... arguments) {
    using value_type = message_at<Index>;
    if constexpr (detail::untyped<value_type>) {
      if constexpr (detail::would_outlive_text<std::tuple_element_t<Index, std::tuple<Handlers...>>,
                                               returned_at<Self, Index, Arguments...>>()) {
        if (!message.reader.kind_is_in_text(set::kind_key, message.place)) return message.reader.take_error();
      }
      detail::untyped_parameter<value_type> whole;
      if (!whole.read(message.reader, set::kind_key, message.place, message.text))
        return message.reader.take_error();
      return invoke<Self, Then, Result, Index, Arguments...>(self, message.then, whole.get(), arguments...);
    } else if constexpr (message_kind<value_type>) {
      static_assert(std::default_initializable<value_type>,
                    "kindwire: a type to decode must have a default constructor");
      value_type value{};
      if (!message.reader.read_rest(value, message.place)) return message.reader.take_error();
      return invoke<Self, Then, Result, Index, Arguments...>(self, message.then, std::move(value),
                                                             arguments...);
    } else {
      return message.reader.take_error();  // the handlers' types have been reported
    }
  }

  template <class Self, class Then, class Result, std::size_t Index, class... Arguments>
  static outcome<Result> invoke(Self& self, Then& then, argument_at<Index>&& value,
                                std::remove_reference_t<Arguments>&... arguments) {
    auto const call_handler = [&]() -> decltype(auto) {
      return std::get<Index>(self.handlers_)(static_cast<argument_at<Index>&&>(value),
                                             std::forward<Arguments>(arguments)...);
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
  [[no_unique_address]] detail::kind_names<set::kind_count, set::named_count> named_;
};

template <class... Handlers>
dispatcher(Handlers...) -> dispatcher<Handlers...>;

/// With options: `kw::dispatcher on{kw::json_options{.refuse_unknown_fields = true}, …}`.
template <class... Handlers>
dispatcher(json_options, Handlers...) -> dispatcher<Handlers...>;

}  // namespace kindwire
