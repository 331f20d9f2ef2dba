// A stream over TLS: what a socket is to a websocket, encrypted.
//
//     kw::tls::context trust{kw::tls::client_options{}};
//     kw::tls::stream<> secure{std::move(socket), trust, "example.com", 443};
//     co_await secure.async_handshake(asio::use_awaitable);
#pragma once

#include "requirements.hpp"

#include <openssl/ssl.h>

#include <array>
#include <asio/any_io_executor.hpp>
#include <asio/associated_allocator.hpp>
#include <asio/associated_cancellation_slot.hpp>
#include <asio/associated_executor.hpp>
#include <asio/async_result.hpp>
#include <asio/buffer.hpp>
#include <asio/error.hpp>
#include <asio/ip/tcp.hpp>
#include <asio/post.hpp>
#include <asio/socket_base.hpp>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>
#include <optional>
#include <span>
#include <string>
#include <system_error>
#include <utility>

#include "../handshake/peer_certificate.hpp"
#include "../net/async_stream.hpp"
#include "context.hpp"
#include "engine/epoll_wire.hpp"
#include "engine/peer.hpp"
#include "engine/socket_engine.hpp"

namespace kindwire::tls {

namespace detail {

// A handler to be called without an error.
template <class Handler>
class completed {
 public:
  using allocator_type = asio::associated_allocator_t<Handler>;

  explicit completed(Handler handler) : handler_(std::move(handler)) {}

  allocator_type get_allocator() const noexcept { return asio::get_associated_allocator(handler_); }
  void operator()() { std::move(handler_)(std::error_code{}); }

 private:
  Handler handler_;
};

// An operation that tries until it need not wait. `Try` is called with the engine, for an error and a size,
// which the operation completes with; without the size if it is not `Sized`.
//
// Its handlers only refer to it: one that finds no memory for the next leaves it whole, to complete with
// that.
template <class Socket, bool Sized, class Try, class Handler>
class retrying {
 public:
  retrying(std::shared_ptr<socket_engine<Socket>> core, Try attempt, asio::socket_base::wait_type what,
           Handler&& handler)
      : core_(std::move(core)), attempt_(std::move(attempt)), what_(what), handler_(std::move(handler)) {}

  // Throws std::bad_alloc if it cannot wait.
  static void start(std::shared_ptr<retrying> self) {
    if (!self->is_done()) return wait(self);
    try {
      asio::post(self->core_->socket().get_executor(), step(self));
    } catch (std::bad_alloc const&) {
      complete(std::move(self));  // what was transferred cannot be taken back
    }
  }

 private:
  // What is associated with the handler holds for each of these.
  class step {
   public:
    using executor_type = asio::associated_executor_t<Handler, typename Socket::executor_type>;
    using allocator_type = asio::associated_allocator_t<Handler>;
    using cancellation_slot_type = asio::associated_cancellation_slot_t<Handler>;

    explicit step(std::shared_ptr<retrying> of) noexcept : of_(std::move(of)) {}

    executor_type get_executor() const noexcept {
      return asio::get_associated_executor(of_->handler_, of_->core_->socket().get_executor());
    }
    allocator_type get_allocator() const noexcept { return asio::get_associated_allocator(of_->handler_); }
    cancellation_slot_type get_cancellation_slot() const noexcept {
      return asio::get_associated_cancellation_slot(of_->handler_);
    }
    void operator()(std::error_code failure = {}) { go_on(std::move(of_), failure); }

   private:
    std::shared_ptr<retrying> of_;
  };

  bool is_done() {
    attempt_(*core_, outcome_, size_);
    core_->after_call();
    done_ = outcome_ != asio::error::would_block && outcome_ != asio::error::try_again;
    return done_;
  }

  static void wait(std::shared_ptr<retrying> const& self) {
    auto& core = *self->core_;
    bool const reads = self->what_ == asio::socket_base::wait_read;
    // A call takes in so much only; others shall have their turn in between.
    if (reads && core.has_input()) return asio::post(core.socket().get_executor(), step(self));
    core.socket().async_wait(reads ? core.wait_to_read() : self->what_, step(self));
  }

  static void go_on(std::shared_ptr<retrying> self, std::error_code failure) {
    if (failure) {
      if (!self->done_) self->outcome_ = failure;
    } else if (!self->done_ && !self->is_done()) {
      try {
        return wait(self);
      } catch (std::bad_alloc const&) {
        self->outcome_ = std::make_error_code(std::errc::not_enough_memory);
      }
    }
    complete(std::move(self));
  }

  // The memory is free before the handler runs.
  static void complete(std::shared_ptr<retrying> self) {
    Handler handler(std::move(self->handler_));
    auto slot = asio::get_associated_cancellation_slot(handler);
    if (slot.is_connected()) slot.clear();
    auto const outcome = self->outcome_;
    auto const size = self->size_;
    self.reset();
    if constexpr (Sized) {
      std::move(handler)(outcome, size);
    } else {
      std::move(handler)(outcome);
    }
  }

  std::shared_ptr<socket_engine<Socket>> core_;
  Try attempt_;
  asio::socket_base::wait_type what_;
  Handler handler_;
  std::error_code outcome_;
  std::size_t size_ = 0;
  bool done_ = false;
};

}  // namespace detail

/// TLS over a connected socket, or over anything that reads, writes and waits as Asio's sockets do, such as
/// another stream of this kind. A model of net::async_stream.
///
/// It never blocks. Idle, it holds no buffer. Reading takes in all records that are there; writing puts short
/// pieces into records of up to 16 KiB, and up to 48 KiB into one system call. What the socket does not take
/// of that is kept, at most 64 KiB, and leaves by itself once it can; until then writing would block. So, as
/// with the buffer of a socket, what has been written has not left yet, and close() drops it.
///
/// **How the peer ends.** Its close_notify is asio::error::eof, and what it sends after that is ignored (RFC
/// 8446 §6.1). A stream that ends without one has lost an unknown amount: error::connection_lost. TLS 1.3's
/// updates of keys are answered in passing; there is no renegotiation.
///
/// **Errors** of OpenSSL are of tls::category(), those of the socket are passed on. An operation that was
/// done at once, and finds no memory to be told later, is told before the call returns, by the caller's
/// thread.
///
/// Thread safety: as a socket. Where several threads run it, the strand is to be the executor of the socket:
/// what leaves by itself does so there. One read and one write may be under way at a time. Pending operations
/// end with asio::error::operation_aborted when it is closed or destroyed; it may be moved only without any.
/// Of one that was moved from, nothing may be used but close() and assignment.
template <class Socket = asio::ip::tcp::socket>
class stream {
 public:
  using executor_type = typename Socket::executor_type;
  using next_layer_type = Socket;

  /// Of a server, or of a client that verifies nothing. May throw std::bad_alloc.
  stream(Socket socket, context const& with) : stream(std::move(socket), with, {}, 0) {}

  /// Of a client: `host` is the name or IP address, without brackets, that the server's certificate must be
  /// for and, if it is a name, that the server is told. Sessions are resumed if host and port are the same.
  stream(Socket socket, context const& with, std::string host, std::uint16_t port)
      : core_(std::make_shared<engine_type>(std::move(socket), with.state_,
                                            detail::peer_name{std::move(host), port})) {}

  /// None: to be assigned to.
  stream() noexcept = default;
  stream(stream&& other) noexcept = default;
  stream& operator=(stream&& other) noexcept {
    std::error_code ignored;
    close(ignored);
    core_ = std::move(other.core_);
    return *this;
  }
  ~stream() {
    std::error_code ignored;
    close(ignored);
  }

  executor_type get_executor() const noexcept { return core_->socket().get_executor(); }

  Socket& next_layer() noexcept { return core_->socket(); }
  auto& lowest_layer() noexcept {
    if constexpr (requires(Socket & socket) { socket.lowest_layer(); }) {
      return core_->socket().lowest_layer();
    } else {
      return core_->socket();
    }
  }
  auto remote_endpoint(std::error_code& failure) const requires requires(Socket& socket) {
    socket.remote_endpoint(failure);
  }
  { return core_->socket().remote_endpoint(failure); }

  /// OpenSSL's own; null before the handshake has begun.
  SSL* native_handle() const noexcept { return core_->native_handle(); }
  bool is_open() const noexcept { return core_ && core_->socket().is_open(); }

  /// What the peer has shown to be; null without a certificate. Its own; whether that was verified is said by
  /// the options. May throw std::bad_alloc.
  std::shared_ptr<kindwire::peer_certificate const> peer_certificate() const {
    SSL* const one = native_handle();
    return one != nullptr ? detail::certificate_of_peer(one) : nullptr;
  }

  /// True if the handshake has failed since the client speaks HTTP without TLS. The next_layer() can still
  /// answer it.
  bool met_plain_http() const noexcept { return core_->met_plain_http(); }

  /// True if a read would find something without the socket being readable.
  bool has_input() const noexcept { return core_->has_input(); }
  /// Bytes that were written, but that the socket has not taken.
  std::size_t unsent() const noexcept {
    std::size_t below = 0;
    if constexpr (requires(Socket & socket) { socket.unsent(); }) below = core_->socket().unsent();
    return core_->unsent() + below;
  }

  /// It never blocks: only true is accepted.
  void non_blocking(bool mode, std::error_code& failure) {
    failure = mode ? std::error_code{} : make_error_code(asio::error::operation_not_supported);
  }

  /// Shakes hands; done already, it completes at once. The signature is `void(std::error_code)`. There is no
  /// limit of time: close() ends it.
  ///
  /// Errors: tls::error for a certificate that does not pass, others of tls::category(), those of the socket,
  /// error::connection_lost if the peer leaves. After one, only the next_layer() may be used, and close().
  template <class Token>
  auto async_handshake(Token&& token) {
    auto const attempt = [](engine_type& core, std::error_code& failure, std::size_t&) {
      core.handshake(failure);
    };
    return retry<false, void(std::error_code), Token>(attempt, asio::socket_base::wait_read, token);
  }

  /// Completes once reading or writing may get on: for wait_read at once if there is something to read here,
  /// and perhaps in vain. A wait_read, one at a time, also completes if read_some() beside it leaves
  /// something here, or has met the end. The signature is `void(std::error_code)`.
  template <class Token>
  auto async_wait(asio::socket_base::wait_type what, Token&& token) {
    return asio::async_initiate<Token, void(std::error_code)>(
        [core = core_, what](auto handler) {
          bool const reads = what == asio::socket_base::wait_read;
          if (reads && core->has_input()) {
            auto const at = asio::get_associated_executor(handler, core->socket().get_executor());
            return asio::post(at, detail::completed(std::move(handler)));
          }
          if (reads) return core->wait_for_input(std::move(handler));
          core->socket().async_wait(what, std::move(handler));
        },
        token);
  }

  /// Reads what is there, into one buffer, as far as it fits. Errors: asio::error::would_block, and those
  /// above.
  std::size_t read_some(asio::mutable_buffer into, std::error_code& failure) {
    std::size_t const size = read(*core_, into, failure);
    core_->after_call();
    return size;
  }

  /// Writes a part of the buffers, in order. Errors: asio::error::would_block, with nothing written.
  template <class ConstBufferSequence>
  std::size_t write_some(ConstBufferSequence const& from, std::error_code& failure) {
    std::size_t const size = write(*core_, from, failure);
    core_->after_call();
    return size;
  }

  /// The same, waiting until something has been read or written; for reading, into the first buffer that has
  /// room. The signature is `void(std::error_code, std::size_t)`.
  template <class MutableBufferSequence, class Token>
  auto async_read_some(MutableBufferSequence const& into, Token&& token) {
    asio::mutable_buffer first;
    auto const end = asio::buffer_sequence_end(into);
    for (auto each = asio::buffer_sequence_begin(into); each != end && first.size() == 0; ++each)
      first = *each;
    auto const attempt = [first](engine_type& core, std::error_code& failure, std::size_t& size) {
      size = read(core, first, failure);
    };
    return retry<true, void(std::error_code, std::size_t), Token>(attempt, asio::socket_base::wait_read,
                                                                  token);
  }
  template <class ConstBufferSequence, class Token>
  auto async_write_some(ConstBufferSequence const& from, Token&& token) {
    auto const attempt = [from](engine_type& core, std::error_code& failure, std::size_t& size) {
      size = write(core, from, failure);
    };
    return retry<true, void(std::error_code, std::size_t), Token>(attempt, asio::socket_base::wait_write,
                                                                  token);
  }

  /// Says that nothing follows, by close_notify, and ends our side of the socket once that has left. For
  /// shutdown_send; reading goes on.
  void shutdown(asio::socket_base::shutdown_type what, std::error_code& failure) {
    failure.clear();
    if (what != asio::socket_base::shutdown_send)
      return void(failure = make_error_code(asio::error::operation_not_supported));
    core_->end_sending();
  }

  /// Ends pending operations. What has been written leaves all the same.
  void cancel(std::error_code& failure) { core_->socket().cancel(failure); }

  /// Closes it, with a close_notify if there is room for one.
  void close(std::error_code& failure) {
    failure.clear();
    if (core_) core_->close(failure);
  }

#if defined(KINDWIRE_HAS_EPOLL_SET)
  // For the server, once the handshake is done and nothing is pending: a connection waits in its set instead
  // of Asio's reactor. Of this, nothing may be used from then on but close().
  detail::epoll_wire<Socket> release_wire(std::error_code& failure) requires requires(Socket& socket) {
    typename Socket::protocol_type;
    socket.release(failure);
  }
  {
    failure.clear();
    if (!is_open()) failure = make_error_code(asio::error::bad_descriptor);
    if (failure) return {};
    return {std::move(core_), failure};
  }
#endif

  /// An option of the socket.
  template <class Option>
  void set_option(Option const& option, std::error_code& failure) {
    lowest_layer().set_option(option, failure);
  }

 private:
  using engine_type = detail::socket_engine<Socket>;

  static std::size_t read(engine_type& core, asio::mutable_buffer into, std::error_code& failure) {
    return core.read({static_cast<std::byte*>(into.data()), into.size()}, failure);
  }

  template <class ConstBufferSequence>
  static std::size_t write(engine_type& core, ConstBufferSequence const& from, std::error_code& failure) {
    std::array<std::span<std::byte const>, 64> pieces;
    std::size_t count = 0;
    auto const end = asio::buffer_sequence_end(from);
    for (auto each = asio::buffer_sequence_begin(from); each != end && count != pieces.size(); ++each) {
      asio::const_buffer const piece(*each);
      pieces[count++] = {static_cast<std::byte const*>(piece.data()), piece.size()};
    }
    return core.write(std::span(pieces).first(count), failure);
  }

  template <bool Sized, class Signature, class Token, class Try>
  auto retry(Try const& attempt, asio::socket_base::wait_type what, Token& token) {
    return asio::async_initiate<Token, Signature>(
        [core = core_, attempt, what](auto handler) {
          using operation = detail::retrying<Socket, Sized, Try, decltype(handler)>;
          auto const memory = asio::get_associated_allocator(handler);
          operation::start(std::allocate_shared<operation>(memory, core, attempt, what, std::move(handler)));
        },
        token);
  }

  std::shared_ptr<engine_type> core_;
};

}  // namespace kindwire::tls
