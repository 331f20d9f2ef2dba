// A dispatcher whose kinds are known only at run time: plugins bring them and take them away.
#pragma once

#include <cstddef>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "dispatcher.hpp"
#include "dispatching/erased_handler.hpp"
#include "dispatching/handler.hpp"
#include "dispatching/handler_snapshot.hpp"
#include "dispatching/message_text.hpp"
#include "dispatching/results.hpp"
#include "dispatching/untyped.hpp"
#include "outcome.hpp"
#include "reader.hpp"
#include "reading/message_reader.hpp"
#include "schema.hpp"

namespace kindwire {

template <class Signature>
class dynamic_dispatcher;

/// Handlers that can be added, replaced and removed at any time. All of them return `Result`, and are called
/// with their message and `Arguments`, as these are declared here.
///
///     kw::dynamic_dispatcher<void(session&)> on;
///     on.add([](upload_progress const& progress, session& s) { s.bar(progress.value); });
///     on.add("PLUGIN_DRAW", [](kw::raw_message m, session& s) { s.draw(m.text); });
///     on.add(kw::on_unknown_kind([](kw::raw_message m, session& s) { s.pass_on(m.text); }));
///     if (auto outcome = on(text, s); !outcome) log(outcome.error().message());
///     on.remove("PLUGIN_DRAW");
///
/// Thread safety: every function may be called from any thread at any time, and from inside a handler. A call
/// uses the handlers that were there when it began: one that is replaced or removed meanwhile still runs to
/// its end, and is destroyed after that. Handlers are called from as many threads at once as the dispatcher
/// is.
///
/// A change takes a time that grows with the number of kinds, a call does not.
template <class Result, class... Arguments>
class dynamic_dispatcher<Result(Arguments...)> {
  using entry = detail::erased_handler<Result, Arguments...>;
  using snapshot = detail::handler_snapshot<Result, Arguments...>;
  using handle = typename snapshot::handle;

 public:
  explicit dynamic_dispatcher(json_options options = {}, std::string_view key = "kind")
      : options_(options), key_text_(key), key_(key_text_) {}

  dynamic_dispatcher(dynamic_dispatcher const&) = delete;
  dynamic_dispatcher& operator=(dynamic_dispatcher const&) = delete;

  /// Adds a handler for the kind of its first parameter, or a fallback: for unknown_message, or for
  /// invalid_message. False, with nothing changed, if there is one already, or if that kind stands under a
  /// key other than this dispatcher's.
  template <class Handler>
  bool add(Handler handler) {
    return add<message_of<Handler>>(std::move(handler));
  }
  /// The same for function objects whose first parameter is not known: generic lambdas, overloaded ones.
  template <class Message, class Handler>
  bool add(Handler handler) {
    return put_typed<Message>(std::move(handler), false).put;
  }
  /// Adds a handler of a kind that has no type. Its first parameter is a raw_message, or, with
  /// json/rapidjson.hpp, a `rapidjson::Value const&` or a rapidjson::Document; a raw_message if it is not
  /// known.
  template <class Handler>
  bool add(std::string_view kind, Handler handler) {
    return put(kind, entry::make_untyped(kind, std::move(handler)), false).put;
  }
  /// Adds what on_kind() or on_unknown_kind() returned.
  template <class Handler>
  bool add(detail::named_handler<Handler> handler) {
    return add(handler.kind, std::move(handler.handler));
  }
  template <class Handler>
  bool add(detail::unknown_handler<Handler> handler) {
    return put_fallback(&snapshot::unknown, entry::make_untyped({}, std::move(handler.handler)), false).put;
  }

  /// The same, replacing a handler that is there. True if there was one.
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
    return put(kind, entry::make_untyped(kind, std::move(handler)), true).was_there;
  }
  template <class Handler>
  bool replace(detail::named_handler<Handler> handler) {
    return replace(handler.kind, std::move(handler.handler));
  }
  template <class Handler>
  bool replace(detail::unknown_handler<Handler> handler) {
    return put_fallback(&snapshot::unknown, entry::make_untyped({}, std::move(handler.handler)), true)
        .was_there;
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
    return {now->kinds().begin(), now->kinds().end()};
  }

  /// The name of the member that carries the kind.
  std::string_view key() const noexcept { return key_text_; }

  /// What the dispatcher refuses.
  json_options const& options() const noexcept { return options_; }

  /// The handlers of one moment, as hold() returns them: called like the dispatcher, which must outlive this.
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
      detail::message_in_hand message{reader, text.text(), Text::is_own, of_->key_};
      message.error = &done.error();
      return now_->invalid->decode(message, arguments...);
    }

    dynamic_dispatcher const* of_;
    std::shared_ptr<snapshot const> now_;
  };

  /// The present handlers, kept alive as long as what this returns. A handler that is a coroutine still runs
  /// after the call that made it has returned, so a caller that awaits it calls what is held:
  ///
  ///     auto const now = on.hold();
  ///     if (auto outcome = now(text, s)) co_await *std::move(outcome);
  handlers hold() const { return {*this, current()}; }

  /// Decodes the message and calls its handler, as dispatcher does.
  outcome<Result> operator()(std::string_view text, Arguments... arguments) const {
    return hold()(text, static_cast<Arguments&&>(arguments)...);
  }

  /// The same for a message in another form, as dispatcher does. A coroutine whose message views its text is
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
  change put_typed(Handler&& handler, bool replaces) {
    if constexpr (message_kind<Message>) {
      if (schema<Message>.key != key_text_) return {false, false};
      return put(kind_of<Message>, entry::template make<Message>(kind_of<Message>, std::move(handler)),
                 replaces);
    } else {
      return put_fallback(fallback<Message>(), entry::template make<Message>({}, std::move(handler)),
                          replaces);
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

  // Null removes. What is replaced goes when nothing is locked, here and below: a handler's destructor may
  // call back.
  change put(std::string_view kind, handle fresh, bool replaces) {
    std::shared_ptr<snapshot const> last;
    std::lock_guard const changing(change_mutex_);
    last = current();
    bool const was_there = last->find(kind) != nullptr;
    if (was_there && !replaces) return {false, true};
    publish(last->with(kind, fresh));
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

  outcome<Result> route(std::shared_ptr<snapshot const> const& now, std::string_view text, bool text_goes,
                        std::remove_reference_t<Arguments>&... arguments) const {
    detail::message_reader reader{text, options_};
    detail::message_in_hand message{reader, text, text_goes, key_};
    if (reader.guess_kind(key_, message.place)) {
      if (entry* const found = now->find(message.place.kind)) {
        outcome<Result> done = found->decode(message, arguments...);
        if (done) return done;
      }
    }
    reader.restart();
    if (!reader.find_kind(key_, message.place)) return reader.take_error();
    if (entry* const found = now->find(message.place.kind)) return found->decode(message, arguments...);
    if (now->unknown) return now->unknown->decode(message, arguments...);
    reader.fail_kind(key_, message.place.kind, now->kinds());
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
