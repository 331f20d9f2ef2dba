// Questions and answers over one connection, many at once, alongside all other messages.
//
//     kw::correspondent ws{co_await kw::net::connect(executor, "ws://127.0.0.1:8080/users")};
//     get_user const asked{"ann"};
//     user const ann = co_await ws.request<user>(asked, 5s);
//     while (kw::message msg = co_await ws.receive()) …  // messages that are not answers
#pragma once

#include "../net/requirements.hpp"

#include <asio/any_io_executor.hpp>
#include <asio/associated_cancellation_slot.hpp>
#include <asio/async_result.hpp>
#include <asio/awaitable.hpp>
#include <asio/cancellation_type.hpp>
#include <asio/use_awaitable.hpp>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>
#include <system_error>
#include <utility>

#include "../json/reader.hpp"
#include "../json/schema.hpp"
#include "../json/writer.hpp"
#include "../message/close.hpp"
#include "../message/message.hpp"
#include "../net/websocket.hpp"
#include "../session/deadline.hpp"
#include "correspondence.hpp"
#include "errors.hpp"
#include "reply.hpp"

namespace kindwire {

/// A websocket that asks: each question carries an id beside its fields, `{"kind":"GET_USER","id":7,…}`, and
/// the message with the same id is its answer, in whatever order. Neither type has a field for the id.
/// serve() answers like that; an error_message with the id refuses.
///
/// Ids are numbers, odd from a client and even from a server. A message is an answer if its kind is one for a
/// question that was asked, or ERROR, and its id is written as it was sent: 7, not 7.0 or "7". A message with
/// two ids is not an answer.
///
/// It reads the websocket all the time, so nothing else may receive from it. Messages that are not answers
/// wait for receive(), in order, bounded by correspondent_options::read_ahead. Either end of a connection may
/// ask, and both at once.
///
/// Thread safety: like a websocket, from its executor only. Moving is cheap; a moved-from object can be
/// destroyed or assigned to. Destroying it ends outstanding requests with asio::error::operation_aborted, and
/// the websocket if it owns that.
class correspondent {
 public:
  using executor_type = asio::any_io_executor;

  /// Takes the websocket.
  explicit correspondent(net::websocket&& ws, correspondent_options const& options = {})
      : state_(std::make_shared<detail::correspondence>(std::move(ws), options)) {
    state_->read();
  }

  /// Uses a websocket that outlives it, such as that of a server's handler, and leaves it open. Messages that
  /// wait for receive() are lost when this is destroyed.
  explicit correspondent(net::websocket& ws, correspondent_options const& options = {})
      : state_(std::make_shared<detail::correspondence>(&ws, options)) {
    state_->read();
  }

  correspondent(correspondent&&) noexcept = default;
  correspondent& operator=(correspondent&& other) {
    if (this != &other) {
      abandon();
      state_ = std::move(other.state_);
    }
    return *this;
  }
  ~correspondent() { abandon(); }

  executor_type get_executor() const noexcept { return websocket().get_executor(); }

  /// The underlying websocket: for its close code, its request, ping(). Receiving from it breaks the
  /// correspondent.
  net::websocket& websocket() const noexcept { return state_->websocket(); }

  // Asking.

  /// Sends the question, and returns the answer. The call itself queues: `question` need not outlive it. A
  /// timeout that is not above zero expires at once; one of more than a century never does.
  ///
  /// Throws request_error with
  ///
  /// - exchange_errc::timed_out: a late answer is dropped, see late_answers(). request_error::why() tells
  ///   whether a message of another kind had the question's id, or nothing more was read because read_ahead
  ///   was reached;
  /// - exchange_errc::refused: the other side sent an error_message, see request_error::why();
  /// - exchange_errc::invalid_answer: see request_error::why(). An answer to another question with this one's
  ///   id is among them;
  /// - exchange_errc::unknown_id: see on_unknown_id;
  /// - error::closed: the connection ended first; or what broke it, as receive() reports it;
  /// - asio::error::operation_aborted: cancelled, or the correspondent was destroyed;
  /// - errors of sending: error::send_queue_full; error::invalid_argument if the question cannot be encoded,
  ///   or if it or the answer has a field with the id's name or has its kind under another key:
  ///   request_error::why() says which.
  ///
  /// `Answer` is a kind, or a std::variant of possible kinds. It owns its strings: one with a
  /// std::string_view in it does not compile.
  template <answerable Answer, message_kind Question, class Rep, class Period>
  asio::awaitable<Answer> request(Question const& question, std::chrono::duration<Rep, Period> timeout) {
    return awaited(asked<Answer>(question, timeout));
  }

  /// The same with a token for `void(std::error_code, kindwire::reply<Answer>)`.
  template <answerable Answer, message_kind Question, class Rep, class Period,
            asio::completion_token_for<void(std::error_code, reply<Answer>)> Token>
  auto request(Question const& question, std::chrono::duration<Rep, Period> timeout, Token&& token) {
    return asio::async_initiate<Token, void(std::error_code, reply<Answer>)>(
        [held = asked<Answer>(question, timeout)](auto handler) mutable {
          using operation = typename detail::pending_request_for<Answer>::with_token;
          wait<operation>(std::move(held), std::move(handler));
        },
        token);
  }

  /// Nothing else can be asked.
  template <class Answer, class Question, class... Rest>
  requires(!message_kind<Question>) KINDWIRE_REFUSED(
      "kindwire: a question is a struct with a kind: give the type a `static constexpr auto schema = "
      "kindwire::kind(...)`, or specialise kindwire::schema for it")
  asio::awaitable<Answer> request(Question const&, Rest&&...);
  template <class Answer, message_kind Question, class... Rest>
  requires(!answerable<Answer>) KINDWIRE_REFUSED(
      "kindwire: an answer is a struct with a kind, or a std::variant of such: give the type a `static "
      "constexpr "
      "auto schema = kindwire::kind(...)`, or specialise kindwire::schema for it")
  asio::awaitable<Answer> request(Question const&, Rest&&...);

  /// Questions without an answer yet.
  std::size_t outstanding() const noexcept { return state_->outstanding(); }
  /// Answers that arrived after their request had timed out or was cancelled, or repeated one.
  std::uint64_t late_answers() const noexcept { return state_->late_answers(); }

  // Receiving messages that are not answers, with the errors and the end of net::websocket::receive().

  template <asio::completion_token_for<void(std::error_code, message)> Token>
  auto receive(Token&& token) {
    return receive_from(state_, std::forward<Token>(token));
  }
  asio::awaitable<message> receive() { return receive_from(state_); }
  message try_receive() { return state_->try_receive(); }

  // Sending and closing, as in net::websocket. Answers before the peer's Close still arrive.

  template <class... Arguments>
  auto send(Arguments&&... arguments) {
    return websocket().send(std::forward<Arguments>(arguments)...);
  }
  template <class... Arguments>
  std::error_code try_send(Arguments&&... arguments) {
    return websocket().try_send(std::forward<Arguments>(arguments)...);
  }
  asio::awaitable<void> close(close_code code = close_code::normal, std::string_view reason = {}) {
    auto closed = websocket().close(code, reason);
    state_->note_close();
    return closed;
  }
  template <asio::completion_token_for<void(std::error_code)> Token>
  auto close(close_code code, std::string_view reason, Token&& token) {
    static_cast<void>(try_close(code, reason));  // the close() below reports the same
    return websocket().close(code, reason, std::forward<Token>(token));
  }
  template <asio::completion_token_for<void(std::error_code)> Token>
  auto close(close_code code, Token&& token) {
    return close(code, {}, std::forward<Token>(token));
  }
  template <asio::completion_token_for<void(std::error_code)> Token>
  auto close(Token&& token) {
    return close(close_code::normal, {}, std::forward<Token>(token));
  }
  std::error_code try_close(close_code code = close_code::normal, std::string_view reason = {}) {
    auto const outcome = websocket().try_close(code, reason);
    state_->note_close();
    return outcome;
  }

 private:
  using shared_state = std::shared_ptr<detail::correspondence>;

  // A question that was asked; cancelled if nobody waits for its answer any more.
  template <class Answer>
  struct ticket {
    shared_state state;
    std::shared_ptr<detail::pending_request_for<Answer>> one;

    ticket(shared_state of, std::shared_ptr<detail::pending_request_for<Answer>> asked) noexcept
        : state(std::move(of)), one(std::move(asked)) {}
    ticket(ticket&&) noexcept = default;
    ~ticket() {
      if (state && one) state->cancel(one->id());
    }
  };

  template <class Answer, class Question, class Timeout>
  ticket<Answer> asked(Question const& question, Timeout timeout) {
    static_assert(detail::owns_its_text<Answer>(),
                  "kindwire: an answer outlives its message: a std::string_view or raw_json_view in it would "
                  "dangle; take a std::string or raw_json");
    auto const deadline = detail::time_after(detail::pending_request::clock::now(), timeout);
    return {state_, state_->template ask<Answer>(question, deadline)};
  }

  void abandon() {
    if (auto const state = std::exchange(state_, nullptr)) state->abandon();
  }

  template <class Operation, class Answer, class Handler>
  static void wait(ticket<Answer> held, Handler handler) {
    shared_state const state = std::move(held.state);
    auto const one = std::move(held.one);
    auto slot = asio::get_associated_cancellation_slot(handler);
    Operation waiting(std::move(handler), state->executor());
    net::detail::on_cancellation(slot, state, [id = one->id()](auto& of) { of.cancel(id); });
    one->wait(std::move(waiting));
  }

  template <class Answer>
  static asio::awaitable<Answer> awaited(ticket<Answer> held) {
    using one = detail::pending_request_for<Answer>;
    auto result = co_await asio::async_initiate<asio::use_awaitable_t<> const, void(typename one::result)>(
        [&held](auto handler) { wait<typename one::with_result>(std::move(held), std::move(handler)); },
        asio::use_awaitable);
    if (result.error) throw request_error(result.error, result.what.why());
    co_return *std::move(result.what);
  }

  template <class Token>
  static auto receive_from(shared_state from, Token&& token) {
    return asio::async_initiate<Token, void(std::error_code, message)>(
        [state = std::move(from)](auto handler) {
          auto slot = asio::get_associated_cancellation_slot(handler);
          detail::correspondence::receiving waiting(std::move(handler), state->executor());
          if (!state->is_receiving()) {
            net::detail::on_cancellation(slot, state, [](auto& of) { of.cancel_receive(); });
          }
          state->start_receive(std::move(waiting));
        },
        token);
  }

  static asio::awaitable<message> receive_from(shared_state from) {
    if (message const there = from->try_receive()) co_return there;
    co_return co_await receive_from(std::move(from), asio::use_awaitable);
  }

  shared_state state_;
};

}  // namespace kindwire
