// One WebSocket connection over an Asio stream: receive, send and close, with any completion token.
//
//     asio::awaitable<void> echo(kw::net::websocket& ws) {
//       while (kw::message msg = co_await ws.receive()) co_await ws.send(msg);
//     }
#pragma once

#include "requirements.hpp"

#include <asio/any_io_executor.hpp>
#include <asio/async_result.hpp>
#include <asio/awaitable.hpp>
#include <asio/use_awaitable.hpp>
#include <concepts>
#include <cstddef>
#include <memory>
#include <span>
#include <string_view>
#include <system_error>
#include <utility>

#include "../frame/role.hpp"
#include "../message/buffer.hpp"
#include "../message/chunk.hpp"
#include "../message/close.hpp"
#include "../message/extension.hpp"
#include "../message/message.hpp"
#include "../message/prepared_message.hpp"
#include "../session.hpp"
#include "../session/prepared_message.hpp"
#include "awaitable.hpp"
#include "connection/awaiting.hpp"
#include "connection/connection.hpp"
#include "connection/stream_transport.hpp"
#include "connection_state.hpp"
#include "observer.hpp"
#include "options.hpp"
#include "remote.hpp"
#include "sendable.hpp"
#include "text_encodable.hpp"

namespace kindwire::net {

namespace detail {
struct websocket_access;
}

/// One WebSocket connection over any stream. A server's handlers receive one; connect() and basic_websocket
/// create one.
///
/// Any operation may be started at any time: several sends at once, a send while a close is under way, all of
/// them from inside a handler. Only one receive may wait at a time. Each asynchronous operation takes a
/// completion token last, or returns an awaitable without one; all support cancellation, which loses no byte
/// and no message.
///
/// send() and close() queue at the call itself; awaiting them tells when the queue has room again, or the
/// connection has ended. try_send() and try_close() never wait.
///
/// Thread safety: like a socket, one websocket is used from its executor only; remote() gives a handle for
/// other threads. Moving is cheap and leaves pending operations in place. Destroying it ends the connection
/// at once, without waiting for the peer: await close() first for a clean end. If both Closes were already
/// exchanged, or the connection has failed, the end that closes the stream first still keeps it open until
/// the peer has read everything, for close_timeout at most.
class websocket : public connection_state {
 public:
  using executor_type = asio::any_io_executor;

  /// No connection: every operation but close() ends with error::closed, on the handler's own executor
  /// (without one, Asio's system executor).
  websocket() noexcept = default;
  websocket(websocket&&) noexcept = default;
  websocket& operator=(websocket&& other) {
    if (this != &other) {
      abandon();
      connection_ = std::move(other.connection_);
    }
    return *this;
  }
  ~websocket() { abandon(); }

  executor_type get_executor() const noexcept {
    return connection_ ? connection_->executor() : executor_type{};
  }

  // Receiving.

  /// Waits for the next complete TEXT or BINARY message (with autoping off, PING and PONG as well).
  ///
  /// Completes with a message that is false once the peer has closed: see close_code() and close_reason().
  /// What arrived before the end is delivered first, however the connection ended. A peer whose stream ends
  /// without a Close may still take what we send, until connection_lost is reported or close_timeout after
  /// the last receive. Errors: the rule that the peer broke, connection_lost, a timeout, those of the stream;
  /// operation_in_progress while another receive waits; message_in_progress between the chunks that
  /// receive_some() gives. The view is valid until the next receive, and no longer than the websocket. The
  /// token's signature is `void(std::error_code, kindwire::message)`.
  template <asio::completion_token_for<void(std::error_code, message)> Token>
  auto receive(Token&& token) {
    return detail::await_message(connection_, std::forward<Token>(token));
  }
  /// The same as an awaitable, which does not suspend if a message is already there.
  asio::awaitable<message> receive() {
    return connection_ ? asio::awaitable<message>(connection_)
                       : detail::await_message(connection_, asio::use_awaitable);
  }

  /// A message that has already arrived, or false. Never waits. The view is valid until the next receive.
  message try_receive() { return connection_ ? connection_->try_receive() : message{}; }

  /// Waits for the next chunk of a message, for messages that are larger than memory: completes with what has
  /// arrived of it, as soon as that is not nothing. What is not taken is not read, so that the peer waits.
  ///
  /// The whole message may be connection_options::max_streamed_size bytes long. Text is checked as it comes:
  /// at the first byte that no UTF-8 could hold there the connection fails with 1007; a chunk may begin and
  /// end in the midst of a code point. A compressed message comes inflated, by 64 KiB or a little more at a
  /// time. A whole message that is there already is one chunk, the first and the last.
  ///
  /// Ends, errors and cancellation as for receive(), and the view is valid as long; a cancelled one loses
  /// nothing, and the next continues. A false chunk in the midst of a message says that the peer closed
  /// there, and that the rest will not come. From a message's first chunk to its last receive() fails with
  /// message_in_progress and try_receive() gives nothing: neither takes anything away. Between messages
  /// either may be used. The token's signature is `void(std::error_code, kindwire::message_chunk)`.
  template <asio::completion_token_for<void(std::error_code, message_chunk)> Token>
  auto receive_some(Token&& token) {
    return detail::await_chunk(connection_, std::forward<Token>(token));
  }
  /// The same as an awaitable, which does not wait if a chunk is already there.
  asio::awaitable<message_chunk> receive_some() { return detail::await_chunk(connection_); }

  /// A chunk that has already arrived, or false. Never waits. The view is valid until the next receive.
  message_chunk try_receive_some() {
    return connection_ ? message_chunk{connection_->try_receive_some()} : message_chunk{};
  }

  // Sending. Each form queues at the call, and takes a token for `void(std::error_code)` or returns an
  // awaitable. It completes when the queue is at most send_queue_soft bytes long: at once, as a rule. Errors:
  // closed; send_queue_full at send_queue_hard; invalid_argument; fragment_in_progress; or why the stream
  // cannot be written. What is sent need not outlive the call.
  //
  // `how`, before the token, says whether the message may be compressed, if that was agreed on: see
  // connection_options::compression. Of a fragmented message, that of the first fragment counts.

  /// A TEXT message; `text` is UTF-8.
  asio::awaitable<sent> send(std::string_view text, compress how = compress::yes) {
    return detail::await_drained(connection_, try_send(text, how));
  }

  /// A BINARY message.
  asio::awaitable<sent> send(std::span<std::byte const> bytes, compress how = compress::yes) {
    return detail::await_drained(connection_, try_send(bytes, how));
  }

  /// The same for bytes in any container: a std::vector<std::uint8_t>, a std::array<char, 4>, …
  template <binary_sendable T>
  asio::awaitable<sent> send(T const& bytes, compress how = compress::yes) {
    return detail::await_drained(connection_, try_send(bytes, how));
  }

  /// A message as it was received: text as text, binary as binary.
  asio::awaitable<sent> send(message const& whole, compress how = compress::yes) {
    return detail::await_drained(connection_, try_send(whole, how));
  }

  /// A message that goes to other connections as well: see prepared_message.
  template <std::same_as<prepared_message> T>
  asio::awaitable<sent> send(T const& whole, compress how = compress::yes) {
    return detail::await_drained(connection_, try_send(whole, how));
  }

  /// A message of any type; PING and PONG have at most 125 bytes, CLOSE is close() without waiting.
  asio::awaitable<sent> send(message_type type, std::span<std::byte const> bytes,
                             compress how = compress::yes) {
    return detail::await_drained(connection_, try_send(type, bytes, how));
  }
  template <asio::completion_token_for<void(std::error_code)> Token>
  auto send(message_type type, std::span<std::byte const> bytes, Token&& token) {
    return detail::await_drained(connection_, try_send(type, bytes), std::forward<Token>(token));
  }

  template <binary_sendable T>
  asio::awaitable<sent> send(message_type type, T const& bytes, compress how = compress::yes) {
    return send(type, detail::binary_payload(bytes), how);
  }
  template <binary_sendable T, asio::completion_token_for<void(std::error_code)> Token>
  auto send(message_type type, T const& bytes, Token&& token) {
    return send(type, detail::binary_payload(bytes), std::forward<Token>(token));
  }

  /// A value as a TEXT message, written straight into the outbound frame. Include a json/ header for it. A
  /// value that cannot be encoded is an error of encoding_category(), and nothing is sent.
  template <text_encodable T>
  asio::awaitable<sent> send(T const& value, compress how = compress::yes) {
    return detail::await_drained(connection_, try_send(value, how));
  }

  /// Any of these with a token, and with a choice before it.
  template <class T, asio::completion_token_for<void(std::error_code)> Token>
  auto send(T const& what, Token&& token) {
    return detail::await_drained(connection_, try_send(what), std::forward<Token>(token));
  }
  template <class T, asio::completion_token_for<void(std::error_code)> Token>
  auto send(T const& what, compress how, Token&& token) {
    return detail::await_drained(connection_, try_send(what, how), std::forward<Token>(token));
  }
  template <asio::completion_token_for<void(std::error_code)> Token>
  auto send(message_type type, std::span<std::byte const> bytes, compress how, Token&& token) {
    return detail::await_drained(connection_, try_send(type, bytes, how), std::forward<Token>(token));
  }

  /// Nothing else can be sent.
  template <detail::unsendable T, class... Token>
  KINDWIRE_UNSENDABLE asio::awaitable<sent> send(T const&, Token&&...);

  /// One fragment: TEXT or BINARY begins a message, CONTINUATION continues it, `fin` ends it (RFC 6455 §5.4).
  /// For messages that are larger than memory: awaiting each bounds the queue to send_queue_soft bytes and
  /// one fragment. See send_from() in net/send_from.hpp.
  ///
  /// Only control frames may come in between. Until the last fragment is queued, other messages of this
  /// websocket fail with fragment_in_progress; those of remotes and hubs wait, and leave after it in their
  /// order. Other errors: no_fragment_to_continue. send_queue_full stops only the first fragment: what was
  /// sent of a message would pass for the whole.
  asio::awaitable<sent> send_fragment(message_type type, std::span<std::byte const> bytes, bool fin,
                                      compress how = compress::yes) {
    return detail::await_drained(connection_, try_send_fragment(type, bytes, fin, how));
  }
  template <asio::completion_token_for<void(std::error_code)> Token>
  auto send_fragment(message_type type, std::span<std::byte const> bytes, bool fin, Token&& token) {
    return send_fragment(type, bytes, fin, compress::yes, std::forward<Token>(token));
  }
  template <asio::completion_token_for<void(std::error_code)> Token>
  auto send_fragment(message_type type, std::span<std::byte const> bytes, bool fin, compress how,
                     Token&& token) {
    return detail::await_drained(connection_, try_send_fragment(type, bytes, fin, how),
                                 std::forward<Token>(token));
  }

  /// A PING (RFC 6455 §5.5.2). The connection sends its own: see connection_options::ping_interval.
  asio::awaitable<sent> ping(std::string_view payload = {}) {
    return send(message_type::ping, kindwire::detail::as_bytes(payload));
  }
  template <asio::completion_token_for<void(std::error_code)> Token>
  auto ping(std::string_view payload, Token&& token) {
    return send(message_type::ping, kindwire::detail::as_bytes(payload), std::forward<Token>(token));
  }
  template <asio::completion_token_for<void(std::error_code)> Token>
  auto ping(Token&& token) {
    return ping(std::string_view{}, std::forward<Token>(token));
  }

  /// The same without waiting: queues, or returns why not.
  std::error_code try_send(std::string_view text, compress how = compress::yes) {
    return queue(true, [&](session& protocol) { return protocol.send(text, how); });
  }
  std::error_code try_send(std::span<std::byte const> bytes, compress how = compress::yes) {
    return try_send(message_type::binary, bytes, how);
  }
  template <binary_sendable T>
  std::error_code try_send(T const& bytes, compress how = compress::yes) {
    return try_send(detail::binary_payload(bytes), how);
  }
  std::error_code try_send(message const& whole, compress how = compress::yes) {
    return try_send(whole.type(), whole.bytes(), how);
  }
  template <std::same_as<prepared_message> T>
  std::error_code try_send(T const& whole, compress how = compress::yes) {
    if (!connection_) return kindwire::error::closed;
    std::error_code const outcome = connection_->send(whole, how);
    if (!outcome) connection_->count_sent();
    return outcome;
  }
  std::error_code try_send(message_type type, std::span<std::byte const> bytes,
                           compress how = compress::yes) {
    return try_send_fragment(type, bytes, true, how);
  }
  template <binary_sendable T>
  std::error_code try_send(message_type type, T const& bytes, compress how = compress::yes) {
    return try_send(type, detail::binary_payload(bytes), how);
  }
  template <detail::unsendable T>
  KINDWIRE_UNSENDABLE std::error_code try_send(T const&, compress = compress::yes);
  std::error_code try_send_fragment(message_type type, std::span<std::byte const> bytes, bool fin,
                                    compress how = compress::yes) {
    bool const ends_message = fin && !is_control(type);
    return queue(ends_message, [&](session& protocol) { return protocol.send(type, bytes, fin, how); });
  }
  template <text_encodable T>
  std::error_code try_send(T const& value, compress how = compress::yes) {
    std::error_code unfit;
    auto const encode = [&](buffer& sink) {
      unfit = detail::encode_value(sink, value);
      return !unfit;
    };
    auto const outcome =
        queue(true, [&](session& protocol) { return protocol.send_with(message_type::text, encode, how); });
    return unfit ? unfit : outcome;
  }

  /// Bytes queued that the stream has not taken yet.
  std::size_t queued() const noexcept { return connection_ ? connection_->queued() : 0; }

  // Closing.

  /// Sends a Close after everything sent before, and completes once the connection has ended: when the peer
  /// has answered, or close_timeout after it last took some of the queued output. What the peer sends before
  /// its own Close can be received meanwhile and afterwards; but if read_ahead bytes of it are unread and no
  /// Close is among them, all of it is dropped.
  ///
  /// `reason` is UTF-8 of at most 123 bytes. Errors: invalid_argument, with nothing sent; close_timeout;
  /// connection_lost; the rule that the peer broke. No error if the connection has already ended.
  asio::awaitable<void> close(kindwire::close_code code = kindwire::close_code::normal,
                              std::string_view reason = {}) {
    return detail::await_closed(connection_, try_close(code, reason));
  }
  template <asio::completion_token_for<void(std::error_code)> Token>
  auto close(kindwire::close_code code, std::string_view reason, Token&& token) {
    return detail::await_closed(connection_, try_close(code, reason), std::forward<Token>(token));
  }
  template <asio::completion_token_for<void(std::error_code)> Token>
  auto close(kindwire::close_code code, Token&& token) {
    return close(code, {}, std::forward<Token>(token));
  }
  template <asio::completion_token_for<void(std::error_code)> Token>
  auto close(Token&& token) {
    return close(kindwire::close_code::normal, {}, std::forward<Token>(token));
  }

  /// Sends a Close without waiting. The close handshake goes on, bounded by close_timeout.
  std::error_code try_close(kindwire::close_code code = kindwire::close_code::normal,
                            std::string_view reason = {}) {
    return connection_ ? connection_->close(code, reason) : std::error_code{};
  }

  /// A handle for other threads, and for maps of connections. May throw std::bad_alloc.
  net::remote remote() const {
    return connection_ ? net::remote(connection_->open_mailbox()) : net::remote{};
  }

 protected:
  explicit websocket(std::shared_ptr<detail::connection> state) noexcept
      : connection_state(std::move(state)) {}

  std::shared_ptr<detail::connection> const& state() const noexcept { return connection_; }

 private:
  friend struct detail::websocket_access;

  void abandon() {
    if (auto const state = std::exchange(connection_, nullptr)) state->destroy_websocket();
  }

  template <class Queue>
  std::error_code queue(bool ends_message, Queue&& put) {
    if (!connection_) return kindwire::error::closed;
    std::error_code const outcome = connection_->send(std::forward<Queue>(put));
    if (ends_message && !outcome) connection_->count_sent();
    return outcome;
  }
};

namespace detail {

// For servers and connect(): makes a websocket, releases one without ending the connection, and tells which
// end it is.
struct websocket_access {
  static role self(websocket const& of) noexcept {
    return of.connection_ ? of.connection_->protocol().self() : role::client;
  }
  static websocket make(std::shared_ptr<connection> state) noexcept { return websocket(std::move(state)); }
  static std::shared_ptr<connection> const& state(websocket const& of) noexcept { return of.connection_; }
  static std::shared_ptr<connection> release(websocket& from) noexcept {
    return std::exchange(from.connection_, nullptr);
  }
};

}  // namespace detail

/// A websocket over a stream of your own, after its opening handshake. `Stream` is any async_stream.
template <async_stream Stream>
class basic_websocket : public websocket {
 public:
  /// Takes the stream, and the bytes that were read past the handshake's head. `watch` is told what happens,
  /// if it is not null.
  explicit basic_websocket(Stream stream, role self, connection_options const& options = {},
                           std::span<std::byte const> leftover = {}, std::shared_ptr<observer> watch = {})
      : websocket(make(std::move(stream), self, options)) {
    if (watch) state()->observe(std::move(watch), {.remote = remote_endpoint()});
    state()->start(leftover);
  }

  /// The underlying stream, for its options and addresses. Reading or writing it breaks the connection.
  Stream& next_layer() noexcept {
    return static_cast<detail::stream_connection<Stream>&>(*state()).over().stream();
  }

 private:
  static std::shared_ptr<detail::connection> make(Stream stream, role self,
                                                  connection_options const& options) {
    return std::make_shared<detail::stream_connection<Stream>>(
        self, std::make_shared<connection_options const>(options), std::move(stream));
  }
};

}  // namespace kindwire::net
