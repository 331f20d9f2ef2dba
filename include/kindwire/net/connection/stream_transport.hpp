// The transport of a connection over any Asio stream.
#pragma once

#include <algorithm>
#include <array>
#include <asio/any_io_executor.hpp>
#include <asio/buffer.hpp>
#include <asio/error.hpp>
#include <asio/post.hpp>
#include <asio/socket_base.hpp>
#include <asio/steady_timer.hpp>
#include <concepts>
#include <cstddef>
#include <memory>
#include <new>
#include <optional>
#include <span>
#include <system_error>
#include <utility>

#include "../../message/buffer.hpp"
#include "../async_stream.hpp"
#include "connection.hpp"
#include "connection_over.hpp"
#include "operation.hpp"
#include "try_allocating.hpp"
#include "turn.hpp"
#include "untaken.hpp"

namespace kindwire::net::detail {

template <class Stream>
class stream_transport final : public transport {
 public:
  using transport::try_write;

  stream_transport(connection& owner, Stream&& stream)
      : owner_(owner), executor_(stream.get_executor()), stream_(std::move(stream)) {
    if constexpr (readiness_stream<Stream>) {
      std::error_code ignored;  // a socket that fails here also fails at its first read
      stream_.non_blocking(true, ignored);
    }
  }

  Stream& stream() noexcept { return stream_; }

  asio::any_io_executor const& executor() const noexcept override { return executor_; }

  void start_read() override {
    if constexpr (readiness_stream<Stream>) {
      stream_.async_wait(asio::socket_base::wait_read, [held = shared()](std::error_code failure) mutable {
        auto const owner = held.end();
        in(owner).read_what_is_there(failure);
      });
    } else {
      // The stream reads into a block of ours: the session may come and go in the meantime.
      auto const room = block_.prepare(read_size_).first(read_size_);
      stream_.async_read_some(asio::mutable_buffer(room.data(), room.size()),
                              [held = shared()](std::error_code failure, std::size_t size) mutable {
                                auto const owner = held.end();
                                in(owner).take_block(failure, size);
                              });
    }
  }

  bool read_now() override {
    if constexpr (readiness_stream<Stream>) {
      std::error_code failure;
      std::span<std::byte> room;
      if (!try_allocating([&] { room = owner_.room_for_input(turn_size()); })) return true;
      std::size_t const size = stream_.read_some(asio::mutable_buffer(room.data(), room.size()), failure);
      // The pending wait will report the end; an error may be reported only once.
      if (size != 0) owner_.on_read_now(size);
      bool const waits = failure == asio::error::would_block || failure == asio::error::try_again;
      if (failure && !waits && failure != asio::error::eof) owner_.on_read(failure, 0);
      return true;
    } else {
      return false;
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

  std::size_t try_write(std::span<std::span<std::byte const> const> pieces,
                        std::error_code& failure) override {
    std::array<asio::const_buffer, 64> parts;
    if constexpr (readiness_stream<Stream> && requires { stream_.write_some(parts, failure); }) {
      std::size_t const count = (std::min)(pieces.size(), parts.size());
      for (std::size_t i = 0; i != count; ++i)
        parts[i] = asio::const_buffer(pieces[i].data(), pieces[i].size());
      return stream_.write_some(parts, failure);
    } else {
      return transport::try_write(pieces, failure);
    }
  }

  void start_write(std::span<std::byte const> bytes) override {
    stream_.async_write_some(asio::const_buffer(bytes.data(), bytes.size()),
                             [held = shared()](std::error_code failure, std::size_t size) mutable {
                               held.end()->on_written(failure, size);
                             });
  }

  std::size_t untaken() const noexcept override {
    // What counts is the lowest layer, such as the socket of a TLS stream, and what it has not taken yet.
    auto& below = const_cast<Stream&>(stream_);
    if constexpr (requires {
                    { below.unsent() } -> std::convertible_to<std::size_t>;
                    { below.lowest_layer().native_handle() } -> std::same_as<int>;
                  }) {
      return below.unsent() + untaken_by_peer(below.lowest_layer().native_handle());
    } else if constexpr (requires {
                           { below.lowest_layer().native_handle() } -> std::same_as<int>;
                         }) {
      return untaken_by_peer(below.lowest_layer().native_handle());
    } else if constexpr (requires {
                           { below.native_handle() } -> std::same_as<int>;
                         }) {
      return untaken_by_peer(below.native_handle());
    } else {
      return 0;
    }
  }

  endpoint remote_endpoint() const override { return remote_endpoint_of(const_cast<Stream&>(stream_)); }
  void describe(request& head) const override { detail::describe(const_cast<Stream&>(stream_), head); }

  bool shut_down_sending() noexcept override { return shutdown_any(stream_); }
  void close() noexcept override { close_any(stream_); }

  void start_timer(clock::time_point at, bool keeps) override {
    if (!timer_) timer_.emplace(executor_);
    timer_->expires_at(at);
    if (keeps) {
      timer_->async_wait([held = shared()](std::error_code stopped) mutable {
        auto const owner = held.end();
        if (!stopped) owner->on_timer(in(owner).timer_->expiry());
      });
    } else {
      timer_->async_wait([weak = owner_.weak_from_this()](std::error_code stopped) {
        auto const self = weak.lock();
        if (stopped || !self) return;
        auto const owner = std::static_pointer_cast<connection>(self);
        owner->on_timer(in(owner).timer_->expiry());
      });
    }
  }
  void stop_timer() noexcept override {
    if (timer_) timer_->cancel();
  }

 private:
  // One read per wake-up. A stream that needs a buffer to wait gets a small one, until it fills it.
  static constexpr std::size_t small_read = 4096;

  operation_guard<connection> shared() {
    return operation_guard(std::static_pointer_cast<connection>(owner_.shared_from_this()));
  }
  static stream_transport& in(std::shared_ptr<connection> const& owner) noexcept {
    return static_cast<connection_over<stream_transport>&>(*owner).over();
  }

  void read_what_is_there(std::error_code failure) {
    std::size_t size = 0;
    if (!failure && owner_.stream_open()) {
      std::span<std::byte> room;
      if (!try_allocating([&] { room = owner_.room_for_input(turn_size()); })) {
        return owner_.on_read(no_memory(), 0);
      }
      size = stream_.read_some(asio::mutable_buffer(room.data(), room.size()), failure);
      if (failure == asio::error::would_block || failure == asio::error::try_again) failure.clear();
    }
    owner_.on_read(failure, size);
  }

  void take_block(std::error_code failure, std::size_t size) {
    read_size_ = size == read_size_ ? (std::min)(read_size_ * 4, turn_size()) : small_read;
    block_.commit(size);
    owner_.on_read(failure, std::move(block_));
  }

  connection& owner_;
  asio::any_io_executor executor_;
  Stream stream_;
  std::optional<asio::steady_timer> timer_;
  buffer block_;
  std::size_t read_size_ = small_read;
};

template <class Stream>
using stream_connection = connection_over<stream_transport<Stream>>;

}  // namespace kindwire::net::detail
