// A client: a URI in, an open websocket out.
//
//     kw::net::websocket ws = co_await kw::net::connect(executor, "ws://127.0.0.1:8080/echo");
#pragma once

#include <asio/any_io_executor.hpp>
#include <asio/associated_cancellation_slot.hpp>
#include <asio/associated_executor.hpp>
#include <asio/async_result.hpp>
#include <asio/awaitable.hpp>
#include <asio/buffer.hpp>
#include <asio/cancellation_type.hpp>
#include <asio/connect.hpp>
#include <asio/ip/tcp.hpp>
#include <asio/post.hpp>
#include <asio/use_awaitable.hpp>
#include <asio/write.hpp>
#include <chrono>
#include <cstddef>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

#include "../handshake/client.hpp"
#include "../handshake/uri.hpp"
#include "async_stream.hpp"
#include "connection/deadline.hpp"
#include "connection/enough_memory.hpp"
#include "connection/operation.hpp"
#include "connection/stream_transport.hpp"
#include "options.hpp"
#include "websocket.hpp"

namespace kindwire::net {

/// What can be set for a connection that we open.
struct connect_options {
  client_options handshake = {};                       ///< subprotocols, further headers, origin
  connection_options connection = {};                  ///< limits and times of the websocket
  std::chrono::milliseconds handshake_timeout{10000};  ///< for all of it: name, connection, handshake
  response* refusal =
      nullptr;  ///< where the server's answer goes when it is not 101; lives as long as the operation
};

namespace detail {

using opened_operation = tracked_operation<std::error_code, websocket>;

template <class Stream>
class client_opening : public std::enable_shared_from_this<client_opening<Stream>> {
 public:
  client_opening(Stream stream, uri const& to, connect_options options, opened_operation done)
      : stream_(std::move(stream)),
        deadline_(stream_.get_executor()),
        options_(std::move(options)),
        handshake_(to, options_.handshake),
        done_(std::move(done)) {}

  void start() {
    arm();
    write();
  }

  // For sockets: finds the server first.
  void start(uri const& to) {
    arm();
    resolver_.emplace(stream_.get_executor());
    resolver_->async_resolve(to.host, std::to_string(to.port),
                             [self = this->shared_from_this()](std::error_code failure, auto found) {
                               if (self->ended(failure)) return;
                               asio::async_connect(
                                   self->stream_, found, [self](std::error_code refused, auto const&) {
                                     if (self->ended(refused)) return;
                                     std::error_code ignored;
                                     self->stream_.set_option(asio::ip::tcp::no_delay(true), ignored);
                                     self->write();
                                   });
                             });
  }

  void cancel(std::error_code why) {
    if (!done_) return;
    if (resolver_) resolver_->cancel();
    end(why);
  }

 private:
  void arm() {
    deadline_.start(options_.handshake_timeout, this->weak_from_this(),
                    [](client_opening& self) { self.cancel(error::handshake_timeout); });
  }

  // True when it is over, be it by `failure` or by a cancellation in the meantime.
  bool ended(std::error_code failure) {
    if (done_ && failure) end(failure);
    return !done_;
  }

  void write() {
    if (handshake_.error()) return end(handshake_.error());
    auto const bytes = handshake_.output();
    asio::async_write(stream_, asio::const_buffer(bytes.data(), bytes.size()),
                      [self = this->shared_from_this()](std::error_code failure, std::size_t size) {
                        if (self->ended(failure)) return;
                        self->handshake_.consume(size);
                        self->read();
                      });
  }

  void read() {
    std::span<std::byte> room;
    if (!enough_memory([&] { room = handshake_.prepare(1024); })) return end(no_memory());
    stream_.async_read_some(asio::mutable_buffer(room.data(), room.size()),
                            [self = this->shared_from_this()](std::error_code failure, std::size_t size) {
                              if (!self->done_) return;
                              if (failure && failure != asio::error::eof) return self->end(failure);
                              bool const done = enough_memory([&] {
                                if (failure) self->handshake_.end_of_input();
                                self->handshake_.commit(size);
                              });
                              done ? self->go_on() : self->end(no_memory());
                            });
  }

  void go_on() {
    switch (handshake_.status()) {
      case handshake_status::reading: return read();
      case handshake_status::failed: return end(handshake_.error());
      case handshake_status::ready: break;
    }
    deadline_.cancel();
    std::shared_ptr<stream_connection<Stream>> opened;
    bool const made = enough_memory([&] {
      opened = std::make_shared<stream_connection<Stream>>(
          role::client, std::make_shared<connection_options const>(options_.connection), std::move(stream_));
      opened->set_head(kept_head(handshake_.subprotocol()));
      opened->start(handshake_.leftover());
    });
    if (!made) return opened ? done_.post(no_memory(), websocket{}) : end(no_memory());
    done_.complete({}, websocket_access::make(opened));
  }

  void end(std::error_code why) {
    deadline_.cancel();
    close_any(stream_);
    if (options_.refusal != nullptr && handshake_.answer().status != 0)
      enough_memory([&] { *options_.refusal = handshake_.answer(); });
    done_.post(why, websocket{});
  }

  Stream stream_;
  deadline deadline_;
  connect_options options_;
  client_handshake handshake_;
  opened_operation done_;
  std::optional<asio::ip::tcp::resolver> resolver_;
};

// Initiates: `make` gets the operation and returns the started opening, or null when it has completed it
// itself.
template <class Token, class Make>
auto open_client(asio::any_io_executor executor, Token&& token, Make make) {
  return asio::async_initiate<Token, void(std::error_code, websocket)>(
      [executor, make = std::move(make)](auto handler) mutable {
        auto slot = asio::get_associated_cancellation_slot(handler);
        opened_operation done(std::move(handler), executor);
        auto const started = make(std::move(done));
        if (!started) return;
        on_cancellation(slot, started, [](auto& opening) { opening.cancel(asio::error::operation_aborted); });
      },
      token);
}

}  // namespace detail

/// Makes the opening handshake of a client over a connected stream of your own: TLS, a Unix socket, a test.
/// `to` says what to ask for; whether it is ws or wss does not matter here.
///
/// Completes with the open websocket. Errors: invalid_uri; those of client_handshake, handshake_refused among
/// them, with the server's answer in options.refusal; handshake_timeout; what the stream said.
template <async_stream Stream, asio::completion_token_for<void(std::error_code, websocket)> Token>
auto handshake(Stream stream, std::string_view to, connect_options options, Token&& token) {
  asio::any_io_executor const executor = stream.get_executor();
  return detail::open_client(executor, std::forward<Token>(token),
                             [stream = std::move(stream), to = uri::parse(to),
                              options = std::move(options)](detail::opened_operation done) mutable {
                               using opening = detail::client_opening<Stream>;
                               std::shared_ptr<opening> started;
                               if (!to) {
                                 done.post(make_error_code(error::invalid_uri), websocket{});
                                 return started;
                               }
                               started = std::make_shared<opening>(std::move(stream), *to, std::move(options),
                                                                   std::move(done));
                               started->start();
                               return started;
                             });
}

/// The same as an awaitable.
template <async_stream Stream>
asio::awaitable<websocket> handshake(Stream stream, std::string_view to, connect_options options = {}) {
  return handshake(std::move(stream), to, std::move(options), asio::use_awaitable);
}

/// Connects to a `ws://` URI over TCP, for a token of `void(std::error_code, websocket)`. The websocket lives
/// on `executor`, which is a strand where several threads run the context.
///
/// Errors: as of handshake(), those of finding and reaching the host, and std::errc::protocol_not_supported
/// for `wss://`: connect a TLS stream and use handshake() over it.
template <asio::completion_token_for<void(std::error_code, websocket)> Token>
auto connect(asio::any_io_executor executor, std::string_view to, connect_options options, Token&& token) {
  return detail::open_client(
      executor, std::forward<Token>(token),
      [executor, to = uri::parse(to), options = std::move(options)](detail::opened_operation done) mutable {
        using opening = detail::client_opening<asio::ip::tcp::socket>;
        std::shared_ptr<opening> started;
        if (!to || to->secure) {
          done.post(to ? std::make_error_code(std::errc::protocol_not_supported)
                       : make_error_code(error::invalid_uri),
                    websocket{});
          return started;
        }
        started = std::make_shared<opening>(asio::ip::tcp::socket(executor), *to, std::move(options),
                                            std::move(done));
        started->start(*to);
        return started;
      });
}

/// The same as an awaitable.
inline asio::awaitable<websocket> connect(asio::any_io_executor executor, std::string_view to,
                                          connect_options options = {}) {
  return connect(std::move(executor), to, std::move(options), asio::use_awaitable);
}

}  // namespace kindwire::net
