// A client: a URI in, an open websocket out.
//
//     kw::net::client client{{.subprotocols = {"v2"}}};
//     kw::net::websocket ws = co_await client.connect(io, "ws://127.0.0.1:8080/echo");
#pragma once

#include "requirements.hpp"

#include <asio/any_io_executor.hpp>
#include <asio/associated_cancellation_slot.hpp>
#include <asio/async_result.hpp>
#include <asio/awaitable.hpp>
#include <asio/cancellation_type.hpp>
#include <asio/dispatch.hpp>
#include <asio/error.hpp>
#include <asio/redirect_error.hpp>
#include <asio/use_awaitable.hpp>
#include <concepts>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

#include "../handshake/uri.hpp"
#include "async_stream.hpp"
#include "connect_error.hpp"
#include "connect_options.hpp"
#include "connecting/connect_operation.hpp"
#include "connection/client_opening.hpp"
#include "connection/try_allocating.hpp"
#include "websocket.hpp"

namespace kindwire::net {

namespace detail {

// Where a connection may run: an executor, or a context that has one.
template <class Where>
concept executor_or_context = std::convertible_to<Where, asio::any_io_executor> || requires(Where& context) {
  { context.get_executor() } -> std::convertible_to<asio::any_io_executor>;
};

template <executor_or_context Where>
asio::any_io_executor executor_of(Where&& where) {
  if constexpr (std::convertible_to<Where, asio::any_io_executor>) {
    return std::forward<Where>(where);
  } else {
    return where.get_executor();
  }
}

// Initiates: `make` gets the operation and returns the opening, or null if it completed the operation itself.
// It starts and is cancelled on its executor, wherever that is asked for.
template <class Token, class Make>
auto open_client(asio::any_io_executor executor, Token&& token, Make make) {
  return asio::async_initiate<Token, void(std::error_code, websocket)>(
      [executor, make = std::move(make)](auto handler) mutable {
        auto slot = asio::get_associated_cancellation_slot(handler);
        opened_operation done(std::move(handler), executor);
        auto const made = make(std::move(done));
        if (!made) return;
        on_cancellation(slot, made, [executor](auto& opening) {
          asio::dispatch(executor, [there = opening.weak_from_this()] {
            if (auto const held = there.lock()) held->cancel(asio::error::operation_aborted);
          });
        });
        asio::dispatch(executor, [made] { made->start(); });
      },
      token);
}

// There is no URI to go to.
inline void refuse_uri(connect_options const& options, opened_operation done) {
  auto const why = make_error_code(error::invalid_uri);
  if (options.failure != nullptr)
    try_allocating([&] { *options.failure = {connect_phase::uri, why, why.message()}; });
  done.post(why, websocket{});
}

template <class Stream, class Token>
auto open_over(Stream stream, std::optional<uri> to, connect_options options, Token&& token) {
  asio::any_io_executor const executor = stream.get_executor();
  return open_client(executor, std::forward<Token>(token),
                     [stream = std::move(stream), to = std::move(to),
                      options = std::move(options)](opened_operation done) mutable {
                       using opening = client_opening<Stream>;
                       if (to)
                         return std::make_shared<opening>(std::move(stream), *to, std::move(options),
                                                          std::move(done));
                       refuse_uri(options, std::move(done));
                       return std::shared_ptr<client_opening<Stream>>();
                     });
}

template <class Token>
auto open_at(asio::any_io_executor executor, std::optional<uri> to, connect_options options, Token&& token) {
  return open_client(
      executor, std::forward<Token>(token),
      [executor, to = std::move(to), options = std::move(options)](opened_operation done) mutable {
        if (to)
          return std::make_shared<connect_operation>(executor, *std::move(to), std::move(options),
                                                     std::move(done));
        refuse_uri(options, std::move(done));
        return std::shared_ptr<connect_operation>();
      });
}

// g++ 12 warns about coroutines when it inlines only one half of how Asio allocates their frames.
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wmismatched-new-delete"
#endif
// Awaits `open(options, token)`; throws a connect_error that says how far it came if that fails.
template <class Open>
asio::awaitable<websocket> opened_or_thrown(Open open, connect_options options) {
  connect_failure why;
  connect_failure* const asked_for = std::exchange(options.failure, &why);
  std::error_code failure;
  websocket ws = co_await open(std::move(options), asio::redirect_error(asio::use_awaitable, failure));
  if (!failure) co_return ws;
  why.code = failure;
  if (asked_for != nullptr) *asked_for = why;
  throw connect_error(std::move(why));
}
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic pop
#endif

template <class Stream>
asio::awaitable<websocket> opened_over(Stream stream, std::string_view to, connect_options options) {
  return opened_or_thrown(
      [stream = std::move(stream), to = uri::parse(to)](connect_options with, auto token) mutable {
        return open_over(std::move(stream), std::move(to), std::move(with), token);
      },
      std::move(options));
}

inline asio::awaitable<websocket> opened_at(asio::any_io_executor executor, std::string_view to,
                                            connect_options options) {
  return opened_or_thrown(
      [executor = std::move(executor), to = uri::parse(to)](connect_options with, auto token) mutable {
        return open_at(std::move(executor), std::move(to), std::move(with), token);
      },
      std::move(options));
}

}  // namespace detail

/// Performs the client's opening handshake over a connected stream of your own: TLS, a Unix socket, a test.
/// `to` is the URI to request; ws and wss are treated alike.
///
/// Completes with the open websocket; the token's signature is `void(std::error_code, websocket)`. Errors:
/// invalid_uri; those of client_handshake, handshake_refused among them, with the server's answer in
/// options.refusal; handshake_timeout; errors of the stream; operation_aborted when cancelled. No argument
/// needs to outlive the call, except options.refusal, options.failure and the text that options.origin views.
template <async_stream Stream, asio::completion_token_for<void(std::error_code, websocket)> Token>
auto handshake(Stream stream, std::string_view to, connect_options options, Token&& token) {
  return detail::open_over(std::move(stream), uri::parse(to), std::move(options), std::forward<Token>(token));
}

/// The same as an awaitable, which throws a connect_error: its what() says where it failed and why.
template <async_stream Stream>
asio::awaitable<websocket> handshake(Stream stream, std::string_view to, connect_options options = {}) {
  return detail::opened_over(std::move(stream), to, std::move(options));
}

/// Connects to a `ws://` URI, or to a `wss://` one if the program includes kindwire/tls/client.hpp: through a
/// proxy if there is one, trying the host's addresses side by side (RFC 8305), and following redirects, as
/// the options say. The websocket runs on `where`, an executor or a context such as asio::io_context; use a
/// strand if several threads run the context.
///
/// Like handshake(). Further errors: those of resolving the host and of connecting to the last address that
/// could be tried; those of TLS; error::tls_unavailable without that header; error::proxy_refused and
/// proxy_authentication_required; error::too_many_redirects and redirect_refused. options.failure says in
/// which phase, and what was tried. Cancelled at any point it completes at once; a name that the system is
/// looking up is forgotten then, but the context may wait for the system when it is destroyed.
template <detail::executor_or_context Where,
          asio::completion_token_for<void(std::error_code, websocket)> Token>
auto connect(Where&& where, std::string_view to, connect_options options, Token&& token) {
  return detail::open_at(detail::executor_of(where), uri::parse(to), std::move(options),
                         std::forward<Token>(token));
}

/// The same as an awaitable, which throws a connect_error.
template <detail::executor_or_context Where>
asio::awaitable<websocket> connect(Where&& where, std::string_view to, connect_options options = {}) {
  return detail::opened_at(detail::executor_of(where), to, std::move(options));
}

/// Opens connections that share the options it keeps, so that none need to be built inside a co_await
/// expression. The connections may outlive it.
///
///     kw::net::client const client{{.subprotocols = {"v2"}, .headers = {{"Authorization", token}}}};
///     kw::net::websocket ws = co_await client.connect(io, "ws://example.com/feed");
///
/// Copies share the options. Thread safety: several threads may use one client at once, each with its own
/// executor; hooks of the options are then called by several threads. options.refusal and options.failure, if
/// set, are written by all of them: use connect_error instead.
class client {
 public:
  /// With the default options.
  client() : client(connect_options{}) {}
  /// The origin is kept as a header field: nothing need outlive the call, except options.refusal and
  /// options.failure.
  explicit client(connect_options options)
      : options_(std::make_shared<connect_options const>(with_own_origin(std::move(options)))) {}

  connect_options const& options() const noexcept { return *options_; }

  /// Like net::connect(), with the client's options.
  template <detail::executor_or_context Where>
  asio::awaitable<websocket> connect(Where&& where, std::string_view to) const {
    return detail::opened_at(detail::executor_of(where), to, options());
  }
  template <detail::executor_or_context Where,
            asio::completion_token_for<void(std::error_code, websocket)> Token>
  auto connect(Where&& where, std::string_view to, Token&& token) const {
    return detail::open_at(detail::executor_of(where), uri::parse(to), options(), std::forward<Token>(token));
  }

  /// Like net::handshake(), with the client's options.
  template <async_stream Stream>
  asio::awaitable<websocket> handshake(Stream stream, std::string_view to) const {
    return detail::opened_over(std::move(stream), to, options());
  }
  template <async_stream Stream, asio::completion_token_for<void(std::error_code, websocket)> Token>
  auto handshake(Stream stream, std::string_view to, Token&& token) const {
    return detail::open_over(std::move(stream), uri::parse(to), options(), std::forward<Token>(token));
  }

 private:
  static connect_options with_own_origin(connect_options options) {
    if (!options.origin.empty()) {
      options.headers.emplace_back("Origin", options.origin);
      options.origin = {};
    }
    return options;
  }

  std::shared_ptr<connect_options const> options_;
};

}  // namespace kindwire::net
