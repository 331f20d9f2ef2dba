// A dispatcher whose kinds are known only when the program runs: plugins bring them and take them away.
#pragma once

#include <cstddef>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <type_traits>
#include <unordered_map>
#include <utility>
#include <vector>

#include "dispatcher.hpp"
#include "dispatching/handler.hpp"
#include "dispatching/results.hpp"
#include "outcome.hpp"
#include "reader.hpp"
#include "reading/message_reader.hpp"
#include "schema.hpp"

namespace kindwire {

template <class Signature>
class dynamic_dispatcher;

/// Handlers that can be added, replaced and removed at any time. `Result` is what all of them return, and
/// `Arguments` what each gets beside its message; it is called with these as they are declared here.
///
///     kw::dynamic_dispatcher<void(session&)> on;
///     on.add([](upload_progress const& progress, session& s) { s.bar(progress.value); });
///     on.add("PLUGIN_DRAW", [](kw::raw_message m, session& s) { s.draw(m.text); });
///     on.add(kw::on_unknown_kind([](kw::raw_message m, session& s) { s.pass_on(m.text); }));
///     if (auto outcome = on(text, s); !outcome) log(outcome.error().message());
///     on.remove("PLUGIN_DRAW");
///
/// Thread safety: every function may be called from any thread at any time, and from inside a handler. A
/// call uses the handlers that were there when it began: one that is replaced or removed meanwhile still
/// ends, and is destroyed after that. Handlers are called from as many threads at once as the dispatcher is.
///
/// A change takes a time that grows with the number of kinds, a call does not.
template <class Result, class... Arguments>
class dynamic_dispatcher<Result(Arguments...)> {
  struct message_in_hand;
  struct snapshot;

 public:
  explicit dynamic_dispatcher(json_options options = {}, std::string_view key = "kind")
      : options_(options), key_text_(key), key_(key_text_) {}

  dynamic_dispatcher(dynamic_dispatcher const&) = delete;
  dynamic_dispatcher& operator=(dynamic_dispatcher const&) = delete;

  /// Adds a handler for the kind of its first parameter, or a fallback: for unknown_message, or for
  /// invalid_message. False, with nothing changed, if there is one already, or if the parameter's kind stands
  /// under another key than this dispatcher's.
  template <class Handler>
  bool add(Handler handler) {
    return add<message_of<Handler>>(std::move(handler));
  }
  /// The same for function objects whose first parameter cannot be told: generic lambdas, overloaded ones.
  template <class Message, class Handler>
  bool add(Handler handler) {
    return put_typed<Message>(std::move(handler), false).put;
  }
  /// Adds a handler of a kind that has no type. Its first parameter is a raw_message, or, with
  /// json/rapidjson.hpp, a `rapidjson::Value const&` or a rapidjson::Document; a raw_message if that cannot
  /// be told.
  template <class Handler>
  bool add(std::string_view kind, Handler handler) {
    return put(kind, make_named(kind, std::move(handler)), false).put;
  }
  /// Adds what on_kind() or on_unknown_kind() returned.
  template <class Handler>
  bool add(detail::named_handler<Handler> handler) {
    return add(handler.kind, std::move(handler.handler));
  }
  template <class Handler>
  bool add(detail::unknown_handler<Handler> handler) {
    return put_fallback(&snapshot::unknown, make_named({}, std::move(handler.handler)), false).put;
  }

  /// The same, in place of the handler that there is. True if there was one.
  template <class Handler>
  bool replace(Handler handler) {
    return replace<message_of<Handler>>(std::move(handler));
  }
  template <class Message, class Handler>
  bool replace(Handler handler) {
    return put_typed<Message>(std::move(handler), true).was_there;
  }
  template <class Handler>
  bool replace(std::string_view kind, Handler handler) {
    return put(kind, make_named(kind, std::move(handler)), true).was_there;
  }
  template <class Handler>
  bool replace(detail::named_handler<Handler> handler) {
    return replace(handler.kind, std::move(handler.handler));
  }
  template <class Handler>
  bool replace(detail::unknown_handler<Handler> handler) {
    return put_fallback(&snapshot::unknown, make_named({}, std::move(handler.handler)), true).was_there;
  }

  /// Removes the handler of a kind, or a fallback: `remove<unknown_message>()`. True if there was one.
  bool remove(std::string_view kind) { return put(kind, nullptr, true).was_there; }
  template <class Message>
  bool remove() {
    if constexpr (message_kind<Message>) {
      return remove(kind_of<Message>);
    } else {
      return put_fallback(fallback<Message>(), nullptr, true).was_there;
    }
  }

  /// The kinds that have a handler now, in the order in which they were added.
  std::vector<std::string> kinds() const {
    auto const now = current();
    return {now->names.begin(), now->names.end()};
  }

  /// The name of the member that carries the kind.
  std::string_view key() const noexcept { return key_text_; }

  /// What it refuses.
  json_options const& options() const noexcept { return options_; }

  /// The handlers of one moment, as hold() gives them: called like the dispatcher, which must outlive this.
  /// Copying is cheap.
  class handlers {
   public:
    /// Decodes the message and calls its handler, as dispatcher does.
    outcome<Result> operator()(std::string_view text, Arguments... arguments) const {
      return dispatch(detail::given_text{text}, arguments...);
    }
    template <detail::message_form Message>
    outcome<Result> operator()(Message const& message, Arguments... arguments) const {
      return dispatch(detail::message_text<Message>{message}, arguments...);
    }

    /// The same, as dispatcher::apply(): `then` is called with what the handler returned.
    template <class Then>
    auto apply(Then&& then, std::string_view text, Arguments... arguments) const {
      return detail::hand_over(then, dispatch(detail::given_text{text}, arguments...));
    }
    template <class Then, detail::message_form Message>
    auto apply(Then&& then, Message const& message, Arguments... arguments) const {
      return detail::hand_over(then, dispatch(detail::message_text<Message>{message}, arguments...));
    }

   private:
    friend class dynamic_dispatcher;
    handlers(dynamic_dispatcher const& of, std::shared_ptr<snapshot const> now) noexcept
        : of_(&of), now_(std::move(now)) {}

    template <class Text>
    outcome<Result> dispatch(Text const& text, std::remove_reference_t<Arguments>&... arguments) const {
      outcome<Result> done = text.error() != nullptr
                                 ? outcome<Result>{*text.error()}
                                 : of_->route(now_, text.text(), Text::is_own, arguments...);
      if (done || !now_->invalid) return done;
      detail::message_reader reader{text.text()};
      message_in_hand const message{reader, text.text(), {}, &done.error(), of_->key_};
      return dynamic_dispatcher::decode(*now_->invalid, message, Text::is_own, arguments...);
    }

    dynamic_dispatcher const* of_;
    std::shared_ptr<snapshot const> now_;
  };

  /// The handlers of now, kept alive as long as what this returns. A handler that is a coroutine still runs
  /// when the call that made it has returned, so whoever awaits it calls what is held:
  ///
  ///     auto const now = on.hold();
  ///     if (auto outcome = now(text, s)) co_await *std::move(outcome);
  handlers hold() const { return {*this, current()}; }

  /// Decodes the message and calls its handler, as dispatcher does.
  outcome<Result> operator()(std::string_view text, Arguments... arguments) const {
    return hold()(text, static_cast<Arguments&&>(arguments)...);
  }

  /// The same of a message in another form, as dispatcher has it. A coroutine whose message views its text is
  /// not called: json_errc::rejected.
  template <detail::message_form Message>
  outcome<Result> operator()(Message const& message, Arguments... arguments) const {
    return hold()(message, static_cast<Arguments&&>(arguments)...);
  }

  /// The same, as dispatcher::apply(): `then` is called with what the handler returned.
  template <class Then>
  auto apply(Then&& then, std::string_view text, Arguments... arguments) const {
    return hold().apply(then, text, static_cast<Arguments&&>(arguments)...);
  }
  template <class Then, detail::message_form Message>
  auto apply(Then&& then, Message const& message, Arguments... arguments) const {
    return hold().apply(then, message, static_cast<Arguments&&>(arguments)...);
  }

 private:
  struct message_in_hand {
    detail::message_reader& reader;
    std::string_view text;
    detail::kind_place place;
    json_error const* error;  // for a handler of invalid_message
    detail::kind_key key;
  };

  struct entry {
    std::string kind;
    bool outlives_text;  // what it returns may look at the text later
    entry(std::string_view of, bool later) : kind(of), outlives_text(later) {}
    virtual ~entry() = default;
    virtual outcome<Result> decode(message_in_hand const& message,
                                   std::remove_reference_t<Arguments>&... arguments) = 0;
  };
  using handle = std::shared_ptr<entry>;

  // What a call sees: never changed, only replaced.
  struct snapshot {
    std::vector<handle> entries;
    std::unordered_map<std::string_view, entry*> by_kind;
    std::vector<std::string_view> names;
    handle unknown;
    handle invalid;
  };

  struct change {
    bool put;
    bool was_there;
  };

  template <class Handler>
  static constexpr auto message_of_handler() {
    static_assert(detail::has_signature<Handler>,
                  "kindwire: the first parameter of a generic lambda or an overloaded function object cannot "
                  "be told: name the message, as in add<message>(handler)");
    return std::type_identity<detail::message_of<Handler>>{};
  }
  template <class Handler>
  using message_of = typename decltype(message_of_handler<Handler>())::type;

  template <class Message, class Handler>
  struct entry_of final : entry {
    entry_of(std::string_view of, bool later, Handler&& from) : entry(of, later), handler(std::move(from)) {}

    outcome<Result> decode(message_in_hand const& message,
                           std::remove_reference_t<Arguments>&... arguments) override {
      if constexpr (std::is_same_v<Message, invalid_message>) {
        return invoke(Message{*message.error, message.text}, arguments...);
      } else if constexpr (message_kind<Message>) {
        Message value{};
        if (!message.reader.read_rest(value, message.place)) return message.reader.take_error();
        return invoke(std::move(value), arguments...);
      } else {
        if (this->outlives_text && !message.reader.kind_is_in_text(message.key, message.place))
          return message.reader.take_error();
        detail::untyped_parameter<Message> whole;
        if (!whole.read(message.reader, message.key, message.place, message.text))
          return message.reader.take_error();
        return invoke(whole.get(), arguments...);
      }
    }

    using argument = typename detail::argument_for<Message>::type;
    outcome<Result> invoke(argument&& value, std::remove_reference_t<Arguments>&... arguments) {
      if constexpr (std::is_void_v<Result>) {
        handler(static_cast<argument&&>(value), static_cast<Arguments&&>(arguments)...);
        return {};
      } else {
        return Result(handler(static_cast<argument&&>(value), static_cast<Arguments&&>(arguments)...));
      }
    }

    Handler handler;
  };

  template <class Message, class Handler>
  static handle make(std::string_view kind, Handler&& handler) {
    static_assert(
        std::is_invocable_r_v<Result, Handler&, typename detail::argument_for<Message>::type, Arguments...>,
        "kindwire: a handler cannot be called with its message and the dispatcher's arguments, or "
        "returns something else than the dispatcher");
    bool outlives_text = false;
    if constexpr (detail::has_signature<Handler>) {
      static_assert(!detail::would_dangle<Handler, Result>,
                    "kindwire: a coroutine takes its message by value: a reference would dangle at the first "
                    "co_await");
      outlives_text = detail::would_outlive_text<Handler, Result>();
    } else if constexpr (detail::parameters_of<Result, Message,
                                               Arguments...>::template is_coroutine<Result>) {
      outlives_text = detail::views_text<Message>();  // it may be one
    }
    return std::make_shared<entry_of<Message, Handler>>(kind, outlives_text, std::move(handler));
  }

  template <class Handler>
  static handle make_named(std::string_view kind, Handler&& handler) {
    if constexpr (detail::has_signature<Handler>) {
      detail::check_untyped<Handler>();
      return make<detail::message_of<Handler>>(kind, std::move(handler));
    } else {
      return make<raw_message>(kind, std::move(handler));
    }
  }

  template <class Message, class Handler>
  change put_typed(Handler&& handler, bool replaces) {
    if constexpr (message_kind<Message>) {
      if (schema<Message>.key != key_text_) return {false, false};
      return put(kind_of<Message>, make<Message>(kind_of<Message>, std::move(handler)), replaces);
    } else {
      return put_fallback(fallback<Message>(), make<Message>({}, std::move(handler)), replaces);
    }
  }

  template <class Message>
  static constexpr handle snapshot::*fallback() noexcept {
    constexpr bool unknown = std::is_same_v<Message, unknown_message>;
    static_assert(unknown || std::is_same_v<Message, invalid_message>,
                  "kindwire: a handler's first parameter has no kind: give the type a `static constexpr auto "
                  "schema = kindwire::kind(...)`, or specialise kindwire::schema for it; for a raw_message, "
                  "name the kind");
    return unknown ? &snapshot::unknown : &snapshot::invalid;
  }

  // Null removes.
  change put(std::string_view kind, handle fresh, bool replaces) {
    // These go when nothing is locked: a handler's destructor may call back.
    std::shared_ptr<snapshot const> last;
    auto next = std::make_shared<snapshot>();
    std::lock_guard const changing(change_mutex_);
    last = current();
    next->unknown = last->unknown;
    next->invalid = last->invalid;
    bool was_there = false;
    for (handle const& each : last->entries) {
      bool const same = each->kind == kind;
      was_there |= same;
      if (!same) next->entries.push_back(each);
      if (same && fresh) next->entries.push_back(std::exchange(fresh, nullptr));
    }
    if (was_there && !replaces) return {false, true};
    if (fresh) next->entries.push_back(std::move(fresh));
    for (handle const& each : next->entries) {
      next->names.push_back(each->kind);
      next->by_kind.emplace(each->kind, each.get());
    }
    publish(std::move(next));
    return {true, was_there};
  }

  change put_fallback(handle snapshot::*which, handle fresh, bool replaces) {
    std::shared_ptr<snapshot const> last;
    std::lock_guard const changing(change_mutex_);
    last = current();
    bool const was_there = static_cast<bool>((*last).*which);
    if (was_there && !replaces) return {false, true};
    auto next = std::make_shared<snapshot>(*last);
    (*next).*which = std::move(fresh);
    publish(std::move(next));
    return {true, was_there};
  }

  void publish(std::shared_ptr<snapshot const> next) {
    std::lock_guard const lock(mutex_);
    current_.swap(next);
  }

  std::shared_ptr<snapshot const> current() const {
    std::lock_guard const lock(mutex_);
    return current_;
  }

  // Calls the entry, unless what that returns would look at a text that is gone by then.
  static outcome<Result> decode(entry& by, message_in_hand const& message, bool text_goes,
                                std::remove_reference_t<Arguments>&... arguments) {
    if (!text_goes || !by.outlives_text) return by.decode(message, arguments...);
    message.reader.reject("a text, which the handler's coroutine can view");
    return message.reader.take_error();
  }

  outcome<Result> route(std::shared_ptr<snapshot const> const& now, std::string_view text, bool text_goes,
                        std::remove_reference_t<Arguments>&... arguments) const {
    detail::message_reader reader{text, options_};
    message_in_hand message{reader, text, {}, nullptr, key_};
    if (reader.guess_kind(key_, message.place)) {
      if (auto const found = now->by_kind.find(message.place.kind); found != now->by_kind.end()) {
        outcome<Result> done = decode(*found->second, message, text_goes, arguments...);
        if (done) return done;
      }
    }
    reader.restart();
    if (!reader.find_kind(key_, message.place)) return reader.take_error();
    auto const found = now->by_kind.find(message.place.kind);
    if (found != now->by_kind.end()) return decode(*found->second, message, text_goes, arguments...);
    if (now->unknown) return decode(*now->unknown, message, text_goes, arguments...);
    reader.fail_kind(key_, message.place.kind, now->names);
    json_error failure = reader.take_error();
    failure.known_owner = now;
    return failure;
  }

  json_options options_;
  std::string key_text_;
  detail::kind_key key_;
  std::mutex change_mutex_;
  mutable std::mutex mutex_;
  std::shared_ptr<snapshot const> current_ = std::make_shared<snapshot>();
};

}  // namespace kindwire
