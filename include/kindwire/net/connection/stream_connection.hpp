// The stream operations of a connection, over any Asio stream.
#pragma once

#include <algorithm>
#include <asio/buffer.hpp>
#include <asio/error.hpp>
#include <asio/post.hpp>
#include <asio/socket_base.hpp>
#include <asio/steady_timer.hpp>
#include <cstddef>
#include <memory>
#include <new>
#include <optional>
#include <span>
#include <system_error>
#include <utility>

#include "../async_stream.hpp"
#include "connection.hpp"

namespace kindwire::net {

namespace detail {

template <class Stream>
class stream_connection final : public connection {
 public:
  stream_connection(Stream&& stream, role self, std::shared_ptr<connection_options const> options)
      : connection(self, std::move(options)), executor_(stream.get_executor()), stream_(std::move(stream)) {
    if constexpr (readiness_stream<Stream>) {
      std::error_code ignored;  // a socket that refuses will say so at its first read
      stream_.non_blocking(true, ignored);
    }
  }

  Stream& stream() noexcept { return stream_; }
  asio::any_io_executor const& executor() const noexcept override { return executor_; }

 protected:
  void start_read() override {
    if constexpr (readiness_stream<Stream>) {
      stream_.async_wait(asio::socket_base::wait_read, [held = shared()](std::error_code failure) mutable {
        held.end()->read_what_is_there(failure);
      });
    } else {
      // The block is ours while the stream holds it: the session may come and go in the meantime.
      std::span<std::byte> room;
      try {
        room = block_.prepare(read_size_).first(read_size_);
      } catch (std::bad_alloc const&) {
        return asio::post(executor(), [held = shared()]() mutable { held.end()->on_read(no_memory(), 0); });
      }
      stream_.async_read_some(asio::mutable_buffer(room.data(), room.size()),
                              [held = shared()](std::error_code failure, std::size_t size) mutable {
                                held.end()->take_block(failure, size);
                              });
    }
  }

  std::size_t try_write(std::span<std::byte const> bytes, std::error_code& failure) override {
    if constexpr (readiness_stream<Stream>) {
      return stream_.write_some(asio::const_buffer(bytes.data(), bytes.size()), failure);
    } else {
      failure = asio::error::would_block;
      return 0;
    }
  }

  void start_write(std::span<std::byte const> bytes) override {
    stream_.async_write_some(asio::const_buffer(bytes.data(), bytes.size()),
                             [held = shared()](std::error_code failure, std::size_t size) mutable {
                               held.end()->on_written(failure, size);
                             });
  }

  bool shutdown_send() noexcept override { return shutdown_any(stream_); }
  void close_stream() noexcept override { close_any(stream_); }

  void start_timer(keepalive::clock::time_point at) override {
    if (!timer_) timer_.emplace(executor_);
    timer_->expires_at(at);
    if (ending()) {
      timer_->async_wait([held = shared()](std::error_code stopped) mutable {
        auto const self = held.end();
        if (!stopped) self->on_timer();
      });
    } else {
      timer_->async_wait([weak = weak_from_this()](std::error_code stopped) {
        auto const self = weak.lock();
        if (!stopped && self) static_cast<stream_connection&>(*self).on_timer();
      });
    }
  }
  void stop_timer() noexcept override {
    if (timer_) timer_->cancel();
  }

 private:
  // There is one read a wake-up. A stream that needs a buffer to wait gets a small one, until it fills it.
  static constexpr std::size_t small_read = 4096;

  lease<stream_connection> shared() {
    return lease(std::static_pointer_cast<stream_connection>(shared_from_this()));
  }

  void read_what_is_there(std::error_code failure) {
    std::size_t size = 0;
    if (!failure && stream_open()) {
      std::span<std::byte> room;
      try {
        room = room_for_input(turn_size());
      } catch (std::bad_alloc const&) {
        return on_read(no_memory(), 0);
      }
      size = stream_.read_some(asio::mutable_buffer(room.data(), room.size()), failure);
      if (failure == asio::error::would_block || failure == asio::error::try_again) failure.clear();
    }
    on_read(failure, size);
  }

  void take_block(std::error_code failure, std::size_t size) {
    read_size_ = size == read_size_ ? std::min(read_size_ * 4, turn_size()) : small_read;
    block_.commit(size);
    on_read(failure, std::move(block_));
  }

  asio::any_io_executor executor_;
  Stream stream_;
  std::optional<asio::steady_timer> timer_;
  buffer block_;
  std::size_t read_size_ = small_read;
};

}  // namespace detail

}  // namespace kindwire::net
