// asio::awaitable for what need not be waited for: a message that is there, and a send with room. Such a one
// neither suspends the coroutine nor makes another, as any other asio::awaitable does.
//
// The two types are specialisations of asio::awaitable for types of ours. Asio does not promise that this
// works: tests/net/awaitable.cpp shows that it does, for each of its versions. A source file that names
// asio::awaitable<kindwire::message> must include this, as websocket.hpp does.
#pragma once

#include "requirements.hpp"

#include <asio/any_io_executor.hpp>
#include <asio/awaitable.hpp>
#include <asio/use_awaitable.hpp>
#include <memory>
#include <system_error>
#include <utility>

#include "../message/message.hpp"

namespace kindwire::net {

/// What `co_await ws.send(…)` gives: nothing to look at. A failure is thrown. An awaitable of it converts to
/// an awaitable<void>; given to co_spawn(), its completion handler takes a `sent` after the exception.
struct sent {};

namespace detail {

class connection;

// The part of an awaitable that is the same as Asio's.
template <class T, class Executor>
class frame_of_coroutine {
 public:
  constexpr frame_of_coroutine() noexcept = default;
  explicit frame_of_coroutine(asio::detail::awaitable_frame<T, Executor>* frame) noexcept : frame_(frame) {}
  frame_of_coroutine(frame_of_coroutine&& other) noexcept : frame_(std::exchange(other.frame_, nullptr)) {}
  frame_of_coroutine& operator=(frame_of_coroutine&& other) noexcept {
    if (this != &other) {
      destroy();
      frame_ = std::exchange(other.frame_, nullptr);
    }
    return *this;
  }
  ~frame_of_coroutine() { destroy(); }

  explicit operator bool() const noexcept { return frame_ != nullptr; }

  template <class Handle>
  void suspend(Handle awaiting) {
    frame_->push_frame(&awaiting.promise());
  }
  T result() {
    frame_of_coroutine const last(std::move(*this));
    return last.frame_->get();
  }

 private:
  void destroy() noexcept {
    if (frame_ != nullptr) frame_->destroy();
  }

  asio::detail::awaitable_frame<T, Executor>* frame_ = nullptr;
};

}  // namespace detail

}  // namespace kindwire::net

namespace asio {

/// A message, which is received when this is awaited.
template <typename Executor>
class ASIO_NODISCARD awaitable<kindwire::message, Executor> {
 public:
  typedef kindwire::message value_type;
  typedef Executor executor_type;

  awaitable() noexcept = default;
  /// The next message of a connection of ours, for websocket::receive().
  explicit awaitable(std::shared_ptr<kindwire::net::detail::connection> from) noexcept
      : from_(std::move(from)) {}
  explicit awaitable(detail::awaitable_frame<kindwire::message, Executor>* frame) noexcept : frame_(frame) {}

  bool valid() const noexcept { return from_ || frame_; }

  bool await_ready() { return from_ && look(); }
  template <class T>
  void await_suspend(detail::coroutine_handle<detail::awaitable_frame<T, Executor>> awaiting) {
    frame_ ? frame_.suspend(awaiting) : wait(awaiting.promise());
  }
  kindwire::message await_resume() {
    if (frame_) return frame_.result();
    if (failure_) throw std::system_error(failure_);
    return there_;
  }

 private:
  // Resumes the coroutine. That is what runs it from then on, and destroys it if it is destroyed itself.
  template <class T>
  class resumption : public detail::awaitable_handler_base<Executor, T> {
   public:
    resumption(detail::awaitable_thread<Executor>* thread, awaitable& result) noexcept
        : detail::awaitable_handler_base<Executor, T>(thread), result_(&result) {}

    void operator()(std::error_code failure, kindwire::message there) {
      this->frame()->attach_thread(this);
      this->frame()->clear_cancellation_slot();
      result_->failure_ = failure;
      result_->there_ = there;
      this->pump();
    }

   private:
    awaitable* result_;
  };

  // Defined in connection/awaiting.hpp. True if there is nothing to wait for.
  bool look();
  template <class T>
  void wait(detail::awaitable_frame<T, Executor>& awaiting);

  std::shared_ptr<kindwire::net::detail::connection> from_;
  kindwire::message there_;
  std::error_code failure_;
  kindwire::net::detail::frame_of_coroutine<kindwire::message, Executor> frame_;
};

/// The end of a send: at once if it has room.
template <typename Executor>
class ASIO_NODISCARD awaitable<kindwire::net::sent, Executor> {
 public:
  typedef kindwire::net::sent value_type;
  typedef Executor executor_type;

  /// One that is over.
  awaitable() noexcept = default;
  explicit awaitable(detail::awaitable_frame<kindwire::net::sent, Executor>* frame) noexcept
      : frame_(frame) {}

  /// For functions that return a send as their own awaitable<void>.
  operator awaitable<void, Executor>() && { return without_result(std::move(*this)); }

  bool valid() const noexcept { return true; }

  bool await_ready() const noexcept { return !frame_; }
  template <class Frame>
  void await_suspend(detail::coroutine_handle<Frame> awaiting) {
    frame_.suspend(awaiting);
  }
  kindwire::net::sent await_resume() {
    if (frame_) return frame_.result();
    return {};
  }

 private:
  static awaitable<void, Executor> without_result(awaitable sending) { co_await std::move(sending); }

  kindwire::net::detail::frame_of_coroutine<kindwire::net::sent, Executor> frame_;
};

}  // namespace asio
