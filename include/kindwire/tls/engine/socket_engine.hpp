// An engine over a socket, or over what behaves like one: what is sent, and waited for, beside the calls.
#pragma once

#include "../requirements.hpp"

#include <asio/associated_cancellation_slot.hpp>
#include <asio/associator.hpp>
#include <asio/buffer.hpp>
#include <asio/cancellation_signal.hpp>
#include <asio/cancellation_type.hpp>
#include <asio/error.hpp>
#include <asio/socket_base.hpp>
#include <cstddef>
#include <memory>
#include <new>
#include <span>
#include <system_error>
#include <utility>

#include "../../net/epoll/socket_wire.hpp"
#include "engine.hpp"

namespace kindwire::tls::detail {

// The socket with its engine: pending operations keep it where it is, whatever becomes of the stream.
template <class Socket>
class socket_engine final : public engine, public std::enable_shared_from_this<socket_engine<Socket>> {
 public:
  socket_engine(Socket&& socket, std::shared_ptr<context_state const> with, peer_name peer)
      : engine(std::move(with), std::move(peer)), socket_(std::move(socket)) {
    std::error_code ignored;  // a socket that fails here also fails at its first use
    socket_.non_blocking(true, ignored);
  }

  Socket& socket() noexcept { return socket_; }

#if defined(KINDWIRE_HAS_EPOLL_SET)
  // The socket leaves Asio: it is used by its descriptor, which is the caller's.
  int release(std::error_code& failure) noexcept {
    descriptor_ = socket_.release(failure);
    return failure ? descriptor_ = -1 : descriptor_;
  }
#endif

  // What a reader waits for when the last read has found nothing.
  asio::socket_base::wait_type wait_to_read() const noexcept {
    return this->reading_waits_for_room() ? asio::socket_base::wait_write : asio::socket_base::wait_read;
  }

  // What follows every call of the engine.
  void after_call() noexcept {
    send_the_rest();
    if (!waits_ || woken_ || !this->has_input()) return;
    woken_ = true;
    wake_.emit(asio::cancellation_type::terminal);
  }

  // Calls the handler once the socket is readable, or once a call beside that has left input here: the socket
  // would say nothing of it until more arrives. There is one such wait at a time.
  template <class Handler>
  void wait_for_input(Handler handler);

  asio::cancellation_slot slot_of_wait() noexcept { return wake_.slot(); }
  void cancel_wait(unsigned which, asio::cancellation_type how) {
    if (waits_ && which == last_wait_) wake_.emit(how);
  }
  // That wait is over. True if it was ended because there is input.
  bool end_wait(unsigned which) noexcept {
    if (which != last_wait_) return false;  // another has begun since that was cancelled
    waits_ = false;
    return std::exchange(woken_, false) && socket_.is_open();
  }

  // Ends our side once everything has left.
  void end_sending() noexcept {
    ends_ = true;
    after_call();
  }

  void close(std::error_code& failure) noexcept {
    if (socket_.is_open()) this->finish_sending();
    this->give_up();
    socket_.close(failure);
  }

 private:
  // What the socket has not taken leaves once it can, though nobody writes. Without memory for that it leaves
  // with the next write.
  void send_the_rest() noexcept {
    if (ends_) this->finish_sending();
    if (this->unsent() == 0 || sending_) return end_if_sent();
    try {
      socket_.async_wait(asio::socket_base::wait_write,
                         [self = this->shared_from_this()](std::error_code failure) {
                           self->sending_ = false;
                           // cancel() is meant for operations that somebody has begun.
                           bool const cancelled = failure == asio::error::operation_aborted;
                           if (failure && !(cancelled && self->socket_.is_open())) return;
                           self->flush(failure);
                           self->after_call();
                         });
      sending_ = true;
    } catch (std::bad_alloc const&) {}
  }
  void end_if_sent() noexcept {
    std::error_code ignored;
    if (ends_ && this->unsent() == 0) socket_.shutdown(asio::socket_base::shutdown_send, ignored);
  }

  std::size_t receive(std::span<std::byte> into, std::error_code& failure) noexcept override {
#if defined(KINDWIRE_HAS_EPOLL_SET)
    if (descriptor_ >= 0) {
      std::size_t const size = net::detail::socket_wire::receive_from(descriptor_, into, failure);
      if (size == 0 && !failure) failure = asio::error::eof;
      return size;
    }
#endif
    return socket_.read_some(asio::mutable_buffer(into.data(), into.size()), failure);
  }
  std::size_t send(std::span<std::byte const> bytes, std::error_code& failure) noexcept override {
#if defined(KINDWIRE_HAS_EPOLL_SET)
    if (descriptor_ >= 0) return net::detail::socket_wire::send_to(descriptor_, bytes, failure);
#endif
    return socket_.write_some(asio::const_buffer(bytes.data(), bytes.size()), failure);
  }

  Socket socket_;
#if defined(KINDWIRE_HAS_EPOLL_SET)
  int descriptor_ = -1;  // once the socket has left Asio
#endif
  bool sending_ = false;
  bool ends_ = false;
  bool waits_ = false;      // for input
  bool woken_ = false;      // that wait was ended by us
  unsigned last_wait_ = 0;  // tells waits apart
  asio::cancellation_signal wake_;
};

// The handler of wait_for_input(): what is associated with the handler inside holds for it too, but for the
// cancellation slot.
template <class Socket, class Handler>
class input_waiter {
 public:
  input_waiter(std::shared_ptr<socket_engine<Socket>> core, unsigned number, Handler inner)
      : core_(std::move(core)), number_(number), handler_(std::move(inner)) {}

  Handler const& handler() const noexcept { return handler_; }
  asio::cancellation_slot slot() const noexcept { return core_->slot_of_wait(); }

  void operator()(std::error_code failure) {
    bool const has_input = core_->end_wait(number_);
    if (has_input && failure == asio::error::operation_aborted) failure.clear();
    auto outer = asio::get_associated_cancellation_slot(handler_);
    if (outer.is_connected()) outer.clear();
    core_.reset();
    std::move(handler_)(failure);
  }

 private:
  std::shared_ptr<socket_engine<Socket>> core_;
  unsigned number_;
  Handler handler_;
};

template <class Socket>
template <class Handler>
void socket_engine<Socket>::wait_for_input(Handler handler) {
  unsigned const number = ++last_wait_;
  waits_ = woken_ = false;
  auto outer = asio::get_associated_cancellation_slot(handler);
  if (outer.is_connected()) {
    outer.assign([weak = this->weak_from_this(), number](asio::cancellation_type how) {
      if (auto const self = weak.lock()) self->cancel_wait(number, how);
    });
  }
  socket_.async_wait(wait_to_read(),
                     input_waiter<Socket, Handler>(this->shared_from_this(), number, std::move(handler)));
  waits_ = true;
}

}  // namespace kindwire::tls::detail

template <template <class, class> class Associator, class Socket, class Handler, class Default>
struct asio::associator<Associator, kindwire::tls::detail::input_waiter<Socket, Handler>, Default>
    : Associator<Handler, Default> {
  using waiter = kindwire::tls::detail::input_waiter<Socket, Handler>;
  using result = typename Associator<Handler, Default>::type;

  static result get(waiter const& of) noexcept { return Associator<Handler, Default>::get(of.handler()); }
  static result get(waiter const& of, Default const& otherwise) noexcept {
    return Associator<Handler, Default>::get(of.handler(), otherwise);
  }
};

template <class Socket, class Handler, class Default>
struct asio::associated_cancellation_slot<kindwire::tls::detail::input_waiter<Socket, Handler>, Default> {
  using waiter = kindwire::tls::detail::input_waiter<Socket, Handler>;
  using type = asio::cancellation_slot;

  static type get(waiter const& of, Default const& = Default()) noexcept { return of.slot(); }
};
