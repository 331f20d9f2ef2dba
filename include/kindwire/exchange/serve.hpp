// The loop of a connection whose messages are told apart by kind: receives, dispatches, answers, and handles
// bad messages.
//
//     kw::dispatcher on{
//         [](upload_start const& start, session& s) { s.begin(start); },
//         [](get_user const& asked, session& s) -> user { return s.find(asked.name); },  // an answer
//         [](get_report asked, session& s) -> asio::awaitable<report> { co_return co_await s.make(asked); },
//     };
//     asio::awaitable<void> upload(kw::net::websocket& ws) {
//       session s;
//       co_await kw::serve(ws, on, {.on_bad_message = kw::on_bad_message::close_policy_violation}, s);
//     }
#pragma once

#include "../net/requirements.hpp"

#include <asio/awaitable.hpp>
#include <cstddef>
#include <exception>
#include <new>
#include <stdexcept>
#include <string>
#include <string_view>
#include <system_error>
#include <type_traits>
#include <utility>
#include <variant>

#include "../error.hpp"
#include "../json/correlated.hpp"
#include "../json/description/types.hpp"
#include "../json/done_message.hpp"
#include "../json/error.hpp"
#include "../json/error_message.hpp"
#include "../json/kind/head.hpp"
#include "../json/schema.hpp"
#include "../json/text/printable.hpp"
#include "../message/close.hpp"
#include "../message/message.hpp"
#include "../message/utf8.hpp"

namespace kindwire {

/// What a connection does with a message that no handler was called for: its text is not a valid message, its
/// kind is unknown, or it is BINARY.
enum class on_bad_message {
  ignore,                  ///< nothing
  answer,                  ///< sends an error_message, with the id of the message if it has one
  close_invalid_payload,   ///< closes with 1007
  close_policy_violation,  ///< closes with 1008
};

/// The options of serve(). Nothing in it owns anything: g++ 12 miscompiles owning aggregates inside a
/// co_await expression.
struct serve_options {
  /// An answer tells the peer's author what is wrong. An ERROR is never answered, so that two ends at odds do
  /// not go on for ever. The close policies close with 1003 for a BINARY message.
  kindwire::on_bad_message on_bad_message = kindwire::on_bad_message::answer;
  /// The member that carries the id of a question, a number or a string, which the answer repeats. If there
  /// are several, the dispatcher's json_options::duplicates decides which counts. A kind with a field of this
  /// name has no other id: in a question, the answer repeats that field; in an answer, it is sent as the
  /// handler set it. Empty: answers have no id.
  ///
  /// A dispatcher that refuses unknown fields refuses it, unless its json_options::id_name is the same.
  std::string_view id_name = "id";
  /// Called for each bad message, for a log, before anything is done about it.
  void (*on_error)(json_error const& error) = nullptr;
  /// Whether a message with an id whose handler, or its coroutine, returns nothing is answered with a
  /// done_message once that has ended.
  bool acknowledge = false;
};

namespace detail {

inline std::string about_kind(std::string_view kind) {
  std::string text = "handler of ";
  append_quoted(text, kind);
  return text;
}

}  // namespace detail

/// Thrown by a handler that refuses a valid message: the peer gets the error_message, with the id of its
/// question, and the connection goes on.
class message_refused : public std::runtime_error {
 public:
  explicit message_refused(std::string code, std::string message = {})
      : std::runtime_error(message.empty() ? code : message),
        answer_{std::move(code), {}, std::move(message)} {}

  error_message const& answer() const noexcept { return answer_; }

 private:
  error_message answer_;
};

/// What a handler of serve() threw, or why its answer could not be sent, with the kind of the message. The
/// exception itself is nested: std::rethrow_if_nested(failure) throws it. Nothing that the peer sent can
/// forge a log line in what().
class handler_failed : public std::runtime_error, public std::nested_exception {
 public:
  handler_failed(std::string_view kind, std::string_view what)
      : std::runtime_error(detail::about_kind(kind) + ": " + std::string{what}), kind_(kind) {}

  std::string const& kind() const noexcept { return kind_; }

 private:
  std::string kind_;
};

/// The same of a std::system_error, such as that of a connection that broke: it has its code.
class handler_error : public std::system_error, public std::nested_exception {
 public:
  handler_error(std::string_view kind, std::system_error const& error)
      : std::system_error(error.code(), detail::about_kind(kind)), kind_(kind) {}

  std::string const& kind() const noexcept { return kind_; }

 private:
  std::string kind_;
};

namespace detail {

template <class T>
inline constexpr bool is_awaitable = false;
template <class T, class Executor>
inline constexpr bool is_awaitable<asio::awaitable<T, Executor>> = true;

// The message being answered, kept since a handler may receive more before it answers.
struct served_message {
  std::string kind{};  // empty without one
  std::string id{};    // as written in JSON
  bool is_binary = false;
  bool is_error = false;

  void look_at(message_head const& head, message const& msg) {
    kind.assign(head.kind());
    id.assign(head.id());
    is_binary = msg.is_binary();
    // An ERROR of another kindwire whose kinds are under another key than ours has no kind here.
    is_error = head.kind() == kind_of<error_message> ||
               (head.kind().empty() && !is_binary && first_member_is(msg.text(), kind_of<error_message>));
  }
};

// The answer to one message, or the reaction to a bad one, sent and awaited.
template <class Connection>
class aftermath {
 public:
  aftermath(Connection& connection, serve_options const& options, std::string_view key,
            served_message const& of)
      : connection_(connection), options_(options), key_(key), of_(of) {}

  // What handlers return. Nothing returned: nothing to wait for, as a rule.
  asio::awaitable<void> operator()() const {
    if (!options_.acknowledge || of_.id.empty()) return {};
    return answer(done_message{}, key_);
  }

  template <class Result>
  asio::awaitable<void> operator()(Result result) const {
    if constexpr (is_awaitable<Result>) {
      return finish(*this, std::move(result));
    } else if constexpr (is_variant<Result>) {
      return std::visit([this](auto const& kind) { return this->answer(kind); }, result);
    } else {
      static_assert(message_kind<Result> || answers_untyped<Result>,
                    "kindwire: a served handler returns nothing, a message with a kind, a std::variant of "
                    "such, or an asio::awaitable of one of these; with json/rapidjson.hpp, a "
                    "rapidjson::Document is a message, too");
      return answer(result);
    }
  }

  // Encoded by the call.
  template <class Message>
  asio::awaitable<void> answer(Message const& value, std::string_view key = {}) const {
    std::string_view const id = detail::has_member(value, options_.id_name) ? std::string_view{} : of_.id;
    if constexpr (answers_untyped<Message>) key = key_;
    return sent(connection_.send(correlated<Message>{value, options_.id_name, id, key}));
  }

  // Texts may come from anywhere: one that is not UTF-8 is left out, as the rest is better than nothing.
  asio::awaitable<void> refuse(error_message why) const {
    for (std::string* const each : {&why.code, &why.path, &why.message}) {
      if (!is_utf8(*each)) each->clear();
    }
    return answer(why, key_);
  }

  // True if the connection was closed for it.
  asio::awaitable<bool> react(json_error error) const {
    if (options_.on_error != nullptr) options_.on_error(error);
    switch (options_.on_bad_message) {
      case on_bad_message::ignore: co_return false;
      case on_bad_message::answer:
        if (!of_.is_error) co_await refuse(to_message(error));
        co_return false;
      case on_bad_message::close_invalid_payload:
        co_await close(of_.is_binary ? close_code::unsupported_data : close_code::invalid_payload, error);
        co_return true;
      case on_bad_message::close_policy_violation:
        co_await close(of_.is_binary ? close_code::unsupported_data : close_code::policy_violation, error);
        co_return true;
    }
    co_return false;
  }

 private:
  template <class Result>
  static asio::awaitable<void> finish(aftermath self, asio::awaitable<Result> work) {
    if constexpr (std::is_void_v<Result>) {
      co_await std::move(work);
      if (auto rest = self(); rest.valid()) co_await std::move(rest);
    } else {
      Result result = co_await std::move(work);
      auto rest = self(std::move(result));
      if (rest.valid()) co_await std::move(rest);
    }
  }

  // A closed peer needs no answer: the next receive reports how the connection ended.
  static asio::awaitable<void> sent(asio::awaitable<void> sending) {
    try {
      co_await std::move(sending);
    } catch (std::system_error const& failure) {
      if (failure.code() != error::closed) throw;
    }
  }

  asio::awaitable<void> close(close_code code, json_error const& error) const {
    // A reason has at most 123 bytes, of UTF-8 (RFC 6455 §5.5, §5.5.1).
    std::string const why = error.message();
    std::string_view reason = cut_text(why, max_close_reason_size);
    auto closing = connection_.close(code, reason);
    try {
      co_await std::move(closing);
    } catch (std::system_error const&) {
      // However it ended, it has.
    }
  }

  Connection& connection_;
  serve_options const& options_;
  std::string_view key_;
  served_message const& of_;
};

// The handlers for one message: those of a dynamic_dispatcher may be replaced while one of them runs.
template <class Dispatcher>
decltype(auto) handlers_of(Dispatcher& on) {
  if constexpr (requires { on.hold(); }) {
    return on.hold();
  } else {
    return (on);
  }
}

template <class... Arguments>
inline constexpr bool begins_with_options = false;
template <class First, class... Rest>
inline constexpr bool begins_with_options<First, Rest...> =
    std::is_same_v<std::remove_cv_t<First>, serve_options>;

inline json_error binary_message_error() {
  json_error error;
  error.code = json_errc::wrong_type;
  error.expected = "a TEXT message";
  error.found = "a BINARY message";
  return error;
}

}  // namespace detail

#if defined(__GNUC__) && !defined(__clang__)
// When g++ 12 inlines a coroutine's operator new but not its operator delete, it takes them for a mismatch.
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wmismatched-new-delete"
#endif

/// Receives until the connection ends, and hands each TEXT message to `on`, a dispatcher or
/// dynamic_dispatcher, together with `arguments`. Returns when the peer has closed, or we have because of a
/// bad message. Throws if the connection broke, like receive(). What a handler throws, except
/// message_refused, and the errors of sending its answer (of encoding_category() if it cannot be encoded,
/// error::send_queue_full) come inside of a handler_error or handler_failed, which name the kind; only
/// std::bad_alloc and what is not a std::exception come as they are.
///
/// A handler that is a coroutine is awaited before the next message is received, so that messages are handled
/// in order; it may itself receive what arrives in between. What a handler or its coroutine returns is sent
/// as the answer, with the id of the message. Awaiting these sends is the backpressure.
///
/// `ws` is a net::websocket or a correspondent. Everything passed by reference must live until this ends.
/// `asio::co_spawn(executor, kw::serve(…), token)` runs it concurrently.
template <class Connection, class Dispatcher, class... Arguments>
asio::awaitable<void> serve(Connection& ws, Dispatcher& on, serve_options options, Arguments&... arguments) {
  detail::served_message current;
  detail::aftermath<Connection> const after{ws, options, on.key(), current};
  while (message const msg = co_await ws.receive()) {
    if (is_control(msg.type())) continue;
    message_head head;
    if (msg.is_text()) head = read_head(msg.text(), on.key(), options.id_name, on.options().duplicates);
    current.look_at(head, msg);
    if (msg.is_binary()) {
      if (co_await after.react(detail::binary_message_error())) co_return;
      continue;
    }
    error_message refused;
    bool is_refused = false;
    auto&& handlers = detail::handlers_of(on);
    try {
      auto outcome = handlers.apply(after, msg.text(), arguments...);
      if (!outcome) {
        if (co_await after.react(outcome.error())) co_return;
      } else if (outcome->valid()) {
        co_await std::move(*outcome);
      }
    } catch (message_refused const& thrown) {
      refused = thrown.answer();
      is_refused = true;
    } catch (std::bad_alloc const&) {
      throw;
    } catch (std::system_error const& thrown) {
      throw handler_error(current.kind, thrown);
    } catch (std::exception const& thrown) {
      throw handler_failed(current.kind, thrown.what());
    }
    if (is_refused) co_await after.refuse(refused);
  }
}

#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic pop
#endif

/// The same with the defaults.
template <class Connection, class Dispatcher, class... Arguments>
requires(!detail::begins_with_options<Arguments...>) asio::awaitable<void> serve(Connection& ws,
                                                                                 Dispatcher& on,
                                                                                 Arguments&... arguments) {
  return serve(ws, on, serve_options{}, arguments...);
}

}  // namespace kindwire
